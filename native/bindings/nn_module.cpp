// The native half of nn.Module: attribute access and calls at the speed of C.
#include <initializer_list>

#include "bindings/caster.h"
#include "bindings/module.h"

namespace nb = nanobind;

namespace lampas::py {

namespace {
struct ModuleObject {
  PyObject_HEAD PyObject* dict;
  PyObject* weak;
  // Never read. Without a field beyond dict and weak, Python would let `class Net(Mixin,
  // nn.Module)` take its layout from Mixin, and `dict` would lie elsewhere.
  void* layout;
};

// Names looked up on every call, interned once.
PyObject *n_forward, *n_call_with_hooks, *n_parameters, *n_buffers, *n_modules, *n_getattr,
    *n_getattribute;
PyObject* hook_names[4];    // an instance's hook dicts
PyObject* global_hooks[4];  // the hook dicts of all modules
PyTypeObject* base_type;
PyObject* own_getattr;       // nn.Module.__getattr__: raises the readable error
PyObject* own_getattribute;  // ModuleBase's wrapper of module_getattro

// What an instance's tables hold under `name`: a borrowed reference, or null, perhaps with an
// error.
PyObject* registered(PyObject* dict, PyObject* name) {
  for (PyObject* table : {n_parameters, n_modules, n_buffers}) {
    PyObject* entries = PyDict_GetItemWithError(dict, table);
    if (!entries || !PyDict_Check(entries)) continue;
    PyObject* entry = PyDict_GetItemWithError(entries, name);
    if (entry || PyErr_Occurred()) return entry;
  }
  return nullptr;
}

// Class attributes and instance attributes first; then parameters, submodules and buffers.
PyObject* module_getattro(PyObject* o, PyObject* name) {
  PyTypeObject* type = Py_TYPE(o);
  PyObject* dict = reinterpret_cast<ModuleObject*>(o)->dict;
  PyObject* found = nullptr;
  if (dict && !_PyType_Lookup(type, name)) {
    // No class attribute: the dictionaries, without an AttributeError made and dropped in between.
    found = PyDict_GetItemWithError(dict, name);
    if (!found && !PyErr_Occurred()) found = registered(dict, name);
  } else {
    found = PyObject_GenericGetAttr(o, name);
    if (found || !PyErr_ExceptionMatches(PyExc_AttributeError)) return found;
    PyErr_Clear();
    if (dict) found = registered(dict, name);
  }
  if (found) return Owned::share(found).release();
  if (PyErr_Occurred()) return nullptr;
  // A class with a __getattr__ of its own gets here through Python's slot, which calls it next.
  if (type->tp_getattro == module_getattro && own_getattr) {
    PyObject* args[2] = {o, name};
    return PyObject_Vectorcall(own_getattr, args, 2, nullptr);
  }
  PyErr_SetObject(PyExc_AttributeError, name);
  return nullptr;
}

// Python gives every class that has a __getattr__ its own slow slot, and nn.Module has one, for the
// error message. Classes that change neither it nor __getattribute__ get the fast slot back.
PyObject* init_subclass(PyObject* cls, PyObject* args, PyObject* kwargs) {
  auto* type = reinterpret_cast<PyTypeObject*>(cls);
  PyObject* getattr = _PyType_Lookup(type, n_getattr);
  if (!own_getattr && getattr) own_getattr = Owned::share(getattr).release();
  if (getattr == own_getattr && _PyType_Lookup(type, n_getattribute) == own_getattribute) {
    type->tp_getattro = module_getattro;
    PyType_Modified(type);
  }
  PyObject* self = reinterpret_cast<PyObject*>(base_type);
  Owned super(
      PyObject_CallFunctionObjArgs(reinterpret_cast<PyObject*>(&PySuper_Type), self, cls, nullptr));
  if (!super) return nullptr;
  Owned next(PyObject_GetAttrString(super.get(), "__init_subclass__"));
  return next ? PyObject_Call(next.get(), args, kwargs) : nullptr;
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

PyMemberDef members[] = {
    {"__dictoffset__", T_PYSSIZET, offsetof(ModuleObject, dict), READONLY, nullptr},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(ModuleObject, weak), READONLY, nullptr},
    {}};
PyMethodDef methods[] = {
    {"__init_subclass__",
     reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(init_subclass)),
     METH_VARARGS | METH_KEYWORDS | METH_CLASS, nullptr},
    {}};
PyGetSetDef getset[] = {
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, nullptr, nullptr}, {}};
}  // namespace

void init_nn_module(PyObject* module) {
  n_forward = PyUnicode_InternFromString("forward");
  n_call_with_hooks = PyUnicode_InternFromString("_call_with_hooks");
  n_parameters = PyUnicode_InternFromString("_parameters");
  n_buffers = PyUnicode_InternFromString("_buffers");
  n_modules = PyUnicode_InternFromString("_modules");
  n_getattr = PyUnicode_InternFromString("__getattr__");
  n_getattribute = PyUnicode_InternFromString("__getattribute__");
  const char* names[4] = {"_forward_hooks", "_forward_pre_hooks", "_backward_hooks",
                          "_backward_pre_hooks"};
  for (int i = 0; i < 4; ++i) hook_names[i] = PyUnicode_InternFromString(names[i]);
  PyType_Slot slots[] = {{Py_tp_getattro, reinterpret_cast<void*>(module_getattro)},
                         {Py_tp_call, reinterpret_cast<void*>(module_call)},
                         {Py_tp_traverse, reinterpret_cast<void*>(module_traverse)},
                         {Py_tp_clear, reinterpret_cast<void*>(module_clear)},
                         {Py_tp_dealloc, reinterpret_cast<void*>(module_dealloc)},
                         {Py_tp_members, members},
                         {Py_tp_getset, getset},
                         {Py_tp_methods, methods},
                         {0, nullptr}};
  PyType_Spec spec = {"lampas._C.ModuleBase", sizeof(ModuleObject), 0,
                      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC, slots};
  Owned type(checked(PyType_FromSpec(&spec)));
  if (PyModule_AddObjectRef(module, "ModuleBase", type.get()) < 0) throw PythonError();
  base_type = reinterpret_cast<PyTypeObject*>(type.get());  // the module keeps it alive
  own_getattribute = _PyType_Lookup(base_type, n_getattribute);
  nb::module_ m = nb::borrow<nb::module_>(module);
  m.def("set_global_module_hooks", [](nb::dict forward_pre, nb::dict forward, nb::dict backward_pre,
                                      nb::dict backward) {
    PyObject* given[4] = {forward_pre.ptr(), forward.ptr(), backward_pre.ptr(), backward.ptr()};
    for (int i = 0; i < 4; ++i) {
      Py_XDECREF(global_hooks[i]);
      global_hooks[i] = Owned::share(given[i]).release();
    }
  });
}

}  // namespace lampas::py
