// The loops of special_loop.h.
#include <algorithm>

#include "kernels/special_loop.h"

namespace lampas::kernels::LAMPAS_ISA {

// n elements as doubles; what is left of the block repeats the last one, which is no trouble twice.
namespace {
template <class T>
void load_block(double* to, const T* from, int n) {
  for (int i = 0; i < n; ++i) to[i] = static_cast<double>(from[i]);
  std::fill(to + n, to + kLanes, to[n - 1]);
}
}  // namespace

template <class T>
void run_special(SpecialBlock block, int arity, void* out, const void* const* in, unsigned mask,
                 int64_t n, const double* p) {
  alignas(64) double a[2][kLanes], y[kLanes];
  const T* at[2] = {static_cast<const T*>(in[0]), static_cast<const T*>(in[arity - 1])};
  for (int k = 0; k < arity; ++k)
    if (mask & (1u << k)) load_block(a[k], at[k], 1);
  T* to = static_cast<T*>(out);
  for (int64_t i = 0; i < n; i += kLanes) {
    const int part = static_cast<int>(std::min<int64_t>(kLanes, n - i));
    for (int k = 0; k < arity; ++k)
      if (!(mask & (1u << k))) load_block(a[k], at[k] + i, part);
    block(y, a[0], a[arity - 1], p ? p[0] : 0);
    for (int j = 0; j < part; ++j) to[i + j] = static_cast<T>(y[j]);
  }
}
template void run_special<float>(SpecialBlock, int, void*, const void* const*, unsigned, int64_t,
                                 const double*);
template void run_special<double>(SpecialBlock, int, void*, const void* const*, unsigned, int64_t,
                                  const double*);

void fill_special(PointwiseTable& t) {
  fill_bessel(t);
  fill_gamma(t);
  fill_normal(t);
  fill_polynomials(t);
}

}  // namespace lampas::kernels::LAMPAS_ISA
