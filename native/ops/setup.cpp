#include "ops/setup.h"

#include "autograd/autograd.h"
#include "ops/ops.h"

namespace lampas::ops {

void setup() {
  engine_math.add = [](const Tensor& a, const Tensor& b) { return add(a, b); };
  engine_math.add_ = [](const Tensor& into, const Tensor& g) {
    const Operand both[] = {into, g};
    pointwise_(Pointwise::add, both);
  };
  engine_math.scale = [](const Tensor& a, const Scalar& s) { return mul(a, s); };
  engine_math.divide = [](const Tensor& a, const Tensor& b) { return div(a, b); };
  engine_math.sum_to_size = sum_to_size;
  engine_math.cast = to_dtype;
  engine_math.clone = [](const Tensor& t) { return contiguous(clone(t)); };
  engine_math.zeros = [](const GradShape& s) { return zeros(s.sizes, s.dtype, s.device); };
  engine_math.ones = [](const GradShape& s) { return ones(s.sizes, s.dtype, s.device); };
  engine_math.as_strided = as_strided;
  engine_math.copy_ = [](const Tensor& into, const Tensor& from) { copy_(into, from); };
  engine_math.real_part = real;
  engine_math.has_nan = [](const Tensor& t) {
    GradGuard off(false);
    return is_differentiable(t.dtype()) && *any(isnan(t)).data<bool>();
  };
}

}  // namespace lampas::ops
