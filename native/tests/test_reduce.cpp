// Reductions, scans and row kernels of every instruction set this machine has, against plain loops
// in long double.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <vector>

#include "kernels/table.h"
#include "runtime/cpu.h"

namespace lampas::kernels {
#define LAMPAS_TEST_FILLS(isa) \
  namespace isa {              \
  void fill_reduce(Table&);    \
  void fill_rows(Table&);      \
  }
LAMPAS_TEST_FILLS(base)
#if defined(__x86_64__)
LAMPAS_TEST_FILLS(avx2)
LAMPAS_TEST_FILLS(avx512)
#endif
}  // namespace lampas::kernels

namespace {

using namespace lampas;
using kernels::Reduce;
using Real = long double;

int failures = 0;
const char* set_name = "";
kernels::Table table;

void expect(bool holds, const char* what, int line) {
  if (holds || ++failures > 40) return;
  std::fprintf(stderr, "%s:%d: [%s] %s\n", __FILE__, line, set_name, what);
}
#define EXPECT(cond, what) expect(cond, what ": " #cond, __LINE__)

template <class T>
constexpr int index_of = static_cast<int>(dtype_of<T>::value);
constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

bool near(Real got, Real want, double tolerance) {
  if (std::isnan(want) || std::isinf(want)) return std::isnan(want) ? std::isnan(got) : got == want;
  return std::fabs(got - want) <= tolerance * std::max<Real>(1, std::fabs(want));
}

// Small integers of either sign; for floats with a fraction.
template <class T>
std::vector<T> numbers(int64_t n) {
  std::vector<T> x;
  for (int64_t i = 0; i < n; ++i) {
    auto u = static_cast<int>(static_cast<uint64_t>(i) * 2654435761u >> 16 & 1023);
    if constexpr (std::is_floating_point_v<T>)
      x.push_back(static_cast<T>(u / 512.0 - 0.9));
    else
      x.push_back(static_cast<T>(u % (std::is_unsigned_v<T> ? 200 : 100)));
  }
  return x;
}
template <class T>
constexpr double tolerance = std::is_same_v<T, float> ? 2e-6 : 1e-13;

// ---- reductions -------------------------------------------------------------------------------
// The same by definition, one element after the other.
template <class T>
Real by_definition(Reduce r, const T* x, int64_t n, int64_t step) {
  Real a = r == Reduce::Prod || r == Reduce::All ? 1 : 0;
  for (int64_t i = 0; i < n; ++i) {
    const Real v = static_cast<Real>(x[i * step]), m = std::fabs(v);
    switch (r) {
      case Reduce::Sum:
      case Reduce::NanSum:
        a += v;
        break;
      case Reduce::Prod:
        a *= v;
        break;
      case Reduce::Max:
        a = i ? std::max(a, v) : v;
        break;
      case Reduce::Min:
        a = i ? std::min(a, v) : v;
        break;
      case Reduce::Any:
        a = a || v != 0;
        break;
      case Reduce::All:
        a = a && v != 0;
        break;
      case Reduce::SumSquares:
        a += v * v;
        break;
      case Reduce::SumAbs:
        a += m;
        break;
      case Reduce::MaxAbs:
        a = std::max(a, m);
        break;
      case Reduce::MinAbs:
        a = i ? std::min(a, m) : m;
        break;
      default:
        a += v != 0;
    }
  }
  return a;
}

Real load(DType d, const void* p) {
  switch (d) {
    case DType::Bool:
      return *static_cast<const uint8_t*>(p);
    case DType::U8:
      return *static_cast<const uint8_t*>(p);
    case DType::I8:
      return *static_cast<const int8_t*>(p);
    case DType::I16:
      return *static_cast<const int16_t*>(p);
    case DType::I32:
      return *static_cast<const int32_t*>(p);
    case DType::I64:
      return static_cast<Real>(*static_cast<const int64_t*>(p));
    case DType::F32:
      return *static_cast<const float*>(p);
    default:
      return *static_cast<const double*>(p);
  }
}

template <class T>
void test_reductions() {
  for (int k = 0; k < kernels::kReduces; ++k) {
    const auto r = static_cast<Reduce>(k);
    const DType to = kernels::reduce_type(r, dtype_of<T>::value);
    auto row = table.reduce.row[k][index_of<T>];
    if (!row) continue;
    const bool product = r == Reduce::Prod;
    for (int64_t n : {1, 5, 15, 16, 17, 65, 200, 255, 256, 257, 2047, 2048, 2049, 10000}) {
      if (product && n > 5) continue;  // beyond, integers wrap
      const std::vector<T> x = numbers<T>(n);
      alignas(16) char out[16];
      row(out, x.data(), n);
      EXPECT(near(load(to, out), by_definition(r, x.data(), n, 1), tolerance<T>), "row");
    }
    for (int64_t rows : {1, 3, 4, 37, 300})
      for (int64_t cols : {1, 17, 600}) {
        if (product && rows > 5) continue;
        const int64_t stride = cols + 3;
        const std::vector<T> x = numbers<T>(rows * stride);
        std::vector<char> out(static_cast<size_t>(cols * itemsize(to)));
        table.reduce.cols[k][index_of<T>](out.data(), x.data(), rows, cols, stride);
        for (int64_t c = 0; c < cols; ++c)
          EXPECT(near(load(to, out.data() + c * itemsize(to)),
                      by_definition(r, x.data() + c, rows, stride), tolerance<T>),
                 "column");
      }
  }
}

template <class T>
void test_positions() {
  const auto& t = table.reduce;
  for (int64_t n : {1, 64, 100, 5000}) {
    std::vector<T> x = numbers<T>(n);
    int64_t at = -1;
    t.argmax[index_of<T>](&at, x.data(), n);
    EXPECT(at == std::max_element(x.begin(), x.end()) - x.begin(), "argmax");
    t.argmin[index_of<T>](&at, x.data(), n);
    EXPECT(at == std::min_element(x.begin(), x.end()) - x.begin(), "argmin");
    if constexpr (std::is_floating_point_v<T>) {
      x[static_cast<size_t>(n / 2)] = static_cast<T>(kNan);
      t.argmax[index_of<T>](&at, x.data(), n);
      EXPECT(at == n / 2, "argmax with NaN");
      T top = 0;
      t.row[static_cast<int>(Reduce::Min)][index_of<T>](&top, x.data(), n);
      EXPECT(std::isnan(top), "minimum with NaN");
      t.cols[static_cast<int>(Reduce::Max)][index_of<T>](&top, x.data(), n, 1, 1);
      EXPECT(std::isnan(top), "maximum of a column with NaN");
      t.argmin_cols[index_of<T>](&at, x.data(), n, 1, 1);
      EXPECT(at == n / 2, "argmin of a column with NaN");
    }
  }
  const int64_t rows = 41, cols = 700;
  const std::vector<T> x = numbers<T>(rows * cols);
  std::vector<int64_t> low(cols), high(cols);
  t.argmax_cols[index_of<T>](high.data(), x.data(), rows, cols, cols);
  t.argmin_cols[index_of<T>](low.data(), x.data(), rows, cols, cols);
  for (int64_t c = 0; c < cols; ++c) {
    int64_t h = 0, l = 0;
    for (int64_t r = 1; r < rows; ++r) {
      if (x[static_cast<size_t>(r * cols + c)] > x[static_cast<size_t>(h * cols + c)]) h = r;
      if (x[static_cast<size_t>(r * cols + c)] < x[static_cast<size_t>(l * cols + c)]) l = r;
    }
    EXPECT(high[static_cast<size_t>(c)] == h && low[static_cast<size_t>(c)] == l, "columns");
  }
}

// ---- scans ------------------------------------------------------------------------------------
template <class T>
void test_scans() {
  using W = std::conditional_t<std::is_integral_v<T>, int64_t, T>;
  const auto& t = table.reduce;
  const int64_t n = 77, lines = 3;
  const std::vector<T> x = numbers<T>(n * lines);
  std::vector<W> one(x.size()), all(x.size()), row(x.size());
  for (int64_t c = 0; c < lines; ++c) t.cumsum[index_of<T>](one.data() + c, x.data() + c, n, lines);
  t.cumsum_cols[index_of<T>](all.data(), x.data(), n, lines, lines);
  EXPECT(one == all, "sums of lines side by side");
  t.cumsum[index_of<T>](row.data(), x.data(), n * lines, 1);
  Real total = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    total += static_cast<Real>(x[i]);
    EXPECT(near(static_cast<Real>(row[i]), total, tolerance<T>), "running sum");
  }
  std::vector<T> best(x.size());
  std::vector<int64_t> at(x.size());
  t.cummax[index_of<T>](best.data(), at.data(), x.data(), n * lines);
  std::vector<T> best_all(x.size());
  std::vector<int64_t> at_all(x.size());
  t.cummin_cols[index_of<T>](best_all.data(), at_all.data(), x.data(), n, lines, lines);
  for (int64_t c = 0; c < lines; ++c) {
    std::vector<T> line, low(static_cast<size_t>(n));
    std::vector<int64_t> place(static_cast<size_t>(n));
    for (int64_t i = 0; i < n; ++i) line.push_back(x[static_cast<size_t>(i * lines + c)]);
    t.cummin[index_of<T>](low.data(), place.data(), line.data(), n);
    for (int64_t i = 0; i < n; ++i) {
      const auto one = static_cast<size_t>(i), side = static_cast<size_t>(i * lines + c);
      EXPECT(best_all[side] == low[one] && at_all[side] == place[one], "minima side by side");
    }
  }
  int64_t want = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    if (x[i] >= x[static_cast<size_t>(want)]) want = static_cast<int64_t>(i);
    EXPECT(at[i] == want && best[i] == x[static_cast<size_t>(want)], "running maximum");
  }
  if constexpr (std::is_floating_point_v<T>) {
    std::vector<T> y(x.size());
    t.logcumsumexp[index_of<T>](y.data(), x.data(), n * lines, 1);
    Real sum = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      sum += std::exp(static_cast<Real>(x[i]));
      EXPECT(near(y[i], std::log(sum), tolerance<T>), "logcumsumexp");
    }
    const T ends[] = {static_cast<T>(-kInf), T(1), static_cast<T>(kInf), T(0)};
    t.logcumsumexp[index_of<T>](y.data(), ends, 4, 1);
    EXPECT(y[0] == ends[0] && y[1] == T(1) && y[2] == ends[2] && y[3] == ends[2], "infinities");
  }
}

