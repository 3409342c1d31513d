// Running reductions along one dimension.
#include <cmath>
#include <complex>

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
// Calls line(first element) for each line of x along `dim`, or where its elements do not lie side
// by side cols(first element, lines) for strips of lines that do. Both are given n and the step.
template <class Line, class Cols>
void for_lines(const Tensor& x, int64_t dim, const Line& line, const Cols& cols) {
  if (x.numel() == 0) return;
  int64_t n = x.dim() ? x.size(dim) : 1, inner = 1;
  for (int64_t i = dim + 1; i < x.dim(); ++i) inner *= x.size(i);
  const int64_t outer = x.numel() / n / inner;
  if (inner == 1) {
    parallel_ranges(outer, std::max<int64_t>(1, 16384 / n), [&](int64_t b, int64_t e) {
      for (int64_t o = b; o < e; ++o) line(o * n, n, inner);
    });
    return;
  }
  const int64_t width = std::clamp<int64_t>(65536 / n / 64 * 64, 64, 4096);
  const int64_t across = (inner + width - 1) / width;
  parallel_ranges(outer * across, std::max<int64_t>(1, 16384 / (n * std::min(width, inner))),
                  [&](int64_t b, int64_t e) {
                    for (int64_t t = b; t < e; ++t) {
                      const int64_t c = t % across * width;
                      cols(t / across * n * inner + c, n, std::min(width, inner - c), inner);
                    }
                  });
}

using ScanFn = void (*)(void* out, const void* in, int64_t n, int64_t step);
using ScanColsFn = void (*)(void* out, const void* in, int64_t n, int64_t cols, int64_t stride);
// Without a function for lines side by side they are taken one by one.
Tensor scan(const Tensor& x0, int64_t dim, DType to, const ScanFn* line, const ScanColsFn* cols) {
  if (x0.is_meta()) return empty(x0.sizes(), to, Device::Meta);
  Tensor x = plain(is_half(x0.dtype()) ? to_dtype(x0.alias(), DType::F32) : x0);
  const DType d = x.dtype(), raw = is_integral(d) ? DType::I64 : d;
  Tensor y = empty(x.sizes(), raw);
  auto* in = static_cast<const char*>(x.data());
  auto* out = static_cast<char*>(y.data());
  const int item = itemsize(d), item_raw = itemsize(raw);
  auto one = [&](int64_t at, int64_t n, int64_t step) {
    line[static_cast<int>(d)](out + at * item_raw, in + at * item, n, step);
  };
  for_lines(x, dim, one, [&](int64_t at, int64_t n, int64_t count, int64_t step) {
    if (cols) return cols[static_cast<int>(d)](out + at * item_raw, in + at * item, n, count, step);
    for (int64_t c = 0; c < count; ++c) one(at + c, n, step);
  });
  return to_dtype(y, to);
}
}  // namespace

