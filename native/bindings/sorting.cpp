// Sorting, selection, sets, bins.
#include "ops/sorting.h"
#include "bindings/args.h"
#include "bindings/module.h"
#include "bindings/named_tuple.h"
#include "ops/ops.h"

namespace lampas::py {

namespace {
PyObject* pair(const char* type, const std::vector<Tensor>& r) {
  return named(type, {"values", "indices"}, r);
}

// What was asked for, alone or as a tuple.
PyObject* unique_result(const ops::Unique& u) {
  std::vector<Tensor> r{u.values};
  if (u.inverse.defined()) r.push_back(u.inverse);
  if (u.counts.defined()) r.push_back(u.counts);
  return r.size() == 1 ? wrap(r[0]) : to_py(r);
}
PyObject* unique(Args& a) {
  if (auto dim = a.integer_or(4)) {
    const Tensor& x = a.tensor(0);
    int64_t d = wrap_dim(*dim, x.dim());
    for (int64_t i = 0; i < x.dim(); ++i)
      LAMPAS_CHECK(i == d || x.size(i) > 0, "unique: dimension ", i, " of shape ", x.sizes(),
                   " is empty: there is nothing by which slices along ", d, " could differ");
    return unique_result(ops::unique_rows(x, d, a.flag(2), a.flag(3)));
  }
  return unique_result(ops::unique(a.tensor(0), a.flag(2), a.flag(3)));
}

PyObject* median(Args& a, bool skip_nan) {
  const char* type = skip_nan ? "nanmedian" : "median";
  if (!a.object(1)) return wrap(ops::median(a.tensor(0), skip_nan));
  return pair(type, ops::median(a.tensor(0), a.integer(1), a.flag(2), skip_nan));
}

Tensor search(const Args& a, const Tensor& sorted, const Operand& values, int from) {
  bool right = a.flag(from + 1);
  if (from == 2 && a.given(4)) {
    std::string side = a.text(4);
    LAMPAS_CHECK(side == "left" || side == "right",
                 "torch.searchsorted(): side can only be 'left' or 'right' but got ", side);
    LAMPAS_CHECK(!(right && side == "left"),
                 "torch.searchsorted(): side and right can't be set to opposites, got side of left "
                 "while right was True");
    right = side == "right";
  }
  Tensor v =
      values.is_tensor() ? values.tensor() : ops::scalar_tensor(values.scalar(), sorted.dtype());
  return ops::searchsorted(sorted, v, right, a.flag(from), from == 2 ? a.tensor(5) : Tensor());
}

#define SORT \
  "(Tensor input, int dim=-1, bool descending=False, bool stable=False, *, Tensor[]? out=None)"
constexpr Definition kRows[] = {
    {"sort" SORT,
     [](Args& a) {
       return pair("sort", ops::sort(a.tensor(0), a.integer(1), a.flag(2), a.flag(3)));
     },
     kBoth,
     "Values in order along dim, and where they were; NaN is greatest. Equal values keep their "
     "places with stable=True, and among up to 16."},
    {"sort(Tensor input, *, bool? stable, int dim=-1, bool descending=False, Tensor[]? out=None)",
     [](Args& a) {
       return pair("sort", ops::sort(a.tensor(0), a.integer(2), a.flag(3), a.flag(1)));
     },
     kBoth, nullptr},
    {"argsort(Tensor input, int dim=-1, bool descending=False, bool stable=False)",
     LAMPAS_FN(ops::sort(a.tensor(0).alias(), a.integer(1), a.flag(2), a.flag(3))[1]), kBoth,
     "Indices that sort along dim."},
    {"msort(Tensor input, *, Tensor? out=None)", LAMPAS_FN(ops::sort(a.tensor(0), 0, false)[0]),
     kBoth, "Sorted along the first dimension."},
    {"topk(Tensor input, int k, int dim=-1, bool largest=True, bool sorted=True, *, Tensor[]? "
     "out=None)",
     [](Args& a) {
       return pair("topk", ops::topk(a.tensor(0), a.integer(1), a.integer(2), a.flag(3)));
     },
     kBoth, "The k largest (or smallest) values along dim, in order."},
    {"kthvalue(Tensor input, int k, int dim=-1, bool keepdim=False, *, Tensor[]? out=None)",
     [](Args& a) {
       return pair("kthvalue", ops::kthvalue(a.tensor(0), a.integer(1), a.integer(2), a.flag(3)));
     },
     kBoth, "The k-th smallest value along dim."},
    {"median(Tensor input)", [](Args& a) { return wrap(ops::median(a.tensor(0), false)); }, kBoth,
     "The middle value, the lower of two."},
    {"median(Tensor input, int dim, bool keepdim=False, *, Tensor[]? out=None)",
     [](Args& a) { return median(a, false); }, kBoth, nullptr},
    {"nanmedian(Tensor input)", [](Args& a) { return wrap(ops::median(a.tensor(0), true)); }, kBoth,
     "The middle value, NaN left out."},
    {"nanmedian(Tensor input, int dim, bool keepdim=False, *, Tensor[]? out=None)",
     [](Args& a) { return median(a, true); }, kBoth, nullptr},
    {"mode(Tensor input, int dim=-1, bool keepdim=False, *, Tensor[]? out=None)",
     [](Args& a) { return pair("mode", ops::mode(a.tensor(0), a.integer(1), a.flag(2))); }, kBoth,
     "The most frequent value along dim."},
    {"unique(Tensor input, bool sorted=True, bool return_inverse=False, bool return_counts=False, "
     "int? dim=None)",
     unique, kBoth, "Distinct values, sorted."},
    {"unique_consecutive(Tensor input, bool return_inverse=False, bool return_counts=False, int? "
     "dim=None)",
     [](Args& a) {
       return unique_result(
           ops::unique_consecutive(a.tensor(0), a.integer_or(3), a.flag(1), a.flag(2)));
     },
     kBoth, "One of each run of equal values."},
    {"searchsorted(Tensor sorted_sequence, Operand input, *, bool out_int32=False, bool "
     "right=False, str? side=None, Tensor? sorter=None, Tensor? out=None)",
     LAMPAS_FN(search(a, a.tensor(0), a.operand(1), 2)), kFunction,
     "Where values would be inserted into a sorted sequence."},
    {"bucketize(Operand input, Tensor boundaries, *, bool out_int32=False, bool right=False, "
     "Tensor? out=None)",
     LAMPAS_FN(ops::searchsorted(
         a.tensor(1),
         a.operand(0).is_tensor() ? a.operand(0).tensor()
                                  : ops::scalar_tensor(a.operand(0).scalar(), a.tensor(1).dtype()),
         a.flag(3), a.flag(2), Tensor())),
     kFunction, "The bucket between boundaries that each value falls in."},
    {"bincount(Tensor input, Tensor? weights=None, int minlength=0)",
     LAMPAS_FN(ops::bincount(a.tensor(0), a.tensor(1), a.integer(2))), kBoth,
     "How often each integer occurs, or the sum of its weights."},
    {"histc(Tensor input, int bins=100, Number min=0, Number max=0, *, Tensor? out=None)",
     LAMPAS_FN(
         ops::histc(a.tensor(0), a.integer(1), a.number(2).to_double(), a.number(3).to_double())),
     kBoth, "Counts of values in equal bins."},
};
}  // namespace

void define_sorting(PyObject* module) { define(module, kRows); }

}  // namespace lampas::py
