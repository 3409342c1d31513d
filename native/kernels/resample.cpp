#include "kernels/resample.h"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "kernels/simd/vector.h"
#include "kernels/table.h"

namespace lampas::kernels::LAMPAS_ISA {

namespace {
#if defined(__clang__)
constexpr int kLanes = 0;  // shuffles there take constants only
#elif defined(__AVX512F__)
constexpr int kLanes = 16;
#elif defined(__AVX2__)
constexpr int kLanes = 8;
#else
constexpr int kLanes = 0;
#endif

template <class T>
Vector<T, kLanes ? kLanes : 1> load(const T* p) {
  Vector<T, kLanes ? kLanes : 1> v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

// The first n lanes, all of them in one piece.
template <class V, class T>
[[gnu::always_inline]] inline void store(const V& v, int64_t n, T* to) {
  constexpr int64_t lanes = sizeof(V) / sizeof(T);
  if (n >= lanes) {
    std::memcpy(to, &v, sizeof v);
  } else {
    for (int64_t k = 0; k < n; ++k) to[k] = v[k];
  }
}

// ---- along a row ------------------------------------------------------------------------------
#if !defined(__clang__)
// Lane i: in[lane[i]] of the 2 * kLanes elements from `in`.
template <class T>
[[gnu::always_inline]] inline auto pick(const T* in, Vector<int32_t, kLanes ? kLanes : 1> lane) {
  return __builtin_shuffle(load(in), load(in + kLanes), lane);
}
// The same of index[i] for a vector of outputs and the base of its tap.
template <class T>
[[gnu::always_inline]] inline auto pick_at(const T* in, const int32_t* index, int32_t base) {
  using V = Vector<T, kLanes ? kLanes : 1>;
  if (base >= 0) return pick(in + base, load(index) - base);
  if (base < -1) {
    const auto lane = load(index) - (-2 - base);
    in += -2 - base;
    const V near = pick(in, lane), far = pick(in + 2 * kLanes, lane);
    return lane < 2 * kLanes ? near : far;
  }
  T far[kLanes ? kLanes : 1];
  for (int k = 0; k < kLanes; ++k) far[k] = in[index[k]];
  return load(far);
}
template <class T>
void across_vectors(const ResampleAxis& a, const T* in, T* out) {
  using V = Vector<T, kLanes ? kLanes : 1>;
  const T* weight = static_cast<const T*>(a.weight);
  for (int64_t j = 0, v = 0; j < a.out; j += kLanes, ++v) {
    V sum = {};
    for (int64_t t = 0; t < a.width; ++t) {
      const int64_t at = t * a.stride + j;
      sum += load(weight + at) * pick_at(in, a.index + at, a.base[v * a.width + t]);
    }
    store(sum, a.out - j, out + j);
  }
}
#endif
// `in` can be read for 2 * kLanes elements even where the axis is shorter.
template <class T>
void across(const ResampleAxis& a, const T* in, T* out) {
#if !defined(__clang__)
  if constexpr (kLanes && sizeof(T) == 4)
    if (a.base) return across_vectors(a, in, out);
#endif
  const T* weight = static_cast<const T*>(a.weight);
  for (int64_t j = 0; j < a.out; ++j) {
    T sum = weight[j] * in[a.index[j]];
    for (int64_t t = 1; t < a.count[j]; ++t)
      sum += weight[t * a.stride + j] * in[a.index[t * a.stride + j]];
    out[j] = a.count[j] ? sum : T(0);
  }
}

// ---- along a column ---------------------------------------------------------------------------
// out[k] (+)= the sum of w[t] * rows[t][k] over up to four rows.
template <class T>
void add_rows(const T* const* r, const T* w, int64_t taps, bool first, int64_t n, T* out) {
  const T *a = r[0], *b = r[1], *c = r[2], *d = r[3];
  const T wa = w[0], wb = w[1], wc = w[2], wd = w[3];
  auto run = [&](auto f) __attribute__((always_inline)) {
    if (first) {
#pragma GCC ivdep
      for (int64_t k = 0; k < n; ++k) out[k] = f(k);
    } else {
#pragma GCC ivdep
      for (int64_t k = 0; k < n; ++k) out[k] += f(k);
    }
  };
  switch (taps) {
    case 1:
      return run([&](int64_t k) __attribute__((always_inline)) { return wa * a[k]; });
    case 2:
      return run([&](int64_t k) __attribute__((always_inline)) { return wa * a[k] + wb * b[k]; });
    case 3:
      return run([&](int64_t k)
                     __attribute__((always_inline)) { return wa * a[k] + wb * b[k] + wc * c[k]; });
    default:
      return run([&](int64_t k) __attribute__((always_inline)) {
        return (wa * a[k] + wb * b[k]) + (wc * c[k] + wd * d[k]);
      });
  }
}
// Row j of the output: of rows of n elements, row `top` of the axis at `in`.
template <class T>
void down(const ResampleAxis& a, int64_t j, const T* in, int64_t top, int64_t n, T* out) {
  constexpr int64_t kColumns = 1024;
  const T* weight = static_cast<const T*>(a.weight);
  const int64_t count = a.count[j];
  if (!count) std::fill_n(out, n, T(0));
  for (int64_t begin = 0; begin < n; begin += kColumns)
    for (int64_t t = 0; t < count; t += 4) {
      const int64_t taps = std::min<int64_t>(4, count - t);
      const T* rows[4] = {};
      T w[4] = {};
      for (int64_t i = 0; i < taps; ++i) {
        rows[i] = in + (a.index[(t + i) * a.stride + j] - top) * n + begin;
        w[i] = weight[(t + i) * a.stride + j];
      }
      add_rows(rows, w, taps, t == 0, std::min(kColumns, n - begin), out + begin);
    }
}

// The longest run of an axis that lies in order in the input.
struct Run {
  int64_t begin = 0, end = 0;
};
Run longest_run(const ResampleAxis& a) {
  Run best, now;
  for (int64_t j = 0; j < a.out; ++j) {
    if (j == 0 || a.index[j] != a.index[j - 1] + 1) now.begin = j;
    now.end = j + 1;
    if (now.end - now.begin > best.end - best.begin) best = now;
  }
  return best;
}
// ---- planes, in bands of output rows ----------------------------------------------------------

struct Job {
  int64_t planes;
  const ResampleAxis &y, &x;
  const void* in;
  void* out;
  const Env& env;
  int64_t band = 1, bands = 1;                // output rows of a task, tasks of a plane
  Run run = {};                               // of x, for copies
  mutable std::atomic<bool> complete = true;  // false: scratch memory was exhausted

  int64_t rows(int64_t first) const { return std::min(band, y.out - first); }
  // Input rows that a band reads.
  void reach(int64_t first, int64_t* top, int64_t* bottom) const {
    *top = first;
    *bottom = first + rows(first);
    if (!y.width) return;
    *top = y.in;
    *bottom = 0;
    for (int64_t t = 0; t < y.width; ++t)
      for (int64_t j = first; j < first + rows(first); ++j) {
        *top = std::min<int64_t>(*top, y.index[t * y.stride + j]);
        *bottom = std::max<int64_t>(*bottom, y.index[t * y.stride + j] + 1);
      }
  }
};
// Rows that can be read for as long as vectors want.
template <class T>
const T* readable(const ResampleAxis& a, const T* in, T* scratch) {
  if (a.in >= 2 * kLanes) return in;
  std::copy_n(in, a.in, scratch);
  return scratch;
}
// What the two orders cost, a vector along a column being 1.
bool columns_first(const ResampleAxis& y, const ResampleAxis& x) {
  const int64_t across = 3 * x.width * x.out, down = y.width * y.out;
  return down * x.in + y.out * across < y.in * across + down * x.out;
}

template <class T>
void columns_then_rows(const Job& job, int64_t plane, int64_t first) {
  const ResampleAxis &y = job.y, &x = job.x;
  const T* in = static_cast<const T*>(job.in) + plane * y.in * x.in;
  T* out = static_cast<T*>(job.out) + (plane * y.out + first) * x.out;
  Scratch<T> row(job.env, x.in + 2 * kLanes);
  if (!row) return job.complete.store(false);
  std::fill_n(row.get(), x.in + 2 * kLanes, T(0));
  for (int64_t j = first; j < first + job.rows(first); ++j, out += x.out) {
    if (y.width && !y.count[j]) {
      std::fill_n(out, x.out, T(0));
    } else if (!x.width) {
      down(y, j, in, 0, x.in, out);
    } else if (!y.width) {
      across(x, readable(x, in + j * x.in, row.get()), out);
    } else if (y.count[j] == 1 && static_cast<const T*>(y.weight)[j] == T(1)) {
      across(x, readable(x, in + y.index[j] * x.in, row.get()), out);
    } else {
      down(y, j, in, 0, x.in, row.get());
      across(x, row.get(), out);
    }
  }
}
template <class T>
void rows_then_columns(const Job& job, int64_t plane, int64_t first) {
  const ResampleAxis &y = job.y, &x = job.x;
  const T* in = static_cast<const T*>(job.in) + plane * y.in * x.in;
  T* out = static_cast<T*>(job.out) + (plane * y.out + first) * x.out;
  int64_t top, bottom;
  job.reach(first, &top, &bottom);
  Scratch<T> rows(job.env, (bottom - top) * x.out), row(job.env, 2 * kLanes + 1);
  if (!rows || !row) return job.complete.store(false);
  std::fill_n(row.get(), 2 * kLanes + 1, T(0));
  for (int64_t i = top; i < bottom; ++i)
    across(x, readable(x, in + i * x.in, row.get()), rows.get() + (i - top) * x.out);
  for (int64_t j = first; j < first + job.rows(first); ++j, out += x.out)
    down(y, j, rows.get(), top, x.out, out);
}

// Rounded and within a byte.
template <class T>
void to_bytes(const int32_t* v, int shift, int64_t n, T* out) {
  const int32_t half = 1 << (shift - 1);
#pragma GCC ivdep
  for (int64_t k = 0; k < n; ++k) {
    const int32_t rounded = (v[k] + half) >> shift;
    out[k] = static_cast<T>(rounded < 0 ? 0 : rounded > 255 ? 255 : rounded);
  }
}
template <class From, class To>
void convert(const From* in, int64_t n, To* out) {
#pragma GCC ivdep
  for (int64_t k = 0; k < n; ++k) out[k] = static_cast<To>(in[k]);
}
void bytes_band(const Job& job, int64_t plane, int64_t first) {
  const ResampleAxis &y = job.y, &x = job.x;
  const auto* in = static_cast<const uint8_t*>(job.in) + plane * y.in * x.in;
  auto* out = static_cast<uint8_t*>(job.out) + (plane * y.out + first) * x.out;
  int64_t top, bottom;
  job.reach(first, &top, &bottom);
  Scratch<int32_t> rows(job.env, (bottom - top) * x.out), row(job.env, x.in + 2 * kLanes),
      sums(job.env, x.out);
  if (!rows || !row || !sums) return job.complete.store(false);
  std::fill_n(row.get(), x.in + 2 * kLanes, 0);
  for (int64_t i = top; i < bottom; ++i) {
    const uint8_t* from = in + i * x.in;
    int32_t* to = rows.get() + (i - top) * x.out;
    int32_t* wide = x.width ? row.get() : to;
    convert(from, x.in, wide);
    if (!x.width) continue;
    across(x, row.get(), to);
    to_bytes(to, x.shift, x.out, to);
  }
  for (int64_t j = first; j < first + job.rows(first); ++j, out += x.out) {
    if (y.width) {
      down(y, j, rows.get(), top, x.out, sums.get());
      to_bytes(sums.get(), y.shift, x.out, out);
    } else {
      convert(rows.get() + (j - top) * x.out, x.out, out);
    }
  }
}

// ---- copies -----------------------------------------------------------------------------------

// Of a few dozen elements, quicker than a call.
template <class T>
[[gnu::always_inline]] inline void copy_run(const T* from, int64_t n, T* to) {
  constexpr int64_t w = 16 / sizeof(T);  // the last word may overlap the one before it
  if (n > 16 * w) {
    std::copy_n(from, n, to);
    return;
  }
  for (int64_t k = 0; k + w <= n; k += w) std::memcpy(to + k, from + k, 16);
  if (n >= w)
    std::memcpy(to + n - w, from + n - w, 16);
  else
    for (int64_t k = 0; k < n; ++k) to[k] = from[k];
}
template <class T>
void gather_row(const ResampleAxis& a, const Run& run, const T* in, T* out) {
  if (run.end - run.begin >= 4) {
    for (int64_t j = 0; j < run.begin; ++j) out[j] = in[a.index[j]];
    copy_run(in + a.index[run.begin], run.end - run.begin, out + run.begin);
    for (int64_t j = run.end; j < a.out; ++j) out[j] = in[a.index[j]];
    return;
  }
#if !defined(__clang__)
  if constexpr (kLanes && sizeof(T) == 4)
    if (a.base && a.in >= 2 * kLanes) {
      for (int64_t j = 0, v = 0; j < a.out; j += kLanes, ++v) {
        const auto picked = pick_at(in, a.index + j, a.base[v]);
        store(picked, a.out - j, out + j);
      }
      return;
    }
#endif
  for (int64_t j = 0; j < a.out; ++j) out[j] = in[a.index[j]];
}
template <class T>
void gather_band(const Job& job, int64_t plane, int64_t first) {
  const ResampleAxis &y = job.y, &x = job.x;
  const T* in = static_cast<const T*>(job.in) + plane * y.in * x.in;
  T* out = static_cast<T*>(job.out) + (plane * y.out + first) * x.out;
  for (int64_t j = first; j < first + job.rows(first); ++j, out += x.out) {
    const int64_t from = y.width ? y.index[j] : j;
    if (j > first && y.width && from == y.index[j - 1])
      copy_run(out - x.out, x.out, out);
    else if (x.width)
      gather_row(x, job.run, in + from * x.in, out);
    else
      copy_run(in + from * x.in, x.out, out);
  }
}

// ---- tasks ------------------------------------------------------------------------------------

bool run(Job& job, int64_t elements, void (*body)(const Job&, int64_t plane, int64_t first)) {
  job.band = std::max<int64_t>(8, elements / std::max<int64_t>(job.x.out, 1));
  job.bands = (job.y.out - 1) / job.band + 1;
  struct Context {
    Job& job;
    void (*body)(const Job&, int64_t, int64_t);
  } context{job, body};
  const int64_t each = std::max<int64_t>(1, 8192 / std::max<int64_t>(job.y.out * job.x.out, 1));
  const int64_t tasks = (job.planes * job.bands - 1) / each + 1;
  struct Tasks {
    Context& context;
    int64_t each;
  } tasks_context{context, each};
  job.env.parallel(
      tasks,
      [](void* p, int64_t i) {
        auto& [context, each] = *static_cast<Tasks*>(p);
        const int64_t last = std::min((i + 1) * each, context.job.planes * context.job.bands);
        for (int64_t k = i * each; k < last; ++k)
          context.body(context.job, k / context.job.bands,
                       k % context.job.bands * context.job.band);
      },
      &tasks_context);
  return job.complete;
}

template <class T>
bool weighted(int64_t planes, const ResampleAxis& y, const ResampleAxis& x, const void* in,
              void* out, const Env& env) {
  Job job{planes, y, x, in, out, env, 1, 1, {}, true};
  if (!y.width || !x.width || columns_first(y, x)) return run(job, 16384, columns_then_rows<T>);
  return run(job, 32768, rows_then_columns<T>);
}
bool bytes(int64_t planes, const ResampleAxis& y, const ResampleAxis& x, const void* in, void* out,
           const Env& env) {
  Job job{planes, y, x, in, out, env, 1, 1, {}, true};
  return run(job, 32768, bytes_band);
}
struct alignas(16) Word16 {
  uint64_t a, b;
};
template <class T>
bool gather(int64_t planes, const ResampleAxis& y, const ResampleAxis& x, const void* in, void* out,
            const Env& env) {
  Job job{planes, y, x, in, out, env, 1, 1, x.width ? longest_run(x) : Run{}, true};
  return run(job, 32768, gather_band<T>);
}
}  // namespace

void fill_resample(Table& t) {
  t.resample = {
      kLanes,
      {weighted<float>, weighted<double>},
      bytes,
      {gather<uint8_t>, gather<uint16_t>, gather<uint32_t>, gather<uint64_t>, gather<Word16>}};
}

}  // namespace lampas::kernels::LAMPAS_ISA
