// Who looks on as operators are called: profiler, tracer, function modes, `__torch_function__` of
// subclasses, batched tensors of vmap, autocast. With nobody looking a call pays one load and one
// branch.
#pragma once
#include <functional>
#include <string>
#include <unordered_set>

#include "bindings/object.h"

namespace lampas::py {

struct Watch {
  bool active = false;
  // Python callables. `before(name, args, kwargs)` and `after(name)` surround each call (profiler);
  // `mode(func, args, kwargs)` may take the call over by returning something other than
  // NotImplemented (function modes). A mode is off while it runs.
  Owned before, after, mode;
  // `transform(func, name, args, kwargs)`, set while vmap runs, takes over the calls that have an
  // instance of `transformed` among their arguments, and those of the operators in `drawing`.
  Owned transform, transformed;
  std::unordered_set<std::string> drawing;
  int autocasts = 0;        // threads on which autocast is on
  bool subclasses = false;  // whether there has been an instance of a subclass of Tensor

  // Objects of the process are destroyed after the interpreter: what is still set is left alone.
  ~Watch() {
    for (Owned* o : {&before, &after, &mode, &transform, &transformed, &seen_args_, &seen_kwargs_})
      o->release();
  }

  // What `mode`, or an argument's `__torch_function__`, makes of the call; null: nobody took it.
  PyObject* redirect(PyObject* func, const char* name, PyObject* const* args, Py_ssize_t n,
                     PyObject* names);
  // The same for an attribute of a tensor.
  PyObject* attribute(const char* name, PyObject* tensor);
  PyObject* around(const char* name, const std::function<PyObject*()>& call);
  void update() { active = before || after || mode || transform || autocasts || subclasses; }

 private:
  PyObject* ask_mode(PyObject* func, PyObject* const* args, Py_ssize_t n, PyObject* names);
  PyObject* ask_transform(PyObject* func, const char* name, PyObject* const* args, Py_ssize_t n,
                          PyObject* names);
  // The arguments of the call that `around` is about to surround; null where nobody wants them.
  Owned seen_args_, seen_kwargs_;
};
extern Watch watch;

// Calls `__torch_function__` of the arguments that have one, subclasses first; null where none
// has. TypeError where all of them return NotImplemented.
PyObject* try_torch_function(PyObject* func, const char* name, PyObject* const* args, Py_ssize_t n,
                             PyObject* names);

void init_watch(PyObject* module);

}  // namespace lampas::py
