#include "ops/planes.h"

#include "ops/copy.h"

namespace lampas::ops {

namespace {
constexpr int64_t kMostElements = 4096;  // of a plane: a vector of such planes fits a cache
constexpr int64_t kMostTaps = 1 << 16;

int index_of(DType d) { return d == DType::F64 ? 1 : 0; }
void check_memory(bool done) {
  LAMPAS_CHECK_KIND(Memory, done, "pooling or resampling: no memory for a few planes");
}
}  // namespace

PlaneMap PlaneMap::transposed() const {
  PlaneMap t;
  t.in = out;
  t.out = in;
  t.begin.assign(static_cast<size_t>(in) + 1, 0);
  for (int32_t i : index) ++t.begin[static_cast<size_t>(i) + 1];
  for (size_t i = 0; i < static_cast<size_t>(in); ++i) t.begin[i + 1] += t.begin[i];
  t.index.resize(index.size());
  t.weight.resize(index.size());
  std::vector<int32_t> next = t.begin;
  for (size_t o = 0; o < static_cast<size_t>(out); ++o)
    for (auto k = static_cast<size_t>(begin[o]); k < static_cast<size_t>(begin[o + 1]); ++k) {
      const auto to = static_cast<size_t>(next[static_cast<size_t>(index[k])]++);
      t.index[to] = static_cast<int32_t>(o);
      t.weight[to] = weight[k];
    }
  return t;
}

bool side_by_side(DType d, int64_t planes, int64_t in, int64_t out, int64_t columns, int64_t taps) {
  if (d != DType::F32 && d != DType::F64) return false;
  const int lanes = dispatch().pool.lanes[index_of(d)];
  return planes >= lanes && columns <= 2 * lanes && std::max(in, out) <= kMostElements &&
         taps <= kMostTaps;
}

void max_planes(const PlaneMap& map, int64_t planes, const Tensor& x, const Tensor& y,
                const Tensor& at) {
  const kernels::PlaneTaps taps{map.in, map.out, map.begin.data(), map.index.data(), nullptr};
  check_memory(dispatch().pool.max_planes[index_of(x.dtype())](
      taps, planes, x.data(), y.data(), at.defined() ? at.data<int32_t>() : nullptr, kernel_env()));
}

void weigh_planes(const PlaneMap& map, int64_t planes, const Tensor& x, const Tensor& y) {
  std::vector<float> narrow;
  kernels::PlaneTaps taps{map.in, map.out, map.begin.data(), map.index.data(), map.weight.data()};
  if (x.dtype() == DType::F32) {
    narrow.assign(map.weight.begin(), map.weight.end());
    taps.weight = narrow.data();
  }
  check_memory(dispatch().pool.weigh_planes[index_of(x.dtype())](taps, planes, x.data(), y.data(),
                                                                 kernel_env()));
}

}  // namespace lampas::ops
