// What lampas.optim calls: a step over all parameters of a group, and clearing of gradients.
#include <cstring>

#include "autograd/autograd.h"
#include "bindings/module.h"
#include "ops/copy.h"
#include "ops/optim.h"

namespace lampas::py {

namespace {

using kernels::OptimRule;
using ops::OptimJob;
using ops::OptimSignature;

struct Call {
  const OptimSignature& rule;
  PyObject* state;  // from parameters to dicts
  PyObject* names;  // of the scalars, then of the buffers
  bool maximize;
  double options[ops::kMaxOptions];
};

// The tensor that `entry` holds under a name; null where there is none.
const Tensor* entry_tensor(PyObject* entry, PyObject* name) {
  PyObject* value = PyDict_GetItemWithError(entry, name);
  if (!value && PyErr_Occurred()) throw PythonError();
  return value && is_tensor(value) ? &tensor_of(value) : nullptr;
}

// RMSprop's second and third buffer may each be missing; the kernel knows them by place.
int buffer_place(const Call& call, int i) {
  return call.rule.rule == OptimRule::RMSprop && i == 1 && call.options[4] <= 0 ? 2 : i;
}

// Fills `job` and counts the step; false where the kernels do not take this parameter.
bool prepare(const Call& call, PyObject* object, const Tensor& grad, OptimJob& job) {
  const Tensor& p = tensor_of(object);
  if (!ops::optim_takes(p) || grad.dtype() != p.dtype() || grad.sizes() != p.sizes() ||
      grad.is_meta() || !grad.is_contiguous())
    return false;
  const int names = static_cast<int>(PyTuple_GET_SIZE(call.names));
  const int buffers = names - call.rule.scalars;
  PyObject* entry = nullptr;
  if (names > 0) {
    entry = PyDict_GetItemWithError(call.state, object);
    if (!entry && PyErr_Occurred()) throw PythonError();
    if (!entry || !PyDict_Check(entry)) return false;
  }
  const Tensor* written[ops::kMaxScalars + kernels::kOptimBuffers];
  ops::OptimScalar scalars[ops::kMaxScalars];
  for (int i = 0; i < call.rule.scalars; ++i) {
    const Tensor* t = written[i] = entry_tensor(entry, PyTuple_GET_ITEM(call.names, i));
    if (!t || !ops::optim_takes(*t) || t->numel() != 1 || is_half(t->dtype())) return false;
    scalars[i] = {t->data(), t->dtype() == DType::F64};
  }
  job = {};
  for (int i = 0; i < buffers; ++i) {
    PyObject* name = PyTuple_GET_ITEM(call.names, call.rule.scalars + i);
    const Tensor* t = written[call.rule.scalars + i] = entry_tensor(entry, name);
    if (!t || !ops::optim_takes(*t) || t->dtype() != p.dtype() || t->sizes() != p.sizes())
      return false;
    job.whole.buffer[buffer_place(call, i)] = t->data();
  }
  job.whole.param = p.data();
  job.whole.grad = grad.data();
  job.whole.n = p.numel();
  job.dtype = p.dtype();
  job.numbers = ops::optim_numbers(call.rule.rule, call.options, call.maximize, scalars);
  p.bump_version();
  for (int i = 0; i < names; ++i) written[i]->bump_version();
  return true;
}

// All of a group's parameters; returns a list of those left to the caller, or None.
PyObject* update(const Call& call, PyObject* params) {
  std::vector<OptimJob> jobs;
  const Py_ssize_t n = PyList_GET_SIZE(params);
  jobs.reserve(static_cast<size_t>(n));
  Owned rest;
  for (Py_ssize_t i = 0; i < n; ++i) {
    PyObject* object = PyList_GET_ITEM(params, i);
    LAMPAS_CHECK_TYPE(is_tensor(object), "_optim_update: params[", i, "] is a ",
                      Py_TYPE(object)->tp_name, ", not a Tensor");
    const AutogradMeta* m = meta(tensor_of(object));
    if (!m || !m->grad.defined()) continue;
    jobs.emplace_back();
    if (prepare(call, object, m->grad, jobs.back())) continue;
    jobs.pop_back();
    if (!rest) rest = Owned(checked(PyList_New(0)));
    if (PyList_Append(rest.get(), object) < 0) throw PythonError();
  }
  ops::optim_update(call.rule.rule, jobs);
  return rest ? rest.release() : Owned::share(Py_None).release();
}

constexpr char kUpdateDoc[] =
    "_optim_update(rule, params, state, names, maximize, options)\n--\n\n"
    "Updates the parameters that have a gradient, in one pass over memory.\n\n"
    "Args:\n"
    "    rule: 'sgd', 'adam', 'adamax', 'nadam', 'radam', 'adagrad', 'adadelta', 'rmsprop',\n"
    "        'rprop' or 'asgd'.\n"
    "    params: a list of tensors.\n"
    "    state: a dict from parameters to dicts of tensors, which are updated in place.\n"
    "    names: the keys in these dicts: of single numbers first, then of buffers.\n"
    "    maximize: whether to ascend.\n"
    "    options: a tuple of numbers; see native/ops/optim.h.\n\n"
    "Returns:\n"
    "    A list of the parameters it left alone because they, their gradients or states are not\n"
    "    plain, or states are missing; None if there is none.\n";

PyObject* optim_update(PyObject*, PyObject* const* args, Py_ssize_t n) {
  return guarded([&]() -> PyObject* {
    LAMPAS_CHECK_TYPE(n == 6, "_optim_update() takes 6 arguments but got ", n);
    LAMPAS_CHECK_TYPE(PyUnicode_Check(args[0]) && PyList_Check(args[1]) && PyDict_Check(args[2]) &&
                          PyTuple_Check(args[3]) && PyTuple_Check(args[5]),
                      "_optim_update() takes (str, list, dict, tuple, bool, tuple)");
    const char* name = PyUnicode_AsUTF8(args[0]);
    if (!name) throw PythonError();
    Call call{ops::optim_signature(name), args[2], args[3], PyObject_IsTrue(args[4]) == 1, {}};
    const Py_ssize_t options = PyTuple_GET_SIZE(args[5]);
    const Py_ssize_t buffers = PyTuple_GET_SIZE(args[3]) - call.rule.scalars;
    LAMPAS_CHECK_VALUE(options == call.rule.options && buffers >= call.rule.min_buffers &&
                           buffers <= call.rule.max_buffers,
                       "_optim_update: rule '", name, "' takes ", call.rule.options,
                       " options and ", call.rule.min_buffers, " to ", call.rule.max_buffers,
                       " buffers, but got ", options, " and ", buffers);
    for (Py_ssize_t i = 0; i < options; ++i) {
      call.options[i] = PyFloat_AsDouble(PyTuple_GET_ITEM(args[5], i));
      if (call.options[i] == -1.0 && PyErr_Occurred()) throw PythonError();
    }
    return update(call, args[1]);
  });
}

void zero_grad(AutogradMeta& m) {
  if (requires_grad(m.grad)) m.grad = detach(m.grad);
  check_inplace(m.grad, "zero_grad");
  ops::fill_raw(m.grad, Scalar(0));
  m.grad.bump_version();
}

constexpr char kZeroDoc[] =
    "_zero_grads(params, set_to_none)\n--\n\n"
    "Drops the gradients of a list of tensors, or fills them with zeros.\n";

PyObject* zero_grads(PyObject*, PyObject* const* args, Py_ssize_t n) {
  return guarded([&]() -> PyObject* {
    LAMPAS_CHECK_TYPE(n == 2 && PyList_Check(args[0]), "_zero_grads() takes a list and a bool");
    const int set_to_none = PyObject_IsTrue(args[1]);
    if (set_to_none < 0) throw PythonError();
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(args[0]); ++i) {
      PyObject* object = PyList_GET_ITEM(args[0], i);
      LAMPAS_CHECK_TYPE(is_tensor(object), "_zero_grads: params[", i, "] is a ",
                        Py_TYPE(object)->tp_name, ", not a Tensor");
      AutogradMeta* m = meta(tensor_of(object));
      if (!m || !m->grad.defined()) continue;
      if (!set_to_none) {
        zero_grad(*m);
        continue;
      }
      // Its end may run Python code (weak references), which may change the list.
      const Tensor dropped = std::exchange(m->grad, Tensor());
    }
    Py_RETURN_NONE;
  });
}

PyMethodDef methods[] = {
    {"_optim_update", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(optim_update)),
     METH_FASTCALL, kUpdateDoc},
    {"_zero_grads", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(zero_grads)),
     METH_FASTCALL, kZeroDoc},
    {},
};

}  // namespace

void define_optim(PyObject* module) {
  if (PyModule_AddFunctions(module, methods) < 0) throw PythonError();
}

}  // namespace lampas::py
