// Elementwise loops over contiguous chunks, casts, and copies that change layout.
#pragma once
#include <cstdint>

#include "core/dtype.h"
#include "kernels/env.h"

namespace lampas::kernels {

// One entry for each row of pointwise.def.
enum class Pointwise : uint8_t {
#define POINTWISE(name, ...) name,
#include "defs/pointwise.def"
#undef POINTWISE
  count
};
inline constexpr int kPointwise = static_cast<int>(Pointwise::count);

// What types a row takes and gives; pointwise.def says what each means.
enum class PointwiseKind {
  Float,
  FloatC,
  Special,
  Real,
  RealB,
  Arith,
  ArithB,
  Bits,
  Ints,
  Test,
  TestR,
  Fp,
  FpC
};

// The families of special_polynomial: its first number, plus `count` for arguments 2 x - 1.
enum class Polynomial : uint8_t {
  ChebyshevT,
  ChebyshevU,
  ChebyshevV,
  ChebyshevW,
  HermiteH,
  HermiteHe,
  Laguerre,
  Legendre,
  count
};

// Whether an operand is one element (bit i of the mask) or n of them. `out` may be an operand.
using PointwiseFn = void (*)(void* out, const void* const* in, unsigned scalar_mask, int64_t n,
                             const double* params);
using CastFn = void (*)(void* out, const void* in, int64_t n);

struct PointwiseTable {
  // By operator and compute type; null where the operator does not take it. Half types are cast.
  PointwiseFn fn[kPointwise][kDTypes];
  CastFn cast[kDTypes][kDTypes];  // [to][from]
  // n elements of `item` bytes; steps in bytes.
  void (*copy_strided)(void* to, int64_t to_step, const void* from, int64_t from_step, int64_t n,
                       int item);
  // to[r * to_row + c] = from[c * from_row + r], in elements of `item` bytes.
  void (*transpose)(void* to, int64_t to_row, const void* from, int64_t from_row, int64_t rows,
                    int64_t cols, int item);
  void (*fill)(void* to, const void* one, int64_t n, int item);
  // out = condition ? a : b, by bytes of an element; the mask as in PointwiseFn.
  void (*where)(void* out, const void* const* in, unsigned scalar_mask, int64_t n, int item);
};

}  // namespace lampas::kernels
