// Reductions and scans of contiguous memory. Values are combined in an order that depends on the
// length alone: lanes side by side, fewer for short rows, in blocks of kReduceBlock, one by one. A
// caller that cuts a long row into multiples of kReduceBlock, by length alone, gets the same bits
// on any number of threads. Half types are not here: they come converted, or in float chunks.
#pragma once
#include <cstdint>

#include "core/dtype.h"
#include "kernels/env.h"

namespace lampas::kernels {

inline constexpr int64_t kReduceBlock = 2048;  // elements

enum class Reduce : uint8_t {
  Sum,
  NanSum,  // NaN counts as zero
  Prod,
  Max,
  Min,
  Any,
  All,
  SumSquares,
  SumAbs,
  MaxAbs,
  MinAbs,
  CountNonzero,
  count
};
inline constexpr int kReduces = static_cast<int>(Reduce::count);

// Null where a type has none: complex numbers have no order, integers no norms.
struct ReduceTable {
  // *out = reduction of in[0..n), n > 0; its type is reduce_type's. NaN wins over every number.
  void (*row[kReduces][kDTypes])(void* out, const void* in, int64_t n);
  // out[c] = reduction over r of in[r * stride + c], 0 <= c < cols, rows > 0.
  void (*cols[kReduces][kDTypes])(void* out, const void* in, int64_t rows, int64_t cols,
                                  int64_t stride);
  // *out = sum of a[i] * b[i], 0 <= i < n, n > 0, in the operands' type.
  void (*dot[kDTypes])(void* out, const void* a, const void* b, int64_t n);
  // *out = index of the first extreme element, NaN before all else.
  void (*argmax[kDTypes])(int64_t* out, const void* in, int64_t n);
  void (*argmin[kDTypes])(int64_t* out, const void* in, int64_t n);
  void (*argmax_cols[kDTypes])(int64_t* out, const void* in, int64_t rows, int64_t cols,
                               int64_t stride);
  void (*argmin_cols[kDTypes])(int64_t* out, const void* in, int64_t rows, int64_t cols,
                               int64_t stride);

  // Scans: out[i] from in[0..i]. Sums and products of integers are int64. A line has n elements,
  // `step` apart in both arrays.
  void (*cumsum[kDTypes])(void* out, const void* in, int64_t n, int64_t step);
  void (*cumprod[kDTypes])(void* out, const void* in, int64_t n, int64_t step);
  void (*logcumsumexp[kDTypes])(void* out, const void* in, int64_t n, int64_t step);
  // Running extremes of a contiguous line and where they stand; of equal ones the last, and NaN
  // stays.
  void (*cummax[kDTypes])(void* out, int64_t* at, const void* in, int64_t n);
  void (*cummin[kDTypes])(void* out, int64_t* at, const void* in, int64_t n);
  // `cols` lines side by side: element i of line c at [i * stride + c] of all arrays.
  void (*cumsum_cols[kDTypes])(void* out, const void* in, int64_t n, int64_t cols, int64_t stride);
  void (*cumprod_cols[kDTypes])(void* out, const void* in, int64_t n, int64_t cols, int64_t stride);
  void (*cummax_cols[kDTypes])(void* out, int64_t* at, const void* in, int64_t n, int64_t cols,
                               int64_t stride);
  void (*cummin_cols[kDTypes])(void* out, int64_t* at, const void* in, int64_t n, int64_t cols,
                               int64_t stride);

  // Mean and sum of squared distances from it, of float32 (0) and float64 (1), in two passes.
  void (*moments[2])(double* mean, double* squares, const void* in, int64_t n);
  // log(sum(exp(in))), exact for infinities.
  void (*logsumexp[2])(void* out, const void* in, int64_t n);
};

// The type of a reduction's result.
constexpr DType reduce_type(Reduce r, DType d) {
  switch (r) {
    case Reduce::Sum:
    case Reduce::Prod:
      return is_integral(d) ? DType::I64 : d;
    case Reduce::Any:
    case Reduce::All:
      return DType::Bool;
    case Reduce::CountNonzero:
      return DType::I64;
    case Reduce::SumSquares:
    case Reduce::SumAbs:
    case Reduce::MaxAbs:
    case Reduce::MinAbs:
      return d == DType::C64 ? DType::F32 : d == DType::C128 ? DType::F64 : d;
    default:
      return d;
  }
}

}  // namespace lampas::kernels
