// Convolutions, pooling, normalisation over channels, attention.
#include <cmath>

#include "autograd/autograd.h"
#include "bindings/args.h"
#include "bindings/autocast.h"
#include "bindings/module.h"
#include "ops/conv.h"
#include "ops/indexing.h"
#include "ops/nn.h"
#include "ops/ops.h"

namespace lampas::py {

namespace {
// ---- convolution -------------------------------------------------------------------------------
Dims per_dim(const Args& a, int i, size_t n, const char* name) {
  Dims d = a.ints(i);
  if (d.size() == 1) d = Dims(n, d[0]);
  LAMPAS_CHECK(d.size() == n, "expected ", name, " to be a single integer value or a list of ", n,
               " values to match the convolution dimensions, but got ", name, "=", d);
  return d;
}
// Input without a batch gets one, and loses it afterwards.
Tensor batched(const Tensor& x, size_t n, bool* added) {
  auto want = static_cast<int64_t>(n) + 2;
  *added = x.dim() == want - 1;
  LAMPAS_CHECK(*added || x.dim() == want, "Expected ", want - 1, "D (unbatched) or ", want,
               "D (batched) input to conv", n, "d, but got input of size: ", x.sizes());
  return *added ? ops::unsqueeze(x, 0) : x;
}

Tensor conv(const Args& a, size_t n) {
  bool added;
  Tensor x = batched(a.tensor(0), n, &added);
  const Tensor& w = a.tensor(1);
  ops::ConvArgs c;
  c.stride = per_dim(a, 3, n, "stride");
  c.dilation = per_dim(a, 5, n, "dilation");
  c.groups = a.integer(6);
  c.output_padding = Dims(n, 0);
  PyObject* padding = a.object(4);
  if (padding && PyUnicode_Check(padding)) {
    std::string how = PyUnicode_AsUTF8(padding);
    LAMPAS_CHECK(how == "same" || how == "valid", "Invalid padding string: '", how, "'");
    c.padding = Dims(n, 0);
    if (how == "same") {
      LAMPAS_CHECK(w.dim() == static_cast<int64_t>(n) + 2, "weight should have ", n + 2,
                   " dimensions, got ", w.sizes());
      for (size_t i = 0; i < n; ++i) {
        LAMPAS_CHECK(c.stride[i] == 1, "padding='same' is not supported for strided convolutions");
        int64_t total = c.dilation[i] * (w.size(static_cast<int64_t>(i) + 2) - 1);
        c.padding[i] = total / 2;
        if (total % 2) {  // one more on the right
          Dims sizes = x.sizes();
          sizes[i + 2] = 1;
          x = ops::cat({x, ops::zeros(sizes, x.dtype())}, static_cast<int64_t>(i) + 2);
        }
      }
    }
  } else if (!padding) {
    c.padding = Dims(n, 0);
  } else {
    LAMPAS_CHECK_TYPE(is_int(padding) || PyTuple_Check(padding) || PyList_Check(padding), "conv", n,
                      "d(): argument 'padding' must be int, tuple of ints or str, not ",
                      Py_TYPE(padding)->tp_name);
    if (is_int(padding)) {
      c.padding = Dims(n, int_of(padding));
    } else {
      for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(padding); ++i)
        c.padding.push_back(int_of(PySequence_Fast_GET_ITEM(padding, i)));
      if (c.padding.size() == 1) c.padding = Dims(n, c.padding[0]);
      LAMPAS_CHECK(c.padding.size() == n,
                   "expected padding to be a single integer value or a list of ", n,
                   " values to match the convolution dimensions, but got padding=", c.padding);
    }
  }
  Tensor y = ops::convolution(x, w, a.tensor(2), c);
  return added ? ops::squeeze(y, Dims{0}) : y;
}

Tensor conv_transpose(const Args& a, size_t n) {
  bool added;
  Tensor x = batched(a.tensor(0), n, &added);
  ops::ConvArgs c;
  c.stride = per_dim(a, 3, n, "stride");
  c.padding = per_dim(a, 4, n, "padding");
  c.output_padding = per_dim(a, 5, n, "output_padding");
  c.groups = a.integer(6);
  c.dilation = per_dim(a, 7, n, "dilation");
  c.transposed = true;
  for (int64_t d = 2; d < a.tensor(1).dim(); ++d)
    LAMPAS_CHECK(a.tensor(1).size(d) > 0, "conv_transpose", n,
                 "d(): kernel size should be greater than zero, but got weight of shape ",
                 a.tensor(1).sizes());
  for (size_t i = 0; i < n; ++i)
    LAMPAS_CHECK(c.output_padding[i] < std::max(c.stride[i], c.dilation[i]), "conv_transpose", n,
                 "d(): output padding must be smaller than either stride or dilation, but got "
                 "output_padding=",
                 c.output_padding, ", stride=", c.stride, ", dilation=", c.dilation);
  Tensor y = ops::convolution(x, a.tensor(1), a.tensor(2), c);
  return added ? ops::squeeze(y, Dims{0}) : y;
}

// ---- pooling -----------------------------------------------------------------------------------
ops::PoolArgs pool_args(const Args& a, size_t n) {
  ops::PoolArgs p;
  p.kernel = per_dim(a, 1, n, "kernel_size");
  p.stride = a.given(2) && !a.ints(2).empty() ? per_dim(a, 2, n, "stride") : p.kernel;
  p.padding = per_dim(a, 3, n, "padding");
  p.dilation = Dims(n, 1);
  return p;
}
PyObject* max_pool(Args& a, size_t n, bool with_indices) {
  ops::PoolArgs p = pool_args(a, n);
  p.dilation = per_dim(a, 4, n, "dilation");
  p.ceil_mode = a.flag(5);
  const bool indices = with_indices || a.flag(6);
  auto r = ops::max_pool(a.tensor(0), p, indices);
  return indices ? to_py(r) : wrap(r[0]);
}
Tensor avg_pool(const Args& a, size_t n) {
  ops::PoolArgs p = pool_args(a, n);
  p.ceil_mode = a.flag(4);
  p.count_include_pad = a.flag(5);
  if (n > 1) p.divisor = a.integer_or(6);
  return ops::avg_pool(a.tensor(0), p);
}
// An output size of None keeps that dimension.
Dims adaptive_dims(const Args& a, size_t n, const char* op) {
  PyObject* o = a.object(1);
  const Tensor& x = a.tensor(0);
  LAMPAS_CHECK_VALUE(x.dim() > static_cast<int64_t>(n), op, n,
                     "d(): expected an input of at least ", n + 1, " dimensions, got shape ",
                     x.sizes());
  Dims d;
  if (PyTuple_Check(o) || PyList_Check(o)) {
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(o); ++i) {
      PyObject* v = PySequence_Fast_GET_ITEM(o, i);
      int64_t at = x.dim() - PySequence_Fast_GET_SIZE(o) + i;
      d.push_back(v == Py_None && at >= 0 ? x.size(at) : int_of(v));
    }
    if (d.size() == 1) d = Dims(n, d[0]);
  } else {
    LAMPAS_CHECK_TYPE(is_int(o), op, n,
                      "d(): argument 'output_size' must be int or tuple of ints, not ",
                      Py_TYPE(o)->tp_name);
    d = Dims(n, int_of(o));
  }
  LAMPAS_CHECK(d.size() == n, op, n, "d(): output_size must be ", n, " values, got ", d);
  for (int64_t v : d)
    LAMPAS_CHECK(v >= 0, op, n,
                 "d(): elements of output_size must be greater than or equal to 0 but received ",
                 d);
  return d;
}
PyObject* adaptive_max(Args& a, size_t n, bool with_indices) {
  const bool indices = with_indices || a.flag(2);
  auto r = ops::adaptive_max_pool(a.tensor(0), adaptive_dims(a, n, "adaptive_max_pool"), indices);
  return indices ? to_py(r) : wrap(r[0]);
}

