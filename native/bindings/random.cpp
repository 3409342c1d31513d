// Random numbers: PyTorch's streams and draws.
#include <algorithm>
#include <limits>

#include "autograd/autograd.h"
#include "bindings/args.h"
#include "bindings/module.h"
#include "ops/ops.h"

namespace lampas::py {

namespace {
#define OPTIONS                                                                              \
  "*, Generator? generator=None, Tensor? out=None, dtype? dtype=None, layout? layout=None, " \
  "device? device=None, bool requires_grad=False, bool pin_memory=False)"
#define LIKE                                                                                   \
  "*, dtype? dtype=None, layout? layout=None, device? device=None, bool requires_grad=False, " \
  "bool pin_memory=False, memory_format? memory_format=None)"

// ---- new tensors
// -------------------------------------------------------------------------------------- The
// options that follow parameter `i`: generator, out, dtype, layout, device, requires_grad.
struct Options {
  Generator& generator;
  DType dtype;
  Device device;
  bool requires_grad;
  Options(const Args& a, int i, DType fallback)
      : generator(a.generator(i)),
        dtype(a.dtype(i + 2, a.given(i + 1) ? a.tensor(i + 1).dtype() : fallback)),
        device(a.device(i + 4)),
        requires_grad(a.flag(i + 5)) {}
};

// Draws fill memory in its order, whatever the order of dimensions: `t` with its largest stride
// first.
Tensor in_memory_order(const Tensor& t, const Tensor& like) {
  if (like.is_contiguous()) return t;
  Dims order;
  for (int64_t d = 0; d < like.dim(); ++d) order.push_back(d);
  std::stable_sort(order.begin(), order.end(),
                   [&](int64_t a, int64_t b) { return like.stride(a) > like.stride(b); });
  return ops::permute(t.alias(), order);
}
// Fills `t` by `draw(memory, elements)`; without data, nothing is drawn.
template <class F>
void draw_into(const Tensor& t, const F& draw) {
  if (t.is_meta() || t.numel() == 0) return;
  Tensor ordered = in_memory_order(t, t);
  if (ordered.is_contiguous()) return draw(ordered.data(), ordered.numel());
  Tensor dense = ops::empty(ordered.sizes(), t.dtype());
  draw(dense.data(), dense.numel());
  ops::copy_raw(ordered, dense);
}
template <class F>
Tensor drawn_into(Tensor t, bool requires_grad, const F& draw) {
  draw_into(t, draw);
  if (requires_grad) set_requires_grad(t, true);
  return t;
}
template <class F>
Tensor drawn(IntSpan sizes, DType dtype, Device device, bool requires_grad, const F& draw) {
  return drawn_into(ops::empty(sizes, dtype, device), requires_grad, draw);
}
template <class F>
Tensor drawn(IntSpan sizes, const Options& o, const F& draw) {
  return drawn(sizes, o.dtype, o.device, o.requires_grad, draw);
}

void check_std(double std) {
  LAMPAS_CHECK(std >= 0, "normal expects std >= 0.0, but found std ", std);
}

// Complex numbers: both parts from one stream, with half the variance each.
Tensor parts(IntSpan sizes, const Options& o, bool normal) {
  Dims both(sizes);
  both.push_back(2);
  DType real = ops::real_type(o.dtype);
  Tensor t = drawn(both, real, o.device, false, [&](void* p, int64_t n) {
    normal ? random::normal(o.generator, real, p, n, 0, 0.70710678118654752440)
           : random::uniform(o.generator, real, p, n, 0, 1);
  });
  Tensor z = ops::view_as_complex(t).alias();
  if (o.requires_grad) set_requires_grad(z, true);
  return z;
}

Tensor standard(IntSpan sizes, const Options& o, bool normal) {
  if (is_complex(o.dtype)) return parts(sizes, o, normal);
  LAMPAS_CHECK_KIND(NotImplemented, is_floating(o.dtype), "\"",
                    normal ? "normal_kernel_cpu" : "check_uniform_bounds",
                    "\" not implemented for '", dtype_name(o.dtype), "'");
  return drawn(sizes, o, [&](void* p, int64_t n) {
    normal ? random::normal(o.generator, o.dtype, p, n, 0, 1)
           : random::uniform(o.generator, o.dtype, p, n, 0, 1);
  });
}

// The integers that a type holds; those of floats reach further than int64.
struct Span {
  int64_t first = std::numeric_limits<int64_t>::min(), last = std::numeric_limits<int64_t>::max();
};
Span span_of(DType d) {
  if (is_floating(d)) return d == DType::F16 ? Span{-65504, 65504} : Span();
  if (d == DType::Bool) return {0, 1};
  if (d == DType::U8) return {0, 255};
  int bits = 8 * itemsize(d) - 1;
  return bits >= 63 ? Span() : Span{-(int64_t{1} << bits), (int64_t{1} << bits) - 1};
}
void check_low(int64_t low, DType d) {
  Span span = span_of(d);
  LAMPAS_CHECK(low >= span.first && low <= span.last, "from is out of bounds for ", dtype_name(d),
               ": ", low, " is not within [", span.first, ", ", span.last, "]");
}
void check_bounds(int64_t low, int64_t high, DType d) {
  LAMPAS_CHECK(!is_complex(d),
               "random_: integers are drawn for integral, floating point and bool "
               "types, not for ",
               dtype_name(d));
  LAMPAS_CHECK(low < high, "random_ expects 'from' to be less than 'to', but got from=", low,
               " >= to=", high);
  Span span = span_of(d);
  check_low(low, d);
  LAMPAS_CHECK(high - 1 >= span.first && high - 1 <= span.last, "to - 1 is out of bounds for ",
               dtype_name(d), ": ", high - 1, " is not within [", span.first, ", ", span.last, "]");
}

Tensor randint(int64_t low, int64_t high, IntSpan sizes, const Options& o) {
  check_bounds(low, high, o.dtype);
  return drawn(sizes, o,
               [&](void* p, int64_t n) { random::randint(o.generator, o.dtype, p, n, low, high); });
}

Tensor randperm(const Args& a) {
  int64_t n = a.integer(0);
  LAMPAS_CHECK(n >= 0, "n must be non-negative, got ", n);
  Options o(a, 1, DType::I64);
  return drawn(Dims{n}, o, [&](void* p, int64_t) { random::randperm(o.generator, o.dtype, p, n); });
}

// The options of the _like functions from parameter `i` on: dtype, layout, device, requires_grad.
Tensor like(const Args& a, int i, int kind, int64_t low = 0, int64_t high = 0) {
  const Tensor& x = a.tensor(0);
  DType d = a.dtype(i, x.dtype());
  Device device = a.device_or(i + 2).value_or(x.device());
  auto blank = [&] {
    return device == x.device() ? ops::empty_like(x, d) : ops::empty(x.sizes(), d, device);
  };
  if (kind == 2) {
    check_bounds(low, high, d);
    return drawn_into(blank(), a.flag(i + 3), [&](void* p, int64_t n) {
      random::randint(default_generator(), d, p, n, low, high);
    });
  }
  if (is_complex(d)) {
    Dims both = x.sizes();
    both.push_back(2);
    DType r = ops::real_type(d);
    return ops::view_as_complex(drawn(both, r, device, false,
                                      [&](void* p, int64_t n) {
                                        kind ? random::normal(default_generator(), r, p, n, 0,
                                                              0.70710678118654752440)
                                             : random::uniform(default_generator(), r, p, n, 0, 1);
                                      }))
        .alias();
  }
  LAMPAS_CHECK_KIND(NotImplemented, is_floating(d), "\"",
                    kind ? "normal_kernel_cpu" : "check_uniform_bounds", "\" not implemented for '",
                    dtype_name(d), "'");
  Tensor t = blank();
  auto normal = t.is_contiguous() ? random::normal : random::normal_in_pairs;
  return drawn_into(t, a.flag(i + 3), [&](void* p, int64_t n) {
    kind ? normal(default_generator(), d, p, n, 0, 1)
         : random::uniform(default_generator(), d, p, n, 0, 1);
  });
}

// normal(mean, std): either may be a tensor; standard draws, scaled and moved.
Tensor normal(const Args& a) {
  Operand mean = a.operand(0), std = a.operand(1);
  if (std.is_tensor()) {
    LAMPAS_CHECK(!is_complex(std.tensor().dtype()),
                 "normal expects standard deviation to be non-complex");
    GradGuard off(false);
    LAMPAS_CHECK(std.tensor().is_meta() || std.tensor().numel() == 0 ||
                     !*ops::any(ops::lt(std.tensor(), 0)).data<bool>(),
                 "normal expects all elements of std >= 0.0");
  } else {
    check_std(std.scalar().to_double());
  }
  DType d = mean.is_tensor() ? mean.tensor().dtype() : std.tensor().dtype();
  Dims sizes = mean.is_tensor() ? mean.tensor().sizes() : std.tensor().sizes();
  if (mean.is_tensor() && std.is_tensor() && !(std.tensor().sizes() == sizes)) {
    if (std.tensor().numel() == mean.tensor().numel() && std.tensor().dim() == mean.tensor().dim())
      sizes = mean.tensor().sizes();
    else
      sizes =
          ops::add(ops::zeros(sizes, DType::Bool), ops::zeros(std.tensor().sizes(), DType::Bool))
              .sizes();
  }
  Tensor z = drawn(sizes, d, Device::Cpu, false,
                   [&](void* p, int64_t n) { random::normal(a.generator(2), d, p, n, 0, 1); });
  Tensor y;
  {
    GradGuard off(false);
    y = ops::add(ops::mul(z, std), mean);
  }
  // Draws do not follow their parameters (rsample's do).
  Tensor m = mean.is_tensor() ? mean.tensor() : Tensor(),
         s = std.is_tensor() ? std.tensor() : Tensor();
  if (recording(m, s))
    record(y, "NormalBackward0", {&m, &s}, [](const Tensor& g, Sink& out) {
      for (size_t i : {0, 1})
        if (out.needs(i)) out.set(i, ops::zeros_like(g));
    });
  return y;
}
Tensor normal_sized(const Args& a) {
  check_std(a.real(1));
  Options o(a, 3, ops::default_dtype());
  return drawn(a.ints(2), o, [&](void* p, int64_t n) {
    random::normal(o.generator, o.dtype, p, n, a.real(0), a.real(1));
  });
}

// ---- in place ----------------------------------------------------------------------------------
template <class F>
Tensor fill(const Tensor& t, const char* op, const F& draw) {
  check_inplace(t, op);
  ops::check_written_once(t, op);
  draw_into(t, draw);
  // What was there before has no part in the new values.
  Ref<Node> node;
  if (recording(t)) {
    auto f = [](const Tensor& g, Sink& out) { out.set(0, ops::zeros_like(g)); };
    node = make_ref<FunctionNode<decltype(f)>>("RandomFillBackward", f);
    node->edges.push_back(gradient_edge(t));
  }
  after_inplace(t, node);
  return t;
}
void check_floating(const Tensor& t, const char* op) {
  LAMPAS_CHECK_KIND(NotImplemented, is_floating(t.dtype()), "\"", op, "\" not implemented for '",
                    dtype_name(t.dtype()), "'");
}
using Fill = void (*)(Generator&, DType, void*, int64_t, double, double);
Tensor fill_two(const Args& a, const char* op, Fill draw) {
  check_floating(a.tensor(0), op);
  return fill(a.tensor(0), op, [&](void* p, int64_t n) {
    draw(a.generator(3), a.tensor(0).dtype(), p, n, a.real(1), a.real(2));
  });
}
Tensor uniform_(const Args& a) {
  LAMPAS_CHECK(a.real(1) <= a.real(2),
               "uniform_ expects to return a [from, to) range, but found from=", a.real(1),
               " > to=", a.real(2));
  return fill_two(a, "uniform_", random::uniform);
}
Tensor normal_(const Args& a) {
  check_std(a.real(2));
  const Tensor& t = a.tensor(0);
  if (!is_complex(t.dtype()))
    return fill_two(a, "normal_", t.is_contiguous() ? random::normal : random::normal_in_pairs);
  LAMPAS_CHECK(t.is_contiguous(), "normal_: a complex tensor must be contiguous");
  return fill(t, "normal_", [&](void* p, int64_t n) {
    random::normal(a.generator(3), ops::real_type(t.dtype()), p, 2 * n, a.real(1),
                   a.real(2) * 0.70710678118654752440);
  });
}
Tensor log_normal_(const Args& a) {
  LAMPAS_CHECK(a.real(2) > 0, "log_normal_ expects std > 0.0, but found std=", a.real(2));
  return fill_two(a, "log_normal_", random::log_normal);
}
Tensor cauchy_(const Args& a) {
  LAMPAS_CHECK(a.real(2) > 0, "cauchy_ expects sigma > 0.0, but found sigma=", a.real(2));
  return fill_two(a, "cauchy_", random::cauchy);
}
Tensor exponential_(const Args& a) {
  LAMPAS_CHECK(a.real(1) > 0, "exponential_ expects lambda > 0.0, but found lambda=", a.real(1));
  check_floating(a.tensor(0), "exponential_");
  return fill(a.tensor(0), "exponential_", [&](void* p, int64_t n) {
    random::exponential(a.generator(2), a.tensor(0).dtype(), p, n, a.real(1));
  });
}
Tensor geometric_(const Args& a) {
  LAMPAS_CHECK(a.real(1) > 0 && a.real(1) < 1,
               "geometric_ expects p to be in (0, 1), but got p=", a.real(1));
  return fill(a.tensor(0), "geometric_", [&](void* p, int64_t n) {
    random::geometric(a.generator(2), a.tensor(0).dtype(), p, n, a.real(1));
  });
}
// random_(), random_(to), random_(from, to): `form` is the number of bounds.
Tensor random_(const Args& a, int form) {
  int64_t low = form == 2 ? a.integer(1) : 0;
  bool open = form == 2 && !a.given(2);
  DType d = a.tensor(0).dtype();
  int64_t high = form == 1 ? a.integer(1) : open ? 0 : form == 2 ? a.integer(2) : 0;
  // Without an upper bound: up to the largest integer, of floats the last below which none is
  // left out. One past int64's wraps, and the length of the range is right again.
  if (open) {
    int digits = d == DType::F16 ? 11 : d == DType::BF16 ? 8 : d == DType::F32 ? 24 : 53;
    int64_t last = is_floating(d) ? int64_t{1} << digits : span_of(d).last;
    LAMPAS_CHECK(low <= last, "random_ expects 'from' to be at most ", last, " for ", dtype_name(d),
                 ", but got from=", low);
    check_low(low, d);
    high = static_cast<int64_t>(static_cast<uint64_t>(last) + 1);
  } else if (form) {
    check_bounds(low, high, d);
  }
  return fill(a.tensor(0), "random_", [&](void* p, int64_t n) {
    Generator& g = a.generator(form + 1);
    if (form == 0) return random::randint_default(g, d, p, n);
    if (open && low == std::numeric_limits<int64_t>::min()) return random::randint_full(g, d, p, n);
    random::randint(g, d, p, n, low, high);
  });
}

// ---- drawn from given distributions ------------------------------------------------------------
Tensor bernoulli_fill(const Tensor& t, const Operand& p, Generator& g) {
  if (!p.is_tensor()) {
    double q = p.scalar().to_double();
    LAMPAS_CHECK(q >= 0 && q <= 1, "bernoulli_ expects p to be in [0, 1], but got p=", q);
    return fill(t, "bernoulli_",
                [&](void* out, int64_t n) { random::bernoulli(g, t.dtype(), out, n, q); });
  }
  LAMPAS_CHECK(is_floating(p.tensor().dtype()),
               "bernoulli_ expects a floating point tensor of probabilities, got ",
               dtype_name(p.tensor().dtype()));
  Tensor q = ops::contiguous(in_memory_order(ops::expand(p.tensor().alias(), t.sizes()), t));
  return fill(t, "bernoulli_", [&](void* out, int64_t n) {
    random::bernoulli(g, t.dtype(), out, n, q.dtype(), q.data());
  });
}
Tensor zero_grad(const Tensor& x, Tensor y, const char* name) {
  if (recording(x)) record(y, name, {&x}, [](const Tensor& g) { return ops::zeros_like(g); });
  return y;
}
Tensor bernoulli(const Args& a) {
  const Tensor& x = a.tensor(0);
  check_floating(x, "bernoulli_tensor_cpu_p_");
  return zero_grad(x,
                   bernoulli_fill(ops::empty(x.sizes(), x.dtype(), x.device()), x, a.generator(1)),
                   "BernoulliBackward0");
}
Tensor multinomial(const Args& a) {
  const Tensor& x = a.tensor(0);
  int64_t n = a.integer(1);
  LAMPAS_CHECK(x.dim() == 1 || x.dim() == 2, "prob_dist must be 1 or 2 dim");
  LAMPAS_CHECK(
      is_floating(x.dtype()),
      "multinomial only supports floating-point dtypes for input, got: ", dtype_name(x.dtype()));
  LAMPAS_CHECK(n > 0, "cannot sample n_sample <= 0 samples");
  LAMPAS_CHECK(a.flag(2) || n <= x.size(-1),
               "cannot sample n_sample > prob_dist.size(-1) samples without replacement");
  Tensor w = ops::plain(x);
  Dims sizes = x.sizes();
  sizes[sizes.size() - 1] = n;
  Tensor y = ops::empty(sizes, DType::I64);
  random::multinomial(a.generator(3), x.dtype(), w.data(), y.data<int64_t>(),
                      x.dim() == 1 ? 1 : x.size(0), x.size(-1), n, a.flag(2));
  return y;
}
Tensor poisson(const Args& a) {
  const Tensor& x = a.tensor(0);
  check_floating(x, "poisson_cpu");
  Tensor rate = ops::plain(x), y = ops::empty(x.sizes(), x.dtype());
  random::poisson(a.generator(1), x.dtype(), y.data(), rate.data(), x.numel());
  return zero_grad(x, y, "PoissonBackward0");
}
Tensor binomial(const Args& a) {
  const Tensor &count = a.tensor(0), &p = a.tensor(1);
  LAMPAS_CHECK(
      count.dtype() == p.dtype() && is_floating(p.dtype()),
      "binomial only supports floating-point dtypes for prob and count of one dtype, got: ",
      dtype_name(count.dtype()), " and ", dtype_name(p.dtype()));
  Tensor c = ops::plain(count), q = ops::plain(p);
  LAMPAS_CHECK(c.sizes() == q.sizes(), "binomial: count and prob must have one shape, got ",
               c.sizes(), " and ", q.sizes());
  Tensor y = ops::empty(c.sizes(), c.dtype());
  random::binomial(a.generator(2), c.dtype(), y.data(), c.data(), q.data(), y.numel());
  return y;
}
Tensor standard_gamma(const Args& a) {
  const Tensor& x = a.tensor(0);
  check_floating(x, "_standard_gamma");
  Tensor alpha = ops::plain(x), y = ops::empty(x.sizes(), x.dtype());
  random::standard_gamma(a.generator(1), x.dtype(), y.data(), alpha.data(), x.numel());
  return y;
}
Tensor sample_dirichlet(const Args& a) {
  const Tensor& x = a.tensor(0);
  check_floating(x, "_sample_dirichlet");
  Tensor alpha = ops::plain(x), y = ops::empty(x.sizes(), x.dtype());
  int64_t k = x.dim() ? x.size(-1) : 1;
  random::dirichlet(a.generator(1), x.dtype(), y.data(), alpha.data(), k ? x.numel() / k : 0, k);
  return y;
}

// ---- dropout -----------------------------------------------------------------------------------
void check_rate(double p) {
  LAMPAS_CHECK_VALUE(p >= 0 && p <= 1, "dropout probability has to be between 0 and 1, but got ",
                     p);
}

PyObject* dropout(Args& a) {
  const Tensor& x = a.tensor(0);
  double p = a.real(1);
  check_rate(p);
  bool inplace = a.flag(3);
  if (!a.flag(2) || p == 0 || x.numel() == 0) return Owned::share(a.object(0)).release();
  Tensor mask = ops::empty_like(x);
  if (p == 1) {
    ops::fill_raw(mask, 0);
  } else if (!x.is_meta()) {
    draw_into(mask, [&](void* at, int64_t n) {
      random::bernoulli(default_generator(), x.dtype(), at, n, 1 - p);
    });
    GradGuard off(false);
    const Operand scale[] = {mask, 1 / (1 - p)};
    ops::pointwise_(ops::Pointwise::mul, scale);
  }
  if (!inplace) return wrap(ops::mul(x, mask));
  const Operand both[] = {x, mask};
  ops::pointwise_(ops::Pointwise::mul, both);
  return Owned::share(a.object(0)).release();
}
Tensor rrelu(const Args& a) {
  const Tensor& x = a.tensor(0);
  double low = a.real(1), high = a.real(2);
  LAMPAS_CHECK(low <= high, "Lower bound should be less than or equal to the upper bound");
  auto placed = [&](const Tensor& y) {
    if (!a.flag(4)) return y;
    check_inplace(x, "rrelu_");
    ops::copy_(x, y);
    return x;
  };
  if (!a.flag(3)) return placed(ops::leaky_relu(x, (low + high) / 2));
  check_floating(x, "rrelu_with_noise_out_cpu");
  Tensor c = ops::plain(x), noise = ops::empty(x.sizes(), x.dtype()),
         y = ops::empty(x.sizes(), x.dtype());
  random::rrelu(default_generator(), x.dtype(), c.data(), noise.data(), y.data(), x.numel(), low,
                high);
  return placed(ops::mul(x, noise));
}

#define FILL2(op, first, second) \
  op "_(Tensor input, float " first ", float " second ", *, Generator? generator=None)"
constexpr Definition kRows[] = {
    {"rand(int[]* size, " OPTIONS,
     LAMPAS_FN(standard(a.ints(0), Options(a, 1, ops::default_dtype()), false)), kFunction,
     "Uniform in [0, 1)."},
    {"randn(int[]* size, " OPTIONS,
     LAMPAS_FN(standard(a.ints(0), Options(a, 1, ops::default_dtype()), true)), kFunction,
     "Standard normal."},
    {"randint(int high, int[] size, " OPTIONS,
     LAMPAS_FN(randint(0, a.integer(0), a.ints(1), Options(a, 2, DType::I64))), kFunction,
     "Integers in [low, high)."},
    {"randint(int low, int high, int[] size, " OPTIONS,
     LAMPAS_FN(randint(a.integer(0), a.integer(1), a.ints(2), Options(a, 3, DType::I64))),
     kFunction, nullptr},
    {"randperm(int n, " OPTIONS, LAMPAS_FN(randperm(a)), kFunction, "A permutation of 0 .. n - 1."},
    {"rand_like(Tensor input, " LIKE, LAMPAS_FN(like(a, 1, 0)), kFunction,
     "Uniform in [0, 1), shaped as input."},
    {"randn_like(Tensor input, " LIKE, LAMPAS_FN(like(a, 1, 1)), kFunction,
     "Standard normal, shaped as input."},
    {"randint_like(Tensor input, int high, " LIKE, LAMPAS_FN(like(a, 2, 2, 0, a.integer(1))),
     kFunction, "Integers in [low, high), shaped as input."},
    {"randint_like(Tensor input, int low, int high, " LIKE,
     LAMPAS_FN(like(a, 3, 2, a.integer(1), a.integer(2))), kFunction, nullptr},
    {"normal(Tensor mean, Operand std=1, *, Generator? generator=None, Tensor? out=None)",
     LAMPAS_FN(normal(a)), kFunction, "Normal; mean and std may be tensors."},
    {"normal(Operand mean, Tensor std, *, Generator? generator=None, Tensor? out=None)",
     LAMPAS_FN(normal(a)), kFunction, nullptr},
    {"normal(float mean, float std, int[] size, " OPTIONS, LAMPAS_FN(normal_sized(a)), kFunction,
     nullptr},
    {"bernoulli(Tensor input, *, Generator? generator=None, Tensor? out=None)",
     LAMPAS_FN(bernoulli(a)), kBoth, "1 with the probability given by each element, else 0."},
    {"bernoulli(Tensor input, float p, *, Generator? generator=None)",
     LAMPAS_FN(bernoulli_fill(ops::empty(a.tensor(0).sizes(), a.tensor(0).dtype()), a.real(1),
                              a.generator(2))),
     kBoth, nullptr},
    {"bernoulli_(Tensor input, Tensor p, *, Generator? generator=None)",
     LAMPAS_FN(bernoulli_fill(a.tensor(0), a.tensor(1), a.generator(2))), kMethod,
     "Fills with 1 with probability p, else 0."},
    {"bernoulli_(Tensor input, float p=0.5, *, Generator? generator=None)",
     LAMPAS_FN(bernoulli_fill(a.tensor(0), a.real(1), a.generator(2))), kMethod, nullptr},
    {"multinomial(Tensor input, int num_samples, bool replacement=False, *, Generator? "
     "generator=None, Tensor? out=None)",
     LAMPAS_FN(multinomial(a)), kBoth, "Indices drawn by weight."},
    {"poisson(Tensor input, Generator? generator=None)", LAMPAS_FN(poisson(a)), kFunction,
     "Poisson with the given rates."},
    {"binomial(Tensor count, Tensor prob, Generator? generator=None)", LAMPAS_FN(binomial(a)),
     kFunction, "Successes in `count` trials."},
    {"_standard_gamma(Tensor input, Generator? generator=None)", LAMPAS_FN(standard_gamma(a)),
     kFunction, "Gamma with the given shapes and rate 1."},
    {"_sample_dirichlet(Tensor input, Generator? generator=None)", LAMPAS_FN(sample_dirichlet(a)),
     kFunction, "Dirichlet with the given concentrations."},
    {FILL2("uniform", "from_=0", "to=1"), LAMPAS_FN(uniform_(a)), kMethod,
     "Fills uniformly from [from, to)."},
    {FILL2("normal", "mean=0", "std=1"), LAMPAS_FN(normal_(a)), kMethod,
     "Fills with normal draws."},
    {FILL2("log_normal", "mean=1", "std=2"), LAMPAS_FN(log_normal_(a)), kMethod,
     "Fills with exponentials of normal draws."},
    {FILL2("cauchy", "median=0", "sigma=1"), LAMPAS_FN(cauchy_(a)), kMethod,
     "Fills with Cauchy draws."},
    {"exponential_(Tensor input, float lambd=1, *, Generator? generator=None)",
     LAMPAS_FN(exponential_(a)), kMethod, "Fills with exponential draws."},
    {"geometric_(Tensor input, float p, *, Generator? generator=None)", LAMPAS_FN(geometric_(a)),
     kMethod, "Fills with the number of trials up to a success."},
    {"random_(Tensor input, *, Generator? generator=None)", LAMPAS_FN(random_(a, 0)), kMethod,
     "Fills with integers of the dtype's range, or within bounds."},
    {"random_(Tensor input, int to, *, Generator? generator=None)", LAMPAS_FN(random_(a, 1)),
     kMethod, nullptr},
    {"random_(Tensor input, int from_, int? to, *, Generator? generator=None)",
     LAMPAS_FN(random_(a, 2)), kMethod, nullptr},
    {"dropout(Tensor input, float p=0.5, bool training=True, bool inplace=False)", dropout,
     kFunction,
     "Zeroes elements with probability p, scales the rest by 1 / (1 - p) (Srivastava et al. "
     "2014)."},
    {"rrelu(Tensor input, float lower=0.125, float upper=0.3333333333333333, bool training=False, "
     "bool inplace=False)",
     LAMPAS_FN(rrelu(a)), kFunction, "Randomised leaky relu (Xu et al. 2015)."},
};
}  // namespace

void define_random(PyObject* module) { define(module, kRows); }

}  // namespace lampas::py
