#include "ops/sorting.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "ops/copy.h"
#include "ops/create.h"
#include "ops/indexing.h"
#include "ops/reduce.h"
#include "ops/types.h"
#include "ops/views.h"
#include "runtime/pool.h"

namespace lampas::ops {

namespace {
// A half as a number that compares; everything else as it is.
template <class T>
auto key(T v) {
  if constexpr (std::is_same_v<T, f16> || std::is_same_v<T, bf16>)
    return to_float(v);
  else
    return v;
}
// a before b: NaN comes last.
template <class K>
bool before(K a, K b) {
  if constexpr (std::is_floating_point_v<K>) return a < b || (b != b && a == a);
  return a < b;
}
template <class K>
bool same(K a, K b) {
  if constexpr (std::is_floating_point_v<K>) return a == b || (a != a && b != b);
  return a == b;
}

template <class F>
void for_ordered(DType d, const char* op, const F& f) {
  LAMPAS_CHECK_KIND(NotImplemented, !is_complex(d), op, ": \"", op, "\" not implemented for '",
                    dtype_name(d), "': complex numbers have no order");
  for_dtype(d, [&]<class T>(Type<T> t) {
    if constexpr (!std::is_same_v<T, c64> && !std::is_same_v<T, c128>) f(t);
  });
}

// The dimension innermost and contiguous; `rows` of `n`.
struct Rows {
  Tensor x;
  int64_t n = 1, rows = 1, dim = 0;
};
Rows rows_of(const Tensor& x, int64_t dim) {
  Rows r;
  r.dim = wrap_dim(dim, x.dim());
  r.x = contiguous(x.dim() ? transpose(x.alias(), r.dim, -1) : x.alias());
  r.n = x.dim() ? x.size(r.dim) : 1;
  r.rows = r.n ? x.numel() / r.n : 0;
  return r;
}
// Indices of k elements per row, back in x's layout: [..., k, ...].
Tensor place(const Rows& r, const Tensor& x, int64_t k, const Tensor& flat) {
  if (x.dim() == 0) return reshape(flat, Dims{});
  Dims shape = r.x.sizes();
  shape[shape.size() - 1] = k;
  return contiguous(transpose(reshape(flat, shape), r.dim, -1));
}
template <class F>
void each_row(const Rows& r, const F& f) {
  parallel_ranges(r.rows, std::max<int64_t>(1, 4096 / std::max<int64_t>(r.n, 1)),
                  [&](int64_t b, int64_t e) {
                    for (int64_t i = b; i < e; ++i) f(i);
                  });
}

// Keys with their places: comparing neighbours in memory beats comparing through indices.
template <class K>
struct Item {
  K key;
  int64_t at;
};

template <class K>
void sort_items(std::vector<Item<K>>& v, bool descending) {
  if (descending)
    std::stable_sort(v.begin(), v.end(),
                     [](const Item<K>& a, const Item<K>& b) { return before(b.key, a.key); });
  else
    std::stable_sort(v.begin(), v.end(),
                     [](const Item<K>& a, const Item<K>& b) { return before(a.key, b.key); });
}

// One long row: fixed pieces sorted side by side, then merged pairwise; the same on any threads.
template <class K>
void sort_long(std::vector<Item<K>>& v, bool descending) {
  auto n = static_cast<int64_t>(v.size());
  constexpr int64_t kPiece = 1 << 16;
  if (n <= kPiece) return sort_items(v, descending);
  auto less = [descending](const Item<K>& a, const Item<K>& b) {
    return descending ? before(b.key, a.key) : before(a.key, b.key);
  };
  parallel_for((n + kPiece - 1) / kPiece, [&](int64_t p) {
    std::stable_sort(v.begin() + p * kPiece, v.begin() + std::min(n, (p + 1) * kPiece), less);
  });
  std::vector<Item<K>> other(v.size());
  for (int64_t width = kPiece; width < n; width *= 2) {
    parallel_for((n + 2 * width - 1) / (2 * width), [&](int64_t p) {
      int64_t a = p * 2 * width, m = std::min(n, a + width), e = std::min(n, a + 2 * width);
      std::merge(v.begin() + a, v.begin() + m, v.begin() + m, v.begin() + e, other.begin() + a,
                 less);
    });
    v.swap(other);
  }
}

Tensor order(const Tensor& x, int64_t dim, bool descending) {
  Rows r = rows_of(x, dim);
  Tensor at = empty(Dims{x.numel()}, DType::I64);
  for_ordered(x.dtype(), "sort", [&]<class T>(Type<T>) {
    using K = decltype(key(T()));
    const T* p = r.x.data<T>();
    auto sort_row = [&](int64_t i, bool alone) {
      std::vector<Item<K>> v(static_cast<size_t>(r.n));
      for (int64_t j = 0; j < r.n; ++j) v[static_cast<size_t>(j)] = {key(p[i * r.n + j]), j};
      alone ? sort_long(v, descending) : sort_items(v, descending);
      for (int64_t j = 0; j < r.n; ++j)
        at.data<int64_t>()[i * r.n + j] = v[static_cast<size_t>(j)].at;
    };
    if (r.rows < 4)
      for (int64_t i = 0; i < r.rows; ++i) sort_row(i, true);
    else
      each_row(r, [&](int64_t i) { sort_row(i, false); });
  });
  return place(r, x, r.n, at);
}

std::vector<Tensor> with_values(const Tensor& x, int64_t dim, const Tensor& at,
                                bool keepdim = true) {
  if (x.dim() == 0) return {clone(x), at};
  dim = wrap_dim(dim, x.dim());
  Tensor values = gather(x, dim, at);
  if (keepdim) return {values, at};
  return {squeeze(values, Dims{dim}), squeeze(at, Dims{dim})};
}
}  // namespace

std::vector<Tensor> sort(const Tensor& x, int64_t dim, bool descending) {
  return with_values(x, dim, order(x, dim, descending));
}

std::vector<Tensor> topk(const Tensor& x, int64_t k, int64_t dim, bool largest) {
  Rows r = rows_of(x, dim);
  LAMPAS_CHECK(k >= 0 && k <= r.n, "selected index k out of range: k is ", k,
               " and the dimension has ", r.n, " elements (topk)");
  Tensor at = empty(Dims{r.rows * k}, DType::I64);
  for_ordered(x.dtype(), "topk", [&]<class T>(Type<T>) {
    using K = decltype(key(T()));
    const T* p = r.x.data<T>();
    each_row(r, [&](int64_t i) {
      if (k == 0) return;
      // The best so far, worst on top; most elements fail the first comparison.
      auto better = [largest](const Item<K>& a, const Item<K>& b) {
        if (same(a.key, b.key)) return a.at < b.at;
        return largest ? before(b.key, a.key) : before(a.key, b.key);
      };
      std::vector<Item<K>> heap;
      heap.reserve(static_cast<size_t>(k) + 1);
      for (int64_t j = 0; j < r.n; ++j) {
        Item<K> item{key(p[i * r.n + j]), j};
        if (static_cast<int64_t>(heap.size()) < k) {
          heap.push_back(item);
          std::push_heap(heap.begin(), heap.end(), better);
        } else if (better(item, heap.front())) {
          std::pop_heap(heap.begin(), heap.end(), better);
          heap.back() = item;
          std::push_heap(heap.begin(), heap.end(), better);
        }
      }
      std::sort_heap(heap.begin(), heap.end(), better);
      for (int64_t j = 0; j < k; ++j)
        at.data<int64_t>()[i * k + j] = heap[static_cast<size_t>(j)].at;
    });
  });
  return with_values(x, dim, place(r, x, k, at));
}

namespace {
// Index of the element that would stand at `rank(row)` after sorting.
template <class Rank>
Tensor select_rank(const Rows& r, const Tensor& x, const char* op, const Rank& rank) {
  Tensor at = empty(Dims{r.rows}, DType::I64);
  for_ordered(x.dtype(), op, [&]<class T>(Type<T>) {
    using K = decltype(key(T()));
    const T* p = r.x.data<T>();
    each_row(r, [&](int64_t i) {
      std::vector<Item<K>> v(static_cast<size_t>(r.n));
      int64_t nans = 0, first_nan = -1;
      for (int64_t j = 0; j < r.n; ++j) {
        K k = key(p[i * r.n + j]);
        v[static_cast<size_t>(j)] = {k, j};
        if (k != k) {
          ++nans;
          if (first_nan < 0) first_nan = j;
        }
      }
      int64_t want = rank(nans);
      if (want < 0) {  // NaN wins
        at.data<int64_t>()[i] = first_nan;
        return;
      }
      auto less = [](const Item<K>& a, const Item<K>& b) {
        return before(a.key, b.key) || (same(a.key, b.key) && a.at < b.at);
      };
      std::nth_element(v.begin(), v.begin() + want, v.end(), less);
      at.data<int64_t>()[i] = v[static_cast<size_t>(want)].at;
    });
  });
  return place(r, x, 1, at);
}
}  // namespace

std::vector<Tensor> kthvalue(const Tensor& x, int64_t k, int64_t dim, bool keepdim) {
  Rows r = rows_of(x, dim);
  LAMPAS_CHECK_INDEX(r.n > 0, "kthvalue(): Expected reduction dim ", r.dim,
                     " to have non-zero size.");
  LAMPAS_CHECK(k >= 1 && k <= r.n, "kthvalue(): selected number k out of range for dimension ",
               r.dim);
  return with_values(x, dim, select_rank(r, x, "kthvalue", [&](int64_t) { return k - 1; }),
                     keepdim);
}

std::vector<Tensor> median(const Tensor& x, int64_t dim, bool keepdim, bool skip_nan) {
  Rows r = rows_of(x, dim);
  LAMPAS_CHECK_INDEX(r.n > 0, "median(): Expected reduction dim ", r.dim,
                     " to have non-zero size.");
  auto rank = [&](int64_t nans) {
    if (nans && !skip_nan) return int64_t{-1};
    int64_t count = r.n - nans;
    return count ? (count - 1) / 2 : int64_t{-1};
  };
  return with_values(x, dim, select_rank(r, x, "median", rank), keepdim);
}

Tensor median(const Tensor& x, bool skip_nan) {
  if (x.numel() == 0) return full({}, std::nan(""), x.dtype());
  return median(reshape(x, Dims{-1}), 0, false, skip_nan)[0];
}

std::vector<Tensor> mode(const Tensor& x, int64_t dim, bool keepdim) {
  Rows r = rows_of(x, dim);
  LAMPAS_CHECK_INDEX(r.n > 0, "mode(): Expected reduction dim ", r.dim, " to have non-zero size.");
  Tensor at = empty(Dims{r.rows}, DType::I64);
  for_ordered(x.dtype(), "mode", [&]<class T>(Type<T>) {
    using K = decltype(key(T()));
    const T* p = r.x.data<T>();
    each_row(r, [&](int64_t i) {
      std::vector<Item<K>> v(static_cast<size_t>(r.n));
      for (int64_t j = 0; j < r.n; ++j) v[static_cast<size_t>(j)] = {key(p[i * r.n + j]), j};
      sort_items(v, false);
      // The longest run; the smallest value where several are as long; its last place.
      int64_t best = 0, best_count = 0;
      for (int64_t a = 0; a < r.n;) {
        int64_t b = a;
        while (b < r.n && same(v[static_cast<size_t>(a)].key, v[static_cast<size_t>(b)].key)) ++b;
        if (b - a > best_count) best_count = b - a, best = v[static_cast<size_t>(b - 1)].at;
        a = b;
      }
      at.data<int64_t>()[i] = best;
    });
  });
  return with_values(x, dim, place(r, x, 1, at), keepdim);
}

// ---- sets --------------------------------------------------------------------------------------
namespace {
// From an order of n items and `differs(a, b)` of items: each item's group, and the groups' first
// items.
template <class Differs>
Unique groups(int64_t n, const int64_t* order, const Dims& shape, std::vector<int64_t>& first,
              const Differs& differs) {
  Unique u;
  u.inverse = empty(shape, DType::I64);
  std::vector<int64_t> counts;
  for (int64_t i = 0; i < n; ++i) {
    if (i == 0 || differs(order[i - 1], order[i])) {
      first.push_back(order[i]);
      counts.push_back(0);
    }
    ++counts.back();
    u.inverse.data<int64_t>()[order[i]] = static_cast<int64_t>(counts.size()) - 1;
  }
  u.counts = empty(Dims{static_cast<int64_t>(counts.size())}, DType::I64);
  std::copy(counts.begin(), counts.end(), u.counts.data<int64_t>());
  return u;
}
Tensor index_of(const std::vector<int64_t>& v) {
  Tensor t = empty(Dims{static_cast<int64_t>(v.size())}, DType::I64);
  std::copy(v.begin(), v.end(), t.data<int64_t>());
  return t;
}
Unique unique_in_order(const Tensor& flat, const int64_t* order, const Dims& shape) {
  std::vector<int64_t> first;
  Unique u;
  for_ordered(flat.dtype(), "unique", [&]<class T>(Type<T>) {
    const T* p = flat.data<T>();
    u = groups(flat.numel(), order, shape, first,
               [&](int64_t a, int64_t b) { return !(key(p[a]) == key(p[b])); });
  });
  u.values = index_select(flat, 0, index_of(first));
  return u;
}
}  // namespace

Unique unique(const Tensor& x) {
  Tensor flat = reshape(contiguous(x.alias()), Dims{-1}), at = order(flat, 0, false);
  return unique_in_order(flat, at.data<int64_t>(), x.sizes());
}

Unique unique_consecutive(const Tensor& x) {
  Tensor flat = reshape(contiguous(x.alias()), Dims{-1}),
         at = arange(0, flat.numel(), 1, DType::I64);
  return unique_in_order(flat, at.data<int64_t>(), x.sizes());
}

Unique unique_rows(const Tensor& x, int64_t dim) {
  dim = wrap_dim(dim, x.dim());
  Tensor rows = contiguous(transpose(x.alias(), dim, 0));
  int64_t n = rows.size(0), width = n ? rows.numel() / n : 0;
  std::vector<int64_t> at(static_cast<size_t>(n)), first;
  std::iota(at.begin(), at.end(), 0);
  Unique u;
  for_ordered(x.dtype(), "unique_dim", [&]<class T>(Type<T>) {
    const T* p = rows.data<T>();
    auto compare = [&](int64_t a, int64_t b) {
      for (int64_t j = 0; j < width; ++j) {
        auto u1 = key(p[a * width + j]), u2 = key(p[b * width + j]);
        if (before(u1, u2)) return -1;
        if (before(u2, u1)) return 1;
      }
      return 0;
    };
    std::stable_sort(at.begin(), at.end(), [&](int64_t a, int64_t b) { return compare(a, b) < 0; });
    u = groups(n, at.data(), Dims{n}, first,
               [&](int64_t a, int64_t b) { return compare(a, b) != 0; });
  });
  u.values = index_select(x, dim, index_of(first));
  return u;
}

// ---- bins --------------------------------------------------------------------------------------
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
  Tensor v = plain(values), y = empty(values.sizes(), DType::I64);
  int64_t n = s.dim() ? s.size(-1) : 1, per = shared ? v.numel() : (v.dim() ? v.size(-1) : 1);
  for_ordered(s.dtype(), "searchsorted", [&]<class T>(Type<T>) {
    const T *p = s.data<T>(), *q = v.data<T>();
    parallel_ranges(v.numel(), 4096, [&](int64_t b, int64_t e) {
      for (int64_t i = b; i < e; ++i) {
        const T* row = p + (shared ? 0 : i / per * n);
        auto k = key(q[i]);
        auto found =
            right
                ? std::upper_bound(row, row + n, k, [](auto x, T y) { return before(x, key(y)); })
                : std::lower_bound(row, row + n, k, [](T x, auto y) { return before(key(x), y); });
        y.data<int64_t>()[i] = found - row;
      }
    });
  });
  return int32 ? to_dtype(y, DType::I32) : y;
}

Tensor bincount(const Tensor& x, const Tensor& weights, int64_t minlength) {
  LAMPAS_CHECK(x.dim() == 1 && is_integral(x.dtype()) && x.dtype() != DType::Bool,
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
  Tensor v = plain(to_dtype(x.alias(), DType::F64));
  if (low == high && v.numel()) {
    low = *amin(v, {}, false).data<double>();
    high = *amax(v, {}, false).data<double>();
  }
  if (low == high) low -= 1, high += 1;
  LAMPAS_CHECK(std::isfinite(low) && std::isfinite(high), "range of [", low, ", ", high,
               "] is not finite");
  LAMPAS_CHECK(low < high, "max must be larger than min");
  Tensor y = zeros(Dims{bins}, DType::F64);
  for (int64_t i = 0; i < v.numel(); ++i) {
    double e = v.data<double>()[i];
    if (!(e >= low && e <= high)) continue;
    auto bin = static_cast<int64_t>((e - low) / (high - low) * static_cast<double>(bins));
    ++y.data<double>()[std::min(bin, bins - 1)];
  }
  return to_dtype(y, x.dtype());
}

}  // namespace lampas::ops