// ---- normalisation over channels ---------------------------------------------------------------
Tensor channel_shape(const Tensor& t, const Tensor& x) {
  Dims s(x.sizes().size(), 1);
  s[1] = t.numel();
  return ops::reshape(t, s);
}
Tensor scaled(Tensor y, const Tensor& w, const Tensor& b) {
  if (w.defined()) y = ops::mul(y, channel_shape(w, y));
  if (b.defined()) y = ops::add(y, channel_shape(b, y));
  return y;
}
// A parameter or statistic of a channel each; beside halves it may be float32.
void check_channels(const Tensor& t, const Tensor& x, int64_t c, const char* name) {
  if (!t.defined()) return;
  LAMPAS_CHECK(t.numel() == c, name, " should contain ", c, " elements not ", t.numel());
  LAMPAS_CHECK(t.dtype() == x.dtype() || (is_half(x.dtype()) && t.dtype() == DType::F32), name,
               " must have the input's dtype ", dtype_name(x.dtype()),
               is_half(x.dtype()) ? " or float32" : "", ", got ", dtype_name(t.dtype()));
}
Tensor wide(const Tensor& t) {
  return t.defined() && is_half(t.dtype()) ? ops::to_dtype(t, DType::F32) : t;
}

void update_running(const Tensor& running, const Tensor& value, double momentum) {
  if (!running.defined()) return;
  GradGuard off(false);
  check_inplace(running, "running statistics");
  ops::copy_raw(running, ops::add(ops::mul(running, 1 - momentum), ops::mul(value, momentum)));
  running.bump_version();
}

