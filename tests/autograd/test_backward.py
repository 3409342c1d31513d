"""backward and grad: what they return, accumulate, keep and refuse."""

from __future__ import annotations

import numpy as np
import pytest

import lampas
from lampas import autograd

RNG = np.random.default_rng(0)


def leaf(*values: float, dtype=lampas.float64) -> lampas.Tensor:
    return lampas.tensor(values, dtype=dtype, requires_grad=True)


# ---- backward -----------------------------------------------------------------------------------
def test_gradients_accumulate() -> None:
    x = leaf(1.0, 2.0)
    (x * x).sum().backward()
    first = x.grad
    assert first.tolist() == [2.0, 4.0]
    (x**3).sum().backward()
    assert x.grad is first and x.grad.tolist() == [5.0, 16.0]
    x.grad = None
    x.sum().backward()
    assert x.grad.tolist() == [1.0, 1.0]


def test_a_tensor_used_twice_gets_both_parts() -> None:
    x = leaf(3.0)
    y = x * 2
    (y * y + y).sum().backward()  # 4 x^2 + 2 x
    assert x.grad.item() == 8 * 3 + 2


def test_several_roots_with_gradients() -> None:
    x = leaf(1.0, 2.0)
    autograd.backward([x * 2, (x**2).sum()], [lampas.tensor([1.0, 10.0]).double(), None])
    assert x.grad.tolist() == [2 + 2, 20 + 4]
    with pytest.raises(RuntimeError, match="2 tensors and 1 grad"):
        autograd.backward([x * 2, x], [None])


def test_only_some_leaves() -> None:
    x, y = leaf(2.0), leaf(3.0)
    (x * y).backward(inputs=[x])
    assert x.grad.item() == 3 and y.grad is None
    z = x * y
    (z * z).backward(inputs=z)  # not a leaf: its gradient is kept all the same
    assert z.grad.item() == 12
    with pytest.raises(RuntimeError, match="cannot be empty"):
        (x * y).backward(inputs=[])


def test_gradient_argument() -> None:
    x = leaf(1.0, 2.0)
    (x * 3).backward(lampas.tensor([1.0, 2.0], dtype=lampas.float64))
    assert x.grad.tolist() == [3.0, 6.0]
    with pytest.raises(RuntimeError, match="grad can be implicitly created only for scalar"):
        (x * 3).backward()
    with pytest.raises(RuntimeError, match="Mismatch in shape"):
        (x * 3).backward(lampas.ones(3, dtype=lampas.float64))


def test_refusals() -> None:
    with pytest.raises(RuntimeError, match="does not require grad and does not have a grad_fn"):
        lampas.ones(1).backward()
    with pytest.raises(RuntimeError, match=r"[Oo]nly Tensors of floating point"):
        lampas.ones(1, dtype=lampas.int64).requires_grad_()
    x = leaf(1.0, 2.0)
    with pytest.raises((RuntimeError, TypeError), match="assigned grad has"):
        x.grad = lampas.ones(3, dtype=lampas.float64)
    with pytest.raises((RuntimeError, TypeError)):
        x.grad = 3


def test_graph_is_freed_unless_kept() -> None:
    x = leaf(2.0)
    y = x.exp() * x
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.item() == pytest.approx(2 * 3 * np.exp(2.0))
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        y.backward()


def test_gradients_have_the_leaf_s_dtype_and_shape() -> None:
    x = lampas.ones(3, 1, dtype=lampas.float16, requires_grad=True)
    y = lampas.ones(1, 2, dtype=lampas.float64, requires_grad=True)
    (x + y).sum().backward()
    assert x.grad.dtype == lampas.float16 and x.grad.tolist() == [[2.0]] * 3
    assert y.grad.dtype == lampas.float64 and y.grad.tolist() == [[3.0, 3.0]]


def test_broadcast_operands_get_sums() -> None:
    a = lampas.tensor(RNG.standard_normal((2, 1, 4)), requires_grad=True)
    b = lampas.tensor(RNG.standard_normal((3, 1)), requires_grad=True)
    g = RNG.standard_normal((2, 3, 4))
    (a * b).backward(lampas.tensor(g))
    np.testing.assert_allclose(a.grad, (g * b.detach().numpy()).sum(1, keepdims=True))
    np.testing.assert_allclose(b.grad, (g * a.detach().numpy()).sum((0, 2))[:, None])


# ---- grad ---------------------------------------------------------------------------------------
def test_grad_leaves_grad_alone() -> None:
    x, y = leaf(2.0), leaf(3.0)
    gx, gy = autograd.grad(x * y, [x, y])
    assert (gx.item(), gy.item()) == (3.0, 2.0) and x.grad is None and y.grad is None
    (only,) = autograd.grad(x * y, x)
    assert only.item() == 3


def test_unused_inputs() -> None:
    x, y = leaf(2.0), leaf(3.0)
    with pytest.raises(RuntimeError, match="appears to not have been used in the graph"):
        autograd.grad(x * 2, [x, y])
    assert autograd.grad(x * 2, [x, y], allow_unused=True)[1] is None
    zero = autograd.grad(x * 2, [x, y], materialize_grads=True)[1]
    assert zero.tolist() == [0.0] and zero.dtype == lampas.float64
    with pytest.raises(ValueError, match="materialize_grads=True"):
        autograd.grad(x * 2, [x], materialize_grads=True, allow_unused=False)
    with pytest.raises(RuntimeError, match="does not require grad"):
        autograd.grad(x * 2, lampas.ones(1))


