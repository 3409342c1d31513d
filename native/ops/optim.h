// Steps of optimizers: many parameters in one call, each block of each in one pass over memory.
#pragma once
#include <span>

#include "core/tensor.h"
#include "kernels/optim.h"

namespace lampas::ops {

// A number of a parameter's state (count of steps, …) where it is stored, as float32 or float64.
struct OptimScalar {
  void* at = nullptr;
  bool wide = false;

  double get() const { return wide ? *static_cast<double*>(at) : *static_cast<float*>(at); }
  // Rounds to the stored type; returns what is stored.
  double set(double v) const {
    wide ? *static_cast<double*>(at) = v : *static_cast<float*>(at) = static_cast<float>(v);
    return get();
  }
};

struct OptimJob {
  kernels::OptimBlock whole;  // the parameter from end to end
  kernels::OptimNumbers numbers;
  DType dtype = DType::F32;
};

// How a rule's options and state are passed.
struct OptimSignature {
  const char* name;
  kernels::OptimRule rule;
  int options;      // numbers it takes, in the order in which optim_numbers reads them
  int scalars;      // OptimScalars: step first, then what optim_numbers says
  int min_buffers;  // state as large as the parameter
  int max_buffers;
};
// Throws Error{Value} for a name that is none.
const OptimSignature& optim_signature(const char* name);
inline constexpr int kMaxOptions = 7;
inline constexpr int kMaxScalars = 3;

// The kernel's numbers for a parameter's next step; counts the step in `scalars`. Options by rule:
//   sgd       lr, weight_decay, momentum, dampening, nesterov
//   adam      lr, weight_decay, beta1, beta2, eps, decoupled
//   adamax    lr, weight_decay, beta1, beta2, eps
//   nadam     lr, weight_decay, beta1, beta2, eps, momentum_decay, decoupled
//   radam     lr, weight_decay, beta1, beta2, eps, decoupled
//   adagrad   lr, weight_decay, lr_decay, eps
//   adadelta  lr, weight_decay, rho, eps
//   rmsprop   lr, weight_decay, alpha, eps, momentum, centered
//   rprop     smaller eta, larger eta, smallest step size, largest step size
//   asgd      lr, weight_decay, lambd, alpha, t0
// Scalars: step for all but sgd; nadam: mu_product; asgd: eta, mu.
kernels::OptimNumbers optim_numbers(kernels::OptimRule rule, const double* options, bool maximize,
                                    const OptimScalar* scalars);

// Whether the kernels take `t` as it is: plain writable memory of a floating-point dtype.
bool optim_takes(const Tensor& t);

// Updates all parameters, in their order where two of them share memory.
void optim_update(kernels::OptimRule rule, std::span<const OptimJob> jobs);

}  // namespace lampas::ops
