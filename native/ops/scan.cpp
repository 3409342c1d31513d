// Running reductions along one dimension.
#include <cmath>

#include "autograd/autograd.h"
#include "dispatch/dispatch.h"
#include "ops/copy.h"
#include "ops/create.h"
#include "ops/indexing.h"
#include "ops/join.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"
#include "ops/views.h"
#include "runtime/pool.h"

namespace lampas::ops {

namespace {
using ScanFn = void (*)(void* out, const void* in, int64_t n, int64_t step);
Tensor scan(const Tensor& x0, int64_t dim, const ScanFn* table, DType to) {
  Tensor x = plain(is_half(x0.dtype()) ? to_dtype(x0.alias(), DType::F32) : x0);
  DType d = x.dtype(), raw = is_integral(d) ? DType::I64 : d;
  Tensor y = empty(x.sizes(), raw);
  int64_t n = x.dim() ? x.size(dim) : 1, inner = 1;
  for (int64_t i = dim + 1; i < x.dim(); ++i) inner *= x.size(i);
  if (x.numel()) {
    auto* in = static_cast<const char*>(x.data());
    auto* out = static_cast<char*>(y.data());
    int64_t lines = x.numel() / n;
    parallel_ranges(lines, std::max<int64_t>(1, 16384 / n), [&](int64_t b, int64_t e) {
      for (int64_t i = b; i < e; ++i) {
        int64_t at = i / inner * n * inner + i % inner;
        table[static_cast<int>(d)](out + at * itemsize(raw), in + at * itemsize(d), n, inner);
      }
    });
  }
  return to_dtype(y, to);
}
}  // namespace

Tensor cumsum(const Tensor& x0, int64_t dim, std::optional<DType> dtype) {
  dim = wrap_dim(dim, x0.dim());
  Tensor x = dtype ? to_dtype(x0, *dtype) : x0;
  Tensor y = scan(x, dim, dispatch().reduce.cumsum,
                  dtype.value_or(is_integral(x.dtype()) ? DType::I64 : x.dtype()));
  if (recording(x))
    record(y, "CumsumBackward0", {&x}, [dim](const Tensor& g) {
      return g.dim() ? flip(cumsum(flip(g, Dims{dim}), dim), Dims{dim}) : g;
    });
  return y;
}

namespace {
// d/dx_k of sum_i g_i prod_{j<=i} x_j. Without zeros: the reversed cumulative sum of g*y over x;
// with zeros the products around each zero are formed one by one.
Tensor cumprod_backward(const Tensor& g, const Tensor& x, const Tensor& y, int64_t dim) {
  if (x.dim() == 0) return g;
  auto reversed = [dim](const Tensor& t) {
    return flip(cumsum(flip(t, Dims{dim}), dim), Dims{dim});
  };
  if (!any_equal(x.alias(), 0)) return div(reversed(g * conj(y)), conj(x));
  int64_t n = x.size(dim);
  std::vector<Tensor> parts;
  for (int64_t k = 0; k < n; ++k) {
    // Products that leave element k out, from k on.
    Tensor before = k ? prod(narrow(x, dim, 0, k), dim, true) : ones_like(narrow(x, dim, 0, 1));
    Tensor tail = before;
    if (k + 1 < n)
      tail = cat({before, before * cumprod(narrow(x, dim, k + 1, n - k - 1), dim)}, dim);
    parts.push_back(sum(narrow(g, dim, k, n - k) * conj(tail), Dims{dim}, true));
  }
  return cat(parts, dim);
}
}  // namespace

Tensor cumprod(const Tensor& x0, int64_t dim, std::optional<DType> dtype) {
  dim = wrap_dim(dim, x0.dim());
  Tensor x = dtype ? to_dtype(x0, *dtype) : x0;
  Tensor y = scan(x, dim, dispatch().reduce.cumprod,
                  dtype.value_or(is_integral(x.dtype()) ? DType::I64 : x.dtype()));
  if (recording(x))
    record(y, "CumprodBackward0", {&x}, [x = save(x), y = Saved::output(y), dim](const Tensor& g) {
      return cumprod_backward(g, x(), y(), dim);
    });
  return y;
}

namespace {
std::vector<Tensor> running_extreme(const Tensor& x, int64_t dim, bool largest) {
  dim = wrap_dim(dim, x.dim());
  LAMPAS_CHECK_KIND(NotImplemented, !is_complex(x.dtype()), "cummax/cummin: not implemented for '",
                    dtype_name(x.dtype()), "'");
  Tensor v = plain(x), at = empty(x.sizes(), DType::I64);
  int64_t n = x.dim() ? x.size(dim) : 1, inner = 1;
  for (int64_t i = dim + 1; i < x.dim(); ++i) inner *= x.size(i);
  const int item = itemsize(x.dtype());
  for (int64_t line = 0; x.numel() && line < x.numel() / n; ++line) {
    int64_t start = line / inner * n * inner + line % inner, best = 0;
    double top = 0;
    for (int64_t i = 0; i < n; ++i) {
      double e = load_scalar(x.dtype(), static_cast<char*>(v.data()) + (start + i * inner) * item)
                     .to_double();
      // Later equal elements win, and NaN stays.
      if (i == 0 || std::isnan(e) || (!std::isnan(top) && (largest ? e >= top : e <= top)))
        best = i, top = e;
      at.data<int64_t>()[start + i * inner] = best;
    }
  }
  return {gather(x, dim, at), at};
}
}  // namespace
std::vector<Tensor> cummax(const Tensor& x, int64_t dim) { return running_extreme(x, dim, true); }
std::vector<Tensor> cummin(const Tensor& x, int64_t dim) { return running_extreme(x, dim, false); }

Tensor logcumsumexp(const Tensor& x, int64_t dim) {
  dim = wrap_dim(dim, x.dim());
  LAMPAS_CHECK(!is_integral(x.dtype()), "logcumsumexp: not implemented for '",
               dtype_name(x.dtype()), "'");
  if (x.dim() == 0) return clone(x);
  // One step at a time in the stable pairwise form; differentiable as it stands.
  std::vector<Tensor> parts{narrow(x, dim, 0, std::min<int64_t>(1, x.size(dim)))};
  for (int64_t i = 1; i < x.size(dim); ++i) {
    Tensor next = narrow(x, dim, i, 1);
    parts.push_back(is_complex(x.dtype()) ? log(exp(parts.back()) + exp(next))
                                          : logaddexp(parts.back(), next));
  }
  return cat(parts, dim);
}

}  // namespace lampas::ops
