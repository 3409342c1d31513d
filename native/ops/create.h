// New tensors.
#pragma once
#include "ops/operand.h"

namespace lampas::ops {

// Memory without values. Sizes must not be negative.
Tensor empty(IntSpan sizes, DType dtype, Device device = Device::Cpu);
// For `out=`: while it lives, the first tensor that `empty` is asked for on this thread lies in
// `out`'s memory, if it fits, so that a result needs no copy. Null for an `out` that an operand
// lies in too.
class Destination {
 public:
  explicit Destination(const Tensor* out);
  ~Destination();
  Destination(const Destination&) = delete;
  Destination& operator=(const Destination&) = delete;
};
// With the given strides: for results that keep the layout of an operand.
Tensor empty_strided(IntSpan sizes, IntSpan strides, DType dtype, Device device = Device::Cpu);
// With x's sizes, device and, where x is dense in memory, its layout.
Tensor empty_like(const Tensor& x, std::optional<DType> dtype = {});
// Raises if a value from a user is out of a type's range. Infinities and NaN are in that of floats.
void check_fits(const Scalar& value, DType dtype, const char* op);
Tensor full(IntSpan sizes, const Scalar& value, DType dtype, Device device = Device::Cpu);
Tensor zeros(IntSpan sizes, DType dtype, Device device = Device::Cpu);
Tensor ones(IntSpan sizes, DType dtype, Device device = Device::Cpu);
Tensor full_like(const Tensor& x, const Scalar& value, std::optional<DType> dtype = {});
Tensor zeros_like(const Tensor& x);
Tensor ones_like(const Tensor& x);
// One element of `dtype` on the CPU.
Tensor scalar_tensor(const Scalar& value, DType dtype);

Tensor arange(const Scalar& start, const Scalar& end, const Scalar& step,
              std::optional<DType> dtype);
Tensor linspace(double start, double end, int64_t steps, DType dtype);
Tensor logspace(double start, double end, int64_t steps, double base, DType dtype);
Tensor eye(int64_t n, int64_t m, DType dtype);

// The float type of new tensors, float32 unless changed.
DType default_dtype();
void set_default_dtype(DType dtype);

}  // namespace lampas::ops
