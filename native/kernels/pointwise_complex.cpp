// Products of complex numbers are not contracted to fused ones: z * conj(z) has no imaginary part.
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#elif defined(__GNUC__)
#pragma GCC optimize("fp-contract=off")
#endif
#include "kernels/pointwise_loop.h"

namespace lampas::kernels::LAMPAS_ISA {

namespace {
struct Select {
  template <class Op, class T>
  static constexpr bool of = is_cplx<T>;
};
}  // namespace

void fill_pointwise_complex(PointwiseTable& t) { fill_selected<Select>(t); }

}  // namespace lampas::kernels::LAMPAS_ISA
