#include "runtime/denormal.h"

#include <cstdint>

namespace lampas {

#if defined(__x86_64__)
namespace {
constexpr uint32_t kBits = 0x8000 | 0x0040;  // flush to zero, denormals are zero
}

bool can_flush_denormal() { return true; }
bool flushes_denormal() { return (__builtin_ia32_stmxcsr() & kBits) != 0; }
void flush_denormal(bool on) {
  const uint32_t now = __builtin_ia32_stmxcsr();
  __builtin_ia32_ldmxcsr(on ? now | kBits : now & ~kBits);
}
#elif defined(__aarch64__)
namespace {
constexpr uint64_t kBit = uint64_t{1} << 24;

uint64_t control() {
  uint64_t value;
  asm volatile("mrs %0, fpcr" : "=r"(value));
  return value;
}
}  // namespace

bool can_flush_denormal() { return true; }
bool flushes_denormal() { return (control() & kBit) != 0; }
void flush_denormal(bool on) {
  const uint64_t value = on ? control() | kBit : control() & ~kBit;
  asm volatile("msr fpcr, %0" ::"r"(value));
}
#else
bool can_flush_denormal() { return false; }
bool flushes_denormal() { return false; }
void flush_denormal(bool) {}
#endif

}  // namespace lampas
