#include "core/scalar.h"

#include <bit>
#include <cstring>

namespace lampas {

float to_float(bf16 v) { return std::bit_cast<float>(static_cast<uint32_t>(v.bits) << 16); }

bf16 to_bf16(float v) {
  uint32_t u = std::bit_cast<uint32_t>(v);
  if ((u & 0x7fffffffu) > 0x7f800000u) return {0x7fc0};
  u += 0x7fffu + ((u >> 16) & 1u);
  return {static_cast<uint16_t>(u >> 16)};
}

float to_float(f16 v) {
  uint32_t sign = static_cast<uint32_t>(v.bits & 0x8000u) << 16;
  uint32_t rest = static_cast<uint32_t>(v.bits & 0x7fffu) << 13;
  if (rest >= 0x0f800000u)  // infinity and NaN
    return std::bit_cast<float>(sign | (rest + 0x70000000u));
  // Multiplying by 2^112 rebiases the exponent and normalises subnormals.
  float magnitude = std::bit_cast<float>(rest) * 0x1p112f;
  return std::bit_cast<float>(sign | std::bit_cast<uint32_t>(magnitude));
}

f16 to_f16(float v) {
  uint32_t u = std::bit_cast<uint32_t>(v);
  auto sign = static_cast<uint16_t>((u >> 16) & 0x8000u);
  u &= 0x7fffffffu;
  if (u > 0x7f800000u) return {static_cast<uint16_t>(sign | 0x7e00u)};
  if (u >= 0x477ff000u) return {static_cast<uint16_t>(sign | 0x7c00u)};  // rounds to infinity
  if (u < 0x38800000u) {  // subnormal: let the addition round
    float f = std::bit_cast<float>(u) + 0.5f;
    return {static_cast<uint16_t>(sign | (std::bit_cast<uint32_t>(f) - 0x3f000000u))};
  }
  u += 0xc8000fffu + ((u >> 13) & 1u);
  return {static_cast<uint16_t>(sign | (u >> 13))};
}

namespace {
template <class T>
void put(void* out, T v) {
  std::memcpy(out, &v, sizeof v);
}
template <class T>
T get(const void* p) {
  T v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
}  // namespace

void Scalar::store(DType dtype, void* out) const {
  switch (dtype) {
    case DType::Bool:
      return put(out, to_bool());
    case DType::U8:
      return put(out, static_cast<uint8_t>(to_int()));
    case DType::I8:
      return put(out, static_cast<int8_t>(to_int()));
    case DType::I16:
      return put(out, static_cast<int16_t>(to_int()));
    case DType::I32:
      return put(out, static_cast<int32_t>(to_int()));
    case DType::I64:
      return put(out, to_int());
    case DType::F16:
      return put(out, to_f16(static_cast<float>(to_double())));
    case DType::BF16:
      return put(out, to_bf16(static_cast<float>(to_double())));
    case DType::F32:
      return put(out, static_cast<float>(to_double()));
    case DType::F64:
      return put(out, to_double());
    case DType::C64:
      return put(out, c64(to_complex()));
    case DType::C128:
      return put(out, to_complex());
  }
}

Scalar load_scalar(DType dtype, const void* p) {
  switch (dtype) {
    case DType::Bool:
      return {get<uint8_t>(p) != 0};
    case DType::U8:
      return {int64_t{get<uint8_t>(p)}};
    case DType::I8:
      return {int64_t{get<int8_t>(p)}};
    case DType::I16:
      return {int64_t{get<int16_t>(p)}};
    case DType::I32:
      return {int64_t{get<int32_t>(p)}};
    case DType::I64:
      return {get<int64_t>(p)};
    case DType::F16:
      return {double{to_float(get<f16>(p))}};
    case DType::BF16:
      return {double{to_float(get<bf16>(p))}};
    case DType::F32:
      return {double{get<float>(p)}};
    case DType::F64:
      return {get<double>(p)};
    case DType::C64:
      return {std::complex<double>(get<c64>(p))};
    case DType::C128:
      return {get<c128>(p)};
  }
  return {};
}

}  // namespace lampas
