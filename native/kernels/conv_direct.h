// Entry points of the convolution kernels.
#pragma once
#include "kernels/conv.h"

namespace lampas::kernels::LAMPAS_ISA {
// Whether 3x3 windows of stride 1 go through Winograd's transforms; one group of a shape.
bool winograd_pays(const ConvShape& s);
bool winograd_correlate(const ConvShape& s, const float* x, const float* w, const float* bias,
                        float* y, const Env& env);
bool winograd_weight_grad(const ConvShape& s, const float* x, const float* gy, float* gw,
                          const Env& env);

// Whether rows of images serve as they lie, or copied row by row; one group of a shape.
template <class T>
bool rows_pay(const ConvShape& s);
bool rows_correlate(const ConvShape& s, const float* x, const float* w, const float* bias, float* y,
                    const Env& env);
bool rows_correlate(const ConvShape& s, const double* x, const double* w, const double* bias,
                    double* y, const Env& env);
template <class T>
bool rows_grad_pay(const ConvShape& s);
bool rows_weight_grad(const ConvShape& s, const float* x, const float* gy, float* gw,
                      const Env& env);
bool rows_weight_grad(const ConvShape& s, const double* x, const double* gy, double* gw,
                      const Env& env);

void fill_conv_depthwise(ConvTable& t);
void fill_conv_direct(ConvTable& t);
}  // namespace lampas::kernels::LAMPAS_ISA
