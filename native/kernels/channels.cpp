#include "kernels/channels.h"

#include <cmath>

#include "kernels/rows_loop.h"
#include "kernels/table.h"

namespace lampas::kernels::LAMPAS_ISA {

namespace {
constexpr int64_t kColumns = 256;  // elements of an image side by side, where planes are small

template <class T>
struct Channels {
  const ChannelShape& s;
  const T *x = nullptr, *gy = nullptr, *weight = nullptr, *bias = nullptr;
  double eps = 0;
  bool fresh = true;
  double *mean = nullptr, *rstd = nullptr, *var = nullptr, *gw = nullptr, *gb = nullptr;
  const double *known_mean = nullptr, *known_rstd = nullptr;
  T* out = nullptr;  // y or gx

  double count() const { return static_cast<double>(s.images * s.size); }
  int64_t at(int64_t image, int64_t c) const { return (image * s.channels + c) * s.size; }
  T scale(int64_t c) const { return weight ? weight[c] : T(1); }

  // ---- whole planes: one channel -----------------------------------------------------------
  void moments_of(int64_t c) const {
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < s.images; ++i) {
      const T* p = x + at(i, c);
      sum += lane_sum<T>(s.size, [&](int64_t k) LAMPAS_LAMBDA { return p[k]; });
    }
    const T m = static_cast<T>(sum / count());
    for (int64_t i = 0; i < s.images; ++i) {
      const T* p = x + at(i, c);
      squares += lane_sum<T>(s.size, [&](int64_t k) LAMPAS_LAMBDA {
        const T d = p[k] - m;
        return d * d;
      });
    }
    finish_moments(c, sum / count(), squares, sum / count() - static_cast<double>(m));
  }
  // `squares` around a mean that is `off` below the true one.
  void finish_moments(int64_t c, double m, double squares, double off) const {
    mean[c] = m;
    var[c] = squares / count() - off * off;
    rstd[c] = 1 / std::sqrt(var[c] + eps);
  }
  void normalize_plane(int64_t c) const {
    if (fresh) moments_of(c);
    const T m = static_cast<T>(mean[c]), a = static_cast<T>(rstd[c]) * scale(c),
            b = bias ? bias[c] : T(0);
    for (int64_t i = 0; i < s.images; ++i) {
      const T* from = x + at(i, c);
      T* to = out + at(i, c);
#pragma GCC ivdep
      for (int64_t k = 0; k < s.size; ++k) to[k] = (from[k] - m) * a + b;
    }
  }
  void backward_plane(int64_t c) const {
    const T m = static_cast<T>(known_mean[c]);
    double g = 0, gx = 0;
    for (int64_t i = 0; i < s.images; ++i) {
      const T *p = x + at(i, c), *q = gy + at(i, c);
      double sums[2];
      lane_sums<T>(sums, s.size,
                   [&](int64_t k) LAMPAS_LAMBDA { return Sums<T, 2>{{q[k], q[k] * (p[k] - m)}}; });
      g += sums[0];
      gx += sums[1];
    }
    const double r = known_rstd[c];
    gw[c] = gx * r;
    gb[c] = g;
    if (!out) return;
    const T a = static_cast<T>(r) * scale(c);
    const T c1 = fresh ? static_cast<T>(g / count()) : T(0),
            c2 = fresh ? static_cast<T>(gx * r * r / count()) : T(0);
    for (int64_t i = 0; i < s.images; ++i) {
      const T *p = x + at(i, c), *q = gy + at(i, c);
      T* to = out + at(i, c);
#pragma GCC ivdep
      for (int64_t k = 0; k < s.size; ++k) to[k] = (q[k] - c1 - (p[k] - m) * c2) * a;
    }
  }

