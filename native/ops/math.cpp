// Pointwise operators with more to them than a row, and the formulas that rows' gradients call.
#include <cmath>

#include "autograd/autograd.h"
#include "dispatch/dispatch.h"
#include "iter/loop.h"
#include "ops/copy.h"
#include "ops/create.h"
#include "ops/indexing.h"
#include "ops/pointwise.h"
#include "ops/promote.h"
#include "ops/reduce.h"
#include "ops/types.h"
#include "ops/views.h"
#include "runtime/pool.h"

namespace lampas::ops {

Tensor conj(const Operand& a) {
  if (a.is_tensor() && !is_complex(a.tensor().dtype())) return a.tensor();
  return conj_physical(a);
}

Tensor abs(const Operand& a) {
  if (!a.is_tensor() || !is_complex(a.tensor().dtype())) return abs_raw(a);
  const Tensor& x = a.tensor();
  Tensor y;
  {
    GradGuard off(false);
    y = hypot(real(x), imag(x));
  }
  if (recording(x))
    record(y, "AbsBackward0", {&x}, [x = save(x)](const Tensor& g) { return mul(sgn(x()), g); });
  return y;
}

Tensor angle(const Tensor& a) {
  if (is_complex(a.dtype())) return atan2(imag(a), real(a));
  return angle_raw(a);
}

Tensor pow(const Operand& a, const Operand& b) {
  if (a.is_tensor() && !b.is_tensor()) {
    const Tensor& x = a.tensor();
    const Scalar& e = b.scalar();
    if (is_integral(x.dtype()) && x.dtype() != DType::Bool && e.is_integral())
      LAMPAS_CHECK(e.to_int() >= 0, "Integers to negative integer powers are not allowed.");
    bool keeps = e.is_integral() ? !is_integral(x.dtype()) || x.dtype() != DType::Bool
                                 : !is_integral(x.dtype());
    if (keeps && e.equals(2)) return square(x);
    if (keeps && e.equals(1) && !is_integral(x.dtype())) return mul(x, 1);
    if (keeps && e.equals(0.5) && !is_complex(x.dtype())) return sqrt(x);
    if (keeps && e.equals(-1) && !is_integral(x.dtype()) && !is_complex(x.dtype()))
      return reciprocal(x);
    if (keeps && e.equals(3) && !is_integral(x.dtype()) && !is_complex(x.dtype())) return x * x * x;
  }
  return pow_raw(a, b);
}

namespace {
// Integer division by zero has no answer; PyTorch raises.
void check_divisor(const Operand& a, const Operand& b) {
  const Operand both[] = {a, b};
  if (!is_integral(result_type(both))) return;
  bool zero = b.is_tensor()
                  ? !b.tensor().is_meta() && b.tensor().numel() && any_equal(b.tensor(), 0)
                  : b.scalar().equals(0);
  LAMPAS_CHECK(!zero, "ZeroDivisionError: integer division or remainder by zero");
}
}  // namespace

Tensor floor_divide(const Operand& a, const Operand& b) {
  check_divisor(a, b);
  return floor_divide_raw(a, b);
}
Tensor remainder(const Operand& a, const Operand& b) {
  check_divisor(a, b);
  return remainder_raw(a, b);
}
Tensor fmod(const Operand& a, const Operand& b) {
  check_divisor(a, b);
  return fmod_raw(a, b);
}

Tensor where(const Tensor& condition, const Operand& a, const Operand& b) {
  LAMPAS_CHECK(condition.dtype() == DType::Bool || condition.dtype() == DType::U8,
               "where expected condition to be a boolean tensor, but got a tensor with dtype ",
               dtype_name(condition.dtype()), ". Remedy: condition.bool()");
  const Operand both[] = {a, b};
  DType d = result_type(both);
  auto tensor = [&](const Operand& o) {
    if (o.is_tensor()) return to_dtype(o.tensor(), d);
    check_fits(o.scalar(), d, "where");
    return scalar_tensor(o.scalar(), d);
  };
  Tensor x = tensor(a), z = tensor(b), c = to_dtype(condition, DType::Bool);
  Dims shape =
      broadcast_shapes(broadcast_shapes(c.sizes(), x.sizes(), "where"), z.sizes(), "where");
  Tensor y =
      empty(shape, d, x.is_meta() || z.is_meta() || c.is_meta() ? Device::Meta : Device::Cpu);
  if (!y.is_meta() && y.numel()) {
    auto fits = [&](const Tensor& t) {
      return t.numel() == 1 || (t.is_contiguous() && t.sizes() == shape);
    };
    Tensor use[3] = {c, x, z};
    for (Tensor& t : use)
      if (!fits(t)) t = contiguous(expand(t.alias(), shape));
    unsigned mask = 0;
    for (int i = 0; i < 3; ++i)
      if (use[i].numel() == 1 && y.numel() != 1) mask |= 1u << i;
    const int item = itemsize(d);
    parallel_ranges(y.numel(), 32768, [&](int64_t begin, int64_t end) {
      const void* in[3];
      for (int i = 0; i < 3; ++i)
        in[i] = static_cast<char*>(use[i].data()) + (mask & (1u << i) ? 0 : begin * (i ? item : 1));
      dispatch().pointwise.where(static_cast<char*>(y.data()) + begin * item, in, mask, end - begin,
                                 item);
    });
  }
  if (recording(x, z))
    record(y, "WhereBackward0", {&x, &z}, [c = save(c)](const Tensor& g, Sink& out) {
      if (out.needs(0)) out.set(0, where(c(), g, 0));
      if (out.needs(1)) out.set(1, where(c(), 0, g));
    });
  return y;
}

namespace {
void check_complex(const Tensor& x, bool complex_value) {
  LAMPAS_CHECK(is_complex(x.dtype()) || !complex_value,
               "masked_fill: a complex value cannot be converted to type ", dtype_name(x.dtype()),
               " without overflow");
}
}  // namespace

Tensor masked_fill(const Tensor& x, const Tensor& mask, const Operand& value) {
  LAMPAS_CHECK(mask.dtype() == DType::Bool,
               "masked_fill_ only supports boolean masks, but got mask with dtype ",
               dtype_name(mask.dtype()), ". Remedy: mask.bool()");
  if (value.is_tensor()) {
    LAMPAS_CHECK(value.tensor().dim() == 0,
                 "masked_fill_ only supports a 0-dimensional value tensor, but got tensor with ",
                 value.tensor().dim(), " dimension(s).");
    check_complex(x, is_complex(value.tensor().dtype()));
    return where(mask, to_dtype(value.tensor(), x.dtype()), x);
  }
  const Scalar& v = value.scalar();
  check_complex(x, v.is_complex());
  return where(mask, scalar_tensor(v, x.dtype()), x);
}

Tensor clamp(const Tensor& x, const std::optional<Scalar>& low, const std::optional<Scalar>& high) {
  LAMPAS_CHECK(low || high, "torch.clamp: At least one of 'min' or 'max' must not be None");
  // A float bound makes an integer tensor float.
  std::vector<Operand> all{x};
  if (low) all.emplace_back(*low);
  if (high) all.emplace_back(*high);
  Tensor t = to_dtype(x, result_type(all));
  LAMPAS_CHECK(!is_complex(t.dtype()), "clamp is not supported for complex types");
  for (const auto& bound : {low, high})
    if (bound && is_integral(t.dtype())) check_fits(*bound, t.dtype(), "clamp");
  auto nan = [](const std::optional<Scalar>& s) { return s && std::isnan(s->to_double()); };
  if (nan(low) || nan(high)) return full_like(t, std::nan(""));
  if (low && high) return clamp_number(t, low->to_double(), high->to_double());
  return low ? clamp_min_number(t, low->to_double()) : clamp_max_number(t, high->to_double());
}

// ---- gradients ---------------------------------------------------------------------------------
Tensor masked(const Tensor& g, const Tensor& condition) { return where(condition, g, 0); }

Tensor share(const Tensor& g, const Tensor& strictly, const Tensor& equal) {
  return where(strictly, g, where(equal, g * 0.5, 0));
}

Tensor pow_backward_a(const Tensor& g, const Tensor& a, const Tensor& b) {
  Tensor d = g * conj(b * pow_raw(a, b - 1));
  return where(eq(b, 0), zeros_like(d), d);
}

Tensor pow_backward_b(const Tensor& g, const Tensor& a, const Tensor& b, const Tensor& y) {
  // Where a is 0 the limit is 0 for b >= 0.
  Tensor d = g * conj(y * log(a));
  Tensor zero_base = is_complex(b.dtype()) ? logical_and(eq(a, 0), ge(real(b), 0))
                                           : logical_and(eq(a, 0), ge(b, 0));
  return where(zero_base, zeros_like(d), d);
}

Tensor sgn_backward(const Tensor& g, const Tensor& a, const Tensor& y) {
  if (!is_complex(a.dtype())) return zeros_like(g);
  Tensor m = abs(a);
  // d/|a| of the direction: what is left of g after its part along y.
  Tensor d = (g - mul(real(mul(g, conj(y))), y)) / m;
  return where(eq(m, 0), zeros_like(d), d);
}

Tensor copysign_backward(const Tensor& g, const Tensor& a, const Tensor& y) {
  Tensor ratio = y / a;
  return g * where(eq(a, 0), zeros_like(ratio), ratio);
}

Tensor sinc_derivative(const Tensor& a) {
  Tensor p = a * M_PI;
  Tensor d = (cos(p) * p - sin(p)) / (p * a);
  return where(eq(a, 0), zeros_like(d), d);
}

Tensor logit_backward(const Tensor& g, const Tensor& a, double eps) {
  Tensor d = g / (a * (1 - a));
  if (eps < 0) return where(logical_and(ge(a, 0), le(a, 1)), d, full_like(d, std::nan("")));
  return masked(d, logical_and(ge(a, eps), le(a, 1 - eps)));
}

Tensor i1_backward(const Tensor& g, const Tensor& a, const Tensor& y) {
  Tensor zero = eq(a, 0), d = i0(a) - y / masked_fill(a, zero, 1.0);
  return g * where(zero, full_like(d, 0.5), d);
}

Tensor i1e_backward(const Tensor& g, const Tensor& a, const Tensor& y) {
  Tensor zero = eq(a, 0), d = i0e(a) - y * (sgn(a) + reciprocal(masked_fill(a, zero, 1.0)));
  return g * where(zero, full_like(d, 0.5), d);
}

Tensor silu_derivative(const Tensor& a) {
  Tensor s = sigmoid(a);
  return s * (a * (1 - s) + 1);
}
Tensor silu_second(const Tensor& a) {
  Tensor s = sigmoid(a);
  return s * (1 - s) * (a * (1 - s * 2) + 2);
}

Tensor mish_second(const Tensor& a) {
  Tensor t = tanh(softplus(a, 1.0, 20.0)), s = sigmoid(a), u = 1 - t * t;
  return u * s * (a * (1 - s) - a * t * s * 2 + 2);
}

Tensor gelu_tanh_second(const Tensor& a) {
  const double k = std::sqrt(2 / M_PI), c = 0.044715;
  Tensor inner = (a + a * a * a * c) * k, t = tanh(inner), u = 1 - t * t;
  Tensor d1 = (a * a * (3 * c) + 1) * k, d2 = a * (6 * c * k);
  return u * d1 + a * 0.5 * u * (d2 - t * d1 * d1 * 2);
}

Tensor polygamma(int64_t n, const Tensor& a) {
  LAMPAS_CHECK(n >= 0, "polygamma(n, x) does not support negative n.");
  if (n == 0) return digamma(a);
  if (n == 1) return trigamma(a);
  return polygamma_raw(a, static_cast<double>(n));
}

Tensor igamma_density(const Tensor& a, const Tensor& x) {
  return exp((a - 1) * log(x) - x - lgamma(a));
}

Tensor special_backward(const char* name) {
  fail(ErrorKind::Runtime, "derivative for ", name, " is not implemented: detach its input");
}
Tensor zeta_exponent_backward() {
  fail(ErrorKind::Runtime,
       "derivative for special_zeta with respect to its first argument is not implemented: detach "
       "it");
}
Tensor igamma_shape_backward(const char* name) {
  fail(ErrorKind::NotImplemented, "the derivative of '", name,
       "' with respect to its first argument is not there: detach it");
}
const char* polynomial_name(double family) {
  static constexpr const char* names[] = {
      "special_chebyshev_polynomial_t",         "special_chebyshev_polynomial_u",
      "special_chebyshev_polynomial_v",         "special_chebyshev_polynomial_w",
      "special_hermite_polynomial_h",           "special_hermite_polynomial_he",
      "special_laguerre_polynomial_l",          "special_legendre_polynomial_p",
      "special_shifted_chebyshev_polynomial_t", "special_shifted_chebyshev_polynomial_u",
      "special_shifted_chebyshev_polynomial_v", "special_shifted_chebyshev_polynomial_w"};
  return names[static_cast<int>(family)];
}

}  // namespace lampas::ops
