// The normal distribution: its distribution function, the logarithm and the inverse of it, and the
// scaled complementary error function behind them; in double.
#pragma once
#include "kernels/simd/error_function.h"

namespace lampas::kernels::LAMPAS_ISA {

// exp(x^2) erfc(x) for x >= 0. Times 1 + 2 x it is smooth in (x - 3.75) / (x + 3.75): M. Shepherd,
// J. Laframboise (1981); their interpolant anew, to 1e-16.
LAMPAS_INLINE double erfcx_positive(double x) {
  const double t = (x - 3.75) / (x + 3.75);
  const double y = poly(t, 1.2375126308378275, -0.14024059858554702, 0.003585415485479575,
                        0.08227673849014977, -0.10880393014246645, 0.09230432116025894,
                        -0.05869339857631061, 0.028362277420377335, -0.00974657968596217,
                        0.001755625843431864, 0.000293714390578856, -0.00029015404203352704,
                        5.164649341002877e-05, 2.2384138525656757e-05, -1.1437980374495534e-05,
                        -9.733875167494142e-07, 1.7419011945194367e-06, -5.741076073013916e-08,
                        -2.4851108650210706e-07, 2.3398534313040898e-08, 3.195398612057818e-08,
                        -3.798189797736207e-09, -2.618520156503145e-09, 3.2052623379289157e-10) /
                   (1 + 2 * x);
  return x == kInf<double> ? 0. : y;
}
// exp(k x^2) for k = 1, -1/2, with what rounding the square loses: x in two halves.
LAMPAS_INLINE double exp_of_square(double k, double x) {
  x = limit(magnitude(x), 0., 50.);
  const double high = from_bits(bits(x) & ~uint64_t(0x7ffffff)), d = k * (x - high) * (x + high);
  return exp_(k * (high * high)) * poly(d, 1., 1., 0.5, 1. / 6);
}
LAMPAS_INLINE double erfcx_(double x) {
  const double y = erfcx_positive(magnitude(x));
  return x < 0. ? 2 * exp_of_square(1, x) - y : y;
}

// Twice the probability of what lies beyond |x| on one side.
LAMPAS_INLINE double normal_tails(double x, double scaled) {
  return scaled * exp_of_square(-0.5, x);
}
struct NormalCdf {
  static constexpr double kScale = 0.70710678118654752440;
  LAMPAS_INLINE static bool is_near(double x) { return (x > -0.7) & (x < 1.4); }
  LAMPAS_INLINE static double near(double x) { return 0.5 + 0.5 * erf_near(kScale * x); }
  LAMPAS_INLINE static double far(double x) {
    const double tail = 0.5 * normal_tails(x, erfcx_positive(kScale * magnitude(x)));
    const double y = x < 0. ? tail : 1 - tail;
    return x == x ? y : x;
  }
};
// One logarithm: below 0 of the scaled tail, from which the square is taken; above 0 of 1 - tail.
LAMPAS_INLINE double log_ndtr_(double x) {
  const double scaled = 0.5 * erfcx_positive(0.70710678118654752440 * magnitude(x));
  const double tail = normal_tails(x, scaled), u = 1 - tail, lost = (1 - u) - tail;
  const double l = log_split(split(x > 0. ? u : scaled));
  return x > 0. ? l + lost / u : l - 0.5 * (x * x);
}

// M. Wichura, Algorithm AS 241 (1988): in q = p - 1/2 to 0.425, then in r = sqrt(-log(tail)).
// The centre as x (c + A(r) / B(r)), x being q or 2 q and c nearly all of the quotient: A is the
// algorithm's numerator less c B.
LAMPAS_INLINE double quantile_bottom(double r) {
  return poly(r, 1., 4.2313330701600911252e1, 6.8718700749205790830e2, 5.3941960214247511077e3,
              2.1213794301586595867e4, 3.9307895800092710610e4, 2.8729085735721942674e4,
              5.2264952788528545610e3);
}
LAMPAS_INLINE double quantile_centre(double q) {
  const double r = 0.180625 - q * q;
  const double top =
      poly(r, 0.8871328727963667, 27.358341137782098, 253.62343157640666, 246.20371194758334,
           -7112.5318224166185, -31003.968573223076, -38392.138755716725, -10557.157268402014);
  return fma_(q, 2.5, q * (top / quantile_bottom(r)));
}
LAMPAS_INLINE double erfinv_centre(double y) {
  const double r = 0.180625 - 0.25 * (y * y);
  const double top =
      poly(r, 0.3225323115670913, 10.04852374848318, 95.7740337883453, 134.96537063773147,
           -2326.207498720696, -10612.367442966735, -13318.456671694405, -3686.0892993707926);
  return fma_(y, 0.875, y * (top / quantile_bottom(r)));
}
// Times k, a constant that goes into the coefficients.
LAMPAS_INLINE double quantile_tail(double tail, double k) {
  const double r = sqrt_(-log_(tail)) - 1.6;
  const double y =
      poly(r, k * 1.42343711074968357734, k * 4.63033784615654529590, k * 5.76949722146069140550,
           k * 3.64784832476320460504, k * 1.27045825245236838258, k * 2.41780725177450611770e-1,
           k * 2.27238449892691845833e-2, k * 7.74545014278341407640e-4) /
      poly(r, 1., 2.05319162663775882187, 1.67638483018380384940, 6.89767334985100004550e-1,
           1.48103976427480074590e-1, 1.51986665636164571966e-2, 5.47593808499534494600e-4,
           1.05075007164441684324e-9);
  return tail == 0. ? kInf<double> : y;
}
inline constexpr double kFarTail = 1.3887943864964021e-11;  // exp(-25)
inline double quantile_far_tail(double tail) {
  const double r = sqrt_(-log_(tail)) - 5;
  return poly(r, 6.65790464350110377720, 5.46378491116411436990, 1.78482653991729133580,
              2.96560571828504891230e-1, 2.65321895265761230930e-2, 1.24266094738807843860e-3,
              2.71155556874348757815e-5, 2.01033439929228813265e-7) /
         poly(r, 1., 5.99832206555887937690e-1, 1.36929880922735805310e-1,
              1.48753612908506148525e-2, 7.86869131145613259100e-4, 1.84631831751005468180e-5,
              1.42151175831644588870e-7, 2.04426310338993978564e-15);
}
struct NormalQuantile {
  LAMPAS_INLINE static double tail(double p) { return p < 0.5 ? p : 1 - p; }
  LAMPAS_INLINE static bool is_near(double p) { return magnitude(p - 0.5) <= 0.425; }
  LAMPAS_INLINE static double near(double p) { return quantile_centre(p - 0.5); }
  LAMPAS_INLINE static double far(double p) {
    const double y = quantile_tail(tail(p), 1);
    return p < 0.5 ? -y : y;
  }
  static bool is_hard(double p, double) { return (tail(p) > 0.) & (tail(p) < kFarTail); }
  static double hard(double p) {
    const double y = quantile_far_tail(tail(p));
    return p < 0.5 ? -y : y;
  }
};
// The quantile of (1 + y) / 2 over sqrt(2).
struct InverseErf {
  static constexpr double kScale = 0.70710678118654752440;
  LAMPAS_INLINE static double tail(double y) { return 0.5 * (1 - magnitude(y)); }
  LAMPAS_INLINE static bool is_near(double y) { return magnitude(y) <= 0.85; }
  LAMPAS_INLINE static double near(double y) { return erfinv_centre(y); }
  LAMPAS_INLINE static double far(double y) { return signed_as(quantile_tail(tail(y), kScale), y); }
  static bool is_hard(double y, double) { return (tail(y) > 0.) & (tail(y) < kFarTail); }
  static double hard(double y) { return std::copysign(kScale * quantile_far_tail(tail(y)), y); }
};

}  // namespace lampas::kernels::LAMPAS_ISA
