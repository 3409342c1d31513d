// What the rows of pointwise.def are written in, over the elementary functions.
#pragma once
#include <numeric>

#include "kernels/simd/math.h"
#include "kernels/simd/special.h"

namespace lampas::kernels::LAMPAS_ISA {

template <class T>
using real_of = typename std::conditional_t<is_cplx<T>, T, std::complex<T>>::value_type;

// ---- arithmetic -----------------------------------------------------------------------------------
template <class T>
T conjugate(T a) {
  if constexpr (is_cplx<T>)
    return std::conj(a);
  else
    return a;
}
template <class T>
T absolute(T a) {
  if constexpr (is_cplx<T>)
    return T(std::abs(a));
  else if constexpr (std::is_unsigned_v<T>)
    return a;
  else if constexpr (std::is_integral_v<T>)
    return a < 0 ? static_cast<T>(-a) : a;
  else
    return std::fabs(a);
}
template <class T>
T sign(T a) {
  if constexpr (is_cplx<T>) {
    auto m = std::abs(a);
    return m == 0 ? T(0) : a / m;
  } else if constexpr (std::is_floating_point_v<T>) {
    return a > T(0) ? T(1) : a < T(0) ? T(-1) : a == T(0) ? T(0) : a;
  } else {
    return static_cast<T>((T(0) < a) - (a < T(0)));
  }
}
template <class T>
T larger(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) return a != a ? a : (a > b ? a : b);
  return a > b ? a : b;
}
template <class T>
T smaller(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) return a != a ? a : (a < b ? a : b);
  return a < b ? a : b;
}
template <class T>
T larger_number(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) return a != a ? b : (b != b || a >= b ? a : b);
  return a > b ? a : b;
}
template <class T>
T smaller_number(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) return a != a ? b : (b != b || a <= b ? a : b);
  return a < b ? a : b;
}

// Division of integers by zero is reported by the operator; here it must only not trap.
template <class T>
T floor_mod(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) {
    T m = std::fmod(a, b);
    return m != T(0) && ((m < T(0)) != (b < T(0))) ? m + b : m;
  } else {
    if (b == T(0) || (std::is_signed_v<T> && b == T(-1))) return T(0);
    T m = static_cast<T>(a % b);
    return m != T(0) && ((m < T(0)) != (b < T(0))) ? static_cast<T>(m + b) : m;
  }
}
template <class T>
T floor_div(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) {
    // Python's algorithm: from the remainder, so that floor(a / b) is right where a / b rounds up.
    if (b == T(0)) return a / b;
    T m = std::fmod(a, b);
    T d = (a - m) / b;
    if (m != T(0) && ((b < T(0)) != (m < T(0)))) d -= T(1);
    if (d == T(0)) return std::copysign(T(0), a / b);
    T f = std::floor(d);
    return d - f > T(0.5) ? f + T(1) : f;
  } else {
    if (b == T(0)) return T(0);
    if constexpr (std::is_signed_v<T>)
      if (b == T(-1)) return static_cast<T>(T(0) - a);
    T q = static_cast<T>(a / b);
    return a % b != 0 && ((a < T(0)) != (b < T(0))) ? static_cast<T>(q - 1) : q;
  }
}
template <class T>
T trunc_div(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) return std::trunc(a / b);
  if (b == T(0)) return T(0);
  if constexpr (std::is_signed_v<T>)
    if (b == T(-1)) return static_cast<T>(T(0) - a);
  return static_cast<T>(a / b);
}
template <class T>
T trunc_mod(T a, T b) {
  if constexpr (std::is_floating_point_v<T>)
    return std::fmod(a, b);
  else
    return b == T(0) || (std::is_signed_v<T> && b == T(-1)) ? T(0) : static_cast<T>(a % b);
}
template <class T>
T power(T a, T b) {
  if constexpr (is_cplx<T>) {
    if (b == T(0)) return T(1);
    if (a == T(0)) return b.real() > 0 ? T(0) : std::pow(a, b);
    return std::pow(a, b);
  } else if constexpr (std::is_floating_point_v<T>) {
    return std::pow(a, b);
  } else {
    if (b < T(0)) return a == T(1) ? T(1) : a == T(-1) ? static_cast<T>(b % 2 ? -1 : 1) : T(0);
    T r = 1;
    for (; b; b = static_cast<T>(b >> 1), a = static_cast<T>(a * a))
      if (b & 1) r = static_cast<T>(r * a);
    return r;
  }
}
template <class T>
T common_divisor(T a, T b) { return static_cast<T>(std::gcd(a, b)); }
template <class T>
T common_multiple(T a, T b) {
  T g = common_divisor(a, b);
  if (g == T(0)) return T(0);
  return absolute(static_cast<T>(a / g * b));
}
template <class T>
T with_sign(T a, T b) { return std::copysign(a, b); }
template <class T>
T next_after(T a, T b) { return std::nextafter(a, b); }
template <class T>
T hypotenuse(T a, T b) { return std::hypot(a, b); }
template <class T>
T arctan2(T a, T b) { return std::atan2(a, b); }
template <class T>
T log_add_exp(T a, T b) {
  if (std::isinf(a) && a == b) return a;
  T m = a > b ? a : b;
  return m + log1p_(exp_(-std::fabs(a - b)));
}
template <class T>
T log_add_exp2(T a, T b) {
  if (std::isinf(a) && a == b) return a;
  T m = a > b ? a : b;
  return m + log1p_(exp2_(-std::fabs(a - b))) * T(1.4426950408889634);
}
template <class T>
T x_log_y(T a, T b) { return b != b ? b : a == T(0) ? T(0) : a * log_(b); }
template <class T>
T x_log1p_y(T a, T b) { return b != b ? b : a == T(0) ? T(0) : a * log1p_(b); }
template <class T>
T step(T a, T b) {
  if constexpr (std::is_floating_point_v<T>)
    if (a != a) return a;
  return a == T(0) ? b : static_cast<T>(a > T(0));
}
template <class T>
T lerp_(T a, T b, T w) {
  // From the nearer end, so that w = 1 gives exactly b.
  bool near;
  if constexpr (is_cplx<T>)
    near = std::abs(w) < real_of<T>(0.5);
  else
    near = std::fabs(w) < T(0.5);
  return near ? a + w * (b - a) : b - (b - a) * (T(1) - w);
}

