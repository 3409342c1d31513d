#include "kernels/reduce.h"

#include "kernels/planes_loop.h"
#include "kernels/reduce_loop.h"

namespace lampas::kernels::LAMPAS_ISA {

namespace {
template <class T>
double sum_of(const T* x, int64_t n) {
  return reduce_line<SumOp>(x, n);
}

// A short row is not worth 64 lanes and joining them.
template <class T>
void sum_row(void* out, const void* in, int64_t n) {
  if (n > 2048) return row<SumOp, T>(out, in, n);
  const T* x = static_cast<const T*>(in);
  std::array<double, 1> total{};
  add_plane<T>(total, n, [&](auto get) LAMPAS_LAMBDA { return std::array{get(x)}; });
  *static_cast<T*>(out) = static_cast<T>(total[0]);
}

// The second pass is over what the first left in the cache.
template <class T>
void moments(double* mean, double* squares, const void* in, int64_t n) {
  const T* x = static_cast<const T*>(in);
  const double mu = sum_of(x, n) / static_cast<double>(n);
  double total = 0, rest = 0;
  T d[kReduceBlock];
  for (int64_t i = 0; i < n; i += kReduceBlock) {
    const int64_t m = std::min(n - i, kReduceBlock);
    for (int64_t k = 0; k < m; ++k) d[k] = x[i + k] - static_cast<T>(mu);
    total += reduce_line<SquaresOp>(d, m);
    rest += sum_of(d, m);
  }
  *mean = mu;
  // `rest` is what rounding the mean to T left.
  *squares = std::max(0.0, total - rest * rest / static_cast<double>(n));
}

template <class T>
void logsumexp(void* out, const void* in, int64_t n) {
  const T* x = static_cast<const T*>(in);
  const T top = reduce_line<MaxOp>(x, n);
  T* y = static_cast<T*>(out);
  if (magnitude(top) == kInf<T> || top != top) {
    *y = top;
    return;
  }
  double total = 0;
  T e[kReduceBlock];
  for (int64_t i = 0; i < n; i += kReduceBlock) {
    const int64_t m = std::min(n - i, kReduceBlock);
    for (int64_t k = 0; k < m; ++k) e[k] = exp_(x[i + k] - top);
    total += sum_of(e, m);
  }
  *y = static_cast<T>(static_cast<double>(top) + std::log(total));
}
}  // namespace

void fill_reduce(Table& t) {
  fill_reduce_type<float>(t.reduce);
  fill_reduce_type<double>(t.reduce);
  fill_reduce_type<c64>(t.reduce);
  fill_reduce_type<c128>(t.reduce);
  t.reduce.row[static_cast<int>(Reduce::Sum)][static_cast<int>(DType::F32)] = sum_row<float>;
  t.reduce.row[static_cast<int>(Reduce::Sum)][static_cast<int>(DType::F64)] = sum_row<double>;
  t.reduce.moments[0] = moments<float>;
  t.reduce.moments[1] = moments<double>;
  t.reduce.logsumexp[0] = logsumexp<float>;
  t.reduce.logsumexp[1] = logsumexp<double>;
  fill_reduce_integer(t.reduce);
  fill_scans(t.reduce);
}

}  // namespace lampas::kernels::LAMPAS_ISA
