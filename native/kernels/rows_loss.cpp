// Cross-entropy from logits.
#include "kernels/rows_loop.h"

namespace lampas::kernels::LAMPAS_ISA {

namespace {
template <class T>
void cross_entropy(void* loss, void* log_sum, const void* in, const void* weight, int64_t n,
                   int64_t target, double hit, double even) {
  const T *x = static_cast<const T*>(in), *w = static_cast<const T*>(weight);
  const T m = row_max(x, n);
  const double total =
      lane_sum<T>(n, [&](int64_t i) LAMPAS_LAMBDA { return exp_falling(x[i] - m); });
  const double top = static_cast<double>(m), log_total = std::log(total);
  double l = hit * (log_total - (static_cast<double>(x[target]) - top));
  if (even != 0) {
    double rest[2];
    if (w)
      lane_sums<T>(rest, n,
                   [&](int64_t i) LAMPAS_LAMBDA { return Sums<T, 2>{{w[i] * (x[i] - m), w[i]}}; });
    else
      lane_sums<T>(rest, n, [&](int64_t i) LAMPAS_LAMBDA { return Sums<T, 2>{{x[i] - m, T(1)}}; });
    l += even * (rest[1] * log_total - rest[0]);
  }
  *static_cast<T*>(loss) = static_cast<T>(l);
  *static_cast<T*>(log_sum) = static_cast<T>(top + log_total);
}

template <class T>
void cross_entropy_backward(void* out, const void* in, const void* log_sum, const void* weight,
                            int64_t n, int64_t target, double hit, double even) {
  T* dx = static_cast<T*>(out);
  const T *x = static_cast<const T*>(in), *w = static_cast<const T*>(weight);
  const T shift = *static_cast<const T*>(log_sum);
  double weights = static_cast<double>(n);
  if (w && even != 0) weights = static_cast<double>(reduce_line<SumOp>(w, n));
  const T scale = static_cast<T>(hit + even * weights), part = static_cast<T>(even);
  if (even == 0) {
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) dx[i] = exp_falling(x[i] - shift) * scale;
  } else if (w) {
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) dx[i] = exp_falling(x[i] - shift) * scale - part * w[i];
  } else {
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) dx[i] = exp_falling(x[i] - shift) * scale - part;
  }
  dx[target] -= static_cast<T>(hit);
}

template <class T, int I>
void fill_type(RowsTable& t) {
  t.cross_entropy[I] = cross_entropy<T>;
  t.cross_entropy_backward[I] = cross_entropy_backward<T>;
}
}  // namespace

void fill_rows_loss(RowsTable& t) {
  fill_type<float, 0>(t);
  fill_type<double, 1>(t);
}

}  // namespace lampas::kernels::LAMPAS_ISA
