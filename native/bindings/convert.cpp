#include "bindings/convert.h"

#include <cstring>

#include "autograd/autograd.h"
#include "bindings/args.h"
#include "bindings/caster.h"
#include "bindings/tensor_type.h"
#include "ops/ops.h"

namespace nb = nanobind;

namespace lampas::py {

namespace {
std::optional<DType> dtype_of_format(const char* f, Py_ssize_t size);

// The dtype of one of NumPy's numbers, some of which are Python's floats too.
std::optional<DType> numpy_dtype(PyObject* o) {
  if (PyFloat_CheckExact(o) || PyLong_CheckExact(o) || PyBool_Check(o)) return {};
  if (std::strncmp(Py_TYPE(o)->tp_name, "numpy.", 6) != 0 || !PyObject_CheckBuffer(o)) return {};
  Py_buffer view;
  if (PyObject_GetBuffer(o, &view, PyBUF_FORMAT | PyBUF_STRIDES) < 0) {
    PyErr_Clear();
    return {};
  }
  auto found = view.ndim == 0 ? dtype_of_format(view.format ? view.format : "B", view.itemsize)
                              : std::nullopt;
  PyBuffer_Release(&view);
  return found;
}

// ---- nested sequences --------------------------------------------------------------------------
bool is_array(PyObject* o) { return !is_tensor(o) && !is_number(o) && has_array(o); }
bool is_sequence(PyObject* o) { return PyList_Check(o) || PyTuple_Check(o); }

// Writes a number that a user named as an element of `dtype`.
void store(PyObject* number, DType dtype, void* to) {
  LAMPAS_CHECK_VALUE(!is_tensor(number) || tensor_of(number).numel() == 1,
                     "only one element tensors can be converted to Python scalars, and this one "
                     "has shape ",
                     tensor_of(number).sizes(), ". Remedy: lampas.stack(...)");
  Scalar value = scalar_of(number);
  LAMPAS_CHECK_TYPE(!value.is_complex() || is_complex(dtype) || dtype == DType::Bool,
                    "must be real number, not complex: an element of type ", dtype_name(dtype));
  if (is_integral(dtype)) ops::check_fits(value, dtype, "tensor");
  value.store(dtype, to);
}

// Numbers and one-element tensors in nested lists: the common shape and the narrowest common type.
class Sequence {
 public:
  explicit Sequence(PyObject* data) { measure(data, 0); }

  Tensor build(PyObject* data, std::optional<DType> dtype) {
    Tensor t = ops::empty(sizes_, dtype.value_or(natural()));
    at_ = static_cast<char*>(t.data());
    type_ = t.dtype();
    fill(data, 0);
    return t;
  }

 private:
  void measure(PyObject* o, size_t depth) {
    for (; is_sequence(o); ++depth) {
      LAMPAS_CHECK_VALUE(depth < 64, "too many dimensions: the lists are nested more than 64 deep");
      sizes_.push_back(PySequence_Fast_GET_SIZE(o));
      if (PySequence_Fast_GET_SIZE(o) == 0) return;
      o = PySequence_Fast_GET_ITEM(o, 0);
    }
    LAMPAS_CHECK_VALUE(depth == 0 || !PyUnicode_Check(o), "too many dimensions 'str'");
    // A sequence of arrays adds their dimensions.
    if (is_array(o))
      for (int64_t s : tensor_over(o).sizes()) sizes_.push_back(s);
  }

  DType natural() {
    if (product(sizes_) == 0) return ops::default_dtype();
    return kind_known_ ? kind_ : DType::F32;
  }

