// Convolutions of bfloat16 numbers as matrix products; patches are packed as they are needed.
#include "kernels/bf16/patches.h"
#include "kernels/bf16/product.h"
#include "kernels/simd/half.h"
#include "kernels/table.h"

namespace lampas::kernels::LAMPAS_ISA {

namespace {
// Windows of one element that take all of an image: its rows are one long row.
ConvShape flattened(ConvShape s) {
  const bool whole = s.taps == 1 && std::equal(s.in, s.in + 3, s.out);
  for (int d = 0; d < 3; ++d)
    if (!whole || s.stride[d] != 1 || s.tap[0][d] != 0) return s;
  s.in[2] = s.out[2] = s.in_size();
  s.in[0] = s.in[1] = s.out[0] = s.out[1] = 1;
  return s;
}

// ---- y = w * patches ---------------------------------------------------------------------------
struct Correlate {
  const ConvShape& s;
  const bf16 *x, *w, *bias;
  bf16* y;
  const Env& env;
  int64_t batch, m, n, k;

  // Sums go over taps, and over pairs of channels within a tap.
  static int64_t pairs(const ConvShape& s) { return blocks_of(s.channels, 2); }

  bool pack_a(int64_t group, int64_t row, int64_t rows, int64_t padded, bf16* to) const {
    const bf16* from = w + group * s.w_group + row * s.w_output;
    Scratch<bf16> ordered(env, rows * k);
    if (!ordered) return false;
    const int64_t step = pairs(s) * 2;
    for (int64_t r = 0; r < rows; ++r) {
      bf16* at = ordered.get() + r * k;
      for (int64_t c = 0; c < s.channels; ++c)
        for (int64_t t = 0; t < s.taps; ++t)
          at[t * step + c] = from[r * s.w_output + c * s.w_channel + s.w_tap[t]];
      for (int64_t t = 0; t < s.taps && s.channels % 2; ++t) at[t * step + s.channels] = bf16{};
    }
    Bf16Block::pack_a(ordered.get(), k, 1, rows, k, padded, to);
    return true;
  }

  bool pack_b(int64_t group, int64_t column, int64_t columns, int64_t padded, bf16* to) const {
    const bf16* image = x + group * s.x_group;
    const Positions where(s, column, column + columns);
    if (columns < kPanel) std::memset(to, 0, static_cast<size_t>(k * kPanel) * sizeof(bf16));
    for (int64_t t = 0; t < s.taps; ++t)
      for (int64_t i = 0; i < where.count; ++i) {
        const Positions::Run& run = where.runs[i];
        const Reach reach(s, run, 0, t);
        const __mmask32 lanes = first_lanes(run.length);
        bf16* at = to + (t * pairs(s) * kPanel + run.at) * 2;
        for (int64_t c = 0; c < s.channels; c += 2, at += kPanel * 2) {
          const bf16* channel = image + c * s.x_channel;
          const Alternate both(reach.load(channel), c + 1 < s.channels
                                                        ? reach.load(channel + s.x_channel)
                                                        : _mm512_setzero_si512());
          _mm512_mask_storeu_epi32(at, static_cast<__mmask16>(lanes), both.low);
          if (lanes >> 16)
            _mm512_mask_storeu_epi32(at + 32, static_cast<__mmask16>(lanes >> 16), both.high);
        }
      }
    std::memset(to + k * kPanel, 0, static_cast<size_t>((padded - k) * kPanel) * sizeof(bf16));
    return true;
  }