def test_gradients_of_intermediates() -> None:
    x = leaf(2.0)
    y = x * x
    z = y.sin()
    gy, gx = autograd.grad(z, [y, x])
    assert gy.item() == pytest.approx(np.cos(4.0)) and gx.item() == pytest.approx(4 * np.cos(4.0))
    (one,) = autograd.grad(z, z, retain_graph=True)
    assert one.tolist() == [1.0]


def test_edges_in_place_of_tensors() -> None:
    x = leaf(2.0)
    y = x * x
    edge = autograd.graph.get_gradient_edge(y)
    assert autograd.grad((y * 3).sum(), edge, retain_graph=True)[0].item() == 3
    assert autograd.grad(edge, [x], lampas.ones(1).double())[0].item() == 4


def test_batched_cotangents() -> None:
    x = leaf(1.0, 2.0, 3.0)
    y = x**2
    (rows,) = autograd.grad(y, x, lampas.eye(3, dtype=lampas.float64), is_grads_batched=True)
    np.testing.assert_array_equal(rows, np.diag([2.0, 4.0, 6.0]))


def test_higher_derivatives() -> None:
    x = leaf(0.7)
    y, wanted = x.sin(), [np.cos, lambda v: -np.sin(v), lambda v: -np.cos(v), np.sin]
    for f in wanted:
        (y,) = autograd.grad(y, x, create_graph=True)
        assert y.item() == pytest.approx(f(0.7)) and y.requires_grad


def test_create_graph_through_backward() -> None:
    x = leaf(3.0)
    (x**3).backward(create_graph=True)
    assert x.grad.requires_grad
    (second,) = autograd.grad(x.grad, x)
    assert second.item() == 18
    penalty = (autograd.grad((x**2).sum(), x, create_graph=True)[0] ** 2).sum()  # 4 x^2
    x.grad = None
    penalty.backward()
    assert x.grad.item() == 24


def test_complex_gradients_are_those_of_the_conjugate() -> None:
    z = lampas.tensor([1 + 2j], dtype=lampas.complex128, requires_grad=True)
    (z * z.conj()).real.sum().backward()  # |z|^2
    assert z.grad.tolist() == [2 + 4j]


# ---- what is written to afterwards --------------------------------------------------------------
def test_a_saved_tensor_that_changed_is_named() -> None:
    x = leaf(1.0, 2.0)
    y = x.clone()
    z = (y * y).sum()
    y.add_(1)
    message = r"modified by an inplace operation.*\[2\].*is at version 1; expected version 0"
    with pytest.raises(RuntimeError, match=message):
        z.backward()


@pytest.mark.parametrize(
    "f", [lampas.exp, lampas.tanh, lampas.sqrt, lampas.sigmoid, lambda x: x.softmax(0)]
)
def test_operators_that_remember_their_result(f) -> None:
    y = f(leaf(1.0, 2.0))
    y.mul_(2)
    with pytest.raises(RuntimeError, match="inplace"):
        y.sum().backward()


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x / lampas.full((2,), 2.0, requires_grad=True),
        lambda x: x * 3,
        lambda x: x + x,
        lambda x: lampas.logaddexp(x, x * 2),
        lambda x: x.sin(),
        lambda x: x.log(),
        lambda x: lampas.nn.functional.gelu(x),
        lambda x: lampas.nn.functional.layer_norm(x, (2,)),
        lambda x: x @ lampas.ones(2, 2, requires_grad=True, dtype=x.dtype),
    ],
)
def test_operators_whose_result_may_be_written_to(f) -> None:
    x, again = leaf(1.0, 2.0), leaf(1.0, 2.0)
    y = f(x)
    y.mul_(2)
    y.sum().backward()
    (f(again) * 2).sum().backward()
    np.testing.assert_array_equal(x.grad, again.grad)


def test_writes_that_autograd_forbids() -> None:
    x = leaf(1.0, 2.0)
    with pytest.raises(RuntimeError, match="leaf Variable that requires grad"):
        x.add_(1)
    with pytest.raises(RuntimeError, match="leaf Variable that requires grad"):
        x[0] = 1
    with lampas.no_grad():
        x.add_(1)
    assert x.tolist() == [2.0, 3.0]
    a, _ = (x * 1).unbind(0)
    with pytest.raises(RuntimeError, match="view"):
        a.add_(1)


def test_writes_into_views_are_part_of_the_history() -> None:
    x = leaf(1.0, 2.0, 3.0)
    y = x * 2
    y[1:].mul_(5)
    y[0] = 7
    z = y.view(3)
    z.add_(1)
    assert y.tolist() == [8.0, 21.0, 31.0]
    y.sum().backward()
    assert x.grad.tolist() == [0.0, 10.0, 10.0]


# ---- size ---------------------------------------------------------------------------------------
def test_a_chain_of_a_million_nodes_runs_and_is_freed() -> None:
    x = lampas.ones((), requires_grad=True)
    y = x
    for _ in range(1_000_000):
        y = y + 1
    y.backward()
    assert x.grad.item() == 1
    del y
    y = x
    for _ in range(1_000_000):
        y = y + 1
    del y  # freed without a backward pass


def test_wide_graphs() -> None:
    x = lampas.ones((), dtype=lampas.float64, requires_grad=True)
    y = x
    for _ in range(40):  # 2^40 paths
        y = y + y
    y.backward()
    assert x.grad.item() == 2.0**40
