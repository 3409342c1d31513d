// What the rows of pointwise.def are written in, over the elementary functions.
#pragma once
#include <algorithm>
#include <numeric>

#include "kernels/simd/complex.h"
#include "kernels/simd/error_function.h"
#include "kernels/simd/special.h"
#include "kernels/simd/trigonometry.h"

namespace lampas::kernels::LAMPAS_ISA {

template <class T>
using real_of = typename std::conditional_t<is_cplx<T>, T, std::complex<T>>::value_type;

// ---- arithmetic --------------------------------------------------------------------------------
template <class T>
LAMPAS_INLINE T conjugate(T a) {
  if constexpr (is_cplx<T>)
    return std::conj(a);
  else
    return a;
}
template <class T>
LAMPAS_INLINE T absolute(T a) {
  if constexpr (is_cplx<T>)
    return T(std::abs(a));
  else if constexpr (std::is_unsigned_v<T>)
    return a;
  else if constexpr (std::is_integral_v<T>)
    return a < 0 ? static_cast<T>(-a) : a;
  else
    return magnitude(a);
}
template <class T>
LAMPAS_INLINE T sign(T a) {
  if constexpr (is_cplx<T>) {
    auto m = std::abs(a);
    return m == 0 ? T(0) : a / m;
  } else if constexpr (std::is_floating_point_v<T>) {
    return a > T(0) ? T(1) : a < T(0) ? T(-1) : T(0);  // of NaN too
  } else {
    return static_cast<T>((T(0) < a) - (a < T(0)));
  }
}
template <class T>
LAMPAS_INLINE T larger(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) return a != a ? a : (a > b ? a : b);
  return a > b ? a : b;
}
template <class T>
LAMPAS_INLINE T smaller(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) return a != a ? a : (a < b ? a : b);
  return a < b ? a : b;
}
// Against a number that is not NaN; a NaN stays.
template <class T>
LAMPAS_INLINE T at_least(T a, T low) {
  return a < low ? low : a;
}
template <class T>
LAMPAS_INLINE T at_most(T a, T high) {
  return a > high ? high : a;
}
// Nested, `larger` and `smaller` are branches to a compiler; this is not.
template <class T>
LAMPAS_INLINE T within(T a, T low, T high) {
  T y = at_most(at_least(a, low), high);
  if constexpr (std::is_floating_point_v<T>) return (low != low) | (high != high) ? kNan<T> : y;
  return y;
}
template <class T>
LAMPAS_INLINE T larger_number(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) return a != a ? b : (b != b || a >= b ? a : b);
  return a > b ? a : b;
}
template <class T>
LAMPAS_INLINE T smaller_number(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) return a != a ? b : (b != b || a <= b ? a : b);
  return a < b ? a : b;
}

