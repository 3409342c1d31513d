// The loops of reductions, for one instruction set.
#pragma once
#include <algorithm>

#include "kernels/simd/functions.h"
#include "kernels/table.h"

namespace lampas::kernels::LAMPAS_ISA {

// ---- what each reduction does -----------------------------------------------------------------
// map: an element as what lanes hold. Lanes are joined over a block, blocks as Totals.
// Lanes of sums of short integers are as narrow as kReduceBlock / kLanes elements allow.
inline constexpr int kLanes = 64, kFewLanes = 16;
inline constexpr int64_t kShortRow = 256;  // elements that are not worth more lanes than a few
static_assert(kReduceBlock / kLanes <= 127);

template <int kBytes>
using Unsigned = std::conditional_t<
    kBytes == 1, uint8_t,
    std::conditional_t<kBytes == 2, uint16_t, std::conditional_t<kBytes == 4, uint32_t, uint64_t>>>;
// As wide as T, so that lanes of flags sit beside lanes of T; for complex numbers any will do.
template <class T>
using Flags = Unsigned<sizeof(T) < 8 ? sizeof(T) : 8>;

template <class T>
using Wide = std::conditional_t<std::is_integral_v<T>, int64_t, T>;
// Blocks of floats are summed in double: it costs nothing there.
template <class T>
using Total = std::conditional_t<std::is_same_v<T, float>, double,
                                 std::conditional_t<std::is_same_v<T, c64>, c128, Wide<T>>>;
template <class T>
using SumLane = std::conditional_t<
    !std::is_integral_v<T>, T,
    std::conditional_t<std::is_same_v<T, bool>, uint8_t,
                       std::conditional_t<sizeof(T) == 1, int16_t,
                                          std::conditional_t<sizeof(T) == 2, int32_t, int64_t>>>>;

struct Adds {
  template <class A>
  LAMPAS_INLINE static A join(A a, A b) {
    return static_cast<A>(a + b);
  }
  template <class A>
  static A start() {
    return A(0);
  }
};
struct SumOp : Adds {
  template <class T>
  using Lane = SumLane<T>;
  template <class T>
  using Result = Wide<T>;
  template <class T>
  LAMPAS_INLINE static Lane<T> map(T v) {
    return static_cast<Lane<T>>(v);
  }
};
struct NanSumOp : SumOp {
  template <class T>
  LAMPAS_INLINE static T map(T v) {
    return v != v ? T(0) : v;
  }
};
struct SquaresOp : Adds {
  template <class T>
  using Lane = real_of<T>;
  template <class T>
  using Result = real_of<T>;
  template <class T>
  LAMPAS_INLINE static Lane<T> map(T v) {
    if constexpr (is_cplx<T>)
      return v.real() * v.real() + v.imag() * v.imag();
    else
      return v * v;
  }
};
struct AbsSumOp : Adds {
  template <class T>
  using Lane = real_of<T>;
  template <class T>
  using Result = real_of<T>;
  template <class T>
  LAMPAS_INLINE static Lane<T> map(T v) {
    if constexpr (is_cplx<T>)
      return hypot_(v.real(), v.imag());
    else
      return magnitude(v);
  }
};
struct CountOp : Adds {
  template <class T>
  using Lane = Flags<T>;
  template <class T>
  using Result = int64_t;
  template <class T>
  LAMPAS_INLINE static Lane<T> map(T v) {
    return v != T(0) ? 1 : 0;
  }
};
struct ProdOp {
  template <class T>
  using Lane = Wide<T>;
  template <class T>
  using Result = Wide<T>;
  template <class T>
  LAMPAS_INLINE static Lane<T> map(T v) {
    return static_cast<Lane<T>>(v);
  }
  template <class A>
  LAMPAS_INLINE static A join(A a, A b) {
    return product(a, b);
  }
  template <class A>
  static A start() {
    return A(1);
  }
};
struct AnyOp {
  template <class T>
  using Lane = Flags<T>;
  template <class T>
  using Result = bool;
  template <class T>
  LAMPAS_INLINE static Lane<T> map(T v) {
    return v != T(0) ? 1 : 0;
  }
  template <class A>
  LAMPAS_INLINE static A join(A a, A b) {
    return a | b;
  }
  template <class A>
  static A start() {
    return A(0);
  }
};
struct AllOp : AnyOp {
  template <class A>
  LAMPAS_INLINE static A join(A a, A b) {
    return a & b;
  }
  template <class A>
  static A start() {
    return A(1);
  }
};
// The second operand is the new one; a NaN in either stays.
struct MaxOp {
  template <class T>
  using Lane = T;
  template <class T>
  using Result = T;
  template <class T>
  LAMPAS_INLINE static T map(T v) {
    return v;
  }
  template <class A>
  LAMPAS_INLINE static bool better(A a, A b) {
    return b > a;
  }
  template <class A>
  LAMPAS_INLINE static A join(A a, A b) {
    return better(a, b) | (b != b) ? b : a;
  }
  template <class A>
  static A start() {
    if constexpr (std::is_floating_point_v<A>) return -kInf<A>;
    return std::numeric_limits<A>::lowest();
  }
};
struct MinOp : MaxOp {
  template <class A>
  LAMPAS_INLINE static bool better(A a, A b) {
    return b < a;
  }
  template <class A>
  LAMPAS_INLINE static A join(A a, A b) {
    return better(a, b) | (b != b) ? b : a;
  }
  template <class A>
  static A start() {
    if constexpr (std::is_floating_point_v<A>) return kInf<A>;
    return std::numeric_limits<A>::max();
  }
};
struct MaxAbsOp : MaxOp {
  template <class T>
  using Lane = real_of<T>;
  template <class T>
  using Result = real_of<T>;
  template <class T>
  LAMPAS_INLINE static Lane<T> map(T v) {
    return AbsSumOp::map(v);
  }
};
struct MinAbsOp : MinOp {
  template <class T>
  using Lane = real_of<T>;
  template <class T>
  using Result = real_of<T>;
  template <class T>
  LAMPAS_INLINE static Lane<T> map(T v) {
    return AbsSumOp::map(v);
  }
};

// What blocks are joined as.
template <class Op, class T>
using TotalOf =
    std::conditional_t<std::is_base_of_v<Adds, Op>, Total<typename Op::template Result<T>>,
                       typename Op::template Lane<T>>;

// ---- rows -------------------------------------------------------------------------------------
// Joins elements get(i), 0 <= i < n, into kLanes lanes. The last ones come as whole lanes too, of
// which some were seen before.
template <class Op, int kLanes, class L, class F>
LAMPAS_INLINE void join_lanes(L* lane, int64_t n, const F& get) {
  for (int k = 0; k < kLanes; ++k) lane[k] = Op::template start<L>();
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    if constexpr (kLanes == kFewLanes) {
#pragma GCC unroll 1  // short enough to be unrolled before it is seen to be a vector
      for (int k = 0; k < kLanes; ++k) lane[k] = Op::join(lane[k], get(i + k));
    } else {
      for (int k = 0; k < kLanes; ++k) lane[k] = Op::join(lane[k], get(i + k));
    }
  }
  if (i == n) return;
  if (n < kLanes) {
    for (int k = 0; k < n; ++k) lane[k] = Op::join(lane[k], get(k));
    return;
  }
  const int seen = static_cast<int>(i + kLanes - n);
#pragma GCC unroll 1
  for (int k = 0; k < kLanes; ++k) {
    const L v = get(n - kLanes + k);
    lane[k] = Op::join(lane[k], k < seen ? Op::template start<L>() : v);
  }
}
template <class Op, int kLanes, class R>
LAMPAS_INLINE R folded_lanes(const R* total) {
  if constexpr (kLanes == 1) {
    return total[0];
  } else {
    R half[kLanes / 2];
    for (int k = 0; k < kLanes / 2; ++k) half[k] = Op::join(total[k], total[k + kLanes / 2]);
    return folded_lanes<Op, kLanes / 2>(half);
  }
}

