#include "autograd/autograd.h"
#include "dispatch/dispatch.h"
#include "ops/copy.h"
#include "ops/create.h"
#include "ops/nn.h"
#include "ops/pointwise.h"
#include "ops/promote.h"
#include "ops/reduce.h"
#include "ops/views.h"
#include "runtime/pool.h"

namespace lampas::ops {

namespace {
// Runs `row(out, a, b)` over rows of n elements of contiguous tensors.
template <class F>
void for_rows(const Tensor& out, const Tensor& a, const Tensor& b, int64_t n, const F& row) {
  const int64_t count = out.numel() / n;
  const int64_t bytes = n * itemsize(out.dtype());
  auto *y = static_cast<char*>(out.data()), *p = static_cast<char*>(a.data()),
       *q = b.defined() ? static_cast<char*>(b.data()) : nullptr;
  parallel_ranges(count, std::max<int64_t>(1, 8192 / std::max<int64_t>(n, 1)),
                  [&](int64_t begin, int64_t end) {
                    for (int64_t i = begin; i < end; ++i)
                      row(y + i * bytes, p + i * bytes, q + i * bytes, n);
                  });
}

int index_of(DType d) { return d == DType::F64; }

// Runs `cols(out, a, b, n, width, inner)` over strips of columns of contiguous [outer, n, inner].
template <class F>
void for_cols(const Tensor& out, const Tensor& a, const Tensor& b, int64_t n, int64_t inner,
              const F& cols) {
  constexpr int64_t kStrip = 128;
  const int64_t item = itemsize(out.dtype()), width = std::max(kStrip, 8192 / n / kStrip * kStrip),
                across = (inner - 1) / width + 1;
  auto *y = static_cast<char*>(out.data()), *p = static_cast<char*>(a.data()),
       *q = b.defined() ? static_cast<char*>(b.data()) : nullptr;
  parallel_for(out.numel() / (n * inner) * across, [&](int64_t t) {
    const int64_t c = t % across * width, at = (t / across * n * inner + c) * item;
    cols(y + at, p + at, q + at, n, std::min(width, inner - c), inner);
  });
}

// A function along one dimension, by rows or by columns, whichever are long enough to be worth it.
template <class Row, class Cols>
Tensor along(const Tensor& a, const Tensor& b, int64_t dim, const Row& row, const Cols& cols) {
  constexpr int64_t kShort = 16, kNarrow = 8;  // rows of so few elements, so few columns
  const int64_t n = a.dim() ? a.size(dim) : 1;
  int64_t inner = 1;
  for (int64_t d = dim + 1; d < a.dim(); ++d) inner *= a.size(d);
  if (a.numel() == 0) return empty(a.sizes(), a.dtype());
  if (inner >= kNarrow) {
    Tensor y = empty(a.sizes(), a.dtype());
    for_cols(y, plain(a), b.defined() ? plain(b) : b, n, inner, cols);
    return y;
  }
  const bool few = inner == 1 && n < kShort && a.numel() / n >= kShort;
  auto turned = [&](const Tensor& t) {  // rows of n, or columns of n where rows are short
    if (!t.defined()) return t;
    if (inner > 1) return plain(transpose(t.alias(), dim, -1));
    Tensor rows = reshape(t.alias(), Dims{-1, n});
    return plain(few ? transpose(rows, 0, 1) : rows);
  };
  Tensor p = turned(a), q = turned(b);
  if (inner > 1) {
    Tensor y = empty(p.sizes(), a.dtype());
    for_rows(y, p, q, n, row);
    return contiguous(transpose(y, dim, -1));
  }
  Tensor y = empty(a.sizes(), a.dtype());
  if (few) {
    Tensor columns = empty(p.sizes(), a.dtype());
    for_cols(columns, p, q, n, p.size(1), cols);
    copy_raw(y.alias(Dims{p.size(1), n}, Dims{n, 1}, y.offset()), transpose(columns, 0, 1));
  } else {
    for_rows(y, p, q, n, row);
  }
  return y;
}

Tensor softmax_any(const Tensor& x0, int64_t dim, std::optional<DType> dtype, bool log);

Tensor softmax_backward(const Tensor& g, const Tensor& y, int64_t dim, bool log) {
  if (grad_enabled() && (requires_grad(g) || requires_grad(y))) {
    if (log) return g - exp(y) * sum(g, Dims{dim}, true);
    Tensor gy = g * y;
    return gy - y * sum(gy, Dims{dim}, true);
  }
  if (is_half(y.dtype()))
    return to_dtype(softmax_backward(to_dtype(g, DType::F32), to_dtype(y, DType::F32), dim, log),
                    y.dtype());
  const auto& k = dispatch().rows;
  const int type = index_of(y.dtype());
  auto row = (log ? k.log_softmax_backward : k.softmax_backward)[type];
  auto cols = (log ? k.log_softmax_backward_cols : k.softmax_backward_cols)[type];
  return along(g, y, dim, row, cols);
}

Tensor softmax_any(const Tensor& x0, int64_t dim, std::optional<DType> dtype, bool log) {
  dim = wrap_dim(dim, x0.dim());
  Tensor x = dtype ? to_dtype(x0, *dtype) : x0;
  LAMPAS_CHECK_KIND(NotImplemented, is_floating(x.dtype()), "\"", log ? "log_softmax" : "softmax",
                    "_lastdim_kernel_impl\" not implemented for '", dtype_name(x.dtype()),
                    "'. Remedy: x.float()");
  Tensor y;
  if (x.is_meta()) {
    y = empty(x.sizes(), x.dtype(), Device::Meta);
  } else if (is_half(x.dtype())) {
    GradGuard off(false);
    y = to_dtype(softmax_any(to_dtype(x.alias(), DType::F32), dim, {}, log), x.dtype());
  } else {
    const auto& k = dispatch().rows;
    const int type = index_of(x.dtype());
    auto row = (log ? k.log_softmax : k.softmax)[type];
    auto cols = (log ? k.log_softmax_cols : k.softmax_cols)[type];
    y = along(
        x, Tensor(), dim, [row](void* o, const void* a, const void*, int64_t n) { row(o, a, n); },
        [cols](void* o, const void* a, const void*, int64_t n, int64_t width, int64_t stride) {
          cols(o, a, n, width, stride);
        });
  }
  if (recording(x))
    record(y, log ? "LogSoftmaxBackward0" : "SoftmaxBackward0", {&x},
           [y = Saved::output(y), dim, log](const Tensor& g) {
             return softmax_backward(g, y(), dim, log);
           });
  return y;
}
}  // namespace

Tensor softmax(const Tensor& x, int64_t dim, std::optional<DType> dtype) {
  return softmax_any(x, dim, dtype, false);
}
Tensor log_softmax(const Tensor& x, int64_t dim, std::optional<DType> dtype) {
  return softmax_any(x, dim, dtype, true);
}

// ---- layer and RMS normalisation ---------------------------------------------------------------
namespace {
struct Norm {
  Tensor mean, rstd;  // float64, one per row
  int64_t n;
  bool rms;
};

// The formula in public operators, for second derivatives.
Tensor norm_backward_formula(const Tensor& g, const Tensor& x, const Tensor& w, int64_t n,
                             double eps, bool rms) {
  Tensor flat = reshape(x, Dims{-1, n}), gf = reshape(g, Dims{-1, n});
  if (w.defined()) gf = gf * reshape(w, Dims{n});
  Tensor centred = rms ? flat : flat - mean(flat, Dims{1}, true);
  Tensor r = rsqrt(mean(centred * centred, Dims{1}, true) + eps), h = centred * r;
  Tensor dx = gf - h * mean(gf * h, Dims{1}, true);
  if (!rms) dx = dx - mean(gf, Dims{1}, true);
  return reshape(dx * r, x.sizes());
}

struct NormGrads {
  Tensor dx, dw, db;
};
NormGrads norm_backward(const Tensor& g, const Tensor& x, const Tensor& w, const Norm& s,
                        bool want_x, bool want_w, bool want_b) {
  Tensor gc = plain(g), xc = plain(x), wc = w.defined() ? plain(w) : w;
  int64_t rows = s.mean.numel(), n = s.n;
  NormGrads out;
  if (want_x) out.dx = empty(x.sizes(), x.dtype());
  // Sums over rows in fixed blocks, joined in order: the same bits on any number of threads.
  int64_t per = std::max<int64_t>(1, 65536 / std::max<int64_t>(n, 1)),
          blocks = (rows + per - 1) / per;
  Tensor part = zeros(Dims{blocks, 2, n}, DType::F64);
  auto fn = dispatch().rows.layer_norm_backward[index_of(x.dtype())];
  const int64_t bytes = n * itemsize(x.dtype());
  parallel_for(blocks, [&](int64_t b) {
    double* dw = part.data<double>() + b * 2 * n;
    for (int64_t r = b * per; r < std::min(rows, (b + 1) * per); ++r)
      fn(want_x ? static_cast<char*>(out.dx.data()) + r * bytes : nullptr, want_w ? dw : nullptr,
         want_b ? dw + n : nullptr, static_cast<char*>(gc.data()) + r * bytes,
         static_cast<char*>(xc.data()) + r * bytes, wc.defined() ? wc.data() : nullptr,
         s.mean.data<double>()[r], s.rstd.data<double>()[r], n, s.rms);
  });
  if (!want_w && !want_b) return out;
  Tensor total = sum(part, Dims{0});
  if (want_w) out.dw = to_dtype(select(total, 0, 0), x.dtype());
  if (want_b) out.db = to_dtype(select(total, 0, 1), x.dtype());
  return out;
}

void check_affine(const Tensor& x, IntSpan shape, const Tensor& t, const char* name,
                  const char* op) {
  LAMPAS_CHECK(!shape.empty(),
               "Expected normalized_shape to be at least 1-dimensional, i.e., containing at least "
               "one element, but got normalized_shape = ",
               shape);
  size_t k = shape.size();
  bool fits = x.sizes().size() >= k;
  for (size_t i = 0; fits && i < k; ++i) fits = x.sizes()[x.sizes().size() - k + i] == shape[i];
  LAMPAS_CHECK(fits, op, ": Given normalized_shape=", shape, ", expected input with shape [*, ",
               concat(shape).substr(1), ", but got input of size ", x.sizes());
  if (!t.defined()) return;
  LAMPAS_CHECK(t.sizes() == Dims(shape), op, ": Expected ", name,
               " to be of same shape as normalized_shape, but got ", name, " of shape ", t,
               " and normalized_shape = ", shape);
  LAMPAS_CHECK(t.dtype() == x.dtype() || (is_half(x.dtype()) && t.dtype() == DType::F32), op,
               ": expected ", name, " to have the input's dtype ", dtype_name(x.dtype()),
               is_half(x.dtype()) ? " or float32" : "", ", got ", dtype_name(t.dtype()));
}

Tensor normalize(const Tensor& x, IntSpan shape, const Tensor& w, const Tensor& b, double eps,
                 bool rms, const char* op) {
  check_affine(x, shape, w, "weight", op);
  check_affine(x, shape, b, "bias", op);
  LAMPAS_CHECK_KIND(NotImplemented, is_floating(x.dtype()), "\"", op, "\" not implemented for '",
                    dtype_name(x.dtype()), "'");
  if (is_half(x.dtype())) {
    auto wide = [](const Tensor& t) { return t.defined() ? to_dtype(t, DType::F32) : t; };
    return to_dtype(normalize(wide(x), shape, wide(w), wide(b), eps, rms, op), x.dtype());
  }
  Norm s;
  s.n = product(shape);
  s.rms = rms;
  int64_t rows = s.n ? x.numel() / s.n : 0;
  s.mean = empty(Dims{rows}, DType::F64);
  s.rstd = empty(Dims{rows}, DType::F64);
  Tensor xc = plain(x), wc = w.defined() ? plain(to_dtype(w.alias(), x.dtype())) : w,
         bc = b.defined() ? plain(to_dtype(b.alias(), x.dtype())) : b;
  Tensor y = empty(x.sizes(), x.dtype(), x.device());
  auto fn = dispatch().rows.layer_norm[index_of(x.dtype())];
  const int64_t bytes = s.n * itemsize(x.dtype());
  const int64_t present = x.is_meta() ? 0 : rows;
  parallel_ranges(present, std::max<int64_t>(1, 16384 / std::max<int64_t>(s.n, 1)),
                  [&](int64_t begin, int64_t end) {
                    for (int64_t r = begin; r < end; ++r)
                      fn(static_cast<char*>(y.data()) + r * bytes, s.mean.data<double>() + r,
                         s.rstd.data<double>() + r, static_cast<char*>(xc.data()) + r * bytes,
                         wc.defined() ? wc.data() : nullptr, bc.defined() ? bc.data() : nullptr,
                         s.n, eps, rms);
                  });
  if (recording(x, w, b))
    record(y, rms ? "RmsNormBackward0" : "NativeLayerNormBackward0", {&x, &w, &b},
           [x = save(x), w = save(w), s, eps, shape = Dims(shape)](const Tensor& g, Sink& out) {
             Tensor v = x(), weight = w();
             if (grad_enabled() || v.is_meta()) {  // create_graph
               Tensor flat = reshape(v, Dims{-1, s.n}), gf = reshape(g, Dims{-1, s.n});
               Tensor centred = s.rms ? flat : flat - mean(flat, Dims{1}, true);
               Tensor h = centred * rsqrt(mean(centred * centred, Dims{1}, true) + eps);
               if (out.needs(0)) out.set(0, norm_backward_formula(g, v, weight, s.n, eps, s.rms));
               if (out.needs(1)) out.set(1, reshape(sum(gf * h, Dims{0}), shape));
               if (out.needs(2)) out.set(2, reshape(sum(gf, Dims{0}), shape));
               return;
             }
             NormGrads d = norm_backward(g, v, weight, s, out.needs(0), out.needs(1), out.needs(2));
             if (out.needs(0)) out.set(0, d.dx);
             if (out.needs(1)) out.set(1, reshape(d.dw, shape));
             if (out.needs(2)) out.set(2, reshape(d.db, shape));
           });
  return y;
}
}  // namespace

Tensor layer_norm(const Tensor& x, IntSpan shape, const Tensor& weight, const Tensor& bias,
                  double eps) {
  return normalize(x, shape, weight, bias, eps, false, "layer_norm");
}
Tensor rms_norm(const Tensor& x, IntSpan shape, const Tensor& weight, std::optional<double> eps) {
  double e = eps.value_or(real_type(x.dtype()) == DType::F64 ? 2.220446049250313e-16
                          : x.dtype() == DType::BF16         ? 0.0078125
                          : x.dtype() == DType::F16          ? 0.0009765625
                                                             : 1.1920928955078125e-07);
  check_affine(x, shape, weight, "weight", "rms_norm");
  if (is_complex(x.dtype())) {  // the mean of squares, not of magnitudes: as PyTorch has it
    Dims dims;
    for (size_t i = 0; i < shape.size(); ++i) dims.push_back(-1 - static_cast<int64_t>(i));
    Tensor y = x * rsqrt(mean(x * x, dims, true) + e);
    return weight.defined() ? y * weight : y;
  }
  return normalize(x, shape, weight, Tensor(), e, true, "rms_norm");
}

}  // namespace lampas::ops
