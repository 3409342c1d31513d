"""Reading and writing by index, against NumPy."""

from __future__ import annotations

import random

import numpy as np
import pytest

import lampas

DTYPES = [lampas.float32, lampas.int64, lampas.uint8, lampas.bool, lampas.complex64]


def array(shape: tuple[int, ...]) -> np.ndarray:
    return np.arange(1, np.prod(shape, dtype=int) + 1).reshape(shape)


def random_shape(rnd: random.Random) -> tuple[int, ...]:
    return tuple(rnd.choice([0, 1, 2, 3, 4, 5]) for _ in range(rnd.choice([1, 2, 2, 3, 3, 4])))


def random_basic(rnd: random.Random, n: int, numbers: bool):
    if rnd.random() < 0.3 and n and numbers:
        return rnd.randrange(-n, n)
    ends = [None, 0, 1, 2, -1, -2, n, n + 3, -n - 3]
    return slice(rnd.choice(ends), rnd.choice(ends), rnd.choice([None, 1, 2, 3]))


def random_key(rnd: random.Random, shape: tuple[int, ...], advanced: bool) -> tuple:
    """A key for an array of that shape.

    `advanced`: with index arrays, which broadcast with each other, and without numbers, which
    NumPy takes for index arrays beside others, and PyTorch does not.
    """
    key: list = []
    together = rnd.choice([(2,), (3,), (2, 3), (1, 3)])
    d = 0
    while d < len(shape) and rnd.random() < 0.85:
        n = shape[d]
        if rnd.random() < 0.1:
            key.append(None)
        if advanced and rnd.random() < 0.45 and n:
            own = tuple(s if rnd.random() < 0.7 else 1 for s in together)
            index = np.array([rnd.randrange(-n, n) for _ in range(int(np.prod(own)))])
            key.append(index.reshape(own).astype(np.int64))
        else:
            key.append(random_basic(rnd, n, numbers=not advanced))
        d += 1
    if rnd.random() < 0.3:
        at = rnd.randrange(len(key) + 1)
        # Where the ellipsis stands for nothing it changes nothing; elsewhere what follows it must
        # fit the last dimensions, which only full slices do for certain.
        if all(k is None or k == slice(None) for k in key[at:] if not isinstance(k, np.ndarray)):
            key[at:] = [Ellipsis]
    return tuple(key)


def for_tensors(key: tuple) -> tuple:
    return tuple(lampas.tensor(k) if isinstance(k, np.ndarray) else k for k in key)


def layouts(a: np.ndarray):
    """The same values: contiguous, transposed and stepped in memory."""
    yield lampas.tensor(a)
    yield lampas.tensor(np.ascontiguousarray(a.T)).permute(*range(a.ndim - 1, -1, -1))
    wide = lampas.zeros(*a.shape[:-1], 2 * a.shape[-1], dtype=lampas.int64)
    wide[..., ::2] = lampas.tensor(a)
    yield wide[..., ::2]


