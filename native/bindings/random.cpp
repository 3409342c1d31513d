// Random numbers.
#include "autograd/autograd.h"
#include "bindings/args.h"
#include "bindings/module.h"
#include "ops/ops.h"

namespace lampas::py {
namespace {
#define OPTS "*, Generator? generator=None, Tensor? out=None, dtype? dtype=None, layout? layout=None, device? device=None, bool requires_grad=False, bool pin_memory=False)"
Tensor flagged(const Args& a, int i, Tensor t) {
  if (a.flag(i)) set_requires_grad(t, true);
  return t;
}
Tensor rand(const Args& a, bool normal) {
  DType d = a.dtype(3, ops::default_dtype());
  Tensor t = ops::empty(a.ints(0), d);
  normal ? random::normal(a.generator(1), d, t.data(), t.numel(), 0, 1) : random::uniform(a.generator(1), d, t.data(), t.numel(), 0, 1);
  return flagged(a, 6, t);
}
Tensor randint(const Args& a, int64_t low, int64_t high, const Dims& size, int at) {
  LAMPAS_CHECK(low < high, "random_ expects 'from' to be less than 'to', but got from=", low, " >= to=", high);
  DType d = a.dtype(at + 2, DType::I64);
  Tensor t = ops::empty(size, d);
  random::randint(a.generator(at), d, t.data(), t.numel(), low, high);
  return t;
}
Tensor dropout(const Args& a) {
  const Tensor& x = a.tensor(0);
  double p = a.real(1);
  LAMPAS_CHECK_VALUE(p >= 0 && p <= 1, "dropout probability has to be between 0 and 1, but got ", p);
  if (!a.flag(2) || p == 0) return x;
  if (p == 1) return ops::mul(x, 0.0);
  Tensor mask = ops::empty(x.sizes(), x.dtype());
  random::bernoulli(default_generator(), x.dtype(), mask.data(), mask.numel(), 1 - p);
  return ops::mul(x, ops::mul(mask, 1 / (1 - p)));
}
Tensor rrelu(const Args& a) {
  const Tensor& x = a.tensor(0);
  double low = a.real(1), high = a.real(2);
  if (!a.flag(3)) return ops::leaky_relu(x, (low + high) / 2);
  Tensor c = ops::plain(x), noise = ops::empty(x.sizes(), x.dtype()), y = ops::empty(x.sizes(), x.dtype());
  random::rrelu(default_generator(), x.dtype(), c.data(), noise.data(), y.data(), x.numel(), low, high);
  return ops::mul(x, noise);
}
template <class F>
Tensor fill(const Tensor& t, const char* op, const F& f) {
  check_inplace(t, op);
  Tensor dense = t.is_contiguous() ? t : ops::empty(t.sizes(), t.dtype());
  f(dense.data(), dense.numel());
  if (!t.is_contiguous()) ops::copy_raw(t, dense);
  after_inplace(t, nullptr);
  return t;
}
Tensor uniform_(const Args& a) {
  LAMPAS_CHECK(a.real(1) <= a.real(2), "uniform_ expects to return a [from, to) range, but found from=", a.real(1), " > to=", a.real(2));
  return fill(a.tensor(0), "uniform_", [&](void* p, int64_t n) { random::uniform(a.generator(3), a.tensor(0).dtype(), p, n, a.real(1), a.real(2)); });
}
Tensor normal_(const Args& a) {
  LAMPAS_CHECK(a.real(2) >= 0, "normal expects std >= 0.0, but found std ", a.real(2));
  return fill(a.tensor(0), "normal_", [&](void* p, int64_t n) { random::normal(a.generator(3), a.tensor(0).dtype(), p, n, a.real(1), a.real(2)); });
}
Tensor randperm(const Args& a) {
  DType d = a.dtype(3, DType::I64);
  Tensor t = ops::empty(Dims{a.integer(0)}, d);
  random::randperm(a.generator(1), d, t.data(), t.numel());
  return t;
}
Tensor like(const Args& a, bool normal) {
  const Tensor& x = a.tensor(0);
  DType d = a.dtype(1, x.dtype());
  Tensor t = ops::empty(x.sizes(), d);
  normal ? random::normal(default_generator(), d, t.data(), t.numel(), 0, 1) : random::uniform(default_generator(), d, t.data(), t.numel(), 0, 1);
  return flagged(a, 4, t);
}
Tensor random_(const Args& a, int form) {
  int g = form == 0 ? 1 : form == 1 ? 2 : 3;
  DType d = a.tensor(0).dtype();
  return fill(a.tensor(0), "random_", [&](void* p, int64_t n) {
    if (form == 0) return random::randint_default(a.generator(g), d, p, n);
    random::randint(a.generator(g), d, p, n, form == 1 ? 0 : a.integer(1), a.integer(form == 1 ? 1 : 2));
  });
}
#define LIKE "*, dtype? dtype=None, layout? layout=None, device? device=None, bool requires_grad=False, bool pin_memory=False, memory_format? memory_format=None)"
constexpr Definition kRows[] = {
    {"uniform_(Tensor input, float from_=0, float to=1, *, Generator? generator=None)", LAMPAS_FN(uniform_(a)), kMethod, "Uniform."},
    {"normal_(Tensor input, float mean=0, float std=1, *, Generator? generator=None)", LAMPAS_FN(normal_(a)), kMethod, "Normal."},
    {"random_(Tensor input, *, Generator? generator=None)", LAMPAS_FN(random_(a, 0)), kMethod, "Integers."},
    {"random_(Tensor input, int to, *, Generator? generator=None)", LAMPAS_FN(random_(a, 1)), kMethod, nullptr},
    {"random_(Tensor input, int from_, int to, *, Generator? generator=None)", LAMPAS_FN(random_(a, 2)), kMethod, nullptr},
    {"randperm(int n, " OPTS, LAMPAS_FN(randperm(a)), kFunction, "Permutation."},
    {"rand_like(Tensor input, " LIKE, LAMPAS_FN(like(a, false)), kFunction, "Uniform."},
    {"randn_like(Tensor input, " LIKE, LAMPAS_FN(like(a, true)), kFunction, "Normal."},
    {"rrelu(Tensor input, float lower=0.125, float upper=0.3333333333333333, bool training=False, bool inplace=False)", LAMPAS_FN(rrelu(a)), kFunction, "Randomised leaky relu (Xu et al. 2015)."},
    {"rand(int[]* size, " OPTS, LAMPAS_FN(rand(a, false)), kFunction, "Uniform in [0, 1)."},
    {"randn(int[]* size, " OPTS, LAMPAS_FN(rand(a, true)), kFunction, "Standard normal."},
    {"randint(int high, int[] size, " OPTS, LAMPAS_FN(randint(a, 0, a.integer(0), a.ints(1), 2)), kFunction, "Uniform integers in [low, high)."},
    {"randint(int low, int high, int[] size, " OPTS, LAMPAS_FN(randint(a, a.integer(0), a.integer(1), a.ints(2), 3)), kFunction, nullptr},
    {"dropout(Tensor input, float p=0.5, bool training=True, bool inplace=False)", LAMPAS_FN(dropout(a)), kFunction, "Zeroes elements."},
};
}  // namespace
void define_random(PyObject* module) { define(module, kRows); }
}  // namespace lampas::py
