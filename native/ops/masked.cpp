// Masks: where they are true, and elements chosen by them.
#include <atomic>

#include "autograd/autograd.h"
#include "dispatch/dispatch.h"
#include "iter/loop.h"
#include "ops/copy.h"
#include "ops/create.h"
#include "ops/indexing.h"
#include "ops/pointwise.h"
#include "ops/views.h"
#include "runtime/pool.h"

namespace lampas::ops {

// ---- nonzero -----------------------------------------------------------------------------------
namespace {
struct Mask {
  Tensor bytes;  // contiguous, of type bool
  Dims shape;
  int64_t total;
  const uint8_t* data() const { return bytes.data<uint8_t>(); }
};
Mask mask_of(const Tensor& x) {
  Mask m{plain(x.dtype() == DType::Bool ? x : ne(x.alias(), 0)), x.sizes(), 0};
  const uint8_t* p = m.data();
  std::atomic<int64_t> total = 0;
  parallel_ranges(x.numel(), 1 << 17,
                  [&](int64_t b, int64_t e) { total += dispatch().index.count(p + b, e - b); });
  m.total = total;
  return m;
}

// Coordinate d of the k-th hit to to[d][k * step].
void coordinates(const Mask& m, int64_t* const* to, int64_t step) {
  const auto& k = dispatch().index;
  size_t last = m.shape.size() - 1;  // a row runs along the last dimension of several elements
  while (last > 0 && m.shape[last] == 1) --last;
  const int64_t row = m.shape[last];
  Dims at(m.shape.size(), 0);
  const uint8_t* p = m.data();
  for (int64_t done = 0; done < m.total; p += row) {
    const int64_t hits = last == 0 ? m.total : k.count(p, row);
    k.places(to[last] + done * step, step, p, hits);
    for (size_t d = 0; d < at.size(); ++d)
      for (int64_t i = done; d != last && i < done + hits; ++i) to[d][i * step] = at[d];
    done += hits;
    for (size_t d = last; d-- > 0;) {
      if (++at[d] < m.shape[d]) break;
      at[d] = 0;
    }
  }
}
}  // namespace

std::vector<Tensor> nonzero_tuple(const Tensor& x) {
  Mask m = mask_of(x);
  if (x.dim() == 0) return {zeros(Dims{m.total}, DType::I64)};
  std::vector<Tensor> out;
  std::vector<int64_t*> to;
  for (int64_t d = 0; d < x.dim(); ++d) {
    out.push_back(empty(Dims{m.total}, DType::I64));
    to.push_back(out.back().data<int64_t>());
  }
  coordinates(m, to.data(), 1);
  return out;
}

Tensor nonzero(const Tensor& x) {
  Mask m = mask_of(x);
  Tensor out = empty(Dims{m.total, x.dim()}, DType::I64);
  std::vector<int64_t*> to;
  for (int64_t d = 0; d < x.dim(); ++d) to.push_back(out.data<int64_t>() + d);
  if (x.dim()) coordinates(m, to.data(), x.dim());
  return out;
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
