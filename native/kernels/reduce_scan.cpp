// Scans: running sums, products, extremes.
#include "kernels/reduce_loop.h"
#include "kernels/simd/vector.h"

namespace lampas::kernels::LAMPAS_ISA {

namespace {
// ---- running sums of a contiguous line of floats -----------------------------------------------
// Prefix sums within a vector of doubles by shifted additions; only the carry runs from vector to
// vector, so that one addition's delay is paid per vector and not per element.
#if defined(__AVX512F__)
constexpr int kWidth = 8;
#elif defined(__AVX2__)
constexpr int kWidth = 4;
#else
constexpr int kWidth = 2;
#endif
using Doubles = Vector<double, kWidth>;
using Floats = Vector<float, kWidth>;

// Lanes below kBy come from the zeros.
template <int kBy, int... kIndex>
LAMPAS_INLINE Doubles shift_up(Doubles v, std::integer_sequence<int, kIndex...>) {
  return shuffle<double, kWidth, (kIndex < kBy ? kWidth : kIndex - kBy)...>(v, Doubles{});
}
template <int... kIndex>
LAMPAS_INLINE Doubles last_lane(Doubles v, std::integer_sequence<int, kIndex...>) {
  return shuffle<double, kWidth, (kIndex * 0 + kWidth - 1)...>(v, v);
}

template <class T>
void cumsum_line(T* y, const T* x, int64_t n) {
  using Raw = std::conditional_t<std::is_same_v<T, float>, Floats, Doubles>;
  constexpr auto lanes = std::make_integer_sequence<int, kWidth>();
  Doubles carry{};
  int64_t i = 0;
  for (; i + kWidth <= n; i += kWidth) {
    Raw raw;
    __builtin_memcpy(&raw, x + i, sizeof raw);
    Doubles v = __builtin_convertvector(raw, Doubles);
    v += shift_up<1>(v, lanes);
    if constexpr (kWidth > 2) v += shift_up<2>(v, lanes);
    if constexpr (kWidth > 4) v += shift_up<4>(v, lanes);
    raw = __builtin_convertvector(v + carry, Raw);
    carry += last_lane(v, lanes);
    __builtin_memcpy(y + i, &raw, sizeof raw);
  }
  double total = carry[0];
  for (; i < n; ++i) y[i] = static_cast<T>(total += static_cast<double>(x[i]));
}

// ---- any line, any type -----------------------------------------------------------------------
template <class Op, class T>
void scan(void* out, const void* in, int64_t n, int64_t step) {
  using W = Wide<T>;
  W* y = static_cast<W*>(out);
  const T* x = static_cast<const T*>(in);
  if constexpr (std::is_same_v<Op, SumOp> && std::is_floating_point_v<T>)
    if (step == 1) return cumsum_line(y, x, n);
  auto total = Op::template start<Total<W>>();
  auto run = [&](int64_t by) LAMPAS_LAMBDA {
    for (int64_t i = 0; i < n; ++i) {
      total = Op::join(total, Total<W>(static_cast<W>(x[i * by])));
      y[i * by] = static_cast<W>(total);
    }
  };
  if (step == 1) return run(1);
  run(step);
}

template <class Op, class T>
void scan_cols(void* out, const void* in, int64_t n, int64_t count, int64_t stride) {
  using W = Wide<T>;
  W* y = static_cast<W*>(out);
  const T* x = static_cast<const T*>(in);
  for (int64_t c = 0; c < count; c += kStrip) {
    const int64_t w = std::min(count - c, kStrip);
    Total<W> total[kStrip];
    for (int64_t k = 0; k < w; ++k) total[k] = Op::template start<Total<W>>();
    for (int64_t i = 0; i < n; ++i) {
      const T* from = x + i * stride + c;
      W* to = y + i * stride + c;
#pragma GCC ivdep
      for (int64_t k = 0; k < w; ++k) {
        total[k] = Op::join(total[k], Total<W>(static_cast<W>(from[k])));
        to[k] = static_cast<W>(total[k]);
      }
    }
  }
}

// Whether v takes the place of the extreme so far: a NaN is replaced by nothing but the next one.
template <class Op, class T>
LAMPAS_INLINE bool takes(T best, T v) {
  return (v != v) | ((best == best) & !Op::better(v, best));
}

// Extremes are rare in most lines: pieces without a new one are seen to be so in vectors.
template <class Op, class T>
void running(void* out, int64_t* at, const void* in, int64_t n) {
  constexpr int64_t kPiece = 32;
  T* y = static_cast<T*>(out);
  const T* x = static_cast<const T*>(in);
  T best = x[0];
  int64_t index = 0;
  for (int64_t begin = 0; begin < n; begin += kPiece) {
    const int64_t end = std::min(n, begin + kPiece);
    Flags<T> found = end - begin < kPiece;
    if (!found)
      for (int64_t k = 0; k < kPiece; ++k) found |= takes<Op>(best, x[begin + k]) ? 1 : 0;
    if (!found) {
      for (int64_t k = 0; k < kPiece; ++k) y[begin + k] = best;
      for (int64_t k = 0; k < kPiece; ++k) at[begin + k] = index;
      continue;
    }
    for (int64_t i = begin; i < end; ++i) {
      const bool take = takes<Op>(best, x[i]);
      best = take ? x[i] : best;
      index = take ? i : index;
      y[i] = best;
      at[i] = index;
    }
  }
}

template <class Op, class T>
void running_cols(void* out, int64_t* at, const void* in, int64_t n, int64_t count,
                  int64_t stride) {
  T* y = static_cast<T*>(out);
  const T* x = static_cast<const T*>(in);
  for (int64_t c = 0; c < count; c += kStrip) {
    const int64_t w = std::min(count - c, kStrip);
    T best[kStrip];
    int64_t index[kStrip];
    for (int64_t k = 0; k < w; ++k) best[k] = x[c + k], index[k] = 0;
    for (int64_t i = 0; i < n; ++i) {
      const T* from = x + i * stride + c;
      T* to = y + i * stride + c;
      int64_t* place = at + i * stride + c;
#pragma GCC ivdep
      for (int64_t k = 0; k < w; ++k) {
        const bool take = takes<Op>(best[k], from[k]);
        to[k] = best[k] = take ? from[k] : best[k];
        place[k] = index[k] = take ? i : index[k];
      }
    }
  }
}

// The running sum of exponentials, scaled by the running maximum.
template <class T>
void logcumsumexp(void* out, const void* in, int64_t n, int64_t step) {
  T* y = static_cast<T*>(out);
  const T* x = static_cast<const T*>(in);
  double top = -kInf<double>, total = 0;
  for (int64_t i = 0; i < n; ++i) {
    const double v = x[i * step];
    if (v > top) {
      total = total * std::exp(top - v) + 1;
      top = v;
    } else if (v == top) {  // two infinities too
      total += v == -kInf<double> ? 0 : 1;
    } else {
      total += std::exp(v - top);
    }
    const double sum = top == kInf<double> && total == total ? top : top + std::log(total);
    y[i * step] = static_cast<T>(sum);
  }
}

template <class T>
void fill_type(ReduceTable& t) {
  constexpr int d = static_cast<int>(dtype_of<T>::value);
  t.cumsum[d] = scan<SumOp, T>;
  t.cumprod[d] = scan<ProdOp, T>;
  t.cumsum_cols[d] = scan_cols<SumOp, T>;
  t.cumprod_cols[d] = scan_cols<ProdOp, T>;
  if constexpr (!is_cplx<T>) {
    t.cummax[d] = running<MaxOp, T>;
    t.cummin[d] = running<MinOp, T>;
    t.cummax_cols[d] = running_cols<MaxOp, T>;
    t.cummin_cols[d] = running_cols<MinOp, T>;
  }
  if constexpr (std::is_floating_point_v<T>) t.logcumsumexp[d] = logcumsumexp<T>;
}
}  // namespace

void fill_scans(ReduceTable& t) {
  fill_type<bool>(t);
  fill_type<uint8_t>(t);
  fill_type<int8_t>(t);
  fill_type<int16_t>(t);
  fill_type<int32_t>(t);
  fill_type<int64_t>(t);
  fill_type<float>(t);
  fill_type<double>(t);
  fill_type<c64>(t);
  fill_type<c128>(t);
}

}  // namespace lampas::kernels::LAMPAS_ISA