  void store(int64_t group, int64_t row, int64_t rows, int64_t column, int64_t columns,
             const float* c) const {
    const int64_t size = s.out_size();
    int64_t image = column / size, at = column % size;
    for (int64_t from = 0; from < columns; ++image, at = 0) {  // a panel may go on in the next
      const int64_t length = std::min(columns - from, size - at);
      bf16* to = y + image * s.y_image + group * s.y_group + row * s.y_output + at;
      for (int64_t r = 0; r < rows; ++r, to += s.y_output) {
        const __m512 add =
            bias ? _mm512_set1_ps(widen(bias[group * s.outputs + row + r])) : _mm512_setzero_ps();
        for (int64_t j = 0; j < length; j += 16) {
          const __mmask16 mask = columns_mask(length, j);
          store_floats(to + j, mask, _mm512_maskz_loadu_ps(mask, c + r * kPanel + from + j) + add);
        }
      }
      from += length;
    }
  }
};

bool correlate(const ConvShape& shape, const void* x, const void* w, const void* bias, void* y,
               const Env& env) {
  const ConvShape s = flattened(shape);
  const Correlate source{s,
                         static_cast<const bf16*>(x),
                         static_cast<const bf16*>(w),
                         static_cast<const bf16*>(bias),
                         static_cast<bf16*>(y),
                         env,
                         s.groups,
                         s.outputs,
                         s.images * s.out_size(),
                         s.taps * Correlate::pairs(s) * 2};
  return Product<Correlate>(source, env).run();
}

// ---- gw = gy * transposed patches --------------------------------------------------------------

// The sum over positions is taken a span at a time; a span lies in one image.
struct WeightGrad {
  static constexpr int64_t kSpan = Positions::kMost;

  const ConvShape& s;
  const bf16 *x, *gy;
  bf16* gw;
  const Env& env;
  int64_t image_spans, spans, columns, panels, R, row_blocks, group_panels, groups, chunks;
  bf16* a = nullptr;
  float* sums = nullptr;  // [chunk][conv group][row blocks * R][panels * kPanel]
  std::atomic<bool> failed = false;

  WeightGrad(const ConvShape& shape, const void* x_, const void* gy_, void* gw_, const Env& e)
      : s(shape),
        x(static_cast<const bf16*>(x_)),
        gy(static_cast<const bf16*>(gy_)),
        gw(static_cast<bf16*>(gw_)),
        env(e) {
    image_spans = blocks_of(s.out_size(), kSpan);
    spans = s.images * image_spans;
    columns = s.channels * s.taps;
    panels = blocks_of(columns, kPanel);
    R = Bf16Block::block_rows(s.outputs);
    row_blocks = blocks_of(s.outputs, R);
    group_panels = std::clamp<int64_t>(panels / 8, 1, 4);
    groups = blocks_of(panels, group_panels);
    const int64_t each = groups * s.groups;
    chunks = each >= 8 ? 1 : std::min(spans, blocks_of(16, each));
    chunks = blocks_of(spans, blocks_of(spans, chunks));
  }
  // Blocks of AMX have room for R rows, whatever they hold.
  int64_t stored_rows() const { return row_blocks * R; }
  int64_t one() const { return stored_rows() * panels * kPanel; }
  int64_t first(int64_t span) const { return span % image_spans * kSpan; }
  int64_t length(int64_t span) const { return std::min(kSpan, s.out_size() - first(span)); }
  static int64_t padded(int64_t n) { return blocks_of(n, Bf16Block::kStep) * Bf16Block::kStep; }
  bf16* packed_a(int64_t group, int64_t span, int64_t block) const {
    return a + ((group * spans + span) * row_blocks + block) * R * padded(kSpan);
  }
  double flops() const {
    return 2.0 * static_cast<double>(s.groups * s.outputs * columns) *
           static_cast<double>(s.images * s.out_size());
  }

  bool run() {
    Scratch<bf16> gradient(env, s.groups * spans * row_blocks * R * padded(kSpan));
    Scratch<float> partial(env, chunks * s.groups * one());
    if (!gradient || !partial) return false;
    a = gradient.get();
    sums = partial.get();
    run_tasks(s.groups * spans, pack_gradient, this, env, flops() / static_cast<double>(columns));
    run_tasks(s.groups * chunks * groups, compute, this, env, flops());
    if (failed) return false;
    run_tasks(s.groups * s.outputs, store, this, env,
              static_cast<double>(s.groups * s.outputs * columns * chunks));
    return true;
  }

  static void pack_gradient(void* job, int64_t task) {
    auto& j = *static_cast<WeightGrad*>(job);
    const ConvShape& s = j.s;
    const int64_t group = task / j.spans, span = task % j.spans, n = j.length(span);
    const bf16* from = j.gy + group * s.y_group + span / j.image_spans * s.y_image + j.first(span);
    for (int64_t block = 0; block < j.row_blocks; ++block)
      Bf16Block::pack_a(from + block * j.R * s.y_output, s.y_output, 1,
                        std::min(j.R, s.outputs - block * j.R), n, padded(n),
                        j.packed_a(group, span, block));
  }

