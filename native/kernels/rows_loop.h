// What the row kernels share, for one instruction set.
#pragma once
#include "kernels/reduce_loop.h"

namespace lampas::kernels::LAMPAS_ISA {

// exp for arguments that are not positive; 0 where that is not a normal number.
template <class T>
LAMPAS_INLINE T exp_falling(T x) {
  constexpr T low = std::is_same_v<T, float> ? T(-87) : T(-708);
  T y = exp_normal(x < low ? low : x);
  return x < low ? T(0) : y;
}

// Sums of f(i), 0 <= i < n, in lanes and blocks; f returns an array of kSums values.
template <class T, int kSums>
struct Sums {
  T v[kSums];
};
template <class T, int kSums, int kWidth, class F>
LAMPAS_INLINE void lane_sums_of(double (&total)[kSums], int64_t n, const F& f) {
  for (double& t : total) t = 0;
  for (int64_t begin = 0; begin < n; begin += kReduceBlock) {
    const int64_t end = std::min(n, begin + kReduceBlock);
    T lane[kSums][kWidth] = {};
    int64_t i = begin;
    for (; i + kWidth <= end; i += kWidth) {
#pragma GCC ivdep
      for (int k = 0; k < kWidth; ++k) {
        Sums<T, kSums> s = f(i + k);
        for (int j = 0; j < kSums; ++j) lane[j][k] += s.v[j];
      }
    }
#pragma GCC ivdep
    for (int64_t k = 0; k < end - i; ++k) {
      Sums<T, kSums> s = f(i + k);
      for (int j = 0; j < kSums; ++j) lane[j][k] += s.v[j];
    }
    for (int j = 0; j < kSums; ++j) {
#pragma GCC unroll 8
      for (int w = kWidth / 2; w; w /= 2)
        for (int k = 0; k < w; ++k) lane[j][k] += lane[j][k + w];
      total[j] += static_cast<double>(lane[j][0]);
    }
  }
}
// In few lanes where there is little to add up.
template <class T, int kSums, class F>
LAMPAS_INLINE void lane_sums(double (&total)[kSums], int64_t n, const F& f) {
  if (n < 4 * kLanes)
    lane_sums_of<T, kSums, kLanes / 4>(total, n, f);
  else
    lane_sums_of<T, kSums, kLanes>(total, n, f);
}
template <class T, class F>
LAMPAS_INLINE double lane_sum(int64_t n, const F& f) {
  double total[1];
  lane_sums<T, 1>(total, n,
                  [&](int64_t i) __attribute__((always_inline)) { return Sums<T, 1>{{f(i)}}; });
  return total[0];
}

// What softmax subtracts; a row of -inf alone has no maximum to subtract, and gives NaN.
template <class T>
T row_max(const T* x, int64_t n) {
  return reduce_line<MaxOp>(x, n);
}

// Parts of fill_rows, a file each.
void fill_rows_softmax(RowsTable& t);
void fill_rows_loss(RowsTable& t);

}  // namespace lampas::kernels::LAMPAS_ISA