// The reduction of get(i), 0 <= i < n, as a total of type R.
template <class Op, class L, class R, class F>
LAMPAS_INLINE R reduce_elements(int64_t n, const F& get) {
  constexpr bool any = std::is_same_v<Op, AnyOp>, all = std::is_same_v<Op, AllOp>;
  if (n < kShortRow) {
    L lane[kFewLanes];
    R total[kFewLanes];
    join_lanes<Op, kFewLanes>(lane, n, get);
    for (int k = 0; k < kFewLanes; ++k) total[k] = R(lane[k]);
    return folded_lanes<Op, kFewLanes>(total);
  }
  R total[kLanes];
  for (int64_t i = 0; i < n; i += kReduceBlock) {
    L lane[kLanes];
    join_lanes<Op, kLanes>(lane, std::min(n - i, kReduceBlock),
                           [&](int64_t k) LAMPAS_LAMBDA { return get(i + k); });
    if (i == 0) {
      for (int k = 0; k < kLanes; ++k) total[k] = R(lane[k]);
    } else {
      for (int k = 0; k < kLanes; ++k) total[k] = Op::join(total[k], R(lane[k]));
    }
    if constexpr (any || all) {  // the rest may not matter
      R so_far = total[0];
      for (int k = 1; k < kLanes; ++k) so_far = Op::join(so_far, total[k]);
      if (any == (so_far != 0)) return so_far;
    }
  }
  return folded_lanes<Op, kLanes>(total);
}

