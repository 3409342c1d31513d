#include "ops/promote.h"

#include <span>

#include "ops/create.h"

namespace lampas::ops {

DType promote(DType a, DType b) {
  if (a == b) return a;
  if (a > b) std::swap(a, b);  // from here on b is the higher one
  if (is_complex(b)) return a == DType::F64 && b == DType::C64 ? DType::C128 : b;
  if (is_floating(b)) return a == DType::F16 && b == DType::BF16 ? DType::F32 : b;
  if (a == DType::U8) {
    // uint8 with a signed type needs a signed type that holds both.
    return b == DType::I8 ? DType::I16 : b;
  }
  return b;
}

namespace {
int category(DType d) { return d == DType::Bool ? 0 : is_integral(d) ? 1 : is_complex(d) ? 3 : 2; }

// Type of the stronger group, unless the weaker one is of a higher category.
std::optional<DType> combine(std::optional<DType> strong, std::optional<DType> weak) {
  if (!strong) return weak;
  if (!weak || category(*weak) <= category(*strong)) return strong;
  if (category(*weak) == 3 && is_floating(*strong)) return complex_type(*strong);
  return weak;
}
}  // namespace

DType result_type(std::span<const Operand> operands) {
  std::optional<DType> dims, zero, number;
  auto join = [](std::optional<DType>& into, DType d) { into = into ? promote(*into, d) : d; };
  for (const Operand& o : operands) {
    if (!o.is_tensor())
      join(number, o.scalar().natural_dtype(default_dtype()));
    else
      join(o.tensor().dim() ? dims : zero, o.tensor().dtype());
  }
  return *combine(dims, combine(zero, number));
}

DType float_type(DType d) { return is_integral(d) ? default_dtype() : d; }
DType real_type(DType d) {
  return d == DType::C64 ? DType::F32 : d == DType::C128 ? DType::F64 : d;
}
DType complex_type(DType d) {
  return d == DType::F64 || d == DType::C128 ? DType::C128 : DType::C64;
}

}  // namespace lampas::ops
