// The weight's gradient from the rows of images and gradients as they lie: sums of products of
// vectors along the rows, kOutputs outputs by K taps at a time.
#include <atomic>

#include "kernels/conv_direct.h"
#include "kernels/conv_filters.h"
#include "kernels/conv_rows.h"

namespace lampas::kernels::LAMPAS_ISA {

namespace {
#if defined(__AVX512F__)
inline constexpr int kOutputs = 4, kTaps = 6;
#else
inline constexpr int kOutputs = 2, kTaps = 5;
#endif

template <class T>
using Number = std::conditional_t<sizeof(T) == 4, int32_t, int64_t>;
template <class T>
using Numbers [[gnu::vector_size(kVectorBytes)]] = Number<T>;
template <class T>
Numbers<T> lane_numbers() {
  Numbers<T> n;
  for (int i = 0; i < Block<T>::lanes; ++i) n[i] = i;
  return n;
}

template <class T>
struct WeightGrad {
  using V = typename Rows<T>::V;
  static constexpr int64_t lanes = Rows<T>::lanes;

  const ConvShape& s;
  Rows<T> in;
  const T *x, *gy;
  T* gw;
  const Env& env;
  int64_t block;                         // channels whose rows stay in level 2
  int64_t tiles, parts, chunks, images;  // of outputs; tasks over tiles and images; images a task
  int64_t one;                           // the filters' size
  T* partial = nullptr;                  // [chunk][output][channel, tap]
  std::atomic<bool> failed = false;

  WeightGrad(const ConvShape& shape, const T* x_, const T* gy_, T* gw_, const Env& e)
      : s(shape), in(s), x(x_), gy(gy_), gw(gw_), env(e) {
    int64_t size = in.in_place ? s.in[1] * s.in[2] : in.buffer(1, s.out[1]);
    block =
        std::clamp<int64_t>((160 << 10) / static_cast<int64_t>(sizeof(T)) / size, 1, s.channels);
    tiles = blocks_of(s.outputs, kOutputs);
    chunks = std::min<int64_t>(16, s.images);
    images = blocks_of(s.images, chunks);
    chunks = blocks_of(s.images, images);
    parts = std::clamp<int64_t>(16 / chunks, 1, tiles);
    one = s.outputs * s.channels * s.taps;
  }
  bool run() {
    Scratch<T> sums(env, chunks * one);
    if (!sums) return false;
    partial = sums.get();
    run_tasks(chunks * parts, compute, this, env,
              2.0 * static_cast<double>(one) * static_cast<double>(s.images * s.out_size()));
    PartialSums<T>{partial, gw, one, chunks}.add(env);
    return !failed;
  }

