// Elementary functions of one element. The float versions are branch-free, so that the compiler
// turns loops over them into vector code for the instruction set at hand; the others use libm.
#pragma once
#include <bit>
#include <cmath>
#include <complex>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "core/dtype.h"

namespace lampas::kernels::LAMPAS_ISA {

template <class T>
inline constexpr bool is_cplx = std::is_same_v<T, c64> || std::is_same_v<T, c128>;

inline float bits_to_float(int32_t i) { return std::bit_cast<float>(i); }
inline int32_t float_to_bits(float f) { return std::bit_cast<int32_t>(f); }
inline float fma_(float a, float b, float c) { return __builtin_fmaf(a, b, c); }

// Nearest integer of |x| < 2^22 as a float.
inline float nearest(float x) { return (x + 12582912.f) - 12582912.f; }

// 2^n * x in two steps, so that results below the normal range and the last octave come out right.
inline float scale2(float x, float n) {
  auto whole = static_cast<int32_t>(n);
  int32_t half = whole >> 1, rest = whole - half;
  return x * bits_to_float((half + 127) << 23) * bits_to_float((rest + 127) << 23);
}

// Cody-Waite reduction and a degree-6 polynomial; within 1 ulp.
inline float exp_(float x) {
  x = x > 89.f ? 89.f : x;
  x = x < -104.f ? -104.f : x;
  float n = nearest(x * 1.44269504f);
  float r = fma_(n, -0.693359375f, x);
  r = fma_(n, 2.12194440e-4f, r);
  float p = 1.9875691500e-4f;
  p = fma_(p, r, 1.3981999507e-3f);
  p = fma_(p, r, 8.3334519073e-3f);
  p = fma_(p, r, 4.1665795894e-2f);
  p = fma_(p, r, 1.6666665459e-1f);
  p = fma_(p, r, 5.0000001201e-1f);
  p = fma_(p, r * r, r) + 1.f;
  return scale2(p, n);
}

// Cephes' logf; within 1 ulp, denormals included.
inline float log_(float x) {
  float scaled = x < 1.17549435e-38f ? x * 8388608.f : x;
  float shift = x < 1.17549435e-38f ? -23.f : 0.f;
  int32_t i = float_to_bits(scaled);
  int32_t e = ((i - 0x3f3504f3) >> 23);  // sqrt(1/2) splits the octave
  float m = bits_to_float(i - (e << 23)) - 1.f;
  float z = m * m;
  float p = 7.0376836292e-2f;
  p = fma_(p, m, -1.1514610310e-1f);
  p = fma_(p, m, 1.1676998740e-1f);
  p = fma_(p, m, -1.2420140846e-1f);
  p = fma_(p, m, 1.4249322787e-1f);
  p = fma_(p, m, -1.6668057665e-1f);
  p = fma_(p, m, 2.0000714765e-1f);
  p = fma_(p, m, -2.4999993993e-1f);
  p = fma_(p, m, 3.3333331174e-1f);
  float ef = static_cast<float>(e) + shift;
  float y = m * z * p;
  y = fma_(ef, -2.12194440e-4f, y);
  y = fma_(z, -0.5f, y);
  float r = fma_(ef, 0.693359375f, m + y);
  constexpr float inf = std::numeric_limits<float>::infinity();
  r = x == inf ? inf : r;
  r = x == 0.f ? -inf : r;
  return x < 0.f || x != x ? std::numeric_limits<float>::quiet_NaN() : r;
}

// exp(x) - 1 without cancellation: the reduced polynomial is scaled before 1 is taken off.
inline float expm1_(float x) {
  x = x > 89.f ? 89.f : x;
  x = x < -104.f ? -104.f : x;
  float n = nearest(x * 1.44269504f);
  float r = fma_(n, -0.693359375f, x);
  r = fma_(n, 2.12194440e-4f, r);
  float p = 1.9875691500e-4f;
  p = fma_(p, r, 1.3981999507e-3f);
  p = fma_(p, r, 8.3334519073e-3f);
  p = fma_(p, r, 4.1665795894e-2f);
  p = fma_(p, r, 1.6666665459e-1f);
  p = fma_(p, r, 5.0000001201e-1f);
  p = fma_(p, r * r, r);  // exp(r) - 1
  float s = bits_to_float((static_cast<int32_t>(n > 127.f ? 127.f : n < -126.f ? -126.f : n) + 127) << 23);
  float big = scale2(p + 1.f, n) - 1.f;
  float small = fma_(s, p, s - 1.f);
  float y = n > 127.f || n < -126.f ? big : small;
  return n == 0.f ? p : y;
}

inline float log1p_(float x) {
  // log(u) corrected by what rounding 1 + x lost (Goldberg 1991, theorem 4).
  float u = 1.f + x;
  float d = u - 1.f;
  float y = log_(u);
  y = d == 0.f ? x : y * (x / (d == 0.f ? 1.f : d));
  y = u == std::numeric_limits<float>::infinity() ? u : y;
  return x <= -1.f ? log_(u) : y;
}

// Rational minimax approximation on [-7.9, 7.9], as in Eigen; within 3 ulp.
inline float tanh_(float x) {
  float c = x > 7.90531110763549805f ? 7.90531110763549805f : x;
  c = c < -7.90531110763549805f ? -7.90531110763549805f : c;
  float s = c * c;
  float p = -2.76076847742355e-16f;
  p = fma_(p, s, 2.00018790482477e-13f);
  p = fma_(p, s, -8.60467152213735e-11f);
  p = fma_(p, s, 5.12229709037114e-08f);
  p = fma_(p, s, 1.48572235717979e-05f);
  p = fma_(p, s, 6.37261928875436e-04f);
  p = fma_(p, s, 4.89352455891786e-03f);
  float q = 1.19825839466702e-06f;
  q = fma_(q, s, 1.18534705686654e-04f);
  q = fma_(q, s, 2.26843463243900e-03f);
  q = fma_(q, s, 4.89352518554385e-03f);
  float y = c * p / q;
  float a = x < 0.f ? -x : x;
  return a < 0.0004f ? x : y;
}

inline float sigmoid_(float x) { return 1.f / (1.f + exp_(-x)); }

// Two branches joined by a select; polynomials after N. Juffa's erff, below 1 ulp.
inline float erf_(float a) {
  float t = a < 0.f ? -a : a, s = a * a;
  float r = fma_(-1.72853470e-5f, t, 3.83197126e-4f);
  float u = fma_(-3.88396438e-3f, t, 2.42546219e-2f);
  r = fma_(r, s, u);
  r = fma_(r, t, -1.06777877e-1f);
  r = fma_(r, t, -6.34846687e-1f);
  r = fma_(r, t, -1.28717512e-1f);
  r = fma_(r, t, -t);
  r = 1.f - exp_(r);
  float large = a < 0.f ? -r : r;
  float p = -5.96761703e-4f;
  p = fma_(p, s, 4.99119423e-3f);
  p = fma_(p, s, -2.67681349e-2f);
  p = fma_(p, s, 1.12819925e-1f);
  p = fma_(p, s, -3.76125336e-1f);
  p = fma_(p, s, 1.28379166e-1f);
  float small = fma_(p, a, a);
  return t > 0.927734375f ? (t > 4.f ? (a < 0.f ? -1.f : 1.f) : large) : small;
}

// Reduction by pi/2 in three parts up to 2^13 or so; beyond, and for non-finite x, libm.
inline void sincos_reduced(float x, float* s, float* c, int32_t* quadrant) {
  float n = nearest(x * 0.636619772f);
  float r = fma_(n, -1.5707962513f, x);
  r = fma_(n, -7.5497894159e-8f, r);
  r = fma_(n, -5.3903029534e-15f, r);
  float z = r * r;
  float ps = fma_(z, -1.9515295891e-4f, 8.3321608736e-3f);
  ps = fma_(ps, z, -1.6666654611e-1f);
  *s = fma_(ps * z, r, r);
  float pc = fma_(z, 2.443315711809948e-5f, -1.388731625493765e-3f);
  pc = fma_(pc, z, 4.166664568298827e-2f);
  *c = fma_(pc * z, z, fma_(z, -0.5f, 1.f));
  *quadrant = static_cast<int32_t>(n);
}
inline float sin_small(float x) {
  float s, c;
  int32_t q;
  sincos_reduced(x, &s, &c, &q);
  float y = q & 1 ? c : s;
  return q & 2 ? -y : y;
}
inline float cos_small(float x) {
  float s, c;
  int32_t q;
  sincos_reduced(x, &s, &c, &q);
  float y = q & 1 ? s : c;
  return (q + 1) & 2 ? -y : y;
}
// Whole loops check the range once per chunk; single calls check here.
inline float sin_(float x) { return std::fabs(x) < 8192.f ? sin_small(x) : std::sin(x); }
inline float cos_(float x) { return std::fabs(x) < 8192.f ? cos_small(x) : std::cos(x); }

inline float exp2_(float x) { return std::exp2(x); }

#define LAMPAS_LIBM(name, fn)                       \
  inline double name(double x) { return fn(x); }
LAMPAS_LIBM(exp_, std::exp) LAMPAS_LIBM(log_, std::log) LAMPAS_LIBM(expm1_, std::expm1)
LAMPAS_LIBM(log1p_, std::log1p) LAMPAS_LIBM(tanh_, std::tanh) LAMPAS_LIBM(erf_, std::erf)
LAMPAS_LIBM(sin_, std::sin) LAMPAS_LIBM(cos_, std::cos) LAMPAS_LIBM(exp2_, std::exp2)
#undef LAMPAS_LIBM
inline double sigmoid_(double x) { return 1 / (1 + std::exp(-x)); }

#define LAMPAS_LIBM(name, fn)                     \
  inline float name(float x) { return fn(x); }    \
  inline double name(double x) { return fn(x); }
LAMPAS_LIBM(log2_, std::log2) LAMPAS_LIBM(log10_, std::log10) LAMPAS_LIBM(sqrt_, std::sqrt)
LAMPAS_LIBM(tan_, std::tan) LAMPAS_LIBM(asin_, std::asin) LAMPAS_LIBM(acos_, std::acos)
LAMPAS_LIBM(atan_, std::atan) LAMPAS_LIBM(sinh_, std::sinh) LAMPAS_LIBM(cosh_, std::cosh)
LAMPAS_LIBM(asinh_, std::asinh) LAMPAS_LIBM(acosh_, std::acosh) LAMPAS_LIBM(atanh_, std::atanh)
LAMPAS_LIBM(erfc_, std::erfc)
#undef LAMPAS_LIBM
// lgamma_r: libm's lgamma writes a global.
inline double lgamma_(double x) {
  int sign;
  return ::lgamma_r(x, &sign);
}
inline float lgamma_(float x) { return static_cast<float>(lgamma_(static_cast<double>(x))); }

// Complex numbers.
#define LAMPAS_COMPLEX(name, fn)           \
  template <class R>                       \
  std::complex<R> name(std::complex<R> z) { return fn; }
LAMPAS_COMPLEX(exp_, std::exp(z)) LAMPAS_COMPLEX(log_, std::log(z)) LAMPAS_COMPLEX(sin_, std::sin(z))
LAMPAS_COMPLEX(cos_, std::cos(z)) LAMPAS_COMPLEX(tan_, std::tan(z)) LAMPAS_COMPLEX(asin_, std::asin(z))
LAMPAS_COMPLEX(acos_, std::acos(z)) LAMPAS_COMPLEX(atan_, std::atan(z)) LAMPAS_COMPLEX(sinh_, std::sinh(z))
LAMPAS_COMPLEX(cosh_, std::cosh(z)) LAMPAS_COMPLEX(tanh_, std::tanh(z)) LAMPAS_COMPLEX(asinh_, std::asinh(z))
LAMPAS_COMPLEX(acosh_, std::acosh(z)) LAMPAS_COMPLEX(atanh_, std::atanh(z)) LAMPAS_COMPLEX(sqrt_, std::sqrt(z))
LAMPAS_COMPLEX(log10_, std::log10(z))
LAMPAS_COMPLEX(log2_, std::log(z) / R(0.69314718055994530942))
LAMPAS_COMPLEX(exp2_, std::exp(z * R(0.69314718055994530942)))
LAMPAS_COMPLEX(sigmoid_, R(1) / (R(1) + std::exp(-z)))
#undef LAMPAS_COMPLEX
template <class R>
std::complex<R> expm1_(std::complex<R> z) {
  R s = std::sin(z.imag() / 2);
  R re = std::expm1(z.real()) * std::cos(z.imag()) - 2 * s * s;
  return {re, std::exp(z.real()) * std::sin(z.imag())};
}
template <class R>
std::complex<R> log1p_(std::complex<R> z) {
  std::complex<R> u = R(1) + z;
  if (u == R(1)) return z;
  return std::log(u) * (z / (u - R(1)));
}

}  // namespace lampas::kernels::LAMPAS_ISA
