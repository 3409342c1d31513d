// Matrix products.
#include "bindings/args.h"
#include "bindings/module.h"
#include "ops/ops.h"

namespace lampas::py {

namespace {
constexpr Definition kRows[] = {
    {"matmul(Tensor input, Tensor other, *, Tensor? out=None)",
     LAMPAS_FN(ops::matmul(a.tensor(0), a.tensor(1))), kBoth,
     "Matrix product; leading dimensions are a batch and broadcast."},
    {"mm(Tensor input, Tensor mat2, *, Tensor? out=None)",
     LAMPAS_FN(ops::mm(a.tensor(0), a.tensor(1))), kBoth, "Product of two matrices."},
    {"bmm(Tensor input, Tensor mat2, *, Tensor? out=None)",
     LAMPAS_FN(ops::bmm(a.tensor(0), a.tensor(1))), kBoth, "Products of two batches of matrices."},
    {"mv(Tensor input, Tensor vec, *, Tensor? out=None)",
     LAMPAS_FN(ops::mv(a.tensor(0), a.tensor(1))), kBoth, "Matrix times vector."},
    {"dot(Tensor input, Tensor tensor, *, Tensor? out=None)",
     LAMPAS_FN(ops::dot(a.tensor(0), a.tensor(1))), kBoth, "Inner product of two vectors."},
    {"inner(Tensor input, Tensor other, *, Tensor? out=None)",
     LAMPAS_FN(a.tensor(0).dim() == 0 || a.tensor(1).dim() == 0
                   ? ops::mul(a.tensor(0), a.tensor(1))
                   : ops::inner(a.tensor(0), a.tensor(1))),
     kBoth, "Products over the last dimensions."},
    {"vdot(Tensor input, Tensor other, *, Tensor? out=None)",
     LAMPAS_FN(ops::vdot(a.tensor(0), a.tensor(1))), kBoth,
     "Inner product with the first vector conjugated."},
    {"outer(Tensor input, Tensor vec2, *, Tensor? out=None)",
     LAMPAS_FN(ops::outer(a.tensor(0), a.tensor(1))), kBoth,
     "All products of two vectors' elements."},
    {"ger(Tensor input, Tensor vec2, *, Tensor? out=None)",
     LAMPAS_FN(ops::outer(a.tensor(0), a.tensor(1))), kBoth,
     "All products of two vectors' elements."},
    {"addmm(Tensor input, Tensor mat1, Tensor mat2, *, Number beta=1, Number alpha=1, Tensor? "
     "out=None)",
     LAMPAS_FN(ops::addmm(a.tensor(0), a.tensor(1), a.tensor(2), a.number(3), a.number(4))), kAll,
     "beta * input + alpha * mat1 @ mat2."},
    {"addmv(Tensor input, Tensor mat, Tensor vec, *, Number beta=1, Number alpha=1, Tensor? "
     "out=None)",
     LAMPAS_FN(ops::addmv(a.tensor(0), a.tensor(1), a.tensor(2), a.number(3), a.number(4))), kAll,
     "beta * input + alpha * mat @ vec."},
    {"addr(Tensor input, Tensor vec1, Tensor vec2, *, Number beta=1, Number alpha=1, Tensor? "
     "out=None)",
     LAMPAS_FN(ops::addr(a.tensor(0), a.tensor(1), a.tensor(2), a.number(3), a.number(4))), kAll,
     "beta * input + alpha * outer(vec1, vec2)."},
    {"baddbmm(Tensor input, Tensor batch1, Tensor batch2, *, Number beta=1, Number alpha=1, "
     "Tensor? out=None)",
     LAMPAS_FN(ops::baddbmm(a.tensor(0), a.tensor(1), a.tensor(2), a.number(3), a.number(4))), kAll,
     "beta * input + alpha * batch1 @ batch2."},
    {"addbmm(Tensor input, Tensor batch1, Tensor batch2, *, Number beta=1, Number alpha=1, Tensor? "
     "out=None)",
     LAMPAS_FN(ops::addbmm(a.tensor(0), a.tensor(1), a.tensor(2), a.number(3), a.number(4))), kAll,
     "beta * input + alpha * the sum of batch1 @ batch2."},
    {"linear(Tensor input, Tensor weight, Tensor? bias=None)",
     LAMPAS_FN(ops::linear(a.tensor(0), a.tensor(1), a.tensor(2))), kFunction,
     "input @ weight.T + bias.\n\n>>> lampas._C.linear(lampas.ones(1, 2), lampas.ones(3, "
     "2))\ntensor([[2., 2., 2.]])"},
};
}  // namespace

void define_matrix(PyObject* module) { define(module, kRows); }

}  // namespace lampas::py
