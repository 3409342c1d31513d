// Convolution straight from the rows of the images, without a matrix of patches: where there are
// few input channels, or a stride, or windows of one element.
#include "kernels/conv_rows.h"

#include <atomic>

#include "kernels/conv_direct.h"
#include "kernels/conv_filters.h"

namespace lampas::kernels::LAMPAS_ISA {

namespace {
// ---- y = w * x
// ----------------------------------------------------------------------------------
template <class T>
struct Correlate {
  using V = typename Rows<T>::V;
  static constexpr int lanes = Rows<T>::lanes;
  static constexpr int kFew = 4, kWide = 4;  // so few outputs take so many vectors at once

  const ConvShape& s;
  Rows<T> in;
  Filters<T> filters;
  const T *x, *bias;
  T* y;
  const Env& env;
  int64_t rows, parts;  // rows of outputs of a task; tasks of an image
  const int64_t* offsets = nullptr;
  std::atomic<bool> failed = false;

  Correlate(const ConvShape& shape, const T* x_, const T* w, const T* bias_, T* y_, const Env& e)
      : s(shape), in(s), filters(s, w), x(x_), bias(bias_), y(y_), env(e) {
    // A task's rows stay in level 2, and there are tasks enough to share.
    int64_t one = in.in_place ? s.stride[1] * s.in[2] * s.channels : in.buffer(s.channels, 1);
    int64_t fit =
        std::clamp<int64_t>((192 << 10) / static_cast<int64_t>(sizeof(T)) / one, 1, s.out[1]);
    parts = std::max(blocks_of(s.out[1], fit), std::min(blocks_of(16, s.images), s.out[1]));
    rows = blocks_of(s.out[1], parts);
    if (rows > 4) rows = rows / 4 * 4;  // pairs of vectors leave nothing over
    parts = blocks_of(s.out[1], rows);
  }
  bool run() {
    Scratch<T> a(env, filters.size());
    Scratch<int64_t> at(env, s.channels * s.taps);
    if (!a || !at) return false;
    filters.pack(a.get(), env);
    for (int64_t c = 0; c < s.channels; ++c)
      for (int64_t t = 0; t < s.taps; ++t) at.get()[c * s.taps + t] = in.offset(t, rows, c);
    offsets = at.get();
    run_tasks(s.images * parts, compute, this, env,
              2.0 * static_cast<double>(s.outputs * s.channels * s.taps) *
                  static_cast<double>(s.images * s.out_size()));
    return !failed;
  }

  static void compute(void* job, int64_t task) {
    auto& j = *static_cast<Correlate*>(job);
    const ConvShape& s = j.s;
    int64_t image = task / j.parts, h0 = task % j.parts * j.rows;
    Scratch<T> buffer(j.env, j.in.buffer(s.channels, j.rows));
    if (!buffer) {
      j.failed = true;
      return;
    }
    const T* from = j.in.load(j.x + image * s.x_image, 0, s.channels, h0, j.rows, buffer.get());
    T* to = j.y + image * s.y_image + h0 * s.out[2];
    int64_t n = std::min(j.rows, s.out[1] - h0);
    if (j.in.unit == lanes)
      j.template panels<1>(from, n, to);
    else
      j.template panels<2>(from, n, to);
  }

