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
  static constexpr int64_t lanes = Rows<T>::lanes;
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
    if (j.filters.R <= kFew)
      j.template panels<kWide>(from, n, to);
    else
      j.template panels<2>(from, n, to);
  }

  template <int N>
  struct Panel {
    const T* from[N];
    T* to[N];
    int64_t skip[N];  // lanes that the vector before this one has too
    int64_t count;    // vectors that exist
  };
  template <int N>
  void panels(const T* from, int64_t n, T* to) const {
    const int64_t all = n * in.vectors, width = std::min(lanes, s.out[2]);
    for (int64_t step = 0; step < filters.steps; ++step)
      for (int64_t v = 0; v < all; v += N) {
        Panel<N> p;
        p.count = std::min<int64_t>(N, all - v);
        for (int64_t i = 0; i < N; ++i) {
          int64_t k = std::min(v + i, all - 1), h = k / in.vectors, c = in.column(k % in.vectors);
          p.from[i] = from + h * in.down() + c;
          p.to[i] = to + h * s.out[2] + c;
          p.skip[i] = k % in.vectors * lanes - c;
        }
        for (int64_t block = 0; block < filters.row_blocks; ++block) rows_of(step, block, p, width);
      }
  }
  template <int N>
  void rows_of(int64_t step, int64_t block, const Panel<N>& p, int64_t width) const {
    switch (std::min(filters.R, s.outputs - block * filters.R)) {
#define ROWS(n) \
  case n:       \
    return tile<n, N>(step, block, p, width);
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
  template <int R, int N>
  void tile(int64_t step, int64_t block, const Panel<N>& p, int64_t width) const {
    if constexpr (N == 2 || R <= kFew) {
      V acc[R][N] = {};
      const T* a = filters.packed(step, block);
      const int64_t* at = offsets + filters.first_channel(step) * s.taps;
      const int64_t depth = filters.depth(step), stride = filters.R;
      for (int64_t k = 0; k < depth; ++k, a += stride) {
        V b[N];
        for (int i = 0; i < N; ++i) b[i] = *reinterpret_cast<const V*>(p.from[i] + at[k]);
#pragma GCC unroll 16
        for (int r = 0; r < R; ++r) {
          V f = a[r] - V{};
          for (int i = 0; i < N; ++i) acc[r][i] += f * b[i];
        }
      }
      const int64_t o = block * filters.R;
      for (int r = 0; r < R; ++r)
        for (int i = 0; i < N; ++i) {
          if (i >= p.count) break;
          T* to = p.to[i] + (o + r) * s.y_output;
          if (step == 0 && bias) acc[r][i] += bias[o + r] - V{};
          store(to, acc[r][i], width, step > 0, p.skip[i]);
        }
    }
  }
  static void store(T* to, V v, int64_t width, bool accumulate, int64_t skip) {
    if (accumulate) {
      V last = {};
      std::memcpy(&last, to, static_cast<size_t>(width) * sizeof(T));
      v = last + (lane_numbers<T>() >= static_cast<Number<T>>(skip) - Numbers<T>{} ? v : V{});
    }
    if (width == lanes)
      *reinterpret_cast<V*>(to) = v;
    else
      std::memcpy(to, &v, static_cast<size_t>(width) * sizeof(T));
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
  if (!Rows<T>::fits(s) || s.out[2] < Rows<T>::lanes / 2) return false;
  double least = s.channels * s.taps <= 64 || s.outputs <= 4 ? 0.5 : 0.75;
  int64_t filters = s.outputs * s.channels * s.taps * static_cast<int64_t>(sizeof(T));
  bool flat = s.taps == 1 && s.in_size() == s.out_size() && s.out_size() >= 4 * Rows<T>::lanes;
  return (flat || Rows<T>(s).efficiency() >= least) && filters <= 2 << 20;
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
