// The gamma function's family; its incomplete forms and Hurwitz's zeta function take as many terms
// as the block's slowest element needs.
#include "kernels/simd/gamma.h"
#include "kernels/special_loop.h"

namespace lampas::kernels::LAMPAS_ISA {

namespace {
constexpr double kNegligible = 1e-17;

void log_gamma(double* y, const double* a, const double* b, double p0) {
  pieces<LogGamma>(y, a, b, p0);
  mend<LogGammaZeros>(y, a);
}

// ---- zeta --------------------------------------------------------------------------------------
constexpr int kMostTerms = 100'000;

// |a|^-x with the sign of a^-x for whole x.
LAMPAS_INLINE double zeta_term(double a, double x) {
  const double half = 0.5 * x, y = power_positive(magnitude(a), -x);
  const double whole = (half + Format<double>::kMagic) - Format<double>::kMagic;
  return (a < 0.) & (half != whole) ? -y : y;
}
// The Euler-Maclaurin formula, DLMF 25.11.5, after 10 terms and after those below 10.
LAMPAS_INLINE double zeta_tail(double x, double a) {
  constexpr double bernoulli[] = {1. / 12,
                                  -1. / 720,
                                  1. / 30240,
                                  -1. / 1209600,
                                  1. / 47900160,
                                  -691. / 1307674368000,
                                  1. / 74724249600,
                                  -3617. / 10670622842880000,
                                  43867. / 5109094217170944000};
  const double power = zeta_term(a, x), r = 1 / a;
  double sum = a / (x - 1) + 0.5, factor = x * r;
#pragma GCC unroll 9
  for (int k = 0; k < 9; ++k) {
    sum += bernoulli[k] * factor;
    factor *= (x + (2 * k + 1)) * (x + (2 * k + 2)) * (r * r);
  }
  return power * sum;
}
LAMPAS_INLINE double zeta_ends(double x, double q, double y) {
  const bool whole = __builtin_floor(q) == q, whole_x = __builtin_floor(x) == x;
  y = q <= 0. ? (whole ? kInf<double> : whole_x ? y : kNan<double>) : y;
  y = x < 1. ? kNan<double> : x == 1. ? kInf<double> : y;
  return (x != x) | (q != q) ? kNan<double> : y;
}
// What an element's sum still wants: nothing, the tail alone, more terms and then the tail.
constexpr double kDone = 0, kTail = 1, kTerms = 2;
int count_above(double state, const double* v) {
  int n = 0;
  for (int i = 0; i < kLanes; ++i) n += v[i] > state ? 1 : 0;
  return n;
}
// Poles, and arguments of which the result is no number, need no terms.
LAMPAS_INLINE double zeta_start(double x, double q) {
  const bool whole = __builtin_floor(q) == q, whole_x = __builtin_floor(x) == x;
  return (x > 1.) & ((q > 0.) | (whole_x & !whole)) ? kTerms : kDone;
}
[[gnu::noinline]] void zeta(double* y, const double* s, const double* q, double) {
  alignas(64) double x[kLanes], a[kLanes], term[kLanes], wants[kLanes];
  for (int i = 0; i < kLanes; ++i) {
    wants[i] = zeta_start(s[i], q[i]);
    x[i] = limit(wants[i] > kDone ? s[i] : 2., 1., 1e300);
    a[i] = wants[i] > kDone ? q[i] : 1.;
    y[i] = 0;
  }
  int left = count_above(kTail, wants);
  for (int k = 1; left && k <= kMostTerms; ++k) {
    for (int i = 0; i < kLanes; ++i) term[i] = zeta_term(a[i], x[i]);
    for (int i = 0; i < kLanes; ++i) {
      const bool here = wants[i] > kTail;
      y[i] += here ? term[i] : 0.;
      // What follows a term is less than it times 1 + a / (x - 1).
      const double rest = magnitude(term[i]) * (1 + magnitude(a[i]) / (x[i] - 1));
      const bool done = (a[i] > 0.) & (rest <= kNegligible * magnitude(y[i]));
      a[i] += here ? 1. : 0.;
      const double next = (k < 10) | (a[i] <= 10.) ? kTerms : kTail;
      wants[i] = here ? (done ? kDone : next) : wants[i];
    }
    left = count_above(kTail, wants);
  }
  if (count_above(kDone, wants)) {
    for (int i = 0; i < kLanes; ++i) term[i] = zeta_tail(x[i], a[i]);
    for (int i = 0; i < kLanes; ++i) y[i] += wants[i] > kDone ? term[i] : 0.;
  }
  for (int i = 0; i < kLanes; ++i) y[i] = zeta_ends(s[i], q[i], y[i]);
}
// (-1)^(n + 1) n! zeta(n + 1, x), DLMF 25.11.12.
void polygamma(double* y, const double* a, const double*, double n) {
  alignas(64) double s[kLanes];
  std::fill(s, s + kLanes, n + 1);
  zeta(y, s, a, 0);
  const double factor = std::tgamma(n + 1) * (std::fmod(n, 2) == 0 ? -1 : 1);
  for (int i = 0; i < kLanes; ++i) y[i] *= factor;
}

// ---- incomplete gamma functions ----------------------------------------------------------------
constexpr int kMostSteps = 200'000;

// m - log(1 + m): with s = m / (2 + m), m s - 2 (s^3 / 3 + s^5 / 5 + ...).
LAMPAS_INLINE double less_log1p(double m) {
  const double s = m / (2 + m), z = s * s;
  const double near =
      m * s -
      2 * s * z * poly(z, 1. / 3, 1. / 5, 1. / 7, 1. / 9, 1. / 11, 1. / 13, 1. / 15, 1. / 17);
  return magnitude(m) < 0.3 ? near : m - log1p_(m);
}
// x^a exp(-x) / gamma(a).
LAMPAS_INLINE double front_of_small(double a, double x) {
  return power_positive(x, a) * exp_(-(x + lgamma_positive(a)));
}
// From kStirling on as sqrt(a / (2 pi)) exp(-a (m - log(1 + m))) with m = x / a - 1, so that large
// exponents do not cancel.
LAMPAS_INLINE double front_of_large(double a, double x) {
  return sqrt_(a * 0.15915494309189533577) *
         exp_(-(a * less_log1p((x - a) / a) + stirling_rest(a)));
}

struct Incomplete {
  alignas(64) double a[kLanes], x[kLanes], lower[kLanes], upper[kLanes], front[kLanes];
  // 1 where the continued fraction is to be taken, which from a + 1 on converges the faster.
  alignas(64) double above[kLanes];
};

void find_front(Incomplete& v) {
  alignas(64) double large[kLanes];
  for (int i = 0; i < kLanes; ++i) large[i] = v.a[i] >= kStirling ? 1 : 0;
  const int count = count_above(0, large);
  if (count < kLanes)
    for (int i = 0; i < kLanes; ++i) v.front[i] = front_of_small(v.a[i], v.x[i]);
  if (count)
    for (int i = 0; i < kLanes; ++i) {
      const double front = front_of_large(v.a[i], v.x[i]);
      v.front[i] = large[i] > 0. ? front : v.front[i];
    }
}

// DLMF 8.11.4; where it is not wanted, x is 0.
void lower_series(Incomplete& v) {
  alignas(64) double x[kLanes], n[kLanes], term[kLanes], open[kLanes];
  for (int i = 0; i < kLanes; ++i) {
    open[i] = x[i] = v.above[i] > 0. ? 0. : v.x[i];
    n[i] = v.a[i];
    v.lower[i] = term[i] = 1 / n[i];
  }
  for (int k = 0; count_above(0, open) && k < kMostSteps; ++k) {
    for (int i = 0; i < kLanes; ++i) {  // two terms with one division
      const double next = n[i] + 1, last = n[i] + 2, r = term[i] * x[i] / (next * last);
      n[i] = last;
      term[i] = r * x[i];
      v.lower[i] += r * last + term[i];
      open[i] = term[i] - kNegligible * v.lower[i];
    }
  }
  for (int i = 0; i < kLanes; ++i) v.lower[i] *= v.front[i];
}

// DLMF 8.9.2 by the recurrence of numerators and denominators, scaled back when they grow. Where it
// has converged it stays: more steps would but round.
void upper_fraction(Incomplete& v) {
  constexpr double big = 0x1p200;
  alignas(64) double a[kLanes], x[kLanes], open[kLanes];
  alignas(64) double p0[kLanes], p1[kLanes], q0[kLanes], q1[kLanes];
  for (int i = 0; i < kLanes; ++i) {
    open[i] = v.above[i];
    a[i] = open[i] > 0. ? v.a[i] : 1.;
    x[i] = open[i] > 0. ? v.x[i] : 2.;
    p0[i] = 0, q0[i] = 1;
    p1[i] = 1, q1[i] = x[i] + 1 - a[i];
    v.upper[i] = 1 / q1[i];
  }
  for (int k = 1; count_above(0, open) && k < kMostSteps; k += 2) {
    for (int i = 0; i < kLanes; ++i) {  // two steps with one division
      const double top = k * (a[i] - k), bottom = x[i] + (2 * k + 1) - a[i];
      const double p = bottom * p1[i] + top * p0[i], q = bottom * q1[i] + top * q0[i];
      const double top2 = (k + 1) * (a[i] - (k + 1)), bottom2 = bottom + 2;
      const double p2 = bottom2 * p + top2 * p1[i], q2 = bottom2 * q + top2 * q1[i];
      const double scale = magnitude(q2) > big ? 1 / big : 1.;
      p0[i] = p * scale, q0[i] = q * scale;
      p1[i] = p2 * scale, q1[i] = q2 * scale;
      const double now = p2 / q2;
      open[i] = magnitude(now - v.upper[i]) > 1e-16 * magnitude(now) ? open[i] : 0.;
      v.upper[i] = open[i] > 0. ? now : v.upper[i];
    }
  }
  for (int i = 0; i < kLanes; ++i) v.upper[i] *= v.front[i];
}

template <bool kUpper>
LAMPAS_INLINE double incomplete_ends(double a, double x, double y) {
  constexpr double one = kUpper ? 0 : 1, zero = kUpper ? 1 : 0;
  y = x == 0. ? zero : y;
  y = (a == 0.) | (x == kInf<double>) ? one : y;
  y = a == kInf<double> ? zero : y;
  const bool wrong = (a < 0.) | (x < 0.) | (a != a) | (x != x) | ((a == 0.) & (x == 0.)) |
                     ((a == kInf<double>)&(x == kInf<double>));
  return wrong ? kNan<double> : y;
}
// By the series or the continued fraction: Press et al., "Numerical Recipes", 6.2.
template <bool kUpper>
void incomplete(double* y, const double* a, const double* x, double) {
  Incomplete v;
  for (int i = 0; i < kLanes; ++i) {
    // Where the ends decide, something that converges at once.
    const bool inside = (a[i] > 0.) & (x[i] > 0.) & (a[i] < kInf<double>)&(x[i] < kInf<double>);
    v.a[i] = inside ? a[i] : 1.;
    // Beyond the bound the upper function is 0, and powers would leave the range of numbers.
    const double bound = a[i] < kStirling ? 1e4 : 1e100;
    v.x[i] = inside ? limit(x[i], 0., bound) : 0.;
    v.above[i] = v.x[i] >= v.a[i] + 1 ? 1 : 0;
  }
  find_front(v);
  const int above = count_above(0, v.above);
  if (above < kLanes) lower_series(v);
  if (above) upper_fraction(v);
  for (int i = 0; i < kLanes; ++i) {
    const bool fraction = v.above[i] > 0.;
    const double value = fraction ? v.upper[i] : v.lower[i];
    y[i] = incomplete_ends<kUpper>(a[i], x[i], fraction == kUpper ? value : 1 - value);
  }
}
}  // namespace

void fill_gamma(PointwiseTable& t) {
  enter_special<1, pieces<Digamma>>(t, Pointwise::digamma);
  enter_special<1, pieces<Trigamma>>(t, Pointwise::trigamma);
  enter_special<1, log_gamma, pieces<LogGamma>>(t, Pointwise::lgamma);
  enter_special<1, polygamma>(t, Pointwise::polygamma_raw);
  enter_special<2, zeta>(t, Pointwise::special_zeta);
  enter_special<2, incomplete<false>>(t, Pointwise::igamma);
  enter_special<2, incomplete<true>>(t, Pointwise::igammac);
}

}  // namespace lampas::kernels::LAMPAS_ISA
