// Pooling along a row of outputs. Arrays of two are for float32 (0) and float64 (1).
#pragma once
#include <cstdint>

namespace lampas::kernels {

struct PoolTable {
  // out[j] = max over t of in[j * stride + offsets[t]], j < n; a NaN wins. at[j]: which index of in
  // that was, the first of equal ones.
  void (*max_row[2])(const void* in, int64_t stride, const int64_t* offsets, int64_t taps,
                     int64_t n, void* out, int64_t* at);
  // out[j] = scale * sum over t of in[j * stride + offsets[t]], j < n
  void (*sum_row[2])(const void* in, int64_t stride, const int64_t* offsets, int64_t taps,
                     int64_t n, double scale, void* out);
  // to[j * stride + offsets[t]] += scale * in[j] for each t, j < n
  void (*spread_row[2])(const void* in, int64_t stride, const int64_t* offsets, int64_t taps,
                        int64_t n, double scale, void* to);
};

}  // namespace lampas::kernels
