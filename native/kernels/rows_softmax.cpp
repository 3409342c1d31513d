// Softmax along rows and along columns.
#include "kernels/rows_loop.h"

namespace lampas::kernels::LAMPAS_ISA {

namespace {
// ---- rows -------------------------------------------------------------------------------------
template <class T>
void softmax(void* out, const void* in, int64_t n) {
  T* y = static_cast<T*>(out);
  const T* x = static_cast<const T*>(in);
  const T m = row_max(x, n);
  const double total = lane_sum<T>(n, [&](int64_t i) LAMPAS_LAMBDA {
    const T e = exp_falling(x[i] - m);
    y[i] = e;
    return e;
  });
  const T scale = static_cast<T>(1 / total);
  for (int64_t i = 0; i < n; ++i) y[i] *= scale;
}

template <class T>
void log_softmax(void* out, const void* in, int64_t n) {
  T* y = static_cast<T*>(out);
  const T* x = static_cast<const T*>(in);
  const T m = row_max(x, n);
  const double total =
      lane_sum<T>(n, [&](int64_t i) LAMPAS_LAMBDA { return exp_falling(x[i] - m); });
  const T log_total = static_cast<T>(std::log(total));
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) y[i] = (x[i] - m) - log_total;
}

template <class T>
void softmax_backward(void* out, const void* grad, const void* result, int64_t n) {
  T* dx = static_cast<T*>(out);
  const T *dy = static_cast<const T*>(grad), *y = static_cast<const T*>(result);
  const T s = static_cast<T>(lane_sum<T>(n, [&](int64_t i) LAMPAS_LAMBDA { return dy[i] * y[i]; }));
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) dx[i] = y[i] * (dy[i] - s);
}

template <class T>
void log_softmax_backward(void* out, const void* grad, const void* result, int64_t n) {
  T* dx = static_cast<T*>(out);
  const T *dy = static_cast<const T*>(grad), *y = static_cast<const T*>(result);
  const T s = static_cast<T>(reduce_line<SumOp>(dy, n));
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) dx[i] = dy[i] - exp_falling(y[i]) * s;
}

// ---- columns ----------------------------------------------------------------------------------
// Strips narrow enough for the second-level cache to keep a few hundred rows of them.
constexpr int64_t kColumns = 128;

// Runs body(first column, width) for every strip.
template <class F>
LAMPAS_INLINE void strips(int64_t cols, const F& body) {
  for (int64_t c = 0; c < cols; c += kColumns) body(c, std::min(cols - c, kColumns));
}

template <bool kLog, class T>
void softmax_cols(void* out, const void* in, int64_t n, int64_t cols, int64_t stride) {
  T* y = static_cast<T*>(out);
  const T* x = static_cast<const T*>(in);
  strips(cols, [&](int64_t c, int64_t w) {
    T m[kColumns], last[kColumns];
    double total[kColumns];
    for (int64_t k = 0; k < w; ++k) m[k] = x[c + k], total[k] = 0;
    for (int64_t i = 1; i < n; ++i) {
      const T* p = x + i * stride + c;
      for (int64_t k = 0; k < w; ++k) m[k] = MaxOp::join(m[k], p[k]);
    }
    for (int64_t i = 0; i < n; ++i) {
      const T* p = x + i * stride + c;
      T* q = y + i * stride + c;
#pragma GCC ivdep
      for (int64_t k = 0; k < w; ++k) {
        const T e = exp_falling(p[k] - m[k]);
        if constexpr (!kLog) q[k] = e;
        total[k] += static_cast<double>(e);
      }
    }
    for (int64_t k = 0; k < w; ++k) last[k] = static_cast<T>(kLog ? log_(total[k]) : 1 / total[k]);
    for (int64_t i = 0; i < n; ++i) {
      const T* p = x + i * stride + c;
      T* q = y + i * stride + c;
#pragma GCC ivdep
      for (int64_t k = 0; k < w; ++k) q[k] = kLog ? (p[k] - m[k]) - last[k] : q[k] * last[k];
    }
  });
}

template <bool kLog, class T>
void softmax_backward_cols(void* out, const void* grad, const void* result, int64_t n, int64_t cols,
                           int64_t stride) {
  T* dx = static_cast<T*>(out);
  const T *dy = static_cast<const T*>(grad), *y = static_cast<const T*>(result);
  strips(cols, [&](int64_t c, int64_t w) {
    double total[kColumns] = {};
    T s[kColumns];
    for (int64_t i = 0; i < n; ++i) {
      const T *g = dy + i * stride + c, *p = y + i * stride + c;
      for (int64_t k = 0; k < w; ++k) total[k] += static_cast<double>(kLog ? g[k] : g[k] * p[k]);
    }
    for (int64_t k = 0; k < w; ++k) s[k] = static_cast<T>(total[k]);
    for (int64_t i = 0; i < n; ++i) {
      const T *g = dy + i * stride + c, *p = y + i * stride + c;
      T* q = dx + i * stride + c;
#pragma GCC ivdep
      for (int64_t k = 0; k < w; ++k)
        q[k] = kLog ? g[k] - exp_falling(p[k]) * s[k] : p[k] * (g[k] - s[k]);
    }
  });
}

template <class T, int I>
void fill_type(RowsTable& t) {
  t.softmax[I] = softmax<T>;
  t.log_softmax[I] = log_softmax<T>;
  t.softmax_backward[I] = softmax_backward<T>;
  t.log_softmax_backward[I] = log_softmax_backward<T>;
  t.softmax_cols[I] = softmax_cols<false, T>;
  t.log_softmax_cols[I] = softmax_cols<true, T>;
  t.softmax_backward_cols[I] = softmax_backward_cols<false, T>;
  t.log_softmax_backward_cols[I] = softmax_backward_cols<true, T>;
}
}  // namespace

void fill_rows_softmax(RowsTable& t) {
  fill_type<float, 0>(t);
  fill_type<double, 1>(t);
}

}  // namespace lampas::kernels::LAMPAS_ISA