// fmod of floats in double, exact while the quotient has less than 29 bits; libm's beyond. With a
// fused multiply-add that of doubles is exact too, while the quotient has less than 53 bits:
// rounded up to an integer, it leaves a negative remainder.
#if defined(__FMA__) || defined(__ARM_FEATURE_FMA)
#define LAMPAS_MOD_OF_DOUBLES
LAMPAS_INLINE bool mod_in_bounds(double a, double b) {
  return (magnitude(a) < 0x1p52 * magnitude(b)) & (magnitude(b) < kInf<double>);
}
LAMPAS_INLINE double mod_bounded(double a, double b) {
  double x = magnitude(a), y = magnitude(b);
  double r = fma_(-__builtin_trunc(x / y), y, x);
  return signed_as(r < 0 ? r + y : r, a);
}
#else
LAMPAS_INLINE bool mod_in_bounds(double, double) { return false; }
LAMPAS_INLINE double mod_bounded(double a, double b) { return std::fmod(a, b); }
#endif
LAMPAS_INLINE bool mod_in_bounds(float a, float b) {
  return (magnitude(a) < 0x1p28f * magnitude(b)) & (magnitude(b) < kInf<float>);
}
LAMPAS_INLINE float mod_bounded(float a, float b) {
  double x = magnitude(a), y = magnitude(b);
  double r = x - __builtin_trunc(x / y) * y;
  r = r < 0 ? r + y : r;
  r = r >= y ? r - y : r;
  return signed_as(static_cast<float>(r), a);
}
// Whether a quotient that left m, a remainder with the sign of a, is one more than rounded down.
template <class T>
LAMPAS_INLINE bool rounds_down(T m, T b) {
  return (m != T(0)) & ((m < T(0)) != (b < T(0)));
}
// From m.
template <class T>
LAMPAS_INLINE T floor_mod_from(T m, T b) {
  return static_cast<T>(rounds_down(m, b) ? m + b : m);
}
// Python's algorithm: floor(a / b) also where a / b rounds up to an integer.
template <class T>
LAMPAS_INLINE T floor_div_from(T m, T a, T b) {
  T d = (a - m) / b;
  d = rounds_down(m, b) ? d - T(1) : d;
  T f = __builtin_floor(d);
  f = d - f > T(0.5) ? f + T(1) : f;
  f = d == T(0) ? signed_as(T(0), a / b) : f;
  return b == T(0) ? a / b : f;
}
// Division of integers by zero is reported by the operator; here it must only not trap.
template <class T>
LAMPAS_INLINE T trunc_mod(T a, T b) {
  if constexpr (std::is_floating_point_v<T>)
    return mod_in_bounds(a, b) ? mod_bounded(a, b) : std::fmod(a, b);
  else
    return b == T(0) || (std::is_signed_v<T> && b == T(-1)) ? T(0) : static_cast<T>(a % b);
}
template <class T>
LAMPAS_INLINE T floor_mod(T a, T b) {
  return floor_mod_from(trunc_mod(a, b), b);
}
template <class T>
LAMPAS_INLINE T floor_div(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) {
    return floor_div_from(trunc_mod(a, b), a, b);
  } else {
    if (b == T(0)) return T(0);
    if constexpr (std::is_signed_v<T>)
      if (b == T(-1)) return static_cast<T>(T(0) - a);
    T q = static_cast<T>(a / b);
    return rounds_down(static_cast<T>(a % b), b) ? static_cast<T>(q - 1) : q;
  }
}
template <class T>
LAMPAS_INLINE T trunc_div(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) return std::trunc(a / b);
  if (b == T(0)) return T(0);
  if constexpr (std::is_signed_v<T>)
    if (b == T(-1)) return static_cast<T>(T(0) - a);
  return static_cast<T>(a / b);
}
// Integers divided as doubles, a vector at a time: with |a| < 2^52 a quotient that is no integer is
// further from the next one than its rounding.
template <class T>
LAMPAS_INLINE bool div_in_bounds(T a, T b) {
  if constexpr (sizeof(T) < 8) {
    return (b != 0) & ((a != std::numeric_limits<T>::min()) | (b != -1));
  } else {
    constexpr T most = T(1) << 52;
    return (a < most) & (a > -most) & (b < most) & (b > -most) & (b != 0);
  }
}
template <class T>
LAMPAS_INLINE T div_bounded(T a, T b) {
  return static_cast<T>(static_cast<double>(a) / static_cast<double>(b));
}
template <class T>
LAMPAS_INLINE T power(T a, T b) {
  if constexpr (is_cplx<T>) {
    if (b == T(0)) return T(1);
    if (a == T(0)) return b.real() > 0 ? T(0) : std::pow(a, b);
    return std::pow(a, b);
  } else if constexpr (std::is_floating_point_v<T>) {
    return pow_(a, b);
  } else {
    if (b < T(0)) return a == T(1) ? T(1) : a == T(-1) ? static_cast<T>(b % 2 ? -1 : 1) : T(0);
    T r = 1;
    for (; b; b = static_cast<T>(b >> 1), a = static_cast<T>(a * a))
      if (b & 1) r = static_cast<T>(r * a);
    return r;
  }
}
template <class T>
LAMPAS_INLINE T common_divisor(T a, T b) {
  return static_cast<T>(std::gcd(a, b));
}
template <class T>
LAMPAS_INLINE T common_multiple(T a, T b) {
  T g = common_divisor(a, b);
  if (g == T(0)) return T(0);
  auto v = a / g * b;  // of short integers an int, cut off last
  return static_cast<T>(v < 0 ? -v : v);
}
template <class T>
LAMPAS_INLINE T with_sign(T a, T b) {
  return std::copysign(a, b);
}
template <class T>
LAMPAS_INLINE T next_after(T a, T b) {
  const BitsOf<T> step = (b > a) == (a > T(0)) ? BitsOf<T>(1) : ~BitsOf<T>(0);
  T y = from_bits(bits(a) + step);
  y = a == T(0) ? signed_as(std::numeric_limits<T>::denorm_min(), b) : y;
  y = a == b ? b : y;
  return (a != a) | (b != b) ? kNan<T> : y;
}
template <class T>
LAMPAS_INLINE T hypotenuse(T a, T b) {
  return hypot_(a, b);
}
template <class T>
LAMPAS_INLINE T arctan2(T a, T b) {
  return atan2_(a, b);
}
template <class T>
LAMPAS_INLINE T log_add_exp(T a, T b) {
  T m = a > b ? a : b, y = m + log1p_(exp_(-magnitude(a - b)));
  return (magnitude(a) == kInf<T>)&(a == b) ? a : y;
}
// The larger one (by its real part) plus log1p of the quotient: its imaginary part is not wrapped
// to
// (-pi, pi]. Where both real parts are -inf, the angle says nothing, and either one is the answer.
template <class R>
std::complex<R> log_add_exp(std::complex<R> a, std::complex<R> b) {
  if (a != a || b != b) return {kNan<R>, kNan<R>};
  if (b.real() > a.real()) std::swap(a, b);
  if (a.real() == b.real() && magnitude(a.real()) == kInf<R>)
    return a.real() < R(0) ? a : std::log(std::exp(a) + std::exp(b));
  return a + log1p_(std::exp(b - a));
}
template <class T>
LAMPAS_INLINE T log_add_exp2(T a, T b) {
  T m = a > b ? a : b, y = m + log1p_(exp2_(-magnitude(a - b))) * T(1.4426950408889634);
  return (magnitude(a) == kInf<T>)&(a == b) ? a : y;
}
template <class T>
LAMPAS_INLINE T x_log_y(T a, T b) {
  T y = a == T(0) ? T(0) : a * log_(b);
  return b != b ? b : y;
}
template <class T>
LAMPAS_INLINE T x_log1p_y(T a, T b) {
  T y = a == T(0) ? T(0) : a * log1p_(b);
  return b != b ? b : y;
}
template <class T>
LAMPAS_INLINE T step(T a, T b) {
  return a == T(0) ? b : static_cast<T>(a > T(0));
}
template <class T>
LAMPAS_INLINE T lerp_(T a, T b, T w) {
  // From the nearer end, so that w = 1 gives exactly b.
  bool near;
  if constexpr (is_cplx<T>)
    near = std::abs(w) < real_of<T>(0.5);
  else
    near = magnitude(w) < T(0.5);
  return near ? a + w * (b - a) : b - (b - a) * (T(1) - w);
}

