// Elementary functions of one element, free of branches and calls, so that the compiler turns a
// loop over them into vectors of whatever width the instruction set has. A value comes out the same
// bits wherever in a chunk it stands. Polynomials are minimax fits (Remez) with coefficients
// rounded one by one; the stated errors are the largest found by test_simd.
#pragma once

// Only fma_ fuses: what a compiler contracts differs between a loop's vectors and its last
// elements.
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#elif defined(__GNUC__)
#pragma GCC optimize("fp-contract=off")
#endif

#include <bit>
#include <cmath>
#include <complex>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "core/dtype.h"

namespace lampas::kernels::LAMPAS_ISA {

#define LAMPAS_INLINE [[gnu::always_inline]] inline
#define LAMPAS_LAMBDA __attribute__((always_inline))

template <class T>
inline constexpr bool is_cplx = std::is_same_v<T, c64> || std::is_same_v<T, c128>;
template <class T>
inline constexpr T kInf = std::numeric_limits<T>::infinity();
template <class T>
inline constexpr T kNan = std::numeric_limits<T>::quiet_NaN();

// ---- bits --------------------------------------------------------------------------------------
template <class T>
struct Format;
template <>
struct Format<float> {
  using Int = int32_t;
  using Bits = uint32_t;
  static constexpr int kMantissa = 23;
  static constexpr float kMagic =
      0x1.8p23f;  // adding it rounds to an integer, kept in the low bits
};
template <>
struct Format<double> {
  using Int = int64_t;
  using Bits = uint64_t;
  static constexpr int kMantissa = 52;
  static constexpr double kMagic = 0x1.8p52;
};
template <class T>
using BitsOf = typename Format<T>::Bits;

template <class T>
LAMPAS_INLINE BitsOf<T> bits(T x) {
  return std::bit_cast<BitsOf<T>>(x);
}
LAMPAS_INLINE float from_bits(uint32_t b) { return std::bit_cast<float>(b); }
LAMPAS_INLINE double from_bits(uint64_t b) { return std::bit_cast<double>(b); }

template <class T>
inline constexpr BitsOf<T> kSign = BitsOf<T>(1) << (sizeof(T) * 8 - 1);
template <class T>
LAMPAS_INLINE T magnitude(T x) {
  return from_bits(bits(x) & ~kSign<T>);
}
// y, not negative, with the sign of x.
template <class T>
LAMPAS_INLINE T signed_as(T y, T x) {
  return from_bits(bits(y) | (bits(x) & kSign<T>));
}

template <class T>
LAMPAS_INLINE T fma_(T a, T b, T c) {
#if defined(__FMA__) || defined(__ARM_FEATURE_FMA)
  if constexpr (std::is_same_v<T, float>)
    return __builtin_fmaf(a, b, c);
  else
    return __builtin_fma(a, b, c);
#else
  return a * b + c;
#endif
}

// c0 + c1 x + c2 x^2 + ...
template <class T, class... C>
LAMPAS_INLINE T poly(T x, T c, C... rest) {
  if constexpr (sizeof...(rest) == 0)
    return c;
  else
    return fma_(poly(x, rest...), x, c);
}

// x = k ln 2 + r with |r| <= ln 2 / 2. `shifted` holds k in its low bits.
template <class T>
struct Reduced {
  T shifted, k, r;
};
template <class T>
LAMPAS_INLINE Reduced<T> reduce_ln2(T x) {
  constexpr T magic = Format<T>::kMagic;
  T shifted = fma_(x, T(1.4426950408889634), magic), k = shifted - magic;
  // ln 2 in two parts; the first has so few bits that its products with k are exact.
  constexpr bool single = std::is_same_v<T, float>;
  T r = fma_(k, single ? T(-0.693359375) : T(-6.93147180369123816490e-01), x);
  r = fma_(k, single ? T(2.12194440054690583e-4) : T(-1.90821492927058770002e-10), r);
  return {shifted, k, r};
}
// 2^k from a number that holds k in its low bits; k within the normal exponents.
template <class T>
LAMPAS_INLINE T power_of_two(T shifted) {
  constexpr int m = Format<T>::kMantissa;
  return from_bits(static_cast<BitsOf<T>>((bits(shifted) << m) + bits(T(1))));
}
// x * 2^k in two steps, so that results below the normal numbers and in the last octave come out.
template <class T>
LAMPAS_INLINE T scale_by(T x, T k) {
  constexpr T magic = Format<T>::kMagic;
  T half = fma_(k, T(0.5), magic);
  T rest = (k - (half - magic)) + magic;
  return x * power_of_two(half) * power_of_two(rest);
}
// exp(r) - 1 for |r| <= ln 2 / 2.
LAMPAS_INLINE float expm1_reduced(float r) {
  float p = poly(r, 0.5f, 0.166665092f, 0.0416664481f, 0.00836993195f, 0.00139366009f);
  return fma_(p, r * r, r);
}
LAMPAS_INLINE double expm1_reduced(double r) {
  double p =
      poly(r, 0.50000000000000144, 0.16666666666666702, 0.041666666666503711, 0.0083333333333051266,
           0.0013888888950404556, 0.00019841269921901285, 2.480148616249981e-05,
           2.7557212253513615e-06, 2.763271086198841e-07, 2.5119144972953065e-08);
  return fma_(p, r * r, r);
}

// ---- exponentials
// ----------------------------------------------------------------------------------- Beyond these,
// exp is 0 or infinite.
template <class T>
inline constexpr T kExpLow = std::is_same_v<T, float> ? T(-104) : T(-746);
template <class T>
inline constexpr T kExpHigh = std::is_same_v<T, float> ? T(89) : T(710);
template <class T>
LAMPAS_INLINE T limit(T x, T low, T high) {
  x = x > high ? high : x;
  return x < low ? low : x;
}

template <class T>
  requires std::is_floating_point_v<T>
LAMPAS_INLINE T exp_(T x) {
  Reduced<T> d = reduce_ln2(limit(x, kExpLow<T>, kExpHigh<T>));
  return scale_by(expm1_reduced(d.r) + T(1), d.k);
}
// exp where the result is known to be a normal number.
template <class T>
LAMPAS_INLINE T exp_normal(T x) {
  Reduced<T> d = reduce_ln2(x);
  T s = power_of_two(d.shifted);
  return fma_(expm1_reduced(d.r), s, s);
}
template <class T>
  requires std::is_floating_point_v<T>
LAMPAS_INLINE T exp2_(T x) {
  constexpr bool single = std::is_same_v<T, float>;
  T c = limit(x, single ? T(-151) : T(-1076), single ? T(129) : T(1025));
  T k = (c + Format<T>::kMagic) - Format<T>::kMagic;
  return scale_by(expm1_reduced((c - k) * T(0.69314718055994530942)) + T(1), k);
}
// 2^k (exp(r) - 1) + (2^k - 1), halved meanwhile, so that 2^k does not overflow.
template <class T>
  requires std::is_floating_point_v<T>
LAMPAS_INLINE T expm1_(T x) {
  Reduced<T> d = reduce_ln2(limit(x, T(-40), kExpHigh<T>));
  T e = expm1_reduced(d.r), s = T(0.5) * power_of_two(d.shifted);
  if constexpr (std::is_same_v<T, float>)
    s = d.k > 127.f ? 0x1p127f : s;
  else
    s = d.k > 1023. ? 0x1p1023 : s;
  T y = T(2) * fma_(s, e, s - T(0.5));
  y = d.k == T(0) ? e : y;
  return signed_as(magnitude(y), x);
}

// ---- logarithms
// ------------------------------------------------------------------------------------- x = 2^e (1
// + f) with sqrt(1/2) <= 1 + f < sqrt(2), for positive normal x.
template <class T>
struct Split {
  T e, f;
};
template <class T>
LAMPAS_INLINE Split<T> split(T x) {
  constexpr int m = Format<T>::kMantissa;
  constexpr auto one = std::bit_cast<BitsOf<T>>(T(1));
  constexpr auto root = std::bit_cast<BitsOf<T>>(T(0.70710678118654752440));
  BitsOf<T> shifted = bits(x) + (one - root);
  BitsOf<T> mantissa = (shifted & ((BitsOf<T>(1) << m) - 1)) + root;
  // The biased exponent becomes a number without a conversion: under the bits of 2^m.
  constexpr T base = T(BitsOf<T>(1) << m);
  constexpr int bias = (1 << (sizeof(T) * 8 - m - 2)) - 1;
  T e = from_bits(static_cast<BitsOf<T>>((shifted >> m) | std::bit_cast<BitsOf<T>>(base)));
  return {e - (base + T(bias)), from_bits(mantissa) - T(1)};
}
// log(1 + f) + e ln 2.
LAMPAS_INLINE float log_split(Split<float> s) {
  float f = s.f, z = f * f;
  float p = poly(f, 0.333333105f, -0.250000179f, 0.200022548f, -0.166676387f, 0.142165586f,
                 -0.124096774f, 0.119142517f, -0.116648771f, 0.0667768046f);
  float y = fma_(s.e, -2.12194440054690583e-4f, f * z * p);
  y = fma_(z, -0.5f, y);
  return fma_(s.e, 0.693359375f, f + y);
}
// log(1 + f) = f - (half - q (half + series)), q = f / (2 + f), z = q^2, half = f^2 / 2.
LAMPAS_INLINE double log_series(double z) {
  return z * poly(z, 0.66666666666667351, 0.39999999999401309, 0.28571428746915817,
                  0.22222197982507991, 0.18183600528698671, 0.15313001353560615,
                  0.14807549138780579);
}
LAMPAS_INLINE double log_split(Split<double> s) {
  double f = s.f, q = f / (2 + f), half = 0.5 * f * f;
  double low = fma_(q, half + log_series(q * q), s.e * 1.90821492927058770002e-10);
  return fma_(s.e, 6.93147180369123816490e-01, f - (half - low));
}
// What every logarithm gives at the ends of its range.
template <class T>
LAMPAS_INLINE T log_ends(T x, T y) {
  y = x == kInf<T> ? x : y;
  y = x == T(0) ? -kInf<T> : y;
  return x >= T(0) ? y : kNan<T>;
}
template <class T>
  requires std::is_floating_point_v<T>
LAMPAS_INLINE Split<T> split_any(T x) {
  constexpr int m = Format<T>::kMantissa;
  bool tiny = x < std::numeric_limits<T>::min();
  Split<T> s = split(tiny ? x * T(BitsOf<T>(1) << m) : x);
  return {s.e - (tiny ? T(m) : T(0)), s.f};
}
template <class T>
  requires std::is_floating_point_v<T>
LAMPAS_INLINE T log_(T x) {
  return log_ends(x, log_split(split_any(x)));
}
// log(u) for u = 1 + x, corrected by what rounding took from u.
template <class T>
  requires std::is_floating_point_v<T>
LAMPAS_INLINE T log1p_(T x) {
  T u = T(1) + x, lost = x - (u - T(1));
  T y = log_split(split(u)) + lost / u;
  y = u == kInf<T> ? u : y;
  y = u == T(0) ? -kInf<T> : y;
  y = u >= T(0) ? y : kNan<T>;
  return x == T(0) ? x : y;
}
// For floats in double, where they are never denormal: a float's precision and to spare, exact for
// powers of two.
LAMPAS_INLINE double log2_of_float(float x) {
  Split<double> s = split(static_cast<double>(x));
  double q = s.f / (2 + s.f);
  double p = poly(q * q, 2.8853900817907099, 0.96179667249972456, 0.57708375564156622,
                  0.41166195420370189, 0.34093797063230924);
  return fma_(q, p, s.e);
}
LAMPAS_INLINE float log2_(float x) { return log_ends(x, static_cast<float>(log2_of_float(x))); }
LAMPAS_INLINE float log10_(float x) {
  return log_ends(x, static_cast<float>(log2_of_float(x) * 0.30102999566398119521));
}
// Of doubles as in FreeBSD's e_log2.c: log(1 + f) in two parts, times 1 / ln(base) in two, plus the
// exponent's part, whose first term is exact.
LAMPAS_INLINE double log_in_base(double x, double scale, double scale_low, double two,
                                 double two_low) {
  const Split<double> s = split_any(x);
  const double f = s.f, q = f / (2 + f), half = 0.5 * f * f, high = f - half;
  const double low = ((f - high) - half) - fma_(0.5 * f, f, -half) + q * (half + log_series(q * q));
  const double product = high * scale, whole = s.e * two, sum = whole + product;
  const double rest = fma_(high, scale, -product) + fma_(high, scale_low, low * scale);
  return log_ends(x, sum + (((whole - sum) + product) + fma_(s.e, two_low, rest)));
}
LAMPAS_INLINE double log2_(double x) {
  return log_in_base(x, 1.4426950408889634, 2.0355273740931033e-17, 1, 0);
}
LAMPAS_INLINE double log10_(double x) {
  return log_in_base(x, 0.4342944819032518, 1.098319650216765e-17, 0x1.34413508p-2,
                     1.1451100898021838e-10);
}

// ---- powers and roots --------------------------------------------------------------------------
LAMPAS_INLINE float sqrt_(float x) { return __builtin_sqrtf(x); }
LAMPAS_INLINE double sqrt_(double x) { return __builtin_sqrt(x); }

// |a|^b as 2^(b log2 |a|) in double; signs and special cases as in IEEE 754.
LAMPAS_INLINE float pow_(float a, float b) {
  float m = magnitude(a);
  double l = m == 0.f ? -kInf<double> : log2_of_float(m);
  l = m <= std::numeric_limits<float>::max() ? l : static_cast<double>(m);
  double t = limit(l * static_cast<double>(b), -400., 400.);
  double shifted = t + Format<double>::kMagic, r = t - (shifted - Format<double>::kMagic);
  double p =
      poly(r, 1.0000000005586587, 0.69314720588718826, 0.24022646867618302, 0.055503284503503142,
           0.0096184904090755845, 0.0013400063452432243, 0.00015345694131147639);
  auto y = static_cast<float>(p * power_of_two(shifted));
  bool integer = __builtin_truncf(b) == b;
  float half = 0.5f * b;
  bool odd = integer & (__builtin_truncf(half) != half);
  y = (m == 1.f) & (magnitude(b) == kInf<float>) ? 1.f : y;
  y = (a < 0.f) & !integer & (m != kInf<float>)&(magnitude(b) != kInf<float>) ? kNan<float> : y;
  y = odd ? signed_as(y, a) : y;
  return (b == 0.f) | (a == 1.f) ? 1.f : y;
}
inline double pow_(double a, double b) { return std::pow(a, b); }

LAMPAS_INLINE float hypot_(float a, float b) {
  auto x = static_cast<double>(a), y = static_cast<double>(b);
  auto h = static_cast<float>(__builtin_sqrt(x * x + y * y));
  return (magnitude(a) == kInf<float>) | (magnitude(b) == kInf<float>) ? kInf<float> : h;
}
// Scaled by a power of two so that no square overflows or vanishes, with what rounding the larger
// square lost.
LAMPAS_INLINE double hypot_(double a, double b) {
  const double p = magnitude(a), q = magnitude(b);
  const uint64_t exponent = bits(p > q ? p : q) & 0x7ff0000000000000u;
  const uint64_t some = exponent < 0x0010000000000000u ? 0x0010000000000000u : exponent;
  const uint64_t down = some > 0x7fd0000000000000u ? 0x7fd0000000000000u : some;
  const double up = from_bits(0x7fe0000000000000u - down);
  const double x = (p > q ? p : q) * up, y = (p > q ? q : p) * up, square = x * x;
  const double h = __builtin_sqrt(square + fma_(y, y, fma_(x, x, -square))) * from_bits(down);
  return (p == kInf<double>) | (q == kInf<double>) ? kInf<double> : h;
}

// ---- hyperbolic functions ----------------------------------------------------------------------
LAMPAS_INLINE float tanh_(float x) {
  float a = magnitude(x), z = a * a;
  float p = poly(z, -0.333333135f, 0.133324161f, -0.0538322777f, 0.0209825896f, -0.00614114106f);
  float small = fma_(a * z, p, a);
  float large = 1.f - 2.f / (exp_normal(limit(2.f * a, 0.f, 20.f)) + 1.f);
  return signed_as(a < 0.56f ? small : large, x);
}
LAMPAS_INLINE double tanh_(double x) {
  double a = magnitude(x), e = expm1_(limit(2. * a, 0., 44.));
  return signed_as(e / (e + 2.), x);
}
template <class T>
  requires std::is_floating_point_v<T>
LAMPAS_INLINE T sigmoid_(T x) {
  return T(1) / (T(1) + exp_(-x));
}
template <class T>
  requires std::is_floating_point_v<T>
LAMPAS_INLINE T sinh_(T x) {
  T a = magnitude(x), e = expm1_(a), h = exp_(T(0.5) * a);
  T y = T(0.5) * (e + e / (e + T(1)));
  return signed_as(a > T(20) ? T(0.5) * h * h : y, x);
}
template <class T>
  requires std::is_floating_point_v<T>
LAMPAS_INLINE T cosh_(T x) {
  T h = exp_(T(0.5) * magnitude(x)), e = h * h;
  return magnitude(x) > T(20) ? T(0.5) * h * h : T(0.5) * (e + T(1) / e);
}
template <class T>
  requires std::is_floating_point_v<T>
LAMPAS_INLINE T asinh_(T x) {
  T a = magnitude(x), z = a * a;
  T y = log1p_(a + z / (T(1) + sqrt_(z + T(1))));
  return signed_as(a > T(1e9) ? log_(a) + T(0.69314718055994530942) : y, x);
}
template <class T>
  requires std::is_floating_point_v<T>
LAMPAS_INLINE T acosh_(T x) {
  T t = x - T(1);
  T y = log1p_(t + sqrt_(T(2) * t + t * t));
  y = x > T(1e9) ? log_(x) + T(0.69314718055994530942) : y;
  return x >= T(1) ? y : kNan<T>;
}
template <class T>
  requires std::is_floating_point_v<T>
LAMPAS_INLINE T atanh_(T x) {
  T a = magnitude(x);
  T y = T(0.5) * log1p_(T(2) * a / (T(1) - a));
  y = a == T(1) ? kInf<T> : y;
  return a <= T(1) ? signed_as(y, x) : kNan<T>;
}

}  // namespace lampas::kernels::LAMPAS_ISA
