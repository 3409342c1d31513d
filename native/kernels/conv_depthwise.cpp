// One channel in, one out: each plane is padded into a buffer, with columns that are alike modulo
// the stride side by side, so that every tap of a row of outputs is one run of memory.
#include <algorithm>
#include <atomic>
#include <cstring>

#include "kernels/conv_direct.h"
#include "kernels/gemm_block.h"

namespace lampas::kernels::LAMPAS_ISA {

namespace {
template <class T>
struct Depthwise {
  using V = typename Block<T>::V;
  static constexpr int64_t lanes = Block<T>::lanes;
  static constexpr int kRows = 7;  // output rows at a time: as many sums go on side by side

  const ConvShape& s;
  const T *x, *w, *bias;  // of the gradient: w is gy
  T* y;
  const Env& env;
  int64_t lo[3], size[3];      // of the padded plane
  int64_t pitch, row, planes;  // columns of one phase; a padded row; planes a task
  int64_t wide;                // an output row, rounded up to vectors
  std::atomic<bool> failed = false;

  Depthwise(const ConvShape& shape, const void* x_, const void* w_, const void* bias_, void* y_,
            const Env& e)
      : s(shape),
        x(static_cast<const T*>(x_)),
        w(static_cast<const T*>(w_)),
        bias(static_cast<const T*>(bias_)),
        y(static_cast<T*>(y_)),
        env(e) {
    for (int i = 0; i < 3; ++i) {
      lo[i] = s.tap[0][i];
      int64_t hi = lo[i];
      for (int64_t t = 1; t < s.taps; ++t) {
        lo[i] = std::min(lo[i], s.tap[t][i]);
        hi = std::max(hi, s.tap[t][i]);
      }
      size[i] = (s.out[i] - 1) * s.stride[i] + hi - lo[i] + 1;
    }
    wide = (s.out[2] + lanes - 1) / lanes * lanes;
    pitch = (size[2] - 1) / s.stride[2] + 1 + lanes;
    row = pitch * s.stride[2];
    planes = std::clamp<int64_t>(65536 / (s.out_size() * s.taps), 1, 64);
  }
  int64_t padded() const { return size[0] * size[1] * row; }
  int64_t tap_offset(int64_t t) const {
    int64_t col = s.tap[t][2] - lo[2];
    return ((s.tap[t][0] - lo[0]) * size[1] + s.tap[t][1] - lo[1]) * row +
           col % s.stride[2] * pitch + col / s.stride[2];
  }
  static void copy(const T* from, int64_t n, T* to) {
    if (n < lanes) {
      for (int64_t i = 0; i < n; ++i) to[i] = from[i];
      return;
    }
    for (int64_t i = 0; i < n; i += lanes) {
      int64_t c = std::min(i, n - lanes);
      *reinterpret_cast<V*>(to + c) = *reinterpret_cast<const V*>(from + c);
    }
  }
  // The buffer starts as zeros; what lies outside the image is never written.
  void pad(const T* plane, T* to) const {
    const int64_t st = s.stride[2], w0 = std::max<int64_t>(0, lo[2]),
                  w1 = std::min(s.in[2], lo[2] + size[2]);
    for (int64_t d = std::max<int64_t>(0, lo[0]); d < std::min(s.in[0], lo[0] + size[0]); ++d)
      for (int64_t h = std::max<int64_t>(0, lo[1]); h < std::min(s.in[1], lo[1] + size[1]); ++h) {
        const T* from = plane + (d * s.in[1] + h) * s.in[2];
        T* line = to + ((d - lo[0]) * size[1] + h - lo[1]) * row;
        if (st == 1)
          copy(from + w0, w1 - w0, line + w0 - lo[2]);
        else
          for (int64_t i = w0; i < w1; ++i)
            line[(i - lo[2]) % st * pitch + (i - lo[2]) / st] = from[i];
      }
  }

  template <int R>
  void output_rows(const T* buffer, const int64_t* offsets, const T* filter, T start, T* out,
                   int64_t down) const {
    for (int64_t i = 0; i < s.out[2]; i += lanes) {
      // The last vector overlaps the one before it.
      const int64_t c = std::max<int64_t>(0, std::min(i, s.out[2] - lanes));
      V acc[R];
      for (int r = 0; r < R; ++r) acc[r] = start - V{};
      for (int64_t t = 0; t < s.taps; ++t) {
        const T* from = buffer + offsets[t] + c;
        V f = filter[t] - V{};
#pragma GCC unroll 8
        for (int r = 0; r < R; ++r) acc[r] += f * *reinterpret_cast<const V*>(from + r * down);
      }
      for (int r = 0; r < R; ++r) {
        T* to = out + r * s.out[2] + c;
        if (s.out[2] >= lanes)
          *reinterpret_cast<V*>(to) = acc[r];
        else
          std::memcpy(to, &acc[r], static_cast<size_t>(s.out[2]) * sizeof(T));
      }
    }
  }
  void plane(const T* buffer, const int64_t* offsets, const T* filter, T start, T* out) const {
    const int64_t down = s.stride[1] * row;
    for (int64_t d = 0; d < s.out[0]; ++d) {
      const T* from = buffer + d * s.stride[0] * size[1] * row;
      T* to = out + d * s.out[1] * s.out[2];
      int64_t h = 0;
      for (; h + kRows <= s.out[1]; h += kRows)
        output_rows<kRows>(from + h * down, offsets, filter, start, to + h * s.out[2], down);
      for (; h + 3 <= s.out[1]; h += 3)
        output_rows<3>(from + h * down, offsets, filter, start, to + h * s.out[2], down);
      for (; h < s.out[1]; ++h)
        output_rows<1>(from + h * down, offsets, filter, start, to + h * s.out[2], down);
    }
  }
  // A buffer of a padded plane, the taps' offsets and filters.
  struct Space {
    Scratch<T> data;
    Scratch<int64_t> offsets;
    Space(const Depthwise& j, int64_t more)
        : data(j.env, j.padded() + lanes + more), offsets(j.env, j.s.taps) {
      if (!data || !offsets) return;
      std::fill_n(data.get(), j.padded() + lanes + more, T(0));
      for (int64_t t = 0; t < j.s.taps; ++t) offsets.get()[t] = j.tap_offset(t);
    }
    explicit operator bool() const { return data && offsets; }
  };

