// Creates lampas.Tensor.
#pragma once
#include "bindings/object.h"
#include "bindings/watch.h"

namespace lampas::py {

void init_tensor_type(PyObject* module);

// Tensor(…): from sizes, a sequence, or another tensor, as the old constructors have it.
PyObject* legacy_tensor(PyTypeObject* type, PyObject* args, PyObject* kwargs);

// An operator called through Python's own syntax passes the same door as a named call.
template <class F>
PyObject* slot_call(const char* name, PyObject* a, PyObject* b, F&& f) {
  return guarded([&]() -> PyObject* {
    if (watch.active) [[unlikely]] {
      PyObject* args[] = {a, b};
      Owned module(checked(PyImport_ImportModule("lampas._C")));
      Owned op(checked(PyObject_GetAttrString(module.get(), name)));
      return PyObject_Vectorcall(op.get(), args, 2, nullptr);
    }
    return f();
  });
}

}  // namespace lampas::py
