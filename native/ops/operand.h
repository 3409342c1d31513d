// What arithmetic takes: a tensor, or a number that adapts to the tensor beside it.
#pragma once
#include <span>

#include "core/tensor.h"

namespace lampas {

class Operand {
 public:
  Operand(const Tensor& t) : t_(&t) {}  // NOLINT: both convert freely
  Operand(const Scalar& s) : s_(s) {}   // NOLINT
  Operand(int v) : s_(v) {}             // NOLINT
  Operand(int64_t v) : s_(v) {}         // NOLINT
  Operand(double v) : s_(v) {}          // NOLINT
  bool is_tensor() const { return t_ != nullptr; }
  const Tensor& tensor() const { return *t_; }  // lives as long as what it was made from
  const Scalar& scalar() const { return s_; }

 private:
  const Tensor* t_ = nullptr;
  Scalar s_;
};

}  // namespace lampas
