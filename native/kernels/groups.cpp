#include "kernels/groups.h"

#include <cmath>

#include "kernels/planes_loop.h"
#include "kernels/table.h"

namespace lampas::kernels::LAMPAS_ISA {

namespace {
constexpr int64_t kPart = 2048;  // elements whose squares are summed while they are in the cache

template <class T>
struct Groups {
  const GroupShape& s;
  const T *x = nullptr, *gy = nullptr, *weight = nullptr, *bias = nullptr;
  double eps = 0;
  double *mean = nullptr, *rstd = nullptr, *gw = nullptr, *gb = nullptr;
  const double *known_mean = nullptr, *known_rstd = nullptr;
  T* out = nullptr;  // y or gx

  int64_t count() const { return s.channels * s.size; }
  // The first channel of group i, as weight and bias count.
  int64_t first_channel(int64_t i) const { return i % s.groups * s.channels; }

  // Parts are joined as Chan, Golub and LeVeque do: "Updating formulae ...", 1979.
  void moments(int64_t i) const {
    const T* p = x + i * count();
    double m = 0, squares = 0, seen = 0;
    for (int64_t begin = 0; begin < count(); begin += kPart) {
      const int64_t n = std::min(kPart, count() - begin);
      const T* q = p + begin;
      std::array<double, 1> sum{}, around{};
      add_plane<T>(sum, n, [&](auto get) LAMPAS_LAMBDA { return std::array{get(q)}; });
      const double part = sum[0] / static_cast<double>(n);
      const T centre = static_cast<T>(part);
      add_plane<T>(around, n, [&](auto get) LAMPAS_LAMBDA {
        const auto d = get(q) - centre;
        return std::array{d * d};
      });
      const double off = part - static_cast<double>(centre), d = part - m,
                   more = static_cast<double>(n);
      squares += around[0] - more * off * off + d * d * seen * more / (seen + more);
      m += d * more / (seen + more);
      seen += more;
    }
    mean[i] = m;
    rstd[i] = 1 / std::sqrt(squares / seen + eps);
  }
  void normalize_group(int64_t i) const {
    moments(i);
    const int64_t first = first_channel(i);
    const T m = static_cast<T>(mean[i]), r = static_cast<T>(rstd[i]);
    for (int64_t c = 0; c < s.channels; ++c) {
      const T a = weight ? r * weight[first + c] : r, b = bias ? bias[first + c] : T(0);
      const T* p = x + i * count() + c * s.size;
      map_plane(out + (p - x), s.size,
                [&](auto get) LAMPAS_LAMBDA { return (get(p) - m) * a + b; });
    }
  }
  void backward_group(int64_t i) const {
    const int64_t first = first_channel(i);
    const T m = static_cast<T>(known_mean[i]);
    const double r = known_rstd[i], n = static_cast<double>(count());
    double g = 0, gx = 0;  // weighted sums of gy and gy * (x - mean)
    for (int64_t c = 0; c < s.channels; ++c) {
      const int64_t at = i * count() + c * s.size;
      const T *p = x + at, *q = gy + at;
      std::array<double, 2> sums{};
      add_plane<T>(sums, s.size, [&](auto get) LAMPAS_LAMBDA {
        const auto up = get(q);
        return std::array{up, up * (get(p) - m)};
      });
      const double w = weight ? static_cast<double>(weight[first + c]) : 1;
      gb[i * s.channels + c] = sums[0];
      gw[i * s.channels + c] = sums[1] * r;
      g += w * sums[0];
      gx += w * sums[1];
    }
    if (!out) return;
    const T c1 = static_cast<T>(g * r / n), c2 = static_cast<T>(gx * r * r * r / n);
    for (int64_t c = 0; c < s.channels; ++c) {
      const int64_t at = i * count() + c * s.size;
      const T *p = x + at, *q = gy + at;
      const T a = static_cast<T>(weight ? r * static_cast<double>(weight[first + c]) : r);
      map_plane(out + at, s.size,
                [&](auto get) LAMPAS_LAMBDA { return get(q) * a - c1 - (get(p) - m) * c2; });
    }
  }

  template <void (Groups::*kBody)(int64_t) const>
  void run(const Env& env) const {
    struct Context {
      const Groups& job;
      int64_t groups, each;
    } context{*this, s.images * s.groups,
              std::max<int64_t>(1, 16384 / std::max<int64_t>(count(), 1))};
    auto body = [](void* p, int64_t i) {
      auto& [job, groups, each] = *static_cast<Context*>(p);
      for (int64_t k = i * each; k < std::min(groups, (i + 1) * each); ++k) (job.*kBody)(k);
    };
    const int64_t tasks = (context.groups - 1) / context.each + 1;
    if (tasks > 1) return env.parallel(tasks, body, &context);
    body(&context, 0);
  }
};

template <class T>
void normalize(const GroupShape& s, const void* x, const void* weight, const void* bias, double eps,
               double* mean, double* rstd, void* y, const Env& env) {
  Groups<T> job{s};
  job.x = static_cast<const T*>(x);
  job.weight = static_cast<const T*>(weight);
  job.bias = static_cast<const T*>(bias);
  job.eps = eps;
  job.mean = mean;
  job.rstd = rstd;
  job.out = static_cast<T*>(y);
  job.template run<&Groups<T>::normalize_group>(env);
}
template <class T>
void backward(const GroupShape& s, const void* gy, const void* x, const void* weight,
              const double* mean, const double* rstd, void* gx, double* gw, double* gb,
              const Env& env) {
  Groups<T> job{s};
  job.x = static_cast<const T*>(x);
  job.gy = static_cast<const T*>(gy);
  job.weight = static_cast<const T*>(weight);
  job.known_mean = mean;
  job.known_rstd = rstd;
  job.gw = gw;
  job.gb = gb;
  job.out = static_cast<T*>(gx);
  job.template run<&Groups<T>::backward_group>(env);
}
}  // namespace

void fill_groups(Table& t) {
  t.groups = {{normalize<float>, normalize<double>}, {backward<float>, backward<double>}};
}

}  // namespace lampas::kernels::LAMPAS_ISA
