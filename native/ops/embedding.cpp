// Rows of a table, and sums of them.
#include <algorithm>

#include "autograd/autograd.h"
#include "ops/copy.h"
#include "ops/create.h"
#include "ops/indexing.h"
#include "ops/pointwise.h"
#include "ops/positions.h"
#include "ops/reduce.h"
#include "ops/views.h"

namespace lampas::ops {

namespace {
Tensor embedding_backward(const Tensor& g, const Dims& sizes, const Tensor& at, int64_t padding) {
  Tensor out = zeros(sizes, g.dtype(), g.device());
  check_range(at, sizes[0], "backward of embedding");
  Tensor rows = plain(reshape(g.alias(), Dims{at.numel(), sizes[1]}));
  add_raw(out, rows, reshape(at, Dims{-1}), 0);
  if (padding >= 0) fill_raw(select(out.alias(), 0, padding), 0);
  if (recording(g))
    record(out, "EmbeddingBackwardBackward0", {&g}, [saved = save(at), padding](const Tensor& gg) {
      Tensor at = saved();
      Tensor rows = embedding(gg, at, -1);
      if (padding < 0) return rows;
      Tensor hit = eq(at, padding);
      return masked_fill(rows, unsqueeze(hit, -1), 0);
    });
  return out;
}
}  // namespace

Tensor embedding(const Tensor& weight, const Tensor& index, int64_t padding_idx) {
  LAMPAS_CHECK(weight.dim() == 2, "'weight' must be 2-D, got shape ", weight.sizes());
  LAMPAS_CHECK(index.dtype() == DType::I64 || index.dtype() == DType::I32,
               "Expected tensor for argument #1 'indices' to have one of the following scalar "
               "types: Long, Int; but got ",
               dtype_name(index.dtype()),
               " instead (while checking arguments for embedding). Remedy: indices.long()");
  Tensor at = plain(to_dtype(index.alias(), DType::I64)), table = plain(weight);
  const int64_t n = weight.size(0);
  check_within(at, 0, n, [&](int64_t v) {
    fail(ErrorKind::Index, "index out of range in self: index ", v, " into an embedding of ", n,
         " rows (embedding, weight ", weight.sizes(), ")");
  });
  Dims sizes = index.sizes();
  sizes.push_back(weight.size(1));
  Tensor y = empty(sizes, weight.dtype(), weight.device());
  if (y.numel() && !y.is_meta()) select_raw(y, table, at, 0);
  if (recording(weight))
    record(y, "EmbeddingBackward0", {&weight},
           [s = weight.sizes(), at = save(at), padding_idx](const Tensor& g) {
             return embedding_backward(g, s, at(), padding_idx);
           });
  return y;
}

// ---- bags --------------------------------------------------------------------------------------
namespace {
// What the bags' gradients ask of an index: its bag, and its share in it, 0 where it has none.
struct Shares {
  Tensor bag, share;
};

template <class T>
void bags_forward(const Tensor& weight, const Tensor& index, const Tensor& begin, int64_t total,
                  BagMode mode, const Tensor& factors, int64_t padding, const Tensor& out,
                  const Shares& shares, const Tensor& which) {
  const int64_t bags = begin.numel(), n = weight.size(1);
  const auto& k = dispatch().index;
  const auto *at = index.data<int64_t>(), *first = begin.data<int64_t>();
  constexpr int I = std::is_same_v<T, double>;
  const T *w = weight.data<T>(), *f = factors.defined() ? factors.data<T>() : nullptr;
  T *y = out.data<T>(), *share = shares.share.data<T>();
  auto* bag = shares.bag.data<int64_t>();
  const int64_t work = n * std::max<int64_t>(1, total / std::max<int64_t>(bags, 1));
  parallel_ranges(bags, std::max<int64_t>(1, (1 << 15) / std::max<int64_t>(work, 1)),
                  [&](int64_t b0, int64_t b1) {
                    std::vector<int64_t> rows;  // of a bag, and their factors
                    std::vector<T> scales;
                    for (int64_t b = b0; b < b1; ++b) {
                      const int64_t from = std::clamp<int64_t>(first[b], 0, total);
                      const int64_t end =
                          b + 1 < bags ? std::clamp<int64_t>(first[b + 1], from, total) : total;
                      rows.clear();
                      scales.clear();
                      for (int64_t i = from; i < end; ++i) {
                        if (at[i] == padding) continue;
                        rows.push_back(at[i]);
                        if (f) scales.push_back(f[i]);
                        bag[i] = b;
                        share[i] = 1;
                      }
                      const auto count = static_cast<int64_t>(rows.size());
                      T* row = y + b * n;
                      if (count == 0) continue;
                      if (mode == BagMode::Max) {
                        int64_t* won = which.data<int64_t>() + b * n;
                        std::copy_n(w + rows[0] * n, n, row);
                        std::fill_n(won, n, rows[0]);
                        for (int64_t r : rows) k.take_max[I](row, won, w + r * n, r, n);
                        continue;
                      }
                      k.sum_rows[I](row, w, rows.data(), f ? scales.data() : nullptr, count, n);
                      if (mode == BagMode::Sum) continue;
                      for (int64_t c = 0; c < n; ++c) row[c] /= static_cast<T>(count);
                      for (int64_t i = from; i < end; ++i) share[i] /= static_cast<T>(count);
                    }
                  });
}
}  // namespace

Tensor embedding_bag(const Tensor& weight, const Tensor& index, const Tensor& begin, int64_t total,
                     BagMode mode, const Tensor& factors, int64_t padding) {
  LAMPAS_CHECK(weight.dim() == 2, "'weight' must be 2-D, got shape ", weight.sizes());
  const DType dtype = weight.dtype();
  LAMPAS_CHECK_KIND(NotImplemented, !is_complex(dtype), "\"embedding_bag\" not implemented for '",
                    dtype_name(dtype), "'");
  if (dtype != DType::F32 && dtype != DType::F64) {
    const DType wide = is_half(dtype) ? DType::F32 : DType::F64;
    return to_dtype(embedding_bag(to_dtype(weight, wide), index, begin, total, mode,
                                  factors.defined() ? to_dtype(factors, wide) : factors, padding),
                    dtype);
  }
  LAMPAS_CHECK(!factors.defined() || factors.dtype() == dtype,
               "embedding_bag: expected per_sample_weights of type ", dtype_name(dtype), ", got ",
               dtype_name(factors.dtype()));
  const int64_t bags = begin.numel(), n = weight.size(1);
  if (weight.is_meta() || index.is_meta())  // a shape with its graph
    return expand(sum(weight, Dims{0}), Dims{bags, n});
  Tensor at = plain(narrow(to_dtype(index.alias(), DType::I64), 0, 0, total));
  check_range(at, weight.size(0), "embedding_bag");
  Shares shares{zeros(Dims{total}, DType::I64), zeros(Dims{total}, dtype)};
  Tensor y = zeros(Dims{bags, n}, dtype), which;
  if (mode == BagMode::Max) which = zeros(Dims{bags, n}, DType::I64);
  Tensor f = factors.defined() ? plain(factors) : factors, table = plain(weight),
         first = plain(to_dtype(begin.alias(), DType::I64));
  dtype == DType::F64
      ? bags_forward<double>(table, at, first, total, mode, f, padding, y, shares, which)
      : bags_forward<float>(table, at, first, total, mode, f, padding, y, shares, which);
  if (!recording(weight, factors)) return y;
  Dims sizes = weight.sizes();
  if (mode == BagMode::Max) {
    // Empty bags have no winner: what is said to be theirs, row 0, gets nothing.
    Tensor filled = index_add(zeros(Dims{bags}, dtype), 0, shares.bag, shares.share, 1);
    Tensor any = unsqueeze(to_dtype(ne(filled, 0), dtype), 1);
    record(y, "EmbeddingBagBackward0", {&weight}, [=](const Tensor& g) {
      return scatter_add(zeros(sizes, g.dtype()), 0, which, g * any);
    });
    return y;
  }
  Saved table_saved = factors.defined() ? save(weight) : Saved(),
        factors_saved = factors.defined() ? save(factors) : Saved();
  record(y, "EmbeddingBagBackward0", {&weight, &factors},
         [=, saved = save(at), weighted = factors.defined()](const Tensor& g, Sink& sink) {
           Tensor at = saved();
           Tensor each = index_select(g, 0, shares.bag) * unsqueeze(shares.share, 1);
           if (weighted && sink.needs(1))
             sink.set(1, sum(each * index_select(table_saved(), 0, at), Dims{1}));
           if (!sink.needs(0)) return;
           if (weighted) each = each * unsqueeze(factors_saved(), 1);
           sink.set(0, index_add(zeros(sizes, g.dtype()), 0, at, each, 1));
         });
  return y;
}

}  // namespace lampas::ops
