"""What a row cannot say of scans: infinities, long lines, and gradients beyond the second."""

from __future__ import annotations

import math

import numpy as np
import pytest

import lampas
from lampas.autograd import gradgradcheck

_P = 1 / (1 + math.exp(-1))  # the second one's part of exp(0) + exp(1)


def test_logcumsumexp_leaves_out_what_is_minus_infinity() -> None:
    x = lampas.tensor([-math.inf, 0.0, 1.0], dtype=lampas.float64, requires_grad=True)
    x.logcumsumexp(0)[1:].sum().backward()
    wanted = lampas.tensor([0.0, 2 - _P, _P], dtype=lampas.float64)
    lampas.testing.assert_close(x.grad, wanted)
    (g,) = lampas.autograd.grad(x.logcumsumexp(0)[1:].sum(), x, create_graph=True)
    lampas.testing.assert_close(g, wanted)
    (again,) = lampas.autograd.grad(g[2], x)
    slope = _P * (1 - _P)
    lampas.testing.assert_close(again, lampas.tensor([0.0, -slope, slope], dtype=lampas.float64))


def test_logcumsumexp_has_a_third_gradient() -> None:
    x = lampas.tensor([0.3, -0.4, 0.9], dtype=lampas.float64, requires_grad=True)

    def slope(x: lampas.Tensor) -> lampas.Tensor:
        return lampas.autograd.grad(x.logcumsumexp(0).square().sum(), x, create_graph=True)[0]

    assert gradgradcheck(slope, (x,))


def _running(x: np.ndarray, largest: bool) -> tuple[np.ndarray, np.ndarray]:
    """The extremes so far of columns, one element after the other, and where they stand."""
    values, at = x.copy(), np.zeros(x.shape, np.int64)
    for c in range(x.shape[1]):
        best = 0
        for i in range(x.shape[0]):
            v, top = x[i, c], x[best, c]
            if v != v or (top == top and (v >= top if largest else v <= top)):
                best = i
            values[i, c], at[i, c] = x[best, c], best
    return values, at


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "int32", "uint8", "bool"])
@pytest.mark.parametrize("n", [1, 31, 32, 150])
def test_running_extremes(dtype: str, n: int) -> None:
    random = np.random.default_rng(n)
    x = random.integers(0, 2 if dtype == "bool" else 50, (n, 70)).astype(dtype)
    if dtype.startswith("float"):
        x[random.random(x.shape) < 0.01] = np.nan
    given = lampas.tensor(x)
    for largest in (True, False):
        values, at = _running(x, largest)
        f = lampas.cummax if largest else lampas.cummin
        for got in (f(given, 0), [t.mT for t in f(given.mT.contiguous(), 1)]):
            np.testing.assert_array_equal(got[0].numpy(), values)
            np.testing.assert_array_equal(got[1].numpy(), at)


def test_running_extremes_tell_large_integers_and_halves_apart() -> None:
    x = lampas.tensor([2**60, 2**60 + 1, 2**60])
    assert x.cummax(0).indices.tolist() == [0, 1, 1]
    assert x.cummin(0).indices.tolist() == [0, 0, 2]
    h = lampas.tensor([1.0, 3.0, 2.0], dtype=lampas.bfloat16)
    assert h.cummax(0).values.dtype == lampas.bfloat16
    assert h.cummax(0).values.tolist() == [1, 3, 3]


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64", "uint8"])
def test_running_sums_and_products_of_columns(dtype: str) -> None:
    x = np.random.default_rng(1).integers(1, 3, (20, 130)).astype(dtype)
    kind = dtype if dtype.startswith("float") else "int64"
    for dim in (0, 1):
        got = lampas.tensor(x).cumsum(dim).numpy()
        np.testing.assert_array_equal(got, np.cumsum(x, dim, dtype=kind))
    products = lampas.tensor(x).cumprod(0).numpy()
    np.testing.assert_array_equal(products, np.cumprod(x, 0, dtype=kind))
