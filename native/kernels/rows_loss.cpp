// Cross-entropy from logits.
#include "kernels/rows_loop.h"

namespace lampas::kernels::LAMPAS_ISA {

namespace {
template <class T>
double cross_entropy(void* out, const void* in, int64_t n, int64_t target) {
  T* prob = static_cast<T*>(out);
  const T* x = static_cast<const T*>(in);
  const T m = row_max(x, n);
  double total;
  if (prob) {
    total = lane_sum<T>(n, [&](int64_t i) LAMPAS_LAMBDA {
      const T e = exp_falling(x[i] - m);
      prob[i] = e;
      return e;
    });
    const T scale = static_cast<T>(1 / total);
    for (int64_t i = 0; i < n; ++i) prob[i] *= scale;
  } else {
    total = lane_sum<T>(n, [&](int64_t i) LAMPAS_LAMBDA { return exp_falling(x[i] - m); });
  }
  return std::log(total) - (static_cast<double>(x[target]) - static_cast<double>(m));
}
}  // namespace

void fill_rows_loss(RowsTable& t) {
  t.cross_entropy[0] = cross_entropy<float>;
  t.cross_entropy[1] = cross_entropy<double>;
}

}  // namespace lampas::kernels::LAMPAS_ISA