  static void compute(void* job, int64_t task) {
    auto& j = *static_cast<WeightGrad*>(job);
    const ConvShape& s = j.s;
    int64_t chunk = task / j.parts, part = task % j.parts, per = blocks_of(j.tiles, j.parts),
            first = part * per * kOutputs, last = std::min(s.outputs, first + per * kOutputs);
    Scratch<T> buffer(j.env, j.in.buffer(j.block, s.out[1]));
    Scratch<int64_t> offsets(j.env, j.block * s.taps);
    if (!buffer || !offsets) {
      j.failed = true;
      return;
    }
    for (int64_t c = 0; c < j.block; ++c)
      for (int64_t t = 0; t < s.taps; ++t)
        offsets.get()[c * s.taps + t] = j.in.offset(t, s.out[1], c);
    T* sums = j.partial + chunk * j.one;
    const int64_t width = s.channels * s.taps;
    if (first < last) std::fill(sums + first * width, sums + last * width, T(0));
    for (int64_t i = chunk * j.images; i < std::min(s.images, (chunk + 1) * j.images); ++i)
      for (int64_t c = 0; c < s.channels; c += j.block) {
        int64_t end = std::min(s.channels, c + j.block);
        const T* from = j.in.load(j.x + i * s.x_image, c, end, 0, s.out[1], buffer.get());
        for (int64_t o = first; o < last; o += kOutputs)
          j.outputs(from, offsets.get(), (end - c) * s.taps, j.gy + i * s.y_image, o,
                    sums + c * s.taps);
      }
  }
  // Adds to sums[o.., 0 <= k < n].
  void outputs(const T* from, const int64_t* offsets, int64_t n, const T* g, int64_t o,
               T* sums) const {
    const T* rows[kOutputs];
    int64_t count = std::min<int64_t>(kOutputs, s.outputs - o), width = s.channels * s.taps;
    for (int64_t i = 0; i < kOutputs; ++i) rows[i] = g + (o + std::min(i, count - 1)) * s.y_output;
    const bool fewer = blocks_of(n, kTaps - 1) * (kTaps - 1) < blocks_of(n, kTaps) * kTaps;
    const int64_t K = fewer ? kTaps - 1 : kTaps;
    for (int64_t k = 0; k < n; k += K) {
      T tile[kOutputs * kTaps];
      const int64_t taps = std::min(K, n - k);
      if (fewer)
        products<kTaps - 1>(from, offsets + k, taps, rows, tile);
      else
        products<kTaps>(from, offsets + k, taps, rows, tile);
      for (int64_t i = 0; i < count; ++i)
        for (int64_t t = 0; t < taps; ++t) sums[(o + i) * width + k + t] += tile[i * K + t];
    }
  }
  template <int K>
  void products(const T* from, const int64_t* offsets, int64_t n, const T* const* gradients,
                T* tile) const {
    const T *taps[K], *g[kOutputs];
    for (int64_t k = 0; k < K; ++k) taps[k] = from + offsets[std::min(k, n - 1)];
    for (int i = 0; i < kOutputs; ++i) g[i] = gradients[i];
    V acc[kOutputs][K] = {};
    const int64_t whole = s.out[2] / lanes * lanes, rest = s.out[2] - whole,
                  last = s.out[2] - lanes;
    const auto fresh = lane_numbers<T>() >= static_cast<Number<T>>(lanes - rest) - Numbers<T>{};
    for (int64_t h = 0, at = 0; h < s.out[1]; ++h, at += in.down()) {
      for (int64_t c = 0; c < whole; c += lanes) {
        V d[kOutputs];
        for (int i = 0; i < kOutputs; ++i) d[i] = *reinterpret_cast<const V*>(g[i] + c);
        add_products<K>(acc, d, taps, at + c);
      }
      if (rest) {
        V d[kOutputs];
        for (int i = 0; i < kOutputs; ++i)
          d[i] = fresh ? *reinterpret_cast<const V*>(g[i] + last) : V{};
        add_products<K>(acc, d, taps, at + last);
      }
      for (int i = 0; i < kOutputs; ++i) g[i] += s.out[2];
    }
    for (int i = 0; i < kOutputs; ++i)
      for (int k = 0; k < K; ++k) tile[i * K + k] = sum(acc[i][k]);
  }
  template <int K>
  [[gnu::always_inline]] static void add_products(V (&acc)[kOutputs][K], const V (&d)[kOutputs],
                                                  const T* const* taps, int64_t at) {
#pragma GCC unroll 8
    for (int k = 0; k < K; ++k) {
      V v = *reinterpret_cast<const V*>(taps[k] + at);
#pragma GCC unroll 8
      for (int i = 0; i < kOutputs; ++i) acc[i][k] += d[i] * v;
    }
  }
  static T sum(V v) {
    T lane[lanes];
    std::memcpy(lane, &v, sizeof(v));
    for (int64_t n = lanes / 2; n; n /= 2)
      for (int64_t i = 0; i < n; ++i) lane[i] += lane[i + n];
    return lane[0];
  }
};
}  // namespace

template <class T>
bool rows_grad_pay(const ConvShape& s) {
  return Rows<T>::fits(s) && s.out[2] >= Rows<T>::lanes && s.channels * s.taps <= 160 &&
         s.out[2] * 10 >= blocks_of(s.out[2], Rows<T>::lanes) * Rows<T>::lanes * 6;
}
template bool rows_grad_pay<float>(const ConvShape&);
template bool rows_grad_pay<double>(const ConvShape&);

bool rows_weight_grad(const ConvShape& s, const float* x, const float* gy, float* gw,
                      const Env& env) {
  return WeightGrad<float>(s, x, gy, gw, env).run();
}
bool rows_weight_grad(const ConvShape& s, const double* x, const double* gy, double* gw,
                      const Env& env) {
  return WeightGrad<double>(s, x, gy, gw, env).run();
}

}  // namespace lampas::kernels::LAMPAS_ISA