 public:
  // Finds the common type of the numbers.
  void find_type(PyObject* o) {
    if (is_sequence(o)) {
      for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(o); ++i)
        find_type(PySequence_Fast_GET_ITEM(o, i));
      return;
    }
    if (is_tensor(o)) {
      join(tensor_of(o).dtype());
      return;
    }
    if (auto d = numpy_dtype(o)) return join(*d);
    if (is_array(o)) return join(tensor_over(o).dtype());
    if (PyFloat_Check(o)) return join(ops::default_dtype());
    if (PyBool_Check(o)) return join(DType::Bool);
    if (PyLong_Check(o)) return join(DType::I64);
    if (!is_number(o)) {
      if (PyUnicode_Check(o) || PyBytes_Check(o))
        throw Error(ErrorKind::Type,
                    concat("new(): invalid data type '", Py_TYPE(o)->tp_name, "'"));
      if (o == Py_None) throw Error(ErrorKind::Runtime, "Could not infer dtype of NoneType");
      throw Error(ErrorKind::Runtime, concat("Could not infer dtype of ", Py_TYPE(o)->tp_name));
    }
    join(PyComplex_Check(o) ? scalar_of(o).natural_dtype(ops::default_dtype())
                            : scalar_of(o).natural_dtype(DType::F64));
  }

 private:
  void join(DType d) {
    kind_ = kind_known_ ? ops::promote(kind_, d) : d;
    kind_known_ = true;
  }

  void fill(PyObject* o, size_t depth) {
    if (depth == sizes_.size()) {
      if (is_sequence(o))
        throw Error(ErrorKind::Type,
                    concat("expected a number at dim ", depth, " but got a ", Py_TYPE(o)->tp_name,
                           ": the nested sequences have different depths"));
      if (!is_number(o) && !is_tensor(o))
        throw Error(ErrorKind::Type, concat("must be real number, not ", Py_TYPE(o)->tp_name));
      store(o, type_, at_);
      at_ += itemsize(type_);
      return;
    }
    if (is_array(o)) {
      Tensor t = tensor_over(o);
      for (size_t d = depth; d < sizes_.size(); ++d)
        LAMPAS_CHECK_VALUE(t.dim() == static_cast<int64_t>(sizes_.size() - depth) &&
                               t.size(static_cast<int64_t>(d - depth)) == sizes_[d],
                           "expected an array of shape ", IntSpan(sizes_).subspan(depth),
                           " at dim ", depth, " (got ", t.sizes(), ")");
      Tensor c = ops::contiguous(ops::to_dtype(t.alias(), type_));
      size_t bytes = static_cast<size_t>(c.numel() * itemsize(type_));
      std::memcpy(at_, c.data(), bytes);
      at_ += bytes;
      return;
    }
    if (!is_sequence(o))
      throw Error(ErrorKind::Type, concat("expected sequence of length ", sizes_[depth], " at dim ",
                                          depth, " (got ", Py_TYPE(o)->tp_name, ")"));
    Py_ssize_t n = PySequence_Fast_GET_SIZE(o);
    LAMPAS_CHECK_VALUE(n == sizes_[depth], "expected sequence of length ", sizes_[depth],
                       " at dim ", depth, " (got ", n, ")");
    for (Py_ssize_t i = 0; i < n; ++i) {
      // Numbers of a class of their own may change the list that they are in.
      LAMPAS_CHECK_VALUE(PySequence_Fast_GET_SIZE(o) == n, "a list changed while it was read");
      Owned item = Owned::share(PySequence_Fast_GET_ITEM(o, i));
      fill(item.get(), depth + 1);
    }
  }

  Dims sizes_;
  DType kind_ = DType::F32, type_ = DType::F32;
  bool kind_known_ = false;
  char* at_ = nullptr;
};

// ---- foreign memory ----------------------------------------------------------------------------
std::optional<DType> dtype_of_format(const char* f, Py_ssize_t size) {
  if (*f == '@' || *f == '=' || *f == '<' || *f == '|') ++f;
  if (*f == '>' && size > 1) return {};
  if (*f == '>') ++f;
  switch (*f) {
    case '?':
      return DType::Bool;
    case 'B':
      return DType::U8;
    case 'b':
    case 'c':
      return DType::I8;
    case 'h':
      return DType::I16;
    case 'i':
    case 'l':
    case 'q':
    case 'n':
      return size == 8 ? DType::I64 : size == 4 ? DType::I32 : DType::I16;
    case 'e':
      return DType::F16;
    case 'f':
      return DType::F32;
    case 'd':
      return DType::F64;
    case 'Z':
      return size == 8 ? DType::C64 : size == 16 ? std::optional(DType::C128) : std::nullopt;
    default:
      return {};
  }
}

void release_buffer(Storage& s) {
  auto* view = static_cast<Py_buffer*>(s.context);
  PyGILState_STATE state = PyGILState_Ensure();
  PyBuffer_Release(view);
  delete view;
  PyGILState_Release(state);
}
}  // namespace

