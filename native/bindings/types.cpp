// The small types: dtype, device, layout, memory_format, Size.
#include <cstddef>
#include <cstring>

#include "bindings/object.h"

namespace lampas::py {

namespace {
// ---- named constants: dtype, layout, memory_format ---------------------------------------------
struct Constant {
  PyObject_HEAD const char* name;  // "float32"
  int value;
};

PyTypeObject* dtype_type = nullptr;
PyTypeObject* device_type = nullptr;
PyTypeObject* format_type = nullptr;
PyTypeObject* layout_type = nullptr;
PyObject* dtypes[kDTypes] = {};

PyObject* constant_repr(PyObject* self) {
  return PyUnicode_FromFormat("torch.%s", reinterpret_cast<Constant*>(self)->name);
}
PyObject* constant_reduce(PyObject* self, PyObject*) {
  return PyUnicode_FromString(reinterpret_cast<Constant*>(self)->name);
}
DType dtype_value(PyObject* self) {
  return static_cast<DType>(reinterpret_cast<Constant*>(self)->value);
}

PyObject* get_floating(PyObject* o, void*) { return PyBool_FromLong(is_floating(dtype_value(o))); }
PyObject* get_complex(PyObject* o, void*) { return PyBool_FromLong(is_complex(dtype_value(o))); }
PyObject* get_signed(PyObject* o, void*) {
  return PyBool_FromLong(dtype_value(o) != DType::Bool && dtype_value(o) != DType::U8);
}
PyObject* get_itemsize(PyObject* o, void*) { return PyLong_FromLong(itemsize(dtype_value(o))); }
PyObject* get_module(PyObject*, void*) { return PyUnicode_FromString("lampas"); }
PyObject* get_name(PyObject* o, void*) {
  return PyUnicode_FromString(reinterpret_cast<Constant*>(o)->name);
}
PyObject* to_real(PyObject* o, PyObject*) {
  DType d = dtype_value(o);
  return dtype_object(d == DType::C64 ? DType::F32 : d == DType::C128 ? DType::F64 : d);
}
PyObject* to_complex(PyObject* o, PyObject*) {
  DType d = dtype_value(o);
  return dtype_object(d == DType::F64 || d == DType::C128 ? DType::C128 : DType::C64);
}

PyGetSetDef dtype_getset[] = {
    {"is_floating_point", get_floating, nullptr, "whether a floating point type", nullptr},
    {"is_complex", get_complex, nullptr, "whether a complex type", nullptr},
    {"is_signed", get_signed, nullptr, "whether values can be negative", nullptr},
    {"itemsize", get_itemsize, nullptr, "bytes of one element", nullptr},
    {"__module__", get_module, nullptr, nullptr, nullptr},
    {"__name__", get_name, nullptr, nullptr, nullptr},
    {}};
PyMethodDef dtype_methods[] = {
    {"__reduce__", constant_reduce, METH_NOARGS, nullptr},
    {"to_real", to_real, METH_NOARGS, "the real type of the same precision"},
    {"to_complex", to_complex, METH_NOARGS, "the complex type of the same precision"},
    {}};
PyMethodDef constant_methods[] = {{"__reduce__", constant_reduce, METH_NOARGS, nullptr}, {}};
PyGetSetDef constant_getset[] = {{"__module__", get_module, nullptr, nullptr, nullptr}, {}};

PyTypeObject* constant_type(const char* name, const char* doc, PyGetSetDef* getset,
                            PyMethodDef* methods) {
  PyType_Slot slots[] = {{Py_tp_repr, reinterpret_cast<void*>(constant_repr)},
                         {Py_tp_getset, getset},
                         {Py_tp_methods, methods},
                         {Py_tp_doc, const_cast<char*>(doc)},
                         {0, nullptr}};
  PyType_Spec spec = {
      name, sizeof(Constant), 0,
      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE, slots};
  return reinterpret_cast<PyTypeObject*>(checked(PyType_FromSpec(&spec)));
}

PyObject* add_constant(PyObject* module, PyTypeObject* type, const char* name, int value) {
  auto* c = PyObject_New(Constant, type);
  if (!c) throw PythonError();
  c->name = name;
  c->value = value;
  auto* o = reinterpret_cast<PyObject*>(c);
  if (PyModule_AddObjectRef(module, name, o) < 0) throw PythonError();
  return o;
}

// ---- device ------------------------------------------------------------------------------------
struct DeviceObject {
  PyObject_HEAD PyObject* type;  // "cpu"
  int index;                     // -1: none
};

PyObject* make_device(PyTypeObject* type, const char* name, Py_ssize_t size, int index) {
  auto* d = PyObject_New(DeviceObject, type);
  if (!d) throw PythonError();
  d->type = PyUnicode_FromStringAndSize(name, size);
  d->index = index;
  return reinterpret_cast<PyObject*>(d);
}

constexpr const char* kDeviceTypes[] = {"cpu", "meta", "cuda",   "mps", "xpu", "hip",
                                        "xla", "mtia", "vulkan", "ipu", "hpu", "privateuseone"};

PyObject* device_new(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  return guarded([&]() -> PyObject* {
    static const char* names[] = {"type", "index", nullptr};
    PyObject *what = nullptr, *index = Py_None;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|O:device", const_cast<char**>(names), &what,
                                     &index))
      throw PythonError();
    if (PyObject_TypeCheck(what, device_type)) return Owned::share(what).release();
    if (PyLong_Check(what))
      throw Error(ErrorKind::Runtime,
                  "device(): an index alone means an accelerator, and Lampas runs on the CPU; use "
                  "device('cpu')");
    LAMPAS_CHECK_TYPE(PyUnicode_Check(what), "device(): argument 'type' must be str, not ",
                      Py_TYPE(what)->tp_name);
    std::string text = PyUnicode_AsUTF8(what), kind = text;
    int number = -1;
    if (size_t colon = text.find(':'); colon != std::string::npos) {
      kind = text.substr(0, colon);
      std::string digits = text.substr(colon + 1);
      LAMPAS_CHECK(!digits.empty() && digits.find_first_not_of("0123456789") == std::string::npos &&
                       digits.size() < 4,
                   "Invalid device string: '", text, "'");
      LAMPAS_CHECK(
          index == Py_None,
          "type (string) must not include an index because index was passed explicitly: ", text);
      number = std::stoi(digits);
    }
    if (index != Py_None) number = static_cast<int>(int_of(index));
    for (const char* known : kDeviceTypes)
      if (kind == known)
        return make_device(type, kind.data(), static_cast<Py_ssize_t>(kind.size()), number);
    throw Error(
        ErrorKind::Runtime,
        concat("Expected one of cpu, cuda, meta, … device type at start of device string: ", text));
  });
}
void device_dealloc(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  Py_XDECREF(reinterpret_cast<DeviceObject*>(self)->type);
  type->tp_free(self);
  Py_DECREF(type);
}
PyObject* device_repr(PyObject* self) {
  auto* d = reinterpret_cast<DeviceObject*>(self);
  if (d->index < 0) return PyUnicode_FromFormat("device(type='%U')", d->type);
  return PyUnicode_FromFormat("device(type='%U', index=%d)", d->type, d->index);
}
PyObject* device_str(PyObject* self) {
  auto* d = reinterpret_cast<DeviceObject*>(self);
  if (d->index < 0) return Owned::share(d->type).release();
  return PyUnicode_FromFormat("%U:%d", d->type, d->index);
}
PyObject* device_compare(PyObject* a, PyObject* b, int op) {
  if ((op != Py_EQ && op != Py_NE) || !is_device(a) || !is_device(b)) Py_RETURN_NOTIMPLEMENTED;
  auto *x = reinterpret_cast<DeviceObject*>(a), *y = reinterpret_cast<DeviceObject*>(b);
  bool same = x->index == y->index && PyUnicode_Compare(x->type, y->type) == 0;
  return PyBool_FromLong(same == (op == Py_EQ));
}
Py_hash_t device_hash(PyObject* self) {
  auto* d = reinterpret_cast<DeviceObject*>(self);
  return PyObject_Hash(d->type) ^ (d->index + 1);
}
PyObject* device_get_type(PyObject* self, void*) {
  return Owned::share(reinterpret_cast<DeviceObject*>(self)->type).release();
}
PyObject* device_get_index(PyObject* self, void*) {
  int i = reinterpret_cast<DeviceObject*>(self)->index;
  if (i < 0) Py_RETURN_NONE;
  return PyLong_FromLong(i);
}
PyObject* device_reduce(PyObject* self, PyObject*) {
  return Py_BuildValue("(O(N))", reinterpret_cast<PyObject*>(Py_TYPE(self)), device_str(self));
}
PyGetSetDef device_getset[] = {
    {"type", device_get_type, nullptr, "kind of device", nullptr},
    {"index", device_get_index, nullptr, "number of the device or None", nullptr},
    {"__module__", get_module, nullptr, nullptr, nullptr},
    {}};
