// Square blocks transposed in registers, so that both sides move whole vectors: log2(N) rounds in
// which row pairs that differ in one bit of their number exchange the halves that differ in that
// bit of the column's number.
#pragma once
#include <cstring>

#include "kernels/simd/vector.h"

namespace lampas::kernels::LAMPAS_ISA {

template <class T, int N, int kBit, int... kIndex>
[[gnu::always_inline]] inline void exchange(Vector<T, N>& a, Vector<T, N>& b,
                                            std::integer_sequence<int, kIndex...>) {
  auto low = shuffle<T, N, (kIndex & kBit ? N + kIndex - kBit : kIndex)...>(a, b);
  b = shuffle<T, N, (kIndex & kBit ? N + kIndex : kIndex + kBit)...>(a, b);
  a = low;
}
template <class T, int N, int kBit>
[[gnu::always_inline]] inline void exchange_all(Vector<T, N>* r) {
  if constexpr (kBit < N) {
#pragma GCC unroll 16
    for (int i = 0; i < N; ++i)
      if (!(i & kBit))
        exchange<T, N, kBit>(r[i], r[i + kBit], std::make_integer_sequence<int, N>());
    exchange_all<T, N, kBit * 2>(r);
  }
}
template <class T, int N>
void transpose_block(T* to, int64_t to_row, const T* from, int64_t from_row) {
  Vector<T, N> r[N];
#pragma GCC unroll 16
  for (int i = 0; i < N; ++i) std::memcpy(&r[i], from + i * from_row, sizeof r[i]);
  exchange_all<T, N, 1>(r);
#pragma GCC unroll 16
  for (int i = 0; i < N; ++i) std::memcpy(to + i * to_row, &r[i], sizeof r[i]);
}

}  // namespace lampas::kernels::LAMPAS_ISA
