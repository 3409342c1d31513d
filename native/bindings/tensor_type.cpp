// The type lampas.Tensor: allocation, attributes, number and container slots.
#include <cstddef>
#include <cstring>

#include "autograd/autograd.h"
#include "bindings/args.h"
#include "bindings/autocast.h"
#include "bindings/autograd.h"
#include "bindings/convert.h"
#include "bindings/indexing.h"
#include "bindings/tensor_type.h"
#include "ops/ops.h"

namespace lampas::py {

namespace {
// ---- allocation
// ----------------------------------------------------------------------------------- Dead tensor
// objects of the exact type are reused: they keep their collector header.
constexpr int kFree = 128;
PyObject* free_objects[kFree];
int free_count = 0;

PyObject* tensor_alloc(PyTypeObject* type, Py_ssize_t n) {
  if (type == tensor_type && free_count > 0) {
    PyObject* o = free_objects[--free_count];
    auto* self = reinterpret_cast<TensorObject*>(o);
    self->dict = self->weak = self->backward_hooks = nullptr;
    new (&self->t) Tensor;
    PyObject_Init(o, type);
    PyObject_GC_Track(o);
    return o;
  }
  return PyType_GenericAlloc(type, n);
}

int tensor_traverse(PyObject* o, visitproc visit, void* arg) {
  auto* self = reinterpret_cast<TensorObject*>(o);
  Py_VISIT(Py_TYPE(o));
  Py_VISIT(self->dict);
  Py_VISIT(self->backward_hooks);
  return traverse_graph(self->t, visit, arg);
}

int tensor_clear(PyObject* o) {
  auto* self = reinterpret_cast<TensorObject*>(o);
  Py_CLEAR(self->dict);
  Py_CLEAR(self->backward_hooks);
  return 0;
}

void tensor_dealloc(PyObject* o) {
  auto* self = reinterpret_cast<TensorObject*>(o);
  PyObject_GC_UnTrack(o);
  if (self->weak) PyObject_ClearWeakRefs(o);
  if (self->dict || self->backward_hooks) tensor_clear(o);
  PyTypeObject* type = Py_TYPE(o);
  if (self->t.defined() && self->t.impl()->py == o) self->t.impl()->py = nullptr;
  self->t.~Tensor();
  if (type == tensor_type && free_count < kFree) {
    free_objects[free_count++] = o;
    Py_DECREF(type);
    return;
  }
  type->tp_free(o);
  Py_DECREF(type);
}

PyObject* tensor_new(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  return guarded([&] { return legacy_tensor(type, args, kwargs); });
}

// ---- attributes --------------------------------------------------------------------------------
const Tensor& self_of(PyObject* o) { return tensor_of(o); }
template <class F>
PyObject* attribute(F&& f) {
  return guarded([&]() -> PyObject* { return to_py(f()); });
}

PyObject* get_shape(PyObject* o, void*) {
  return guarded([&] { return size_tuple(self_of(o).sizes()); });
}
PyObject* get_dtype(PyObject* o, void*) { return dtype_object(self_of(o).dtype()); }
PyObject* get_device(PyObject* o, void*) {
  return guarded([&] { return device_object(self_of(o).device()); });
}
PyObject* get_ndim(PyObject* o, void*) { return PyLong_FromLongLong(self_of(o).dim()); }
PyObject* get_T(PyObject* o, void*) {
  return attribute([&] {
    Dims order;
    for (int64_t i = self_of(o).dim(); i-- > 0;) order.push_back(i);
    return ops::permute(self_of(o), order);
  });
}
PyObject* get_mT(PyObject* o, void*) {
  return attribute([&] { return self_of(o).dim() == 0 ? self_of(o) : ops::mT(self_of(o)); });
}
PyObject* get_H(PyObject* o, void*) {
  return attribute([&] {
    const Tensor& t = self_of(o);
    LAMPAS_CHECK(t.dim() == 0 || t.dim() == 2,
                 "tensor.H is only supported on matrices (2-D tensors). Got ", t.dim(),
                 "-D tensor.");
    return t.dim() == 0 ? ops::conj(t) : ops::conj(ops::mT(t));
  });
}
PyObject* get_mH(PyObject* o, void*) {
  return attribute([&] { return ops::conj(ops::mT(self_of(o))); });
}
PyObject* get_real(PyObject* o, void*) {
  return attribute([&] { return ops::real(self_of(o)); });
}
PyObject* get_imag(PyObject* o, void*) {
  return attribute([&] { return ops::imag(self_of(o)); });
}
PyObject* get_itemsize(PyObject* o, void*) { return PyLong_FromLong(itemsize(self_of(o).dtype())); }
PyObject* get_nbytes(PyObject* o, void*) {
  return PyLong_FromLongLong(self_of(o).numel() * itemsize(self_of(o).dtype()));
}
PyObject* get_version(PyObject* o, void*) {
  return guarded([&]() -> PyObject* {
    LAMPAS_CHECK(!self_of(o).impl()->inference, "Inference tensors do not track version counter.");
    return PyLong_FromUnsignedLong(self_of(o).version());
  });
}
PyObject* get_false(PyObject*, void*) { Py_RETURN_FALSE; }
PyObject* get_none(PyObject*, void*) { Py_RETURN_NONE; }
PyObject* get_is_meta(PyObject* o, void*) { return PyBool_FromLong(self_of(o).is_meta()); }
PyObject* get_is_cpu(PyObject* o, void*) { return PyBool_FromLong(!self_of(o).is_meta()); }
PyObject* get_layout(PyObject*, void*) {
  Owned module(PyImport_ImportModule("lampas._C"));
  return module ? PyObject_GetAttrString(module.get(), "strided") : nullptr;
}

// x.data: the same memory with a version counter of its own, outside the graph.
PyObject* get_data(PyObject* o, void*) {
  return attribute([&] {
    Tensor t = self_of(o).alias();
    t.impl()->own_version = make_ref<VersionCounter>();
    return t;
  });
}
int set_data(PyObject* o, PyObject* value, void*) {
  return guarded(-1, [&] {
    LAMPAS_CHECK_TYPE(value && is_tensor(value), "Variable data has to be a tensor, but got ",
                      value ? Py_TYPE(value)->tp_name : "nothing");
    TensorImpl &t = *self_of(o).impl(), &v = *tensor_of(value).impl();
    t.storage = v.storage;
    t.offset = v.offset;
    t.sizes = v.sizes;
    t.strides = v.strides;
    t.dtype = v.dtype;
    t.own_version = make_ref<VersionCounter>();
    t.refresh();
    if (AutogradMeta* m = meta(self_of(o)); m && m->accumulator)
      m->accumulator->outputs[0] = {t.sizes, t.dtype, t.storage->device};
    return 0;
  });
}
int set_real(PyObject* o, PyObject* v, void*) {
  Owned part(get_real(o, nullptr));
  Owned r(part ? PyObject_CallMethod(part.get(), "copy_", "O", v) : nullptr);
  return r ? 0 : -1;
}
int set_imag(PyObject* o, PyObject* v, void*) {
  Owned part(get_imag(o, nullptr));
  Owned r(part ? PyObject_CallMethod(part.get(), "copy_", "O", v) : nullptr);
  return r ? 0 : -1;
}

// Attributes that are tensors: subclasses and function modes see who reads them.
#define LAMPAS_VIEW(id)                                                              \
  constexpr char attribute_##id[] = #id;                                             \
  PyObject* view_##id(PyObject* o, void*) {                                          \
    if (watch.active) [[unlikely]] {                                                 \
      PyObject* taken = guarded([&] { return watch.attribute(attribute_##id, o); }); \
      if (taken || PyErr_Occurred()) return taken;                                   \
    }                                                                                \
    return get_##id(o, nullptr);                                                     \
  }
LAMPAS_VIEW(T)
LAMPAS_VIEW(mT)
LAMPAS_VIEW(H)
LAMPAS_VIEW(mH)
LAMPAS_VIEW(real)
LAMPAS_VIEW(imag)
LAMPAS_VIEW(data)
#undef LAMPAS_VIEW

#define LAMPAS_GET(name, fn, doc) {name, fn, nullptr, doc, nullptr}
PyGetSetDef tensor_getset[] = {
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, nullptr, nullptr},
    LAMPAS_GET("shape", get_shape, "The sizes, as a Size."),
    LAMPAS_GET("dtype", get_dtype, "The type of the elements."),
    LAMPAS_GET("device", get_device, "Where the data lives: cpu or meta."),
    LAMPAS_GET("ndim", get_ndim, "The number of dimensions."),
    LAMPAS_GET("T", view_T, "The tensor with its dimensions in reverse order, a view."),
    LAMPAS_GET("mT", view_mT, "The last two dimensions exchanged, a view."),
    LAMPAS_GET("H", view_H, "A matrix transposed and conjugated."),
    LAMPAS_GET("mH", view_mH, "The last two dimensions exchanged, conjugated."),
    {"real", view_real, set_real, "The real part; a view for complex tensors.", nullptr},
    {"imag", view_imag, set_imag, "The imaginary part, a view.", nullptr},
    LAMPAS_GET("itemsize", get_itemsize, "Bytes of one element."),
    LAMPAS_GET("nbytes", get_nbytes, "Bytes of all elements."),
    LAMPAS_GET("_version", get_version, "How often the data was written in place."),
    LAMPAS_GET("layout", get_layout, "Always strided."),
    LAMPAS_GET("is_cuda", get_false, "Always False: there is no such tensor here."),
    LAMPAS_GET("is_sparse", get_false, "Always False: there is no such tensor here."),
    LAMPAS_GET("is_sparse_csr", get_false, "Always False: there is no such tensor here."),
    LAMPAS_GET("is_quantized", get_false, "Always False: there is no such tensor here."),
    LAMPAS_GET("is_mkldnn", get_false, "Always False: there is no such tensor here."),
    LAMPAS_GET("is_mps", get_false, "Always False: there is no such tensor here."),
    LAMPAS_GET("is_xpu", get_false, "Always False: there is no such tensor here."),
    LAMPAS_GET("is_nested", get_false, "Always False: there is no such tensor here."),
    LAMPAS_GET("is_xla", get_false, "Always False: there is no such tensor here."),
    LAMPAS_GET("is_ipu", get_false, "Always False: there is no such tensor here."),
    LAMPAS_GET("is_mtia", get_false, "Always False: there is no such tensor here."),
    LAMPAS_GET("is_vulkan", get_false, "Always False: there is no such tensor here."),
    LAMPAS_GET("is_maia", get_false, "Always False: there is no such tensor here."),
    LAMPAS_GET("is_cpu", get_is_cpu, "Whether the data lives in memory."),
    LAMPAS_GET("is_meta", get_is_meta, "Whether there are sizes but no data."),
    LAMPAS_GET("name", get_none, "Always None."),
    {"data", view_data, set_data, "The tensor without its history; shares memory.", nullptr},
    LAMPAS_AUTOGRAD_GETSET,
    {}};

// ---- numbers
// -------------------------------------------------------------------------------------- Whether
// arithmetic with `o` is ours; anything else answers NotImplemented, so that the other operand gets
// its turn.
bool operand_like(PyObject* o) { return is_tensor(o) || is_number(o); }
Operand operand_of(PyObject* o) {
  if (is_tensor(o)) return tensor_of(o);
  return scalar_of(o);
}

using BinaryFn = Tensor (*)(const Operand&, const Operand&);
template <BinaryFn F, const char* Name>
PyObject* binary_slot(PyObject* a, PyObject* b) {
  if (!operand_like(a) || !operand_like(b)) Py_RETURN_NOTIMPLEMENTED;
  return slot_call(Name, a, b, [&] { return wrap(F(operand_of(a), operand_of(b))); });
}

#define LAMPAS_SLOT(id, fn)         \
  constexpr char name_##id[] = #id; \
  Tensor run_##id(const Operand& a, const Operand& b) { return fn; }
LAMPAS_SLOT(add, ops::add(a, b))
LAMPAS_SLOT(sub, ops::sub(a, b))
LAMPAS_SLOT(mul, ops::mul(a, b))
LAMPAS_SLOT(div, ops::div(a, b))
LAMPAS_SLOT(floor_divide, ops::floor_divide(a, b))
LAMPAS_SLOT(remainder, ops::remainder(a, b))
LAMPAS_SLOT(bitwise_and, ops::bitwise_and(a, b))
LAMPAS_SLOT(bitwise_or, ops::bitwise_or(a, b))
LAMPAS_SLOT(bitwise_xor, ops::bitwise_xor(a, b))
LAMPAS_SLOT(bitwise_left_shift, ops::bitwise_left_shift(a, b))
LAMPAS_SLOT(bitwise_right_shift, ops::bitwise_right_shift(a, b))
LAMPAS_SLOT(eq, ops::eq(a, b))
LAMPAS_SLOT(ne, ops::ne(a, b))
LAMPAS_SLOT(lt, ops::lt(a, b))
LAMPAS_SLOT(le, ops::le(a, b))
LAMPAS_SLOT(gt, ops::gt(a, b))
LAMPAS_SLOT(ge, ops::ge(a, b))

constexpr char name_matmul[] = "matmul";
PyObject* matmul_slot(PyObject* a, PyObject* b) {
  if (!is_tensor(a) || !is_tensor(b)) Py_RETURN_NOTIMPLEMENTED;
  return slot_call(name_matmul, a, b, [&] {
    return wrap(ops::matmul(autocast_short(tensor_of(a)), autocast_short(tensor_of(b))));
  });
}
PyObject* power_slot(PyObject* a, PyObject* b, PyObject*) {
  if (!operand_like(a) || !operand_like(b)) Py_RETURN_NOTIMPLEMENTED;
  return slot_call("pow", a, b, [&] { return wrap(ops::pow(operand_of(a), operand_of(b))); });
}

// `x += y` and its like go through the in-place methods.
template <const char* Method>
PyObject* inplace_slot(PyObject* a, PyObject* b) {
  if (!operand_like(b)) Py_RETURN_NOTIMPLEMENTED;
  static PyObject* name = PyUnicode_InternFromString(Method);
  return PyObject_CallMethodOneArg(a, name, b);
}
#define LAMPAS_INPLACE(id) constexpr char inplace_##id[] = #id "_";
LAMPAS_INPLACE(add)
LAMPAS_INPLACE(sub)
LAMPAS_INPLACE(mul)
LAMPAS_INPLACE(div)
LAMPAS_INPLACE(floor_divide)
LAMPAS_INPLACE(remainder)
LAMPAS_INPLACE(bitwise_and)
LAMPAS_INPLACE(bitwise_or)
LAMPAS_INPLACE(bitwise_xor)
LAMPAS_INPLACE(bitwise_left_shift)
LAMPAS_INPLACE(bitwise_right_shift)

PyObject* inplace_power(PyObject* a, PyObject* b, PyObject*) {
  constexpr static char name[] = "pow_";
  return inplace_slot<name>(a, b);
}

PyObject* negative(PyObject* a) {
  return guarded([&] { return wrap(ops::neg(self_of(a))); });
}
PyObject* positive(PyObject* a) {
  return guarded([&] {
    LAMPAS_CHECK(self_of(a).dtype() != DType::Bool,
                 "The `+` operator, on a bool tensor is not supported.");
    return Owned::share(a).release();
  });
}
PyObject* absolute(PyObject* a) {
  return guarded([&] { return wrap(ops::abs(self_of(a))); });
}
PyObject* invert(PyObject* a) {
  return guarded([&] {
    LAMPAS_CHECK_TYPE(is_integral(self_of(a).dtype()),
                      "~ (operator.invert) is only implemented on integer and Boolean-type "
                      "tensors, not on ",
                      dtype_name(self_of(a).dtype()), ". Remedy: (x != 0).logical_not()");
    return wrap(ops::bitwise_not(self_of(a)));
  });
}

PyObject* compare(PyObject* a, PyObject* b, int op) {
  if (!operand_like(b)) {
    if ((op != Py_EQ && op != Py_NE) || std::strcmp(Py_TYPE(b)->tp_name, "numpy.ndarray") != 0)
      Py_RETURN_NOTIMPLEMENTED;
    Owned array(guarded([&] { return wrap(tensor_over(b)); }));
    return array ? compare(a, array.get(), op) : nullptr;
  }
  switch (op) {
    case Py_EQ:
      return binary_slot<run_eq, name_eq>(a, b);
    case Py_NE:
      return binary_slot<run_ne, name_ne>(a, b);
    case Py_LT:
      return binary_slot<run_lt, name_lt>(a, b);
    case Py_LE:
      return binary_slot<run_le, name_le>(a, b);
    case Py_GT:
      return binary_slot<run_gt, name_gt>(a, b);
    default:
      return binary_slot<run_ge, name_ge>(a, b);
  }
}

int truth(PyObject* o) {
  return guarded(-1, [&]() -> int {
    const Tensor& t = self_of(o);
    LAMPAS_CHECK(t.numel() != 0, "Boolean value of Tensor with no values is ambiguous");
    LAMPAS_CHECK(t.numel() == 1,
                 "Boolean value of Tensor with more than one value is ambiguous (it has shape ",
                 t.sizes(), "). Remedy: use .any() or .all()");
    return scalar_of(o).to_bool();
  });
}
Scalar only_element(PyObject* o) {
  LAMPAS_CHECK_VALUE(self_of(o).numel() == 1,
                     "only one element tensors can be converted to Python scalars, and this one "
                     "has shape ",
                     self_of(o).sizes());
  return scalar_of(o);
}
PyObject* as_int(PyObject* o) {
  return guarded([&]() -> PyObject* {
    Scalar s = only_element(o);
    if (s.is_integral()) return PyLong_FromLongLong(s.to_int());
    LAMPAS_CHECK(!s.is_complex(),
                 "value cannot be converted to type int64_t without overflow: it is complex");
    return PyLong_FromDouble(s.to_double());
  });
}
PyObject* as_float(PyObject* o) {
  return guarded([&]() -> PyObject* {
    Scalar s = only_element(o);
    LAMPAS_CHECK(!s.is_complex(),
                 "value cannot be converted to type double without overflow: it is complex");
    return PyFloat_FromDouble(s.to_double());
  });
}
PyObject* as_index(PyObject* o) {
  return guarded([&]() -> PyObject* {
    const Tensor& t = self_of(o);
    LAMPAS_CHECK_TYPE(t.numel() == 1 && is_integral(t.dtype()),
                      "only integer tensors of a single element can be converted to an index");
    return PyLong_FromLongLong(scalar_of(o).to_int());
  });
}
Py_ssize_t length(PyObject* o) {
  return guarded<Py_ssize_t>(-1, [&]() -> Py_ssize_t {
    LAMPAS_CHECK_TYPE(self_of(o).dim() > 0, "len() of a 0-d tensor");
    return static_cast<Py_ssize_t>(self_of(o).size(0));
  });
}
PyObject* item_at(PyObject* o, Py_ssize_t i) {
  return guarded([&]() -> PyObject* {
    const Tensor& t = self_of(o);
    LAMPAS_CHECK_INDEX(t.dim() > 0 && i >= 0 && i < t.size(0), "index ", i,
                       " is out of bounds for dimension 0 with size ", t.dim() ? t.size(0) : 0);
    return wrap(ops::select(t, 0, i));
  });
}
// Iterating yields views along the first dimension.
PyObject* iterate(PyObject* o) {
  return guarded([&]() -> PyObject* {
    LAMPAS_CHECK_TYPE(self_of(o).dim() > 0, "iteration over a 0-d tensor");
    Owned all(checked(to_py(ops::unbind(self_of(o), 0))));
    return PyObject_GetIter(all.get());
  });
}
Py_hash_t hash(PyObject* o) { return static_cast<Py_hash_t>(reinterpret_cast<uintptr_t>(o) >> 4); }

PyMemberDef tensor_members[] = {
    {"__dictoffset__", T_PYSSIZET, offsetof(TensorObject, dict), READONLY, nullptr},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(TensorObject, weak), READONLY, nullptr},
    {"_backward_hooks", T_OBJECT, offsetof(TensorObject, backward_hooks), 0, nullptr},
    {}};

#define S(slot, f) {slot, reinterpret_cast<void*>(f)}
const char tensor_doc[] =
    "An array of numbers of one type, with gradients.\n\n"
    "Made by `lampas.tensor`, `lampas.zeros` and their like. Views share memory with the tensor "
    "they were\ntaken from; a name that ends in an underscore writes into the tensor itself.\n\n"
    ">>> x = lampas.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)\n"
    ">>> (x * x).sum().backward()\n"
    ">>> x.grad\n"
    "tensor([[2., 4.],\n"
    "        [6., 8.]])\n";

PyType_Slot tensor_slots[] = {
    {Py_tp_doc, const_cast<char*>(tensor_doc)},
    S(Py_tp_new, tensor_new),
    S(Py_tp_alloc, tensor_alloc),
    S(Py_tp_dealloc, tensor_dealloc),
    S(Py_tp_traverse, tensor_traverse),
    S(Py_tp_clear, tensor_clear),
    S(Py_tp_free, PyObject_GC_Del),
    S(Py_tp_getset, tensor_getset),
    S(Py_tp_members, tensor_members),
    S(Py_tp_hash, hash),
    S(Py_tp_richcompare, compare),
    S(Py_tp_iter, iterate),
    S(Py_tp_getattro, PyObject_GenericGetAttr),
    S(Py_tp_setattro, PyObject_GenericSetAttr),
    S(Py_nb_add, (binary_slot<run_add, name_add>)),
    S(Py_nb_subtract, (binary_slot<run_sub, name_sub>)),
    S(Py_nb_multiply, (binary_slot<run_mul, name_mul>)),
    S(Py_nb_true_divide, (binary_slot<run_div, name_div>)),
    S(Py_nb_floor_divide, (binary_slot<run_floor_divide, name_floor_divide>)),
    S(Py_nb_remainder, (binary_slot<run_remainder, name_remainder>)),
    S(Py_nb_and, (binary_slot<run_bitwise_and, name_bitwise_and>)),
    S(Py_nb_or, (binary_slot<run_bitwise_or, name_bitwise_or>)),
    S(Py_nb_xor, (binary_slot<run_bitwise_xor, name_bitwise_xor>)),
    S(Py_nb_lshift, (binary_slot<run_bitwise_left_shift, name_bitwise_left_shift>)),
    S(Py_nb_rshift, (binary_slot<run_bitwise_right_shift, name_bitwise_right_shift>)),
    S(Py_nb_matrix_multiply, matmul_slot),
    S(Py_nb_power, power_slot),
    S(Py_nb_inplace_add, inplace_slot<inplace_add>),
    S(Py_nb_inplace_subtract, inplace_slot<inplace_sub>),
    S(Py_nb_inplace_multiply, inplace_slot<inplace_mul>),
    S(Py_nb_inplace_true_divide, inplace_slot<inplace_div>),
    S(Py_nb_inplace_floor_divide, inplace_slot<inplace_floor_divide>),
    S(Py_nb_inplace_remainder, inplace_slot<inplace_remainder>),
    S(Py_nb_inplace_and, inplace_slot<inplace_bitwise_and>),
    S(Py_nb_inplace_or, inplace_slot<inplace_bitwise_or>),
    S(Py_nb_inplace_xor, inplace_slot<inplace_bitwise_xor>),
    S(Py_nb_inplace_lshift, inplace_slot<inplace_bitwise_left_shift>),
    S(Py_nb_inplace_rshift, inplace_slot<inplace_bitwise_right_shift>),
    S(Py_nb_inplace_power, inplace_power),
    S(Py_nb_negative, negative),
    S(Py_nb_positive, positive),
    S(Py_nb_absolute, absolute),
    S(Py_nb_invert, invert),
    S(Py_nb_bool, truth),
    S(Py_nb_int, as_int),
    S(Py_nb_float, as_float),
    S(Py_nb_index, as_index),
    S(Py_mp_length, length),
    S(Py_mp_subscript, get_item),
    S(Py_mp_ass_subscript, set_item),
    S(Py_sq_length, length),
    S(Py_sq_item, item_at),
    {0, nullptr}};
#undef S
}  // namespace

void init_tensor_type(PyObject* module) {
  PyType_Spec spec = {"lampas.Tensor", sizeof(TensorObject), 0,
                      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC, tensor_slots};
  tensor_type = reinterpret_cast<PyTypeObject*>(checked(PyType_FromSpec(&spec)));
  if (PyModule_AddObjectRef(module, "Tensor", reinterpret_cast<PyObject*>(tensor_type)) < 0)
    throw PythonError();
}

}  // namespace lampas::py
