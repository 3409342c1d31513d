// The loops that pointwise rows become, for one instruction set.
#pragma once
#include <cstring>

#include "kernels/simd/functions.h"
#include "kernels/table.h"

namespace lampas::kernels::LAMPAS_ISA {

// ---- kinds ----------------------------------------------------------------------------------------
enum class Kind { Float, FloatC, Real, RealB, Arith, ArithB, Bits, Ints, Test, TestR, Fp, FpC };

template <class T>
constexpr bool takes(Kind k) {
  constexpr bool boolean = std::is_same_v<T, bool>, integer = std::is_integral_v<T> && !boolean;
  constexpr bool real = std::is_floating_point_v<T>, complex = is_cplx<T>;
  switch (k) {
    case Kind::Float: case Kind::Fp: return real;
    case Kind::FloatC: case Kind::FpC: return real || complex;
    case Kind::Real: return real || integer;
    case Kind::RealB: return real || integer || boolean;
    case Kind::Arith: return real || integer || complex;
    case Kind::ArithB: return true;
    case Kind::Bits: return integer || boolean;
    case Kind::Ints: return integer;
    case Kind::Test: return true;
    case Kind::TestR: return !complex;
  }
  return false;
}

// ---- operators as types -------------------------------------------------------------------------------
// The forward expression sees a, b, c of type T and the parameters p0, p1, p2 as T.
#define POINTWISE(name, arity_, params_, KIND, needs, doc, forward, ...)                            \
  struct op_##name {                                                                                 \
    static constexpr int arity = arity_;                                                             \
    static constexpr Kind kind = Kind::KIND;                                                         \
    static constexpr Pointwise id = Pointwise::name;                                                 \
    template <class T>                                                                               \
    using result = std::conditional_t<kind == Kind::Test || kind == Kind::TestR, bool, T>;           \
    template <class T>                                                                               \
    [[gnu::always_inline]] static result<T> run([[maybe_unused]] T a, [[maybe_unused]] T b,          \
                                                [[maybe_unused]] T c, [[maybe_unused]] T p0,         \
                                                [[maybe_unused]] T p1, [[maybe_unused]] T p2) {      \
      return static_cast<result<T>>(forward);                                                        \
    }                                                                                                \
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

template <class Op, class T>
void loop(void* out, const void* const* in, unsigned mask, int64_t n, const double* p) {
  using R = typename Op::template result<T>;
  T p0{}, p1{}, p2{};
  if (p) p0 = parameter<T>(p[0]), p1 = parameter<T>(p[1]), p2 = parameter<T>(p[2]);
  R* y = static_cast<R*>(out);
  const T* a = static_cast<const T*>(in[0]);
  if constexpr (Op::arity == 1) {
    if (mask & 1) {
      R v = Op::template run<T>(a[0], T{}, T{}, p0, p1, p2);
      for (int64_t i = 0; i < n; ++i) y[i] = v;
    } else {
#pragma GCC ivdep
      for (int64_t i = 0; i < n; ++i) y[i] = Op::template run<T>(a[i], T{}, T{}, p0, p1, p2);
    }
  } else if constexpr (Op::arity == 2) {
    const T* b = static_cast<const T*>(in[1]);
    switch (mask & 3) {
      case 0:
#pragma GCC ivdep
        for (int64_t i = 0; i < n; ++i) y[i] = Op::template run<T>(a[i], b[i], T{}, p0, p1, p2);
        break;
      case 1: {
        T s = a[0];
#pragma GCC ivdep
        for (int64_t i = 0; i < n; ++i) y[i] = Op::template run<T>(s, b[i], T{}, p0, p1, p2);
        break;
      }
      case 2: {
        T s = b[0];
#pragma GCC ivdep
        for (int64_t i = 0; i < n; ++i) y[i] = Op::template run<T>(a[i], s, T{}, p0, p1, p2);
        break;
      }
      default: {
        R v = Op::template run<T>(a[0], b[0], T{}, p0, p1, p2);
        for (int64_t i = 0; i < n; ++i) y[i] = v;
      }
    }
  } else {
    const T *b = static_cast<const T*>(in[1]), *c = static_cast<const T*>(in[2]);
    const int64_t sa = mask & 1 ? 0 : 1, sb = mask & 2 ? 0 : 1, sc = mask & 4 ? 0 : 1;
    if (mask == 0) {
#pragma GCC ivdep
      for (int64_t i = 0; i < n; ++i) y[i] = Op::template run<T>(a[i], b[i], c[i], p0, p1, p2);
    } else {
      for (int64_t i = 0; i < n; ++i) y[i] = Op::template run<T>(a[i * sa], b[i * sb], c[i * sc], p0, p1, p2);
    }
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
#define POINTWISE(name, ...)                                                                        \
  ENTER_TYPE(name, bool) ENTER_TYPE(name, uint8_t) ENTER_TYPE(name, int8_t) ENTER_TYPE(name, int16_t) \
  ENTER_TYPE(name, int32_t) ENTER_TYPE(name, int64_t) ENTER_TYPE(name, float)                       \
  ENTER_TYPE(name, double) ENTER_TYPE(name, c64) ENTER_TYPE(name, c128)
#include "defs/pointwise.def"
#undef POINTWISE
#undef ENTER_TYPE
}

// Parts of fill_pointwise, a file each so that they build side by side.
void fill_pointwise_float(PointwiseTable& t);
void fill_pointwise_double(PointwiseTable& t);
void fill_pointwise_integer(PointwiseTable& t);
void fill_pointwise_complex(PointwiseTable& t);
void fill_movement(PointwiseTable& t);
void fill_casts(PointwiseTable& t);

}  // namespace lampas::kernels::LAMPAS_ISA
