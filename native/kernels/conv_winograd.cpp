#include "kernels/conv_winograd.h"

#include <atomic>

#include "kernels/conv_direct.h"

namespace lampas::kernels::LAMPAS_ISA {

namespace winograd {

void transform_input(const Grid& g, const float* x, int64_t strip, const Place& v, float* buffer) {
  const ConvShape& s = g.s;
  int64_t image = strip / g.strips_per_image(), y0 = strip % g.strips_per_image() * kOut + g.lo_h;
  float* lines = buffer + kIn * g.columns * L;
  const int64_t row = g.columns * L;
  for (int64_t c = 0; c < g.padded_c; c += L) {
    PlaneRows rows{x + image * s.x_image + c * s.x_channel, s.x_channel,
                   std::min(L, s.channels - c), s.in[1], s.in[2]};
    rows.load(y0, g.lo_w, kIn, g.columns, buffer, lines);
    for (int64_t i = 0; i < g.tiles_w * kOut + 2; ++i) {
      V d[6], y[6];
      for (int r = 0; r < 6; ++r) d[r] = at(buffer + r * row + i * L);
      input_1d(d, y);
      for (int r = 0; r < 6; ++r) at(buffer + r * row + i * L) = y[r];
    }
    for (int64_t t = 0; t < g.tiles_w; ++t)
      for (int r = 0; r < 6; ++r) {
        const float* from = buffer + r * row + t * kOut * L;
        float* to = v.first + r * 6 * v.point + c / L * v.block + t * v.tile;
        V d[6], y[6];
        for (int i = 0; i < 6; ++i) d[i] = at(from + i * L);
        input_1d(d, y);
        for (int i = 0; i < 6; ++i) at(to + i * v.point) = y[i];
      }
  }
}

namespace {
struct Forward {
  const ConvShape& s;
  Grid g;
  const float *x, *w, *bias;
  float* y;
  const Env& env;
  int64_t panels, o_row, strips_per_task;
  int64_t filter[9];   // where the tap at (row, column) lies in the filter
  float* u = nullptr;  // transformed filters [36][panel][channel][NR]
  std::atomic<bool> failed = false;

  Forward(const ConvShape& shape, const float* x_, const float* w_, const float* bias_, float* y_,
          const Env& e)
      : s(shape), g(s), x(x_), w(w_), bias(bias_), y(y_), env(e) {
    panels = (s.outputs + B::NR - 1) / B::NR;
    o_row = panels * B::NR + L;
    for (int64_t t = 0; t < 9; ++t)
      filter[(s.tap[t][1] - g.lo_h) * 3 + s.tap[t][2] - g.lo_w] = s.w_tap[t];
    // A task's transformed tiles stay in level 2, but are enough to pay for reading the filters.
    int64_t fit = (192 << 10) / (kPoints * (g.c_row + o_row));
    int64_t want = std::clamp<int64_t>(fit, 24, 96);
    int64_t tasks = std::max<int64_t>(1, g.tiles() / want);
    if (tasks < 16) tasks = std::min(round_up(tasks, 4), g.strips);
    strips_per_task = (g.strips + tasks - 1) / tasks;
  }
  int64_t panel_size() const { return s.channels * B::NR; }

  bool run() {
    Scratch<float> filters(env, kPoints * panels * panel_size());
    if (!filters) return false;
    u = filters.get();
    env.parallel(panels * B::kNV * ((s.channels + 15) / 16), filter_task, this);
    env.parallel((g.strips - 1) / strips_per_task + 1, tiles_task, this);
    return !failed;
  }

  static void filter_task(void* job, int64_t task) {
    auto& j = *static_cast<Forward*>(job);
    const ConvShape& s = j.s;
    int64_t blocks = j.panels * B::kNV, o = task % blocks * L, c0 = task / blocks * 16;
    int64_t n = std::clamp<int64_t>(s.outputs - o, 0, L);
    const int64_t point = j.panels * j.panel_size();
    for (int64_t c = c0; c < std::min(s.channels, c0 + 16); ++c) {
      alignas(64) float taps[9][L] = {};
      for (int64_t l = 0; l < n; ++l) {
        const float* from = j.w + (o + l) * s.w_output + c * s.w_channel;
        for (int t = 0; t < 9; ++t) taps[t][l] = from[j.filter[t]];
      }
      V half[6][3];
      for (int q = 0; q < 3; ++q) {
        V d[3] = {at(taps[q]), at(taps[3 + q]), at(taps[6 + q])}, y[6];
        filter_1d(d, y);
        for (int r = 0; r < 6; ++r) half[r][q] = y[r];
      }
      float* to = j.u + o / B::NR * j.panel_size() + c * B::NR + o % B::NR;
      for (int r = 0; r < 6; ++r) {
        V y[6];
        filter_1d(half[r], y);
        for (int i = 0; i < 6; ++i) at(to + (r * 6 + i) * point) = y[i];
      }
    }
  }

