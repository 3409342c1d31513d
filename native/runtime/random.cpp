#include "runtime/random.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include "core/error.h"
#include "runtime/pool.h"
#include "runtime/random_types.h"

#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#endif

namespace lampas {
namespace {

constexpr double kTwoPi = 6.283185307179586;

// PyTorch's state, field for field.
struct State {
  uint64_t seed;
  int32_t left, seeded;  // left: until the next refill, counting the one that refills
  uint64_t next;
  uint64_t words[kMtWords];
  double normal_x, next_double, normal_rho;
  int32_t has_next_double;
  float next_float;
  bool has_next_float;
};
constexpr size_t kFloatAt = 5048;  // the legacy part is padded to a multiple of eight

uint64_t random_seed() {
  std::random_device device;
  const uint64_t high = device();
  return (high << 32 | device()) & ((uint64_t{1} << 53) - 1);  // a double can hold it
}

uint32_t temper(uint32_t y) {
  y ^= y >> 11;
  y ^= y << 7 & 0x9d2c5680u;
  y ^= y << 15 & 0xefc60000u;
  return y ^ y >> 18;
}

}  // namespace

// ---- generator -------------------------------------------------------------------------------

Generator::Generator(uint64_t seed) { seed_unlocked(seed); }

Generator::Generator(const Generator& other) {
  std::lock_guard lock(other.mutex_);
  std::memcpy(state_, other.state_, sizeof state_);
  std::memcpy(words_, other.words_, sizeof words_);
  next_ = other.next_;
  left_ = other.left_;
  seed_ = other.seed_;
  next_float_normal_ = other.next_float_normal_;
  next_double_normal_ = other.next_double_normal_;
}

void Generator::seed_unlocked(uint64_t seed) {
  seed_ = seed;
  state_[0] = static_cast<uint32_t>(seed);
  for (int i = 1; i < kMtWords; ++i) {
    state_[i] = 1812433253u * (state_[i - 1] ^ state_[i - 1] >> 30) + static_cast<uint32_t>(i);
  }
  next_ = left_ = 0;
  next_float_normal_.reset();
  next_double_normal_.reset();
}

void Generator::manual_seed(uint64_t seed) {
  std::lock_guard lock(mutex_);
  seed_unlocked(seed);
}

uint64_t Generator::initial_seed() const {
  std::lock_guard lock(mutex_);
  return seed_;
}

uint64_t Generator::seed() {
  const uint64_t seed = random_seed();
  manual_seed(seed);
  return seed;
}

void Generator::refill() {
  random::transforms().mt_block(state_, words_);
  next_ = 0;
  left_ = kMtWords;
}

void Generator::words(uint32_t* out, int64_t n) {
  const auto& mt_block = random::transforms().mt_block;
  while (n > 0) {
    if (left_ == 0) {
      if (n >= kMtWords) {  // straight into place
        mt_block(state_, out);
        next_ = kMtWords;
        out += kMtWords;
        n -= kMtWords;
        continue;
      }
      refill();
    }
    const int32_t take = static_cast<int32_t>(std::min<int64_t>(n, left_));
    std::memcpy(out, words_ + next_, static_cast<size_t>(take) * sizeof(uint32_t));
    next_ += take;
    left_ -= take;
    out += take;
    n -= take;
  }
}

double Generator::normal() {
  if (next_double_normal_) {
    const double value = *next_double_normal_;
    next_double_normal_.reset();
    return value;
  }
  const double u1 = uniform(), u2 = uniform();
  const double radius = std::sqrt(-2.0 * std::log1p(-u2)), angle = kTwoPi * u1;
  next_double_normal_ = radius * std::sin(angle);
  return radius * std::cos(angle);
}

void Generator::get_state(uint8_t* out) const {
  std::lock_guard lock(mutex_);
  State s{};
  s.seed = seed_;
  s.left = left_ + 1;
  s.seeded = 1;
  s.next = static_cast<uint64_t>(next_);
  std::copy(state_, state_ + kMtWords, s.words);
  s.has_next_double = next_double_normal_.has_value();
  s.next_double = next_double_normal_.value_or(0.0);
  s.has_next_float = next_float_normal_.has_value();
  s.next_float = next_float_normal_.value_or(0.0f);
  std::memset(out, 0, kStateBytes);
  std::memcpy(out, &s, offsetof(State, has_next_double) + sizeof s.has_next_double);
  std::memcpy(out + kFloatAt, &s.next_float, sizeof s.next_float);
  std::memcpy(out + kFloatAt + sizeof s.next_float, &s.has_next_float, sizeof s.has_next_float);
}

void Generator::set_state(const uint8_t* bytes, size_t size) {
  LAMPAS_CHECK(size == kStateBytes, "Expected a CPUGeneratorImplState of size ", kStateBytes,
               " but found the input RNG state size to be ", size);
  State s{};
  std::memcpy(&s, bytes, offsetof(State, has_next_double) + sizeof s.has_next_double);
  std::memcpy(&s.next_float, bytes + kFloatAt, sizeof s.next_float);
  const bool has_float = bytes[kFloatAt + sizeof s.next_float] != 0;
  const bool sound = s.seeded == 1 && s.left > 0 && s.left <= kMtWords && s.next <= kMtWords &&
                     s.next + static_cast<uint64_t>(s.left) - 1 <= kMtWords;
  LAMPAS_CHECK(sound, "Invalid mt19937 state: left is ", s.left, ", next is ", s.next,
               ", seeded is ", s.seeded, "; was it made by get_state()?");
  std::lock_guard lock(mutex_);
  seed_ = s.seed;
  left_ = s.left - 1;
  next_ = static_cast<int32_t>(s.next);
  for (int i = 0; i < kMtWords; ++i) {
    state_[i] = static_cast<uint32_t>(s.words[i]);
    words_[i] = temper(state_[i]);
  }
  next_double_normal_.reset();
  next_float_normal_.reset();
  if (s.has_next_double) next_double_normal_ = s.next_double;
  if (has_float) next_float_normal_ = s.next_float;
}

Generator& default_generator() {
  static Generator* const generator = [] {
    static Generator instance(random_seed());
#if defined(__unix__) || defined(__APPLE__)
    // A child must not inherit the generator locked by a thread that it does not have.
    pthread_atfork([] { default_generator().mutex().lock(); },
                   [] { default_generator().mutex().unlock(); },
                   [] { default_generator().mutex().unlock(); });
#endif
    return &instance;
  }();
  return *generator;
}

namespace random {
namespace {

// ---- blocks ----------------------------------------------------------------------------------
// Words come in order from one generator. Where the transform costs more than the words, it runs
// on the pool: whoever begins the next block draws its words first, while the others transform
// theirs. A light transform would only wait for its turn; it stays on the calling thread.

enum class Cost { Light, Heavy };

constexpr int64_t kInPlace = 8192;   // elements of a block whose words stand in the output
constexpr int64_t kBuffered = 4096;  // words of a block that has its own buffer

// body(block, draw): calls draw(dst, words) once, then transforms.
template <class Body>
void in_order(Generator& g, Cost cost, int64_t blocks, const Body& body) {
  if (cost == Cost::Light || blocks <= 1) {
    const auto draw = [&](uint32_t* dst, int64_t words) { g.words(dst, words); };
    for (int64_t block = 0; block < blocks; ++block) body(block, draw);
    return;
  }
  std::mutex order;
  int64_t next = 0;
  parallel_for(blocks, [&](int64_t) {
    std::unique_lock lock(order);
    const int64_t block = next++;
    body(block, [&](uint32_t* dst, int64_t words) {
      g.words(dst, words);
      lock.unlock();
    });
  });
}

int64_t blocks_of(int64_t n, int64_t size) { return (n + size - 1) / size; }

// transform(words, out, count), each element as large as its words.
template <class T, class F>
void fill_in_place(Generator& g, Cost cost, T* out, int64_t n, F transform) {
  constexpr int64_t each = sizeof(T) / sizeof(uint32_t);
  in_order(g, cost, blocks_of(n, kInPlace), [&](int64_t block, const auto& draw) {
    T* const dst = out + block * kInPlace;
    const int64_t count = std::min(kInPlace, n - block * kInPlace);
    auto* const words = reinterpret_cast<uint32_t*>(dst);
    draw(words, count * each);
    transform(words, dst, count);
  });
}

// transform(words, begin, count) with `each` words for an element.
template <class F>
void fill_buffered(Generator& g, Cost cost, int64_t n, int64_t each, F transform) {
  const int64_t size = kBuffered / each;
  in_order(g, cost, blocks_of(n, size), [&](int64_t block, const auto& draw) {
    alignas(64) uint32_t words[kBuffered];
    const int64_t begin = block * size, count = std::min(size, n - begin);
    draw(words, count * each);
    transform(words, begin, count);
  });
}

// ---- uniform and normal ------------------------------------------------------------------------

template <class T>
void uniform_half(Generator& g, T* out, int64_t n, double from, double to) {
  const T low = as<T>(from), high = as<T>(to);
  const auto transform = transforms().uniform_f32;
  fill_buffered(g, Cost::Light, n, 1, [&](const uint32_t* words, int64_t begin, int64_t count) {
    alignas(64) float values[kBuffered];
    transform(words, values, count, static_cast<float>(from), static_cast<float>(to));
    for (int64_t i = 0; i < count; ++i) {
      const T value = as<T>(values[i]);  // may have been rounded up to the excluded bound
      out[begin + i] = value.bits == high.bits ? low : value;
    }
  });
}

// The words of the first n elements, then sixteen more for a last block where 16 does not divide n.
// fill(begin, count) makes elements from fresh words; both are multiples of 16 or end at n.
template <class T>
void normal_half(Generator& g, T* out, int64_t n, float mean, float std) {
  const auto transform = transforms().normal_f32;
  const auto convert = [&](const uint32_t* words, int64_t begin, int64_t count) {
    alignas(64) float values[kBuffered];
    transform(words, values, count, mean, std);
    for (int64_t i = 0; i < count; ++i) out[begin + i] = as<T>(values[i]);
  };
  const int64_t whole = n / 16 * 16;
  fill_buffered(g, Cost::Heavy, whole, 1, convert);
  if (whole == n) return;
  uint32_t words[16];
  g.words(words, 16);  // PyTorch draws these elements once only for its 16-bit types
  convert(words, n - 16, 16);
}

template <class T, class F>
void normal_large(Generator& g, T* out, int64_t n, F transform) {
  const int64_t whole = n / 16 * 16;
  fill_in_place(g, Cost::Heavy, out, whole, transform);
  if (whole == n) return;
  constexpr int64_t each = sizeof(T) / sizeof(uint32_t);
  uint32_t words[16 * each];
  g.words(words, (n - whole) * each);  // drawn, and drawn again below
  g.words(words, 16 * each);
  transform(words, out + n - 16, 16);
}

template <class T>
void normal_of(Generator& g, T* out, int64_t n, double mean, double std) {
  if (n < 16) {
    fill_serial(out, n, [&] { return g.normal() * std + mean; });
  } else if constexpr (std::is_same_v<T, float>) {
    const float m = static_cast<float>(mean), s = static_cast<float>(std);
    normal_large(g, out, n,
                 [=, f = transforms().normal_f32](const uint32_t* w, float* o, int64_t k) {
                   f(w, o, k, m, s);
                 });
  } else if constexpr (std::is_same_v<T, double>) {
    normal_large(g, out, n,
                 [=, f = transforms().normal_f64](const uint32_t* w, double* o, int64_t k) {
                   f(w, o, k, mean, std);
                 });
  } else {
    normal_half(g, out, n, static_cast<float>(mean), static_cast<float>(std));
  }
}

// ---- integers and Bernoulli --------------------------------------------------------------------

uint64_t wide(const uint32_t* words, int64_t i) {
  return static_cast<uint64_t>(words[2 * i]) << 32 | words[2 * i + 1];
}

constexpr uint64_t kWideRange = uint64_t{1} << 28;  // below, the modulus skews by 6 % at most

template <class T>
void randint_of(Generator& g, T* out, int64_t n, uint64_t range, int64_t base) {
  if (range >= kWideRange) {
    fill_buffered(g, Cost::Heavy, n, 2, [&](const uint32_t* words, int64_t begin, int64_t count) {
      for (int64_t i = 0; i < count; ++i) {
        const uint64_t offset = range ? wide(words, i) % range : wide(words, i);
        out[begin + i] = as<T>(static_cast<int64_t>(offset + static_cast<uint64_t>(base)));
      }
    });
    return;
  }
  const auto transform = transforms().randint_i64;
  fill_buffered(g, Cost::Light, n, 1, [&](const uint32_t* words, int64_t begin, int64_t count) {
    if constexpr (std::is_same_v<T, int64_t>) {
      transform(words, out + begin, count, static_cast<uint32_t>(range), base);
    } else {
      alignas(64) int64_t values[kBuffered];
      transform(words, values, count, static_cast<uint32_t>(range), base);
      for (int64_t i = 0; i < count; ++i) out[begin + i] = as<T>(values[i]);
    }
  });
}

template <class T>
void randint_default_of(Generator& g, T* out, int64_t n) {
  constexpr bool two = std::is_same_v<T, double> || std::is_same_v<T, int64_t>;
  constexpr uint64_t modulus =
      (uint64_t{1} << kDigits<T>)+(std::is_integral_v<T> ? 0 : 1);  // bool has one digit
  fill_buffered(g, Cost::Light, n, two ? 2 : 1,
                [&](const uint32_t* words, int64_t begin, int64_t count) {
                  for (int64_t i = 0; i < count; ++i) {
                    const uint64_t word = two ? wide(words, i) : words[i];
                    out[begin + i] = as<T>(static_cast<int64_t>(word % modulus));
                  }
                });
}

// u53 < p, as a bound of the integer u53 * 2^53.
uint64_t bernoulli_bound(double p) { return static_cast<uint64_t>(std::ceil(p * 0x1p53)); }

template <class T>
void bernoulli_of(Generator& g, T* out, int64_t n, double p) {
  const uint64_t bound = bernoulli_bound(p);
  const auto f32 = transforms().bernoulli_f32;
  const auto u8 = transforms().bernoulli_u8;
  fill_buffered(g, Cost::Light, n, 2, [&](const uint32_t* words, int64_t begin, int64_t count) {
    if constexpr (std::is_same_v<T, float>) {
      f32(words, out + begin, count, bound);
    } else if constexpr (sizeof(T) == 1) {
      u8(words, reinterpret_cast<uint8_t*>(out + begin), count, bound);
    } else {
      uint8_t values[kBuffered / 2];
      u8(words, values, count, bound);
      const T zero = as<T>(0), one = as<T>(1);
      for (int64_t i = 0; i < count; ++i) out[begin + i] = values[i] ? one : zero;
    }
  });
}

template <class P>
double checked_probability(P value) {
  const double p = static_cast<double>(value);
  LAMPAS_CHECK(p >= 0 && p <= 1, "bernoulli: expected every probability in [0, 1], got ", p);
  return p;
}

template <class T, class P>
void bernoulli_each(Generator& g, T* out, int64_t n, const P* p) {
  for (int64_t i = 0; i < n; ++i) {
    if constexpr (std::is_same_v<P, double>) {
      out[i] = as<T>(g.uniform() < checked_probability(p[i]) ? 1 : 0);
    } else {
      float value;
      if constexpr (std::is_same_v<P, float>) {
        value = p[i];
      } else {
        value = to_float(p[i]);
      }
      checked_probability(value);
      out[i] = as<T>(static_cast<float>(g.random() & 0xffffff) * 0x1p-24f < value ? 1 : 0);
    }
  }
}

}  // namespace

void uniform(Generator& g, DType d, void* out, int64_t n, double from, double to) {
  std::lock_guard lock(g.mutex());
  if (d == DType::F32) {
    const float low = static_cast<float>(from), high = static_cast<float>(to);
    fill_in_place(g, Cost::Light, static_cast<float*>(out), n,
                  [=, f = transforms().uniform_f32](const uint32_t* w, float* o, int64_t k) {
                    f(w, o, k, low, high);
                  });
  } else if (d == DType::F64) {
    fill_in_place(g, Cost::Light, static_cast<double*>(out), n,
                  [=, f = transforms().uniform_f64](const uint32_t* w, double* o, int64_t k) {
                    f(w, o, k, from, to);
                  });
  } else if (d == DType::F16) {
    uniform_half(g, static_cast<f16*>(out), n, from, to);
  } else {
    LAMPAS_CHECK_KIND(NotImplemented, d == DType::BF16, "uniform_: not implemented for dtype ",
                      dtype_name(d), "; use a floating-point dtype");
    uniform_half(g, static_cast<bf16*>(out), n, from, to);
  }
}

void normal(Generator& g, DType d, void* out, int64_t n, double mean, double std) {
  std::lock_guard lock(g.mutex());
  with_floating("normal_", d,
                [&]<class T>(T*) { normal_of(g, static_cast<T*>(out), n, mean, std); });
}

void normal_in_pairs(Generator& g, DType d, void* out, int64_t n, double mean, double std) {
  std::lock_guard lock(g.mutex());
  with_floating("normal_", d, [&]<class T>(T*) {
    fill_serial(static_cast<T*>(out), n, [&] { return g.normal() * std + mean; });
  });
}

void log_normal(Generator& g, DType d, void* out, int64_t n, double mean, double std) {
  std::lock_guard lock(g.mutex());
  with_floating("log_normal_", d, [&]<class T>(T*) {
    fill_serial(static_cast<T*>(out), n, [&] { return std::exp(g.normal() * std + mean); });
  });
}

void cauchy(Generator& g, DType d, void* out, int64_t n, double median, double sigma) {
  constexpr double eps = std::numeric_limits<double>::epsilon();  // keeps the tangent finite
  std::lock_guard lock(g.mutex());
  with_floating("cauchy_", d, [&]<class T>(T*) {
    fill_serial(static_cast<T*>(out), n, [&] {
      const double u = std::clamp(g.uniform(), eps, 1 - eps);
      return median + sigma * std::tan(kTwoPi / 2 * (u - 0.5));
    });
  });
}

void exponential(Generator& g, DType d, void* out, int64_t n, double lambda) {
  std::lock_guard lock(g.mutex());
  with_floating("exponential_", d, [&]<class T>(T*) {
    T* const dst = static_cast<T*>(out);
    const auto f32 = transforms().exponential_f32;
    const auto f64 = transforms().exponential_f64;
    fill_buffered(g, Cost::Heavy, n, 2, [&](const uint32_t* words, int64_t begin, int64_t count) {
      if constexpr (std::is_same_v<T, double>) {
        f64(words, dst + begin, count, lambda);
      } else if constexpr (std::is_same_v<T, float>) {
        f32(words, dst + begin, count, lambda);
      } else {
        alignas(64) float values[kBuffered / 2];
        f32(words, values, count, lambda);
        for (int64_t i = 0; i < count; ++i) dst[begin + i] = as<T>(values[i]);
      }
    });
  });
}

void geometric(Generator& g, DType d, void* out, int64_t n, double p) {
  std::lock_guard lock(g.mutex());
  with_real("geometric_", d, [&]<class T>(T*) {
    const double scale = std::log1p(-p);
    fill_serial(static_cast<T*>(out), n, [&] { return std::ceil(std::log(g.uniform()) / scale); });
  });
}

void randint(Generator& g, DType d, void* out, int64_t n, int64_t from, int64_t to) {
  const uint64_t range = static_cast<uint64_t>(to) - static_cast<uint64_t>(from);
  std::lock_guard lock(g.mutex());
  with_real("random_", d,
            [&]<class T>(T*) { randint_of(g, static_cast<T*>(out), n, range, from); });
}

void randint_default(Generator& g, DType d, void* out, int64_t n) {
  std::lock_guard lock(g.mutex());
  with_real("random_", d, [&]<class T>(T*) { randint_default_of(g, static_cast<T*>(out), n); });
}

void randint_full(Generator& g, DType d, void* out, int64_t n) {
  std::lock_guard lock(g.mutex());
  with_real("random_", d, [&]<class T>(T*) {
    fill_serial(static_cast<T*>(out), n, [&] { return static_cast<int64_t>(g.random64()); });
  });
}

void bernoulli(Generator& g, DType d, void* out, int64_t n, double p) {
  checked_probability(p);
  std::lock_guard lock(g.mutex());
  with_real("bernoulli_", d, [&]<class T>(T*) { bernoulli_of(g, static_cast<T*>(out), n, p); });
}

void bernoulli(Generator& g, DType d, void* out, int64_t n, DType p_type, const void* p) {
  std::lock_guard lock(g.mutex());
  with_real("bernoulli_", d, [&]<class T>(T*) {
    with_floating("bernoulli_", p_type, [&]<class P>(P*) {
      bernoulli_each(g, static_cast<T*>(out), n, static_cast<const P*>(p));
    });
  });
}

}  // namespace random
}  // namespace lampas
