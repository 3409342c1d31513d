// The elementary functions of complex numbers: the standard library's, with its branch cuts.
#pragma once
#include "kernels/simd/math.h"

namespace lampas::kernels::LAMPAS_ISA {

#define LAMPAS_COMPLEX(name, expression)    \
  template <class R>                        \
  std::complex<R> name(std::complex<R> z) { \
    return expression;                      \
  }
LAMPAS_COMPLEX(exp_, std::exp(z))
LAMPAS_COMPLEX(exp2_, std::exp(z* R(0.69314718055994530942)))
LAMPAS_COMPLEX(log_, std::log(z))
LAMPAS_COMPLEX(log2_, std::log(z) / R(0.69314718055994530942))
LAMPAS_COMPLEX(log10_, std::log10(z))
LAMPAS_COMPLEX(sqrt_, std::sqrt(z))
LAMPAS_COMPLEX(sin_, std::sin(z))
LAMPAS_COMPLEX(cos_, std::cos(z))
LAMPAS_COMPLEX(tan_, std::tan(z))
LAMPAS_COMPLEX(asin_, std::asin(z))
LAMPAS_COMPLEX(acos_, std::acos(z))
LAMPAS_COMPLEX(atan_, std::atan(z))
LAMPAS_COMPLEX(sinh_, std::sinh(z))
LAMPAS_COMPLEX(cosh_, std::cosh(z))
LAMPAS_COMPLEX(tanh_, std::tanh(z))
LAMPAS_COMPLEX(asinh_, std::asinh(z))
LAMPAS_COMPLEX(acosh_, std::acosh(z))
LAMPAS_COMPLEX(atanh_, std::atanh(z))
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
template <class R>
std::complex<R> sinc_(std::complex<R> z) {
  if (z == R(0)) return R(1);
  z *= R(3.14159265358979323846);
  return std::sin(z) / z;
}
// Without the standard library's second look at infinities, which keeps loops from vectors. The
// difference is a sum, so that no compiler makes a fused operation of half of it: z * conj(z) has
// no imaginary part.
template <class R>
LAMPAS_INLINE std::complex<R> product(std::complex<R> a, std::complex<R> b) {
  const R minus = from_bits(bits(a.imag() * b.imag()) ^ kSign<R>);
  return {a.real() * b.real() + minus, a.real() * b.imag() + a.imag() * b.real()};
}
template <class T>
  requires(!is_cplx<T>)
LAMPAS_INLINE T product(T a, T b) {
  return static_cast<T>(a * b);
}

}  // namespace lampas::kernels::LAMPAS_ISA
