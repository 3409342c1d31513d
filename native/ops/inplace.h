// Writing a computed result into a tensor that already exists.
#pragma once
#include "core/tensor.h"

namespace lampas::ops {

// `self.op_()` for operators without a kernel of their own for it: result becomes self's value.
void assign_inplace(const Tensor& self, const Tensor& result, const char* op);
// `out=`: resizes `out` if it must, refuses to lose precision silently, leaves no graph.
void write_out(const Tensor& out, const Tensor& result, const char* op);
// Gives `t` new sizes, keeping its elements in memory order; more memory where needed.
void resize_(const Tensor& t, IntSpan sizes);
// Whether a value of type `from` may be stored as `to`: float into int may not.
bool can_cast(DType from, DType to);

// Raises if several elements of `t` are one place in memory, as in an expanded tensor: what a write
// of different values leaves there would depend on their order.
void check_written_once(const Tensor& t, const char* op);

}  // namespace lampas::ops
