// One call per row (or per strip of columns): softmax, normalisation, losses. Sums run in 64 lanes
// and fixed blocks, as in reduce.h. Arrays of two are for float32 (0) and float64 (1).
#pragma once
#include "core/dtype.h"
#include "kernels/env.h"

namespace lampas::kernels {

struct RowsTable {
  // y = softmax(x) or log_softmax(x) of n contiguous elements. y may be x.
  void (*softmax[2])(void* y, const void* x, int64_t n);
  void (*log_softmax[2])(void* y, const void* x, int64_t n);
  // dx from dy and y.
  void (*softmax_backward[2])(void* dx, const void* dy, const void* y, int64_t n);
  void (*log_softmax_backward[2])(void* dx, const void* dy, const void* y, int64_t n);
  // The same along columns: element i of column c, 0 <= c < cols, at [i * stride + c] everywhere.
  void (*softmax_cols[2])(void* y, const void* x, int64_t n, int64_t cols, int64_t stride);
  void (*log_softmax_cols[2])(void* y, const void* x, int64_t n, int64_t cols, int64_t stride);
  void (*softmax_backward_cols[2])(void* dx, const void* dy, const void* y, int64_t n, int64_t cols,
                                   int64_t stride);
  void (*log_softmax_backward_cols[2])(void* dx, const void* dy, const void* y, int64_t n,
                                       int64_t cols, int64_t stride);

  // y = (x - mean) * rstd * weight + bias; weight and bias may be null. rms: without the mean.
  void (*layer_norm[2])(void* y, double* mean, double* rstd, const void* x, const void* weight,
                        const void* bias, int64_t n, double eps, bool rms);
  // dx of one row; adds to the sums of dweight and dbias. Null where not wanted.
  void (*layer_norm_backward[2])(void* dx, double* dweight, double* dbias, const void* dy,
                                 const void* x, const void* weight, double mean, double rstd,
                                 int64_t n, bool rms);

  // Cross-entropy of one row of logits: log(sum(exp(x))) - x[target]. Writes softmax(x) to `prob`,
  // from which the gradient is prob - 1 at the target and prob elsewhere; null where not wanted.
  double (*cross_entropy[2])(void* prob, const void* x, int64_t n, int64_t target);
};

}  // namespace lampas::kernels