bool has_array(PyObject* o) { return PyObject_CheckBuffer(o) && !PyBytes_Check(o); }

namespace {
// Python's own arrays are sequences of numbers, whose type is PyTorch's for such, not the buffer's.
bool is_plain_sequence(PyObject* o) {
  return PyByteArray_Check(o) || PyMemoryView_Check(o) ||
         std::strcmp(Py_TYPE(o)->tp_name, "array.array") == 0;
}
}  // namespace

Tensor tensor_over(PyObject* array) {
  auto view = std::make_unique<Py_buffer>();
  bool read_only = false;
  if (PyObject_GetBuffer(array, view.get(), PyBUF_FORMAT | PyBUF_STRIDES | PyBUF_WRITABLE) < 0) {
    PyErr_Clear();
    read_only = true;
    if (PyObject_GetBuffer(array, view.get(), PyBUF_FORMAT | PyBUF_STRIDES) < 0)
      throw PythonError();
  }
  struct Guard {
    Py_buffer* v;
    ~Guard() {
      if (v) PyBuffer_Release(v);
    }
  } guard{view.get()};
  auto dtype = dtype_of_format(view->format ? view->format : "B", view->itemsize);
  LAMPAS_CHECK_TYPE(
      dtype, "can't convert an array of format '", view->format,
      "' to a tensor. The only supported types are: float64, float32, float16, complex64, "
      "complex128, int64, int32, int16, int8, uint8, and bool, in the machine's byte order");
  Dims sizes, strides;
  for (int i = 0; i < view->ndim; ++i) {
    sizes.push_back(view->shape[i]);
    LAMPAS_CHECK_VALUE(view->strides[i] >= 0 || view->shape[i] <= 1,
                       "At least one stride in the given numpy array is negative, and tensors with "
                       "negative strides are not currently supported. (You can probably work "
                       "around this by making a copy of your array with array.copy().)");
    LAMPAS_CHECK_VALUE(view->strides[i] % view->itemsize == 0,
                       "given numpy array strides not a multiple of the element byte size. Copy "
                       "the numpy array to reallocate the memory.");
    strides.push_back(std::max<int64_t>(view->strides[i] / view->itemsize, 0));
  }
  auto s = make_ref<Storage>();
  s->data = view->buf;
  int64_t extent = product(sizes) ? 1 : 0;
  for (size_t i = 0; extent && i < sizes.size(); ++i) extent += (sizes[i] - 1) * strides[i];
  s->nbytes = static_cast<size_t>(extent * view->itemsize);
  s->read_only = read_only;
  s->resizable = false;
  guard.v = nullptr;
  s->context = view.release();
  s->release = release_buffer;
  return Tensor::over(std::move(s), *dtype, sizes, strides, 0);
}

Tensor tensor_from(PyObject* data, std::optional<DType> dtype, Device device) {
  Tensor t;
  if (is_tensor(data)) {
    t = ops::clone(tensor_of(data).alias());
    if (dtype) t = ops::to_dtype(t, *dtype);
  } else if (is_number(data)) {
    Scalar s = scalar_of(data);
    if (numpy_dtype(data)) {
      t = ops::clone(tensor_over(data));
      if (dtype) t = ops::to_dtype(t, *dtype);
    } else {
      t = ops::empty({}, dtype.value_or(s.natural_dtype(ops::default_dtype())));
      store(data, t.dtype(), t.data());
    }
  } else if (has_array(data) && !is_plain_sequence(data)) {
    Tensor over = tensor_over(data);
    t = dtype && *dtype != over.dtype() ? ops::to_dtype(over, *dtype) : ops::clone(over);
    if (!t.is_contiguous()) t = ops::contiguous(t);
  } else if (is_sequence(data)) {
    Sequence q(data);
    if (!dtype) q.find_type(data);
    t = q.build(data, dtype);
  } else if (PySequence_Check(data) && !PyUnicode_Check(data) && !PyBytes_Check(data)) {
    Owned list(checked(PySequence_List(data)));
    return tensor_from(list.get(), dtype, device);
  } else {
    Sequence q(data);
    q.find_type(data);  // raises the error that names the type
  }
  if (device == Device::Meta) return ops::empty(t.sizes(), t.dtype(), device);
  return t;
}

