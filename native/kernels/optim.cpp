#include "kernels/optim.h"

#include <cmath>

#include "kernels/table.h"

namespace lampas::kernels::LAMPAS_ISA {
namespace {

// The block's pointers and the rule's numbers in its element type.
template <class T>
struct Args {
  T* __restrict p;
  const T* __restrict g;
  T* __restrict a;
  T* __restrict b;
  T* __restrict c;
  int64_t n;
  T sign, decay, shrink, lr, beta1, beta2, eps, scale, lr2;

  Args(const OptimBlock& block, const OptimNumbers& v)
      : p(static_cast<T*>(block.param)),
        g(static_cast<const T*>(block.grad)),
        a(static_cast<T*>(block.buffer[0])),
        b(static_cast<T*>(block.buffer[1])),
        c(static_cast<T*>(block.buffer[2])),
        n(block.n),
        sign(static_cast<T>(v.sign)),
        decay(static_cast<T>(v.decay)),
        shrink(static_cast<T>(v.shrink)),
        lr(static_cast<T>(v.lr)),
        beta1(static_cast<T>(v.beta1)),
        beta2(static_cast<T>(v.beta2)),
        eps(static_cast<T>(v.eps)),
        scale(static_cast<T>(v.scale)),
        lr2(static_cast<T>(v.lr2)) {}
};

// Calls body(i, p, g) for every element, with the gradient as the rule wants it. Whether there is a
// penalty is decided outside the loop, so that the loop stays free of branches.
template <class T, class F>
[[gnu::always_inline]] inline void each(const Args<T>& v, F body) {
  T* __restrict p = v.p;
  const T* __restrict g = v.g;
  const T sign = v.sign, decay = v.decay;
  const int64_t n = v.n;
  if (decay != T(0)) {
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) p[i] = body(i, p[i], sign * g[i] + decay * p[i]);
  } else {
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) p[i] = body(i, p[i], sign * g[i]);
  }
}

// Running average with weight 1 - beta for the new value, from the nearer end: beta = 0 gives
// exactly the new value.
template <class T>
struct Average {
  T weight, rest;
  bool near;
  explicit Average(double beta)
      : weight(static_cast<T>(1 - beta)), rest(static_cast<T>(beta)), near(1 - beta < 0.5) {}
  [[gnu::always_inline]] T operator()(T old, T value) const {
    return near ? old + weight * (value - old) : value - rest * (value - old);
  }
};

template <class T>
void sgd(const OptimBlock& block, const OptimNumbers& numbers) {
  const Args<T> v(block, numbers);
  const T lr = v.lr, momentum = v.beta1, fresh = v.scale;
  T* __restrict velocity = v.a;
  if (!velocity) {
    each(v, [=](int64_t, T p, T g) __attribute__((always_inline)) { return p - lr * g; });
  } else if (numbers.nesterov) {
    each(v, [=](int64_t i, T p, T g) __attribute__((always_inline)) {
      const T u = velocity[i] = momentum * velocity[i] + fresh * g;
      return p - lr * (g + momentum * u);
    });
  } else {
    each(v, [=](int64_t i, T p, T g) __attribute__((always_inline)) {
      const T u = velocity[i] = momentum * velocity[i] + fresh * g;
      return p - lr * u;
    });
  }
}

template <class T>
void adam(const OptimBlock& block, const OptimNumbers& numbers) {
  const Args<T> v(block, numbers);
  const Average<T> mean(numbers.beta1);
  const T lr = v.lr, shrink = v.shrink, eps = v.eps, scale = v.scale, beta2 = v.beta2;
  const T fresh = static_cast<T>(1 - numbers.beta2);
  T* __restrict m = v.a;
  T* __restrict s = v.b;
  T* __restrict top = v.c;
  if (top) {
    each(v, [=](int64_t i, T p, T g) __attribute__((always_inline)) {
      const T mi = m[i] = mean(m[i], g);
      const T si = s[i] = beta2 * s[i] + fresh * g * g;
      const T ti = top[i] = top[i] >= si ? top[i] : si;
      return shrink * p - lr * mi / (std::sqrt(ti) * scale + eps);
    });
  } else {
    each(v, [=](int64_t i, T p, T g) __attribute__((always_inline)) {
      const T mi = m[i] = mean(m[i], g);
      const T si = s[i] = beta2 * s[i] + fresh * g * g;
      return shrink * p - lr * mi / (std::sqrt(si) * scale + eps);
    });
  }
}

