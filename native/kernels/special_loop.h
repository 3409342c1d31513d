// Loops of the rows of kind Special: in double, a block at a time, so that floats and doubles share
// one copy of code that is large, and in the forms that a block needs.
#pragma once
#include "kernels/pointwise.h"
#include "kernels/simd/math.h"

namespace lampas::kernels::LAMPAS_ISA {

inline constexpr int kLanes = 64;
// y of a, b and the row's first number; y is another block than a and b.
using SpecialBlock = void (*)(double* y, const double* a, const double* b, double p0);

// ---- blocks ------------------------------------------------------------------------------------
template <auto f>
[[gnu::noinline]] void each(double* y, const double* a, const double*, double) {
#pragma GCC ivdep
  for (int i = 0; i < kLanes; ++i) y[i] = f(a[i]);
}
// What vector code cannot say, or seldom needs, is left to F::hard, element by element.
template <class F>
void mend(double* y, const double* a) {
  int hard = 0;
  for (int i = 0; i < kLanes; ++i) hard += F::is_hard(a[i], y[i]) ? 1 : 0;
  if (!hard) return;
  for (int i = 0; i < kLanes; ++i)
    if (F::is_hard(a[i], y[i])) y[i] = F::hard(a[i]);
}
template <class F>
[[gnu::noinline]] void pieces(double* y, const double* a, const double*, double) {
  int near = 0;
  for (int i = 0; i < kLanes; ++i) near += F::is_near(a[i]) ? 1 : 0;
  if (near > 0) {
#pragma GCC ivdep
    for (int i = 0; i < kLanes; ++i) y[i] = F::near(a[i]);
  }
  if (near < kLanes) {
#pragma GCC ivdep
    for (int i = 0; i < kLanes; ++i) {
      const double far = F::far(a[i]);
      y[i] = F::is_near(a[i]) ? y[i] : far;
    }
  }
  if constexpr (requires { F::hard(0.); })
    if (near < kLanes) mend<F>(y, a);
}

// ---- entries -----------------------------------------------------------------------------------
// A row's loop: n elements through a block.
template <class T>
void run_special(SpecialBlock block, int arity, void* out, const void* const* in, unsigned mask,
                 int64_t n, const double* p);

// Floats may do with another block than doubles.
template <int kArity, SpecialBlock block, SpecialBlock single = block>
void enter_special(PointwiseTable& t, Pointwise op) {
  auto& fn = t.fn[static_cast<int>(op)];
  fn[static_cast<int>(DType::F32)] = [](void* out, const void* const* in, unsigned mask, int64_t n,
                                        const double* p) {
    run_special<float>(single, kArity, out, in, mask, n, p);
  };
  fn[static_cast<int>(DType::F64)] = [](void* out, const void* const* in, unsigned mask, int64_t n,
                                        const double* p) {
    run_special<double>(block, kArity, out, in, mask, n, p);
  };
}

// Parts of fill_special, a file each so that they build side by side.
void fill_bessel(PointwiseTable& t);
void fill_gamma(PointwiseTable& t);
void fill_normal(PointwiseTable& t);
void fill_polynomials(PointwiseTable& t);

}  // namespace lampas::kernels::LAMPAS_ISA
