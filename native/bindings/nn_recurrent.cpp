// Recurrent layers: the steps of one layer in one direction.
#include <algorithm>
#include <array>

#include "bindings/args.h"
#include "bindings/module.h"
#include "ops/recurrent.h"

namespace lampas::py {

namespace {
// Arguments `first` on: cell, sizes, reverse, h, c, w, bias.
ops::Recurrence recurrence(const Args& a, int first, const Tensor& x) {
  static constexpr std::array<const char*, kernels::kCells> names = {"tanh", "relu", "gru", "lstm"};
  const std::string name = a.text(first);
  const auto cell =
      static_cast<ops::Cell>(std::find(names.begin(), names.end(), name) - names.begin());
  const Dims sizes = a.ints(first + 1);
  ops::Recurrence r{cell,
                    {sizes.begin(), sizes.end()},
                    a.flag(first + 2),
                    a.tensor(first + 3),
                    a.tensor(first + 4),
                    a.tensor(first + 5),
                    a.tensor(first + 6)};
  int64_t rows = 0;
  bool fits = static_cast<size_t>(cell) < names.size() && r.h.dim() == 2;
  for (int64_t n : r.sizes) fits = fits && n >= 0 && n <= r.h.size(0), rows += n;
  const int64_t hidden = fits ? r.h.size(1) : 0, wide = fits ? hidden * gates_of(cell) : 0;
  fits = fits && x.sizes() == Dims{rows, wide} && r.w.sizes() == Dims{wide, hidden} &&
         r.c.defined() == (cell == ops::Cell::Lstm) &&
         (!r.c.defined() || r.c.sizes() == r.h.sizes()) &&
         (!r.bias.defined() || r.bias.sizes() == Dims{wide});
  for (const Tensor& t : {x, r.h, r.c, r.w, r.bias})
    fits = fits && (!t.defined() || (t.dtype() == x.dtype() && !t.is_meta()));
  fits = fits && (x.dtype() == DType::F32 || x.dtype() == DType::F64) &&
         std::is_sorted(r.sizes.rbegin(), r.sizes.rend());
  LAMPAS_CHECK(fits, "recurrent layer '", name, "': gates of shape ", x.sizes(), ", state of ",
               r.h.sizes(), " and weights of ", r.w.sizes(), " do not fit each other");
  return r;
}
auto given(const Tensor& x) { return x.defined() ? Owned(wrap(x)) : Owned::share(Py_None); }

PyObject* forward(Args& a) {
  const ops::RecurrentResult y = ops::recurrent(recurrence(a, 1, a.tensor(0)), a.tensor(0));
  return to_py(std::tuple(y.out, y.h, given(y.c), y.act, given(y.inner)));
}
PyObject* backward(Args& a) {
  ops::RecurrentResult y;
  y.act = a.tensor(0), y.inner = a.tensor(1), y.out = a.tensor(2);
  const ops::Recurrence r = recurrence(a, 6, y.act);
  const Dims out{y.act.size(0), r.h.size(1)};
  LAMPAS_CHECK(y.out.sizes() == out && (!y.inner.defined() || y.inner.sizes() == out) &&
                   (!a.given(3) || a.tensor(3).sizes() == out),
               "recurrent layer: gradient or result of another shape than ", out);
  const ops::RecurrentGradient g =
      ops::recurrent_backward(r, y, a.tensor(3), a.tensor(4), a.tensor(5));
  return to_py(std::tuple(g.x, g.h, given(g.c), g.w, given(g.bias)));
}

constexpr Definition kRows[] = {
    {"_recurrent(Tensor gates, str cell, int[] sizes, bool reverse, Tensor h, Tensor? c, Tensor w, "
     "Tensor? bias)",
     forward, kFunction,
     "The steps of a recurrent layer, without a graph: output, states, gates, inner values."},
    {"_recurrent_backward(Tensor act, Tensor? inner, Tensor output, Tensor? g_out, Tensor? g_h, "
     "Tensor? g_c, str cell, int[] sizes, bool reverse, Tensor h, Tensor? c, Tensor w, Tensor? "
     "bias)",
     backward, kFunction, "Its gradients of gates, h, c, w and bias."},
};
}  // namespace

void define_recurrent(PyObject* module) { define(module, kRows); }

}  // namespace lampas::py
