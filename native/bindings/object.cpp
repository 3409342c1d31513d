#include "bindings/object.h"

#include <cstring>
#include <new>

#include "autograd/autograd.h"

namespace lampas::py {

// ---- errors -------------------------------------------------------------------------------------
namespace {
PyObject* exception_type(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::Runtime:
      return PyExc_RuntimeError;
    case ErrorKind::Type:
      return PyExc_TypeError;
    case ErrorKind::Value:
      return PyExc_ValueError;
    case ErrorKind::Index:
      return PyExc_IndexError;
    case ErrorKind::NotImplemented:
      return PyExc_NotImplementedError;
    case ErrorKind::Memory:
      return PyExc_MemoryError;
    case ErrorKind::Attribute:
      return PyExc_AttributeError;
    case ErrorKind::Key:
      return PyExc_KeyError;
    case ErrorKind::Overflow:
      return PyExc_OverflowError;
    case ErrorKind::Assertion:
      return PyExc_AssertionError;
    case ErrorKind::ZeroDivision:
      return PyExc_ZeroDivisionError;
    case ErrorKind::Linalg:
      return PyExc_RuntimeError;
  }
  return PyExc_RuntimeError;
}

}  // namespace

PyObject* memory_error_type() {
  static PyObject* type = [] {
    Owned bases(Py_BuildValue("(OO)", PyExc_MemoryError, PyExc_RuntimeError));
    return PyErr_NewExceptionWithDoc(
        "lampas.OutOfMemoryError",
        "There is no memory for a tensor: a MemoryError, and a RuntimeError as in PyTorch.",
        bases.get(), nullptr);
  }();
  return type ? type : PyExc_MemoryError;
}

void set_python_error() noexcept {
  try {
    throw;
  } catch (const PythonError&) {
    if (!PyErr_Occurred()) PyErr_SetString(PyExc_SystemError, "an error without a message");
  } catch (const Error& e) {
    PyErr_SetString(e.kind == ErrorKind::Memory ? memory_error_type() : exception_type(e.kind),
                    e.text.c_str());
  } catch (const std::bad_alloc&) {
    PyErr_SetString(memory_error_type(), "out of memory for bookkeeping");
  } catch (const std::exception& e) {
    PyErr_SetString(PyExc_RuntimeError, e.what());
  } catch (...) {
    PyErr_SetString(PyExc_SystemError, "unknown native exception");
  }
}

std::string take_error_text() {
  PyObject *type, *value, *trace;
  PyErr_Fetch(&type, &value, &trace);
  Owned t(type), v(value), b(trace);
  Owned s(v ? PyObject_Str(v.get()) : nullptr);
  const char* text = s ? PyUnicode_AsUTF8(s.get()) : nullptr;
  PyErr_Clear();
  return text ? text : "";
}

// ---- tensors ------------------------------------------------------------------------------------
PyTypeObject* tensor_type = nullptr;
PyTypeObject* size_type = nullptr;
PyObject* parameter_type = nullptr;

PyObject* wrap(const Tensor& t) {
  if (!t.defined()) Py_RETURN_NONE;
  if (t.impl()->py) {
    auto* o = static_cast<PyObject*>(t.impl()->py);
    Py_INCREF(o);
    return o;
  }
  return wrap_as(tensor_type, t);
}

PyObject* wrap_as(PyTypeObject* type, const Tensor& t) {
  PyObject* o = type->tp_alloc(type, 0);
  if (!o) throw PythonError();
  auto* self = reinterpret_cast<TensorObject*>(o);
  new (&self->t) Tensor(t);
  t.impl()->py = o;
  return o;
}

// ---- results ------------------------------------------------------------------------------------
PyObject* size_tuple(IntSpan v) {
  PyObject* o = size_type->tp_alloc(size_type, static_cast<Py_ssize_t>(v.size()));
  if (!o) throw PythonError();
  for (size_t i = 0; i < v.size(); ++i)
    PyTuple_SET_ITEM(o, static_cast<Py_ssize_t>(i), PyLong_FromLongLong(v[i]));
  return o;
}

