// Views: other sizes and strides over the same memory.
#pragma once
#include <optional>

#include "core/tensor.h"
#include "ops/view_grad.h"

namespace lampas::ops {

Tensor as_strided(const Tensor& x, IntSpan sizes, IntSpan strides, int64_t offset);
Tensor view(const Tensor& x, IntSpan sizes);     // -1 is inferred; RuntimeError where it would copy
Tensor reshape(const Tensor& x, IntSpan sizes);  // copies where it must
Tensor expand(const Tensor& x, IntSpan sizes);   // -1 keeps a size
Tensor permute(const Tensor& x, IntSpan dims);
Tensor transpose(const Tensor& x, int64_t a, int64_t b);
Tensor t(const Tensor& x);
Tensor mT(const Tensor& x);  // the last two dimensions swapped
Tensor select(const Tensor& x, int64_t dim, int64_t index);
Tensor slice(const Tensor& x, int64_t dim, std::optional<int64_t> start, std::optional<int64_t> end,
             int64_t step = 1);
Tensor narrow(const Tensor& x, int64_t dim, int64_t start, int64_t length);
Tensor squeeze(const Tensor& x, std::optional<Dims> dims = {});
Tensor unsqueeze(const Tensor& x, int64_t dim);
Tensor flatten(const Tensor& x, int64_t start = 0, int64_t end = -1);
Tensor unflatten(const Tensor& x, int64_t dim, IntSpan sizes);
Tensor movedim(const Tensor& x, IntSpan from, IntSpan to);
Tensor diagonal(const Tensor& x, int64_t offset, int64_t dim1, int64_t dim2);
Tensor unfold(const Tensor& x, int64_t dim, int64_t size, int64_t step);
std::vector<Tensor> split(const Tensor& x, int64_t size, int64_t dim);
std::vector<Tensor> split(const Tensor& x, IntSpan sizes, int64_t dim);
std::vector<Tensor> chunk(const Tensor& x, int64_t chunks, int64_t dim);
std::vector<Tensor> unbind(const Tensor& x, int64_t dim);
Tensor view_as_real(const Tensor& x);     // complex [..] -> real [.., 2]
Tensor view_as_complex(const Tensor& x);  // real [.., 2] -> complex [..]
Tensor real(const Tensor& x);
Tensor imag(const Tensor& x);
Tensor view_dtype(const Tensor& x, DType dtype);  // the same bytes as another type

// Where a memory format wants the channels: of 4-d (channels_last) and 5-d tensors innermost.
enum class MemoryFormat : uint8_t { Contiguous, Preserve, ChannelsLast, ChannelsLast3d };
bool has_memory_format(const Tensor& x, MemoryFormat format);
Tensor with_memory_format(const Tensor& x, MemoryFormat format);  // itself where it already is

// The view `to` of a tensor: basic indexing. `dense` is the same view of a contiguous tensor, which
// scatters the gradient back: elements of an expanded tensor keep gradients of their own.
Tensor subview(const Tensor& x, const Geometry& to, const Geometry& dense, const char* name);

bool expandable(IntSpan from, IntSpan to);
// Sizes with -1 replaced; RuntimeError where they do not fit numel.
Dims infer_size(IntSpan sizes, int64_t numel, IntSpan from = {});
// Strides of a view of `x` with these sizes, if there is one without copying.
std::optional<Dims> view_strides(const Tensor& x, IntSpan sizes);

}  // namespace lampas::ops
