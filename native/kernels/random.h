// Transforms of raw 32-bit random words into numbers. Plain single-thread kernels: the runtime
// generates the words in order, cuts them into blocks and runs the blocks on the pool. `out` may be
// the very memory of `words`, where an element is as large as the words it is made of.
// dispatch/random.cpp hands these to the runtime, which stands below the kernels.
#pragma once
#include "core/dtype.h"
#include "kernels/env.h"

namespace lampas::kernels {

struct RandomTable {
  // One step of MT19937: advances the 624 words of state and writes them, tempered, to words.
  void (*mt_block)(uint32_t* state, uint32_t* words);

  // (low 24 bits of a word) / 2^24 * (to - from) + from; `from` where that rounds to `to`
  void (*uniform_f32)(const uint32_t* words, float* out, int64_t n, float from, float to);
  // (low 53 bits of a pair of words) / 2^53 * (to - from) + from, likewise
  void (*uniform_f64)(const uint32_t* words, double* out, int64_t n, double from, double to);

  // Box-Muller over blocks of 16 uniforms in [0, 1): the first eight give the radius, the last
  // eight the angle of elements j and j + 8. n is a multiple of 16; float64 takes word pairs.
  void (*normal_f32)(const uint32_t* words, float* out, int64_t n, float mean, float std);
  void (*normal_f64)(const uint32_t* words, double* out, int64_t n, double mean, double std);

  // word % range + base
  void (*randint_i64)(const uint32_t* words, int64_t* out, int64_t n, uint32_t range, int64_t base);

  // (low 53 bits of a pair of words) < bound, as 0 or 1
  void (*bernoulli_u8)(const uint32_t* words, uint8_t* out, int64_t n, uint64_t bound);
  void (*bernoulli_f32)(const uint32_t* words, float* out, int64_t n, uint64_t bound);

  // log1p(-u53) / -lambda
  void (*exponential_f32)(const uint32_t* words, float* out, int64_t n, double lambda);
  void (*exponential_f64)(const uint32_t* words, double* out, int64_t n, double lambda);
};

}  // namespace lampas::kernels