// ---- rounding, tests, bits --------------------------------------------------------------------------
#define LAMPAS_ROUND(name, fn)                                   \
  template <class T>                                             \
  T name(T a) {                                                  \
    if constexpr (std::is_integral_v<T>) return a;               \
    else return fn(a);                                           \
  }
LAMPAS_ROUND(floor_, std::floor)
LAMPAS_ROUND(ceil_, std::ceil)
LAMPAS_ROUND(trunc_, std::trunc)
LAMPAS_ROUND(round_, std::nearbyint)
#undef LAMPAS_ROUND

template <class T>
bool is_nan(T a) { return a != a; }
template <class T>
bool is_inf(T a) {
  if constexpr (is_cplx<T>)
    return std::isinf(a.real()) || std::isinf(a.imag());
  else if constexpr (std::is_floating_point_v<T>)
    return std::fabs(a) == std::numeric_limits<T>::infinity();
  else
    return false;
}
template <class T>
bool is_finite(T a) { return !is_nan(a) && !is_inf(a); }
template <class T>
bool sign_bit(T a) {
  if constexpr (std::is_floating_point_v<T>)
    return std::signbit(a);
  else
    return a < T(0);
}
template <class T>
T replace_nan(T a, T nan, T high, T low) {
  if constexpr (std::is_floating_point_v<T>)
    return a != a ? nan : is_inf(a) ? (a > T(0) ? high : low) : a;
  else
    return a;
}
template <class T>
T flip_bits(T a) {
  if constexpr (std::is_same_v<T, bool>)
    return !a;
  else
    return static_cast<T>(~a);
}
template <class T>
T shift_left(T a, T b) {
  return b < T(0) || b >= T(sizeof(T) * 8) ? T(0) : static_cast<T>(static_cast<std::make_unsigned_t<T>>(a) << b);
}
template <class T>
T shift_right(T a, T b) {
  constexpr T top = T(sizeof(T) * 8 - 1);
  return b < T(0) || b > top ? static_cast<T>(a >> top) : static_cast<T>(a >> b);
}

// ---- activations ------------------------------------------------------------------------------------
template <class T>
constexpr T kSqrtHalf = T(0.70710678118654752440);
template <class T>
constexpr T kInvSqrt2Pi = T(0.39894228040143267794);
template <class T>
T gelu_(T a) { return a * T(0.5) * (T(1) + erf_(a * kSqrtHalf<T>)); }
template <class T>
T gelu_derivative_(T a) { return T(0.5) * (T(1) + erf_(a * kSqrtHalf<T>)) + a * kInvSqrt2Pi<T> * exp_(a * a * T(-0.5)); }
template <class T>
T gelu_second_(T a) { return kInvSqrt2Pi<T> * exp_(a * a * T(-0.5)) * (T(2) - a * a); }
template <class T>
T gelu_third_(T a) { return kInvSqrt2Pi<T> * exp_(a * a * T(-0.5)) * a * (a * a - T(4)); }
template <class T>
constexpr T kSqrt2OverPi = T(0.79788456080286535588);
template <class T>
T gelu_tanh_(T a) { return T(0.5) * a * (T(1) + tanh_(kSqrt2OverPi<T> * (a + T(0.044715) * a * a * a))); }
template <class T>
T gelu_tanh_derivative_(T a) {
  T t = tanh_(kSqrt2OverPi<T> * (a + T(0.044715) * a * a * a));
  return T(0.5) * (T(1) + t) + T(0.5) * a * (T(1) - t * t) * kSqrt2OverPi<T> * (T(1) + T(3 * 0.044715) * a * a);
}
template <class T>
T silu_derivative_(T a) {
  T s = sigmoid_(a);
  return s * (T(1) + a * (T(1) - s));
}
template <class T>
T softplus_(T a, T beta, T limit) { return a * beta > limit ? a : log1p_(exp_(a * beta)) / beta; }
template <class T>
T mish_(T a) { return a * tanh_(a > T(20) ? a : log1p_(exp_(a))); }
template <class T>
T mish_derivative_(T a) {
  T t = tanh_(a > T(20) ? a : log1p_(exp_(a)));
  return t + a * sigmoid_(a) * (T(1) - t * t);
}
template <class T>
T log_sigmoid_(T a) { return (a < T(0) ? a : T(0)) - log1p_(exp_(-std::fabs(a))); }

// ---- losses -----------------------------------------------------------------------------------------
template <class T>
T smooth_l1_(T d, T beta) {
  T m = std::fabs(d);
  return m < beta ? T(0.5) * m * m / beta : m - T(0.5) * beta;
}
template <class T>
T huber_(T d, T delta) {
  T m = std::fabs(d);
  return m <= delta ? T(0.5) * m * m : delta * (m - T(0.5) * delta);
}
template <class T>
T bce_(T a, T b) { return (b - T(1)) * larger(log1p_(-a), T(-100)) - b * larger(log_(a), T(-100)); }

}  // namespace lampas::kernels::LAMPAS_ISA
