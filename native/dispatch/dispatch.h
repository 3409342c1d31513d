// The kernels of the chosen instruction set.
#pragma once
#include "kernels/table.h"

namespace lampas {

// Filled once, when first asked for; see runtime/cpu.h for how the instruction set is chosen.
const kernels::Table& dispatch();
// What kernels may use: the pool and scratch memory.
const kernels::Env& kernel_env();

}  // namespace lampas
