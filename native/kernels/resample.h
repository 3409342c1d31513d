// Planes resampled along their rows and columns: every output is a weighted sum of inputs.
#pragma once
#include "core/dtype.h"
#include "kernels/env.h"

namespace lampas::kernels {

// Output j of an axis is the sum of weight[t * stride + j] * in[index[t * stride + j]], t < width.
// Beyond count[j] taps, the first is repeated with weight 0.
struct ResampleAxis {
  int64_t in = 1, out = 1, width = 0;  // width 0: the axis stays as it is
  int64_t stride = 0;                  // out, rounded up to whole vectors
  const int32_t* index = nullptr;
  const int32_t* count = nullptr;
  // For vectors of `lanes` outputs, [vector][tap]: where 2 * lanes inputs start that hold all of
  // the tap's; -2 - b where 4 * lanes inputs from b on do; or -1. Null without vectors.
  const int32_t* base = nullptr;
  const void* weight = nullptr;  // float or double; int32 in units of 1 << -shift for bytes
  int shift = 0;
};

// Functions return false where scratch memory was exhausted.
struct ResampleTable {
  int lanes;  // of float32; 0: no vectors
  // float32 and float64
  bool (*weighted[2])(int64_t planes, const ResampleAxis& y, const ResampleAxis& x, const void* in,
                      void* out, const Env&);
  // Bytes, rows first, rounded after each axis.
  bool (*bytes)(int64_t planes, const ResampleAxis& y, const ResampleAxis& x, const void* in,
                void* out, const Env&);
  // out[i][j] = in[y.index[i]][x.index[j]], elements of 1 << i bytes.
  bool (*gather[5])(int64_t planes, const ResampleAxis& y, const ResampleAxis& x, const void* in,
                    void* out, const Env&);
};

}  // namespace lampas::kernels
