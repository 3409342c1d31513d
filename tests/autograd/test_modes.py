"""Grad modes, versions, writes in place, views."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

import lampas
from lampas.autograd import Variable


def leaf(*values: float) -> lampas.Tensor:
    return lampas.tensor(values, dtype=lampas.float64, requires_grad=True)


# ---- modes --------------------------------------------------------------------------------------
def test_no_grad_and_enable_grad_nest() -> None:
    x = leaf(1.0)
    with lampas.no_grad():
        assert not lampas.is_grad_enabled() and not (x * 2).requires_grad
        with lampas.enable_grad():
            assert (x * 2).requires_grad
        assert not (x * 2).requires_grad
    assert (x * 2).requires_grad


@pytest.mark.parametrize("mode", [lampas.no_grad, lampas.inference_mode])
@pytest.mark.parametrize("call", [True, False])
def test_modes_decorate(mode, call: bool) -> None:
    decorate = mode() if call else mode

    @decorate
    def double(x):
        """Twice."""
        return x * 2

    @decorate
    def steps(x):
        for _ in range(2):
            x = yield x * 2

    x = leaf(1.0)
    assert not double(x).requires_grad
    assert double.__name__ == "double" and double.__doc__ == "Twice."
    assert inspect.isgeneratorfunction(steps)
    run = steps(x)
    assert not next(run).requires_grad
    assert lampas.is_grad_enabled() and (x * 2).requires_grad  # only within the generator
    assert not run.send(x).requires_grad


def test_set_grad_enabled() -> None:
    x = leaf(1.0)
    with lampas.set_grad_enabled(False):
        assert not (x * 2).requires_grad
    lampas.set_grad_enabled(False)
    try:
        assert not lampas.is_grad_enabled()
    finally:
        lampas.set_grad_enabled(True)

    @lampas.set_grad_enabled(False)
    def f():
        return lampas.is_grad_enabled()

    assert lampas.is_grad_enabled() and not f() and lampas.is_grad_enabled()


def test_a_mode_is_left_by_an_exception() -> None:
    with pytest.raises(ZeroDivisionError), lampas.no_grad():
        raise ZeroDivisionError
    assert lampas.is_grad_enabled()


def test_inference_mode() -> None:
    x = leaf(1.0, 2.0)
    with lampas.inference_mode():
        assert lampas.is_inference_mode_enabled()
        y = x * 2
        assert y.is_inference() and not y.requires_grad and not x.is_inference()
        y.add_(1)
        with lampas.inference_mode(False):
            assert (x * 2).requires_grad
        made = lampas.nn.Linear(2, 2)
        assert made.weight.requires_grad and made.weight.is_inference()
        with lampas.enable_grad():  # asked for, but nothing is recorded in inference mode
            assert lampas.is_grad_enabled() and not (x * 2).requires_grad
    assert not lampas.is_inference_mode_enabled()
    with pytest.raises(RuntimeError, match="Inference tensors cannot be saved for backward"):
        x * y
    with pytest.raises(RuntimeError, match="Inplace update to inference tensor outside"):
        y.add_(1)
    with pytest.raises(RuntimeError, match="requires_grad=True on inference tensor"):
        y.requires_grad_()
    with pytest.raises(RuntimeError, match="Inference tensors do not track version counter"):
        _ = y._version
    normal = y.clone()
    assert not normal.is_inference()
    (x * normal).sum().backward()
    assert x.grad.tolist() == normal.tolist()


def test_detach() -> None:
    x = leaf(1.0, 2.0)
    y = (x * 2).detach()
    assert not y.requires_grad and y.is_leaf and y.grad_fn is None
    z = x * 2
    d = z.detach()
    d.zero_()
    assert z.tolist() == [0.0, 0.0]  # one memory
    z.detach_()
    assert z.is_leaf and not z.requires_grad
    with pytest.raises(RuntimeError, match="detach"):
        (x * 1)[:1].detach_()


def test_requires_grad_is_for_leaves() -> None:
    x = leaf(1.0)
    y = x * 2
    with pytest.raises(RuntimeError, match="you can only change requires_grad flags of leaf"):
        y.requires_grad = False
    with pytest.raises(RuntimeError, match="you can only change requires_grad flags of leaf"):
        y.requires_grad_(False)
    y.requires_grad_()
    x.requires_grad = False
    assert not (x * 2).requires_grad


def test_variable() -> None:
    x = Variable(lampas.tensor([1.0, 2.0]), requires_grad=True)
    assert isinstance(x, lampas.Tensor) and isinstance(x, Variable) and x.requires_grad
    assert isinstance(lampas.ones(1), Variable) and not isinstance(3, Variable)
    (x * x).sum().backward()
    assert x.grad.tolist() == [2.0, 4.0] and x.data.tolist() == [1.0, 2.0]
    assert not Variable(lampas.ones(1)).requires_grad


# ---- versions -----------------------------------------------------------------------------------
def test_versions_count_writes() -> None:
    x = lampas.zeros(3)
    assert x._version == 0
    x.add_(1)
    x[0] = 5
    assert x._version == 2
    view = x[1:]
    view.mul_(2)
    assert x._version == view._version == 3
    lampas.add(view, 1, out=view)
    assert x._version == 4
    x.detach().zero_()  # shares the counter
    assert x._version == 5
    x.data.zero_()  # does not
    assert x._version == 5


@pytest.mark.parametrize(
    ("saved", "write"),
    [
        (lambda a, b: a * b, lambda a, b: b.add_(1)),
        (lambda a, b: a @ b, lambda a, b: b.zero_()),
        (lambda a, b: lampas.nn.functional.linear(a, b), lambda a, b: b[0].fill_(3)),
        (lambda a, b: a.index_put((lampas.tensor([0]),), b[0]) * b, lambda a, b: b.mul_(2)),
        (lambda a, b: lampas.where(b > 0, a, b) * b, lambda a, b: b.t_()),
    ],
)
def test_a_saved_tensor_that_changed_is_an_error(saved, write) -> None:
    a = lampas.ones(2, 2, dtype=lampas.float64, requires_grad=True)
    b = lampas.ones(2, 2, dtype=lampas.float64)
    y = saved(a, b).sum()
    write(a, b)
    message = (
        r"one of the variables needed for gradient computation has been modified by an inplace "
        r"operation.*\[2, 2\].*is at version 1; expected version 0 instead"
    )
    with pytest.raises(RuntimeError, match=message):
        y.backward()


F = lampas.nn.functional
BY_INDEX = {
    "x[i]": lambda x, i: x[i],
    "x[:, i]": lambda x, i: x[:, i],
    "index_put": lambda x, i: x.index_put((i,), x.new_zeros(())),
    "index_select": lambda x, i: x.index_select(0, i),
    "take": lambda x, i: x.take(i),
    "put": lambda x, i: x.put(i, x.new_zeros(3)),
    "gather": lambda x, i: x.gather(0, i[None]),
    "scatter": lambda x, i: x.scatter(0, i[None], 0.0),
    "index_add": lambda x, i: lampas.zeros(3, 3).index_add(0, i, x),
    "index_copy": lambda x, i: lampas.zeros(3, 3).index_copy(0, i, x),
    "index_fill": lambda x, i: x.index_fill(0, i, 1.0),
    "embedding": lambda x, i: F.embedding(i, x),
    "embedding_bag": lambda x, i: F.embedding_bag(i[None], x),
    "cross_entropy": F.cross_entropy,
    "nll_loss": F.nll_loss,
    "multi_margin_loss": F.multi_margin_loss,
}
# What is saved of these is the index itself, not a copy of it.
KEPT = [name for name in BY_INDEX if name != "multi_margin_loss"]


@pytest.mark.parametrize("name", KEPT)
def test_a_saved_index_that_changed_is_an_error(name: str) -> None:
    x, i = lampas.ones(3, 3, requires_grad=True), lampas.tensor([0, 1, 2])
    y = BY_INDEX[name](x, i).sum()
    i.zero_()
    with pytest.raises(RuntimeError, match=r"int64\[.*\] is at version 1; expected version 0"):
        y.backward()


@pytest.mark.parametrize("name", BY_INDEX)
def test_an_index_that_changed_unseen_ends_no_process(name: str) -> None:
    x, i = lampas.ones(3, 3, requires_grad=True), lampas.tensor([0, 1, 2])
    y = BY_INDEX[name](x, i).sum()
    i.numpy()[:] = 10**12
    try:
        y.backward()
    except (IndexError, RuntimeError) as error:
        assert "out of bounds" in str(error) or "no longer" in str(error)


def test_indices_of_pooling_that_changed() -> None:
    x = lampas.arange(16.0).reshape(1, 1, 4, 4).requires_grad_()
    for write in (lambda i: i.zero_(), lambda i: i.numpy().fill(10**12)):
        y, i = F.adaptive_max_pool2d(x, 2, return_indices=True)
        write(i)
        with pytest.raises((RuntimeError, IndexError), match=r"inplace operation|out of range"):
            y.sum().backward()


def test_the_error_names_the_operator_that_made_the_tensor() -> None:
    x = leaf(1.0, 2.0, 3.0)
    y = x.exp()
    z = y.sum()
    y.add_(1)
    with pytest.raises(RuntimeError, match=r"\[3\]\], which is output 0 of .*, is at "):
        z.backward()


def test_writes_through_data_are_not_seen() -> None:
    x = leaf(2.0)
    y = x.exp()
    y.data.zero_()
    y.backward()
    assert x.grad.item() == 0


# ---- writes in place ----------------------------------------------------------------------------
def test_writes_become_part_of_the_graph() -> None:
    x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
    y = lampas.zeros(2, dtype=lampas.float64)
    y.copy_(x)
    y.mul_(w)
    assert y.requires_grad and y.grad_fn.name() == "MulBackward0"
    y.sum().backward()
    assert x.grad.tolist() == [3.0, 4.0] and w.grad.tolist() == [1.0, 2.0]


def test_writes_into_a_view_of_a_plain_tensor() -> None:
    x = leaf(1.0, 2.0)
    base = lampas.zeros(2, 2, dtype=lampas.float64)
    row = base[1]
    row.copy_(x * 3)
    assert base.requires_grad and row.requires_grad
    assert "CopySlices" in base.grad_fn.name()
    (base * lampas.tensor([[1.0, 2.0], [3.0, 4.0]], dtype=lampas.float64)).sum().backward()
    assert x.grad.tolist() == [9.0, 12.0]


def test_views_see_writes_into_their_base() -> None:
    x = leaf(1.0, 2.0, 3.0)
    y = x * 1
    head = y[:2]
    y.mul_(10)
    assert head.tolist() == [10.0, 20.0]
    head.sum().backward()
    assert x.grad.tolist() == [10.0, 10.0, 0.0]


@pytest.mark.parametrize(
    "view",
    [
        lambda t: t.view(6),
        lambda t: t.t(),
        lambda t: t.transpose(0, 1)[1:],
        lambda t: t[:, ::2],
        lambda t: t.diagonal(),
        lambda t: t.unsqueeze(0).squeeze(0),
        lambda t: t.unfold(1, 2, 1)[:, 0],
        lambda t: t.as_strided((2, 2), (3, 1)),
        lambda t: t.flatten(),
        lambda t: t.narrow(1, 1, 2),
        lambda t: t.select(0, 1),
        lambda t: t.movedim(0, 1),
        lambda t: t.view_as(t),
        lambda t: t.real,
    ],
)
def test_writes_into_views_as_numpy_sees_them(view) -> None:
    """y = 2 x, then a view of y is squared: values, and the gradient of the sum, are both known."""
    start = np.arange(1.0, 7.0).reshape(2, 3)
    x = lampas.tensor(start, requires_grad=True)
    y = x * 2
    assert y._base is None
    v = view(y)
    touched = lampas.zeros(2, 3, dtype=lampas.float64)
    view(touched).fill_(1)
    mask = touched.numpy().astype(bool)
    v.mul_(v.detach().clone() * 3)
    np.testing.assert_allclose(y.detach(), np.where(mask, 3 * (2 * start) ** 2, 2 * start))
    y.sum().backward()
    np.testing.assert_allclose(x.grad, np.where(mask, 3 * (2 * start) * 2, 2.0))


def test_views_know_their_base() -> None:
    x = lampas.zeros(4)
    v = x[1:]
    assert v._base is x and v[1:]._base is x and x._base is None and v._is_view()
    assert v.data_ptr() == x.data_ptr() + 4 and v.storage_offset() == 1


def test_some_views_cannot_be_written_to() -> None:
    x = leaf(1.0, 2.0, 3.0, 4.0)
    several = (x * 1).split(2)
    with pytest.raises(RuntimeError, match="multiple views"):
        several[0].add_(1)
    with lampas.no_grad():
        v = x[:2]
    with pytest.raises(RuntimeError, match=r"leaf Variable that requires grad|no_grad"):
        v.add_(1)
    with pytest.raises(RuntimeError, match="a view of a leaf Variable that requires grad"):
        x[:2].add_(1)
    with pytest.raises(RuntimeError, match="leaf Variable that requires grad"):
        x.zero_()


@pytest.mark.parametrize("f", [lampas.add, lampas.mul, lampas.matmul])
def test_out_takes_no_gradients(f) -> None:
    a, out = lampas.ones(2, 2, requires_grad=True), lampas.zeros(2, 2)
    with pytest.raises(RuntimeError, match="don't support automatic differentiation"):
        f(a, a, out=out)
    with pytest.raises(RuntimeError, match="don't support automatic differentiation"):
        f(out, out, out=a)
    with lampas.no_grad():
        f(a, a, out=out)


def test_data_can_be_replaced() -> None:
    x = leaf(1.0, 2.0)
    old = x.data
    x.data = lampas.zeros(3, dtype=lampas.float64)
    assert x.shape == (3,) and x.requires_grad and x.is_leaf and old.tolist() == [1.0, 2.0]
    (x + 1).sum().backward()
    assert x.grad.tolist() == [1.0] * 3
    with pytest.raises((RuntimeError, TypeError)):
        x.data = 3


def test_a_view_s_write_is_run_once() -> None:
    """The graph behind a write into a view is freed like any other."""
    x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
    y = x * 1
    y[1:].mul_(w[1:])
    y.sum().backward()
    with pytest.raises(RuntimeError, match="a second time"):
        y.sum().backward()


def test_a_tensor_that_keeps_its_gradient_may_be_written_to() -> None:
    x = leaf(1.0, 2.0)
    y = x * 2
    y.retain_grad()
    y.mul_(3)
    z = y.sum()
    z.backward(retain_graph=True)
    assert y.retains_grad and y.grad.tolist() == [1.0, 1.0] and x.grad.tolist() == [6.0, 6.0]
    del y  # nothing in the graph may look for it any more
    z.backward()
    assert x.grad.tolist() == [12.0, 12.0]
