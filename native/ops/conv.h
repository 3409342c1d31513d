// Convolutions and pooling over 1, 2 or 3 spatial dimensions.
#pragma once
#include "ops/operand.h"

namespace lampas::ops {

struct ConvArgs {
  Dims stride, padding, dilation, output_padding;  // one per spatial dimension
  int64_t groups = 1;
  bool transposed = false;
};
// x: [N, C, spatial...]; weight: [O, C/groups, kernel...], transposed: [C, O/groups, kernel...].
Tensor convolution(const Tensor& x, const Tensor& weight, const Tensor& bias, const ConvArgs& args);

// Whether 3x3 convolutions of float32 may go through Winograd's transforms: about half the time,
// rounding errors about ten times those of a direct sum. LAMPAS_WINOGRAD=0 starts with false.
bool winograd();
void set_winograd(bool on);

struct PoolArgs {
  Dims kernel, stride, padding, dilation;
  bool ceil_mode = false, count_include_pad = true;
  std::optional<int64_t> divisor;
};
// The values, and their indices in a plane if wanted.
std::vector<Tensor> max_pool(const Tensor& x, const PoolArgs& args, bool indices);
Tensor avg_pool(const Tensor& x, const PoolArgs& args);
Tensor adaptive_avg_pool(const Tensor& x, const Dims& size);
std::vector<Tensor> adaptive_max_pool(const Tensor& x, const Dims& size, bool indices);

}  // namespace lampas::ops
