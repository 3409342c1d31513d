#include "kernels/pool.h"

#include <algorithm>
#include <type_traits>

#include "kernels/table.h"

namespace lampas::kernels::LAMPAS_ISA {

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

template <class T>
void max_row(const void* in, int64_t stride, const int64_t* offsets, int64_t taps, int64_t n,
             void* out, int64_t* at) {
  using Index = std::conditional_t<sizeof(T) == 4, int32_t, int64_t>;
  const T* x = static_cast<const T*>(in);
  T* y = static_cast<T*>(out);
  for_stride(stride, [&](auto st) {
    for_blocks(n, [&](int64_t first, auto width) {
      T top[kBlock];
      Index tap[kBlock] = {};
      const T* from = x + first * st + offsets[0];
      for (int64_t j = 0; j < width; ++j) top[j] = from[j * st];
      for (int64_t t = 1; t < taps; ++t) {
        from = x + first * st + offsets[t];
        for (int64_t j = 0; j < width; ++j) {
          const T v = from[j * st];
          const bool more = (v > top[j]) | (v != v);
          top[j] = more ? v : top[j];
          tap[j] = more ? static_cast<Index>(t) : tap[j];
        }
      }
      for (int64_t j = 0; j < width; ++j) {
        y[first + j] = top[j];
        at[first + j] = (first + j) * st + offsets[tap[j]];
      }
    });
  });
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
            {spread_row<float>, spread_row<double>}};
}

}  // namespace lampas::kernels::LAMPAS_ISA
