// The gamma function's logarithm and the derivatives of it, in double. Each has two forms, of
// positive arguments and of others, for blocks of elements that need but one of them
// (special_loop.h). Series and recurrences: Abramowitz & Stegun, chapter 6.
#pragma once
#include "kernels/simd/trigonometry.h"

namespace lampas::kernels::LAMPAS_ISA {

// From here on series in 1 / x converge to all digits.
inline constexpr double kStirling = 10;
// Numbers at least as large count as integers.
inline constexpr double kAllIntegers = 0x1p51;

// x less the nearest integer, exactly; no number where x is none or infinite.
LAMPAS_INLINE double from_integer(double x) {
  constexpr double magic = Format<double>::kMagic;
  return magnitude(x) < kAllIntegers ? x - ((x + magic) - magic) : x - x;
}

// lgamma(x) - ((x - 1/2) log(x) - x + log(2 pi) / 2), from kStirling on; 6.1.41.
LAMPAS_INLINE double stirling_rest(double x) {
  const double r = 1 / x;
  return r * poly(r * r, 1. / 12, -1. / 360, 1. / 1260, -1. / 1680, 1. / 1188, -691. / 360360,
                  1. / 156);
}
// lgamma is (d - 1) d g(d - 1/2) at 1 + d for d in [0, 1], g a Chebyshev interpolant to 1e-17: its
// zeros keep their digits. Other arguments below kStirling are d away from an integer; the
// recurrence multiplies what lies between.
LAMPAS_INLINE double lgamma_positive(double x) {
  const bool below = x < 1., large = x >= kStirling;
  double d = below ? x : x - 1, p = 1;
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) {
    const bool over = d > 1.;
    p *= over ? d : 1.;
    d -= over ? 1. : 0.;
  }
  const double g = poly(d - 0.5, 0.4831289505409809, -0.14595989591430594, 0.06291140107456485,
                        -0.03130848750105327, 0.01679709863121395, -0.009425622444829649,
                        0.005446457842219553, -0.0032120742206072908, 0.0019229162321227923,
                        -0.001164411377219605, 0.0007115202752051298, -0.00043803516132580534,
                        0.00027130273545114005, -0.0001685717945035172, 0.00010541715222185904,
                        -6.793733027397047e-05, 4.281642862794779e-05, -2.148770252062576e-05,
                        1.3584275459130943e-05, -1.8527803997032962e-05, 1.1820969445467145e-05);
  const double l = log_(large | below ? x : p);
  const double near = d * (d - 1) * g + (below ? -l : l);
  const double far = (x - 0.5) * (l - 1) + (0.41893853320467274178 + stirling_rest(x));
  return large ? far : near;
}
struct LogGamma {
  LAMPAS_INLINE static bool is_near(double x) { return x >= 0.; }
  LAMPAS_INLINE static double near(double x) { return lgamma_positive(x); }
  LAMPAS_INLINE static double far(double x) {
    const double a = magnitude(x), s = sin_bounded(kPi<double> * from_integer(a));
    const double y = 1.14472988584940017414 - log_(a * magnitude(s)) - lgamma_positive(a);
    return (s == 0.) | (a == kInf<double>) ? kInf<double> : y;
  }
};
// Near its zeros between the poles the reflection formula has lost digits that a double shows; next
// to 0 it has left the range of numbers.
struct LogGammaZeros {
  static bool is_hard(double x, double y) {
    const double a = magnitude(x), bound = 0.25 + limit(0.04 * a * a, 0., a);
    return (x < 0.) &
           (a < kInf<double>)&((magnitude(y) < bound) | (a >= kAllIntegers) | (a < 1e-150));
  }
  static double hard(double x) {
    int sign;  // lgamma_r, as lgamma writes a global
    return ::lgamma_r(x, &sign);
  }
};

