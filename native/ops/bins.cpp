// Bins: places in sorted sequences, counts.
#include <algorithm>
#include <cmath>

#include "ops/copy.h"
#include "ops/create.h"
#include "ops/indexing.h"
#include "ops/reduce.h"
#include "ops/sorting.h"
#include "ops/types.h"
#include "ops/views.h"
#include "runtime/pool.h"

namespace lampas::ops {

namespace {
template <class T>
auto number(T v) {
  if constexpr (std::is_same_v<T, f16> || std::is_same_v<T, bf16>)
    return to_float(v);
  else
    return v;
}
// The first place in a sorted row whose element is not less than v (right: is greater). NaN
// compares with nothing: as a value it belongs at the end.
template <class T>
int64_t first_not_before(const T* row, int64_t n, T v, bool right) {
  if constexpr (std::is_same_v<T, c64> || std::is_same_v<T, c128>) {
    return 0;
  } else {
    auto key = number(v);
    int64_t low = 0, high = n;
    while (low < high) {
      int64_t middle = low + (high - low) / 2;
      auto e = number(row[middle]);
      if (right ? e > key : e >= key)
        high = middle;
      else
        low = middle + 1;
    }
    return low;
  }
}
}  // namespace

Tensor searchsorted(const Tensor& sorted, const Tensor& values, bool right, bool int32,
                    const Tensor& sorter) {
  LAMPAS_CHECK(sorted.dtype() == values.dtype(),
               "torch.searchsorted(): boundary tensor and input value tensor should have same "
               "dtype, but got boundary tensor dtype ",
               dtype_name(sorted.dtype()), " and input value tensor dtype ",
               dtype_name(values.dtype()));
  bool shared = sorted.dim() == 1;
  LAMPAS_CHECK(
      shared || sorted.dim() == values.dim(),
      "torch.searchsorted(): boundaries tensor should be 1 dimension or the first N-1 dimensions "
      "of boundaries tensor and input value tensor must match, but we got boundaries tensor ",
      sorted.sizes(), " and input value tensor ", values.sizes());
  for (int64_t d = 0; !shared && d + 1 < sorted.dim(); ++d)
    LAMPAS_CHECK(
        sorted.size(d) == values.size(d),
        "torch.searchsorted(): boundaries tensor should be 1 dimension or the first N-1 dimensions "
        "of boundaries tensor and input value tensor must match, but we got boundaries tensor ",
        sorted.sizes(), " and input value tensor ", values.sizes());
  Tensor s = sorter.defined() ? gather(sorted.alias(), -1, sorter) : sorted.alias();
  s = contiguous(s);
  Tensor v = plain(values),
         y = empty(values.sizes(), DType::I64, s.is_meta() ? s.device() : values.device());
  int64_t n = s.dim() ? s.size(-1) : 1, per = shared ? v.numel() : (v.dim() ? v.size(-1) : 1);
  LAMPAS_CHECK_KIND(NotImplemented, !is_complex(s.dtype()),
                    "\"searchsorted\" not implemented for '", dtype_name(s.dtype()),
                    "': complex numbers have no order");
  if (!s.is_meta() && !v.is_meta())
    for_dtype(s.dtype(), [&]<class T>(Type<T>) {
      const T *p = s.data<T>(), *q = v.data<T>();
      parallel_ranges(v.numel(), 4096, [&](int64_t b, int64_t e) {
        for (int64_t i = b; i < e; ++i) {
          const T* row = p + (shared ? 0 : i / per * n);
          y.data<int64_t>()[i] = first_not_before(row, n, q[i], right);
        }
      });
    });
  return int32 ? to_dtype(y, DType::I32) : y;
}

Tensor bincount(const Tensor& x, const Tensor& weights, int64_t minlength) {
  LAMPAS_CHECK_KIND(NotImplemented, !is_floating(x.dtype()) && !is_complex(x.dtype()),
                    "\"bincount_cpu\" not implemented for '", dtype_name(x.dtype()),
                    "'. Remedy: input.long()");
  LAMPAS_CHECK(x.dim() == 1 && x.dtype() != DType::Bool,
               "bincount only supports 1-d non-negative integral inputs.");
  LAMPAS_CHECK(minlength >= 0, "minlength should be >= 0");
  Tensor at = plain(to_dtype(x.alias(), DType::I64));
  int64_t size = minlength;
  for (int64_t i = 0; i < at.numel(); ++i) {
    LAMPAS_CHECK(at.data<int64_t>()[i] >= 0,
                 "bincount only supports 1-d non-negative integral inputs.");
    size = std::max(size, at.data<int64_t>()[i] + 1);
  }
  if (!weights.defined()) {
    Tensor y = zeros(Dims{size}, DType::I64);
    for (int64_t i = 0; i < at.numel(); ++i) ++y.data<int64_t>()[at.data<int64_t>()[i]];
    return y;
  }
  LAMPAS_CHECK(weights.dim() == 1 && weights.numel() == x.numel(),
               "weights should be 1-d and have the same length as input");
  DType d = weights.dtype() == DType::F32 ? DType::F32 : DType::F64;
  return index_add(zeros(Dims{size}, d), 0, at, to_dtype(weights.alias(), d), 1);
}

Tensor histc(const Tensor& x, int64_t bins, double low, double high) {
  LAMPAS_CHECK(bins > 0, "bins must be > 0");
  LAMPAS_CHECK_KIND(NotImplemented, is_floating(x.dtype()),
                    "\"histogram_cpu\" not implemented for '", dtype_name(x.dtype()), "'");
  if (x.is_meta()) return empty(Dims{bins}, x.dtype(), Device::Meta);
  Tensor v = plain(to_dtype(x.alias(), DType::F64));
  if (low == high && v.numel()) {
    low = *amin(v, {}, false).data<double>();
    high = *amax(v, {}, false).data<double>();
  }
  if (low == high) low -= 1, high += 1;
  LAMPAS_CHECK(std::isfinite(low) && std::isfinite(high), "range of [", low, ", ", high,
               "] is not finite");
  LAMPAS_CHECK(low < high, "max must be larger than min");
  // In the input's precision, each step rounded: which bin an edge falls in depends on it.
  auto in_bin = [&](auto rounded) {
    Tensor y = zeros(Dims{bins}, DType::F64);
    const double first = rounded(low), last = rounded(high), count = static_cast<double>(bins);
    for (int64_t i = 0; i < v.numel(); ++i) {
      double e = v.data<double>()[i];
      if (!(e >= first && e <= last)) continue;
      double at = rounded(rounded(rounded(e - first) * rounded(count)) / rounded(last - first));
      ++y.data<double>()[std::min(static_cast<int64_t>(at), bins - 1)];
    }
    return to_dtype(y, x.dtype());
  };
  switch (x.dtype()) {
    case DType::F16:
      return in_bin([](double e) { return double{to_float(to_f16(static_cast<float>(e)))}; });
    case DType::BF16:
      return in_bin([](double e) { return double{to_float(to_bf16(static_cast<float>(e)))}; });
    case DType::F32:
      return in_bin([](double e) { return double{static_cast<float>(e)}; });
    default:
      return in_bin([](double e) { return e; });
  }
}

}  // namespace lampas::ops
