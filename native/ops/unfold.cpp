#include "ops/unfold.h"

#include "autograd/autograd.h"
#include "dispatch/dispatch.h"
#include "ops/copy.h"
#include "ops/create.h"
#include "ops/types.h"
#include "ops/views.h"

namespace lampas::ops {

namespace {
kernels::UnfoldShape shape_of(IntSpan size, const Patches& how) {
  kernels::UnfoldShape s{};
  for (size_t d = 0; d < 2; ++d) {
    s.size[d] = size[d];
    s.kernel[d] = how.kernel[d];
    s.dilation[d] = how.dilation[d];
    s.padding[d] = how.padding[d];
    s.stride[d] = how.stride[d];
    const int64_t reach = size[d] + 2 * how.padding[d] - how.dilation[d] * (how.kernel[d] - 1) - 1;
    s.blocks[d] = reach < 0 ? 0 : reach / how.stride[d] + 1;
    LAMPAS_CHECK(s.blocks[d] > 0, "Given input with spatial size ", size,
                 ", kernel_size=", how.kernel, ", dilation=", how.dilation,
                 ", padding=", how.padding, ", stride=", how.stride,
                 ": calculated shape of the array of sliding blocks is not positive");
  }
  return s;
}
int index_of_size(DType d) {
  int i = 0;
  while ((1 << i) < static_cast<int>(itemsize(d))) ++i;
  return i;
}
}  // namespace

Tensor unfold_patches(const Tensor& x, const Patches& how) {
  const Dims size{x.size(2), x.size(3)};
  const kernels::UnfoldShape s = shape_of(size, how);
  Tensor y = empty(Dims{x.size(0), x.size(1) * product(how.kernel), s.blocks[0] * s.blocks[1]},
                   x.dtype(), x.device());
  if (!x.is_meta() && y.numel())
    dispatch().unfold.unfold[index_of_size(x.dtype())](x.size(0) * x.size(1), s, plain(x).data(),
                                                       y.data(), kernel_env());
  if (recording(x))
    record(y, "Im2ColBackward0", {&x},
           [size, how](const Tensor& g) { return fold_patches(g, size, how); });
  return y;
}

Tensor fold_patches(const Tensor& x, IntSpan size, const Patches& how) {
  const DType d = x.dtype();
  if (is_complex(d)) {
    Tensor parts = movedim(view_as_real(x), Dims{-1}, Dims{0});
    Dims flat = x.sizes();
    flat[0] *= 2;
    Tensor y = fold_patches(reshape(parts, flat), size, how);
    Dims apart = y.sizes();
    apart[0] = x.size(0);
    apart.insert(0, 2);
    return view_as_complex(contiguous(movedim(reshape(y, apart), Dims{0}, Dims{-1})));
  }
  if (d != DType::F32 && d != DType::F64)
    return to_dtype(fold_patches(to_dtype(x, DType::F32), size, how), d);
  const kernels::UnfoldShape s = shape_of(size, how);
  const int64_t patch = product(how.kernel);
  LAMPAS_CHECK(x.size(1) % patch == 0,
               "Expected size of input's dimension 1 to be divisible by the product of "
               "kernel_size, but got input.size(1)=",
               x.size(1), " and kernel_size=", how.kernel, ".");
  LAMPAS_CHECK(x.size(2) == s.blocks[0] * s.blocks[1], "Given output_size=", size,
               ", kernel_size=", how.kernel, ", dilation=", how.dilation, ", padding=", how.padding,
               ", stride=", how.stride,
               ", expected size of input's dimension 2 to match the calculated number of sliding "
               "blocks ",
               s.blocks[0], " * ", s.blocks[1], " = ", s.blocks[0] * s.blocks[1],
               ", but got input.size(2)=", x.size(2), ".");
  Tensor y = empty(Dims{x.size(0), x.size(1) / patch, size[0], size[1]}, d, x.device());
  if (!x.is_meta() && y.numel())
    dispatch().unfold.fold[d == DType::F64 ? 1 : 0](x.size(0) * y.size(1), s, plain(x).data(),
                                                    y.data(), kernel_env());
  if (recording(x))
    record(y, "Col2ImBackward0", {&x}, [how](const Tensor& g) { return unfold_patches(g, how); });
  return y;
}

}  // namespace lampas::ops
