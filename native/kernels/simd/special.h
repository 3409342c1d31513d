// Special functions of one real number, in double; sources named at each.
#pragma once
#include "kernels/simd/trigonometry.h"

namespace lampas::kernels::LAMPAS_ISA {

template <class T>
LAMPAS_INLINE T sinc_bounded(T x) {
  T p = kPi<T> * x;
  return x == T(0) ? T(1) : sin_bounded(p) / p;
}
// Pi times the bound is still within what sin_bounded reduces exactly.
template <class T>
  requires std::is_floating_point_v<T>
T sinc_(T x) {
  return trig_in_bounds(x) ? sinc_bounded(x) : std::sin(kPi<T> * x) / (kPi<T> * x);
}
template <class T>
LAMPAS_INLINE T logit_(T x, T eps) {
  T inside = limit(x, eps, T(1) - eps);
  x = eps >= T(0) ? inside : x;
  return log_(x / (T(1) - x));
}

}  // namespace lampas::kernels::LAMPAS_ISA
