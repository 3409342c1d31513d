"""Elements moved to and from places that tensors name: long and short rows, all sizes of elements,
against NumPy."""

from __future__ import annotations

import numpy as np
import pytest

import lampas
from lampas.nn import functional as F

DTYPES = ["bool", "uint8", "int16", "int32", "int64", "float16", "bfloat16", "float32",
          "float64", "complex128"]  # fmt: skip


def draw(shape, dtype, rng):
    """Small integers: all types hold them, and sums of some, exactly."""
    high = 2 if dtype == "bool" else 5
    return lampas.tensor(rng.integers(0, high, shape)).to(getattr(lampas, dtype))


def plain(x):
    return (x.float() if x.dtype in (lampas.float16, lampas.bfloat16) else x).numpy()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(7,), (5, 70), (70, 5), (4, 33, 2), (3, 40, 1)])
def test_gather_and_scatter(shape, dtype):
    rng = np.random.default_rng(0)
    x, source = draw(shape, dtype, rng), draw(shape, dtype, rng)
    for dim, n in enumerate(shape):
        index = rng.integers(0, n, shape)
        at = lampas.tensor(index)
        assert np.array_equal(plain(x.gather(dim, at)), np.take_along_axis(plain(x), index, dim))
        grid = list(np.indices(shape))
        grid[dim] = index
        want, total, most = (plain(x).copy() for _ in range(3))
        for flat, place in enumerate(zip(*(g.ravel() for g in grid), strict=True)):
            value = plain(source).ravel()[flat]
            want[place] = value
            total[place] = total[place] | value if dtype == "bool" else total[place] + value
            if dtype != "complex128":
                most[place] = max(most[place], value)
        assert np.array_equal(plain(x.scatter(dim, at, source)), want)
        assert np.array_equal(plain(x.scatter_add(dim, at, source)), total)
        if dtype != "complex128":
            assert np.array_equal(plain(x.scatter_reduce(dim, at, source, "amax")), most)


@pytest.mark.parametrize("dtype", ["uint8", "int32", "int64", "float16", "float32", "float64"])
@pytest.mark.parametrize("reduce", ["prod", "amax", "amin"])
def test_scatter_reduce_without_what_was_there(reduce, dtype):
    rng = np.random.default_rng(1)
    x, source = draw((6, 9), dtype, rng), draw((20, 9), dtype, rng)
    index = rng.integers(0, 5, (20, 9))  # row 5 keeps its values
    got = x.scatter_reduce(0, lampas.tensor(index), source, reduce, include_self=False)
    want = plain(x).copy()
    for row in range(6):
        for col in range(9):
            values = plain(source)[index[:, col] == row, col]
            if values.size:
                want[row, col] = {"prod": np.prod, "amax": np.max, "amin": np.min}[reduce](values)
    assert np.array_equal(plain(got), want)


def test_nan_wins_extremes():
    x = lampas.zeros(3)
    source = lampas.tensor([1.0, float("nan"), 2.0, -1.0])
    at = lampas.tensor([0, 0, 0, 1])
    for reduce in ("amax", "amin"):
        assert x.scatter_reduce(0, at, source, reduce).isnan().tolist() == [True, False, False]


