// Filters packed for the products: blocks of R outputs, [channel, tap][R] in each.
#pragma once
#include <algorithm>

#include "kernels/conv.h"
#include "kernels/gemm_block.h"

namespace lampas::kernels::LAMPAS_ISA {

inline int64_t blocks_of(int64_t n, int64_t size) { return (n + size - 1) / size; }

inline void run_tasks(int64_t n, void (*task)(void*, int64_t), void* job, const Env& env,
                      double flops) {
  if (flops > 200000 && n > 1) return env.parallel(n, task, job);
  for (int64_t i = 0; i < n; ++i) task(job, i);
}

// to[k * R + r] = from[r * from_row + k] for r < n <= R, k < depth; the rest of a row of `to` may
// be overwritten.
template <class T>
void pack_rows(const T* from, int64_t from_row, int64_t n, int64_t depth, T* to, int64_t R) {
  constexpr int64_t lanes = Block<T>::lanes, most = (kBlockRows + lanes - 1) / lanes * lanes;
  int64_t k = 0, width = blocks_of(n, lanes) * lanes;
  // What is written are vectors: they reach beyond their row, into rows that come later.
  if (2 * n >= width)
    for (T in [lanes * lanes], out[lanes * most]; k + 2 * lanes <= depth; k += lanes) {
      for (int64_t first = 0; first < width; first += lanes) {
        for (int64_t r = 0; r < lanes; ++r)
          std::memcpy(in + r * lanes, from + std::min(first + r, n - 1) * from_row + k,
                      lanes * sizeof(T));
        transpose_block<T, lanes>(out + first, most, in, lanes);
      }
      for (int64_t i = 0; i < lanes; ++i)
        for (int64_t first = 0; first < width; first += lanes)
          std::memcpy(to + (k + i) * R + first, out + i * most + first, lanes * sizeof(T));
    }
  for (; k < depth; ++k)
    for (int64_t r = 0; r < n; ++r) to[k * R + r] = from[r * from_row + k];
}

template <class T>
struct Filters {
  static constexpr int64_t kDepth = 288;  // rows of patches at a time: a packed panel fits level 1

  const ConvShape& s;
  const T* w;
  int64_t R, row_blocks, steps, step_channels;
  T* a = nullptr;

  Filters(const ConvShape& shape, const T* weight) : s(shape), w(weight) {
    R = even_rows(s.outputs);
    row_blocks = blocks_of(s.outputs, R);
    steps = blocks_of(s.channels, std::clamp<int64_t>(kDepth / s.taps, 1, s.channels));
    step_channels = blocks_of(s.channels, steps);
    steps = blocks_of(s.channels, step_channels);
  }
  int64_t size() const { return row_blocks * R * s.channels * s.taps; }
  int64_t first_channel(int64_t step) const { return step * step_channels; }
  int64_t end_channel(int64_t step) const {
    return std::min(s.channels, (step + 1) * step_channels);
  }
  int64_t depth(int64_t step) const { return (end_channel(step) - first_channel(step)) * s.taps; }
  T* packed(int64_t step, int64_t block) const {
    return a + first_channel(step) * s.taps * row_blocks * R + block * depth(step) * R;
  }

  // to: size() elements
  void pack(T* to, const Env& env) {
    a = to;
    run_tasks(steps * row_blocks, pack_block, this, env, 4.0 * static_cast<double>(size()));
  }

 private:
  static void pack_block(void* job, int64_t task) {
    auto& j = *static_cast<Filters*>(job);
    const ConvShape& s = j.s;
    int64_t step = task / j.row_blocks, block = task % j.row_blocks, first = block * j.R,
            n = std::min(j.R, s.outputs - first), c0 = j.first_channel(step);
    T* to = j.packed(step, block);
    if (j.in_order()) {
      pack_rows(j.w + first * s.w_output + c0 * s.taps, s.w_output, n, j.depth(step), to, j.R);
      return;
    }
    for (int64_t c = c0; c < j.end_channel(step); ++c, to += s.taps * j.R)
      for (int64_t r = 0; r < n; ++r) {
        const T* from = j.w + (first + r) * s.w_output + c * s.w_channel;
        for (int64_t t = 0; t < s.taps; ++t) to[t * j.R + r] = from[s.w_tap[t]];
      }
  }
  // Whether a filter's elements lie as they are packed.
  bool in_order() const {
    for (int64_t t = 0; t < s.taps; ++t)
      if (s.w_tap[t] != t) return false;
    return s.w_channel == s.taps;
  }
};

// out[i] = the sum of partial[chunk][i] over the chunks, in their order.
template <class T>
struct PartialSums {
  static constexpr int64_t kTask = 4096;
  const T* partial;
  T* out;
  int64_t size, chunks;

  void add(const Env& env) {
    run_tasks(blocks_of(size, kTask), task, this, env, static_cast<double>(size * chunks));
  }
  static void task(void* job, int64_t i) {
    auto& j = *static_cast<PartialSums*>(job);
    const int64_t begin = i * kTask, end = std::min(j.size, begin + kTask);
    std::copy(j.partial + begin, j.partial + end, j.out + begin);
    for (int64_t k = 1; k < j.chunks; ++k)
      for (int64_t at = begin; at < end; ++at) j.out[at] += j.partial[k * j.size + at];
  }
};

}  // namespace lampas::kernels::LAMPAS_ISA
