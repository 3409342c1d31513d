// Normalisation over groups of channels: x is [images][groups][channels][size], contiguous. Arrays
// of two are for float32 (0) and float64 (1).
#pragma once
#include "core/dtype.h"
#include "kernels/env.h"

namespace lampas::kernels {

struct GroupShape {
  int64_t images, groups, channels, size;  // channels: of a group
};

struct GroupTable {
  // y = (x - mean) * rstd * weight + bias, mean and rstd of each [image][group], which are written;
  // weight and bias, of each channel, may be null.
  void (*normalize[2])(const GroupShape&, const void* x, const void* weight, const void* bias,
                       double eps, double* mean, double* rstd, void* y, const Env&);
  // From gy: gx, and of each [image][group][channel] sum(gy * (x - mean)) * rstd and sum(gy). gx
  // may be null.
  void (*backward[2])(const GroupShape&, const void* gy, const void* x, const void* weight,
                      const double* mean, const double* rstd, void* gx, double* gw, double* gb,
                      const Env&);
};

}  // namespace lampas::kernels
