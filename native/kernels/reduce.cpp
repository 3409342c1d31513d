#include "kernels/reduce.h"

#include <cstring>

#include "kernels/simd/functions.h"
#include "kernels/table.h"

namespace lampas::kernels::LAMPAS_ISA {

namespace {
template <class T>
using Wide = std::conditional_t<std::is_integral_v<T>, int64_t, T>;
// Sums of floats are combined in double: blocks stay exact enough, and cost nothing.
template <class T>
using Total = std::conditional_t<std::is_same_v<T, float>, double, std::conditional_t<std::is_same_v<T, c64>, c128, Wide<T>>>;

// ---- what each reduction does -----------------------------------------------------------------------
struct SumOp {
  template <class T> using result = Wide<T>;
  template <class T> static Wide<T> start() { return Wide<T>(0); }
  template <class T> static Wide<T> map(T v) { return static_cast<Wide<T>>(v); }
  template <class A> static A join(A a, A b) { return a + b; }
};
struct ProdOp {
  template <class T> using result = Wide<T>;
  template <class T> static Wide<T> start() { return Wide<T>(1); }
  template <class T> static Wide<T> map(T v) { return static_cast<Wide<T>>(v); }
  template <class A> static A join(A a, A b) { return a * b; }
};
template <class T>
constexpr T lowest() {
  if constexpr (std::is_floating_point_v<T>) return -std::numeric_limits<T>::infinity();
  return std::numeric_limits<T>::lowest();
}
template <class T>
constexpr T highest() {
  if constexpr (std::is_floating_point_v<T>) return std::numeric_limits<T>::infinity();
  return std::numeric_limits<T>::max();
}
struct MaxOp {
  template <class T> using result = T;
  template <class T> static T start() { return lowest<T>(); }
  template <class T> static T map(T v) { return v; }
  template <class A> static A join(A a, A b) { return larger(b, a); }
};
struct MinOp {
  template <class T> using result = T;
  template <class T> static T start() { return highest<T>(); }
  template <class T> static T map(T v) { return v; }
  template <class A> static A join(A a, A b) { return smaller(b, a); }
};
struct AnyOp {
  template <class T> using result = bool;
  template <class T> static bool start() { return false; }
  template <class T> static bool map(T v) { return v != T(0); }
  static bool join(bool a, bool b) { return a | b; }
};
struct AllOp {
  template <class T> using result = bool;
  template <class T> static bool start() { return true; }
  template <class T> static bool map(T v) { return v != T(0); }
  static bool join(bool a, bool b) { return a & b; }
};
struct CountOp {
  template <class T> using result = int64_t;
  template <class T> static int64_t start() { return 0; }
  template <class T> static int64_t map(T v) { return v != T(0); }
  static int64_t join(int64_t a, int64_t b) { return a + b; }
};
struct SquaresOp {
  template <class T> using result = real_of<T>;
  template <class T> static real_of<T> start() { return 0; }
  template <class T> static real_of<T> map(T v) {
    if constexpr (is_cplx<T>)
      return std::norm(v);
    else
      return v * v;
  }
  template <class A> static A join(A a, A b) { return a + b; }
};
struct AbsSumOp : SquaresOp {
  template <class T> static real_of<T> map(T v) { return std::abs(v); }
};
struct MaxAbsOp : AbsSumOp {
  template <class A> static A join(A a, A b) { return larger(b, a); }
};
struct MinAbsOp : AbsSumOp {
  template <class T> static real_of<T> start() { return highest<real_of<T>>(); }
  template <class A> static A join(A a, A b) { return smaller(b, a); }
};

template <class Op>
inline constexpr bool sums = std::is_same_v<Op, SumOp> || std::is_same_v<Op, SquaresOp> || std::is_same_v<Op, AbsSumOp>;

// ---- rows -------------------------------------------------------------------------------------------
// Lanes side by side, so that the compiler keeps them in vectors; blocks bound rounding errors.
constexpr int64_t kLanes = 64, kBlock = 2048;

template <class Op, class T>
auto block(const T* x, int64_t n) {
  using R = typename Op::template result<T>;
  R lane[kLanes];
  for (R& l : lane) l = Op::template start<T>();
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes)
    for (int64_t k = 0; k < kLanes; ++k) lane[k] = Op::join(lane[k], Op::template map<T>(x[i + k]));
  for (int64_t k = 0; i < n; ++i, ++k) lane[k] = Op::join(lane[k], Op::template map<T>(x[i]));
  for (int64_t w = kLanes / 2; w; w /= 2)
    for (int64_t k = 0; k < w; ++k) lane[k] = Op::join(lane[k], lane[k + w]);
  return lane[0];
}

template <class Op, class T>
void row(void* out, const void* in, int64_t n) {
  using R = typename Op::template result<T>;
  const T* x = static_cast<const T*>(in);
  if constexpr (sums<Op>) {
    Total<R> total(0);
    for (int64_t i = 0; i < n; i += kBlock) total += Total<R>(block<Op>(x + i, n - i < kBlock ? n - i : kBlock));
    *static_cast<R*>(out) = static_cast<R>(total);
  } else {
    *static_cast<R*>(out) = block<Op>(x, n);
  }
}

// ---- columns ----------------------------------------------------------------------------------------
// A strip of columns stays in registers and the first-level cache while rows stream by.
template <class Op, class T>
void cols(void* out, const void* in, int64_t rows, int64_t n, int64_t stride) {
  using R = typename Op::template result<T>;
  R* y = static_cast<R*>(out);
  const T* x = static_cast<const T*>(in);
  constexpr int64_t kStrip = 256;
  for (int64_t c = 0; c < n; c += kStrip) {
    int64_t w = n - c < kStrip ? n - c : kStrip;
    R acc[kStrip];
    for (int64_t k = 0; k < w; ++k) acc[k] = Op::template start<T>();
    int64_t r = 0;
    for (; r + 4 <= rows; r += 4) {
      const T *p = x + r * stride + c, *q = p + stride, *s = q + stride, *t = s + stride;
#pragma GCC ivdep
      for (int64_t k = 0; k < w; ++k)
        acc[k] = Op::join(acc[k], Op::join(Op::join(Op::template map<T>(p[k]), Op::template map<T>(q[k])), Op::join(Op::template map<T>(s[k]), Op::template map<T>(t[k]))));
    }
    for (; r < rows; ++r) {
      const T* p = x + r * stride + c;
      for (int64_t k = 0; k < w; ++k) acc[k] = Op::join(acc[k], Op::template map<T>(p[k]));
    }
    for (int64_t k = 0; k < w; ++k) y[c + k] = acc[k];
  }
}

// ---- positions --------------------------------------------------------------------------------------
template <bool Max, class T>
void arg(int64_t* out, const void* in, int64_t n) {
  const T* x = static_cast<const T*>(in);
  T best = block<std::conditional_t<Max, MaxOp, MinOp>>(x, n);
  int64_t at = 0;
  if (best != best)
    while (x[at] == x[at]) ++at;
  else
    while (!(x[at] == best)) ++at;
  *out = at;
}

template <class Op, class T>
void scan(void* out, const void* in, int64_t n, int64_t step) {
  using W = Wide<T>;
  W* y = static_cast<W*>(out);
  const T* x = static_cast<const T*>(in);
  Total<W> total(Op::template start<T>());
  for (int64_t i = 0; i < n; ++i) {
    total = Op::join(total, Total<W>(static_cast<W>(x[i * step])));
    y[i * step] = static_cast<W>(total);
  }
}

template <class T>
void fill_type(ReduceTable& t) {
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
  if constexpr (!is_cplx<T>) {
    set(Reduce::Max, MaxOp());
    set(Reduce::Min, MinOp());
    t.argmax[d] = arg<true, T>;
    t.argmin[d] = arg<false, T>;
  }
  if constexpr (!std::is_integral_v<T>) {
    set(Reduce::SumSquares, SquaresOp());
    set(Reduce::SumAbs, AbsSumOp());
    set(Reduce::MaxAbs, MaxAbsOp());
    set(Reduce::MinAbs, MinAbsOp());
  }
  t.cumsum[d] = scan<SumOp, T>;
  t.cumprod[d] = scan<ProdOp, T>;
}
}  // namespace

void fill_reduce(Table& t) {
  fill_type<bool>(t.reduce);
  fill_type<uint8_t>(t.reduce);
  fill_type<int8_t>(t.reduce);
  fill_type<int16_t>(t.reduce);
  fill_type<int32_t>(t.reduce);
  fill_type<int64_t>(t.reduce);
  fill_type<float>(t.reduce);
  fill_type<double>(t.reduce);
  fill_type<c64>(t.reduce);
  fill_type<c128>(t.reduce);
}

}  // namespace lampas::kernels::LAMPAS_ISA