// ---- products ---------------------------------------------------------------------------------
template <class T>
void test_dot() {
  for (int64_t n : {1, 15, 17, 300, 5000}) {
    const std::vector<T> x = numbers<T>(n), y(x.rbegin(), x.rend());
    T got{};
    table.reduce.dot[index_of<T>](&got, x.data(), y.data(), n);
    if constexpr (std::is_integral_v<T>) {
      uint64_t want = 0;
      for (size_t i = 0; i < x.size(); ++i)
        want += static_cast<uint64_t>(x[i]) * static_cast<uint64_t>(y[i]);
      EXPECT(got == static_cast<T>(want), "products that wrap around");
    } else {
      Real want = 0;
      for (size_t i = 0; i < x.size(); ++i) want += static_cast<Real>(x[i]) * y[i];
      EXPECT(near(got, want, tolerance<T> * 10), "sum of products");
    }
  }
}

// ---- rows -------------------------------------------------------------------------------------
template <class T>
void test_softmax(int64_t n) {
  constexpr int I = std::is_same_v<T, double>;
  const double close = tolerance<T> * 4;
  const std::vector<T> x = numbers<T>(n), g = numbers<T>(n + 1);
  Real total = 0, dot = 0, sum_g = 0;
  for (T v : x) total += std::exp(static_cast<Real>(v));
  std::vector<T> p(x.size()), l(x.size()), dp(x.size()), dl(x.size());
  table.rows.softmax[I](p.data(), x.data(), n);
  table.rows.log_softmax[I](l.data(), x.data(), n);
  table.rows.softmax_backward[I](dp.data(), g.data(), p.data(), n);
  table.rows.log_softmax_backward[I](dl.data(), g.data(), l.data(), n);
  for (size_t i = 0; i < x.size(); ++i) {
    dot += static_cast<Real>(g[i]) * std::exp(static_cast<Real>(x[i])) / total;
    sum_g += static_cast<Real>(g[i]);
  }
  for (size_t i = 0; i < x.size(); ++i) {
    const Real q = std::exp(static_cast<Real>(x[i])) / total, gi = static_cast<Real>(g[i]);
    EXPECT(near(p[i], q, close) && near(l[i], std::log(q), close), "softmax");
    EXPECT(near(dp[i], q * (gi - dot), close), "softmax backward");
    EXPECT(near(dl[i], gi - q * sum_g, close * 4), "log_softmax backward");
  }
  T lse = 0;
  table.reduce.logsumexp[I](&lse, x.data(), n);
  EXPECT(near(lse, std::log(total), close), "logsumexp");
}

