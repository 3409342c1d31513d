// Patches of images as columns.
#pragma once
#include "ops/operand.h"

namespace lampas::ops {

struct Patches {
  Dims kernel, dilation, padding, stride;  // two numbers each
};
// [N, C, H, W] to [N, C * patch, blocks].
Tensor unfold_patches(const Tensor& x, const Patches& how);
// [N, C * patch, blocks] to [N, C, *size]: overlapping pixels are summed.
Tensor fold_patches(const Tensor& x, IntSpan size, const Patches& how);

}  // namespace lampas::ops
