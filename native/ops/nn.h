// Operators of neural networks whose rows are handled in one pass.
#pragma once
#include "ops/operand.h"

namespace lampas::ops {

Tensor softmax(const Tensor& x, int64_t dim, std::optional<DType> dtype = {});
Tensor log_softmax(const Tensor& x, int64_t dim, std::optional<DType> dtype = {});
Tensor layer_norm(const Tensor& x, IntSpan shape, const Tensor& weight, const Tensor& bias,
                  double eps);
Tensor rms_norm(const Tensor& x, IntSpan shape, const Tensor& weight, std::optional<double> eps);

// (x - mean) / sqrt(var + eps) * weight + bias over x [N, C, ...], N and C not 0; weight and bias
// may be undefined. Mean and variance (biased) are those of each channel where they are not given.
struct Normalized {
  Tensor y, mean, var;  // mean and var: float64 [C], without a graph
};
Normalized normalize_channels(const Tensor& x, const Tensor& weight, const Tensor& bias,
                              const Tensor& mean, const Tensor& var, double eps);

// x [N, C, ...] normalised over each image's groups of channels, none of them empty; float32 or
// float64; weight and bias, of each channel, may be undefined.
Tensor group_norm(const Tensor& x, int64_t groups, const Tensor& weight, const Tensor& bias,
                  double eps);

enum class Reduction : uint8_t { None, Mean, Sum };
// Negative log-likelihood of class indices, from log-probabilities [N, C, ...] or [C].
Tensor nll_loss(const Tensor& x, const Tensor& target, const Tensor& weight, Reduction reduction,
                int64_t ignore_index);
// The same from logits; also class probabilities as target.
Tensor cross_entropy(const Tensor& x, const Tensor& target, const Tensor& weight,
                     Reduction reduction, int64_t ignore_index, double label_smoothing);

}  // namespace lampas::ops
