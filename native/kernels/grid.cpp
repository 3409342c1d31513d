#include "kernels/grid.h"

#include <algorithm>
#include <cmath>

#include "kernels/table.h"

namespace lampas::kernels::LAMPAS_ISA {

namespace {
constexpr int64_t kBlock = 256;   // points whose neighbours are looked up at once
constexpr int kMost = 16;         // neighbours of a point
constexpr int64_t kChannels = 4;  // channels of a task that spreads gradients

// Neighbours of a block of points along one axis: where, with which weight, and how that changes
// with the grid's value.
template <class T>
struct Axis {
  int taps = 0;
  int32_t at[4][kBlock];  // -1: outside
  T weight[4][kBlock], slope[4][kBlock];
};
template <class T>
struct Neighbours {
  int taps = 0;
  int32_t index[kMost][kBlock];  // 0 with weight 0: outside; NaN at no position
  T weight[kMost][kBlock];
  T slope[3][kMost][kBlock];
};

template <class T>
T reflected(T p, T low, T high, T* sign) {
  const T span = high - low, away = std::abs(p - low);
  const T turns = std::floor(away / span), rest = away - turns * span;
  const bool even = turns - 2 * std::floor(turns / 2) == 0;
  *sign = (even ? T(1) : T(-1)) * (p < low ? T(-1) : T(1));
  return even ? rest + low : span - rest + low;
}
// Into the image, 0 for what is no number; the factor that slopes get is 0 at its edges.
template <class T>
T clipped(T n, T p, T* factor) {
  *factor = p > 0 && p < n - 1 ? *factor : T(0);
  const T low = p > 0 ? p : T(0);
  return low < n - 1 ? low : n - 1;
}
template <class T>
T reflected(const GridShape& s, T n, T p, T* factor) {
  const T low = s.corners ? T(0) : T(-0.5), high = s.corners ? n - 1 : n - T(0.5);
  return high > low ? reflected(p, low, high, factor) : T(0);
}
// A position brought into the image, and the factor that its slope gets.
template <class T>
T brought_in(const GridShape& s, T n, T p, T* factor) {
  *factor = 1;
  if (s.padding == GridPadding::Zeros) return p;
  if (s.padding == GridPadding::Reflection) p = reflected(s, n, p, factor);
  return clipped(n, p, factor);
}
template <class T>
int32_t whole(T p, T n) {
  return static_cast<int32_t>(p >= 0 && p <= n - 1 ? p : T(-1));
}

template <class T>
void fill_cubic(const GridShape& s, T n, T p, T slope, int64_t j, Axis<T>& a) {
  constexpr T k = T(-0.75);
  auto near = [](T x) { return ((k + 2) * x - (k + 3)) * x * x + 1; };
  auto far = [](T x) { return ((k * x - 5 * k) * x + 8 * k) * x - 4 * k; };
  auto near_slope = [](T x) { return (3 * (k + 2) * x - 2 * (k + 3)) * x; };
  auto far_slope = [](T x) { return (3 * k * x - 10 * k) * x + 8 * k; };
  const T low = std::floor(p), t = p - low;
  const T w[4] = {far(t + 1), near(t), near(1 - t), far(2 - t)};
  const T d[4] = {far_slope(t + 1), near_slope(t), -near_slope(1 - t), -far_slope(2 - t)};
  for (int i = 0; i < 4; ++i) {
    T unused;
    a.at[i][j] = whole(brought_in(s, n, low + static_cast<T>(i - 1), &unused), n);
    a.weight[i][j] = w[i];
    a.slope[i][j] = d[i] * slope;
  }
}
// Where the points of a grid lie along axis d (0: x), in pixels.
template <class T, int kDims>
void positions(const GridShape& s, int d, const T* grid, int64_t points, T* p) {
  const T n = static_cast<T>(s.size[2 - d]);
  if (s.corners) {
#pragma GCC ivdep
    for (int64_t j = 0; j < points; ++j) p[j] = (grid[j * kDims + d] + 1) * (n - 1) / 2;
  } else {
#pragma GCC ivdep
    for (int64_t j = 0; j < points; ++j) p[j] = ((grid[j * kDims + d] + 1) * n - 1) / 2;
  }
}
template <class T>
void bring_in(const GridShape& s, T n, int64_t points, T* p, T* factor) {
  std::fill_n(factor, points, T(1));
  if (s.padding == GridPadding::Zeros) return;
  if (s.padding == GridPadding::Reflection) {
#pragma GCC ivdep
    for (int64_t j = 0; j < points; ++j) p[j] = reflected(s, n, p[j], factor + j);
  }
#pragma GCC ivdep
  for (int64_t j = 0; j < points; ++j) p[j] = clipped(n, p[j], factor + j);
}
template <class T>
void fill_axis(const GridShape& s, int d, const T* grid, int64_t points, Axis<T>& a) {
  const T n = static_cast<T>(s.size[2 - d]);
  const T scale = (s.corners ? n - 1 : n) / 2;
  a.taps = s.mode == GridMode::Nearest ? 1 : s.mode == GridMode::Linear ? 2 : 4;
  T p[kBlock], factor[kBlock];
  if (s.dims == 2)
    positions<T, 2>(s, d, grid, points, p);
  else
    positions<T, 3>(s, d, grid, points, p);
  if (s.mode == GridMode::Cubic) {
    for (int64_t j = 0; j < points; ++j) fill_cubic(s, n, p[j], scale, j, a);
    return;
  }
  bring_in(s, n, points, p, factor);
  if (s.mode == GridMode::Nearest) {
#pragma GCC ivdep
    for (int64_t j = 0; j < points; ++j) {
      a.at[0][j] = whole(std::nearbyint(p[j]), n);
      a.weight[0][j] = 1;
      a.slope[0][j] = 0;
    }
    return;
  }
#pragma GCC ivdep
  for (int64_t j = 0; j < points; ++j) {
    const T low = std::floor(p[j]), t = p[j] - low;
    a.at[0][j] = whole(low, n);
    a.at[1][j] = whole(low + 1, n);
    a.weight[0][j] = 1 - t;
    a.weight[1][j] = t;
    a.slope[0][j] = -factor[j] * scale;
    a.slope[1][j] = factor[j] * scale;
  }
}

template <class T>
void look_up(const GridShape& s, const T* grid, int64_t points, bool slopes, Axis<T>* axes,
             Neighbours<T>& to) {
  for (int d = 0; d < s.dims; ++d) fill_axis(s, d, grid, points, axes[d]);
  const Axis<T>&x = axes[0], &y = axes[1], &z = axes[2];
  const auto width = static_cast<int32_t>(s.size[2]), height = static_cast<int32_t>(s.size[1]);
  const int depth = s.dims == 3 ? z.taps : 1;
  to.taps = 0;
  for (int c = 0; c < depth; ++c)
    for (int b = 0; b < y.taps; ++b)
      for (int a = 0; a < x.taps; ++a, ++to.taps) {
        int32_t* index = to.index[to.taps];
        T* weight = to.weight[to.taps];
        T* slope[3] = {to.slope[0][to.taps], to.slope[1][to.taps], to.slope[2][to.taps]};
        if (s.dims == 3) {
#pragma GCC ivdep
          for (int64_t j = 0; j < points; ++j) {
            const bool in = (x.at[a][j] | y.at[b][j] | z.at[c][j]) >= 0;
            const T wx = x.weight[a][j], wy = y.weight[b][j], wz = z.weight[c][j];
            index[j] = in ? (z.at[c][j] * height + y.at[b][j]) * width + x.at[a][j] : 0;
            weight[j] = wx * wy * wz * (in ? T(1) : T(0));
            slope[0][j] = in ? x.slope[a][j] * wy * wz : T(0);
            slope[1][j] = in ? wx * y.slope[b][j] * wz : T(0);
            slope[2][j] = in ? wx * wy * z.slope[c][j] : T(0);
          }
        } else {
#pragma GCC ivdep
          for (int64_t j = 0; j < points; ++j) {
            const bool in = (x.at[a][j] | y.at[b][j]) >= 0;
            index[j] = in ? y.at[b][j] * width + x.at[a][j] : 0;
            weight[j] = x.weight[a][j] * y.weight[b][j] * (in ? T(1) : T(0));
          }
          if (slopes) {
#pragma GCC ivdep
            for (int64_t j = 0; j < points; ++j) {
              const bool in = (x.at[a][j] | y.at[b][j]) >= 0;
              slope[0][j] = in ? x.slope[a][j] * y.weight[b][j] : T(0);
              slope[1][j] = in ? x.weight[a][j] * y.slope[b][j] : T(0);
            }
          }
        }
      }
}

template <class T>
struct Job {
  const GridShape& s;
  const T *in, *grid, *gy = nullptr;
  T *out = nullptr, *gx = nullptr, *ggrid = nullptr;

