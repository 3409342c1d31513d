#include "ops/positions.h"

#include <algorithm>
#include <cstring>

namespace lampas::ops {

namespace {
// A dimension seen as [outer, n, inner].
struct Line {
  int64_t outer = 1, n = 1, inner = 1;
};
Line line(IntSpan sizes, int64_t dim) {
  Line l;
  for (int64_t d = 0; d < static_cast<int64_t>(sizes.size()); ++d)
    (d < dim ? l.outer : d > dim ? l.inner : l.n) *= sizes[d];
  return l;
}
}  // namespace

void check_range(const Tensor& at, int64_t n, const char* op, ErrorKind kind) {
  check_within(at, 0, n, [&](int64_t v) {
    fail(kind, op, "(): index ", v, " is out of bounds for dimension with size ", n);
  });
}

void select_raw(const Tensor& to, const Tensor& from, const Tensor& index, int64_t dim) {
  const Line l = line(from.sizes(), dim);
  const int item = itemsize(from.dtype());
  const int64_t count = index.numel(), bytes = l.inner * item;
  const auto* at = index.data<int64_t>();
  auto *d = static_cast<char*>(to.data()), *s = static_cast<char*>(from.data());
  const bool word = bytes == 1 || bytes == 2 || bytes == 4 || bytes == 8 || bytes == 16;
  auto piece = [&](char* y, const char* x, const int64_t* p, int64_t n) {
    if (word) return dispatch().index.gather(y, x, p, n, 1, 0, static_cast<int>(bytes));
    for (int64_t i = 0; i < n; ++i)
      std::memcpy(y + i * bytes, x + p[i] * bytes, static_cast<size_t>(bytes));
  };
  parallel_ranges(l.outer * count, std::max<int64_t>(1, (1 << 17) / std::max<int64_t>(bytes, 4)),
                  [&](int64_t b, int64_t e) {
                    for (int64_t o = b / count, i = b % count; b < e; ++o, i = 0) {
                      const int64_t n = std::min(count - i, e - b);
                      piece(d + b * bytes, s + o * l.n * bytes, at + i, n);
                      b += n;
                    }
                  });
}

// Columns may go to different threads.
void add_raw(const Tensor& to, const Tensor& from, const Tensor& index, int64_t dim) {
  if (to.is_meta()) return;
  const Line l = line(to.sizes(), dim);
  const int64_t count = index.numel(), item = itemsize(to.dtype());
  const auto* at = index.data<int64_t>();
  const int type = static_cast<int>(to.dtype());
  const auto& k = dispatch().index;
  auto *d = static_cast<char*>(to.data()), *s = static_cast<char*>(from.data());
  if (l.inner == 1) {
    const auto sum = k.combine[static_cast<int>(kernels::Combine::Sum)][type];
    parallel_ranges(l.outer, std::max<int64_t>(1, (1 << 15) / std::max<int64_t>(count, 1)),
                    [&](int64_t b, int64_t e) {
                      for (int64_t o = b; o < e; ++o)
                        sum(d + o * l.n * item, s + o * count * item, at, count, 1, 0);
                    });
    return;
  }
  int64_t cols = std::max<int64_t>(16, (1 << 15) / std::max<int64_t>(count, 1) / 16 * 16);
  int64_t across = (l.inner + cols - 1) / cols;
  parallel_for(l.outer * across, [&](int64_t t) {
    const int64_t o = t / across, c = t % across * cols, n = std::min(l.inner - c, cols);
    for (int64_t i = 0; i < count; ++i)
      k.add[type](d + ((o * l.n + at[i]) * l.inner + c) * item,
                  s + ((o * count + i) * l.inner + c) * item, n);
  });
}

}  // namespace lampas::ops
