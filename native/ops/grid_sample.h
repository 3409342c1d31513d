// Images sampled at any positions.
#pragma once
#include "ops/operand.h"

namespace lampas::ops {

struct GridSampling {
  int mode;     // 0: linear, 1: nearest, 2: cubic
  int padding;  // 0: zeros, 1: border, 2: reflection
  bool align_corners;
};
// x: [N, C, (D,) H, W], grid: [N, (D',) H', W', 2 or 3], both float32 or both float64. Without a
// graph.
Tensor grid_sample(const Tensor& x, const Tensor& grid, const GridSampling& how);
// The gradients of both; an empty tensor for one that is not wanted.
std::vector<Tensor> grid_sample_backward(const Tensor& g, const Tensor& x, const Tensor& grid,
                                         const GridSampling& how, bool of_input, bool of_grid);

}  // namespace lampas::ops
