// Functions of lampas.nn.functional that are native.
#include <cmath>

#include "autograd/autograd.h"
#include "bindings/args.h"
#include "bindings/module.h"
#include "dispatch/dispatch.h"
#include "ops/nn.h"
#include "ops/ops.h"

namespace lampas::py {

namespace {
// ---- arguments ---------------------------------------------------------------------------------
// A warning at the innermost line outside the package.
void warn(const char* text) {
  Owned module(checked(PyImport_ImportModule("lampas._hints")));
  Owned(checked(PyObject_CallMethod(module.get(), "warn", "s", text)));
}
// A hint at a likely mistake: once in a process, which `lampas._hints` sees to.
void hint(bool& said, const char* text) {
  said = true;
  Owned module(checked(PyImport_ImportModule("lampas._hints")));
  Owned(checked(PyObject_CallMethod(module.get(), "give", "s", text)));
}

// `reduction`, or what the older size_average and reduce say.
ops::Reduction reduction_of(const Args& a, int size_average, int reduce, int reduction) {
  if ((size_average >= 0 && a.given(size_average)) || (reduce >= 0 && a.given(reduce))) {
    warn("size_average and reduce args will be deprecated, please use reduction instead.");
    if (!a.flag_or(reduce).value_or(true)) return ops::Reduction::None;
    return a.flag_or(size_average).value_or(true) ? ops::Reduction::Mean : ops::Reduction::Sum;
  }
  std::string r = a.text(reduction);
  if (r == "mean") return ops::Reduction::Mean;
  if (r == "sum") return ops::Reduction::Sum;
  LAMPAS_CHECK_VALUE(r == "none", r,
                     " is not a valid value for reduction; use 'none', 'mean' or 'sum'");
  return ops::Reduction::None;
}
Tensor reduced(const Tensor& x, ops::Reduction r) {
  if (r == ops::Reduction::None) return x;
  return r == ops::Reduction::Sum ? ops::sum(x) : ops::mean(x);
}

// ---- activations
// ------------------------------------------------------------------------------------ A row with
// up to three numbers; the flag `inplace` writes into the input.
PyObject* activation(Args& a, ops::Pointwise op, int inplace, double p0 = 0, double p1 = 0,
                     double p2 = 0) {
  const Operand in[] = {a.tensor(0)};
  const double p[] = {p0, p1, p2};
  if (inplace > 0 && a.flag(inplace)) {
    ops::pointwise_(op, in, p);
    return Owned::share(a.object(0)).release();
  }
  return wrap(ops::pointwise(op, in, p));
}
using P = ops::Pointwise;
constexpr double kSeluAlpha = 1.6732632423543772848170429916717,
                 kSeluScale = 1.0507009873554804934193349852946;

PyObject* gelu(Args& a) {
  std::string how = a.text(1);
  LAMPAS_CHECK(how == "none" || how == "tanh",
               "approximate argument must be either none or tanh, got '", how, "'");
  return activation(a, how == "none" ? P::gelu : P::gelu_tanh, 0);
}
Tensor glu(const Tensor& x, int64_t dim) {
  LAMPAS_CHECK(x.dim() > 0, "glu does not support 0-dimensional tensors");
  int64_t d = wrap_dim(dim, x.dim()), n = x.size(d);
  LAMPAS_CHECK(n % 2 == 0, "Halving dimension must be even, but dimension ", d, " is size ", n);
  return ops::glu_raw(ops::narrow(x, d, 0, n / 2), ops::narrow(x, d, n / 2, n / 2));
}
Tensor prelu(const Tensor& x, const Tensor& w) {
  LAMPAS_CHECK(w.dim() <= 1,
               "prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = ", w.dim());
  LAMPAS_CHECK(x.dtype() == w.dtype(), "prelu: Type promoting not supported. Got ",
               dtype_name(x.dtype()), " and ", dtype_name(w.dtype()));
  Tensor slope = w;
  if (w.numel() != 1) {
    LAMPAS_CHECK(x.dim() > 0, "Not allow zero-dim input tensor.");
    int64_t channels = x.dim() > 1 ? x.size(1) : 1;
    LAMPAS_CHECK(channels == w.numel(),
                 "Mismatch of parameter numbers and input channel size. Found parameter numbers = ",
                 w.numel(), " and channel size = ", channels, ".");
    Dims shape(x.sizes().size(), 1);
    shape[1] = channels;
    slope = ops::reshape(w, shape);
  } else {
    slope = ops::reshape(w, Dims{});
  }
  return ops::prelu_raw(x, slope);
}

// ---- losses ------------------------------------------------------------------------------------
void check_target_size(const Tensor& x, const Tensor& t, const char* op) {
  if (!(x.sizes() == t.sizes()))
    warn(concat("Using a target size (torch.Size(", t.sizes(),
                ")) that is different to the input size (torch.Size(", x.sizes(), ")) in ", op,
                ". This will likely lead to incorrect results due to broadcasting. Please ensure "
                "they have the same size.")
             .c_str());
}
PyObject* pointwise_loss(Args& a, P op, ops::Reduction r, const Tensor& weight, double p0 = 0) {
  const Operand in[] = {a.tensor(0), a.tensor(1)};
  const double p[] = {p0, 0, 0};
  check_target_size(a.tensor(0), a.tensor(1), "loss");
  LAMPAS_CHECK_VALUE(!weight.defined() || weight.sizes() == a.tensor(0).sizes(),
                     "Weights and input must have the same size: got ", weight.sizes(), " and ",
                     a.tensor(0).sizes());
  Tensor l = ops::pointwise(op, in, p);
  if (!weight.defined()) return wrap(reduced(l, r));
  l = ops::mul(l, weight);
  // Of these losses only Huber's mean counts elements instead of weights.
  if (r == ops::Reduction::Mean && op != P::huber)
    return wrap(ops::div(ops::sum(l), ops::sum(weight)));
  return wrap(reduced(l, r));
}
Tensor smooth_l1(Args& a) {
  double beta = a.real(5);
  LAMPAS_CHECK(beta >= 0, "smooth_l1_loss does not support negative values for beta, got ", beta);
  check_target_size(a.tensor(0), a.tensor(1), "smooth_l1_loss");
  ops::Reduction r = reduction_of(a, 2, 3, 4);
  return reduced(beta == 0 ? ops::absolute_error(a.tensor(0), a.tensor(1))
                           : ops::smooth_l1(a.tensor(0), a.tensor(1), beta),
                 r);
}
PyObject* huber(Args& a) {
  double delta = a.real(3);
  LAMPAS_CHECK(delta > 0, "huber_loss does not support non-positive values for delta, got ", delta);
  return pointwise_loss(a, P::huber, reduction_of(a, -1, -1, 2), a.tensor(4), delta);
}
Tensor bce(Args& a) {
  const Tensor &x = a.tensor(0), &t = a.tensor(1);
  LAMPAS_CHECK_VALUE(x.sizes() == t.sizes(), "Using a target size (torch.Size(", t.sizes(),
                     ")) that is different to the input size (torch.Size(", x.sizes(),
                     ")) is deprecated. Please ensure they have the same size.");
  LAMPAS_CHECK(x.dtype() == t.dtype(), "Found dtype ", dtype_name(t.dtype()), " but expected ",
               dtype_name(x.dtype()),
               " (binary_cross_entropy target). Remedy: target.to(input.dtype)");
  ops::Reduction r = reduction_of(a, 3, 4, 5);
  {
    GradGuard off(false);
    if (x.numel() && !x.is_meta()) {
      bool inside = *ops::ge(ops::amin(x, {}, false), 0).data<bool>() &&
                    *ops::le(ops::amax(x, {}, false), 1).data<bool>();
      LAMPAS_CHECK(
          inside,
          "all elements of input should be between 0 and 1 (binary_cross_entropy). Remedy: apply "
          "sigmoid first, or use binary_cross_entropy_with_logits on the raw outputs");
    }
  }
  Tensor l = ops::bce(x, t);
  return reduced(a.given(2) ? ops::mul(l, a.tensor(2)) : l, r);
}
// Losses that apply softmax, sigmoid or a logarithm themselves, given what already went through
// one, and the reverse. After the hint, and where no gradient is recorded, a look costs a load.
bool comes_from(const Tensor& x, std::string_view node) {
  Node* n = grad_fn(x);
  return n && n->name() == node;
}
Tensor bce_logits(Args& a) {
  const Tensor &x = a.tensor(0), &t = a.tensor(1), &pos = a.tensor(6);
  LAMPAS_CHECK_VALUE(x.sizes() == t.sizes(), "Target size (torch.Size(", t.sizes(),
                     ")) must be the same as input size (torch.Size(", x.sizes(), "))");
  LAMPAS_CHECK(!is_integral(t.dtype()), "result type ", dtype_name(x.dtype()),
               " can't be cast to the desired output type ", dtype_name(t.dtype()),
               " (binary_cross_entropy_with_logits target). Remedy: target.to(input.dtype)");
  static bool said = false;
  if (!said && comes_from(x, "SigmoidBackward0"))
    hint(said,
         "binary_cross_entropy_with_logits takes raw outputs (logits), and its input here comes "
         "from sigmoid: the model would train slowly and badly. Remedy: leave the sigmoid away; "
         "the loss applies it itself");
  ops::Reduction r = reduction_of(a, 3, 4, 5);
  Tensor l;
  if (pos.defined()) {
    Tensor lw = ops::add(ops::mul(ops::sub(pos, 1), t), 1);
    l = ops::sub(ops::mul(ops::sub(1, t), x), ops::mul(lw, ops::logsigmoid(x)));
  } else {
    l = ops::bce_logits(x, t);
  }
  return reduced(a.given(2) ? ops::mul(l, a.tensor(2)) : l, r);
}

Tensor cross_entropy(Args& a) {
  static bool said = false;
  if (!said && comes_from(a.tensor(0), "SoftmaxBackward0"))
    hint(said,
         "cross_entropy takes raw outputs (logits), and its input here comes from softmax: the "
         "model would train slowly and badly. Remedy: leave the softmax away; cross_entropy "
         "applies it itself");
  return ops::cross_entropy(a.tensor(0), a.tensor(1), a.tensor(2), reduction_of(a, 3, 5, 6),
                            a.integer(4), a.real(7));
}
Tensor nll(Args& a) {
  static bool said = false;
  if (!said && comes_from(a.tensor(0), "SoftmaxBackward0"))
    hint(said,
         "nll_loss takes log-probabilities, and its input here comes from softmax. Remedy: "
         "log_softmax instead of softmax, or cross_entropy on the raw outputs");
  return ops::nll_loss(a.tensor(0), a.tensor(1), a.tensor(2), reduction_of(a, 3, 5, 6),
                       a.integer(4));
}

// ---- embeddings, padding -----------------------------------------------------------------------
// The table that rows are looked up in: with long ones shortened in place, and as one whose
// gradient is scaled, where that is asked for.
Tensor looked_up(const Tensor& index, const Tensor& weight, const std::optional<double>& limit,
                 double order, bool scale_by_frequency) {
  LAMPAS_CHECK(index.dtype() == DType::I64 || index.dtype() == DType::I32,
               "embedding: expected indices of type int64 or int32, got ",
               dtype_name(index.dtype()), ". Remedy: indices.long()");
  if (limit) {
    // Rows that are looked up are scaled down to the norm, in place, outside the graph.
    GradGuard off(false);
    check_inplace(weight, "embedding with max_norm");
    Tensor flat = ops::plain(ops::to_dtype(index.alias(), DType::I64));
    for (int64_t i = 0; i < flat.numel(); ++i) {
      Tensor row = ops::select(weight.alias(), 0, flat.data<int64_t>()[i]);
      double norm = load_scalar(row.dtype(), ops::norm(row, order, {}, false).data()).to_double();
      if (norm > *limit) ops::copy_raw(row, ops::mul(row, *limit / (norm + 1e-7)));
    }
    weight.bump_version();
  }
  if (!scale_by_frequency || !recording(weight)) return weight;
  // Each row's gradient is divided by how often it was looked up.
  Tensor flat = ops::reshape(ops::to_dtype(index.alias(), DType::I64), Dims{-1});
  Tensor count = ops::index_add(ops::zeros(Dims{weight.size(0)}, weight.dtype()), 0, flat,
                                ops::ones(flat.sizes(), weight.dtype()), 1);
  Tensor scale = ops::div(1.0, ops::clamp(count, Scalar(1), {}));
  Tensor rows = weight.alias();
  record(rows, "ScaleGradByFreqBackward", {&weight},
         [scale](const Tensor& g) { return ops::mul(g, ops::unsqueeze(scale, 1)); });
  return rows;
}
int64_t padding_of(const std::optional<int64_t>& p, const Tensor& weight) {
  const int64_t n = weight.dim() ? weight.size(0) : 0;
  LAMPAS_CHECK_KIND(Assertion, !p || (*p < n && *p >= -n),
                    "Padding_idx must be within num_embeddings (", p.value_or(0), " of ", n, ")");
  return !p ? -1 : *p < 0 ? *p + n : *p;
}
Tensor embedding(Args& a) {
  const Tensor &index = a.tensor(0), &weight = a.tensor(1);
  const int64_t padding = padding_of(a.integer_or(2), weight);
  return ops::embedding(looked_up(index, weight, a.real_or(3), a.real(4), a.flag(5)), index,
                        padding);
}
Tensor embedding_bag(Args& a) {
  const Tensor &index = a.tensor(0), &weight = a.tensor(1);
  const int64_t padding = padding_of(a.integer_or(6), weight);
  return ops::embedding_bag(looked_up(index, weight, a.real_or(7), a.real(8), a.flag(9)), index,
                            a.tensor(2), a.integer(3), static_cast<ops::BagMode>(a.integer(4)),
                            a.tensor(5), padding);
}
Tensor one_hot(const Tensor& t, int64_t classes) {
  LAMPAS_CHECK(t.dtype() == DType::I64,
               "one_hot is only applicable to index tensor of type LongTensor, got ",
               dtype_name(t.dtype()), ". Remedy: t.long()");
  if (t.numel() == 0)
    LAMPAS_CHECK(classes > 0, "Can not infer total number of classes from empty tensor.");
  LAMPAS_CHECK(!t.is_meta() || classes >= 0,
               "one_hot: on the meta device num_classes must be given, for there are no values");
  if (t.numel() && !t.is_meta()) {
    int64_t low = *ops::amin(t, {}, false).data<int64_t>(),
            high = *ops::amax(t, {}, false).data<int64_t>();
    LAMPAS_CHECK(low >= 0, "Class values must be non-negative.");
    LAMPAS_CHECK(classes < 0 || high < classes, "Class values must be smaller than num_classes (",
                 high, " >= ", classes, ").");
    if (classes < 0) classes = high + 1;
  }
  Dims shape = t.sizes();
  shape.push_back(classes);
  Tensor y = ops::zeros(shape, DType::I64, t.device());
  constexpr int64_t one = 1;
  if (y.numel() && !y.is_meta())
    dispatch().index.scatter(y.data(), &one, ops::plain(t).data<int64_t>(), t.numel(), 1, classes,
                             0, sizeof one);
  return y;
}
// Without a graph.
Tensor padded(const Tensor& x, const Dims& pad, const Scalar& value) {
  Dims sizes = x.sizes();
  Tensor part = x;
  bool grows = false;
  for (size_t i = 0; i < pad.size() / 2; ++i) {
    int64_t d = x.dim() - 1 - static_cast<int64_t>(i), before = pad[2 * i], after = pad[2 * i + 1];
    sizes[d] += before + after;
    grows = grows || before > 0 || after > 0;
    LAMPAS_CHECK(sizes[d] >= 0, "The input size ", x.size(d), ", plus negative padding ", before,
                 " and ", after,
                 " resulted in a negative output size, which is invalid. Check dimension ", d,
                 " of your input.");
    if (before < 0) part = ops::narrow(part, d, -before, part.size(d) + before);
    if (after < 0) part = ops::narrow(part, d, 0, part.size(d) + after);
  }
  if (!grows) return ops::contiguous(ops::clone(part));
  Tensor y = ops::full(sizes, value, x.dtype(), x.device());
  Tensor inside = y;
  for (size_t i = 0; i < pad.size() / 2; ++i) {
    int64_t d = x.dim() - 1 - static_cast<int64_t>(i);
    inside = ops::narrow(inside, d, std::max<int64_t>(pad[2 * i], 0), part.size(d));
  }
  ops::copy_(inside, part);
  return y;
}
Tensor constant_pad(const Tensor& x, const Dims& pad, const Scalar& value) {
  LAMPAS_CHECK(pad.size() % 2 == 0, "Length of pad must be even but instead it equals ",
               pad.size());
  LAMPAS_CHECK(pad.size() / 2 <= x.sizes().size(),
               "Length of pad should be no more than twice the number of dimensions of the input. "
               "Pad length is ",
               pad.size(), " while the input has ", x.dim(), " dimensions.");
  Tensor y = padded(x.alias(), pad, value);
  if (recording(x))
    record(y, "ConstantPadNdBackward0", {&x}, [pad](const Tensor& g) {
      Dims back = pad;
      for (int64_t& p : back) p = -p;
      return constant_pad(g, back, 0);
    });
  return y;
}
Tensor checked_constant_pad(const Tensor& x, const Dims& pad, const Scalar& value) {
  ops::check_fits(value, x.dtype(), "constant_pad_nd");
  return constant_pad(x, pad, value);
}

#define LOSS "Tensor? weight=None, bool? size_average=None, bool? reduce=None, str reduction='mean'"
#define INDEX_LOSS                                                                  \
  "Tensor input, Tensor target, Tensor? weight=None, bool? size_average=None, int " \
  "ignore_index=-100, bool? reduce=None, str reduction='mean'"
#define PLAIN_LOSS \
  "Tensor input, Tensor target, bool? size_average=None, bool? reduce=None, str reduction='mean'"
constexpr Definition kRows[] = {
    {"relu(Tensor input, bool inplace=False)", [](Args& a) { return activation(a, P::relu, 1); },
     kFunction, "max(x, 0)."},
    {"relu6(Tensor input, bool inplace=False)",
     [](Args& a) { return activation(a, P::hardtanh, 1, 0, 6); }, kFunction, "x within [0, 6]."},
    {"gelu(Tensor input, *, str approximate='none')", gelu, kFunction,
     "x * Phi(x) (Hendrycks & Gimpel 2016)."},
    {"silu(Tensor input, bool inplace=False)", [](Args& a) { return activation(a, P::silu, 1); },
     kFunction, "x * sigmoid(x)."},
    {"mish(Tensor input, bool inplace=False)", [](Args& a) { return activation(a, P::mish, 1); },
     kFunction, "x * tanh(softplus(x))."},
    {"leaky_relu(Tensor input, float negative_slope=0.01, bool inplace=False)",
     [](Args& a) { return activation(a, P::leaky_relu, 2, a.real(1)); }, kFunction,
     "x where positive, else negative_slope * x."},
    {"elu(Tensor input, float alpha=1.0, bool inplace=False)",
     [](Args& a) { return activation(a, P::elu, 2, a.real(1), 1, 1); }, kFunction,
     "x where positive, else alpha * (exp(x) - 1)."},
    {"selu(Tensor input, bool inplace=False)",
     [](Args& a) { return activation(a, P::elu, 1, kSeluAlpha, kSeluScale, 1); }, kFunction,
     "Self-normalising ELU (Klambauer et al. 2017)."},
    {"celu(Tensor input, float alpha=1.0, bool inplace=False)",
     [](Args& a) -> PyObject* {
       LAMPAS_CHECK(a.real(1) != 0, "ZeroDivisionError: alpha cannot be 0 for CELU");
       return activation(a, P::elu, 2, a.real(1), 1, 1 / a.real(1));
     },
     kFunction, "Continuously differentiable ELU."},
    {"softplus(Tensor input, float beta=1, float threshold=20)",
     [](Args& a) { return activation(a, P::softplus, 0, a.real(1), a.real(2)); }, kFunction,
     "log(1 + exp(beta * x)) / beta."},
    {"logsigmoid(Tensor input)", [](Args& a) { return activation(a, P::logsigmoid, 0); }, kFunction,
     "log(sigmoid(x))."},
    {"hardtanh(Tensor input, float min_val=-1.0, float max_val=1.0, bool inplace=False)",
     [](Args& a) -> PyObject* {
       LAMPAS_CHECK_VALUE(a.real(1) <= a.real(2), "min_val cannot be greater than max_val");
       return activation(a, P::hardtanh, 3, a.real(1), a.real(2));
     },
     kFunction, "x within [min_val, max_val]."},
    {"hardsigmoid(Tensor input, bool inplace=False)",
     [](Args& a) { return activation(a, P::hardsigmoid, 1); }, kFunction,
     "x / 6 + 1/2 within [0, 1]."},
    {"hardswish(Tensor input, bool inplace=False)",
     [](Args& a) { return activation(a, P::hardswish, 1); }, kFunction, "x * hardsigmoid(x)."},
    {"hardshrink(Tensor input, float lambd=0.5)",
     [](Args& a) { return activation(a, P::hardshrink, 0, a.real(1)); }, kBoth,
     "0 within [-lambd, lambd], else x."},
    {"softshrink(Tensor input, float lambd=0.5)",
     [](Args& a) -> PyObject* {
       LAMPAS_CHECK(a.real(1) >= 0, "lambda must be greater or equal to 0, but found to be ",
                    a.real(1), ".");
       return activation(a, P::softshrink, 0, a.real(1));
     },
     kFunction, "x moved towards 0 by lambd."},
    {"threshold(Tensor input, float threshold, float value, bool inplace=False)",
     [](Args& a) { return activation(a, P::threshold, 3, a.real(1), a.real(2)); }, kFunction,
     "x where above threshold, else value."},
    {"glu(Tensor input, int dim=-1)", LAMPAS_FN(glu(a.tensor(0), a.integer(1))), kFunction,
     "First half times the sigmoid of the second (Dauphin et al. 2016)."},
    {"prelu(Tensor input, Tensor weight)", LAMPAS_FN(prelu(a.tensor(0), a.tensor(1))), kBoth,
     "x where positive, else weight * x."},
    {"softmax(Tensor input, int dim, dtype? dtype=None, *, Tensor? out=None)",
     LAMPAS_FN(ops::softmax(a.tensor(0), a.integer(1), a.dtype_or(2))), kBoth,
     "exp(x) / sum(exp(x)) along dim."},
    {"log_softmax(Tensor input, int dim, dtype? dtype=None, *, Tensor? out=None)",
     LAMPAS_FN(ops::log_softmax(a.tensor(0), a.integer(1), a.dtype_or(2))), kBoth,
     "log(softmax(x)) along dim."},
    {"layer_norm(Tensor input, int[] normalized_shape, Tensor? weight=None, Tensor? bias=None, "
     "float eps=1e-5, bool cudnn_enable=True)",
     LAMPAS_FN(ops::layer_norm(a.tensor(0), a.ints(1), a.tensor(2), a.tensor(3), a.real(4))),
     kFunction, "Normalised over the last dimensions (Ba et al. 2016)."},
    {"rms_norm(Tensor input, int[] normalized_shape, Tensor? weight=None, float? eps=None)",
     LAMPAS_FN(ops::rms_norm(a.tensor(0), a.ints(1), a.tensor(2), a.real_or(3))), kFunction,
     "Divided by the root mean square (Zhang & Sennrich 2019)."},
    {"mse_loss(" PLAIN_LOSS ", Tensor? weight=None)",
     [](Args& a) {
       return pointwise_loss(a, P::squared_error, reduction_of(a, 2, 3, 4), a.tensor(5));
     },
     kFunction, "Mean squared error."},
    {"l1_loss(" PLAIN_LOSS ", Tensor? weight=None)",
     [](Args& a) -> PyObject* {
       if (is_complex(a.tensor(0).dtype()))
         return wrap(
             reduced(ops::abs(ops::sub(a.tensor(0), a.tensor(1))), reduction_of(a, 2, 3, 4)));
       return pointwise_loss(a, P::absolute_error, reduction_of(a, 2, 3, 4), a.tensor(5));
     },
     kFunction, "Mean absolute error."},
    {"smooth_l1_loss(" PLAIN_LOSS ", float beta=1.0)", LAMPAS_FN(smooth_l1(a)), kFunction,
     "Squared below beta, absolute above."},
    {"huber_loss(Tensor input, Tensor target, str reduction='mean', float delta=1.0, Tensor? "
     "weight=None)",
     huber, kFunction, "Huber's loss (1964)."},
    {"binary_cross_entropy(Tensor input, Tensor target, " LOSS ")", LAMPAS_FN(bce(a)), kFunction,
     "Binary cross-entropy of probabilities."},
    {"binary_cross_entropy_with_logits(Tensor input, Tensor target, " LOSS
     ", Tensor? pos_weight=None)",
     LAMPAS_FN(bce_logits(a)), kFunction, "Binary cross-entropy of logits."},
    {"cross_entropy(" INDEX_LOSS ", float label_smoothing=0.0)", LAMPAS_FN(cross_entropy(a)),
     kFunction, "Cross-entropy of logits with class indices or probabilities."},
    {"nll_loss(" INDEX_LOSS ")", LAMPAS_FN(nll(a)), kFunction,
     "Negative log-likelihood of log-probabilities."},
    {"embedding(Tensor input, Tensor weight, int? padding_idx=None, float? max_norm=None, float "
     "norm_type=2.0, bool scale_grad_by_freq=False, bool sparse=False)",
     LAMPAS_FN(embedding(a)), kFunction, "Rows of weight by index."},
    {"_embedding_bag(Tensor input, Tensor weight, Tensor begin, int total, int mode, Tensor? "
     "factors=None, int? padding_idx=None, float? max_norm=None, float norm_type=2.0, bool "
     "scale_grad_by_freq=False)",
     LAMPAS_FN(embedding_bag(a)), kFunction, "Sums, means or maxima (mode 0, 1, 2) of rows."},
    {"one_hot(Tensor tensor, int num_classes=-1)", LAMPAS_FN(one_hot(a.tensor(0), a.integer(1))),
     kFunction, "A 1 at each index, zeros elsewhere."},
    {"constant_pad_nd(Tensor input, int[] pad, Number value=0)",
     LAMPAS_FN(checked_constant_pad(a.tensor(0), a.ints(1), a.number(2))), kFunction,
     "Padded with one value."},
};
}  // namespace

void define_nn(PyObject* module) { define(module, kRows); }

}  // namespace lampas::py
