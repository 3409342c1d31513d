// Sines and their inverses. Large arguments need pi to hundreds of digits: there libm takes over,
// element by element; see Bounded in pointwise_loop.h for how loops keep that out of the way.
#pragma once
#include "kernels/simd/math.h"

namespace lampas::kernels::LAMPAS_ISA {

// ---- reduction by pi / 2 -----------------------------------------------------------------------
inline constexpr double kTrigLimit = 0x1p20;
template <class T>
LAMPAS_INLINE bool trig_in_bounds(T x) {
  return magnitude(x) < T(kTrigLimit);
}

// Sine and cosine of x - n pi/2, and n's low bits. In parts of so few bits that n times them is
// exact; floats are reduced in double.
template <class T>
struct Angle {
  T sin, cos;
  BitsOf<T> quadrant;
};
LAMPAS_INLINE Angle<float> reduce_angle(float x) {
  auto wide = static_cast<double>(x);
  double shifted = fma_(wide, 0.63661977236758134308, Format<double>::kMagic);
  double n = shifted - Format<double>::kMagic;
  auto r = static_cast<float>((wide - n * 0x1.921fb544p+0) - n * 0x1.0b4611a626331p-34);
  float z = r * r;
  float s = poly(z, -0.166666552f, 0.00833218452f, -0.000195172062f);
  float c = poly(z, 0.0416666456f, -0.00138873083f, 2.44320254e-05f);
  return {fma_(r * z, s, r), fma_(z * z, c, fma_(z, -0.5f, 1.f)),
          static_cast<uint32_t>(bits(shifted))};
}
LAMPAS_INLINE Angle<double> reduce_angle(double x) {
  double shifted = fma_(x, 0.63661977236758134308, Format<double>::kMagic);
  double n = shifted - Format<double>::kMagic;
  // Three parts of pi/2; what the last subtraction rounds off is kept in `low`.
  double a = (x - n * 0x1.921fb544p+0) - n * 0x1.0b4611a6p-34, b = n * 0x1.3198a2e037073p-69;
  double r = a - b, low = (a - r) - b, z = r * r;
  double s = poly(z, -0.1666666666666663, 0.0083333333333218823, -0.00019841269829361157,
                  2.7557313530470686e-06, -2.505073192305521e-08, 1.589522913299916e-10);
  double c = poly(z, 0.041666666666666595, -0.0013888888888873507, 2.4801587289065553e-05,
                  -2.7557314224266995e-07, 2.0875704947184499e-09, -1.1358656453704396e-11);
  double half = 0.5 * z, top = 1 - half;
  return {r + fma_(r * z, s, low), top + (((1 - top) - half) + fma_(z * z, c, -r * low)),
          bits(shifted)};
}

template <class T>
LAMPAS_INLINE T sin_bounded(T x) {
  Angle<T> a = reduce_angle(x);
  T y = a.quadrant & 1 ? a.cos : a.sin;
  y = a.quadrant & 2 ? -y : y;
  return x == T(0) ? x : y;
}
template <class T>
LAMPAS_INLINE T cos_bounded(T x) {
  Angle<T> a = reduce_angle(x);
  T y = a.quadrant & 1 ? a.sin : a.cos;
  return (a.quadrant + 1) & 2 ? -y : y;
}
template <class T>
LAMPAS_INLINE T tan_bounded(T x) {
  Angle<T> a = reduce_angle(x);
  T y = a.quadrant & 1 ? -a.cos / a.sin : a.sin / a.cos;
  return x == T(0) ? x : y;
}
template <class T>
  requires std::is_floating_point_v<T>
T sin_(T x) {
  return trig_in_bounds(x) ? sin_bounded(x) : std::sin(x);
}
template <class T>
  requires std::is_floating_point_v<T>
T cos_(T x) {
  return trig_in_bounds(x) ? cos_bounded(x) : std::cos(x);
}
template <class T>
  requires std::is_floating_point_v<T>
T tan_(T x) {
  return trig_in_bounds(x) ? tan_bounded(x) : std::tan(x);
}

// ---- inverses
// --------------------------------------------------------------------------------------- Angle of
// the point (c, s), 0 <= s <= c.
LAMPAS_INLINE float atan_octant(float s, float c) {
  float t = s / c, z = t * t;
  float p = poly(z, -0.333333015f, 0.199986041f, -0.142647162f, 0.109542467f, -0.0840858221f,
                 0.0580339767f, -0.0312450565f, 0.0109468726f, -0.00180013909f);
  return fma_(t * z, p, t);
}
// Above tan(pi/8) turned back by pi/4.
LAMPAS_INLINE double atan_octant(double s, double c) {
  bool turn = s > c * 0.41421356237309503;
  double t = (turn ? s - c : s) / (turn ? s + c : c), z = t * t;
  double p =
      poly(z, -0.33333333333333198, 0.19999999999952781, -0.14285714280090808, 0.11111110777260239,
           -0.090908975584010426, 0.076920563544700782, -0.066630570603210815, 0.058475273309515935,
           -0.050375922415871431, 0.038019168897122244, -0.017855608857861065);
  double y = t * z * p;
  return turn ? 0.78539816339744830962 + (t + (y + 3.06161699786838e-17)) : t + y;
}
template <class T>
inline constexpr T kHalfPi = T(1.57079632679489661923);
template <class T>
inline constexpr T kPi = T(3.14159265358979323846);
// What kHalfPi is short of pi / 2.
template <class T>
inline constexpr T kHalfPiLow =
    std::is_same_v<T, float> ? T(-4.37113883e-8) : T(6.123233995736766e-17);

template <class T>
  requires std::is_floating_point_v<T>
LAMPAS_INLINE T atan_(T x) {
  T a = magnitude(x);
  bool steep = a > T(1);
  T y = atan_octant(steep ? T(1) : a, steep ? a : T(1));
  return signed_as(steep ? kHalfPi<T> - (y - kHalfPiLow<T>) : y, x);
}
template <class T>
LAMPAS_INLINE T atan2_(T y, T x) {
  T a = magnitude(y), b = magnitude(x);
  bool steep = a > b;
  T s = steep ? b : a, c = steep ? a : b;
  bool both_inf = s == kInf<T>;
  s = both_inf ? T(1) : s;
  c = both_inf ? T(1) : c;
  T t = c == T(0) ? T(0) : atan_octant(s, c);
  t = steep ? kHalfPi<T> - (t - kHalfPiLow<T>) : t;
  bool left = bits(x) >= kSign<T>;
  t = left ? T(2) * kHalfPi<T> - (t - T(2) * kHalfPiLow<T>) : t;
  t = signed_as(t, y);
  return (x != x) | (y != y) ? kNan<T> : t;
}

// (asin(t) - t) / t^3 at z = t^2 <= 1/4.
LAMPAS_INLINE float asin_poly(float z) {
  return poly(z, 0.166667536f, 0.0749527365f, 0.0454720706f, 0.0241748262f, 0.0421705246f);
}
LAMPAS_INLINE double asin_poly(double z) {
  return poly(z, 0.16666666666665406, 0.075000000003397335, 0.044642856825346904,
              0.030381959278044032, 0.022371754390221342, 0.017359762742536346,
              0.013884644038781924, 0.012173180145905207, 0.006510553293653484,
              0.019576441242877635, -0.016300400165313329, 0.031964727002936066);
}
// Above 1/2 by asin(x) = pi/2 - 2 asin(sqrt((1 - x) / 2)).
template <class T>
  requires std::is_floating_point_v<T>
LAMPAS_INLINE T asin_(T x) {
  T a = magnitude(x);
  bool far = a > T(0.5);
  T z = far ? T(0.5) * (T(1) - a) : a * a, t = far ? sqrt_(z) : a;
  T y = fma_(t * z, asin_poly(z), t);
  y = far ? kHalfPi<T> - (T(2) * y - kHalfPiLow<T>) : y;
  return a <= T(1) ? signed_as(y, x) : kNan<T>;
}
template <class T>
  requires std::is_floating_point_v<T>
LAMPAS_INLINE T acos_(T x) {
  T a = magnitude(x);
  bool far = a > T(0.5);
  T z = far ? T(0.5) * (T(1) - a) : a * a, t = far ? sqrt_(z) : a;
  T y = fma_(t * z, asin_poly(z), t);
  T near = kHalfPi<T> - (signed_as(y, x) - kHalfPiLow<T>);
  T ends = x < T(0) ? T(2) * (kHalfPi<T> - (y - kHalfPiLow<T>)) : T(2) * y;
  return a <= T(1) ? (far ? ends : near) : kNan<T>;
}

}  // namespace lampas::kernels::LAMPAS_ISA
