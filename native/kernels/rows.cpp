#include "kernels/rows.h"

#include <cmath>

#include "kernels/simd/functions.h"
#include "kernels/table.h"

namespace lampas::kernels::LAMPAS_ISA {

namespace {
constexpr int kLanes = 32;

// sum of f(i) in lanes that the compiler keeps in vectors, combined in double.
template <class T, class F>
double lane_sum(int64_t n, const F& f) {
  T lane[kLanes] = {};
  double total = 0;
  int64_t i = 0;
  while (i + kLanes <= n) {
    int64_t stop = std::min<int64_t>(n - kLanes + 1, i + 1024);
    for (; i < stop; i += kLanes)
      for (int k = 0; k < kLanes; ++k) lane[k] += f(i + k);
    for (T& l : lane) total += static_cast<double>(l), l = 0;
  }
  for (; i < n; ++i) total += static_cast<double>(f(i));
  return total;
}

template <class T>
T row_max(const T* x, int64_t n) {
  T lane[kLanes];
  for (T& l : lane) l = -std::numeric_limits<T>::infinity();
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes)
    for (int k = 0; k < kLanes; ++k) lane[k] = larger(x[i + k], lane[k]);
  T m = -std::numeric_limits<T>::infinity();
  for (; i < n; ++i) m = larger(x[i], m);
  for (T l : lane) m = larger(l, m);
  return m;
}

template <class T>
void softmax(void* out, const void* in, int64_t n) {
  T* y = static_cast<T*>(out);
  const T* x = static_cast<const T*>(in);
  T m = row_max(x, n);
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) y[i] = exp_(x[i] - m);
  T scale = static_cast<T>(1 / lane_sum<T>(n, [&](int64_t i) { return y[i]; }));
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) y[i] *= scale;
}

template <class T>
void log_softmax(void* out, const void* in, int64_t n) {
  T* y = static_cast<T*>(out);
  const T* x = static_cast<const T*>(in);
  T m = row_max(x, n);
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) y[i] = exp_(x[i] - m);
  T shift = m + static_cast<T>(std::log(lane_sum<T>(n, [&](int64_t i) { return y[i]; })));
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) y[i] = x[i] - shift;
}

template <class T>
void softmax_backward(void* out, const void* grad, const void* result, int64_t n) {
  T* dx = static_cast<T*>(out);
  const T *dy = static_cast<const T*>(grad), *y = static_cast<const T*>(result);
  T s = static_cast<T>(lane_sum<T>(n, [&](int64_t i) { return dy[i] * y[i]; }));
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) dx[i] = y[i] * (dy[i] - s);
}

template <class T>
void log_softmax_backward(void* out, const void* grad, const void* result, int64_t n) {
  T* dx = static_cast<T*>(out);
  const T *dy = static_cast<const T*>(grad), *y = static_cast<const T*>(result);
  T s = static_cast<T>(lane_sum<T>(n, [&](int64_t i) { return dy[i]; }));
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) dx[i] = dy[i] - exp_(y[i]) * s;
}

template <class T>
void layer_norm(void* out, double* mean, double* rstd, const void* in, const void* weight, const void* bias, int64_t n, double eps, bool rms) {
  T* y = static_cast<T*>(out);
  const T *x = static_cast<const T*>(in), *w = static_cast<const T*>(weight), *b = static_cast<const T*>(bias);
  double mu = rms ? 0 : lane_sum<T>(n, [&](int64_t i) { return x[i]; }) / static_cast<double>(n);
  T m = static_cast<T>(mu);
  // Two passes: the second one over what the first left in the cache.
  double var = lane_sum<T>(n, [&](int64_t i) { T d = x[i] - m; return d * d; }) / static_cast<double>(n);
  double r = 1 / std::sqrt(var + eps);
  T scale = static_cast<T>(r);
  if (w && b) {
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) y[i] = (x[i] - m) * scale * w[i] + b[i];
  } else {
    for (int64_t i = 0; i < n; ++i) y[i] = (x[i] - m) * scale * (w ? w[i] : T(1)) + (b ? b[i] : T(0));
  }
  *mean = static_cast<double>(m);
  *rstd = r;
}

template <class T>
void layer_norm_backward(void* out, double* dw, double* db, const void* grad, const void* in, const void* weight, double mean, double rstd, int64_t n, bool rms) {
  T* dx = static_cast<T*>(out);
  const T *dy = static_cast<const T*>(grad), *x = static_cast<const T*>(in), *w = static_cast<const T*>(weight);
  T m = static_cast<T>(mean), r = static_cast<T>(rstd);
  if (dx) {
    double sum = lane_sum<T>(n, [&](int64_t i) { return w ? dy[i] * w[i] : dy[i]; });
    double dot = lane_sum<T>(n, [&](int64_t i) { return (w ? dy[i] * w[i] : dy[i]) * (x[i] - m); });
    T c1 = rms ? T(0) : static_cast<T>(sum / static_cast<double>(n)), c2 = static_cast<T>(dot * rstd * rstd / static_cast<double>(n));
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) dx[i] = ((w ? dy[i] * w[i] : dy[i]) - c1 - (x[i] - m) * c2) * r;
  }
  if (dw)
    for (int64_t i = 0; i < n; ++i) dw[i] += static_cast<double>(dy[i] * (x[i] - m) * r);
  if (db)
    for (int64_t i = 0; i < n; ++i) db[i] += static_cast<double>(dy[i]);
}

template <class T, int I>
void fill_type(RowsTable& t) {
  t.softmax[I] = softmax<T>;
  t.log_softmax[I] = log_softmax<T>;
  t.softmax_backward[I] = softmax_backward<T>;
  t.log_softmax_backward[I] = log_softmax_backward<T>;
  t.layer_norm[I] = layer_norm<T>;
  t.layer_norm_backward[I] = layer_norm_backward<T>;
}
}  // namespace

void fill_rows(Table& t) {
  fill_type<float, 0>(t.rows);
  fill_type<double, 1>(t.rows);
}

}  // namespace lampas::kernels::LAMPAS_ISA
