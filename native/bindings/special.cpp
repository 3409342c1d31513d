// Special functions, for the Python functions of lampas.special that check what types they take.
#include "bindings/args.h"
#include "bindings/module.h"
#include "ops/ops.h"

namespace lampas::py {

namespace {
#define ONE(name)                                                                              \
  {"_special_" #name "(Tensor input)", LAMPAS_FN(ops::special_##name(a.tensor(0))), kFunction, \
   "Kernel of special." #name "."},
constexpr Definition kRows[] = {
    ONE(erfcx) ONE(ndtr) ONE(log_ndtr) ONE(ndtri) ONE(bessel_j0) ONE(bessel_j1) ONE(bessel_y0)
        ONE(bessel_y1) ONE(modified_bessel_k0) ONE(modified_bessel_k1)
            ONE(scaled_modified_bessel_k0) ONE(scaled_modified_bessel_k1)
                ONE(spherical_bessel_j0){"_special_zeta(Operand input, Operand other)",
                                         LAMPAS_FN(ops::special_zeta(a.operand(0), a.operand(1))),
                                         kFunction, "Kernel of special.zeta."},
    {"_special_polynomial(int family, Operand input, Operand n)",
     LAMPAS_FN(
         ops::special_polynomial(a.operand(1), a.operand(2), static_cast<double>(a.integer(0)))),
     kFunction, "Kernel of the orthogonal polynomials, by number of the family."},
    {"_igamma(Tensor input, Tensor other)", LAMPAS_FN(ops::igamma(a.tensor(0), a.tensor(1))),
     kFunction, "Kernel of igamma."},
    {"_igammac(Tensor input, Tensor other)", LAMPAS_FN(ops::igammac(a.tensor(0), a.tensor(1))),
     kFunction, "Kernel of igammac."}};
}  // namespace

void define_special(PyObject* module) { define(module, kRows); }

}  // namespace lampas::py
