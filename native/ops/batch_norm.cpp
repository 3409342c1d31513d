// Batch normalisation: Ioffe and Szegedy, "Batch Normalization", 2015.
#include "autograd/autograd.h"
#include "dispatch/dispatch.h"
#include "ops/copy.h"
#include "ops/create.h"
#include "ops/nn.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"
#include "ops/views.h"

namespace lampas::ops {

namespace {
struct Statistics {
  Tensor mean, rstd, var;  // float64, one of each channel
  double eps;
  bool fresh;  // of the batch itself
};

kernels::ChannelShape shape_of(const Tensor& x) {
  int64_t n = x.size(0), c = x.size(1);
  return {n, c, x.numel() / (n * c)};
}
int index_of(DType d) { return d == DType::F64 ? 1 : 0; }
const void* data_or_null(const Tensor& t) { return t.defined() ? t.data() : nullptr; }

Dims other_dims(const Tensor& x) {
  Dims dims{0};
  for (int64_t d = 2; d < x.dim(); ++d) dims.push_back(d);
  return dims;
}
Tensor per_channel(const Tensor& t, const Tensor& x) {
  Dims sizes(x.sizes().size(), 1);
  sizes[1] = t.numel();
  return reshape(t, sizes);
}

// The gradients in public operators, for second derivatives.
void formula(const Tensor& g, const Tensor& x, const Tensor& w, const Statistics& s, Sink& out) {
  Dims dims = other_dims(x);
  Tensor centred, r;
  if (s.fresh) {
    centred = x - mean(x, dims, true);
    r = rsqrt(mean(centred * centred, dims, true) + s.eps);
  } else {
    centred = x - per_channel(to_dtype(s.mean, x.dtype()), x);
    r = per_channel(to_dtype(s.rstd, x.dtype()), x);
  }
  Tensor h = centred * r;
  if (out.needs(0)) {
    Tensor gw = w.defined() ? g * per_channel(w, x) : g;
    if (s.fresh) gw = gw - mean(gw, dims, true) - h * mean(gw * h, dims, true);
    out.set(0, gw * r);
  }
  if (out.needs(1)) out.set(1, sum(g * h, dims));
  if (out.needs(2)) out.set(2, sum(g, dims));
}

void backward(const Tensor& g, const Tensor& x, const Tensor& w, const Statistics& s, Sink& out) {
  Tensor gc = plain(g), xc = plain(x), wc = w.defined() ? plain(w) : w, gx;
  Tensor gw = empty(s.mean.sizes(), DType::F64), gb = empty(s.mean.sizes(), DType::F64);
  if (out.needs(0)) gx = empty(x.sizes(), x.dtype());
  dispatch().channels.backward[index_of(x.dtype())](
      shape_of(x), gc.data(), xc.data(), data_or_null(wc), s.fresh, s.mean.data<double>(),
      s.rstd.data<double>(), gx.defined() ? gx.data() : nullptr, gw.data<double>(),
      gb.data<double>(), kernel_env());
  if (out.needs(0)) out.set(0, gx);
  if (out.needs(1)) out.set(1, to_dtype(gw, x.dtype()));
  if (out.needs(2)) out.set(2, to_dtype(gb, x.dtype()));
}
}  // namespace

Normalized normalize_channels(const Tensor& x, const Tensor& weight, const Tensor& bias,
                              const Tensor& mean, const Tensor& var, double eps) {
  Statistics s{{}, {}, {}, eps, !mean.defined()};
  Dims channels{x.size(1)};
  if (s.fresh) {
    s.mean = empty(channels, DType::F64, x.device());
    s.rstd = empty(channels, DType::F64, x.device());
    s.var = empty(channels, DType::F64, x.device());
  } else {
    GradGuard off(false);
    s.mean = plain(to_dtype(reshape(mean, channels), DType::F64));
    s.var = to_dtype(reshape(var, channels), DType::F64);
    s.rstd = plain(rsqrt(s.var + eps));
  }
  Tensor xc = plain(x), wc = weight.defined() ? plain(weight) : weight,
         bc = bias.defined() ? plain(bias) : bias, y = empty(x.sizes(), x.dtype(), x.device());
  if (!x.is_meta())
    dispatch().channels.normalize[index_of(x.dtype())](
        shape_of(x), xc.data(), data_or_null(wc), data_or_null(bc), eps, s.fresh,
        s.mean.data<double>(), s.rstd.data<double>(), s.fresh ? s.var.data<double>() : nullptr,
        y.data(), kernel_env());
  if (recording(x, weight, bias))
    record(y, "NativeBatchNormBackward0", {&x, &weight, &bias},
           [x = save(x), w = save(weight), s](const Tensor& g, Sink& out) {
             Tensor v = x();
             (grad_enabled() || v.is_meta() ? formula : backward)(g, v, w(), s, out);
           });
  return {y, s.mean, s.var};
}

}  // namespace lampas::ops
