#include "ops/indexing.h"

#include "autograd/autograd.h"
#include "dispatch/dispatch.h"
#include "iter/loop.h"
#include "ops/copy.h"
#include "ops/create.h"
#include "ops/join.h"
#include "ops/positions.h"
#include "ops/views.h"
#include "runtime/allocator.h"
#include "runtime/pool.h"

namespace lampas::ops {

// ---- x[indices] --------------------------------------------------------------------------------
namespace {
struct IndexPlan {
  Buffer<int64_t> offsets;        // in elements, of each chosen block's start
  Dims shape;                     // of the broadcast indices
  Dims rest_sizes, rest_strides;  // of a block
  Dims order;                     // where the result's dimensions come from: [shape..., rest...]
  bool adjacent_first = true;
};

Tensor as_positions(const Tensor& t) {
  if (t.dtype() == DType::Bool || t.dtype() == DType::U8) {
    auto p = nonzero_tuple(t);
    return p[0];
  }
  return plain(to_dtype(t.alias(), DType::I64));
}

IndexPlan plan_index(const Tensor& x, const std::vector<Tensor>& given) {
  LAMPAS_CHECK_INDEX(static_cast<int64_t>(given.size()) <= x.dim(),
                     "too many indices for tensor of dimension ", x.dim(), " (got ", given.size(),
                     ")");
  IndexPlan p;
  std::vector<Tensor> indices(x.sizes().size());
  std::vector<int64_t> dims;
  for (size_t d = 0; d < given.size(); ++d) {
    if (!given[d].defined()) continue;
    LAMPAS_CHECK_INDEX(is_integral(given[d].dtype()),
                       "tensors used as indices must be long, int, byte or bool tensors");
    indices[d] = as_positions(given[d]);
    dims.push_back(static_cast<int64_t>(d));
    if (!expandable(indices[d].sizes(), p.shape) ||
        indices[d].dim() > static_cast<int64_t>(p.shape.size())) {
      try {
        p.shape = broadcast_shapes(p.shape, indices[d].sizes(), "index");
      } catch (const Error&) {
        std::ostringstream all;
        for (const Tensor& t : given)
          if (t.defined()) all << (all.tellp() ? ", " : "") << t.sizes();
        fail(ErrorKind::Index,
             "shape mismatch: indexing tensors could not be broadcast together with shapes ",
             all.str());
      }
    }
  }
  bool adjacent = true;
  for (size_t i = 1; i < dims.size(); ++i) adjacent &= dims[i] == dims[i - 1] + 1;
  if (!x.is_meta()) {  // of a meta tensor, the shape is all that is asked for
    const int64_t n = product(p.shape);
    const auto& k = dispatch().index;
    p.offsets.resize(static_cast<size_t>(n));
    if (dims.empty()) std::fill(p.offsets.begin(), p.offsets.end(), 0);
    for (int64_t d : dims) {
      Tensor wide = contiguous(expand(indices[d], p.shape));
      const int64_t size = x.size(d);
      check_within(wide, -size, size, [&](int64_t v) {
        fail(ErrorKind::Index, "index ", v, " is out of bounds for dimension ", d, " with size ",
             size);
      });
      k.offsets(p.offsets.data(), wide.data<int64_t>(), n, size, x.stride(d), d != dims[0]);
    }
  }
  int64_t before = 0;
  for (int64_t d = 0; d < x.dim(); ++d) {
    if (indices[d].defined()) continue;
    p.rest_sizes.push_back(x.size(d));
    p.rest_strides.push_back(x.stride(d));
    if (!dims.empty() && d < dims[0]) ++before;
  }
  auto k = static_cast<int64_t>(p.shape.size()), r = static_cast<int64_t>(p.rest_sizes.size());
  if (!adjacent) before = 0;
  p.adjacent_first = before == 0;
  for (int64_t i = 0; i < before; ++i) p.order.push_back(k + i);
  for (int64_t i = 0; i < k; ++i) p.order.push_back(i);
  for (int64_t i = before; i < r; ++i) p.order.push_back(k + i);
  return p;
}

Dims concat(const Dims& a, const Dims& b) {
  Dims out = a;
  for (int64_t s : b) out.push_back(s);
  return out;
}

// body(block pointer in x, contiguous block pointer in y, elements, elements of x to the next) for
// every run of elements of `item` bytes.
template <class F>
void for_blocks(const IndexPlan& p, int64_t item, char* x, char* y, bool parallel, const F& body) {
  int64_t block = product(p.rest_sizes), run = 1;
  auto d = static_cast<int64_t>(p.rest_sizes.size());
  while (d > 0 && (p.rest_strides[d - 1] == run || p.rest_sizes[d - 1] == 1))
    run *= p.rest_sizes[--d];
  int64_t inner_stride = 1;
  if (run == 1 && d > 0) {  // no run at all: step along the last dimension
    run = p.rest_sizes[--d];
    inner_stride = p.rest_strides[d];
  }
  int64_t runs = block / std::max<int64_t>(run, 1);
  auto work = [&](int64_t b, int64_t e) {
    for (int64_t i = b; i < e; ++i)
      for (int64_t r = 0; r < runs; ++r) {
        int64_t rest = r, at = p.offsets[static_cast<size_t>(i)];
        for (int64_t k = d; k-- > 0;) {
          at += rest % p.rest_sizes[k] * p.rest_strides[k];
          rest /= p.rest_sizes[k];
        }
        body(x + at * item, y + (i * block + r * run) * item, run, inner_stride);
      }
  };
  if (block == 0) return;
  auto n = static_cast<int64_t>(p.offsets.size());
  parallel ? parallel_ranges(n, std::max<int64_t>(1, 16384 / block), work) : work(0, n);
}

// Single elements, by one kernel call for many.
template <class F>
void for_elements(const IndexPlan& p, bool parallel, const F& body) {
  const auto n = static_cast<int64_t>(p.offsets.size());
  auto work = [&](int64_t b, int64_t e) { body(p.offsets.data() + b, b, e - b); };
  parallel ? parallel_ranges(n, 1 << 15, work) : work(0, n);
}

Tensor index_raw(const Tensor& x, const IndexPlan& p) {
  Tensor y = empty(concat(p.shape, p.rest_sizes), x.dtype(), x.device());
  if (x.is_meta()) return p.adjacent_first ? y : contiguous(permute(y, p.order));
  const int item = itemsize(x.dtype());
  const auto& k = dispatch();
  auto *from = static_cast<char*>(x.data()), *to = static_cast<char*>(y.data());
  if (p.rest_sizes.empty())
    for_elements(p, true, [&](const int64_t* at, int64_t begin, int64_t n) {
      k.index.gather(to + begin * item, from, at, n, 1, 0, item);
    });
  else
    for_blocks(p, item, from, to, true, [&](char* s, char* d, int64_t n, int64_t step) {
      k.pointwise.copy_strided(d, item, s, step * item, n, item);
    });
  return p.adjacent_first ? y : contiguous(permute(y, p.order));
}

void put_raw(const Tensor& self, const IndexPlan& p, const Tensor& value, bool accumulate) {
  Dims shape = concat(p.shape, p.rest_sizes);
  Dims shown(shape.size(), 0), back(shape.size(), 0);
  for (size_t i = 0; i < shape.size(); ++i) {
    shown[i] = shape[p.order[i]];
    back[p.order[i]] = static_cast<int64_t>(i);
  }
  LAMPAS_CHECK(expandable(value.sizes(), shown), "shape mismatch: value tensor of shape ",
               value.sizes(), " cannot be broadcast to indexing result of shape ", shown);
  if (self.is_meta()) return;
  const auto& k = dispatch();
  const int item = itemsize(self.dtype()), type = static_cast<int>(self.dtype());
  const auto combine = k.index.combine[static_cast<int>(kernels::Combine::Sum)][type];
  // One value for all of single elements is read over and over; else all lie side by side.
  const bool same = value.numel() == 1 && p.rest_sizes.empty() && !accumulate;
  Tensor v = same ? value : contiguous(permute(expand(value.alias(), shown), back));
  auto *to = static_cast<char*>(self.data()), *from = static_cast<char*>(v.data());
  // Where an index comes twice the last value stays: in order, on one thread.
  if (p.rest_sizes.empty()) {
    for_elements(p, false, [&](const int64_t* at, int64_t, int64_t n) {
      if (accumulate)
        combine(to, from, at, n, 1, 0);
      else
        k.index.scatter(to, from, at, n, 1, 0, same ? 0 : 1, item);
    });
    return;
  }
  for_blocks(p, item, to, from, false, [&](char* d, char* s, int64_t n, int64_t step) {
    if (!accumulate) return k.pointwise.copy_strided(d, step * item, s, item, n, item);
    if (step == 1) return k.index.add[type](d, s, n);
    constexpr int64_t zero = 0;
    for (int64_t i = 0; i < n; ++i) combine(d + i * step * item, s + i * item, &zero, 1, 0, 0);
  });
}

// The gradient of index(): values added up at their places in zeros.
Tensor index_backward(const Tensor& g, const Dims& sizes, const std::vector<Tensor>& indices) {
  Tensor out = zeros(sizes, g.dtype(), g.device());
  put_raw(out, plan_index(out, indices), g, true);
  if (recording(g))
    record(out, "IndexBackwardBackward0", {&g},
           [at = SavedList(indices)](const Tensor& gg) { return index(gg, at()); });
  return out;
}
}  // namespace

Tensor index(const Tensor& x, const std::vector<Tensor>& indices) {
  Tensor y = index_raw(x, plan_index(x, indices));
  if (recording(x))
    record(y, "IndexBackward0", {&x}, [s = x.sizes(), at = SavedList(indices)](const Tensor& g) {
      return index_backward(g, s, at());
    });
  return y;
}

void index_put_(const Tensor& self, const std::vector<Tensor>& indices, const Tensor& value,
                bool accumulate) {
  LAMPAS_CHECK(self.dtype() == value.dtype(),
               "Index put requires the source and destination dtypes match, got ",
               dtype_name(self.dtype()), " for the destination and ", dtype_name(value.dtype()),
               " for the source.");
  put_raw(self, plan_index(self, indices), value, accumulate);
  Ref<Node> node;
  if (recording(self, value)) {
    auto f = [at = SavedList(indices), accumulate](const Tensor& g, Sink& out) {
      const std::vector<Tensor> indices = at();
      if (out.needs(0)) {
        Tensor gs = g;
        if (!accumulate) {
          gs = clone(g);
          index_put_(gs, indices, zeros({}, g.dtype(), g.device()), false);
        }
        out.set(0, gs);
      }
      if (out.needs(1)) out.set(1, index(g, indices));
    };
    node = make_ref<FunctionNode<decltype(f)>>("IndexPutBackward0", std::move(f));
    node->edges.push_back(gradient_edge(self));
    node->edges.push_back(gradient_edge(value));
  }
  after_inplace(self, node);
}

// ---- along one dimension -----------------------------------------------------------------------
namespace {
Tensor index_vector(const Tensor& index, const char* op) {
  LAMPAS_CHECK_INDEX(index.dim() <= 1, op, "(): Index is supposed to be a vector, got shape ",
                     index.sizes());
  LAMPAS_CHECK(index.dtype() == DType::I64 || index.dtype() == DType::I32, op,
               "(): Expected dtype int32 or int64 for index, got ", dtype_name(index.dtype()));
  return plain(to_dtype(index.alias(), DType::I64));
}

// zeros with g's slices added at `index`.
Tensor index_select_backward(const Tensor& g, const Dims& sizes, int64_t dim, const Tensor& index) {
  Tensor out = zeros(sizes, g.dtype(), g.device());
  // Writes through NumPy's view of the index are not seen by its version.
  check_range(index, out.dim() ? out.size(dim) : 1, "backward of index_select");
  add_raw(out, plain(g), index, dim);
  if (recording(g))
    record(out, "IndexSelectBackwardBackward0", {&g},
           [dim, at = save(index)](const Tensor& gg) { return index_select(gg, dim, at()); });
  return out;
}
}  // namespace

Tensor index_select(const Tensor& x, int64_t dim, const Tensor& index) {
  dim = wrap_dim(dim, x.dim());
  Tensor at = index_vector(index, "index_select");
  check_range(at, x.dim() ? x.size(dim) : 1, "index_select");
  Dims sizes = x.sizes();
  if (x.dim()) sizes[dim] = at.numel();
  Tensor y = empty(sizes, x.dtype(), x.device());
  if (y.numel() && !y.is_meta()) select_raw(y, plain(x), at, dim);
  if (recording(x))
    record(y, "IndexSelectBackward0", {&x}, [s = x.sizes(), dim, at = save(at)](const Tensor& g) {
      return index_select_backward(g, s, dim, at());
    });
  return y;
}

namespace {
void check_source(const Tensor& x, int64_t dim, const Tensor& at, const Tensor& source,
                  const char* op, ErrorKind kind) {
  LAMPAS_CHECK(x.dtype() == source.dtype(), op, "(): self (", dtype_name(x.dtype()),
               ") and source (", dtype_name(source.dtype()), ") must have the same scalar type");
  if (at.numel() !=
      (source.dim() ? source.size(std::min<int64_t>(dim, source.dim() - 1)) : int64_t{1}))
    fail(kind, op, "(): Number of indices (", at.numel(),
         ") should be equal to source.size(dim) for dim ", dim, " of ", source.sizes());
  Dims a = x.sizes(), b = source.sizes();
  if (!a.empty()) a.erase(static_cast<size_t>(dim));
  if (!b.empty() && static_cast<size_t>(dim) < b.size()) b.erase(static_cast<size_t>(dim));
  LAMPAS_CHECK(
      a == b, op,
      "(): Source/destination tensor must have same slice shapes. Destination slice shape: ", a,
      " at dimension ", dim, " and source slice shape: ", b);
  check_range(at, x.dim() ? x.size(dim) : 1, op, kind);
}
}  // namespace

Tensor index_add(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& source,
                 const Scalar& alpha, const Tensor& into) {
  dim = wrap_dim(dim, x.dim());
  Tensor at = index_vector(index, "index_add");
  check_source(x, dim, at, source, "index_add", ErrorKind::Runtime);
  Tensor y = into.defined() ? into : contiguous(clone(x.alias()));
  Tensor scaled = plain(source);
  if (!alpha.equals(1)) scaled = plain(engine_math.scale(source.alias(), alpha));
  add_raw(y, scaled, at, dim);
  if (into.defined()) after_inplace(into, {});
  if (recording(x, source))
    record(y, "IndexAddBackward0", {&x, &source},
           [dim, at = save(at), alpha, s = source.sizes()](const Tensor& g, Sink& out) {
             out.set(0, g);
             if (!out.needs(1)) return;
             Tensor gs = reshape(index_select(g, dim, at()), s);
             out.set(1, alpha.equals(1) ? gs : engine_math.scale(gs, alpha));
           });
  return y;
}

Tensor index_copy(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& source,
                  const Tensor& into) {
  dim = wrap_dim(dim, x.dim());
  Tensor at = index_vector(index, "index_copy");
  check_source(x, dim, at, source, "index_copy", ErrorKind::Index);
  Tensor y = into.defined() ? into : contiguous(clone(x.alias()));
  std::vector<Tensor> where(std::max<size_t>(x.sizes().size(), 1));
  where[static_cast<size_t>(dim)] = at;
  Tensor lifted = x.dim() ? y : reshape(y, Dims{1});
  Tensor shaped = source.dim() ? source.alias() : reshape(source.alias(), Dims{1});
  put_raw(lifted, plan_index(lifted, where), shaped, false);
  if (into.defined()) after_inplace(into, {});
  if (recording(x, source))
    record(y, "IndexCopyBackward0", {&x, &source},
           [dim, at = save(at), s = source.sizes()](const Tensor& g, Sink& out) {
             if (out.needs(0)) out.set(0, index_fill(g, dim, at(), 0));
             if (out.needs(1)) out.set(1, reshape(index_select(g, dim, at()), s));
           });
  return y;
}

Tensor index_fill(const Tensor& x, int64_t dim, const Tensor& index, const Operand& value,
                  const Tensor& into) {
  LAMPAS_CHECK_INDEX(index.dtype() == DType::I64,
                     "index_fill_(): Expected dtype int64 for index, got ",
                     dtype_name(index.dtype()), ". Remedy: index.long()");
  LAMPAS_CHECK(index.dim() <= 1, "index_fill_(): Index has to be a vector or a scalar, got shape ",
               index.sizes());
  if (value.is_tensor())
    LAMPAS_CHECK(value.tensor().dim() == 0,
                 "index_fill_ only supports a 0-dimensional value tensor, but got tensor with ",
                 value.tensor().dim(), " dimension(s).");
  LAMPAS_CHECK(value.is_tensor() || !value.scalar().is_complex() || is_complex(x.dtype()),
               "index_fill_(): Converting complex Scalar to non-complex type is not supported");
  Tensor v = value.is_tensor() ? to_dtype(value.tensor(), x.dtype())
                               : scalar_tensor(value.scalar(), x.dtype());
  dim = wrap_dim(dim, x.dim());
  Tensor at = plain(to_dtype(index.alias(), DType::I64));
  Tensor y = into.defined() ? into : clone(x);
  Tensor lifted = x.dim() ? y : unsqueeze(y, 0);
  if (is_leaf(y)) lifted = x.dim() ? y : y.alias(Dims{1}, Dims{1}, y.offset());
  std::vector<Tensor> where(std::max<size_t>(x.sizes().size(), 1));
  where[static_cast<size_t>(dim)] = at.dim() ? at : reshape(at, Dims{1});
  index_put_(lifted, where, v, false);
  return y;
}

}  // namespace lampas::ops
