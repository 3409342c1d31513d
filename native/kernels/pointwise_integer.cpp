#include "kernels/pointwise_loop.h"

namespace lampas::kernels::LAMPAS_ISA {

namespace {
struct Select {
  template <class Op, class T>
  static constexpr bool of = std::is_integral_v<T>;
};
}  // namespace

void fill_pointwise_integer(PointwiseTable& t) { fill_selected<Select>(t); }

}  // namespace lampas::kernels::LAMPAS_ISA
