#include "kernels/random.h"

#include <cstring>

#include "kernels/table.h"

#if defined(__x86_64__)
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"  // false alarms inside GCC 12's own header
#endif
#include <immintrin.h>
#endif

namespace lampas::kernels::LAMPAS_ISA {
namespace {

// ---- vectors of this instruction set's width -----------------------------------------------

#if defined(__AVX512F__)
constexpr int kBytes = 64;
#elif defined(__AVX2__)
constexpr int kBytes = 32;
#else
constexpr int kBytes = 16;
#endif
typedef float F32 __attribute__((vector_size(kBytes)));
typedef int32_t I32 __attribute__((vector_size(kBytes)));
typedef double F64 __attribute__((vector_size(kBytes)));
typedef int64_t I64 __attribute__((vector_size(kBytes)));
typedef uint64_t U64 __attribute__((vector_size(kBytes)));
constexpr int kF32 = kBytes / 4, kF64 = kBytes / 8;

// Kept out of line, vectors this wide would have no fixed calling convention.
#define LAMPAS_INLINE [[gnu::always_inline]] inline
#define LAMPAS_INLINE_LAMBDA __attribute__((always_inline))

template <class V>
LAMPAS_INLINE V load(const void* p) {
  V v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

template <class V>
LAMPAS_INLINE void store(void* p, const V& v) {
  std::memcpy(p, &v, sizeof v);
}

// The same bits as another vector.
template <class To, class From>
LAMPAS_INLINE To bits_of(const From& from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  std::memcpy(&to, &from, sizeof to);
  return to;
}

LAMPAS_INLINE F32 root(const F32& v) {
#if defined(__AVX512F__)
  return _mm512_sqrt_ps(v);
#elif defined(__AVX2__)
  return _mm256_sqrt_ps(v);
#elif defined(__x86_64__)
  return _mm_sqrt_ps(v);
#else
  F32 r;
  for (int i = 0; i < kF32; ++i) r[i] = __builtin_sqrtf(v[i]);
  return r;
#endif
}

LAMPAS_INLINE F64 root(const F64& v) {
#if defined(__AVX512F__)
  return _mm512_sqrt_pd(v);
#elif defined(__AVX2__)
  return _mm256_sqrt_pd(v);
#elif defined(__x86_64__)
  return _mm_sqrt_pd(v);
#else
  F64 r;
  for (int i = 0; i < kF64; ++i) r[i] = __builtin_sqrt(v[i]);
  return r;
#endif
}

// ---- elementary functions on the ranges that occur here --------------------------------------

// log(x) for normal x > 0: x = 2^e m with m in [sqrt(1/2), sqrt(2)), and for log(m) the Taylor
// series' first two terms and a Chebyshev fit of the rest. Good to the last bit or two, also
// near 1, where f is exact.
LAMPAS_INLINE F32 log_of(const F32& x) {
  const I32 bits = bits_of<I32>(x);
  const I32 e = (bits - 0x3f3504f3) >> 23;
  const F32 f = bits_of<F32>(bits - (e << 23)) - 1.0f;
  F32 p = f * 0.0697161147145f - 0.114797338466f;
  p = p * f + 0.116854199235f;
  p = p * f - 0.124256873315f;
  p = p * f + 0.142490576457f;
  p = p * f - 0.166678023195f;
  p = p * f + 0.200007157489f;
  p = p * f - 0.24999996958f;
  p = p * f + 0.3333333118f;
  const F32 ff = f * f, k = __builtin_convertvector(e, F32);
  const F32 tail = p * f * ff + k * -2.12194440e-4f;  // ln 2 = 0.693359375 - 2.1219444e-4
  return k * 0.693359375f + (f - (ff * 0.5f - tail));
}

// The same by s = f / (2 + f), log(m) = 2 atanh(s) = f - s (f - R), to double's precision.
LAMPAS_INLINE F64 log_of(const F64& x) {
  const I64 bits = bits_of<I64>(x);
  const I64 e = (bits - 0x3fe6a09e667f3bcd) >> 52;
  const F64 f = bits_of<F64>(bits - (e << 52)) - 1.0;
  const F64 s = f / (f + 2.0), z = s * s;
  F64 r = z * 0.14617037548791650146 + 0.15331674030167861852;
  r = r * z + 0.18182890556695603528;
  r = r * z + 0.22222211115144161503;
  r = r * z + 0.28571428626095891537;
  r = r * z + 0.39999999999899238978;
  r = r * z + 0.66666666666666696955;
  const F64 half = f * f * 0.5, k = bits_of<F64>(e + 0x4338000000000000) - 0x1.8p52;
  const F64 low = s * (half + r * z) + k * 1.90821492927058770002e-10;
  return k * 6.93147180369123816490e-01 + (f - (half - low));
}

// sin and cos of angles in [0, 2 pi]: the nearest multiple q of pi/2 is taken off in three parts,
// then the Taylor series on [-pi/4, pi/4].
LAMPAS_INLINE void sin_cos(const F32& x, F32& sin, F32& cos) {
  const I32 q = __builtin_convertvector(x * 0.636619772f + 0.5f, I32);
  const F32 k = __builtin_convertvector(q, F32);
  const F32 r = ((x - k * 1.5703125f) - k * 4.837512969970703e-4f) - k * 7.549789954891e-8f;
  const F32 z = r * r;
  F32 s = z * 2.75573192e-6f - 1.98412698e-4f;
  s = s * z + 8.33333333e-3f;
  s = s * z - 0.166666667f;
  s = s * z * r + r;
  F32 c = z * -2.75573192e-7f + 2.48015873e-5f;
  c = c * z - 1.38888889e-3f;
  c = c * z + 4.16666667e-2f;
  c = c * z * z - z * 0.5f + 1.0f;
  const I32 odd = -(q & 1), si = bits_of<I32>(s), ci = bits_of<I32>(c);
  sin = bits_of<F32>(((ci & odd) | (si & ~odd)) ^ ((q & 2) << 30));
  cos = bits_of<F32>(((si & odd) | (ci & ~odd)) ^ (((q + 1) & 2) << 30));
}

LAMPAS_INLINE void sin_cos(const F64& x, F64& sin, F64& cos) {
  const F64 shifted = x * 0.63661977236758134308 + 0x1.8p52;  // rounds to the nearest integer
  const I64 q = bits_of<I64>(shifted);
  const F64 k = shifted - 0x1.8p52;
  const F64 r = ((x - k * 1.57079632673412561417e+00) - k * 6.07710050630396597660e-11) -
                k * 2.02226624879595063154e-21;
  const F64 z = r * r;
  F64 s = z * -7.6471637318198164759e-13 + 1.6059043836821614599e-10;
  s = s * z - 2.5052108385441718775e-08;
  s = s * z + 2.7557319223985890653e-06;
  s = s * z - 1.9841269841269841270e-04;
  s = s * z + 8.3333333333333333333e-03;
  s = s * z - 1.6666666666666666667e-01;
  s = s * z * r + r;
  F64 c = z * 4.7794773323873852974e-14 - 1.1470745597729724714e-11;
  c = c * z + 2.0876756987868098979e-09;
  c = c * z - 2.7557319223985890653e-07;
  c = c * z + 2.4801587301587301587e-05;
  c = c * z - 1.3888888888888888889e-03;
  c = c * z + 4.1666666666666666667e-02;
  c = c * z * z - z * 0.5 + 1.0;
  const I64 odd = -(q & 1), si = bits_of<I64>(s), ci = bits_of<I64>(c);
  sin = bits_of<F64>(((ci & odd) | (si & ~odd)) ^ ((q & 2) << 62));
  cos = bits_of<F64>(((si & odd) | (ci & ~odd)) ^ (((q + 1) & 2) << 62));
}

// ---- words to uniforms -----------------------------------------------------------------------

LAMPAS_INLINE F32 u24(const uint32_t* words) {
  return __builtin_convertvector(load<I32>(words) & 0xffffff, F32) * 0x1p-24f;
}

LAMPAS_INLINE F32 u24(const I32& words) {
  return __builtin_convertvector(words & 0xffffff, F32) * 0x1p-24f;
}

// The upper half of a pair comes first.
LAMPAS_INLINE U64 pairs(const uint32_t* words) {
  const U64 x = load<U64>(words);
  return x << 32 | x >> 32;
}

// There is no conversion of 64-bit integers before AVX-512: the low 52 bits become the fraction of
// a number in [1, 2), the 53rd is added as one half. Exact.
LAMPAS_INLINE F64 u53(const uint32_t* words) {
  const U64 x = pairs(words);
  const F64 low = bits_of<F64>((x & 0xfffffffffffff) | 0x3ff0000000000000) - 1.0;
  const U64 top = -(x >> 52 & 1) & 0x3fe0000000000000;
  return low * 0.5 + bits_of<F64>(top);
}

// ---- MT19937 (Matsumoto and Nishimura, 1998) ---------------------------------------------------

constexpr int kN = 624, kM = 397;

LAMPAS_INLINE uint32_t twist(uint32_t upper, uint32_t lower, uint32_t far) {
  const uint32_t y = (upper & 0x80000000u) | (lower & 0x7fffffffu);
  return far ^ (y >> 1) ^ (-(lower & 1u) & 0x9908b0dfu);
}

void mt_block(uint32_t* state, uint32_t* words) {
  int k = 0;
  for (; k < kN - kM; ++k) state[k] = twist(state[k], state[k + 1], state[k + kM]);
  for (; k < kN - 1; ++k) state[k] = twist(state[k], state[k + 1], state[k + kM - kN]);
  state[kN - 1] = twist(state[kN - 1], state[0], state[kM - 1]);
  for (int i = 0; i < kN; ++i) {
    uint32_t y = state[i];
    y ^= y >> 11;
    y ^= y << 7 & 0x9d2c5680u;
    y ^= y << 15 & 0xefc60000u;
    words[i] = y ^ y >> 18;
  }
}

// ---- transforms --------------------------------------------------------------------------------
// Whole vectors first; the rest goes through a padded vector, so that every element takes the same
// arithmetic wherever it stands. Words are read before the output that may share their place.

template <class V, int words_each, class T, class F>
LAMPAS_INLINE void map_words(const uint32_t* words, T* out, int64_t n, F f) {
  constexpr int lanes = sizeof(V) / sizeof(words[0]) / words_each;
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) f(words + i * words_each, out + i);
  if (i < n) {
    uint32_t last_words[lanes * words_each] = {};
    T last[lanes];
    const size_t rest = static_cast<size_t>(n - i);
    std::memcpy(last_words, words + i * words_each, rest * words_each * sizeof(uint32_t));
    f(last_words, last);
    std::memcpy(out + i, last, rest * sizeof(T));
  }
}

void uniform_f32(const uint32_t* words, float* out, int64_t n, float from, float to) {
  const float width = to - from;
  const F32 low = F32{} + from;
  map_words<F32, 1>(words, out, n, [=](const uint32_t* w, float* o) LAMPAS_INLINE_LAMBDA {
    const F32 v = u24(w) * width + from;
    store(o, v == to ? low : v);
  });
}

void uniform_f64(const uint32_t* words, double* out, int64_t n, double from, double to) {
  const double width = to - from;
  const F64 low = F64{} + from;
  map_words<F64, 2>(words, out, n, [=](const uint32_t* w, double* o) LAMPAS_INLINE_LAMBDA {
    const F64 v = u53(w) * width + from;
    store(o, v == to ? low : v);
  });
}

// u1 and u2 are uniforms of one or two blocks' first and last eight elements.
template <class V, class S>
LAMPAS_INLINE void box_muller(const V& u1, const V& u2, S mean, S std, V& first, V& second) {
  const V radius = root(log_of(S{1} - u1) * S{-2});
  V sin, cos;
  sin_cos(u2 * static_cast<S>(6.283185307179586), sin, cos);
  first = radius * cos * std + mean;
  second = radius * sin * std + mean;
}

// One block, or, where a vector holds sixteen, a block twice.
LAMPAS_INLINE void normal_block(const uint32_t* words, float* out, float mean, float std) {
#if defined(__AVX512F__)
  const __m512i w = load<__m512i>(words);
  const I32 first = bits_of<I32>(_mm512_shuffle_i64x2(w, w, 0x44));
  const I32 second = bits_of<I32>(_mm512_shuffle_i64x2(w, w, 0xee));
  F32 a, b;
  box_muller(u24(first), u24(second), mean, std, a, b);
  store(out, _mm512_shuffle_f32x4(a, b, 0x44));
#else
  F32 a[8 / kF32], b[8 / kF32];
  for (int j = 0; j < 8 / kF32; ++j) {
    box_muller(u24(words + j * kF32), u24(words + 8 + j * kF32), mean, std, a[j], b[j]);
  }
  std::memcpy(out, a, sizeof a);
  std::memcpy(out + 8, b, sizeof b);
#endif
}

void normal_f32(const uint32_t* words, float* out, int64_t n, float mean, float std) {
  int64_t i = 0;
#if defined(__AVX512F__)
  for (; i + 32 <= n; i += 32) {
    const __m512i v = load<__m512i>(words + i), w = load<__m512i>(words + i + 16);
    const I32 first = bits_of<I32>(_mm512_shuffle_i64x2(v, w, 0x44));
    const I32 second = bits_of<I32>(_mm512_shuffle_i64x2(v, w, 0xee));
    F32 a, b;
    box_muller(u24(first), u24(second), mean, std, a, b);
    store(out + i, _mm512_shuffle_f32x4(a, b, 0x44));
    store(out + i + 16, _mm512_shuffle_f32x4(a, b, 0xee));
  }
#endif
  for (; i < n; i += 16) normal_block(words + i, out + i, mean, std);
}

void normal_f64(const uint32_t* words, double* out, int64_t n, double mean, double std) {
  for (int64_t i = 0; i < n; i += 16) {
    F64 a[8 / kF64], b[8 / kF64];
    for (int j = 0; j < 8 / kF64; ++j) {
      const uint32_t* const w = words + 2 * (i + j * kF64);
      box_muller(u53(w), u53(w + 16), mean, std, a[j], b[j]);
    }
    std::memcpy(out + i, a, sizeof a);
    std::memcpy(out + i + 8, b, sizeof b);
  }
}

// Division by an invariant (Granlund and Montgomery, 1994).
void randint_i64(const uint32_t* words, int64_t* out, int64_t n, uint32_t range, int64_t base) {
  if (range <= 1) {
    for (int64_t i = 0; i < n; ++i) out[i] = base;
    return;
  }
  const int shift = 32 - __builtin_clz(range - 1);  // the least with 2^shift >= range
  const uint64_t excess = (uint64_t{1} << shift) - range;
  const uint64_t factor = static_cast<uint32_t>((excess << 32) / range + 1);
  for (int64_t i = 0; i < n; ++i) {
    const uint32_t w = words[i], high = static_cast<uint32_t>(w * factor >> 32);
    const uint32_t quotient = (high + ((w - high) >> 1)) >> (shift - 1);
    out[i] = static_cast<int64_t>(w - quotient * range) + base;
  }
}

template <class T>
LAMPAS_INLINE void below(const uint32_t* words, T* out, int64_t n, uint64_t bound) {
  for (int64_t i = 0; i < n; ++i) {
    const uint64_t x = (static_cast<uint64_t>(words[2 * i]) << 32 | words[2 * i + 1]);
    out[i] = static_cast<T>((x & 0x1fffffffffffff) < bound ? 1 : 0);
  }
}

void bernoulli_u8(const uint32_t* words, uint8_t* out, int64_t n, uint64_t bound) {
  below(words, out, n, bound);
}
void bernoulli_f32(const uint32_t* words, float* out, int64_t n, uint64_t bound) {
  below(words, out, n, bound);
}

// 1 - u is exact, so that its logarithm is log1p(-u).
LAMPAS_INLINE F64 exponential(const uint32_t* words, double scale) {
  const F64 x = log_of(1.0 - u53(words)) * -scale;
  return bits_of<F64>(bits_of<I64>(x) & 0x7fffffffffffffff);  // no -0
}

void exponential_f32(const uint32_t* words, float* out, int64_t n, double lambda) {
  const double scale = 1.0 / lambda;
  map_words<F64, 2>(words, out, n, [=](const uint32_t* w, float* o) LAMPAS_INLINE_LAMBDA {
    const F64 x = exponential(w, scale);
    for (int j = 0; j < kF64; ++j) o[j] = static_cast<float>(x[j]);
  });
}

void exponential_f64(const uint32_t* words, double* out, int64_t n, double lambda) {
  const double scale = 1.0 / lambda;
  map_words<F64, 2>(words, out, n, [=](const uint32_t* w, double* o) LAMPAS_INLINE_LAMBDA {
    store(o, exponential(w, scale));
  });
}

}  // namespace

void fill_random(Table& table) {
  table.random = {mt_block,    uniform_f32,  uniform_f64,   normal_f32,      normal_f64,
                  randint_i64, bernoulli_u8, bernoulli_f32, exponential_f32, exponential_f64};
}

}  // namespace lampas::kernels::LAMPAS_ISA
