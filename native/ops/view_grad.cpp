#include "ops/view_grad.h"

#include "autograd/autograd.h"
#include "ops/copy.h"
#include "ops/create.h"
#include "ops/views.h"

namespace lampas::ops {

namespace {
int64_t extent(const Geometry& g) {
  int64_t last = 0;
  for (size_t i = 0; i < g.sizes.size(); ++i) {
    if (g.sizes[i] == 0) return 0;
    last += (g.sizes[i] - 1) * g.strides[i];
  }
  return last + 1;
}

// Whether two index tuples may name the same element.
bool overlaps(const Geometry& g) {
  Dims order(g.sizes.size(), 0);
  for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int64_t>(i);
  std::sort(order.begin(), order.end(),
            [&](int64_t a, int64_t b) { return g.strides[a] < g.strides[b]; });
  int64_t reach = 0;  // largest offset of the dimensions so far
  for (int64_t d : order) {
    if (g.sizes[d] <= 1) continue;
    if (g.strides[d] <= reach) return true;
    reach += (g.sizes[d] - 1) * g.strides[d];
  }
  return false;
}

template <class T>
void add_elements(T* to, const T* from, const Geometry& g) {
  Dims at(g.sizes.size(), 0);
  int64_t n = product(g.sizes);
  for (int64_t i = 0; i < n; ++i) {
    int64_t where = 0;
    for (size_t d = 0; d < at.size(); ++d) where += at[d] * g.strides[d];
    to[where] += from[i];
    for (size_t d = at.size(); d-- > 0;) {
      if (++at[d] < g.sizes[d]) break;
      at[d] = 0;
    }
  }
}

void add_overlapping(const Tensor& to, const Tensor& from, const Geometry& g) {
  Tensor dense = plain(from);
  switch (to.dtype()) {
    case DType::F32:
      return add_elements(to.data<float>(), dense.data<float>(), g);
    case DType::F64:
      return add_elements(to.data<double>(), dense.data<double>(), g);
    case DType::C64:
      return add_elements(to.data<c64>(), dense.data<c64>(), g);
    case DType::C128:
      return add_elements(to.data<c128>(), dense.data<c128>(), g);
    default:
      fail(ErrorKind::Assertion, "scatter_view: no gradient of type ", dtype_name(to.dtype()));
  }
}
}  // namespace

Tensor scatter_view(const Tensor& g, const Geometry& from, const Geometry& to) {
  if (is_half(g.dtype()))
    return to_dtype(scatter_view(to_dtype(g, DType::F32), from, to), g.dtype());
  // The memory both geometries lie in, from its first element that either of them touches.
  int64_t low = std::min(from.offset, to.offset);
  int64_t size = std::max(from.offset - low + extent(from), to.offset - low + extent(to));
  bool simple = from.strides == contiguous_strides(from.sizes) && to.offset >= from.offset &&
                to.offset - from.offset + extent(to) <= product(from.sizes);
  Tensor memory =
      simple ? zeros(from.sizes, g.dtype(), g.device()) : zeros(Dims{size}, g.dtype(), g.device());
  if (!g.is_meta()) {
    Geometry place{to.sizes, to.strides, to.offset - (simple ? from.offset : low)};
    Tensor part = memory.alias(place.sizes, place.strides, place.offset);
    if (overlaps(place))
      add_overlapping(memory.alias(Dims{memory.numel() - place.offset}, Dims{1}, place.offset),
                      g.alias(), place);
    else
      copy_raw(part, g);
  }
  Tensor out = memory;
  if (!simple) {
    Tensor strided = memory.alias(from.sizes, from.strides, from.offset - low);
    if (overlaps({from.sizes, from.strides, 0})) {
      // Elements that x names more than once share their gradient: each gets it all divided among
      // its names, as PyTorch does for expanded inputs.
      Tensor counts = zeros(Dims{size}, g.dtype());
      add_overlapping(
          counts, ones(from.sizes, g.dtype()),
          from.offset == low ? from : Geometry{from.sizes, from.strides, from.offset - low});
      out = engine_math.divide(clone(strided),
                               clone(counts.alias(from.sizes, from.strides, from.offset - low)));
    } else {
      out = clone(strided);
    }
  }
  if (recording(g))
    record(out, "ScatterViewBackward", {&g}, [from, to](const Tensor& gg) {
      if (from.strides == contiguous_strides(from.sizes)) {
        Tensor dense = contiguous(gg);
        return as_strided(dense, to.sizes, to.strides, dense.offset() + to.offset - from.offset);
      }
      // Lay the second gradient out as x lies, so that the view's geometry fits it.
      int64_t first = std::min(from.offset, to.offset);
      int64_t last = std::max(from.offset + extent(from), to.offset + extent(to));
      Geometry flat{{last - first}, {1}, 0}, there{from.sizes, from.strides, from.offset - first};
      return as_strided(scatter_view(gg, flat, there), to.sizes, to.strides, to.offset - first);
    });
  return out;
}

}  // namespace lampas::ops
