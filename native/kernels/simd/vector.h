// Vectors held as such, for what loops over elements cannot say: moves between lanes. Everything
// else is written for one element and left to the compiler (math.h).
#pragma once
#include <cstdint>
#include <type_traits>
#include <utility>

namespace lampas::kernels::LAMPAS_ISA {

template <class T, int N>
struct VectorOf {
  typedef T type __attribute__((vector_size(sizeof(T) * N)));
};
template <class T, int N>
using Vector = typename VectorOf<T, N>::type;

// Lane i of the result is lane kIndex[i] of a and b laid end to end.
template <class T, int N, int... kIndex>
[[gnu::always_inline]] inline Vector<T, N> shuffle(Vector<T, N> a, Vector<T, N> b) {
#if defined(__clang__) || __GNUC__ >= 12
  return __builtin_shufflevector(a, b, kIndex...);
#else
  using Index =
      std::conditional_t<sizeof(T) == 1, int8_t,
                         std::conditional_t<sizeof(T) == 2, int16_t,
                                            std::conditional_t<sizeof(T) == 4, int32_t, int64_t>>>;
  return __builtin_shuffle(a, b, Vector<Index, N>{kIndex...});
#endif
}

// A vector of N elements from two places that hold half of it each.
template <class T, int N, int... kI>
[[gnu::always_inline]] inline void load_halves(const T* low, const T* high, Vector<T, N>& v,
                                               std::integer_sequence<int, kI...>) {
#if defined(__clang__) || __GNUC__ >= 12
  Vector<T, N / 2> a, b;
  __builtin_memcpy(&a, low, sizeof(a));
  __builtin_memcpy(&b, high, sizeof(b));
  v = __builtin_shufflevector(a, b, kI...);
#else
  __builtin_memcpy(&v, low, sizeof(v) / 2);
  __builtin_memcpy(reinterpret_cast<T*>(&v) + N / 2, high, sizeof(v) / 2);
#endif
}

// The half of a vector that begins at lane kFrom.
template <class T, int N, int kFrom, int... kI>
[[gnu::always_inline]] inline void store_half(Vector<T, N> v, T* to,
                                              std::integer_sequence<int, kI...>) {
#if defined(__clang__) || __GNUC__ >= 12
  const Vector<T, N / 2> half = __builtin_shufflevector(v, v, kFrom + kI...);
  __builtin_memcpy(to, &half, sizeof(half));
#else
  __builtin_memcpy(to, reinterpret_cast<const T*>(&v) + kFrom, sizeof(v) / 2);
#endif
}

}  // namespace lampas::kernels::LAMPAS_ISA
