#include <cmath>

#include "autograd/autograd.h"
#include "dispatch/dispatch.h"
#include "ops/copy.h"
#include "ops/create.h"
#include "ops/indexing.h"
#include "ops/nn.h"
#include "ops/pointwise.h"
#include "ops/promote.h"
#include "ops/reduce.h"
#include "ops/types.h"
#include "ops/views.h"
#include "runtime/pool.h"

namespace lampas::ops {

namespace {
// [N, C, d...] with targets [N, d...] as rows of classes: [N * d, C].
struct Classes {
  int64_t n = 1, classes, inner = 1;
};
Classes check_classes(const Tensor& x, const Tensor& target, const Tensor& weight, const char* op) {
  LAMPAS_CHECK(x.dim() > 0, op, ": input must have a class dimension, got a 0-d tensor");
  Classes c;
  c.classes = x.size(x.dim() == 1 ? 0 : 1);
  if (x.dim() == 1) {
    LAMPAS_CHECK_VALUE(target.dim() == 0 || (target.dim() == 1 && target.size(0) == 1),
                       "Expected input batch_size (1) to match target batch_size (",
                       target.dim() ? target.size(0) : 1, ").");
  } else {
    LAMPAS_CHECK_VALUE(target.dim() >= 1 && x.size(0) == target.size(0),
                       "Expected input batch_size (", x.size(0), ") to match target batch_size (",
                       target.dim() ? target.size(0) : 0, ").");
    c.n = x.size(0);
    Dims want = x.sizes();
    want.erase(1);
    LAMPAS_CHECK(
        target.sizes() == want, op, ": expected target of shape ", want, " for input of shape ",
        x.sizes(), ", got ", target.sizes(),
        target.dim() == x.dim() && target.size(1) == 1 ? ". Did you mean target.squeeze(1)?" : "");
    for (int64_t d = 2; d < x.dim(); ++d) c.inner *= x.size(d);
  }
  LAMPAS_CHECK(!weight.defined() || (weight.dim() == 1 && weight.size(0) == c.classes),
               "weight tensor should be defined either for all ", c.classes,
               " classes or no classes but got weight tensor of shape: ", weight);
  return c;
}

const char* kLabelHint =
    ". Remedy: target.long(), if these are class indices; probabilities must have the input's "
    "shape";

void check_labels(const Tensor& target, const char* op) {
  LAMPAS_CHECK(target.dtype() == DType::I64 || target.dtype() == DType::U8,
               "expected target dtype to be Long or Byte, but got ", dtype_name(target.dtype()),
               " (", op, " target)", kLabelHint);
}

template <class T>
T load(const Tensor& t, int64_t i) {
  return t.data<T>()[i];
}

struct Picked {
  Tensor loss;    // per target, weighted; zero where ignored
  Tensor weight;  // per target
  double total;   // of the weights
};

// -x[target] * weight[target] from log-probabilities.
template <class T>
Picked pick(const Tensor& x, const Tensor& target, const Tensor& weight, const Classes& c,
            int64_t ignore) {
  Picked p{empty(Dims{c.n * c.inner}, x.dtype()), empty(Dims{c.n * c.inner}, x.dtype()), 0};
  const T *v = x.data<T>(), *w = weight.defined() ? weight.data<T>() : nullptr;
  T *loss = p.loss.data<T>(), *used = p.weight.data<T>();
  const auto* t = target.data<int64_t>();
  int64_t counted = 0;
  double total = 0;
  for (int64_t i = 0; i < c.n; ++i)
    for (int64_t k = 0; k < c.inner; ++k) {
      int64_t at = i * c.inner + k, label = t[at];
      if (label == ignore) {
        loss[at] = used[at] = 0;
        continue;
      }
      LAMPAS_CHECK_INDEX(label >= 0 && label < c.classes, "Target ", label,
                         " is out of bounds: there are ", c.classes, " classes (0 to ",
                         c.classes - 1,
                         "). Remedy: check the labels, or give the last layer as many outputs as "
                         "there are classes");
      T wt = w ? w[label] : T(1);
      used[at] = wt;
      loss[at] = -v[(i * c.classes + label) * c.inner + k] * wt;
      if (w) total += static_cast<double>(wt);
      ++counted;
    }
  p.total = w ? total : static_cast<double>(counted);
  return p;
}

Picked pick_any(const Tensor& x, const Tensor& target, const Tensor& weight, const Classes& c,
                int64_t ignore) {
  return x.dtype() == DType::F64 ? pick<double>(x, target, weight, c, ignore)
                                 : pick<float>(x, target, weight, c, ignore);
}

bool out_of_range(const Tensor& target, int64_t n, int64_t ignore) {
  for (int64_t i = 0; i < target.numel(); ++i) {
    int64_t t = target.data<int64_t>()[i];
    if (t != ignore && (t < 0 || t >= n)) return true;
  }
  return false;
}

// Writes through NumPy's or another library's view of the labels are not seen by their version.
void check_unchanged(const Tensor& target, int64_t n, int64_t ignore) {
  LAMPAS_CHECK_INDEX(!out_of_range(target, n, ignore), "backward of a loss over ", n,
                     " classes: its labels were in range and no longer are. Remedy: compute the "
                     "loss from a copy, target.clone(), or change the labels after backward()");
}

// The gradient of the picked log-probabilities: -weight * g at each target, zeros elsewhere.
Tensor unpick(const Tensor& g, const Tensor& target, const Tensor& weights, const Dims& sizes,
              const Classes& c, int64_t ignore) {
  check_unchanged(target, c.classes, ignore);
  Tensor out = zeros(sizes, g.dtype());
  GradGuard off(false);
  Tensor flat = plain(expand(g.alias(), target.sizes()));
  const auto* t = target.data<int64_t>();
  auto run = [&]<class T>(Type<T>) {
    const T *grad = flat.data<T>(), *used = weights.data<T>();
    T* to = out.data<T>();
    for (int64_t i = 0; i < c.n; ++i)
      for (int64_t k = 0; k < c.inner; ++k) {
        int64_t at = i * c.inner + k;
        if (t[at] != ignore) to[(i * c.classes + t[at]) * c.inner + k] = -grad[at] * used[at];
      }
  };
  g.dtype() == DType::F64 ? run(Type<double>()) : run(Type<float>());
  return out;
}

Tensor reduce_loss(const Tensor& loss, Reduction reduction, double total, const Dims& sizes) {
  if (reduction == Reduction::None) return reshape(loss, sizes);
  Tensor s = sum(loss);
  return reduction == Reduction::Sum ? s : div(s, total);
}
}  // namespace

Tensor nll_loss(const Tensor& x0, const Tensor& target0, const Tensor& weight0, Reduction reduction,
                int64_t ignore) {
  Classes c = check_classes(x0, target0, weight0, "nll_loss");
  check_labels(target0, "nll_loss");
  if (is_half(x0.dtype())) {
    Tensor w = weight0.defined() ? to_dtype(weight0, DType::F32) : weight0;
    return to_dtype(nll_loss(to_dtype(x0, DType::F32), target0, w, reduction, ignore), x0.dtype());
  }
  LAMPAS_CHECK_KIND(NotImplemented, is_floating(x0.dtype()),
                    "\"nll_loss_out_frame\" not implemented for '", dtype_name(x0.dtype()), "'");
  LAMPAS_CHECK(!weight0.defined() || weight0.dtype() == x0.dtype(), "expected scalar type ",
               dtype_name(x0.dtype()), " but found ", dtype_name(weight0.dtype()),
               " (nll_loss weight)");
  Tensor target = plain(to_dtype(target0.alias(), DType::I64)),
         weight = weight0.defined() ? plain(weight0) : weight0;
  if (x0.is_meta()) {  // a shape with its graph
    int64_t dim = x0.dim() == 1 ? 0 : 1;
    Tensor each = squeeze(gather(x0, dim, unsqueeze(target, dim)), Dims{dim});
    return reduction == Reduction::None ? each : sum(each);
  }
  Picked p = pick_any(plain(x0), target, weight, c, ignore);
  Tensor y;
  {
    GradGuard off(false);
    y = reduce_loss(p.loss, reduction, p.total, target0.sizes());
  }
  if (recording(x0))
    record(y, "NllLossBackward0", {&x0},
           [=, labels = save(target), sizes = x0.sizes(), weights = p.weight,
            total = p.total](const Tensor& g) {
             Tensor target = labels();
             Tensor scaled = reduction == Reduction::Mean ? div(g, total) : g;
             Tensor dx = unpick(scaled, target, weights, sizes, c, ignore);
             if (recording(scaled)) {
               // Linear in g: its own gradient picks again.
               record(dx, "NllLossBackwardBackward0", {&scaled}, [=](const Tensor& gg) {
                 Tensor target = labels();
                 Tensor picked = pick_any(plain(gg), target, weight, c, ignore).loss;
                 return reshape(picked, target.sizes());
               });
             }
             return dx;
           });
  return y;
}

namespace {
// Logits to losses in one pass, class dimension last; keeps softmax for backward where `prob` is
// defined.
template <class T>
void fused_forward(const Tensor& x, const Tensor& target, int64_t ignore, const Tensor& prob,
                   Picked& p) {
  const int64_t rows = x.size(0), n = x.size(1);
  const auto row = dispatch().rows.cross_entropy[std::is_same_v<T, double>];
  const T* v = x.data<T>();
  const auto* t = target.data<int64_t>();
  T *q = prob.defined() ? prob.data<T>() : nullptr, *loss = p.loss.data<T>(),
    *weight = p.weight.data<T>();
  parallel_ranges(
      rows, std::max<int64_t>(1, 8192 / std::max<int64_t>(n, 1)), [&](int64_t b, int64_t e) {
        for (int64_t i = b; i < e; ++i) {
          const bool counts = t[i] != ignore;
          const double l = row(q ? q + i * n : nullptr, v + i * n, n, counts ? t[i] : 0);
          loss[i] = counts ? static_cast<T>(l) : T(0);
          weight[i] = counts ? T(1) : T(0);
        }
      });
  for (int64_t i = 0; i < rows; ++i) p.total += static_cast<double>(weight[i]);
}

template <class T>
void fused_backward(const Tensor& dx, const Tensor& prob, const Tensor& target, const Tensor& g,
                    bool per_row, double scale, int64_t ignore) {
  int64_t rows = prob.size(0), n = prob.size(1);
  const T* q = prob.data<T>();
  const auto* t = target.data<int64_t>();
  const T* gr = g.data<T>();
  parallel_ranges(
      rows, std::max<int64_t>(1, 16384 / std::max<int64_t>(n, 1)), [&](int64_t b, int64_t e) {
        for (int64_t i = b; i < e; ++i) {
          T s = t[i] == ignore ? T(0)
                               : static_cast<T>(static_cast<double>(gr[per_row ? i : 0]) * scale);
          T* out = dx.data<T>() + i * n;
          for (int64_t j = 0; j < n; ++j) out[j] = q[i * n + j] * s;
          if (t[i] != ignore) out[t[i]] -= s;
        }
      });
}

// Indices over [N, C] logits without weights or smoothing: the case of every training loop.
Tensor fused(const Tensor& x, const Tensor& target, Reduction reduction, int64_t ignore) {
  Tensor xc = plain(x), prob;
  if (recording(x)) prob = empty(x.sizes(), x.dtype());
  int64_t rows = x.size(0);
  Picked p{empty(Dims{rows}, x.dtype()), empty(Dims{rows}, x.dtype()), 0};
  if (out_of_range(target, x.size(1), ignore))
    pick_any(xc, target, Tensor(), Classes{rows, x.size(1), 1}, ignore);  // raises
  x.dtype() == DType::F64 ? fused_forward<double>(xc, target, ignore, prob, p)
                          : fused_forward<float>(xc, target, ignore, prob, p);
  Tensor y;
  {
    GradGuard off(false);
    y = reduce_loss(p.loss, reduction, p.total, target.sizes());
  }
  if (recording(x))
    record(y, "CrossEntropyBackward0", {&x},
           [x = save(x), prob, labels = save(target), reduction, ignore,
            total = p.total](const Tensor& g) {
             Tensor target = labels();
             double scale = reduction == Reduction::Mean ? 1 / total : 1;
             if (grad_enabled()) {  // create_graph: in public operators
               Tensor v = x(), hot = zeros(v.sizes(), v.dtype());
               Tensor keep = ne(target, ignore), at = where(keep, target, 0);
               hot = scatter(hot, 1, unsqueeze(at, 1), 1.0);
               Tensor gr = reduction == Reduction::None ? unsqueeze(g, 1) : g;
               return (softmax(v, 1) - hot) * to_dtype(unsqueeze(keep, 1), v.dtype()) * gr * scale;
             }
             check_unchanged(target, prob.size(1), ignore);
             Tensor dx = empty(prob.sizes(), prob.dtype()), gc = plain(g);
             bool per_row = reduction == Reduction::None;
             prob.dtype() == DType::F64
                 ? fused_backward<double>(dx, prob, target, gc, per_row, scale, ignore)
                 : fused_backward<float>(dx, prob, target, gc, per_row, scale, ignore);
             return dx;
           });
  return y;
}
}  // namespace

Tensor cross_entropy(const Tensor& x, const Tensor& target, const Tensor& weight,
                     Reduction reduction, int64_t ignore, double smoothing) {
  LAMPAS_CHECK(smoothing >= 0 && smoothing <= 1,
               "label_smoothing must be between 0.0 and 1.0. Got: ", smoothing);
  LAMPAS_CHECK(x.dim() > 0, "cross_entropy: input must have a class dimension, got a 0-d tensor");
  int64_t dim = x.dim() == 1 ? 0 : 1;
  if (x.sizes() == target.sizes()) {  // class probabilities
    LAMPAS_CHECK(is_floating(target.dtype()),
                 "Expected floating point type for target with class probabilities, got ",
                 dtype_name(target.dtype()),
                 ". Remedy: target.float(), or class indices: target.argmax(", dim, ")");
    LAMPAS_CHECK(ignore < 0, "ignore_index is not supported for floating point target");
    int64_t classes = x.size(dim);
    Tensor t = smoothing > 0 ? target * (1 - smoothing) + smoothing / static_cast<double>(classes)
                             : target;
    Tensor l = log_softmax(x, dim);
    if (weight.defined()) {
      Dims s(x.sizes().size(), 1);
      s[dim] = classes;
      l = l * reshape(weight, s);
    }
    Tensor each = neg(sum(l * t, Dims{dim}));
    if (reduction == Reduction::None) return each;
    return reduction == Reduction::Sum
               ? sum(each)
               : div(sum(each), static_cast<double>(x.numel() / std::max<int64_t>(classes, 1)));
  }
  if (is_floating(target.dtype()))
    fail(ErrorKind::Runtime, "expected target dtype to be Long or Byte, but got ",
         dtype_name(target.dtype()), " (cross_entropy target of shape ", target.sizes(),
         " for input of shape ", x.sizes(), ")", kLabelHint);
  Classes c = check_classes(x, target, weight, "cross_entropy");
  check_labels(target, "cross_entropy");
  // Few classes of many rows are quicker by columns, as log_softmax() does them.
  constexpr int64_t kFew = 16;
  bool simple = x.dim() == 2 && !weight.defined() && smoothing == 0 && is_floating(x.dtype()) &&
                x.numel() > 0 && !x.is_meta() && (x.size(1) >= kFew || x.size(0) < kFew);
  if (simple && is_half(x.dtype()))
    return to_dtype(cross_entropy(to_dtype(x, DType::F32), target, weight, reduction, ignore, 0),
                    x.dtype());
  if (simple) return fused(x, plain(to_dtype(target.alias(), DType::I64)), reduction, ignore);
  Tensor l = log_softmax(x, dim);
  Tensor hit = nll_loss(l, target, weight, reduction, ignore);
  if (smoothing == 0) return hit;
  // The even part: the mean of all classes' losses, weighted; ignored targets do not count.
  Tensor each = neg(l);
  if (weight.defined()) {
    Dims s(x.sizes().size(), 1);
    s[dim] = c.classes;
    each = each * reshape(weight, s);
  }
  Tensor keep = ne(target, ignore);
  Tensor even = where(keep, sum(each, Dims{dim}), 0);
  if (reduction == Reduction::Sum) {
    even = sum(even);
  } else if (reduction == Reduction::Mean) {
    Tensor count =
        weight.defined()
            ? sum(where(keep,
                        reshape(index_select(weight, 0, reshape(where(keep, target, 0), Dims{-1})),
                                target.sizes()),
                        0))
            : to_dtype(sum(keep), x.dtype());
    even = sum(even) / count;
  }
  return hit * (1 - smoothing) + even * (smoothing / static_cast<double>(c.classes));
}

}  // namespace lampas::ops
