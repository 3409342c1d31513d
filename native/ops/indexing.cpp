#include "ops/indexing.h"

#include <cstring>

#include "autograd/autograd.h"
#include "iter/loop.h"
#include "ops/copy.h"
#include "ops/create.h"
#include "ops/join.h"
#include "ops/types.h"
#include "ops/views.h"
#include "runtime/pool.h"

namespace lampas::ops {

// ---- x[indices] --------------------------------------------------------------------------------
namespace {
struct IndexPlan {
  std::vector<int64_t> offsets;   // in elements, of each chosen block's start
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
  int64_t n = product(p.shape);
  if (!x.is_meta()) p.offsets.assign(static_cast<size_t>(n), 0);
  for (int64_t d : dims) {
    if (x.is_meta()) break;  // the shape is all that is asked for
    Tensor wide = contiguous(expand(indices[d], p.shape));
    const auto* q = wide.data<int64_t>();
    int64_t size = x.size(d), stride = x.stride(d);
    for (int64_t i = 0; i < n; ++i) {
      int64_t v = q[i];
      LAMPAS_CHECK_INDEX(v >= -size && v < size, "index ", v, " is out of bounds for dimension ", d,
                         " with size ", size);
      p.offsets[static_cast<size_t>(i)] += (v < 0 ? v + size : v) * stride;
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

// body(block pointer in x, contiguous block pointer in y, elements) for every run of elements.
template <class T, class F>
void for_blocks(const IndexPlan& p, T* x, T* y, bool parallel, const F& body) {
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
        body(x + at, y + i * block + r * run, run, inner_stride);
      }
  };
  if (block == 0) return;
  auto n = static_cast<int64_t>(p.offsets.size());
  parallel ? parallel_ranges(n, std::max<int64_t>(1, 16384 / block), work) : work(0, n);
}

Tensor index_raw(const Tensor& x, const IndexPlan& p) {
  Tensor y = empty(concat(p.shape, p.rest_sizes), x.dtype(), x.device());
  if (!x.is_meta())
    for_itemsize(itemsize(x.dtype()), [&]<class T>(Type<T>) {
      for_blocks(p, x.data<T>(), y.data<T>(), true,
                 [](const T* from, T* to, int64_t n, int64_t step) {
                   if (step == 1)
                     std::memcpy(to, from, static_cast<size_t>(n) * sizeof(T));
                   else
                     for (int64_t i = 0; i < n; ++i) to[i] = from[i * step];
                 });
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
  Tensor v = contiguous(permute(expand(value.alias(), shown), back));
  if (!accumulate) {
    // Where an index comes twice the last value stays: in order, on one thread.
    for_itemsize(itemsize(self.dtype()), [&]<class T>(Type<T>) {
      for_blocks(p, self.data<T>(), v.data<T>(), false,
                 [](T* to, const T* from, int64_t n, int64_t step) {
                   for (int64_t i = 0; i < n; ++i) to[i * step] = from[i];
                 });
    });
    return;
  }
  for_dtype(self.dtype(), [&]<class T>(Type<T>) {
    for_blocks(p, self.data<T>(), v.data<T>(), false,
               [](T* to, const T* from, int64_t n, int64_t step) {
                 for (int64_t i = 0; i < n; ++i) add_to(to[i * step], from[i]);
               });
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
// A dimension seen as [outer, n, inner].
struct Line {
  int64_t outer = 1, n = 1, inner = 1;
};
Line line(IntSpan sizes, int64_t dim) {
  Line l;
  for (int64_t d = 0; d < static_cast<int64_t>(sizes.size()); ++d)
    (d < dim ? l.outer : d > dim ? l.inner : l.n) *= sizes[d];
  return l;
}

Tensor index_vector(const Tensor& index, const char* op) {
  LAMPAS_CHECK_INDEX(index.dim() <= 1, op, "(): Index is supposed to be a vector, got shape ",
                     index.sizes());
  LAMPAS_CHECK(index.dtype() == DType::I64 || index.dtype() == DType::I32, op,
               "(): Expected dtype int32 or int64 for index, got ", dtype_name(index.dtype()));
  return plain(to_dtype(index.alias(), DType::I64));
}
void check_range(const Tensor& index, int64_t n, const char* op,
                 ErrorKind kind = ErrorKind::Index) {
  if (index.is_meta()) return;
  const auto* p = index.data<int64_t>();
  for (int64_t i = 0; i < index.numel(); ++i)
    if (p[i] < 0 || p[i] >= n)
      fail(kind, op, "(): index ", p[i], " is out of bounds for dimension with size ", n);
}

// to[o, i, :] from from[o, index[i], :].
void select_raw(const Tensor& to, const Tensor& from, const Tensor& index, int64_t dim) {
  Line l = line(from.sizes(), dim);
  int64_t count = index.numel(), bytes = l.inner * itemsize(from.dtype());
  const auto* at = index.data<int64_t>();
  auto *d = static_cast<char*>(to.data()), *s = static_cast<char*>(from.data());
  parallel_ranges(l.outer * count, std::max<int64_t>(1, (1 << 16) / std::max<int64_t>(bytes, 1)),
                  [&](int64_t b, int64_t e) {
                    for (int64_t k = b; k < e; ++k)
                      std::memcpy(d + k * bytes, s + (k / count * l.n + at[k % count]) * bytes,
                                  static_cast<size_t>(bytes));
                  });
}

// to[o, index[i], :] += from[o, i, :], in order. Columns may go to different threads.
void add_raw(const Tensor& to, const Tensor& from, const Tensor& index, int64_t dim) {
  if (to.is_meta()) return;
  Line l = line(to.sizes(), dim);
  int64_t count = index.numel();
  const auto* at = index.data<int64_t>();
  for_dtype(to.dtype(), [&]<class T>(Type<T>) {
    T *d = to.data<T>(), *s = from.data<T>();
    int64_t cols = std::max<int64_t>(16, (1 << 15) / std::max<int64_t>(count, 1) / 16 * 16);
    int64_t across = (l.inner + cols - 1) / cols;
    parallel_for(l.outer * across, [&](int64_t t) {
      int64_t o = t / across, c0 = t % across * cols, c1 = std::min(l.inner, c0 + cols);
      for (int64_t i = 0; i < count; ++i) {
        T *row = d + (o * l.n + at[i]) * l.inner, *src = s + (o * count + i) * l.inner;
        for (int64_t c = c0; c < c1; ++c) add_to(row[c], src[c]);
      }
    });
  });
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
                 const Scalar& alpha) {
  dim = wrap_dim(dim, x.dim());
  Tensor at = index_vector(index, "index_add");
  check_source(x, dim, at, source, "index_add", ErrorKind::Runtime);
  Tensor y = contiguous(clone(x.alias()));
  Tensor scaled = plain(source);
  if (!alpha.equals(1)) scaled = plain(engine_math.scale(source.alias(), alpha));
  add_raw(y, scaled, at, dim);
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

Tensor index_copy(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& source) {
  dim = wrap_dim(dim, x.dim());
  Tensor at = index_vector(index, "index_copy");
  check_source(x, dim, at, source, "index_copy", ErrorKind::Index);
  Tensor y = contiguous(clone(x.alias()));
  std::vector<Tensor> where(std::max<size_t>(x.sizes().size(), 1));
  where[static_cast<size_t>(dim)] = at;
  Tensor lifted = x.dim() ? y : reshape(y, Dims{1});
  Tensor shaped = source.dim() ? source.alias() : reshape(source.alias(), Dims{1});
  put_raw(lifted, plan_index(lifted, where), shaped, false);
  if (recording(x, source))
    record(y, "IndexCopyBackward0", {&x, &source},
           [dim, at = save(at), s = source.sizes()](const Tensor& g, Sink& out) {
             if (out.needs(0)) out.set(0, index_fill(g, dim, at(), 0));
             if (out.needs(1)) out.set(1, reshape(index_select(g, dim, at()), s));
           });
  return y;
}

Tensor index_fill(const Tensor& x, int64_t dim, const Tensor& index, const Operand& value) {
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
  Tensor y = clone(x);
  Tensor lifted = x.dim() ? y : unsqueeze(y, 0);
  if (is_leaf(y)) lifted = x.dim() ? y : y.alias(Dims{1}, Dims{1}, y.offset());
  std::vector<Tensor> where(std::max<size_t>(x.sizes().size(), 1));
  where[static_cast<size_t>(dim)] = at.dim() ? at : reshape(at, Dims{1});
  index_put_(lifted, where, v, false);
  return y;
}

// ---- gather and scatter ------------------------------------------------------------------------
namespace {
void check_gather(const Tensor& x, int64_t dim, const Tensor& index, const char* op) {
  if (index.numel() == 0) return;
  LAMPAS_CHECK(index.dtype() == DType::I64 || index.dtype() == DType::I32, op,
               "(): Expected dtype int32/int64 for index, got ", dtype_name(index.dtype()));
  LAMPAS_CHECK(std::max<int64_t>(index.dim(), 1) == std::max<int64_t>(x.dim(), 1), op,
               "(): Index tensor must have the same number of dimensions as input tensor: ",
               index.sizes(), " and ", x.sizes());
  for (int64_t d = 0; d < std::min(index.dim(), x.dim()); ++d)
    LAMPAS_CHECK(d == dim || index.size(d) <= x.size(d), op,
                 "(): Size does not match at dimension ", d, " expected index ", index.sizes(),
                 " to be no larger than self ", x.sizes(), " apart from dimension ", dim);
}

// body(element of index, its index value, offset in x without the dimension) in index's order; x is
// contiguous with sizes `sizes`.
template <class F>
void walk(const Tensor& index, const Dims& sizes, int64_t dim, const char* op, bool parallel,
          const F& body) {
  Tensor at = plain(to_dtype(index.alias(), DType::I64));
  const auto* p = at.data<int64_t>();
  Dims strides = contiguous_strides(sizes), shape = index.sizes();
  if (shape.empty()) shape = {1};
  Dims step = strides.empty() ? Dims{1} : strides;
  int64_t n = sizes.empty() ? 1 : sizes[dim], row = shape.back(), rows = row ? at.numel() / row : 0;
  size_t last = shape.size() - 1;
  for (int64_t i = 0; i < at.numel(); ++i)
    LAMPAS_CHECK(p[i] >= 0 && p[i] < n, "index ", p[i], " is out of bounds for dimension ", dim,
                 " with size ", n, " (", op, ")");
  auto work = [&](int64_t b, int64_t e) {
    for (int64_t r = b; r < e; ++r) {
      int64_t rest = r, base = 0;
      for (size_t d = last; d-- > 0;) {
        if (static_cast<int64_t>(d) != dim) base += rest % shape[d] * step[d];
        rest /= shape[d];
      }
      int64_t inner = static_cast<int64_t>(last) == dim ? 0 : step[last];
      for (int64_t c = 0; c < row; ++c)
        body(r * row + c, base + c * inner + p[r * row + c] * step[dim]);
    }
  };
  parallel ? parallel_ranges(rows, std::max<int64_t>(1, 16384 / std::max<int64_t>(row, 1)), work)
           : work(0, rows);
}
}  // namespace

Tensor gather(const Tensor& x, int64_t dim, const Tensor& index) {
  dim = wrap_dim(dim, x.dim());
  check_gather(x, dim, index, "gather");
  Tensor y = empty(index.sizes(), x.dtype(), x.device());
  if (!x.is_meta()) {
    Tensor from = plain(x);
    for_itemsize(itemsize(x.dtype()), [&]<class T>(Type<T>) {
      T *to = y.data<T>(), *s = from.data<T>();
      walk(index, x.sizes(), dim, "gather", true, [&](int64_t i, int64_t at) { to[i] = s[at]; });
    });
  }
  if (recording(x))
    record(y, "GatherBackward0", {&x}, [dim, index = save(index), s = x.sizes()](const Tensor& g) {
      return scatter_add(zeros(s, g.dtype(), g.device()), dim, index(), g);
    });
  return y;
}

namespace {
void check_scatter(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& source,
                   const char* op) {
  check_gather(x, dim, index, op);
  if (index.numel() == 0) return;
  LAMPAS_CHECK(x.dtype() == source.dtype(), op,
               "(): Expected self.dtype to be equal to src.dtype, got ", dtype_name(x.dtype()),
               " and ", dtype_name(source.dtype()));
  LAMPAS_CHECK(std::max<int64_t>(index.dim(), 1) == std::max<int64_t>(source.dim(), 1), op,
               "(): Index tensor must have the same number of dimensions as src tensor");
  for (int64_t d = 0; d < std::min(index.dim(), source.dim()); ++d)
    LAMPAS_CHECK(index.size(d) <= source.size(d), op, "(): Expected index ", index.sizes(),
                 " to be no larger than src ", source.sizes(), " in all dimensions");
}
// The part of `source` that index covers, in index's order.
Tensor covered(const Tensor& source, const Tensor& index) {
  Tensor s = source.alias();
  for (int64_t d = 0; d < std::min(index.dim(), s.dim()); ++d) s = narrow(s, d, 0, index.size(d));
  return contiguous(s);
}
}  // namespace

Tensor scatter(const Tensor& x, int64_t dim, const Tensor& index, const Operand& source) {
  dim = wrap_dim(dim, x.dim());
  Tensor y = contiguous(clone(x.alias()));
  bool tensor = source.is_tensor();
  Tensor src = tensor ? source.tensor() : Tensor();
  if (tensor)
    check_scatter(x, dim, index, src, "scatter");
  else
    check_gather(x, dim, index, "scatter");
  Tensor values = tensor ? covered(src, index) : scalar_tensor(source.scalar(), x.dtype());
  if (!x.is_meta())
    for_itemsize(itemsize(x.dtype()), [&]<class T>(Type<T>) {
      T *to = y.data<T>(), *s = values.data<T>();
      walk(index, x.sizes(), dim, "scatter", false,
           [&](int64_t i, int64_t at) { to[at] = s[tensor ? i : 0]; });
    });
  if (recording(x, src))
    record(y, "ScatterBackward0", {&x, &src},
           [dim, index = save(index), sizes = tensor ? src.sizes() : Dims()](const Tensor& g,
                                                                             Sink& out) {
             Tensor at = index();
             if (out.needs(0)) out.set(0, scatter(g, dim, at, 0));
             if (!out.needs(1)) return;
             Tensor part = gather(g, dim, at);
             if (part.sizes() == sizes) return out.set(1, part);
             Tensor whole = zeros(sizes, g.dtype(), g.device()), corner = whole;
             for (int64_t d = 0; d < at.dim(); ++d) corner = narrow(corner, d, 0, at.size(d));
             copy_(corner, part);
             out.set(1, whole);
           });
  return y;
}

Tensor scatter_add(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& source) {
  dim = wrap_dim(dim, x.dim());
  check_scatter(x, dim, index, source, "scatter_add");
  Tensor y = contiguous(clone(x.alias()));
  Tensor values = covered(source, index);
  if (!x.is_meta())
    for_dtype(x.dtype(), [&]<class T>(Type<T>) {
      T *to = y.data<T>(), *s = values.data<T>();
      walk(index, x.sizes(), dim, "scatter_add", false,
           [&](int64_t i, int64_t at) { add_to(to[at], s[i]); });
    });
  if (recording(x, source))
    record(y, "ScatterAddBackward0", {&x, &source},
           [dim, index = save(index), sizes = source.sizes()](const Tensor& g, Sink& out) {
             out.set(0, g);
             if (!out.needs(1)) return;
             Tensor at = index(), part = gather(g, dim, at);
             if (part.sizes() == sizes) return out.set(1, part);
             Tensor whole = zeros(sizes, g.dtype(), g.device()), corner = whole;
             for (int64_t d = 0; d < at.dim(); ++d) corner = narrow(corner, d, 0, at.size(d));
             copy_(corner, part);
             out.set(1, whole);
           });
  return y;
}

// ---- embedding ---------------------------------------------------------------------------------
namespace {
Tensor embedding_backward(const Tensor& g, const Dims& sizes, const Tensor& at, int64_t padding) {
  Tensor out = zeros(sizes, g.dtype(), g.device());
  check_range(at, sizes[0], "backward of embedding");
  Tensor rows = plain(reshape(g.alias(), Dims{at.numel(), sizes[1]}));
  add_raw(out, rows, reshape(at, Dims{-1}), 0);
  if (padding >= 0) fill_raw(select(out.alias(), 0, padding), 0);
  if (recording(g))
    record(out, "EmbeddingBackwardBackward0", {&g}, [saved = save(at), padding](const Tensor& gg) {
      Tensor at = saved();
      Tensor rows = embedding(gg, at, -1);
      if (padding < 0) return rows;
      Tensor hit = empty(at.sizes(), DType::Bool);
      for (int64_t i = 0; i < at.numel(); ++i)
        hit.data<bool>()[i] = at.data<int64_t>()[i] == padding;
      return masked_fill(rows, unsqueeze(hit, -1), 0);
    });
  return out;
}
}  // namespace

Tensor embedding(const Tensor& weight, const Tensor& index, int64_t padding_idx) {
  LAMPAS_CHECK(weight.dim() == 2, "'weight' must be 2-D, got shape ", weight.sizes());
  LAMPAS_CHECK(index.dtype() == DType::I64 || index.dtype() == DType::I32,
               "Expected tensor for argument #1 'indices' to have one of the following scalar "
               "types: Long, Int; but got ",
               dtype_name(index.dtype()),
               " instead (while checking arguments for embedding). Remedy: indices.long()");
  Tensor at = plain(to_dtype(index.alias(), DType::I64)), table = plain(weight);
  const auto* p = at.is_meta() ? nullptr : at.data<int64_t>();
  int64_t n = weight.size(0);
  for (int64_t i = 0; p && i < at.numel(); ++i)
    LAMPAS_CHECK_INDEX(p[i] >= 0 && p[i] < n, "index out of range in self: index ", p[i],
                       " into an embedding of ", n, " rows (embedding, weight ", weight.sizes(),
                       ")");
  Dims sizes = index.sizes();
  sizes.push_back(weight.size(1));
  Tensor y = empty(sizes, weight.dtype(), weight.device());
  if (y.numel() && !y.is_meta()) select_raw(y, table, at, 0);
  if (recording(weight))
    record(y, "EmbeddingBackward0", {&weight},
           [s = weight.sizes(), at = save(at), padding_idx](const Tensor& g) {
             return embedding_backward(g, s, at(), padding_idx);
           });
  return y;
}

}  // namespace lampas::ops
