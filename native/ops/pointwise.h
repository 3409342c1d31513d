// The operators of pointwise.def as functions, and what their gradients are written in.
#pragma once
#include <span>

#include "kernels/pointwise.h"
#include "ops/operand.h"

namespace lampas::ops {

using kernels::Pointwise;

// Runs one row: promotion, broadcasting, kernel, graph node.
Tensor pointwise(Pointwise op, std::span<const Operand> in, const double* params = nullptr);
// The same with the result written into the first operand, which must be a tensor.
void pointwise_(Pointwise op, std::span<const Operand> in, const double* params = nullptr);
// A row's name, how many operands and numbers it takes, its summary.
struct PointwiseRow {
  const char* name;
  int arity, params;
  const char* summary;
};
const PointwiseRow& pointwise_row(Pointwise op);

#define LAMPAS_DECLARE_1(name) \
  inline Tensor name(const Operand& a, double p0 = 0, double p1 = 0, double p2 = 0)
#define LAMPAS_DECLARE_2(name)                                                         \
  inline Tensor name(const Operand& a, const Operand& b, double p0 = 0, double p1 = 0, \
                     double p2 = 0)
#define LAMPAS_DECLARE_3(name)                                                            \
  inline Tensor name(const Operand& a, const Operand& b, const Operand& c, double p0 = 0, \
                     double p1 = 0, double p2 = 0)
#define LAMPAS_OPERANDS_1 {a}
#define LAMPAS_OPERANDS_2 {a, b}
#define LAMPAS_OPERANDS_3 {a, b, c}
#define POINTWISE(name, arity, ...)               \
  LAMPAS_DECLARE_##arity(name) {                  \
    const Operand in[] = LAMPAS_OPERANDS_##arity; \
    const double p[] = {p0, p1, p2};              \
    return pointwise(Pointwise::name, in, p);     \
  }
#include "defs/pointwise.def"
#undef POINTWISE

// ---- rows with more to them --------------------------------------------------------------------
Tensor abs(const Operand& a);                             // magnitude of complex numbers
Tensor pow(const Operand& a, const Operand& b);           // shortcuts for common exponents
Tensor conj(const Operand& a);                            // itself unless complex
Tensor floor_divide(const Operand& a, const Operand& b);  // ZeroDivisionError for integers
Tensor remainder(const Operand& a, const Operand& b);
Tensor fmod(const Operand& a, const Operand& b);
Tensor angle(const Tensor& a);
Tensor polygamma(int64_t n, const Tensor& a);  // digamma, trigamma, polygamma_raw
Tensor where(const Tensor& condition, const Operand& a, const Operand& b);
Tensor clamp(const Tensor& x, const std::optional<Scalar>& low, const std::optional<Scalar>& high);

// ---- gradients ---------------------------------------------------------------------------------
Tensor masked(const Tensor& g, const Tensor& condition);  // g where true, else 0
// g where `strictly`, half of it where `equal`.
Tensor share(const Tensor& g, const Tensor& strictly, const Tensor& equal);
Tensor pow_backward_a(const Tensor& g, const Tensor& a, const Tensor& b);
Tensor pow_backward_b(const Tensor& g, const Tensor& a, const Tensor& b, const Tensor& y);
Tensor sgn_backward(const Tensor& g, const Tensor& a, const Tensor& y);
Tensor copysign_backward(const Tensor& g, const Tensor& a, const Tensor& y);
Tensor sinc_derivative(const Tensor& a);
Tensor logit_backward(const Tensor& g, const Tensor& a, double eps);
Tensor i1_backward(const Tensor& g, const Tensor& a, const Tensor& y);
Tensor i1e_backward(const Tensor& g, const Tensor& a, const Tensor& y);
Tensor igamma_density(const Tensor& a, const Tensor& x);
// What is not differentiable raises an error that says of which function: always.
[[noreturn]] Tensor special_backward(const char* name);
[[noreturn]] Tensor zeta_exponent_backward();
[[noreturn]] Tensor igamma_shape_backward(const char* name);
const char* polynomial_name(double family);
Tensor silu_derivative(const Tensor& a);
Tensor silu_second(const Tensor& a);
Tensor mish_second(const Tensor& a);
Tensor gelu_tanh_second(const Tensor& a);

}  // namespace lampas::ops

namespace lampas {
// Arithmetic between tensors and numbers in gradient formulas.
inline Tensor operator*(const Tensor& a, const Operand& b) { return ops::mul(a, b); }
inline Tensor operator+(const Tensor& a, const Operand& b) { return ops::add(a, b); }
inline Tensor operator-(const Tensor& a, const Operand& b) { return ops::sub(a, b); }
inline Tensor operator/(const Tensor& a, const Operand& b) { return ops::div(a, b); }
inline Tensor operator*(double a, const Tensor& b) { return ops::mul(b, a); }
inline Tensor operator-(double a, const Tensor& b) { return ops::sub(a, b); }
inline Tensor operator-(const Tensor& a) { return ops::neg(a); }
}  // namespace lampas
