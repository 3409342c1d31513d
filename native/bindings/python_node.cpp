#include "bindings/python_node.h"

#include <cstring>
#include <string>
#include <unordered_map>

#include "autograd/accumulate.h"
#include "autograd/autograd.h"
#include "bindings/caster.h"

namespace nb = nanobind;

namespace lampas::py {

namespace {
// ---- grad_fn -----------------------------------------------------------------------------------
struct NodeObject {
  PyObject_HEAD Ref<Node> node;
};
PyTypeObject* node_type = nullptr;

Node& node_of(PyObject* o) { return *reinterpret_cast<NodeObject*>(o)->node; }

void node_dealloc(PyObject* o) {
  auto* self = reinterpret_cast<NodeObject*>(o);
  PyTypeObject* type = Py_TYPE(o);
  if (self->node && self->node->py == o) self->node->py = nullptr;
  self->node.~Ref();
  type->tp_free(o);
  Py_DECREF(type);
}
// DISALLOW_INSTANTIATION is not inherited by the subclasses, a constructor is.
PyObject* node_new(PyTypeObject* type, PyObject*, PyObject*) {
  PyErr_Format(PyExc_TypeError, "cannot create '%s' instances: operators make them", type->tp_name);
  return nullptr;
}
PyObject* node_repr(PyObject* o) {
  return PyUnicode_FromFormat("<%s object at %p>", node_of(o).name(), static_cast<void*>(o));
}
PyObject* node_name(PyObject* o, PyObject*) { return PyUnicode_FromString(node_of(o).name()); }
PyObject* node_next(PyObject* o, void*) {
  return guarded([&]() -> PyObject* {
    Node& n = node_of(o);
    Owned out(checked(PyTuple_New(static_cast<Py_ssize_t>(n.edges.size()))));
    for (size_t i = 0; i < n.edges.size(); ++i) {
      Owned to(n.edges[i].node ? node_object(n.edges[i].node) : Owned::share(Py_None).release());
      PyTuple_SET_ITEM(out.get(), static_cast<Py_ssize_t>(i),
                       checked(Py_BuildValue("(OI)", to.get(), n.edges[i].nr)));
    }
    return out.release();
  });
}
PyObject* node_metadata(PyObject* o, void*) {
  return guarded([&]() -> PyObject* {
    std::shared_ptr<void>& notes = node_of(o).hooks().notes;
    if (!notes)
      notes = std::shared_ptr<void>(checked(PyDict_New()), [](void* dict) {
        PyGILState_STATE s = PyGILState_Ensure();
        Py_DECREF(static_cast<PyObject*>(dict));
        PyGILState_Release(s);
      });
    return Owned::share(static_cast<PyObject*>(notes.get())).release();
  });
}
PyObject* node_variable(PyObject* o, void*) {
  return guarded([&]() -> PyObject* {
    auto* a = dynamic_cast<AccumulateGrad*>(&node_of(o));
    if (!a)
      throw Error(ErrorKind::Attribute,
                  concat("'", node_of(o).name(), "' object has no attribute 'variable'"));
    return wrap(a->leaf());
  });
}

// Functions of an ordered dict around a node's backward.
class NodeDictHook final : public NodeHook {
 public:
  NodeDictHook(PyObject* dict, bool before) : dict_(Owned::share(dict)), before_(before) {}
  void call(std::span<Tensor> inputs, std::span<Tensor> outputs) override {
    std::span<Tensor> target = before_ ? outputs : inputs;
    Owned functions(checked(PyMapping_Values(dict_.get())));
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(functions.get()); ++i) {
      Owned outs(to_py(std::vector<Tensor>(outputs.begin(), outputs.end())));
      Owned ins(before_ ? nullptr : to_py(std::vector<Tensor>(inputs.begin(), inputs.end())));
      PyObject* f = PyList_GET_ITEM(functions.get(), i);
      Owned r(checked(before_ ? PyObject_CallOneArg(f, outs.get())
                              : PyObject_CallFunctionObjArgs(f, ins.get(), outs.get(), nullptr)));
      if (r.get() == Py_None) continue;
      Owned values(checked(PySequence_Tuple(r.get())));
      LAMPAS_CHECK(PyTuple_GET_SIZE(values.get()) == static_cast<Py_ssize_t>(target.size()),
                   "hook has returned an incorrect number of values: expected ", target.size());
      for (size_t k = 0; k < target.size(); ++k) {
        PyObject* v = PyTuple_GET_ITEM(values.get(), static_cast<Py_ssize_t>(k));
        target[k] = v == Py_None ? Tensor() : tensor_of(v);
      }
    }
  }

