// Elements moved to and from places that int64 positions name. Positions have been checked: only
// `within` and `offsets` see others.
#pragma once
#include <cstdint>

#include "core/dtype.h"

namespace lampas::kernels {

// What becomes of an element that meets one already there; NaN wins extremes.
enum class Combine : uint8_t { Sum, Product, Max, Min };
inline constexpr int kCombines = 4;

struct IndexTable {
  // Whether low <= at[i] < high, 0 <= i < n.
  bool (*within)(const int64_t* at, int64_t n, int64_t low, int64_t high);
  // to[i] = at[i] * stride, on top of what to[i] was with `add`; negative positions count back from
  // `size`.
  void (*offsets)(int64_t* to, const int64_t* at, int64_t n, int64_t size, int64_t stride,
                  bool add);
  // to[i] = from[at[i] * step + i * side], of elements of `item` bytes.
  void (*gather)(void* to, const void* from, const int64_t* at, int64_t n, int64_t step,
                 int64_t side, int item);
  // to[at[i] * step + i * side] = from[i * from_step], the last one staying.
  void (*scatter)(void* to, const void* from, const int64_t* at, int64_t n, int64_t step,
                  int64_t side, int64_t from_step, int item);
  // The same combined with what is there, in order; null for extremes of complex numbers.
  void (*combine[kCombines][kDTypes])(void* to, const void* from, const int64_t* at, int64_t n,
                                      int64_t step, int64_t side);
  // to[i] += from[i].
  void (*add[kDTypes])(void* to, const void* from, int64_t n);
  // to[c] = the sum over i of from[at[i] * n + c] * factor[i], in order, in float32 and float64;
  // null factors are ones.
  void (*sum_rows[2])(void* to, const void* from, const int64_t* at, const void* factor,
                      int64_t rows, int64_t n);
  // to[i] = max(to[i], from[i]) and which[i] = at where from[i] is greater or the first NaN.
  void (*take_max[2])(void* to, int64_t* which, const void* from, int64_t at, int64_t n);
  // How many of n bytes are not zero.
  int64_t (*count)(const uint8_t* mask, int64_t n);
  // The places of the first `total` bytes that are not zero: to[k * step].
  void (*places)(int64_t* to, int64_t step, const uint8_t* mask, int64_t total);
};

}  // namespace lampas::kernels
