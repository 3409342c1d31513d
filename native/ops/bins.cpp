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
// The first place in a sorted row whose element is not less than v (kRight: is greater). NaN
// compares with nothing: as a value it belongs at the end. No processor foretells which half is
// next: compilers shall not branch on it.
template <bool kRight, class T>
int64_t first_not_before(const T* row, int64_t n, T v) {
  auto before = [v](T e) { return !(kRight ? e > v : e >= v); };
  if (n == 0) return 0;
  const T* at = row;
  for (; n > 1; n -= n / 2) {
    const T* half = at + n / 2;
    at = __builtin_expect_with_probability(before(half[-1]), 1, 0.5) ? half : at;
  }
  return at - row + before(*at);
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
  if (is_half(s.dtype())) s = to_dtype(s, DType::F32), v = to_dtype(v, DType::F32);
  if (!s.is_meta() && !v.is_meta())
    for_dtype(s.dtype(), [&]<class T>(Type<T>) {
      if constexpr (std::is_arithmetic_v<T>) {
        const T *p = s.data<T>(), *q = v.data<T>();
        auto* place = y.data<int64_t>();
        auto search = [=]<bool kRight>(std::bool_constant<kRight>, int64_t b, int64_t e) {
          for (int64_t i = b; i < e; ++i)
            place[i] = first_not_before<kRight>(shared ? p : p + i / per * n, n, q[i]);
        };
        parallel_ranges(v.numel(), 4096, [&](int64_t b, int64_t e) {
          right ? search(std::true_type(), b, e) : search(std::false_type(), b, e);
        });
      }
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
  auto number = [](const Tensor& t) { return load_scalar(t.dtype(), t.data()).to_int(); };
  int64_t size = minlength;
  if (x.numel()) {
    LAMPAS_CHECK(number(amin(x.alias(), {}, false)) >= 0,
                 "bincount only supports 1-d non-negative integral inputs.");
    size = std::max(size, number(amax(x.alias(), {}, false)) + 1);
  }
  if (!weights.defined()) {
    Tensor y = zeros(Dims{size}, DType::I64), from = plain(x);
    auto* count = y.data<int64_t>();
    for_dtype(x.dtype(), [&]<class T>(Type<T>) {
      if constexpr (std::is_integral_v<T>) {
        const T* p = from.data<T>();
        for (int64_t i = 0, n = from.numel(); i < n; ++i) ++count[p[i]];
      }
    });
    return y;
  }
  LAMPAS_CHECK(weights.dim() == 1 && weights.numel() == x.numel(),
               "weights should be 1-d and have the same length as input");
  DType d = weights.dtype() == DType::F32 ? DType::F32 : DType::F64;
  return index_add(zeros(Dims{size}, d), 0, to_dtype(x.alias(), DType::I64),
                   to_dtype(weights.alias(), d), 1);
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
