// Group normalisation: Wu and He, "Group Normalization", 2018.
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
  Tensor mean, rstd;  // float64, one of each image and group
  double eps;
  kernels::GroupShape shape;
};
int index_of(DType d) { return d == DType::F64 ? 1 : 0; }
const void* data_or_null(const Tensor& t) { return t.defined() ? t.data() : nullptr; }

// The gradients in public operators, for second derivatives.
void formula(const Tensor& g, const Tensor& x, const Tensor& w, const Statistics& s, Sink& out) {
  const auto& [images, groups, channels, size] = s.shape;
  const Dims grouped{images, groups, channels * size}, split{images, groups * channels, size},
      last{-1}, others{0, 2};
  Tensor flat = reshape(x, grouped), centred = flat - mean(flat, last, true);
  Tensor r = rsqrt(mean(centred * centred, last, true) + s.eps), h = centred * r;
  Tensor gs = reshape(g, split);
  if (out.needs(0)) {
    Tensor gw = reshape(w.defined() ? gs * reshape(w, Dims{1, groups * channels, 1}) : gs, grouped);
    out.set(0, reshape((gw - mean(gw, last, true) - h * mean(gw * h, last, true)) * r, x.sizes()));
  }
  if (out.needs(1)) out.set(1, sum(gs * reshape(h, split), others));
  if (out.needs(2)) out.set(2, sum(gs, others));
}

void backward(const Tensor& g, const Tensor& x, const Tensor& w, const Statistics& s, Sink& out) {
  Tensor gc = plain(g), xc = plain(x), wc = w.defined() ? plain(w) : w, gx;
  const Dims each{s.shape.images, s.shape.groups * s.shape.channels};
  Tensor gw = empty(each, DType::F64), gb = empty(each, DType::F64);
  if (out.needs(0)) gx = empty(x.sizes(), x.dtype());
  dispatch().groups.backward[index_of(x.dtype())](
      s.shape, gc.data(), xc.data(), data_or_null(wc), s.mean.data<double>(), s.rstd.data<double>(),
      gx.defined() ? gx.data() : nullptr, gw.data<double>(), gb.data<double>(), kernel_env());
  if (out.needs(0)) out.set(0, gx);
  if (out.needs(1)) out.set(1, to_dtype(sum(gw, Dims{0}), x.dtype()));
  if (out.needs(2)) out.set(2, to_dtype(sum(gb, Dims{0}), x.dtype()));
}
}  // namespace

Tensor group_norm(const Tensor& x, int64_t groups, const Tensor& weight, const Tensor& bias,
                  double eps) {
  const int64_t images = x.size(0), c = x.size(1);
  Statistics s{
      {}, {}, eps, {images, groups, c / groups, x.numel() / std::max<int64_t>(images * c, 1)}};
  Tensor xc = plain(x), wc = weight.defined() ? plain(weight) : weight,
         bc = bias.defined() ? plain(bias) : bias, y = empty(x.sizes(), x.dtype(), x.device());
  s.mean = empty(Dims{images * groups}, DType::F64, x.device());
  s.rstd = empty(Dims{images * groups}, DType::F64, x.device());
  if (!x.is_meta())
    dispatch().groups.normalize[index_of(x.dtype())](s.shape, xc.data(), data_or_null(wc),
                                                     data_or_null(bc), eps, s.mean.data<double>(),
                                                     s.rstd.data<double>(), y.data(), kernel_env());
  if (recording(x, weight, bias))
    record(y, "NativeGroupNormBackward0", {&x, &weight, &bias},
           [x = save(x), w = save(weight), s](const Tensor& g, Sink& out) {
             Tensor v = x();
             (grad_enabled() || v.is_meta() ? formula : backward)(g, v, w(), s, out);
           });
  return y;
}

}  // namespace lampas::ops
