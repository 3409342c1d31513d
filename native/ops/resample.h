// Images of other sizes, and their surroundings.
#pragma once
#include <string>

#include "ops/operand.h"

namespace lampas::ops {

struct Resize {
  Dims size;                   // of the last dimensions
  std::vector<double> factor;  // by which each grows, as given; 0: the ratio of the sizes
  std::string mode;            // nearest, nearest-exact, linear, cubic, lanczos
  bool align_corners = false, antialias = false;
};
// x: [..., spatial], one to three spatial dimensions; floats or uint8.
Tensor resize(const Tensor& x, const Resize& how);

// Means over windows that divide the last dimensions evenly; float32 or float64.
Tensor even_means(const Tensor& x, IntSpan size);

// x[..., index] along each of the last dimensions: index holds one list for each of them.
Tensor gather_axes(const Tensor& x, const std::vector<Dims>& index);

}  // namespace lampas::ops
