#include "ops/inplace.h"

#include <cstring>

#include "autograd/autograd.h"
#include "ops/copy.h"
#include "runtime/allocator.h"

namespace lampas::ops {

bool can_cast(DType from, DType to) {
  if (is_complex(from) && !is_complex(to)) return false;
  if (is_floating(from) && is_integral(to)) return false;
  return !(from != DType::Bool && to == DType::Bool);
}

void check_written_once(const Tensor& t, const char* op) {
  for (int64_t i = 0; i < t.dim(); ++i)
    LAMPAS_CHECK(
        t.size(i) <= 1 || t.stride(i) != 0,
        "unsupported operation: more than one element of the written-to tensor refers to a "
        "single memory location (",
        op, " on a tensor of shape ", t.sizes(), " and strides ", t.strides(),
        "). Please clone() the tensor before performing the operation.");
}

void assign_inplace(const Tensor& self, const Tensor& result, const char* op) {
  if (result.is(self)) return;
  LAMPAS_CHECK(can_cast(result.dtype(), self.dtype()), op, ": result type ",
               dtype_name(result.dtype()), " can't be cast to the desired output type ",
               dtype_name(self.dtype()));
  LAMPAS_CHECK(result.sizes() == self.sizes(), op, ": output with shape ", self.sizes(),
               " doesn't match the broadcast shape ", result.sizes());
  if (std::strcmp(op, "masked_fill_") != 0) check_written_once(self, op);
  copy_(self, result);
}

void write_out(const Tensor& out, const Tensor& result, const char* op) {
  if (out.is(result)) return;
  LAMPAS_CHECK(
      !(grad_enabled() && (requires_grad(out) || requires_grad(result))), op,
      "(): functions with out=... arguments don't support automatic differentiation, but one of "
      "the arguments requires grad. Remedy: leave out= away, or compute under no_grad()");
  LAMPAS_CHECK(can_cast(result.dtype(), out.dtype()), op, "(): result type ",
               dtype_name(result.dtype()), " can't be cast to the desired output type ",
               dtype_name(out.dtype()));
  LAMPAS_CHECK_VALUE(!out.storage().read_only, op,
                     "(): out='s memory is read-only (it was lent by another object, a NumPy array "
                     "say). Remedy: pass a copy, out.clone()");
  // Computed in its place already (Destination).
  const bool there = result.storage_ref() == out.storage_ref() && result.sizes() == out.sizes() &&
                     result.strides() == out.strides() && result.offset() == out.offset();
  if (!there) {
    if (out.sizes() == result.sizes())
      check_written_once(out, op);
    else
      resize_(out, result.sizes());
    copy_raw(out, result);
  }
  out.bump_version();
}

void resize_(const Tensor& t, IntSpan sizes) {
  TensorImpl& i = *t.impl();
  Dims strides = contiguous_strides(sizes);
  size_t need = static_cast<size_t>(checked_extent(sizes, strides, i.offset) * itemsize(i.dtype));
  Storage& s = *i.storage;
  if (need > s.nbytes) {
    LAMPAS_CHECK(
        s.resizable,
        "Trying to resize storage that is not resizable: its memory belongs to, or was lent to, "
        "another object (a NumPy array, say). Remedy: resize a copy, t.clone()");
    if (s.device == Device::Cpu) {
      void* p = allocate(need);
      if (s.nbytes) std::memcpy(p, s.data, s.nbytes);
      if (s.release) s.release(s);
      s.data = p;
      s.release = [](Storage& st) { deallocate(st.data, st.nbytes); };
    }
    s.nbytes = need;
  }
  i.sizes = sizes;
  i.strides = strides;
  i.refresh();
}

}  // namespace lampas::ops
