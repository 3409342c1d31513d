// Values from one tensor to another: casts, clones, in-place copies.
#pragma once
#include <optional>

#include "core/tensor.h"

namespace lampas::ops {

// Without autograd: writes `value`, or `from` broadcast and cast, into `to`.
void fill_raw(const Tensor& to, const Scalar& value);
void copy_raw(const Tensor& to, const Tensor& from);

// Strides of a dense tensor that orders its dimensions in memory as `x` does.
Dims dense_strides(const Tensor& x);

Tensor clone(const Tensor& x);                  // keeps a dense layout
Tensor contiguous(const Tensor& x);             // x itself where it already is
Tensor to_dtype(const Tensor& x, DType dtype);  // x itself where it already is
// `contiguous` without history, for kernels that want plain memory.
inline Tensor plain(const Tensor& x) { return x.is_contiguous() ? x : contiguous(x.alias()); }

// self[...] = from, seen by autograd. Checks are the caller's (check_inplace).
void copy_(const Tensor& self, const Tensor& from);
void fill_(const Tensor& self, const Scalar& value);

}  // namespace lampas::ops
