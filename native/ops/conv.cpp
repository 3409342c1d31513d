// Convolution as a matrix product: each group's patches are the columns of a matrix.
#include "ops/conv.h"

#include "autograd/autograd.h"
#include "ops/copy.h"
#include "ops/create.h"
#include "ops/join.h"
#include "ops/matmul.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"
#include "ops/types.h"
#include "ops/views.h"
#include "runtime/pool.h"

namespace lampas::ops {

namespace {
// The window of a convolution over one image: sizes padded to three spatial dimensions.
struct Window {
  int64_t in[3] = {1, 1, 1}, out[3] = {1, 1, 1}, kernel[3] = {1, 1, 1};
  int64_t stride[3] = {1, 1, 1}, pad[3] = {0, 0, 0}, dilation[3] = {1, 1, 1};
  int64_t taps() const { return kernel[0] * kernel[1] * kernel[2]; }
  int64_t in_size() const { return in[0] * in[1] * in[2]; }
  int64_t out_size() const { return out[0] * out[1] * out[2]; }
};

Window window_of(IntSpan in, IntSpan out, IntSpan kernel, const ConvArgs& a) {
  Window w;
  size_t n = kernel.size(), lead = 3 - n;
  for (size_t i = 0; i < n; ++i) {
    w.in[lead + i] = in[i];
    w.out[lead + i] = out[i];
    w.kernel[lead + i] = kernel[i];
    w.stride[lead + i] = a.stride[i];
    w.pad[lead + i] = a.padding[i];
    w.dilation[lead + i] = a.dilation[i];
  }
  return w;
}

// f(offset of the column row, offset in the image, valid) along the innermost output dimension.
template <class T, bool Gather>
void walk_patches(const Window& w, T* image, T* columns, int64_t channels) {
  int64_t L = w.out_size(), plane = w.in_size();
  auto one = [&](int64_t row) {
    int64_t tap = row % w.taps(), c = row / w.taps();
    int64_t k2 = tap % w.kernel[2], k1 = tap / w.kernel[2] % w.kernel[1],
            k0 = tap / w.kernel[2] / w.kernel[1];
    T *col = columns + row * L, *img = image + c * plane;
    for (int64_t o0 = 0; o0 < w.out[0]; ++o0) {
      int64_t i0 = o0 * w.stride[0] - w.pad[0] + k0 * w.dilation[0];
      for (int64_t o1 = 0; o1 < w.out[1]; ++o1, col += w.out[2]) {
        int64_t i1 = o1 * w.stride[1] - w.pad[1] + k1 * w.dilation[1];
        if (i0 < 0 || i0 >= w.in[0] || i1 < 0 || i1 >= w.in[1]) {
          if constexpr (Gather)
            for (int64_t o2 = 0; o2 < w.out[2]; ++o2) col[o2] = T(0);
          continue;
        }
        T* line = img + (i0 * w.in[1] + i1) * w.in[2];
        int64_t i2 = k2 * w.dilation[2] - w.pad[2];
        for (int64_t o2 = 0; o2 < w.out[2]; ++o2, i2 += w.stride[2]) {
          bool inside = i2 >= 0 && i2 < w.in[2];
          if constexpr (Gather)
            col[o2] = inside ? line[i2] : T(0);
          else if (inside)
            line[i2] = static_cast<T>(line[i2] + col[o2]);
        }
      }
    }
  };
  // Scattering adds taps of one channel to the same memory: a channel at a time per task.
  if constexpr (Gather)
    parallel_ranges(channels * w.taps(), std::max<int64_t>(1, 16384 / std::max<int64_t>(L, 1)),
                    [&](int64_t b, int64_t e) {
                      for (int64_t r = b; r < e; ++r) one(r);
                    });
  else
    parallel_for(channels, [&](int64_t c) {
      for (int64_t t = 0; t < w.taps(); ++t) one(c * w.taps() + t);
    });
}

// [N, C, in...] -> [N, C * taps, L] and its adjoint.
Tensor unfold_patches(const Tensor& x, const Window& w) {
  Tensor xc = plain(x), y = empty(Dims{x.size(0), x.size(1) * w.taps(), w.out_size()}, x.dtype());
  for_dtype(x.dtype(), [&]<class T>(Type<T>) {
    if constexpr (!std::is_same_v<T, f16> && !std::is_same_v<T, bf16> && !std::is_same_v<T, bool>)
      walk_patches<T, true>(w, xc.data<T>(), y.data<T>(), x.size(0) * x.size(1));
  });
  return y;
}
Tensor fold_patches(const Tensor& cols, const Window& w, int64_t channels, IntSpan in) {
  Dims sizes{cols.size(0), channels};
  for (int64_t s : in) sizes.push_back(s);
  Tensor c = plain(cols), x = zeros(sizes, cols.dtype());
  for_dtype(x.dtype(), [&]<class T>(Type<T>) {
    if constexpr (!std::is_same_v<T, f16> && !std::is_same_v<T, bf16> && !std::is_same_v<T, bool>)
      walk_patches<T, false>(w, x.data<T>(), c.data<T>(), cols.size(0) * channels);
  });
  return x;
}

Dims spatial(const Tensor& t) { return IntSpan(t.sizes()).subspan(2); }

// Forward, without a graph: patches times weights, group by group.
Tensor correlate(const Tensor& x, const Tensor& weight, const ConvArgs& a, IntSpan out_size) {
  Window w = window_of(spatial(x), out_size, spatial(weight), a);
  int64_t n = x.size(0), g = a.groups, o = weight.size(0), cg = weight.size(1);
  Tensor cols = reshape(unfold_patches(x, w), Dims{n * g, cg * w.taps(), w.out_size()});
  Tensor wm = reshape(weight.alias(), Dims{1, g, o / g, cg * w.taps()});
  Tensor wide =
      reshape(expand(wm, Dims{n, g, o / g, cg * w.taps()}), Dims{n * g, o / g, cg * w.taps()});
  if (g == 1) wide = reshape(weight.alias(), Dims{1, o, cg * w.taps()});
  Tensor y = matmul(g == 1 ? expand(wide, Dims{n, o, cg * w.taps()}) : wide, cols);
  Dims sizes{n, o};
  for (int64_t s : out_size) sizes.push_back(s);
  return reshape(y, sizes);
}

// The gradient of correlate with respect to x: weights times gradients, folded back.
Tensor correlate_input(const Tensor& gy, const Tensor& weight, const ConvArgs& a, IntSpan in_size) {
  Window w = window_of(in_size, spatial(gy), spatial(weight), a);
  int64_t n = gy.size(0), g = a.groups, o = weight.size(0), cg = weight.size(1);
  Tensor wm = transpose(reshape(weight.alias(), Dims{1, g, o / g, cg * w.taps()}), 2, 3);
  Tensor gm = reshape(gy.alias(), Dims{n, g, o / g, w.out_size()});
  Tensor cols = matmul(expand(wm, Dims{n, g, cg * w.taps(), o / g}), gm);
  return fold_patches(reshape(cols, Dims{n, g * cg * w.taps(), w.out_size()}), w, g * cg, in_size);
}

// The gradient of correlate with respect to the weight: gradients times patches, over the batch.
Tensor correlate_weight(const Tensor& gy, const Tensor& x, const ConvArgs& a, IntSpan weight_size) {
  Window w = window_of(spatial(x), spatial(gy), weight_size.subspan(2), a);
  int64_t n = x.size(0), g = a.groups, o = weight_size[0], cg = weight_size[1];
  Tensor cols = reshape(unfold_patches(x, w), Dims{n, g, cg * w.taps(), w.out_size()});
  Tensor gm = reshape(gy.alias(), Dims{n, g, o / g, w.out_size()});
  Tensor gw = sum(matmul(gm, transpose(cols, 2, 3)), Dims{0});
  return reshape(gw, weight_size);
}

Dims conv_output(const Tensor& x, const Tensor& weight, const ConvArgs& a) {
  Dims out;
  for (size_t i = 0; i < a.stride.size(); ++i) {
    int64_t in = x.size(static_cast<int64_t>(i) + 2), k = weight.size(static_cast<int64_t>(i) + 2);
    if (a.transposed)
      out.push_back((in - 1) * a.stride[i] - 2 * a.padding[i] + a.dilation[i] * (k - 1) +
                    a.output_padding[i] + 1);
    else
      out.push_back((in + 2 * a.padding[i] - a.dilation[i] * (k - 1) - 1) / a.stride[i] + 1);
  }
  return out;
}

void check_conv(const Tensor& x, const Tensor& weight, const Tensor& bias, const ConvArgs& a) {
  auto n = static_cast<int64_t>(a.stride.size());
  LAMPAS_CHECK(weight.dim() == n + 2, "weight should have at least three dimensions: expected ",
               n + 2, "-dimensional weight for ", n, "d convolution, got ", weight.sizes());
  for (int64_t i = 0; i < n; ++i) {
    LAMPAS_CHECK(a.padding[i] >= 0, "negative padding is not supported");
    LAMPAS_CHECK(a.stride[i] > 0, "non-positive stride is not supported");
    LAMPAS_CHECK(a.dilation[i] > 0, "dilation should be greater than zero");
    LAMPAS_CHECK(
        !a.transposed || a.output_padding[i] < std::max(a.stride[i], a.dilation[i]),
        "output padding must be smaller than either stride or dilation, but got output_padding ",
        a.output_padding);
  }
  LAMPAS_CHECK(a.groups > 0, "non-positive groups is not supported");
  LAMPAS_CHECK(x.dtype() == weight.dtype(), "Input type (", dtype_name(x.dtype()),
               ") and weight type (", dtype_name(weight.dtype()), ") should be the same");
  LAMPAS_CHECK(!bias.defined() || bias.dtype() == x.dtype(), "Input type (", dtype_name(x.dtype()),
               ") and bias type (", dtype_name(bias.defined() ? bias.dtype() : x.dtype()),
               ") should be the same");
  int64_t o = a.transposed ? weight.size(1) * a.groups : weight.size(0),
          c = a.transposed ? weight.size(0) : weight.size(1) * a.groups;
  LAMPAS_CHECK(weight.size(0) % a.groups == 0, "Given groups=", a.groups,
               ", expected weight to be divisible by ", a.groups,
               " at dimension 0, but got weight of size ", weight.sizes(), " instead");
  LAMPAS_CHECK(x.size(1) == c, "Given groups=", a.groups, ", weight of size ", weight.sizes(),
               ", expected input", x.sizes(), " to have ", c, " channels, but got ", x.size(1),
               " channels instead");
  LAMPAS_CHECK(!bias.defined() || (bias.dim() == 1 && bias.size(0) == o), "Given weight of size ",
               weight.sizes(), ", expected bias to be 1-dimensional with ", o,
               " elements, but got bias of size ", bias, " instead");
  for (int64_t i = 0; i < n && !a.transposed; ++i)
    LAMPAS_CHECK(x.size(i + 2) + 2 * a.padding[i] >= a.dilation[i] * (weight.size(i + 2) - 1) + 1,
                 "Calculated padded input size per channel: (", x.size(i + 2) + 2 * a.padding[i],
                 "). Kernel size: (", a.dilation[i] * (weight.size(i + 2) - 1) + 1,
                 "). Kernel size can't be greater than actual input size");
}

// Without what an output padding as large as the stride adds.
Tensor cut_to(Tensor t, const Dims& size) {
  for (size_t i = 0; i < size.size(); ++i)
    if (t.size(static_cast<int64_t>(i) + 2) != size[i])
      t = narrow(t, static_cast<int64_t>(i) + 2, 0, size[i]);
  return t;
}

// The weight's gradient, itself differentiable: bilinear in g and x.
Tensor conv_weight_grad(const Tensor& g, const Tensor& x, const Dims& size, const ConvArgs& a) {
  Tensor gw;
  {
    GradGuard off(false);
    gw = a.transposed ? correlate_weight(x, g, a, size) : correlate_weight(g, x, a, size);
  }
  if (recording(g, x))
    record(gw, "ConvolutionWeightBackward0", {&g, &x},
           [g = save(g), x = save(x), a](const Tensor& gg, Sink& sink) {
             Tensor gv = g(), xv = x();
             if (sink.needs(0)) {
               sink.set(0, convolution(xv, gg, Tensor(), a));
             }
             if (!sink.needs(1)) return;
             ConvArgs b = a;
             b.transposed = !a.transposed;
             b.output_padding = Dims(a.stride.size(), 0);
             if (!a.transposed) {
               Dims shown = conv_output(gv, gg, b), in = spatial(xv);
               for (size_t i = 0; i < in.size(); ++i) b.output_padding[i] = in[i] - shown[i];
             }
             sink.set(1, cut_to(convolution(gv, gg, Tensor(), b), spatial(xv)));
           });
  return gw;
}

Tensor add_bias(const Tensor& y, const Tensor& bias) {
  Dims shape(y.sizes().size(), 1);
  shape[1] = bias.numel();
  return add(y, reshape(bias.alias(), shape));
}
}  // namespace

Tensor convolution(const Tensor& x, const Tensor& weight, const Tensor& bias, const ConvArgs& a) {
  check_conv(x, weight, bias, a);
  if (is_half(x.dtype())) {
    auto wide = [](const Tensor& t) { return t.defined() ? to_dtype(t, DType::F32) : t; };
    return to_dtype(convolution(wide(x), wide(weight), wide(bias), a), x.dtype());
  }
  Dims out = conv_output(x, weight, a);
  for (int64_t s : out)
    LAMPAS_CHECK(s > 0 || x.numel() == 0 || s == 0, "Given input size per channel: ", spatial(x),
                 ". Calculated output size per channel: ", out, ". Output size is too small");
  Tensor y;
  {
    GradGuard off(false);
    Dims sizes{x.size(0), a.transposed ? weight.size(1) * a.groups : weight.size(0)};
    for (int64_t s : out) sizes.push_back(s);
    if (x.is_meta() || product(sizes) == 0 || x.numel() == 0)
      y = zeros(sizes, x.dtype(), x.device());
    else
      y = a.transposed ? correlate_input(x, weight, a, out) : correlate(x, weight, a, out);
    if (bias.defined()) y = add_bias(y, bias);
  }
  if (recording(x, weight, bias))
    record(y, "ConvolutionBackward0", {&x, &weight, &bias},
           [x = save(x), w = save(weight), a, in = spatial(x)](const Tensor& g, Sink& sink) {
             Tensor v = x(), k = w();
             // Each gradient is a convolution itself, so second derivatives need nothing new.
             if (sink.needs(0)) {
               ConvArgs b = a;
               b.transposed = !a.transposed;
               if (!a.transposed) {
                 b.output_padding = Dims(in.size(), 0);
                 Dims shown = conv_output(g, k, b);
                 for (size_t i = 0; i < in.size(); ++i) b.output_padding[i] = in[i] - shown[i];
               }
               sink.set(0, cut_to(convolution(g, k, Tensor(), b), in));
             }
             if (sink.needs(1)) sink.set(1, conv_weight_grad(g, v, k.sizes(), a));
             if (sink.needs(2)) {
               Dims dims{0};
               for (int64_t d = 2; d < g.dim(); ++d) dims.push_back(d);
               sink.set(2, sum(g, dims));
             }
           });
  return y;
}

}  // namespace lampas::ops
