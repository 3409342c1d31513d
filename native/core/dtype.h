// Element types. The order is fixed: kernels index tables with it and files store it.
#pragma once
#include <complex>
#include <cstdint>

namespace lampas {

enum class DType : uint8_t { Bool, U8, I8, I16, I32, I64, F16, BF16, F32, F64, C64, C128 };
inline constexpr int kDTypes = 12;

using c64 = std::complex<float>;
using c128 = std::complex<double>;

// Storage formats; arithmetic on them happens in float.
struct f16 {
  uint16_t bits;
};
struct bf16 {
  uint16_t bits;
};

constexpr int itemsize(DType d) {
  constexpr int size[kDTypes] = {1, 1, 1, 2, 4, 8, 2, 2, 4, 8, 8, 16};
  return size[static_cast<int>(d)];
}
constexpr const char* dtype_name(DType d) {
  constexpr const char* names[kDTypes] = {"bool",    "uint8",   "int8",      "int16",
                                          "int32",   "int64",   "float16",   "bfloat16",
                                          "float32", "float64", "complex64", "complex128"};
  return names[static_cast<int>(d)];
}
constexpr bool is_complex(DType d) { return d >= DType::C64; }
constexpr bool is_floating(DType d) { return d >= DType::F16 && d <= DType::F64; }
constexpr bool is_half(DType d) { return d == DType::F16 || d == DType::BF16; }
constexpr bool is_integral(DType d) { return d <= DType::I64; }  // bool counts, as in promotion
constexpr bool is_differentiable(DType d) { return d >= DType::F16; }

template <class T>
struct dtype_of;
// clang-format off
#define LAMPAS_DTYPES(X)                                                                           \
  X(bool, Bool)                                                                                    \
  X(uint8_t, U8)                                                                                   \
  X(int8_t, I8)                                                                                    \
  X(int16_t, I16)                                                                                  \
  X(int32_t, I32)                                                                                  \
  X(int64_t, I64)                                                                                  \
  X(::lampas::f16, F16) X(::lampas::bf16, BF16) X(float, F32) X(double, F64) X(::lampas::c64, C64) \
      X(::lampas::c128, C128)
// clang-format on
#define LAMPAS_DTYPE_OF(T, D)                \
  template <>                                \
  struct dtype_of<T> {                       \
    static constexpr DType value = DType::D; \
  };
LAMPAS_DTYPES(LAMPAS_DTYPE_OF)
#undef LAMPAS_DTYPE_OF

}  // namespace lampas
