// The native half of nn.Module: attribute access and calls at the speed of C.


#include "bindings/caster.h"
#include "bindings/module.h"

namespace nb = nanobind;

namespace lampas::py {

namespace {
struct ModuleObject {
  PyObject_HEAD
  PyObject* dict;
  PyObject* weak;
};

// Names looked up on every call, interned once.
PyObject *n_forward, *n_call_with_hooks, *n_parameters, *n_buffers, *n_modules;
PyObject* hook_names[4];    // an instance's hook dicts
PyObject* global_hooks[4];  // the hook dicts of all modules

// Class attributes and instance attributes first; then parameters, buffers and submodules.
PyObject* module_getattro(PyObject* o, PyObject* name) {
  PyObject* found = PyObject_GenericGetAttr(o, name);
  if (found || !PyErr_ExceptionMatches(PyExc_AttributeError)) return found;
  PyObject* dict = reinterpret_cast<ModuleObject*>(o)->dict;
  if (!dict) return nullptr;
  PyObject *type, *value, *trace;
  PyErr_Fetch(&type, &value, &trace);
  for (PyObject* table : {n_parameters, n_modules, n_buffers}) {
    PyObject* entries = PyDict_GetItemWithError(dict, table);
    PyObject* entry = entries && PyDict_Check(entries) ? PyDict_GetItemWithError(entries, name) : nullptr;
    if (entry) {
      Py_XDECREF(type);
      Py_XDECREF(value);
      Py_XDECREF(trace);
      return Owned::share(entry).release();
    }
  }
  PyErr_Restore(type, value, trace);
  return nullptr;
}

bool has_hooks(PyObject* dict) {
  for (PyObject* g : global_hooks)
    if (g && PyDict_GET_SIZE(g) > 0) return true;
  for (PyObject* name : hook_names) {
    PyObject* hooks = PyDict_GetItemWithError(dict, name);
    if (hooks && PyDict_Check(hooks) && PyDict_GET_SIZE(hooks) > 0) return true;
  }
  return false;
}

PyObject* module_call(PyObject* o, PyObject* args, PyObject* kwargs) {
  PyObject* dict = reinterpret_cast<ModuleObject*>(o)->dict;
  PyObject* name = dict && has_hooks(dict) ? n_call_with_hooks : n_forward;
  Py_ssize_t n = PyTuple_GET_SIZE(args);
  if (!kwargs && n <= 6) {
    PyObject* stack[7] = {o};
    for (Py_ssize_t i = 0; i < n; ++i) stack[i + 1] = PyTuple_GET_ITEM(args, i);
    return PyObject_VectorcallMethod(name, stack, static_cast<size_t>(n + 1), nullptr);
  }
  Owned method(PyObject_GetAttr(o, name));
  return method ? PyObject_Call(method.get(), args, kwargs) : nullptr;
}

int module_traverse(PyObject* o, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(o));
  Py_VISIT(reinterpret_cast<ModuleObject*>(o)->dict);
  return 0;
}
int module_clear(PyObject* o) {
  Py_CLEAR(reinterpret_cast<ModuleObject*>(o)->dict);
  return 0;
}
void module_dealloc(PyObject* o) {
  auto* self = reinterpret_cast<ModuleObject*>(o);
  PyTypeObject* type = Py_TYPE(o);
  PyObject_GC_UnTrack(o);
  if (self->weak) PyObject_ClearWeakRefs(o);
  Py_CLEAR(self->dict);
  type->tp_free(o);
  Py_DECREF(type);
}

PyMemberDef members[] = {{"__dictoffset__", T_PYSSIZET, offsetof(ModuleObject, dict), READONLY, nullptr},
                         {"__weaklistoffset__", T_PYSSIZET, offsetof(ModuleObject, weak), READONLY, nullptr},
                         {}};
PyGetSetDef getset[] = {{"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, nullptr, nullptr}, {}};
}  // namespace

void init_nn_module(PyObject* module) {
  n_forward = PyUnicode_InternFromString("forward");
  n_call_with_hooks = PyUnicode_InternFromString("_call_with_hooks");
  n_parameters = PyUnicode_InternFromString("_parameters");
  n_buffers = PyUnicode_InternFromString("_buffers");
  n_modules = PyUnicode_InternFromString("_modules");
  const char* names[4] = {"_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks"};
  for (int i = 0; i < 4; ++i) hook_names[i] = PyUnicode_InternFromString(names[i]);
  PyType_Slot slots[] = {{Py_tp_getattro, reinterpret_cast<void*>(module_getattro)},
                         {Py_tp_call, reinterpret_cast<void*>(module_call)},
                         {Py_tp_traverse, reinterpret_cast<void*>(module_traverse)},
                         {Py_tp_clear, reinterpret_cast<void*>(module_clear)},
                         {Py_tp_dealloc, reinterpret_cast<void*>(module_dealloc)},
                         {Py_tp_members, members},
                         {Py_tp_getset, getset},
                         {0, nullptr}};
  PyType_Spec spec = {"lampas._C.ModuleBase", sizeof(ModuleObject), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC, slots};
  Owned type(checked(PyType_FromSpec(&spec)));
  if (PyModule_AddObjectRef(module, "ModuleBase", type.get()) < 0) throw PythonError();
  nb::module_ m = nb::borrow<nb::module_>(module);
  m.def("set_global_module_hooks", [](nb::dict forward_pre, nb::dict forward, nb::dict backward_pre, nb::dict backward) {
    PyObject* given[4] = {forward_pre.ptr(), forward.ptr(), backward_pre.ptr(), backward.ptr()};
    for (int i = 0; i < 4; ++i) {
      Py_XDECREF(global_hooks[i]);
      global_hooks[i] = Owned::share(given[i]).release();
    }
  });
}

}  // namespace lampas::py
