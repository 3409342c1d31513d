// Patches of images as columns, and their sum. Image planes are [height][width]; columns of a plane
// are [kernel 0][kernel 1][blocks 0][blocks 1]; everything is contiguous.
#pragma once
#include "core/dtype.h"
#include "kernels/env.h"

namespace lampas::kernels {

struct UnfoldShape {
  int64_t size[2], blocks[2], kernel[2], dilation[2], padding[2], stride[2];
};

struct UnfoldTable {
  // Elements of 1 << i bytes; zero bytes in the padding.
  void (*unfold[5])(int64_t planes, const UnfoldShape&, const void* image, void* columns,
                    const Env&);
  // Sums of overlapping pixels, float32 and float64.
  void (*fold[2])(int64_t planes, const UnfoldShape&, const void* columns, void* image, const Env&);
};

}  // namespace lampas::kernels