template <class Op, class T>
TotalOf<Op, T> reduce_line(const T* x, int64_t n) {
  return reduce_elements<Op, typename Op::template Lane<T>, TotalOf<Op, T>>(
      n, [x](int64_t i) LAMPAS_LAMBDA { return Op::map(x[i]); });
}

template <class Op, class T>
void row(void* out, const void* in, int64_t n) {
  using R = typename Op::template Result<T>;
  *static_cast<R*>(out) = static_cast<R>(reduce_line<Op>(static_cast<const T*>(in), n));
}

// Integers wrap around.
template <class T>
void dot(void* out, const void* a, const void* b, int64_t n) {
  const T *x = static_cast<const T*>(a), *y = static_cast<const T*>(b);
  T* to = static_cast<T*>(out);
  if constexpr (std::is_integral_v<T>) {
    using L = Unsigned<sizeof(T)>;
    using Factor = Unsigned<sizeof(T) < 4 ? 4 : sizeof(T)>;
    *to = static_cast<T>(reduce_elements<SumOp, L, L>(n, [=](int64_t i) LAMPAS_LAMBDA {
      return static_cast<L>(static_cast<Factor>(x[i]) * static_cast<Factor>(y[i]));
    }));
  } else {
    *to = static_cast<T>(reduce_elements<SumOp, T, Total<T>>(
        n, [=](int64_t i) LAMPAS_LAMBDA { return product(x[i], y[i]); }));
  }
}

// ---- columns ----------------------------------------------------------------------------------
// A strip of columns stays in the first-level cache while rows stream by, in blocks of rows whose
// lanes are joined as totals are.
inline constexpr int64_t kStrip = 512, kRowBlock = 32;

template <class Op, class T, class L>
void add_rows(L* lane, const T* x, int64_t rows, int64_t w, int64_t stride) {
  int64_t r = 0;
  for (; r + 4 <= rows; r += 4, x += 4 * stride) {
    const T *p = x, *q = p + stride, *s = q + stride, *t = s + stride;
#pragma GCC ivdep
    for (int64_t k = 0; k < w; ++k) {
      L a = Op::join(lane[k], Op::map(p[k]));
      a = Op::join(a, Op::map(q[k]));
      a = Op::join(a, Op::map(s[k]));
      lane[k] = Op::join(a, Op::map(t[k]));
    }
  }
  for (; r < rows; ++r, x += stride) {
#pragma GCC ivdep
    for (int64_t k = 0; k < w; ++k) lane[k] = Op::join(lane[k], Op::map(x[k]));
  }
}

template <class Op, class T>
void cols(void* out, const void* in, int64_t rows, int64_t n, int64_t stride) {
  using L = typename Op::template Lane<T>;
  using R = typename Op::template Result<T>;
  using W = TotalOf<Op, T>;
  R* y = static_cast<R*>(out);
  const T* x = static_cast<const T*>(in);
  for (int64_t c = 0; c < n; c += kStrip) {
    const int64_t w = std::min(n - c, kStrip);
    L lane[kStrip];
    if constexpr (std::is_same_v<L, W>) {
      for (int64_t k = 0; k < w; ++k) lane[k] = Op::template start<L>();
      add_rows<Op>(lane, x + c, rows, w, stride);
      for (int64_t k = 0; k < w; ++k) y[c + k] = static_cast<R>(lane[k]);
    } else {
      W total[kStrip];
      for (int64_t k = 0; k < w; ++k) total[k] = Op::template start<W>();
      for (int64_t r = 0; r < rows; r += kRowBlock) {
        for (int64_t k = 0; k < w; ++k) lane[k] = Op::template start<L>();
        add_rows<Op>(lane, x + r * stride + c, std::min(rows - r, kRowBlock), w, stride);
        for (int64_t k = 0; k < w; ++k) total[k] = Op::join(total[k], W(lane[k]));
      }
      for (int64_t k = 0; k < w; ++k) y[c + k] = static_cast<R>(total[k]);
    }
  }
}

