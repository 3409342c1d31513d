"""Reductions over dimensions that do not lie side by side, against NumPy."""

from __future__ import annotations

import numpy as np
import pytest

import lampas


@pytest.mark.parametrize("name", ["sum", "mean", "amax", "any"])
@pytest.mark.parametrize("dims", [(0, 2, 3), (0, 3), (1, 3), (0, 2)])
def test_reductions_around_a_dimension(name, dims):
    x = np.random.default_rng(0).standard_normal((5, 3, 8, 20))
    given = lampas.tensor(x) > 0 if name == "any" else lampas.tensor(x)
    got = getattr(given, name)(dims)
    want = getattr(np, name)(x > 0 if name == "any" else x, axis=dims)
    np.testing.assert_allclose(got.numpy(), want, rtol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "int32", "uint8", "bool"])
@pytest.mark.parametrize("n", [1, 2, 7, 16, 31, 32, 33, 64, 100, 255, 257])
def test_many_short_rows(dtype, n):
    x = np.random.default_rng(n).integers(0, 2 if dtype == "bool" else 9, (700, n)).astype(dtype)
    given = lampas.tensor(x)
    kind = dtype if dtype.startswith("float") else "int64"
    np.testing.assert_array_equal(given.sum(1).numpy(), x.sum(1, dtype=kind))
    np.testing.assert_array_equal(given.amax(1).numpy(), x.max(1))
    np.testing.assert_array_equal(given.amin(1).numpy(), x.min(1))
    np.testing.assert_array_equal(given.any(1).numpy(), x.any(1))
    np.testing.assert_array_equal(given.count_nonzero(1).numpy(), (x != 0).sum(1))
    small = x[:, :5]
    np.testing.assert_array_equal(lampas.tensor(small).prod(1).numpy(), small.prod(1, dtype=kind))


def test_nansum_leaves_out_nan_and_gives_it_no_gradient():
    x = np.random.default_rng(0).standard_normal((40, 300)).astype("float32")
    x[::3, ::7] = np.nan
    given = lampas.tensor(x, requires_grad=True)
    got = given.nansum(1).detach().numpy()
    np.testing.assert_allclose(got, np.nansum(x, 1), rtol=2e-6, atol=1e-6)
    given.nansum(1).sum().backward()
    np.testing.assert_array_equal(given.grad.numpy(), (~np.isnan(x)).astype("float32"))
    assert lampas.tensor([[np.nan, np.inf]]).nansum().item() == np.inf
