// Hochreiter and Schmidhuber's LSTM (1997) with forget gates; Cho et al.'s GRU (2014) as cuDNN
// computes it: the reset gate is applied after the product.
#include "kernels/recurrent.h"

#include "kernels/simd/functions.h"
#include "kernels/table.h"

namespace lampas::kernels::LAMPAS_ISA {

namespace {
template <class T>
const T* row(const void* p, int64_t i, int64_t width) {
  return p ? static_cast<const T*>(p) + i * width : nullptr;
}
template <class T>
T* row(void* p, int64_t i, int64_t width) {
  return p ? static_cast<T*>(p) + i * width : nullptr;
}

template <Cell kCell, class T>
void forward(const CellForward& f) {
  const int64_t n = f.hidden, wide = n * gates_of(kCell);
  for (int64_t i = 0; i < f.n; ++i) {
    const T *x = row<T>(f.x, i, wide), *h = row<T>(f.h, i, wide);
    T *act = row<T>(f.act, i, wide), *inner = row<T>(f.inner, i, n);
    T *state = row<T>(f.state, i, n), *cells = row<T>(f.cells, i, n), *out = row<T>(f.out, i, n);
#pragma GCC ivdep
    for (int64_t j = 0; j < n; ++j) {
      if constexpr (kCell == Cell::Lstm) {
        const T take = sigmoid_(x[j] + h[j]), keep = sigmoid_(x[n + j] + h[n + j]),
                fresh = tanh_(x[2 * n + j] + h[2 * n + j]),
                show = sigmoid_(x[3 * n + j] + h[3 * n + j]);
        const T c = keep * cells[j] + take * fresh, y = show * tanh_(c);
        act[j] = take, act[n + j] = keep, act[2 * n + j] = fresh, act[3 * n + j] = show;
        inner[j] = cells[j] = c;
        state[j] = out[j] = y;
      } else if constexpr (kCell == Cell::Gru) {
        const T reset = sigmoid_(x[j] + h[j]), update = sigmoid_(x[n + j] + h[n + j]),
                fresh = tanh_(x[2 * n + j] + reset * h[2 * n + j]);
        act[j] = reset, act[n + j] = update, act[2 * n + j] = fresh;
        inner[j] = h[2 * n + j];
        state[j] = out[j] = fresh + update * (state[j] - fresh);
      } else {
        const T sum = x[j] + h[j];
        const T y = kCell == Cell::Tanh ? tanh_(sum) : larger(sum, T(0));
        act[j] = state[j] = out[j] = y;
      }
    }
  }
}

template <Cell kCell, class T>
void backward(const CellBackward& f) {
  const int64_t n = f.hidden, wide = n * gates_of(kCell);
  for (int64_t i = 0; i < f.n; ++i) {
    const T *act = row<T>(f.act, i, wide), *inner = row<T>(f.inner, i, n);
    const T *state = row<T>(f.state, i, n), *cells = row<T>(f.cells, i, n);
    const T *g_out = row<T>(f.g_out, i, n), *out = row<T>(f.out, i, n);
    T *g_state = row<T>(f.g_state, i, n), *g_cells = row<T>(f.g_cells, i, n);
    T *g_x = row<T>(f.g_x, i, wide), *g_h = row<T>(f.g_h, i, wide);
    if (g_out)
      for (int64_t j = 0; j < n; ++j) g_state[j] += g_out[j];
#pragma GCC ivdep
    for (int64_t j = 0; j < n; ++j) {
      const T g = g_state[j];
      if constexpr (kCell == Cell::Lstm) {
        const T take = act[j], keep = act[n + j], fresh = act[2 * n + j], show = act[3 * n + j];
        const T c = tanh_(inner[j]), gc = g_cells[j] + g * show * (T(1) - c * c);
        g_x[j] = gc * fresh * take * (T(1) - take);
        g_x[n + j] = gc * cells[j] * keep * (T(1) - keep);
        g_x[2 * n + j] = gc * take * (T(1) - fresh * fresh);
        g_x[3 * n + j] = g * c * show * (T(1) - show);
        g_cells[j] = gc * keep;
      } else if constexpr (kCell == Cell::Gru) {
        const T reset = act[j], update = act[n + j], fresh = act[2 * n + j];
        const T gn = g * (T(1) - update) * (T(1) - fresh * fresh);
        const T gr = gn * inner[j] * reset * (T(1) - reset);
        const T gz = g * (state[j] - fresh) * update * (T(1) - update);
        g_x[j] = g_h[j] = gr;
        g_x[n + j] = g_h[n + j] = gz;
        g_x[2 * n + j] = gn;
        g_h[2 * n + j] = gn * reset;
        g_state[j] = g * update;
      } else {
        const T y = out[j];
        g_x[j] = kCell == Cell::Tanh ? g * (T(1) - y * y) : y <= T(0) ? T(0) : g;
      }
    }
  }
}

template <Cell kCell>
void fill(RecurrentTable& t) {
  constexpr int c = static_cast<int>(kCell);
  t.forward[c][0] = forward<kCell, float>, t.forward[c][1] = forward<kCell, double>;
  t.backward[c][0] = backward<kCell, float>, t.backward[c][1] = backward<kCell, double>;
}
}  // namespace

void fill_recurrent(Table& t) {
  fill<Cell::Tanh>(t.recurrent);
  fill<Cell::Relu>(t.recurrent);
  fill<Cell::Gru>(t.recurrent);
  fill<Cell::Lstm>(t.recurrent);
}

}  // namespace lampas::kernels::LAMPAS_ISA