PyObject* scalar_object(const Scalar& v) {
  switch (v.kind()) {
    case Scalar::Kind::Bool:
      return PyBool_FromLong(v.to_bool());
    case Scalar::Kind::Int:
      return PyLong_FromLongLong(v.to_int());
    case Scalar::Kind::Float:
      return PyFloat_FromDouble(v.to_double());
    default:
      return PyComplex_FromDoubles(v.to_complex().real(), v.to_complex().imag());
  }
}

PyObject* to_py(const std::vector<Tensor>& v) {
  Owned out(checked(PyTuple_New(static_cast<Py_ssize_t>(v.size()))));
  for (size_t i = 0; i < v.size(); ++i)
    PyTuple_SET_ITEM(out.get(), static_cast<Py_ssize_t>(i), checked(wrap(v[i])));
  return out.release();
}

// ---- numbers ------------------------------------------------------------------------------------
namespace {
// NumPy's scalars without compiling against NumPy: its scalar types answer __index__, __float__ or
// __complex__ and are no sequences.
bool is_numpy_scalar(PyObject* o) {
  const char* name = Py_TYPE(o)->tp_name;
  return !std::strncmp(name, "numpy.", 6) && !PyObject_HasAttrString(o, "__len__") &&
         (PyNumber_Check(o) || PyIndex_Check(o));
}
}  // namespace

bool is_number(PyObject* o) {
  return PyFloat_Check(o) || PyLong_Check(o) || PyComplex_Check(o) ||
         (!is_tensor(o) && is_numpy_scalar(o));
}

bool is_int(PyObject* o) {
  if (PyLong_Check(o)) return !PyBool_Check(o) || true;
  if (is_tensor(o)) {
    const Tensor& t = tensor_of(o);
    return t.numel() == 1 && t.dim() == 0 && is_integral(t.dtype()) && t.dtype() != DType::Bool;
  }
  return PyIndex_Check(o) && is_numpy_scalar(o);
}

int64_t int_of(PyObject* o) {
  if (is_tensor(o)) {
    Scalar s = scalar_of(o);
    LAMPAS_CHECK_TYPE(s.is_integral(),
                      "only integer tensors of a single element can be converted to an index");
    return s.to_int();
  }
  Owned i;
  if (!PyLong_Check(o)) {
    i = Owned(checked(PyNumber_Index(o)));
    o = i.get();
  }
  long long v = PyLong_AsLongLong(o);
  if (v == -1 && PyErr_Occurred()) {
    PyErr_Clear();
    throw Error(ErrorKind::Overflow,
                "Overflow when unpacking long: the integer does not fit in 64 bits");
  }
  return v;
}

Scalar scalar_of(PyObject* o) {
  if (PyBool_Check(o)) return {o == Py_True};
  if (PyFloat_Check(o)) return {PyFloat_AS_DOUBLE(o)};
  if (PyLong_Check(o)) {
    int overflow = 0;
    long long v = PyLong_AsLongLongAndOverflow(o, &overflow);
    if (!overflow) return {int64_t{v}};
    throw Error(ErrorKind::Overflow,
                "Overflow when unpacking long: the integer does not fit in 64 bits");
  }
  if (PyComplex_Check(o)) {
    Py_complex c = PyComplex_AsCComplex(o);
    return {std::complex<double>(c.real, c.imag)};
  }
  if (is_tensor(o)) {
    const Tensor& t = tensor_of(o);
    LAMPAS_CHECK(t.numel() == 1, "a Tensor with ", t.numel(),
                 " elements cannot be converted to Scalar");
    LAMPAS_CHECK(!t.is_meta(), "Tensor.item() cannot be called on meta tensors: they have no data");
    return load_scalar(t.dtype(), t.data());
  }
  const char* name = Py_TYPE(o)->tp_name;  // a NumPy scalar
  if (std::strstr(name, "bool")) {
    int b = PyObject_IsTrue(o);
    if (b < 0) throw PythonError();
    return {b != 0};
  }
  if (std::strstr(name, "complex")) {
    Py_complex c = PyComplex_AsCComplex(o);
    if (PyErr_Occurred()) throw PythonError();
    return {std::complex<double>(c.real, c.imag)};
  }
  if (PyIndex_Check(o)) return {int_of(o)};
  double v = PyFloat_AsDouble(o);
  if (v == -1 && PyErr_Occurred()) throw PythonError();
  return {v};
}

}  // namespace lampas::py
