#include "kernels/reduce_loop.h"

namespace lampas::kernels::LAMPAS_ISA {

void fill_reduce_complex(ReduceTable& t) {
  fill_reduce_type<c64>(t);
  fill_reduce_type<c128>(t);
}

}  // namespace lampas::kernels::LAMPAS_ISA
