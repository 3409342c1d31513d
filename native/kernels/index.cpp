// Gathering, scattering, masks: loops over int64 positions.
#include <cstring>

#include "kernels/simd/by_size.h"
#include "kernels/simd/half.h"
#include "kernels/simd/vector.h"
#include "kernels/table.h"

namespace lampas::kernels::LAMPAS_ISA {

namespace {
// By sign bits alone, which vectors of every instruction set have.
bool within(const int64_t* at, int64_t n, int64_t low, int64_t high) {
  const auto first = static_cast<uint64_t>(low), last = static_cast<uint64_t>(high) - 1;
  uint64_t outside = 0;
  for (int64_t i = 0; i < n; ++i) {
    const auto v = static_cast<uint64_t>(at[i]);
    outside |= (v - first) | (last - v);
  }
  return n == 0 || (low < high && !(outside >> 63));
}

void offsets(int64_t* to, const int64_t* at, int64_t n, int64_t size, int64_t stride, bool add) {
  auto place = [&](int64_t v) { return (v + (v >> 63 & size)) * stride; };
  if (add)
    for (int64_t i = 0; i < n; ++i) to[i] += place(at[i]);
  else
    for (int64_t i = 0; i < n; ++i) to[i] = place(at[i]);
}

void gather(void* out, const void* in, const int64_t* at, int64_t n, int64_t step, int64_t side,
            int item) {
  by_size(item, [&]<class T>(T) {
    T* to = static_cast<T*>(out);
    const T* from = static_cast<const T*>(in);
    // One at a time: instructions that gather are no faster, on some processors half as fast.
    if (step == 1 && side == 0)
      for (int64_t i = 0; i < n; ++i) to[i] = from[at[i]];
    else
      for (int64_t i = 0; i < n; ++i) to[i] = from[at[i] * step + i * side];
  });
}

void scatter(void* out, const void* in, const int64_t* at, int64_t n, int64_t step, int64_t side,
             int64_t from_step, int item) {
  by_size(item, [&]<class T>(T) {
    T* to = static_cast<T*>(out);
    const T* from = static_cast<const T*>(in);
    for (int64_t i = 0; i < n; ++i) {
      const int64_t place = at[i] * step + i * side;
      to[place] = from[i * from_step];
    }
  });
}

// ---- values combined ---------------------------------------------------------------------------
template <class T>
inline constexpr bool half = std::is_same_v<T, f16> || std::is_same_v<T, bf16>;

template <Combine kHow, class T>
[[gnu::always_inline]] inline T combined(T a, T b) {
  if constexpr (std::is_same_v<T, f16>) {
    return narrow_f16(combined<kHow>(widen(a), widen(b)));
  } else if constexpr (std::is_same_v<T, bf16>) {
    return narrow_bf16(combined<kHow>(widen(a), widen(b)));
  } else if constexpr (std::is_same_v<T, bool>) {
    return kHow == Combine::Sum || kHow == Combine::Max ? a | b : a & b;
  } else if constexpr (std::is_integral_v<T> && kHow <= Combine::Product) {
    const auto u = static_cast<uint64_t>(a), v = static_cast<uint64_t>(b);  // wraps round
    return static_cast<T>(kHow == Combine::Sum ? u + v : u * v);
  } else if constexpr (kHow == Combine::Sum) {
    return a + b;
  } else if constexpr (kHow == Combine::Product) {
    return a * b;
  } else if constexpr (kHow == Combine::Max) {
    return b > a || b != b ? b : a;
  } else {
    return b < a || b != b ? b : a;
  }
}

template <Combine kHow, class T>
void combine(void* out, const void* in, const int64_t* at, int64_t n, int64_t step, int64_t side) {
  T* to = static_cast<T*>(out);
  const T* from = static_cast<const T*>(in);
  for (int64_t i = 0; i < n; ++i) {
    T& place = to[at[i] * step + i * side];
    place = combined<kHow>(place, from[i]);
  }
}

template <class T>
void add(void* out, const void* in, int64_t n) {
  T* to = static_cast<T*>(out);
  const T* from = static_cast<const T*>(in);
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) to[i] = combined<Combine::Sum>(to[i], from[i]);
}

#if defined(__AVX512F__)
constexpr int kVectorBytes = 64;
#elif defined(__AVX2__)
constexpr int kVectorBytes = 32;
#else
constexpr int kVectorBytes = 16;
#endif

// kRegisters vectors of columns, which stay in registers while all rows go by.
template <int kRegisters, class T>
[[gnu::always_inline]] inline void sum_block(T* to, const T* from, const int64_t* at,
                                             const T* factor, int64_t rows, int64_t n) {
  constexpr int kWidth = kVectorBytes / sizeof(T);
  Vector<T, kWidth> sum[kRegisters] = {}, v;
  for (int64_t i = 0; i < rows; ++i) {
    const T *row = from + at[i] * n, scale = factor ? factor[i] : T(1);
#pragma GCC unroll 8
    for (int k = 0; k < kRegisters; ++k) {
      std::memcpy(&v, row + k * kWidth, sizeof v);
      sum[k] += v * scale;
    }
  }
  std::memcpy(to, sum, sizeof sum);
}

template <class T>
void sum_rows(void* out, const void* in, const int64_t* at, const void* factors, int64_t rows,
              int64_t n) {
  constexpr int64_t kWidth = kVectorBytes / sizeof(T);
  T* to = static_cast<T*>(out);
  const T *from = static_cast<const T*>(in), *f = static_cast<const T*>(factors);
  int64_t c = 0;
  for (; c + 8 * kWidth <= n; c += 8 * kWidth) sum_block<8>(to + c, from + c, at, f, rows, n);
  for (; c + 2 * kWidth <= n; c += 2 * kWidth) sum_block<2>(to + c, from + c, at, f, rows, n);
  if (n >= kWidth) {
    // The last vectors may share columns with those before: they come out the same.
    if (c + kWidth < n) sum_block<1>(to + c, from + c, at, f, rows, n);
    if (c < n) sum_block<1>(to + n - kWidth, from + n - kWidth, at, f, rows, n);
    return;
  }
  for (; c < n; ++c) {
    T sum = 0;
    for (int64_t i = 0; i < rows; ++i) sum += from[at[i] * n + c] * (f ? f[i] : T(1));
    to[c] = sum;
  }
}

template <class T>
void take_max(void* out, int64_t* which, const void* in, int64_t at, int64_t n) {
  T* to = static_cast<T*>(out);
  const T* from = static_cast<const T*>(in);
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) {
    const bool better = from[i] > to[i] || (from[i] != from[i] && to[i] == to[i]);
    to[i] = better ? from[i] : to[i];
    which[i] = better ? at : which[i];
  }
}

