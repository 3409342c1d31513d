#include "ops/recurrent.h"

#include <algorithm>
#include <cstring>

#include "dispatch/dispatch.h"
#include "ops/copy.h"
#include "ops/create.h"
#include "ops/matmul.h"
#include "ops/reduce.h"
#include "ops/views.h"
#include "runtime/pool.h"

namespace lampas::ops {

namespace {
constexpr int64_t kUnits = 4096;  // elements of the state that one task computes

int index_of(DType d) { return d == DType::F64 ? 1 : 0; }

// The order of the steps, and where rows lie.
struct Steps {
  explicit Steps(const Recurrence& r, const Tensor& any)
      : cell(static_cast<int>(r.cell)),
        type(index_of(any.dtype())),
        item(itemsize(any.dtype())),
        hidden(r.h.size(-1)),
        wide(hidden * kernels::gates_of(r.cell)) {
    int64_t at = 0;
    for (int64_t n : r.sizes) steps.push_back({at, n}), at += n;
    if (r.reverse) std::reverse(steps.begin(), steps.end());
  }
  struct Step {
    int64_t first, n;
  };
  char* at(const Tensor& t, int64_t row, int64_t width) const {
    return t.defined() ? static_cast<char*>(t.data()) + row * width * item : nullptr;
  }
  // f(begin, end) for the samples of a step, side by side where there are many.
  template <class F>
  void samples(int64_t n, const F& f) const {
    if (n * hidden <= kUnits) return f(0, n);
    parallel_ranges(n, std::max<int64_t>(1, kUnits / std::max<int64_t>(hidden, 1)), f);
  }
  // c [n, columns] = a [n, depth] @ b [depth, columns] (+ bias, or + c).
  void multiply(void* c, const void* a, const Tensor& b, int64_t n, const Tensor& bias,
                bool accumulate) const {
    kernels::GemmArgs g{};
    g.m = n, g.n = b.size(1), g.k = b.size(0);
    g.a = a, g.a_rs = g.k, g.a_cs = 1;
    g.b = b.data(), g.b_rs = b.stride(0), g.b_cs = b.stride(1);
    g.c = c, g.c_rs = g.n;
    g.bias = bias.defined() ? bias.data() : nullptr;
    g.accumulate = accumulate;
    g.batch = 1;
    LAMPAS_CHECK_KIND(Memory, dispatch().gemm.gemm[static_cast<int>(b.dtype())](g, kernel_env()),
                      "not enough memory for a step of a recurrent layer with ", hidden, " units");
  }

  int cell, type, item;
  int64_t hidden, wide;
  std::vector<Step> steps;
};

// The states before each step, row for row: the step before gave them, or they are the first ones.
Tensor states_before(const Steps& s, const Tensor& first, const Tensor& after) {
  Tensor before = empty(after.sizes(), after.dtype());
  const int64_t row = s.hidden * s.item;
  Steps::Step last{0, 0};
  for (const Steps::Step& now : s.steps) {
    const int64_t known = std::min(now.n, last.n);
    char* to = s.at(before, now.first, s.hidden);
    std::memcpy(to, s.at(after, last.first, s.hidden), static_cast<size_t>(known * row));
    std::memcpy(to + known * row, s.at(first, known, s.hidden),
                static_cast<size_t>((now.n - known) * row));
    last = now;
  }
  return before;
}
Tensor copy_or_zeros(const Tensor& g, const Tensor& like) {
  Tensor t = empty(like.sizes(), like.dtype());
  if (g.defined())
    copy_raw(t, g);
  else
    std::memset(t.data(), 0, static_cast<size_t>(t.numel() * itemsize(t.dtype())));
  return t;
}
}  // namespace

RecurrentResult recurrent(const Recurrence& r, const Tensor& x0) {
  const Steps s(r, x0);
  const Tensor x = plain(x0), bias = r.bias.defined() ? plain(r.bias) : r.bias;
  // As rows of gates, no step has to pack it.
  const Tensor w = plain(transpose(r.w, 0, 1));
  const int64_t rows = x.size(0);
  const bool inner = r.cell == Cell::Lstm || r.cell == Cell::Gru;
  RecurrentResult y;
  y.out = empty(Dims{rows, s.hidden}, x.dtype());
  y.act = empty(x.sizes(), x.dtype());
  if (inner) y.inner = empty(Dims{rows, s.hidden}, x.dtype());
  y.h = copy_or_zeros(r.h, r.h);
  if (r.c.defined()) y.c = copy_or_zeros(r.c, r.c);
  const Tensor part = empty(Dims{r.h.size(0), s.wide}, x.dtype());
  const auto forward = dispatch().recurrent.forward[s.cell][s.type];
  for (const auto& [first, n] : s.steps) {
    if (n == 0) continue;
    s.multiply(part.data(), y.h.data(), w, n, bias, false);
    s.samples(n, [&, at = first](int64_t b, int64_t e) {
      const int64_t row = at + b;
      forward({e - b, s.hidden, s.at(x, row, s.wide), s.at(part, b, s.wide),
               s.at(y.act, row, s.wide), s.at(y.inner, row, s.hidden), s.at(y.h, b, s.hidden),
               s.at(y.c, b, s.hidden), s.at(y.out, row, s.hidden)});
    });
  }
  return y;
}

RecurrentGradient recurrent_backward(const Recurrence& r, const RecurrentResult& y,
                                     const Tensor& g_out0, const Tensor& g_h, const Tensor& g_c) {
  const Steps s(r, y.act);
  const Tensor g_out = g_out0.defined() ? plain(g_out0) : g_out0;
  const Tensor w = plain(r.w), first = plain(r.h), first_c = r.c.defined() ? plain(r.c) : r.c;
  const Tensor before = states_before(s, first, y.out);
  const Tensor cells = r.c.defined() ? states_before(s, first_c, y.inner) : Tensor();
  RecurrentGradient g;
  g.x = empty(y.act.sizes(), y.act.dtype());
  const bool gru = r.cell == Cell::Gru;
  const Tensor own = gru ? empty(y.act.sizes(), y.act.dtype()) : g.x;  // of the old state's part
  g.h = copy_or_zeros(g_h, first);
  if (r.c.defined()) g.c = copy_or_zeros(g_c, first_c);
  const auto backward = dispatch().recurrent.backward[s.cell][s.type];
  for (auto step = s.steps.rbegin(); step != s.steps.rend(); ++step) {
    const auto [at, n] = *step;
    if (n == 0) continue;
    s.samples(n, [&, at = at](int64_t b, int64_t e) {
      const int64_t row = at + b;
      backward({e - b, s.hidden, s.at(y.act, row, s.wide), s.at(y.inner, row, s.hidden),
                s.at(before, row, s.hidden), s.at(cells, row, s.hidden), s.at(y.out, row, s.hidden),
                s.at(g_out, row, s.hidden), s.at(g.h, b, s.hidden), s.at(g.c, b, s.hidden),
                s.at(g.x, row, s.wide), gru ? s.at(own, row, s.wide) : nullptr});
    });
    s.multiply(g.h.data(), s.at(own, at, s.wide), w, n, {}, gru);
  }
  g.w = matmul(transpose(own, 0, 1), before);
  if (r.bias.defined()) g.bias = sum(own, Dims{0});
  return g;
}

}  // namespace lampas::ops