PyMethodDef device_methods[] = {{"__reduce__", device_reduce, METH_NOARGS, nullptr}, {}};

void init_device(PyObject* module) {
  PyType_Slot slots[] = {
      {Py_tp_new, reinterpret_cast<void*>(device_new)},
      {Py_tp_dealloc, reinterpret_cast<void*>(device_dealloc)},
      {Py_tp_repr, reinterpret_cast<void*>(device_repr)},
      {Py_tp_str, reinterpret_cast<void*>(device_str)},
      {Py_tp_richcompare, reinterpret_cast<void*>(device_compare)},
      {Py_tp_hash, reinterpret_cast<void*>(device_hash)},
      {Py_tp_getset, device_getset},
      {Py_tp_methods, device_methods},
      {Py_tp_doc, const_cast<char*>("device(type, index=None)\n\nWhere a tensor's data lives: "
                                    "'cpu', or 'meta' for shapes without data.")},
      {0, nullptr}};
  PyType_Spec spec = {"lampas.device", sizeof(DeviceObject), 0, Py_TPFLAGS_DEFAULT, slots};
  device_type = reinterpret_cast<PyTypeObject*>(checked(PyType_FromSpec(&spec)));
  if (PyModule_AddObjectRef(module, "device", reinterpret_cast<PyObject*>(device_type)) < 0)
    throw PythonError();
}

