// Who looks on as operators are called: profiler, tracer, autocast, __torch_function__ modes. With
// nobody looking a call pays one load and one branch.
#pragma once
#include <functional>

#include "bindings/object.h"

namespace lampas::py {

struct Watch {
  bool active = false;
  // Python callables. `before(name)` and `after(name)` surround each call (profiler);
  // `mode(func, args, kwargs)` may take the call over by returning something other than
  // NotImplemented (autocast, function modes).
  Owned before, after, mode;
  bool in_mode = false;

  // The result of `mode`; null: nobody took it; Py_NotImplemented with an error set: it raised.
  PyObject* redirect(PyObject* func, const char* name, PyObject* const* args, Py_ssize_t n,
                     PyObject* names);
  PyObject* around(const char* name, const std::function<PyObject*()>& call);
  void update() { active = before || after || mode; }
};
extern Watch watch;

// Calls `__torch_function__` of the first argument that has one; null where none has.
PyObject* try_torch_function(PyObject* func, const char* name, PyObject* const* args, Py_ssize_t n,
                             PyObject* names);

void init_watch(PyObject* module);

}  // namespace lampas::py
