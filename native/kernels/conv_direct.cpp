// Convolution as a matrix product whose patches are packed from the image as they are needed.
#include "kernels/conv_direct.h"

#include <algorithm>
#include <atomic>

#include "kernels/conv_filters.h"
#include "kernels/conv_patches.h"

namespace lampas::kernels::LAMPAS_ISA {

namespace {
// ---- y = w * patches
// --------------------------------------------------------------------------------
template <class T>
struct Correlate : Block<T> {
  using typename Block<T>::Tile;
  using Block<T>::NR, Block<T>::MR, Block<T>::rows;

  const ConvShape& s;
  Patches<T> patches;
  Filters<T> filters;
  const T* bias;
  T* y;
  const Env& env;
  int64_t positions, panels, group_panels, groups, row_groups;
  T* b = nullptr;  // patches where several tasks need the same
  std::atomic<bool> failed = false;

  Correlate(const ConvShape& shape, const void* x, const void* w_, const void* bias_, void* y_,
            const Env& e)
      : s(shape),
        patches(s, x),
        filters(s, static_cast<const T*>(w_)),
        bias(static_cast<const T*>(bias_)),
        y(static_cast<T*>(y_)),
        env(e) {
    positions = s.images * s.out_size();
    panels = blocks_of(positions, NR);
    // Many filters for few positions: a filter is read once for all of them, by tasks that split
    // the filters. Otherwise tasks split the positions.
    bool few = panels < 64 && filters.size() * static_cast<int64_t>(sizeof(T)) > (1 << 18);
    group_panels = few ? std::min<int64_t>(8, panels) : std::clamp<int64_t>(panels / 16, 1, 8);
    groups = blocks_of(panels, group_panels);
    row_groups = few ? std::clamp<int64_t>(16 / groups, 1, filters.row_blocks) : 1;
  }
  double flops() const {
    return 2.0 * static_cast<double>(s.outputs * s.channels * s.taps) *
           static_cast<double>(positions);
  }
  bool run() {
    const int64_t k = s.channels * s.taps;
    Scratch<T> a(env, filters.size()), shared(env, row_groups > 1 ? k * panels * NR : 1);
    if (!a || !shared) return false;
    filters.pack(a.get(), env);
    if (row_groups > 1) {
      b = shared.get();
      run_tasks(filters.steps * panels, pack_shared, this, env,
                4.0 * static_cast<double>(k * positions));
    }
    run_tasks(groups * row_groups, compute, this, env, flops());
    return !failed;
  }

  void pack_panel(int64_t step, int64_t panel, T* to) const {
    int64_t begin = panel * NR, n = std::min<int64_t>(NR, positions - begin);
    Positions where(s, begin, begin + n);
    if (n < NR) std::fill(to, to + filters.depth(step) * NR, T(0));
    patches.fill(where, filters.first_channel(step), filters.end_channel(step), 0, s.taps, to, NR);
  }
  T* shared_panel(int64_t step, int64_t panel) const {
    return b + (filters.first_channel(step) * s.taps * panels + panel * filters.depth(step)) * NR;
  }
  static void pack_shared(void* job, int64_t task) {
    auto& j = *static_cast<Correlate*>(job);
    int64_t step = task / j.panels, panel = task % j.panels;
    j.pack_panel(step, panel, j.shared_panel(step, panel));
  }

  static void compute(void* job, int64_t task) {
    auto& j = *static_cast<Correlate*>(job);
    int64_t group = task / j.row_groups, part = task % j.row_groups;
    int64_t p0 = group * j.group_panels, p1 = std::min(j.panels, p0 + j.group_panels);
    int64_t per = blocks_of(j.filters.row_blocks, j.row_groups), r0 = part * per,
            r1 = std::min(j.filters.row_blocks, r0 + per);
    Scratch<T> buffer(j.env, j.b ? 1 : (p1 - p0) * j.filters.depth(0) * NR);
    if (!buffer) {
      j.failed = true;
      return;
    }
    T* own = j.b ? nullptr : buffer.get();
    for (int64_t step = 0; step < j.filters.steps; ++step) {
      int64_t size = j.filters.depth(step) * NR;
      if (own)
        for (int64_t p = p0; p < p1; ++p) j.pack_panel(step, p, own + (p - p0) * size);
      for (int64_t block = r0; block < r1; ++block)
        for (int64_t p = p0; p < p1; ++p)
          j.multiply(step, block, p, own ? own + (p - p0) * size : j.shared_panel(step, p));
    }
  }