// Of an empty batch there is nothing to normalise; weight and bias stay in the graph.
Tensor scaled_first(Tensor y, const Tensor& w, const Tensor& b) {
  auto first = [](const Tensor& t) { return ops::select(t, 0, 0); };
  if (w.defined() && w.numel()) y = ops::mul(y, first(w));
  if (b.defined() && b.numel()) y = ops::add(y, first(b));
  return y;
}

Tensor batch_norm(const Tensor& x0, const Tensor& rm, const Tensor& rv, const Tensor& w,
                  const Tensor& b, bool training, double momentum, double eps) {
  LAMPAS_CHECK_VALUE(rm.defined() == rv.defined(),
                     "running_mean and running_var must either both be None or neither be None");
  if (x0.numel() == 0) return scaled_first(ops::clone(x0), w, b);
  LAMPAS_CHECK(x0.dim() >= 2, "batch_norm: expected at least 2 dimensions [N, C, ...], got ",
               x0.sizes());
  LAMPAS_CHECK_KIND(NotImplemented, is_floating(x0.dtype()), "\"batch_norm\" not implemented for '",
                    dtype_name(x0.dtype()), "'. Remedy: input.float()");
  int64_t c = x0.size(1);
  check_channels(rm, x0, c, "running_mean");
  check_channels(rv, x0, c, "running_var");
  check_channels(w, x0, c, "weight");
  check_channels(b, x0, c, "bias");
  LAMPAS_CHECK(training || (rm.defined() && rv.defined()),
               "Expected running_mean and running_var to be defined when training=False");
  int64_t n = c ? x0.numel() / c : 0;
  if (training)
    LAMPAS_CHECK_VALUE(
        n > 1, "Expected more than 1 value per channel when training, got input size torch.Size(",
        x0.sizes(), ")");
  auto r = training ? ops::normalize_channels(wide(x0), wide(w), wide(b), {}, {}, eps)
                    : ops::normalize_channels(wide(x0), wide(w), wide(b), rm, rv, eps);
  if (training && rm.defined()) {
    update_running(rm, r.mean, momentum);
    update_running(rv, ops::mul(r.var, static_cast<double>(n) / static_cast<double>(n - 1)),
                   momentum);
  }
  return ops::to_dtype(r.y, x0.dtype());
}

Tensor group_norm(const Tensor& x0, int64_t groups, const Tensor& w, const Tensor& b, double eps) {
  LAMPAS_CHECK(x0.dim() >= 2, "Expected at least 2 dimensions for input tensor but received ",
               x0.dim());
  int64_t c = x0.size(1);
  LAMPAS_CHECK(
      groups > 0 && c % groups == 0,
      "Expected number of channels in input to be divisible by num_groups, but got input of shape ",
      x0.sizes(), " and num_groups=", groups);
  check_channels(w, x0, c, "weight");
  check_channels(b, x0, c, "bias");
  LAMPAS_CHECK_KIND(NotImplemented, is_floating(x0.dtype()), "\"group_norm\" not implemented for '",
                    dtype_name(x0.dtype()), "'. Remedy: input.float()");
  if (x0.numel() == 0) return scaled(ops::clone(x0), w, b);
  return ops::to_dtype(ops::group_norm(wide(x0), groups, wide(w), wide(b), eps), x0.dtype());
}

