#include "ops/views.h"

#include "autograd/autograd.h"
#include "ops/copy.h"
#include "ops/create.h"
#include "ops/view_grad.h"

namespace lampas::ops {

namespace {
// A view of x whose gradient `back` maps to x's.
template <class F>
Tensor make_view(const Tensor& x, Dims sizes, Dims strides, int64_t offset, const char* name,
                 F back) {
  Tensor y = x.alias(std::move(sizes), std::move(strides), offset);
  if (recording(x)) record(y, name, {&x}, std::move(back));
  mark_view(y, x);
  return y;
}
}  // namespace

// ---- shapes -------------------------------------------------------------------------------------
bool expandable(IntSpan from, IntSpan to) {
  if (from.size() > to.size()) return false;
  for (size_t i = 0; i < from.size(); ++i) {
    int64_t f = from[from.size() - 1 - i], t = to[to.size() - 1 - i];
    if (f != t && f != 1) return false;
  }
  return true;
}

Dims infer_size(IntSpan sizes, int64_t numel, IntSpan from) {
  Dims out(sizes);
  int64_t known = 1, at = -1;
  for (size_t i = 0; i < sizes.size(); ++i) {
    if (sizes[i] == -1) {
      LAMPAS_CHECK(at < 0, "only one dimension can be inferred, got shape ", sizes);
      at = static_cast<int64_t>(i);
    } else {
      LAMPAS_CHECK(sizes[i] >= 0, "invalid shape dimension ", sizes[i], " at index ", i,
                   " of shape ", sizes);
      known *= sizes[i];
    }
  }
  if (at >= 0) {
    LAMPAS_CHECK(known != 0, "cannot reshape tensor of ", numel, " elements into shape ", sizes,
                 " because the unspecified dimension size -1 can be any value and is ambiguous");
    if (numel % known == 0) {
      out[static_cast<size_t>(at)] = numel / known;
      return out;
    }
  }
  LAMPAS_CHECK(at < 0 && known == numel, "shape '", sizes, "' is invalid for input of size ", numel,
               from.size() ? concat(" (its shape is ", from, ")") : std::string());
  return out;
}

std::optional<Dims> view_strides(const Tensor& x, IntSpan sizes) {
  if (x.is_contiguous()) return contiguous_strides(sizes);
  if (x.numel() == 0) return x.sizes() == Dims(sizes) ? x.strides() : contiguous_strides(sizes);
  // Runs of x's dimensions that are contiguous among themselves may be cut up differently.
  Dims out(sizes.size(), 0);
  auto v = static_cast<int64_t>(sizes.size()) - 1;
  int64_t base = x.stride(-1), tensor_numel = 1, view_numel = 1;
  for (int64_t d = x.dim() - 1; d >= 0; --d) {
    tensor_numel *= x.size(d);
    if (d > 0 && (x.size(d - 1) == 1 || x.stride(d - 1) == tensor_numel * base)) continue;
    while (v >= 0 && (view_numel < tensor_numel || sizes[v] == 1)) {
      out[v] = view_numel * base;
      view_numel *= sizes[v--];
    }
    if (view_numel != tensor_numel) return {};
    if (d > 0) {
      base = x.stride(d - 1);
      tensor_numel = view_numel = 1;
    }
  }
  if (v != -1) return {};
  return out;
}

// ---- views --------------------------------------------------------------------------------------
Tensor as_strided(const Tensor& x, IntSpan sizes, IntSpan strides, int64_t offset) {
  int64_t need = checked_extent(sizes, strides, offset) * itemsize(x.dtype());
  LAMPAS_CHECK(static_cast<size_t>(need) <= x.storage().nbytes, "setStorage: sizes ", sizes,
               ", strides ", strides, ", storage offset ", offset, ", and itemsize ",
               itemsize(x.dtype()), " requiring a storage size of ", need,
               " are out of bounds for storage of size ", x.storage().nbytes);
  if (!recording(x))
    return make_view(x, sizes, strides, offset, "AsStridedBackward0", nullptr_back);
  Geometry from{x.sizes(), x.strides(), x.offset()}, to{sizes, strides, offset};
  return make_view(x, sizes, strides, offset, "AsStridedBackward0",
                   [from, to](const Tensor& g) { return scatter_view(g, from, to); });
}

Tensor subview(const Tensor& x, const Geometry& to, const Geometry& dense, const char* name) {
  if (!recording(x)) return make_view(x, to.sizes, to.strides, to.offset, name, nullptr_back);
  Geometry from{x.sizes(), contiguous_strides(x.sizes()), 0};
  return make_view(x, to.sizes, to.strides, to.offset, name,
                   [from, dense](const Tensor& g) { return scatter_view(g, from, dense); });
}

// The view that `place` makes of any layout.
template <class F>
static Tensor subview(const Tensor& x, const char* name, F place) {
  Geometry to = place(Geometry{x.sizes(), x.strides(), x.offset()});
  if (!recording(x)) return subview(x, to, to, name);
  return subview(x, to, place(Geometry{x.sizes(), contiguous_strides(x.sizes()), 0}), name);
}

Tensor view(const Tensor& x, IntSpan sizes) {
  Dims want = infer_size(sizes, x.numel(), x.sizes());
  auto strides = view_strides(x, want);
  LAMPAS_CHECK(
      strides,
      "view size is not compatible with input tensor's size and stride (at least one dimension "
      "spans across two contiguous subspaces). Use .reshape(...) instead. The input has size ",
      x.sizes(), " and stride ", x.strides(), ", asked for ", want);
  return make_view(x, want, *strides, x.offset(), "ViewBackward0",
                   [s = x.sizes()](const Tensor& g) { return reshape(g, s); });
}

Tensor reshape(const Tensor& x, IntSpan sizes) {
  Dims want = infer_size(sizes, x.numel(), x.sizes());
  if (want == x.sizes() && x.is_contiguous()) return view(x, want);
  if (view_strides(x, want)) return view(x, want);
  Tensor y = contiguous(x);
  Tensor r = view(y, want);
  return r;
}

Tensor expand(const Tensor& x, IntSpan sizes) {
  LAMPAS_CHECK(sizes.size() >= x.sizes().size(), "expand(", x, ", size=", sizes,
               "): the number of sizes provided (", sizes.size(),
               ") must be greater or equal to the number of dimensions in the tensor (", x.dim(),
               ")");
  Dims want(sizes), strides(sizes.size(), 0);
  size_t lead = sizes.size() - x.sizes().size();
  for (size_t i = 0; i < sizes.size(); ++i) {
    if (i < lead) {
      LAMPAS_CHECK(sizes[i] >= 0, "The expanded size of the tensor (", sizes[i],
                   ") isn't allowed in a leading, non-existing dimension ", i);
      continue;
    }
    int64_t have = x.sizes()[i - lead];
    if (sizes[i] == -1) want[i] = have;
    LAMPAS_CHECK(want[i] == have || have == 1, "The expanded size of the tensor (", sizes[i],
                 ") must match the existing size (", have, ") at non-singleton dimension ", i,
                 ".  Target sizes: ", sizes, ".  Tensor sizes: ", x.sizes());
    strides[i] = want[i] == have ? x.strides()[i - lead] : 0;
  }
  return make_view(x, std::move(want), std::move(strides), x.offset(), "ExpandBackward0",
                   [](const Tensor& g) { return g; });  // the engine sums to x's shape
}

Tensor permute(const Tensor& x, IntSpan dims) {
  LAMPAS_CHECK(dims.size() == x.sizes().size(),
               "permute(sparse_coo): number of dimensions in the tensor input does not match the "
               "length of the desired ordering of dimensions i.e. input.dim() = ",
               x.dim(), " is not equal to len(dims) = ", dims.size());
  Dims sizes, strides, back(dims.size(), -1);
  for (size_t i = 0; i < dims.size(); ++i) {
    int64_t d = wrap_dim(dims[i], x.dim());
    LAMPAS_CHECK(back[d] < 0, "permute(): duplicate dims are not allowed: ", dims);
    back[d] = static_cast<int64_t>(i);
    sizes.push_back(x.size(d));
    strides.push_back(x.stride(d));
  }
  return make_view(x, std::move(sizes), std::move(strides), x.offset(), "PermuteBackward0",
                   [back](const Tensor& g) { return permute(g, back); });
}

Tensor transpose(const Tensor& x, int64_t a, int64_t b) {
  a = wrap_dim(a, x.dim());
  b = wrap_dim(b, x.dim());
  Dims sizes = x.sizes(), strides = x.strides();
  if (x.dim() > 0) {
    std::swap(sizes[a], sizes[b]);
    std::swap(strides[a], strides[b]);
  }
  return make_view(x, std::move(sizes), std::move(strides), x.offset(), "TransposeBackward0",
                   [a, b](const Tensor& g) { return transpose(g, a, b); });
}

Tensor t(const Tensor& x) {
  LAMPAS_CHECK(x.dim() <= 2, "t() expects a tensor with <= 2 dimensions, but self is ", x.dim(),
               "D. Remedy: x.mT swaps the last two dimensions");
  return x.dim() < 2 ? transpose(x, 0, 0) : transpose(x, 0, 1);
}

Tensor mT(const Tensor& x) {
  LAMPAS_CHECK(x.dim() >= 2, "tensor.mT is only supported on matrices or batches of matrices. Got ",
               x.dim(), "-D tensor.");
  return transpose(x, -2, -1);
}

Tensor select(const Tensor& x, int64_t dim, int64_t index) {
  LAMPAS_CHECK_INDEX(x.dim() > 0, "select() cannot be applied to a 0-dim tensor.");
  dim = wrap_dim(dim, x.dim());
  int64_t n = x.size(dim);
  LAMPAS_CHECK_INDEX(index >= -n && index < n, "select(): index ", index,
                     " out of range for tensor of size ", x.sizes(), " at dimension ", dim);
  if (index < 0) index += n;
  return subview(x, "SelectBackward0", [=](Geometry g) {
    g.offset += index * g.strides[dim];
    g.sizes.erase(static_cast<size_t>(dim));
    g.strides.erase(static_cast<size_t>(dim));
    return g;
  });
}

Tensor slice(const Tensor& x, int64_t dim, std::optional<int64_t> start, std::optional<int64_t> end,
             int64_t step) {
  LAMPAS_CHECK(x.dim() > 0, "slice() cannot be applied to a 0-dim tensor.");
  dim = wrap_dim(dim, x.dim());
  LAMPAS_CHECK(step > 0, "slice step must be positive, got ", step);
  int64_t n = x.size(dim);
  int64_t b = start.value_or(0), e = end.value_or(n);
  if (b < 0) b += n;
  if (e < 0) e += n;
  b = std::clamp<int64_t>(b, 0, n);
  e = std::clamp<int64_t>(e, b, n);
  return subview(x, "SliceBackward0", [=](Geometry g) {
    g.offset += b * g.strides[dim];
    g.sizes[dim] = (e - b + step - 1) / step;
    g.strides[dim] *= step;
    return g;
  });
}

Tensor narrow(const Tensor& x, int64_t dim, int64_t start, int64_t length) {
  LAMPAS_CHECK(x.dim() > 0, "narrow() cannot be applied to a 0-dim tensor.");
  dim = wrap_dim(dim, x.dim());
  int64_t n = x.size(dim);
  LAMPAS_CHECK(length >= 0, "narrow(): length must be non-negative.");
  LAMPAS_CHECK_INDEX(start >= -n && start <= n, "start out of range (expected to be in range of [",
                     -n, ", ", n, "], but got ", start, ")");
  if (start < 0) start += n;
  LAMPAS_CHECK(start + length <= n, "start (", start, ") + length (", length,
               ") exceeds dimension size (", n, ").");
  return slice(x, dim, start, start + length);
}

Tensor squeeze(const Tensor& x, std::optional<Dims> dims) {
  Dims drop(x.sizes().size(), dims ? 0 : 1);
  if (dims)
    for (int64_t d : *dims) {
      d = wrap_dim(d, x.dim());
      if (x.dim()) drop[d] = 1;
    }
  Dims sizes, strides;
  for (size_t i = 0; i < x.sizes().size(); ++i)
    if (!drop[i] || x.sizes()[i] != 1) {
      sizes.push_back(x.sizes()[i]);
      strides.push_back(x.strides()[i]);
    }
  return make_view(x, std::move(sizes), std::move(strides), x.offset(), "SqueezeBackward0",
                   [s = x.sizes()](const Tensor& g) { return reshape(g, s); });
}

Tensor unsqueeze(const Tensor& x, int64_t dim) {
  dim = wrap_dim(dim, x.dim() + 1);
  Dims sizes = x.sizes(), strides = x.strides();
  int64_t stride = dim < x.dim() ? sizes[dim] * strides[dim] : 1;
  sizes.insert(static_cast<size_t>(dim), 1);
  strides.insert(static_cast<size_t>(dim), stride);
  return make_view(x, std::move(sizes), std::move(strides), x.offset(), "UnsqueezeBackward0",
                   [s = x.sizes()](const Tensor& g) { return reshape(g, s); });
}

Tensor flatten(const Tensor& x, int64_t start, int64_t end) {
  int64_t a = wrap_dim(start, x.dim()), b = wrap_dim(end, x.dim());
  LAMPAS_CHECK(a <= b, "flatten() has invalid args: start_dim cannot come after end_dim");
  if (x.dim() == 0) return reshape(x, Dims{1});
  if (a == b) return x;
  Dims sizes;
  int64_t run = 1;
  for (int64_t i = 0; i < x.dim(); ++i) {
    if (i < a || i > b)
      sizes.push_back(x.size(i));
    else
      run *= x.size(i);
    if (i == b) sizes.push_back(run);
  }
  return reshape(x, sizes);
}

Tensor unflatten(const Tensor& x, int64_t dim, IntSpan sizes) {
  dim = wrap_dim(dim, x.dim());
  LAMPAS_CHECK(!sizes.empty(), "unflatten: sizes must be non-empty");
  int64_t known = 1;
  bool infer = false;
  for (int64_t s : sizes) s == -1 ? void(infer = true) : void(known *= s);
  LAMPAS_CHECK(infer ? known != 0 && x.size(dim) % known == 0 : known == x.size(dim),
               "unflatten: Provided sizes ", sizes, " don't multiply up to the size of dim ", dim,
               " (", x.size(dim), ") in the input tensor");
  Dims want, part = infer_size(sizes, x.size(dim));
  for (int64_t i = 0; i < x.dim(); ++i) {
    if (i != dim)
      want.push_back(x.size(i));
    else
      for (int64_t s : part) want.push_back(s);
  }
  return view(x, want);
}

Tensor movedim(const Tensor& x, IntSpan from, IntSpan to) {
  LAMPAS_CHECK(from.size() == to.size(), "movedim: Invalid source or destination dims: source (",
               from, " dims) should contain the same number of dims as destination (", to,
               " dims)");
  Dims order(x.sizes().size(), -1), taken(x.sizes().size(), 0);
  for (size_t i = 0; i < from.size(); ++i) {
    int64_t f = wrap_dim(from[i], x.dim()), d = wrap_dim(to[i], x.dim());
    LAMPAS_CHECK(!taken[f] && order[d] < 0, "movedim: repeated dim in `source` (", from,
                 ") or `destination` (", to, ")");
    taken[f] = 1;
    order[d] = f;
  }
  int64_t next = 0;
  for (int64_t& d : order) {
    if (d >= 0) continue;
    while (taken[next]) ++next;
    d = next++;
  }
  return permute(x, order);
}

Tensor diagonal(const Tensor& x, int64_t offset, int64_t dim1, int64_t dim2) {
  int64_t a = wrap_dim(dim1, x.dim()), b = wrap_dim(dim2, x.dim());
  LAMPAS_CHECK(a != b, "diagonal dimensions cannot be identical ", dim1, ", ", dim2);
  int64_t n = offset >= 0 ? std::min(x.size(a), x.size(b) - offset)
                          : std::min(x.size(a) + offset, x.size(b));
  n = std::max<int64_t>(n, 0);
  return subview(x, "DiagonalBackward0", [=](Geometry g) {
    if (n > 0) g.offset += offset >= 0 ? offset * g.strides[b] : -offset * g.strides[a];
    int64_t step = g.strides[a] + g.strides[b];
    for (int64_t d : {std::max(a, b), std::min(a, b)}) {
      g.sizes.erase(static_cast<size_t>(d));
      g.strides.erase(static_cast<size_t>(d));
    }
    g.sizes.push_back(n);
    g.strides.push_back(step);
    return g;
  });
}

Tensor unfold(const Tensor& x, int64_t dim, int64_t size, int64_t step) {
  dim = wrap_dim(dim, x.dim());
  LAMPAS_CHECK(step > 0, "step is ", step, " but must be > 0");
  int64_t n = x.dim() ? x.size(dim) : 1;
  LAMPAS_CHECK(size >= 0 && size <= n, "maximum size for tensor at dimension ", dim, " is ", n,
               " but size is ", size);
  return subview(x, "UnfoldBackward0", [=](Geometry g) {
    int64_t stride = g.sizes.empty() ? 1 : g.strides[dim];
    if (!g.sizes.empty()) {
      g.sizes[dim] = (n - size) / step + 1;
      g.strides[dim] = stride * step;
    }
    g.sizes.push_back(size);
    g.strides.push_back(stride);
    return g;
  });
}

// ---- several views -----------------------------------------------------------------------------
namespace {
constexpr const char* kManyViews = "the output of a function that returns multiple views";
Tensor piece(const Tensor& x, int64_t dim, int64_t start, int64_t size) {
  Tensor y = subview(x, "SplitBackward0", [=](Geometry g) {
    g.offset += start * g.strides[dim];
    g.sizes[dim] = size;
    return g;
  });
  if (AutogradMeta* m = meta(y); m && m->view) m->view->no_inplace = kManyViews;
  return y;
}
}  // namespace

std::vector<Tensor> split(const Tensor& x, int64_t size, int64_t dim) {
  LAMPAS_CHECK(x.dim() > 0, "split expects at least a 1-dimensional tensor");
  LAMPAS_CHECK(size >= 0, "split expects split_size be non-negative, but got split_size=", size);
  dim = wrap_dim(dim, x.dim());
  int64_t n = x.size(dim);
  LAMPAS_CHECK(size > 0 || n == 0,
               "split_size can only be 0 if dimension size is 0, but got dimension size of ", n);
  std::vector<Tensor> out;
  for (int64_t at = 0; at < n || out.empty(); at += size) {
    out.push_back(piece(x, dim, at, std::min(size, n - at)));
    if (size == 0) break;
  }
  return out;
}

std::vector<Tensor> split(const Tensor& x, IntSpan sizes, int64_t dim) {
  LAMPAS_CHECK(x.dim() > 0, "split expects at least a 1-dimensional tensor");
  dim = wrap_dim(dim, x.dim());
  int64_t at = 0;
  for (int64_t s : sizes) {
    LAMPAS_CHECK(
        s >= 0,
        "split_with_sizes expects split_sizes have only non-negative entries, but got split_sizes=",
        sizes);
    at += s;
  }
  LAMPAS_CHECK(at == x.size(dim), "split_with_sizes expects split_sizes to sum exactly to ",
               x.size(dim), " (input tensor's size at dimension ", dim,
               "), but got split_sizes=", sizes);
  std::vector<Tensor> out;
  at = 0;
  for (int64_t s : sizes) {
    out.push_back(piece(x, dim, at, s));
    at += s;
  }
  return out;
}

std::vector<Tensor> chunk(const Tensor& x, int64_t chunks, int64_t dim) {
  LAMPAS_CHECK(x.dim() > 0, "chunk expects at least a 1-dimensional tensor");
  LAMPAS_CHECK(chunks > 0, "chunk expects `chunks` to be greater than 0, got: ", chunks);
  dim = wrap_dim(dim, x.dim());
  int64_t n = x.size(dim), size = (n + chunks - 1) / chunks;
  if (size == 0) return split(x, Dims(static_cast<size_t>(chunks), 0), dim);
  return split(x, size, dim);
}

std::vector<Tensor> unbind(const Tensor& x, int64_t dim) {
  LAMPAS_CHECK(x.dim() > 0, "Dimension specified as ", dim, " but tensor has no dimensions");
  dim = wrap_dim(dim, x.dim());
  std::vector<Tensor> out;
  for (int64_t i = 0; i < x.size(dim); ++i) {
    out.push_back(select(x, dim, i));
    if (AutogradMeta* m = meta(out.back()); m && m->view) m->view->no_inplace = kManyViews;
  }
  return out;
}

// ---- memory formats ----------------------------------------------------------------------------
namespace {
Dims channels_last_strides(const Tensor& x, MemoryFormat format) {
  int64_t want = format == MemoryFormat::ChannelsLast ? 4 : 5;
  LAMPAS_CHECK(x.dim() == want, "required rank ", want, " tensor to use channels_last",
               want == 5 ? "_3d" : "", " format, got ", x.sizes());
  Dims strides(x.sizes().size(), 0);
  strides[1] = 1;
  int64_t step = x.size(1);
  for (int64_t d = x.dim() - 1; d > 1; --d) {
    strides[d] = step;
    step *= x.size(d);
  }
  strides[0] = step;
  return strides;
}
}  // namespace

bool has_memory_format(const Tensor& x, MemoryFormat format) {
  if (format == MemoryFormat::Contiguous || format == MemoryFormat::Preserve)
    return x.is_contiguous();
  if (x.dim() != (format == MemoryFormat::ChannelsLast ? 4 : 5)) return false;
  Dims want = channels_last_strides(x, format);
  for (int64_t d = 0; d < x.dim(); ++d)
    if (x.size(d) != 1 && x.stride(d) != want[d]) return false;
  return true;
}

Tensor with_memory_format(const Tensor& x, MemoryFormat format) {
  if (format == MemoryFormat::Preserve) return x;
  if (format == MemoryFormat::Contiguous) return contiguous(x);
  if (has_memory_format(x, format)) return x;
  Tensor y = empty_strided(x.sizes(), channels_last_strides(x, format), x.dtype(), x.device());
  copy_raw(y, x);
  if (recording(x)) record(y, "CloneBackward0", {&x}, [](const Tensor& g) { return g; });
  return y;
}

// ---- the same bytes as another type ------------------------------------------------------------
namespace {
template <class F>
Tensor retyped(const Tensor& x, DType dtype, Dims sizes, Dims strides, int64_t offset,
               const char* name, F back, Tensor (*again)(const Tensor&)) {
  Tensor y = Tensor::over(x.storage_ref(), dtype, std::move(sizes), std::move(strides), offset);
  y.impl()->own_version = x.impl()->own_version;
  if (recording(x)) record(y, name, {&x}, std::move(back));
  mark_view(y, x, again);
  return y;
}
}  // namespace

Tensor view_as_real(const Tensor& x) {
  LAMPAS_CHECK(is_complex(x.dtype()), "view_as_real is only supported for complex tensors, got ",
               x);
  Dims sizes = x.sizes(), strides = x.strides();
  for (int64_t& s : strides) s *= 2;
  sizes.push_back(2);
  strides.push_back(1);
  return retyped(
      x, x.dtype() == DType::C64 ? DType::F32 : DType::F64, sizes, strides, x.offset() * 2,
      "ViewAsRealBackward0", [](const Tensor& g) { return view_as_complex(contiguous(g)); },
      view_as_real);
}

Tensor view_as_complex(const Tensor& x) {
  LAMPAS_CHECK(x.dtype() == DType::F32 || x.dtype() == DType::F64,
               "view_as_complex is only supported for half, float and double tensors, but got a "
               "tensor of scalar type: ",
               dtype_name(x.dtype()));
  LAMPAS_CHECK(x.dim() > 0 && x.size(-1) == 2, "Tensor must have a last dimension of size 2, got ",
               x.sizes());
  LAMPAS_CHECK(x.stride(-1) == 1, "Tensor must have a last dimension with stride 1");
  Dims sizes = x.sizes(), strides = x.strides();
  sizes.resize(sizes.size() - 1);
  strides.resize(strides.size() - 1);
  for (int64_t& s : strides) {
    LAMPAS_CHECK(s % 2 == 0,
                 "Tensor must have a stride divisible by 2 for all but last dimension, got ",
                 x.strides());
    s /= 2;
  }
  LAMPAS_CHECK(x.offset() % 2 == 0, "Tensor must have a storage_offset divisible by 2");
  return retyped(
      x, x.dtype() == DType::F32 ? DType::C64 : DType::C128, sizes, strides, x.offset() / 2,
      "ViewAsComplexBackward0", [](const Tensor& g) { return view_as_real(contiguous(g)); },
      view_as_complex);
}

Tensor real(const Tensor& x) { return is_complex(x.dtype()) ? select(view_as_real(x), -1, 0) : x; }
Tensor imag(const Tensor& x) {
  LAMPAS_CHECK(is_complex(x.dtype()),
               "imag is not implemented for tensors with non-complex dtypes, got ", x);
  return select(view_as_real(x), -1, 1);
}

Tensor view_dtype(const Tensor& x, DType dtype) {
  if (dtype == x.dtype()) return x.alias();
  int from = itemsize(x.dtype()), to = itemsize(dtype);
  Dims sizes = x.sizes(), strides = x.strides();
  int64_t offset = x.offset();
  if (from != to) {
    LAMPAS_CHECK(x.dim() > 0, "self.dim() cannot be 0 to view ", dtype_name(x.dtype()), " as ",
                 dtype_name(dtype), " (different element sizes)");
    LAMPAS_CHECK(x.stride(-1) == 1, "self.stride(-1) must be 1 to view ", dtype_name(x.dtype()),
                 " as ", dtype_name(dtype), " (different element sizes), but got ", x.stride(-1));
    size_t last = sizes.size() - 1;
    LAMPAS_CHECK(sizes[last] * from % to == 0, "self.size(-1) must be divisible by ",
                 to / std::max(from, 1), " to view ", dtype_name(x.dtype()), " as ",
                 dtype_name(dtype), " (different element sizes), but got ", sizes[last]);
    sizes[last] = sizes[last] * from / to;
    for (size_t i = 0; i < last; ++i) {
      LAMPAS_CHECK(strides[i] * from % to == 0, "strides must be divisible to view ",
                   dtype_name(x.dtype()), " as ", dtype_name(dtype), ", got ", x.strides());
      strides[i] = strides[i] * from / to;
    }
    LAMPAS_CHECK(offset * from % to == 0, "self.storage_offset() must be divisible by ",
                 to / std::max(from, 1), " to view ", dtype_name(x.dtype()), " as ",
                 dtype_name(dtype));
    offset = offset * from / to;
  }
  Tensor y = Tensor::over(x.storage_ref(), dtype, std::move(sizes), std::move(strides), offset);
  y.impl()->own_version = x.impl()->own_version;
  return y;
}

}  // namespace lampas::ops