template <class T>
void adamax(const OptimBlock& block, const OptimNumbers& numbers) {
  const Args<T> v(block, numbers);
  const Average<T> mean(numbers.beta1);
  const T lr = v.lr, beta2 = v.beta2, eps = v.eps;
  T* __restrict m = v.a;
  T* __restrict u = v.b;
  each(v, [=](int64_t i, T p, T g) __attribute__((always_inline)) {
    const T mi = m[i] = mean(m[i], g);
    const T old = beta2 * u[i], now = std::fabs(g) + eps;
    const T ui = u[i] = old >= now ? old : now;
    return p - lr * mi / ui;
  });
}

template <class T>
void nadam(const OptimBlock& block, const OptimNumbers& numbers) {
  const Args<T> v(block, numbers);
  const Average<T> mean(numbers.beta1);
  const T lr = v.lr, lr2 = v.lr2, shrink = v.shrink, eps = v.eps, scale = v.scale, beta2 = v.beta2;
  const T fresh = static_cast<T>(1 - numbers.beta2);
  T* __restrict m = v.a;
  T* __restrict s = v.b;
  each(v, [=](int64_t i, T p, T g) __attribute__((always_inline)) {
    const T mi = m[i] = mean(m[i], g);
    const T si = s[i] = beta2 * s[i] + fresh * g * g;
    return shrink * p - (lr * g + lr2 * mi) / (std::sqrt(si * scale) + eps);
  });
}

template <class T>
void radam(const OptimBlock& block, const OptimNumbers& numbers) {
  const Args<T> v(block, numbers);
  const Average<T> mean(numbers.beta1);
  const T lr = v.lr, shrink = v.shrink, eps = v.eps, scale = v.scale, beta2 = v.beta2;
  const T fresh = static_cast<T>(1 - numbers.beta2);
  T* __restrict m = v.a;
  T* __restrict s = v.b;
  if (scale != T(0)) {
    each(v, [=](int64_t i, T p, T g) __attribute__((always_inline)) {
      const T mi = m[i] = mean(m[i], g);
      const T si = s[i] = beta2 * s[i] + fresh * g * g;
      return shrink * p - lr * mi * scale / (std::sqrt(si) + eps);
    });
  } else {
    each(v, [=](int64_t i, T p, T g) __attribute__((always_inline)) {
      const T mi = m[i] = mean(m[i], g);
      s[i] = beta2 * s[i] + fresh * g * g;
      return shrink * p - lr * mi;
    });
  }
}

template <class T>
void adagrad(const OptimBlock& block, const OptimNumbers& numbers) {
  const Args<T> v(block, numbers);
  const T lr = v.lr, eps = v.eps;
  T* __restrict sum = v.a;
  each(v, [=](int64_t i, T p, T g) __attribute__((always_inline)) {
    const T si = sum[i] = sum[i] + g * g;
    return p - lr * g / (std::sqrt(si) + eps);
  });
}

template <class T>
void adadelta(const OptimBlock& block, const OptimNumbers& numbers) {
  const Args<T> v(block, numbers);
  const T lr = v.lr, eps = v.eps, rho = v.beta2, fresh = static_cast<T>(1 - numbers.beta2);
  T* __restrict s = v.a;
  T* __restrict u = v.b;
  each(v, [=](int64_t i, T p, T g) __attribute__((always_inline)) {
    const T si = s[i] = rho * s[i] + fresh * g * g;
    const T d = std::sqrt(u[i] + eps) / std::sqrt(si + eps) * g;
    u[i] = rho * u[i] + fresh * d * d;
    return p - lr * d;
  });
}

