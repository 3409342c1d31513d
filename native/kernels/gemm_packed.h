// Products of numbers that vectors can hold: B in panels of NR columns, A in place or packed, MR x
// NR blocks of C in registers. Work is cut into blocks of C by size alone.
#pragma once
#include <algorithm>
#include <cstring>
#include <optional>

#include "kernels/gemm.h"
#include "kernels/gemm_block.h"
#include "kernels/simd/transpose.h"

namespace lampas::kernels::LAMPAS_ISA {

template <class T>
struct Kernel : Block<T> {
  using typename Block<T>::V;
  using typename Block<T>::Tile;
  using Block<T>::lanes, Block<T>::NR, Block<T>::MR, Block<T>::rows;

  // Panel j of B, rows k0..k0+k: [k][NR], zeros beyond n.
  static void pack_b(T* to, const T* b, int64_t rs, int64_t cs, int64_t k, int64_t cols) {
    if (cs == 1) {
      for (int64_t p = 0; p < k; ++p, to += NR) {
        std::memcpy(to, b + p * rs, static_cast<size_t>(cols) * sizeof(T));
        for (int64_t j = cols; j < NR; ++j) to[j] = 0;
      }
      return;
    }
    int64_t p0 = 0;
    if (rs == 1 && cols == NR)
      for (; p0 + lanes <= k; p0 += lanes)
        for (int64_t j = 0; j < NR; j += lanes)
          transpose_block<T, lanes>(to + p0 * NR + j, NR, b + p0 + j * cs, cs);
    for (; p0 < k; p0 += 16) {
      int64_t pn = std::min<int64_t>(16, k - p0);
      for (int64_t j = 0; j < NR; ++j)
        for (int64_t p = 0; p < pn; ++p)
          to[(p0 + p) * NR + j] = j < cols ? b[(p0 + p) * rs + j * cs] : T(0);
    }
  }

  // r rows of A: [k][r]. Whole blocks of them go by squares in registers, which write some elements
  // beyond a block's rows, where the next ones belong; `left` rows can be read.
  static void pack_rows(T* to, const T* a, int64_t rs, int64_t cs, int64_t k, int64_t r,
                        int64_t left) {
    constexpr int64_t squares = (MR + lanes - 1) / lanes;
    int64_t p = 0;
    if (cs == 1 && r == MR && left >= squares * lanes)
      for (; p + lanes <= k; p += lanes)
        for (int64_t s = squares - 1; s >= 0; --s)
          transpose_block<T, lanes>(to + p * MR + s * lanes, MR, a + p + s * lanes * rs, rs);
    for (; p < k; ++p)
      for (int64_t x = 0; x < r; ++x) to[p * r + x] = a[x * rs + p * cs];
  }

  static constexpr int64_t kKC = 384, kMC = 96;

  struct Job {
    const GemmArgs& g;
    T* packed;             // panels of B from first_packed on
    int64_t first_packed;  // earlier panels are read in place
    int64_t panels, m_blocks, n_blocks, panels_per_block;
    int64_t packed_panels() const { return panels - first_packed; }
    T* panel(int64_t batch, int64_t p) const {
      return packed + (batch * packed_panels() + p - first_packed) * g.k * NR;
    }
  };

  static void pack_task(void* p, int64_t t) {
    Job& j = *static_cast<Job*>(p);
    const GemmArgs& g = j.g;
    int64_t batch = t / j.packed_panels(), panel = j.first_packed + t % j.packed_panels(),
            c = panel * NR;
    const T* b = static_cast<const T*>(g.b) + batch * g.b_bs + c * g.b_cs;
    pack_b(j.panel(batch, panel), b, g.b_rs, g.b_cs, g.k, std::min<int64_t>(NR, g.n - c));
  }

