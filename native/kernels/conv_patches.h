// The matrix of patches, a piece at a time: row (c, t) holds what tap t of channel c meets at each
// output position, counted through all images. It is never laid out as a whole.
#pragma once
#include <algorithm>
#include <cstring>

#include "kernels/conv.h"
#include "kernels/gemm_block.h"

namespace lampas::kernels::LAMPAS_ISA {

// A range of output positions, cut where an output row ends.
struct Positions {
  static constexpr int64_t kMost = 256;
  struct Run {
    int64_t at, length;  // from the start of the range
    int64_t image, d, h, w;
  };
  Run runs[kMost];
  int64_t count = 0, length = 0;

  Positions(const ConvShape& s, int64_t begin, int64_t end) : length(end - begin) {
    int64_t size = s.out_size(), image = begin / size, p = begin % size;
    int64_t w = p % s.out[2], h = p / s.out[2] % s.out[1], d = p / s.out[2] / s.out[1];
    for (int64_t at = 0; at < length;) {
      int64_t n = std::min(s.out[2] - w, length - at);
      runs[count++] = {at, n, image, d, h, w};
      at += n;
      w = 0;
      if (++h < s.out[1]) continue;
      h = 0;
      if (++d < s.out[0]) continue;
      d = 0;
      ++image;
    }
  }
};

template <class T>
struct Patches {
  using V = typename Block<T>::V;
  static constexpr int64_t lanes = Block<T>::lanes;
  const ConvShape& s;
  const T* x;
  const T* end;  // of what may be read

  Patches(const ConvShape& shape, const void* data)
      : s(shape),
        x(static_cast<const T*>(data)),
        end(x + (s.images - 1) * s.x_image + (s.channels - 1) * s.x_channel + s.in_size()) {}

  // Rows (c, t) for c0 <= c < c1 and t0 <= t < t1, `to_row` elements apart with t the faster index.
  void fill(const Positions& positions, int64_t c0, int64_t c1, int64_t t0, int64_t t1, T* to,
            int64_t to_row) const {
    for (int64_t t = t0; t < t1; ++t) {
      T* rows = to + (t - t0) * to_row;
      for (int64_t i = 0; i < positions.count; ++i)
        fill_run(positions.runs[i], s.tap[t], c0, c1, rows, (t1 - t0) * to_row);
    }
  }

 private:
  void fill_run(const Positions::Run& r, const int64_t* tap, int64_t c0, int64_t c1, T* rows,
                int64_t step) const {
    int64_t d = r.d * s.stride[0] + tap[0], h = r.h * s.stride[1] + tap[1],
            w = r.w * s.stride[2] + tap[2];
    bool outside = d < 0 || d >= s.in[0] || h < 0 || h >= s.in[1];
    // lo <= j < hi are the positions whose element exists
    int64_t st = s.stride[2];
    int64_t lo = w < 0 ? std::min((-w + st - 1) / st, r.length) : 0;
    int64_t hi = w >= s.in[2] ? 0 : std::min((s.in[2] - w + st - 1) / st, r.length);
    T* to = rows + r.at;
    if (outside || lo >= hi) {
      for (int64_t c = c0; c < c1; ++c, to += step) std::fill(to, to + r.length, T(0));
      return;
    }
    const T* from = x + r.image * s.x_image + c0 * s.x_channel + (d * s.in[1] + h) * s.in[2] + w;
    for (int64_t c = c0; c < c1; ++c, to += step, from += s.x_channel) {
      if (lo == 0 && hi == r.length)
        copy(to, from, r.length, st);
      else
        copy_edge(to, from, r.length, lo, hi, st);
    }
  }
  void copy(T* to, const T* from, int64_t n, int64_t st) const {
    int64_t j = 0;
    if (st == 1) {
      for (; j + lanes <= n; j += lanes)
        *reinterpret_cast<V*>(to + j) = *reinterpret_cast<const V*>(from + j);
      for (; j < n; ++j) to[j] = from[j];
    } else if (st == 2) {
      for (; j + lanes < n; j += lanes)
        for (int64_t i = 0; i < lanes; ++i) to[j + i] = from[2 * (j + i)];
      for (; j < n; ++j) to[j] = from[2 * j];
    } else {
      for (; j < n; ++j) to[j] = from[j * st];
    }
  }
  void copy_edge(T* to, const T* from, int64_t n, int64_t lo, int64_t hi, int64_t st) const {
    for (int64_t j = 0; j < lo; ++j) to[j] = T(0);
    copy(to + lo, from + lo * st, hi - lo, st);
    for (int64_t j = hi; j < n; ++j) to[j] = T(0);
  }
};

}  // namespace lampas::kernels::LAMPAS_ISA