// ---- masks -------------------------------------------------------------------------------------
int64_t count(const uint8_t* mask, int64_t n) {
  int64_t total = 0;
  while (n > 0) {  // in bytes, as many as cannot overflow in one
    constexpr int64_t kLanes = 64, kRounds = 255;
    uint8_t lanes[kLanes] = {};
    int64_t rounds = n / kLanes < kRounds ? n / kLanes : kRounds;
    for (int64_t r = 0; r < rounds; ++r)
      for (int64_t k = 0; k < kLanes; ++k) lanes[k] += mask[r * kLanes + k] != 0;
    for (uint8_t lane : lanes) total += lane;
    mask += rounds * kLanes;
    n -= rounds * kLanes;
    if (n < kLanes)
      for (; n > 0; --n) total += *mask++ != 0;
  }
  return total;
}

void places(int64_t* to, int64_t step, const uint8_t* mask, int64_t total) {
  int64_t found = 0;
  for (int64_t i = 0; found < total; ++i) {  // without branches: masks are hard to predict
    to[found * step] = i;
    found += mask[i] != 0;
  }
}

template <class T>
void fill_type(IndexTable& t) {
  constexpr auto d = static_cast<int>(dtype_of<T>::value);
  constexpr auto row = [](Combine how) { return static_cast<int>(how); };
  t.combine[row(Combine::Sum)][d] = combine<Combine::Sum, T>;
  t.combine[row(Combine::Product)][d] = combine<Combine::Product, T>;
  if constexpr (d < static_cast<int>(DType::C64)) {
    t.combine[row(Combine::Max)][d] = combine<Combine::Max, T>;
    t.combine[row(Combine::Min)][d] = combine<Combine::Min, T>;
  }
  t.add[d] = add<T>;
}
}  // namespace

void fill_index(Table& table) {
  IndexTable& t = table.index;
  t.within = within;
  t.offsets = offsets;
  t.gather = gather;
  t.scatter = scatter;
#define LAMPAS_FILL(T, D) fill_type<T>(t);
  LAMPAS_DTYPES(LAMPAS_FILL)
#undef LAMPAS_FILL
  t.sum_rows[0] = sum_rows<float>;
  t.sum_rows[1] = sum_rows<double>;
  t.take_max[0] = take_max<float>;
  t.take_max[1] = take_max<double>;
  t.count = count;
  t.places = places;
}

}  // namespace lampas::kernels::LAMPAS_ISA
