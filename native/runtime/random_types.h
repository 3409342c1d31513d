// What the fills of random.cpp and the samplers of random_samplers.cpp share: element types.
#pragma once
#include <cstdint>
#include <limits>
#include <type_traits>

#include "core/dtype.h"
#include "core/error.h"
#include "core/scalar.h"

namespace lampas::random {

// Conversion of a number to an element, as PyTorch converts.
template <class T, class V>
T as(V v) {
  if constexpr (std::is_same_v<T, f16>) {
    return to_f16(static_cast<float>(v));
  } else if constexpr (std::is_same_v<T, bf16>) {
    return to_bf16(static_cast<float>(v));
  } else if constexpr (std::is_same_v<T, bool>) {
    return v != 0;
  } else if constexpr (std::is_integral_v<T> && std::is_floating_point_v<V>) {
    return static_cast<T>(static_cast<int64_t>(v));  // wraps as PyTorch's conversion does
  } else {
    return static_cast<T>(v);
  }
}

// Calls f with a null pointer of the dtype's type.
template <class F>
void with_floating(const char* name, DType d, F f) {
  switch (d) {
    case DType::F16:
      return f(static_cast<f16*>(nullptr));
    case DType::BF16:
      return f(static_cast<bf16*>(nullptr));
    case DType::F32:
      return f(static_cast<float*>(nullptr));
    case DType::F64:
      return f(static_cast<double*>(nullptr));
    default:
      fail(ErrorKind::NotImplemented, "\"", name, "\" not implemented for dtype ", dtype_name(d),
           "; use a floating-point dtype");
  }
}

template <class F>
void with_real(const char* name, DType d, F f) {
  switch (d) {
    case DType::Bool:
      return f(static_cast<bool*>(nullptr));
    case DType::U8:
      return f(static_cast<uint8_t*>(nullptr));
    case DType::I8:
      return f(static_cast<int8_t*>(nullptr));
    case DType::I16:
      return f(static_cast<int16_t*>(nullptr));
    case DType::I32:
      return f(static_cast<int32_t*>(nullptr));
    case DType::I64:
      return f(static_cast<int64_t*>(nullptr));
    default:
      return with_floating(name, d, f);
  }
}

template <class T>
inline constexpr int kDigits = std::numeric_limits<T>::digits;
template <>
inline constexpr int kDigits<f16> = 11;
template <>
inline constexpr int kDigits<bf16> = 8;

// One number after the other from draw(), for transforms that are not worth more.
template <class T, class F>
void fill_serial(T* out, int64_t n, F draw) {
  for (int64_t i = 0; i < n; ++i) out[i] = as<T>(draw());
}

}  // namespace lampas::random