Tensor cumsum(const Tensor& x0, int64_t dim, std::optional<DType> dtype) {
  dim = wrap_dim(dim, x0.dim());
  Tensor x = dtype ? to_dtype(x0, *dtype) : x0;
  const DType to = dtype.value_or(is_integral(x.dtype()) ? DType::I64 : x.dtype());
  Tensor y = scan(x, dim, to, dispatch().reduce.cumsum, dispatch().reduce.cumsum_cols);
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
  const DType to = dtype.value_or(is_integral(x.dtype()) ? DType::I64 : x.dtype());
  Tensor y = scan(x, dim, to, dispatch().reduce.cumprod, dispatch().reduce.cumprod_cols);
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
  Tensor at = empty(x.sizes(), DType::I64, x.device());
  if (x.is_meta()) return {gather(x, dim, at), at};
  Tensor v = plain(is_half(x.dtype()) ? to_dtype(x.alias(), DType::F32) : x);
  Tensor y = empty(x.sizes(), v.dtype());
  const auto& table = dispatch().reduce;
  const auto d = static_cast<size_t>(v.dtype());
  auto* line = (largest ? table.cummax : table.cummin)[d];
  auto* cols = (largest ? table.cummax_cols : table.cummin_cols)[d];
  auto* in = static_cast<const char*>(v.data());
  auto* out = static_cast<char*>(y.data());
  auto* index = at.data<int64_t>();
  const int item = itemsize(v.dtype());
  for_lines(
      v, dim,
      [&](int64_t i, int64_t n, int64_t) { line(out + i * item, index + i, in + i * item, n); },
      [&](int64_t i, int64_t n, int64_t count, int64_t step) {
        cols(out + i * item, index + i, in + i * item, n, count, step);
      });
  // A gradient goes where the extremes stand.
  return {recording(x) ? gather(x, dim, at) : to_dtype(y, x.dtype()), at};
}
}  // namespace
std::vector<Tensor> cummax(const Tensor& x, int64_t dim) { return running_extreme(x, dim, true); }
std::vector<Tensor> cummin(const Tensor& x, int64_t dim) { return running_extreme(x, dim, false); }

