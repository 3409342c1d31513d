// Reductions over dimensions.
#pragma once
#include "kernels/reduce.h"
#include "ops/operand.h"

namespace lampas::ops {

using kernels::Reduce;

// Which dimensions a reduction takes: none given means all.
using OptDims = std::optional<Dims>;

// Without autograd: any of the kernels' reductions. An empty reduction gives `empty_value`.
Tensor reduce_raw(Reduce r, const Tensor& x, const OptDims& dims, bool keepdim,
                  const Scalar& empty_value);
// The sizes after reducing, and which dimensions were.
std::vector<char> reduced_dims(const Tensor& x, const OptDims& dims, const char* op);
// A reduced tensor with its dropped dimensions put back as size 1, to broadcast against x.
Tensor restore_dims(const Tensor& y, const Tensor& x, const OptDims& dims, bool keepdim);

Tensor sum(const Tensor& x, const OptDims& dims = {}, bool keepdim = false,
           std::optional<DType> dtype = {});
Tensor nansum(const Tensor& x, const OptDims& dims, bool keepdim);
Tensor mean(const Tensor& x, const OptDims& dims = {}, bool keepdim = false,
            std::optional<DType> dtype = {});
Tensor prod(const Tensor& x, const std::optional<int64_t>& dim, bool keepdim,
            std::optional<DType> dtype = {});
Tensor amax(const Tensor& x, const OptDims& dims, bool keepdim);
Tensor amin(const Tensor& x, const OptDims& dims, bool keepdim);
Tensor all(const Tensor& x, const OptDims& dims = {}, bool keepdim = false);
Tensor any(const Tensor& x, const OptDims& dims = {}, bool keepdim = false);
Tensor count_nonzero(const Tensor& x, const OptDims& dims);
Tensor var(const Tensor& x, const OptDims& dims, double correction, bool keepdim);
Tensor logsumexp(const Tensor& x, const Dims& dims, bool keepdim);
Tensor norm(const Tensor& x, double p, const OptDims& dims, bool keepdim);

Tensor argmax(const Tensor& x, const std::optional<int64_t>& dim, bool keepdim);
Tensor argmin(const Tensor& x, const std::optional<int64_t>& dim, bool keepdim);
// Values and indices along one dimension.
std::vector<Tensor> max(const Tensor& x, int64_t dim, bool keepdim);
std::vector<Tensor> min(const Tensor& x, int64_t dim, bool keepdim);

Tensor cumsum(const Tensor& x, int64_t dim, std::optional<DType> dtype = {});
Tensor cumprod(const Tensor& x, int64_t dim, std::optional<DType> dtype = {});
std::vector<Tensor> cummax(const Tensor& x, int64_t dim);
std::vector<Tensor> cummin(const Tensor& x, int64_t dim);
Tensor logcumsumexp(const Tensor& x, int64_t dim);

// Sums `x` down to `sizes`, to which those of x must be the expansion.
Tensor sum_to_size(const Tensor& x, IntSpan sizes);
// Whether both have one shape and equal elements; looks no further than the first difference.
bool equal(const Tensor& a, const Tensor& b);
bool any_equal(const Tensor& x, const Scalar& value);

}  // namespace lampas::ops
