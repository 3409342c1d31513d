// Operators of pointwise.def and those that stand around them.
#include <cmath>
#include <limits>

#include "autograd/autograd.h"
#include "bindings/args.h"
#include "bindings/module.h"
#include "ops/ops.h"

namespace lampas::py {

namespace {
Tensor positive(const Tensor& x) {
  LAMPAS_CHECK(x.dtype() != DType::Bool,
               "positive(): the `+` operator, on a bool tensor is not supported; x.int() makes "
               "numbers of it.");
  return x;
}

// One row as function, method and in-place method. Rows whose public form takes other arguments are
// written out below.
template <ops::Pointwise Op>
Tensor run_unary(const Args& a) {
  const Operand in[] = {a.tensor(0)};
  return ops::pointwise(Op, in);
}
template <ops::Pointwise Op>
PyObject* unary(Args& a) {
  return wrap(run_unary<Op>(a));
}
template <ops::Pointwise Op>
PyObject* unary_inplace(Args& a) {
  const Operand in[] = {a.tensor(0)};
  ops::pointwise_(Op, in);
  return Owned::share(a.object(0)).release();
}
template <ops::Pointwise Op>
PyObject* binary(Args& a) {
  const Operand in[] = {a.operand(0), a.operand(1)};
  return wrap(ops::pointwise(Op, in));
}
template <ops::Pointwise Op>
PyObject* binary_inplace(Args& a) {
  const Operand in[] = {a.operand(0), a.operand(1)};
  ops::pointwise_(Op, in);
  return Owned::share(a.object(0)).release();
}

#define U(name, doc)                                                                      \
  {#name "(Tensor input, *, Tensor? out=None)", unary<ops::Pointwise::name>, kBoth, doc}, \
      {#name "_(Tensor input)", unary_inplace<ops::Pointwise::name>, kBoth, doc " In place."},
#define B(name, doc)                                                                          \
  {#name "(Tensor input, Operand other, *, Tensor? out=None)", binary<ops::Pointwise::name>,  \
   kBoth, doc},                                                                               \
      {#name "_(Tensor input, Operand other)", binary_inplace<ops::Pointwise::name>, kMethod, \
       doc " In place."},
// The same for two tensors only: a number as `other` is a TypeError, as in PyTorch.
#define BT(name, doc)                                                                              \
  {#name "(Tensor input, Tensor other, *, Tensor? out=None)", binary<ops::Pointwise::name>, kBoth, \
   doc},                                                                                           \
      {#name "_(Tensor input, Tensor other)", binary_inplace<ops::Pointwise::name>, kMethod,       \
       doc " In place."},
// The same for two operands of which one at least is a tensor.
#define BN(name, doc)                                                                              \
  {#name "(Tensor input, Operand other, *, Tensor? out=None)", binary<ops::Pointwise::name>, kAll, \
   doc},                                                                                           \
      {#name "(Number input, Tensor other, *, Tensor? out=None)", binary<ops::Pointwise::name>,    \
       kFunction, nullptr},

// input + alpha * other, and input - alpha * other.
Tensor scaled_sum(const Operand& x, const Operand& y, const Scalar& alpha, bool minus) {
  if (alpha.equals(1)) return minus ? ops::sub(x, y) : ops::add(x, y);
  const Operand both[] = {x, y};
  DType d = ops::result_type(both);
  LAMPAS_CHECK(d == DType::Bool || !is_integral(d) || alpha.is_integral(),
               "For integral input tensors, argument alpha must not be a floating point number.");
  LAMPAS_CHECK(alpha.kind() != Scalar::Kind::Bool || d == DType::Bool,
               "Boolean alpha only supported for Boolean results.");
  if (alpha.is_complex() || d == DType::Bool)
    return minus ? ops::sub(x, ops::mul(y, alpha)) : ops::add(x, ops::mul(y, alpha));
  return ops::add_scaled(x, y, minus ? -alpha.to_double() : alpha.to_double());
}
PyObject* scaled_sum_inplace(Args& a, bool minus) {
  Scalar alpha = a.number(2);
  const Operand in[] = {a.operand(0), a.operand(1)};
  if (alpha.equals(1)) {
    ops::pointwise_(minus ? ops::Pointwise::sub : ops::Pointwise::add, in);
  } else if (!alpha.is_complex() && !is_integral(a.tensor(0).dtype())) {
    double p[3] = {minus ? -alpha.to_double() : alpha.to_double(), 0, 0};
    ops::pointwise_(ops::Pointwise::add_scaled, in, p);
  } else {
    check_inplace(a.tensor(0), "add_");
    ops::assign_inplace(a.tensor(0), scaled_sum(in[0], in[1], alpha, minus), "add_");
  }
  return Owned::share(a.object(0)).release();
}

Tensor divide(const Operand& a, const Operand& b, const std::string& mode) {
  if (mode.empty() || mode == "None") return ops::div(a, b);
  if (mode == "floor") return ops::floor_divide(a, b);
  LAMPAS_CHECK(mode == "trunc",
               "div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '",
               mode, "'");
  // Two tensors of a half type: the quotient is rounded to it before its fraction is cut off.
  const Operand both[] = {a, b};
  if (!b.is_tensor() || b.tensor().dim() == 0 || !is_half(ops::result_type(both)))
    return ops::div_trunc(a, b);
  Tensor y;
  {
    GradGuard off(false);
    y = ops::trunc(ops::div(a, b));
  }
  const Tensor x = a.is_tensor() ? a.tensor() : Tensor(), &z = b.tensor();
  if (recording(x, z))
    record(y, "DivBackward1", {&x, &z}, [](const Tensor& g, Sink& out) {
      for (size_t i : {0, 1})
        if (out.needs(i)) out.set(i, ops::zeros_like(g));
    });
  return y;
}
std::string mode_of(const Args& a, int i) { return a.given(i) ? a.text(i) : ""; }

Tensor rounded(const Tensor& x, int64_t decimals) {
  if (decimals == 0) return ops::round(x);
  LAMPAS_CHECK_KIND(NotImplemented, !is_integral(x.dtype()),
                    "\"round\" with decimals not implemented for '", dtype_name(x.dtype()),
                    "': only floating point tensors have decimals");
  double scale = std::pow(10.0, static_cast<double>(std::abs(decimals)));
  return decimals > 0 ? ops::div(ops::round(ops::mul(x, scale)), scale)
                      : ops::mul(ops::round(ops::div(x, scale)), scale);
}

Tensor clamp_any(const Args& a) {
  if ((a.given(1) && is_tensor(a.object(1))) || (a.given(2) && is_tensor(a.object(2)))) {
    const Tensor& x = a.tensor(0);
    LAMPAS_CHECK(a.given(1) || a.given(2),
                 "torch.clamp: At least one of 'min' or 'max' must not be None");
    if (a.given(1) && a.given(2)) return ops::clamp_tensor(x, a.operand(1), a.operand(2));
    return a.given(1) ? ops::clamp_min(x, a.operand(1)) : ops::clamp_max(x, a.operand(2));
  }
  return ops::clamp(a.tensor(0), a.number_or(1), a.number_or(2));
}

Tensor nan_to_num(const Args& a) {
  const Tensor& x = a.tensor(0);
  if (is_integral(x.dtype())) return ops::clone(x);
  if (is_complex(x.dtype()))
    fail(ErrorKind::NotImplemented, "\"nan_to_num\" not implemented for '", dtype_name(x.dtype()),
         "'");
  double top = x.dtype() == DType::F64   ? std::numeric_limits<double>::max()
               : x.dtype() == DType::F32 ? double{std::numeric_limits<float>::max()}
               : x.dtype() == DType::F16 ? 65504.0
                                         : 3.3895313892515355e38;
  return ops::nan_to_num(x, a.real_or(1).value_or(0), a.real_or(2).value_or(top),
                         a.real_or(3).value_or(-top));
}

Tensor sign_of(const Tensor& x) {
  LAMPAS_CHECK(
      !is_complex(x.dtype()),
      "Unlike NumPy, torch.sign doesn't implement sign for complex numbers; use torch.sgn");
  return ops::sign(x);
}
Tensor heaviside(const Args& a) {
  const Tensor &x = a.tensor(0), &v = a.tensor(1);
  LAMPAS_CHECK(x.dtype() == v.dtype(),
               "heaviside is not yet implemented for tensors with "
               "different dtypes: got ",
               dtype_name(x.dtype()), " and ", dtype_name(v.dtype()));
  return ops::heaviside(x, v);
}
Tensor lerp_any(const Args& a) {
  const Tensor &x = a.tensor(0), &y = a.tensor(1);
  LAMPAS_CHECK(x.dtype() == y.dtype(), "expected dtype ", dtype_name(x.dtype()),
               " for `end` but got dtype ", dtype_name(y.dtype()));
  Operand w = a.operand(2);
  if (w.is_tensor())
    LAMPAS_CHECK(w.tensor().dtype() == x.dtype() || w.tensor().dim() == 0, "expected dtype ",
                 dtype_name(x.dtype()), " for `weight` but got dtype ",
                 dtype_name(w.tensor().dtype()));
  return ops::lerp(x, y, w);
}
Tensor mixed_product(const Args& a, bool divide) {
  Operand x = a.operand(0), y = a.operand(1), z = a.operand(2);
  Scalar v = a.number(3);
  if (divide) {
    const Operand two[] = {y, z};
    LAMPAS_CHECK(!is_integral(ops::result_type(two)),
                 "Integer division with addcdiv is no longer supported, and in a future release "
                 "addcdiv will perform a true division of tensor1 and tensor2. Remedy: (input + "
                 "value * torch.trunc(tensor1 / tensor2))");
  }
  if (v.is_complex()) return ops::add(x, ops::mul(divide ? ops::div(y, z) : ops::mul(y, z), v));
  return divide ? ops::addcdiv(x, y, z, v.to_double()) : ops::addcmul(x, y, z, v.to_double());
}
PyObject* where_args(Args& a) {
  if (!a.object(1)) return to_py(ops::nonzero_tuple(a.tensor(0)));
  return wrap(ops::where(a.tensor(0), a.operand(1), a.operand(2)));
}

constexpr Definition kRows[] = {
    U(neg, "Negative.") U(sgn, "Sign; x/|x| for complex numbers.") U(reciprocal, "1 / x.") U(
        exp, "Exponential.") U(exp2, "2 to the power x.") U(expm1, "exp(x) - 1, exact near 0.")
        U(log, "Natural logarithm.") U(log2, "Logarithm to base 2.") U(
            log10, "Logarithm to base 10.") U(log1p, "log(1 + x), exact near 0.")
            U(sqrt, "Square root.") U(rsqrt, "1 / sqrt(x).") U(sin, "Sine.") U(cos, "Cosine.") U(
                tan, "Tangent.") U(asin, "Arc sine.") U(acos, "Arc cosine.") U(atan, "Arc tangent.")
                U(sinh, "Hyperbolic sine.") U(cosh, "Hyperbolic cosine.") U(
                    tanh, "Hyperbolic tangent.") U(asinh, "Inverse hyperbolic sine.")
                    U(acosh, "Inverse hyperbolic cosine.") U(
                        atanh, "Inverse hyperbolic tangent.") U(sinc, "sin(pi x) / (pi x).")
                        U(sigmoid, "1 / (1 + exp(-x)).") U(erf, "Error function.") U(
                            erfc, "1 - erf(x).") U(erfinv, "Inverse error function.")
                            U(lgamma, "log(|gamma(x)|).") U(digamma, "Derivative of lgamma.") U(
                                i0, "Modified Bessel function of order 0.") U(floor, "Rounds down.")
                                U(ceil, "Rounds up.") U(trunc, "Integer part.") U(
                                    frac, "Fractional part.") U(deg2rad, "Degrees to radians.")
                                    U(rad2deg, "Radians to degrees.")
                                        U(logical_not, "Whether zero.")
                                            U(bitwise_not, "Bits flipped.") U(relu, "max(x, 0)."){
                                                "i0e(Tensor input, *, Tensor? out=None)",
                                                LAMPAS_FN(ops::i0e(a.tensor(0))), kFunction,
                                                "i0 scaled by exp(-|x|)."},
    {"i1(Tensor input, *, Tensor? out=None)", LAMPAS_FN(ops::i1(a.tensor(0))), kFunction,
     "Modified Bessel function of order 1."},
    {"i1e(Tensor input, *, Tensor? out=None)", LAMPAS_FN(ops::i1e(a.tensor(0))), kFunction,
     "i1 scaled by exp(-|x|)."},
    {"polygamma(int n, Tensor input, *, Tensor? out=None)",
     LAMPAS_FN(ops::polygamma(a.integer(0), a.tensor(1))), kFunction,
     "n-th derivative of digamma."},
    {"abs(Tensor input, *, Tensor? out=None)", LAMPAS_FN(ops::abs(a.tensor(0))), kAll,
     "Absolute value."},
    {"absolute(Tensor input, *, Tensor? out=None)", LAMPAS_FN(ops::abs(a.tensor(0))), kAll,
     "Absolute value."},
    {"sign(Tensor input, *, Tensor? out=None)", LAMPAS_FN(sign_of(a.tensor(0))), kAll, "Sign."},
    {"positive(Tensor input)", LAMPAS_FN(positive(a.tensor(0))), kBoth, "Itself; refuses bool."},
    {"conj(Tensor input)", LAMPAS_FN(ops::conj(a.tensor(0))), kBoth, "Complex conjugate."},
    {"conj_physical(Tensor input, *, Tensor? out=None)", LAMPAS_FN(ops::conj(a.tensor(0))), kAll,
     "Complex conjugate."},
    {"resolve_conj(Tensor input)", LAMPAS_FN(a.tensor(0)), kBoth,
     "Itself: conjugates are never lazy here."},
    {"resolve_neg(Tensor input)", LAMPAS_FN(a.tensor(0)), kBoth,
     "Itself: negation is never lazy here."},
    {"is_conj(Tensor input)", LAMPAS_FN(false), kBoth, "False: conjugates are never lazy here."},
    {"is_neg(Tensor input)", LAMPAS_FN(false), kBoth, "False: negation is never lazy here."},
    {"angle(Tensor input, *, Tensor? out=None)", LAMPAS_FN(ops::angle(a.tensor(0))), kBoth,
     "Angle of complex numbers; 0 or pi of real ones."},
    {"round(Tensor input, *, int decimals=0, Tensor? out=None)",
     LAMPAS_FN(rounded(a.tensor(0), a.integer(1))), kAll, "Nearest integer, halves to even."},
    {"logit(Tensor input, float? eps=None, *, Tensor? out=None)",
     LAMPAS_FN(ops::logit(a.tensor(0), a.real_or(1).value_or(-1))), kAll, "log(x / (1 - x))."},
    {"nan_to_num(Tensor input, float? nan=None, float? posinf=None, float? neginf=None, *, Tensor? "
     "out=None)",
     LAMPAS_FN(nan_to_num(a)), kAll, "NaN and infinities replaced."},
    {"isnan(Tensor input)", LAMPAS_FN(ops::isnan(a.tensor(0))), kBoth, "Whether not a number."},
    {"isinf(Tensor input)", LAMPAS_FN(ops::isinf(a.tensor(0))), kBoth, "Whether infinite."},
    {"isfinite(Tensor input)", LAMPAS_FN(ops::isfinite(a.tensor(0))), kBoth,
     "Whether neither NaN nor infinite."},
    {"isposinf(Tensor input, *, Tensor? out=None)", LAMPAS_FN(ops::isposinf(a.tensor(0))), kBoth,
     "Whether positive infinity."},
    {"isneginf(Tensor input, *, Tensor? out=None)", LAMPAS_FN(ops::isneginf(a.tensor(0))), kBoth,
     "Whether negative infinity."},
    {"signbit(Tensor input, *, Tensor? out=None)", LAMPAS_FN(ops::signbit(a.tensor(0))), kBoth,
     "Whether the sign bit is set."},
    {"isreal(Tensor input)",
     LAMPAS_FN(is_complex(a.tensor(0).dtype()) ? ops::eq(ops::imag(a.tensor(0)), 0)
                                               : ops::full_like(a.tensor(0), true, DType::Bool)),
     kBoth, "Whether real."},

    {"add(Operand input, Operand other, *, Number alpha=1, Tensor? out=None)",
     LAMPAS_FN(scaled_sum(a.operand(0), a.operand(1), a.number(2), false)), kBoth,
     "input + alpha * other, broadcast.\n\n>>> lampas.add(lampas.ones(2), 1, alpha=3)\ntensor([4., "
     "4.])"},
    {"add_(Tensor input, Operand other, *, Number alpha=1)",
     [](Args& a) { return scaled_sum_inplace(a, false); }, kMethod, "Adds alpha * other in place."},
    {"sub(Operand input, Operand other, *, Number alpha=1, Tensor? out=None)",
     LAMPAS_FN(scaled_sum(a.operand(0), a.operand(1), a.number(2), true)), kBoth,
     "input - alpha * other."},
    {"subtract(Operand input, Operand other, *, Number alpha=1, Tensor? out=None)",
     LAMPAS_FN(scaled_sum(a.operand(0), a.operand(1), a.number(2), true)), kAll,
     "input - alpha * other."},
    {"sub_(Tensor input, Operand other, *, Number alpha=1)",
     [](Args& a) { return scaled_sum_inplace(a, true); }, kMethod,
     "Subtracts alpha * other in place."},
    {"rsub(Tensor input, Operand other, *, Number alpha=1)",
     LAMPAS_FN(scaled_sum(a.operand(1), a.operand(0), a.number(2), true)), kFunction,
     "other - alpha * input."},
    B(mul, "Product.") BT(maximum, "The larger one.") BT(minimum, "The smaller one.") BT(
        fmax, "The larger one; NaN loses.") BT(fmin, "The smaller one; NaN loses.")
        BT(gcd, "Greatest common divisor.") BT(lcm, "Least common multiple.") B(
            copysign, "Magnitude of input, sign of other.")
            BT(nextafter, "The next number towards other.") BT(
                hypot, "sqrt(input^2 + other^2).") BT(atan2, "Angle of the point (other, input).")
                BT(logaddexp, "log(exp(input) + exp(other)).") BT(
                    logaddexp2, "log2(2^input + 2^other).") B(eq, "Equal.") B(ne, "Not equal.")
                    B(lt, "Less.") B(le, "Less or equal.") B(gt, "Greater.")
                        B(ge, "Greater or equal.") BT(logical_and, "Both nonzero.") BT(
                            logical_or, "Either nonzero.") BT(logical_xor, "Exactly one nonzero."){
                            "multiply(Tensor input, Operand other, *, Tensor? out=None)",
                            binary<ops::Pointwise::mul>, kAll, "Product."},
    {"heaviside(Tensor input, Tensor values, *, Tensor? out=None)", LAMPAS_FN(heaviside(a)), kAll,
     "0, values or 1 by the sign of input."},
    {"square(Tensor input, *, Tensor? out=None)", LAMPAS_FN(ops::pow(a.tensor(0), 2)), kAll,
     "Square."},
    {"div(Tensor input, Operand other, *, str? rounding_mode=None, Tensor? out=None)",
     LAMPAS_FN(divide(a.operand(0), a.operand(1), mode_of(a, 2))), kAll,
     "Quotient; rounding_mode None, 'trunc' or 'floor'."},
    {"divide(Tensor input, Operand other, *, str? rounding_mode=None, Tensor? out=None)",
     LAMPAS_FN(divide(a.operand(0), a.operand(1), mode_of(a, 2))), kAll, "Quotient."},
    {"true_divide(Tensor input, Operand other, *, Tensor? out=None)", binary<ops::Pointwise::div>,
     kAll, "Quotient."},
    {"floor_divide(Tensor input, Operand other, *, Tensor? out=None)",
     LAMPAS_FN(ops::floor_divide(a.operand(0), a.operand(1))), kAll, "Quotient, rounded down."},
    {"remainder(Tensor input, Operand other, *, Tensor? out=None)",
     LAMPAS_FN(ops::remainder(a.operand(0), a.operand(1))), kAll,
     "Remainder with the sign of the divisor."},
    {"remainder(Number input, Tensor other, *, Tensor? out=None)",
     LAMPAS_FN(ops::remainder(a.operand(0), a.operand(1))), kFunction, nullptr},
    {"fmod(Tensor input, Operand other, *, Tensor? out=None)",
     LAMPAS_FN(ops::fmod(a.operand(0), a.operand(1))), kAll,
     "Remainder with the sign of the dividend."},
    {"pow(Tensor input, Operand exponent, *, Tensor? out=None)",
     LAMPAS_FN(ops::pow(a.operand(0), a.operand(1))), kAll, "Power."},
    {"pow(Number input, Tensor exponent, *, Tensor? out=None)",
     LAMPAS_FN(ops::pow(a.operand(0), a.operand(1))), kFunction, nullptr},
    BN(xlogy, "input * log(other), 0 where input is 0."){
        "xlog1py(Tensor input, Operand other, *, Tensor? out=None)",
        LAMPAS_FN(ops::xlog1py(a.operand(0), a.operand(1))), kFunction,
        "input * log1p(other), 0 where input is 0."},
    {"xlog1py(Number input, Tensor other, *, Tensor? out=None)",
     LAMPAS_FN(ops::xlog1py(a.operand(0), a.operand(1))), kFunction, nullptr},
    {"ldexp(Tensor input, Operand other, *, Tensor? out=None)",
     LAMPAS_FN(ops::mul(a.operand(0), ops::pow(2.0, a.operand(1)))), kAll, "input * 2^other."},
    BN(bitwise_and, "Bits set in both.") BN(bitwise_or, "Bits set in either.")
        BN(bitwise_xor, "Bits set in one.") BN(bitwise_left_shift, "Bits moved up.")
            BN(bitwise_right_shift, "Bits moved down."){"where(Tensor condition)", where_args,
                                                        kFunction,
                                                        "input where condition holds, else other."},
    {"where(Tensor condition, Operand input, Operand other, *, Tensor? out=None)", where_args,
     kFunction, nullptr},
    {"where(Tensor input, Tensor condition, Operand other)",
     LAMPAS_FN(ops::where(a.tensor(1), a.tensor(0), a.operand(2))), kMethod,
     "self where condition holds, else other."},
    {"addcmul(Tensor input, Tensor tensor1, Tensor tensor2, *, Number value=1, Tensor? out=None)",
     LAMPAS_FN(mixed_product(a, false)), kAll, "input + value * tensor1 * tensor2."},
    {"addcdiv(Tensor input, Tensor tensor1, Tensor tensor2, *, Number value=1, Tensor? out=None)",
     LAMPAS_FN(mixed_product(a, true)), kAll, "input + value * tensor1 / tensor2."},
    {"lerp(Tensor input, Tensor end, Operand weight, *, Tensor? out=None)", LAMPAS_FN(lerp_any(a)),
     kAll, "input + weight * (end - input)."},
    {"clamp(Tensor input, Operand? min=None, Operand? max=None, *, Tensor? out=None)",
     LAMPAS_FN(clamp_any(a)), kAll, "Values limited to [min, max]."},
    {"clip(Tensor input, Operand? min=None, Operand? max=None, *, Tensor? out=None)",
     LAMPAS_FN(clamp_any(a)), kAll, "Values limited to [min, max]."},
    {"clamp_min(Tensor input, Operand min, *, Tensor? out=None)",
     LAMPAS_FN(a.operand(1).is_tensor() ? ops::clamp_min(a.tensor(0), a.operand(1))
                                        : ops::clamp(a.tensor(0), a.number(1), {})),
     kAll, "Values at least min."},
    {"clamp_max(Tensor input, Operand max, *, Tensor? out=None)",
     LAMPAS_FN(a.operand(1).is_tensor() ? ops::clamp_max(a.tensor(0), a.operand(1))
                                        : ops::clamp(a.tensor(0), {}, a.number(1))),
     kAll, "Values at most max."},
    {"result_type(Operand tensor1, Operand tensor2)",
     LAMPAS_FN(ops::result_type(a.operand(0), a.operand(1))), kFunction,
     "The dtype of an operation on both."},
    {"promote_types(dtype type1, dtype type2)",
     LAMPAS_FN(ops::promote(a.dtype(0, DType::F32), a.dtype(1, DType::F32))), kFunction,
     "The smallest dtype that holds both."},
    {"can_cast(dtype from_, dtype to)",
     LAMPAS_FN(ops::can_cast(a.dtype(0, DType::F32), a.dtype(1, DType::F32))), kFunction,
     "Whether a cast keeps the kind of number."},
};

// Another name for an operator that exists.
struct Alias {
  const char *name, *of;
};
constexpr Alias kAliases[] = {{"negative", "neg"},  {"arccos", "acos"},
                              {"arcsin", "asin"},   {"arctan", "atan"},
                              {"arctan2", "atan2"}, {"arccosh", "acosh"},
                              {"arcsinh", "asinh"}, {"arctanh", "atanh"},
                              {"fix", "trunc"},     {"special_expit", "sigmoid"},
                              {"greater", "gt"},    {"greater_equal", "ge"},
                              {"less", "lt"},       {"less_equal", "le"},
                              {"not_equal", "ne"}};
}  // namespace

void define_pointwise(PyObject* module) {
  define(module, kRows);
  auto* tensor = reinterpret_cast<PyObject*>(tensor_type);
  for (const Alias& alias : kAliases)
    for (PyObject* owner : {module, tensor})
      for (const char* suffix : {"", "_"}) {
        Owned op(PyObject_GetAttrString(owner, (std::string(alias.of) + suffix).c_str()));
        if (!op) {
          PyErr_Clear();
          continue;
        }
        if (PyObject_SetAttrString(owner, (std::string(alias.name) + suffix).c_str(), op.get()) < 0)
          throw PythonError();
      }
}

}  // namespace lampas::py
