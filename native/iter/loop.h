// One pass over up to five operands broadcast against each other.
//
// Kernels see contiguous chunks of one dtype only. The loop coalesces dimensions, orders them by
// the output's memory, and hands out tiles; an operand that is strided, transposed or of another
// dtype goes through a buffer that stays in the first-level cache. Tiles are cut by size alone.
#pragma once
#include "core/tensor.h"
#include "kernels/table.h"

namespace lampas {

inline constexpr int kMaxOperands = 5;  // operand 0 is the output

class Loop {
 public:
  explicit Loop(const Tensor& out);
  // A tensor whose sizes broadcast to the output's.
  void add(const Tensor& in);
  // One element, already in the compute dtype, at `value` (kept by the caller).
  void add_scalar(const void* value, DType dtype);

  // Calls `fn` on all of it. Inputs are cast to `compute`; `fn` writes `result`, which is cast to
  // the output's dtype. `grain`: elements that make a task worth its own thread.
  void run(kernels::PointwiseFn fn, DType compute, DType result, const double* params,
           int64_t grain);
  // Output = input 1, cast: a copy.
  void run_copy();

 private:
  struct Operand {
    char* data;
    DType dtype;
    Dims strides;  // bytes
  };
  struct Tile {
    int64_t rows, cols;
  };
  void order();
  void coalesce();
  bool inner_is_worse(const Operand& o) const;
  Tile choose_tile(DType compute, DType result) const;
  template <class Scratch, class Body>
  void for_each_tile(Tile tile, int64_t grain, const Body& body);

  Dims shape_;
  Operand ops_[kMaxOperands];
  int n_ = 0;
};

// Whether all operands lie in memory element by element as `out` does.
bool same_layout(const Tensor& out, const Tensor& in);

// The shape both broadcast to; RuntimeError naming `op` and the sizes otherwise.
Dims broadcast_shapes(IntSpan a, IntSpan b, const char* op);

}  // namespace lampas
