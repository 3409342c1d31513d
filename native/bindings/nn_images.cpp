// Images of other sizes, sampled at any position, in patches.
#include "bindings/args.h"
#include "bindings/module.h"
#include "ops/grid_sample.h"
#include "ops/ops.h"
#include "ops/resample.h"
#include "ops/unfold.h"

namespace lampas::py {

namespace {
Tensor resize(const Args& a) {
  ops::Resize how{a.ints(1), a.reals(2), a.text(3), a.flag(4), a.flag(5)};
  LAMPAS_CHECK(how.size.size() == how.factor.size() && how.size.size() <= 3 &&
                   how.size.size() < a.tensor(0).sizes().size(),
               "_resize: expected one to three sizes and as many factors, got ", how.size);
  return ops::resize(a.tensor(0), how);
}
// Which pixel stands at each position of a padded row; a negative number takes pixels away first.
int64_t wrapped(int64_t at, int64_t n, int64_t before, int64_t after, const std::string& mode) {
  if (mode == "circular") {
    const int64_t first = std::max<int64_t>(-before, 0),
                  kept = n - first + std::min<int64_t>(after, 0);
    LAMPAS_CHECK(kept > 0, "pad: padding (", before, ", ", after,
                 ") leaves nothing of a dimension of size ", n, " to repeat");
    return first + ((at - first) % kept + kept) % kept;
  }
  if (mode == "reflect") return n - 1 - std::abs(n - 1 - std::abs(at));
  return std::clamp<int64_t>(at, 0, n - 1);
}
// Of one dimension, which may be a long signal, the ends are pieces of it.
Tensor pad_ends(const Tensor& x, int64_t before, int64_t after, const std::string& mode) {
  const int64_t n = x.size(-1);
  auto end = [&](int64_t circular, int64_t reflected, int64_t edge, int64_t size) {
    if (mode == "circular") return ops::narrow(x, -1, circular, size);
    if (mode == "reflect") return ops::flip(ops::narrow(x, -1, reflected, size), Dims{-1});
    Dims wide = x.sizes();
    wide[wide.size() - 1] = size;
    return ops::expand(ops::narrow(x, -1, edge, 1), wide);
  };
  return ops::cat({end(n - before, 1, 0, before), x, end(0, n - 1 - after, n - 1, after)}, -1);
}
Tensor pad_with_pixels(const Args& a) {
  const Tensor& x = a.tensor(0);
  const Dims pad = a.ints(1);
  const size_t dims = pad.size() / 2;
  LAMPAS_CHECK(dims >= 1 && dims <= 3 && pad.size() % 2 == 0 && x.sizes().size() >= dims,
               "_pad_with_pixels: expected two numbers for each of one to three dimensions, got ",
               pad, " for an input of sizes ", x.sizes());
  const std::string mode = a.text(2);
  if (dims == 1 && x.numel() && pad[0] >= 0 && pad[1] >= 0 && pad[0] + pad[1] > 0)
    return pad_ends(x, pad[0], pad[1], mode);
  std::vector<Dims> index(dims);
  for (size_t i = 0; i < dims; ++i) {
    const int64_t n = x.sizes()[x.sizes().size() - dims + i], before = pad[2 * (dims - 1 - i)],
                  after = pad[2 * (dims - 1 - i) + 1];
    for (int64_t at = -before; at < n + after; ++at)
      index[i].push_back(wrapped(at, n, before, after, mode));
  }
  return ops::gather_axes(x, index);
}

ops::Patches patches(const Args& a, int first) {
  return {a.ints(first), a.ints(first + 1), a.ints(first + 2), a.ints(first + 3)};
}

ops::GridSampling sampling(const Args& a, int first) {
  return {static_cast<int>(a.integer(first)), static_cast<int>(a.integer(first + 1)),
          a.flag(first + 2)};
}

#define PATCHES "int[2] kernel_size, int[2] dilation, int[2] padding, int[2] stride"
constexpr Definition kRows[] = {
    {"_unfold_patches(Tensor input, " PATCHES ")",
     LAMPAS_FN(ops::unfold_patches(a.tensor(0), patches(a, 1))), kFunction,
     "The work of nn.functional.unfold, for a batch, arguments checked."},
    {"_fold_patches(Tensor input, int[2] output_size, " PATCHES ")",
     LAMPAS_FN(ops::fold_patches(a.tensor(0), a.ints(1), patches(a, 2))), kFunction,
     "The work of nn.functional.fold, for a batch, arguments checked."},
    {"_resize(Tensor input, int[] size, float[] factor, str mode, bool align_corners, bool "
     "antialias)",
     LAMPAS_FN(resize(a)), kFunction, "The work of nn.functional.interpolate, arguments checked."},
    {"_grid_sample(Tensor input, Tensor grid, int mode, int padding, bool align_corners)",
     LAMPAS_FN(ops::grid_sample(a.tensor(0), a.tensor(1), sampling(a, 2))), kFunction,
     "The values of nn.functional.grid_sample, without a graph, arguments checked."},
    {"_grid_sample_backward(Tensor grad, Tensor input, Tensor grid, int mode, int padding, bool "
     "align_corners, bool of_input, bool of_grid)",
     LAMPAS_FN(ops::grid_sample_backward(a.tensor(0), a.tensor(1), a.tensor(2), sampling(a, 3),
                                         a.flag(6), a.flag(7))),
     kFunction, "Its gradients of input and grid; an empty tensor where not wanted."},
    {"_pad_with_pixels(Tensor input, int[] pad, str mode)", LAMPAS_FN(pad_with_pixels(a)),
     kFunction, "The work of nn.functional.pad with pixels of the image, arguments checked."},
};
}  // namespace

void define_images(PyObject* module) { define(module, kRows); }

}  // namespace lampas::py