namespace {
PyObject* list_level(const char* p, const Tensor& t, int64_t dim) {
  if (dim == t.dim()) return scalar_object(load_scalar(t.dtype(), p));
  int64_t n = t.size(dim), step = t.stride(dim) * itemsize(t.dtype());
  Owned out(checked(PyList_New(n)));
  for (int64_t i = 0; i < n; ++i)
    PyList_SET_ITEM(out.get(), i, checked(list_level(p + i * step, t, dim + 1)));
  return out.release();
}
}  // namespace

PyObject* to_list(const Tensor& t) {
  LAMPAS_CHECK(!t.is_meta(), "Cannot copy out of meta tensor; no data!");
  return list_level(static_cast<const char*>(t.data()), t, 0);
}

// ---- the old constructors ----------------------------------------------------------------------
PyObject* legacy_tensor(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  Tensor t;
  Py_ssize_t n = PyTuple_GET_SIZE(args);
  if (kwargs && PyDict_Size(kwargs) > 0 && n == 0)
    throw Error(ErrorKind::Type,
                "Tensor(): keyword arguments are not taken; use torch.tensor(data, dtype=...)");
  PyObject* first = n ? PyTuple_GET_ITEM(args, 0) : nullptr;
  if (n == 0) {
    t = ops::empty(Dims{0}, ops::default_dtype());
  } else if (is_tensor(first) && n == 1) {
    t = tensor_of(first).alias();
  } else if (PyLong_Check(first) || Py_TYPE(first) == size_type) {
    Dims sizes;
    if (Py_TYPE(first) == size_type) args = first, n = PyTuple_GET_SIZE(first);
    for (Py_ssize_t i = 0; i < n; ++i) sizes.push_back(int_of(PyTuple_GET_ITEM(args, i)));
    t = ops::empty(sizes, ops::default_dtype());
  } else {
    t = tensor_from(first, is_tensor(first) ? std::nullopt : std::optional(ops::default_dtype()),
                    Device::Cpu);
  }
  return wrap_as(type, t);
}