template <class T>
void test_softmax_columns() {
  constexpr int I = std::is_same_v<T, double>;
  const int64_t n = 9, cols = 200;
  const std::vector<T> x = numbers<T>(n * cols), g = numbers<T>(n * cols + 7);
  using Columns = void (*)(void*, const void*, int64_t, int64_t, int64_t);
  using Rows = void (*)(void*, const void*, int64_t);
  const auto& r = table.rows;
  const std::pair<Columns, Rows> both[] = {{r.softmax_cols[I], r.softmax[I]},
                                           {r.log_softmax_cols[I], r.log_softmax[I]}};
  std::vector<T> y(x.size()), dx(x.size()), in(n), out(n), grad(n), back(n);
  for (int k = 0; k < 2; ++k) {
    both[k].first(y.data(), x.data(), n, cols, cols);
    auto backward_cols = k ? r.log_softmax_backward_cols[I] : r.softmax_backward_cols[I];
    auto backward = k ? r.log_softmax_backward[I] : r.softmax_backward[I];
    backward_cols(dx.data(), g.data(), y.data(), n, cols, cols);
    for (int64_t c = 0; c < cols; ++c) {
      auto at = [&](int64_t i) { return static_cast<size_t>(i * cols + c); };
      for (int64_t i = 0; i < n; ++i)
        in[static_cast<size_t>(i)] = x[at(i)], grad[static_cast<size_t>(i)] = g[at(i)];
      both[k].second(out.data(), in.data(), n);
      backward(back.data(), grad.data(), out.data(), n);
      for (int64_t i = 0; i < n; ++i) {
        EXPECT(near(y[at(i)], out[static_cast<size_t>(i)], tolerance<T>), "columns");
        EXPECT(near(dx[at(i)], back[static_cast<size_t>(i)], tolerance<T> * 4), "columns");
      }
    }
  }
}

