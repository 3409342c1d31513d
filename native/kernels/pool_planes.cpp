// Pooling of planes that are too small for vectors along their rows: each lane has a plane.
#include <algorithm>
#include <atomic>

#include "kernels/gemm_block.h"
#include "kernels/simd/transpose.h"
#include "kernels/table.h"

namespace lampas::kernels::LAMPAS_ISA {

namespace {
template <class T>
struct Planes {
  static constexpr int W = Block<T>::lanes;
  using V = Vector<T, W>;
  using Index = std::conditional_t<sizeof(T) == 4, int32_t, int64_t>;

  const PlaneTaps& s;
  int64_t planes;
  const T* in;
  T* out;
  int32_t* at;
  const Env& env;
  mutable std::atomic<bool> complete = true;  // false: scratch memory was exhausted

  static V load(const T* p) {
    V v;
    std::memcpy(&v, p, sizeof v);
    return v;
  }
  static int64_t padded(int64_t n) { return (n + W - 1) / W * W * W; }

  // Rows of n elements to n vectors.
  static void gather(const T* from, int64_t n, T* to) {
    int64_t k = 0;
    for (; k + W <= n; k += W) transpose_block<T, W>(to + k * W, W, from + k, n);
    for (; k < n; ++k)
      for (int i = 0; i < W; ++i) to[k * W + i] = from[i * n + k];
  }
  // n vectors, readable as whole blocks, to rows, from `first` on.
  template <class U>
  static void scatter(const U* from, int64_t n, int64_t first, U* to) {
    for (int64_t k = 0; k < n; k += W) {
      if (!first && k + W <= n) {
        transpose_block<U, W>(to + k, n, from + k * W, W);
        continue;
      }
      U block[W * W];
      transpose_block<U, W>(block, W, from + k * W, W);
      for (int64_t i = first; i < W; ++i)
        std::copy_n(block + i * W, std::min<int64_t>(W, n - k), to + i * n + k);
    }
  }

  void maxima(const T* x, T* y, int32_t* where) const {
    for (int64_t o = 0; o < s.out; ++o) {
      const int32_t* tap = s.index + s.begin[o];
      const int32_t* const end = s.index + s.begin[o + 1];
      V top = load(x + int64_t{*tap} * W);
      Vector<Index, W> best = Index{*tap} - Vector<Index, W>{};
      while (++tap < end) {
        const V v = load(x + int64_t{*tap} * W);
        const auto more = (v > top) | (v != v);
        top = more ? v : top;
        best = more ? Index{*tap} - Vector<Index, W>{} : best;
      }
      std::memcpy(y + o * W, &top, sizeof top);
      const auto narrow = __builtin_convertvector(best, Vector<int32_t, W>);
      std::memcpy(where + o * W, &narrow, sizeof narrow);
    }
  }
  void sums(const T* x, T* y, int32_t*) const {
    const T* weight = static_cast<const T*>(s.weight);
    for (int64_t o = 0; o < s.out; ++o) {
      V sum = {};
      for (int32_t t = s.begin[o]; t < s.begin[o + 1]; ++t)
        sum += weight[t] * load(x + int64_t{s.index[t]} * W);
      std::memcpy(y + o * W, &sum, sizeof sum);
    }
  }

  template <void (Planes::*kBody)(const T*, T*, int32_t*) const>
  bool run(bool indices) const {
    struct Context {
      const Planes& job;
      int64_t each;
      bool indices;
    } context{*this, std::max<int64_t>(1, 16384 / (W * std::max(s.in, s.out))), indices};
    const int64_t groups = (planes - 1) / W + 1;
    env.parallel((groups - 1) / context.each + 1,
                 [](void* p, int64_t i) {
                   auto& [job, each, indices] = *static_cast<Context*>(p);
                   const PlaneTaps& s = job.s;
                   Scratch<T> x(job.env, s.in * W), y(job.env, padded(s.out));
                   Scratch<int32_t> where(job.env, indices ? padded(s.out) : 1);
                   if (!x || !y || !where) return job.complete.store(false);
                   for (int64_t g = i * each; g < (i + 1) * each && g * W < job.planes; ++g) {
                     // The last group repeats some planes of the one before it.
                     const int64_t plane = std::min(g * W, job.planes - W), first = g * W - plane;
                     gather(job.in + plane * s.in, s.in, x.get());
                     (job.*kBody)(x.get(), y.get(), where.get());
                     scatter(y.get(), s.out, first, job.out + plane * s.out);
                     if (job.at) scatter(where.get(), s.out, first, job.at + plane * s.out);
                   }
                 },
                 &context);
    return complete;
  }
};

template <class T>
bool max_planes(const PlaneTaps& s, int64_t planes, const void* in, void* out, int32_t* at,
                const Env& env) {
  Planes<T> job{s, planes, static_cast<const T*>(in), static_cast<T*>(out), at, env};
  return job.template run<&Planes<T>::maxima>(true);
}
template <class T>
bool weigh_planes(const PlaneTaps& s, int64_t planes, const void* in, void* out, const Env& env) {
  Planes<T> job{s, planes, static_cast<const T*>(in), static_cast<T*>(out), nullptr, env};
  return job.template run<&Planes<T>::sums>(false);
}
}  // namespace

void fill_pool_planes(PoolTable& t) {
  t.lanes[0] = Planes<float>::W;
  t.lanes[1] = Planes<double>::W;
  t.max_planes[0] = max_planes<float>;
  t.max_planes[1] = max_planes<double>;
  t.weigh_planes[0] = weigh_planes<float>;
  t.weigh_planes[1] = weigh_planes<double>;
}

}  // namespace lampas::kernels::LAMPAS_ISA