  int64_t plane() const { return s.size[0] * s.size[1] * s.size[2]; }
  int64_t blocks() const { return (s.points - 1) / kBlock + 1; }
  int64_t points(int64_t block) const { return std::min(kBlock, s.points - block * kBlock); }
  const T* grid_of(int64_t image, int64_t block) const {
    return grid + (image * s.points + block * kBlock) * s.dims;
  }

  void sample_block(int64_t image, int64_t block, Axis<T>* axes, Neighbours<T>& near) const {
    const int64_t n = points(block);
    look_up(s, grid_of(image, block), n, false, axes, near);
    for (int64_t c = 0; c < s.channels; ++c) {
      const T* from = in + (image * s.channels + c) * plane();
      T* to = out + (image * s.channels + c) * s.points + block * kBlock;
      for (int k = 0; k < near.taps; ++k) {
        const T* w = near.weight[k];
        const int32_t* index = near.index[k];
        if (k == 0) {
#pragma GCC ivdep
          for (int64_t j = 0; j < n; ++j) {
            const T v = w[j] * from[index[j]];
            to[j] = w[j] == 0 ? T(0) : v;
          }
        } else {
#pragma GCC ivdep
          for (int64_t j = 0; j < n; ++j) {
            const T v = w[j] * from[index[j]];
            to[j] += w[j] == 0 ? T(0) : v;
          }
        }
      }
    }
  }
  void grid_block(int64_t image, int64_t block, Axis<T>* axes, Neighbours<T>& near) const {
    const int64_t n = points(block);
    look_up(s, grid_of(image, block), n, true, axes, near);
    T sum[3][kBlock] = {};
    for (int64_t c = 0; c < s.channels; ++c) {
      const T* from = in + (image * s.channels + c) * plane();
      const T* g = gy + (image * s.channels + c) * s.points + block * kBlock;
      for (int k = 0; k < near.taps; ++k) {
        const int32_t* index = near.index[k];
        const T *x = near.slope[0][k], *y = near.slope[1][k], *z = near.slope[2][k];
        if (s.dims == 3) {
#pragma GCC ivdep
          for (int64_t j = 0; j < n; ++j) {
            const T v = g[j] * from[index[j]];
            sum[0][j] += x[j] == 0 ? T(0) : v * x[j];
            sum[1][j] += y[j] == 0 ? T(0) : v * y[j];
            sum[2][j] += z[j] == 0 ? T(0) : v * z[j];
          }
        } else {
#pragma GCC ivdep
          for (int64_t j = 0; j < n; ++j) {
            const T v = g[j] * from[index[j]];
            sum[0][j] += x[j] == 0 ? T(0) : v * x[j];
            sum[1][j] += y[j] == 0 ? T(0) : v * y[j];
          }
        }
      }
    }
    T* to = ggrid + (image * s.points + block * kBlock) * s.dims;
    for (int d = 0; d < s.dims; ++d)
      for (int64_t j = 0; j < n; ++j) to[j * s.dims + d] = sum[d][j];
  }
  // A few channels of an image, all points.
  void spread(int64_t image, int64_t first, Axis<T>* axes, Neighbours<T>& near) const {
    const int64_t last = std::min(s.channels, first + kChannels);
    std::fill_n(gx + (image * s.channels + first) * plane(), (last - first) * plane(), T(0));
    for (int64_t block = 0; block < blocks(); ++block) {
      const int64_t n = points(block);
      look_up(s, grid_of(image, block), n, false, axes, near);
      for (int64_t c = first; c < last; ++c) {
        const T* g = gy + (image * s.channels + c) * s.points + block * kBlock;
        T* to = gx + (image * s.channels + c) * plane();
        for (int k = 0; k < near.taps; ++k)
          for (int64_t j = 0; j < n; ++j)
            if (std::abs(near.weight[k][j]) > 0) to[near.index[k][j]] += near.weight[k][j] * g[j];
      }
    }
  }

