#include "kernels/simd/bessel.h"
#include "kernels/special_loop.h"

namespace lampas::kernels::LAMPAS_ISA {

namespace {
void spherical_j0(double* y, const double* a, const double* b, double p0) {
  each<SphericalJ0::at>(y, a, b, p0);
  mend<SphericalJ0>(y, a);
}
}  // namespace

void fill_bessel(PointwiseTable& t) {
  enter_special<1, pieces<BesselJ<0>>>(t, Pointwise::special_bessel_j0);
  enter_special<1, pieces<BesselJ<1>>>(t, Pointwise::special_bessel_j1);
  enter_special<1, pieces<BesselY<0>>>(t, Pointwise::special_bessel_y0);
  enter_special<1, pieces<BesselY<1>>>(t, Pointwise::special_bessel_y1);
  enter_special<1, spherical_j0>(t, Pointwise::special_spherical_bessel_j0);
  enter_special<1, pieces<BesselI<0, false>>>(t, Pointwise::i0);
  enter_special<1, pieces<BesselI<1, false>>>(t, Pointwise::i1);
  enter_special<1, pieces<BesselI<0, true>>>(t, Pointwise::i0e);
  enter_special<1, pieces<BesselI<1, true>>>(t, Pointwise::i1e);
  enter_special<1, pieces<BesselK<0, false>>>(t, Pointwise::special_modified_bessel_k0);
  enter_special<1, pieces<BesselK<1, false>>>(t, Pointwise::special_modified_bessel_k1);
  enter_special<1, pieces<BesselK<0, true>>>(t, Pointwise::special_scaled_modified_bessel_k0);
  enter_special<1, pieces<BesselK<1, true>>>(t, Pointwise::special_scaled_modified_bessel_k1);
}

}  // namespace lampas::kernels::LAMPAS_ISA
