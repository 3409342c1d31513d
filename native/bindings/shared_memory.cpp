// Storages in memory that processes share: the bytes of a storage move into a given buffer.
#include <cstring>

#include "bindings/caster.h"
#include "bindings/module.h"

namespace nb = nanobind;

namespace lampas::py {

namespace {
void release_buffer(Storage& s) {
  auto* view = static_cast<Py_buffer*>(s.context);
  PyGILState_STATE state = PyGILState_Ensure();
  PyBuffer_Release(view);
  delete view;
  PyGILState_Release(state);
}

// Moves a storage, and with it all tensors that look at it, into `buffer`.
void move_storage(const Tensor& t, nb::handle buffer) {
  Storage& s = t.storage();
  auto view = std::make_unique<Py_buffer>();
  if (PyObject_GetBuffer(buffer.ptr(), view.get(), PyBUF_WRITABLE) < 0) throw PythonError();
  if (static_cast<size_t>(view->len) < s.nbytes) {
    auto size = view->len;
    PyBuffer_Release(view.get());
    throw Error(ErrorKind::Value,
                concat("a buffer of ", size, " bytes for a storage of ", s.nbytes));
  }
  std::memcpy(view->buf, s.data, s.nbytes);
  if (s.release) s.release(s);
  s.data = view->buf;
  s.context = view.release();
  s.release = release_buffer;
  s.resizable = false;
  s.read_only = false;
}
}  // namespace

void init_shared_memory(PyObject* module) {
  nb::module_ m = nb::borrow<nb::module_>(module);
  m.def("_move_storage", &move_storage, nb::arg("tensor"), nb::arg("buffer"));
}

}  // namespace lampas::py
