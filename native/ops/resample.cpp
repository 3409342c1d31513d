#include "ops/resample.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <numbers>
#include <span>

#include "autograd/autograd.h"
#include "dispatch/dispatch.h"
#include "ops/copy.h"
#include "ops/create.h"
#include "ops/planes.h"
#include "ops/types.h"
#include "ops/views.h"

namespace lampas::ops {

namespace {
// ---- taps of one axis -------------------------------------------------------------------------

struct Tap {
  int32_t index;
  double weight;
};
class Axis {
 public:
  explicit Axis(int64_t size) : in(size) {}
  const int64_t in;

  // Without a tap or an output, the axis stays as it is.
  bool stays() const { return begin_.size() == 1; }
  int64_t out() const { return stays() ? in : static_cast<int64_t>(begin_.size()) - 1; }
  const std::vector<Tap>& all_taps() const { return taps_; }
  std::span<const Tap> taps(int64_t output) const {
    const auto from = static_cast<size_t>(begin_[static_cast<size_t>(output)]),
               to = static_cast<size_t>(begin_[static_cast<size_t>(output) + 1]);
    return std::span(taps_).subspan(from, to - from);
  }
  std::span<Tap> open_taps() {
    return std::span(taps_).subspan(static_cast<size_t>(begin_.back()));
  }

  // A tap of the next output; at the edges several fall on one pixel.
  void put(int64_t index, double weight) {
    const auto at = static_cast<int32_t>(index);
    if (static_cast<int64_t>(taps_.size()) > begin_.back() && taps_.back().index == at)
      taps_.back().weight += weight;
    else
      taps_.push_back({at, weight});
  }
  void finish_output() { begin_.push_back(static_cast<int64_t>(taps_.size())); }

 private:
  std::vector<Tap> taps_;
  std::vector<int64_t> begin_{0};  // of each output's taps, and their number
};
using Axes = std::vector<Axis>;

Axes transposed(const Axes& axes) {
  Axes result;
  for (const Axis& a : axes) {
    Axis b(a.out());
    if (!a.stays()) {
      std::vector<size_t> next(static_cast<size_t>(a.in) + 1, 0);
      for (const Tap& t : a.all_taps()) ++next[static_cast<size_t>(t.index) + 1];
      for (size_t i = 1; i < next.size(); ++i) next[i] += next[i - 1];
      const std::vector<size_t> begin = next;
      std::vector<Tap> taps(a.all_taps().size());
      for (int64_t j = 0; j < a.out(); ++j)
        for (const Tap& t : a.taps(j))
          taps[next[static_cast<size_t>(t.index)]++] = {static_cast<int32_t>(j), t.weight};
      for (size_t i = 0; i + 1 < begin.size(); ++i) {
        for (size_t k = begin[i]; k < begin[i + 1]; ++k) b.put(taps[k].index, taps[k].weight);
        b.finish_output();
      }
    }
    result.push_back(std::move(b));
  }
  return result;
}

enum class Kind : uint8_t { Weighted, Gather };

// As the kernels want it.
class Packed {
 public:
  Packed(const Axis& a, Kind kind, DType d) {
    out_.in = a.in;
    out_.out = a.out();
    if (a.stays()) return;
    const int lanes = dispatch().resample.lanes;
    const auto out = static_cast<size_t>(a.out()), stride = (out + 15) / 16 * 16;
    size_t width = 1;
    for (int64_t j = 0; j < a.out(); ++j) width = std::max(width, a.taps(j).size());
    index_.resize(width * stride);
    count_.resize(stride);
    std::vector<double> weight(width * stride);
    for (size_t j = 0; j < stride; ++j) {
      const auto taps = a.taps(static_cast<int64_t>(std::min(j, out - 1)));
      count_[j] = static_cast<int32_t>(taps.size());
      for (size_t t = 0; t < width; ++t) {
        const bool own = t < taps.size();
        index_[t * stride + j] = taps.empty() ? 0 : taps[own ? t : 0].index;
        weight[t * stride + j] = own ? taps[t].weight : 0;
      }
    }
    out_.width = static_cast<int64_t>(width);
    out_.stride = static_cast<int64_t>(stride);
    if (kind == Kind::Weighted) store_weights(weight, d);
    if (lanes) find_bases(static_cast<size_t>(lanes));
    out_.index = index_.data();
    out_.count = count_.data();
  }
  Packed(const Packed&) = delete;
  const kernels::ResampleAxis& view() const { return out_; }