Tensor instance_norm(const Args& a) {
  const Tensor &x = a.tensor(0), &rm = a.tensor(1), &rv = a.tensor(2);
  LAMPAS_CHECK(x.dim() >= 3, "instance_norm: expected at least 3 dimensions [N, C, ...], got ",
               x.sizes());
  LAMPAS_CHECK_KIND(NotImplemented, is_floating(x.dtype()),
                    "\"instance_norm\" not implemented for '", dtype_name(x.dtype()),
                    "'. Remedy: input.float()");
  bool own = a.flag(5);
  LAMPAS_CHECK(own || (rm.defined() && rv.defined()),
               "Expected running_mean and running_var to be defined when use_input_stats is false");
  if (!own) return batch_norm(x, rm, rv, a.tensor(3), a.tensor(4), false, a.real(6), a.real(7));
  int64_t n = x.size(0), c = x.size(1), per = x.numel() / std::max<int64_t>(n * c, 1);
  LAMPAS_CHECK_VALUE(
      per != 1, "Expected more than 1 spatial element when training, got input size torch.Size(",
      x.sizes(), ")");
  if (rm.defined() || rv.defined()) {
    GradGuard off(false);
    Tensor flat = ops::reshape(wide(x), Dims{n, c, per});
    update_running(rm, ops::mean(ops::mean(flat, Dims{2}), Dims{0}), a.real(6));
    update_running(rv, ops::mean(ops::var(flat, Dims{2}, 1, false), Dims{0}), a.real(6));
  }
  return group_norm(x, c, a.tensor(3), a.tensor(4), a.real(7));
}

// ---- attention ---------------------------------------------------------------------------------
Tensor attention(const Args& a) {
  Tensor q = a.tensor(0), k = a.tensor(1), v = a.tensor(2);
  const DType given = q.dtype();
  double p = a.real(4);
  LAMPAS_CHECK(
      q.dim() >= 2 && k.dim() >= 2 && v.dim() >= 2,
      "scaled_dot_product_attention: query, key and value must be at least 2-dimensional, got ",
      q.sizes(), ", ", k.sizes(), ", ", v.sizes());
  LAMPAS_CHECK(q.dtype() == k.dtype() && q.dtype() == v.dtype(),
               "Expected query, key, and value to have the same dtype, but got query.dtype: ",
               dtype_name(q.dtype()), " key.dtype: ", dtype_name(k.dtype()),
               " and value.dtype: ", dtype_name(v.dtype()), " instead.");
  LAMPAS_CHECK(!(a.given(3) && a.flag(5) && p > 0),
               "scaled_dot_product_attention: Explicit attn_mask should not be set when "
               "is_causal=True and there is dropout");
  q = wide(q), k = wide(k), v = wide(v);  // of halves, only the result is rounded
  if (a.flag(7)) {  // fewer heads of keys than of queries: each serves several
    auto repeat = [&](const Tensor& t) {
      int64_t times = q.size(-3) / std::max<int64_t>(t.size(-3), 1);
      LAMPAS_CHECK(t.size(-3) > 0 && q.size(-3) % t.size(-3) == 0,
                   "enable_gqa: the number of query heads must be a multiple of the number of key "
                   "heads, got ",
                   q.size(-3), " and ", t.size(-3));
      Tensor w = ops::unsqueeze(t, -3);
      Dims shape = w.sizes();
      shape[shape.size() - 3] = times;
      return ops::flatten(ops::expand(w, shape), -4, -3);
    };
    k = repeat(k);
    v = repeat(v);
  }
  double scale = a.real_or(6).value_or(1 / std::sqrt(static_cast<double>(q.size(-1))));
  Tensor scores = ops::matmul(ops::mul(q, scale), ops::transpose(k, -2, -1));
  if (a.flag(5)) {
    int64_t l = q.size(-2), s = k.size(-2);
    Tensor row = ops::unsqueeze(ops::arange(0, l, 1, DType::I64), 1),
           col = ops::arange(0, s, 1, DType::I64);
    scores = ops::masked_fill(scores, ops::gt(col, row), -INFINITY);
  }
  if (a.given(3)) {
    const Tensor& mask = a.tensor(3);
    LAMPAS_CHECK(mask.dtype() == DType::Bool || mask.dtype() == given || mask.dtype() == DType::F32,
                 "Expected attn_mask dtype to be bool or float or to match query dtype, but got "
                 "attn_mask.dtype: ",
                 dtype_name(mask.dtype()), " and query.dtype: ", dtype_name(given), " instead.");
    scores = mask.dtype() == DType::Bool
                 ? ops::masked_fill(scores, ops::logical_not(mask), -INFINITY)
                 : ops::add(scores, wide(mask));
  }
  Tensor weights = ops::softmax(scores, -1);
  if (a.given(3)) {
    // A query that may look at nothing gets zeros, not NaN.
    Tensor blind = ops::all(ops::eq(scores.alias(), -INFINITY), Dims{-1}, true);
    if (!blind.is_meta() && ops::any_equal(blind, true))
      weights = ops::masked_fill(weights, blind, 0.0);
  }
  if (p > 0) {
    static PyObject* dropout = nullptr;
    if (!dropout) {
      Owned module(checked(PyImport_ImportModule("lampas._C")));
      dropout = checked(PyObject_GetAttrString(module.get(), "dropout"));
    }
    Owned w(checked(wrap(weights))), rate(PyFloat_FromDouble(p));
    Owned dropped(
        checked(PyObject_CallFunctionObjArgs(dropout, w.get(), rate.get(), Py_True, nullptr)));
    weights = tensor_of(dropped.get());
  }
  return ops::to_dtype(ops::matmul(weights, v), given);
}

