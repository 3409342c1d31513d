// Special functions of one real number, in double; sources named at each.
#pragma once
#include "kernels/simd/math.h"

namespace lampas::kernels::LAMPAS_ISA {

// Recurrence up to 10, then the asymptotic series (Abramowitz & Stegun 6.3.18); reflection below 0.
inline double digamma_(double x) {
  if (x == 0) return std::copysign(std::numeric_limits<double>::infinity(), -x);
  double r = 0;
  if (x < 0) {
    double whole;
    double frac = std::modf(x, &whole);
    if (frac == 0) return std::numeric_limits<double>::quiet_NaN();
    r = -M_PI / std::tan(M_PI * frac);
    x = 1 - x;
  }
  while (x < 10) r -= 1 / x, x += 1;
  double z = 1 / (x * x);
  double series = z * (1. / 12 - z * (1. / 120 - z * (1. / 252 - z * (1. / 240 - z * (1. / 132 - z * (691. / 32760 - z / 12))))));
  return r + std::log(x) - 0.5 / x - series;
}

// Abramowitz & Stegun 6.4.12 above 6, recurrence below, reflection for negative x.
inline double trigamma_(double x) {
  double sign = 1, r = 0;
  if (x < 0.5) {
    sign = -1;
    double s = std::sin(M_PI * x);
    r = -(M_PI * M_PI) / (s * s);
    x = 1 - x;
  }
  for (int i = 0; i < 6; ++i) r += 1 / (x * x), x += 1;
  double z = 1 / (x * x);
  r += (1 + 1 / (2 * x) + z * (1. / 6 - z * (1. / 30 - z * (1. / 42 - z / 30)))) / x;
  return sign * r;
}

// Giles' approximation (2010), then two Newton steps.
inline double erfinv_(double y) {
  if (y <= -1 || y >= 1 || y != y)
    return y == 1    ? std::numeric_limits<double>::infinity()
           : y == -1 ? -std::numeric_limits<double>::infinity()
                     : std::numeric_limits<double>::quiet_NaN();
  double w = -std::log((1 - y) * (1 + y)), p;
  if (w < 5) {
    w -= 2.5;
    p = 2.81022636e-08;
    for (double c : {3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 0.00021858087, -0.00125372503, -0.00417768164, 0.246640727, 1.50140941}) p = p * w + c;
  } else {
    w = std::sqrt(w) - 3;
    p = -0.000200214257;
    for (double c : {0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773, -0.0076224613, 0.00943887047, 1.00167406, 2.83297682}) p = p * w + c;
  }
  double x = p * y;
  for (int i = 0; i < 2; ++i) {
    // Near the ends erfc keeps the digits that 1 - erf would lose.
    double e = std::fabs(y) > 0.5 ? (y > 0 ? (1 - y) - std::erfc(x) : std::erfc(-x) - (1 + y)) : std::erf(x) - y;
    x -= e / (2 / std::sqrt(M_PI) * std::exp(-x * x));
  }
  return x;
}

// Modified Bessel functions, scaled by exp(-|x|): power series to 15 (Abramowitz & Stegun 9.6.10),
// asymptotic series beyond (9.7.1).
inline double bessel_scaled(int order, double x) {
  double a = std::fabs(x);
  double sum, term;
  if (a < 15) {
    double q = a * a / 4;
    term = order ? a / 2 : 1;
    sum = term;
    for (int k = 1; k < 200 && term > sum * 1e-17; ++k) {
      term *= q / (k * double(k + order));
      sum += term;
    }
    sum *= std::exp(-a);
  } else {
    double mu = 4.0 * order * order;
    term = sum = 1;
    for (int k = 1; k < 30; ++k) {
      double next = -term * (mu - (2. * k - 1) * (2. * k - 1)) / (k * 8 * a);
      if (std::fabs(next) > std::fabs(term)) break;
      term = next;
      sum += term;
    }
    sum /= std::sqrt(2 * M_PI * a);
  }
  return order && x < 0 ? -sum : sum;
}
inline double i0e_(double x) { return bessel_scaled(0, x); }
inline double i1e_(double x) { return bessel_scaled(1, x); }
inline double i0_(double x) { return bessel_scaled(0, x) * std::exp(std::fabs(x)); }
inline double i1_(double x) { return bessel_scaled(1, x) * std::exp(std::fabs(x)); }

inline double sinc_(double x) {
  double p = M_PI * x;
  return x == 0 ? 1 : std::sin(p) / p;
}
inline double logit_(double x, double eps) {
  if (eps >= 0) x = x < eps ? eps : x > 1 - eps ? 1 - eps : x;
  return std::log(x / (1 - x));
}

#define LAMPAS_IN_DOUBLE(name) \
  inline float name(float x) { return static_cast<float>(name(static_cast<double>(x))); }
LAMPAS_IN_DOUBLE(digamma_) LAMPAS_IN_DOUBLE(trigamma_) LAMPAS_IN_DOUBLE(erfinv_)
LAMPAS_IN_DOUBLE(i0e_) LAMPAS_IN_DOUBLE(i1e_) LAMPAS_IN_DOUBLE(i0_) LAMPAS_IN_DOUBLE(i1_)
LAMPAS_IN_DOUBLE(sinc_)
#undef LAMPAS_IN_DOUBLE
inline float logit_(float x, float eps) {
  if (eps >= 0) x = x < eps ? eps : x > 1 - eps ? 1 - eps : x;
  return std::log(x / (1 - x));
}
template <class R>
std::complex<R> sinc_(std::complex<R> z) {
  if (z == R(0)) return R(1);
  z *= R(M_PI);
  return std::sin(z) / z;
}

}  // namespace lampas::kernels::LAMPAS_ISA