template <class T, bool momentum, bool centered>
void rmsprop(const OptimBlock& block, const OptimNumbers& numbers) {
  const Args<T> v(block, numbers);
  const Average<T> mean(numbers.beta2);
  const T lr = v.lr, eps = v.eps, kept = v.beta1, alpha = v.beta2;
  const T fresh = static_cast<T>(1 - numbers.beta2);
  T* __restrict s = v.a;
  T* __restrict velocity = v.b;
  T* __restrict average = v.c;
  each(v, [=](int64_t i, T p, T g) __attribute__((always_inline)) {
    const T si = s[i] = alpha * s[i] + fresh * g * g;
    T variance = si;
    if constexpr (centered) {
      const T a = average[i] = mean(average[i], g);
      variance = si - a * a;
    }
    T d = g / (std::sqrt(variance) + eps);
    if constexpr (momentum) d = velocity[i] = kept * velocity[i] + d;
    return p - lr * d;
  });
}

template <class T>
void rmsprop(const OptimBlock& block, const OptimNumbers& numbers) {
  if (block.buffer[1])
    block.buffer[2] ? rmsprop<T, true, true>(block, numbers)
                    : rmsprop<T, true, false>(block, numbers);
  else
    block.buffer[2] ? rmsprop<T, false, true>(block, numbers)
                    : rmsprop<T, false, false>(block, numbers);
}

template <class T>
void rprop(const OptimBlock& block, const OptimNumbers& numbers) {
  const Args<T> v(block, numbers);
  const T low = static_cast<T>(numbers.low), high = static_cast<T>(numbers.high);
  const T smaller = static_cast<T>(numbers.smaller), larger = static_cast<T>(numbers.larger);
  T* __restrict before = v.a;
  T* __restrict size = v.b;
  each(v, [=](int64_t i, T p, T g) __attribute__((always_inline)) {
    const T agreement = g * before[i];
    const T factor = agreement > T(0) ? larger : agreement < T(0) ? smaller : T(1);
    T step = size[i] * factor;
    step = step < low ? low : step;
    step = step > high ? high : step;
    size[i] = step;
    const T used = agreement < T(0) ? T(0) : g;
    before[i] = used;
    return p - (used > T(0) ? step : used < T(0) ? -step : T(0));
  });
}

template <class T>
void asgd(const OptimBlock& block, const OptimNumbers& numbers) {
  const Args<T> v(block, numbers);
  const T eta = v.lr, shrink = v.shrink, mu = v.scale;
  T* __restrict average = v.a;
  if (mu == T(1)) {
    each(v, [=](int64_t i, T p, T g)
                __attribute__((always_inline)) { return average[i] = shrink * p - eta * g; });
  } else {
    each(v, [=](int64_t i, T p, T g) __attribute__((always_inline)) {
      const T now = shrink * p - eta * g;
      average[i] += (now - average[i]) * mu;
      return now;
    });
  }
}

template <class T>
void fill(OptimTable::Fn* table) {
  auto set = [table](OptimRule rule, OptimTable::Fn fn) { table[static_cast<int>(rule)] = fn; };
  set(OptimRule::Sgd, sgd<T>);
  set(OptimRule::Adam, adam<T>);
  set(OptimRule::Adamax, adamax<T>);
  set(OptimRule::NAdam, nadam<T>);
  set(OptimRule::RAdam, radam<T>);
  set(OptimRule::Adagrad, adagrad<T>);
  set(OptimRule::Adadelta, adadelta<T>);
  set(OptimRule::RMSprop, rmsprop<T>);
  set(OptimRule::Rprop, rprop<T>);
  set(OptimRule::Asgd, asgd<T>);
}

}  // namespace

void fill_optim(Table& table) {
  fill<float>(table.optim.update_f32);
  fill<double>(table.optim.update_f64);
}

}  // namespace lampas::kernels::LAMPAS_ISA
