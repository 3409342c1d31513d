#include "bindings/watch.h"

#include "bindings/caster.h"

namespace nb = nanobind;

namespace lampas::py {

namespace {
struct InMode {
  InMode() { watch.in_mode = true; }
  ~InMode() { watch.in_mode = false; }
};
Owned kwargs_of(PyObject* const* args, Py_ssize_t n, PyObject* names) {
  Owned kwargs(checked(PyDict_New()));
  for (Py_ssize_t i = 0; names && i < PyTuple_GET_SIZE(names); ++i)
    if (PyDict_SetItem(kwargs.get(), PyTuple_GET_ITEM(names, i), args[n + i]) < 0)
      throw PythonError();
  return kwargs;
}
Owned tuple_of(PyObject* const* args, Py_ssize_t n) {
  Owned t(checked(PyTuple_New(n)));
  for (Py_ssize_t i = 0; i < n; ++i) PyTuple_SET_ITEM(t.get(), i, Owned::share(args[i]).release());
  return t;
}
}  // namespace

PyObject* Watch::redirect(PyObject* func, const char*, PyObject* const* args, Py_ssize_t n,
                          PyObject* names) {
  if (!mode || in_mode) return nullptr;
  InMode guard;
  Owned a = tuple_of(args, n), k = kwargs_of(args, n, names), m = mode;
  Owned r(checked(PyObject_CallFunctionObjArgs(m.get(), func, a.get(), k.get(), nullptr)));
  return r.get() == Py_NotImplemented ? nullptr : r.release();
}

PyObject* Watch::around(const char* name, const std::function<PyObject*()>& call) {
  Owned first = before, last = after;
  if (first) Owned(checked(PyObject_CallFunction(first.get(), "s", name)));
  Owned result(call());
  if (last) {
    PyObject *type, *value, *trace;
    PyErr_Fetch(&type, &value, &trace);
    Owned r(PyObject_CallFunction(last.get(), "s", name));
    if (!r) throw PythonError();
    PyErr_Restore(type, value, trace);
  }
  return result.release();
}

PyObject* try_torch_function(PyObject* func, const char*, PyObject* const* args, Py_ssize_t n,
                             PyObject* names) {
  Py_ssize_t all = n + (names ? PyTuple_GET_SIZE(names) : 0);
  for (Py_ssize_t i = 0; i < all; ++i) {
    auto* type = reinterpret_cast<PyObject*>(Py_TYPE(args[i]));
    if (args[i] == Py_None || PyLong_Check(args[i]) || PyFloat_Check(args[i]) ||
        PyTuple_Check(args[i]) || PyList_Check(args[i]) || Py_TYPE(args[i]) == tensor_type)
      continue;
    Owned f(PyObject_GetAttrString(args[i], "__torch_function__"));
    if (!f) {
      PyErr_Clear();
      continue;
    }
    Owned types(checked(PyTuple_Pack(1, type))), a = tuple_of(args, n),
                                                 k = kwargs_of(args, n, names);
    return checked(
        PyObject_CallFunctionObjArgs(f.get(), func, types.get(), a.get(), k.get(), nullptr));
  }
  return nullptr;
}

void init_watch(PyObject* module) {
  nb::module_ m = nb::borrow<nb::module_>(module);
  auto owned = [](nb::object o) { return o.is_none() ? Owned() : Owned(o.release().ptr()); };
  m.def(
      "_set_observer",
      [owned](nb::object before, nb::object after) {
        watch.before = owned(before);
        watch.after = owned(after);
        watch.update();
      },
      nb::arg("before").none(), nb::arg("after").none());
  m.def(
      "_set_function_mode",
      [owned](nb::object mode) {
        nb::object old = watch.mode ? nb::borrow(watch.mode.get()) : nb::none();
        watch.mode = owned(mode);
        watch.update();
        return old;
      },
      nb::arg("mode").none());
}

}  // namespace lampas::py
