// Images sampled at any positions. Arrays of two are for float32 (0) and float64 (1).
#pragma once
#include "core/dtype.h"
#include "kernels/env.h"

namespace lampas::kernels {

enum class GridMode : uint8_t { Linear, Nearest, Cubic };
enum class GridPadding : uint8_t { Zeros, Border, Reflection };

// Images are [images][channels][size...], contiguous, with up to three sizes, of which `dims` count
// and stand last. A grid is [images][points][dims], x first; results are
// [images][channels][points].
struct GridShape {
  int64_t images, channels, points, size[3];
  int dims;
  GridMode mode;
  GridPadding padding;
  bool corners;  // -1 and 1 are the centres of the corner pixels
};

struct GridTable {
  void (*sample[2])(const GridShape&, const void* in, const void* grid, void* out, const Env&);
  // gx is written in full; gx and ggrid may be null.
  void (*backward[2])(const GridShape&, const void* gy, const void* in, const void* grid, void* gx,
                      void* ggrid, const Env&);
};

}  // namespace lampas::kernels
