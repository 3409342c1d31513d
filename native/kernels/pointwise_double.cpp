#include "kernels/pointwise_loop.h"

namespace lampas::kernels::LAMPAS_ISA {

namespace {
struct Select {
  template <class Op, class T>
  static constexpr bool of = std::is_same_v<T, double>;
};
}  // namespace

void fill_pointwise_double(PointwiseTable& t) { fill_selected<Select>(t); }

}  // namespace lampas::kernels::LAMPAS_ISA
