// Winograd's minimal filtering for 3x3 windows of stride 1: Lavin and Gray, "Fast Algorithms for
// Convolutional Neural Networks", 2016 (F(4x4, 3x3), points 0, 1, -1, 2, -2, infinity).
//
// A tile is 6x6 inputs that give 4x4 outputs with 36 products instead of 144. Channels are the
// vectors' lanes: transformed tiles lie as [36][tile][channel], so that the products are 36 plain
// matrix products. In float32 the relative error is about 1e-5 where a direct sum has 1e-6.
#pragma once
#include <algorithm>
#include <cstring>

#include "kernels/conv.h"
#include "kernels/gemm_block.h"

namespace lampas::kernels::LAMPAS_ISA {

namespace winograd {

using B = Block<float>;
using V = B::V;
inline constexpr int64_t L = B::lanes, kOut = 4, kIn = 6, kPoints = 36;

inline int64_t round_up(int64_t n, int64_t to) { return (n + to - 1) / to * to; }
inline V& at(float* p) { return *reinterpret_cast<V*>(p); }
inline const V& at(const float* p) { return *reinterpret_cast<const V*>(p); }

// ---- one dimension of each transform; d and y are `step` vectors apart ------------------------
[[gnu::always_inline]] inline void input_1d(const V (&d)[6], V (&y)[6]) {
  V a = d[4] - 4 * d[2], b = d[3] - 4 * d[1], c = d[4] - d[2], e = 2 * (d[3] - d[1]);
  y[0] = 4 * d[0] - 5 * d[2] + d[4];
  y[1] = a + b;
  y[2] = a - b;
  y[3] = c + e;
  y[4] = c - e;
  y[5] = 4 * d[1] - 5 * d[3] + d[5];
}
[[gnu::always_inline]] inline void output_1d(const V (&m)[6], V (&y)[4]) {
  V a = m[1] + m[2], b = m[1] - m[2], c = m[3] + m[4], d = m[3] - m[4];
  y[0] = m[0] + a + c;
  y[1] = b + 2 * d;
  y[2] = a + 4 * c;
  y[3] = b + 8 * d + m[5];
}
[[gnu::always_inline]] inline void filter_1d(const V (&g)[3], V (&y)[6]) {
  V a = (g[0] + g[2]) * (-1.0f / 6), b = g[1] * (-1.0f / 6);
  V c = g[0] * (1.0f / 24) + g[2] * (1.0f / 6), d = g[1] * (1.0f / 12);
  y[0] = g[0] * 0.25f;
  y[1] = a + b;
  y[2] = a - b;
  y[3] = c + d;
  y[4] = c - d;
  y[5] = g[2];
}
// Four gradients in the filter's place, three taps in the output's.
[[gnu::always_inline]] inline void gradient_1d(const V (&g)[4], V (&y)[6]) {
  V a = (g[0] + g[2]) * (-1.0f / 6), b = (g[1] + g[3]) * (-1.0f / 6);
  V c = g[0] * (1.0f / 24) + g[2] * (1.0f / 6), d = g[1] * (1.0f / 12) + g[3] * (1.0f / 3);
  y[0] = g[0] * 0.25f;
  y[1] = a + b;
  y[2] = a - b;
  y[3] = c + d;
  y[4] = c - d;
  y[5] = g[3];
}
[[gnu::always_inline]] inline void taps_1d(const V (&m)[6], V (&y)[3]) {
  y[0] = m[0] + (m[1] + m[2]) + (m[3] + m[4]);
  y[1] = (m[1] - m[2]) + 2 * (m[3] - m[4]);
  y[2] = (m[1] + m[2]) + 4 * (m[3] + m[4]) + m[5];
}

// Where tiles lie: a strip is one row of tiles in one image.
struct Grid {
  const ConvShape& s;
  int64_t lo_h, lo_w;  // of the first tap
  int64_t tiles_w, strips, columns, padded_c, c_row;

  explicit Grid(const ConvShape& shape) : s(shape), lo_h(s.tap[0][1]), lo_w(s.tap[0][2]) {
    for (int64_t t = 1; t < s.taps; ++t) {
      lo_h = std::min(lo_h, s.tap[t][1]);
      lo_w = std::min(lo_w, s.tap[t][2]);
    }
    tiles_w = (s.out[2] + kOut - 1) / kOut;
    strips = s.images * strips_per_image();
    columns = round_up(tiles_w * kOut + 2, L);
    padded_c = round_up(s.channels, L);
    c_row = padded_c + L;  // an odd number of cache lines keeps rows off each other's sets
  }
  int64_t strips_per_image() const { return (s.out[1] + kOut - 1) / kOut; }
  int64_t tiles() const { return strips * tiles_w; }
  int64_t strip_buffer() const { return 2 * kIn * columns * L; }
};

// Rows y0.. of a block of L planes (`count` of them exist) as to[row][column][lane]; zeros outside.
// `lines` holds as much as `to`.
struct PlaneRows {
  const float* planes;
  int64_t plane_step, count, height, width;

  void load(int64_t y0, int64_t x0, int64_t rows, int64_t columns, float* to, float* lines) const {
    int64_t lo = std::clamp<int64_t>(-x0, 0, columns), hi = std::clamp(width - x0, lo, columns);
    for (int64_t c = 0; c < L; ++c)
      for (int64_t r = 0; r < rows; ++r) {
        float* line = lines + (r * L + c) * columns;
        int64_t i = 0;
        if (c < count && y0 + r >= 0 && y0 + r < height) {
          const float* from = planes + c * plane_step + (y0 + r) * width + x0;
          for (; i < lo; ++i) line[i] = 0;
          for (; i + L <= hi; i += L) {
            at(line + i) = at(from + i);
            __builtin_prefetch(from + L * plane_step + i);  // the next block's turn is soon
          }
          for (; i < hi; ++i) line[i] = from[i];
        }
        for (; i < columns; ++i) line[i] = 0;
      }
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t i = 0; i < columns; i += L)
        transpose_block<float, L>(to + (r * columns + i) * L, L, lines + r * L * columns + i,
                                  columns);
  }
};

// Where the transformed tiles of a strip go: points, blocks of L channels and tiles lie so far
// apart.
struct Place {
  float* first;
  int64_t point, block, tile;
};
// buffer: Grid::strip_buffer()
void transform_input(const Grid& g, const float* x, int64_t strip, const Place& v, float* buffer);

}  // namespace winograd
}  // namespace lampas::kernels::LAMPAS_ISA
