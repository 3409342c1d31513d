// PyTorch's type promotion.
#pragma once
#include "core/dtype.h"
#include "ops/operand.h"

namespace lampas::ops {

// The dtype that holds both.
DType promote(DType a, DType b);
// Among operands: tensors with dimensions decide before 0-d tensors, those before numbers, unless a
// later one is of a higher category (bool, integer, float, complex).
DType result_type(std::span<const Operand> operands);
inline DType result_type(const Operand& a, const Operand& b) {
  const Operand both[] = {a, b};
  return result_type(both);
}
// Integers become the default float type.
DType float_type(DType d);
DType real_type(DType d);     // complex64 -> float32
DType complex_type(DType d);  // float32 -> complex64

}  // namespace lampas::ops
