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