 private:
  Owned dict_;
  bool before_;
};

PyObject* add_node_hook(PyObject* o, PyObject* dict, bool before) {
  return guarded([&]() -> PyObject* {
    auto& hooks = node_of(o).hooks();
    (before ? hooks.before : hooks.after).push_back(std::make_shared<NodeDictHook>(dict, before));
    Py_RETURN_NONE;
  });
}
// Registering and removing belong to Python: autograd/graph.py.
PyObject* register_node_hook(PyObject* o, PyObject* function, const char* how) {
  Owned module(PyImport_ImportModule("lampas.autograd.graph"));
  return module ? PyObject_CallMethod(module.get(), how, "OO", o, function) : nullptr;
}
PyObject* node_register(PyObject* o, PyObject* function) {
  return register_node_hook(o, function, "_register_hook");
}
PyObject* node_register_pre(PyObject* o, PyObject* function) {
  return register_node_hook(o, function, "_register_prehook");
}
PyObject* node_sequence(PyObject* o, PyObject*) {
  return PyLong_FromUnsignedLongLong(node_of(o).seq);
}
PyObject* node_hook(PyObject* o, PyObject* dict) { return add_node_hook(o, dict, false); }
PyObject* node_prehook(PyObject* o, PyObject* dict) { return add_node_hook(o, dict, true); }

PyGetSetDef node_getset[] = {
    {"next_functions", node_next, nullptr, "Pairs of node and output number that feed this node.",
     nullptr},
    {"metadata", node_metadata, nullptr, "A dict for notes.", nullptr},
    {"variable", node_variable, nullptr, "The leaf whose gradient is accumulated.", nullptr},
    {}};
PyMethodDef node_methods[] = {{"name", node_name, METH_NOARGS, "name() -> str"},
                              {"register_hook", node_register, METH_O,
                               "register_hook(fn) -> handle: fn(grad_inputs, grad_outputs) runs "
                               "after this node's backward; what it returns replaces grad_inputs."},
                              {"register_prehook", node_register_pre, METH_O,
                               "register_prehook(fn) -> handle: fn(grad_outputs) runs before this "
                               "node's backward; what it returns replaces grad_outputs."},
                              {"_sequence_nr", node_sequence, METH_NOARGS,
                               "When the node was made: later nodes have higher numbers."},
                              {"_add_hook", node_hook, METH_O, nullptr},
                              {"_add_prehook", node_prehook, METH_O, nullptr},
                              {}};

// ---- autograd.Function
// ---------------------------------------------------------------------------- The context holds
// Python's side of one call; the node owns it and the tensors it saved.
class PythonNode final : public Node {
 public:
  PythonNode(PyObject* context, std::string name)
      : context_(Owned::share(context)), name_(std::move(name)) {}
  ~PythonNode() override {
    PyGILState_STATE s = PyGILState_Ensure();
    if (PyObject_SetAttrString(context_.get(), "_node", Py_None) < 0) PyErr_Clear();
    context_ = Owned();
    PyGILState_Release(s);
  }
  const char* name() const override { return name_.c_str(); }
  void backward(std::span<const Tensor> grads, Sink& out) override {
    Owned given(checked(PyTuple_New(static_cast<Py_ssize_t>(grads.size()))));
    for (size_t i = 0; i < grads.size(); ++i) {
      Tensor g = grads[i];
      if (!g.defined() && materialize && is_tensor_output[i]) g = engine_math.zeros(outputs[i]);
      PyTuple_SET_ITEM(given.get(), static_cast<Py_ssize_t>(i), checked(wrap(g)));
    }
    Owned back(checked(PyObject_GetAttrString(context_.get(), "_run_backward")));
    Owned result(checked(PyObject_CallOneArg(back.get(), given.get())));
    if (!PyTuple_Check(result.get())) {
      Owned one(PyTuple_Pack(1, result.get()));
      result = std::move(one);
    }
    Py_ssize_t n = PyTuple_GET_SIZE(result.get());
    Py_ssize_t want = static_cast<Py_ssize_t>(edge_of_argument.size());
    for (Py_ssize_t i = want; i < n; ++i)
      LAMPAS_CHECK(PyTuple_GET_ITEM(result.get(), i) == Py_None, "function ", name_,
                   " returned an incorrect number of gradients (expected ", want, ", got ", n, ")");
    LAMPAS_CHECK(n >= want, "function ", name_,
                 " returned an incorrect number of gradients (expected ", want, ", got ", n, ")");
    for (Py_ssize_t i = 0; i < want; ++i) {
      PyObject* g = PyTuple_GET_ITEM(result.get(), i);
      int edge = edge_of_argument[static_cast<size_t>(i)];
      LAMPAS_CHECK(edge >= 0 || g == Py_None, "function ", name_,
                   " returned a gradient different from None at position ", i + 1,
                   ", but the corresponding forward input was not a Variable");
      LAMPAS_CHECK_TYPE(g == Py_None || is_tensor(g), "function ", name_,
                        " must return Tensors or None, got ", Py_TYPE(g)->tp_name, " at position ",
                        i + 1);
      if (edge >= 0 && g != Py_None) out.set(static_cast<size_t>(edge), tensor_of(g));
    }
  }
  void release_saved() override {
    if (saved.empty()) return;
    saved.clear();
    released = true;
  }