@pytest.mark.parametrize("advanced", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_random_keys(seed: int, advanced: bool) -> None:
    rnd = random.Random(seed + 100 * advanced)
    for _ in range(120):
        a = array(random_shape(rnd))
        key = random_key(rnd, a.shape, advanced)
        try:
            want = a[key]
        except IndexError:
            with pytest.raises(IndexError):
                lampas.tensor(a)[for_tensors(key)]
            continue
        for t in layouts(a):
            got = t[for_tensors(key)]
            assert tuple(got.shape) == want.shape, (a.shape, key)
            np.testing.assert_array_equal(got, want, err_msg=f"{a.shape} {key}")
            copied = any(isinstance(k, np.ndarray) for k in key)
            same = got.untyped_storage().data_ptr() == t.untyped_storage().data_ptr()
            assert got.numel() == 0 or same != copied

        # Writing: a number, an array, one that broadcasts.
        for value in (7, -array(want.shape), np.array([5])):
            target, t = a.copy(), next(iter(layouts(a))).clone()
            try:
                target[key] = value
            except ValueError:
                continue
            t[for_tensors(key)] = value if isinstance(value, int) else lampas.tensor(value)
            if not copied or unique(key, a.shape):
                np.testing.assert_array_equal(t, target, err_msg=f"{a.shape} {key}")


def unique(key: tuple, shape: tuple[int, ...]) -> bool:
    """Whether the key names no element twice, where the order of writes would matter."""
    counts = np.zeros(shape, int)
    np.add.at(counts, key, 1)
    return counts.max(initial=0) <= 1


@pytest.mark.parametrize("seed", range(3))
def test_random_masks(seed: int) -> None:
    rnd = np.random.default_rng(seed)
    for _ in range(60):
        shape = tuple(rnd.integers(0, 4, rnd.integers(1, 4)))
        a = array(shape)
        first = int(rnd.integers(0, a.ndim))
        last = int(rnd.integers(first, a.ndim + 1))
        mask = rnd.random(shape[first:last]) < 0.5
        key = (slice(None),) * first + (mask,)
        want = a[key]
        got = lampas.tensor(a)[for_tensors(key)]
        assert tuple(got.shape) == want.shape
        np.testing.assert_array_equal(got, want)
        t, target = lampas.tensor(a), a.copy()
        target[key] = -1
        t[for_tensors(key)] = -1
        np.testing.assert_array_equal(t, target)
        if last > first:
            t[for_tensors(key)] = lampas.tensor(-want)
            target[key] = -want
            np.testing.assert_array_equal(t, target)


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_type(dtype) -> None:
    x = lampas.arange(12).to(dtype).reshape(3, 4)
    a = x.numpy().copy()
    rows = [2, 0, 2]
    np.testing.assert_array_equal(x[rows], a[rows])
    np.testing.assert_array_equal(x[:, 1:3], a[:, 1:3])
    x[rows[:2]] = 1
    a[rows[:2]] = 1
    np.testing.assert_array_equal(x, a)


def test_gradients_of_indexing() -> None:
    x = lampas.arange(12.0, dtype=lampas.float64).reshape(3, 4).requires_grad_()
    rows = lampas.tensor([0, 2, 0])
    x[rows, 1:].sum().backward()  # row 0 is there twice
    want = np.zeros((3, 4))
    np.add.at(want, (np.array([0, 2, 0]), slice(1, None)), 1)
    np.testing.assert_array_equal(x.grad, want)
    x.grad = None
    v = lampas.tensor([1.0, 2.0], dtype=lampas.float64, requires_grad=True)
    y = x * 1
    y[lampas.tensor([0, 1]), lampas.tensor([3, 3])] = v
    (y * y).sum().backward()
    assert v.grad.tolist() == [2.0, 4.0] and x.grad[0, 3] == x.grad[1, 3] == 0
    assert x.grad[2, 3] == 22


def test_kinds_of_keys() -> None:
    x = lampas.arange(12).reshape(3, 4)
    a = x.numpy()
    assert x[np.int64(1), 2].item() == 6 and x[lampas.tensor(1)].tolist() == a[1].tolist()
    assert x[[True, False, True]].tolist() == a[[True, False, True]].tolist()
    assert x[True].tolist() == a[True].tolist() and x[False].shape == (0, 3, 4)
    assert x[None, ..., None].shape == (1, 3, 4, 1) and x[()].tolist() == a.tolist()
    assert x[np.array([0, 1]), [1, 2]].tolist() == a[[0, 1], [1, 2]].tolist()
    assert x[lampas.tensor([0, 1], dtype=lampas.int32)].tolist() == a[:2].tolist()
    assert x[[]].shape == (0, 4) and x[:, lampas.tensor([], dtype=lampas.int64)].shape == (3, 0)
    assert x[range(2)].tolist() == a[:2].tolist()
    assert x[lampas.tensor(1) : lampas.tensor(3)].tolist() == a[1:3].tolist()
    assert x[..., 1].tolist() == a[..., 1].tolist() and x[-1, -1].item() == 11


@pytest.mark.parametrize(
    "key", [[[0, 1], [1, 2]], [lampas.tensor([0, 2]), slice(1, 3)], [..., 1], [None, 1, [0]]]
)
def test_a_list_of_more_than_numbers_is_a_tuple(key) -> None:
    x = lampas.arange(12).reshape(3, 4)
    with pytest.warns(UserWarning, match=r"use x\[tuple\(seq\)\]"):
        got = x[key]
    assert got.equal(x[tuple(key)])
    y = x.clone()
    with pytest.warns(UserWarning, match=r"use x\[tuple\(seq\)\]"):
        y[key] = -1
    x[tuple(key)] = -1
    assert y.equal(x)


@pytest.mark.parametrize(
    ("key", "error", "text"),
    [
        (3, IndexError, "index 3 is out of bounds for dimension 0 with size 3"),
        (-4, IndexError, "index -4 is out of bounds for dimension 0 with size 3"),
        ((0, 0, 0), IndexError, "too many indices for tensor of dimension 2"),
        (lampas.tensor([3]), IndexError, "index 3 is out of bounds for dimension 0 with size 3"),
        ((slice(None), lampas.tensor([-5])), IndexError, "index -5 is out of bounds"),
        (slice(None, None, -1), ValueError, "step must be greater than zero"),
        (slice(None, None, 0), ValueError, "step"),
        (1.5, IndexError, "only integers, slices"),
        (lampas.tensor([0.5]), IndexError, "tensors used as indices must be long"),
        (lampas.ones(2, dtype=lampas.bool), IndexError, "shape of the mask"),
        ((lampas.tensor([0, 1]), lampas.tensor([0, 1, 2])), IndexError, "could not be broadcast"),
    ],
)
def test_bad_keys(key, error, text) -> None:
    x = lampas.arange(12).reshape(3, 4)
    with pytest.raises(error, match=text):
        x[key]
    with pytest.raises(error, match=text):
        x[key] = 1


def test_bad_writes() -> None:
    x = lampas.zeros(3, 4)
    with pytest.raises(RuntimeError, match=r"shape|size"):
        x[0] = lampas.ones(3)
    with pytest.raises(RuntimeError, match=r"shape mismatch|broadcast"):
        x[lampas.tensor([0, 1])] = lampas.ones(3, 4)
    with pytest.raises((RuntimeError, IndexError), match="dtype"):
        x[lampas.tensor([0])] = lampas.ones(1, 4, dtype=lampas.float64)
    with pytest.raises(TypeError):
        del x[0]
    with pytest.raises(IndexError):
        lampas.tensor(1)[0]
    x[5:] = lampas.ones(0, 4)
    x[1:2] = lampas.ones(1, 1, 1, 4)  # leading ones are dropped
    assert x.sum() == 4


def test_an_item_of_another_type_is_cast() -> None:
    x = lampas.zeros(3, dtype=lampas.int64)
    x[0] = 2.9
    x[1] = lampas.tensor(3.9)
    x[2] = True
    assert x.tolist() == [2, 3, 1]
    x[:2] = lampas.tensor([1.5, 2.5])
    assert x.tolist() == [1, 2, 1]
    x[[0, 1]] = lampas.tensor(7)
    assert x.tolist() == [7, 7, 1]


def test_writing_what_overlaps() -> None:
    x = lampas.arange(6)
    x[1:] = x[:-1].clone()
    assert x.tolist() == [0, 0, 1, 2, 3, 4]
    y = lampas.arange(4).reshape(2, 2)
    y[:] = y.t()  # read as it was before
    assert y.tolist() == [[0, 2], [1, 3]]


def test_index_functions() -> None:
    x = lampas.zeros(4)
    where = lampas.tensor([1, 1, 3])
    x.index_put_((where,), lampas.tensor([1.0, 2.0, 3.0]), accumulate=True)
    assert x.tolist() == [0, 3, 0, 3]
    for bad in (3, "a", lampas.tensor([0]), float("nan"), True):
        with pytest.raises(TypeError, match="indices"):
            x.index_put_(bad, lampas.tensor(1.0))
