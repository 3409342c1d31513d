#include "kernels/channels.h"

#include <cmath>

#include "kernels/planes_loop.h"
#include "kernels/table.h"

namespace lampas::kernels::LAMPAS_ISA {

namespace {
constexpr int64_t kColumns = 256;    // elements of an image side by side, where planes are small
constexpr int64_t kTogether = 1024;  // the same where they are not
constexpr int64_t kMost = 16;        // channels of a task

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

  // ---- whole planes: a few channels, image by image -----------------------------------------
  struct Few {
    int64_t first, n;
  };
  int64_t channels_per_task() const { return std::clamp<int64_t>(kTogether / s.size, 1, kMost); }
  Few few(int64_t task) const {
    const int64_t first = task * channels_per_task();
    return {first, std::min(channels_per_task(), s.channels - first)};
  }
  // f(i, c, offset) for the planes of channel first + i = c.
  template <class F>
  LAMPAS_INLINE void for_planes(const Few& f, const F& body) const {
    for (int64_t image = 0; image < s.images; ++image)
      for (int64_t i = 0; i < f.n; ++i) body(i, f.first + i, at(image, f.first + i));
  }
  void moments_of(const Few& f) const {
    std::array<double, 1> sums[kMost] = {}, squares[kMost] = {};
    for_planes(f, [&](int64_t i, int64_t, int64_t from) {
      const T* p = x + from;
      add_plane<T>(sums[i], s.size, [&](auto get) LAMPAS_LAMBDA { return std::array{get(p)}; });
    });
    for_planes(f, [&](int64_t i, int64_t, int64_t from) {
      const T *p = x + from, m = static_cast<T>(sums[i][0] / count());
      add_plane<T>(squares[i], s.size, [&](auto get) LAMPAS_LAMBDA {
        const auto d = get(p) - m;
        return std::array{d * d};
      });
    });
    for (int64_t i = 0; i < f.n; ++i) {
      const double m = sums[i][0] / count();
      finish_moments(f.first + i, m, squares[i][0], m - static_cast<double>(static_cast<T>(m)));
    }
  }
  // `squares` around a mean that is `off` below the true one.
  void finish_moments(int64_t c, double m, double squares, double off) const {
    mean[c] = m;
    var[c] = squares / count() - off * off;
    rstd[c] = 1 / std::sqrt(var[c] + eps);
  }
  LAMPAS_INLINE void normalize_plane(int64_t c, int64_t from) const {
    const T m = static_cast<T>(mean[c]), a = static_cast<T>(rstd[c]) * scale(c),
            b = bias ? bias[c] : T(0);
    const T* p = x + from;
    map_plane(out + from, s.size, [&](auto get) LAMPAS_LAMBDA { return (get(p) - m) * a + b; });
  }
  void normalize_few(int64_t task) const {
    const Few f = few(task);
    moments_of(f);
    for_planes(f, [&](int64_t, int64_t c, int64_t from) { normalize_plane(c, from); });
  }
  void backward_few(int64_t task) const {
    const Few f = few(task);
    std::array<double, 2> sums[kMost] = {};
    for_planes(f, [&](int64_t i, int64_t c, int64_t from) {
      const T *p = x + from, *q = gy + from, m = static_cast<T>(known_mean[c]);
      add_plane<T>(sums[i], s.size, [&](auto get) LAMPAS_LAMBDA {
        const auto g = get(q);
        return std::array{g, g * (get(p) - m)};
      });
    });
    T a[kMost], c1[kMost], c2[kMost];
    for (int64_t i = 0; i < f.n; ++i) {
      const double r = known_rstd[f.first + i];
      gb[f.first + i] = sums[i][0];
      gw[f.first + i] = sums[i][1] * r;
      a[i] = static_cast<T>(r) * scale(f.first + i);
      c1[i] = fresh ? static_cast<T>(sums[i][0] / count()) : T(0);
      c2[i] = fresh ? static_cast<T>(sums[i][1] * r * r / count()) : T(0);
    }
    if (!out) return;
    for_planes(f, [&](int64_t i, int64_t c, int64_t from) {
      const T *p = x + from, *q = gy + from, m = static_cast<T>(known_mean[c]);
      const T by = a[i], one = c1[i], two = c2[i];
      map_plane(out + from, s.size,
                [&](auto get) LAMPAS_LAMBDA { return (get(q) - one - (get(p) - m) * two) * by; });
    });
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
  void normalize_column(int64_t task) const {
    const Column c = column(task);
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
  void backward_column(int64_t task) const {
    const Column c = column(task);
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
  // Known statistics, planes as they lie.
  void normalize_in_order(int64_t task) const {
    const int64_t planes = s.images * s.channels, each = planes_per_task();
    for (int64_t i = task * each; i < std::min(planes, (task + 1) * each); ++i)
      normalize_plane(i % s.channels, i * s.size);
  }
  int64_t planes_per_task() const { return std::max<int64_t>(1, 16384 / s.size); }

  template <void (Channels::*kBody)(int64_t) const>
  void run(int64_t pieces, int64_t each, const Env& env) const {
    auto body = [](void* p, int64_t i) { (static_cast<Channels*>(p)->*kBody)(i); };
    const int64_t tasks = (pieces - 1) / each + 1;
    void* self = const_cast<Channels*>(this);
    if (s.images * s.channels * s.size > 16384 && tasks > 1) return env.parallel(tasks, body, self);
    for (int64_t i = 0; i < tasks; ++i) body(self, i);
  }
  void normalize(const Env& env) const {
    if (s.size < kWide<T>)
      run<&Channels::normalize_column>(s.channels, channels_per_column(), env);
    else if (fresh)
      run<&Channels::normalize_few>(s.channels, channels_per_task(), env);
    else
      run<&Channels::normalize_in_order>(s.images * s.channels, planes_per_task(), env);
  }
  void backward(const Env& env) const {
    if (s.size < kWide<T>)
      run<&Channels::backward_column>(s.channels, channels_per_column(), env);
    else
      run<&Channels::backward_few>(s.channels, channels_per_task(), env);
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
  job.normalize(env);
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
  job.backward(env);
}
}  // namespace

void fill_channels(Table& t) {
  t.channels = {{normalize<float>, normalize<double>}, {backward<float>, backward<double>}};
}

}  // namespace lampas::kernels::LAMPAS_ISA
