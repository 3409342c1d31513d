#pragma once
#include "core/dtype.h"
#include "kernels/env.h"
namespace lampas::kernels {
struct OptimTable {};
}  // namespace lampas::kernels
