#include <cmath>
#include <limits>

#include "autograd/autograd.h"
#include "ops/copy.h"
#include "ops/create.h"
#include "ops/indexing.h"
#include "ops/pointwise.h"
#include "ops/positions.h"
#include "ops/types.h"
#include "ops/views.h"

namespace lampas::ops {

namespace {
// What a product or extreme of nothing is, as a value of the type.
Scalar neutral(DType d, const std::string& reduce) {
  if (reduce == "prod") return 1;
  const bool most = reduce == "amin";
  if (is_floating(d)) return most ? INFINITY : -INFINITY;
  Scalar limit;
  for_dtype(d, [&]<class T>(Type<T>) {
    if constexpr (std::is_integral_v<T>)
      limit = static_cast<int64_t>(most ? std::numeric_limits<T>::max()
                                        : std::numeric_limits<T>::lowest());
  });
  return limit;
}

// The reduced values, without a graph: extremes and products one element at a time, in index order.
Tensor combine(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& source,
               const std::string& reduce, bool include_self) {
  GradGuard off(false);
  Tensor y = include_self ? contiguous(clone(x.alias()))
                          : scatter(x.alias(), dim, index, neutral(x.dtype(), reduce));
  if (x.is_meta()) return y;
  using kernels::Combine;
  combine_raw(y, dim, index, source,
              reduce == "prod"   ? Combine::Product
              : reduce == "amax" ? Combine::Max
                                 : Combine::Min,
              "scatter_reduce");
  return y;
}
}  // namespace

Tensor scatter_reduce(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& source,
                      const std::string& reduce, bool include_self) {
  LAMPAS_CHECK(reduce == "sum" || reduce == "prod" || reduce == "mean" || reduce == "amax" ||
                   reduce == "amin",
               "reduce argument must be either sum, prod, mean, amax or amin, got ", reduce);
  dim = wrap_dim(dim, x.dim());
  check_scatter(x, dim, index, source, "scatter_reduce");
  if (reduce == "sum" || reduce == "mean") {
    Tensor summed = scatter_add(include_self ? x : scatter(x, dim, index, 0), dim, index, source);
    if (reduce == "sum") return summed;
    DType count_type = is_floating(x.dtype()) ? x.dtype() : DType::I64;
    Tensor base = ones(x.sizes(), count_type, x.device());
    if (!include_self) base = scatter(base, dim, index, 0);
    Tensor count = scatter_add(base, dim, index, ones(index.sizes(), count_type, x.device()));
    count = clamp(count, Scalar(1), {});
    return is_integral(x.dtype()) ? to_dtype(floor_divide(summed, count), x.dtype())
                                  : div(summed, count);
  }
  LAMPAS_CHECK(!is_complex(x.dtype()) || reduce == "prod", "scatter_reduce(): ", reduce,
               " is not defined for complex tensors");
  Tensor y = combine(x, dim, index, source, reduce, include_self);
  if (recording(x, source))
    record(y, "ScatterReduceBackward0", {&x, &source},
           [x = save(x), source = save(source), index = save(index), y = Saved::output(y), dim,
            reduce, include_self](const Tensor& g, Sink& out) {
             Tensor a = x(), b = source(), at = index(), r = y();
             Tensor part = b;
             for (int64_t d = 0; d < at.dim(); ++d) part = narrow(part, d, 0, at.size(d));
             auto place = [&](const Tensor& t) {
               if (t.sizes() == b.sizes()) return t;
               Tensor whole = zeros(b.sizes(), g.dtype()), corner = whole;
               for (int64_t d = 0; d < at.dim(); ++d) corner = narrow(corner, d, 0, at.size(d));
               copy_(corner, t);
               return whole;
             };
             if (reduce == "prod") {
               Tensor gx = g * where(eq(a, 0),
                                     scatter_reduce(ones_like(a), dim, at, b, "prod", true), r / a);
               out.set(0, include_self ? gx : scatter(g, dim, at, 0));
               if (!out.needs(1)) return;
               // A source's gradient is the product of the others: without it if it is the only
               // zero there.
               Tensor zero = eq(part, 0), none = zeros(a.sizes(), part.dtype());
               Tensor zeros_there =
                   gather(scatter_add(none, dim, at, to_dtype(zero, part.dtype())), dim, at);
               Tensor only = logical_and(zero, eq(zeros_there, 1));
               Tensor others =
                   scatter_reduce(a, dim, at, masked_fill(part, only, 1.0), "prod", include_self);
               out.set(1, place(where(only, gather(g * others, dim, at),
                                      gather(g * r, dim, at) / masked_fill(part, zero, 1.0))));
               return;
             }
             // Equal extremes share the gradient.
             Tensor hit_x = to_dtype(eq(a, r), g.dtype()),
                    hit_b = to_dtype(eq(part, gather(r, dim, at)), g.dtype());
             if (!include_self) hit_x = scatter(hit_x, dim, at, 0);
             Tensor all = scatter_add(hit_x, dim, at, hit_b);
             Tensor each = g / clamp(all, Scalar(1), {});
             if (out.needs(0)) out.set(0, include_self ? hit_x * each : scatter(g, dim, at, 0));
             if (out.needs(1)) out.set(1, place(hit_b * gather(each, dim, at)));
           });
  return y;
}

}  // namespace lampas::ops