void test_softmax_ends() {
  const float inf = static_cast<float>(kInf);
  float x[] = {-inf, 0, 200, -inf}, y[4];
  table.rows.softmax[0](y, x, 4);
  EXPECT(y[0] == 0 && y[1] == 0 && y[2] == 1 && y[3] == 0, "masked");
  table.rows.log_softmax[0](y, x, 4);
  EXPECT(y[0] == -inf && y[1] == -200 && y[2] == 0, "masked");
  for (float& v : x) v = -inf;
  table.rows.softmax[0](y, x, 4);
  EXPECT(std::isnan(y[0]) && std::isnan(y[3]), "all masked");
  table.reduce.logsumexp[0](y, x, 4);
  EXPECT(y[0] == -inf, "all masked");
}

template <class T>
void test_layer_norm(int64_t n, bool rms, bool affine) {
  constexpr int I = std::is_same_v<T, double>;
  const std::vector<T> x = numbers<T>(n), w = numbers<T>(n + 5), b = numbers<T>(n + 9);
  const std::vector<T> g = numbers<T>(n + 13);
  std::vector<T> y(x.size()), dx(x.size());
  std::vector<double> dw(x.size(), 1), db(x.size(), 2);
  double mean = 0, rstd = 0;
  const T *pw = affine ? w.data() : nullptr, *pb = affine ? b.data() : nullptr;
  table.rows.layer_norm[I](y.data(), &mean, &rstd, x.data(), pw, pb, n, 1e-5, rms);
  table.rows.layer_norm_backward[I](dx.data(), dw.data(), db.data(), g.data(), x.data(), pw, mean,
                                    rstd, n, rms);
  Real m = 0, v = 0, s1 = 0, s2 = 0;
  const Real count = static_cast<Real>(n);
  for (T e : x) m += rms ? 0 : static_cast<Real>(e) / count;
  for (T e : x) v += (e - m) * (e - m) / count;
  const Real r = 1 / std::sqrt(v + 1e-5L);
  auto dy = [&](size_t i) { return static_cast<Real>(g[i]) * (affine ? w[i] : T(1)); };
  for (size_t i = 0; i < x.size(); ++i) {
    s1 += rms ? 0 : dy(i) / count;
    s2 += dy(i) * (x[i] - m) * r / count;
  }
  for (size_t i = 0; i < x.size(); ++i) {
    const Real h = (x[i] - m) * r;
    EXPECT(near(y[i], affine ? h * w[i] + b[i] : h, tolerance<T> * 4), "layer norm");
    EXPECT(near(dx[i], (dy(i) - s1 - h * s2) * r, tolerance<T> * 8), "layer norm backward");
    EXPECT(near(dw[i], 1 + g[i] * h, tolerance<T> * 4) && near(db[i], 2 + g[i], tolerance<T>),
           "layer norm backward");
  }
}

