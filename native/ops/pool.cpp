#include <algorithm>
#include <cmath>
#include <limits>

#include "autograd/autograd.h"
#include "dispatch/dispatch.h"
#include "ops/conv.h"
#include "ops/copy.h"
#include "ops/create.h"
#include "ops/indexing.h"
#include "ops/planes.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"
#include "ops/resample.h"
#include "ops/types.h"
#include "ops/views.h"
#include "runtime/pool.h"

namespace lampas::ops {

namespace {
int64_t output_size(int64_t in, int64_t kernel, int64_t stride, int64_t pad, int64_t dilation,
                    bool ceil) {
  int64_t reach = in + 2 * pad - dilation * (kernel - 1) - 1;
  int64_t out = (ceil ? (reach + stride - 1) / stride : reach / stride) + 1;
  if (reach < 0 && !ceil) out = (reach - stride + 1) / stride + 1;
  // The last window must start inside the image or its left padding.
  if (ceil && (out - 1) * stride >= in + pad) --out;
  return out;
}

// First and one-past-last element of window `o` along one dimension, clipped to the image.
struct Range {
  int64_t begin, end;
};

// Planes of up to three dimensions; `body(plane)` on the pool.
struct Planes {
  int64_t count = 1, in[3] = {1, 1, 1}, out[3] = {1, 1, 1};
  int64_t in_size() const { return in[0] * in[1] * in[2]; }
  int64_t out_size() const { return out[0] * out[1] * out[2]; }
};
Planes planes_of(const Tensor& x, const Dims& out) {
  Planes p;
  size_t n = out.size(), lead = 3 - n, first = x.sizes().size() - n;
  for (size_t i = 0; i < first; ++i) p.count *= x.sizes()[i];
  for (size_t i = 0; i < n; ++i) {
    p.in[lead + i] = x.sizes()[first + i];
    p.out[lead + i] = out[i];
  }
  return p;
}
Dims result_sizes(const Tensor& x, const Dims& out) {
  Dims s = x.sizes();
  for (size_t i = 0; i < out.size(); ++i) s[s.size() - out.size() + i] = out[i];
  return s;
}
template <class F>
void for_planes(const Planes& p, const F& body) {
  parallel_ranges(p.count, std::max<int64_t>(1, 8192 / std::max<int64_t>(p.in_size(), 1)),
                  [&](int64_t b, int64_t e) {
                    for (int64_t i = b; i < e; ++i) body(i);
                  });
}
template <class F>
void for_floats(DType d, const F& f) {
  d == DType::F64 ? f(Type<double>()) : f(Type<float>());
}

// Any type with an order and a sum.
template <class F>
void for_numbers(DType d, const F& f) {
  for_dtype(d, [&]<class T>(Type<T> t) {
    if constexpr ((std::is_integral_v<T> && !std::is_same_v<T, bool>) ||
                  std::is_floating_point_v<T>)
      f(t);
  });
}

template <class F>
Tensor through_float(const Tensor& x, const F& f) {
  return to_dtype(f(to_dtype(x, DType::F32)), x.dtype());
}
void check_type(bool fits, const Tensor& x, const char* op) {
  LAMPAS_CHECK_KIND(NotImplemented, fits, "\"", op, "\" not implemented for '",
                    dtype_name(x.dtype()), "'");
}
void check_float(const Tensor& x, const char* op) { check_type(is_floating(x.dtype()), x, op); }

Dims pooled(const Tensor& x, const PoolArgs& a, const char* op) {
  size_t n = a.kernel.size();
  LAMPAS_CHECK(x.sizes().size() == n + 1 || x.sizes().size() == n + 2, op, "(): Expected ", n + 1,
               "D or ", n + 2, "D input, but got: ", x.sizes());
  Dims out;
  for (size_t i = 0; i < n; ++i) {
    LAMPAS_CHECK(a.kernel[i] > 0, op, ": kernel size should be greater than zero, but got ",
                 a.kernel);
    LAMPAS_CHECK(a.stride[i] > 0, op, ": stride should be greater than zero, but got ", a.stride);
    LAMPAS_CHECK(a.padding[i] >= 0, "pad must be non-negative, but got pad: ", a.padding[i]);
    // Beyond this the arithmetic of sizes would overflow.
    for (int64_t v : {a.kernel[i], a.stride[i], a.padding[i], a.dilation[i]})
      LAMPAS_CHECK(v < int64_t{1} << 31, op,
                   ": kernel size, stride, padding and dilation must be less than 2^31, got ", v);
    LAMPAS_CHECK(a.padding[i] * 2 <= (a.kernel[i] - 1) * a.dilation[i] + 1,
                 "pad should be at most half of effective kernel size, but got pad=", a.padding[i],
                 ", kernel_size=", a.kernel[i], " and dilation=", a.dilation[i]);
    LAMPAS_CHECK(a.dilation[i] > 0, op, ": dilation should be greater than zero, but got ",
                 a.dilation);
    int64_t in = x.sizes()[x.sizes().size() - n + i],
            o = output_size(in, a.kernel[i], a.stride[i], a.padding[i], a.dilation[i], a.ceil_mode);
    LAMPAS_CHECK(o >= 1, op, ": Given input size: ", x.sizes(),
                 ". Calculated output size is too small (", o, " at spatial dimension ", i, ")");
    out.push_back(o);
  }
  for (size_t i = x.sizes().size() == n + 2 ? 1 : 0; i < x.sizes().size(); ++i)
    LAMPAS_CHECK(x.sizes()[i] > 0, op, "(): Expected ", x.dim(),
                 "D tensor with optional 0 dim batch size for input, but got: ", x.sizes());
  return out;
}

// Windows along each dimension, as ranges (max pooling skips by dilation inside them).
using Windows = std::vector<Range>[3];

// The columns [begin, end) of a row of windows that are alike: one size, one distance apart.
struct Alike {
  int64_t begin = 0, end = 0, stride = 1;
};
Alike alike(const std::vector<Range>& win) {
  auto size = [&](int64_t i) { return win[i].end - win[i].begin; };
  const auto n = static_cast<int64_t>(win.size());
  Alike a{n / 2, n / 2, 1};
  if (n < 2) return {0, n, 1};
  const int64_t middle = std::min(n / 2, n - 2), wide = size(middle);
  a.stride = win[middle + 1].begin - win[middle].begin;
  if (a.stride < 1 || size(middle + 1) != wide) return {0, 0, 1};
  auto next = [&](int64_t i) { return win[i].begin - win[i - 1].begin == a.stride; };
  a.begin = middle;
  a.end = middle + 2;
  while (a.begin > 0 && size(a.begin - 1) == wide && next(a.begin)) --a.begin;
  while (a.end < n && size(a.end) == wide && next(a.end)) ++a.end;
  return a;
}
// Where the elements of a window lie, relative to the plane, along its last dimension from
// `column`.
void window_offsets(const Planes& p, const Range& r0, const Range& r1, const Range& r2,
                    const int64_t* step, std::vector<int64_t>& to) {
  to.clear();
  for (int64_t a = r0.begin; a < r0.end; a += step[0])
    for (int64_t b = r1.begin; b < r1.end; b += step[1])
      for (int64_t c = r2.begin; c < r2.end; c += step[2])
        to.push_back((a * p.in[1] + b) * p.in[2] + c);
}
constexpr int64_t kUnitStep[3] = {1, 1, 1};

template <class T>
constexpr bool has_kernel = std::is_same_v<T, float> || std::is_same_v<T, double>;
template <class T>
constexpr int kernel_index = std::is_same_v<T, double> ? 1 : 0;

// For every plane and row of windows: whole(plane, at, offsets, alike) for columns that are alike,
// one(plane, at, i, j, k) for the others; `at` counts outputs.
template <class Whole, class One>
void for_windows(const Planes& p, const Windows& win, const int64_t* step, bool kernels,
                 const Whole& whole, const One& one) {
  const Alike same = kernels ? alike(win[2]) : Alike{};
  const auto columns = static_cast<int64_t>(win[2].size());
  for_planes(p, [&](int64_t plane) {
    std::vector<int64_t> offsets;
    int64_t at = plane * p.out_size();
    for (size_t i = 0; i < win[0].size(); ++i)
      for (size_t j = 0; j < win[1].size(); ++j, at += columns) {
        if (same.end > same.begin) {
          window_offsets(p, win[0][i], win[1][j], win[2][same.begin], step, offsets);
          whole(plane, at + same.begin, i, j, same, offsets);
        }
        for (int64_t k = 0; k < same.begin; ++k) one(plane, at + k, i, j, k);
        for (int64_t k = same.end; k < columns; ++k) one(plane, at + k, i, j, k);
      }
  });
}

bool are_small(const Planes& p, const Windows& win, const int64_t* step, DType d) {
  int64_t taps = 1;
  for (int i = 0; i < 3; ++i) {
    int64_t along = 0;
    for (const Range& r : win[i]) along += (r.end - r.begin + step[i] - 1) / step[i];
    taps *= along;
  }
  return side_by_side(d, p.count, p.in_size(), p.out_size(), p.out[2], taps);
}
PlaneMap map_of(const Planes& p, const Windows& win, const int64_t* step) {
  PlaneMap map;
  map.in = p.in_size();
  std::vector<int64_t> offsets;
  for (const Range& r0 : win[0])
    for (const Range& r1 : win[1])
      for (const Range& r2 : win[2]) {
        window_offsets(p, r0, r1, r2, step, offsets);
        map.index.insert(map.index.end(), offsets.begin(), offsets.end());
        map.finish_output();
      }
  return map;
}

// The maxima, and if `tell` where they are, in 32 bits.
std::pair<Tensor, Tensor> max_over(const Tensor& x, const Dims& out, const Windows& win,
                                   const int64_t* step, bool tell) {
  Planes p = planes_of(x, out);
  LAMPAS_CHECK(p.in_size() < int64_t{1} << 31,
               "max_pool: planes of less than 2^31 elements, got sizes ", x.sizes());
  Tensor xc = plain(x), y = empty(result_sizes(x, out), x.dtype()), at;
  if (tell) at = empty(y.sizes(), DType::I32);
  // Between dilated elements that all lie in the padding there is nothing: -inf.
  const bool all_see = std::all_of(win, win + 3, [](const std::vector<Range>& along) {
    return std::all_of(along.begin(), along.end(), [](const Range& r) { return r.begin < r.end; });
  });
  if (all_see && are_small(p, win, step, x.dtype())) {
    max_planes(map_of(p, win, step), p.count, xc, y, at);
    return {y, at};
  }
  for_numbers(x.dtype(), [&]<class T>(Type<T>) {
    const T* in = xc.data<T>();
    T* o = y.data<T>();
    int32_t* q = tell ? at.data<int32_t>() : nullptr;
    auto whole = [&](int64_t plane, int64_t to, size_t, size_t, const Alike& a,
                     const std::vector<int64_t>& offsets) {
      dispatch().pool.max_row[kernel_index<T>](in + plane * p.in_size(), a.stride, offsets.data(),
                                               static_cast<int64_t>(offsets.size()),
                                               a.end - a.begin, o + to, q ? q + to : nullptr);
    };
    auto one = [&](int64_t plane, int64_t to, size_t i, size_t j, int64_t k) {
      const T* from = in + plane * p.in_size();
      const Range &r0 = win[0][i], &r1 = win[1][j], &r2 = win[2][k];
      const int64_t first = (r0.begin * p.in[1] + r1.begin) * p.in[2] + r2.begin;
      int64_t best = std::min(first, p.in_size() - 1);
      T top = from[best];
      if (!all_see && (r0.begin >= r0.end || r1.begin >= r1.end || r2.begin >= r2.end))
        top = std::numeric_limits<T>::has_infinity ? -std::numeric_limits<T>::infinity()
                                                   : std::numeric_limits<T>::lowest();
      for (int64_t a = r0.begin; a < r0.end; a += step[0])
        for (int64_t b = r1.begin; b < r1.end; b += step[1])
          for (int64_t c = r2.begin; c < r2.end; c += step[2]) {
            int64_t e = (a * p.in[1] + b) * p.in[2] + c;
            if (from[e] > top || from[e] != from[e]) top = from[e], best = e;
          }
      o[to] = top;
      if (q) q[to] = static_cast<int32_t>(best);
    };
    for_windows(p, win, step, has_kernel<T> && all_see && !win[0].empty() && !win[1].empty(), whole,
                one);
  });
  return {y, at};
}

// Adds each gradient at the index its maximum came from.
Tensor unpool(const Tensor& g, const Tensor& at, const Dims& sizes, size_t spatial) {
  Dims flat_in(IntSpan(sizes).first(sizes.size() - spatial)), flat_out = flat_in;
  const int64_t in = product(IntSpan(sizes).last(spatial)),
                out = product(IntSpan(at.sizes()).last(spatial));
  if (grad_enabled() || is_half(g.dtype()) || g.is_meta()) {  // differentiable through gather
    flat_in.push_back(in);
    flat_out.push_back(out);
    Tensor gx = scatter_add(zeros(flat_in, g.dtype()), -1,
                            reshape(to_dtype(at, DType::I64), flat_out), reshape(g, flat_out));
    return reshape(gx, sizes);
  }
  // Indices that were given out may have been written to through NumPy's view of them.
  if (at.dtype() == DType::I64) {
    for (int64_t k = 0; k < at.numel(); ++k)
      LAMPAS_CHECK_INDEX(at.data<int64_t>()[k] >= 0 && at.data<int64_t>()[k] < in,
                         "backward of max pooling: index ", at.data<int64_t>()[k],
                         " is out of range for ", in, " elements");
    return unpool(g, to_dtype(at, DType::I32), sizes, spatial);
  }
  Tensor gc = plain(g), gx = empty(sizes, g.dtype());
  for_floats(g.dtype(), [&]<class T>(Type<T>) {
    parallel_ranges(product(flat_in), std::max<int64_t>(1, 8192 / std::max<int64_t>(in, 1)),
                    [&](int64_t begin, int64_t end) {
                      std::fill_n(gx.data<T>() + begin * in, (end - begin) * in, T(0));
                      for (int64_t i = begin; i < end; ++i) {
                        T* to = gx.data<T>() + i * in;
                        const T* from = gc.data<T>() + i * out;
                        const int32_t* index = at.data<int32_t>() + i * out;
                        // Neighbours often share a maximum: four places far apart in turn.
                        const int64_t part = out < 32 ? 0 : out / 4;
                        for (int64_t k = 0; k < part; ++k)
                          for (int64_t q = k; q < k + 4 * part; q += part) to[index[q]] += from[q];
                        for (int64_t k = 4 * part; k < out; ++k) to[index[k]] += from[k];
                      }
                    });
  });
  return gx;
}

std::vector<Tensor> max_any(const Tensor& x, const Dims& out, const Windows& win,
                            const int64_t* step, bool indices, const char* node) {
  if (x.is_meta()) {
    Tensor y = empty(result_sizes(x, out), x.dtype(), Device::Meta);
    return {y, empty(y.sizes(), DType::I64, Device::Meta)};
  }
  const bool half = is_half(x.dtype());
  auto [y, at] =
      max_over(half ? to_dtype(x.alias(), DType::F32) : x, out, win, step, indices || recording(x));
  if (half) y = to_dtype(y, x.dtype());
  if (indices) at = to_dtype(at, DType::I64);
  if (recording(x))
    record(y, node, {&x}, [at = save(at), s = x.sizes(), n = out.size()](const Tensor& g) {
      return unpool(g, at(), s, n);
    });
  if (!indices) return {y};
  return {y, at};
}

// Means over windows; each window's divisor is given.
struct Average {
  Planes p;
  std::vector<Range> win[3];
  std::vector<double> size[3];  // of each window, as counted
  double divisor = 0;           // instead of the sizes' product, if not 0
  double count(size_t i, size_t j, size_t k) const {
    return divisor ? divisor : size[0][i] * size[1][j] * size[2][k];
  }
  double weight(size_t i, size_t j, size_t k) const { return 1 / count(i, j, k); }
  bool small(DType d) const { return are_small(p, win, kUnitStep, d); }
  PlaneMap map() const {
    PlaneMap m = map_of(p, win, kUnitStep);
    size_t o = 0;
    for (size_t i = 0; i < win[0].size(); ++i)
      for (size_t j = 0; j < win[1].size(); ++j)
        for (size_t k = 0; k < win[2].size(); ++k, ++o)
          m.weight.insert(m.weight.end(), static_cast<size_t>(m.begin[o + 1] - m.begin[o]),
                          weight(i, j, k));
    return m;
  }
  // Whether windows of one size also count one number of elements.
  bool even() const {
    const Alike s = alike(win[2]);
    return std::all_of(size[2].begin() + s.begin, size[2].begin() + s.end,
                       [&](double n) { return n == size[2][s.begin]; });
  }
  // Integers are divided towards zero.
  template <class T>
  T of(T total, size_t i, size_t j, size_t k) const {
    if constexpr (std::is_integral_v<T>)
      return total / static_cast<T>(count(i, j, k));
    else
      return static_cast<T>(total * weight(i, j, k));
  }
};

Tensor average(const Tensor& x, const Average& a, const Dims& out_sizes);
Tensor average_backward(const Tensor& g, const Average& a, const Dims& sizes) {
  if (is_half(g.dtype()))
    return through_float(g, [&](const Tensor& t) { return average_backward(t, a, sizes); });
  const bool small = a.small(g.dtype());
  Tensor gc = plain(g), x = small ? empty(sizes, g.dtype()) : zeros(sizes, g.dtype());
  if (small)
    weigh_planes(a.map().transposed(), a.p.count, gc, x);
  else
    for_floats(g.dtype(), [&]<class T>(Type<T>) {
      auto whole = [&](int64_t plane, int64_t at, size_t i, size_t j, const Alike& s,
                       const std::vector<int64_t>& offsets) {
        dispatch().pool.spread_row[kernel_index<T>](
            gc.data<T>() + at, s.stride, offsets.data(), static_cast<int64_t>(offsets.size()),
            s.end - s.begin, a.weight(i, j, s.begin), x.data<T>() + plane * a.p.in_size());
      };
      auto one = [&](int64_t plane, int64_t at, size_t i, size_t j, int64_t k) {
        T *o = x.data<T>() + plane * a.p.in_size(),
          share = static_cast<T>(gc.data<T>()[at] * a.weight(i, j, k));
        for (int64_t u = a.win[0][i].begin; u < a.win[0][i].end; ++u)
          for (int64_t v = a.win[1][j].begin; v < a.win[1][j].end; ++v)
            for (int64_t w = a.win[2][k].begin; w < a.win[2][k].end; ++w)
              o[(u * a.p.in[1] + v) * a.p.in[2] + w] += share;
      };
      for_windows(a.p, a.win, kUnitStep, a.even(), whole, one);
    });
  if (recording(g))
    record(x, "AvgPoolBackwardBackward0", {&g},
           [a, s = g.sizes()](const Tensor& gg) { return average(gg, a, s); });
  return x;
}

Tensor average(const Tensor& x, const Average& a, const Dims& out_sizes) {
  if (is_half(x.dtype()))
    return through_float(x, [&](const Tensor& t) { return average(t, a, out_sizes); });
  Tensor xc = plain(x), y = empty(out_sizes, x.dtype(), x.device());
  if (!x.is_meta() && a.small(x.dtype()))
    weigh_planes(a.map(), a.p.count, xc, y);
  else if (!x.is_meta())
    for_numbers(x.dtype(), [&]<class T>(Type<T>) {
      auto whole = [&](int64_t plane, int64_t at, size_t i, size_t j, const Alike& s,
                       const std::vector<int64_t>& offsets) {
        dispatch().pool.sum_row[kernel_index<T>](
            xc.data<T>() + plane * a.p.in_size(), s.stride, offsets.data(),
            static_cast<int64_t>(offsets.size()), s.end - s.begin, a.weight(i, j, s.begin),
            y.data<T>() + at);
      };
      auto one = [&](int64_t plane, int64_t at, size_t i, size_t j, int64_t k) {
        const T* in = xc.data<T>() + plane * a.p.in_size();
        T total = 0;
        for (int64_t u = a.win[0][i].begin; u < a.win[0][i].end; ++u)
          for (int64_t v = a.win[1][j].begin; v < a.win[1][j].end; ++v)
            for (int64_t w = a.win[2][k].begin; w < a.win[2][k].end; ++w)
              total = static_cast<T>(total + in[(u * a.p.in[1] + v) * a.p.in[2] + w]);
        y.data<T>()[at] = a.of(total, i, j, k);
      };
      for_windows(a.p, a.win, kUnitStep, has_kernel<T> && a.even(), whole, one);
    });
  if (recording(x))
    record(y, "AvgPoolBackward0", {&x},
           [a, s = x.sizes()](const Tensor& g) { return average_backward(g, a, s); });
  return y;
}

// Windows of adaptive pooling: as even as whole numbers allow.
void adaptive_windows(const Planes& p, std::vector<Range>* win) {
  for (int d = 0; d < 3; ++d)
    for (int64_t o = 0; o < p.out[d]; ++o)
      win[d].push_back({o * p.in[d] / p.out[d], ((o + 1) * p.in[d] + p.out[d] - 1) / p.out[d]});
}
Dims adaptive_size(const Tensor& x, const Dims& size, const char* op) {
  size_t n = size.size();
  LAMPAS_CHECK(x.sizes().size() == n + 1 || x.sizes().size() == n + 2, op, "(): Expected ", n + 1,
               "D or ", n + 2, "D tensor, but got ", x.sizes());
  Dims out;
  for (size_t i = 0; i < n; ++i) {
    int64_t in = x.sizes()[x.sizes().size() - n + i];
    LAMPAS_CHECK(
        in > 0, op,
        "(): Expected input to have non-zero size for non-batch dimensions, but input has sizes ",
        x.sizes());
    out.push_back(size[i] == -1 ? in : size[i]);
    LAMPAS_CHECK(out[i] >= 0, op,
                 "(): elements of output_size must be greater than or equal to 0 but received ",
                 size);
  }
  return out;
}
}  // namespace

std::vector<Tensor> max_pool(const Tensor& x, const PoolArgs& a, bool indices) {
  check_type(x.dtype() != DType::Bool && !is_complex(x.dtype()), x, "max_pool");
  Dims out = pooled(x, a, "max_pool");
  Windows win;
  int64_t step[3] = {1, 1, 1};
  size_t n = out.size(), lead = 3 - n;
  for (size_t d = 0; d < lead; ++d) win[d] = {{0, 1}};
  for (size_t i = 0; i < n; ++i) {
    int64_t in = x.sizes()[x.sizes().size() - n + i];
    step[lead + i] = a.dilation[i];
    for (int64_t o = 0; o < out[i]; ++o) {
      int64_t b = o * a.stride[i] - a.padding[i],
              e = std::min(b + (a.kernel[i] - 1) * a.dilation[i] + 1, in);
      while (b < 0) b += a.dilation[i];
      win[lead + i].push_back({b, e});
    }
  }
  return max_any(x, out, win, step, indices, "MaxPoolBackward0");
}

Tensor avg_pool(const Tensor& x, const PoolArgs& a) {
  check_type(is_floating(x.dtype()) || x.dtype() == DType::I64, x, "avg_pool");
  if (a.divisor) LAMPAS_CHECK(*a.divisor != 0, "divisor must be not zero");
  Dims out = pooled(x, a, "avg_pool");
  Average v;
  v.p = planes_of(x, out);
  v.divisor = a.divisor ? static_cast<double>(*a.divisor) : 0;
  size_t n = out.size(), lead = 3 - n;
  for (size_t d = 0; d < lead; ++d) v.win[d] = {{0, 1}}, v.size[d] = {1};
  for (size_t i = 0; i < n; ++i) {
    int64_t in = v.p.in[lead + i];
    for (int64_t o = 0; o < out[i]; ++o) {
      int64_t b = o * a.stride[i] - a.padding[i], e = std::min(b + a.kernel[i], in + a.padding[i]);
      int64_t padded = e - b;
      Range r{std::max<int64_t>(b, 0), std::min(e, in)};
      v.win[lead + i].push_back(r);
      v.size[lead + i].push_back(
          static_cast<double>(a.count_include_pad ? padded : r.end - r.begin));
    }
  }
  return average(x, v, result_sizes(x, out));
}

Tensor adaptive_avg_pool(const Tensor& x, const Dims& size) {
  check_float(x, "adaptive_avg_pool");
  Dims out = adaptive_size(x, size, "adaptive_avg_pool");
  if (product(out) == 1 && !is_half(x.dtype())) {  // one window: a mean
    Dims dims;
    for (size_t i = 0; i < out.size(); ++i) dims.push_back(-1 - static_cast<int64_t>(i));
    return mean(x, dims, true);
  }
  if (product(out) > 0) {
    if (is_half(x.dtype()))
      return through_float(x, [&](const Tensor& t) { return even_means(t, out); });
    return even_means(x, out);
  }
  Average v;
  v.p = planes_of(x, out);
  adaptive_windows(v.p, v.win);
  for (int d = 0; d < 3; ++d)
    for (const Range& r : v.win[d]) v.size[d].push_back(static_cast<double>(r.end - r.begin));
  return average(x, v, result_sizes(x, out));
}

std::vector<Tensor> adaptive_max_pool(const Tensor& x, const Dims& size, bool indices) {
  check_float(x, "adaptive_max_pool");
  Dims out = adaptive_size(x, size, "adaptive_max_pool");
  Windows win;
  adaptive_windows(planes_of(x, out), win);
  return max_any(x, out, win, kUnitStep, indices, "AdaptiveMaxPoolBackward0");
}

}  // namespace lampas::ops