// ---- functions ---------------------------------------------------------------------------------
namespace {
Tensor finish(Tensor t, bool tracked) {
  if (tracked) set_requires_grad(t, true);
  return t;
}

PyObject* tensor_function(Args& a) {
  PyObject* data = a.object(0);
  if (is_tensor(data)) {
    const Tensor& t = tensor_of(data);
    if (PyErr_WarnEx(
            PyExc_UserWarning,
            "To copy construct from a tensor, it is recommended to use "
            "sourceTensor.detach().clone() or sourceTensor.detach().clone().requires_grad_(True), "
            "rather than torch.tensor(sourceTensor).",
            1) < 0)
      throw PythonError();
    (void)t;
  }
  return wrap(finish(tensor_from(data, a.dtype_or(1), a.device(2)), a.flag(3)));
}
PyObject* as_tensor(Args& a) {
  PyObject* data = a.object(0);
  auto dtype = a.dtype_or(1);
  if (is_tensor(data)) {
    const Tensor& t = tensor_of(data);
    return wrap(dtype ? ops::to_dtype(t, *dtype) : t);
  }
  if (has_array(data) && !is_number(data) && !is_plain_sequence(data)) {
    Tensor t = tensor_over(data);
    return wrap(dtype ? ops::to_dtype(t, *dtype) : t);
  }
  return wrap(tensor_from(data, dtype, a.device(2)));
}
PyObject* from_numpy(Args& a) {
  PyObject* o = a.object(0);
  LAMPAS_CHECK_TYPE(has_array(o) && std::strstr(Py_TYPE(o)->tp_name, "ndarray"),
                    "expected np.ndarray (got ", Py_TYPE(o)->tp_name, ")");
  Tensor t = tensor_over(o);
  if (t.storage().read_only &&
      PyErr_WarnEx(PyExc_UserWarning,
                   "The given NumPy array is not writable: writing to this tensor will raise an "
                   "error. Copy the array, array.copy(), if you want to write.",
                   1) < 0)
    throw PythonError();
  return wrap(t);
}
PyObject* frombuffer(Args& a) {
  DType d = a.dtype(1, DType::F32);
  int64_t count = a.integer(2), offset = a.integer(3);
  Tensor bytes = tensor_over(a.object(0));
  int64_t n = bytes.numel() * itemsize(bytes.dtype()), item = itemsize(d);
  LAMPAS_CHECK_VALUE(n > 0 && count != 0, "both buffer length (", n, ") and count (", count,
                     ") must not be 0");
  LAMPAS_CHECK_VALUE(offset >= 0 && offset < n, "offset (", offset,
                     " bytes) must be non-negative and no greater than buffer length (", n,
                     " bytes) minus 1");
  LAMPAS_CHECK_VALUE(count > 0 || (n - offset) % item == 0, "buffer length (", n - offset,
                     " bytes) after offset (", offset,
                     " bytes) must be a multiple of element size (", item, ")");
  if (count < 0) count = (n - offset) / item;
  LAMPAS_CHECK_VALUE(count <= (n - offset) / item, "requested buffer length (", count, " * ", item,
                     " bytes) after offset (", offset,
                     " bytes) must not be greater than actual buffer length (", n, " bytes)");
  LAMPAS_CHECK_VALUE(offset % item == 0, "offset (", offset,
                     ") must be a multiple of the element size (", item, ")");
  return wrap(
      finish(Tensor::over(bytes.storage_ref(), d, Dims{count}, Dims{1}, offset / item), a.flag(4)));
}
PyObject* item(Args& a) {
  const Tensor& t = a.tensor(0);
  LAMPAS_CHECK(t.numel() == 1, "a Tensor with ", t.numel(),
               " elements cannot be converted to Scalar. Remedy: reduce it first (.mean()), or use "
               ".tolist()");
  return scalar_object(scalar_of(a.object(0)));
}

constexpr Definition kRows[] = {
    {"tensor(object data, *, dtype? dtype=None, device? device=None, bool requires_grad=False, "
     "bool pin_memory=False)",
     tensor_function, kFunction,
     "A new tensor with a copy of `data`: numbers, nested sequences, a NumPy array.\n\n>>> "
     "lampas.tensor([[1., 2.], [3., 4.]]).shape\ntorch.Size([2, 2])"},
    {"as_tensor(object data, dtype? dtype=None, device? device=None)", as_tensor, kFunction,
     "`data` as a tensor, sharing memory where it can."},
    {"from_numpy(object ndarray)", from_numpy, kFunction,
     "A tensor over the memory of a NumPy array; writes are seen by both."},
    {"frombuffer(object buffer, *, dtype dtype, int count=-1, int offset=0, bool "
     "requires_grad=False)",
     frombuffer, kFunction, "A 1-d tensor over the bytes of an object with the buffer protocol."},
    {"item(Tensor input)", item, kMethod, "The value of a one-element tensor as a Python number."},
    {"tolist(Tensor input)", [](Args& a) -> PyObject* { return to_list(a.tensor(0)); }, kMethod,
     "The values as nested lists."},
    {"data_ptr(Tensor input)",
     LAMPAS_FN(static_cast<int64_t>(
         reinterpret_cast<intptr_t>(a.tensor(0).is_meta() ? nullptr : a.tensor(0).data()))),
     kMethod, "The address of the first element."},
};

// A dict for NumPy's __array_interface__, without compiling against NumPy.
nb::object array_interface(nb::handle h) {
  const Tensor& t = tensor_of(h.ptr());
  static const char* codes[kDTypes] = {"|b1", "|u1",   "|i1", "<i2", "<i4", "<i8",
                                       "<f2", nullptr, "<f4", "<f8", "<c8", "<c16"};
  const char* code = codes[static_cast<int>(t.dtype())];
  LAMPAS_CHECK_TYPE(
      code,
      "Got unsupported ScalarType BFloat16: NumPy has no bfloat16. Remedy: t.float().numpy()");
  LAMPAS_CHECK_TYPE(!t.is_meta(), "can't convert meta device type tensor to numpy: it has no data");
  Dims bytes = t.strides();
  for (int64_t& s : bytes) s *= itemsize(t.dtype());
  auto tuple = [](IntSpan v) {
    nb::list l;
    for (int64_t x : v) l.append(x);
    return nb::tuple(l);
  };
  nb::dict d;
  d["shape"] = tuple(t.sizes());
  d["strides"] = tuple(bytes);
  d["typestr"] = code;
  d["version"] = 3;
  // NumPy wants a non-null address even for empty arrays.
  d["data"] = nb::make_tuple(reinterpret_cast<uintptr_t>(t.numel() ? t.data() : t.storage().data),
                             t.storage().read_only);
  t.storage().resizable = false;  // the array has the address
  return d;
}
}  // namespace

