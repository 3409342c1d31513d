// Orthogonal polynomials by their recurrences (DLMF 18.9); degrees are cut to whole numbers,
// negative ones give zero.
#include "kernels/simd/trigonometry.h"
#include "kernels/special_loop.h"

namespace lampas::kernels::LAMPAS_ISA {

namespace {
// P_k = (slope x + offset) P_(k-1) - back P_(k-2).
struct Step {
  double slope, offset, back;
};
Step step_of(Polynomial family, double k) {
  switch (family) {
    case Polynomial::HermiteH:
      return {2, 0, 2 * (k - 1)};
    case Polynomial::HermiteHe:
      return {1, 0, k - 1};
    case Polynomial::Laguerre:
      return {-1 / k, (2 * k - 1) / k, (k - 1) / k};
    case Polynomial::Legendre:
      return {(2 * k - 1) / k, 0, (k - 1) / k};
    default:  // Chebyshev's differ in their first polynomials
      return {2, 0, 1};
  }
}
Step first_of(Polynomial family) {
  switch (family) {
    case Polynomial::ChebyshevT:
      return {1, 0, 0};
    case Polynomial::ChebyshevV:
      return {2, -1, 0};
    case Polynomial::ChebyshevW:
      return {2, 1, 0};
    default:
      return step_of(family, 1);
  }
}

// Chebyshev's polynomials of high degree inside [-1, 1] by their definition.
constexpr double kHighDegree = 64;
double by_angle(Polynomial family, double x, double n) {
  const double t = std::acos(x);
  switch (family) {
    case Polynomial::ChebyshevT:
      return std::cos(n * t);
    case Polynomial::ChebyshevU:
      return std::sin((n + 1) * t) / std::sin(t);
    case Polynomial::ChebyshevV:
      return std::cos((n + 0.5) * t) / std::cos(t / 2);
    default:
      return std::sin((n + 0.5) * t) / std::sin(t / 2);
  }
}

constexpr double kMostSteps = 100'000;

void polynomials(double* y, const double* a, const double* b, double p0) {
  const int which = static_cast<int>(p0), families = static_cast<int>(Polynomial::count);
  const bool shifted = which >= families;
  const auto family = static_cast<Polynomial>(shifted ? which - families : which);
  const double high = family <= Polynomial::ChebyshevW ? kHighDegree : kInf<double>;
  const double slope = shifted ? 2 : 1, offset = shifted ? -1 : 0;
  const Step first = first_of(family);
  alignas(64) double x[kLanes], n[kLanes], now[kLanes], before[kLanes];
  int last = 0, direct = 0;
  for (int i = 0; i < kLanes; ++i) {
    x[i] = slope * a[i] + offset;
    before[i] = 1;
    now[i] = x[i] * first.slope + first.offset;
    n[i] = __builtin_trunc(b[i]);
  }
  for (int i = 0; i < kLanes; ++i) {
    y[i] = n[i] == 0. ? 1. : n[i] == 1. ? now[i] : 0.;
    y[i] = n[i] == n[i] ? y[i] : n[i];
    const bool at_once = (n[i] > high) & (magnitude(x[i]) < 1.);
    n[i] = at_once | !(n[i] < kInf<double>) ? -1. : n[i];
  }
  for (int i = 0; i < kLanes; ++i)
    last = std::max(last, static_cast<int>(limit(n[i], 0., kMostSteps)));
  for (int k = 2; k <= last; ++k) {
    const Step s = step_of(family, k);
    for (int i = 0; i < kLanes; ++i) {
      const double next = (s.slope * x[i] + s.offset) * now[i] - s.back * before[i];
      before[i] = now[i];
      now[i] = next;
      y[i] = n[i] == k ? next : y[i];
    }
  }
  for (int i = 0; i < kLanes; ++i) direct += b[i] > high ? 1 : 0;
  if (!direct) return;
  for (int i = 0; i < kLanes; ++i)
    if (b[i] >= high + 1 && magnitude(x[i]) < 1) y[i] = by_angle(family, x[i], std::trunc(b[i]));
}
}  // namespace

void fill_polynomials(PointwiseTable& t) {
  enter_special<2, polynomials>(t, Pointwise::special_polynomial);
}

}  // namespace lampas::kernels::LAMPAS_ISA
