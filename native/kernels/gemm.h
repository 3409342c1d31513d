// Matrix products: C = act(A @ B [+ C] + bias).
#pragma once
#include <cstdint>

#include "core/dtype.h"
#include "kernels/env.h"

namespace lampas::kernels {

enum class Act : uint8_t { None, Relu };

// Strides in elements. A and B may lie in any way; C's rows are contiguous.
struct GemmArgs {
  int64_t m, n, k;
  const void* a;
  int64_t a_rs, a_cs;
  const void* b;
  int64_t b_rs, b_cs;
  void* c;
  int64_t c_rs;
  const void* bias;  // one per column, or null
  Act act;
  bool accumulate;  // add to C; otherwise C is not read
  int64_t batch;    // products side by side, at these distances; 1: one
  int64_t a_bs, b_bs, c_bs;
};

struct GemmTable {
  // Null for types that are computed in a wider one: half types in float, short integers in int32.
  // Activations are for floats. False where scratch memory ran out, with C in any state.
  bool (*gemm[kDTypes])(const GemmArgs&, const Env&);
};

}  // namespace lampas::kernels
