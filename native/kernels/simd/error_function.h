// The error function and its complement.
#pragma once
#include "kernels/simd/math.h"

namespace lampas::kernels::LAMPAS_ISA {

// Near 0 an odd polynomial; beyond, 1 - exp(-p(|x|)), p fitted to -log(erfc).
LAMPAS_INLINE float erf_(float x) {
  float a = magnitude(x), z = a * a;
  float near = fma_(a,
                    poly(z, 0.128379151f, -0.376124859f, 0.112816766f, -0.0267603993f,
                         0.00498295296f, -0.00059347722f),
                    a);
  float t = limit(a, 0.f, 4.f);
  float p = poly(t, 0.000195687651f, 1.12767625f, 0.637179792f, 0.103935272f, -0.0222295821f,
                 0.00304415333f, -0.000196065084f);
  float far = 1.f - exp_normal(-p);
  return signed_as(a < 0.93f ? near : far, x);
}

// exp(x^2) erfc(x) (1 + 2x) is smooth in (x - 3) / (x + 3): M. Shepherd, J. Laframboise (1981).
LAMPAS_INLINE double erfc_tail(double x) {
  double t = (x - 3) / (x + 3);
  double p =
      poly(t, 1.2530080582697296, -0.1356211061245918, -0.047562294353395006, 0.12964515870407622,
           -0.11927366341917231, 0.068308027296886467, -0.023770514809675718, 0.0025293925660470552,
           0.0018886887637576451, -0.00077983851090379554, -0.00010514640888952138,
           0.00012512785860365505, 4.8826757234379923e-06, -2.0168729494144258e-05,
           -5.3508803468943767e-07, 3.533508158388237e-06, 3.795370005023278e-08,
           -5.6901074649318376e-07, 9.5797263178140461e-08);
  // exp(-x^2) with what rounding the square lost: x in two halves.
  double high = from_bits(bits(x) & ~uint64_t(0x7ffffff)), low = x - high;
  double d = -low * (x + high);
  double e = exp_(-high * high) * poly(d, 1., 1., 0.5, 1. / 6);
  return e * (p / (1 + 2 * x));
}
LAMPAS_INLINE double erf_near(double x) {
  return fma_(x,
              poly(x * x, 0.12837916709551256, -0.37612638903183754, 0.11283791670955119,
                   -0.026866170645129733, 0.005223977625422086, -0.00085483270218532077,
                   0.00012055332899358073, -1.4925647465116808e-05, 1.6462043407687617e-06,
                   -1.6364614419005768e-07, 1.4792145721868883e-08, -1.2163041693755057e-09,
                   8.7037889518127951e-11, -4.2228946711173886e-12),
              x);
}
LAMPAS_INLINE double erf_(double x) {
  double a = magnitude(x);
  return signed_as(a < 1. ? erf_near(a) : 1. - erfc_tail(limit(a, 1., 6.)), x);
}
LAMPAS_INLINE double erfc_(double x) {
  double a = magnitude(x), tail = erfc_tail(limit(a, 0.75, 28.));
  tail = x < 0. ? 2. - tail : tail;
  return a < 0.75 ? 1. - erf_near(x) : tail;
}
LAMPAS_INLINE float erfc_(float x) { return static_cast<float>(erfc_(static_cast<double>(x))); }

}  // namespace lampas::kernels::LAMPAS_ISA
