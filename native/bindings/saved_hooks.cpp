// Hooks on the tensors that a graph saves: a pair of Python functions packs and unpacks them.
#include "autograd/autograd.h"
#include "bindings/caster.h"
#include "bindings/python_node.h"

namespace nb = nanobind;

namespace lampas::py {

namespace {
// References that `pop` gives back. Hooks that nobody removed are left alone: when a thread's or
// the process's objects are destroyed, Python can no longer be called.
struct Hooks {
  PyObject *pack, *unpack;
};
thread_local std::vector<Hooks> stack;
thread_local std::optional<std::string> disabled;  // why there may be no hooks

class PythonPacked final : public Packed {
 public:
  PythonPacked(Owned value, Owned unpack) : value_(std::move(value)), unpack_(std::move(unpack)) {}
  ~PythonPacked() override {
    PyGILState_STATE s = PyGILState_Ensure();
    value_ = unpack_ = Owned();
    PyGILState_Release(s);
  }
  Tensor unpack() override {
    Owned t(checked(PyObject_CallOneArg(unpack_.get(), value_.get())));
    LAMPAS_CHECK_TYPE(is_tensor(t.get()),
                      "Output of saved tensor unpack_hook expected to be a Tensor but got result "
                      "of type ",
                      Py_TYPE(t.get())->tp_name);
    return tensor_of(t.get());
  }

 private:
  Owned value_, unpack_;
};

Ref<Packed> pack(const Tensor& value) {
  Owned pack_hook = Owned::share(stack.back().pack), unpack = Owned::share(stack.back().unpack);
  uint32_t before = value.version();
  Owned given(checked(wrap(value)));
  Owned packed(checked(PyObject_CallOneArg(pack_hook.get(), given.get())));
  LAMPAS_CHECK(
      value.version() == before,
      "A saved tensor pack hook is modifying its input in place. Tensors provided as input "
      "to pack hook can not be modified by in-place operations as this can lead to "
      "unexpected side-effects. Remedy: work on a copy, t.clone()");
  return make_ref<PythonPacked>(std::move(packed), std::move(unpack));
}

void push(nb::object pack_hook, nb::object unpack_hook) {
  LAMPAS_CHECK(!disabled, *disabled);
  stack.push_back({pack_hook.release().ptr(), unpack_hook.release().ptr()});
  pack_saved = pack;
}
void pop() {
  LAMPAS_CHECK(!stack.empty(), "there are no saved tensor hooks to remove");
  const Owned pack_hook(stack.back().pack), unpack_hook(stack.back().unpack);
  stack.pop_back();
  if (stack.empty()) pack_saved = nullptr;
}

std::optional<std::string> disable(std::optional<std::string> why) {
  LAMPAS_CHECK(!why || stack.empty(), why.value_or(""));
  return std::exchange(disabled, std::move(why));
}

// A tensor without memory of its own that stands for a place in the graph.
Tensor at_edge(nb::handle node, uint32_t nr) {
  Ref<Node> n = node_of_object(node.ptr());
  LAMPAS_CHECK_INDEX(nr < n->outputs.size(), "output_nr ", nr, " of ", n->name(), ", which has ",
                     n->outputs.size(), " outputs");
  const GradShape& shape = n->outputs[nr];
  Tensor one = engine_math.zeros({{1}, shape.dtype, shape.device});
  Tensor t =
      Tensor::over(one.storage_ref(), shape.dtype, shape.sizes, Dims(shape.sizes.size(), 0), 0);
  set_grad_fn(t, n, nr);
  return t;
}
nb::tuple edge_of(const Tensor& t) {
  Edge e = gradient_edge(t);
  LAMPAS_CHECK(e,
               "It is not possible to get the gradient edge for a Tensor that does not require "
               "gradients (",
               t, ")");
  return nb::make_tuple(nb::steal(node_object(e.node)), e.nr);
}
}  // namespace

void init_saved_hooks(PyObject* module) {
  nb::module_ m = nb::borrow<nb::module_>(module);
  m.def("_push_saved_hooks", &push, nb::arg("pack"), nb::arg("unpack"));
  m.def("_pop_saved_hooks", &pop);
  m.def("_disable_saved_hooks", &disable, nb::arg("why").none());
  m.def("_at_edge", &at_edge, nb::arg("node"), nb::arg("nr"));
  m.def("_reaches_all_leaves", &reaches_all_leaves);
  m.def("_current_pass", &current_pass, "The number of the running backward pass, 0 for none.");
  m.def(
      "_will_run", [](nb::handle node) { return will_run(*node_of_object(node.ptr())); },
      nb::arg("node"));
  m.def("_gradient_edge", &edge_of, nb::arg("tensor"));
  m.def("_increment_version", [](const Tensor& t) {
    LAMPAS_CHECK(!t.impl()->inference, "Inference tensors do not track version counter.");
    t.bump_version();
  });
}

}  // namespace lampas::py
