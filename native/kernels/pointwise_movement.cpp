// Copies that change layout, fills, selection: values are only moved, by size of element.
#include <cstring>

#include "kernels/pointwise_loop.h"

namespace lampas::kernels::LAMPAS_ISA {

namespace {
struct Word16 {
  uint64_t a, b;
};

template <class F>
void by_size(int item, F&& f) {
  switch (item) {
    case 1: return f(uint8_t{});
    case 2: return f(uint16_t{});
    case 4: return f(uint32_t{});
    case 8: return f(uint64_t{});
    default: return f(Word16{});
  }
}

void copy_strided(void* to, int64_t to_step, const void* from, int64_t from_step, int64_t n, int item) {
  by_size(item, [&]<class T>(T) {
    auto* d = static_cast<char*>(to);
    auto* s = static_cast<const char*>(from);
    if (from_step == 0) {
      T v;
      std::memcpy(&v, s, sizeof v);
      for (int64_t i = 0; i < n; ++i) std::memcpy(d + i * to_step, &v, sizeof v);
      return;
    }
    if (to_step == static_cast<int64_t>(sizeof(T))) {
      T* q = static_cast<T*>(to);
      for (int64_t i = 0; i < n; ++i) std::memcpy(q + i, s + i * from_step, sizeof(T));
      return;
    }
    for (int64_t i = 0; i < n; ++i) std::memcpy(d + i * to_step, s + i * from_step, sizeof(T));
  });
}

// Square blocks in registers, so that both sides move whole vectors.
using V4 = uint32_t __attribute__((vector_size(16), aligned(4), may_alias));
using V8 = uint32_t __attribute__((vector_size(32), aligned(4), may_alias));

void block8(uint32_t* to, int64_t to_row, const uint32_t* from, int64_t from_row) {
  V8 r[8], s[8];
  for (int i = 0; i < 8; ++i) r[i] = *reinterpret_cast<const V8*>(from + i * from_row);
  for (int i = 0; i < 4; ++i) {
    s[2 * i] = __builtin_shuffle(r[2 * i], r[2 * i + 1], V8{0, 8, 1, 9, 4, 12, 5, 13});
    s[2 * i + 1] = __builtin_shuffle(r[2 * i], r[2 * i + 1], V8{2, 10, 3, 11, 6, 14, 7, 15});
  }
  for (int h = 0; h < 2; ++h)
    for (int i = 0; i < 2; ++i) {
      V8 a = s[4 * h + i], b = s[4 * h + 2 + i];
      r[4 * h + 2 * i] = __builtin_shuffle(a, b, V8{0, 1, 8, 9, 4, 5, 12, 13});
      r[4 * h + 2 * i + 1] = __builtin_shuffle(a, b, V8{2, 3, 10, 11, 6, 7, 14, 15});
    }
  for (int i = 0; i < 4; ++i) {
    *reinterpret_cast<V8*>(to + i * to_row) = __builtin_shuffle(r[i], r[i + 4], V8{0, 1, 2, 3, 8, 9, 10, 11});
    *reinterpret_cast<V8*>(to + (i + 4) * to_row) = __builtin_shuffle(r[i], r[i + 4], V8{4, 5, 6, 7, 12, 13, 14, 15});
  }
}

void transpose(void* to, int64_t to_row, const void* from, int64_t from_row, int64_t rows, int64_t cols, int item) {
  by_size(item, [&]<class T>(T) {
    T* d = static_cast<T*>(to);
    const T* s = static_cast<const T*>(from);
    int64_t r0 = 0;
    if constexpr (sizeof(T) == 4) {
      for (; r0 + 8 <= rows; r0 += 8) {
        int64_t c = 0;
        for (; c + 8 <= cols; c += 8) block8(d + r0 * to_row + c, to_row, s + c * from_row + r0, from_row);
        for (; c < cols; ++c)
          for (int64_t r = r0; r < r0 + 8; ++r) d[r * to_row + c] = s[c * from_row + r];
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

void where(void* out, const void* const* in, unsigned mask, int64_t n, int item) {
  by_size(item, [&]<class T>(T) {
    T* y = static_cast<T*>(out);
    auto* c = static_cast<const uint8_t*>(in[0]);
    const T *a = static_cast<const T*>(in[1]), *b = static_cast<const T*>(in[2]);
    if (mask == 0) {
      for (int64_t i = 0; i < n; ++i) y[i] = c[i] ? a[i] : b[i];
      return;
    }
    const int64_t sc = mask & 1 ? 0 : 1, sa = mask & 2 ? 0 : 1, sb = mask & 4 ? 0 : 1;
    for (int64_t i = 0; i < n; ++i) y[i] = c[i * sc] ? a[i * sa] : b[i * sb];
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
  fill_movement(t.pointwise);
  fill_casts(t.pointwise);
}

}  // namespace lampas::kernels::LAMPAS_ISA
