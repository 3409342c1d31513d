// Operators on shapes, creation and copies.
#include "autograd/autograd.h"
#include "bindings/args.h"
#include "bindings/module.h"
#include "ops/ops.h"

namespace lampas::py {

namespace {
// ---- creation ----------------------------------------------------------------------------------
#define OPTIONS                                                                             \
  "*, Tensor? out=None, dtype? dtype=None, layout? layout=None, device? device=None, bool " \
  "requires_grad=False, bool pin_memory=False)"
#define LIKE_OPTIONS                                                                           \
  "*, dtype? dtype=None, layout? layout=None, device? device=None, bool requires_grad=False, " \
  "bool pin_memory=False, memory_format? memory_format=None)"

// Reads the options that follow parameter `i`: out, dtype, layout, device, requires_grad.
struct Options {
  DType dtype;
  Device device;
  bool requires_grad;
  Options(const Args& a, int i, DType fallback)
      : dtype(a.dtype(i + 1, fallback)), device(a.device(i + 3)), requires_grad(a.flag(i + 4)) {
    // Written into `out`, the values take its type.
    if (a.given(i) && !a.given(i + 1)) dtype = a.tensor(i).dtype();
  }
  Tensor finish(Tensor t) const {
    if (requires_grad) set_requires_grad(t, true);
    return t;
  }
};
struct LikeOptions {
  std::optional<DType> dtype;
  Device device;
  bool requires_grad;
  LikeOptions(const Args& a, int i, const Tensor& like)
      : dtype(a.dtype(i, like.dtype())),
        device(a.device_or(i + 2).value_or(like.device())),
        requires_grad(a.flag(i + 3)) {}
  Tensor finish(Tensor t) const {
    if (requires_grad) set_requires_grad(t, true);
    return t;
  }
};

Tensor filled(const Args& a, const Scalar& value) {
  Options o(a, 1, ops::default_dtype());
  return o.finish(ops::full(a.ints(0), value, o.dtype, o.device));
}
Tensor full(const Args& a) {
  Scalar v = a.number(1);
  Options o(a, 2, v.natural_dtype(ops::default_dtype()));
  ops::check_fits(v, o.dtype, "full");
  return o.finish(ops::full(a.ints(0), v, o.dtype, o.device));
}
Tensor filled_like(const Args& a, int at, const Scalar& value) {
  const Tensor& x = a.tensor(0);
  LikeOptions o(a, at, x);
  ops::check_fits(value, *o.dtype, "full_like");
  if (o.device != x.device()) return o.finish(ops::full(x.sizes(), value, *o.dtype, o.device));
  return o.finish(ops::full_like(x, value, o.dtype));
}
Tensor empty_like(const Args& a) {
  const Tensor& x = a.tensor(0);
  LikeOptions o(a, 1, x);
  if (o.device != x.device()) return o.finish(ops::empty(x.sizes(), *o.dtype, o.device));
  return o.finish(ops::empty_like(x, o.dtype));
}
Tensor empty(const Args& a) {
  Options o(a, 1, ops::default_dtype());
  return o.finish(ops::empty(a.ints(0), o.dtype, o.device));
}
Tensor empty_strided(const Args& a) {
  LAMPAS_CHECK(a.ints(0).size() == a.ints(1).size(), "dimensionality of sizes (", a.ints(0).size(),
               ") must match dimensionality of strides (", a.ints(1).size(), ")");
  Tensor t =
      ops::empty_strided(a.ints(0), a.ints(1), a.dtype(2, ops::default_dtype()), a.device(4));
  if (a.flag(5)) set_requires_grad(t, true);
  return t;
}
Tensor new_empty(const Args& a) {
  Tensor t = ops::empty(a.ints(1), a.dtype(2, a.tensor(0).dtype()),
                        a.device_or(4).value_or(a.tensor(0).device()));
  if (a.flag(5)) set_requires_grad(t, true);
  return t;
}
Tensor new_filled(const Args& a, int at, const Scalar& value) {
  ops::check_fits(value, a.dtype(at, a.tensor(0).dtype()), "new_full");
  Tensor t = ops::full(a.ints(1), value, a.dtype(at, a.tensor(0).dtype()),
                       a.device_or(at + 2).value_or(a.tensor(0).device()));
  if (a.flag(at + 3)) set_requires_grad(t, true);
  return t;
}
#define NEW_OPTIONS                                                                            \
  "*, dtype? dtype=None, layout? layout=None, device? device=None, bool requires_grad=False, " \
  "bool pin_memory=False)"

Tensor arange(const Args& a, const Scalar& start, const Scalar& end, const Scalar& step, int at) {
  Options o(a, at, ops::default_dtype());
  std::optional<DType> d = a.dtype_or(at + 1);
  if (!d && a.given(at)) d = a.tensor(at).dtype();
  Tensor t = ops::arange(start, end, step, d);
  if (o.device == Device::Meta) t = ops::empty(t.sizes(), t.dtype(), o.device);
  return o.finish(t);
}
Tensor spaced(const Args& a, bool log) {
  Options o(a, log ? 4 : 3, ops::default_dtype());
  double from = scalar_of(a.object(0)).to_double(), to = scalar_of(a.object(1)).to_double();
  return o.finish(log ? ops::logspace(from, to, a.integer(2), a.real(3), o.dtype)
                      : ops::linspace(from, to, a.integer(2), o.dtype));
}
Tensor eye(const Args& a, bool square) {
  int64_t n = a.integer(0), m = square ? n : a.integer(1);
  Options o(a, square ? 1 : 2, ops::default_dtype());
  return o.finish(ops::eye(n, m, o.dtype));
}
Tensor scalar_tensor(const Args& a) {
  Options o(a, 1, ops::default_dtype());
  DType dtype = a.dtype(2, ops::default_dtype());
  ops::check_fits(a.number(0), dtype, "scalar_tensor");
  return o.finish(ops::full({}, a.number(0), dtype, o.device));
}

// ---- conversions -------------------------------------------------------------------------------
Tensor converted(const Tensor& x, std::optional<DType> dtype, std::optional<Device> device,
                 bool copy) {
  Tensor y = dtype ? ops::to_dtype(x, *dtype) : x;
  if (device && *device != x.device()) {
    LAMPAS_CHECK_KIND(NotImplemented, *device == Device::Meta,
                      "Cannot copy out of meta tensor; no data! Remedy: module.to_empty() or "
                      "torch.empty_like(t, device='cpu')");
    y = ops::empty_strided(y.sizes(), y.strides(), y.dtype(), Device::Meta);
  }
  return copy && y.is(x) ? ops::clone(x) : y;
}
Tensor with_format(Tensor t, PyObject* format) {
  return format && format != Py_None ? ops::with_memory_format(t, memory_format_of(format)) : t;
}
PyObject* type_as(Args& a) { return wrap(ops::to_dtype(a.tensor(0), a.tensor(1).dtype())); }

Tensor requires_grad_(const Args& a) {
  set_requires_grad(a.tensor(0), a.flag(1));
  return a.tensor(0);
}
Tensor detach_(const Tensor& t) {
  AutogradMeta* m = meta(t);
  LAMPAS_CHECK(!m || !m->view || !requires_grad(t),
               "Can't detach views in-place. Use detach() instead.");
  if (m) {
    m->edge = {};
    m->requires_grad = false;
  }
  return t;
}
Tensor refuse_start(const Tensor& start) {
  fail(ErrorKind::Runtime, "narrow(): start must be an 0-dim integral Tensor or int, got ",
       dtype_name(start.dtype()), " of shape ", start.sizes());
}
Tensor fill_inplace(const Tensor& t, const Operand& v) {
  check_inplace(t, "fill_");
  if (!v.is_tensor()) {
    ops::check_fits(v.scalar(), t.dtype(), "fill_");
    ops::fill_(t, v.scalar());
  } else {
    LAMPAS_CHECK(v.tensor().dim() == 0,
                 "fill_ only supports 0-dimension value tensor but got tensor with ",
                 v.tensor().dim(), " dimensions.");
    ops::copy_(t, v.tensor());
  }
  return t;
}
Tensor copy_inplace(const Tensor& t, const Tensor& from) {
  check_inplace(t, "copy_");
  ops::check_written_once(t, "copy_");
  ops::copy_(t, from);
  return t;
}
constexpr Definition kRows[] = {
    {"empty(int[]* size, " OPTIONS, LAMPAS_FN(empty(a)), kFunction, "Memory without values: whatever it held before."},
    {"empty_strided(int[] size, int[] stride, " NEW_OPTIONS, LAMPAS_FN(empty_strided(a)), kFunction, "Memory without values, with the given strides."},
    {"zeros(int[]* size, " OPTIONS, LAMPAS_FN(filled(a, 0)), kFunction, "Zeros.\n\n>>> lampas.zeros(2, 3)\ntensor([[0., 0., 0.],\n        [0., 0., 0.]])"},
    {"ones(int[]* size, " OPTIONS, LAMPAS_FN(filled(a, 1)), kFunction, "Ones."},
    {"full(int[] size, Number fill_value, " OPTIONS, LAMPAS_FN(full(a)), kFunction, "One value everywhere; its type decides the dtype."},
    {"empty_like(Tensor input, " LIKE_OPTIONS, LAMPAS_FN(empty_like(a)), kFunction, "Memory without values, shaped as `input`."},
    {"zeros_like(Tensor input, " LIKE_OPTIONS, LAMPAS_FN(filled_like(a, 1, 0)), kFunction, "Zeros shaped as `input`."},
    {"ones_like(Tensor input, " LIKE_OPTIONS, LAMPAS_FN(filled_like(a, 1, 1)), kFunction, "Ones shaped as `input`."},
    {"full_like(Tensor input, Number fill_value, " LIKE_OPTIONS, LAMPAS_FN(filled_like(a, 2, a.number(1))), kFunction, "One value, shaped as `input`."},
    {"new_empty(Tensor input, int[]* size, " NEW_OPTIONS, LAMPAS_FN(new_empty(a)), kMethod, "Memory without values, of this tensor's dtype."},
    {"new_zeros(Tensor input, int[]* size, " NEW_OPTIONS, LAMPAS_FN(new_filled(a, 2, 0)), kMethod, "Zeros of this tensor's dtype."},
    {"new_ones(Tensor input, int[]* size, " NEW_OPTIONS, LAMPAS_FN(new_filled(a, 2, 1)), kMethod, "Ones of this tensor's dtype."},
    {"new_full(Tensor input, int[] size, Number fill_value, " NEW_OPTIONS, LAMPAS_FN(new_filled(a, 3, a.number(2))), kMethod, "One value, of this tensor's dtype."},
    {"arange(Number end, " OPTIONS, LAMPAS_FN(arange(a, 0, a.number(0), 1, 1)), kFunction, "Values from `start` up to, not including, `end`."},
    {"arange(Number start, Number end, Number step=1, " OPTIONS, LAMPAS_FN(arange(a, a.number(0), a.number(1), a.number(2), 3)), kFunction, nullptr},
    {"linspace(object start, object end, int steps, " OPTIONS, LAMPAS_FN(spaced(a, false)), kFunction, "`steps` values evenly from `start` to `end`, both included."},
    {"logspace(object start, object end, int steps, float base=10.0, " OPTIONS, LAMPAS_FN(spaced(a, true)), kFunction, "base ** linspace(start, end, steps)."},
    {"eye(int n, int m, " OPTIONS, LAMPAS_FN(eye(a, false)), kFunction, "Ones on the diagonal, zeros elsewhere."},
    {"eye(int n, " OPTIONS, LAMPAS_FN(eye(a, true)), kFunction, nullptr},
    {"scalar_tensor(Number s, " OPTIONS, LAMPAS_FN(scalar_tensor(a)), kFunction, "A 0-d tensor."},

    {"view(Tensor input, dtype dtype)", LAMPAS_FN(ops::view_dtype(a.tensor(0), a.dtype(1, DType::F32))), kMethod, "The same bytes as another dtype."},
    {"view(Tensor input, int[]* size)", LAMPAS_FN(ops::view(a.tensor(0), a.ints(1))), kMethod, "The same memory with other sizes; one may be -1."},
    {"view_as(Tensor input, Tensor other)", LAMPAS_FN(ops::view(a.tensor(0), a.tensor(1).sizes())), kMethod, "The same memory with other's sizes."},
    {"reshape(Tensor input, int[]* shape)", LAMPAS_FN(ops::reshape(a.tensor(0), a.ints(1))), kBoth, "The same elements with other sizes; a view where possible."},
    {"reshape_as(Tensor input, Tensor other)", LAMPAS_FN(ops::reshape(a.tensor(0), a.tensor(1).sizes())), kMethod, "Reshaped to other's sizes."},
    {"flatten(Tensor input, int start_dim=0, int end_dim=-1)", LAMPAS_FN(ops::flatten(a.tensor(0), a.integer(1), a.integer(2))), kBoth, "Joins dimensions start_dim to end_dim into one."},
    {"ravel(Tensor input)", LAMPAS_FN(ops::reshape(a.tensor(0), Dims{-1})), kBoth, "All elements in one dimension."},
    {"unflatten(Tensor input, int dim, int[] sizes)", LAMPAS_FN(ops::unflatten(a.tensor(0), a.integer(1), a.ints(2))), kBoth, "Cuts one dimension into several."},
    {"expand(Tensor input, int[]* size, *, bool implicit=False)", LAMPAS_FN(ops::expand(a.tensor(0), a.ints(1))), kMethod, "Repeats dimensions of size 1 without copying."},
    {"expand_as(Tensor input, Tensor other)", LAMPAS_FN(ops::expand(a.tensor(0), a.tensor(1).sizes())), kMethod, "Expanded to other's sizes."},
    {"broadcast_to(Tensor input, int[]* size)", LAMPAS_FN(ops::expand(a.tensor(0), a.ints(1))), kBoth, "Expanded to `size`."},
    {"permute(Tensor input, int[]* dims)", LAMPAS_FN(ops::permute(a.tensor(0), a.ints(1))), kBoth, "Dimensions in another order."},
    {"transpose(Tensor input, int dim0, int dim1)", LAMPAS_FN(ops::transpose(a.tensor(0), a.integer(1), a.integer(2))), kBoth, "Two dimensions swapped."},
    {"swapaxes(Tensor input, int axis0, int axis1)", LAMPAS_FN(ops::transpose(a.tensor(0), a.integer(1), a.integer(2))), kBoth, "Two dimensions swapped."},
    {"swapdims(Tensor input, int dim0, int dim1)", LAMPAS_FN(ops::transpose(a.tensor(0), a.integer(1), a.integer(2))), kBoth, "Two dimensions swapped."},
    {"t(Tensor input)", LAMPAS_FN(ops::t(a.tensor(0))), kBoth, "A matrix transposed."},
    {"adjoint(Tensor input)", LAMPAS_FN(ops::conj(ops::mT(a.tensor(0)))), kBoth, "Conjugated, last two dimensions swapped."},
    {"movedim(Tensor input, int source, int destination)", LAMPAS_FN(ops::movedim(a.tensor(0), Dims{a.integer(1)}, Dims{a.integer(2)})), kBoth, "Dimensions moved to other places."},
    {"movedim(Tensor input, int[] source, int[] destination)", LAMPAS_FN(ops::movedim(a.tensor(0), a.ints(1), a.ints(2))), kBoth, nullptr},
    {"moveaxis(Tensor input, int source, int destination)", LAMPAS_FN(ops::movedim(a.tensor(0), Dims{a.integer(1)}, Dims{a.integer(2)})), kBoth, "Dimensions moved to other places."},
    {"moveaxis(Tensor input, int[] source, int[] destination)", LAMPAS_FN(ops::movedim(a.tensor(0), a.ints(1), a.ints(2))), kBoth, nullptr},
    {"select(Tensor input, int dim, int index)", LAMPAS_FN(ops::select(a.tensor(0), a.integer(1), a.integer(2))), kBoth, "One slice; drops the dimension."},
    {"narrow(Tensor input, int dim, int start, int length)", LAMPAS_FN(ops::narrow(a.tensor(0), a.integer(1), a.integer(2), a.integer(3))), kBoth, "A range of one dimension."},
    {"narrow(Tensor input, int dim, Tensor start, int length)", LAMPAS_FN(refuse_start(a.tensor(2))), kBoth, nullptr},
    {"squeeze(Tensor input)", LAMPAS_FN(ops::squeeze(a.tensor(0))), kBoth, "Drops dimensions of size 1."},
    {"squeeze(Tensor input, int[1] dim)", LAMPAS_FN(ops::squeeze(a.tensor(0), a.ints(1))), kBoth, nullptr},
    {"unsqueeze(Tensor input, int dim)", LAMPAS_FN(ops::unsqueeze(a.tensor(0), a.integer(1))), kBoth, "Adds a dimension of size 1."},
    {"diagonal(Tensor input, int offset=0, int dim1=0, int dim2=1)", LAMPAS_FN(ops::diagonal(a.tensor(0), a.integer(1), a.integer(2), a.integer(3))), kBoth, "A diagonal, as a view."},
    {"unfold(Tensor input, int dimension, int size, int step)", LAMPAS_FN(ops::unfold(a.tensor(0), a.integer(1), a.integer(2), a.integer(3))), kMethod, "Windows along a dimension, as a view."},
    {"as_strided(Tensor input, int[] size, int[] stride, int? storage_offset=None)", LAMPAS_FN(ops::as_strided(a.tensor(0), a.ints(1), a.ints(2), a.integer_or(3).value_or(a.tensor(0).offset()))), kBoth, "A view with any geometry."},
    {"split(Tensor tensor, int split_size_or_sections, int dim=0)", LAMPAS_FN(ops::split(a.tensor(0), a.integer(1), a.integer(2))), kBoth, "Pieces of one size, or of the given sizes."},
    {"split(Tensor tensor, int[] split_size_or_sections, int dim=0)", LAMPAS_FN(ops::split(a.tensor(0), a.ints(1), a.integer(2))), kBoth, nullptr},
    {"split_with_sizes(Tensor input, int[] split_sizes, int dim=0)", LAMPAS_FN(ops::split(a.tensor(0), a.ints(1), a.integer(2))), kBoth, "Pieces of the given sizes."},
    {"chunk(Tensor input, int chunks, int dim=0)", LAMPAS_FN(ops::chunk(a.tensor(0), a.integer(1), a.integer(2))), kBoth, "At most `chunks` pieces."},
    {"unbind(Tensor input, int dim=0)", LAMPAS_FN(ops::unbind(a.tensor(0), a.integer(1))), kBoth, "All slices along a dimension."},
    {"view_as_real(Tensor input)", LAMPAS_FN(ops::view_as_real(a.tensor(0))), kFunction, "A complex tensor as pairs of reals."},
    {"view_as_complex(Tensor input)", LAMPAS_FN(ops::view_as_complex(a.tensor(0))), kFunction, "Pairs of reals as a complex tensor."},
    {"real(Tensor input)", LAMPAS_FN(ops::real(a.tensor(0))), kFunction, "The real part."},
    {"imag(Tensor input)", LAMPAS_FN(ops::imag(a.tensor(0))), kFunction, "The imaginary part."},
    {"detach(Tensor input)", LAMPAS_FN(detach(a.tensor(0))), kBoth, "The same memory outside the graph."},
    {"detach_(Tensor input)", LAMPAS_FN(detach_(a.tensor(0))), kBoth, "Takes this tensor out of the graph."},
    {"cat(Tensor[] tensors, int dim=0, *, Tensor? out=None)", LAMPAS_FN(ops::cat(a.tensors(0), a.integer(1))), kFunction, "Tensors joined along a dimension."},
    {"concat(Tensor[] tensors, int dim=0, *, Tensor? out=None)", LAMPAS_FN(ops::cat(a.tensors(0), a.integer(1))), kFunction, "Tensors joined along a dimension."},
    {"concatenate(Tensor[] tensors, int dim=0, *, Tensor? out=None)", LAMPAS_FN(ops::cat(a.tensors(0), a.integer(1))), kFunction, "Tensors joined along a dimension."},
    {"stack(Tensor[] tensors, int dim=0, *, Tensor? out=None)", LAMPAS_FN(ops::stack(a.tensors(0), a.integer(1))), kFunction, "Tensors of one shape joined along a new dimension."},
    {"flip(Tensor input, int[1]* dims)", LAMPAS_FN(ops::flip(a.tensor(0), a.ints(1))), kBoth, "Reversed along dimensions; a copy."},
    {"triu(Tensor input, int diagonal=0, *, Tensor? out=None)", LAMPAS_FN(ops::triangle(a.tensor(0), a.integer(1), true)), kAll, "The elements on and above a diagonal of the last two dimensions, zeros elsewhere."},
    {"tril(Tensor input, int diagonal=0, *, Tensor? out=None)", LAMPAS_FN(ops::triangle(a.tensor(0), a.integer(1), false)), kAll, "The elements on and below a diagonal of the last two dimensions, zeros elsewhere."},
    {"roll(Tensor input, int[1] shifts, int[1] dims=[])", LAMPAS_FN(ops::roll(a.tensor(0), a.ints(1), a.ints(2))), kBoth, "Shifted around along dimensions."},
    {"repeat(Tensor input, int[]* repeats)", LAMPAS_FN(ops::repeat(a.tensor(0), a.ints(1))), kMethod, "Tiled along each dimension."},

    {"clone(Tensor input, *, memory_format? memory_format=None)", LAMPAS_FN(with_format(ops::clone(a.tensor(0)), a.object(1))), kBoth, "A copy; gradients pass through."},
    {"contiguous(Tensor input, *, memory_format? memory_format=None)", LAMPAS_FN(a.given(1) ? with_format(a.tensor(0), a.object(1)) : ops::contiguous(a.tensor(0))), kMethod, "Row-major in memory; itself where it already is."},
    {"is_contiguous(Tensor input, *, memory_format? memory_format=None)", LAMPAS_FN(a.given(1) ? ops::has_memory_format(a.tensor(0), memory_format_of(a.object(1))) : a.tensor(0).is_contiguous()), kMethod, "Whether it is row-major in memory."},
    {"to(Tensor input, dtype dtype, bool non_blocking=False, bool copy=False, *, memory_format? memory_format=None)", LAMPAS_FN(with_format(converted(a.tensor(0), a.dtype_or(1), {}, a.flag(3)), a.object(4))), kMethod, "As another dtype or on another device; itself where nothing changes."},
    {"to(Tensor input, device? device=None, dtype? dtype=None, bool non_blocking=False, bool copy=False, *, memory_format? memory_format=None)", LAMPAS_FN(with_format(converted(a.tensor(0), a.dtype_or(2), a.device_or(1), a.flag(4)), a.object(5))), kMethod, nullptr},
    {"to(Tensor input, Tensor other, bool non_blocking=False, bool copy=False, *, memory_format? memory_format=None)", LAMPAS_FN(with_format(converted(a.tensor(0), a.tensor(1).dtype(), a.tensor(1).device(), a.flag(3)), a.object(4))), kMethod, nullptr},
    {"type_as(Tensor input, Tensor other)", type_as, kMethod, "Cast to other's dtype."},
#define CAST(name, D)                                        \
  {name "(Tensor input, memory_format? memory_format=None)", \
   LAMPAS_FN(ops::to_dtype(a.tensor(0), DType::D)), kMethod, "Cast to " #D "."},
    CAST("bool", Bool) CAST("byte", U8) CAST("char", I8) CAST("short", I16) CAST("int", I32) CAST("long", I64) CAST("half", F16)
    CAST("bfloat16", BF16) CAST("float", F32) CAST("double", F64) CAST("cfloat", C64) CAST("cdouble", C128)
#undef CAST
    {"fill_(Tensor input, Operand value)", LAMPAS_FN(fill_inplace(a.tensor(0), a.operand(1))), kBoth, "Writes one value everywhere."},
    {"zero_(Tensor input)", LAMPAS_FN(fill_inplace(a.tensor(0), 0)), kBoth, "Writes zeros."},
    {"copy_(Tensor input, Tensor src, bool non_blocking=False)", LAMPAS_FN(copy_inplace(a.tensor(0), a.tensor(1))), kMethod, "Writes src's values, broadcast and cast."},

    {"requires_grad_(Tensor input, bool requires_grad=True)", LAMPAS_FN(requires_grad_(a)), kMethod, "Starts or stops recording gradients; returns itself."},
    {"dim(Tensor input)", LAMPAS_FN(a.tensor(0).dim()), kMethod, "The number of dimensions."},
    {"ndimension(Tensor input)", LAMPAS_FN(a.tensor(0).dim()), kMethod, "The number of dimensions."},
    {"numel(Tensor input)", LAMPAS_FN(a.tensor(0).numel()), kBoth, "The number of elements."},
    {"nelement(Tensor input)", LAMPAS_FN(a.tensor(0).numel()), kMethod, "The number of elements."},
    {"element_size(Tensor input)", LAMPAS_FN(int64_t{itemsize(a.tensor(0).dtype())}), kMethod, "Bytes of one element."},
    {"storage_offset(Tensor input)", LAMPAS_FN(a.tensor(0).offset()), kMethod, "Elements before the first one in the storage."},
    {"size(Tensor input)", [](Args& a) -> PyObject* { return size_tuple(a.tensor(0).sizes()); }, kMethod, "The sizes, or one of them."},
    {"size(Tensor input, int? dim=None)", [](Args& a) -> PyObject* {
       auto d = a.integer_or(1);
       if (!d) return size_tuple(a.tensor(0).sizes());
       LAMPAS_CHECK_INDEX(a.tensor(0).dim() > 0, "Dimension specified as ", *d, " but tensor has no dimensions");
       return to_py(a.tensor(0).size(wrap_dim(*d, a.tensor(0).dim())));
     }, kMethod, nullptr},
    {"stride(Tensor input, int? dim=None)", [](Args& a) -> PyObject* {
       if (auto d = a.integer_or(1)) return to_py(a.tensor(0).stride(wrap_dim(*d, a.tensor(0).dim())));
       Owned size(size_tuple(a.tensor(0).strides()));
       return PyTuple_GetSlice(size.get(), 0, PyTuple_GET_SIZE(size.get()));
     }, kMethod, "The strides, or one of them."},
    {"is_floating_point(Tensor input)", LAMPAS_FN(is_floating(a.tensor(0).dtype())), kBoth, "Whether of a floating point dtype."},
    {"is_complex(Tensor input)", LAMPAS_FN(is_complex(a.tensor(0).dtype())), kBoth, "Whether of a complex dtype."},
    {"is_signed(Tensor input)", LAMPAS_FN(a.tensor(0).dtype() != DType::Bool && a.tensor(0).dtype() != DType::U8), kBoth, "Whether values can be negative."},
    {"is_inference(Tensor input)", LAMPAS_FN(a.tensor(0).impl()->inference), kBoth, "Whether made under inference_mode."},
    {"is_set_to(Tensor input, Tensor tensor)", LAMPAS_FN(a.tensor(0).storage_ref() == a.tensor(1).storage_ref() && a.tensor(0).sizes() == a.tensor(1).sizes() && a.tensor(0).strides() == a.tensor(1).strides() && a.tensor(0).offset() == a.tensor(1).offset()), kMethod, "Whether both have the same memory and geometry."},
};
}  // namespace

void define_tensor_ops(PyObject* module) { define(module, kRows); }

}  // namespace lampas::py
