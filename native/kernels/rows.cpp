#include "kernels/rows.h"

#include "kernels/rows_loop.h"

namespace lampas::kernels::LAMPAS_ISA {

namespace {
// ---- layer and RMS normalisation ----------------------------------------------------------------
// Weight and bias as functions, so that loops without them do not ask.
template <class T>
struct Ones {
  LAMPAS_INLINE T operator[](int64_t) const { return T(1); }
};
template <class T>
struct Zeros {
  LAMPAS_INLINE T operator[](int64_t) const { return T(0); }
};

template <class T, class W, class B>
void scale_row(T* y, const T* x, T m, T r, const W& w, const B& b, int64_t n) {
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) y[i] = (x[i] - m) * r * w[i] + b[i];
}

template <class T>
void layer_norm(void* out, double* mean, double* rstd, const void* in, const void* weight,
                const void* bias, int64_t n, double eps, bool rms) {
  T* y = static_cast<T*>(out);
  const T* x = static_cast<const T*>(in);
  const T *w = static_cast<const T*>(weight), *b = static_cast<const T*>(bias);
  const double count = static_cast<double>(n);
  const double sum = rms ? 0 : lane_sum<T>(n, [&](int64_t i) LAMPAS_LAMBDA { return x[i]; });
  const T m = static_cast<T>(sum / count);
  // Two passes: the second one over what the first left in the cache.
  const double squares = lane_sum<T>(n, [&](int64_t i) LAMPAS_LAMBDA {
    const T d = x[i] - m;
    return d * d;
  });
  *mean = static_cast<double>(m);
  *rstd = 1 / std::sqrt(squares / count + eps);
  const T r = static_cast<T>(*rstd);
  if (w && b) return scale_row(y, x, m, r, w, b, n);
  if (w) return scale_row(y, x, m, r, w, Zeros<T>(), n);
  if (b) return scale_row(y, x, m, r, Ones<T>(), b, n);
  scale_row(y, x, m, r, Ones<T>(), Zeros<T>(), n);
}

template <class T, class W>
void layer_norm_dx(T* dx, const T* dy, const T* x, const W& w, T m, double rstd, int64_t n,
                   bool rms) {
  double sums[2];
  lane_sums<T>(sums, n, [&](int64_t i) LAMPAS_LAMBDA {
    const T g = dy[i] * w[i];
    return Sums<T, 2>{{g, g * (x[i] - m)}};
  });
  const double count = static_cast<double>(n);
  const T r = static_cast<T>(rstd), c1 = rms ? T(0) : static_cast<T>(sums[0] / count);
  const T c2 = static_cast<T>(sums[1] * rstd * rstd / count);
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) dx[i] = (dy[i] * w[i] - c1 - (x[i] - m) * c2) * r;
}

template <class T>
void layer_norm_backward(void* out, double* dw, double* db, const void* grad, const void* in,
                         const void* weight, double mean, double rstd, int64_t n, bool rms) {
  T* dx = static_cast<T*>(out);
  const T *dy = static_cast<const T*>(grad), *x = static_cast<const T*>(in);
  const T *w = static_cast<const T*>(weight), m = static_cast<T>(mean);
  const T r = static_cast<T>(rstd);
  if (dx && w) layer_norm_dx(dx, dy, x, w, m, rstd, n, rms);
  if (dx && !w) layer_norm_dx(dx, dy, x, Ones<T>(), m, rstd, n, rms);
  if (dw && db) {
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) {
      dw[i] += static_cast<double>(dy[i] * (x[i] - m) * r);
      db[i] += static_cast<double>(dy[i]);
    }
    return;
  }
  if (dw) {
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) dw[i] += static_cast<double>(dy[i] * (x[i] - m) * r);
  }
  if (db) {
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) db[i] += static_cast<double>(dy[i]);
  }
}

template <class T, int I>
void fill_type(RowsTable& t) {
  t.layer_norm[I] = layer_norm<T>;
  t.layer_norm_backward[I] = layer_norm_backward<T>;
}
}  // namespace

void fill_rows(Table& t) {
  fill_type<float, 0>(t.rows);
  fill_type<double, 1>(t.rows);
  fill_rows_softmax(t.rows);
  fill_rows_loss(t.rows);
}

}  // namespace lampas::kernels::LAMPAS_ISA
