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

}  // namespace lampas::kernels::LAMPAS_ISA
