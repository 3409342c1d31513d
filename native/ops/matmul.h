// Matrix products.
#pragma once
#include "ops/operand.h"

namespace lampas::ops {

// C = alpha * a @ b + beta * c for matrices or batches of matrices of equal batch sizes.
Tensor mm(const Tensor& a, const Tensor& b);
Tensor bmm(const Tensor& a, const Tensor& b);
Tensor matmul(const Tensor& a, const Tensor& b);
Tensor mv(const Tensor& a, const Tensor& x);
Tensor dot(const Tensor& a, const Tensor& b);
Tensor vdot(const Tensor& a, const Tensor& b);
Tensor outer(const Tensor& a, const Tensor& b);
Tensor addmm(const Tensor& c, const Tensor& a, const Tensor& b, const Scalar& beta,
             const Scalar& alpha);
Tensor baddbmm(const Tensor& c, const Tensor& a, const Tensor& b, const Scalar& beta,
               const Scalar& alpha);
Tensor addmv(const Tensor& c, const Tensor& a, const Tensor& x, const Scalar& beta,
             const Scalar& alpha);
Tensor addr(const Tensor& c, const Tensor& x, const Tensor& y, const Scalar& beta,
            const Scalar& alpha);
Tensor addbmm(const Tensor& c, const Tensor& a, const Tensor& b, const Scalar& beta,
              const Scalar& alpha);
Tensor inner(const Tensor& a, const Tensor& b);  // over the last dimensions of both
// x @ weight.T + bias; bias may be undefined.
Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias);

}  // namespace lampas::ops
