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
  bool in_order;       // a filter's taps lie as the window's
  int64_t filter[9];   // where the tap at (row, column) lies in the filter
  float* u = nullptr;  // transformed filters [36][panel][channel][NR]
  float* v = nullptr;  // by outputs: all transformed tiles [36][tile][c_row]
  std::atomic<bool> failed = false;

  Forward(const ConvShape& shape, const float* x_, const float* w_, const float* bias_, float* y_,
          const Env& e)
      : s(shape), g(s), x(x_), w(w_), bias(bias_), y(y_), env(e) {
    panels = (s.outputs + B::NR - 1) / B::NR;
    o_row = panels * B::NR + L;
    in_order = s.w_channel == 9;
    for (int64_t t = 0; t < 9; ++t) {
      filter[(s.tap[t][1] - g.lo_h) * 3 + s.tap[t][2] - g.lo_w] = s.w_tap[t];
      in_order &= s.w_tap[t] == t;
    }
    // A task's transformed tiles stay in level 2, but are enough to pay for reading the filters.
    int64_t fit = (192 << 10) / (kPoints * (g.c_row + o_row));
    int64_t want = std::clamp<int64_t>(fit, 24, 96);
    int64_t tasks = std::max<int64_t>(1, g.tiles() / want);
    if (tasks < 16) tasks = std::min(round_up(tasks, 4), g.strips);
    strips_per_task = (g.strips + tasks - 1) / tasks;
  }
  int64_t panel_size() const { return s.channels * B::NR; }

  // Few tiles for many filters: a task takes a panel of outputs for all tiles, and transforms its
  // filters a block of channels at a time, which never leave level 2.
  bool by_outputs() const { return g.tiles() <= 128 && panels >= 4; }
  int64_t channel_block() const {
    int64_t space = (704 << 10) / static_cast<int64_t>(sizeof(float)) / kPoints / B::NR - g.tiles();
    return std::min(std::max<int64_t>(space / 16, 1) * 16, s.channels);
  }

  bool run() {
    if (by_outputs()) {
      Scratch<float> tiles(env, kPoints * g.tiles() * g.c_row);
      if (!tiles) return false;
      v = tiles.get();
      env.parallel(g.strips, input_task, this);
      env.parallel(panels, panel_task, this);
      return !failed;
    }
    Scratch<float> filters(env, kPoints * panels * panel_size());
    if (!filters) return false;
    u = filters.get();
    env.parallel(panels * B::kNV * ((s.channels + 15) / 16), filter_task, this);
    env.parallel((g.strips - 1) / strips_per_task + 1, tiles_task, this);
    return !failed;
  }

  static void filter_task(void* job, int64_t task) {
    auto& j = *static_cast<Forward*>(job);
    int64_t blocks = j.panels * B::kNV, o = task % blocks * L, c0 = task / blocks * 16;
    j.transform_filters(o, c0, std::min(j.s.channels, c0 + 16),
                        j.u + o / B::NR * j.panel_size() + c0 * B::NR + o % B::NR,
                        j.panels * j.panel_size());
  }
  // to[point][channel][NR] for L outputs from o on
  void transform_filters(int64_t o, int64_t c0, int64_t c1, float* to, int64_t point) const {
    int64_t n = std::clamp<int64_t>(s.outputs - o, 0, L);
    alignas(64) float taps[L * 9][L] = {};
    for (int64_t c = c0; c < c1; c += L)
      for (int64_t i = 0; i < std::min(L, c1 - c); ++i, to += B::NR) {
        if (in_order && n == L && c + L <= c1) {
          if (i == 0)
            for (int64_t k = 0; k < 9; ++k)
              transpose_block<float, L>(taps[k * L], L, w + o * s.w_output + c * 9 + k * L,
                                        s.w_output);
          transform_filter(taps + i * 9, to, point);
          continue;
        }
        for (int64_t l = 0; l < n; ++l) {
          const float* from = w + (o + l) * s.w_output + (c + i) * s.w_channel;
          for (int t = 0; t < 9; ++t) taps[t][l] = from[filter[t]];
        }
        transform_filter(taps, to, point);
      }
  }
  static void transform_filter(const float (*taps)[L], float* to, int64_t point) {
    V half[6][3];
    for (int q = 0; q < 3; ++q) {
      V d[3] = {at(taps[q]), at(taps[3 + q]), at(taps[6 + q])}, z[6];
      filter_1d(d, z);
      for (int r = 0; r < 6; ++r) half[r][q] = z[r];
    }
    for (int r = 0; r < 6; ++r) {
      V z[6];
      filter_1d(half[r], z);
      for (int i = 0; i < 6; ++i) at(to + (r * 6 + i) * point) = z[i];
    }
  }

  static void input_task(void* job, int64_t strip) {
    auto& j = *static_cast<Forward*>(job);
    const Grid& g = j.g;
    Scratch<float> buffer(j.env, g.strip_buffer());
    if (!buffer) {
      j.failed = true;
      return;
    }
    transform_input(g, j.x, strip,
                    {j.v + strip * g.tiles_w * g.c_row, g.tiles() * g.c_row, L, g.c_row},
                    buffer.get());
  }
  static void panel_task(void* job, int64_t panel) {
    auto& j = *static_cast<Forward*>(job);
    const Grid& g = j.g;
    const int64_t tiles = g.tiles(), m_point = tiles * B::NR, block = j.channel_block(),
                  u_point = block * B::NR, R = even_rows(tiles), o = panel * B::NR;
    Scratch<float> space(j.env, kPoints * (m_point + u_point) + g.strip_buffer());
    if (j.failed || !space) {
      j.failed = true;
      return;
    }
    float *m = space.get(), *filters = m + kPoints * m_point, *buffer = filters + kPoints * u_point;
    for (int64_t c = 0; c < j.s.channels; c += block) {
      int64_t end = std::min(j.s.channels, c + block);
      for (int64_t l = 0; l < B::NR; l += L)
        j.transform_filters(o + l, c, end, filters + l, u_point);
      for (int64_t k = 0; k < kPoints; ++k)
        for (int64_t t = 0; t < tiles; t += R) {
          B::Tile tile{j.v + (k * tiles + t) * g.c_row + c,
                       filters + k * u_point,
                       g.c_row,
                       1,
                       B::NR,
                       end - c,
                       m + k * m_point + t * B::NR,
                       B::NR};
          tile.accumulate = c > 0;
          B::rows(tile, static_cast<int>(std::min(R, tiles - t)), B::NR);
        }
    }
    for (int64_t strip = 0; strip < g.strips; ++strip)
      j.transform_output(strip, m + strip * g.tiles_w * B::NR, m_point, B::NR, o,
                         std::min(j.s.outputs, o + B::NR), buffer);
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
      j.transform_output(strip, m + (strip - s0) * g.tiles_w * j.o_row, m_point, j.o_row, 0,
                         j.s.outputs, buffer);
  }

  // Outputs o0 <= o < o1 of a strip; m[point][tile][pitch] begins with o0.
  void transform_output(int64_t strip, const float* m, int64_t point, int64_t pitch, int64_t o0,
                        int64_t o1, float* buffer) const {
    int64_t image = strip / g.strips_per_image(), y0 = strip % g.strips_per_image() * kOut;
    int64_t rows = std::min(kOut, s.out[1] - y0), row = g.columns * L;
    float* lines = buffer + kIn * row;
    for (int64_t o = o0; o < o1; o += L) {
      int64_t n = std::min(L, o1 - o);
      V start = {};
      for (int64_t l = 0; bias && l < n; ++l) start[l] = bias[o + l];
      for (int64_t t = 0; t < g.tiles_w; ++t) {
        const float* from = m + t * pitch + o - o0;
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
            transpose_block<float, L>(to + i, s.y_output, from, L);
            continue;
          }
          transpose_block<float, L>(lines, L, from, L);
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
  return s.channels >= 16 && s.outputs >= 16 && tiles >= 16 &&
         2 * s.images * s.out[1] * s.out[2] >= 16 * tiles;
}

bool winograd_correlate(const ConvShape& s, const float* x, const float* w, const float* bias,
                        float* y, const Env& env) {
  return winograd::Forward(s, x, w, bias, y, env).run();
}

}  // namespace lampas::kernels::LAMPAS_ISA
