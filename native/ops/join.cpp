#include "ops/join.h"

#include <cstring>

#include "autograd/autograd.h"
#include "ops/copy.h"
#include "ops/create.h"
#include "ops/promote.h"
#include "ops/views.h"
#include "runtime/pool.h"

namespace lampas::ops {

namespace {
// An empty 1-d tensor fits anything: programs start from torch.tensor([]) and cat to it.
bool is_nothing(const Tensor& t) { return t.dim() == 1 && t.numel() == 0; }

// Contiguous tensors of one dtype: rows of bytes side by side. Worth it for rows of some bytes.
constexpr int64_t kRowBytes = 32;
void join_rows(const std::vector<Tensor>& parts, const Tensor& out, int64_t dim) {
  int64_t outer = 1, item = itemsize(out.dtype());
  for (int64_t d = 0; d < dim; ++d) outer *= out.size(d);
  int64_t row = out.numel() / std::max<int64_t>(outer, 1) * item;
  auto* to = static_cast<char*>(out.data());
  parallel_ranges(outer, std::max<int64_t>(1, (1 << 18) / std::max<int64_t>(row, 1)),
                  [&](int64_t b, int64_t e) {
                    for (int64_t o = b; o < e; ++o) {
                      char* at = to + o * row;
                      for (const Tensor& t : parts) {
                        int64_t bytes = t.numel() / outer * item;
                        std::memcpy(at, static_cast<const char*>(t.data()) + o * bytes,
                                    static_cast<size_t>(bytes));
                        at += bytes;
                      }
                    }
                  });
}
}  // namespace

Tensor cat(const std::vector<Tensor>& tensors, int64_t dim) {
  LAMPAS_CHECK_VALUE(!tensors.empty(), "torch.cat(): expected a non-empty list of Tensors");
  const Tensor* model = nullptr;
  DType dtype = tensors[0].dtype();
  for (const Tensor& t : tensors) {
    LAMPAS_CHECK(t.dim() > 0, "zero-dimensional tensor (at position ", &t - tensors.data(),
                 ") cannot be concatenated. Remedy: torch.stack, or t.reshape(1)");
    dtype = promote(dtype, t.dtype());
    if (!model && !is_nothing(t)) model = &t;
  }
  if (!model) model = &tensors[0];
  dim = wrap_dim(dim, model->dim());
  Dims sizes = model->sizes();
  sizes[dim] = 0;
  std::vector<Tensor> parts;
  bool rows = true, graph = false;
  for (size_t i = 0; i < tensors.size(); ++i) {
    const Tensor& t = tensors[i];
    graph |= recording(t);
    if (is_nothing(t) && model->dim() != 1) continue;
    LAMPAS_CHECK(t.dim() == model->dim(), "Tensors must have same number of dimensions: got ",
                 model->dim(), " and ", t.dim(), " (tensor number ", i, " has shape ", t.sizes(),
                 ")");
    for (int64_t d = 0; d < t.dim(); ++d)
      LAMPAS_CHECK(d == dim || t.size(d) == model->size(d),
                   "Sizes of tensors must match except in dimension ", dim, ". Expected size ",
                   model->size(d), " but got size ", t.size(d), " for tensor number ", i,
                   " in the list (shapes ", model->sizes(), " and ", t.sizes(), ")");
    sizes[dim] += t.size(dim);
    parts.push_back(t);
    rows &= t.is_contiguous() && t.dtype() == dtype;
  }
  // A single element of a part lies between its neighbours' ones, say: a strided copy of each part.
  int64_t inner = itemsize(dtype);
  for (int64_t d = dim + 1; d < model->dim(); ++d) inner *= model->size(d);
  rows &= dim == 0 || inner * sizes[dim] >= kRowBytes * static_cast<int64_t>(parts.size());
  Tensor out = empty(sizes, dtype, model->device());
  if (!out.is_meta() && out.numel()) {
    if (rows) {
      join_rows(parts, out, dim);
    } else {
      int64_t at = 0;
      for (const Tensor& t : parts) {
        copy_raw(out.alias(t.sizes(), out.strides(), at * out.stride(dim)), t);
        at += t.size(dim);
      }
    }
  }
  if (graph) {
    std::vector<int64_t> lengths;
    for (const Tensor& t : tensors)
      lengths.push_back(is_nothing(t) && model->dim() != 1 ? -1 : t.size(dim));
    auto back = [lengths, dim](const Tensor& g, Sink& sink) {
      int64_t at = 0;
      for (size_t i = 0; i < lengths.size(); ++i) {
        if (lengths[i] < 0) continue;
        if (sink.needs(i)) sink.set(i, narrow(g, dim, at, lengths[i]));
        at += lengths[i];
      }
    };
    record({&out, 1}, "CatBackward0", std::span<const Tensor>(tensors), back);
  }
  return out;
}

Tensor stack(const std::vector<Tensor>& tensors, int64_t dim) {
  LAMPAS_CHECK(!tensors.empty(), "stack expects a non-empty TensorList");
  dim = wrap_dim(dim, tensors[0].dim() + 1);
  std::vector<Tensor> rows;
  rows.reserve(tensors.size());
  for (size_t i = 0; i < tensors.size(); ++i) {
    LAMPAS_CHECK(tensors[i].sizes() == tensors[0].sizes(),
                 "stack expects each tensor to be equal size, but got ", tensors[0].sizes(),
                 " at entry 0 and ", tensors[i].sizes(), " at entry ", i);
    rows.push_back(unsqueeze(tensors[i], dim));
  }
  return cat(rows, dim);
}

Tensor flip(const Tensor& x, IntSpan dims) {
  Dims flips(x.sizes().size(), 0);
  for (int64_t d : dims) {
    d = wrap_dim(d, x.dim());
    if (x.dim() == 0) continue;
    LAMPAS_CHECK(!flips[d], "dim ", d, " appears multiple times in the list of dims");
    flips[d] = 1;
  }
  Tensor out = empty(x.sizes(), x.dtype(), x.device());
  if (!x.is_meta() && x.numel()) {
    // From the last element of flipped dimensions, in steps back.
    Dims strides = x.strides();
    int64_t first = x.offset();
    for (size_t d = 0; d < strides.size(); ++d) {
      if (!flips[d]) continue;
      first += (x.sizes()[d] - 1) * strides[d];
      strides[d] = -strides[d];
    }
    copy_raw(out, x.alias(x.sizes(), strides, first));
  }
  if (recording(x))
    record(out, "FlipBackward0", {&x}, [d = Dims(dims)](const Tensor& g) { return flip(g, d); });
  return out;
}

Tensor triangle(const Tensor& x, int64_t diagonal, bool upper) {
  LAMPAS_CHECK(x.dim() >= 2, upper ? "triu" : "tril",
               ": input tensor must have at least 2 dimensions, got shape ", x.sizes());
  Tensor out = empty(x.sizes(), x.dtype(), x.device());
  if (!x.is_meta() && x.numel()) {
    Tensor from = plain(x);
    const int64_t n = x.size(-2), m = x.size(-1), item = itemsize(x.dtype());
    const int64_t first = std::clamp(upper ? diagonal : std::min(diagonal, m) + 1, -n, m);
    auto *to = static_cast<char*>(out.data()), *src = static_cast<char*>(from.data());
    parallel_ranges(x.numel() / m, std::max<int64_t>(1, (1 << 16) / m), [&](int64_t b, int64_t e) {
      for (int64_t r = b; r < e; ++r) {
        const int64_t cut = std::clamp<int64_t>(r % n + first, 0, m) * item, row = m * item;
        const int64_t begin = upper ? cut : 0, end = upper ? row : cut;
        char* at = to + r * row;
        std::memset(at, 0, static_cast<size_t>(begin));
        std::memcpy(at + begin, src + r * row + begin, static_cast<size_t>(end - begin));
        std::memset(at + end, 0, static_cast<size_t>(row - end));
      }
    });
  }
  if (recording(x))
    record(out, upper ? "TriuBackward0" : "TrilBackward0", {&x},
           [diagonal, upper](const Tensor& g) { return triangle(g, diagonal, upper); });
  return out;
}

Tensor roll(const Tensor& x, IntSpan shifts, IntSpan dims) {
  LAMPAS_CHECK(!shifts.empty(), "`shifts` required");
  if (dims.empty()) {
    LAMPAS_CHECK(shifts.size() == 1, "shifts and dimensions must align. shifts: ", shifts.size(),
                 ", dims:0");
    return reshape(roll(reshape(x, Dims{-1}), shifts, Dims{0}), x.sizes());
  }
  LAMPAS_CHECK(shifts.size() == dims.size(),
               "shifts and dimensions must align. shifts: ", shifts.size(), ", dims:", dims.size());
  Tensor y = x;
  for (size_t i = 0; i < dims.size(); ++i) {
    LAMPAS_CHECK_INDEX(x.dim() > 0, "Dimension specified as ", dims[i],
                       " but tensor has no dimensions");
    int64_t d = wrap_dim(dims[i], x.dim()), n = x.size(d);
    if (n == 0) continue;
    int64_t cut = ((n - shifts[i] % n) % n + n) % n;
    if (cut) y = cat({narrow(y, d, cut, n - cut), narrow(y, d, 0, cut)}, d);
  }
  return y.is(x) ? clone(x) : y;
}

Tensor repeat(const Tensor& x, IntSpan repeats) {
  LAMPAS_CHECK(repeats.size() >= x.sizes().size(),
               "Number of dimensions of repeat dims can not be smaller than number of dimensions "
               "of tensor: got ",
               repeats, " for shape ", x.sizes());
  // [a, b] repeated (m, n) is [1, a, 1, b] expanded to [m, a, n, b] and joined.
  Dims split, wide, out;
  size_t lead = repeats.size() - x.sizes().size();
  for (size_t i = 0; i < repeats.size(); ++i) {
    LAMPAS_CHECK(repeats[i] >= 0, "Trying to create tensor with negative dimension ", repeats[i],
                 ": ", repeats);
    int64_t n = i < lead ? 1 : x.sizes()[i - lead];
    split.push_back(1);
    split.push_back(n);
    wide.push_back(repeats[i]);
    wide.push_back(n);
    out.push_back(repeats[i] * n);
  }
  return reshape(contiguous(expand(reshape(x, split), wide)), out);
}

}  // namespace lampas::ops
