// Reductions and scans.
#include <cmath>

#include "autograd/autograd.h"
#include "bindings/args.h"
#include "bindings/module.h"
#include "bindings/named_tuple.h"
#include "ops/ops.h"

namespace lampas::py {

namespace {
using ops::OptDims;

PyObject* extreme(Args& a, bool largest) {
  const char* type = largest ? "max" : "min";
  if (!a.object(1)) {
    const Tensor& x = a.tensor(0);
    LAMPAS_CHECK(x.numel() > 0, type,
                 "(): Expected reduction dim to be specified for input.numel() == 0. Specify the "
                 "reduction dim with the 'dim' argument.");
    return wrap(largest ? ops::amax(x, {}, false) : ops::amin(x, {}, false));
  }
  if (is_tensor(a.object(1)))
    return wrap(largest ? ops::maximum(a.tensor(0), a.tensor(1))
                        : ops::minimum(a.tensor(0), a.tensor(1)));
  return named(type, {"values", "indices"},
               largest ? ops::max(a.tensor(0), a.integer(1), a.flag(2))
                       : ops::min(a.tensor(0), a.integer(1), a.flag(2)));
}

// var and std share their arguments: `unbiased` as a flag, or `correction` as a number.
struct Spread {
  OptDims dims;
  double correction = 1;
  bool keepdim = false;
};
Spread spread_of(Args& a) {
  Spread s;
  s.dims = a.ints_or(1);
  if (a.given(2)) s.correction = a.flag(2) ? 1 : 0;
  if (a.given(3)) s.correction = a.real(3);
  s.keepdim = a.flag(4);
  return s;
}
Tensor variance(const Tensor& x, const Spread& s) {
  return ops::var(x, s.dims, s.correction, s.keepdim);
}
Tensor deviation(const Tensor& x, const Spread& s) { return ops::sqrt(variance(x, s)); }

Tensor vector_norm(Args& a, int dim, int keepdim, int dtype) {
  Tensor x = a.tensor(0);
  if (auto d = a.dtype_or(dtype)) x = ops::to_dtype(x, *d);
  return ops::norm(x, a.number(1).to_double(), a.ints_or(dim), a.flag(keepdim));
}

Tensor nan_sum(Args& a, bool mean) {
  Tensor x = a.tensor(0);
  if (auto d = a.dtype_or(3)) x = ops::to_dtype(x, *d);
  Tensor total = ops::nansum(x, a.ints_or(1), a.flag(2));
  if (!mean) return total;
  if (is_integral(x.dtype())) return ops::mean(x, a.ints_or(1), a.flag(2));
  Tensor counted = ops::to_dtype(ops::logical_not(ops::isnan(x)), x.dtype());
  return ops::div(total, ops::sum(counted, a.ints_or(1), a.flag(2)));
}

Tensor logit_sum(Args& a) { return ops::logsumexp(a.tensor(0), a.ints(1), a.flag(2)); }

// |a - b| <= atol + rtol * |b|, infinities equal to themselves.
Tensor isclose(const Tensor& a, const Tensor& b, double rtol, double atol, bool equal_nan) {
  LAMPAS_CHECK(a.dtype() == b.dtype(), dtype_name(a.dtype()), " did not match ",
               dtype_name(b.dtype()), " (isclose: both tensors must have one dtype)");
  LAMPAS_CHECK(rtol >= 0, "rtol must be greater than or equal to zero, but got ", rtol);
  LAMPAS_CHECK(atol >= 0, "atol must be greater than or equal to zero, but got ", atol);
  GradGuard off(false);
  Tensor close = ops::eq(a, b);
  if (equal_nan && !is_integral(a.dtype()))
    close = ops::logical_or(close, ops::logical_and(ops::isnan(a), ops::isnan(b)));
  if (rtol == 0 && atol == 0) return close;
  bool is_bool = a.dtype() == DType::Bool;
  Tensor wide_b = is_integral(b.dtype()) ? ops::to_dtype(b, ops::default_dtype()) : b;
  Tensor error = ops::abs(ops::sub(is_bool ? ops::to_dtype(a, DType::I64) : a,
                                   is_bool ? ops::to_dtype(b, DType::I64) : b)),
         allowed = ops::add(ops::mul(ops::abs(wide_b), rtol), atol);
  return ops::logical_or(close, ops::logical_and(ops::isfinite(error), ops::le(error, allowed)));
}
bool allclose(Args& a) {
  Tensor r = ops::all(isclose(a.tensor(0), a.tensor(1), a.real(2), a.real(3), a.flag(4)));
  return *r.data<bool>();
}

#define SPREAD                                                                              \
  "(Tensor input, int[1]? dim=None, bool? unbiased=None, *, Number? correction=None, bool " \
  "keepdim=False, Tensor? out=None)"
#define SPREAD_PAIR                                                                         \
  "(Tensor input, int[1]? dim=None, bool? unbiased=None, *, Number? correction=None, bool " \
  "keepdim=False)"
#define SPREAD_FLAG "(Tensor input, bool unbiased)"
Spread flag_spread(Args& a) {
  Spread s;
  s.correction = a.flag(1) ? 1 : 0;
  return s;
}
PyObject* mean_and(Args& a, bool root, const Spread& s) {
  Tensor v = variance(a.tensor(0), s), m = ops::mean(a.tensor(0), s.dims, s.keepdim);
  return to_py(std::vector<Tensor>{root ? ops::sqrt(v) : v, m});
}

constexpr Definition kRows[] = {
    {"sum(Tensor input, *, dtype? dtype=None)", LAMPAS_FN(ops::sum(a.tensor(0), {}, false, a.dtype_or(1))), kBoth, "Sum of all elements, or over dimensions."},
    {"sum(Tensor input, int[1]? dim, bool keepdim=False, *, dtype? dtype=None, Tensor? out=None)", LAMPAS_FN(ops::sum(a.tensor(0), a.ints_or(1), a.flag(2), a.dtype_or(3))), kBoth, nullptr},
    {"mean(Tensor input, *, dtype? dtype=None)", LAMPAS_FN(ops::mean(a.tensor(0), {}, false, a.dtype_or(1))), kBoth, "Mean of all elements, or over dimensions."},
    {"mean(Tensor input, int[1]? dim, bool keepdim=False, *, dtype? dtype=None, Tensor? out=None)", LAMPAS_FN(ops::mean(a.tensor(0), a.ints_or(1), a.flag(2), a.dtype_or(3))), kBoth, nullptr},
    {"nansum(Tensor input, int[1]? dim=None, bool keepdim=False, *, dtype? dtype=None, Tensor? out=None)", LAMPAS_FN(nan_sum(a, false)), kBoth, "Sum without NaN."},
    {"nanmean(Tensor input, int[1]? dim=None, bool keepdim=False, *, dtype? dtype=None, Tensor? out=None)", LAMPAS_FN(nan_sum(a, true)), kBoth, "Mean without NaN."},
    {"prod(Tensor input, *, dtype? dtype=None)", LAMPAS_FN(ops::prod(a.tensor(0), {}, false, a.dtype_or(1))), kBoth, "Product of all elements, or over a dimension."},
    {"prod(Tensor input, int dim, bool keepdim=False, *, dtype? dtype=None, Tensor? out=None)", LAMPAS_FN(ops::prod(a.tensor(0), a.integer(1), a.flag(2), a.dtype_or(3))), kBoth, nullptr},
    {"amax(Tensor input, int[1]? dim=None, bool keepdim=False, *, Tensor? out=None)", LAMPAS_FN(ops::amax(a.tensor(0), a.ints_or(1), a.flag(2))), kBoth, "Largest element over dimensions."},
    {"amin(Tensor input, int[1]? dim=None, bool keepdim=False, *, Tensor? out=None)", LAMPAS_FN(ops::amin(a.tensor(0), a.ints_or(1), a.flag(2))), kBoth, "Smallest element over dimensions."},
    {"max(Tensor input)", [](Args& a) { return wrap(ops::amax(a.tensor(0), {}, false)); }, kBoth, "Largest element; with dim its values and indices; with a tensor the elementwise maximum."},
    {"max(Tensor input, int dim, bool keepdim=False, *, Tensor[]? out=None)", [](Args& a) { return extreme(a, true); }, kBoth, nullptr},
    {"max(Tensor input, Tensor other, *, Tensor? out=None)", [](Args& a) { return extreme(a, true); }, kBoth, nullptr},
    {"min(Tensor input)", [](Args& a) { return wrap(ops::amin(a.tensor(0), {}, false)); }, kBoth, "Smallest element; with dim its values and indices; with a tensor the elementwise minimum."},
    {"min(Tensor input, int dim, bool keepdim=False, *, Tensor[]? out=None)", [](Args& a) { return extreme(a, false); }, kBoth, nullptr},
    {"min(Tensor input, Tensor other, *, Tensor? out=None)", [](Args& a) { return extreme(a, false); }, kBoth, nullptr},
    {"aminmax(Tensor input, *, int? dim=None, bool keepdim=False)", [](Args& a) -> PyObject* {
       OptDims d;
       if (auto i = a.integer_or(1)) d = Dims{*i};
       return named("aminmax", {"min", "max"}, {ops::amin(a.tensor(0), d, a.flag(2)), ops::amax(a.tensor(0), d, a.flag(2))});
     }, kBoth, "Smallest and largest element."},
    {"argmax(Tensor input, int? dim=None, bool keepdim=False, *, Tensor? out=None)", LAMPAS_FN(ops::argmax(a.tensor(0), a.integer_or(1), a.flag(2))), kBoth, "Index of the largest element."},
    {"argmin(Tensor input, int? dim=None, bool keepdim=False, *, Tensor? out=None)", LAMPAS_FN(ops::argmin(a.tensor(0), a.integer_or(1), a.flag(2))), kBoth, "Index of the smallest element."},
    {"all(Tensor input, *, Tensor? out=None)", LAMPAS_FN(ops::all(a.tensor(0))), kBoth, "Whether all elements are nonzero."},
    {"all(Tensor input, int[1]? dim, bool keepdim=False, *, Tensor? out=None)", LAMPAS_FN(ops::all(a.tensor(0), a.ints_or(1), a.flag(2))), kBoth, nullptr},
    {"any(Tensor input, *, Tensor? out=None)", LAMPAS_FN(ops::any(a.tensor(0))), kBoth, "Whether any element is nonzero."},
    {"any(Tensor input, int[1]? dim, bool keepdim=False, *, Tensor? out=None)", LAMPAS_FN(ops::any(a.tensor(0), a.ints_or(1), a.flag(2))), kBoth, nullptr},
    {"count_nonzero(Tensor input, int[1]? dim=None)", LAMPAS_FN(ops::count_nonzero(a.tensor(0), a.ints_or(1))), kBoth, "How many elements are nonzero."},
    {"var" SPREAD_FLAG, LAMPAS_FN(variance(a.tensor(0), flag_spread(a))), kBoth, "Variance."},
    {"var" SPREAD, LAMPAS_FN(variance(a.tensor(0), spread_of(a))), kBoth, nullptr},
    {"std" SPREAD_FLAG, LAMPAS_FN(deviation(a.tensor(0), flag_spread(a))), kBoth, "Standard deviation."},
    {"std" SPREAD, LAMPAS_FN(deviation(a.tensor(0), spread_of(a))), kBoth, nullptr},
    {"var_mean" SPREAD_FLAG, [](Args& a) { return mean_and(a, false, flag_spread(a)); }, kFunction, "Variance and mean."},
    {"var_mean" SPREAD_PAIR, [](Args& a) { return mean_and(a, false, spread_of(a)); }, kFunction, nullptr},
    {"std_mean" SPREAD_FLAG, [](Args& a) { return mean_and(a, true, flag_spread(a)); }, kFunction, "Standard deviation and mean."},
    {"std_mean" SPREAD_PAIR, [](Args& a) { return mean_and(a, true, spread_of(a)); }, kFunction, nullptr},
    {"logsumexp(Tensor input, int[1] dim, bool keepdim=False, *, Tensor? out=None)", LAMPAS_FN(logit_sum(a)), kBoth, "log(sum(exp(input)))."},
    {"_vector_norm(Tensor input, Number ord=2, int[1]? dim=None, bool keepdim=False, *, dtype? dtype=None, Tensor? out=None)", LAMPAS_FN(vector_norm(a, 2, 3, 4)), kFunction, "p-norm over dimensions."},
    {"cumsum(Tensor input, int dim, *, dtype? dtype=None, Tensor? out=None)", LAMPAS_FN(ops::cumsum(a.tensor(0), a.integer(1), a.dtype_or(2))), kAll, "Running sum."},
    {"cumprod(Tensor input, int dim, *, dtype? dtype=None, Tensor? out=None)", LAMPAS_FN(ops::cumprod(a.tensor(0), a.integer(1), a.dtype_or(2))), kAll, "Running product."},
    {"cummax(Tensor input, int dim, *, Tensor[]? out=None)", [](Args& a) { return named("cummax", {"values", "indices"}, ops::cummax(a.tensor(0), a.integer(1))); }, kBoth, "Running maximum."},
    {"cummin(Tensor input, int dim, *, Tensor[]? out=None)", [](Args& a) { return named("cummin", {"values", "indices"}, ops::cummin(a.tensor(0), a.integer(1))); }, kBoth, "Running minimum."},
    {"logcumsumexp(Tensor input, int dim, *, Tensor? out=None)", LAMPAS_FN(ops::logcumsumexp(a.tensor(0), a.integer(1))), kBoth, "Running log-sum-exp."},
    {"sum_to_size(Tensor input, int[]* size)", [](Args& a) -> PyObject* {
       LAMPAS_CHECK(ops::expandable(a.ints(1), a.tensor(0).sizes()), "size ", a.ints(1), " is not expandable to size ", a.tensor(0).sizes(), ".");
       // Sums of integers are int64 here too.
       const Tensor& x = a.tensor(0);
       bool widen = is_integral(x.dtype()) && (a.ints(1).empty() || x.sizes() != a.ints(1));
       return wrap(ops::sum_to_size(widen ? ops::to_dtype(x, DType::I64) : x, a.ints(1)));
     }, kMethod, "Summed down to a shape that broadcasts to this one."},
    {"equal(Tensor input, Tensor other)", LAMPAS_FN(ops::equal(a.tensor(0), a.tensor(1))), kBoth, "Whether both have the same shape and elements."},
    {"isclose(Tensor input, Tensor other, float rtol=1e-05, float atol=1e-08, bool equal_nan=False)", LAMPAS_FN(isclose(a.tensor(0), a.tensor(1), a.real(2), a.real(3), a.flag(4))), kBoth, "Where |input - other| <= atol + rtol * |other|."},
    {"allclose(Tensor input, Tensor other, float rtol=1e-05, float atol=1e-08, bool equal_nan=False)", LAMPAS_FN(allclose(a)), kBoth, "Whether all elements are close."},
};
}  // namespace

void define_reductions(PyObject* module) { define(module, kRows); }

}  // namespace lampas::py
