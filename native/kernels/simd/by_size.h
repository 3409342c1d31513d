// Elements that are only moved, known by their size.
#pragma once
#include <cstdint>

namespace lampas::kernels::LAMPAS_ISA {

struct Word16 {
  uint64_t a, b;
};

template <class F>
void by_size(int item, F&& f) {
  switch (item) {
    case 1:
      return f(uint8_t{});
    case 2:
      return f(uint16_t{});
    case 4:
      return f(uint32_t{});
    case 8:
      return f(uint64_t{});
    default:
      return f(Word16{});
  }
}

}  // namespace lampas::kernels::LAMPAS_ISA
