#pragma once
#include "core/dtype.h"
#include "kernels/env.h"
namespace lampas::kernels {
struct GemmTable {};
}  // namespace lampas::kernels
