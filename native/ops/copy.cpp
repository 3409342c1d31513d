#include "ops/copy.h"

#include <cstring>

#include "autograd/autograd.h"
#include "dispatch/dispatch.h"
#include "iter/loop.h"
#include "ops/create.h"
#include "ops/views.h"
#include "runtime/pool.h"

namespace lampas::ops {

void fill_raw(const Tensor& to, const Scalar& value) {
  if (to.is_meta() || to.numel() == 0) return;
  alignas(16) char one[16] = {};
  value.store(to.dtype(), one);
  if (to.is_contiguous()) {
    auto* p = static_cast<char*>(to.data());
    const int item = itemsize(to.dtype());
    parallel_ranges(to.numel(), 1 << 17, [&](int64_t b, int64_t e) {
      dispatch().pointwise.fill(p + b * item, one, e - b, item);
    });
    return;
  }
  Loop loop(to);
  loop.add_scalar(one, to.dtype());
  loop.run_copy();
}

void copy_raw(const Tensor& to, const Tensor& from) {
  if (to.is_meta() || to.numel() == 0) return;
  LAMPAS_CHECK(!from.is_meta(), "cannot copy out of a meta tensor: it has no data");
  if (to.is_contiguous() && from.is_contiguous() && to.sizes() == from.sizes()) {
    auto *d = static_cast<char*>(to.data()), *s = static_cast<char*>(from.data());
    const int out = itemsize(to.dtype()), in = itemsize(from.dtype());
    if (to.dtype() == from.dtype()) {
      parallel_ranges(to.numel(), 1 << 17, [&](int64_t b, int64_t e) {
        std::memmove(d + b * out, s + b * in, static_cast<size_t>((e - b) * out));
      });
    } else {
      auto cast =
          dispatch().pointwise.cast[static_cast<int>(to.dtype())][static_cast<int>(from.dtype())];
      parallel_ranges(to.numel(), 1 << 15,
                      [&](int64_t b, int64_t e) { cast(d + b * out, s + b * in, e - b); });
    }
    return;
  }
  Loop loop(to);
  loop.add(from);
  loop.run_copy();
}

Dims dense_strides(const Tensor& x) {
  size_t n = x.sizes().size();
  Dims order(n, 0), strides(n, 0);
  for (size_t i = 0; i < n; ++i) order[i] = static_cast<int64_t>(i);
  std::stable_sort(order.begin(), order.end(),
                   [&](int64_t a, int64_t b) { return x.stride(a) > x.stride(b); });
  // Broadcast dimensions have no place of their own in memory: then row-major.
  for (size_t i = 0; i < n; ++i)
    if (x.stride(static_cast<int64_t>(i)) == 0 && x.size(static_cast<int64_t>(i)) != 1)
      return contiguous_strides(x.sizes());
  int64_t step = 1;
  for (size_t i = n; i-- > 0;) {
    strides[order[i]] = step;
    step *= std::max<int64_t>(x.size(order[i]), 1);
  }
  return strides;
}

namespace {
Tensor copied(const Tensor& x, Tensor y, const char* name) {
  copy_raw(y, x);
  if (recording(x)) record(y, name, {&x}, [](const Tensor& g) { return g; });
  return y;
}
}  // namespace

Tensor clone(const Tensor& x) { return copied(x, empty_like(x), "CloneBackward0"); }

Tensor contiguous(const Tensor& x) {
  if (x.is_contiguous()) return x;
  return copied(x, empty(x.sizes(), x.dtype(), x.device()), "CloneBackward0");
}

Tensor to_dtype(const Tensor& x, DType dtype) {
  if (x.dtype() == dtype) return x;
  return copied(x, empty_like(x, dtype), "ToCopyBackward0");
}

void copy_(const Tensor& self, const Tensor& from) {
  Tensor source = from;
  // Overlapping memory, x[1:] = x[:-1] say: the source is read as it was before.
  if (from.storage_ref() == self.storage_ref() && !from.is(self)) source = clone(from.alias());
  LAMPAS_CHECK(expandable(source.sizes(), self.sizes()), "copy_: The expanded size of the tensor ",
               self.sizes(), " must match the existing size ", from.sizes());
  copy_raw(self, source);
  Ref<Node> node;
  if (recording(self, from) && is_differentiable(self.dtype())) {
    auto f = [](const Tensor& g, Sink& out) {
      if (out.needs(0)) out.set(0, zeros_like(g));
      out.set(1, g);
    };
    node = make_ref<FunctionNode<decltype(f)>>("CopyBackwards", f);
    node->edges.push_back(gradient_edge(self));
    node->edges.push_back(gradient_edge(from));
  }
  after_inplace(self, node);
}

void fill_(const Tensor& self, const Scalar& value) {
  fill_raw(self, value);
  Ref<Node> node;
  if (recording(self) && is_differentiable(self.dtype())) {
    auto f = [](const Tensor& g, Sink& out) { out.set(0, zeros_like(g)); };
    node = make_ref<FunctionNode<decltype(f)>>("FillBackward0", f);
    node->edges.push_back(gradient_edge(self));
  }
  after_inplace(self, node);
}

}  // namespace lampas::ops
