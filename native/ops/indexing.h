// Elements chosen by tensors of indices.
#pragma once
#include <string>

#include "ops/operand.h"

namespace lampas::ops {

// x[indices]: one entry per dimension of x, undefined ones take all of it; integer or 1-d bool.
Tensor index(const Tensor& x, const std::vector<Tensor>& indices);
void index_put_(const Tensor& self, const std::vector<Tensor>& indices, const Tensor& value,
                bool accumulate);

Tensor nonzero(const Tensor& x);  // [count, x.dim()]
std::vector<Tensor> nonzero_tuple(const Tensor& x);

Tensor index_select(const Tensor& x, int64_t dim, const Tensor& index);
// `into`, here and below: x itself, contiguous, to write into rather than into a copy; no graph.
Tensor index_add(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& source,
                 const Scalar& alpha, const Tensor& into = {});
Tensor index_copy(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& source,
                  const Tensor& into = {});
Tensor index_fill(const Tensor& x, int64_t dim, const Tensor& index, const Operand& value,
                  const Tensor& into = {});

Tensor gather(const Tensor& x, int64_t dim, const Tensor& index);
Tensor scatter(const Tensor& x, int64_t dim, const Tensor& index, const Operand& source,
               const Tensor& into = {});
// reduce: "sum", "prod", "mean", "amax" or "amin".
Tensor scatter_reduce(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& source,
                      const std::string& reduce, bool include_self);
Tensor scatter_add(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& source,
                   const Tensor& into = {});

Tensor masked_fill(const Tensor& x, const Tensor& mask, const Operand& value);
Tensor masked_select(const Tensor& x, const Tensor& mask);
Tensor masked_scatter(const Tensor& x, const Tensor& mask, const Tensor& source);
Tensor take(const Tensor& x, const Tensor& index);

// Rows of `weight`; the gradient of row padding_idx is zero.
Tensor embedding(const Tensor& weight, const Tensor& index, int64_t padding_idx);
// Sums, means or maxima of rows of `weight`: of bag b, those that the first `total` of `index` name
// from begin[b] to where the next begins. `factors` of each, for sums, may be undefined. Row
// `padding` counts nothing.
enum class BagMode : uint8_t { Sum, Mean, Max };
Tensor embedding_bag(const Tensor& weight, const Tensor& index, const Tensor& begin, int64_t total,
                     BagMode mode, const Tensor& factors, int64_t padding);

}  // namespace lampas::ops
