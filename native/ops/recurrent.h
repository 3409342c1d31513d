// One layer of a recurrent network in one direction, its steps in one call.
#pragma once
#include <vector>

#include "kernels/recurrent.h"
#include "ops/operand.h"

namespace lampas::ops {

using kernels::Cell;

// The steps' samples lie one step after the other; sizes[t] of them take part in step t, the first
// ones: with sizes that never grow (packed sequences), what has ended keeps its state. Rows, below,
// are all samples of all steps.
struct Recurrence {
  Cell cell;
  std::vector<int64_t> sizes;
  bool reverse;    // the last step first
  Tensor h, c;     // [samples, hidden]: the states before; c for an LSTM only
  Tensor w, bias;  // [gates * hidden, hidden] and [gates * hidden]: of the old state; bias or none
};
struct RecurrentResult {
  Tensor out;         // [rows, hidden]
  Tensor h, c;        // the states after
  Tensor act, inner;  // [rows, gates * hidden], [rows, hidden]: for the gradients
};
// x [rows, gates * hidden] is the input's part of the gates; all of one type, float32 or float64.
RecurrentResult recurrent(const Recurrence& r, const Tensor& x);

struct RecurrentGradient {
  Tensor x, h, c, w, bias;
};
// Of what recurrent() gave; gradients that do not matter are undefined.
RecurrentGradient recurrent_backward(const Recurrence& r, const RecurrentResult& y,
                                     const Tensor& g_out, const Tensor& g_h, const Tensor& g_c);

}  // namespace lampas::ops
