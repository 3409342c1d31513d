// Tensor objects on the Python side, and conversions both ways.
#pragma once
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>

#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "core/tensor.h"
#include "ops/views.h"

namespace lampas::py {

// ---- owned references ---------------------------------------------------------------------------
class Owned {
 public:
  Owned() = default;
  explicit Owned(PyObject* o) : o_(o) {}  // takes over a new reference
  Owned(Owned&& x) noexcept : o_(std::exchange(x.o_, nullptr)) {}
  Owned(const Owned& x) : o_(x.o_) { Py_XINCREF(o_); }
  Owned& operator=(Owned x) noexcept {
    std::swap(o_, x.o_);
    return *this;
  }
  ~Owned() { Py_XDECREF(o_); }
  static Owned share(PyObject* o) {
    Py_XINCREF(o);
    return Owned(o);
  }
  PyObject* get() const { return o_; }
  PyObject* release() { return std::exchange(o_, nullptr); }
  explicit operator bool() const { return o_ != nullptr; }

 private:
  PyObject* o_ = nullptr;
};

// Thrown where a Python exception is already set.
struct PythonError {};
inline PyObject* checked(PyObject* o) {
  if (!o) throw PythonError();
  return o;
}
// Runs `f`; turns what it throws into a Python exception and returns `failed`.
template <class R, class F>
R guarded(R failed, F&& f) noexcept {
  extern void set_python_error() noexcept;
  try {
    return f();
  } catch (...) {
    set_python_error();
    return failed;
  }
}
template <class F>
PyObject* guarded(F&& f) noexcept {
  return guarded<PyObject*>(nullptr, std::forward<F>(f));
}
// Translates the exception being handled.
void set_python_error() noexcept;
// lampas.OutOfMemoryError: programs written for PyTorch catch a RuntimeError, others a MemoryError.
PyObject* memory_error_type();
// The Python error that is set, as text; clears it.
std::string take_error_text();

// ---- tensors ------------------------------------------------------------------------------------
struct TensorObject {
  PyObject_HEAD Tensor t;
  PyObject* dict;
  PyObject* weak;
  PyObject* backward_hooks;  // keeps hook functions visible to the garbage collector
};
extern PyTypeObject* tensor_type;  // lampas.Tensor
extern PyTypeObject* size_type;    // lampas.Size
extern PyObject* parameter_type;   // lampas.nn.Parameter once registered, else null

inline bool is_tensor(PyObject* o) {
  return Py_TYPE(o) == tensor_type || PyType_IsSubtype(Py_TYPE(o), tensor_type);
}
inline const Tensor& tensor_of(PyObject* o) { return reinterpret_cast<TensorObject*>(o)->t; }
// The Python object of a tensor: the living one if there is one. Undefined becomes None.
PyObject* wrap(const Tensor& t);
// As an instance of a subclass; `t` must have no Python object yet.
PyObject* wrap_as(PyTypeObject* type, const Tensor& t);

// ---- results ------------------------------------------------------------------------------------
PyObject* size_tuple(IntSpan v);
PyObject* scalar_object(const Scalar& v);
PyObject* dtype_object(DType d);  // new reference
PyObject* device_object(Device d);

inline PyObject* to_py(const Tensor& t) { return wrap(t); }
inline PyObject* to_py(bool v) { return PyBool_FromLong(v); }
inline PyObject* to_py(int64_t v) { return PyLong_FromLongLong(v); }
inline PyObject* to_py(double v) { return PyFloat_FromDouble(v); }
inline PyObject* to_py(const Scalar& v) { return scalar_object(v); }
inline PyObject* to_py(DType d) { return dtype_object(d); }
inline PyObject* to_py(Owned o) { return o.release(); }
inline PyObject* to_py(const std::string& s) {
  return PyUnicode_FromStringAndSize(s.data(), s.size());
}
PyObject* to_py(const std::vector<Tensor>& v);  // a tuple
template <class... T>
PyObject* to_py(const std::tuple<T...>& v) {
  Owned out(checked(PyTuple_New(sizeof...(T))));
  Py_ssize_t i = 0;
  std::apply([&](const auto&... x) { (PyTuple_SET_ITEM(out.get(), i++, checked(to_py(x))), ...); },
             v);
  return out.release();
}

// ---- arguments ----------------------------------------------------------------------------------
std::optional<DType> dtype_of_object(PyObject* o);  // a dtype, or float/int/bool/complex
bool is_device(PyObject* o);
std::optional<Device> device_of_object(PyObject* o);  // a device, a string; RuntimeError for cuda
ops::MemoryFormat memory_format_of(PyObject* o);
bool is_memory_format(PyObject* o);
bool is_layout(PyObject* o);
bool is_number(PyObject* o);    // bool, int, float, complex, NumPy scalars
Scalar scalar_of(PyObject* o);  // a number or a one-element tensor
bool is_int(PyObject* o);
int64_t int_of(PyObject* o);

// Adds the small types (dtype, device, layout, memory_format, Size) to the module.
void init_types(PyObject* module);

}  // namespace lampas::py
