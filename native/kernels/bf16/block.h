// The inner block of products of bfloat16 matrices, with the instructions made for them: sums in
// float of products of pairs, c[i][j] += a[i][2p] * b[2p][j] + a[i][2p + 1] * b[2p + 1][j].
// B comes in panels of 32 columns, [pair][column][2]. Blocks of A are packed as the instructions
// want them: rows beside each other for AVX-512, tiles of 16 rows by 32 elements for AMX.
#pragma once
#include <immintrin.h>

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "core/dtype.h"
#include "kernels/gemm_block.h"

namespace lampas::kernels::LAMPAS_ISA {

inline constexpr int64_t kPanel = 32;

// 16 elements as floats; of the masked ones only.
inline __m512 load_floats(const bf16* from, __mmask16 mask) {
  const __m512i wide = _mm512_maskz_cvtepu16_epi32(mask, _mm256_maskz_loadu_epi16(mask, from));
  return _mm512_castsi512_ps(_mm512_maskz_slli_epi32(mask, wide, 16));
}
inline void store_floats(bf16* to, __mmask16 mask, __m512 v) {
  _mm256_mask_storeu_epi16(to, mask, (__m256i)_mm512_cvtneps_pbh(v));
}
inline __mmask32 first_lanes(int64_t n) { return n >= 32 ? ~0u : n <= 0 ? 0u : (1u << n) - 1; }
// Which of the 16 columns from `first` on there are.
inline __mmask16 columns_mask(int64_t columns, int64_t first) {
  return static_cast<__mmask16>(first_lanes(columns - first));
}

// from[j * across + k * along] to to[k / 2][j][k % 2] for j < n and k < depth, with zeros up to
// `width` columns and `padded` rows.
inline void pack_pairs(const bf16* from, int64_t across, int64_t along, int64_t n, int64_t depth,
                       int64_t width, int64_t padded, bf16* to) {
  const int64_t whole = depth / 2;
  int64_t j0 = 0;
  if (along == 1)  // pairs lie together: a transposition of 32-bit elements
    for (; j0 + 16 <= n; j0 += 16) {
      float in[16 * 16];
      int64_t p = 0;
      for (; p + 16 <= whole; p += 16) {
        for (int64_t j = 0; j < 16; ++j)
          std::memcpy(in + j * 16, from + (j0 + j) * across + 2 * p, 64);
        transpose_block<float, 16>(reinterpret_cast<float*>(to + (p * width + j0) * 2), width, in,
                                   16);
      }
      for (; p < whole; ++p)
        for (int64_t j = 0; j < 16; ++j)
          std::memcpy(to + (p * width + j0 + j) * 2, from + (j0 + j) * across + 2 * p, 4);
    }
  for (int64_t p = 0; p < whole && j0 < n; ++p) {
    const bf16 *even = from + 2 * p * along, *odd = even + along;
    bf16* row = to + p * width * 2;
    if (across == 1) {
#pragma GCC ivdep
      for (int64_t j = j0; j < n; ++j) {
        row[2 * j] = even[j];
        row[2 * j + 1] = odd[j];
      }
    } else {
      for (int64_t j = j0; j < n; ++j) {
        row[2 * j] = even[j * across];
        row[2 * j + 1] = odd[j * across];
      }
    }
  }
  if (depth % 2)
    for (int64_t j = 0; j < n; ++j) {
      to[(whole * width + j) * 2] = from[(depth - 1) * along + j * across];
      to[(whole * width + j) * 2 + 1] = bf16{};
    }
  const int64_t filled = (depth + 1) / 2;
  if (n < width)
    for (int64_t p = 0; p < filled; ++p)
      std::memset(to + (p * width + n) * 2, 0, static_cast<size_t>(width - n) * 4);
  std::memset(to + filled * width * 2, 0, static_cast<size_t>(padded / 2 - filled) * width * 4);
}

#if defined(__AMX_BF16__)

struct Bf16Block {
  static constexpr int64_t kRows = 32, kStep = 32;

  // The tile registers of a thread, for as long as it multiplies.
  struct Session {
    Session() {
      struct alignas(64) {
        uint8_t palette = 1, start = 0, reserved[14] = {};
        uint16_t bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
        uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
      } shape;
      _tile_loadconfig(&shape);
    }
    ~Session() { _tile_release(); }
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;
  };

  static int64_t block_rows(int64_t) { return kRows; }

