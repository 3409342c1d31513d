// Ties the layers together once, at start-up.
#pragma once
namespace lampas::ops {
// Gives autograd the operations it needs and the random streams their kernels.
void setup();
}  // namespace lampas::ops
