// Plain products for types without packed kernels: complex numbers.
#include "kernels/gemm.h"

#include "kernels/gemm_packed.h"
#include "kernels/simd/complex.h"
#include "kernels/table.h"

namespace lampas::kernels::LAMPAS_ISA {

namespace {
// One row of C at a time, columns in order; rows go to threads.
template <class T>
bool plain(const GemmArgs& g, const Env& env) {
  struct Ctx {
    const GemmArgs& g;
  } ctx{g};
  env.parallel(
      g.batch * g.m,
      [](void* p, int64_t t) {
        const GemmArgs& g = static_cast<Ctx*>(p)->g;
        int64_t batch = t / g.m, i = t % g.m;
        const T* a = static_cast<const T*>(g.a) + batch * g.a_bs + i * g.a_rs;
        const T* b = static_cast<const T*>(g.b) + batch * g.b_bs;
        T* c = static_cast<T*>(g.c) + batch * g.c_bs + i * g.c_rs;
        const T* bias = static_cast<const T*>(g.bias);
        for (int64_t j = 0; j < g.n; ++j)
          c[j] = static_cast<T>((g.accumulate ? c[j] : T(0)) +
                                (bias ? static_cast<T>(bias[j]) : T(0)));
        for (int64_t k = 0; k < g.k; ++k) {
          T v = static_cast<T>(a[k * g.a_cs]);
          const T* row = b + k * g.b_rs;
          for (int64_t j = 0; j < g.n; ++j)
            c[j] = static_cast<T>(c[j] + v * static_cast<T>(row[j * g.b_cs]));
        }
      },
      &ctx);
  return true;
}
}  // namespace

void fill_gemm(Table& t) {
  fill_gemm_real(t.gemm);
  fill_gemm_integer(t.gemm);
  t.gemm.gemm[static_cast<int>(DType::C64)] = plain<c64>;
  t.gemm.gemm[static_cast<int>(DType::C128)] = plain<c128>;
}

}  // namespace lampas::kernels::LAMPAS_ISA
