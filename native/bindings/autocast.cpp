#include "bindings/autocast.h"

#include <unordered_map>
#include <unordered_set>

#include "autograd/autograd.h"
#include "bindings/caster.h"
#include "bindings/module.h"
#include "bindings/watch.h"
#include "ops/ops.h"

namespace nb = nanobind;

namespace lampas::py {

thread_local Autocast autocast;

// ---- rules --------------------------------------------------------------------------------------
CastRule cast_rule(const std::string& name) {
  static const std::unordered_set<std::string> kShort = {"addbmm",
                                                         "addmm",
                                                         "affine_grid",
                                                         "baddbmm",
                                                         "bmm",
                                                         "chain_matmul",
                                                         "conv1d",
                                                         "conv2d",
                                                         "conv3d",
                                                         "conv_tbc",
                                                         "conv_transpose1d",
                                                         "conv_transpose2d",
                                                         "conv_transpose3d",
                                                         "corrcoef",
                                                         "cov",
                                                         "einsum",
                                                         "inner",
                                                         "linalg_matmul",
                                                         "linalg_matrix_power",
                                                         "linalg_multi_dot",
                                                         "linalg_vecdot",
                                                         "linear",
                                                         "matmul",
                                                         "matrix_power",
                                                         "mm",
                                                         "prelu",
                                                         "scaled_dot_product_attention",
                                                         "tensordot"};
  static const std::unordered_set<std::string> kSingle = {"adaptive_avg_pool3d",
                                                          "adaptive_max_pool3d",
                                                          "avg_pool3d",
                                                          "binary_cross_entropy",
                                                          "binary_cross_entropy_with_logits",
                                                          "cdist",
                                                          "cholesky",
                                                          "cholesky_inverse",
                                                          "cholesky_solve",
                                                          "cosine_embedding_loss",
                                                          "cross_entropy",
                                                          "ctc_loss",
                                                          "fft_fft",
                                                          "fft_fft2",
                                                          "fft_fftn",
                                                          "fft_hfft",
                                                          "fft_ifft",
                                                          "fft_ifft2",
                                                          "fft_ifftn",
                                                          "fft_ihfft",
                                                          "fft_irfft",
                                                          "fft_irfft2",
                                                          "fft_irfftn",
                                                          "fft_rfft",
                                                          "fft_rfft2",
                                                          "fft_rfftn",
                                                          "geqrf",
                                                          "grid_sample",
                                                          "hinge_embedding_loss",
                                                          "huber_loss",
                                                          "inverse",
                                                          "kl_div",
                                                          "l1_loss",
                                                          "linalg_cholesky",
                                                          "linalg_cholesky_ex",
                                                          "linalg_cond",
                                                          "linalg_eig",
                                                          "linalg_eigh",
                                                          "linalg_eigvals",
                                                          "linalg_eigvalsh",
                                                          "linalg_householder_product",
                                                          "linalg_inv",
                                                          "linalg_inv_ex",
                                                          "linalg_lstsq",
                                                          "linalg_matrix_rank",
                                                          "linalg_qr",
                                                          "linalg_solve",
                                                          "linalg_svd",
                                                          "linalg_svdvals",
                                                          "linalg_tensorinv",
                                                          "linalg_tensorsolve",
                                                          "lu",
                                                          "margin_ranking_loss",
                                                          "max_pool3d",
                                                          "max_pool3d_with_indices",
                                                          "max_unpool1d",
                                                          "max_unpool2d",
                                                          "max_unpool3d",
                                                          "mse_loss",
                                                          "multi_margin_loss",
                                                          "multilabel_margin_loss",
                                                          "nanquantile",
                                                          "nll_loss",
                                                          "orgqr",
                                                          "ormqr",
                                                          "pinverse",
                                                          "poisson_nll_loss",
                                                          "polar",
                                                          "prod",
                                                          "qr",
                                                          "quantile",
                                                          "smooth_l1_loss",
                                                          "soft_margin_loss",
                                                          "stft",
                                                          "svd",
                                                          "trace",
                                                          "triangular_solve",
                                                          "triplet_margin_loss",
                                                          "view_as_complex"};
  if (kShort.contains(name)) return CastRule::Short;
  if (kSingle.contains(name)) return CastRule::Single;
  if (name == "cat" || name == "stack" || name == "index_copy") return CastRule::Widest;
  if (name == "matrix_exp" || name == "linalg_matrix_exp") return CastRule::Given;
  return CastRule::None;
}

// ---- casts --------------------------------------------------------------------------------------
namespace {
bool eligible(const Tensor& t) {
  return t.defined() && t.device() == Device::Cpu && is_floating(t.dtype()) &&
         t.dtype() != DType::F64;
}

// Casts of weights. An entry holds its source, so that no other tensor can take its address.
struct Cast {
  Tensor source, result;
  uint32_t version;
};
thread_local std::unordered_map<const TensorImpl*, Cast> casts;

Tensor cast(const Tensor& t, DType to) {
  const AutogradMeta* m = meta(t);
  bool kept = autocast.cache && to == autocast.dtype && t.dtype() == DType::F32 && m &&
              m->requires_grad && !m->view;
  if (!kept) return ops::to_dtype(t, to);
  auto found = casts.find(t.impl());
  if (found != casts.end()) {
    const Cast& c = found->second;
    bool linked = requires_grad(c.result) || !grad_enabled();
    if (c.version == t.version() && c.result.dtype() == to && linked) return c.result;
  }
  Tensor result = ops::to_dtype(t, to);
  casts.insert_or_assign(t.impl(), Cast{t, result, t.version()});
  return result;
}

bool is_single(PyObject* o) { return is_tensor(o) && tensor_of(o).dtype() == DType::F32; }

// Whether some tensor among the arguments, or in a list of them, is float32.
bool any_single(const Signature& s, const Args& args) {
  for (int i = 0; i < static_cast<int>(s.params.size()); ++i) {
    PyObject* o = args.object(i);
    if (!o || i == s.out) continue;
    if (is_single(o)) return true;
    if (s.params[i].kind != Kind::Tensors || o == Py_None) continue;
    for (Py_ssize_t k = 0; k < PySequence_Fast_GET_SIZE(o); ++k)
      if (is_single(PySequence_Fast_GET_ITEM(o, k))) return true;
  }
  return false;
}
}  // namespace

Tensor autocast_short(const Tensor& t) {
  if (!autocast.enabled || !eligible(t) || t.dtype() == autocast.dtype) return t;
  return cast(t, autocast.dtype);
}

ArgumentCasts::ArgumentCasts(CastRule rule, const Signature& s, Args& args)
    : before_(autocast.enabled) {
  bool casts = rule == CastRule::Widest ? any_single(s, args) : rule != CastRule::Given;
  DType to = rule == CastRule::Short ? autocast.dtype : DType::F32;
  for (int i = 0; casts && i < static_cast<int>(s.params.size()); ++i)
    if (i != s.out && args.given(i)) replace(args, i, to);
  autocast.enabled = false;  // last: a constructor that throws has no destructor
}

void ArgumentCasts::replace(Args& args, int i, DType to) {
  auto wanted = [to](PyObject* o) {
    return is_tensor(o) && eligible(tensor_of(o)) && tensor_of(o).dtype() != to;
  };
  PyObject* o = args.object(i);
  if (wanted(o)) {
    held_.emplace_back(checked(wrap(cast(tensor_of(o), to))));
    args.replace(i, held_.back().get());
  } else if (PyTuple_Check(o) || PyList_Check(o)) {
    Owned list(checked(PySequence_List(o)));
    bool changed = false;
    for (Py_ssize_t k = 0; k < PyList_GET_SIZE(list.get()); ++k) {
      PyObject* item = PyList_GET_ITEM(list.get(), k);
      if (!wanted(item)) continue;
      PyList_SetItem(list.get(), k, checked(wrap(cast(tensor_of(item), to))));
      changed = true;
    }
    if (!changed) return;
    held_.push_back(list);
    args.replace(i, list.get());
  }
}

// ---- settings -----------------------------------------------------------------------------------
void init_autocast(PyObject* module) {
  nb::module_ m = nb::borrow<nb::module_>(module);
  m.def(
      "set_autocast",
      [](bool enabled, nb::object dtype, bool cache) {
        std::optional<DType> d = dtype_of_object(dtype.ptr());
        LAMPAS_CHECK_TYPE(d, "set_autocast(): dtype must be a dtype");
        if (enabled != autocast.enabled) watch.autocasts += enabled ? 1 : -1;
        autocast = {enabled, cache, *d};
        watch.update();
      },
      nb::arg("enabled"), nb::arg("dtype"), nb::arg("cache"),
      "Sets the CPU's autocast on this thread.");
  m.def("clear_autocast_cache", [] { casts.clear(); }, "Forgets weights that were cast.");
  m.def(
      "autocast_dtype",
      []() -> nb::object {
        if (!autocast.enabled) return nb::none();
        return nb::steal(dtype_object(autocast.dtype));
      },
      "Autocast's dtype where it is on for the CPU, on this thread; else None.");
}

}  // namespace lampas::py
