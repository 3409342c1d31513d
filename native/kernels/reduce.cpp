#include "kernels/reduce.h"

#include "kernels/reduce_loop.h"

namespace lampas::kernels::LAMPAS_ISA {

namespace {
template <class T>
double sum_of(const T* x, int64_t n) {
  return reduce_line<SumOp>(x, n);
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
  t.reduce.moments[0] = moments<float>;
  t.reduce.moments[1] = moments<double>;
  t.reduce.logsumexp[0] = logsumexp<float>;
  t.reduce.logsumexp[1] = logsumexp<double>;
  fill_reduce_integer(t.reduce);
  fill_reduce_complex(t.reduce);
  fill_scans(t.reduce);
}

}  // namespace lampas::kernels::LAMPAS_ISA
