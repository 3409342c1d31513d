// Reductions of contiguous memory, in a fixed order.
#pragma once
#include <cstdint>

#include "core/dtype.h"
#include "kernels/env.h"

namespace lampas::kernels {

enum class Reduce : uint8_t { Sum, Prod, Max, Min, Any, All, SumSquares, SumAbs, MaxAbs, MinAbs, CountNonzero, count };
inline constexpr int kReduces = static_cast<int>(Reduce::count);

struct ReduceTable {
  // *out = reduction of in[0..n), n > 0. Results: sums and products of integers and counts are
  // int64, Any and All bool, norms real, all else the element type. Half types are not here.
  void (*row[kReduces][kDTypes])(void* out, const void* in, int64_t n);
  // out[c] = reduction over r of in[r * stride + c], 0 <= c < cols, rows > 0.
  void (*cols[kReduces][kDTypes])(void* out, const void* in, int64_t rows, int64_t cols, int64_t stride);
  // *out = index of the first extreme element, NaN before all else.
  void (*argmax[kDTypes])(int64_t* out, const void* in, int64_t n);
  void (*argmin[kDTypes])(int64_t* out, const void* in, int64_t n);
  // out[i] = reduction of in[0..i], for rows of n elements with the given step between elements.
  void (*cumsum[kDTypes])(void* out, const void* in, int64_t n, int64_t step);
  void (*cumprod[kDTypes])(void* out, const void* in, int64_t n, int64_t step);
};

// The type of a reduction's result.
constexpr DType reduce_type(Reduce r, DType d) {
  switch (r) {
    case Reduce::Sum:
    case Reduce::Prod: return is_integral(d) ? DType::I64 : d;
    case Reduce::Any:
    case Reduce::All: return DType::Bool;
    case Reduce::CountNonzero: return DType::I64;
    case Reduce::SumSquares:
    case Reduce::SumAbs:
    case Reduce::MaxAbs:
    case Reduce::MinAbs: return d == DType::C64 ? DType::F32 : d == DType::C128 ? DType::F64 : d;
    default: return d;
  }
}

}  // namespace lampas::kernels