  std::vector<Saved> saved;
  std::vector<int> edge_of_argument;  // -1: not a tensor
  std::vector<char> is_tensor_output;
  bool materialize = true;

 private:
  Owned context_;
  std::string name_;
};

bool contains(nb::handle seq, PyObject* o) {
  if (seq.is_none()) return false;
  for (nb::handle h : seq)
    if (h.ptr() == o) return true;
  return false;
}

// A write into a view that a custom function returned could not be traced back to its base.
void forbid_inplace(const Tensor& out, bool is_input, nb::tuple args) {
  AutogradMeta* m = meta(out);
  constexpr const char* kWhy =
      "created inside a custom Function (or is an input returned as it is)";
  if (m && m->view) {
    m->view->no_inplace = kWhy;
    return;
  }
  if (!is_input) return;
  for (nb::handle a : args)
    if (is_tensor(a.ptr()) && tensor_of(a.ptr()).storage_ref() == out.storage_ref() &&
        requires_grad(tensor_of(a.ptr())))
      return mark_view(out, tensor_of(a.ptr()), nullptr, kWhy);
}

// A view that a custom function marked as dirty: its base's history learns of the write.
void write_through_view(const Tensor& view, const Ref<PythonNode>& node, nb::tuple args,
                        size_t outputs) {
  LAMPAS_CHECK(outputs == 1, "function ", node->name(), " changed a view in place (", view,
               ") and returns ", outputs,
               " values: only a function of one result may do so. Remedy: pass a copy, x.clone()");
  node->add_output(view);
  size_t edge = 0;
  for (size_t i = 0; i < args.size(); ++i)
    if (is_tensor(args[i].ptr()) && tensor_of(args[i].ptr()).is(view))
      edge = static_cast<size_t>(node->edge_of_argument[i]);
  after_inplace(view, node, edge);
}

// Connects the outputs of a custom function's forward. `context` offers to_save, dirty, non_diff,
// materialize_grads and, afterwards, gets `_node`.
nb::object connect_function(nb::object context, std::string name, nb::tuple args, nb::tuple outputs,
                            bool differentiable) {
  auto node = make_ref<PythonNode>(context.ptr(), name);
  for (nb::handle a : args) {
    if (!is_tensor(a.ptr())) {
      node->edge_of_argument.push_back(-1);
      continue;
    }
    node->edge_of_argument.push_back(static_cast<int>(node->edges.size()));
    node->edges.push_back(gradient_edge(tensor_of(a.ptr())));
  }
  node->materialize = nb::cast<bool>(context.attr("materialize_grads"));
  nb::object dirty = context.attr("dirty_tensors"), constant = context.attr("non_differentiable");
  if (!dirty.is_none())
    for (nb::handle d : dirty)
      LAMPAS_CHECK(contains(outputs, d.ptr()),
                   "Some elements marked as dirty during the forward method were not returned as "
                   "output. The inputs that are modified inplace must all be outputs of the "
                   "Function (",
                   name, ").");
  nb::list results;
  for (nb::handle o : outputs) {
    node->is_tensor_output.push_back(is_tensor(o.ptr()));
    if (!is_tensor(o.ptr())) {
      results.append(o);
      if (differentiable) node->outputs.push_back({});
      continue;
    }
    Tensor t = tensor_of(o.ptr());
    bool is_input = contains(args, o.ptr()), is_dirty = contains(dirty, o.ptr());
    bool fixed = contains(constant, o.ptr()) || !is_differentiable(t.dtype());
    if (is_dirty) {
      check_inplace(t, name.c_str());
      if (differentiable && !fixed && is_input && meta(t) && meta(t)->view) {
        write_through_view(t, node, args, outputs.size());
        results.append(o);
        continue;
      }
      t.bump_version();
    }
    // An input returned as it is becomes a view of itself, so that it can have this grad_fn.
    if (is_input && !is_dirty) t = t.alias();
    if (!is_dirty && !is_input && meta(t) && meta(t)->edge.node) t = t.alias();
    if (differentiable && !is_dirty && !fixed) forbid_inplace(t, is_input, args);
    if (differentiable) {
      uint32_t nr = node->add_output(t);
      if (!fixed) set_grad_fn(t, node, nr);
    }
    results.append(nb::steal(wrap(t)));
  }
  nb::object to_save = context.attr("to_save");
  if (!to_save.is_none())
    for (nb::handle s : to_save) {
      if (s.is_none()) {
        node->saved.emplace_back();
        continue;
      }
      LAMPAS_CHECK_TYPE(is_tensor(s.ptr()),
                        "save_for_backward can only save variables, but argument is of type ",
                        Py_TYPE(s.ptr())->tp_name);
      bool output = false;
      for (size_t i = 0; i < nb::len(outputs) && differentiable; ++i)
        if (nb::handle(outputs[i]).ptr() == s.ptr()) {
          node->saved.push_back(
              Saved::output(tensor_of(nb::handle(results[i]).ptr()), static_cast<uint32_t>(i)));
          output = true;
          break;
        }
      if (!output) node->saved.push_back(Saved(tensor_of(s.ptr())));
    }
  // The node owns the context, so the context must not own the node.
  // When it dies it takes itself out of the context.
  context.attr("_node") = nb::capsule(node.get(), "lampas.PythonNode");
  context.attr("to_save") = nb::none();
  return nb::tuple(results);
}

nb::object saved_tensors(nb::capsule node) {
  auto* n = static_cast<PythonNode*>(node.data());
  LAMPAS_CHECK(!n->released,
               "Trying to backward through the graph a second time (or directly access saved "
               "tensors after they have already been freed). Specify retain_graph=True if you need "
               "to backward through the graph a second time.");
  std::vector<Tensor> out;
  for (const Saved& s : n->saved) out.push_back(s());
  return nb::steal(checked(to_py(out)));
}

// One subclass of Node for each name, so that type(grad_fn).__name__ tells what it is.
PyTypeObject* type_of_node(const char* name) {
  struct Entry {
    std::string full_name;  // Python 3.10 does not copy it
    PyTypeObject* type = nullptr;
  };
  static auto& types = *new std::unordered_map<std::string, Entry>();
  Entry& e = types[name];
  if (!e.type) {
    e.full_name = concat("lampas._C.", name);
    PyType_Slot slots[] = {{Py_tp_dealloc, reinterpret_cast<void*>(node_dealloc)}, {0, nullptr}};
    PyType_Spec spec = {e.full_name.c_str(), sizeof(NodeObject), 0, Py_TPFLAGS_DEFAULT, slots};
    e.type = reinterpret_cast<PyTypeObject*>(
        checked(PyType_FromSpecWithBases(&spec, reinterpret_cast<PyObject*>(node_type))));
  }
  return e.type;
}
}  // namespace