  using Body = void (Job::*)(int64_t, int64_t, Axis<T>*, Neighbours<T>&) const;
  // Of `per` pieces of each image, some a task.
  template <Body kBody>
  void run(int64_t per, int64_t each, int64_t step, const Env& env) const {
    struct Context {
      const Job& job;
      int64_t per, each, step;
    } context{*this, per, each, step};
    env.parallel((s.images * per - 1) / each + 1,
                 [](void* p, int64_t i) {
                   auto& [job, per, each, step] = *static_cast<Context*>(p);
                   Axis<T> axes[3];
                   Neighbours<T> near;
                   const int64_t last = std::min(job.s.images * per, (i + 1) * each);
                   for (int64_t k = i * each; k < last; ++k)
                     (job.*kBody)(k / per, k % per * step, axes, near);
                 },
                 &context);
  }
};

template <class T>
void sample(const GridShape& s, const void* in, const void* grid, void* out, const Env& env) {
  Job<T> job{s, static_cast<const T*>(in), static_cast<const T*>(grid)};
  job.out = static_cast<T*>(out);
  job.template run<&Job<T>::sample_block>(job.blocks(), 16, 1, env);
}
template <class T>
void backward(const GridShape& s, const void* gy, const void* in, const void* grid, void* gx,
              void* ggrid, const Env& env) {
  Job<T> job{s, static_cast<const T*>(in), static_cast<const T*>(grid)};
  job.gy = static_cast<const T*>(gy);
  job.gx = static_cast<T*>(gx);
  job.ggrid = static_cast<T*>(ggrid);
  if (gx) job.template run<&Job<T>::spread>((s.channels - 1) / kChannels + 1, 1, kChannels, env);
  if (ggrid && s.mode == GridMode::Nearest)  // a nearest pixel does not follow the position
    std::fill_n(job.ggrid, s.images * s.points * s.dims, T(0));
  else if (ggrid)
    job.template run<&Job<T>::grid_block>(job.blocks(), 16, 1, env);
}
}  // namespace

void fill_grid(Table& t) {
  t.grid = {{sample<float>, sample<double>}, {backward<float>, backward<double>}};
}

}  // namespace lampas::kernels::LAMPAS_ISA
