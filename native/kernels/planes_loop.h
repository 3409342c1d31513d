// Loops along planes of a few dozen elements or more, in vectors that need no remainder: the last
// one overlaps the one before it. What is done to elements is a function of `get`, which gives the
// element or the vector of them at a pointer's place.
#pragma once
#include <array>

#include "kernels/gemm_block.h"
#include "kernels/simd/math.h"

namespace lampas::kernels::LAMPAS_ISA {

template <class T>
inline constexpr int kWide = Block<T>::lanes;
template <class T>
using WideV = typename Block<T>::V;

template <class T>
LAMPAS_INLINE WideV<T> wide_at(const T* p) {
  return *reinterpret_cast<const WideV<T>*>(p);
}

// to[k] = f(get), 0 <= k < n; `to` overlaps nothing that f reads.
template <class T, class F>
LAMPAS_INLINE void map_plane(T* to, int64_t n, const F& f) {
  auto vector = [&](int64_t k) LAMPAS_LAMBDA {
    *reinterpret_cast<WideV<T>*>(to + k) =
        f([&](const T* p) LAMPAS_LAMBDA { return wide_at(p + k); });
  };
  if (n < kWide<T>) {
    for (int64_t k = 0; k < n; ++k) to[k] = f([&](const T* p) LAMPAS_LAMBDA { return p[k]; });
    return;
  }
  int64_t k = 0;
  for (; k + kWide<T> <= n; k += kWide<T>) vector(k);
  if (k < n) vector(n - kWide<T>);
}

template <class T, int kBy, int... kI>
LAMPAS_INLINE WideV<T> exchanged(WideV<T> v, std::integer_sequence<int, kI...>) {
  return shuffle<T, kWide<T>, (kI ^ kBy)...>(v, v);
}
template <class T, int kBy = kWide<T> / 2>
LAMPAS_INLINE T folded(WideV<T> v) {
  v += exchanged<T, kBy>(v, std::make_integer_sequence<int, kWide<T>>());
  if constexpr (kBy > 1) return folded<T, kBy / 2>(v);
  return v[0];
}

// Adds to totals the sums of f(get), an array, over n elements: in lanes of vectors, and parts one
// after the other, so that no lane adds up more than 64 elements. One sum has four vectors in
// flight, more sums two each.
template <class T, size_t kSums>
inline constexpr int kAhead = kSums == 1 ? 4 : 2;
template <class T, size_t kSums>
inline constexpr int64_t kPlanePart = 64 * kAhead<T, kSums> * kWide<T>;
template <class T, size_t kSums, class F>
LAMPAS_INLINE void add_plane_part(std::array<double, kSums>& total, int64_t begin, int64_t end,
                                  const F& f) {
  using V = WideV<T>;
  constexpr int w = kWide<T>, ahead = kAhead<T, kSums>;
  auto at = [&](int64_t k) LAMPAS_LAMBDA {
    return f([&](const T* p) LAMPAS_LAMBDA { return wide_at(p + k); });
  };
  V sum[ahead][kSums] = {};
  int64_t k = begin;
  for (; k + ahead * w <= end; k += ahead * w)
#pragma GCC unroll 4
    for (int i = 0; i < ahead; ++i) {
      const auto a = at(k + i * w);
      for (size_t j = 0; j < kSums; ++j) sum[i][j] += a[j];
    }
  for (; k + w <= end; k += w) {
    const auto a = at(k);
    for (size_t j = 0; j < kSums; ++j) sum[0][j] += a[j];
  }
  if (k < end) {  // the lanes that were not seen yet
    const auto a = at(end - w);
    V lane;
    for (int i = 0; i < w; ++i) lane[i] = static_cast<T>(i);
    const auto fresh = lane >= static_cast<T>(w - (end - k));
    for (size_t j = 0; j < kSums; ++j) sum[1][j] += fresh ? a[j] : V{};
  }
  for (size_t j = 0; j < kSums; ++j) {
    V all = sum[0][j] + sum[1][j];
    if constexpr (ahead == 4) all += sum[2][j] + sum[3][j];
    total[j] += static_cast<double>(folded<T>(all));
  }
}
template <class T, size_t kSums, class F>
LAMPAS_INLINE void add_plane(std::array<double, kSums>& total, int64_t n, const F& f) {
  if (n < kWide<T>) {
    for (int64_t k = 0; k < n; ++k) {
      const auto a = f([&](const T* p) LAMPAS_LAMBDA { return p[k]; });
      for (size_t j = 0; j < kSums; ++j) total[j] += static_cast<double>(a[j]);
    }
    return;
  }
  for (int64_t begin = 0, end = 0; end < n; begin = end) {
    constexpr int64_t part = kPlanePart<T, kSums>;
    end = n - begin < part + kWide<T> ? n : begin + part;  // what is left is a vector
    add_plane_part<T>(total, begin, end, f);
  }
}

}  // namespace lampas::kernels::LAMPAS_ISA
