#include "kernels/grid.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <type_traits>

#include "kernels/planes_loop.h"
#include "kernels/table.h"

namespace lampas::kernels::LAMPAS_ISA {

namespace {
constexpr int64_t kBlock = 64;     // points at once; fewer are filled up, so that loops are short
constexpr int64_t kTogether = 4;   // blocks that a channel is asked for before the next
constexpr int kRows = 4;           // of pixels around a point
constexpr int64_t kChannels = 16;  // channels of a task that spreads gradients

// Neighbours of a block of points along one axis: where, with which weight, and how that changes
// with the grid's value.
template <class T>
struct Axis {
  int taps = 0;
  int32_t at[4][kBlock];  // -1: outside
  T weight[4][kBlock], slope[4][kBlock];
};
// The same in rows of pixels side by side, `lanes` of each row from index on.
template <class T>
struct Spans {
  int rows = 0, lanes = 0;
  int32_t index[kRows][kBlock];
  T lane[2][4][kBlock];     // weights and slopes along x; 0 where there is no neighbour
  T row[3][kRows][kBlock];  // weights, and slopes along y and z; 0 outside
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
template <class T>
int32_t whole(T p, T n) {
  return static_cast<int32_t>(p >= 0 && p <= n - 1 ? p : T(-1));
}

// Where the points of a grid lie along axis d (0: x), in pixels.
template <class T, int kDims>
void positions(const GridShape& s, int d, const T* grid, T* p) {
  const T n = static_cast<T>(s.size[2 - d]);
  if (s.corners) {
#pragma GCC ivdep
    for (int64_t j = 0; j < kBlock; ++j) p[j] = (grid[j * kDims + d] + 1) * (n - 1) / 2;
  } else {
#pragma GCC ivdep
    for (int64_t j = 0; j < kBlock; ++j) p[j] = ((grid[j * kDims + d] + 1) * n - 1) / 2;
  }
}
template <class T>
void bring_in(const GridShape& s, T n, T* p, T* factor) {
  std::fill_n(factor, kBlock, T(1));
  if (s.padding == GridPadding::Zeros) return;
  if (s.padding == GridPadding::Reflection) {
#pragma GCC ivdep
    for (int64_t j = 0; j < kBlock; ++j) p[j] = reflected(s, n, p[j], factor + j);
  }
#pragma GCC ivdep
  for (int64_t j = 0; j < kBlock; ++j) p[j] = clipped(n, p[j], factor + j);
}
template <class T>
void fill_cubic(const GridShape& s, T n, const T* p, T scale, Axis<T>& a) {
  constexpr T k = T(-0.75);
  auto near = [](T x) { return ((k + 2) * x - (k + 3)) * x * x + 1; };
  auto far = [](T x) { return ((k * x - 5 * k) * x + 8 * k) * x - 4 * k; };
  auto near_slope = [](T x) { return (3 * (k + 2) * x - 2 * (k + 3)) * x; };
  auto far_slope = [](T x) { return (3 * k * x - 10 * k) * x + 8 * k; };
  for (int i = 0; i < 4; ++i) {
    T at[kBlock], unused[kBlock];
#pragma GCC ivdep
    for (int64_t j = 0; j < kBlock; ++j) at[j] = std::floor(p[j]) + static_cast<T>(i - 1);
    bring_in(s, n, at, unused);
#pragma GCC ivdep
    for (int64_t j = 0; j < kBlock; ++j) a.at[i][j] = whole(at[j], n);
  }
#pragma GCC ivdep
  for (int64_t j = 0; j < kBlock; ++j) {
    const T t = p[j] - std::floor(p[j]);
    a.weight[0][j] = far(t + 1);
    a.weight[1][j] = near(t);
    a.weight[2][j] = near(1 - t);
    a.weight[3][j] = far(2 - t);
    a.slope[0][j] = far_slope(t + 1) * scale;
    a.slope[1][j] = near_slope(t) * scale;
    a.slope[2][j] = -near_slope(1 - t) * scale;
    a.slope[3][j] = -far_slope(2 - t) * scale;
  }
}
template <class T>
void fill_axis(const GridShape& s, int d, const T* grid, Axis<T>& a) {
  const T n = static_cast<T>(s.size[2 - d]);
  const T scale = (s.corners ? n - 1 : n) / 2;
  a.taps = s.mode == GridMode::Nearest ? 1 : s.mode == GridMode::Linear ? 2 : 4;
  T p[kBlock], factor[kBlock];
  if (s.dims == 2)
    positions<T, 2>(s, d, grid, p);
  else
    positions<T, 3>(s, d, grid, p);
  if (s.mode == GridMode::Cubic) return fill_cubic(s, n, p, scale, a);
  bring_in(s, n, p, factor);
  if (s.mode == GridMode::Nearest) {
#pragma GCC ivdep
    for (int64_t j = 0; j < kBlock; ++j) {
      a.at[0][j] = whole(std::nearbyint(p[j]), n);
      a.weight[0][j] = 1;
      a.slope[0][j] = 0;
    }
    return;
  }
#pragma GCC ivdep
  for (int64_t j = 0; j < kBlock; ++j) {
    const T low = std::floor(p[j]), t = p[j] - low;
    a.at[0][j] = whole(low, n);
    a.at[1][j] = whole(low + 1, n);
    a.weight[0][j] = 1 - t;
    a.weight[1][j] = t;
    a.slope[0][j] = -factor[j] * scale;
    a.slope[1][j] = factor[j] * scale;
  }
}

// Lanes that the compiler knows are moved as one word.
template <class F>
void for_lanes(int lanes, const F& f) {
  if (lanes == 1) return f(std::integral_constant<int, 1>());
  if (lanes == 2) return f(std::integral_constant<int, 2>());
  if (lanes == 3) return f(std::integral_constant<int, 3>());
  f(std::integral_constant<int, 4>());
}

// The neighbours that lie at `low` + lane, or those' slopes.
template <int kTaps, class T>
void gather_taps(const int32_t (&at)[4][kBlock], const T (&value)[4][kBlock], const int32_t* low,
                 int lane, T* to) {
#pragma GCC ivdep
  for (int64_t j = 0; j < kBlock; ++j) {
    T sum = 0;
#pragma GCC unroll 4
    for (int i = 0; i < kTaps; ++i) sum += at[i][j] == low[j] + lane ? value[i][j] : T(0);
    to[j] = sum;
  }
}
template <class T>
void fill_lanes(const Axis<T>& x, int32_t width, bool slopes, int32_t* low, Spans<T>& to) {
  to.lanes = std::min(x.taps, width);
  for_lanes(x.taps, [&](auto known) {
    constexpr int taps = decltype(known)::value;
    const int32_t last = width - to.lanes;
#pragma GCC ivdep
    for (int64_t j = 0; j < kBlock; ++j) {
      int32_t first = last;
#pragma GCC unroll 4
      for (int i = 0; i < taps; ++i)
        first = x.at[i][j] >= 0 && x.at[i][j] < first ? x.at[i][j] : first;
      low[j] = first;
    }
    for (int l = 0; l < to.lanes; ++l) {
      gather_taps<taps>(x.at, x.weight, low, l, to.lane[0][l]);
      if (slopes) gather_taps<taps>(x.at, x.slope, low, l, to.lane[1][l]);
    }
  });
}
template <class T>
void look_up(const GridShape& s, const T* grid, int64_t points, bool slopes, Axis<T>* axes,
             Spans<T>& to) {
  T filled[kBlock * 3];
  if (points < kBlock) {
    std::fill_n(std::copy_n(grid, points * s.dims, filled), (kBlock - points) * s.dims, T(0));
    grid = filled;
  }
  for (int d = 0; d < s.dims; ++d) fill_axis(s, d, grid, axes[d]);
  const Axis<T>&y = axes[1], &z = axes[2];
  const auto width = static_cast<int32_t>(s.size[2]), height = static_cast<int32_t>(s.size[1]);
  int32_t low[kBlock];
  fill_lanes(axes[0], width, slopes, low, to);
  to.rows = 0;
  for (int c = 0; c < (s.dims == 3 ? z.taps : 1); ++c)
    for (int b = 0; b < y.taps; ++b, ++to.rows) {
      int32_t* index = to.index[to.rows];
      T *weight = to.row[0][to.rows], *along_y = to.row[1][to.rows], *along_z = to.row[2][to.rows];
      if (s.dims == 3) {
#pragma GCC ivdep
        for (int64_t j = 0; j < kBlock; ++j) {
          const bool in = (y.at[b][j] | z.at[c][j]) >= 0;
          index[j] = (in ? (z.at[c][j] * height + y.at[b][j]) * width : 0) + low[j];
          weight[j] = in ? y.weight[b][j] * z.weight[c][j] : T(0);
          along_y[j] = in ? y.slope[b][j] * z.weight[c][j] : T(0);
          along_z[j] = in ? y.weight[b][j] * z.slope[c][j] : T(0);
        }
      } else {
#pragma GCC ivdep
        for (int64_t j = 0; j < kBlock; ++j) {
          const bool in = y.at[b][j] >= 0;
          index[j] = (in ? y.at[b][j] * width : 0) + low[j];
          weight[j] = in ? y.weight[b][j] : T(0);
          along_y[j] = in ? y.slope[b][j] : T(0);
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
  int64_t point_of(int64_t image, int64_t c, int64_t block) const {
    return (image * s.channels + c) * s.points + block * kBlock;
  }

  // Rows of pixels, [block][row][point][lane], with no gaps, so that few sets of the cache get all;
  // and a little more, so that two of these do not share their sets.
  using Pixels = T[kTogether * kRows * kBlock * 4 + 96];
  // Sums of weighted pixels of each point. What has no weight is not there, whatever it is.
  template <int kLanes>
  [[gnu::noinline]] static void blend(const T* weight, const T* pixel, int rows, T* to) {
    constexpr int w = kWide<T>;
    for (int64_t j = 0; j < kBlock; j += w) {
      WideV<T> sum[kLanes] = {};
      for (int64_t r = 0, at = j * kLanes; r < rows; ++r, at += kBlock * kLanes)
        for (int l = 0; l < kLanes; ++l) {
          const auto by = wide_at(weight + at + l * w);
          sum[l] += by == T(0) ? WideV<T>{} : by * wide_at(pixel + at + l * w);
        }
      T lane[w * kLanes];
      std::memcpy(lane, sum, sizeof lane);
      for (int i = 0; i < w; ++i) {
        T total = lane[i * kLanes];
#pragma GCC unroll 4
        for (int l = 1; l < kLanes; ++l) total += lane[i * kLanes + l];
        to[j + i] = total;
      }
    }
  }
  [[gnu::noinline]] static void add_products(const T* a, const T* b, int lanes, T* sum) {
    for (; lanes > 0; --lanes, a += kBlock, b += kBlock, sum += kBlock) {
#pragma GCC ivdep
      for (int64_t k = 0; k < kBlock; ++k) sum[k] += a[k] * b[k];
    }
  }

  template <int kLanes>
  [[gnu::noinline]] static void fetch(const T* from, const int32_t* index, int64_t n, T* to) {
#pragma GCC ivdep
    for (int64_t j = 0; j < n; ++j)
      std::memcpy(to + j * kLanes, from + index[j], kLanes * sizeof(T));
  }
  // All pixels of a few blocks before the first is used: vectors would wait for words that are
  // still on their way to the cache.
  template <int kLanes>
  void fetch(int64_t image, int64_t c, int64_t first, int64_t count, const Spans<T>* near,
             T* to) const {
    const T* from = in + (image * s.channels + c) * plane();
    for (int64_t b = 0; b < count; ++b)
      for (int r = 0; r < near->rows; ++r, to += kBlock * kLanes)
        fetch<kLanes>(from, near[b].index[r], points(first + b), to);
  }
  // Some blocks of points, all channels.
  void sample_blocks(int64_t image, int64_t first, Axis<T>* axes, Spans<T>* near) const {
    const int64_t count = std::min(kTogether, blocks() - first);
    for (int64_t b = 0; b < count; ++b)
      look_up(s, grid_of(image, first + b), points(first + b), false, axes, near[b]);
    if (s.mode == GridMode::Nearest) return pick_blocks(image, first, count, near);
    Pixels weight, pixel;
    T last[kBlock];
    for_lanes(near->lanes, [&](auto known) {
      constexpr int lanes = decltype(known)::value, step = lanes * kBlock;
      T* to = weight;
      for (int64_t b = 0; b < count; ++b)
        for (int r = 0; r < near->rows; ++r, to += step)
          for (int64_t j = 0; j < kBlock; ++j)
#pragma GCC unroll 4
            for (int l = 0; l < lanes; ++l)
              to[j * lanes + l] = near[b].row[0][r][j] * near[b].lane[0][l][j];
      for (int64_t c = 0; c < s.channels; ++c) {
        fetch<lanes>(image, c, first, count, near, pixel);
        for (int64_t b = 0; b < count; ++b) {
          const int64_t n = points(first + b), at = b * near->rows * step;
          T* const result = out + point_of(image, c, first + b);
          blend<lanes>(weight + at, pixel + at, near->rows, n == kBlock ? result : last);
          if (n < kBlock) std::copy_n(last, n, result);
        }
      }
    });
  }
  void pick_blocks(int64_t image, int64_t first, int64_t count, const Spans<T>* near) const {
    for (int64_t c = 0; c < s.channels; ++c)
      for (int64_t b = 0; b < count; ++b) {
        const T* from = in + (image * s.channels + c) * plane();
        T* to = out + point_of(image, c, first + b);
        const int64_t n = points(first + b);
#pragma GCC ivdep
        for (int64_t j = 0; j < n; ++j) {
          const T v = from[near[b].index[0][j]];
          to[j] = near[b].row[0][0][j] * near[b].lane[0][0][j] == 0 ? T(0) : v;
        }
      }
  }
  void grid_blocks(int64_t image, int64_t first, Axis<T>* axes, Spans<T>* near) const {
    const int64_t count = std::min(kTogether, blocks() - first);
    for (int64_t b = 0; b < count; ++b)
      look_up(s, grid_of(image, first + b), points(first + b), true, axes, near[b]);
    Pixels seen, pixel;  // seen: sums of gradients times pixels
    std::fill_n(seen, count * near->rows * near->lanes * kBlock, T(0));
    T up[kBlock * 4], apart[4][kBlock], g[kBlock] = {};
    for_lanes(near->lanes, [&](auto known) {
      constexpr int lanes = decltype(known)::value, step = lanes * kBlock;
      for (int64_t c = 0; c < s.channels; ++c) {
        fetch<lanes>(image, c, first, count, near, pixel);
        T *to = seen, *from = pixel;
        for (int64_t b = 0; b < count; ++b) {
          std::copy_n(gy + point_of(image, c, first + b), points(first + b), g);
          for (int64_t j = 0; j < kBlock; ++j)
#pragma GCC unroll 4
            for (int l = 0; l < lanes; ++l) up[j * lanes + l] = g[j];
          for (int r = 0; r < near->rows; ++r, to += step, from += step)
            add_products(up, from, lanes, to);
        }
      }
      const T* from = seen;
      for (int64_t b = 0; b < count; ++b) {
        T sum[3][kBlock] = {};
        for (int r = 0; r < near->rows; ++r, from += step) {
          for (int64_t j = 0; j < kBlock; ++j)
#pragma GCC unroll 4
            for (int l = 0; l < lanes; ++l) apart[l][j] = from[j * lanes + l];
          for (int d = 0; d < s.dims; ++d)
            for (int l = 0; l < lanes; ++l) add_slopes(near[b], d, r, l, apart[l], sum[d]);
        }
        T* to = ggrid + (image * s.points + (first + b) * kBlock) * s.dims;
        for (int d = 0; d < s.dims; ++d)
          for (int64_t j = 0; j < points(first + b); ++j) to[j * s.dims + d] = sum[d][j];
      }
    });
  }
  [[gnu::noinline]] static void add_slopes(const Spans<T>& near, int d, int r, int l, const T* v,
                                           T* to) {
    const T *row = near.row[d][r], *lane = near.lane[d == 0 ? 1 : 0][l];
#pragma GCC ivdep
    for (int64_t j = 0; j < kBlock; ++j) {
      const T slope = row[j] * lane[j];
      to[j] += slope == 0 ? T(0) : v[j] * slope;
    }
  }
  // A few channels of an image, all points.
  void spread(int64_t image, int64_t first, Axis<T>* axes, Spans<T>* near) const {
    const int64_t last = std::min(s.channels, first + kChannels);
    std::fill_n(gx + (image * s.channels + first) * plane(), (last - first) * plane(), T(0));
    T weight[kBlock];
    for (int64_t block = 0; block < blocks(); ++block) {
      const int64_t n = points(block);
      look_up(s, grid_of(image, block), n, false, axes, *near);
      for (int r = 0; r < near->rows; ++r)
        for (int l = 0; l < near->lanes; ++l) {
          for (int64_t j = 0; j < kBlock; ++j) weight[j] = near->row[0][r][j] * near->lane[0][l][j];
          for (int64_t c = first; c < last; ++c) {
            const T* g = gy + point_of(image, c, block);
            T* to = gx + (image * s.channels + c) * plane() + l;
            for (int64_t j = 0; j < n; ++j)
              if (std::abs(weight[j]) > 0) to[near->index[r][j]] += weight[j] * g[j];
          }
        }
    }
  }

  using Body = void (Job::*)(int64_t, int64_t, Axis<T>*, Spans<T>*) const;
  // The pieces of each image, `step` of them at once, some a task.
  template <Body kBody>
  void run(int64_t pieces, int64_t step, int64_t each, const Env& env) const {
    struct Context {
      const Job& job;
      int64_t per, step, each;
    } context{*this, (pieces - 1) / step + 1, step, each};
    env.parallel((s.images * context.per - 1) / each + 1,
                 [](void* p, int64_t i) {
                   auto& [job, per, step, each] = *static_cast<Context*>(p);
                   Axis<T> axes[3];
                   Spans<T> near[kTogether];
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
  job.template run<&Job<T>::sample_blocks>(job.blocks(), kTogether, 16, env);
}
template <class T>
void backward(const GridShape& s, const void* gy, const void* in, const void* grid, void* gx,
              void* ggrid, const Env& env) {
  Job<T> job{s, static_cast<const T*>(in), static_cast<const T*>(grid)};
  job.gy = static_cast<const T*>(gy);
  job.gx = static_cast<T*>(gx);
  job.ggrid = static_cast<T*>(ggrid);
  if (gx) job.template run<&Job<T>::spread>(s.channels, kChannels, 1, env);
  if (ggrid && s.mode == GridMode::Nearest)  // a nearest pixel does not follow the position
    std::fill_n(job.ggrid, s.images * s.points * s.dims, T(0));
  else if (ggrid)
    job.template run<&Job<T>::grid_blocks>(job.blocks(), kTogether, 16, env);
}
}  // namespace

void fill_grid(Table& t) {
  t.grid = {{sample<float>, sample<double>}, {backward<float>, backward<double>}};
}

}  // namespace lampas::kernels::LAMPAS_ISA
