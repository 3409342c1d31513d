#include "kernels/pool.h"

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "kernels/gemm_block.h"
#include "kernels/table.h"

namespace lampas::kernels::LAMPAS_ISA {

void fill_pool_planes(PoolTable& t);

namespace {
constexpr int64_t kBlock = 16;

// Strides that the compiler knows become shuffles.
template <class F>
void for_stride(int64_t stride, const F& f) {
  switch (stride) {
    case 1:
      return f(std::integral_constant<int64_t, 1>());
    case 2:
      return f(std::integral_constant<int64_t, 2>());
    case 3:
      return f(std::integral_constant<int64_t, 3>());
    default:
      return f(stride);
  }
}
// f(first, width) with constant widths: blocks, and halves of them for the rest.
template <int64_t kWidth = kBlock, class F>
void for_blocks(int64_t n, const F& f, int64_t j = 0) {
  for (; j + kWidth <= n; j += kWidth) f(j, std::integral_constant<int64_t, kWidth>());
  if constexpr (kWidth > 4)
    for_blocks<kWidth / 2>(n, f, j);
  else if (j < n)
    f(j, n - j);
}

// Elements 0, st, 2 st, ... as a vector.
template <class T, int W, int... kI>
[[gnu::always_inline]] inline void load(const T* from, int64_t st, Vector<T, W>& a,
                                        std::integer_sequence<int, kI...>) {
  Vector<T, W> b = {};
  if (st == 1) {
    std::memcpy(&a, from, sizeof(a));
  } else if (st == 2) {
    std::memcpy(&a, from, sizeof(a));
    std::memcpy(&b, from + W - 1, sizeof(b));  // not one element beyond the last
    a = shuffle<T, W, (kI < W / 2 ? 2 * kI : 2 * kI + 1)...>(a, b);
  } else {
    for (int i = 0; i < W; ++i) a[i] = from[i * st];
  }
}

template <class T>
struct MaxRow {
  using Index = std::conditional_t<sizeof(T) == 4, int32_t, int64_t>;
  const T* x;
  int64_t stride;
  const int64_t* offsets;
  int64_t taps;
  T* y;
  int32_t* at;

  // W outputs at a time from j on, then fewer.
  template <int W>
  void run(int64_t j, int64_t n) const {
    for (; j + W <= n; j += W) block<W>(j);
    if constexpr (W > 4)
      run<W / 2>(j, n);
    else
      for (; j < n; ++j) one(j);
  }
  template <int W>
  void block(int64_t j) const {
    constexpr std::make_integer_sequence<int, W> lanes{};
    const T* from = x + j * stride;
    Vector<T, W> top = {}, v = {};
    load<T, W>(from + offsets[0], stride, top, lanes);
    Vector<Index, W> where = static_cast<Index>(offsets[0]) - Vector<Index, W>{};
    for (int64_t t = 1; t < taps; ++t) {
      load<T, W>(from + offsets[t], stride, v, lanes);
      auto more = (v > top) | (v != v);
      top = more ? v : top;
      where = more ? static_cast<Index>(offsets[t]) - Vector<Index, W>{} : where;
    }
    std::memcpy(y + j, &top, sizeof(top));
    if (!at) return;
    for (int i = 0; i < W; ++i) at[j + i] = static_cast<int32_t>((j + i) * stride + where[i]);
  }
  void one(int64_t j) const {
    const T* from = x + j * stride;
    T top = from[offsets[0]];
    int64_t where = offsets[0];
    for (int64_t t = 1; t < taps; ++t) {
      const T v = from[offsets[t]];
      if (!(v > top || v != v)) continue;
      top = v;
      where = offsets[t];
    }
    y[j] = top;
    if (at) at[j] = static_cast<int32_t>(j * stride + where);
  }
};
template <class T>
void max_row(const void* in, int64_t stride, const int64_t* offsets, int64_t taps, int64_t n,
             void* out, int32_t* at) {
  MaxRow<T> row{static_cast<const T*>(in), stride, offsets, taps, static_cast<T*>(out), at};
  row.template run<Block<T>::lanes>(0, n);
}

template <class T>
void sum_row(const void* in, int64_t stride, const int64_t* offsets, int64_t taps, int64_t n,
             double scale, void* out) {
  const T* x = static_cast<const T*>(in);
  T *y = static_cast<T*>(out), factor = static_cast<T>(scale);
  for_stride(stride, [&](auto st) {
    for_blocks(n, [&](int64_t first, auto width) {
      T sum[kBlock] = {};
      for (int64_t t = 0; t < taps; ++t) {
        const T* from = x + first * st + offsets[t];
        for (int64_t j = 0; j < width; ++j) sum[j] += from[j * st];
      }
      for (int64_t j = 0; j < width; ++j) y[first + j] = sum[j] * factor;
    });
  });
}

template <class T>
void spread_row(const void* in, int64_t stride, const int64_t* offsets, int64_t taps, int64_t n,
                double scale, void* to) {
  const T *g = static_cast<const T*>(in), factor = static_cast<T>(scale);
  for_stride(stride, [&](auto st) {
    for (int64_t t = 0; t < taps; ++t) {
      T* x = static_cast<T*>(to) + offsets[t];
      for (int64_t j = 0; j < n; ++j) x[j * st] += factor * g[j];
    }
  });
}
}  // namespace

void fill_pool(Table& t) {
  t.pool = {{max_row<float>, max_row<double>},
            {sum_row<float>, sum_row<double>},
            {spread_row<float>, spread_row<double>},
            {},
            {},
            {}};
  fill_pool_planes(t.pool);
}

}  // namespace lampas::kernels::LAMPAS_ISA
