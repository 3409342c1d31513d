// Maps from planes to planes, for kernels that take several planes side by side.
#pragma once
#include <vector>

#include "core/tensor.h"
#include "dispatch/dispatch.h"

namespace lampas::ops {

// Output o of a plane sees the elements index[t], with weight[t], begin[o] <= t < begin[o + 1].
struct PlaneMap {
  int64_t in = 0, out = 0;
  std::vector<int32_t> begin{0}, index;
  std::vector<double> weight;  // none for maxima

  void finish_output() {
    begin.push_back(static_cast<int32_t>(index.size()));
    ++out;
  }
  PlaneMap transposed() const;
};

// Whether planes of floats are small enough, and many enough: `columns` are those of an output,
// `taps` all of a plane.
bool side_by_side(DType d, int64_t planes, int64_t in, int64_t out, int64_t columns, int64_t taps);

// `y`, and `at` if defined, are written; x is contiguous.
void max_planes(const PlaneMap& map, int64_t planes, const Tensor& x, const Tensor& y,
                const Tensor& at);
void weigh_planes(const PlaneMap& map, int64_t planes, const Tensor& x, const Tensor& y);

}  // namespace lampas::ops
