// Half types and float, one element at a time: rounded to the nearest, ties to even.
#pragma once
#include <bit>

#include "core/dtype.h"

namespace lampas::kernels::LAMPAS_ISA {

[[gnu::always_inline]] inline float widen(bf16 v) {
  return std::bit_cast<float>(static_cast<uint32_t>(v.bits) << 16);
}
[[gnu::always_inline]] inline bf16 narrow_bf16(float v) {
  uint32_t u = std::bit_cast<uint32_t>(v);
  uint32_t rounded = (u + 0x7fffu + ((u >> 16) & 1u)) >> 16;
  return {static_cast<uint16_t>((u & 0x7fffffffu) > 0x7f800000u ? 0x7fc0u : rounded)};
}
[[gnu::always_inline]] inline float widen(f16 v) {
  uint32_t sign = static_cast<uint32_t>(v.bits & 0x8000u) << 16,
           rest = static_cast<uint32_t>(v.bits & 0x7fffu) << 13;
  uint32_t finite = std::bit_cast<uint32_t>(std::bit_cast<float>(rest) * 0x1p112f);
  return std::bit_cast<float>(sign | (rest >= 0x0f800000u ? rest + 0x70000000u : finite));
}
[[gnu::always_inline]] inline f16 narrow_f16(float v) {
  uint32_t u = std::bit_cast<uint32_t>(v), sign = (u >> 16) & 0x8000u;
  u &= 0x7fffffffu;
  uint32_t subnormal = std::bit_cast<uint32_t>(std::bit_cast<float>(u) + 0.5f) - 0x3f000000u;
  uint32_t normal = (u + 0xc8000fffu + ((u >> 13) & 1u)) >> 13;
  uint32_t r = u < 0x38800000u ? subnormal : normal;
  r = u >= 0x477ff000u ? 0x7c00u : r;
  r = u > 0x7f800000u ? 0x7e00u : r;
  return {static_cast<uint16_t>(sign | r)};
}

}  // namespace lampas::kernels::LAMPAS_ISA
