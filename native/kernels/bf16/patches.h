// What taps of a filter meet at output positions, 32 at a time and in registers.
#pragma once
#include "kernels/bf16/block.h"
#include "kernels/conv_patches.h"

namespace lampas::kernels::LAMPAS_ISA {

// Up to 32 positions of an output row under one tap: where their elements lie in the first channel,
// and which of them exist.
struct Reach {
  int64_t at = 0, stride;
  __mmask32 exist = 0, low = 0, high = 0;  // low, high: of pairs of elements, for stride 2

  Reach(const ConvShape& s, const Positions::Run& run, int64_t skip, int64_t tap)
      : stride(s.stride[2]) {
    const int64_t d = run.d * s.stride[0] + s.tap[tap][0], h = run.h * s.stride[1] + s.tap[tap][1],
                  w = (run.w + skip) * stride + s.tap[tap][2];
    if (d < 0 || d >= s.in[0] || h < 0 || h >= s.in[1]) return;
    const int64_t n = std::min<int64_t>(run.length - skip, 32);
    const int64_t first = w < 0 ? (-w + stride - 1) / stride : 0,
                  last = w >= s.in[2] ? 0 : (s.in[2] - w + stride - 1) / stride;
    exist = first_lanes(std::min(n, last)) & ~first_lanes(first);
    at = run.image * s.x_image + (d * s.in[1] + h) * s.in[2] + w;
    if (stride == 2) {
      low = spread(exist & 0xffff);
      high = spread(exist >> 16);
    }
  }
  // The elements, zeros for those that do not exist.
  __m512i load(const bf16* channel) const {
    const bf16* from = channel + at;
    if (stride == 1) return _mm512_maskz_loadu_epi16(exist, from);
    if (stride == 2)
      return _mm512_permutex2var_epi16(_mm512_maskz_loadu_epi16(low, from), every_other(),
                                       _mm512_maskz_loadu_epi16(high, from + 32));
    bf16 lane[32] = {};
    for (int64_t i = 0; i < 32; ++i)
      if (exist >> i & 1) lane[i] = from[i * stride];
    return _mm512_loadu_si512(lane);
  }

 private:
  // Bit i to bit 2 i.
  static uint32_t spread(uint32_t x) {
    x = (x | x << 8) & 0x00ff00ff;
    x = (x | x << 4) & 0x0f0f0f0f;
    x = (x | x << 2) & 0x33333333;
    return (x | x << 1) & 0x55555555;
  }
  static __m512i every_other() {
    alignas(64) static constexpr auto index = [] {
      struct {
        int16_t lane[32];
      } v{};
      for (int16_t i = 0; i < 32; ++i) v.lane[i] = static_cast<int16_t>(2 * i);
      return v;
    }();
    return _mm512_load_si512(&index);
  }
};

// Elements of a and b alternate: the first 16 of each, and the other 16.
struct Alternate {
  __m512i low, high;
  Alternate(__m512i a, __m512i b) {
    low = _mm512_permutex2var_epi16(a, index(0), b);
    high = _mm512_permutex2var_epi16(a, index(16), b);
  }

 private:
  static __m512i index(int half) {
    alignas(64) static constexpr auto all = [] {
      struct {
        int16_t lane[64];
      } v{};
      for (int16_t i = 0; i < 64; ++i) v.lane[i] = static_cast<int16_t>(i / 2 + (i % 2) * 32);
      return v;
    }();
    return _mm512_load_si512(all.lane + 2 * half);
  }
};

}  // namespace lampas::kernels::LAMPAS_ISA
