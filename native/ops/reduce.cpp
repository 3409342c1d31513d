#include "ops/reduce.h"

#include <atomic>
#include <cmath>
#include <cstring>

#include "autograd/autograd.h"
#include "dispatch/dispatch.h"
#include "ops/copy.h"
#include "ops/create.h"
#include "ops/indexing.h"
#include "ops/join.h"
#include "ops/pointwise.h"
#include "ops/promote.h"
#include "ops/types.h"
#include "ops/views.h"
#include "runtime/pool.h"

namespace lampas::ops {

// ---- which dimensions --------------------------------------------------------------------------
std::vector<char> reduced_dims(const Tensor& x, const OptDims& dims, const char* op) {
  std::vector<char> r(x.sizes().size(), !dims || dims->empty());
  if (!dims) return r;
  for (int64_t d : *dims) {
    d = wrap_dim(d, x.dim());
    if (x.dim() == 0) continue;
    LAMPAS_CHECK(!r[static_cast<size_t>(d)], op, ": dim ", d,
                 " appears multiple times in the list of dims");
    r[static_cast<size_t>(d)] = 1;
  }
  return r;
}

namespace {
Dims kept_sizes(const Tensor& x, const std::vector<char>& r, bool keepdim) {
  Dims s;
  for (size_t i = 0; i < r.size(); ++i) {
    if (!r[i])
      s.push_back(x.sizes()[i]);
    else if (keepdim)
      s.push_back(1);
  }
  return s;
}

// Memory as [outer, n, inner], the middle one to be reduced; a copy where x does not lie so.
struct Lines {
  Tensor x;
  int64_t outer = 1, n = 1, inner = 1;
};
Lines lines(const Tensor& x, const std::vector<char>& r) {
  Lines l;
  Tensor c = x.alias();
  std::vector<char> flags = r;
  // A dense tensor in another order is read in its own order; only the flags move with it.
  bool rows_first = x.is_contiguous();
  int changes = 0;
  for (size_t i = 1; i < flags.size(); ++i) changes += flags[i] != flags[i - 1];
  bool simple = rows_first && (changes <= 1 || (changes == 2 && !flags[0]));
  if (!simple) {
    Dims order;
    for (size_t i = 0; i < flags.size(); ++i)
      if (!flags[i]) order.push_back(static_cast<int64_t>(i));
    size_t kept = order.size();
    for (size_t i = 0; i < flags.size(); ++i)
      if (flags[i]) order.push_back(static_cast<int64_t>(i));
    c = contiguous(permute(c, order));
    for (size_t i = 0; i < flags.size(); ++i) flags[i] = i >= kept;
  }
  l.x = c;
  bool seen = false;
  for (size_t i = 0; i < flags.size(); ++i) {
    int64_t s = c.sizes()[i];
    if (flags[i])
      l.n *= s, seen = true;
    else
      (seen ? l.inner : l.outer) *= s;
  }
  return l;
}

constexpr int64_t kBlock = 1 << 16;  // elements of a row that one task reduces

// What joins partial results: sums of squares are only summed, and so on.
Reduce joining(Reduce r) {
  switch (r) {
    case Reduce::NanSum:
    case Reduce::SumSquares:
    case Reduce::SumAbs:
    case Reduce::CountNonzero:
      return Reduce::Sum;
    case Reduce::MaxAbs:
      return Reduce::Max;
    case Reduce::MinAbs:
      return Reduce::Min;
    default:
      return r;
  }
}

// The last dimensions that are reduced, where others are too but not all in between: they lie side
// by side, so reducing them first spares a copy. Empty where there is nothing to gain.
Dims reduced_first(const Tensor& x, const std::vector<char>& flags) {
  Dims last;
  int64_t n = 1;
  size_t i = flags.size();
  while (i > 0 && flags[i - 1]) {
    last.push_back(static_cast<int64_t>(--i));
    n *= x.sizes()[i];
  }
  bool more = std::find(flags.begin(), flags.begin() + static_cast<int64_t>(i), 1) !=
              flags.begin() + static_cast<int64_t>(i);
  return more && n >= 16 && x.is_contiguous() ? last : Dims{};
}

// Many elements into one: fixed blocks, whose results are reduced in turn.
void reduce_long_row(Reduce r, DType d, char* out, const char* in, int64_t n) {
  const auto& k = dispatch().reduce;
  const DType to = reduce_type(r, d);
  const int item = itemsize(d), item_to = itemsize(to);
  auto row = k.row[static_cast<int>(r)][static_cast<int>(d)];
  int64_t blocks = (n + kBlock - 1) / kBlock;
  if (blocks == 1) return row(out, in, n);
  Tensor parts = empty(Dims{blocks}, to);
  auto* p = static_cast<char*>(parts.data());
  parallel_for(blocks, [&](int64_t b) {
    row(p + b * item_to, in + b * kBlock * item, std::min(kBlock, n - b * kBlock));
  });
  k.row[static_cast<int>(joining(r))][static_cast<int>(to)](out, p, blocks);
}

// Rows of a few elements, which would not fill the lanes of one: turned over, some hundred at a
// time, and reduced as columns.
constexpr int64_t kFew = 32, kTurned = 16384;  // elements; bytes
void reduce_short_rows(Reduce r, DType d, char* out, const char* in, const Lines& l) {
  const int item = itemsize(d), item_to = itemsize(reduce_type(r, d));
  auto cols = dispatch().reduce.cols[static_cast<int>(r)][static_cast<int>(d)];
  const int64_t count = kTurned / (l.n * item) / 16 * 16, blocks = (l.outer + count - 1) / count;
  parallel_ranges(blocks, std::max<int64_t>(1, 32768 / (l.n * count)), [&](int64_t b, int64_t e) {
    alignas(64) char turned[kTurned];
    for (int64_t o = b * count; o < std::min(e * count, l.outer); o += count) {
      const int64_t rows = std::min(count, l.outer - o);
      dispatch().pointwise.transpose(turned, rows, in + o * l.n * item, l.n, l.n, rows, item);
      cols(out + o * item_to, turned, l.n, rows, rows);
    }
  });
}

void reduce_columns(Reduce r, DType d, char* out, const char* in, const Lines& l) {
  const auto& k = dispatch().reduce;
  const DType to = reduce_type(r, d);
  const int item = itemsize(d), item_to = itemsize(to);
  auto cols = k.cols[static_cast<int>(r)][static_cast<int>(d)];
  int64_t width = std::clamp<int64_t>(kBlock / std::max<int64_t>(l.n, 1) / 64 * 64, 256, 4096);
  int64_t across = (l.inner + width - 1) / width;
  // Tall and narrow: rows are cut into fixed blocks too.
  int64_t tall = std::max<int64_t>(1, kBlock / std::max<int64_t>(std::min(l.inner, width), 1));
  int64_t blocks = l.n > 4 * tall ? (l.n + tall - 1) / tall : 1;
  if (blocks == 1) {
    parallel_for(l.outer * across, [&](int64_t t) {
      int64_t o = t / across, c = t % across * width;
      cols(out + (o * l.inner + c) * item_to, in + (o * l.n * l.inner + c) * item, l.n,
           std::min(width, l.inner - c), l.inner);
    });
    return;
  }
  Tensor parts = empty(Dims{l.outer, blocks, l.inner}, to);
  auto* p = static_cast<char*>(parts.data());
  parallel_for(l.outer * blocks, [&](int64_t t) {
    int64_t o = t / blocks, b = t % blocks;
    cols(p + t * l.inner * item_to, in + (o * l.n + b * tall) * l.inner * item,
         std::min(tall, l.n - b * tall), l.inner, l.inner);
  });
  auto join = k.cols[static_cast<int>(joining(r))][static_cast<int>(to)];
  for (int64_t o = 0; o < l.outer; ++o)
    join(out + o * l.inner * item_to, p + o * blocks * l.inner * item_to, blocks, l.inner, l.inner);
}
}  // namespace

Tensor reduce_raw(Reduce r, const Tensor& given, const OptDims& dims, bool keepdim,
                  const Scalar& empty_value) {
  bool half = is_half(given.dtype());
  Tensor x = half ? to_dtype(given.alias(), DType::F32) : given;
  auto flags = reduced_dims(x, dims, "reduce");
  DType to = reduce_type(r, x.dtype());
  Tensor y = empty(kept_sizes(x, flags, keepdim), to, x.device());
  if (!x.is_meta() && y.numel()) {
    if (x.numel() == 0) {
      fill_raw(y, empty_value);
    } else if (Dims first = reduced_first(x, flags); !first.empty()) {
      y = reduce_raw(joining(r), reduce_raw(r, x, first, true, empty_value), dims, keepdim,
                     empty_value);
    } else {
      Lines l = lines(x, flags);
      auto* out = static_cast<char*>(y.data());
      auto* in = static_cast<const char*>(l.x.data());
      const int item = itemsize(x.dtype()), item_to = itemsize(to);
      LAMPAS_CHECK_KIND(NotImplemented,
                        dispatch().reduce.row[static_cast<int>(r)][static_cast<int>(x.dtype())],
                        "this reduction is not implemented for '", dtype_name(x.dtype()), "'");
      if (l.inner > 1) {
        reduce_columns(r, x.dtype(), out, in, l);
      } else if (l.n > 2 * kBlock && l.outer < 64) {
        for (int64_t o = 0; o < l.outer; ++o)
          reduce_long_row(r, x.dtype(), out + o * item_to, in + o * l.n * item, l.n);
      } else if (l.n <= kFew && l.outer >= kFew) {
        reduce_short_rows(r, x.dtype(), out, in, l);
      } else {
        auto row = dispatch().reduce.row[static_cast<int>(r)][static_cast<int>(x.dtype())];
        parallel_ranges(l.outer, std::max<int64_t>(1, 32768 / l.n), [&](int64_t b, int64_t e) {
          for (int64_t o = b; o < e; ++o) row(out + o * item_to, in + o * l.n * item, l.n);
        });
      }
    }
  }
  return half && is_floating(to) ? to_dtype(y, given.dtype()) : y;
}

Tensor restore_dims(const Tensor& y, const Tensor& x, const OptDims& dims, bool keepdim) {
  if (keepdim || x.dim() == 0) return y;
  auto flags = reduced_dims(x, dims, "reduce");
  return reshape(y, kept_sizes(x, flags, true));
}

namespace {
// The same, for backward functions that have only the sizes.
Tensor widen(const Tensor& g, const Dims& sizes, const std::vector<char>& flags) {
  Dims s;
  for (size_t i = 0; i < flags.size(); ++i) s.push_back(flags[i] ? 1 : sizes[i]);
  return expand(reshape(g, s), sizes);
}
int64_t count_of(const Tensor& x, const std::vector<char>& flags) {
  int64_t n = 1;
  for (size_t i = 0; i < flags.size(); ++i)
    if (flags[i]) n *= x.sizes()[i];
  return n;
}
}  // namespace

// ---- sums --------------------------------------------------------------------------------------
Tensor sum(const Tensor& x0, const OptDims& dims, bool keepdim, std::optional<DType> dtype) {
  Tensor x = dtype ? to_dtype(x0, *dtype) : x0;
  Tensor y = reduce_raw(Reduce::Sum, x, dims, keepdim, 0);
  if (dtype && y.dtype() != *dtype) y = to_dtype(y, *dtype);
  if (recording(x) && is_differentiable(y.dtype()))
    record(y, "SumBackward0", {&x},
           [s = x.sizes(), f = reduced_dims(x, dims, "sum")](const Tensor& g) {
             return widen(g, s, f);
           });
  return y;
}

Tensor nansum(const Tensor& x, const OptDims& dims, bool keepdim) {
  if (is_integral(x.dtype())) return sum(x, dims, keepdim);
  Tensor y = reduce_raw(Reduce::NanSum, x, dims, keepdim, 0);
  if (recording(x))
    record(y, "NansumBackward0", {&x},
           [x = save(x), f = reduced_dims(x, dims, "nansum")](const Tensor& g) {
             Tensor v = x();
             return masked_fill(widen(g, v.sizes(), f), isnan(v), 0);
           });
  return y;
}

Tensor mean(const Tensor& x0, const OptDims& dims, bool keepdim, std::optional<DType> dtype) {
  Tensor x = dtype ? to_dtype(x0, *dtype) : x0;
  LAMPAS_CHECK(!is_integral(x.dtype()),
               "mean(): could not infer output dtype. Input dtype must be either a floating point "
               "or complex dtype. Got: ",
               dtype_name(x.dtype()), ". Remedy: x.float().mean()");
  auto flags = reduced_dims(x, dims, "mean");
  int64_t n = count_of(x, flags);
  Tensor y;
  {
    GradGuard off(false);
    bool half = is_half(x.dtype());
    y = div(sum(half ? to_dtype(x, DType::F32) : x.alias(), dims, keepdim), static_cast<double>(n));
    if (half) y = to_dtype(y, x.dtype());
  }
  if (recording(x))
    record(y, "MeanBackward0", {&x}, [s = x.sizes(), flags, n](const Tensor& g) {
      return widen(div(g, static_cast<double>(n)), s, flags);
    });
  return y;
}

Tensor count_nonzero(const Tensor& x, const OptDims& dims) {
  return reduce_raw(Reduce::CountNonzero, x, dims, false, 0);
}
Tensor all(const Tensor& x, const OptDims& dims, bool keepdim) {
  Tensor y = reduce_raw(Reduce::All, x, dims, keepdim, true);
  return x.dtype() == DType::U8 ? to_dtype(y, DType::U8) : y;
}
Tensor any(const Tensor& x, const OptDims& dims, bool keepdim) {
  Tensor y = reduce_raw(Reduce::Any, x, dims, keepdim, false);
  return x.dtype() == DType::U8 ? to_dtype(y, DType::U8) : y;
}
namespace {
template <class T>
bool same(T a, T b) {
  return a == b;
}
// Half types by their bits: no NaN, and the same or both zero.
template <class T>
bool same_half(T a, T b, unsigned infinity) {
  const unsigned size = a.bits & 0x7fffu, other = b.bits & 0x7fffu;
  return size <= infinity && (a.bits == b.bits || (size | other) == 0);
}
bool same(f16 a, f16 b) { return same_half(a, b, 0x7c00); }
bool same(bf16 a, bf16 b) { return same_half(a, b, 0x7f80); }
}  // namespace

bool equal(const Tensor& a, const Tensor& b) {
  if (!(a.sizes() == b.sizes())) return false;
  const DType dtype = promote(a.dtype(), b.dtype());
  Tensor x = plain(to_dtype(a.alias(), dtype)), y = plain(to_dtype(b.alias(), dtype));
  std::atomic<bool> all = true;
  for_dtype(dtype, [&]<class T>(Type<T>) {
    const T *p = x.data<T>(), *q = y.data<T>();
    parallel_ranges(x.numel(), 1 << 16, [&](int64_t begin, int64_t end) {
      constexpr int64_t kBlock = 64;  // elements between looks at the result
      int64_t i = begin;
      bool equal = true;
      for (; equal && i + kBlock <= end; i += kBlock) {
        int differ = 0;
        for (int64_t k = i; k < i + kBlock; ++k) differ |= !same(p[k], q[k]);
        equal = differ == 0 && all.load(std::memory_order_relaxed);
      }
      for (; equal && i < end; ++i) equal = same(p[i], q[i]);
      if (!equal) all.store(false, std::memory_order_relaxed);
    });
  });
  return all;
}

bool any_equal(const Tensor& x, const Scalar& value) {
  GradGuard off(false);
  Tensor y = any(eq(x, value));
  return *y.data<bool>();
}

namespace {
// The product of all other elements, also where there are zeros: products from both ends.
Tensor prod_backward(const Tensor& g, const Tensor& x, int64_t dim) {
  int64_t n = x.size(dim);
  if (n == 1) return g;
  Tensor one = ones_like(narrow(x, dim, 0, 1));
  Tensor before = cumprod(cat({one, narrow(x, dim, 0, n - 1)}, dim), dim);
  Tensor after =
      flip(cumprod(cat({one, flip(narrow(x, dim, 1, n - 1), Dims{dim})}, dim), dim), Dims{dim});
  return g * conj(before * after);
}
}  // namespace

Tensor prod(const Tensor& x0, const std::optional<int64_t>& dim, bool keepdim,
            std::optional<DType> dtype) {
  Tensor x = dtype ? to_dtype(x0, *dtype) : x0;
  OptDims dims;
  if (dim) dims = Dims{*dim};
  Tensor y = reduce_raw(Reduce::Prod, x, dims, keepdim, 1);
  if (dtype && y.dtype() != *dtype) y = to_dtype(y, *dtype);
  if (recording(x))
    record(y, "ProdBackward0", {&x}, [x = save(x), dim, keepdim](const Tensor& g) {
      Tensor v = x();
      if (v.dim() == 0) return g;
      if (v.numel() == 0) return zeros_like(v);
      if (!dim)
        return reshape(prod_backward(reshape(g, Dims{1}), reshape(v, Dims{-1}), 0), v.sizes());
      int64_t d = wrap_dim(*dim, v.dim());
      return prod_backward(keepdim ? g : unsqueeze(g, d), v, d);
    });
  return y;
}

// ---- extremes ----------------------------------------------------------------------------------
namespace {
Tensor extreme(Reduce r, const Tensor& x, const OptDims& dims, bool keepdim, const char* op,
               const char* node) {
  LAMPAS_CHECK_KIND(NotImplemented, !is_complex(x.dtype()), op, ": not implemented for '",
                    dtype_name(x.dtype()), "': complex numbers have no order");
  auto flags = reduced_dims(x, dims, op);
  if (x.numel() == 0) {
    LAMPAS_CHECK(dims && !dims->empty(), op,
                 "(): Expected reduction dim to be specified for input.numel() == 0. Specify the "
                 "reduction dim with the 'dim' argument.");
    for (size_t i = 0; i < flags.size(); ++i)
      LAMPAS_CHECK_INDEX(!flags[i] || x.sizes()[i] > 0, op, "(): Expected reduction dim ", i,
                         " to have non-zero size.");
  }
  Tensor y = reduce_raw(r, x, dims, keepdim, 0);
  if (recording(x))
    record(y, node, {&x}, [x = save(x), y = Saved::output(y), flags](const Tensor& g) {
      // Equal extremes share the gradient.
      Tensor v = x(), hits = eq(v, widen(y(), v.sizes(), flags));
      Dims back;
      for (size_t i = 0; i < flags.size(); ++i)
        if (flags[i]) back.push_back(static_cast<int64_t>(i));
      Tensor share = to_dtype(hits, g.dtype());
      Tensor count = back.empty() ? share : sum(share, back, true);
      return share / count * widen(g, v.sizes(), flags);
    });
  return y;
}
}  // namespace

Tensor amax(const Tensor& x, const OptDims& dims, bool keepdim) {
  return extreme(Reduce::Max, x, dims, keepdim, "amax", "AmaxBackward0");
}
Tensor amin(const Tensor& x, const OptDims& dims, bool keepdim) {
  return extreme(Reduce::Min, x, dims, keepdim, "amin", "AminBackward0");
}

namespace {
Tensor position(bool largest, const Tensor& x0, const std::optional<int64_t>& dim, bool keepdim,
                const char* op) {
  LAMPAS_CHECK_KIND(NotImplemented, !is_complex(x0.dtype()) && x0.dtype() != DType::Bool, "\"", op,
                    "_cpu\" not implemented for '", dtype_name(x0.dtype()), "'");
  Tensor x = is_half(x0.dtype()) ? to_dtype(x0.alias(), DType::F32) : x0;
  OptDims dims;
  if (dim) dims = Dims{*dim};
  auto flags = reduced_dims(x, dims, op);
  if (!dim)
    LAMPAS_CHECK_INDEX(x.numel() > 0, op,
                       "(): Expected reduction dim to be specified for input.numel() == 0. Specify "
                       "the reduction dim with the 'dim' argument.");
  if (dim && x.dim())
    LAMPAS_CHECK_INDEX(x.size(wrap_dim(*dim, x.dim())) > 0, op, "(): Expected reduction dim ",
                       wrap_dim(*dim, x.dim()), " to have non-zero size.");
  Tensor y = empty(kept_sizes(x, flags, keepdim), DType::I64, x.device());
  if (x.is_meta() || y.numel() == 0) return y;
  // Rows of the reduced dimension, innermost.
  Tensor rows = contiguous(dim && x.dim() ? transpose(x.alias(), *dim, -1) : x.alias());
  int64_t n = dim ? (x.dim() ? rows.size(-1) : 1) : x.numel(), count = x.numel() / n;
  auto fn =
      (largest ? dispatch().reduce.argmax : dispatch().reduce.argmin)[static_cast<int>(x.dtype())];
  Tensor flat = y;
  bool moved = dim && x.dim() > 1 && wrap_dim(*dim, x.dim()) != x.dim() - 1;
  if (moved) flat = empty(Dims{count}, DType::I64);
  auto* out = flat.data<int64_t>();
  auto* in = static_cast<const char*>(rows.data());
  const int item = itemsize(x.dtype());
  parallel_ranges(count, std::max<int64_t>(1, 32768 / n), [&](int64_t b, int64_t e) {
    for (int64_t i = b; i < e; ++i) fn(out + i, in + i * n * item, n);
  });
  if (moved) {
    Dims shape = rows.sizes();
    shape[shape.size() - 1] = 1;
    copy_raw(y, reshape(transpose(reshape(flat, shape), *dim, -1), y.sizes()));
  }
  return y;
}

std::vector<Tensor> extreme_with_index(bool largest, const Tensor& x, int64_t dim, bool keepdim,
                                       const char* op) {
  LAMPAS_CHECK_KIND(NotImplemented, !is_complex(x.dtype()), "\"", op, "\" not implemented for '",
                    dtype_name(x.dtype()), "'");
  dim = wrap_dim(dim, x.dim());
  Tensor from = x.dtype() == DType::Bool ? to_dtype(x, DType::U8) : x;
  Tensor at = position(largest, from, dim, true, op);
  if (x.dim() == 0) return {clone(x), at};
  Tensor values = gather(x, dim, at);
  if (!keepdim) {
    values = squeeze(values, Dims{dim});
    at = squeeze(at, Dims{dim});
  }
  return {values, at};
}
}  // namespace

Tensor argmax(const Tensor& x, const std::optional<int64_t>& dim, bool keepdim) {
  return position(true, x, dim, keepdim, "argmax");
}
Tensor argmin(const Tensor& x, const std::optional<int64_t>& dim, bool keepdim) {
  return position(false, x, dim, keepdim, "argmin");
}
std::vector<Tensor> max(const Tensor& x, int64_t dim, bool keepdim) {
  return extreme_with_index(true, x, dim, keepdim, "max");
}
std::vector<Tensor> min(const Tensor& x, int64_t dim, bool keepdim) {
  return extreme_with_index(false, x, dim, keepdim, "min");
}

// ---- moments and norms -------------------------------------------------------------------------
Tensor var(const Tensor& x, const OptDims& dims, double correction, bool keepdim) {
  LAMPAS_CHECK(!is_integral(x.dtype()),
               "std and var only support floating point and complex dtypes, got ",
               dtype_name(x.dtype()));
  auto flags = reduced_dims(x, dims, "var");
  auto n = static_cast<double>(count_of(x, flags));
  Tensor y;
  {
    GradGuard off(false);
    Tensor v = is_half(x.dtype()) ? to_dtype(x, DType::F32) : x.alias();
    Tensor centred = v - mean(v, dims, true);
    // The second term takes out what rounding of the mean left.
    y = div(reduce_raw(Reduce::SumSquares, centred, dims, keepdim, 0),
            std::max(0.0, n - correction));
    if (is_half(x.dtype())) y = to_dtype(y, x.dtype());
  }
  if (recording(x))
    record(y, "VarBackward0", {&x}, [x = save(x), flags, dims, n, correction](const Tensor& g) {
      Tensor v = x();
      return widen(g, v.sizes(), flags) * (v - mean(v, dims, true)) * (2 / (n - correction));
    });
  return y;
}

Tensor logsumexp(const Tensor& x0, const Dims& dims, bool keepdim) {
  Tensor x = to_dtype(x0, float_type(x0.dtype()));
  Tensor y;
  auto flags = reduced_dims(x, dims, "logsumexp");
  {
    GradGuard off(false);
    if (x.numel() == 0) {
      y = log(sum(exp(x.alias()), dims, keepdim));
    } else {
      bool complex = is_complex(x.dtype());
      Tensor top = amax(complex ? real(x.alias()) : x.alias(), dims, true);
      top = where(eq(abs(top), INFINITY), zeros_like(top), top);
      y = log(sum(exp(x - top), dims, true)) + top;
      y = reshape(y, kept_sizes(x, flags, keepdim));
    }
  }
  if (recording(x))
    record(y, "LogsumexpBackward0", {&x},
           [x = save(x), y = Saved::output(y), flags](const Tensor& g) {
             Tensor v = x();
             return widen(g, v.sizes(), flags) * conj(exp(v - widen(y(), v.sizes(), flags)));
           });
  return y;
}

Tensor norm(const Tensor& x, double p, const OptDims& dims, bool keepdim) {
  LAMPAS_CHECK(!is_integral(x.dtype()),
               "linalg.vector_norm: Expected a floating point or complex tensor as input. Got ",
               dtype_name(x.dtype()));
  auto flags = reduced_dims(x, dims, "norm");
  if (p < 0 || p == INFINITY)
    for (size_t i = 0; i < flags.size(); ++i)
      LAMPAS_CHECK(!flags[i] || x.sizes()[i] > 0, "linalg.vector_norm cannot compute the ", p,
                   " norm over dimension ", i, " of shape ", x.sizes(),
                   ": it is empty and the operation does not have an identity");
  Tensor y;
  {
    GradGuard off(false);
    Tensor v = is_half(x.dtype()) ? to_dtype(x, DType::F32) : x.alias();
    if (p == 2)
      y = sqrt(reduce_raw(Reduce::SumSquares, v, dims, keepdim, 0));
    else if (p == 1)
      y = reduce_raw(Reduce::SumAbs, v, dims, keepdim, 0);
    else if (p == INFINITY)
      y = reduce_raw(Reduce::MaxAbs, v, dims, keepdim, 0);
    else if (p == -INFINITY)
      y = reduce_raw(Reduce::MinAbs, v, dims, keepdim, INFINITY);
    else if (p == 0)
      y = to_dtype(reduce_raw(Reduce::CountNonzero, v, dims, keepdim, 0), real_type(v.dtype()));
    else
      y = pow(sum(pow(abs(v), p), dims, keepdim), 1 / p);
    y = to_dtype(y, real_type(x.dtype()));
  }
  if (recording(x))
    record(y, "LinalgVectorNormBackward0", {&x},
           [x = save(x), y = Saved::output(y), p, flags](const Tensor& g0) {
             Tensor v = x(), n = widen(y(), v.sizes(), flags), g = widen(g0, v.sizes(), flags);
             if (p == 0) return zeros_like(v);
             if (p == 1) return sgn(v) * g;
             if (p == 2) return v * where(eq(n, 0), zeros_like(g), g / n);
             if (std::isinf(p)) {
               Tensor hits = to_dtype(eq(abs(v), n), g.dtype());
               Dims back;
               for (size_t i = 0; i < flags.size(); ++i)
                 if (flags[i]) back.push_back(static_cast<int64_t>(i));
               return sgn(v) * (hits / (back.empty() ? hits : sum(hits, back, true)) * g);
             }
             if (p < 1)
               return where(eq(v, 0), zeros_like(v), sgn(v) * pow(abs(v), p - 1)) * g *
                      pow(n, 1 - p);
             Tensor scale = pow(abs(v), p - 2) * (g / pow(n, p - 1));
             return v * where(logical_or(eq(n, 0), eq(v, 0)), zeros_like(scale), scale);
           });
  return y;
}

Tensor sum_to_size(const Tensor& x, IntSpan sizes) {
  if (x.sizes() == Dims(sizes)) return x;
  Dims dims;
  size_t lead = x.sizes().size() - sizes.size();
  for (size_t i = 0; i < x.sizes().size(); ++i)
    if (i < lead || (sizes[i - lead] == 1 && x.sizes()[i] != 1))
      dims.push_back(static_cast<int64_t>(i));
  Tensor y = dims.empty() ? x : sum(x, dims, true);
  return reshape(y, sizes);
}

}  // namespace lampas::ops