// The recurrence up to kStirling as one fraction, then 6.3.18.
LAMPAS_INLINE double digamma_positive(double x) {
  const bool small = x < kStirling;
  double z = x + (small ? 1. : 0.), top = 0, bottom = 1;
#pragma GCC unroll 9
  for (int i = 1; i < 10; ++i) {
    const bool more = z < kStirling;
    top = more ? top * z + bottom : top;
    bottom *= more ? z : 1.;
    z += more ? 1. : 0.;
  }
  const double r = 1 / z, q = r * r;
  const double series =
      q * poly(q, 1. / 12, -1. / 120, 1. / 252, -1. / 240, 1. / 132, -691. / 32760, 1. / 12);
  const double y = log_(z) - (0.5 * r + series);
  return small ? (y - top / bottom) - 1 / x : y;
}
struct Digamma {
  LAMPAS_INLINE static bool is_near(double x) { return x > 0.; }
  LAMPAS_INLINE static double near(double x) { return digamma_positive(x); }
  LAMPAS_INLINE static double far(double x) {
    const double f = kPi<double> * from_integer(x);
    const double y = digamma_positive(1 - x) - kPi<double> * (cos_bounded(f) / sin_bounded(f));
    return x == 0. ? signed_as(kInf<double>, -x) : f == 0. ? kNan<double> : y;
  }
};

// The same for 6.4.10 and 6.4.12.
LAMPAS_INLINE double trigamma_positive(double x) {
  const bool small = x < kStirling;
  double z = x + (small ? 1. : 0.), top = 0, bottom = 1;
#pragma GCC unroll 9
  for (int i = 1; i < 10; ++i) {
    const bool more = z < kStirling;
    top = more ? top * (z * z) + bottom : top;
    bottom *= more ? z * z : 1.;
    z += more ? 1. : 0.;
  }
  const double r = 1 / z, q = r * r, u = 1 / x;
  const double series = q * poly(q, 1. / 6, -1. / 30, 1. / 42, -1. / 30, 5. / 66, -691. / 2730,
                                 7. / 6, -3617. / 510, 43867. / 798);
  const double y = r * (1 + (0.5 * r + series));
  return small ? (y + top / bottom) + u * u : y;
}
struct Trigamma {
  LAMPAS_INLINE static bool is_near(double x) { return x > 0.; }
  LAMPAS_INLINE static double near(double x) { return trigamma_positive(x); }
  LAMPAS_INLINE static double far(double x) {
    const double s = sin_bounded(kPi<double> * from_integer(x)), q = kPi<double> / s;
    return s == 0. ? kInf<double> : q * q - trigamma_positive(1 - x);
  }
};

// ---- powers ------------------------------------------------------------------------------------
// A number and what rounding took from it.
struct Rounded {
  double value, lost;
};
LAMPAS_INLINE Rounded exact_sum(double a, double b) {
  const double s = a + b, t = s - a;
  return {s, (a - (s - t)) + (b - t)};
}
LAMPAS_INLINE Rounded exact_product(double a, double b) {
  const double p = a * b;
#if defined(__FMA__) || defined(__ARM_FEATURE_FMA)
  return {p, fma_(a, b, -p)};
#else
  constexpr uint64_t half = ~uint64_t(0x7ffffff);  // Dekker's, by halves of the digits
  const double ah = from_bits(bits(a) & half), al = a - ah;
  const double bh = from_bits(bits(b) & half), bl = b - bh;
  return {p, ((ah * bh - p) + ah * bl + al * bh) + al * bl};
#endif
}
// a^b for a > 0 with the logarithm's rounding kept: to an ulp or two whatever the exponent.
LAMPAS_INLINE double power_positive(double a, double b) {
  const Split<double> s = split_any(a);
  const double f = s.f, q = f / (2 + f), z = q * q;
  const Rounded half = exact_product(0.5 * f, f);
  const double r =
      z * poly(z, 0.66666666666667351, 0.39999999999401309, 0.28571428746915817,
               0.22222197982507991, 0.18183600528698671, 0.15313001353560615, 0.14807549138780579);
  const double rest = q * (half.value + r) - half.lost + s.e * 1.90821492927058770002e-10;
  const Rounded first = exact_sum(s.e * 6.93147180369123816490e-01, f);
  const Rounded second = exact_sum(first.value, -half.value);
  double low = rest + (first.lost + second.lost);
  const Rounded l = exact_sum(second.value, low);
  const Rounded p = exact_product(b, l.value);
  low = p.lost + b * l.lost;
  const double y = exp_(magnitude(p.value) < 800. ? p.value : limit(p.value, -800., 800.));
  const double fixed = magnitude(p.value) < 745. ? fma_(y, low, y) : y;
  const double end = (a == 0.) == (b < 0.) ? kInf<double> : 0.;
  return b == 0. ? 1. : (a == 0.) | (a == kInf<double>) ? end : fixed;
}

}  // namespace lampas::kernels::LAMPAS_ISA