namespace {
// The storage's bytes as a uint8 tensor; the same Python object's memory, versions and all.
Tensor storage_bytes(const Tensor& t) {
  return Tensor::over(t.storage_ref(), DType::U8, Dims{static_cast<int64_t>(t.storage().nbytes)});
}
Tensor over_storage(const Tensor& bytes, DType dtype, const std::vector<int64_t>& size,
                    const std::vector<int64_t>& stride, int64_t offset) {
  int64_t last = offset;
  LAMPAS_CHECK(offset >= 0 && size.size() == stride.size(), "invalid geometry for a storage: size ",
               IntSpan(size), ", stride ", IntSpan(stride), ", offset ", offset);
  bool empty = false;
  for (size_t i = 0; i < size.size(); ++i) {
    LAMPAS_CHECK(size[i] >= 0 && stride[i] >= 0, "invalid geometry for a storage: size ",
                 IntSpan(size), ", stride ", IntSpan(stride));
    empty |= size[i] == 0;
    int64_t step;
    LAMPAS_CHECK(!__builtin_mul_overflow(std::max<int64_t>(size[i] - 1, 0), stride[i], &step) &&
                     !__builtin_add_overflow(last, step, &last),
                 "invalid geometry for a storage: it does not fit in memory addresses");
  }
  auto have = static_cast<int64_t>(bytes.storage().nbytes) / itemsize(dtype);
  LAMPAS_CHECK(empty || last < have, "a tensor of size ", IntSpan(size), ", stride ",
               IntSpan(stride), " at offset ", offset, " does not fit into a storage of ", have,
               " elements of ", dtype_name(dtype));
  return Tensor::over(bytes.storage_ref(), dtype, IntSpan(size), IntSpan(stride), offset);
}
// The same tensor, history and all, as an instance of a subclass.
nb::object as_subclass(const Tensor& t, nb::type_object cls) {
  LAMPAS_CHECK_TYPE(PyType_IsSubtype(reinterpret_cast<PyTypeObject*>(cls.ptr()), tensor_type),
                    "cls must be a subclass of Tensor");
  Tensor y = t.alias();
  if (requires_grad(t)) record(y, "AliasBackward0", {&t}, [](const Tensor& g) { return g; });
  return nb::steal(wrap_as(reinterpret_cast<PyTypeObject*>(cls.ptr()), y));
}
}  // namespace

void init_convert(PyObject* module) {
  define(module, kRows);
  nb::module_ m = nb::borrow<nb::module_>(module);
  m.def("_array_interface", &array_interface);
  m.def(
      "_disabled_torch_function_impl",
      [](nb::object func, nb::handle, nb::tuple args, nb::object kwargs) {
        return nb::steal(checked(
            PyObject_Call(func.ptr(), args.ptr(), kwargs.is_none() ? nullptr : kwargs.ptr())));
      },
      nb::arg("func"), nb::arg("types"), nb::arg("args") = nb::tuple(),
      nb::arg("kwargs") = nb::none());
  m.def("_storage_bytes", &storage_bytes);
  m.def("_over_storage", &over_storage);
  m.def("_as_subclass", &as_subclass);
  m.def("_tensor_over", [](nb::handle o) { return tensor_over(o.ptr()); });
}

}  // namespace lampas::py