  static void correlate_task(void* job, int64_t task) {
    auto& j = *static_cast<Depthwise*>(job);
    const ConvShape& s = j.s;
    Space space(j, s.taps);
    if (!space) {
      j.failed = true;
      return;
    }
    T *buffer = space.data.get(), *filter = buffer + j.padded() + lanes;
    int64_t end = std::min(s.images * s.groups, (task + 1) * j.planes);
    for (int64_t p = task * j.planes; p < end; ++p) {
      int64_t image = p / s.groups, g = p % s.groups;
      j.pad(j.x + image * s.x_image + g * s.x_group, buffer);
      for (int64_t t = 0; t < s.taps; ++t) filter[t] = j.w[g * s.w_group + s.w_tap[t]];
      j.plane(buffer, space.offsets.get(), filter, j.bias ? j.bias[g] : T(0),
              j.y + image * s.y_image + g * s.y_group);
    }
  }

  // gw[t] of one channel, image by image: gy's rows, padded with zeros to whole vectors.
  static void weight_task(void* job, int64_t g) {
    auto& j = *static_cast<Depthwise*>(job);
    const ConvShape& s = j.s;
    const int64_t rows = s.out[0] * s.out[1], gy_size = rows * j.wide;
    Space space(j, gy_size + s.taps * lanes);
    if (!space) {
      j.failed = true;
      return;
    }
    T *buffer = space.data.get(), *gy = buffer + j.padded() + lanes, *sums = gy + gy_size;
    for (int64_t image = 0; image < s.images; ++image) {
      j.pad(j.x + image * s.x_image + g * s.x_group, buffer);
      const T* from = j.w + image * s.y_image + g * s.y_group;
      for (int64_t r = 0; r < rows; ++r)
        std::copy_n(from + r * s.out[2], s.out[2], gy + r * j.wide);
      for (int64_t t = 0; t < s.taps; ++t) {
        V acc = *reinterpret_cast<V*>(sums + t * lanes);
        for (int64_t r = 0; r < rows; ++r) {
          const T* line =
              buffer + space.offsets.get()[t] +
              (r / s.out[1] * s.stride[0] * j.size[1] + r % s.out[1] * s.stride[1]) * j.row;
          for (int64_t c = 0; c < j.wide; c += lanes)
            acc += *reinterpret_cast<const V*>(line + c) *
                   *reinterpret_cast<const V*>(gy + r * j.wide + c);
        }
        *reinterpret_cast<V*>(sums + t * lanes) = acc;
      }
    }
    for (int64_t t = 0; t < s.taps; ++t) {
      T* lane = sums + t * lanes;
      for (int64_t n = lanes / 2; n; n /= 2)
        for (int64_t i = 0; i < n; ++i) lane[i] += lane[i + n];
      j.y[g * s.w_group + t] = lane[0];
    }
  }
};

template <class T>
bool depthwise(const ConvShape& s, const void* x, const void* w, const void* bias, void* y,
               const Env& env) {
  Depthwise<T> job(s, x, w, bias, y, env);
  env.parallel((s.images * s.groups - 1) / job.planes + 1, Depthwise<T>::correlate_task, &job);
  return !job.failed;
}
template <class T>
bool depthwise_weight_grad(const ConvShape& s, const void* x, const void* gy, void* gw,
                           const Env& env) {
  Depthwise<T> job(s, x, gy, nullptr, gw, env);
  env.parallel(s.groups, Depthwise<T>::weight_task, &job);
  return !job.failed;
}
}  // namespace

void fill_conv_depthwise(ConvTable& t) {
  t.depthwise[static_cast<int>(DType::F32)] = depthwise<float>;
  t.depthwise[static_cast<int>(DType::F64)] = depthwise<double>;
  t.depthwise[static_cast<int>(DType::I64)] = depthwise<int64_t>;
  t.depthwise_weight_grad[static_cast<int>(DType::F32)] = depthwise_weight_grad<float>;
  t.depthwise_weight_grad[static_cast<int>(DType::F64)] = depthwise_weight_grad<double>;
  t.depthwise_weight_grad[static_cast<int>(DType::I64)] = depthwise_weight_grad<int64_t>;
}

}  // namespace lampas::kernels::LAMPAS_ISA
