"""Checkpoints, anomaly detection, threads, long graphs."""

from __future__ import annotations

import gc
import threading
import warnings
import weakref

import numpy as np
import pytest

import lampas
from lampas.utils.checkpoint import checkpoint, checkpoint_sequential


def leaf(*values: float) -> lampas.Tensor:
    return lampas.tensor(values, dtype=lampas.float64, requires_grad=True)


# ---- checkpoints --------------------------------------------------------------------------------
@pytest.mark.parametrize("reentrant", [True, False])
def test_a_checkpoint_computes_the_same(reentrant: bool) -> None:
    calls = []
    w = leaf(3.0)

    def f(a, b, scale=1.0):
        calls.append(lampas.is_grad_enabled())
        return (a * b * w).exp() * scale

    x, y = leaf(0.1), leaf(0.2)
    f(x, y).backward()
    want = [t.grad.item() for t in (x, y, w)]
    for t in (x, y, w):
        t.grad = None
    calls.clear()
    checkpoint(f, x, y, use_reentrant=reentrant).backward()
    assert [t.grad.item() for t in (x, y, w)] == want
    assert calls == [not reentrant, True]


@pytest.mark.parametrize("reentrant", [True, False])
def test_a_checkpoint_draws_the_same_numbers(reentrant: bool) -> None:
    x = lampas.ones(50, requires_grad=True)
    masks = []

    def f(t):
        y = lampas.nn.functional.dropout(t, 0.5)
        masks.append(y.detach().tolist())
        return y * y

    y = checkpoint(f, x, use_reentrant=reentrant)
    lampas.rand(3)
    state = lampas.get_rng_state()
    y.sum().backward()
    assert masks[0] == masks[1] and x.grad.tolist() == [2 * m * m for m in masks[0]]
    assert lampas.get_rng_state().equal(state)
    masks.clear()
    y = checkpoint(f, x, use_reentrant=reentrant, preserve_rng_state=False)
    y.sum().backward()
    assert masks[0] != masks[1]


def test_keywords_and_structures() -> None:
    x = leaf(2.0)

    def f(pair, *, power):
        return {"out": pair[0] ** power, "n": 3}

    out = checkpoint(f, [x, None], power=3, use_reentrant=False)
    out["out"].backward()
    assert x.grad.item() == 12 and out["n"] == 3
    with pytest.raises(ValueError, match="Unexpected keyword"):
        checkpoint(f, x, power=3, use_reentrant=True)


def test_nested_checkpoints() -> None:
    x = leaf(0.5)

    def inner(t):
        return t.sin().exp()

    def outer(t):
        return checkpoint(inner, t * 2, use_reentrant=False).tanh()

    checkpoint(outer, x, use_reentrant=False).backward()
    got = x.grad.clone()
    x.grad = None
    outer(x).backward()
    assert got.item() == x.grad.item()


def test_a_function_that_does_something_else_the_second_time() -> None:
    times = []

    def f(t):
        times.append(1)
        return t.exp().sin().exp() if len(times) == 1 else t.exp()

    y = checkpoint(f, leaf(1.0), use_reentrant=False)
    with pytest.raises(RuntimeError, match="different number of tensors was saved"):
        y.backward()


def test_reentrant_checkpoints_want_a_gradient() -> None:
    with pytest.warns(UserWarning, match="None of the inputs have requires_grad=True"):
        checkpoint(lambda t: t * 2, lampas.ones(1), use_reentrant=True)


def test_checkpoints_of_a_chain() -> None:
    net = lampas.nn.Sequential(*[lampas.nn.Linear(4, 4) for _ in range(4)]).double()
    x = lampas.randn(2, 4, dtype=lampas.float64, requires_grad=True)
    net(x).sum().backward()
    want = [p.grad.clone() for p in (*net.parameters(), x)]
    net.zero_grad()
    x.grad = None
    checkpoint_sequential(net, 2, x, use_reentrant=False).sum().backward()
    for p, g in zip((*net.parameters(), x), want, strict=True):
        np.testing.assert_allclose(p.grad, g, rtol=1e-12)


