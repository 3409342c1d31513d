// Matrix products of bfloat16 numbers.
#include "kernels/bf16/product.h"
#include "kernels/table.h"

namespace lampas::kernels::LAMPAS_ISA {

namespace {
// Sums, bias and activation of columns, rounded once.
inline void finish(const GemmArgs& g, __m512 sum, int64_t column, __mmask16 mask, bf16* to) {
  if (g.bias) sum += load_floats(static_cast<const bf16*>(g.bias) + column, mask);
  if (g.accumulate) sum += load_floats(to, mask);
  if (g.act == Act::Relu)
    sum = _mm512_mask_mov_ps(sum, _mm512_cmp_ps_mask(sum, _mm512_setzero_ps(), _CMP_LT_OQ),
                             _mm512_setzero_ps());
  store_floats(to, mask, sum);
}

struct Matrices {
  const GemmArgs& g;
  int64_t batch, m, n, k;

  explicit Matrices(const GemmArgs& args)
      : g(args), batch(args.batch), m(args.m), n(args.n), k(args.k) {}

  bool pack_a(int64_t i, int64_t row, int64_t rows, int64_t padded, bf16* to) const {
    Bf16Block::pack_a(static_cast<const bf16*>(g.a) + i * g.a_bs + row * g.a_rs, g.a_rs, g.a_cs,
                      rows, k, padded, to);
    return true;
  }
  bool pack_b(int64_t i, int64_t column, int64_t columns, int64_t padded, bf16* to) const {
    pack_pairs(static_cast<const bf16*>(g.b) + i * g.b_bs + column * g.b_cs, g.b_cs, g.b_rs,
               columns, k, kPanel, padded, to);
    return true;
  }
  void store(int64_t i, int64_t row, int64_t rows, int64_t column, int64_t columns,
             const float* c) const {
    bf16* to = static_cast<bf16*>(g.c) + i * g.c_bs + row * g.c_rs + column;
    for (int64_t r = 0; r < rows; ++r, to += g.c_rs, c += kPanel)
      for (int64_t j = 0; j < columns; j += 16)
        finish(g, _mm512_loadu_ps(c + j), column + j, columns_mask(columns, j), to + j);
  }
};

// ---- few rows against columns that lie along k: dot products, nothing packed -----------------
struct Dots {
  static constexpr int64_t kMost = 4, kColumns = 4, kTask = 32;
  const GemmArgs& g;
  int64_t blocks;

  static bool pays(const GemmArgs& g) {
    return g.m <= kMost && g.b_rs == 1 && (g.a_cs == 1 || g.k == 1);
  }
  static void task(void* job, int64_t t) {
    const auto& j = *static_cast<Dots*>(job);
    const GemmArgs& g = j.g;
    const int64_t batch = t / j.blocks, first = t % j.blocks * kTask,
                  last = std::min(g.n, first + kTask);
    for (int64_t i = 0; i < g.m; ++i) {
      const bf16* a = static_cast<const bf16*>(g.a) + batch * g.a_bs + i * g.a_rs;
      const bf16* b = static_cast<const bf16*>(g.b) + batch * g.b_bs;
      bf16* c = static_cast<bf16*>(g.c) + batch * g.c_bs + i * g.c_rs;
      int64_t column = first;
      for (; column + kColumns <= last; column += kColumns)
        columns<kColumns>(g, a, b + column * g.b_cs, column, c + column);
      for (; column < last; ++column) columns<1>(g, a, b + column * g.b_cs, column, c + column);
    }
  }
  template <int N>
  static void columns(const GemmArgs& g, const bf16* a, const bf16* b, int64_t column, bf16* c) {
    __m512 sum[N];
    for (int j = 0; j < N; ++j) sum[j] = _mm512_setzero_ps();
    for (int64_t k = 0; k < g.k; k += 32) {
      const __mmask32 mask = first_lanes(g.k - k);
      const auto av = (__m512bh)_mm512_maskz_loadu_epi16(mask, a + k);
#pragma GCC unroll 4
      for (int j = 0; j < N; ++j)
        sum[j] = _mm512_dpbf16_ps(sum[j], av,
                                  (__m512bh)_mm512_maskz_loadu_epi16(mask, b + j * g.b_cs + k));
    }
    float total[16] = {};
    for (int j = 0; j < N; ++j) {
      float lane[16];
      _mm512_storeu_ps(lane, sum[j]);
      for (int w = 8; w; w /= 2)
        for (int l = 0; l < w; ++l) lane[l] += lane[l + w];
      total[j] = lane[0];
    }
    finish(g, _mm512_loadu_ps(total), column, columns_mask(N, 0), c);
  }
};

bool gemm(const GemmArgs& g, const Env& env) {
  if (!Dots::pays(g)) return Product<Matrices>(Matrices(g), env).run();
  Dots dots{g, blocks_of(g.n, Dots::kTask)};
  run_tasks(g.batch * dots.blocks, Dots::task, &dots, env,
            2.0 * static_cast<double>(g.batch * g.m * g.n * g.k));
  return true;
}
}  // namespace

void fill_bf16_gemm(Table& t) { t.gemm.gemm[static_cast<int>(DType::BF16)] = gemm; }

}  // namespace lampas::kernels::LAMPAS_ISA