  static void pack_a(const bf16* from, int64_t rs, int64_t cs, int64_t rows, int64_t k,
                     int64_t padded, bf16* to) {
    for (int64_t k0 = 0; k0 < padded; k0 += kStep)
      for (int64_t r0 = 0; r0 < kRows; r0 += 16, to += 16 * kStep) {
        const int64_t n = std::clamp<int64_t>(rows - r0, 0, 16), depth = std::min(kStep, k - k0);
        const bf16* tile = from + r0 * rs + k0 * cs;
        if (cs == 1) {
          std::memset(to, 0, 16 * kStep * sizeof(bf16));
          for (int64_t i = 0; i < n; ++i)
            std::memcpy(to + i * kStep, tile + i * rs, static_cast<size_t>(depth) * sizeof(bf16));
        } else {
          float pairs[16 * 16];
          pack_pairs(tile, rs, cs, n, depth, 16, kStep, reinterpret_cast<bf16*>(pairs));
          transpose_block<float, 16>(reinterpret_cast<float*>(to), 16, pairs, 16);
        }
      }
  }

  // c[i][j] (+)= a * b for i < kRows, `depth` a multiple of kStep; only the first rows are of use.
  static void multiply(const bf16* a, const bf16* b, int64_t depth, int64_t rows, float* c,
                       int64_t c_rs, bool accumulate) {
    rows > 16 ? tiles<true>(a, b, depth, c, c_rs, accumulate)
              : tiles<false>(a, b, depth, c, c_rs, accumulate);
  }

 private:
  template <bool kBoth>
  static void tiles(const bf16* a, const bf16* b, int64_t depth, float* c, int64_t c_rs,
                    bool accumulate) {
    const auto bytes = static_cast<size_t>(c_rs) * sizeof(float);
    float* low = c + 16 * c_rs;
    if (accumulate) {
      _tile_loadd(0, c, bytes);
      _tile_loadd(1, c + 16, bytes);
      if constexpr (kBoth) {
        _tile_loadd(2, low, bytes);
        _tile_loadd(3, low + 16, bytes);
      }
    } else {
      _tile_zero(0);
      _tile_zero(1);
      if constexpr (kBoth) {
        _tile_zero(2);
        _tile_zero(3);
      }
    }
    for (int64_t k = 0; k < depth; k += kStep, a += kRows * kStep, b += kPanel * kStep) {
      _tile_loadd(4, a, 64);
      _tile_loadd(6, b, 128);
      _tile_loadd(7, b + 32, 128);
      _tile_dpbf16ps(0, 4, 6);
      _tile_dpbf16ps(1, 4, 7);
      if constexpr (kBoth) {
        _tile_loadd(5, a + 16 * kStep, 64);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
      }
    }
    _tile_stored(0, c, bytes);
    _tile_stored(1, c + 16, bytes);
    if constexpr (kBoth) {
      _tile_stored(2, low, bytes);
      _tile_stored(3, low + 16, bytes);
    }
  }
};

#else

struct Bf16Block {
  static constexpr int64_t kRows = kBlockRows, kStep = 2;

  struct Session {
    Session() {}  // nothing to set up
  };

  // Blocks of nearly one height.
  static int64_t block_rows(int64_t m) { return even_rows(m); }

  static void pack_a(const bf16* from, int64_t rs, int64_t cs, int64_t rows, int64_t k,
                     int64_t padded, bf16* to) {
    pack_pairs(from, rs, cs, rows, k, rows, padded, to);
  }

  static void multiply(const bf16* a, const bf16* b, int64_t depth, int64_t rows, float* c,
                       int64_t c_rs, bool accumulate) {
    switch (rows) {
#define ROWS(n) \
  case n:       \
    return block<n>(a, b, depth / 2, c, c_rs, accumulate);
      ROWS(1)
      ROWS(2) ROWS(3) ROWS(4) ROWS(5) ROWS(6) ROWS(7) ROWS(8) ROWS(9) ROWS(10) ROWS(11) ROWS(12)
#undef ROWS
    }
  }

 private:
  template <int R>
  [[gnu::noinline]] static void block(const bf16* a, const bf16* b, int64_t pairs, float* c,
                                      int64_t c_rs, bool accumulate) {
    __m512 acc[R][2];
    for (int r = 0; r < R; ++r)
      for (int v = 0; v < 2; ++v)
        acc[r][v] = accumulate ? _mm512_loadu_ps(c + r * c_rs + v * 16) : _mm512_setzero_ps();
    for (int64_t p = 0; p < pairs; ++p, a += 2 * R, b += 2 * kPanel) {
      const auto b0 = (__m512bh)_mm512_loadu_si512(b), b1 = (__m512bh)_mm512_loadu_si512(b + 32);
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) {
        int32_t pair;
        std::memcpy(&pair, a + 2 * r, 4);
        const auto av = (__m512bh)_mm512_set1_epi32(pair);
        acc[r][0] = _mm512_dpbf16_ps(acc[r][0], av, b0);
        acc[r][1] = _mm512_dpbf16_ps(acc[r][1], av, b1);
      }
    }
    for (int r = 0; r < R; ++r)
      for (int v = 0; v < 2; ++v) _mm512_storeu_ps(c + r * c_rs + v * 16, acc[r][v]);
  }
};

#endif

}  // namespace lampas::kernels::LAMPAS_ISA
