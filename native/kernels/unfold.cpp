#include "kernels/unfold.h"

#include <algorithm>
#include <type_traits>

#include "kernels/simd/by_size.h"
#include "kernels/table.h"

namespace lampas::kernels::LAMPAS_ISA {

namespace {
struct Range {
  int64_t begin, end;
};
struct Job {
  const UnfoldShape& s;
  const void* in;
  void* out;
  int64_t planes, each;  // planes of a task

  int64_t image() const { return s.size[0] * s.size[1]; }
  int64_t blocks() const { return s.blocks[0] * s.blocks[1]; }
  int64_t columns() const { return s.kernel[0] * s.kernel[1] * blocks(); }
  // Pixel of block 0 along dimension d, for element k of the patch.
  int64_t first(int d, int64_t k) const { return k * s.dilation[d] - s.padding[d]; }
  // The blocks whose pixel lies in the image.
  Range inside(int d, int64_t k) const {
    const int64_t from = first(d, k), step = s.stride[d];
    const int64_t begin = from < 0 ? (-from + step - 1) / step : 0;
    const int64_t end = from >= s.size[d] ? 0 : (s.size[d] - 1 - from) / step + 1;
    return {std::min(begin, s.blocks[d]),
            std::clamp(end, std::min(begin, s.blocks[d]), s.blocks[d])};
  }
};
template <class F>
void for_stride(int64_t stride, const F& f) {
  switch (stride) {
    case 1:
      return f(std::integral_constant<int64_t, 1>());
    case 2:
      return f(std::integral_constant<int64_t, 2>());
    default:
      return f(stride);
  }
}
// f(row of the image from the first pixel on, row of blocks, first block, one past the last) for
// every row of blocks that meets the image; outside(row of blocks, begin, end) for the rest of it.
template <class F, class Outside>
void for_rows(const Job& job, const F& f, const Outside& outside) {
  const UnfoldShape& s = job.s;
  for (int64_t a = 0; a < s.kernel[0]; ++a) {
    const Range rows = job.inside(0, a);
    for (int64_t b = 0; b < s.kernel[1]; ++b) {
      const Range cols = job.inside(1, b);
      const int64_t patch = (a * s.kernel[1] + b) * job.blocks();
      outside(patch, patch + rows.begin * s.blocks[1]);
      for (int64_t i = rows.begin; i < rows.end; ++i) {
        const int64_t block = patch + i * s.blocks[1],
                      pixel = (job.first(0, a) + i * s.stride[0]) * s.size[1] + job.first(1, b);
        outside(block, block + cols.begin);
        f(pixel, block, cols.begin, cols.end);
        outside(block + cols.end, block + s.blocks[1]);
      }
      outside(patch + rows.end * s.blocks[1], patch + job.blocks());
    }
  }
}

template <class T>
void unfold_plane(const Job& job, int64_t plane) {
  const T* in = static_cast<const T*>(job.in) + plane * job.image();
  T* out = static_cast<T*>(job.out) + plane * job.columns();
  for_stride(job.s.stride[1], [&](auto step) {
    for_rows(
        job,
        [&](int64_t pixel, int64_t block, int64_t begin, int64_t end) {
          const T* from = in + pixel;
          T* to = out + block;
#pragma GCC ivdep
          for (int64_t j = begin; j < end; ++j) to[j] = from[j * step];
        },
        [&](int64_t begin, int64_t end) {
          for (int64_t j = begin; j < end; ++j) out[j] = T();
        });
  });
}
template <class T>
void fold_plane(const Job& job, int64_t plane) {
  const T* in = static_cast<const T*>(job.in) + plane * job.columns();
  T* out = static_cast<T*>(job.out) + plane * job.image();
  std::fill_n(out, job.image(), T(0));
  for_stride(job.s.stride[1], [&](auto step) {
    for_rows(
        job,
        [&](int64_t pixel, int64_t block, int64_t begin, int64_t end) {
          const T* from = in + block;
          T* to = out + pixel;
#pragma GCC ivdep
          for (int64_t j = begin; j < end; ++j) to[j * step] += from[j];
        },
        [](int64_t, int64_t) {});
  });
}

template <void (*kPlane)(const Job&, int64_t)>
void run(int64_t planes, const UnfoldShape& s, const void* in, void* out, const Env& env) {
  Job job{s, in, out, planes, 1};
  job.each = std::max<int64_t>(1, 16384 / std::max<int64_t>(job.columns(), 1));
  env.parallel((planes - 1) / job.each + 1,
               [](void* p, int64_t i) {
                 const Job& job = *static_cast<Job*>(p);
                 const int64_t end = std::min(job.planes, (i + 1) * job.each);
                 for (int64_t plane = i * job.each; plane < end; ++plane) kPlane(job, plane);
               },
               &job);
}
}  // namespace

void fill_unfold(Table& t) {
  t.unfold = {{run<unfold_plane<uint8_t>>, run<unfold_plane<uint16_t>>, run<unfold_plane<uint32_t>>,
               run<unfold_plane<uint64_t>>, run<unfold_plane<Word16>>},
              {run<fold_plane<float>>, run<fold_plane<double>>}};
}

}  // namespace lampas::kernels::LAMPAS_ISA
