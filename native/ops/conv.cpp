// Convolution: checks, forward and both gradients, each of which is a convolution again.
#include "ops/conv.h"

#include "autograd/autograd.h"
#include "ops/conv_plan.h"
#include "ops/copy.h"
#include "ops/create.h"
#include "ops/join.h"
#include "ops/matmul.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"
#include "ops/views.h"

namespace lampas::ops {

namespace {
Dims spatial(const Tensor& t) { return IntSpan(t.sizes()).subspan(2); }

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

// What to do about images whose channels are elsewhere, or nowhere; empty where nothing is likely.
const char* channel_remedy(const Tensor& x, int64_t channels, int64_t n) {
  if (n == 2 && x.size(3) == channels)
    return ". Did you mean x.permute(0, 3, 1, 2)? Channels come before height and width";
  if (n == 2 && x.size(0) == 1 && channels == 1)
    return ". Did you mean x.unsqueeze(1)? Images without channels are taken for channels of one";
  return "";
}

void check_conv(const Tensor& x, const Tensor& weight, const Tensor& bias, const ConvArgs& a) {
  auto n = static_cast<int64_t>(a.stride.size());
  LAMPAS_CHECK(weight.dim() == n + 2, "weight should have at least three dimensions: expected ",
               n + 2, "-dimensional weight for ", n, "d convolution, got ", weight.sizes());
  for (int64_t i = 0; i < n; ++i) {
    LAMPAS_CHECK(a.padding[i] >= 0, "negative padding is not supported");
    LAMPAS_CHECK(a.stride[i] > 0, "non-positive stride is not supported");
    LAMPAS_CHECK(a.dilation[i] > 0, "dilation should be greater than zero");
    // Beyond this the arithmetic of sizes would overflow.
    for (int64_t v : {a.stride[i], a.padding[i], a.dilation[i]})
      LAMPAS_CHECK(v < int64_t{1} << 31,
                   "convolution: stride, padding and dilation must be less than 2^31, got ", v);
    LAMPAS_CHECK(
        !a.transposed || a.output_padding[i] < std::max(a.stride[i], a.dilation[i]),
        "output padding must be smaller than either stride or dilation, but got output_padding ",
        a.output_padding);
  }
  LAMPAS_CHECK(a.groups > 0, "non-positive groups is not supported");
  LAMPAS_CHECK(x.dtype() == weight.dtype(), "Input type (", dtype_name(x.dtype()),
               ") and weight type (", dtype_name(weight.dtype()),
               ") should be the same. Remedy: input.to(weight.dtype)");
  LAMPAS_CHECK(!bias.defined() || bias.dtype() == x.dtype(), "Input type (", dtype_name(x.dtype()),
               ") and bias type (", dtype_name(bias.defined() ? bias.dtype() : x.dtype()),
               ") should be the same");
  int64_t o = a.transposed ? weight.size(1) * a.groups : weight.size(0),
          c = a.transposed ? weight.size(0) : weight.size(1) * a.groups;
  LAMPAS_CHECK(weight.size(0) % a.groups == 0, "Given groups=", a.groups,
               ", expected weight to be divisible by ", a.groups,
               " at dimension 0, but got weight of size ", weight.sizes(), " instead");
  LAMPAS_CHECK(weight.size(0) >= a.groups, "Given groups=", a.groups,
               ", expected weight to be at least ", a.groups,
               " at dimension 0, but got weight of size ", weight.sizes(), " instead");
  for (int64_t i = 0; i < n; ++i)
    LAMPAS_CHECK(weight.size(i + 2) > 0,
                 "kernel size should be greater than zero, but got weight of size ",
                 weight.sizes());
  LAMPAS_CHECK(x.size(1) == c, "Given groups=", a.groups, ", weight of size ", weight.sizes(),
               ", expected input", x.sizes(), " to have ", c, " channels, but got ", x.size(1),
               " channels instead", channel_remedy(x, c, n));
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
    if (size.empty() || product(size) == 0 || g.numel() == 0 || x.numel() == 0 || x.is_meta())
      gw = zeros(size, x.dtype(), x.device());
    else
      gw = a.transposed ? correlate_weight(x, g, a, size) : correlate_weight(g, x, a, size);
  }
  if (recording(g, x))
    record(gw, "ConvolutionWeightBackward0", {&g, &x},
           [g = save(g), x = save(x), a](const Tensor& gg, Sink& sink) {
             Tensor gv = g(), xv = x();
             if (sink.needs(0)) {
               sink.set(0, convolution(conj(xv), gg, Tensor(), a));
             }
             if (!sink.needs(1)) return;
             ConvArgs b = a;
             b.transposed = !a.transposed;
             b.output_padding = Dims(a.stride.size(), 0);
             if (!a.transposed) {
               Dims shown = conv_output(gv, gg, b), in = spatial(xv);
               for (size_t i = 0; i < in.size(); ++i) b.output_padding[i] = in[i] - shown[i];
             }
             sink.set(1, cut_to(convolution(conj(gv), gg, Tensor(), b), spatial(xv)));
           });
  return gw;
}

}  // namespace

Tensor convolution(const Tensor& x, const Tensor& weight, const Tensor& bias, const ConvArgs& a) {
  check_conv(x, weight, bias, a);
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
      y = a.transposed ? correlate_input(x, weight, bias, a, out)
                       : correlate(x, weight, bias, a, out);
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
               sink.set(0, cut_to(convolution(g, conj(k), Tensor(), b), in));
             }
             if (sink.needs(1)) sink.set(1, conv_weight_grad(g, conj(v), k.sizes(), a));
             if (sink.needs(2)) {
               Dims dims{0};
               for (int64_t d = 2; d < g.dim(); ++d) dims.push_back(d);
               sink.set(2, sum(g, dims));
             }
           });
  return y;
}

}  // namespace lampas::ops
