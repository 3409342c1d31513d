// A tensor's own geometry and memory, changed in place: t_, squeeze_, set_, resize_ and their like.
#include "autograd/autograd.h"
#include "bindings/args.h"
#include "bindings/module.h"
#include "ops/inplace.h"
#include "ops/ops.h"

namespace lampas::py {

namespace {
// `self` becomes `view`, which was computed from it.
Tensor become(const Tensor& self, const Tensor& view, const char* op) {
  check_inplace(self, op);
  TensorImpl &to = *self.impl(), &from = *view.impl();
  AutogradMeta* m = meta(view);
  if (m && m->edge.node) set_grad_fn(self, m->edge.node, m->edge.nr);
  to.sizes = from.sizes;
  to.strides = from.strides;
  to.offset = from.offset;
  to.refresh();
  if (!to.inference) self.bump_version();
  AutogradMeta* own = meta(self);
  if (own && own->view && m && m->view) {
    own->view = std::move(m->view);
    own->view->version = self.version();
  }
  return self;
}

// Memory and geometry for `self`, which keeps its own count of versions.
Tensor point(const Tensor& self, const Tensor& source, const char* op) {
  check_inplace(self, op);
  TensorImpl &to = *self.impl(), &from = *source.impl();
  LAMPAS_CHECK(to.dtype == from.dtype, op, ": Could not set tensor of type ",
               dtype_name(from.dtype), " to a tensor of type ", dtype_name(to.dtype));
  LAMPAS_CHECK(self.device() == source.device(), op, ": the source is on ",
               device_name(source.device()), ", the tensor on ", device_name(self.device()));
  to.storage = from.storage;
  to.offset = from.offset;
  to.sizes = from.sizes;
  to.strides = from.strides;
  to.refresh();
  if (!to.inference) self.bump_version();
  return self;
}

// The bytes of a tensor or of a storage object.
Tensor bytes_of(PyObject* source) {
  if (is_tensor(source)) {
    const Tensor& t = tensor_of(source);
    return Tensor::over(t.storage_ref(), DType::U8, Dims{static_cast<int64_t>(t.storage().nbytes)});
  }
  Owned untyped(PyObject_HasAttrString(source, "_untyped_storage")
                    ? PyObject_GetAttrString(source, "_untyped_storage")
                    : Owned::share(source).release());
  Owned bytes(PyObject_HasAttrString(untyped.get(), "_bytes")
                  ? PyObject_GetAttrString(untyped.get(), "_bytes")
                  : nullptr);
  LAMPAS_CHECK_TYPE(bytes && is_tensor(bytes.get()),
                    "set_(): source must be a Tensor or a storage, not ", Py_TYPE(source)->tp_name);
  return tensor_of(bytes.get());
}

PyObject* set_whole(Args& a) {
  const Tensor& self = a.tensor(0);
  PyObject* source = a.object(1);
  if (!source || source == Py_None)
    return wrap(point(self, ops::empty(Dims{0}, self.dtype(), self.device()), "set_"));
  if (is_tensor(source)) return wrap(point(self, tensor_of(source), "set_"));
  Tensor bytes = bytes_of(source);
  int64_t n = bytes.numel() / itemsize(self.dtype());
  return wrap(point(self, Tensor::over(bytes.storage_ref(), self.dtype(), Dims{n}), "set_"));
}

PyObject* set_part(Args& a) {
  const Tensor& self = a.tensor(0);
  Tensor bytes = bytes_of(a.object(1));
  int64_t offset = a.integer(2);
  Dims sizes = a.ints(3), strides = a.ints_or(4).value_or(contiguous_strides(sizes));
  auto need = static_cast<size_t>(checked_extent(sizes, strides, offset) * itemsize(self.dtype()));
  if (need > bytes.storage().nbytes) ops::resize_(bytes, Dims{static_cast<int64_t>(need)});
  return wrap(
      point(self, Tensor::over(bytes.storage_ref(), self.dtype(), sizes, strides, offset), "set_"));
}

Tensor resize(const Tensor& t, IntSpan sizes, PyObject* format) {
  LAMPAS_CHECK(!requires_grad(t), "cannot resize variables that require grad");
  for (int64_t s : sizes)
    LAMPAS_CHECK(s >= 0, "requested resize to ", sizes, " has a negative size");
  if (t.sizes() == Dims(sizes) && (!format || format == Py_None)) return t;
  ops::resize_(t, sizes);
  if (format && format != Py_None) {
    Tensor laid = ops::with_memory_format(ops::empty(sizes, t.dtype(), Device::Meta),
                                          memory_format_of(format));
    t.impl()->strides = laid.strides();
    t.impl()->refresh();
  }
  t.bump_version();
  return t;
}

Tensor turn(Args& a, const char* op) {
  return become(a.tensor(0), ops::transpose(a.tensor(0), a.integer(1), a.integer(2)), op);
}

#define SELF a.tensor(0)
constexpr Definition kRows[] = {
    {"t_(Tensor input)", LAMPAS_FN(become(SELF, ops::t(SELF), "t_")), kMethod,
     "Transposes a matrix in place."},
    {"transpose_(Tensor input, int dim0, int dim1)", LAMPAS_FN(turn(a, "transpose_")), kMethod,
     "Swaps two dimensions in place."},
    {"swapaxes_(Tensor input, int axis0, int axis1)", LAMPAS_FN(turn(a, "swapaxes_")), kMethod,
     "Swaps two dimensions in place."},
    {"swapdims_(Tensor input, int dim0, int dim1)", LAMPAS_FN(turn(a, "swapdims_")), kMethod,
     "Swaps two dimensions in place."},
    {"squeeze_(Tensor input)", LAMPAS_FN(become(SELF, ops::squeeze(SELF), "squeeze_")), kMethod,
     "Drops dimensions of size 1 in place."},
    {"squeeze_(Tensor input, int[1] dim)",
     LAMPAS_FN(become(SELF, ops::squeeze(SELF, a.ints(1)), "squeeze_")), kMethod, nullptr},
    {"unsqueeze_(Tensor input, int dim)",
     LAMPAS_FN(become(SELF, ops::unsqueeze(SELF, a.integer(1)), "unsqueeze_")), kMethod,
     "Adds a dimension of size 1 in place."},
    {"as_strided_(Tensor input, int[] size, int[] stride, int? storage_offset=None)",
     LAMPAS_FN(become(
         SELF, ops::as_strided(SELF, a.ints(1), a.ints(2), a.integer_or(3).value_or(SELF.offset())),
         "as_strided_")),
     kMethod, "Any geometry over the same memory, in place."},
    {"set_(Tensor input, object source=None)", set_whole, kMethod,
     "Takes the memory and geometry of a tensor, or the memory of a storage; nothing: becomes "
     "empty."},
    {"set_(Tensor input, object source, int storage_offset, int[] size, int[]? stride=None)",
     set_part, kMethod, nullptr},
    {"resize_(Tensor input, int[]* size, *, memory_format? memory_format=None)",
     LAMPAS_FN(resize(SELF, a.ints(1), a.object(2))), kMethod,
     "Other sizes, keeping elements in memory order."},
    {"resize_as_(Tensor input, Tensor other, *, memory_format? memory_format=None)",
     LAMPAS_FN(resize(SELF, a.tensor(1).sizes(), a.object(2))), kMethod,
     "other's sizes, keeping elements in memory order."},
    {"_is_view(Tensor input)", LAMPAS_FN(meta(SELF) && meta(SELF)->view != nullptr), kMethod,
     "Whether this tensor is a view of another one, as autograd sees it."},
};
#undef SELF
}  // namespace

void define_geometry(PyObject* module) { define(module, kRows); }

}  // namespace lampas::py