 private:
  void store_weights(const std::vector<double>& weight, DType d) {
    if (d == DType::F64) {
      f64_ = weight;
      out_.weight = f64_.data();
    } else if (d == DType::U8) {  // as many bits as fit 16 with a sign
      const double top = *std::max_element(weight.begin(), weight.end());
      int& shift = out_.shift;
      while (shift < 22 && std::floor(0.5 + std::ldexp(top, shift + 1)) < 32768) ++shift;
      for (double w : weight)
        i32_.push_back(static_cast<int32_t>(std::ldexp(w, shift) + (w < 0 ? -0.5 : 0.5)));
      out_.weight = i32_.data();
    } else {
      f32_.assign(weight.begin(), weight.end());
      out_.weight = f32_.data();
    }
  }
  void find_bases(size_t lanes) {
    const auto width = static_cast<size_t>(out_.width), stride = static_cast<size_t>(out_.stride);
    const auto reach = static_cast<int32_t>(2 * lanes);
    for (size_t j = 0; j < stride; j += lanes)
      for (size_t t = 0; t < width; ++t) {
        auto first = index_.begin() + static_cast<std::ptrdiff_t>(t * stride + j);
        auto [low, high] = std::minmax_element(first, first + static_cast<std::ptrdiff_t>(lanes));
        const auto in = static_cast<int32_t>(out_.in);
        const int32_t near = std::min(*low, std::max(0, in - reach)),
                      wide = std::min(*low, std::max(0, in - 2 * reach));
        const bool fits = in >= 2 * reach && *high - wide < 2 * reach;
        base_.push_back(*high - near < reach ? near : fits ? -2 - wide : -1);
      }
    out_.base = base_.data();
  }

