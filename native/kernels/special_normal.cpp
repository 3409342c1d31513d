#include "kernels/simd/normal.h"
#include "kernels/special_loop.h"

namespace lampas::kernels::LAMPAS_ISA {

void fill_normal(PointwiseTable& t) {
  enter_special<1, pieces<InverseErf>>(t, Pointwise::erfinv);
  enter_special<1, pieces<NormalQuantile>>(t, Pointwise::special_ndtri);
  enter_special<1, each<erfcx_>>(t, Pointwise::special_erfcx);
  enter_special<1, pieces<NormalCdf>>(t, Pointwise::special_ndtr);
  enter_special<1, each<log_ndtr_>>(t, Pointwise::special_log_ndtr);
}

}  // namespace lampas::kernels::LAMPAS_ISA
