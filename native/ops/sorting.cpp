#include "ops/sorting.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <exception>
#include <functional>
#include <limits>
#include <mutex>
#include <numeric>

#include "autograd/autograd.h"
#include "ops/copy.h"
#include "ops/create.h"
#include "ops/indexing.h"
#include "ops/join.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"
#include "ops/types.h"
#include "ops/views.h"
#include "runtime/allocator.h"
#include "runtime/pool.h"

namespace lampas::ops {

namespace {
// An integer in the order of the elements: NaN comes last, both zeros are the same. Elements of up
// to 32 bits share one type of key, so that there are two copies of every algorithm, not one for
// each element type.
template <class T>
using Key = std::conditional_t<(sizeof(T) > 4), int64_t, int32_t>;
template <class T>
Key<T> key(T v) {
  if constexpr (std::is_same_v<T, f16> || std::is_same_v<T, bf16>) {
    return key(to_float(v));
  } else if constexpr (std::is_floating_point_v<T>) {
    constexpr Key<T> most = std::numeric_limits<Key<T>>::max();
    if (v != v) return most;
    const auto bits = std::bit_cast<Key<T>>(v + T(0));  // -0 + 0 = 0
    return bits < 0 ? bits ^ most : bits;
  } else {
    return v;
  }
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
// Tasks must not throw: what one does for want of memory waits for the others.
template <class F>
void each_row(const Rows& r, const F& f) {
  std::mutex mutex;
  std::exception_ptr failed;
  parallel_ranges(r.rows, std::max<int64_t>(1, 4096 / std::max<int64_t>(r.n, 1)),
                  [&](int64_t b, int64_t e) {
                    try {
                      for (int64_t i = b; i < e; ++i) f(i);
                    } catch (...) {
                      std::lock_guard lock(mutex);
                      failed = std::current_exception();
                    }
                  });
  if (failed) std::rethrow_exception(failed);
}

// Keys with their places: comparing neighbours in memory beats comparing through indices.
template <class K>
struct Item {
  K key;
  int64_t at;
};
// An object, so that algorithms know what they call.
constexpr auto less = [](const auto& a, const auto& b) { return a.key < b.key; };

// By the keys' bytes, from the last to the first; bytes that all keys share are passed over.
template <class K>
void radix_sort(Buffer<Item<K>>& v) {
  using U = std::make_unsigned_t<K>;
  constexpr size_t kBytes = sizeof(K);
  auto byte = [](const Item<K>& item, size_t i) {
    const U u = static_cast<U>(item.key) ^ (U{1} << (8 * kBytes - 1));  // negative keys first
    return static_cast<size_t>(u >> (8 * i) & 255);
  };
  std::array<std::array<size_t, 256>, kBytes> counts{};
  for (const Item<K>& item : v)
    for (size_t i = 0; i < kBytes; ++i) ++counts[i][byte(item, i)];
  Buffer<Item<K>> other(v.size());
  for (size_t i = 0; i < kBytes; ++i) {
    if (counts[i][byte(v[0], i)] == v.size()) continue;
    std::array<size_t, 256> next;
    std::exclusive_scan(counts[i].begin(), counts[i].end(), next.begin(), size_t{0});
    for (const Item<K>& item : v) other[next[byte(item, i)]++] = item;
    v.swap(other);
  }
}

// Equal keys may change places unless `stable`. In rows of less than kLong elements they do so as
// in PyTorch, whose sort is the library's, and up to 16 elements they never do.
constexpr int64_t kLong = 32768, kShort = 200;
bool by_bytes(int64_t n, bool stable) { return n >= (stable ? kShort : kLong); }
template <class K>
void sort_items(Buffer<Item<K>>& v, bool stable) {
  if (by_bytes(static_cast<int64_t>(v.size()), stable))
    radix_sort(v);
  else if (stable)
    std::stable_sort(v.begin(), v.end(), less);
  else
    std::sort(v.begin(), v.end(), less);
}

template <class T>
Item<Key<T>> item_of(const T* row, int64_t at, bool descending) {
  const Key<T> k = key(row[at]);
  return {descending ? ~k : k, at};
}
template <class T>
Buffer<Item<Key<T>>> items_of(const T* row, int64_t n, bool descending = false) {
  Buffer<Item<Key<T>>> v(static_cast<size_t>(n));
  for (int64_t j = 0; j < n; ++j) v[static_cast<size_t>(j)] = item_of(row, j, descending);
  return v;
}

// Elements of one byte are their own places among 256 counts.
template <class T>
void order_bytes(const T* row, int64_t n, bool descending, int64_t* to) {
  const int flip = (std::is_signed_v<T> ? 128 : 0) ^ (descending ? 255 : 0);
  auto byte = [flip](T v) { return static_cast<size_t>(static_cast<uint8_t>(v) ^ flip); };
  std::array<int64_t, 256> next{};
  for (int64_t j = 0; j < n; ++j) ++next[byte(row[j])];
  std::exclusive_scan(next.begin(), next.end(), next.begin(), int64_t{0});
  for (int64_t j = 0; j < n; ++j) to[next[byte(row[j])]++] = j;
}

Tensor order(const Tensor& x, int64_t dim, bool descending, bool stable) {
  Rows r = rows_of(x, dim);
  Tensor at = empty(Dims{x.numel()}, DType::I64, x.device());
  if (x.is_meta()) return place(r, x, r.n, at);
  for_ordered(x.dtype(), "sort", [&]<class T>(Type<T>) {
    each_row(r, [&](int64_t i) {
      const T* row = r.x.data<T>() + i * r.n;
      int64_t* to = at.data<int64_t>() + i * r.n;
      if constexpr (sizeof(T) == 1)
        if (by_bytes(r.n, stable)) return order_bytes(row, r.n, descending, to);
      auto v = items_of(row, r.n, descending);
      sort_items(v, stable);
      for (const auto& item : v) *to++ = item.at;
    });
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

std::vector<Tensor> sort(const Tensor& x, int64_t dim, bool descending, bool stable) {
  return with_values(x, dim, order(x, dim, descending, stable));
}

namespace {
// The worst of `heap` gives way to `item`: the hole sinks to a leaf by the worse child, then rises.
template <class K>
void replace_worst(Buffer<Item<K>>& heap, const Item<K>& item) {
  size_t n = heap.size(), hole = 0;
  for (size_t child; (child = 2 * hole + 1) < n; hole = child) {
    if (child + 1 < n && !less(heap[child + 1], heap[child])) ++child;
    heap[hole] = heap[child];
  }
  for (size_t up; hole > 0 && less(heap[up = (hole - 1) / 2], item); hole = up)
    heap[hole] = heap[up];
  heap[hole] = item;
}

// Whether one of kBlock elements might come before `worst`; NaN always might.
constexpr int kBlock = 32;
template <class T>
bool any_beyond(const T* x, T worst, bool largest) {
  int found = 0;
  if (largest)
    for (int i = 0; i < kBlock; ++i) found |= !(x[i] <= worst);
  else
    for (int i = 0; i < kBlock; ++i) found |= !(x[i] >= worst);
  return found != 0;
}

// The k best of one row, in order. Few of many: a heap of the best so far, past which whole blocks
// are compared with its worst alone. Else by partition. Equal elements come in the order that these
// algorithms leave them in.
template <class T>
Buffer<Item<Key<T>>> best_of(const T* x, int64_t n, int64_t k, bool largest) {
  auto v = items_of(x, k * 64 > n ? n : k, largest);
  if (k * 64 > n) {
    std::nth_element(v.begin(), v.begin() + k - 1, v.end(), less);
    std::sort(v.begin(), v.begin() + k - 1, less);
    return v;
  }
  std::make_heap(v.begin(), v.end(), less);
  for (int64_t j = k; j < n; j += kBlock) {
    const int64_t end = std::min(n, j + kBlock);
    if constexpr (std::is_arithmetic_v<T>)
      if (end - j == kBlock && !any_beyond(x + j, x[v.front().at], largest)) continue;
    for (int64_t i = j; i < end; ++i)
      if (const auto item = item_of(x, i, largest); less(item, v.front())) replace_worst(v, item);
  }
  std::sort_heap(v.begin(), v.end(), less);
  return v;
}
}  // namespace

std::vector<Tensor> topk(const Tensor& x, int64_t k, int64_t dim, bool largest) {
  Rows r = rows_of(x, dim);
  LAMPAS_CHECK(k >= 0 && k <= r.n, "selected index k out of range: k is ", k,
               " and the dimension has ", r.n, " elements (topk)");
  LAMPAS_CHECK(x.dtype() != DType::Bool && !is_complex(x.dtype()), "topk does not support ",
               dtype_name(x.dtype()), " dtypes on CPU");
  Tensor at = empty(Dims{r.rows * k}, DType::I64, x.device());
  if (k > 0 && !x.is_meta())
    for_ordered(x.dtype(), "topk", [&]<class T>(Type<T>) {
      each_row(r, [&](int64_t i) {
        auto best = best_of(r.x.data<T>() + i * r.n, r.n, k, largest);
        for (int64_t j = 0; j < k; ++j)
          at.data<int64_t>()[i * k + j] = best[static_cast<size_t>(j)].at;
      });
    });
  return with_values(x, dim, place(r, x, k, at));
}

namespace {
// Quickselect with the median of three as pivot, as in Numerical Recipes: v[k] is what sorting
// would put there.
template <class K>
void select_item(Buffer<Item<K>>& v, int64_t k) {
  auto at = [&](int64_t i) -> Item<K>& { return v[static_cast<size_t>(i)]; };
  auto in_place = [&](int64_t i, int64_t j) {
    if (less(at(j), at(i))) std::swap(at(i), at(j));
  };
  int64_t low = 0, high = static_cast<int64_t>(v.size()) - 1;
  while (high > low + 1) {
    std::swap(at(low + (high - low) / 2), at(low + 1));
    in_place(low + 1, high);
    in_place(low, high);
    in_place(low + 1, low);
    const Item<K> pivot = at(low);
    int64_t i = low + 1, j = high;
    while (true) {
      do ++i;
      while (less(at(i), pivot));
      do --j;
      while (less(pivot, at(j)));
      if (j < i) break;
      std::swap(at(i), at(j));
    }
    std::swap(at(low), at(j));
    if (j <= k) low = i;
    if (j >= k) high = j - 1;
  }
  if (high == low + 1) in_place(low, high);
}

// For each row, the place that `pick(items)` names.
template <class F>
Tensor pick_each(const Rows& r, const Tensor& x, const char* op, const F& pick) {
  Tensor at = empty(Dims{r.rows}, DType::I64, x.device());
  if (x.is_meta()) return place(r, x, 1, at);
  for_ordered(x.dtype(), op, [&]<class T>(Type<T>) {
    each_row(r, [&](int64_t i) {
      auto v = items_of(r.x.data<T>() + i * r.n, r.n);
      at.data<int64_t>()[i] = pick(v);
    });
  });
  return place(r, x, 1, at);
}
void check_row(const Rows& r, const char* op) {
  LAMPAS_CHECK_INDEX(r.n > 0, op, "(): Expected reduction dim ", r.dim, " to have non-zero size.");
}
void check_not_bool(const Tensor& x, const char* op) {
  LAMPAS_CHECK_KIND(NotImplemented, x.dtype() != DType::Bool, "\"", op,
                    "\" not implemented for 'bool'. Remedy: x.to(torch.uint8)");
}
}  // namespace

std::vector<Tensor> kthvalue(const Tensor& x, int64_t k, int64_t dim, bool keepdim) {
  Rows r = rows_of(x, dim);
  check_row(r, "kthvalue");
  check_not_bool(x, "kthvalue");
  LAMPAS_CHECK(k >= 1 && k <= r.n, "kthvalue(): selected number k out of range for dimension ",
               r.dim);
  return with_values(x, dim,
                     pick_each(r, x, "kthvalue",
                               [k]<class V>(V& v) {
                                 select_item(v, k - 1);
                                 return v[static_cast<size_t>(k - 1)].at;
                               }),
                     keepdim);
}

namespace {
// Of equal middle values, the place of the one that a stable sort would put there. Keys alone are
// moved about.
template <class T>
int64_t median_place(const T* row, int64_t n, bool skip_nan) {
  using K = Key<T>;
  constexpr bool floats = is_floating(dtype_of<T>::value);
  Buffer<K> v(static_cast<size_t>(n));
  for (int64_t j = 0; j < n; ++j) v[static_cast<size_t>(j)] = key(row[j]);
  auto nth = [&](K wanted, int64_t k) {
    for (int64_t j = 0;; ++j)
      if (key(row[j]) == wanted && k-- == 0) return j;
  };
  constexpr K nan = std::numeric_limits<K>::max();
  const int64_t numbers = floats ? n - std::count(v.begin(), v.end(), nan) : n;
  if (numbers < n && (!skip_nan || numbers == 0)) return nth(nan, 0);
  const int64_t k = (numbers - 1) / 2;
  std::nth_element(v.begin(), v.begin() + k, v.end());
  const K middle = v[static_cast<size_t>(k)];
  return nth(middle, std::count(v.begin(), v.begin() + k, middle));
}
}  // namespace

std::vector<Tensor> median(const Tensor& x, int64_t dim, bool keepdim, bool skip_nan) {
  Rows r = rows_of(x, dim);
  check_row(r, "median");
  check_not_bool(x, "median");
  Tensor places = empty(Dims{r.rows}, DType::I64, x.device());
  if (!x.is_meta())
    for_ordered(x.dtype(), "median", [&]<class T>(Type<T>) {
      each_row(r, [&](int64_t i) {
        places.data<int64_t>()[i] = median_place(r.x.data<T>() + i * r.n, r.n, skip_nan);
      });
    });
  return with_values(x, dim, place(r, x, 1, places), keepdim);
}

Tensor median(const Tensor& x, bool skip_nan) {
  if (x.numel() == 0) return full({}, std::nan(""), x.dtype());
  Tensor y = median(reshape(x.alias(), Dims{-1}), 0, false, skip_nan)[0];
  // All elements that equal the median share its gradient.
  if (recording(x))
    record(y, skip_nan ? "NanmedianBackward0" : "MedianBackward0", {&x},
           [x = save(x), y = Saved::output(y)](const Tensor& g) {
             Tensor v = x(), m = y();
             Tensor hit = logical_or(eq(v, m), logical_and(isnan(v), isnan(m)));
             return masked(g / sum(to_dtype(hit, g.dtype())), hit);
           });
  return y;
}

std::vector<Tensor> mode(const Tensor& x, int64_t dim, bool keepdim) {
  Rows r = rows_of(x, dim);
  check_row(r, "mode");
  // The longest run; the smallest value where several are as long; its last place.
  auto longest = []<class V>(V& v) {
    sort_items(v, false);
    int64_t best = 0, best_count = 0;
    for (auto a = v.begin(); a != v.end();) {
      auto b = std::find_if(a, v.end(), [&](const auto& i) { return a->key != i.key; });
      if (b - a > best_count) best_count = b - a, best = (b - 1)->at;
      a = b;
    }
    return best;
  };
  return with_values(x, dim, pick_each(r, x, "mode", longest), keepdim);
}

// ---- sets --------------------------------------------------------------------------------------
namespace {
// Slices of x along a dimension, one for each run that begins where `starts` is true.
Unique runs(const Tensor& x, int64_t dim, const Tensor& starts, bool inverse, bool counts) {
  Tensor first = nonzero_tuple(starts)[0];
  Unique u;
  u.values = index_select(x, dim, first);
  if (inverse) u.inverse = sub(cumsum(to_dtype(starts, DType::I64), 0), 1);
  if (counts && first.numel()) {
    Tensor end = full(Dims{1}, starts.numel(), DType::I64);
    u.counts = sub(cat({narrow(first, 0, 1, first.numel() - 1), end}, 0), first);
  } else if (counts) {
    u.counts = first;
  }
  return u;
}

// Where the rows of [n, ...] differ from the one before; no NaN equals another.
Tensor run_starts(const Tensor& x) {
  const int64_t n = x.size(0);
  Tensor starts = ones(Dims{std::min<int64_t>(n, 1)}, DType::Bool);
  if (n < 2) return starts;
  Tensor differ = ne(narrow(x, 0, 1, n - 1), narrow(x, 0, 0, n - 1));
  if (x.dim() > 1) differ = any(reshape(differ, Dims{n - 1, -1}), Dims{1});
  return cat({starts, differ}, 0);
}

// From numbers by place in an order to numbers by place in what was ordered.
void restore_order(Tensor& inverse, const Tensor& order, const Dims& shape) {
  if (inverse.defined())
    inverse = reshape(scatter(empty(order.sizes(), DType::I64), 0, order, inverse), shape);
}
}  // namespace

Unique unique(const Tensor& x, bool inverse, bool counts) {
  Tensor flat = reshape(plain(x), Dims{-1}), at = order(flat, 0, false, true);
  Tensor sorted = index_select(flat, 0, at);
  Unique u = runs(sorted, 0, run_starts(sorted), inverse, counts);
  restore_order(u.inverse, at, x.sizes());
  return u;
}

Unique unique_consecutive(const Tensor& x, std::optional<int64_t> dim, bool inverse, bool counts) {
  if (dim && x.dim() > 1) {
    int64_t d = wrap_dim(*dim, x.dim());
    return runs(x, d, run_starts(contiguous(transpose(x.alias(), d, 0))), inverse, counts);
  }
  Tensor flat = reshape(plain(x), Dims{-1});
  Unique u = runs(flat, 0, run_starts(flat), inverse, counts);
  if (inverse) u.inverse = reshape(u.inverse, x.sizes());
  return u;
}

Unique unique_rows(const Tensor& x, int64_t dim, bool inverse, bool counts) {
  dim = wrap_dim(dim, x.dim());
  Tensor rows = contiguous(transpose(x.alias(), dim, 0));
  int64_t n = rows.size(0), width = n ? rows.numel() / n : 0;
  Tensor at = arange(0, n, 1, DType::I64), starts = ones(Dims{n}, DType::Bool);
  auto* order = at.data<int64_t>();
  for_ordered(x.dtype(), "unique_dim", [&]<class T>(Type<T>) {
    const T* p = rows.data<T>();
    auto compare = [&](int64_t a, int64_t b) {
      for (int64_t j = 0; j < width; ++j) {
        auto u1 = key(p[a * width + j]), u2 = key(p[b * width + j]);
        if (u1 != u2) return u1 < u2 ? -1 : 1;
      }
      return 0;
    };
    std::stable_sort(order, order + n, [&](int64_t a, int64_t b) { return compare(a, b) < 0; });
    for (int64_t i = 1; i < n; ++i) starts.data<bool>()[i] = compare(order[i - 1], order[i]) != 0;
  });
  Unique u = runs(index_select(x, dim, at), dim, starts, inverse, counts);
  restore_order(u.inverse, at, Dims{n});
  return u;
}

}  // namespace lampas::ops
