#include "kernels/reduce_loop.h"

namespace lampas::kernels::LAMPAS_ISA {

void fill_reduce_integer(ReduceTable& t) {
  fill_reduce_type<bool>(t);
  fill_reduce_type<uint8_t>(t);
  fill_reduce_type<int8_t>(t);
  fill_reduce_type<int16_t>(t);
  fill_reduce_type<int32_t>(t);
  fill_reduce_type<int64_t>(t);
}

}  // namespace lampas::kernels::LAMPAS_ISA
