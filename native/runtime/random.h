// Random numbers: PyTorch's CPU generator and transforms, value for value.
//
// The stream is MT19937: 32-bit words, tempered, in order. "w32" below is one word; "w64" is two
// words, the first in the upper half. u24 = (w32 mod 2^24) / 2^24 as float; u53 = (w64 mod 2^53) /
// 2^53 as double. What each transform takes from the stream, per element unless said otherwise:
//
//   uniform       float64: w64 (u53); others: w32 (u24). Where rounding reaches the upper bound,
//                 the lower one is taken
//   normal        n >= 16: the words of n uniforms of this dtype in [0, 1), then, where 16 does not
//                 divide n, of 16 more for the last 16 elements; Box-Muller over blocks of 16
//                 (element j with j + 8). 16-bit types draw no words for the elements that are
//                 drawn again. n < 16: two u53 per pair of elements, the second value kept in
//                 the generator for the next
//   randint       to - from >= 2^28: w64, else w32; both modulo the range
//   random_       float64, int64: w64; others: w32
//   bernoulli     a number p: w64 (u53 < p); a tensor p: as uniform of p's dtype
//   exponential   w64 (u53); likewise geometric and cauchy
//   log_normal    as normal with n < 16, for any n
//   randperm      n - 1 w32 in all (n w64 for n >= 2^32 / 20)
//   multinomial   several samples with replacement: w64 (u53) each; else one exponential for
//                 each category
//   poisson, binomial, gamma, dirichlet   rejection samplers: u53 and normals, as many as it takes
//
// All functions lock the generator for their duration, write contiguous buffers, use the pool
// where the transform is worth it, and give the same bits on any number of threads. Arguments are
// checked by the caller (ops), except where said.
#pragma once
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>

#include "core/dtype.h"

namespace lampas {

inline constexpr uint64_t kDefaultSeed = 67280421310721;
inline constexpr int kMtWords = 624;

class Generator {
 public:
  // Size of a state: 5056 bytes, laid out as PyTorch's CPU generator has it.
  static constexpr size_t kStateBytes = 5056;

  explicit Generator(uint64_t seed = kDefaultSeed);
  Generator(const Generator& other);  // a copy that continues the same stream
  Generator& operator=(const Generator&) = delete;

  void manual_seed(uint64_t seed);
  uint64_t initial_seed() const;
  uint64_t seed();  // seeds from the operating system and returns that seed
  void get_state(uint8_t* out) const;
  // Throws Error{Runtime} on a wrong size or an impossible state, and leaves the generator alone.
  void set_state(const uint8_t* bytes, size_t size);

  // One draw each; the caller holds mutex().
  uint32_t random() {
    if (left_ == 0) refill();
    --left_;
    return words_[next_++];
  }
  uint64_t random64() {
    const uint64_t high = random();
    return high << 32 | random();
  }
  double uniform() { return static_cast<double>(random64() & kMask53) * 0x1p-53; }
  double normal();                       // standard normal; two u53 every other call
  void words(uint32_t* out, int64_t n);  // the next n words

  std::mutex& mutex() const { return mutex_; }

 private:
  static constexpr uint64_t kMask53 = (uint64_t{1} << 53) - 1;
  void refill();
  void seed_unlocked(uint64_t seed);

  // state_ is the untempered array as of the last refill, words_ the same tempered, of which
  // words_[next_, next_ + left_) are unused.
  alignas(64) uint32_t state_[kMtWords];
  alignas(64) uint32_t words_[kMtWords];
  int32_t next_ = 0, left_ = 0;
  uint64_t seed_ = 0;
  std::optional<float> next_float_normal_;
  std::optional<double> next_double_normal_;
  mutable std::mutex mutex_;
};

// The process's generator, behind manual_seed() and every draw without a generator.
Generator& default_generator();

namespace random {

// Transforms of raw words, one instruction set's worth; kernels/random.h states each contract. The
// runtime stands below the kernels: dispatch/random.cpp defines transforms() and returns the fields
// of kernels::RandomTable, which are these in this order.
struct Transforms {
  void (*mt_block)(uint32_t* state, uint32_t* words);
  void (*uniform_f32)(const uint32_t* words, float* out, int64_t n, float from, float to);
  void (*uniform_f64)(const uint32_t* words, double* out, int64_t n, double from, double to);
  void (*normal_f32)(const uint32_t* words, float* out, int64_t n, float mean, float std);
  void (*normal_f64)(const uint32_t* words, double* out, int64_t n, double mean, double std);
  void (*randint_i64)(const uint32_t* words, int64_t* out, int64_t n, uint32_t range, int64_t base);
  void (*bernoulli_u8)(const uint32_t* words, uint8_t* out, int64_t n, uint64_t bound);
  void (*bernoulli_f32)(const uint32_t* words, float* out, int64_t n, uint64_t bound);
  void (*exponential_f32)(const uint32_t* words, float* out, int64_t n, double lambda);
  void (*exponential_f64)(const uint32_t* words, double* out, int64_t n, double lambda);
};
const Transforms& transforms();

// Floating dtypes.
void uniform(Generator&, DType, void* out, int64_t n, double from, double to);
void normal(Generator&, DType, void* out, int64_t n, double mean, double std);
// As `normal` of fewer than 16 elements, for any n: what a tensor gets that is not contiguous.
void normal_in_pairs(Generator&, DType, void* out, int64_t n, double mean, double std);
void log_normal(Generator&, DType, void* out, int64_t n, double mean, double std);
void cauchy(Generator&, DType, void* out, int64_t n, double median, double sigma);
void exponential(Generator&, DType, void* out, int64_t n, double lambda);

// Any real dtype.
void geometric(Generator&, DType, void* out, int64_t n, double p);
void randint(Generator&, DType, void* out, int64_t n, int64_t from, int64_t to);  // [from, to)
// random_() without bounds: [0, max] for integers, [0, 2^digits] for floating dtypes.
void randint_default(Generator&, DType, void* out, int64_t n);
// random_(-2^63, None): all 64 bits.
void randint_full(Generator&, DType, void* out, int64_t n);
void bernoulli(Generator&, DType, void* out, int64_t n, double p);
// One probability per element. Throws Error{Runtime} for one outside [0, 1].
void bernoulli(Generator&, DType, void* out, int64_t n, DType p_type, const void* p);

// A permutation of 0 .. n-1, as any integral or floating dtype.
void randperm(Generator&, DType, void* out, int64_t n);
// rows x categories weights of a floating dtype, rows x samples indices. Throws Error{Runtime} for
// negative, infinite or NaN weights and for rows that sum to zero.
void multinomial(Generator&, DType, const void* weights, int64_t* out, int64_t rows,
                 int64_t categories, int64_t samples, bool replacement);

// Floating dtypes; parameters of the same dtype, one per element.
void poisson(Generator&, DType, void* out, const void* rate, int64_t n);
void binomial(Generator&, DType, void* out, const void* count, const void* p, int64_t n);
void standard_gamma(Generator&, DType, void* out, const void* alpha, int64_t n);
void dirichlet(Generator&, DType, void* out, const void* alpha, int64_t rows, int64_t k);
// Randomised leaky ReLU: for every in <= 0 a slope from [lower, upper), else 1, into noise; out is
// in * noise. One u53 per element that is <= 0.
void rrelu(Generator&, DType, const void* in, void* noise, void* out, int64_t n, double lower,
           double upper);

}  // namespace random
}  // namespace lampas
