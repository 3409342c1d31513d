// gather() and scatter(): elements of a dimension by index, position by position.
#include "autograd/autograd.h"
#include "ops/copy.h"
#include "ops/create.h"
#include "ops/indexing.h"
#include "ops/positions.h"
#include "ops/views.h"

namespace lampas::ops {

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

namespace {
// rows(element of index, element of y, n, step, side) for all n elements of a row of index, where
// element i of the row belongs to y's element at[i] * step + i * side; y is contiguous. Rows that
// may meet in the same elements come in order, on one thread, where rows are written.
template <class F>
void for_rows(const Tensor& y, int64_t dim, const Tensor& at, bool written, const char* op,
              const F& rows) {
  Dims shape = at.sizes(), step = contiguous_strides(y.sizes());
  if (shape.empty()) shape = {1};
  if (step.empty()) step = {1};
  const int64_t n = y.dim() ? y.size(dim) : 1;
  check_within(at, 0, n, [&](int64_t v) {
    fail(ErrorKind::Runtime, "index ", v, " is out of bounds for dimension ", dim, " with size ", n,
         " (", op, ")");
  });
  if (at.numel() == 0) return;
  // A row runs along the last dimension that has more than one element.
  size_t last = shape.size() - 1;
  while (last > 0 && shape[last] == 1) --last;
  const auto axis = static_cast<size_t>(dim);
  const int64_t row = shape[last], side = last == axis ? 0 : step[last];
  int64_t meet = 1;  // rows that agree in all dimensions before `dim`
  for (size_t d = axis; written && d < last; ++d) meet *= shape[d];
  parallel_ranges(at.numel() / (row * meet), std::max<int64_t>(1, (1 << 15) / (row * meet)),
                  [&](int64_t b, int64_t e) {
                    for (int64_t r = b * meet; r < e * meet; ++r) {
                      int64_t rest = r, base = 0;
                      for (size_t d = last; d-- > 0 && rest;) {
                        if (d != axis) base += rest % shape[d] * step[d];
                        rest /= shape[d];
                      }
                      rows(r * row, base, row, step[axis], side);
                    }
                  });
}

// The part of `source` that index covers, in index's order.
Tensor covered(const Tensor& source, const Tensor& index) {
  Tensor s = source.alias();
  for (int64_t d = 0; d < std::min(index.dim(), s.dim()); ++d) s = narrow(s, d, 0, index.size(d));
  return contiguous(s);
}
// A gradient of that part as one of the whole source.
Tensor uncovered(const Tensor& part, const Dims& sizes) {
  if (part.sizes() == sizes) return part;
  Tensor whole = zeros(sizes, part.dtype(), part.device()), corner = whole;
  for (int64_t d = 0; d < part.dim(); ++d) corner = narrow(corner, d, 0, part.size(d));
  copy_(corner, part);
  return whole;
}
}  // namespace

Tensor gather(const Tensor& x, int64_t dim, const Tensor& index) {
  dim = wrap_dim(dim, x.dim());
  check_gather(x, dim, index, "gather");
  Tensor y = empty(index.sizes(), x.dtype(), x.device());
  if (!x.is_meta()) {
    Tensor from = plain(x), at = plain(to_dtype(index.alias(), DType::I64));
    const int item = itemsize(x.dtype());
    const auto* p = at.data<int64_t>();
    auto *to = static_cast<char*>(y.data()), *s = static_cast<char*>(from.data());
    const auto gather = dispatch().index.gather;
    for_rows(from, dim, at, false, "gather",
             [&](int64_t i, int64_t base, int64_t n, int64_t step, int64_t side) {
               gather(to + i * item, s + base * item, p + i, n, step, side, item);
             });
  }
  if (recording(x))
    record(y, "GatherBackward0", {&x}, [dim, index = save(index), s = x.sizes()](const Tensor& g) {
      return scatter_add(zeros(s, g.dtype(), g.device()), dim, index(), g);
    });
  return y;
}

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

Tensor scatter(const Tensor& x, int64_t dim, const Tensor& index, const Operand& source,
               const Tensor& into) {
  dim = wrap_dim(dim, x.dim());
  bool tensor = source.is_tensor();
  Tensor src = tensor ? source.tensor() : Tensor();
  if (tensor)
    check_scatter(x, dim, index, src, "scatter");
  else
    check_gather(x, dim, index, "scatter");
  Tensor y = into.defined() ? into : contiguous(clone(x.alias()));
  Tensor values = tensor ? covered(src, index) : scalar_tensor(source.scalar(), x.dtype());
  if (!x.is_meta()) {
    Tensor at = plain(to_dtype(index.alias(), DType::I64));
    const int item = itemsize(x.dtype());
    const int64_t each = tensor ? 1 : 0;
    const auto* p = at.data<int64_t>();
    auto *to = static_cast<char*>(y.data()), *s = static_cast<char*>(values.data());
    const auto scatter = dispatch().index.scatter;
    for_rows(y, dim, at, true, "scatter",
             [&](int64_t i, int64_t base, int64_t n, int64_t step, int64_t side) {
               scatter(to + base * item, s + i * each * item, p + i, n, step, side, each, item);
             });
  }
  if (into.defined()) after_inplace(into, {});
  if (recording(x, src))
    record(y, "ScatterBackward0", {&x, &src},
           [dim, index = save(index), sizes = tensor ? src.sizes() : Dims()](const Tensor& g,
                                                                             Sink& out) {
             Tensor at = index();
             if (out.needs(0)) out.set(0, scatter(g, dim, at, 0));
             if (!out.needs(1)) return;
             out.set(1, uncovered(gather(g, dim, at), sizes));
           });
  return y;
}

void combine_raw(const Tensor& y, int64_t dim, const Tensor& index, const Tensor& source,
                 kernels::Combine how, const char* op) {
  Tensor values = covered(source, index), at = plain(to_dtype(index.alias(), DType::I64));
  const int item = itemsize(y.dtype());
  const auto combine = dispatch().index.combine[static_cast<int>(how)][static_cast<int>(y.dtype())];
  const auto* p = at.data<int64_t>();
  auto *to = static_cast<char*>(y.data()), *s = static_cast<char*>(values.data());
  for_rows(y, dim, at, true, op,
           [&](int64_t i, int64_t base, int64_t n, int64_t step, int64_t side) {
             combine(to + base * item, s + i * item, p + i, n, step, side);
           });
}

Tensor scatter_add(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& source,
                   const Tensor& into) {
  dim = wrap_dim(dim, x.dim());
  check_scatter(x, dim, index, source, "scatter_add");
  Tensor y = into.defined() ? into : contiguous(clone(x.alias()));
  if (!x.is_meta()) combine_raw(y, dim, index, source, kernels::Combine::Sum, "scatter_add");
  if (into.defined()) after_inplace(into, {});
  if (recording(x, source))
    record(y, "ScatterAddBackward0", {&x, &source},
           [dim, index = save(index), sizes = source.sizes()](const Tensor& g, Sink& out) {
             out.set(0, g);
             if (!out.needs(1)) return;
             out.set(1, uncovered(gather(g, dim, index()), sizes));
           });
  return y;
}

}  // namespace lampas::ops
