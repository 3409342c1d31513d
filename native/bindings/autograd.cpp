#include "bindings/autograd.h"

#include <algorithm>
#include <unordered_set>

#include "autograd/accumulate.h"
#include "autograd/autograd.h"
#include "bindings/caster.h"
#include "bindings/python_node.h"

namespace nb = nanobind;

namespace lampas::py {

// ---- attributes of Tensor ----------------------------------------------------------------------
PyObject* get_requires_grad(PyObject* o, void*) {
  return PyBool_FromLong(requires_grad(tensor_of(o)));
}
int set_requires_grad_attr(PyObject* o, PyObject* v, void*) {
  return guarded(-1, [&] {
    LAMPAS_CHECK(v && PyBool_Check(v), "requires_grad must be a bool");
    set_requires_grad(tensor_of(o), v == Py_True);
    return 0;
  });
}
PyObject* get_grad(PyObject* o, void*) {
  const AutogradMeta* m = meta(tensor_of(o));
  if (!m) Py_RETURN_NONE;
  if (!m->grad.defined()) {
    if (m->edge.node && !m->retains_grad &&
        PyErr_WarnEx(PyExc_UserWarning,
                     "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. "
                     "Its .grad attribute won't be populated during autograd.backward(). If you "
                     "indeed want the .grad field to be populated for a non-leaf Tensor, use "
                     ".retain_grad() on the non-leaf Tensor. If you access the non-leaf Tensor by "
                     "mistake, make sure you access the leaf Tensor instead.",
                     1) < 0)
      return nullptr;
    Py_RETURN_NONE;
  }
  return guarded([&] { return wrap(m->grad); });
}
int set_grad(PyObject* o, PyObject* v, void*) {
  return guarded(-1, [&] {
    const Tensor& t = tensor_of(o);
    if (!v || v == Py_None) {
      if (AutogradMeta* m = meta(t)) m->grad = Tensor();
      return 0;
    }
    LAMPAS_CHECK_TYPE(is_tensor(v),
                      "assigned grad expected to be a Tensor or None but got grad of type ",
                      Py_TYPE(v)->tp_name);
    const Tensor& g = tensor_of(v);
    LAMPAS_CHECK(!g.is(t), "can't assign Variable as its own grad");
    LAMPAS_CHECK(g.dtype() == t.dtype(), "assigned grad has data of a different type: grad is ", g,
                 ", the tensor ", t);
    LAMPAS_CHECK(g.sizes() == t.sizes(), "assigned grad has data of a different size: grad is ", g,
                 ", the tensor ", t);
    ensure_meta(t).grad = g;
    return 0;
  });
}
PyObject* get_grad_fn(PyObject* o, void*) {
  return guarded([&]() -> PyObject* {
    Node* n = grad_fn(tensor_of(o));
    if (!n) Py_RETURN_NONE;
    return node_object(Ref<Node>::share(n));
  });
}
PyObject* get_is_leaf(PyObject* o, void*) { return PyBool_FromLong(is_leaf(tensor_of(o))); }
PyObject* get_output_nr(PyObject* o, void*) {
  const AutogradMeta* m = meta(tensor_of(o));
  return PyLong_FromUnsignedLong(m ? m->edge.nr : 0);
}
PyObject* get_retains_grad(PyObject* o, void*) {
  const AutogradMeta* m = meta(tensor_of(o));
  return PyBool_FromLong(m && m->retains_grad);
}
PyObject* get_base(PyObject* o, void*) {
  const AutogradMeta* m = meta(tensor_of(o));
  if (!m || !m->view) Py_RETURN_NONE;
  return guarded([&] { return wrap(m->view->base); });
}

int traverse_graph(const Tensor& t, visitproc visit, void* arg) {
  // A gradient that only this tensor holds may lead back here through Python attributes.
  const AutogradMeta* m = meta(t);
  if (m && t.impl()->use_count() == 1 && m->grad.defined() && m->grad.impl()->use_count() == 1 &&
      m->grad.impl()->py)
    Py_VISIT(static_cast<PyObject*>(m->grad.impl()->py));
  return 0;
}

// ---- hooks -------------------------------------------------------------------------------------
namespace {
// Calls every function of an ordered dict that the handles on the Python side keep.
class DictHook final : public GradHook {
 public:
  explicit DictHook(PyObject* dict) : dict_(Owned::share(dict)) {}
  ~DictHook() override {
    PyGILState_STATE s = PyGILState_Ensure();
    dict_ = Owned();
    PyGILState_Release(s);
  }
  Tensor call(const Tensor& grad) override {
    Tensor result = grad;
    Owned functions(checked(PyMapping_Values(dict_.get())));
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(functions.get()); ++i) {
      Owned g(checked(wrap(result)));
      Owned r(checked(PyObject_CallOneArg(PyList_GET_ITEM(functions.get(), i), g.get())));
      if (r.get() == Py_None) continue;
      LAMPAS_CHECK_TYPE(is_tensor(r.get()), "a hook must return None or a Tensor, not ",
                        Py_TYPE(r.get())->tp_name);
      LAMPAS_CHECK(tensor_of(r.get()).sizes() == result.sizes(),
                   "hook has changed the size of value: from ", result.sizes(), " to ",
                   tensor_of(r.get()).sizes());
      result = tensor_of(r.get());
    }
    return result;
  }