// ---- Size --------------------------------------------------------------------------------------
PyObject* size_new(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  Owned o(PyTuple_Type.tp_new(type, args, kwargs));
  if (!o) return nullptr;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(o.get()); ++i) {
    PyObject* item = PyTuple_GET_ITEM(o.get(), i);
    if (PyLong_Check(item)) continue;
    Owned number(is_int(item) ? guarded([&] { return PyLong_FromLongLong(int_of(item)); })
                              : nullptr);
    if (!number) {
      PyErr_Format(PyExc_TypeError, "torch.Size() takes an iterable of 'int' (item %zd is '%s')", i,
                   Py_TYPE(item)->tp_name);
      return nullptr;
    }
    PyTuple_SET_ITEM(o.get(), i, number.release());
    Py_DECREF(item);
  }
  return o.release();
}
PyObject* size_repr(PyObject* self) {
  std::string s = "torch.Size([";
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(self); ++i) {
    if (i) s += ", ";
    s += std::to_string(PyLong_AsLongLong(PyTuple_GET_ITEM(self, i)));
  }
  return to_py(s + "])");
}
PyObject* as_size(PyObject* tuple) {
  if (!tuple || !PyTuple_Check(tuple)) return tuple;
  Owned t(tuple);
  return PyObject_CallOneArg(reinterpret_cast<PyObject*>(size_type), t.get());
}
PyObject* size_subscript(PyObject* self, PyObject* key) {
  PyObject* r = PyTuple_Type.tp_as_mapping->mp_subscript(self, key);
  return PySlice_Check(key) ? as_size(r) : r;
}
PyObject* size_concat(PyObject* a, PyObject* b) {
  if (!PyTuple_Check(a) || !PyTuple_Check(b)) Py_RETURN_NOTIMPLEMENTED;
  return as_size(PyTuple_Type.tp_as_sequence->sq_concat(a, b));
}
PyObject* size_append(PyObject* a, PyObject* b) {
  PyObject* r = size_concat(a, b);
  if (r != Py_NotImplemented) return r;
  Py_DECREF(r);
  PyErr_Format(PyExc_TypeError, "can only concatenate tuple (not %s) to torch.Size",
               Py_TYPE(b)->tp_name);
  return nullptr;
}
PyObject* size_repeat(PyObject* a, Py_ssize_t n) {
  return as_size(PyTuple_Type.tp_as_sequence->sq_repeat(a, n));
}
PyObject* size_numel(PyObject* self, PyObject*) {
  int64_t n = 1;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(self); ++i)
    n *= PyLong_AsLongLong(PyTuple_GET_ITEM(self, i));
  return PyLong_FromLongLong(n);
}
PyObject* size_reduce(PyObject* self, PyObject*) {
  Owned plain(PyTuple_GetSlice(self, 0, PyTuple_GET_SIZE(self)));
  return Py_BuildValue("(O(O))", reinterpret_cast<PyObject*>(size_type), plain.get());
}
PyMethodDef size_methods[] = {
    {"numel", size_numel, METH_NOARGS,
     "numel() -> int\n\nThe number of elements of a tensor of this size."},
    {"__reduce__", size_reduce, METH_NOARGS, nullptr},
    {}};

void init_size(PyObject* module) {
  PyType_Slot slots[] = {
      {Py_tp_new, reinterpret_cast<void*>(size_new)},
      {Py_tp_repr, reinterpret_cast<void*>(size_repr)},
      {Py_mp_subscript, reinterpret_cast<void*>(size_subscript)},
      {Py_sq_concat, reinterpret_cast<void*>(size_append)},
      {Py_sq_repeat, reinterpret_cast<void*>(size_repeat)},
      {Py_nb_add, reinterpret_cast<void*>(size_concat)},
      {Py_tp_methods, size_methods},
      {Py_tp_doc, const_cast<char*>("Size(ints)\n\nThe sizes of a tensor: a tuple of ints.")},
      {0, nullptr}};
  PyType_Spec spec = {"lampas.Size", 0, 0, Py_TPFLAGS_DEFAULT, slots};
  Owned bases(Py_BuildValue("(O)", &PyTuple_Type));
  size_type =
      reinterpret_cast<PyTypeObject*>(checked(PyType_FromSpecWithBases(&spec, bases.get())));
  if (PyModule_AddObjectRef(module, "Size", reinterpret_cast<PyObject*>(size_type)) < 0)
    throw PythonError();
}
}  // namespace

