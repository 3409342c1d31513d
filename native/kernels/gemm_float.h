// Entry points of the packed kernels.
#pragma once
#include "kernels/gemm.h"

namespace lampas::kernels::LAMPAS_ISA {
bool gemm_f32(const GemmArgs& g, const Env& env);
bool gemm_f64(const GemmArgs& g, const Env& env);
}  // namespace lampas::kernels::LAMPAS_ISA
