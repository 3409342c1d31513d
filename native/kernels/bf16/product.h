// A product of bfloat16 matrices, cut into tasks: A is packed once, B a few panels at a time.
#pragma once
#include <atomic>

#include "kernels/bf16/block.h"
#include "kernels/conv_filters.h"

namespace lampas::kernels::LAMPAS_ISA {

// Source knows the matrices, `batch` of them side by side:
//   batch, m, n, k
//   bool pack_a(batch, row, rows, padded, to)   a block of A, by Bf16Block::pack_a
//   bool pack_b(batch, column, columns, padded, to)   a panel of B; both false without memory
//   void store(batch, row, rows, column, columns, c)   a block of the result, rows of kPanel floats
template <class Source>
struct Product {
  const Source& source;
  const Env& env;
  int64_t padded, R, row_blocks, panels, group_panels, groups, row_groups;
  bf16 *a = nullptr, *b = nullptr;  // b: where several tasks need the same panels
  std::atomic<bool> failed = false;

  Product(const Source& s, const Env& e) : source(s), env(e) {
    padded = blocks_of(std::max<int64_t>(s.k, 1), Bf16Block::kStep) * Bf16Block::kStep;
    R = Bf16Block::block_rows(s.m);
    row_blocks = blocks_of(s.m, R);
    panels = blocks_of(s.n, kPanel);
    // A task's panels stay in the cache of its core.
    constexpr int64_t kTasks = 16, kBytes = 256 << 10;
    const int64_t want = blocks_of(kTasks, s.batch), fit = kBytes / (padded * kPanel * 2 + 1);
    group_panels = std::clamp<int64_t>(panels / want, 1, std::max<int64_t>(fit, 1));
    groups = blocks_of(panels, group_panels);
    row_groups = std::clamp<int64_t>(want / groups, 1, row_blocks);
  }
  double flops() const {
    return 2.0 * static_cast<double>(source.batch * source.m) * static_cast<double>(source.n) *
           static_cast<double>(source.k);
  }
  int64_t a_size() const { return R * padded; }
  int64_t b_size() const { return kPanel * padded; }

  bool run() {
    const bool share = row_groups > 1;
    Scratch<bf16> blocks(env, source.batch * row_blocks * a_size()),
        shared(env, share ? source.batch * panels * b_size() : 1);
    if (!blocks || !shared) return false;
    a = blocks.get();
    run_tasks(source.batch * row_blocks, pack_block, this, env,
              4.0 * static_cast<double>(source.batch * source.m * source.k));
    if (share) {
      b = shared.get();
      run_tasks(source.batch * panels, pack_panel, this, env,
                4.0 * static_cast<double>(source.batch * source.n * source.k));
    }
    if (!failed) run_tasks(source.batch * groups * row_groups, compute, this, env, flops());
    return !failed;
  }

 private:
  static void pack_block(void* job, int64_t task) {
    auto& j = *static_cast<Product*>(job);
    const int64_t row = task % j.row_blocks * j.R;
    if (!j.source.pack_a(task / j.row_blocks, row, std::min(j.R, j.source.m - row), j.padded,
                         j.a + task * j.a_size()))
      j.failed = true;
  }
  void fill_panel(int64_t batch, int64_t panel, bf16* to) {
    const int64_t column = panel * kPanel;
    if (!source.pack_b(batch, column, std::min(kPanel, source.n - column), padded, to))
      failed = true;
  }
  static void pack_panel(void* job, int64_t task) {
    auto& j = *static_cast<Product*>(job);
    j.fill_panel(task / j.panels, task % j.panels, j.b + task * j.b_size());
  }
  static void compute(void* job, int64_t task) {
    auto& j = *static_cast<Product*>(job);
    const int64_t part = task % j.row_groups, rest = task / j.row_groups, group = rest % j.groups,
                  batch = rest / j.groups;
    const int64_t p0 = group * j.group_panels, p1 = std::min(j.panels, p0 + j.group_panels);
    const int64_t per = blocks_of(j.row_blocks, j.row_groups), r0 = part * per,
                  r1 = std::min(j.row_blocks, r0 + per);
    Scratch<bf16> own(j.env, j.b ? 1 : (p1 - p0) * j.b_size());
    if (!own) {
      j.failed = true;
      return;
    }
    const bf16* packed = j.b ? j.b + (batch * j.panels + p0) * j.b_size() : own.get();
    if (!j.b)
      for (int64_t p = p0; p < p1; ++p) j.fill_panel(batch, p, own.get() + (p - p0) * j.b_size());
    alignas(64) float c[Bf16Block::kRows * kPanel];
    Bf16Block::Session session;
    for (int64_t block = r0; block < r1; ++block) {
      const int64_t row = block * j.R, rows = std::min(j.R, j.source.m - row);
      const bf16* packed_a = j.a + (batch * j.row_blocks + block) * j.a_size();
      for (int64_t p = p0; p < p1; ++p) {
        Bf16Block::multiply(packed_a, packed + (p - p0) * j.b_size(), j.padded, rows, c, kPanel,
                            false);
        j.source.store(batch, row, rows, p * kPanel, std::min(kPanel, j.source.n - p * kPanel), c);
      }
    }
  }
};

}  // namespace lampas::kernels::LAMPAS_ISA