  // N vectors, each of P units. Those beyond the last are the last one again: they are computed and
  // stored alike.
  template <int N, int P>
  struct Panel {
    const T* from[N * P];
    T* to[N * P];
    int64_t skip[N * P];  // outputs that must not be stored: they are another unit's, too
  };
  template <int P>
  void panels(const T* from, int64_t n, T* to) const {
    const int64_t all = n * in.units;
    for (int64_t step = 0; step < filters.steps; ++step) {
      int64_t u = 0;
      if (filters.R <= kFew)
        for (; u < all; u += kWide * P) panel<kWide, P>(step, from, to, u, all);
      for (; u + P < all; u += 2 * P) panel<2, P>(step, from, to, u, all);
      if (u < all) panel<1, P>(step, from, to, u, all);
    }
  }
  template <int N, int P>
  void panel(int64_t step, const T* from, T* to, int64_t u, int64_t all) const {
    Panel<N, P> p;
    for (int64_t i = 0; i < N * P; ++i) {
      int64_t k = std::min(u + i, all - 1), h = k / in.units, c = in.column(k % in.units);
      p.from[i] = from + h * in.down() + c;
      p.to[i] = to + h * s.out[2] + c;
      // Stored again they would do no harm, but what a step adds may be added once only.
      p.skip[i] = step > 0 ? k % in.units * in.unit - c : 0;
    }
    for (int64_t block = 0; block < filters.row_blocks; ++block) rows_of(step, block, p);
  }
  template <int N, int P>
  void rows_of(int64_t step, int64_t block, const Panel<N, P>& p) const {
    switch (std::min(filters.R, s.outputs - block * filters.R)) {
#define ROWS(n) \
  case n:       \
    return tile<n>(step, block, p);
      ROWS(1)
      ROWS(2)
      ROWS(3)
      ROWS(4)
#if defined(__AVX2__)
      ROWS(5)
      ROWS(6)
#endif
#if defined(__AVX512F__)
      ROWS(7) ROWS(8) ROWS(9) ROWS(10) ROWS(11) ROWS(12)
#endif
#undef ROWS
    }
  }
  template <int R, int N, int P>
  void tile(int64_t step, int64_t block, const Panel<N, P>& p) const {
    if constexpr (N <= 2 || R <= kFew) {
      constexpr auto half = std::make_integer_sequence<int, P == 1 ? 0 : lanes / 2>{};
      const auto load = [&](auto* at, int64_t i, int64_t offset) {
        V v;
        if constexpr (P == 1)
          v = *reinterpret_cast<const V*>(at[i] + offset);
        else
          load_halves<T, lanes>(at[2 * i] + offset, at[2 * i + 1] + offset, v,
                                std::make_integer_sequence<int, lanes>{});
        return v;
      };
      const T* a = filters.packed(step, block);
      const int64_t* at = offsets + filters.first_channel(step) * s.taps;
      const int64_t depth = filters.depth(step), stride = filters.R, o = block * stride;
      T* const* to = p.to;
      V acc[R][N];
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
        for (int i = 0; i < N; ++i)
          acc[r][i] = step > 0 ? load(to, i, (o + r) * s.y_output) : bias ? bias[o + r] - V{} : V{};
      for (int64_t k = 0; k < depth; ++k, a += stride) {
        V b[N];
#pragma GCC unroll 4
        for (int i = 0; i < N; ++i) b[i] = load(p.from, i, at[k]);
#pragma GCC unroll 16
        for (int r = 0; r < R; ++r) {
          V f = a[r] - V{};
#pragma GCC unroll 4
          for (int i = 0; i < N; ++i) acc[r][i] += f * b[i];
        }
      }
      bool all = true;
      for (int64_t skip : p.skip) all &= skip == 0;
      if (!all) {
        V sums[R][N];  // in memory, where the others need not be
#pragma GCC unroll 16
        for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
          for (int i = 0; i < N; ++i) sums[r][i] = acc[r][i];
        return store_some<R, N, P>(sums, o, p);
      }
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
        for (int i = 0; i < N; ++i) {
          const int64_t offset = (o + r) * s.y_output;
          if constexpr (P == 1) {
            *reinterpret_cast<V*>(to[i] + offset) = acc[r][i];
          } else {
            store_half<T, lanes, 0>(acc[r][i], to[2 * i] + offset, half);
            store_half<T, lanes, lanes / 2>(acc[r][i], to[2 * i + 1] + offset, half);
          }
        }
    }
  }
  template <int R, int N, int P>
  [[gnu::noinline]] void store_some(const V (&acc)[R][N], int64_t o, const Panel<N, P>& p) const {
    for (int r = 0; r < R; ++r)
      for (int k = 0; k < N * P; ++k) {
        const T* from = reinterpret_cast<const T*>(acc[r]) + k * (lanes / P);
        std::copy(from + p.skip[k], from + lanes / P, p.to[k] + (o + r) * s.y_output + p.skip[k]);
      }
  }
};

template <class T>
bool correlate(const ConvShape& s, const T* x, const T* w, const T* bias, T* y, const Env& env) {
  if (s.taps > 1 || s.in_size() != s.out_size() || s.tap[0][1] || s.tap[0][2])
    return Correlate<T>(s, x, w, bias, y, env).run();
  // Windows of one element: rows may be as long as leaves tasks enough.
  ConvShape flat = s;
  int64_t r = std::min(blocks_of(16, s.images), s.in[1]);
  while (s.in[1] % r) ++r;
  flat.in[1] = flat.out[1] = r;
  flat.in[2] = flat.out[2] = s.in_size() / r;
  return Correlate<T>(flat, x, w, bias, y, env).run();
}
}  // namespace

template <class T>
bool rows_pay(const ConvShape& s) {
  if (!Rows<T>::fits(s)) return false;
  const int64_t depth = s.channels * s.taps,
                filters = s.outputs * depth * static_cast<int64_t>(sizeof(T));
  bool flat = s.taps == 1 && s.in_size() == s.out_size() && s.out_size() >= 4 * Rows<T>::lanes;
  return flat || ((depth <= 160 || s.outputs <= 4 || s.taps == 1) && filters <= 2 << 20 &&
                  Rows<T>(s).efficiency() >= 0.75);
}
template bool rows_pay<float>(const ConvShape&);
template bool rows_pay<double>(const ConvShape&);

bool rows_correlate(const ConvShape& s, const float* x, const float* w, const float* bias, float* y,
                    const Env& env) {
  return correlate(s, x, w, bias, y, env);
}
bool rows_correlate(const ConvShape& s, const double* x, const double* w, const double* bias,
                    double* y, const Env& env) {
  return correlate(s, x, w, bias, y, env);
}

}  // namespace lampas::kernels::LAMPAS_ISA
