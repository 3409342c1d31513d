// Normalisation over channels: x is [images][channels][size], contiguous. Arrays of two are for
// float32 (0) and float64 (1). A channel is one task, so that its second pass finds it in a cache.
#pragma once
#include "core/dtype.h"
#include "kernels/env.h"

namespace lampas::kernels {

struct ChannelShape {
  int64_t images, channels, size;
};

struct ChannelTable {
  // y = (x - mean) * rstd * weight + bias; weight and bias may be null. `fresh`: mean, var
  // and rstd = 1 / sqrt(var + eps) are those of x, computed on the way; otherwise they are given.
  void (*normalize[2])(const ChannelShape&, const void* x, const void* weight, const void* bias,
                       double eps, bool fresh, double* mean, double* rstd, double* var, void* y,
                       const Env&);
  // From gy: gx, sum(gy * (x - mean)) * rstd and sum(gy). `fresh`: mean and rstd depend on x. gx
  // may be null.
  void (*backward[2])(const ChannelShape&, const void* gy, const void* x, const void* weight,
                      bool fresh, const double* mean, const double* rstd, void* gx, double* gw,
                      double* gb, const Env&);
};

}  // namespace lampas::kernels
