// Conversions between all pairs of dtypes.
#include <bit>
#include <cstring>

#include "kernels/pointwise_loop.h"

namespace lampas::kernels::LAMPAS_ISA {

namespace {
[[gnu::always_inline]] inline float widen(bf16 v) {
  return std::bit_cast<float>(static_cast<uint32_t>(v.bits) << 16);
}
[[gnu::always_inline]] inline bf16 narrow_bf16(float v) {
  uint32_t u = std::bit_cast<uint32_t>(v);
  uint32_t rounded = (u + 0x7fffu + ((u >> 16) & 1u)) >> 16;
  return {static_cast<uint16_t>((u & 0x7fffffffu) > 0x7f800000u ? 0x7fc0u : rounded)};
}
[[gnu::always_inline]] inline float widen(f16 v) {
  uint32_t sign = static_cast<uint32_t>(v.bits & 0x8000u) << 16,
           rest = static_cast<uint32_t>(v.bits & 0x7fffu) << 13;
  uint32_t finite = std::bit_cast<uint32_t>(std::bit_cast<float>(rest) * 0x1p112f);
  return std::bit_cast<float>(sign | (rest >= 0x0f800000u ? rest + 0x70000000u : finite));
}
[[gnu::always_inline]] inline f16 narrow_f16(float v) {
  uint32_t u = std::bit_cast<uint32_t>(v), sign = (u >> 16) & 0x8000u;
  u &= 0x7fffffffu;
  uint32_t subnormal = std::bit_cast<uint32_t>(std::bit_cast<float>(u) + 0.5f) - 0x3f000000u;
  uint32_t normal = (u + 0xc8000fffu + ((u >> 13) & 1u)) >> 13;
  uint32_t r = u < 0x38800000u ? subnormal : normal;
  r = u >= 0x477ff000u ? 0x7c00u : r;
  r = u > 0x7f800000u ? 0x7e00u : r;
  return {static_cast<uint16_t>(sign | r)};
}

template <class T>
inline constexpr bool half = std::is_same_v<T, f16> || std::is_same_v<T, bf16>;

template <class To, class From>
[[gnu::always_inline]] inline To convert(From v) {
  if constexpr (std::is_same_v<To, From>) {
    return v;
  } else if constexpr (half<From>) {
    return convert<To>(widen(v));
  } else if constexpr (half<To>) {
    float f = convert<float>(v);
    if constexpr (std::is_same_v<To, f16>)
      return narrow_f16(f);
    else
      return narrow_bf16(f);
  } else if constexpr (is_cplx<From>) {
    if constexpr (is_cplx<To>)
      return To(static_cast<typename To::value_type>(v.real()),
                static_cast<typename To::value_type>(v.imag()));
    else if constexpr (std::is_same_v<To, bool>)
      return v.real() != 0 || v.imag() != 0;
    else
      return convert<To>(v.real());
  } else if constexpr (is_cplx<To>) {
    return To(static_cast<typename To::value_type>(v));
  } else if constexpr (std::is_same_v<To, bool>) {
    return v != From(0);
  } else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To> && sizeof(To) < 4) {
    // Through a wider integer, so that -1.0 as uint8 wraps to 255.
    return static_cast<To>(static_cast<int32_t>(v));
  } else {
    return static_cast<To>(v);
  }
}

// Bools are read as the bytes 0 and 1 that they are: compilers make vectors of those.
template <class To, class From>
void cast(void* out, const void* in, int64_t n) {
  To* y = static_cast<To*>(out);
  if constexpr (std::is_same_v<From, bool> && !std::is_same_v<To, bool>) {
    const auto* b = static_cast<const uint8_t*>(in);
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) y[i] = convert<To>(b[i]);
    return;
  }
  const From* x = static_cast<const From*>(in);
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) y[i] = convert<To>(x[i]);
}

template <class To>
void fill_to(PointwiseTable& t) {
#define FROM(T, D) \
  t.cast[static_cast<int>(dtype_of<To>::value)][static_cast<int>(DType::D)] = cast<To, T>;
  LAMPAS_DTYPES(FROM)
#undef FROM
}
}  // namespace

void fill_casts(PointwiseTable& t) {
#define TO(T, D) fill_to<T>(t);
  LAMPAS_DTYPES(TO)
#undef TO
}

}  // namespace lampas::kernels::LAMPAS_ISA
