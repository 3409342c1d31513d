// Elementwise kernels of every instruction set this machine has, against long double.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <vector>

#include "kernels/table.h"
#include "runtime/cpu.h"

namespace lampas::kernels {
#define LAMPAS_TEST_FILLS(isa) \
  namespace isa {              \
  void fill_pointwise(Table&); \
  }
LAMPAS_TEST_FILLS(base)
#if defined(__x86_64__)
LAMPAS_TEST_FILLS(avx2)
LAMPAS_TEST_FILLS(avx512)
#endif
}  // namespace lampas::kernels

namespace {

using namespace lampas;
using kernels::Pointwise;
using Real = long double;

int failures = 0;
const char* set_name = "";
kernels::PointwiseTable table;
const bool verbose = std::getenv("VERBOSE") != nullptr;

void fail(const char* what, const char* detail, int line) {
  if (++failures > 40) return;
  std::fprintf(stderr, "%s:%d: [%s] %s: %s\n", __FILE__, line, set_name, what, detail);
}
#define EXPECT(cond, what)                    \
  do {                                        \
    if (!(cond)) fail(what, #cond, __LINE__); \
  } while (0)

template <class T>
constexpr int index_of = static_cast<int>(dtype_of<T>::value);
constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

template <class T>
kernels::PointwiseFn function(Pointwise op) {
  return table.fn[static_cast<int>(op)][index_of<T>];
}
const char* name_of(Pointwise op) {
  static constexpr const char* names[] = {
#define POINTWISE(name, ...) #name,
#include "defs/pointwise.def"
#undef POINTWISE
  };
  return names[static_cast<int>(op)];
}

// ---- accuracy -------------------------------------------------------------------------------
// Distance to the true value in units of the last place of T.
template <class T>
double ulps(T got, Real want) {
  T rounded = static_cast<T>(want);
  if (std::isnan(rounded) || std::isnan(got))
    return std::isnan(rounded) == std::isnan(got) ? 0 : 1e9;
  if (std::isinf(rounded) || std::isinf(got)) return rounded == got ? 0 : 1e9;
  T next = std::nextafter(std::fabs(rounded), std::numeric_limits<T>::infinity());
  if (std::isinf(next)) return 0;
  Real unit = static_cast<Real>(next) - static_cast<Real>(std::fabs(rounded));
  return static_cast<double>(std::fabs((static_cast<Real>(got) - want) / unit));
}

// Every binade between low and high, both signs where asked, and what is special.
template <class T>
std::vector<T> samples(double low, double high, bool negative) {
  std::vector<T> x;
  const Real steps = 30000, ratio = std::log(static_cast<Real>(high) / low) / steps;
  for (int i = 0; i <= 30000; ++i) x.push_back(static_cast<T>(low * std::exp(ratio * i)));
  for (int i = 0; i < 4000; ++i) x.push_back(static_cast<T>(std::min(high, 12.0) * i / 4000));
  if (negative) {
    size_t n = x.size();
    for (size_t i = 0; i < n; ++i) x.push_back(-x[i]);
  }
  x.push_back(T(1));
  return x;
}

struct Function {
  Pointwise op;
  Real (*want)(Real);
  double low, high;  // magnitudes tried
  bool negative;
  double max_float, max_double;  // units of the last place
};

Real sigmoid(Real x) { return 1 / (1 + std::exp(-x)); }
Real normal_cdf(Real x) { return std::erfc(-x / std::sqrt(Real(2))) / 2; }
Real gelu(Real x) { return std::isinf(x) ? std::max(x, Real(0)) : x * normal_cdf(x); }
Real softplus(Real x) { return x > 20 ? x : std::log1p(std::exp(x)); }

#define F(name) Pointwise::name, [](Real x) -> Real { return std::name(x); }
const Function functions[] = {
    {F(exp), 1e-30, 800, true, 1.1, 1.1},
    {F(exp2), 1e-30, 1200, true, 1.2, 1.2},
    {F(expm1), 1e-30, 800, true, 1.6, 2.1},
    {F(log), 1e-44, 1e38, true, 1.1, 1.1},
    {F(log2), 1e-44, 1e38, true, 0.6, 1.0},
    {F(log10), 1e-44, 1e38, true, 0.6, 1.0},
    {F(log1p), 1e-44, 1e38, true, 1.6, 1.6},
    {F(sqrt), 1e-44, 1e38, true, 0.51, 0.51},
    {F(sin), 1e-30, 1e9, true, 1.5, 1.4},
    {F(cos), 1e-30, 1e9, true, 1.5, 1.4},
    {F(tan), 1e-30, 1e6, true, 3, 2.5},
    {F(asin), 1e-30, 1.1, true, 2.1, 1.7},
    {F(acos), 1e-30, 1.1, true, 1.6, 1.6},
    {F(atan), 1e-30, 1e30, true, 1.6, 1.6},
    {F(sinh), 1e-30, 800, true, 3.0, 3.0},
    {F(cosh), 1e-30, 800, true, 3.0, 3.0},
    {F(tanh), 1e-30, 100, true, 1.6, 2.6},
    {F(asinh), 1e-30, 1e30, true, 3.0, 3.0},
    {F(acosh), 1.0, 1e30, true, 3.5, 3.5},
    {F(atanh), 1e-30, 1.1, true, 3.0, 3.0},
    {F(erf), 1e-30, 30, true, 1.2, 1.2},
    {F(erfc), 1e-30, 26, true, 0.6, 6.5},
    {F(lgamma), 0.01, 1e6, false, 2.0, 4.0},
    {F(floor), 1e-30, 1e12, true, 0, 0},
    {F(ceil), 1e-30, 1e12, true, 0, 0},
    {F(trunc), 1e-30, 1e12, true, 0, 0},
    {Pointwise::round, [](Real x) -> Real { return std::nearbyint(x); }, 1e-30, 1e12, true, 0, 0},
    {Pointwise::rsqrt, [](Real x) -> Real { return 1 / std::sqrt(x); }, 1e-30, 1e30, true, 1.6,
     1.6},
    {Pointwise::sigmoid, sigmoid, 1e-30, 80, true, 2.6, 2.6},
    {Pointwise::gelu, gelu, 1e-30, 3, true, 13, 20},
    {Pointwise::silu, [](Real x) { return x * sigmoid(x); }, 1e-30, 80, true, 3.1, 3.1},
    {Pointwise::mish, [](Real x) { return x * std::tanh(softplus(x)); }, 1e-30, 40, true, 4, 4},
    {Pointwise::logsigmoid, [](Real x) { return -softplus(-x); }, 1e-30, 19, true, 3, 3},
};
#undef F

template <class T>
void check_function(const Function& f, double limit) {
  std::vector<T> x = samples<T>(f.low, f.high, f.negative), y(x.size());
  const void* in[] = {x.data()};
  function<T>(f.op)(y.data(), in, 0, static_cast<int64_t>(x.size()), nullptr);
  double worst = 0;
  T at = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    double e = ulps(y[i], f.want(static_cast<Real>(x[i])));
    if (e > worst) worst = e, at = x[i];
  }
  char text[160];
  std::snprintf(text, sizeof text, "%s of %.9g: %.3g units in the last place, at most %.3g allowed",
                dtype_name(dtype_of<T>::value), static_cast<double>(at), worst, limit);
  if (verbose) std::printf("[%s] %-12s %s\n", set_name, name_of(f.op), text);
  if (worst > limit) fail(name_of(f.op), text, __LINE__);
}

void test_accuracy() {
  for (const Function& f : functions) {
    check_function<float>(f, f.max_float);
    check_function<double>(f, f.max_double);
  }
}

// ---- special values ---------------------------------------------------------------------------
template <class T>
void check_special(const Function& f) {
  using L = std::numeric_limits<T>;
  const T x[] = {T(0),
                 -T(0),
                 L::infinity(),
                 -L::infinity(),
                 L::quiet_NaN(),
                 L::denorm_min(),
                 -L::denorm_min(),
                 L::min(),
                 L::max(),
                 L::lowest(),
                 T(1),
                 T(-1),
                 T(2),
                 T(-2)};
  constexpr int n = sizeof x / sizeof x[0];
  T y[n];
  const void* in[] = {x};
  function<T>(f.op)(y, in, 0, n, nullptr);
  for (int i = 0; i < n; ++i) {
    const T want = static_cast<T>(f.want(static_cast<Real>(x[i])));
    const bool small = std::fabs(want) < 8 * L::min();  // denormals may be flushed by products
    bool same =
        std::isnan(want) ? std::isnan(y[i]) : std::fabs(y[i] - want) <= std::fabs(want) * 1e-6;
    same |= std::isinf(want) && y[i] == want;
    same |= small && std::fabs(y[i] - want) < 8 * L::min();
    if (want == 0 && x[i] == 0) same &= std::signbit(want) == std::signbit(y[i]);
    char text[120];
    std::snprintf(text, sizeof text, "%s(%g) gave %g, not %g", name_of(f.op),
                  static_cast<double>(x[i]), static_cast<double>(y[i]), static_cast<double>(want));
    if (!same) fail("special value", text, __LINE__);
  }
}

template <class T>
T apply(Pointwise op, T a, T b) {
  const void* in[] = {&a, &b};
  T y;
  function<T>(op)(&y, in, 0, 1, nullptr);
  return y;
}

template <class T>
void test_two_operands() {
  const double values[] = {0.0, -0.0, 1.0,  -1.0, 2.0,  -2.0,  3.0,  -3.0,  0.5,  -0.5,
                           2.5, -7.5, 1e-3, 10.0, 1e10, -1e10, kInf, -kInf, kNan, 1.0 / 3};
  struct Pair {
    Pointwise op;
    T (*want)(T, T);
    double tolerance;
  };
  const Pair pairs[] = {
      {Pointwise::pow_raw, [](T a, T b) { return static_cast<T>(std::pow(a, b)); }, 1e-6},
      {Pointwise::atan2, [](T a, T b) { return static_cast<T>(std::atan2(a, b)); }, 1e-6},
      {Pointwise::fmod_raw, [](T a, T b) { return static_cast<T>(std::fmod(a, b)); }, 0},
      {Pointwise::hypot, [](T a, T b) { return static_cast<T>(std::hypot(a, b)); }, 1e-6},
      {Pointwise::nextafter, [](T a, T b) { return std::nextafter(a, b); }, 0},
      {Pointwise::maximum, [](T a, T b) { return a != a || b != b ? a + b : std::max(a, b); }, 0},
      {Pointwise::minimum, [](T a, T b) { return a != a || b != b ? a + b : std::min(a, b); }, 0},
      {Pointwise::fmax, [](T a, T b) { return std::fmax(a, b); }, 0},
      {Pointwise::fmin, [](T a, T b) { return std::fmin(a, b); }, 0},
  };
  for (const Pair& p : pairs)
    for (double va : values)
      for (double vb : values) {
        const T a = static_cast<T>(va), b = static_cast<T>(vb), want = p.want(a, b);
        const T got = apply(p.op, a, b);
        const bool same = std::isnan(want) ? std::isnan(got)
                                           : got == want || std::fabs(got - want) <=
                                                                std::fabs(want) * p.tolerance;
        char text[160];
        std::snprintf(text, sizeof text, "%s(%g, %g) gave %g, not %g", name_of(p.op), va, vb,
                      static_cast<double>(got), static_cast<double>(want));
        if (!same ||
            (want == 0 && p.op == Pointwise::atan2 && std::signbit(want) != std::signbit(got)))
          fail("special value", text, __LINE__);
      }
  // Python's remainder and floor division.
  EXPECT(apply<T>(Pointwise::remainder_raw, T(-7), T(3)) == T(2), "remainder");
  EXPECT(apply<T>(Pointwise::remainder_raw, T(7), T(-3)) == T(-2), "remainder");
  EXPECT(apply<T>(Pointwise::floor_divide_raw, T(-7), T(3)) == T(-3), "floor_divide");
  EXPECT(apply<T>(Pointwise::floor_divide_raw, T(1), T(0)) == T(kInf), "floor_divide by zero");
  EXPECT(std::isnan(apply<T>(Pointwise::remainder_raw, T(1), T(0))), "remainder by zero");
  EXPECT(apply<T>(Pointwise::erfinv, T(1), T(0)) == T(kInf), "erfinv");
  EXPECT(std::isnan(apply<T>(Pointwise::erfinv, T(1.5), T(0))), "erfinv");
}

// Numbers of all sizes, so that quotients are small, large and beyond what vectors divide.
template <class T>
void test_divisions() {
  std::vector<T> a, b;
  for (int i = 0; i < 3000; ++i) {
    const uint64_t u = static_cast<uint64_t>(i + 1) * 0x9e3779b97f4a7c15u,
                   v = static_cast<uint64_t>(i + 7) * 0xbf58476d1ce4e5b9u;
    const int n = static_cast<int>(sizeof(T)) * 8;
    if constexpr (std::is_integral_v<T>) {
      a.push_back(static_cast<T>(static_cast<int64_t>(u) >> (64 - n + i % n)));
      b.push_back(static_cast<T>(static_cast<int64_t>(v) >> (64 - n + i / 7 % n)));
      if (b.back() == 0) b.back() = i % 2 ? 1 : -1;
      if (b.back() == -1 && a.back() == std::numeric_limits<T>::min()) a.back() = 5;
    } else {
      a.push_back(std::ldexp(static_cast<T>(static_cast<int64_t>(u)), i % 90 - 80));
      b.push_back(std::ldexp(static_cast<T>(static_cast<int64_t>(v)), i / 7 % 60 - 80));
      if (i % 5 == 0) a.back() = b.back() * T(i);  // a whole quotient, or nearly
    }
  }
  const auto count = static_cast<int64_t>(a.size());
  const void* in[] = {a.data(), b.data()};
  std::vector<T> mod(a.size()), rest(a.size()), down(a.size()), cut(a.size());
  function<T>(Pointwise::fmod_raw)(mod.data(), in, 0, count, nullptr);
  function<T>(Pointwise::remainder_raw)(rest.data(), in, 0, count, nullptr);
  function<T>(Pointwise::floor_divide_raw)(down.data(), in, 0, count, nullptr);
  function<T>(Pointwise::div_trunc)(cut.data(), in, 0, count, nullptr);
  for (size_t i = 0; i < a.size(); ++i) {
    const T x = a[i], y = b[i];
    T want;
    if constexpr (std::is_integral_v<T>) {
      want = x % y;
      EXPECT(cut[i] == x / y, "div_trunc");
      EXPECT(down[i] == x / y - (want != 0 && ((want < 0) != (y < 0)) ? 1 : 0), "floor_divide");
    } else {
      want = std::fmod(x, y);
      EXPECT(std::signbit(mod[i]) == std::signbit(x), "sign of fmod");
    }
    EXPECT(mod[i] == want, "fmod");
    EXPECT(rest[i] == (want != 0 && (want < 0) != (y < 0) ? want + y : want), "remainder");
  }
}

template <class T>
void test_hypot() {
  double worst = 0;
  const T far = std::numeric_limits<T>::max(), tiny = std::numeric_limits<T>::denorm_min();
  for (int i = 1; i < 20000; ++i) {
    const T a = static_cast<T>(std::exp2(i % 200 - 100) * (1 + i * 5e-5)), b = static_cast<T>(i);
    const Real want = std::hypot(static_cast<Real>(a), static_cast<Real>(b));
    worst = std::max(worst, ulps(apply(Pointwise::hypot, a, b), want));
  }
  EXPECT(worst < 1.3, "hypot");
  EXPECT(apply(Pointwise::hypot, far / 2, far / 4) < far, "hypot of large numbers");
  EXPECT(apply(Pointwise::hypot, far, far) == T(kInf), "hypot beyond the largest number");
  EXPECT(apply(Pointwise::hypot, 3 * tiny, 4 * tiny) == 5 * tiny, "hypot of the smallest numbers");
  EXPECT(apply(Pointwise::hypot, T(0), T(0)) == 0, "hypot of zeros");
  EXPECT(apply(Pointwise::hypot, T(kNan), -T(kInf)) == T(kInf), "hypot of infinity and NaN");
}

template <class T>
void test_erfinv() {
  double worst = 0;
  for (int i = 1; i < 20000; ++i) {
    const T y = static_cast<T>(i / 10000.0 - 1), x = apply<T>(Pointwise::erfinv, y, y);
    // Newton's correction of the result, in long double, says how far off it is.
    const Real r = static_cast<Real>(x);
    const Real slope = 2 / std::sqrt(std::acos(Real(-1))) * std::exp(-r * r);
    worst = std::max(worst, ulps(x, r - (std::erf(r) - static_cast<Real>(y)) / slope));
  }
  EXPECT(worst < 4, "erfinv");
}

// ---- one result wherever an element stands ----------------------------------------------------
template <class T>
bool identical(const T& a, const T& b) {
  if constexpr (std::is_floating_point_v<T>)
    if (a != a && b != b) return true;
  return std::memcmp(&a, &b, sizeof a) == 0;
}

template <class T>
T sample(int i) {
  unsigned u = static_cast<unsigned>(i) * 2654435761u;
  if constexpr (std::is_same_v<T, bool>)
    return (u >> 20) & 1;
  else if constexpr (std::is_integral_v<T>)
    return static_cast<T>((u >> 20) % 7 + 1);
  else if constexpr (std::is_floating_point_v<T>)
    return i % 41 == 40 ? T(3e7) : static_cast<T>((u >> 8) * 0x1p-24 * 4 - 1);
  else
    return T(static_cast<float>((u >> 8) * 0x1p-24 - 0.4), static_cast<float>((u & 255) / 300.0));
}

template <class T, class R>
void check_positions(Pointwise op, int arity) {
  constexpr int n = 300;
  const double params[] = {0.25, 1.5, 0.75};
  auto fn = function<T>(op);
  std::vector<T> arrays[3];
  for (int k = 0; k < 3; ++k)
    for (int i = 0; i < n + 1; ++i) arrays[k].push_back(sample<T>(i + 1000 * k));
  auto one = [&](const void* a, const void* b, const void* c) {
    const void* in[] = {a, b, c};
    R y{};
    fn(&y, in, 0, 1, params);
    return y;
  };
  for (int offset = 0; offset < 2; ++offset)
    for (unsigned mask = 0; mask < (1u << arity); ++mask)
      for (int length : {1, 7, 64, n}) {
        const void* in[3];
        for (int k = 0; k < 3; ++k) in[k] = arrays[k].data() + offset;
        // vector<bool> has no data(): results live in plain bytes.
        std::vector<char> raw(static_cast<size_t>(length + 1) * sizeof(R));
        R* y = reinterpret_cast<R*>(raw.data()) + offset;
        fn(y, in, mask, length, params);
        for (int i = 0; i < length; ++i) {
          const T* at[3];
          for (int k = 0; k < 3; ++k)
            at[k] = arrays[k].data() + offset + (mask & (1u << k) ? 0 : i);
          if (identical(y[i], one(at[0], at[1], at[2]))) continue;
          fail(name_of(op), dtype_name(dtype_of<T>::value), __LINE__);
          return;
        }
      }
  if constexpr (std::is_same_v<T, R>) {  // in place
    std::vector<T> x = arrays[0];
    const void* in[] = {x.data(), arrays[1].data(), arrays[2].data()};
    fn(x.data(), in, 0, n, params);
    for (int i = 0; i < n; ++i)
      if (!identical(x[static_cast<size_t>(i)],
                     one(&arrays[0][static_cast<size_t>(i)], &arrays[1][static_cast<size_t>(i)],
                         &arrays[2][static_cast<size_t>(i)]))) {
        fail(name_of(op), "in place", __LINE__);
        return;
      }
  }
}

void test_positions() {
  using Kind = kernels::PointwiseKind;
  struct Row {
    int arity;
    bool test;
  };
  static constexpr Row rows[] = {
#define POINTWISE(name, arity, params, KIND, ...) \
  {arity, Kind::KIND == Kind::Test || Kind::KIND == Kind::TestR},
#include "defs/pointwise.def"
#undef POINTWISE
  };
  for (int i = 0; i < kernels::kPointwise; ++i) {
    const auto op = static_cast<Pointwise>(i);
    auto check = [&]<class T>(T) {
      if (!function<T>(op)) return;
      if (rows[i].test)
        check_positions<T, uint8_t>(op, rows[i].arity);
      else
        check_positions<T, T>(op, rows[i].arity);
    };
    check(uint8_t()), check(int8_t()), check(int16_t()), check(int32_t()), check(int64_t());
    check(float()), check(double()), check(c64()), check(c128());
  }
}

// ---- casts and movement -----------------------------------------------------------------------
template <class To, class From>
To cast_one(From v) {
  To y;
  table.cast[index_of<To>][index_of<From>](&y, &v, 1);
  return y;
}

void test_casts() {
  // Every float16 through float and back.
  for (uint32_t b = 0; b < 65536; ++b) {
    const f16 h = {static_cast<uint16_t>(b)};
    const float f = cast_one<float>(h);
    const int exponent = static_cast<int>(b >> 10 & 31);
    const double m = b & 1023, sign = b >> 15 ? -1 : 1;
    const double want = exponent == 31 ? (m != 0 ? kNan : kInf)
                        : exponent     ? std::ldexp(1024 + m, exponent - 25)
                                       : std::ldexp(m, -24);
    EXPECT(std::isnan(want) ? std::isnan(f) : static_cast<double>(f) == sign * want,
           "half to float");
    const uint16_t back = cast_one<f16>(f).bits;
    EXPECT(std::isnan(want) ? (back & 0x7fff) > 0x7c00 : back == b, "float to half");
    const bf16 s = {static_cast<uint16_t>(b)};
    const float g = cast_one<float>(s);
    EXPECT(std::isnan(g) || cast_one<bf16>(g).bits == b, "bfloat16");
  }
  // Ties to even, overflow.
  EXPECT(cast_one<f16>(2049.f).bits == cast_one<f16>(2048.f).bits, "tie");
  EXPECT(cast_one<f16>(2051.f).bits == cast_one<f16>(2052.f).bits, "tie");
  EXPECT(cast_one<f16>(65519.f).bits == 0x7bff && cast_one<f16>(65520.f).bits == 0x7c00,
         "overflow");
  EXPECT(cast_one<bf16>(1.00390625f).bits == 0x3f80, "tie");
  EXPECT(cast_one<bf16>(1.01171875f).bits == 0x3f82, "tie");
  EXPECT(cast_one<uint8_t>(-1.0f) == 255 && cast_one<int8_t>(200) == int8_t(-56), "wrapping");
  EXPECT(cast_one<int64_t>(-2.9) == -2 && cast_one<int32_t>(2.9f) == 2, "towards zero");
  EXPECT(cast_one<bool>(0.5f) && !cast_one<bool>(-0.0) && cast_one<bool>(c64(0, 1)), "to bool");
  EXPECT(cast_one<float>(c128(2, 3)) == 2.f && cast_one<c64>(int64_t(-4)) == c64(-4, 0), "complex");
  EXPECT(cast_one<int64_t>(true) == 1 && cast_one<double>(cast_one<f16>(0.1)) != 0.1, "from bool");
}

template <class T>
void test_movement() {
  const int rows = 37, cols = 53;
  std::vector<unsigned char> from(sizeof(T) * rows * cols), to(from.size()), back(from.size());
  for (size_t i = 0; i < from.size(); ++i) from[i] = static_cast<unsigned char>(i * 131 + i / 251);
  constexpr int item = sizeof(T);
  table.transpose(to.data(), cols, from.data(), rows, rows, cols, item);
  for (int r = 0; r < rows; ++r)
    for (int c = 0; c < cols; ++c)
      EXPECT(!std::memcmp(&to[static_cast<size_t>(r * cols + c) * item],
                          &from[static_cast<size_t>(c * rows + r) * item], item),
             "transpose");
  table.copy_strided(to.data(), item, from.data(), 2 * item, 50, item);
  table.copy_strided(back.data(), 3 * item, to.data(), item, 50, item);
  for (size_t i = 0; i < 50; ++i)
    EXPECT(!std::memcmp(&back[3 * i * item], &from[2 * i * item], item), "copy_strided");
  const unsigned char condition[] = {1, 0, 1};
  for (unsigned mask = 0; mask < 8; ++mask) {
    const void* in[] = {condition, from.data(), from.data() + 5 * item};
    table.where(to.data(), in, mask, 3, item);
    for (size_t i = 0; i < 3; ++i) {
      const bool first = condition[mask & 1 ? 0 : i];
      const size_t at = first ? (mask & 2 ? 0 : i) : 5 + (mask & 4 ? 0 : i);
      EXPECT(!std::memcmp(&to[i * item], &from[at * item], item), "where");
    }
  }
  table.fill(to.data(), from.data(), 9, item);
  EXPECT(!std::memcmp(&to[8 * item], from.data(), item), "fill");
}

void test_all() {
  test_accuracy();
  for (const Function& f : functions) {
    check_special<float>(f);
    check_special<double>(f);
  }
  test_two_operands<float>();
  test_two_operands<double>();
  test_erfinv<float>();
  test_erfinv<double>();
  test_divisions<int32_t>();
  test_divisions<int64_t>();
  test_divisions<float>();
  test_divisions<double>();
  test_hypot<float>();
  test_hypot<double>();
  test_positions();
  test_casts();
  test_movement<uint8_t>();
  test_movement<uint16_t>();
  test_movement<uint32_t>();
  test_movement<uint64_t>();
  test_movement<c128>();
}

}  // namespace

int main() {
  struct Set {
    Isa isa;
    void (*fill)(kernels::Table&);
  };
  const Set sets[] = {
      {Isa::Base, kernels::base::fill_pointwise},
#if defined(__x86_64__)
      {Isa::Avx2, kernels::avx2::fill_pointwise},
      {Isa::Avx512, kernels::avx512::fill_pointwise},
#endif
  };
  for (const Set& s : sets) {
    if (s.isa > cpu_info().best) continue;
    set_name = isa_name(s.isa);
    static kernels::Table all;
    s.fill(all);
    table = all.pointwise;
    test_all();
  }
  std::printf(failures ? "%d failures\n" : "simd: all good\n", failures);
  return failures != 0;
}
