// The gradient of a view, by geometry.
#pragma once
#include "core/tensor.h"

namespace lampas::ops {

struct Geometry {
  Dims sizes, strides;
  int64_t offset;
};

// Zeros of the source's sizes with `g` added at the places that the view `to` of a tensor lying as
// `from` takes. Differentiable.
Tensor scatter_view(const Tensor& g, const Geometry& from, const Geometry& to);
// Stands where no gradient is recorded.
inline Tensor nullptr_back(const Tensor& g) { return g; }

}  // namespace lampas::ops
