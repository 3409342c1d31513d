#include "ops/grid_sample.h"

#include "dispatch/dispatch.h"
#include "ops/copy.h"
#include "ops/create.h"

namespace lampas::ops {

namespace {
int index_of(DType d) { return d == DType::F64 ? 1 : 0; }

kernels::GridShape shape_of(const Tensor& x, const Tensor& grid, const GridSampling& how) {
  kernels::GridShape s{};
  s.images = x.size(0);
  s.channels = x.size(1);
  s.dims = static_cast<int>(x.dim()) - 2;
  int64_t plane = 1;
  for (int64_t d = 0; d < 3; ++d) {
    s.size[d] = d < 3 - s.dims ? 1 : x.size(d - 3);
    plane *= s.size[d];
  }
  LAMPAS_CHECK(plane < (int64_t{1} << 31), "grid_sample: images of up to 2**31 pixels, got sizes ",
               x.sizes());
  s.points = s.images ? grid.numel() / (s.images * s.dims) : 0;
  s.mode = static_cast<kernels::GridMode>(how.mode);
  s.padding = static_cast<kernels::GridPadding>(how.padding);
  s.corners = how.align_corners;
  return s;
}
}  // namespace

Tensor grid_sample(const Tensor& x, const Tensor& grid, const GridSampling& how) {
  Dims sizes{x.size(0), x.size(1)};
  for (int64_t d = 1; d + 1 < grid.dim(); ++d) sizes.push_back(grid.size(d));
  Tensor y = empty(sizes, x.dtype(), x.device());
  if (!x.is_meta() && y.numel())
    dispatch().grid.sample[index_of(x.dtype())](shape_of(x, grid, how), plain(x).data(),
                                                plain(grid).data(), y.data(), kernel_env());
  return y;
}

std::vector<Tensor> grid_sample_backward(const Tensor& g, const Tensor& x, const Tensor& grid,
                                         const GridSampling& how, bool of_input, bool of_grid) {
  const Dims none{0};
  Tensor gx = empty(of_input ? x.sizes() : none, x.dtype(), x.device()),
         ggrid = empty(of_grid ? grid.sizes() : none, x.dtype(), x.device());
  if (x.is_meta()) return {gx, ggrid};
  if (!g.numel()) {
    fill_raw(gx, 0);
    fill_raw(ggrid, 0);
    return {gx, ggrid};
  }
  dispatch().grid.backward[index_of(x.dtype())](
      shape_of(x, grid, how), plain(g).data(), plain(x).data(), plain(grid).data(),
      of_input ? gx.data() : nullptr, of_grid ? ggrid.data() : nullptr, kernel_env());
  return {gx, ggrid};
}

}  // namespace lampas::ops
