// Operators that choose elements by tensors of indices.
#include "autograd/autograd.h"
#include "bindings/args.h"
#include "bindings/module.h"
#include "ops/ops.h"

namespace lampas::py {

namespace {
Tensor masked_fill(const Args& a) {
  if (Operand v = a.operand(2); !v.is_tensor())
    ops::check_fits(v.scalar(), a.tensor(0).dtype(), "masked_fill");
  return ops::masked_fill(a.tensor(0), a.tensor(1), a.operand(2));
}

Tensor index_fill(const Args& a) {
  if (Operand v = a.operand(3); !v.is_tensor())
    ops::check_fits(v.scalar(), a.tensor(0).dtype(), "index_fill_");
  return ops::index_fill(a.tensor(0), a.integer(1), a.tensor(2), a.operand(3), a.target());
}

PyObject* index_put_inplace(Args& a) {
  check_inplace(a.tensor(0), "index_put_");
  std::vector<Tensor> indices;
  PyObject* seq = a.object(1);
  LAMPAS_CHECK_TYPE(PyTuple_Check(seq) || PyList_Check(seq),
                    "index_put_(): indices must be a tuple or list of tensors, not ",
                    Py_TYPE(seq)->tp_name);
  for (Py_ssize_t i = 0; i < PySequence_Size(seq); ++i) {
    Owned item(checked(PySequence_GetItem(seq, i)));
    LAMPAS_CHECK_TYPE(item.get() == Py_None || is_tensor(item.get()),
                      "index_put_(): indices must be tensors or None, not ",
                      Py_TYPE(item.get())->tp_name);
    Tensor t = item.get() == Py_None ? Tensor() : tensor_of(item.get());
    // A mask over several dimensions stands for its coordinates.
    if (t.defined() && t.dtype() == DType::Bool)
      for (Tensor& c : ops::nonzero_tuple(t)) indices.push_back(c);
    else
      indices.push_back(t);
  }
  ops::index_put_(a.tensor(0), indices, a.tensor(2), a.flag(3));
  return Owned::share(a.object(0)).release();
}
PyObject* index_put(Args& a) {
  Owned copy(wrap(ops::clone(a.tensor(0))));
  Owned method(checked(PyObject_GetAttrString(copy.get(), "index_put_")));
  return PyObject_CallFunctionObjArgs(method.get(), a.object(1), a.object(2),
                                      a.flag(3) ? Py_True : Py_False, nullptr);
}
PyObject* scatter(Args& a) {
  if (a.given(4)) {
    std::string reduce = a.text(4);
    Operand src = a.operand(3);
    Tensor values = src.is_tensor()
                        ? src.tensor()
                        : ops::full(a.tensor(2).sizes(), src.scalar(), a.tensor(0).dtype());
    LAMPAS_CHECK(reduce == "add" || reduce == "multiply",
                 "reduce argument must be either add or multiply, got '", reduce, "'");
    return wrap(ops::scatter_reduce(a.tensor(0), a.integer(1), a.tensor(2), values,
                                    reduce == "add" ? "sum" : "prod", true));
  }
  return wrap(ops::scatter(a.tensor(0), a.integer(1), a.tensor(2), a.operand(3), a.target()));
}
PyObject* nonzero(Args& a) {
  if (a.flag(1)) return to_py(ops::nonzero_tuple(a.tensor(0)));
  return wrap(ops::nonzero(a.tensor(0)));
}

constexpr Definition kRows[] = {
    {"index_select(Tensor input, int dim, Tensor index, *, Tensor? out=None)",
     LAMPAS_FN(ops::index_select(a.tensor(0), a.integer(1), a.tensor(2))), kBoth,
     "Slices of a dimension by index."},
    {"index_add(Tensor input, int dim, Tensor index, Tensor source, *, Number alpha=1, Tensor? "
     "out=None)",
     LAMPAS_FN(ops::index_add(a.tensor(0), a.integer(1), a.tensor(2), a.tensor(3), a.number(4),
                              a.target())),
     kAll, "Slices of source added at index."},
    {"index_copy(Tensor input, int dim, Tensor index, Tensor source, *, Tensor? out=None)",
     LAMPAS_FN(ops::index_copy(a.tensor(0), a.integer(1), a.tensor(2), a.tensor(3), a.target())),
     kAll, "Slices of source written at index."},
    {"index_fill(Tensor input, int dim, Tensor index, Operand value)", LAMPAS_FN(index_fill(a)),
     kAll, "Slices at index filled."},
    {"index_put_(Tensor input, object indices, Tensor values, bool accumulate=False)",
     index_put_inplace, kBoth, "input[indices] = values, or += with accumulate."},
    {"index_put(Tensor input, object indices, Tensor values, bool accumulate=False)", index_put,
     kBoth, "input with input[indices] = values."},
    {"gather(Tensor input, int dim, Tensor index, *, bool sparse_grad=False, Tensor? out=None)",
     LAMPAS_FN(ops::gather(a.tensor(0), a.integer(1), a.tensor(2))), kBoth,
     "Elements of a dimension by index, position by position."},
    {"scatter(Tensor input, int dim, Tensor index, Operand src, *, str? reduce=None, Tensor? "
     "out=None)",
     scatter, kAll, "Elements of src written at index, position by position."},
    {"scatter(Tensor input, int dim, Tensor index, Number value, *, str? reduce=None, Tensor? "
     "out=None)",
     scatter, kAll, nullptr},
    {"scatter_add(Tensor input, int dim, Tensor index, Tensor src, *, Tensor? out=None)",
     LAMPAS_FN(ops::scatter_add(a.tensor(0), a.integer(1), a.tensor(2), a.tensor(3), a.target())),
     kAll, "Elements of src added at index."},
    {"scatter_reduce(Tensor input, int dim, Tensor index, Tensor src, str reduce, *, bool "
     "include_self=True, Tensor? out=None)",
     LAMPAS_FN(ops::scatter_reduce(a.tensor(0), a.integer(1), a.tensor(2), a.tensor(3), a.text(4),
                                   a.flag(5))),
     kAll, "Elements of src reduced at index: sum, prod, mean, amax, amin."},
    {"masked_fill(Tensor input, Tensor mask, Operand value)", LAMPAS_FN(masked_fill(a)), kAll,
     "value where mask is True."},
    {"masked_select(Tensor input, Tensor mask, *, Tensor? out=None)",
     LAMPAS_FN(ops::masked_select(a.tensor(0), a.tensor(1))), kBoth,
     "Elements where mask is True."},
    {"masked_scatter(Tensor input, Tensor mask, Tensor source)",
     LAMPAS_FN(ops::masked_scatter(a.tensor(0), a.tensor(1), a.tensor(2))), kAll,
     "Elements of source, in order, where mask is True."},
    {"take(Tensor input, Tensor index, *, Tensor? out=None)",
     LAMPAS_FN(ops::take(a.tensor(0), a.tensor(1))), kBoth,
     "Elements by index into the flattened tensor."},
    {"nonzero(Tensor input, *, bool as_tuple=False, Tensor? out=None)", nonzero, kBoth,
     "Indices of nonzero elements."},
    {"argwhere(Tensor input)", LAMPAS_FN(ops::nonzero(a.tensor(0))), kBoth,
     "Indices of nonzero elements."},
    {"_embedding(Tensor weight, Tensor indices, int padding_idx=-1)",
     LAMPAS_FN(ops::embedding(a.tensor(0), a.tensor(1), a.integer(2))), kFunction,
     "Rows of weight."},
};
}  // namespace

void define_indexing(PyObject* module) { define(module, kRows); }

}  // namespace lampas::py
