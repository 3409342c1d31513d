// From a dtype at run time to a type at compile time.
#pragma once
#include <utility>

#include "core/tensor.h"

namespace lampas::ops {

template <class T>
struct Type {
  using type = T;
};

// f(Type<T>()) for every dtype.
template <class F>
decltype(auto) for_dtype(DType d, F&& f) {
  switch (d) {
#define LAMPAS_CASE(T, D) \
  case DType::D:          \
    return f(Type<T>());
    LAMPAS_DTYPES(LAMPAS_CASE)
#undef LAMPAS_CASE
  }
  fail(ErrorKind::Assertion, "unknown dtype");
}

// An unsigned word of an element's size, for code that only moves values.
struct Word16 {
  uint64_t a, b;
};
template <class F>
decltype(auto) for_itemsize(int bytes, F&& f) {
  switch (bytes) {
    case 1:
      return f(Type<uint8_t>());
    case 2:
      return f(Type<uint16_t>());
    case 4:
      return f(Type<uint32_t>());
    case 8:
      return f(Type<uint64_t>());
    default:
      return f(Type<Word16>());
  }
}

// Sums in place: half types through float.
template <class T>
void add_to(T& a, T b) {
  if constexpr (std::is_same_v<T, bool>)
    a = a || b;
  else
    a = static_cast<T>(a + b);
}
inline void add_to(f16& a, f16 b) { a = to_f16(to_float(a) + to_float(b)); }
inline void add_to(bf16& a, bf16 b) { a = to_bf16(to_float(a) + to_float(b)); }

}  // namespace lampas::ops
