// Conversions between all pairs of dtypes.
#include <cstring>
#ifdef __F16C__
#include <immintrin.h>
#endif

#include "kernels/pointwise_loop.h"
#include "kernels/simd/half.h"

namespace lampas::kernels::LAMPAS_ISA {

namespace {
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

#ifdef __F16C__
// float16 and float by the processor's own instructions, the last elements in a vector too.
LAMPAS_INLINE void widen_8(float* to, const f16* from) {
  _mm256_storeu_ps(to, _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from))));
}
LAMPAS_INLINE void narrow_8(f16* to, const float* from) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(to),
                   _mm256_cvtps_ph(_mm256_loadu_ps(from), _MM_FROUND_TO_NEAREST_INT));
}
template <class To, class From, class F>
LAMPAS_INLINE void by_eights(To* y, const From* x, int64_t n, const F& f) {
  int64_t i = 0;
  for (; i + 8 <= n; i += 8) f(y + i, x + i);
  if (i == n) return;
  From rest[8] = {};
  To out[8];
  std::memcpy(rest, x + i, static_cast<size_t>(n - i) * sizeof(From));
  f(out, rest);
  std::memcpy(y + i, out, static_cast<size_t>(n - i) * sizeof(To));
}
template <>
void cast<float, f16>(void* out, const void* in, int64_t n) {
  by_eights(static_cast<float*>(out), static_cast<const f16*>(in), n, widen_8);
}
template <>
void cast<f16, float>(void* out, const void* in, int64_t n) {
  by_eights(static_cast<f16*>(out), static_cast<const float*>(in), n, narrow_8);
}
#endif

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