  static void compute_task(void* p, int64_t t) {
    Job& j = *static_cast<Job*>(p);
    const GemmArgs& g = j.g;
    int64_t per_batch = j.m_blocks * j.n_blocks, batch = t / per_batch, rest = t % per_batch;
    int64_t m0 = rest % j.m_blocks * kMC, m1 = std::min(g.m, m0 + kMC);
    int64_t p0 = rest / j.m_blocks * j.panels_per_block,
            p1 = std::min(j.panels, p0 + j.panels_per_block);
    const T* a = static_cast<const T*>(g.a) + batch * g.a_bs;
    T* c = static_cast<T*>(g.c) + batch * g.c_bs;
    const T* bias = static_cast<const T*>(g.bias);
    alignas(64) T packed_a[kMC * kKC + lanes];
    for (int64_t k0 = 0; k0 < std::max<int64_t>(g.k, 1); k0 += kKC) {
      int64_t k = std::min(kKC, g.k - k0);
      bool first = k0 == 0, last = k0 + k >= g.k;
      // Broadcasts may come from anywhere, but rows a multiple of 1 KiB apart fall on the same few
      // cache sets, and elements far apart in both directions on a line each.
      bool awkward =
          g.a_cs == 1 ? g.a_rs * static_cast<int64_t>(sizeof(T)) % 1024 == 0 : g.a_rs != 1;
      bool pack_a = awkward && p1 - p0 > 2 && k > 0;
      if (pack_a)
        for (int64_t i = m0; i < m1; i += MR)
          pack_rows(packed_a + (i - m0) * k, a + i * g.a_rs + k0 * g.a_cs, g.a_rs, g.a_cs, k,
                    std::min<int64_t>(MR, m1 - i), g.m - i);
      for (int64_t panel = p0; panel < p1; ++panel) {
        int64_t col = panel * NR;
        int cols = static_cast<int>(std::min<int64_t>(NR, g.n - col));
        for (int64_t i = m0; i < m1; i += MR) {
          int r = static_cast<int>(std::min<int64_t>(MR, m1 - i));
          Tile tile;
          tile.a = pack_a ? packed_a + (i - m0) * k : a + i * g.a_rs + k0 * g.a_cs;
          tile.a_rs = pack_a ? 1 : g.a_rs;
          tile.a_cs = pack_a ? r : g.a_cs;
          bool in_place = panel < j.first_packed;
          tile.b = in_place ? static_cast<const T*>(g.b) + batch * g.b_bs + k0 * g.b_rs + col
                            : j.panel(batch, panel) + k0 * NR;
          tile.b_rs = in_place ? g.b_rs : NR;
          tile.k = k;
          tile.c = c + i * g.c_rs + col;
          tile.c_rs = g.c_rs;
          tile.bias = last && bias ? bias + col : nullptr;
          tile.accumulate = !first || g.accumulate;
          tile.relu = last && g.act == Act::Relu;
          rows(tile, r, cols);
        }
      }
    }
  }

  // ---- few rows against columns that lie along k: dot products, nothing packed
  // --------------------
  template <int R, int C>
  static void dots(const GemmArgs& g, const T* a, const T* b, T* c, const T* bias) {
    V acc[R][C] = {};
    int64_t p = 0;
    for (; p + lanes <= g.k; p += lanes) {
      V bv[C];
#pragma GCC unroll 8
      for (int j = 0; j < C; ++j) bv[j] = *reinterpret_cast<const V*>(b + j * g.b_cs + p);
#pragma GCC unroll 8
      for (int i = 0; i < R; ++i) {
        V av = *reinterpret_cast<const V*>(a + i * g.a_rs + p);
#pragma GCC unroll 8
        for (int j = 0; j < C; ++j) acc[i][j] += av * bv[j];
      }
    }
    for (int i = 0; i < R; ++i)
      for (int j = 0; j < C; ++j) {
        T lane[lanes];
        std::memcpy(lane, &acc[i][j], sizeof lane);
        for (int w = lanes / 2; w; w /= 2)
          for (int l = 0; l < w; ++l) lane[l] += lane[l + w];
        T sum = lane[0];
        for (int64_t q = p; q < g.k; ++q) sum += a[i * g.a_rs + q] * b[j * g.b_cs + q];
        T* out = c + i * g.c_rs + j;
        if (bias) sum += bias[j];
        if (g.accumulate) sum += *out;
        *out = g.act == Act::Relu && sum < T(0) ? T(0) : sum;
      }
  }
  static constexpr int kDotRows = 4, kDotCols = 4;
  template <int R>
  static void dot_rows(const GemmArgs& g, const T* a, const T* b, T* c, const T* bias,
                       int64_t cols) {
    int64_t j = 0;
    for (; j + kDotCols <= cols; j += kDotCols)
      dots<R, kDotCols>(g, a, b + j * g.b_cs, c + j, bias ? bias + j : nullptr);
    for (; j < cols; ++j) dots<R, 1>(g, a, b + j * g.b_cs, c + j, bias ? bias + j : nullptr);
  }
  static constexpr int64_t kDotBlock = 32;  // columns of a task
  static void dot_task(void* p, int64_t t) {
    Job& j = *static_cast<Job*>(p);
    const GemmArgs& g = j.g;
    int64_t batch = t / j.n_blocks, j0 = t % j.n_blocks * kDotBlock,
            cols = std::min(kDotBlock, g.n - j0);
    const T *a = static_cast<const T*>(g.a) + batch * g.a_bs,
            *b = static_cast<const T*>(g.b) + batch * g.b_bs + j0 * g.b_cs;
    T* c = static_cast<T*>(g.c) + batch * g.c_bs + j0;
    const T* bias = g.bias ? static_cast<const T*>(g.bias) + j0 : nullptr;
    int64_t i = 0;
    for (; i + kDotRows <= g.m; i += kDotRows)
      dot_rows<kDotRows>(g, a + i * g.a_rs, b, c + i * g.c_rs, bias, cols);
    for (; i < g.m; ++i) dot_rows<1>(g, a + i * g.a_rs, b, c + i * g.c_rs, bias, cols);
  }