  void multiply(int64_t step, int64_t block, int64_t panel, const T* packed_b) const {
    int64_t begin = panel * NR, n = std::min<int64_t>(NR, positions - begin);
    int64_t size = s.out_size(), image = begin / size, at = begin % size, R = filters.R,
            row = block * R;
    int r = static_cast<int>(std::min(R, s.outputs - row));
    T* to = y + image * s.y_image + row * s.y_output + at;
    Tile t{filters.packed(step, block), packed_b, 1, R, NR, filters.depth(step), to, s.y_output};
    t.row_bias = bias && step == filters.steps - 1 ? bias + row : nullptr;
    if (at + n <= size) {
      t.accumulate = step > 0;
      return rows(t, r, static_cast<int>(n));
    }
    T c[MR * NR];  // the panel goes on in the next image
    t.c = c;
    t.c_rs = NR;
    rows(t, r, NR);
    for (int64_t from = 0; from < n;) {
      int64_t length = std::min(n - from, size - at);
      T* out = y + image * s.y_image + row * s.y_output + at;
      for (int i = 0; i < r; ++i, out += s.y_output)
        for (int64_t k = 0; k < length; ++k)
          out[k] = step > 0 ? out[k] + c[i * NR + from + k] : c[i * NR + from + k];
      from += length;
      at = 0;
      ++image;
    }
  }
};

// ---- gw = gy * transposed patches
// ---------------------------------------------------------------------
template <class T>
struct WeightGrad : Block<T> {
  using typename Block<T>::Tile;
  using Block<T>::NR, Block<T>::MR, Block<T>::rows, Block<T>::lanes, Block<T>::kNV;
  static constexpr int64_t kSpan = Positions::kMost, kRow = kSpan + lanes;

  const ConvShape& s;
  Patches<T> patches;
  const T* gy;
  T* gw;
  const Env& env;
  int64_t positions, spans, columns, panels, R, row_blocks, group_panels, groups, chunks;
  T *a = nullptr, *partial = nullptr;
  std::atomic<bool> failed = false;

  WeightGrad(const ConvShape& shape, const void* x, const void* gy_, void* gw_, const Env& e)
      : s(shape), patches(s, x), gy(static_cast<const T*>(gy_)), gw(static_cast<T*>(gw_)), env(e) {
    positions = s.images * s.out_size();
    spans = blocks_of(positions, kSpan);
    columns = s.channels * s.taps;
    panels = blocks_of(columns, NR);
    R = even_rows(s.outputs);
    row_blocks = blocks_of(s.outputs, R);
    group_panels = std::clamp<int64_t>(panels / 8, 1, 4);
    groups = blocks_of(panels, group_panels);
    chunks = groups >= 8 ? 1 : std::min(spans, blocks_of(16, groups));
    chunks = blocks_of(spans, blocks_of(spans, chunks));
  }
  int64_t span_length(int64_t span) const { return std::min(kSpan, positions - span * kSpan); }
  T* packed_a(int64_t span, int64_t block) const {
    return a + span * kSpan * row_blocks * R + block * span_length(span) * R;
  }

  bool run() {
    const int64_t one = s.outputs * columns;
    Scratch<T> gradient(env, positions * row_blocks * R), sums(env, chunks > 1 ? one * chunks : 1);
    if (!gradient || !sums) return false;
    a = gradient.get();
    partial = chunks > 1 ? sums.get() : nullptr;
    run_tasks(spans * row_blocks, pack_gradient, this, env,
              4.0 * static_cast<double>(positions * s.outputs));
    run_tasks(chunks * groups, compute, this, env,
              2.0 * static_cast<double>(one) * static_cast<double>(positions));
    if (partial) PartialSums<T>{partial, gw, one, chunks}.add(env);
    return !failed;
  }

