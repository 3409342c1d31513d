// Images of two dimensions as vectors of outputs meet them: a vector lies in one row of outputs,
// and every tap of it is a run of memory. Where that is not so already, rows are copied into a
// buffer with zeros around them and with columns that are alike modulo the stride side by side.
#pragma once
#include <algorithm>
#include <cstring>

#include "kernels/conv.h"
#include "kernels/gemm_block.h"

namespace lampas::kernels::LAMPAS_ISA {

template <class T>
struct Rows {
  using V = typename Block<T>::V;
  static constexpr int64_t lanes = Block<T>::lanes;

  const ConvShape& s;
  int64_t lo[2], hi[2];  // of the taps, down and across
  int64_t unit, units;   // outputs side by side, a vector or half of one; how many a row takes,
                         // the last of which overlaps the one before it
  int64_t pitch, row;    // a row's columns of one phase, and of all
  bool in_place;

  explicit Rows(const ConvShape& shape) : s(shape) {
    for (int i = 0; i < 2; ++i) {
      lo[i] = hi[i] = s.tap[0][i + 1];
      for (int64_t t = 1; t < s.taps; ++t) {
        lo[i] = std::min(lo[i], s.tap[t][i + 1]);
        hi[i] = std::max(hi[i], s.tap[t][i + 1]);
      }
    }
    auto count = [&](int64_t n) { return (s.out[2] + n - 1) / n; };
    // Two loads for one vector pay where they save a tenth of the vectors.
    unit = s.out[2] < lanes || 10 * count(lanes / 2) <= 18 * count(lanes) ? lanes / 2 : lanes;
    units = count(unit);
    in_place = s.stride[2] == 1;
    for (int i = 0; i < 2; ++i)
      in_place &= lo[i] >= 0 && (s.out[i + 1] - 1) * s.stride[i + 1] + hi[i] < s.in[i + 1];
    // Planes a power of two apart would push each other out of the caches.
    in_place &= s.channels <= 8 || s.x_channel * static_cast<int64_t>(sizeof(T)) % 1024 != 0;
    pitch = s.out[2] + (hi[1] - lo[1]) / s.stride[2];
    row = in_place ? s.in[2] : pitch * s.stride[2];
  }
  static bool fits(const ConvShape& s) {
    for (int64_t t = 0; t < s.taps; ++t)
      if (s.tap[t][0] != 0) return false;
    return s.in[0] == 1 && s.out[0] == 1 && s.out[2] >= lanes / 2 && s.stride[2] <= 4;
  }
  // The share of the lanes that compute something new.
  double efficiency() const {
    return static_cast<double>(s.out[2]) / static_cast<double>(units * unit);
  }
  // The first output column of unit u of a row.
  int64_t column(int64_t u) const { return std::min(u * unit, s.out[2] - unit); }
  // How far down the next row of outputs is.
  int64_t down() const { return s.stride[1] * row; }

  // Elements from one channel to the next where `rows` rows of outputs are loaded.
  int64_t plane(int64_t rows) const {
    if (in_place) return s.x_channel;
    int64_t lines = (((rows - 1) * s.stride[1] + hi[0] - lo[0] + 1) * row - 1) / lanes + 1;
    return (lines | 1) * lanes;
  }
  int64_t buffer(int64_t channels, int64_t rows) const {
    return in_place ? 1 : channels * plane(rows);
  }
  int64_t offset(int64_t t, int64_t rows, int64_t channel) const {
    int64_t h = s.tap[t][1] - (in_place ? 0 : lo[0]), w = s.tap[t][2] - (in_place ? 0 : lo[1]);
    return channel * plane(rows) + h * row + w % s.stride[2] * pitch + w / s.stride[2];
  }
  // Channels c0 <= c < c1 for output rows h0 <= h < h0 + rows; where the first of them is.
  const T* load(const T* image, int64_t c0, int64_t c1, int64_t h0, int64_t rows, T* to) const {
    const T* from = image + c0 * s.x_channel;
    if (in_place) return from + h0 * s.stride[1] * s.in[2];
    const int64_t n = (rows - 1) * s.stride[1] + hi[0] - lo[0] + 1;
    for (int64_t r = 0; r < n; ++r) {
      if (!used(r)) continue;
      int64_t h = h0 * s.stride[1] + lo[0] + r;
      for (int64_t c = c0; c < c1; ++c) {
        T* line = to + (c - c0) * plane(rows) + r * row;
        if (h < 0 || h >= s.in[1])
          std::fill(line, line + row, T(0));
        else
          load_row(from + (c - c0) * s.x_channel + h * s.in[2], line);
      }
    }
    return to;
  }

 private:
  bool used(int64_t r) const {
    if (hi[0] - lo[0] + 1 >= s.stride[1]) return true;
    for (int64_t t = 0; t < s.taps; ++t)
      if ((r - (s.tap[t][1] - lo[0])) % s.stride[1] == 0) return true;
    return false;
  }
  void load_row(const T* from, T* line) const {
    const int64_t st = s.stride[2];
    for (int64_t f = 0; f < st; ++f, line += pitch) {
      // Column j of this phase is column lo + f + j * st of the image.
      int64_t x = lo[1] + f, j0 = x < 0 ? (-x + st - 1) / st : 0,
              j1 = x < s.in[2] ? (s.in[2] - x + st - 1) / st : 0;
      j0 = std::min(j0, pitch);
      j1 = std::clamp(j1, j0, pitch);
      std::fill(line, line + j0, T(0));
      gather(from + x + j0 * st, st, j1 - j0, line + j0);
      std::fill(line + j1, line + pitch, T(0));
    }
  }
  template <int... kI>
  static V even(V a, V b, std::integer_sequence<int, kI...>) {
    return shuffle<T, static_cast<int>(lanes), 2 * kI...>(a, b);
  }
  static void gather(const T* from, int64_t st, int64_t n, T* to) {
    int64_t j = 0;
    if (st == 1) {
      for (; j + lanes <= n; j += lanes)
        *reinterpret_cast<V*>(to + j) = *reinterpret_cast<const V*>(from + j);
    } else if (st == 2) {
      for (; j + lanes < n; j += lanes)
        *reinterpret_cast<V*>(to + j) =
            even(*reinterpret_cast<const V*>(from + 2 * j),
                 *reinterpret_cast<const V*>(from + 2 * j + lanes),
                 std::make_integer_sequence<int, static_cast<int>(lanes)>{});
    }
    for (; j < n; ++j) to[j] = from[j * st];
  }
};

}  // namespace lampas::kernels::LAMPAS_ISA