  // ---- one row against rows of B: a sum of B's rows, streamed in the order they lie in
  // --------------
  static constexpr int64_t kRowBlock = 128;  // rows of B that a task adds up
  static void row_task(void* p, int64_t t) {
    Job& j = *static_cast<Job*>(p);
    const GemmArgs& g = j.g;
    const T *a = static_cast<const T*>(g.a), *b = static_cast<const T*>(g.b);
    T* y = j.packed + t * g.n;
    int64_t k = t * kRowBlock, end = std::min(g.k, k + kRowBlock);
    std::fill(y, y + g.n, T(0));
    for (; k + 4 <= end; k += 4) {
      const T *r0 = b + k * g.b_rs, *r1 = r0 + g.b_rs, *r2 = r1 + g.b_rs, *r3 = r2 + g.b_rs;
      const T a0 = a[k * g.a_cs], a1 = a[(k + 1) * g.a_cs], a2 = a[(k + 2) * g.a_cs],
              a3 = a[(k + 3) * g.a_cs];
#pragma GCC ivdep
      for (int64_t i = 0; i < g.n; ++i)
        y[i] += (a0 * r0[i] + a1 * r1[i]) + (a2 * r2[i] + a3 * r3[i]);
    }
    for (; k < end; ++k)
      for (int64_t i = 0; i < g.n; ++i) y[i] += a[k * g.a_cs] * b[k * g.b_rs + i];
  }
  static bool run_row(Job& j, const Env& env) {
    const GemmArgs& g = j.g;
    int64_t blocks = (g.k + kRowBlock - 1) / kRowBlock;
    Scratch<T> sums(env, blocks * g.n);
    if (!sums) return false;
    j.packed = sums.get();
    run_tasks(blocks, row_task, j, env, g.n * g.k > 65536);
    T* c = static_cast<T*>(g.c);
    const T* bias = static_cast<const T*>(g.bias);
    for (int64_t i = 0; i < g.n; ++i) {
      T sum = j.packed[i];
      for (int64_t t = 1; t < blocks; ++t) sum += j.packed[t * g.n + i];
      if (bias) sum += bias[i];
      if (g.accumulate) sum += c[i];
      c[i] = g.act == Act::Relu && sum < T(0) ? T(0) : sum;
    }
    return true;
  }

  // C's transpose from those of the factors, where C is a column.
  static GemmArgs transposed(GemmArgs g) {
    std::swap(g.m, g.n);
    std::swap(g.a, g.b);
    std::swap(g.a_bs, g.b_bs);
    std::swap(g.a_rs, g.b_cs);
    std::swap(g.a_cs, g.b_rs);
    return g;
  }

  static bool run(const GemmArgs& g, const Env& env) {
    // A matrix times a column: as a row, it needs nothing packed.
    if (g.n == 1 && g.m > 1 && g.c_rs == 1 && !g.bias) return run(transposed(g), env);
    Job j{g, nullptr, 0, (g.n + NR - 1) / NR, (g.m + kMC - 1) / kMC, 1, 0};
    if (g.b_rs == 1 && (g.a_cs == 1 || g.k == 1) && g.m <= 12) {
      j.n_blocks = (g.n + kDotBlock - 1) / kDotBlock;
      run_tasks(g.batch * j.n_blocks, dot_task, j, env, g.batch * g.m * g.n * g.k > 150000);
      return true;
    }
    if (g.m == 1 && g.batch == 1 && g.b_cs == 1 && g.k > 0) return run_row(j, env);
    // Where B's rows are contiguous and few rows of A use them, only a last, partial panel is
    // packed: what one core packs, the other has to fetch from its cache.
    if (g.b_cs == 1 && g.m <= 4 * kMC && g.b_rs <= 4096) j.first_packed = g.n / NR;
    const int64_t count = g.batch * j.packed_panels() * NR * g.k;
    std::optional<Scratch<T>> panels;
    if (count) {
      if (!panels.emplace(env, count)) return false;
      j.packed = panels->get();
      run_tasks(g.batch * j.packed_panels(), pack_task, j, env,
                g.batch * j.packed_panels() * g.k * NR > 65536);
    }
    // Enough blocks that threads share the work evenly, each of some size.
    int64_t flops = 2 * g.m * g.n * std::max<int64_t>(g.k, 1);
    int64_t want = std::clamp<int64_t>(flops / 500000, 1, 16);
    j.n_blocks = std::clamp<int64_t>((want + j.m_blocks - 1) / j.m_blocks, 1, j.panels);
    j.panels_per_block = (j.panels + j.n_blocks - 1) / j.n_blocks;
    j.n_blocks = (j.panels + j.panels_per_block - 1) / j.panels_per_block;
    run_tasks(g.batch * j.m_blocks * j.n_blocks, compute_task, j, env, flops * g.batch > 400000);
    return true;
  }
  static void run_tasks(int64_t n, void (*task)(void*, int64_t), Job& j, const Env& env,
                        bool parallel) {
    if (parallel && n > 1) return env.parallel(n, task, &j);
    for (int64_t i = 0; i < n; ++i) task(&j, i);
  }
};

// Parts of fill_gemm, a file each.
void fill_gemm_real(GemmTable& t);
void fill_gemm_integer(GemmTable& t);

}  // namespace lampas::kernels::LAMPAS_ISA
