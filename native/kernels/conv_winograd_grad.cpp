// The weight's gradient: gradients take the filter's place, F(3x3, 4x4) at the same six points.
#include <atomic>

#include "kernels/conv_direct.h"
#include "kernels/conv_winograd.h"

namespace lampas::kernels::LAMPAS_ISA {

namespace winograd {
namespace {
struct WeightGrad {
  static constexpr int64_t kMostTiles = 2048;    // transformed at a time
  static constexpr int64_t kMostSums = 1 << 20;  // floats of sums kept for all channels

  const ConvShape& s;
  Grid g;
  const float *x, *gy;
  float* gw;
  const Env& env;
  int64_t panels, group, groups, strips_at_once, sums_point;
  int64_t first = 0, last = 0;  // strips transformed now
  float* v = nullptr;           // transformed input [36][channel / L][tile][L]
  float* q = nullptr;           // transformed gradient [36][panel][tile][NR]
  float* m = nullptr;           // sums [group][36][channel of the group][panel columns]
  std::atomic<bool> failed = false;

  WeightGrad(const ConvShape& shape, const float* x_, const float* gy_, float* gw_, const Env& e)
      : s(shape), g(s), x(x_), gy(gy_), gw(gw_), env(e) {
    panels = (s.outputs + B::NR - 1) / B::NR;
    strips_at_once = std::clamp<int64_t>(kMostTiles / g.tiles_w, 1, g.strips);
    groups = std::max<int64_t>((s.channels + 59) / 60, (7 + panels) / panels);
    group = round_up((s.channels + groups - 1) / groups, L);
    groups = (s.channels + group - 1) / group;
    sums_point = group * B::NR;
  }
  int64_t tiles() const { return (last - first) * g.tiles_w; }
  // Where the sums of all tasks would not stay in the caches, each task has its own and all
  // strips are transformed at once.
  bool by_point() const { return kPoints * panels * groups * sums_point <= kMostSums; }

  bool run() {
    if (!by_point()) strips_at_once = g.strips;
    int64_t tiles = strips_at_once * g.tiles_w, sums = panels * groups * kPoints * sums_point;
    Scratch<float> space(env,
                         kPoints * tiles * (g.padded_c + panels * B::NR) + (by_point() ? sums : 0));
    if (!space) return false;
    v = space.get();
    q = v + kPoints * tiles * g.padded_c;
    if (by_point()) m = q + kPoints * tiles * panels * B::NR;
    for (first = 0; first < g.strips && !failed; first = last) {
      last = std::min(g.strips, first + strips_at_once);
      env.parallel((last - first + 3) / 4, strips_task, this);
      if (m) env.parallel(kPoints, point_task, this);
    }
    first = 0;
    if (!failed) env.parallel(panels * groups, panel_task, this);
    return !failed;
  }

  static void strips_task(void* job, int64_t task) {
    auto& j = *static_cast<WeightGrad*>(job);
    Scratch<float> buffer(j.env, j.g.strip_buffer());
    if (!buffer) {
      j.failed = true;
      return;
    }
    int64_t begin = j.first + task * 4;
    for (int64_t strip = begin; strip < std::min(j.last, begin + 4); ++strip) {
      int64_t tile = (strip - j.first) * j.g.tiles_w, n = j.tiles();
      transform_input(j.g, j.x, strip, {j.v + tile * L, n * j.g.padded_c, n * L, L}, buffer.get());
      j.transform_gradient(strip, j.q + tile * B::NR, buffer.get());
    }
  }
  void transform_gradient(int64_t strip, float* to, float* buffer) const {
    int64_t image = strip / g.strips_per_image(), y0 = strip % g.strips_per_image() * kOut;
    const int64_t row = g.columns * L, panel = tiles() * B::NR, point = panels * panel;
    for (int64_t o = 0; o < panels * B::NR; o += L) {
      PlaneRows rows{gy + image * s.y_image + o * s.y_output, s.y_output,
                     std::clamp<int64_t>(s.outputs - o, 0, L), s.out[1], s.out[2]};
      rows.load(y0, 0, kOut, g.columns, buffer, buffer + kIn * row);
      for (int64_t t = 0; t < g.tiles_w; ++t) {
        V half[6][4];
        for (int c = 0; c < 4; ++c) {
          V d[4], y[6];
          for (int r = 0; r < 4; ++r) d[r] = at(buffer + r * row + (t * kOut + c) * L);
          gradient_1d(d, y);
          for (int r = 0; r < 6; ++r) half[r][c] = y[r];
        }
        for (int r = 0; r < 6; ++r) {
          V y[6];
          gradient_1d(half[r], y);
          float* out = to + o / B::NR * panel + t * B::NR + o % B::NR;
          for (int i = 0; i < 6; ++i) at(out + (r * 6 + i) * point) = y[i];
        }
      }
    }
  }

