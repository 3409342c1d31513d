#include "dispatch/dispatch.h"

#include "runtime/allocator.h"
#include "runtime/cpu.h"
#include "runtime/pool.h"

namespace lampas {

namespace kernels {
// Every instruction set has the same fill functions, in a namespace of its own.
#define LAMPAS_FILLS(isa)      \
  namespace isa {              \
  void fill_channels(Table&);  \
  void fill_conv(Table&);      \
  void fill_gemm(Table&);      \
  void fill_grid(Table&);      \
  void fill_groups(Table&);    \
  void fill_index(Table&);     \
  void fill_optim(Table&);     \
  void fill_pointwise(Table&); \
  void fill_pool(Table&);      \
  void fill_random(Table&);    \
  void fill_recurrent(Table&); \
  void fill_reduce(Table&);    \
  void fill_resample(Table&);  \
  void fill_rows(Table&);      \
  void fill_unfold(Table&);    \
  inline void fill(Table& t) { \
    fill_channels(t);          \
    fill_conv(t);              \
    fill_gemm(t);              \
    fill_grid(t);              \
    fill_groups(t);            \
    fill_index(t);             \
    fill_optim(t);             \
    fill_pointwise(t);         \
    fill_pool(t);              \
    fill_random(t);            \
    fill_recurrent(t);         \
    fill_reduce(t);            \
    fill_resample(t);          \
    fill_rows(t);              \
    fill_unfold(t);            \
  }                            \
  }
LAMPAS_FILLS(base)
#if defined(__x86_64__)
LAMPAS_FILLS(avx2)
LAMPAS_FILLS(avx512)
#endif
#undef LAMPAS_FILLS
// These only add to what AVX-512 has.
#if defined(__x86_64__)
#define LAMPAS_BF16_FILLS(isa)      \
  namespace isa {                   \
  void fill_bf16_gemm(Table&);      \
  void fill_bf16_conv(Table&);      \
  inline void fill_bf16(Table& t) { \
    fill_bf16_gemm(t);              \
    fill_bf16_conv(t);              \
  }                                 \
  }
LAMPAS_BF16_FILLS(avx512_bf16)
LAMPAS_BF16_FILLS(amx)
#undef LAMPAS_BF16_FILLS
#endif
}  // namespace kernels

const kernels::Table& dispatch() {
  static const kernels::Table table = [] {
    kernels::Table t{};
    switch (isa()) {
#if defined(__x86_64__)
      case Isa::Amx:
        kernels::avx512::fill(t);
        kernels::amx::fill_bf16(t);
        break;
      case Isa::Avx512Bf16:
        kernels::avx512::fill(t);
        kernels::avx512_bf16::fill_bf16(t);
        break;
      case Isa::Avx512:
        kernels::avx512::fill(t);
        break;
      case Isa::Avx2:
        kernels::avx2::fill(t);
        break;
#endif
      default:
        kernels::base::fill(t);
    }
    return t;
  }();
  return table;
}

const kernels::Env& kernel_env() {
  static constexpr kernels::Env env = {parallel_for_raw, try_allocate, deallocate};
  return env;
}

}  // namespace lampas
