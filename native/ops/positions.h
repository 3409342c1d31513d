// What operators that take tensors of positions share. Tensors here are contiguous, positions
// int64.
#pragma once
#include <atomic>

#include "core/tensor.h"
#include "dispatch/dispatch.h"
#include "runtime/pool.h"

namespace lampas::ops {

// Calls `bad(v)`, which throws, with the first of the positions outside [low, high).
template <class F>
void check_within(const Tensor& at, int64_t low, int64_t high, const F& bad) {
  if (at.is_meta()) return;
  const auto* p = at.data<int64_t>();
  std::atomic<bool> all = true;
  parallel_ranges(at.numel(), 1 << 17, [&](int64_t b, int64_t e) {
    if (!dispatch().index.within(p + b, e - b, low, high))
      all.store(false, std::memory_order_relaxed);
  });
  if (all) [[likely]]
    return;
  while (*p >= low && *p < high) ++p;
  bad(*p);
}
// Positions in a dimension of n; an error in the words of index_select() and its relatives.
void check_range(const Tensor& at, int64_t n, const char* op, ErrorKind kind = ErrorKind::Index);

// to[o, i, :] = from[o, at[i], :].
void select_raw(const Tensor& to, const Tensor& from, const Tensor& at, int64_t dim);
// to[o, at[i], :] += from[o, i, :], in order.
void add_raw(const Tensor& to, const Tensor& from, const Tensor& at, int64_t dim);

// What gather() and scatter() ask of an index along `dim` of x.
void check_gather(const Tensor& x, int64_t dim, const Tensor& index, const char* op);
void check_scatter(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& source,
                   const char* op);
// y[index along dim] combined with source, which may be larger than index.
void combine_raw(const Tensor& y, int64_t dim, const Tensor& index, const Tensor& source,
                 kernels::Combine how, const char* op);

}  // namespace lampas::ops
