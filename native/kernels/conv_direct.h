// Entry points of the convolution kernels.
#pragma once
#include "kernels/conv.h"

namespace lampas::kernels::LAMPAS_ISA {
void fill_conv_depthwise(ConvTable& t);
void fill_conv_direct(ConvTable& t);
}  // namespace lampas::kernels::LAMPAS_ISA
