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
