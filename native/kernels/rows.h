#pragma once
#include "core/dtype.h"
#include "kernels/env.h"
namespace lampas::kernels {
struct RowsTable {};
}  // namespace lampas::kernels
