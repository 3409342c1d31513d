// The inner block of all matrix products: R rows by NR columns of C held in registers.
#pragma once
#include <algorithm>
#include <cstdint>
#include <cstring>

#include "kernels/simd/transpose.h"

namespace lampas::kernels::LAMPAS_ISA {

#if defined(__AVX512F__)
inline constexpr int kVectorBytes = 64, kBlockRows = 12;
#elif defined(__AVX2__)
inline constexpr int kVectorBytes = 32, kBlockRows = 6;
#else
inline constexpr int kVectorBytes = 16, kBlockRows = 4;
#endif

template <class T>
struct Block {
  using V [[gnu::vector_size(kVectorBytes), gnu::aligned(alignof(T)), gnu::may_alias]] = T;
  static constexpr int kNV = 2, lanes = kVectorBytes / sizeof(T), NR = kNV * lanes, MR = kBlockRows;
  static constexpr int kAhead = 12;  // rows of B fetched beforehand

  struct Tile {
    const T *a, *b;
    int64_t a_rs, a_cs, b_rs, k;  // B: rows of NR elements, b_rs apart
    T* c;
    int64_t c_rs;
    const T* bias = nullptr;      // one for each column
    const T* row_bias = nullptr;  // one for each row
    bool accumulate = false, relu = false;
  };

  // R rows, all NR columns of C; the columns beyond `cols` are dropped on the way out.
  template <int R>
  [[gnu::noinline]] static void block(const Tile& t, int cols) {
    V acc[R][kNV];
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 2
      for (int v = 0; v < kNV; ++v) acc[r][v] = V{};
    const T *a = t.a, *b = t.b;
    for (int64_t p = 0; p < t.k; ++p, a += t.a_cs, b += t.b_rs) {
      V bv[kNV];
      for (int v = 0; v < kNV; ++v) bv[v] = *reinterpret_cast<const V*>(b + v * lanes);
      // Rows in place may be pages apart, which processors do not foresee.
      for (int v = 0; v < kNV; ++v) __builtin_prefetch(b + kAhead * t.b_rs + v * lanes);
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) {
        V av = a[r * t.a_rs] - V{};
        for (int v = 0; v < kNV; ++v) acc[r][v] += av * bv[v];
      }
    }
    // From registers to C; by way of memory where something is left to do.
    if (cols == NR && !t.bias && !t.row_bias && !t.accumulate && !t.relu) {
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r)
#pragma GCC unroll 2
        for (int v = 0; v < kNV; ++v)
          *reinterpret_cast<V*>(t.c + r * t.c_rs + v * lanes) = acc[r][v];
      return;
    }
    V sums[R][kNV];
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 2
      for (int v = 0; v < kNV; ++v) sums[r][v] = acc[r][v];
    finish(t, R, cols, sums[0]);
  }
  [[gnu::noinline]] static void finish(const Tile& t, int rows, int cols, const V* sums) {
    T last[NR];
    for (int r = 0; r < rows; ++r, sums += kNV) {
      T* c = t.c + r * t.c_rs;
      T* out = cols == NR ? c : last;
      for (int v = 0; v < kNV; ++v) {
        V x = sums[v];
        if (t.bias) x += load(t.bias, v, cols);
        if (t.row_bias) x += t.row_bias[r] - V{};
        if (t.accumulate) x += load(c, v, cols);
        if (t.relu) x = x < T(0) ? V{} : x;
        *reinterpret_cast<V*>(out + v * lanes) = x;
      }
      if (cols != NR) std::memcpy(c, last, static_cast<size_t>(cols) * sizeof(T));
    }
  }
  static V load(const T* p, int v, int cols) {
    if (cols == NR) return *reinterpret_cast<const V*>(p + v * lanes);
    V x = {};
    for (int i = 0; i < lanes && v * lanes + i < cols; ++i) x[i] = p[v * lanes + i];
    return x;
  }

  static void rows(const Tile& t, int r, int cols) {
    switch (r) {
#define ROWS(n) \
  case n:       \
    return block<n>(t, cols);
      ROWS(1)
      ROWS(2)
      ROWS(3)
      ROWS(4)
#if defined(__AVX2__)
      ROWS(5)
      ROWS(6)
#endif
#if defined(__AVX512F__)
      ROWS(7) ROWS(8) ROWS(9) ROWS(10) ROWS(11) ROWS(12)
#endif
#undef ROWS
    }
  }
};

// The largest block height <= Block::MR that cuts m rows into blocks of nearly one height.
inline int64_t even_rows(int64_t m) {
  int64_t blocks = (m + kBlockRows - 1) / kBlockRows;
  return (m + blocks - 1) / std::max<int64_t>(blocks, 1);
}

}  // namespace lampas::kernels::LAMPAS_ISA
