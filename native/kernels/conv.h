// Convolutions over up to three spatial dimensions.
#pragma once
#include <cstdint>

#include "core/dtype.h"
#include "kernels/env.h"

namespace lampas::kernels {

// y[i][o][p] = bias[o] + sum over c, t of w[o][c][t] * x[i][c][p * stride + tap[t]], with x zero
// outside its sizes, in every group. Strides in elements; the spatial dimensions of x and y are
// contiguous.
struct ConvShape {
  int64_t images, groups, channels, outputs;  // channels and outputs of one group
  int64_t in[3], out[3], stride[3];
  int64_t taps;
  const int64_t (*tap)[3];  // where a tap lies relative to p * stride; may be negative
  const int64_t* w_tap;     // where a tap lies in the filter
  int64_t x_image, x_channel, y_image, y_output, w_output, w_channel;
  int64_t x_group, y_group, w_group;
  bool winograd;  // may be computed by Winograd's method where that is faster (float32)

  int64_t in_size() const { return in[0] * in[1] * in[2]; }
  int64_t out_size() const { return out[0] * out[1] * out[2]; }
};

// All answer false where there is no scratch memory left; the result is then unfinished.
struct ConvTable {
  // y from x, w and bias (or null).
  bool (*correlate[kDTypes])(const ConvShape&, const void* x, const void* w, const void* bias,
                             void* y, const Env&);
  // The same for one channel and one output in a group.
  bool (*depthwise[kDTypes])(const ConvShape&, const void* x, const void* w, const void* bias,
                             void* y, const Env&);
  // gw[o][c][t] = sum over i, p of gy[i][o][p] * x[i][c][p * stride + tap[t]]; contiguous.
  bool (*weight_grad[kDTypes])(const ConvShape&, const void* x, const void* gy, void* gw,
                               const Env&);
  bool (*depthwise_weight_grad[kDTypes])(const ConvShape&, const void* x, const void* gy, void* gw,
                                         const Env&);
  // Whether the kernels for bfloat16, where there are any, are faster than Winograd's method in
  // float.
  bool bf16_beats_winograd;
};

}  // namespace lampas::kernels
