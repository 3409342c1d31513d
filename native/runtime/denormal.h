// Numbers below the smallest normal one: kept, or taken for 0, as the calling thread is set.
#pragma once

namespace lampas {

// Whether this processor can be told.
bool can_flush_denormal();
// Whether operations of the calling thread take such numbers for 0, as operands and as results.
bool flushes_denormal();
void flush_denormal(bool on);

}  // namespace lampas
