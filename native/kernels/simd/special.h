// Special functions of one real number, in double; sources named at each.
#pragma once
#include "kernels/simd/trigonometry.h"

namespace lampas::kernels::LAMPAS_ISA {

// libm's lgamma writes a global; lgamma_r does not.
inline double lgamma_(double x) {
  int sign;
  return ::lgamma_r(x, &sign);
}
inline float lgamma_(float x) { return static_cast<float>(lgamma_(static_cast<double>(x))); }

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
  double series =
      z * (1. / 12 -
           z * (1. / 120 -
                z * (1. / 252 - z * (1. / 240 - z * (1. / 132 - z * (691. / 32760 - z / 12))))));
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
inline double i0_(double x) {
  return std::isinf(x) ? INFINITY : bessel_scaled(0, x) * std::exp(std::fabs(x));
}
inline double i1_(double x) {
  return std::isinf(x) ? x : bessel_scaled(1, x) * std::exp(std::fabs(x));
}

#define LAMPAS_IN_DOUBLE(name) \
  inline float name(float x) { return static_cast<float>(name(static_cast<double>(x))); }
LAMPAS_IN_DOUBLE(digamma_)
LAMPAS_IN_DOUBLE(trigamma_)
LAMPAS_IN_DOUBLE(i0e_)
LAMPAS_IN_DOUBLE(i1e_)
LAMPAS_IN_DOUBLE(i0_)
LAMPAS_IN_DOUBLE(i1_)
#undef LAMPAS_IN_DOUBLE
template <class T>
  requires std::is_floating_point_v<T>
T sinc_(T x) {
  T p = T(3.14159265358979323846) * x;
  return x == T(0) ? T(1) : sin_(p) / p;
}
template <class T>
LAMPAS_INLINE T logit_(T x, T eps) {
  T inside = limit(x, eps, T(1) - eps);
  x = eps >= T(0) ? inside : x;
  return log_(x / (T(1) - x));
}

}  // namespace lampas::kernels::LAMPAS_ISA