Tensor bilinear(const Tensor& x, const Tensor& y, const Tensor& w, const Tensor& bias) {
  LAMPAS_CHECK(w.dim() == 3 && x.size(-1) == w.size(1) && y.size(-1) == w.size(2),
               "bilinear(): input features ", x.size(-1), " and ", y.size(-1),
               " do not match weight of shape ", w.sizes());
  Dims lead(IntSpan(x.sizes()).first(x.sizes().size() - 1)),
      lead_y(IntSpan(y.sizes()).first(y.sizes().size() - 1));
  LAMPAS_CHECK(lead == lead_y, "bilinear(): input batch dimensions do not match: got ", x.sizes(),
               " and ", y.sizes());
  int64_t n = product(lead), o = w.size(0);
  // x W_o for all o at once, then products with y.
  Tensor xw = ops::matmul(ops::reshape(x, Dims{1, n, w.size(1)}), w);
  Tensor products = ops::mul(xw, ops::reshape(y, Dims{1, n, w.size(2)}));
  Tensor z = ops::transpose(ops::sum(products, Dims{2}, false, products.dtype()), 0, 1);
  if (bias.defined()) z = ops::add(z, bias);
  Dims shape = lead;
  shape.push_back(o);
  return ops::reshape(z, shape);
}

// ---- recurrent cells ---------------------------------------------------------------------------
void check_cell(const Args& a, const Tensor& h, const char* hidden, int w) {
  const Tensor &x = a.tensor(0), &w_ih = a.tensor(w), &w_hh = a.tensor(w + 1);
  LAMPAS_CHECK(x.size(-1) == w_ih.size(-1), "input has inconsistent input_size: got ", x.size(-1),
               " expected ", w_ih.size(-1));
  LAMPAS_CHECK(x.dim() < 2 || h.dim() < 2 || x.size(0) == h.size(0), "Input batch size ", x.size(0),
               " doesn't match ", hidden, " batch size ", h.size(0));
  LAMPAS_CHECK(h.size(-1) == w_hh.size(-1), hidden, " has inconsistent hidden_size: got ",
               h.size(-1), ", expected ", w_hh.size(-1));
}
Tensor product(const Tensor& x, const Tensor& w, const Tensor& b) {
  return ops::linear(autocast_short(x), autocast_short(w), autocast_short(b));
}
Tensor gates(const Args& a, const Tensor& h, int w) {
  check_cell(a, h, "hidden0", w);
  Tensor b = a.tensor(w + 2), c = a.tensor(w + 3);
  return ops::add(product(a.tensor(0), a.tensor(w), b), product(h, a.tensor(w + 1), c));
}
PyObject* lstm_cell(Args& a) {
  auto hx = a.tensors(1);
  LAMPAS_CHECK(hx.size() == 2, "lstm_cell expects two hidden states");
  check_cell(a, hx[1], "hidden1", 2);
  auto g = ops::chunk(gates(a, hx[0], 2), 4, 1);
  Tensor c =
      ops::add(ops::mul(ops::sigmoid(g[1]), hx[1]), ops::mul(ops::sigmoid(g[0]), ops::tanh(g[2])));
  return to_py(std::vector<Tensor>{ops::mul(ops::sigmoid(g[3]), ops::tanh(c)), c});
}
Tensor gru_cell(const Args& a) {
  const Tensor& h = a.tensor(1);
  check_cell(a, h, "hidden0", 2);
  auto x = ops::chunk(product(a.tensor(0), a.tensor(2), a.tensor(4)), 3, 1),
       y = ops::chunk(product(h, a.tensor(3), a.tensor(5)), 3, 1);
  Tensor r = ops::sigmoid(ops::add(x[0], y[0])), z = ops::sigmoid(ops::add(x[1], y[1]));
  Tensor n = ops::tanh(ops::add(x[2], ops::mul(r, y[2])));
  return ops::add(n, ops::mul(z, ops::sub(h, n)));
}

