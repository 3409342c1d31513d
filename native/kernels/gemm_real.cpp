#include "kernels/gemm_packed.h"

namespace lampas::kernels::LAMPAS_ISA {

void fill_gemm_real(GemmTable& t) {
  t.gemm[static_cast<int>(DType::F32)] = Kernel<float>::run;
  t.gemm[static_cast<int>(DType::F64)] = Kernel<double>::run;
}

}  // namespace lampas::kernels::LAMPAS_ISA
