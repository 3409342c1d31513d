"""Orders of long and short rows against ranks that NumPy gives."""

from __future__ import annotations

import numpy as np
import pytest

import lampas

DTYPES = ["bool", "uint8", "int8", "int16", "int32", "int64",
          "float16", "bfloat16", "float32", "float64"]  # fmt: skip


def draw(n, dtype, rng):
    """Values with ties, both ends of the range, both zeros, infinities and NaN."""
    if dtype == "bool":
        return lampas.tensor(rng.integers(0, 2, n).astype(bool))
    if "int" in dtype:
        info = np.iinfo(dtype)
        values = rng.integers(info.min, info.max, n, dtype=dtype, endpoint=True)
        few = rng.choice([info.min, info.max, 0, 1], n).astype(dtype)
        return lampas.tensor(np.where(rng.random(n) < 0.7, values, few))
    special = rng.choice([0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, 1e-40], n)
    values = np.where(rng.random(n) < 0.7, rng.standard_normal(n), special)
    return lampas.tensor(values).to(getattr(lampas, dtype))


def ranks(x):
    """Equal elements have equal ranks; NaN has the highest."""
    values = x.double().numpy() if x.is_floating_point() else x.numpy()
    return np.unique(values, return_inverse=True, equal_nan=True)[1].reshape(values.shape)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", [1, 17, 200, 201, 3000, 70000])
def test_stable_order(n, dtype):
    x = draw(n, dtype, np.random.default_rng(n))
    rank = ranks(x)
    for descending in (False, True):
        want = np.argsort(-rank if descending else rank, kind="stable")
        values, at = lampas.sort(x, stable=True, descending=descending)
        assert np.array_equal(at.numpy(), want)
        assert np.array_equal(ranks(values), np.sort(rank)[:: -1 if descending else 1])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", [10, 5000])
def test_every_place_once(n, dtype):
    x = draw(3 * n, dtype, np.random.default_rng(0)).reshape(3, n)
    at = x.argsort(1).numpy()
    assert np.array_equal(np.sort(at, 1), np.tile(np.arange(n), (3, 1)))
    assert (np.diff(np.take_along_axis(ranks(x), at, 1), axis=1) >= 0).all()


@pytest.mark.parametrize("dtype", DTYPES[1:])
@pytest.mark.parametrize("k", [1, 7, 900])
def test_best_and_kth_are_those_of_the_sorted_row(k, dtype):
    x = draw(1000, dtype, np.random.default_rng(k))
    rank = ranks(x)
    for largest in (False, True):
        got = rank[lampas.topk(x, k, largest=largest)[1].numpy()]
        assert np.array_equal(got, np.sort(rank)[:: -1 if largest else 1][:k])
    assert rank[lampas.kthvalue(x, k)[1].item()] == np.sort(rank)[k - 1]


def test_median_of_floats_with_nan_and_of_the_largest_integers():
    x = lampas.tensor([3.0, float("nan"), -0.0, 1.0])
    assert x.median().isnan() and x.nanmedian().item() == 1.0
    most = lampas.full((5,), 2**31 - 1, dtype=lampas.int32)
    assert most.median().item() == 2**31 - 1
    assert lampas.full((5,), 2**63 - 1).median(0)[0].item() == 2**63 - 1


def test_every_nan_is_a_value_of_its_own_in_unique():
    nan = float("nan")
    x = lampas.tensor([nan, 1.0, nan, 1.0, 0.0, -0.0])
    assert len(x.unique()) == 4
    assert lampas.equal(x.unique()[:2], lampas.tensor([0.0, 1.0]))
