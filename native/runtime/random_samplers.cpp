// Permutations, categorical draws and rejection samplers: one number depends on the ones before,
// so these run in order on the calling thread.
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "runtime/random.h"
#include "runtime/random_types.h"

namespace lampas::random {
namespace {

// The number an element stands for; arithmetic on 16-bit elements happens in float.
inline float value_of(f16 v) { return to_float(v); }
inline float value_of(bf16 v) { return to_float(v); }
inline float value_of(float v) { return v; }
inline double value_of(double v) { return v; }

// ---- permutations ------------------------------------------------------------------------------

constexpr int64_t kWidePermutation = INT64_C(4294967295) / 20;  // word % n skews by more than 5 %

template <class T>
void shuffle(Generator& g, T* out, int64_t n) {
  for (int64_t i = 0; i < n; ++i) out[i] = as<T>(i);
  for (int64_t i = 0; i < n - 1; ++i) {
    std::swap(out[i], out[i + g.random() % static_cast<uint32_t>(n - i)]);
  }
}

template <class T>
void shuffle_wide(Generator& g, T* out, int64_t n) {  // inside out
  for (int64_t i = 0; i < n; ++i) {
    const int64_t j = static_cast<int64_t>(g.random64() % static_cast<uint64_t>(i + 1));
    out[i] = out[j];
    out[j] = as<T>(i);
  }
}

// ---- categorical -------------------------------------------------------------------------------

template <class T>
void with_replacement(Generator& g, const T* weights, int64_t* out, int64_t categories,
                      int64_t samples) {
  using V = decltype(value_of(T{}));
  std::vector<V> cumulative(static_cast<size_t>(categories));
  V sum = 0;
  for (int64_t j = 0; j < categories; ++j) {
    const V w = value_of(weights[j]);
    LAMPAS_CHECK(w >= 0, "multinomial: invalid distribution (weight ", w, " of category ", j,
                 " is not >= 0)");
    LAMPAS_CHECK(std::isfinite(w), "multinomial: invalid distribution (weight of category ", j,
                 " is infinite)");
    cumulative[static_cast<size_t>(j)] = sum += w;
  }
  LAMPAS_CHECK(sum > 0, "multinomial: invalid distribution (sum of probabilities <= 0)");
  for (V& c : cumulative) c /= sum;
  cumulative.back() = 1;
  for (int64_t i = 0; i < samples; ++i) {
    const auto at = std::partition_point(cumulative.begin(), cumulative.end(),
                                         [u = g.uniform()](V c) { return c < u; });
    out[i] = at - cumulative.begin();
  }
}

// The exponential race: the largest weights over exponential draws, which PyTorch orders by its
// topk, ties included.
template <class T>
void race(Generator& g, const T* weights, int64_t* out, int64_t categories, int64_t samples) {
  using Entry = std::pair<double, int64_t>;
  std::vector<Entry> times(static_cast<size_t>(categories));
  for (int64_t j = 0; j < categories; ++j) {
    const T draw = as<T>(std::log1p(-g.uniform()) * -1.0);
    const T time = as<T>(value_of(weights[j]) / value_of(draw));
    times[static_cast<size_t>(j)] = {static_cast<double>(value_of(time)), j};
  }
  const auto ahead = [](const Entry& a, const Entry& b) {
    return (std::isnan(a.first) && !std::isnan(b.first)) || a.first > b.first;
  };
  const auto begin = times.begin(), end = times.end();
  if (samples == 1) {
    out[0] = std::min_element(begin, end, ahead)->second;
    return;
  }
  if (samples * 64 <= categories) {
    std::partial_sort(begin, begin + samples, end, ahead);
  } else {
    std::nth_element(begin, begin + samples - 1, end, ahead);
    std::sort(begin, begin + samples - 1, ahead);
  }
  for (int64_t i = 0; i < samples; ++i) out[i] = times[static_cast<size_t>(i)].second;
}

template <class T>
void check_race(const T* weights, int64_t rows, int64_t categories) {
  for (int64_t r = 0; r < rows; ++r) {
    double sum = 0;
    for (int64_t j = 0; j < categories; ++j) {
      const double w = value_of(weights[r * categories + j]);
      LAMPAS_CHECK(w >= 0 && std::isfinite(w),
                   "multinomial: probability tensor contains either `inf`, `nan` or element < 0 (",
                   w, " in row ", r, ", category ", j, ")");
      sum += w;
    }
    LAMPAS_CHECK(sum > 0, "multinomial: invalid distribution (sum of probabilities <= 0 in row ", r,
                 ")");
  }
}

// ---- Poisson -----------------------------------------------------------------------------------

// Hoermann (1993), transformed rejection with squeeze, for rates of 10 and more.
double poisson_large(Generator& g, double rate) {
  const double root = std::sqrt(rate), log_rate = std::log(rate);
  const double b = 0.931 + 2.53 * root, a = -0.059 + 0.02483 * b;
  const double inverse_alpha = 1.1239 + 1.1328 / (b - 3.4), v_r = 0.9277 - 3.6224 / (b - 2);
  for (;;) {
    const double u = g.uniform() - 0.5, v = g.uniform(), us = 0.5 - std::fabs(u);
    const double k = std::floor((2 * a / us + b) * u + rate + 0.43);
    if (us >= 0.07 && v <= v_r) return k;
    if (k < 0 || (us < 0.013 && v > us)) continue;
    if (std::log(v) + std::log(inverse_alpha) - std::log(a / (us * us) + b) <=
        -rate + k * log_rate - std::lgamma(k + 1)) {
      return k;
    }
  }
}

double sample_poisson(Generator& g, double rate) {
  LAMPAS_CHECK(rate >= 0, "poisson: expected every rate to be non-negative, got ", rate);
  if (rate >= 10) return poisson_large(g, rate);
  if (rate == 0) return 0;
  const double floor = std::exp(-rate);
  double count = 0;
  for (double product = g.uniform(); product > floor; product *= g.uniform()) ++count;
  return count;
}

// ---- binomial ----------------------------------------------------------------------------------

// log(k!) less Stirling's approximation.
double stirling_rest(double k) {
  constexpr double table[] = {0.0810614667953272,  0.0413406959554092, 0.0276779256849983,
                              0.02079067210376509, 0.0166446911898211, 0.0138761288230707,
                              0.0118967099458917,  0.0104112652619720, 0.00925546218271273,
                              0.00833056343336287};
  if (k < 10) return table[static_cast<int>(k)];
  const double square = (k + 1) * (k + 1);
  return (1.0 / 12 - (1.0 / 360 - 1.0 / 1260 / square) / square) / (k + 1);
}

// Hoermann (1993), BTRS, for n p >= 10. Count and probability keep their element type: the rounding
// of their products is part of the stream.
template <class V>
V binomial_large(Generator& g, V n, V p) {
  const double deviation = std::sqrt(n * p * (1 - p));
  const double b = 1.15 + 2.53 * deviation;
  const double a = -0.0873 + 0.0248 * b + 0.01 * p;
  const double c = n * p + 0.5, v_r = 0.92 - 4.2 / b, r = p / (1 - p);
  const double alpha = (2.83 + 5.1 / b) * deviation, m = std::floor((n + 1) * p);
  for (;;) {
    const double u = g.uniform() - 0.5;
    double v = g.uniform();
    const double us = 0.5 - std::fabs(u);
    const V k = static_cast<V>(std::floor((2 * a / us + b) * u + c));
    if (k < 0 || k > n) continue;
    if (us >= 0.07 && v <= v_r) return k;
    v = std::log(v * alpha / (a / (us * us) + b));
    const double bound = (m + 0.5) * std::log((m + 1) / (r * (n - m + 1))) +
                         (n + 1) * std::log((n - m + 1) / (n - k + 1)) +
                         (k + V(0.5)) * std::log(r * (n - k + 1) / (k + 1)) + stirling_rest(m) +
                         stirling_rest(n - m) - stirling_rest(k) - stirling_rest(n - k);
    if (v <= bound) return k;
  }
}

// Counts geometric waiting times that fit into n trials.
template <class V>
V binomial_small(Generator& g, V n, V p) {
  const double log_q = std::log1p(-p);
  double trials = 0;
  for (V successes = 0;; successes += 1) {
    trials += std::ceil(std::log(g.uniform()) / log_q);
    if (trials > n) return successes;
  }
}

template <class V>
V sample_binomial(Generator& g, V n, V p) {
  if (std::isnan(n) || std::isnan(p)) return std::numeric_limits<V>::quiet_NaN();
  if (n <= 0 || p <= 0) return 0;
  if (p >= 1) return n;
  const V q = p <= V(0.5) ? p : static_cast<V>(1.0 - p);
  const V k = n * q >= 10 ? binomial_large(g, n, q) : binomial_small(g, n, q);
  return p <= V(0.5) ? k : n - k;
}

// ---- gamma -------------------------------------------------------------------------------------

// Marsaglia and Tsang (2000), by rejection; alpha below 1 is boosted. Alpha keeps its element type.
template <class V>
double sample_gamma(Generator& g, V alpha) {
  double scale = 1;
  if (alpha < 1) {
    if (alpha == 0) return 0;
    scale = std::pow(1 - g.uniform(), 1.0f / alpha);
    alpha += 1;
  }
  const double d = alpha - 1.0f / 3.0f, c = 1.0f / std::sqrt(9.0f * d);
  for (;;) {
    double x, y;
    do {
      x = g.normal();
      y = 1 + c * x;
    } while (y <= 0);
    const double v = y * y * y, u = 1 - g.uniform(), xx = x * x;
    if (u < 1 - 0.0331f * xx * xx || std::log(u) < 0.5 * xx + d * (1 - v + std::log(v))) {
      return scale * d * v;
    }
  }
}

template <class T>
constexpr double kSmallest = std::numeric_limits<T>::min();
template <>
constexpr double kSmallest<f16> = 0x1p-14;
template <>
constexpr double kSmallest<bf16> = 0x1p-126;

template <class T>
constexpr double kBelowOne = 1 - std::numeric_limits<T>::epsilon() / 2;
template <>
constexpr double kBelowOne<f16> = 1 - 0x1p-11;
template <>
constexpr double kBelowOne<bf16> = 1 - 0x1p-8;

}  // namespace

void randperm(Generator& g, DType d, void* out, int64_t n) {
  std::lock_guard lock(g.mutex());
  with_real("randperm", d, [&]<class T>(T*) {
    if (n < kWidePermutation) {
      shuffle(g, static_cast<T*>(out), n);
    } else {
      shuffle_wide(g, static_cast<T*>(out), n);
    }
  });
}

void multinomial(Generator& g, DType d, const void* weights, int64_t* out, int64_t rows,
                 int64_t categories, int64_t samples, bool replacement) {
  std::lock_guard lock(g.mutex());
  with_floating("multinomial", d, [&]<class T>(T*) {
    const T* const w = static_cast<const T*>(weights);
    const bool many = replacement && samples > 1;  // a single draw is a race, too
    if (!many) check_race(w, rows, categories);
    for (int64_t r = 0; r < rows; ++r) {
      (many ? with_replacement<T> : race<T>)(g, w + r * categories, out + r * samples, categories,
                                             samples);
    }
  });
}

void poisson(Generator& g, DType d, void* out, const void* rate, int64_t n) {
  std::lock_guard lock(g.mutex());
  with_floating("poisson", d, [&]<class T>(T*) {
    const T* const rates = static_cast<const T*>(rate);
    for (int64_t i = 0; i < n; ++i) {
      static_cast<T*>(out)[i] = as<T>(sample_poisson(g, value_of(rates[i])));
    }
  });
}

void binomial(Generator& g, DType d, void* out, const void* count, const void* p, int64_t n) {
  std::lock_guard lock(g.mutex());
  with_floating("binomial", d, [&]<class T>(T*) {
    const T *const counts = static_cast<const T*>(count), *const ps = static_cast<const T*>(p);
    for (int64_t i = 0; i < n; ++i) {
      static_cast<T*>(out)[i] = as<T>(sample_binomial(g, value_of(counts[i]), value_of(ps[i])));
    }
  });
}

void standard_gamma(Generator& g, DType d, void* out, const void* alpha, int64_t n) {
  std::lock_guard lock(g.mutex());
  with_floating("_standard_gamma", d, [&]<class T>(T*) {
    const T* const alphas = static_cast<const T*>(alpha);
    for (int64_t i = 0; i < n; ++i) {
      const double sample = sample_gamma(g, value_of(alphas[i]));
      static_cast<T*>(out)[i] = as<T>(std::max(sample, kSmallest<T>));
    }
  });
}

void dirichlet(Generator& g, DType d, void* out, const void* alpha, int64_t rows, int64_t k) {
  std::lock_guard lock(g.mutex());
  with_floating("_sample_dirichlet", d, [&]<class T>(T*) {
    std::vector<double> gamma(static_cast<size_t>(rows * k));  // double, lest they underflow
    const T* const alphas = static_cast<const T*>(alpha);
    for (int64_t i = 0; i < rows * k; ++i) {
      const double sample = sample_gamma(g, static_cast<double>(value_of(alphas[i])));
      gamma[static_cast<size_t>(i)] = std::max(sample, std::numeric_limits<double>::min());
    }
    for (int64_t r = 0; r < rows; ++r) {
      const double* const row = gamma.data() + r * k;
      double sum = 0;
      for (int64_t j = 0; j < k; ++j) sum += row[j];
      for (int64_t j = 0; j < k; ++j) {
        static_cast<T*>(out)[r * k + j] =
            as<T>(std::clamp(row[j] / sum, kSmallest<T>, kBelowOne<T>));
      }
    }
  });
}

void rrelu(Generator& g, DType d, const void* in, void* noise, void* out, int64_t n, double lower,
           double upper) {
  std::lock_guard lock(g.mutex());
  with_floating("rrelu", d, [&]<class T>(T*) {
    using V = decltype(value_of(T{}));
    const T* const src = static_cast<const T*>(in);
    const double low = static_cast<V>(lower), width = static_cast<V>(upper) - low;
    for (int64_t i = 0; i < n; ++i) {
      const V x = value_of(src[i]);
      const V slope = x <= 0 ? static_cast<V>(g.uniform() * width + low) : V(1);
      static_cast<T*>(noise)[i] = as<T>(slope);
      static_cast<T*>(out)[i] = x <= 0 ? as<T>(x * slope) : src[i];
    }
  });
}

}  // namespace lampas::random