SHAPES = [(), (0,), (1,), (300,), (20, 31), (9, 1), (300, 1, 1), (4, 5, 6)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_nonzero(shape, dtype):
    x = draw(shape, dtype, np.random.default_rng(2)) if shape else lampas.tensor(3.0)
    want = np.argwhere(plain(x)) if shape else np.zeros((1, 0))
    assert np.array_equal(x.nonzero().numpy(), want)
    for got, column in zip(x.nonzero(as_tuple=True), want.T, strict=False):
        assert np.array_equal(got.numpy(), column)
    if shape:
        hits = x != 0
        assert np.array_equal(plain(x[hits]), plain(x)[hits.numpy()])
        assert np.array_equal(plain(x.masked_select(hits)), plain(x)[hits.numpy()])


@pytest.mark.parametrize("at", [5, -6, 2**62, -(2**63)])
def test_places_outside_are_named(at):
    x, bad = lampas.zeros(5, 5), lampas.tensor([0, at, 1])
    for call in (
        lambda: x[bad],
        lambda: x[:, bad],
        lambda: x.index_select(1, bad),
        lambda: x.take(lampas.tensor([0, at * 5 if abs(at) < 10 else at])),
        lambda: x.__setitem__(bad, 1.0),
        lambda: F.embedding(bad, x),
        lambda: F.embedding_bag(bad[None], x),
    ):
        with pytest.raises(IndexError, match="out of"):
            call()
    for call in (
        lambda: x.gather(0, bad[:, None]),
        lambda: x.scatter(0, bad[:, None], 1.0),
        lambda: x.scatter_add(0, bad[:, None], lampas.ones(3, 1)),
        lambda: x.scatter_reduce(0, bad[:, None], lampas.ones(3, 1), "amax"),
    ):
        with pytest.raises(RuntimeError, match=f"index {at} is out of bounds"):
            call()
    assert not x.any()


@pytest.mark.parametrize("dtype", DTYPES)
def test_copies_that_step(dtype):
    x = draw((3, 50, 7), dtype, np.random.default_rng(3))
    a = plain(x)
    for dims in ((0,), (1,), (2,), (0, 2), (0, 1, 2)):
        assert np.array_equal(plain(x.flip(dims)), np.flip(a, dims))
        assert np.array_equal(plain(x.transpose(0, 1).flip(dims)), np.flip(a.swapaxes(0, 1), dims))
    for dim in range(4):
        got = lampas.stack([x, x + x, x], dim)
        assert np.array_equal(plain(got), np.stack([a, plain(x + x), a], dim))
    for k in (-60, -1, 0, 3, 60):
        assert np.array_equal(plain(x.tril(k)), np.tril(a, k))
        assert np.array_equal(plain(x.triu(k)), np.triu(a, k))
    assert not plain(x.triu(2**63 - 1)).any() and not plain(x.tril(-(2**63))).any()
    assert np.array_equal(plain(x.tril(2**63 - 1)), a)
    assert np.array_equal(plain(x[:, :1].expand(3, 50, 7).contiguous()), a[:, :1].repeat(50, 1))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", [1, 63, 64, 1000, 200_000])
def test_equal(n, dtype):
    x = draw(n, dtype, np.random.default_rng(4))
    assert lampas.equal(x, x.clone())
    for place in {0, n // 2, n - 1}:
        y = x.clone()
        y[place] = 1 - y[place].int() if dtype == "bool" else y[place] + 1
        assert not lampas.equal(x, y)
        if x.dtype.is_floating_point:
            y[place] = float("nan")
            assert not lampas.equal(y, y)
    if x.dtype.is_floating_point:
        assert lampas.equal(x * 0, -(x * 0))


@pytest.mark.parametrize("n", [0, 1, 500])
def test_runs(n):
    values = np.random.default_rng(5).integers(0, 3, n)
    x = lampas.tensor(values)
    got, inverse, counts = x.unique_consecutive(return_inverse=True, return_counts=True)
    starts = np.flatnonzero(np.diff(values, prepend=-1))
    assert np.array_equal(got.numpy(), values[starts])
    assert np.array_equal(got.numpy()[inverse.numpy()], values)
    assert np.array_equal(counts.numpy(), np.diff(starts, append=n))
    got, inverse, counts = x.unique(return_inverse=True, return_counts=True)
    want = np.unique(values, return_inverse=True, return_counts=True)
    for a, b in zip((got, inverse, counts), want, strict=True):
        assert np.array_equal(a.numpy(), b)


@pytest.mark.parametrize("n", [1, 2, 5, 64, 100])
def test_searchsorted(n):
    rng = np.random.default_rng(n)
    row = np.sort(rng.integers(0, 50, n)).astype(np.float32)
    values = np.concatenate([rng.integers(-1, 52, 300), [np.nan, np.inf, -np.inf]]).astype("f4")
    for right in (False, True):
        got = lampas.searchsorted(lampas.tensor(row), lampas.tensor(values), right=right)
        side = "right" if right else "left"
        assert np.array_equal(got.numpy(), np.searchsorted(row, values, side))


CLASSES = [(1, 3), (40, 3), (40, 16), (5, 200), (2, 9, 4), (4, 3, 1), (30, 3, 1), (2, 20, 1),
           (3, 21, 8, 9)]  # fmt: skip


@pytest.mark.parametrize("shape", CLASSES)
def test_softmax_and_cross_entropy_of_few_and_many(shape):
    rng = np.random.default_rng(6)
    x = lampas.tensor(rng.standard_normal(shape), requires_grad=True)
    a = x.detach().numpy()
    log_p = a - np.log(np.exp(a).sum(1, keepdims=True))
    label = rng.integers(0, shape[1], (shape[0], *shape[2:]))
    picked = -np.take_along_axis(log_p, label[:, None], 1)
    assert np.allclose(x.log_softmax(1).detach().numpy(), log_p)
    assert np.allclose(x.softmax(1).detach().numpy(), np.exp(log_p))
    loss = F.cross_entropy(x, lampas.tensor(label))
    assert np.allclose(loss.item(), picked.mean())
    loss.backward()
    hot = np.zeros_like(a)
    np.put_along_axis(hot, label[:, None], 1.0, 1)
    assert np.allclose(x.grad.numpy(), (np.exp(log_p) - hot) / picked.size)
    g = rng.standard_normal(shape)
    p = np.exp(log_p)
    for function, want in (
        (lampas.softmax, p * (g - (g * p).sum(1, keepdims=True))),
        (lampas.log_softmax, g - p * g.sum(1, keepdims=True)),
    ):
        (got,) = lampas.autograd.grad(function(x, 1), x, lampas.tensor(g))
        assert np.allclose(got.numpy(), want)


CALLS = {
    "index_add": lambda x, i, s: (0, i, s),
    "index_copy": lambda x, i, s: (0, i, s),
    "index_fill": lambda x, i, s: (0, i, 3.0),
    "scatter": lambda x, i, s: (0, i[:, None].expand(4, 3), s),
    "scatter_add": lambda x, i, s: (0, i[:, None].expand(4, 3), s),
}


@pytest.mark.parametrize("name", CALLS)
def test_in_place(name):
    index, source = lampas.tensor([2, 0, 5, 1]), lampas.arange(12.0).reshape(4, 3) + 1

    def check(x, source=source):
        args = CALLS[name](x, index, source)
        want, before = getattr(x, name)(*args), x._version
        assert getattr(x, name + "_")(*args) is x
        assert lampas.equal(x.detach(), want.detach()) and x._version > before
        return x

    check(lampas.ones(6, 3))
    check(lampas.ones(6, 6)[:, ::2])
    check(lampas.ones(3, 6).t())
    base = lampas.ones(12, 3)
    check(base[3:9])
    assert base[:3].eq(1).all() and not base[3:9].eq(1).all()
    shared = lampas.ones(10, 3)  # the source lies in what is written
    check(shared[:6], shared[4:8])
    leaf = lampas.ones(6, 3, requires_grad=True)
    (check(leaf * 1) ** 2).sum().backward()
    assert leaf.grad[3].eq(2).all()
    x = lampas.ones(6, 3)
    y = x * lampas.ones(6, 3, requires_grad=True)
    check(x)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
@pytest.mark.parametrize("width", [3, 64, 150])
@pytest.mark.parametrize("padding", [None, 2])
def test_embedding_bag(padding, width, mode):
    rng = np.random.default_rng(7)
    w = lampas.tensor(rng.standard_normal((6, width)), requires_grad=True)
    index, offsets = rng.integers(0, 6, 11), [0, 3, 3, 9]
    factors = None
    if mode == "sum":
        factors = lampas.tensor(rng.standard_normal(11), requires_grad=True)
    got = F.embedding_bag(
        lampas.tensor(index), w, lampas.tensor(offsets), mode=mode, padding_idx=padding,
        per_sample_weights=factors,
    )  # fmt: skip
    bags = []
    for begin, end in zip(offsets, [*offsets[1:], 11], strict=True):
        places = [i for i in range(begin, end) if index[i] != padding]
        rows = w[lampas.tensor(index)[places]] if places else lampas.zeros(1, width).double()
        if factors is not None and places:
            rows = rows * factors[places].unsqueeze(1)
        bags.append({"sum": rows.sum(0), "mean": rows.mean(0), "max": rows.amax(0)}[mode])
    want = lampas.stack(bags)
    lampas.testing.assert_close(got, want)
    g = lampas.tensor(rng.standard_normal(tuple(want.shape)))
    inputs = [w] if factors is None else [w, factors]
    for a, b in zip(
        lampas.autograd.grad(got, inputs, g), lampas.autograd.grad(want, inputs, g), strict=True
    ):
        lampas.testing.assert_close(a, b)