# ---- anomalies ----------------------------------------------------------------------------------
def test_an_anomaly_points_at_the_line_of_the_forward_call() -> None:
    x = leaf(0.0, 1.0)
    with pytest.warns(UserWarning, match="Anomaly Detection has been enabled") as records:
        mode = lampas.autograd.detect_anomaly()
    assert [r.filename for r in records] == [__file__]
    with mode:
        y = lampas.sqrt(x) * 0  # the line that is to blame
        with (
            pytest.warns(UserWarning, match="the line that is to blame") as records,
            pytest.raises(RuntimeError, match=r"Function 'SqrtBackward0' returned nan values"),
        ):
            y.sum().backward()
    (text,) = (str(r.message) for r in records if "SqrtBackward0" in str(r.message))
    assert __file__ in text
    assert "test_an_anomaly_points_at_the_line_of_the_forward_call" in text


def test_an_error_in_backward_points_there_too() -> None:
    class Bad(lampas.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, g):
            raise RuntimeError("broken")

    x = leaf(1.0)
    with warnings.catch_warnings(record=True) as records:
        warnings.simplefilter("always")
        with lampas.autograd.set_detect_anomaly(True):
            y = Bad.apply(x)  # called here
            with pytest.raises(RuntimeError, match="broken"):
                y.backward()
    assert any("called here" in str(r.message) for r in records)


def test_anomaly_without_nan() -> None:
    x = leaf(0.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert not lampas.is_anomaly_enabled()
        with lampas.autograd.set_detect_anomaly(True, check_nan=False):
            assert lampas.is_anomaly_enabled() and not lampas.is_anomaly_check_nan_enabled()
            (x.sqrt() * 0).backward()
    assert np.isnan(x.grad.item()) and not lampas.is_anomaly_enabled()


# ---- threads ------------------------------------------------------------------------------------
def test_backward_in_several_threads() -> None:
    """Each thread has its own graph; they share a leaf, to which all of them add."""
    x = leaf(1.0, 2.0)
    errors: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(50):
                (x * x).sum().backward()
        except BaseException as e:
            errors.append(e)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not errors and x.grad.tolist() == [400.0, 800.0]


def test_grad_mode_is_of_the_thread() -> None:
    modes = []
    with lampas.no_grad():
        t = threading.Thread(target=lambda: modes.append(lampas.is_grad_enabled()))
        t.start()
        t.join()
    assert modes == [True]


def test_a_graph_made_elsewhere_runs_here() -> None:
    x, out = leaf(3.0), []
    t = threading.Thread(target=lambda: out.append((x**2).sin()))
    t.start()
    t.join()
    out[0].backward()
    assert x.grad.item() == pytest.approx(6 * np.cos(9.0))


def test_backward_within_backward() -> None:
    class Inner(lampas.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            with lampas.enable_grad():
                again = x.detach().requires_grad_()
                (again**3).backward()
            return g * again.grad

    x = leaf(2.0)
    Inner.apply(Inner.apply(x)).backward()
    assert x.grad.item() == 3 * 8**2 * 3 * 2**2


# ---- what is kept -------------------------------------------------------------------------------
def test_graphs_are_freed_with_their_results() -> None:
    x = leaf(1.0)
    y = x * 2
    gone = weakref.ref(y)
    z = y.exp()
    del y
    gc.collect()
    z.backward()
    del z
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize("step", ["in place", "custom", "views"])
def test_long_chains_of_other_kinds(step: str) -> None:
    class Same(lampas.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.view_as(x)

        @staticmethod
        def backward(ctx, g):
            return g

    x = lampas.ones(2, requires_grad=True)
    y = x * 1
    for _ in range(20_000):
        if step == "in place":
            y.mul_(1)
        elif step == "custom":
            y = Same.apply(y)
        else:
            y = y[:]
    y.sum().backward()
    assert x.grad.tolist() == [1.0, 1.0]
    del y
