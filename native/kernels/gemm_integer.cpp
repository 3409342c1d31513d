// Integers wrap around, which the bits of unsigned ones do by definition.
#include "kernels/gemm_packed.h"

namespace lampas::kernels::LAMPAS_ISA {

void fill_gemm_integer(GemmTable& t) {
  t.gemm[static_cast<int>(DType::I32)] = Kernel<uint32_t>::run;
  t.gemm[static_cast<int>(DType::I64)] = Kernel<uint64_t>::run;
}

}  // namespace lampas::kernels::LAMPAS_ISA
