// The loops that pointwise rows become, for one instruction set.
#pragma once
#include <algorithm>
#include <cstring>

#include "kernels/simd/functions.h"
#include "kernels/table.h"

namespace lampas::kernels::LAMPAS_ISA {

// ---- kinds -------------------------------------------------------------------------------------
using Kind = PointwiseKind;

template <class T>
constexpr bool takes(Kind k) {
  constexpr bool boolean = std::is_same_v<T, bool>, integer = std::is_integral_v<T> && !boolean;
  constexpr bool real = std::is_floating_point_v<T>, complex = is_cplx<T>;
  switch (k) {
    case Kind::Float:
    case Kind::Fp:
      return real;
    case Kind::Special:
      return false;
    case Kind::FloatC:
    case Kind::FpC:
      return real || complex;
    case Kind::Real:
      return real || integer;
    case Kind::RealB:
      return real || integer || boolean;
    case Kind::Arith:
      return real || integer || complex;
    case Kind::ArithB:
      return true;
    case Kind::Bits:
      return integer || boolean;
    case Kind::Ints:
      return integer;
    case Kind::Test:
      return true;
    case Kind::TestR:
      return !complex;
  }
  return false;
}

// ---- operators as types
// ------------------------------------------------------------------------------- The forward
// expression sees a, b, c of type T and the parameters p0, p1, p2 as T. Rows of kind Special have
// none: special_loop.h.
inline constexpr bool in_blocks = false;
#define POINTWISE(name, arity_, params_, KIND, needs, doc, forward, ...)                        \
  struct op_##name {                                                                            \
    static constexpr int arity = arity_;                                                        \
    static constexpr Kind kind = Kind::KIND;                                                    \
    static constexpr Pointwise id = Pointwise::name;                                            \
    template <class T>                                                                          \
    using result = std::conditional_t<kind == Kind::Test || kind == Kind::TestR, bool, T>;      \
    template <class T>                                                                          \
    [[gnu::always_inline]] static result<T> run([[maybe_unused]] T a, [[maybe_unused]] T b,     \
                                                [[maybe_unused]] T c, [[maybe_unused]] T p0,    \
                                                [[maybe_unused]] T p1, [[maybe_unused]] T p2) { \
      return static_cast<result<T>>(forward);                                                   \
    }                                                                                           \
  };
#include "defs/pointwise.def"
#undef POINTWISE

template <class T>
T parameter(double v) {
  if constexpr (std::is_same_v<T, bool>)
    return v != 0;
  else
    return static_cast<T>(static_cast<std::conditional_t<is_cplx<T>, double, T>>(v));
}

// ---- operators that are vector code within bounds only
// -------------------------------------------------- Where a whole block is within them, it runs
// the bounded form; else each element decides for itself, with the same bits.
template <class Op, class T>
struct Bounded {
  static constexpr bool exists = false;
};
#define LAMPAS_BOUNDED(function)                                          \
  template <class T>                                                      \
    requires std::is_floating_point_v<T>                                  \
  struct Bounded<op_##function, T> {                                      \
    static constexpr bool exists = true;                                  \
    LAMPAS_INLINE static bool holds(T a, T) { return trig_in_bounds(a); } \
    LAMPAS_INLINE static T run(T a, T) { return function##_bounded(a); }  \
  };
LAMPAS_BOUNDED(sin)
LAMPAS_BOUNDED(cos)
LAMPAS_BOUNDED(tan)
LAMPAS_BOUNDED(sinc)
#undef LAMPAS_BOUNDED
template <class T>
inline constexpr bool divides_in_bounds = std::is_same_v<T, float> || std::is_same_v<T, int32_t> ||
#ifdef LAMPAS_MOD_OF_DOUBLES
                                          std::is_same_v<T, double> ||
#endif
                                          std::is_same_v<T, int64_t>;
template <class T>
  requires divides_in_bounds<T>
struct Bounded<op_fmod_raw, T> {
  static constexpr bool exists = true;
  LAMPAS_INLINE static bool holds(T a, T b) {
    if constexpr (std::is_integral_v<T>)
      return div_in_bounds(a, b);
    else
      return mod_in_bounds(a, b);
  }
  LAMPAS_INLINE static T run(T a, T b) {
    if constexpr (std::is_integral_v<T>)
      return a - div_bounded(a, b) * b;
    else
      return mod_bounded(a, b);
  }
};
template <class T>
  requires divides_in_bounds<T>
struct Bounded<op_remainder_raw, T> : Bounded<op_fmod_raw, T> {
  LAMPAS_INLINE static T run(T a, T b) {
    return floor_mod_from(Bounded<op_fmod_raw, T>::run(a, b), b);
  }
};
template <class T>
  requires divides_in_bounds<T>
