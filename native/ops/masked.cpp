// Masks: where they are true, and elements chosen by them.
#include "autograd/autograd.h"
#include "iter/loop.h"
#include "ops/copy.h"
#include "ops/create.h"
#include "ops/indexing.h"
#include "ops/join.h"
#include "ops/types.h"
#include "ops/views.h"

namespace lampas::ops {

// ---- nonzero -----------------------------------------------------------------------------------
std::vector<Tensor> nonzero_tuple(const Tensor& x) {
  Tensor flat = plain(x);
  std::vector<int64_t> at;
  for_dtype(x.dtype(), [&]<class T>(Type<T>) {
    const T* p = flat.data<T>();
    for (int64_t i = 0; i < flat.numel(); ++i) {
      bool hit;
      if constexpr (std::is_same_v<T, f16> || std::is_same_v<T, bf16>)
        hit = (p[i].bits & 0x7fff) != 0;
      else
        hit = p[i] != T(0);
      if (hit) at.push_back(i);
    }
  });
  auto n = static_cast<int64_t>(at.size());
  std::vector<Tensor> out;
  Dims strides = contiguous_strides(x.sizes());
  for (int64_t d = 0; d < x.dim(); ++d) {
    Tensor t = empty(Dims{n}, DType::I64);
    auto* q = t.data<int64_t>();
    for (int64_t i = 0; i < n; ++i) q[i] = at[static_cast<size_t>(i)] / strides[d] % x.size(d);
    out.push_back(t);
  }
  if (x.dim() == 0) out.push_back(zeros(Dims{n}, DType::I64));
  return out;
}

Tensor nonzero(const Tensor& x) {
  auto columns = nonzero_tuple(x);
  if (x.dim() == 0) return empty(Dims{columns[0].numel(), 0}, DType::I64);
  return stack(columns, 1);
}

namespace {
Tensor checked_mask(const Tensor& mask, const char* op) {
  LAMPAS_CHECK(mask.dtype() == DType::Bool, op, ": expected a boolean mask, got a mask of type ",
               dtype_name(mask.dtype()), ". Remedy: mask.bool()");
  return mask;
}
}  // namespace

Tensor masked_select(const Tensor& x, const Tensor& mask) {
  checked_mask(mask, "masked_select");
  Dims shape = broadcast_shapes(x.sizes(), mask.sizes(), "masked_select");
  if (shape.empty()) return masked_select(reshape(x, Dims{1}), reshape(mask, Dims{1}));
  return index(expand(x, shape), nonzero_tuple(contiguous(expand(mask, shape))));
}

Tensor masked_scatter(const Tensor& x, const Tensor& mask, const Tensor& source) {
  checked_mask(mask, "masked_scatter");
  LAMPAS_CHECK(x.dtype() == source.dtype(),
               "masked_scatter: expected self and source to have same dtypes but got ",
               dtype_name(x.dtype()), " and ", dtype_name(source.dtype()));
  Dims shape = broadcast_shapes(x.sizes(), mask.sizes(), "masked_scatter");
  if (shape.empty())
    return reshape(masked_scatter(reshape(x, Dims{1}), reshape(mask, Dims{1}), source), shape);
  if (x.is_meta() && mask.is_meta()) return clone(expand(x, shape));
  auto at = nonzero_tuple(contiguous(expand(mask, shape)));
  int64_t n = at[0].numel();
  LAMPAS_CHECK(source.numel() >= n, "masked_scatter: expected at least ", n,
               " elements in source (as many as the mask has True), got ", source.numel());
  Tensor y = clone(expand(x, shape));
  index_put_(y, at, narrow(reshape(source, Dims{-1}), 0, 0, n), false);
  return y;
}

Tensor take(const Tensor& x, const Tensor& at) {
  LAMPAS_CHECK(at.dtype() == DType::I64, "take(): Expected a long tensor for index, but got ",
               dtype_name(at.dtype()));
  LAMPAS_CHECK_INDEX(x.numel() > 0 || at.numel() == 0,
                     "take(): tried to take from an empty tensor");
  if (at.numel() == 0) return reshape(narrow(reshape(x, Dims{-1}), 0, 0, 0), at.sizes());
  return index(reshape(x, Dims{-1}), {at});
}

}  // namespace lampas::ops
