// A convolution cut into what the kernels do; no graph, no checks.
#pragma once
#include "ops/conv.h"

namespace lampas::ops {

// x [N, C, in...] * weight [O, C/groups, kernel...] + bias (or undefined) -> [N, O, out...]
Tensor correlate(const Tensor& x, const Tensor& weight, const Tensor& bias, const ConvArgs& a,
                 const Dims& out);
// Its adjoint: gy [N, O, out...] * weight + bias -> [N, C, in...]
Tensor correlate_input(const Tensor& gy, const Tensor& weight, const Tensor& bias,
                       const ConvArgs& a, const Dims& in);
// The gradient of correlate with respect to a weight of `size`.
Tensor correlate_weight(const Tensor& gy, const Tensor& x, const ConvArgs& a, const Dims& size);

}  // namespace lampas::ops