  // Columns [panel * kPanel, ...) of the transposed patches, by way of their rows. A column is a
  // tap and a channel, the channel the faster index.
  void pack_panel(const bf16* image, const Positions& where, int64_t panel, bf16* by_row,
                  bf16* to) const {
    const int64_t begin = panel * kPanel, end = std::min(columns, begin + kPanel);
    for (int64_t column = begin; column < end;) {
      const int64_t t = column / s.channels, c0 = column % s.channels,
                    n = std::min(s.channels - c0, end - column);
      for (int64_t i = 0; i < where.count; ++i)
        for (int64_t skip = 0; skip < where.runs[i].length; skip += 32) {
          const Positions::Run& run = where.runs[i];
          const Reach reach(s, run, skip, t);
          bf16* at = by_row + (column - begin) * kSpan + run.at + skip;
          for (int64_t c = c0; c < c0 + n; ++c, at += kSpan)
            _mm512_mask_storeu_epi16(at, first_lanes(run.length - skip),
                                     reach.load(image + c * s.x_channel));
        }
      column += n;
    }
    pack_pairs(by_row, kSpan, 1, end - begin, where.length, kPanel, padded(where.length), to);
  }

  static void compute(void* job, int64_t task) {
    auto& j = *static_cast<WeightGrad*>(job);
    const int64_t part = task % j.groups, rest = task / j.groups, chunk = rest % j.chunks,
                  group = rest / j.chunks;
    const int64_t p0 = part * j.group_panels, p1 = std::min(j.panels, p0 + j.group_panels);
    const int64_t per = blocks_of(j.spans, j.chunks), s0 = chunk * per,
                  s1 = std::min(j.spans, s0 + per), width = j.panels * kPanel;
    Scratch<bf16> rows(j.env, kPanel * kSpan);
    Scratch<bf16> panel(j.env, (p1 - p0) * padded(kSpan) * kPanel);
    if (!rows || !panel) {
      j.failed = true;
      return;
    }
    float* out = j.sums + (chunk * j.s.groups + group) * j.one();
    const bf16* image = j.x + group * j.s.x_group;
    Bf16Block::Session session;
    for (int64_t span = s0; span < s1; ++span) {
      const int64_t n = j.length(span),
                    begin = span / j.image_spans * j.s.out_size() + j.first(span);
      const Positions where(j.s, begin, begin + n);
      for (int64_t p = p0; p < p1; ++p)
        j.pack_panel(image, where, p, rows.get(), panel.get() + (p - p0) * padded(kSpan) * kPanel);
      for (int64_t block = 0; block < j.row_blocks; ++block)
        for (int64_t p = p0; p < p1; ++p)
          Bf16Block::multiply(j.packed_a(group, span, block),
                              panel.get() + (p - p0) * padded(kSpan) * kPanel, padded(n),
                              std::min(j.R, j.s.outputs - block * j.R),
                              out + block * j.R * width + p * kPanel, width, span > s0);
    }
  }

  // Chunks are added in their order.
  static void store(void* job, int64_t task) {
    auto& j = *static_cast<WeightGrad*>(job);
    const int64_t group = task / j.s.outputs, row = task % j.s.outputs;
    const float* from = j.sums + group * j.one() + row * j.panels * kPanel;
    bf16* to = j.gw + group * j.s.w_group + row * j.columns;
    for (int64_t i = 0; i < j.columns; ++i) {
      float sum = from[i];
      for (int64_t chunk = 1; chunk < j.chunks; ++chunk)
        sum += from[chunk * j.s.groups * j.one() + i];
      to[i % j.s.channels * j.s.taps + i / j.s.channels] = narrow_bf16(sum);
    }
  }
};

bool weight_grad(const ConvShape& shape, const void* x, const void* gy, void* gw, const Env& env) {
  const ConvShape s = flattened(shape);
  return WeightGrad(s, x, gy, gw, env).run();
}
}  // namespace

void fill_bf16_conv(Table& t) {
  t.conv.correlate[static_cast<int>(DType::BF16)] = correlate;
  t.conv.weight_grad[static_cast<int>(DType::BF16)] = weight_grad;
#if defined(__AMX_BF16__)
  t.conv.bf16_beats_winograd = true;
#endif
}

}  // namespace lampas::kernels::LAMPAS_ISA