  bool has(nb::handle dict) const { return dict_.get() == dict.ptr(); }

 private:
  Owned dict_;
};

// after_accumulate hooks return nothing.
class LeafHook final : public GradHook {
 public:
  explicit LeafHook(PyObject* dict) : dict_(Owned::share(dict)) {}
  Tensor call(const Tensor& leaf) override {
    Owned functions(checked(PyMapping_Values(dict_.get())));
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(functions.get()); ++i) {
      Owned t(checked(wrap(leaf)));
      Owned r(checked(PyObject_CallOneArg(PyList_GET_ITEM(functions.get(), i), t.get())));
    }
    return {};
  }

 private:
  Owned dict_;
};

void register_hook(const Tensor& t, nb::object dict) {
  LAMPAS_CHECK(requires_grad(t),
               "cannot register a hook on a tensor that doesn't require gradient");
  auto hook = std::make_shared<DictHook>(dict.ptr());
  if (Node* n = grad_fn(t))
    n->hooks().on_tensor.push_back({meta(t)->edge.nr, hook});
  else
    ensure_meta(t).hooks.push_back(hook);
}

// Whether the functions in `dict` see the gradient of t's present value. A write in place gives the
// tensor another one.
bool hooks_see(const Tensor& t, nb::handle dict) {
  auto has = [&](const std::shared_ptr<GradHook>& hook) {
    auto* h = dynamic_cast<const DictHook*>(hook.get());
    return h && h->has(dict);
  };
  if (Node* n = grad_fn(t)) {
    const NodeHooks* hooks = n->hooks_or_null();
    return hooks && std::ranges::any_of(hooks->on_tensor, [&](const NodeHooks::OnTensor& h) {
             return h.nr == meta(t)->edge.nr && has(h.hook);
           });
  }
  const AutogradMeta* m = meta(t);
  return m && std::ranges::any_of(m->hooks, has);
}

void register_post_accumulate(const Tensor& t, nb::object dict) {
  LAMPAS_CHECK(requires_grad(t),
               "cannot register a hook on a tensor that doesn't require gradient");
  LAMPAS_CHECK(is_leaf(t), "post accumulate grad hooks cannot be registered on non-leaf tensors");
  ensure_meta(t).after_accumulate.push_back(std::make_shared<LeafHook>(dict.ptr()));
}

void retain_grad(const Tensor& t) {
  LAMPAS_CHECK(requires_grad(t), "can't retain_grad on Tensor that has requires_grad=False");
  if (is_leaf(t) || ensure_meta(t).retains_grad) return;
  ensure_meta(t).retains_grad = true;
  grad_fn(t)->hooks().retain.emplace_back(meta(t)->edge.nr, t.impl());
  meta(t)->self = t.impl();
}

// ---- backward ----------------------------------------------------------------------------------
std::vector<Tensor> tensors_of(nb::handle seq, const char* what) {
  std::vector<Tensor> out;
  for (nb::handle h : seq) {
    LAMPAS_CHECK_TYPE(h.is_none() || is_tensor(h.ptr()), "expected Tensors in ", what, ", got ",
                      Py_TYPE(h.ptr())->tp_name);
    out.push_back(h.is_none() ? Tensor() : tensor_of(h.ptr()));
  }
  return out;
}

