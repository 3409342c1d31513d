// Pooling along a row of outputs. Arrays of two are for float32 (0) and float64 (1).
#pragma once
#include <cstdint>

#include "kernels/env.h"

namespace lampas::kernels {

// What elements of a plane each output of it sees.
struct PlaneTaps {
  int64_t in, out;       // elements of a plane
  const int32_t* begin;  // of each output's taps, and their number
  const int32_t* index;
  const void* weight;  // of the elements' type; maxima have none
};

struct PoolTable {
  // out[j] = max over t of in[j * stride + offsets[t]], j < n; a NaN wins. at[j]: which index of in
  // that was, the first of equal ones; `at` may be null.
  void (*max_row[2])(const void* in, int64_t stride, const int64_t* offsets, int64_t taps,
                     int64_t n, void* out, int32_t* at);
  // out[j] = scale * sum over t of in[j * stride + offsets[t]], j < n
  void (*sum_row[2])(const void* in, int64_t stride, const int64_t* offsets, int64_t taps,
                     int64_t n, double scale, void* out);
  // to[j * stride + offsets[t]] += scale * in[j] for each t, j < n
  void (*spread_row[2])(const void* in, int64_t stride, const int64_t* offsets, int64_t taps,
                        int64_t n, double scale, void* to);

  // For small planes, `lanes` of them side by side; so many there must be. False where scratch
  // memory was exhausted. Maxima as above; sums of weighted elements.
  int lanes[2];
  bool (*max_planes[2])(const PlaneTaps&, int64_t planes, const void* in, void* out, int32_t* at,
                        const Env&);
  bool (*weigh_planes[2])(const PlaneTaps&, int64_t planes, const void* in, void* out, const Env&);
};

}  // namespace lampas::kernels
