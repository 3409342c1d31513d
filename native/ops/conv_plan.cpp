#include "ops/conv_plan.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "dispatch/dispatch.h"
#include "ops/copy.h"
#include "ops/create.h"
#include "ops/join.h"
#include "ops/pointwise.h"
#include "ops/views.h"

namespace lampas::ops {

namespace {
std::atomic<bool> use_winograd = [] {
  const char* set = std::getenv("LAMPAS_WINOGRAD");
  return !(set && std::string_view(set) == "0");
}();

using Tap = std::array<int64_t, 3>;

// Sizes and taps, padded in front to three dimensions. The arrays behind `shape` are its owner's.
struct Plan {
  kernels::ConvShape shape{};
  std::vector<Tap> taps;
  std::vector<int64_t> filter;

  Plan(IntSpan in, IntSpan out) {
    for (int i = 0; i < 3; ++i) shape.in[i] = shape.out[i] = shape.stride[i] = 1;
    std::copy(in.begin(), in.end(), shape.in + 3 - in.size());
    std::copy(out.begin(), out.end(), shape.out + 3 - out.size());
  }
  const kernels::ConvShape& ready() {
    shape.taps = static_cast<int64_t>(taps.size());
    shape.tap = reinterpret_cast<const int64_t(*)[3]>(taps.data());
    shape.w_tap = filter.data();
    return shape;
  }
};

int64_t at(const Dims& d, int i, int64_t missing) {  // dimension i of three
  int64_t k = i - 3 + static_cast<int64_t>(d.size());
  return k < 0 ? missing : d[static_cast<size_t>(k)];
}
Dims spatial(IntSpan sizes) { return sizes.subspan(2); }

// Every tap of the kernel, where it lies relative to output * stride.
Plan plan_of(const Tensor& x, const Dims& out, const Dims& kernel, const ConvArgs& a) {
  Plan p(spatial(x.sizes()), out);
  int64_t k[3];
  for (int i = 0; i < 3; ++i) {
    p.shape.stride[i] = at(a.stride, i, 1);
    k[i] = at(kernel, i, 1);
  }
  auto offset = [&](int i, int64_t j) { return j * at(a.dilation, i, 1) - at(a.padding, i, 0); };
  for (int64_t d = 0; d < k[0]; ++d)
    for (int64_t h = 0; h < k[1]; ++h)
      for (int64_t w = 0; w < k[2]; ++w) {
        p.filter.push_back(static_cast<int64_t>(p.filter.size()));
        p.taps.push_back({offset(0, d), offset(1, h), offset(2, w)});
      }
  return p;
}

void must(bool done) {
  LAMPAS_CHECK_KIND(Memory, done,
                    "convolution: not enough memory for its working space. Remedy: "
                    "a smaller batch");
}

template <class Table>
auto kernel_of(const Table& table, DType d) {
  auto f = table[static_cast<int>(d)];
  LAMPAS_CHECK_KIND(NotImplemented, f, "\"convolution\" not implemented for '", dtype_name(d), "'");
  return f;
}

// Complex numbers by their parts: the product of f is bilinear.
template <class F>
Tensor by_parts(const Tensor& a, const Tensor& b, const F& f) {
  Tensor ar = contiguous(real(a)), ai = contiguous(imag(a)), br = contiguous(real(b)),
         bi = contiguous(imag(b));
  Tensor re = sub(f(ar, br), f(ai, bi)), im = add(f(ar, bi), f(ai, br));
  return view_as_complex(stack({re, im}, -1));
}
Tensor with_bias(const Tensor& y, const Tensor& bias) {
  if (!bias.defined()) return y;
  Dims shape(y.sizes().size(), 1);
  shape[1] = bias.numel();
  return add(y, reshape(bias.alias(), shape));
}

bool depthwise(const kernels::ConvShape& s) {
  return s.groups > 1 && s.channels == 1 && s.outputs == 1;
}

// Whether half numbers are computed in float: where there is no kernel for them, or a better one
// for floats. `weight` is [channels out, channels in, kernel...] of a group, in either order.
bool in_float(DType d, const Dims& weight, const ConvArgs& a) {
  const kernels::ConvTable& table = dispatch().conv;
  if (!is_half(d)) return false;
  if (!table.correlate[static_cast<int>(d)]) return true;
  const auto all = [](const Dims& v, int64_t x) {
    return std::all_of(v.begin(), v.end(), [x](int64_t e) { return e == x; });
  };
  const int64_t few = 8;  // channels that leave most of a block empty
  const bool narrow = std::min(weight[0] / a.groups, weight[1]) < few;
  const bool windows = weight.size() == 4 && weight[2] == 3 && weight[3] == 3 && all(a.stride, 1) &&
                       all(a.dilation, 1);
  return narrow || (windows && use_winograd && !table.bf16_beats_winograd);
}
Tensor widen(const Tensor& t) { return t.defined() ? to_dtype(plain(t), DType::F32) : t; }

void run_correlate(const kernels::ConvShape& s, const Tensor& x, const Tensor& w,
                   const Tensor& bias, const Tensor& y) {
  const kernels::ConvTable& table = dispatch().conv;
  auto run = kernel_of(depthwise(s) ? table.depthwise : table.correlate, x.dtype());
  must(run(s, x.data(), w.data(), bias.defined() ? bias.data() : nullptr, y.data(), kernel_env()));
}
}  // namespace

bool winograd() { return use_winograd; }
void set_winograd(bool on) { use_winograd = on; }

Tensor correlate(const Tensor& x_, const Tensor& weight_, const Tensor& bias, const ConvArgs& a,
                 const Dims& out) {
  if (is_complex(x_.dtype()))
    return with_bias(by_parts(x_, weight_,
                              [&](const Tensor& u, const Tensor& v) {
                                return correlate(u, v, Tensor(), a, out);
                              }),
                     bias);
  if (in_float(x_.dtype(), weight_.sizes(), a))
    return to_dtype(correlate(widen(x_), widen(weight_), widen(bias), a, out), x_.dtype());
  if (is_integral(x_.dtype()) && x_.dtype() != DType::I64 && x_.dtype() != DType::Bool) {
    // Short integers wrap around alike, whether after every step or at the end.
    auto longer = [](const Tensor& t) { return t.defined() ? to_dtype(t, DType::I64) : t; };
    return to_dtype(correlate(longer(x_), longer(weight_), longer(bias), a, out), x_.dtype());
  }
  Tensor x = plain(x_), weight = plain(weight_), b = bias.defined() ? plain(bias) : bias;
  Dims sizes{x.size(0), weight.size(0)};
  for (int64_t s : out) sizes.push_back(s);
  Tensor y = empty(sizes, x.dtype());
  Plan p = plan_of(x, out, spatial(weight.sizes()), a);
  kernels::ConvShape& s = p.shape;
  s.images = x.size(0);
  s.groups = a.groups;
  s.winograd = use_winograd;
  s.channels = weight.size(1);
  s.outputs = weight.size(0) / a.groups;
  s.x_channel = s.in_size();
  s.x_image = x.size(1) * s.x_channel;
  s.y_output = s.out_size();
  s.y_image = y.size(1) * s.y_output;
  p.ready();
  s.w_channel = s.taps;
  s.w_output = s.channels * s.taps;
  s.x_group = s.channels * s.x_channel;
  s.w_group = s.outputs * s.w_output;
  s.y_group = s.outputs * s.y_output;
  run_correlate(s, x, weight, b, y);
  return y;
}

// Input positions that are alike modulo the stride meet the same taps: each such phase is a
// correlation of stride 1 over gy.
Tensor correlate_input(const Tensor& gy_, const Tensor& weight_, const Tensor& bias,
                       const ConvArgs& a, const Dims& in) {
  if (is_complex(gy_.dtype()))
    return with_bias(by_parts(gy_, weight_,
                              [&](const Tensor& u, const Tensor& v) {
                                return correlate_input(u, v, Tensor(), a, in);
                              }),
                     bias);
  if (in_float(gy_.dtype(), weight_.sizes(), a))
    return to_dtype(correlate_input(widen(gy_), widen(weight_), widen(bias), a, in), gy_.dtype());
  Tensor gy = plain(gy_), weight = plain(weight_), b = bias.defined() ? plain(bias) : bias;
  int64_t channels = weight.size(1), all = channels * a.groups;
  Dims sizes{gy.size(0), all};
  for (int64_t s : in) sizes.push_back(s);
  Tensor gx = empty(sizes, gy.dtype());
  Dims gx3{gx.size(0), all}, kernel = spatial(weight.sizes());
  Tap phases, size, taps;
  for (int i = 0; i < 3; ++i) {
    phases[i] = at(a.stride, i, 1);
    size[i] = at(in, i, 1);
    taps[i] = at(kernel, i, 1);
    gx3.push_back(size[i]);
  }
  Tensor target = view(gx, gx3);
  const bool whole = phases[0] * phases[1] * phases[2] == 1;
  for (int64_t phase = 0; phase < phases[0] * phases[1] * phases[2]; ++phase) {
    Tap r = {phase / phases[2] / phases[1], phase / phases[2] % phases[1], phase % phases[2]};
    Tap first, count;
    std::vector<int64_t> use[3], where[3];
    for (int i = 0; i < 3; ++i) {
      int64_t pad = at(a.padding, i, 0), step = at(a.dilation, i, 1), st = phases[i];
      first[i] = ((r[i] - pad) % st + st) % st;
      count[i] = std::max<int64_t>(0, (size[i] - first[i] + st - 1) / st);
      for (int64_t k = 0; k < taps[i]; ++k)
        if ((k * step) % st == r[i]) {
          use[i].push_back(k);
          where[i].push_back((first[i] + pad - k * step) / st);
        }
    }
    if (count[0] * count[1] * count[2] == 0) continue;
    Tensor part = slice(slice(slice(target, 2, first[0], std::nullopt, phases[0]), 3, first[1],
                              std::nullopt, phases[1]),
                        4, first[2], std::nullopt, phases[2]);
    Plan p(spatial(gy.sizes()), IntSpan(count.data(), 3));
    for (size_t d = 0; d < use[0].size(); ++d)
      for (size_t h = 0; h < use[1].size(); ++h)
        for (size_t w = 0; w < use[2].size(); ++w) {
          p.taps.push_back({where[0][d], where[1][h], where[2][w]});
          p.filter.push_back((use[0][d] * taps[1] + use[1][h]) * taps[2] + use[2][w]);
        }
    if (p.taps.empty()) {
      if (b.defined())
        copy_raw(part, view(b, Dims{1, all, 1, 1, 1}));
      else
        fill_raw(part, Scalar(0));
      continue;
    }
    Tensor y = whole ? target : empty(part.sizes(), gy.dtype());
    kernels::ConvShape& s = p.shape;
    p.ready();
    s.images = gy.size(0);
    s.groups = a.groups;
    s.winograd = use_winograd;
    s.channels = gy.size(1) / a.groups;
    s.outputs = channels;
    s.x_channel = s.in_size();
    s.x_image = gy.size(1) * s.x_channel;
    s.y_output = s.out_size();
    s.y_image = all * s.y_output;
    s.w_output = taps[0] * taps[1] * taps[2];
    s.w_channel = channels * s.w_output;
    s.x_group = s.channels * s.x_channel;
    s.w_group = s.channels * s.w_channel;
    s.y_group = s.outputs * s.y_output;
    run_correlate(s, gy, weight, b, y);
    if (!whole) copy_raw(part, y);
  }
  return gx;
}

Tensor correlate_weight(const Tensor& gy_, const Tensor& x_, const ConvArgs& a, const Dims& size) {
  if (is_complex(x_.dtype()))
    return by_parts(
        gy_, x_, [&](const Tensor& u, const Tensor& v) { return correlate_weight(u, v, a, size); });
  if (in_float(x_.dtype(), size, a))
    return to_dtype(correlate_weight(widen(gy_), widen(x_), a, size), x_.dtype());
  Tensor gy = plain(gy_), x = plain(x_), gw = empty(size, x.dtype());
  Plan p = plan_of(x, spatial(gy.sizes()), IntSpan(size).subspan(2), a);
  kernels::ConvShape& s = p.shape;
  p.ready();
  s.images = x.size(0);
  s.groups = a.groups;
  s.winograd = use_winograd;
  s.channels = size[1];
  s.outputs = size[0] / a.groups;
  s.x_channel = s.in_size();
  s.x_image = x.size(1) * s.x_channel;
  s.y_output = s.out_size();
  s.y_image = gy.size(1) * s.y_output;
  s.w_channel = s.taps;
  s.w_output = s.channels * s.taps;
  s.x_group = s.channels * s.x_channel;
  s.y_group = s.outputs * s.y_output;
  s.w_group = s.outputs * s.w_output;
  const kernels::ConvTable& table = dispatch().conv;
  auto run = kernel_of(depthwise(s) ? table.depthwise_weight_grad : table.weight_grad, x.dtype());
  must(run(s, x.data(), gy.data(), gw.data(), kernel_env()));
  return gw;
}

}  // namespace lampas::ops