  kernels::ResampleAxis out_;
  std::vector<int32_t> index_, count_, base_, i32_;
  std::vector<float> f32_;
  std::vector<double> f64_;
};

// ---- running ----------------------------------------------------------------------------------

int index_of_size(DType d) {
  int i = 0;
  while ((1 << i) < static_cast<int>(itemsize(d))) ++i;
  return i;
}
// Both axes at once, for small planes.
PlaneMap map_of(const Axis& y, const Axis& x) {
  PlaneMap map;
  map.in = y.in * x.in;
  auto taps = [](const Axis& a, int64_t j, Tap& self) {
    self = {static_cast<int32_t>(j), 1};
    return a.stays() ? std::span<const Tap>(&self, 1) : a.taps(j);
  };
  Tap row, column;
  for (int64_t i = 0; i < y.out(); ++i)
    for (int64_t j = 0; j < x.out(); ++j) {
      for (const Tap& a : taps(y, i, row))
        for (const Tap& b : taps(x, j, column)) {
          map.index.push_back(static_cast<int32_t>(a.index * x.in) + b.index);
          map.weight.push_back(a.weight * b.weight);
        }
      map.finish_output();
    }
  return map;
}
int64_t count_taps(const Axis& a) {
  return a.stays() ? a.in : static_cast<int64_t>(a.all_taps().size());
}
// One pass over two axes of planes.
void pass(Kind kind, int64_t planes, const Axis& y, const Axis& x, const Tensor& in,
          const Tensor& out) {
  const auto& table = dispatch().resample;
  const DType d = in.dtype();
  if (kind == Kind::Weighted && side_by_side(d, planes, y.in * x.in, y.out() * x.out(), x.out(),
                                             count_taps(y) * count_taps(x)))
    return weigh_planes(map_of(y, x), planes, in, out);
  const Packed py(y, kind, d), px(x, kind, d);
  auto* run = kind == Kind::Gather ? table.gather[index_of_size(d)]
              : d == DType::U8     ? table.bytes
                                   : table.weighted[d == DType::F64 ? 1 : 0];
  LAMPAS_CHECK_KIND(Memory, run(planes, py.view(), px.view(), in.data(), out.data(), kernel_env()),
                    "resampling: no memory for rows of ", x.out(), " elements");
}

// Of the last dimensions of x, without a graph.
Tensor compute(const Tensor& x, const Axes& axes, Kind kind) {
  Dims sizes = x.sizes();
  const size_t lead = sizes.size() - axes.size();
  int64_t planes = product(IntSpan(sizes).first(lead));
  for (size_t i = 0; i < axes.size(); ++i) sizes[lead + i] = axes[i].out();
  Tensor in = plain(x);
  if (x.is_meta() || product(sizes) == 0) return empty(sizes, x.dtype(), x.device());
  const Axis one(1);
  if (axes.size() == 3 && !axes[0].stays()) {  // depth by itself, over rows of whole images
    const bool grows = axes[0].out() > axes[0].in;
    auto depth = [&](const Tensor& t, int64_t image) {
      Tensor to = empty(Dims{planes, axes[0].out(), image}, x.dtype());
      pass(kind, planes, axes[0], Axis(image), t, to);
      return to;
    };
    auto image = [&](const Tensor& t, int64_t depth) {
      Tensor to = empty(Dims{planes, depth, axes[1].out(), axes[2].out()}, x.dtype());
      pass(kind, planes * depth, axes[1], axes[2], t, to);
      return to;
    };
    in = grows ? depth(image(in, axes[0].in), axes[1].out() * axes[2].out())
               : image(depth(in, axes[1].in * axes[2].in), axes[0].out());
    return view(in, sizes);
  }
  Tensor out = empty(sizes, x.dtype());
  if (axes.size() == 3) planes *= axes[0].in;
  const Axis& y = axes.size() == 1 ? one : axes[axes.size() - 2];
  if (axes.size() == 1 && axes[0].stays()) return clone(in);
  pass(kind, planes, y, axes.back(), in, out);
  return out;
}

struct Plan {
  Axes axes, back;
  const char* node;
};
using PlanRef = std::shared_ptr<const Plan>;

// Weighted sums of floats; the backward pass is the same with the axes turned round.
Tensor weigh(const Tensor& x, const PlanRef& plan, bool back);
Tensor gather(const Tensor& x, const PlanRef& plan);

Tensor through_floats(const Tensor& g, const PlanRef& plan) {
  if (is_complex(g.dtype())) {
    Tensor parts = movedim(view_as_real(g), Dims{-1}, Dims{0});
    return view_as_complex(contiguous(movedim(weigh(parts, plan, true), Dims{0}, Dims{-1})));
  }
  return to_dtype(weigh(to_dtype(g, is_half(g.dtype()) ? DType::F32 : g.dtype()), plan, true),
                  g.dtype());
}
Tensor weigh(const Tensor& x, const PlanRef& plan, bool back) {
  Tensor y = compute(x, back ? plan->back : plan->axes, Kind::Weighted);
  if (recording(x))
    record(y, plan->node, {&x}, [plan, back](const Tensor& g) { return weigh(g, plan, !back); });
  return y;
}
// Weights of 1: values move, whatever their type.
Tensor gather(const Tensor& x, const PlanRef& plan) {
  Tensor y = compute(x, plan->axes, Kind::Gather);
  if (recording(x))
    record(y, plan->node, {&x}, [plan](const Tensor& g) { return through_floats(g, plan); });
  return y;
}
PlanRef plan_of(Axes axes, bool wanted, const char* node) {
  Axes back = wanted ? transposed(axes) : Axes();
  return std::make_shared<Plan>(Plan{std::move(axes), std::move(back), node});
}

// ---- where outputs lie in the input -----------------------------------------------------------

// Two images of one size have each a pixel for each pixel.
bool stays(int64_t in, int64_t out, double factor, const Resize& how) {
  const bool exact = how.mode == "nearest-exact" || (how.mode != "nearest" && !how.antialias);
  return in == out && (!exact || factor <= 0 || factor == 1 || how.align_corners);
}

// In float32, as the rounding decides about whole positions.
void nearest(Axis& a, int64_t out, double factor, bool exact) {
  const float scale = factor > 0 ? static_cast<float>(1.0 / factor)
                                 : static_cast<float>(a.in) / static_cast<float>(out);
  for (int64_t j = 0; j < out; ++j) {
    const auto step = static_cast<float>(j);
    const float at = std::floor(exact ? (step + 0.5F) * scale : step * scale);
    const int64_t whole = !exact && out == 2 * a.in ? j / 2 : static_cast<int64_t>(at);
    a.put(std::min(whole, a.in - 1), 1);
    a.finish_output();
  }
}

// Keys's cubic with a = -0.75 at distances t + 1, t, 1 - t and 2 - t.
template <class T>
void cubic_taps(Axis& axis, int64_t low, T t) {
  constexpr T a = T(-0.75);
  auto near = [](T x) { return ((a + 2) * x - (a + 3)) * x * x + 1; };
  auto far = [](T x) { return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a; };
  const T weight[4] = {far(t + 1), near(t), near(1 - t), far(2 - t)};
  for (int64_t i = 0; i < 4; ++i)
    axis.put(std::clamp<int64_t>(low - 1 + i, 0, axis.in - 1), static_cast<double>(weight[i]));
}
// Positions in the input's type, as their rounding decides about neighbours.
template <class T>
void interpolated(Axis& a, int64_t out, double factor, bool cubic, bool corners) {
  const T scale = corners      ? out > 1 ? T(a.in - 1) / T(out - 1) : T(0)
                       : factor > 0 ? T(1.0 / factor)
                               : T(a.in) / T(out);
  for (int64_t j = 0; j < out; ++j) {
    T at = corners ? T(j) * scale : (T(j) + T(0.5)) * scale - T(0.5);
    if (cubic) {
      cubic_taps(a, static_cast<int64_t>(std::floor(at)), at - std::floor(at));
    } else {
      at = std::max(at, T(0));
      const int64_t low = std::min(static_cast<int64_t>(at), a.in - 1);
      const T part = std::clamp(at - T(low), T(0), T(1));
      a.put(low, static_cast<double>(1 - part));
      a.put(std::min(low + 1, a.in - 1), static_cast<double>(part));
    }
    a.finish_output();
  }
}

double filter(const std::string& mode, double x) {
  x = std::abs(x);
  if (mode == "linear") return std::max(0.0, 1 - x);
  if (mode == "lanczos") {
    const double y = std::numbers::pi * x;
    return x >= 3 ? 0 : x == 0 ? 1 : 3 * std::sin(y) * std::sin(y / 3) / (y * y);
  }
  constexpr double a = -0.5;
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}
// The filter as wide as the pixels of the smaller image.
void antialiased(Axis& a, int64_t out, double factor, const Resize& how) {
  const auto in = static_cast<double>(a.in), to = static_cast<double>(out);
  const double scale = how.align_corners ? out > 1 ? (in - 1) / (to - 1) : 0
                       : factor > 0      ? 1 / factor
                                         : in / to;
  const double stretch = std::max(scale, 1.0), radius = how.mode == "linear"  ? 1
                                                        : how.mode == "cubic" ? 2
                                                                              : 3;
  for (int64_t j = 0; j < out; ++j) {
    const double centre = scale * (static_cast<double>(j) + 0.5), reach = radius * stretch;
    const int64_t low = std::max<int64_t>(static_cast<int64_t>(centre - reach + 0.5), 0),
                  high = std::min(static_cast<int64_t>(centre + reach + 0.5), a.in);
    double total = 0;
    for (int64_t k = low; k < high; ++k) {
      const double w = filter(how.mode, (static_cast<double>(k) - centre + 0.5) / stretch);
      a.put(k, w);
      total += w;
    }
    if (total != 0)
      for (Tap& t : a.open_taps()) t.weight /= total;
    a.finish_output();
  }
}

Axis axis_of(int64_t in, size_t i, const Resize& how, DType d) {
  Axis a(in);
  const int64_t out = how.size[i];
  const double factor = how.factor[i];
  if (stays(in, out, factor, how)) return a;
  if (how.mode.starts_with("nearest"))
    nearest(a, out, factor, how.mode == "nearest-exact");
  else if (how.antialias)
    antialiased(a, out, factor, how);
  else if (d == DType::F32)
    interpolated<float>(a, out, factor, how.mode == "cubic", how.align_corners);
  else
    interpolated<double>(a, out, factor, how.mode == "cubic", how.align_corners);
  return a;
}

bool all_stay(const Axes& axes) {
  return std::all_of(axes.begin(), axes.end(), [](const Axis& a) { return a.stays(); });
}
}  // namespace

Tensor resize(const Tensor& x, const Resize& how) {
  const bool moves = how.mode.starts_with("nearest");
  if (is_half(x.dtype()) && !moves)
    return to_dtype(resize(to_dtype(x, DType::F32), how), x.dtype());
  Axes axes;
  const size_t lead = x.sizes().size() - how.size.size();
  for (size_t i = 0; i < how.size.size(); ++i) {
    LAMPAS_CHECK(std::max(x.sizes()[lead + i], how.size[i]) < (int64_t{1} << 31),
                 "interpolate: sizes must be below 2**31, got input ", x.sizes(), " and output ",
                 how.size);
    axes.push_back(axis_of(x.sizes()[lead + i], i, how, x.dtype()));
  }
  if (all_stay(axes)) return clone(x);
  const PlanRef plan = plan_of(std::move(axes), recording(x),
                               moves ? "UpsampleNearestBackward0" : "UpsampleBackward0");
  return moves ? gather(x, plan) : weigh(x, plan, false);
}

Tensor even_means(const Tensor& x, IntSpan size) {
  Axes axes;
  const size_t lead = x.sizes().size() - size.size();
  for (size_t i = 0; i < size.size(); ++i) {
    Axis a(x.sizes()[lead + i]);
    for (int64_t o = 0; o < size[i] && size[i] != a.in; ++o) {
      const int64_t begin = o * a.in / size[i], end = ((o + 1) * a.in + size[i] - 1) / size[i];
      for (int64_t k = begin; k < end; ++k) a.put(k, 1 / static_cast<double>(end - begin));
      a.finish_output();
    }
    axes.push_back(std::move(a));
  }
  if (all_stay(axes)) return clone(x);
  return weigh(x, plan_of(std::move(axes), recording(x), "AdaptiveAvgPoolBackward0"), false);
}

Tensor gather_axes(const Tensor& x, const std::vector<Dims>& index) {
  const auto none =
      std::find_if(index.begin(), index.end(), [](const Dims& d) { return d.empty(); });
  if (none != index.end() && x.numel()) {  // nothing is left
    std::vector<Dims> some = index;
    some[static_cast<size_t>(none - index.begin())] = {0};
    return narrow(gather_axes(x, some), (none - index.begin()) - static_cast<int64_t>(index.size()),
                  0, 0);
  }
  Axes axes;
  const size_t lead = x.sizes().size() - index.size();
  for (size_t i = 0; i < index.size(); ++i) {
    Axis a(x.sizes()[lead + i]);
    bool same = static_cast<int64_t>(index[i].size()) == a.in;
    for (size_t j = 0; same && j < index[i].size(); ++j)
      same = index[i][j] == static_cast<int64_t>(j);
    for (size_t j = 0; !same && j < index[i].size(); ++j) {
      a.put(index[i][j], 1);
      a.finish_output();
    }
    axes.push_back(std::move(a));
  }
  if (all_stay(axes)) return clone(x);
  return gather(x, plan_of(std::move(axes), recording(x), "PadBackward0"));
}

}  // namespace lampas::ops
