// Copies that change layout, fills, selection: values are only moved, by size of element.
#include <cstring>

#include "kernels/pointwise_loop.h"
#include "kernels/simd/by_size.h"
#include "kernels/simd/transpose.h"

namespace lampas::kernels::LAMPAS_ISA {

namespace {
void copy_strided(void* to, int64_t to_step, const void* from, int64_t from_step, int64_t n,
                  int item) {
  by_size(item, [&]<class T>(T) {
    auto* d = static_cast<char*>(to);
    auto* s = static_cast<const char*>(from);
    constexpr auto size = static_cast<int64_t>(sizeof(T));
    if (to_step == size && from_step == size) {
      std::memcpy(d, s, static_cast<size_t>(n) * sizeof(T));
      return;
    }
    auto copy = [&](int64_t d_step, int64_t s_step) __attribute__((always_inline)) {
#pragma GCC ivdep
      for (int64_t i = 0; i < n; ++i) std::memcpy(d + i * d_step, s + i * s_step, sizeof(T));
    };
    // Constant steps become vectors.
    if (to_step != size)
      copy(to_step, from_step);
    else if (from_step == 0)
      copy(size, 0);
    else if (from_step == 2 * size)
      copy(size, 2 * size);
    else if (from_step == -size)
      copy(size, -size);
    else
      copy(size, from_step);
  });
}

// ---- transposition -----------------------------------------------------------------------------
// Rows of a block: as many as fill half a cache line, fewer where registers are few or narrow.
#if defined(__AVX512F__)
template <class T>
constexpr int kSide = sizeof(T) == 8 ? 8 : 16;
#elif defined(__AVX2__)
template <class T>
constexpr int kSide = sizeof(T) == 8   ? 4
                      : sizeof(T) == 4 ? 8
                                       : 16;
#else
template <class T>
constexpr int kSide = sizeof(T) == 8   ? 2
                      : sizeof(T) == 4 ? 4
                      : sizeof(T) == 2 ? 8
                                       : 16;
#endif

void transpose(void* to, int64_t to_row, const void* from, int64_t from_row, int64_t rows,
               int64_t cols, int item) {
  by_size(item, [&]<class T>(T) {
    T* d = static_cast<T*>(to);
    const T* s = static_cast<const T*>(from);
    int64_t r0 = 0;
    if constexpr (sizeof(T) <= 8) {
      constexpr int side = kSide<T>;
      for (; r0 + side <= rows; r0 += side) {
        int64_t c = 0;
        for (; c + side <= cols; c += side)
          transpose_block<T, side>(d + r0 * to_row + c, to_row, s + c * from_row + r0, from_row);
        for (; c < cols; ++c)
          for (int64_t r = r0; r < r0 + side; ++r) d[r * to_row + c] = s[c * from_row + r];
      }
    }
    for (int64_t r = r0; r < rows; ++r)
      for (int64_t c = 0; c < cols; ++c) d[r * to_row + c] = s[c * from_row + r];
  });
}

void fill(void* to, const void* one, int64_t n, int item) {
  by_size(item, [&]<class T>(T v) {
    std::memcpy(&v, one, sizeof v);
    T* d = static_cast<T*>(to);
    for (int64_t i = 0; i < n; ++i) d[i] = v;
  });
}

template <class T, bool kScalarA, bool kScalarB>
void where_loop(T* y, const uint8_t* c, const T* a, const T* b, int64_t n) {
  [[maybe_unused]] const T one_a = *a, one_b = *b;
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) {
    const T x = kScalarA ? one_a : a[i], z = kScalarB ? one_b : b[i];
    y[i] = c[i] ? x : z;
  }
}
void where(void* out, const void* const* in, unsigned mask, int64_t n, int item) {
  if (n == 0) return;
  by_size(item, [&]<class T>(T) {
    T* y = static_cast<T*>(out);
    auto* c = static_cast<const uint8_t*>(in[0]);
    const T *a = static_cast<const T*>(in[1]), *b = static_cast<const T*>(in[2]);
    if (mask & 1) {
      const bool first = *c;
      const T* from = first ? a : b;
      if (mask & (first ? 2u : 4u)) {
        for (const T one = *from; n > 0; --n) *y++ = one;
      } else if (from != y) {
        std::memmove(y, from, static_cast<size_t>(n) * sizeof(T));
      }
    } else if ((mask & 6) == 6) {
      where_loop<T, true, true>(y, c, a, b, n);
    } else if (mask & 2) {
      where_loop<T, true, false>(y, c, a, b, n);
    } else if (mask & 4) {
      where_loop<T, false, true>(y, c, a, b, n);
    } else {
      where_loop<T, false, false>(y, c, a, b, n);
    }
  });
}
}  // namespace

void fill_movement(PointwiseTable& t) {
  t.copy_strided = copy_strided;
  t.transpose = transpose;
  t.fill = fill;
  t.where = where;
}

void fill_pointwise(Table& t) {
  fill_pointwise_float(t.pointwise);
  fill_pointwise_double(t.pointwise);
  fill_pointwise_integer(t.pointwise);
  fill_pointwise_complex(t.pointwise);
  fill_special(t.pointwise);
  fill_movement(t.pointwise);
  fill_casts(t.pointwise);
}

}  // namespace lampas::kernels::LAMPAS_ISA
