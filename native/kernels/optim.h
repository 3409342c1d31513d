// Updates of parameters by their optimizers: one pass over parameter, gradient and state.
//
// A kernel updates one block of one parameter on the calling thread; ops/optim cuts parameters into
// blocks, runs them on the pool, and computes the numbers that a rule needs in double (bias
// corrections depend on how many steps the parameter itself has made). Everywhere the gradient is
// multiplied by `sign` first (-1: ascend), then decay * param is added to it (not at all where
// decay is 0, so that an infinite parameter does not become NaN).
#pragma once
#include "core/dtype.h"
#include "kernels/env.h"

namespace lampas::kernels {

enum class OptimRule : uint8_t {
  Sgd,
  Adam,
  Adamax,
  NAdam,
  RAdam,
  Adagrad,
  Adadelta,
  RMSprop,
  Rprop,
  Asgd,
  count
};
inline constexpr int kOptimRules = static_cast<int>(OptimRule::count);
inline constexpr int kOptimBuffers = 3;

// The numbers of each rule, by name; unused ones are not read.
struct OptimNumbers {
  double sign = 1;    // all
  double decay = 0;   // all but Rprop: factor of the L2 penalty
  double shrink = 1;  // Adam, NAdam, RAdam, Asgd: the parameter is multiplied by it first
  double lr = 0;      // factor of the update
  double beta1 = 0;   // decay rate of the gradient's average; SGD, RMSprop: momentum
  double beta2 = 0;   // decay rate of the square's average
  double eps = 0;
  double scale = 0;  // Adam: 1 / sqrt(1 - beta2^t); NAdam: 1 / (1 - beta2^t); RAdam: factor of the
                     // rectified update, or 0 where there is none; SGD: 1 - dampening;
                     // Asgd: mu, the weight of the new value in the average
  double lr2 = 0;    // NAdam: factor of the average's part of the update
  double low = 0, high = 0;        // Rprop: bounds of the step size
  double smaller = 0, larger = 0;  // Rprop: factors of the step size
  bool nesterov = false;           // SGD
};

// buffer[i] by rule (null: the rule's variant without it):
//   Sgd: velocity or null          Adam: m, v, largest v or null      Adamax: m, u
//   NAdam, RAdam: m, v             Adagrad: sum                       Adadelta: v, u
//   RMSprop: v, velocity or null, average or null                     Rprop: gradient, step size
//   Asgd: average
struct OptimBlock {
  void* param;
  const void* grad;
  void* buffer[kOptimBuffers];
  int64_t n;
};

struct OptimTable {
  // By rule, for float32 and float64. The pointers do not overlap.
  using Fn = void (*)(const OptimBlock& block, const OptimNumbers& numbers);
  Fn update_f32[kOptimRules];
  Fn update_f64[kOptimRules];
};

}  // namespace lampas::kernels