// ---- rounding, tests, bits ---------------------------------------------------------------------
#define LAMPAS_ROUND(name, fn)           \
  template <class T>                     \
  T name(T a) {                          \
    if constexpr (std::is_integral_v<T>) \
      return a;                          \
    else                                 \
      return fn(a);                      \
  }
LAMPAS_ROUND(floor_, std::floor)
LAMPAS_ROUND(ceil_, std::ceil)
LAMPAS_ROUND(trunc_, std::trunc)
LAMPAS_ROUND(round_, std::nearbyint)
#undef LAMPAS_ROUND

template <class T>
LAMPAS_INLINE bool is_nan(T a) {
  return a != a;
}
template <class T>
LAMPAS_INLINE bool is_inf(T a) {
  if constexpr (is_cplx<T>)
    return std::isinf(a.real()) || std::isinf(a.imag());
  else if constexpr (std::is_floating_point_v<T>)
    return magnitude(a) == std::numeric_limits<T>::infinity();
  else
    return false;
}
template <class T>
LAMPAS_INLINE bool is_finite(T a) {
  if constexpr (std::is_floating_point_v<T>)
    return magnitude(a) < kInf<T>;
  else
    return !is_nan(a) && !is_inf(a);
}
template <class T>
LAMPAS_INLINE bool sign_bit(T a) {
  if constexpr (std::is_floating_point_v<T>)
    return (bits(a) & kSign<T>) != 0;
  else
    return a < T(0);
}
template <class T>
LAMPAS_INLINE T replace_nan(T a, T nan, T high, T low) {
  if constexpr (std::is_floating_point_v<T>)
    return a != a ? nan : is_inf(a) ? (a > T(0) ? high : low) : a;
  else
    return a;
}
template <class T>
LAMPAS_INLINE T flip_bits(T a) {
  if constexpr (std::is_same_v<T, bool>)
    return !a;
  else
    return static_cast<T>(~a);
}
template <class T>
LAMPAS_INLINE T shift_left(T a, T b) {
  return b < T(0) || b >= T(sizeof(T) * 8)
             ? T(0)
             : static_cast<T>(static_cast<std::make_unsigned_t<T>>(a) << b);
}
template <class T>
LAMPAS_INLINE T shift_right(T a, T b) {
  constexpr T top = T(sizeof(T) * 8 - 1);
  return b < T(0) || b > top ? static_cast<T>(a >> top) : static_cast<T>(a >> b);
}