#define CONV(N)                                                                                   \
  {"conv" #N                                                                                      \
   "d(Tensor input, Tensor weight, Tensor? bias=None, int[1] stride=1, object padding=0, int[1] " \
   "dilation=1, int groups=1)",                                                                   \
   LAMPAS_FN(conv(a, N)), kFunction,                                                              \
   "Convolution over " #N " dimension(s): input [N, C, ...], weight [O, C / groups, ...]."}
#define CONVT(N)                                                                                  \
  {"conv_transpose" #N                                                                            \
   "d(Tensor input, Tensor weight, Tensor? bias=None, int[1] stride=1, int[1] padding=0, int[1] " \
   "output_padding=0, int groups=1, int[1] dilation=1)",                                          \
   LAMPAS_FN(conv_transpose(a, N)), kFunction,                                                    \
   "Transposed convolution: input [N, C, ...], weight [C, O / groups, ...]."}
#define MAXP(N)                                                                                   \
  {"max_pool" #N                                                                                  \
   "d(Tensor input, int[1] kernel_size, int[1]? stride=None, int[1] padding=0, int[1] "           \
   "dilation=1, bool ceil_mode=False, bool return_indices=False)",                                \
   [](Args& a) { return max_pool(a, N, false); }, kFunction, "Maximum over windows."},            \
      {"max_pool" #N                                                                              \
       "d_with_indices(Tensor input, int[1] kernel_size, int[1]? stride=None, int[1] padding=0, " \
       "int[1] dilation=1, bool ceil_mode=False, bool return_indices=True)",                      \
       [](Args& a) { return max_pool(a, N, true); }, kFunction,                                   \
       "Maximum over windows, and where it was."}
#define ADAPT(N)                                                                                \
  {"adaptive_avg_pool" #N "d(Tensor input, object output_size)",                                \
   LAMPAS_FN(ops::adaptive_avg_pool(a.tensor(0), adaptive_dims(a, N, "adaptive_avg_pool"))),    \
   kFunction, "Mean over windows that divide the input evenly."},                               \
      {"adaptive_max_pool" #N "d(Tensor input, object output_size, bool return_indices=False)", \
       [](Args& a) { return adaptive_max(a, N, false); }, kFunction,                            \
       "Maximum over windows that divide the input evenly."}
#define CELL \
  "(Tensor input, Tensor hx, Tensor w_ih, Tensor w_hh, Tensor? b_ih=None, Tensor? b_hh=None)"

constexpr Definition kRows[] = {
    CONV(1),
    CONV(2),
    CONV(3),
    CONVT(1),
    CONVT(2),
    CONVT(3),
    MAXP(1),
    MAXP(2),
    MAXP(3),
    ADAPT(1),
    ADAPT(2),
    ADAPT(3),
    {"avg_pool1d(Tensor input, int[1] kernel_size, int[1]? stride=None, int[1] padding=0, bool "
     "ceil_mode=False, bool count_include_pad=True)",
     LAMPAS_FN(avg_pool(a, 1)), kFunction, "Mean over windows."},
    {"avg_pool2d(Tensor input, int[1] kernel_size, int[1]? stride=None, int[1] padding=0, bool "
     "ceil_mode=False, bool count_include_pad=True, int? divisor_override=None)",
     LAMPAS_FN(avg_pool(a, 2)), kFunction, "Mean over windows."},
    {"avg_pool3d(Tensor input, int[1] kernel_size, int[1]? stride=None, int[1] padding=0, bool "
     "ceil_mode=False, bool count_include_pad=True, int? divisor_override=None)",
     LAMPAS_FN(avg_pool(a, 3)), kFunction, "Mean over windows."},
    {"batch_norm(Tensor input, Tensor? running_mean, Tensor? running_var, Tensor? weight=None, "
     "Tensor? bias=None, bool training=False, float momentum=0.1, float eps=1e-5)",
     LAMPAS_FN(batch_norm(a.tensor(0), a.tensor(1), a.tensor(2), a.tensor(3), a.tensor(4),
                          a.flag(5), a.real(6), a.real(7))),
     kFunction, "Normalised over batch and space (Ioffe & Szegedy 2015)."},
    {"group_norm(Tensor input, int num_groups, Tensor? weight=None, Tensor? bias=None, float "
     "eps=1e-5)",
     LAMPAS_FN(group_norm(a.tensor(0), a.integer(1), a.tensor(2), a.tensor(3), a.real(4))),
     kFunction, "Normalised over groups of channels (Wu & He 2018)."},
    {"instance_norm(Tensor input, Tensor? running_mean=None, Tensor? running_var=None, Tensor? "
     "weight=None, Tensor? bias=None, bool use_input_stats=True, float momentum=0.1, float "
     "eps=1e-5)",
     LAMPAS_FN(instance_norm(a)), kFunction,
     "Normalised per image and channel (Ulyanov et al. 2016)."},
    {"scaled_dot_product_attention(Tensor query, Tensor key, Tensor value, Tensor? attn_mask=None, "
     "float dropout_p=0.0, bool is_causal=False, float? scale=None, bool enable_gqa=False)",
     LAMPAS_FN(attention(a)), kFunction,
     "softmax(query @ key.T * scale + mask) @ value (Vaswani et al. 2017)."},
    {"bilinear(Tensor input1, Tensor input2, Tensor weight, Tensor? bias=None)",
     LAMPAS_FN(bilinear(a.tensor(0), a.tensor(1), a.tensor(2), a.tensor(3))), kFunction,
     "input1 @ weight @ input2 + bias, per output."},
    {"lstm_cell(Tensor input, Tensor[] hx, Tensor w_ih, Tensor w_hh, Tensor? b_ih=None, Tensor? "
     "b_hh=None)",
     lstm_cell, kFunction,
     "One step of an LSTM (Hochreiter & Schmidhuber 1997): hidden and cell state."},
    {"gru_cell" CELL, LAMPAS_FN(gru_cell(a)), kFunction, "One step of a GRU (Cho et al. 2014)."},
    {"rnn_tanh_cell" CELL, LAMPAS_FN(ops::tanh(gates(a, a.tensor(1), 2))), kFunction,
     "One step of an Elman network."},
    {"rnn_relu_cell" CELL, LAMPAS_FN(ops::relu(gates(a, a.tensor(1), 2))), kFunction,
     "One step of an Elman network with relu."},
};
}  // namespace

void define_spatial(PyObject* module) { define(module, kRows); }

}  // namespace lampas::py