  static void pack_gradient(void* job, int64_t task) {
    auto& j = *static_cast<WeightGrad*>(job);
    const ConvShape& s = j.s;
    int64_t span = task / j.row_blocks, block = task % j.row_blocks, size = s.out_size();
    int64_t n = std::min(j.R, s.outputs - block * j.R), p = span * kSpan;
    T* to = j.packed_a(span, block);
    for (int64_t left = j.span_length(span); left > 0;) {
      int64_t image = p / size, at = p % size, length = std::min(left, size - at);
      const T* from = j.gy + image * s.y_image + block * j.R * s.y_output + at;
      pack_rows(from, s.y_output, n, length, to, j.R);
      to += length * j.R;
      p += length;
      left -= length;
    }
  }
  // Columns [panel * NR, ...) of the transposed patches, [positions][NR], by way of their rows.
  void pack_panel(const Positions& where, int64_t panel, T* by_row, T* to) const {
    int64_t column = panel * NR, end = std::min(columns, column + NR), row = 0;
    while (column < end) {
      int64_t c = column / s.taps, t = column % s.taps;
      int64_t whole = t == 0 ? (end - column) / s.taps : 0;
      int64_t t1 = whole ? s.taps : std::min(s.taps, t + end - column),
              c1 = c + (whole ? whole : 1);
      patches.fill(where, c, c1, t, t1, by_row + row * kRow, kRow);
      row += (c1 - c) * (t1 - t);
      column += (c1 - c) * (t1 - t);
    }
    for (int64_t k = 0; k < where.length; k += lanes)
      for (int64_t v = 0; v < kNV; ++v)
        transpose_block<T, lanes>(to + k * NR + v * lanes, NR, by_row + v * lanes * kRow + k, kRow);
  }
  static void compute(void* job, int64_t task) {
    auto& j = *static_cast<WeightGrad*>(job);
    int64_t chunk = task / j.groups, p0 = task % j.groups * j.group_panels,
            p1 = std::min(j.panels, p0 + j.group_panels);
    int64_t per = blocks_of(j.spans, j.chunks), s0 = chunk * per, s1 = std::min(j.spans, s0 + per);
    constexpr int64_t panel_size = kSpan * NR;
    Scratch<T> buffer(j.env, NR * kRow + (p1 - p0) * panel_size);
    if (!buffer) {
      j.failed = true;
      return;
    }
    T *by_row = buffer.get(), *packed = by_row + NR * kRow;
    std::fill(by_row, packed, T(0));
    T* out = j.partial ? j.partial + chunk * j.s.outputs * j.columns : j.gw;
    for (int64_t span = s0; span < s1; ++span) {
      int64_t n = j.span_length(span);
      Positions where(j.s, span * kSpan, span * kSpan + n);
      for (int64_t p = p0; p < p1; ++p)
        j.pack_panel(where, p, by_row, packed + (p - p0) * panel_size);
      for (int64_t block = 0; block < j.row_blocks; ++block)
        for (int64_t p = p0; p < p1; ++p) {
          int64_t row = block * j.R, column = p * NR;
          Tile t{j.packed_a(span, block),
                 packed + (p - p0) * panel_size,
                 1,
                 j.R,
                 NR,
                 n,
                 out + row * j.columns + column,
                 j.columns};
          t.accumulate = span > s0;
          rows(t, static_cast<int>(std::min(j.R, j.s.outputs - row)),
               static_cast<int>(std::min<int64_t>(NR, j.columns - column)));
        }
    }
  }
};

template <class T>
const T* advance(const void* p, int64_t n) {
  return p ? static_cast<const T*>(p) + n : nullptr;
}
template <class T>
bool correlate(const ConvShape& s, const void* x, const void* w, const void* bias, void* y,
               const Env& env) {
  const bool fast = std::is_same_v<T, float> && winograd_pays(s);
  bool rows = false;
  if constexpr (!std::is_integral_v<T>) rows = rows_pay<T>(s);
  for (int64_t g = 0; g < s.groups; ++g) {
    const T *xg = advance<T>(x, g * s.x_group), *wg = advance<T>(w, g * s.w_group),
            *bg = advance<T>(bias, g * s.outputs);
    T* yg = static_cast<T*>(y) + g * s.y_group;
    bool done = false;
    if constexpr (std::is_same_v<T, float>)
      if (fast) done = winograd_correlate(s, xg, wg, bg, yg, env);
    if constexpr (!std::is_integral_v<T>)
      if (!fast && rows) done = rows_correlate(s, xg, wg, bg, yg, env);
    if (!fast && !rows) done = Correlate<T>(s, xg, wg, bg, yg, env).run();
    if (!done) return false;
  }
  return true;
}
template <class T>
bool weight_grad(const ConvShape& s, const void* x, const void* gy, void* gw, const Env& env) {
  const bool fast = std::is_same_v<T, float> && winograd_pays(s);
  bool rows = false;
  if constexpr (!std::is_integral_v<T>) rows = rows_grad_pay<T>(s);
  for (int64_t g = 0; g < s.groups; ++g) {
    const T *xg = advance<T>(x, g * s.x_group), *gyg = advance<T>(gy, g * s.y_group);
    T* gwg = static_cast<T*>(gw) + g * s.w_group;
    bool done = false;
    if constexpr (std::is_same_v<T, float>)
      if (fast) done = winograd_weight_grad(s, xg, gyg, gwg, env);
    if constexpr (!std::is_integral_v<T>)
      if (!fast && rows) done = rows_weight_grad(s, xg, gyg, gwg, env);
    if (!fast && !rows) done = WeightGrad<T>(s, xg, gyg, gwg, env).run();
    if (!done) return false;
  }
  return true;
}
}  // namespace

void fill_conv_direct(ConvTable& t) {
  t.correlate[static_cast<int>(DType::F32)] = correlate<float>;
  t.correlate[static_cast<int>(DType::F64)] = correlate<double>;
  t.correlate[static_cast<int>(DType::I64)] = correlate<int64_t>;
  t.weight_grad[static_cast<int>(DType::F32)] = weight_grad<float>;
  t.weight_grad[static_cast<int>(DType::F64)] = weight_grad<double>;
  t.weight_grad[static_cast<int>(DType::I64)] = weight_grad<int64_t>;
}

}  // namespace lampas::kernels::LAMPAS_ISA