// ---- activations -------------------------------------------------------------------------------
template <class T>
constexpr T kSqrtHalf = T(0.70710678118654752440);
template <class T>
constexpr T kInvSqrt2Pi = T(0.39894228040143267794);
// The normal distribution's Phi(-|a|) and exp(-a^2 / 2). For floats by Mills' ratio, the quotient
// of the two, as a polynomial in 1 / (1 + 0.26 |a|): far out too, both keep their digits.
template <class T>
struct Normal {
  T tail, bell;
};
LAMPAS_INLINE Normal<float> normal(float a) {
  // Not negative, the square compares as an integer does, which is one instruction; NaN is left to
  // the caller's product with a.
  const float t = magnitude(a), q = from_bits(std::min(bits(t * t), bits(170.f)));
  constexpr float half_log2e = -0.72134752044f, magic = Format<float>::kMagic;
  const float shifted = fma_(q, half_log2e, magic), r = fma_(q, half_log2e, -(shifted - magic));
  const float p = poly(r, 1.00000012f, 0.693147004f, 0.240220428f, 0.0555065237f, 0.00967803318f,
                       0.00132963725f);
  const float bell = from_bits(bits(p) + (bits(shifted) << 23)), u = 1.f / fma_(t, 0.26f, 1.f);
  const float ratio = poly(u, 0.106327765f, 0.0840073302f, 0.151806399f, 0.026544068f,
                           0.0319238417f, 0.156900242f, -0.057509657f);
  return {bell * (u * ratio), bell};
}
LAMPAS_INLINE Normal<double> normal(double a) {
  return {0.5 * erfc_(kSqrtHalf<double> * magnitude(a)), exp_(-0.5 * a * a)};
}
// max(a, 0) - |a| Phi(-|a|), the second part 0 from 40 on.
template <class T>
LAMPAS_INLINE T gelu_(T a) {
  const T t = from_bits(std::min(bits(magnitude(a)), bits(T(40))));
  return fma_(-t, normal(a).tail, a < T(0) ? T(0) : a);
}
template <class T>
LAMPAS_INLINE T gelu_derivative_(T a) {
  const Normal<T> n = normal(a);
  const T cdf = a > T(0) ? T(1) - n.tail : n.tail;
  return fma_(a * kInvSqrt2Pi<T>, a == a ? n.bell : a, cdf);
}
template <class T>
LAMPAS_INLINE T gelu_second_(T a) {
  return kInvSqrt2Pi<T> * exp_(a * a * T(-0.5)) * (T(2) - a * a);
}
template <class T>
LAMPAS_INLINE T gelu_third_(T a) {
  return kInvSqrt2Pi<T> * exp_(a * a * T(-0.5)) * a * (a * a - T(4));
}
template <class T>
constexpr T kSqrt2OverPi = T(0.79788456080286535588);
template <class T>
LAMPAS_INLINE T gelu_tanh_(T a) {
  return T(0.5) * a * (T(1) + tanh_(kSqrt2OverPi<T> * (a + T(0.044715) * a * a * a)));
}
template <class T>
LAMPAS_INLINE T gelu_tanh_derivative_(T a) {
  T t = tanh_(kSqrt2OverPi<T> * (a + T(0.044715) * a * a * a));
  return T(0.5) * (T(1) + t) +
         T(0.5) * a * (T(1) - t * t) * kSqrt2OverPi<T> * (T(1) + T(3 * 0.044715) * a * a);
}
template <class T>
LAMPAS_INLINE T silu_derivative_(T a) {
  T s = sigmoid_(a);
  return s * (T(1) + a * (T(1) - s));
}
template <class T>
LAMPAS_INLINE T softplus_(T a, T beta, T limit) {
  return a * beta > limit ? a : log1p_(exp_(a * beta)) / beta;
}
// tanh(log(1 + e)) is n / (n + 2) with n = e (e + 2), e = exp(a); 1 above 20.
template <class T>
LAMPAS_INLINE T mish_(T a) {
  T e = exp_(a > T(20) ? T(20) : a), n = e * (e + T(2));
  return a * (n / (n + T(2)));
}
template <class T>
LAMPAS_INLINE T mish_derivative_(T a) {
  T e = exp_(a > T(20) ? T(20) : a), n = e * (e + T(2)), t = n / (n + T(2));
  return t + a * (e / (T(1) + e)) * (T(1) - t * t);
}
template <class T>
LAMPAS_INLINE T log_sigmoid_(T a) {
  return (a < T(0) ? a : T(0)) - log1p_(exp_(-magnitude(a)));
}

// ---- losses ------------------------------------------------------------------------------------
template <class T>
LAMPAS_INLINE T smooth_l1_(T d, T beta) {
  T m = magnitude(d);
  return m < beta ? T(0.5) * m * m / beta : m - T(0.5) * beta;
}
template <class T>
LAMPAS_INLINE T huber_(T d, T delta) {
  T m = magnitude(d);
  return m <= delta ? T(0.5) * m * m : delta * (m - T(0.5) * delta);
}
template <class T>
LAMPAS_INLINE T bce_(T a, T b) {
  return (b - T(1)) * at_least(log1p_(-a), T(-100)) - b * at_least(log_(a), T(-100));
}

}  // namespace lampas::kernels::LAMPAS_ISA