  // ---- small planes: several channels, element by element down the images --------------------
  struct Column {
    int64_t first, channels, n;  // n: elements of an image
  };
  Column column(int64_t task) const {
    int64_t per = channels_per_column(), first = task * per;
    int64_t channels = std::min(per, s.channels - first);
    return {first, channels, channels * s.size};
  }
  int64_t channels_per_column() const { return std::max<int64_t>(1, kColumns / s.size); }
  // Sums of each channel from those of its elements.
  void fold(const Column& c, const double* sums, double* to) const {
    for (int64_t i = 0; i < c.channels; ++i) {
      to[i] = 0;
      for (int64_t k = 0; k < s.size; ++k) to[i] += sums[i * s.size + k];
    }
  }
  void spread(const Column& c, const double* from, T* to) const {
    for (int64_t i = 0; i < c.n; ++i) to[i] = static_cast<T>(from[c.first + i / s.size]);
  }
  void moments_of(const Column& c) const {
    double sums[kColumns] = {}, folded[kColumns];
    T m[kColumns];
    for (int64_t i = 0; i < s.images; ++i) {
      const T* p = x + at(i, c.first);
#pragma GCC ivdep
      for (int64_t k = 0; k < c.n; ++k) sums[k] += static_cast<double>(p[k]);
    }
    fold(c, sums, folded);
    for (int64_t k = 0; k < c.channels; ++k) mean[c.first + k] = folded[k] / count();
    spread(c, mean, m);
    std::fill_n(sums, c.n, 0.0);
    for (int64_t i = 0; i < s.images; ++i) {
      const T* p = x + at(i, c.first);
#pragma GCC ivdep
      for (int64_t k = 0; k < c.n; ++k)
        sums[k] += static_cast<double>((p[k] - m[k]) * (p[k] - m[k]));
    }
    fold(c, sums, folded);
    for (int64_t k = 0; k < c.channels; ++k) {
      const double exact = mean[c.first + k];
      finish_moments(c.first + k, exact, folded[k],
                     exact - static_cast<double>(static_cast<T>(exact)));
    }
  }
  void normalize_column(const Column& c) const {
    if (fresh) moments_of(c);
    T m[kColumns], a[kColumns], b[kColumns];
    spread(c, mean, m);
    spread(c, rstd, a);
    for (int64_t k = 0; k < c.n; ++k) {
      a[k] *= scale(c.first + k / s.size);
      b[k] = bias ? bias[c.first + k / s.size] : T(0);
    }
    for (int64_t i = 0; i < s.images; ++i) {
      const T* from = x + at(i, c.first);
      T* to = out + at(i, c.first);
#pragma GCC ivdep
      for (int64_t k = 0; k < c.n; ++k) to[k] = (from[k] - m[k]) * a[k] + b[k];
    }
  }
  void backward_column(const Column& c) const {
    T m[kColumns], c1[kColumns] = {}, c2[kColumns] = {}, a[kColumns];
    double g[kColumns] = {}, gx[kColumns] = {}, sum_g[kColumns], sum_gx[kColumns];
    spread(c, known_mean, m);
    for (int64_t i = 0; i < s.images; ++i) {
      const T *p = x + at(i, c.first), *q = gy + at(i, c.first);
#pragma GCC ivdep
      for (int64_t k = 0; k < c.n; ++k) {
        g[k] += static_cast<double>(q[k]);
        gx[k] += static_cast<double>(q[k] * (p[k] - m[k]));
      }
    }
    fold(c, g, sum_g);
    fold(c, gx, sum_gx);
    for (int64_t k = 0; k < c.channels; ++k) {
      gw[c.first + k] = sum_gx[k] * known_rstd[c.first + k];
      gb[c.first + k] = sum_g[k];
    }
    if (!out) return;
    for (int64_t k = 0; k < c.n; ++k) {
      const int64_t channel = k / s.size;
      const double r = known_rstd[c.first + channel];
      a[k] = static_cast<T>(r) * scale(c.first + channel);
      if (!fresh) continue;
      c1[k] = static_cast<T>(sum_g[channel] / count());
      c2[k] = static_cast<T>(sum_gx[channel] * r * r / count());
    }
    for (int64_t i = 0; i < s.images; ++i) {
      const T *p = x + at(i, c.first), *q = gy + at(i, c.first);
      T* to = out + at(i, c.first);
#pragma GCC ivdep
      for (int64_t k = 0; k < c.n; ++k) to[k] = (q[k] - c1[k] - (p[k] - m[k]) * c2[k]) * a[k];
    }
  }

  // ---- tasks ---------------------------------------------------------------------------------
  template <void (Channels::*kPlane)(int64_t) const, void (Channels::*kColumn)(const Column&) const>
  void run(const Env& env) const {
    const bool small = s.size < 64;
    const int64_t tasks = small ? (s.channels - 1) / channels_per_column() + 1 : s.channels;
    void (*const body)(void*, int64_t) =
        small ? [](void* p, int64_t i) {
          auto& job = *static_cast<Channels*>(p);
          (job.*kColumn)(job.column(i));
        }
              : [](void* p, int64_t i) { (static_cast<Channels*>(p)->*kPlane)(i); };
    void* self = const_cast<Channels*>(this);
    if (s.images * s.channels * s.size > 16384 && tasks > 1) return env.parallel(tasks, body, self);
    for (int64_t i = 0; i < tasks; ++i) body(self, i);
  }
};

template <class T>
void normalize(const ChannelShape& s, const void* x, const void* weight, const void* bias,
               double eps, bool fresh, double* mean, double* rstd, double* var, void* y,
               const Env& env) {
  Channels<T> job{s};
  job.x = static_cast<const T*>(x);
  job.weight = static_cast<const T*>(weight);
  job.bias = static_cast<const T*>(bias);
  job.eps = eps;
  job.fresh = fresh;
  job.mean = mean;
  job.rstd = rstd;
  job.var = var;
  job.out = static_cast<T*>(y);
  job.template run<&Channels<T>::normalize_plane, &Channels<T>::normalize_column>(env);
}
template <class T>
void backward(const ChannelShape& s, const void* gy, const void* x, const void* weight, bool fresh,
              const double* mean, const double* rstd, void* gx, double* gw, double* gb,
              const Env& env) {
  Channels<T> job{s};
  job.x = static_cast<const T*>(x);
  job.gy = static_cast<const T*>(gy);
  job.weight = static_cast<const T*>(weight);
  job.fresh = fresh;
  job.known_mean = mean;
  job.known_rstd = rstd;
  job.gw = gw;
  job.gb = gb;
  job.out = static_cast<T*>(gx);
  job.template run<&Channels<T>::backward_plane, &Channels<T>::backward_column>(env);
}
}  // namespace

void fill_channels(Table& t) {
  t.channels = {{normalize<float>, normalize<double>}, {backward<float>, backward<double>}};
}

}  // namespace lampas::kernels::LAMPAS_ISA
