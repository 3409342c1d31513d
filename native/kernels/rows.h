// One pass per row: softmax, normalisation, losses.
#pragma once
#include "core/dtype.h"
#include "kernels/env.h"

namespace lampas::kernels {

struct RowsTable {
  // Indexed by float32 = 0, float64 = 1.
  // y = softmax(x) or log_softmax(x) of n contiguous elements.
  void (*softmax[2])(void* y, const void* x, int64_t n);
  void (*log_softmax[2])(void* y, const void* x, int64_t n);
  // dx from dy and y.
  void (*softmax_backward[2])(void* dx, const void* dy, const void* y, int64_t n);
  void (*log_softmax_backward[2])(void* dx, const void* dy, const void* y, int64_t n);
  // y = (x - mean) * rstd * weight + bias; weight and bias may be null. rms: without the mean.
  void (*layer_norm[2])(void* y, double* mean, double* rstd, const void* x, const void* weight, const void* bias, int64_t n, double eps, bool rms);
  // dx of one row; adds to the sums of dweight and dbias (null: not wanted), which are double.
  void (*layer_norm_backward[2])(void* dx, double* dweight, double* dbias, const void* dy, const void* x, const void* weight, double mean, double rstd, int64_t n, bool rms);
};

}  // namespace lampas::kernels
