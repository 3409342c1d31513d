// Tensors put together and rearranged: copies, not views.
#pragma once
#include "core/tensor.h"

namespace lampas::ops {

Tensor cat(const std::vector<Tensor>& tensors, int64_t dim);
Tensor stack(const std::vector<Tensor>& tensors, int64_t dim);
Tensor flip(const Tensor& x, IntSpan dims);
// Zeros below a diagonal of the last two dimensions (`upper`), or above it.
Tensor triangle(const Tensor& x, int64_t diagonal, bool upper);
Tensor roll(const Tensor& x, IntSpan shifts, IntSpan dims);
Tensor repeat(const Tensor& x, IntSpan repeats);

}  // namespace lampas::ops