template <class T>
void test_cross_entropy(int64_t n) {
  constexpr int I = std::is_same_v<T, double>;
  const std::vector<T> x = numbers<T>(n);
  std::vector<T> prob(x.size());
  const auto target = static_cast<size_t>(n / 3);
  const double loss = table.rows.cross_entropy[I](prob.data(), x.data(), n, n / 3);
  EXPECT(loss == table.rows.cross_entropy[I](nullptr, x.data(), n, n / 3), "cross-entropy alone");
  Real total = 0;
  for (T v : x) total += std::exp(static_cast<Real>(v));
  EXPECT(near(static_cast<T>(loss), std::log(total) - x[target], tolerance<T> * 4),
         "cross-entropy");
  for (size_t j = 0; j < x.size(); ++j)
    EXPECT(near(prob[j], std::exp(static_cast<Real>(x[j])) / total, tolerance<T> * 4),
           "cross-entropy's softmax");
}

template <class T>
void test_rows() {
  for (int64_t n : {1, 10, 64, 1000, 5000}) {
    test_softmax<T>(n);
    for (bool affine : {false, true})
      for (bool rms : {false, true}) test_layer_norm<T>(n, rms, affine);
    test_cross_entropy<T>(n);
  }
  test_softmax_columns<T>();
  const std::vector<T> x = numbers<T>(3000);
  double mean = 0, squares = 0;
  table.reduce.moments[std::is_same_v<T, double>](&mean, &squares, x.data(), 3000);
  Real m = 0, v = 0;
  for (T e : x) m += static_cast<Real>(e) / 3000;
  for (T e : x) v += (e - m) * (e - m);
  EXPECT(near(mean, m, tolerance<T>) && near(squares, v, tolerance<T>), "moments");
}

template <class T>
void test_type() {
  test_reductions<T>();
  test_positions<T>();
  test_scans<T>();
  test_dot<T>();
}

void test_all() {
  test_type<uint8_t>();
  test_type<int8_t>();
  test_type<int16_t>();
  test_type<int32_t>();
  test_type<int64_t>();
  test_type<float>();
  test_type<double>();
  test_rows<float>();
  test_rows<double>();
  test_softmax_ends();
  // A float sum of many: blocks keep the rounding errors small.
  const std::vector<float> tenths(10'000'000, 0.1f);
  float sum = 0;
  table.reduce.row[0][index_of<float>](&sum, tenths.data(), 10'000'000);
  EXPECT(near(sum, 10'000'000 * static_cast<Real>(0.1f), 1e-6), "long sum");
}

}  // namespace

int main() {
  struct Set {
    Isa isa;
    void (*reduce)(kernels::Table&);
    void (*rows)(kernels::Table&);
  };
  const Set sets[] = {
      {Isa::Base, kernels::base::fill_reduce, kernels::base::fill_rows},
#if defined(__x86_64__)
      {Isa::Avx2, kernels::avx2::fill_reduce, kernels::avx2::fill_rows},
      {Isa::Avx512, kernels::avx512::fill_reduce, kernels::avx512::fill_rows},
#endif
  };
  for (const Set& s : sets) {
    if (s.isa > cpu_info().best) continue;
    set_name = isa_name(s.isa);
    s.reduce(table);
    s.rows(table);
    test_all();
  }
  std::printf(failures ? "%d failures\n" : "reduce: all good\n", failures);
  return failures != 0;
}