PyObject* dtype_object(DType d) { return Owned::share(dtypes[static_cast<int>(d)]).release(); }

std::optional<DType> dtype_of_object(PyObject* o) {
  if (Py_TYPE(o) == dtype_type) return dtype_value(o);
  auto* type = reinterpret_cast<PyTypeObject*>(o);
  if (type == &PyFloat_Type) return DType::F64;
  if (type == &PyLong_Type) return DType::I64;
  if (type == &PyBool_Type) return DType::Bool;
  if (type == &PyComplex_Type) return DType::C128;
  return {};
}

bool is_memory_format(PyObject* o) { return Py_TYPE(o) == format_type; }
bool is_layout(PyObject* o) { return Py_TYPE(o) == layout_type; }
ops::MemoryFormat memory_format_of(PyObject* o) {
  LAMPAS_CHECK_TYPE(Py_TYPE(o) == format_type, "memory_format must be torch.memory_format, not ",
                    Py_TYPE(o)->tp_name);
  return static_cast<ops::MemoryFormat>(reinterpret_cast<Constant*>(o)->value);
}

bool is_device(PyObject* o) { return Py_TYPE(o) == device_type; }

std::optional<Device> device_of_object(PyObject* o) {
  std::string kind;
  if (is_device(o)) {
    kind = PyUnicode_AsUTF8(reinterpret_cast<DeviceObject*>(o)->type);
  } else if (PyUnicode_Check(o)) {
    Owned d(checked(PyObject_CallOneArg(reinterpret_cast<PyObject*>(device_type), o)));
    kind = PyUnicode_AsUTF8(reinterpret_cast<DeviceObject*>(d.get())->type);
  } else {
    kind = "cuda";
  }
  if (kind == "cpu") return Device::Cpu;
  if (kind == "meta") return Device::Meta;
  throw Error(ErrorKind::Runtime,
              concat("Lampas runs on the CPU and has no '", kind,
                     "' device. Remedy: device = 'cuda' if torch.cuda.is_available() else 'cpu' "
                     "(is_available() answers False here)"));
}

PyObject* device_object(Device d) {
  static PyObject* cpu = make_device(device_type, "cpu", 3, -1);
  static PyObject* meta = make_device(device_type, "meta", 4, -1);
  return Owned::share(d == Device::Cpu ? cpu : meta).release();
}

void init_types(PyObject* module) {
  dtype_type = constant_type("lampas.dtype", "The type of a tensor's elements.", dtype_getset,
                             dtype_methods);
  PyModule_AddObjectRef(module, "dtype", reinterpret_cast<PyObject*>(dtype_type));
  for (int i = 0; i < kDTypes; ++i)
    dtypes[i] = add_constant(module, dtype_type, dtype_name(static_cast<DType>(i)), i);
  struct Other {
    const char* name;
    DType d;
  };
  for (const Other& o : {Other{"float", DType::F32},
                         {"double", DType::F64},
                         {"half", DType::F16},
                         {"int", DType::I32},
                         {"long", DType::I64},
                         {"short", DType::I16},
                         {"cfloat", DType::C64},
                         {"cdouble", DType::C128}})
    PyModule_AddObjectRef(module, o.name, dtypes[static_cast<int>(o.d)]);
  layout_type = constant_type("lampas.layout", "How elements lie in memory: always `strided`.",
                              constant_getset, constant_methods);
  PyModule_AddObjectRef(module, "layout", reinterpret_cast<PyObject*>(layout_type));
  Py_DECREF(add_constant(module, layout_type, "strided", 0));
  Py_DECREF(add_constant(module, layout_type, "sparse_coo", 1));
  format_type =
      constant_type("lampas.memory_format", "The order in which dimensions lie in memory.",
                    constant_getset, constant_methods);
  PyModule_AddObjectRef(module, "memory_format", reinterpret_cast<PyObject*>(format_type));
  for (auto [name, value] : {std::pair{"contiguous_format", 0},
                             {"preserve_format", 1},
                             {"channels_last", 2},
                             {"channels_last_3d", 3}})
    Py_DECREF(add_constant(module, format_type, name, value));
  init_device(module);
  init_size(module);
  PyModule_AddObjectRef(module, "OutOfMemoryError", memory_error_type());
}

}  // namespace lampas::py
