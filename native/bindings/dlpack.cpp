// Memory shared with other libraries by DLPack: https://dmlc.github.io/dlpack/latest/
#include <cstring>

#include "autograd/autograd.h"
#include "bindings/args.h"
#include "bindings/caster.h"
#include "bindings/module.h"

namespace nb = nanobind;

namespace lampas::py {

namespace {
// ---- the exchange structures, as the protocol lays them out
// --------------------------------------
struct DlDevice {
  int32_t type, id;
};
struct DlType {
  uint8_t code, bits;
  uint16_t lanes;
};
struct DlTensor {
  void* data;
  DlDevice device;
  int32_t ndim;
  DlType dtype;
  int64_t* shape;
  int64_t* strides;  // in elements; null: row-major
  uint64_t byte_offset;
};
struct DlManaged {
  DlTensor tensor;
  void* context;
  void (*deleter)(DlManaged*);
};
struct DlVersioned {
  uint32_t major, minor;
  void* context;
  void (*deleter)(DlVersioned*);
  uint64_t flags;
  DlTensor tensor;
};
constexpr int32_t kCpu = 1, kPinned = 3;
constexpr uint64_t kReadOnly = 1;
constexpr int kMaxDims = 64;

struct TypeRow {
  DType dtype;
  DlType type;
};
constexpr TypeRow kTypes[] = {
    {DType::Bool, {6, 8, 1}}, {DType::U8, {1, 8, 1}},    {DType::I8, {0, 8, 1}},
    {DType::I16, {0, 16, 1}}, {DType::I32, {0, 32, 1}},  {DType::I64, {0, 64, 1}},
    {DType::F16, {2, 16, 1}}, {DType::BF16, {4, 16, 1}}, {DType::F32, {2, 32, 1}},
    {DType::F64, {2, 64, 1}}, {DType::C64, {5, 64, 1}},  {DType::C128, {5, 128, 1}},
};

// ---- out
// -----------------------------------------------------------------------------------------
template <class M>
struct Exported {
  M managed{};
  Tensor t;
  Dims shape, strides;
};
template <class M>
void release_export(M* m) {
  delete static_cast<Exported<M>*>(m->context);
}
template <class M>
void destroy_unused(PyObject* capsule) {
  const char* name = PyCapsule_GetName(capsule);
  if (!name || std::strncmp(name, "used", 4) == 0) return;
  auto* m = static_cast<M*>(PyCapsule_GetPointer(capsule, name));
  if (m && m->deleter) m->deleter(m);
}

template <class M>
nb::object make_capsule(const Tensor& t, const char* name) {
  auto e = std::make_unique<Exported<M>>();
  e->t = t.alias();
  e->shape = t.sizes();
  e->strides = t.strides();
  DlTensor& d = e->managed.tensor;
  d.data = t.numel() ? t.data() : nullptr;
  d.device = {kCpu, 0};
  d.ndim = static_cast<int32_t>(t.dim());
  for (const TypeRow& row : kTypes)
    if (row.dtype == t.dtype()) d.dtype = row.type;
  d.shape = e->shape.data();
  d.strides = e->strides.data();
  e->managed.context = e.get();
  e->managed.deleter = release_export<M>;
  if constexpr (std::is_same_v<M, DlVersioned>) {
    e->managed.major = 1;
    e->managed.flags = t.storage().read_only ? kReadOnly : 0;
  }
  nb::object capsule = nb::steal(checked(PyCapsule_New(&e->managed, name, destroy_unused<M>)));
  t.storage().resizable = false;  // the other side has the address
  e.release();
  return capsule;
}

nb::object to_capsule(const Tensor& t, bool versioned) {
  auto refuse = [](const char* why) {
    PyErr_SetString(PyExc_BufferError, why);
    throw nb::python_error();
  };
  if (requires_grad(t)) refuse("Can't export tensors that require gradient, use tensor.detach()");
  if (t.is_meta()) refuse("Can't export a meta tensor: it has no data");
  if (versioned) return make_capsule<DlVersioned>(t, "dltensor_versioned");
  if (t.storage().read_only)
    refuse("Can't export read-only memory by DLPack before version 1.0; use tensor.clone()");
  return make_capsule<DlManaged>(t, "dltensor");
}

// ---- in
// ------------------------------------------------------------------------------------------
template <class M>
void release_import(Storage& s) {
  auto* m = static_cast<M*>(s.context);
  PyGILState_STATE state = PyGILState_Ensure();
  if (m->deleter) m->deleter(m);
  PyGILState_Release(state);
}

DType dtype_of(const DlType& type) {
  for (const TypeRow& row : kTypes)
    if (row.type.code == type.code && row.type.bits == type.bits && type.lanes == 1)
      return row.dtype;
  fail(ErrorKind::Runtime, "from_dlpack: no dtype for DLPack's type code ", int{type.code}, ", ",
       int{type.bits}, " bits, ", type.lanes, " lanes");
}

template <class M>
Tensor adopt(M* m, bool read_only) {
  const DlTensor& d = m->tensor;
  LAMPAS_CHECK(d.device.type == kCpu || d.device.type == kPinned,
               "from_dlpack: the data is on DLPack's device type ", d.device.type,
               "; only the CPU (1) is supported. Remedy: copy it to the CPU first");
  LAMPAS_CHECK(d.ndim >= 0 && d.ndim <= kMaxDims && (d.shape || !d.ndim),
               "from_dlpack: invalid number of dimensions ", d.ndim);
  DType dtype = dtype_of(d.dtype);
  Dims sizes, strides;
  bool empty = false;
  for (int i = 0; i < d.ndim; ++i) {
    sizes.push_back(d.shape[i]);
    empty |= d.shape[i] == 0;
  }
  if (d.strides)
    for (int i = 0; i < d.ndim; ++i) strides.push_back(d.shape[i] > 1 ? d.strides[i] : 1);
  else
    strides = contiguous_strides(sizes);
  for (int64_t s : strides)
    LAMPAS_CHECK_VALUE(s >= 0 || empty,
                       "from_dlpack: at least one stride is negative, and tensors with negative "
                       "strides are not supported. Remedy: copy the array first, array.copy()");
  if (empty) strides = contiguous_strides(sizes);
  int64_t extent = checked_extent(sizes, strides, 0);
  LAMPAS_CHECK(d.data || empty, "from_dlpack: the data has no address");
  auto s = make_ref<Storage>();
  s->data = static_cast<char*>(d.data) + d.byte_offset;
  s->nbytes = static_cast<size_t>(extent * itemsize(dtype));
  s->read_only = read_only;
  s->resizable = false;
  Tensor t = Tensor::over(s, dtype, sizes, strides, 0);
  s->context = m;  // ours from here on
  s->release = release_import<M>;
  return t;
}

template <class M>
M* take(PyObject* capsule, const char* name) {
  return static_cast<M*>(PyCapsule_GetPointer(capsule, name));
}

Tensor from_capsule(nb::handle h) {
  PyObject* c = h.ptr();
  if (PyCapsule_IsValid(c, "dltensor_versioned")) {
    auto* m = take<DlVersioned>(c, "dltensor_versioned");
    LAMPAS_CHECK(m->major == 1, "from_dlpack: DLPack ", m->major, ".", m->minor,
                 " is not supported, only 1.x and before");
    Tensor t = adopt(m, m->flags & kReadOnly);
    PyCapsule_SetName(c, "used_dltensor_versioned");
    return t;
  }
  LAMPAS_CHECK(PyCapsule_IsValid(c, "dltensor"),
               "from_dlpack received an invalid capsule. Note that DLTensor capsules can be "
               "consumed only once, so you might have already constructed a tensor from it once.");
  Tensor t = adopt(take<DlManaged>(c, "dltensor"), false);
  PyCapsule_SetName(c, "used_dltensor");
  return t;
}
}  // namespace

void init_dlpack(PyObject* module) {
  nb::module_ m = nb::borrow<nb::module_>(module);
  m.def("_to_dlpack", &to_capsule, nb::arg("tensor"), nb::arg("versioned"));
  m.def("_from_dlpack", &from_capsule, nb::arg("capsule"));
}

}  // namespace lampas::py
