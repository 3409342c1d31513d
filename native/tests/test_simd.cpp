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
Real softplus(Real x) { return x > 20 ? x : std::log1p(std::exp(x)); }

#define F(name) Pointwise::name, [](Real x) -> Real { return std::name(x); }
const Function functions[] = {
    {F(exp), 1e-30, 800, true, 1.1, 1.1},
    {F(exp2), 1e-30, 1200, true, 1.2, 1.2},
    {F(expm1), 1e-30, 800, true, 1.6, 2.1},
    {F(log), 1e-44, 1e38, true, 1.1, 1.1},
    {F(log2), 1e-44, 1e38, true, 0.6, 1.1},
    {F(log10), 1e-44, 1e38, true, 0.6, 1.5},
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
    {Pointwise::gelu, [](Real x) { return x * normal_cdf(x); }, 1e-30, 4, true, 8, 20},
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
    test_accuracy();
  }
  std::printf(failures ? "%d failures\n" : "simd: all good\n", failures);
  return failures != 0;
}