// ---- positions --------------------------------------------------------------------------------
template <class Op, class T>
void arg(int64_t* out, const void* in, int64_t n) {
  const T* x = static_cast<const T*>(in);
  const T best = reduce_line<Op>(x, n);
  const bool nan = best != best;
  auto hit = [&](T v) { return nan ? v != v : v == best; };
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    Flags<T> found = 0;
    if (nan)
      for (int k = 0; k < kLanes; ++k) found |= x[i + k] != x[i + k] ? 1 : 0;
    else
      for (int k = 0; k < kLanes; ++k) found |= x[i + k] == best ? 1 : 0;
    if (found) break;
  }
  while (!hit(x[i])) ++i;
  *out = i;
}

template <class Op, class T>
void arg_cols(int64_t* out, const void* in, int64_t rows, int64_t n, int64_t stride) {
  const T* x = static_cast<const T*>(in);
  for (int64_t c = 0; c < n; c += kStrip) {
    const int64_t w = std::min(n - c, kStrip);
    T best[kStrip];
    Unsigned<sizeof(T) < 4 ? 4 : sizeof(T)> at[kStrip];
    for (int64_t k = 0; k < w; ++k) best[k] = x[c + k], at[k] = 0;
    for (int64_t r = 1; r < rows; ++r) {
      const T* v = x + r * stride + c;
#pragma GCC ivdep
      for (int64_t k = 0; k < w; ++k) {
        const bool take = Op::better(best[k], v[k]) | ((v[k] != v[k]) & (best[k] == best[k]));
        best[k] = take ? v[k] : best[k];
        at[k] = take ? static_cast<decltype(at[k] + 0)>(r) : at[k];
      }
    }
    for (int64_t k = 0; k < w; ++k) out[c + k] = static_cast<int64_t>(at[k]);
  }
}

// ---- table ------------------------------------------------------------------------------------
template <class T>
void fill_reduce_type(ReduceTable& t) {
  constexpr int d = static_cast<int>(dtype_of<T>::value);
  auto set = [&]<class Op>(Reduce r, Op) {
    t.row[static_cast<int>(r)][d] = row<Op, T>;
    t.cols[static_cast<int>(r)][d] = cols<Op, T>;
  };
  set(Reduce::Sum, SumOp());
  set(Reduce::Prod, ProdOp());
  set(Reduce::Any, AnyOp());
  set(Reduce::All, AllOp());
  set(Reduce::CountNonzero, CountOp());
  if constexpr (!std::is_same_v<T, bool>) t.dot[d] = dot<T>;
  if constexpr (!is_cplx<T>) {
    set(Reduce::Max, MaxOp());
    set(Reduce::Min, MinOp());
    t.argmax[d] = arg<MaxOp, T>;
    t.argmin[d] = arg<MinOp, T>;
    t.argmax_cols[d] = arg_cols<MaxOp, T>;
    t.argmin_cols[d] = arg_cols<MinOp, T>;
  }
  if constexpr (!std::is_integral_v<T>) {
    set(Reduce::NanSum, NanSumOp());
    set(Reduce::SumSquares, SquaresOp());
    set(Reduce::SumAbs, AbsSumOp());
    set(Reduce::MaxAbs, MaxAbsOp());
    set(Reduce::MinAbs, MinAbsOp());
  }
}

// Parts of fill_reduce, a file each.
void fill_reduce_integer(ReduceTable& t);
void fill_reduce_complex(ReduceTable& t);
void fill_scans(ReduceTable& t);

}  // namespace lampas::kernels::LAMPAS_ISA