nb::object backward(nb::handle roots, nb::handle grads, nb::handle inputs, bool retain, bool create,
                    bool allow_unused, bool accumulate) {
  BackwardOptions o{retain, create, allow_unused, accumulate};
  auto r = tensors_of(roots, "tensors"), g = tensors_of(grads, "grad_tensors"),
       i = tensors_of(inputs, "inputs");
  return nb::steal(checked(to_py(run_backward(r, g, i, o))));
}

// Whether a gradient of `t` can reach a leaf other than `own`.
bool depends_on_others(const Tensor& t, const std::unordered_set<const Node*>& own) {
  Edge start = gradient_edge(t);
  std::vector<const Node*> pending;
  std::unordered_set<const Node*> seen;
  auto visit = [&](const Edge& e) {
    if (e.node && !own.contains(e.node.get()) && seen.insert(e.node.get()).second)
      pending.push_back(e.node.get());
  };
  visit(start);
  while (!pending.empty()) {
    const Node* node = pending.back();
    pending.pop_back();
    if (node->is_accumulator()) return true;
    for (size_t i = 0; i < node->edges.size(); ++i) visit(node->edges[i]);
  }
  return false;
}
nb::list depends(nb::handle tensors, nb::handle own) {
  std::vector<Edge> kept;  // an accumulator lives as long as somebody points to it
  std::unordered_set<const Node*> nodes;
  for (const Tensor& t : tensors_of(own, "own"))
    if (is_leaf(t) && requires_grad(t)) {
      kept.push_back(gradient_edge(t));
      nodes.insert(kept.back().node.get());
    }
  nb::list out;
  for (const Tensor& t : tensors_of(tensors, "tensors")) out.append(depends_on_others(t, nodes));
  return out;
}

std::string forward_stack() {
  Owned module(PyImport_ImportModule("traceback"));
  Owned lines(module ? PyObject_CallMethod(module.get(), "format_stack", nullptr) : nullptr);
  if (!lines) return take_error_text();
  std::string text;
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(lines.get()); ++i)
    text += PyUnicode_AsUTF8(PyList_GET_ITEM(lines.get(), i));
  return text;
}
void warn(const std::string& text) {
  PyObject *type, *value, *trace;
  PyErr_Fetch(&type, &value, &trace);
  if (PyErr_WarnEx(PyExc_UserWarning, text.c_str(), 1) < 0) PyErr_Clear();
  PyErr_Restore(type, value, trace);
}
}  // namespace

void init_autograd(PyObject* module) {
  nb::module_ m = nb::borrow<nb::module_>(module);
  init_nodes(module);
  anomaly.describe = forward_stack;
  anomaly.warn = warn;
  m.def("_backward", &backward);
  m.def("_depends_on_others", &depends, nb::arg("tensors"), nb::arg("own"),
        "For each tensor: whether its graph has a leaf that is not in `own`.");
  m.def("_register_hook", &register_hook);
  m.def("_hooks_see", &hooks_see);
  m.def("_register_post_accumulate", &register_post_accumulate);
  m.def("_retain_grad", &retain_grad);
  m.def(
      "is_grad_enabled", [] { return modes.asked; },
      "is_grad_enabled() -> bool\n\nWhether operators record their gradients on this thread.");
  m.def("_set_grad_enabled", [](bool on) {
    const bool before = modes.asked;
    modes.set(on, modes.inference);
    return before;
  });
  m.def(
      "is_inference_mode_enabled", [] { return modes.inference; },
      "is_inference_mode_enabled() -> bool\n\nWhether this thread is in `inference_mode`.");
  m.def("_set_inference_mode", [](bool on) {
    const bool before = modes.inference;
    modes.set(modes.asked, on);
    return before;
  });
  m.def("_set_anomaly", [](bool on, bool check_nan) {
    anomaly.enabled = on;
    anomaly.check_nan = check_nan;
  });
  m.def("_anomaly", [] { return std::make_tuple(anomaly.enabled, anomaly.check_nan); });
  m.def("_is_inference", [](const Tensor& t) { return t.impl()->inference; });
  m.def("_detach", [](const Tensor& t) { return detach(t); });
}

}  // namespace lampas::py