struct Bounded<op_floor_divide_raw, T> : Bounded<op_fmod_raw, T> {
  LAMPAS_INLINE static T run(T a, T b) {
    if constexpr (std::is_integral_v<T>) {
      const T q = div_bounded(a, b);
      return q - (rounds_down(a - q * b, b) ? 1 : 0);
    } else {
      return floor_div_from(mod_bounded(a, b), a, b);
    }
  }
};
template <class T>
  requires(divides_in_bounds<T> && std::is_integral_v<T>)
struct Bounded<op_div_trunc, T> : Bounded<op_fmod_raw, T> {
  LAMPAS_INLINE static T run(T a, T b) { return div_bounded(a, b); }
};

// ---- loops -------------------------------------------------------------------------------------
inline constexpr int64_t kBlock = 256;

template <class Op, class T, class R>
bool run_bounded(R* y, const T* a, const T* b, int64_t n) {
  unsigned outside = 0;
  for (int64_t i = 0; i < n; ++i) outside |= Bounded<Op, T>::holds(a[i], b[i]) ? 0u : 1u;
  if (outside) return false;
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) y[i] = Bounded<Op, T>::run(a[i], b[i]);
  return true;
}

// in: one array per operand; y may be one of them.
template <class Op, class T, class R>
void run_arrays(R* y, const T* const* in, int64_t n, T p0, T p1, T p2) {
  const T* a = in[0];
  const T* b = in[Op::arity > 1 ? 1 : 0];
  [[maybe_unused]] const T* c = in[Op::arity > 2 ? 2 : 0];
  if constexpr (Bounded<Op, T>::exists)
    if (run_bounded<Op>(y, a, b, n)) return;
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i)
    y[i] = Op::template run<T>(a[i], Op::arity > 1 ? b[i] : T{}, Op::arity > 2 ? c[i] : T{}, p0, p1,
                               p2);
}

// An operand of one element becomes an array as long as a block.
template <class Op, class T>
void loop(void* out, const void* const* in, unsigned mask, int64_t n, const double* p) {
  using R = typename Op::template result<T>;
  T p0{}, p1{}, p2{};
  if (p) p0 = parameter<T>(p[0]), p1 = parameter<T>(p[1]), p2 = parameter<T>(p[2]);
  const int64_t step = mask || Bounded<Op, T>::exists ? kBlock : n;
  const T* at[Op::arity];
  int64_t steps[Op::arity];
  T filled[Op::arity][kBlock];
  for (int k = 0; k < Op::arity; ++k) {
    at[k] = static_cast<const T*>(in[k]);
    steps[k] = step;
    if (!(mask & (1u << k))) continue;
    T v = *at[k];
    for (int64_t i = 0; i < std::min(n, kBlock); ++i) filled[k][i] = v;
    at[k] = filled[k];
    steps[k] = 0;
  }
  R* y = static_cast<R*>(out);
  for (int64_t i = 0; i < n; i += step, y += step) {
    run_arrays<Op, T, R>(y, at, std::min(step, n - i), p0, p1, p2);
    for (int k = 0; k < Op::arity; ++k) at[k] += steps[k];
  }
}

template <class Op, class T, bool Wanted>
void enter(PointwiseTable& t) {
  if constexpr (takes<T>(Op::kind) && Wanted)
    t.fn[static_cast<int>(Op::id)][static_cast<int>(dtype_of<T>::value)] = loop<Op, T>;
}

// Which operators and types a file takes is its own choice: Select::of<Op, T>.
template <class Select>
void fill_selected(PointwiseTable& t) {
#define ENTER_TYPE(name, T) enter<op_##name, T, Select::template of<op_##name, T>>(t);
#define POINTWISE(name, ...) \
  ENTER_TYPE(name, bool)     \
  ENTER_TYPE(name, uint8_t)  \
  ENTER_TYPE(name, int8_t)   \
  ENTER_TYPE(name, int16_t)  \
  ENTER_TYPE(name, int32_t)  \
  ENTER_TYPE(name, int64_t)  \
  ENTER_TYPE(name, float) ENTER_TYPE(name, double) ENTER_TYPE(name, c64) ENTER_TYPE(name, c128)
#include "defs/pointwise.def"
#undef POINTWISE
#undef ENTER_TYPE
}

// Parts of fill_pointwise, a file each so that they build side by side.
void fill_pointwise_float(PointwiseTable& t);
void fill_pointwise_double(PointwiseTable& t);
void fill_pointwise_integer(PointwiseTable& t);
void fill_pointwise_complex(PointwiseTable& t);
void fill_special(PointwiseTable& t);
void fill_movement(PointwiseTable& t);
void fill_casts(PointwiseTable& t);

}  // namespace lampas::kernels::LAMPAS_ISA