PyObject* node_object(Ref<Node> n) {
  if (n->py) return Owned::share(static_cast<PyObject*>(n->py)).release();
  auto* o = PyObject_New(NodeObject, type_of_node(n->name()));
  if (!o) throw PythonError();
  n->py = o;
  new (&o->node) Ref<Node>(std::move(n));
  return reinterpret_cast<PyObject*>(o);
}

Ref<Node> node_of_object(PyObject* o) {
  LAMPAS_CHECK_TYPE(PyObject_TypeCheck(o, node_type),
                    "expected a node of the graph (tensor.grad_fn), got ", Py_TYPE(o)->tp_name);
  return reinterpret_cast<NodeObject*>(o)->node;
}

void init_nodes(PyObject* module) {
  PyType_Slot slots[] = {{Py_tp_new, reinterpret_cast<void*>(node_new)},
                         {Py_tp_dealloc, reinterpret_cast<void*>(node_dealloc)},
                         {Py_tp_repr, reinterpret_cast<void*>(node_repr)},
                         {Py_tp_getset, node_getset},
                         {Py_tp_methods, node_methods},
                         {Py_tp_doc, const_cast<char*>("An operation in the graph: what "
                                                       "`tensor.grad_fn` holds.")},
                         {0, nullptr}};
  PyType_Spec spec = {"lampas._C.Node", sizeof(NodeObject), 0,
                      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, slots};
  node_type = reinterpret_cast<PyTypeObject*>(checked(PyType_FromSpec(&spec)));
  if (PyModule_AddObjectRef(module, "Node", reinterpret_cast<PyObject*>(node_type)) < 0)
    throw PythonError();
  nb::module_ m = nb::borrow<nb::module_>(module);
  m.def("_connect_function", &connect_function);
  m.def("_saved_tensors", &saved_tensors);
}

}  // namespace lampas::py