  static void tiles_task(void* job, int64_t task) {
    auto& j = *static_cast<Forward*>(job);
    const Grid& g = j.g;
    int64_t s0 = task * j.strips_per_task, s1 = std::min(g.strips, s0 + j.strips_per_task);
    int64_t tiles = (s1 - s0) * g.tiles_w, v_point = tiles * g.c_row, m_point = tiles * j.o_row;
    Scratch<float> space(j.env, kPoints * (v_point + m_point) + g.strip_buffer());
    if (!space) {
      j.failed = true;
      return;
    }
    float *v = space.get(), *m = v + kPoints * v_point, *buffer = m + kPoints * m_point;
    for (int64_t strip = s0; strip < s1; ++strip)
      transform_input(g, j.x, strip, {v + (strip - s0) * g.tiles_w * g.c_row, v_point, L, g.c_row},
                      buffer);
    const int64_t R = even_rows(tiles);
    for (int64_t k = 0; k < kPoints; ++k)
      for (int64_t p = 0; p < j.panels; ++p)
        for (int64_t t = 0; t < tiles; t += R) {
          B::Tile tile{v + k * v_point + t * g.c_row,
                       j.u + (k * j.panels + p) * j.panel_size(),
                       g.c_row,
                       1,
                       B::NR,
                       j.s.channels,
                       m + k * m_point + t * j.o_row + p * B::NR,
                       j.o_row};
          B::rows(tile, static_cast<int>(std::min(R, tiles - t)), B::NR);
        }
    for (int64_t strip = s0; strip < s1; ++strip)
      j.transform_output(strip, m + (strip - s0) * g.tiles_w * j.o_row, m_point, buffer);
  }

  void transform_output(int64_t strip, const float* m, int64_t point, float* buffer) const {
    int64_t image = strip / g.strips_per_image(), y0 = strip % g.strips_per_image() * kOut;
    int64_t rows = std::min(kOut, s.out[1] - y0), row = g.columns * L;
    float* lines = buffer + kIn * row;
    for (int64_t o = 0; o < s.outputs; o += L) {
      int64_t n = std::min(L, s.outputs - o);
      V start = {};
      for (int64_t l = 0; bias && l < n; ++l) start[l] = bias[o + l];
      for (int64_t t = 0; t < g.tiles_w; ++t) {
        const float* from = m + t * o_row + o;
        V half[4][6];
        for (int q = 0; q < 6; ++q) {
          V d[6], z[4];
          for (int r = 0; r < 6; ++r) d[r] = at(from + (r * 6 + q) * point);
          output_1d(d, z);
          for (int r = 0; r < 4; ++r) half[r][q] = z[r];
        }
        for (int r = 0; r < 4; ++r) {
          V z[4];
          output_1d(half[r], z);
          for (int i = 0; i < 4; ++i) at(buffer + r * row + (t * kOut + i) * L) = z[i] + start;
        }
      }
      for (int64_t r = 0; r < rows; ++r) {
        float* to = y + image * s.y_image + o * s.y_output + (y0 + r) * s.out[2];
        for (int64_t i = 0; i < s.out[2]; i += L) {
          const float* from = buffer + r * row + i * L;
          int64_t width = std::min(L, s.out[2] - i);
          if (n == L && width == L) {
            Transpose<float>::run(from, L, to + i, s.y_output);
            continue;
          }
          Transpose<float>::run(from, L, lines, L);
          for (int64_t l = 0; l < n; ++l)
            std::memcpy(to + l * s.y_output + i, lines + l * L,
                        static_cast<size_t>(width) * sizeof(float));
        }
      }
    }
  }
};
}  // namespace
}  // namespace winograd

bool winograd_pays(const ConvShape& s) {
  if (!s.winograd || s.taps != 9 || s.in[0] != 1 || s.out[0] != 1) return false;
  if (s.stride[0] != 1 || s.stride[1] != 1 || s.stride[2] != 1) return false;
  int64_t lo[3], hi[3];
  for (int i = 0; i < 3; ++i) {
    lo[i] = hi[i] = s.tap[0][i];
    for (int64_t t = 1; t < 9; ++t) {
      lo[i] = std::min(lo[i], s.tap[t][i]);
      hi[i] = std::max(hi[i], s.tap[t][i]);
    }
  }
  if (lo[0] != 0 || hi[0] != 0 || hi[1] - lo[1] != 2 || hi[2] - lo[2] != 2) return false;
  // Tiles that are mostly padding, and too few tiles to pay for transformed filters, do not.
  int64_t tiles = s.images * ((s.out[1] + 3) / 4) * ((s.out[2] + 3) / 4);
  return s.channels >= 16 && s.outputs >= 16 && tiles >= 32 &&
         2 * s.images * s.out[1] * s.out[2] >= 16 * tiles;
}

bool winograd_correlate(const ConvShape& s, const float* x, const float* w, const float* bias,
                        float* y, const Env& env) {
  return winograd::Forward(s, x, w, bias, y, env).run();
}

}  // namespace lampas::kernels::LAMPAS_ISA