namespace {
// log(exp(a) + exp(b)). The real part of the larger one is taken out, its angle left as it is;
// where both real parts are -inf, either one will do.
double log_sum(double a, double b) {
  double top = std::max(a, b), low = std::min(a, b);
  if (a != a || b != b) return a + b;
  return std::isinf(top) ? top : top + std::log1p(std::exp(low - top));
}
template <class R>
std::complex<R> log_sum(std::complex<R> a, std::complex<R> b) {
  if (a != a || b != b) return {NAN, NAN};
  if (b.real() > a.real()) std::swap(a, b);
  if (std::isinf(a.real()) && a.real() == b.real())
    return a.real() < 0 ? a : std::log(std::exp(a) + std::exp(b));
  std::complex<R> q = std::exp(b - a), u = R(1) + q;
  return a + (u == R(1) ? q : std::log(u) * (q / (u - R(1))));
}
template <class T, class Wide>
void log_sums(void* out, const void* in, int64_t n, int64_t step) {
  auto* x = static_cast<const T*>(in);
  auto* y = static_cast<T*>(out);
  Wide total = n ? static_cast<Wide>(x[0]) : Wide();
  for (int64_t i = 0; i < n; ++i) {
    if (i) total = log_sum(total, static_cast<Wide>(x[i * step]));
    y[i * step] = static_cast<T>(total);
  }
}

double real_part(double z) { return z; }
double real_part(c128 z) { return z.real(); }

// One line of share(); a step takes the running sum from one y to the next.
template <class T, class Wide>
void share_line(T* out, const T* v, const T* x, const T* y, int64_t n, int64_t step, bool after) {
  auto weight = [](Wide from, Wide to) {
    return real_part(from) == -INFINITY ? Wide() : std::exp(from - to);
  };
  Wide total{}, last{};
  for (int64_t k = 0; k < n; ++k) {
    int64_t i = (after ? n - 1 - k : k) * step;
    Wide xi = static_cast<Wide>(x[i]), yi = static_cast<Wide>(y[i]), vi = static_cast<Wide>(v[i]);
    if (k) total *= after ? weight(yi, last) : weight(last, yi);
    total += after ? vi : vi * weight(xi, yi);
    out[i] = static_cast<T>(after ? total * weight(xi, yi) : total);
    last = yi;
  }
}

// With w_ij = exp(x_i - y_j), the part of x_i in the running sum that ends at j: of v, the sums
// over j >= i of w_ij v_j (`after`), or over i <= j of w_ij v_i. The one is the gradient of
// logcumsumexp, the other its derivative along v, and each is the other's adjoint. Where x is -inf
// there is no part.
Tensor share(const Tensor& v, const Tensor& x, const Tensor& y, int64_t dim, bool after) {
  Tensor out = empty(x.sizes(), x.dtype(), x.device());
  int64_t n = x.size(dim), inner = 1;
  for (int64_t i = dim + 1; i < x.dim(); ++i) inner *= x.size(i);
  auto lines = [&]<class T, class Wide>(T, Wide) {
    Tensor pv = plain(v), px = plain(x), py = plain(y);
    for (int64_t line = 0; line < x.numel() / n; ++line) {
      int64_t at = line / inner * n * inner + line % inner;
      share_line<T, Wide>(out.data<T>() + at, pv.data<T>() + at, px.data<T>() + at,
                          py.data<T>() + at, n, inner, after);
    }
  };
  if (x.numel() && !x.is_meta()) {
    if (x.dtype() == DType::F32) lines(float(), double());
    if (x.dtype() == DType::F64) lines(double(), double());
    if (x.dtype() == DType::C64) lines(c64(), c128());
    if (x.dtype() == DType::C128) lines(c128(), c128());
  }
  if (recording(v, x, y))
    record(out, "LogcumsumexpBackwardBackward0", {&v, &x, &y},
           [v = save(v), x = save(x), y = save(y), out = Saved::output(out), dim, after](
               const Tensor& g, Sink& sink) {
             Tensor other = share(g, conj(x()), conj(y()), dim, !after);
             Tensor along = g * conj(out()), across = conj(v()) * other;
             sink.set(0, other);
             if (sink.needs(1)) sink.set(1, after ? along : across);
             if (sink.needs(2)) sink.set(2, neg(after ? across : along));
           });
  return out;
}

// The same sums in logarithms, of reals positive and negative parts apart: what the first gradient
// is made of, for it rounds as PyTorch's does.
Tensor share_in_logarithms(const Tensor& g, const Tensor& x, const Tensor& y, int64_t dim) {
  auto weighted = [&](const Tensor& log_g) {
    Tensor part = exp(flip(logcumsumexp(flip(log_g - y, Dims{dim}), dim), Dims{dim}) + x);
    return masked_fill(part, eq(real(x), -INFINITY), 0);
  };
  if (is_complex(x.dtype())) return conj(weighted(log(conj(g))));
  Tensor size = log(abs(g)), none = full_like(size, -INFINITY);
  return weighted(where(gt(g, 0), size, none)) - weighted(where(lt(g, 0), size, none));
}

Tensor logcumsumexp_backward(const Tensor& g, const Tensor& x, const Tensor& y, int64_t dim) {
  if (!recording(g, x, y)) return share_in_logarithms(g, x, y, dim);
  if (!is_half(x.dtype())) return share(g, conj(x), conj(y), dim, true);
  auto wide = [](const Tensor& t) { return to_dtype(t, DType::F32); };
  return to_dtype(share(wide(g), wide(x), wide(y), dim, true), x.dtype());
}
}  // namespace

Tensor logcumsumexp(const Tensor& x, int64_t dim) {
  dim = wrap_dim(dim, x.dim());
  LAMPAS_CHECK_KIND(NotImplemented, !is_integral(x.dtype()),
                    "\"logcumsumexp\" not implemented for '", dtype_name(x.dtype()), "'");
  ScanFn table[kDTypes] = {};
  table[static_cast<int>(DType::F32)] = log_sums<float, double>;
  table[static_cast<int>(DType::F64)] = log_sums<double, double>;
  table[static_cast<int>(DType::C64)] = log_sums<c64, c64>;
  table[static_cast<int>(DType::C128)] = log_sums<c128, c128>;
  Tensor y = scan(x, dim, x.dtype(), table, nullptr);
  if (recording(x) && x.dim() > 0)
    record(y, "LogcumsumexpBackward0", {&x},
           [x = save(x), y = Saved::output(y), dim](const Tensor& g) {
             return logcumsumexp_backward(g, x(), y(), dim);
           });
  return x.dim() ? y : clone(x);
}

}  // namespace lampas::ops
