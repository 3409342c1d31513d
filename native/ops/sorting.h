// Order: sorting, selection, sets, bins.
#pragma once
#include "core/tensor.h"

namespace lampas::ops {

// Values and int64 indices along a dimension; NaN greatest. Equal elements come in the order that
// PyTorch gives them: that of std::sort, or with `stable` as they stood.
std::vector<Tensor> sort(const Tensor& x, int64_t dim, bool descending, bool stable = false);
std::vector<Tensor> topk(const Tensor& x, int64_t k, int64_t dim, bool largest);
std::vector<Tensor> kthvalue(const Tensor& x, int64_t k, int64_t dim, bool keepdim);
// The lower of two middle values; NaN wins, or is left out.
std::vector<Tensor> median(const Tensor& x, int64_t dim, bool keepdim, bool skip_nan);
Tensor median(const Tensor& x, bool skip_nan);
std::vector<Tensor> mode(const Tensor& x, int64_t dim, bool keepdim);

struct Unique {
  Tensor values, inverse, counts;  // the last two where asked for
};
Unique unique(const Tensor& x, bool inverse, bool counts);  // of all elements, sorted
Unique unique_rows(const Tensor& x, int64_t dim, bool inverse, bool counts);
// Runs of equal elements, or of equal slices along a dimension.
Unique unique_consecutive(const Tensor& x, std::optional<int64_t> dim, bool inverse, bool counts);

Tensor searchsorted(const Tensor& sorted, const Tensor& values, bool right, bool int32,
                    const Tensor& sorter);
Tensor bincount(const Tensor& x, const Tensor& weights, int64_t minlength);
Tensor histc(const Tensor& x, int64_t bins, double low, double high);

}  // namespace lampas::ops