  // The products of one point, for one panel of outputs and one group of channels.
  void multiply(int64_t k, int64_t panel, int64_t part, float* sums) const {
    const int64_t c0 = part * group, c1 = std::min(g.padded_c, c0 + group), n = tiles();
    const int64_t R = even_rows(L);
    for (int64_t block = c0; block < c1; block += L)
      for (int64_t c = 0; c < L; c += R) {
        B::Tile t{v + (k * g.padded_c + block) * n + c,
                  q + (k * panels + panel) * n * B::NR,
                  1,
                  L,
                  B::NR,
                  n,
                  sums + (block - c0 + c) * B::NR,
                  B::NR};
        t.accumulate = first > 0;
        B::rows(t, static_cast<int>(std::min(R, L - c)), B::NR);
      }
  }
  float* sums_of(int64_t panel, int64_t part) const {
    return m + (panel * groups + part) * kPoints * sums_point;
  }
  static void point_task(void* job, int64_t k) {
    auto& j = *static_cast<WeightGrad*>(job);
    for (int64_t p = 0; p < j.panels; ++p)
      for (int64_t part = 0; part < j.groups; ++part)
        j.multiply(k, p, part, j.sums_of(p, part) + k * j.sums_point);
  }
  static void panel_task(void* job, int64_t task) {
    auto& j = *static_cast<WeightGrad*>(job);
    int64_t panel = task / j.groups, part = task % j.groups;
    const int64_t taps = round_up(j.group * 9, L) * B::NR;
    Scratch<float> space(j.env, taps + L * L + (j.m ? 0 : kPoints * j.sums_point));
    if (!space) {
      j.failed = true;
      return;
    }
    float* sums = space.get() + taps + L * L;
    if (j.m) {
      sums = j.sums_of(panel, part);
    } else {
      for (int64_t k = 0; k < kPoints; ++k) j.multiply(k, panel, part, sums + k * j.sums_point);
    }
    j.transform_sums(panel, part, sums, space.get(), space.get() + taps);
  }
  // Sums to taps, by way of [channel, tap][output].
  void transform_sums(int64_t panel, int64_t part, const float* sums, float* taps,
                      float* corner) const {
    int64_t c0 = part * group, n = std::min(group, s.channels - c0), rows = n * 9;
    for (int64_t c = 0; c < n; ++c)
      for (int64_t b = 0; b < B::NR; b += L) {
        const float* from = sums + c * B::NR + b;
        V half[3][6];
        for (int i = 0; i < 6; ++i) {
          V d[6], y[3];
          for (int r = 0; r < 6; ++r) d[r] = at(from + (r * 6 + i) * sums_point);
          taps_1d(d, y);
          for (int r = 0; r < 3; ++r) half[r][i] = y[r];
        }
        for (int r = 0; r < 3; ++r) {
          V y[3];
          taps_1d(half[r], y);
          for (int i = 0; i < 3; ++i) at(taps + (c * 9 + r * 3 + i) * B::NR + b) = y[i];
        }
      }
    for (int64_t b = 0; b < B::NR; b += L) {
      int64_t o = panel * B::NR + b, outputs = std::clamp<int64_t>(s.outputs - o, 0, L);
      for (int64_t r = 0; r < rows && outputs; r += L) {
        float* to = gw + o * s.w_output + c0 * 9 + r;
        int64_t width = std::min(L, rows - r);
        if (outputs == L && width == L) {
          transpose_block<float, L>(to, s.w_output, taps + r * B::NR + b, B::NR);
          continue;
        }
        transpose_block<float, L>(corner, L, taps + r * B::NR + b, B::NR);
        for (int64_t l = 0; l < outputs; ++l)
          std::memcpy(to + l * s.w_output, corner + l * L,
                      static_cast<size_t>(width) * sizeof(float));
      }
    }
  }
};
}  // namespace
}  // namespace winograd

bool winograd_weight_grad(const ConvShape& s, const float* x, const float* gy, float* gw,
                          const Env& env) {
  return winograd::WeightGrad(s, x, gy, gw, env).run();
}

}  // namespace lampas::kernels::LAMPAS_ISA
