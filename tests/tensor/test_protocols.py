"""A tensor as Python sees it: numbers, sequences, comparison, formats, hashes."""

from __future__ import annotations

import copy
import gc
import math
import operator
import weakref

import numpy as np
import pytest

import lampas


def test_items() -> None:
    for value in (True, 5, 1.5, 1 + 2j):
        got = lampas.tensor([[value]]).item()
        assert got == value and type(got) is type(value)
    assert lampas.tensor(1.5, dtype=lampas.bfloat16).item() == 1.5
    for t in (lampas.tensor([1, 2]), lampas.tensor([])):
        with pytest.raises(RuntimeError, match="elements cannot be converted to Scalar"):
            t.item()
    with pytest.raises((RuntimeError, NotImplementedError), match="meta"):
        lampas.empty(1, device="meta").item()


def test_numbers() -> None:
    assert int(lampas.tensor(3.7)) == 3 and float(lampas.tensor([[3]])) == 3.0
    assert complex(lampas.tensor(1.5)) == 1.5 and bool(lampas.tensor([2.0])) is True
    assert not lampas.tensor([[0]])
    assert [10, 11, 12][lampas.tensor(1)] == 11 and list(range(lampas.tensor(3))) == [0, 1, 2]
    assert math.floor(lampas.tensor(2.5)) == 2 and math.ceil(lampas.tensor(2.5)) == 3
    assert math.sqrt(lampas.tensor(4.0)) == 2
    for convert in (int, float):
        with pytest.raises(ValueError, match="only one element tensors can be converted"):
            convert(lampas.tensor([1, 2]))
    with pytest.raises(RuntimeError, match="Boolean value of Tensor with more than one value"):
        bool(lampas.tensor([1, 2]))
    with pytest.raises(RuntimeError, match="Boolean value of Tensor with no values"):
        bool(lampas.tensor([]))
    with pytest.raises(TypeError, match="only integer tensors of a single element"):
        operator.index(lampas.tensor(1.5))
    with pytest.raises(RuntimeError, match="without overflow"):
        float(lampas.tensor(1j))
    with pytest.raises(ValueError, match="NaN"):
        int(lampas.tensor(float("nan")))
    with pytest.raises(OverflowError):
        int(lampas.tensor(float("inf")))


def test_sequences() -> None:
    x = lampas.arange(6).reshape(3, 2)
    assert len(x) == 3 and [row.tolist() for row in x] == x.tolist()
    assert [row.tolist() for row in reversed(x)] == x.tolist()[::-1]
    first, *rest = x
    assert first.tolist() == [0, 1] and len(rest) == 2
    first[0] = 9
    assert x[0, 0] == 9  # what iteration gives are views
    assert list(lampas.zeros(2, 0))[1].shape == (0,)
    with pytest.raises(TypeError, match=r"len\(\) of a 0-d tensor"):
        len(lampas.tensor(1))
    with pytest.raises(TypeError, match="iteration over a 0-d tensor"):
        iter(lampas.tensor(1))


def test_membership() -> None:
    x = lampas.arange(5)
    assert 3 in x and 7 not in x and lampas.tensor(4) in x and 2.0 in x
    for value in ("a", None, [1]):
        with pytest.raises(RuntimeError, match=r"Tensor.__contains__ only supports"):
            _ = value in x


def test_comparisons() -> None:
    x = lampas.tensor([1, 2])
    assert (x == None) is False and (x != None) is True and (x == "a") is False  # noqa: E711
    assert (x == x).dtype == lampas.bool and (x == np.array([1, 3])).tolist() == [True, False]
    assert (x != np.array([1, 3])).tolist() == [False, True] and (x > 1).tolist() == [False, True]
    assert (1 < x).tolist() == [False, True]
    with pytest.raises(TypeError, match="not supported between"):
        _ = x < "a"
    with pytest.raises(RuntimeError, match="must match the size"):
        _ = x == lampas.ones(3)


def test_arithmetic_with_others() -> None:
    x = lampas.tensor([1, 2])
    for other in ("a", None, [1, 2], {}):
        for call in (operator.add, operator.mul, operator.matmul):
            with pytest.raises(TypeError):
                call(x, other)
        with pytest.raises(TypeError):
            _ = other + x
    assert (np.float64(2) * lampas.tensor([1.0, 2.0])).tolist() == [2.0, 4.0]
    assert isinstance(lampas.tensor([1.0]) * np.float64(2), lampas.Tensor)

    class Other:
        def __radd__(self, tensor):
            return "theirs"

        __array_priority__ = 10**6

    assert x + Other() == "theirs"


def test_operators() -> None:
    x = lampas.tensor([5, -5])
    assert (x // 2).tolist() == [2, -3] and (x % 3).tolist() == [2, 1]
    assert (7 // x).tolist() == [1, -2] and (7 % x).tolist() == [2, -3]
    assert (2 ** lampas.tensor([3, 0])).tolist() == [8, 1]
    assert (x >> 1).tolist() == [2, -3] and (1 << lampas.tensor([3])).tolist() == [8]
    assert (x & 3).tolist() == [1, 3] and (3 | lampas.tensor([4])).tolist() == [7]
    assert (~x).tolist() == [-6, 4] and (-x).tolist() == [-5, 5] and abs(x).tolist() == [5, 5]
    for zero in (lambda: x // 0, lambda: x % 0):
        with pytest.raises(RuntimeError, match="ZeroDivisionError"):
            zero()


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda b: b - b, RuntimeError, "with two bool tensors is not supported"),
        (lambda b: b - 1, RuntimeError, "with a bool tensor is not supported"),
        (lambda b: 1 - b, RuntimeError, "with a bool tensor is not supported"),
        (lambda b: lampas.ones(1) - True, RuntimeError, "with a bool tensor is not supported"),
        (lambda b: lampas.ones(1) - b, RuntimeError, "with a bool tensor is not supported"),
        (lambda b: -b, RuntimeError, "on a bool tensor is not supported"),
        (lambda b: +b, RuntimeError, "on a bool tensor is not supported"),
        (lambda b: ~b.float(), TypeError, "only implemented on integer and Boolean-type"),
        (lambda b: b.float() & 1, (RuntimeError, NotImplementedError), "not implemented for"),
    ],
)
def test_operators_that_bools_and_floats_lack(call, error, text) -> None:
    with pytest.raises(error, match=text):
        call(lampas.tensor([True]))


def test_formats() -> None:
    assert f"{lampas.tensor(3.14159):.2f}" == "3.14" and f"{lampas.tensor(3):5d}" == "    3"
    assert (
        f"{lampas.tensor(0.5):.1%}" == "50.0%" and f"{lampas.tensor([1.5])}" == "tensor([1.5000])"
    )
    with pytest.raises(TypeError, match="unsupported format string"):
        f"{lampas.tensor([1.0, 2.0]):.2f}"


def test_lists() -> None:
    for value in (1, [1.5], [[True, False]], [[], []], [[[1 + 1j]]]):
        assert lampas.tensor(value).tolist() == value


def test_identity() -> None:
    x, y = lampas.ones(1), lampas.ones(1)
    assert len({x, y, x}) == 2 and {x: 1}[x] == 1 and hash(x) == hash(x) != hash(y)
    x.note = "kept"
    assert copy.copy(x).tolist() == x.tolist() and x.note == "kept"
    gone = weakref.ref(y)
    del y
    gc.collect()
    assert gone() is None
    module = lampas.nn.Linear(1, 1)
    module.weight.note = 1
    assert next(module.parameters()).note == 1  # the same object after a trip through C++


def test_sizes() -> None:
    size = lampas.zeros(2, 3).shape
    assert isinstance(size, tuple) and size == (2, 3) and size.numel() == 6
    for s in (size + (4,), size[1:], size * 2, lampas.Size([lampas.tensor(2), np.int64(3)])):
        assert isinstance(s, lampas.Size)
    with pytest.raises(TypeError):
        size + [3]
    for bad in ((1.5,), ["a"]):
        with pytest.raises(TypeError, match=r"Size\(\) takes an iterable of 'int'"):
            lampas.Size(bad)
    assert copy.deepcopy(size) == size and type(copy.deepcopy(size)) is lampas.Size


def test_attributes() -> None:
    x = lampas.zeros(2, 3, dtype=lampas.float64)
    assert (x.ndim, x.dim(), x.numel(), x.nelement()) == (2, 2, 6, 6)
    assert (x.itemsize, x.element_size(), x.nbytes) == (8, 8, 48)
    assert x.size() == x.shape and x.size(-1) == 3 and x.stride(0) == 3
    assert x.is_contiguous() and not x.t().is_contiguous() and x.is_floating_point()
    with pytest.raises(IndexError, match="Dimension out of range"):
        x.size(2)
    for name in ("shape", "dtype", "device", "T"):
        with pytest.raises(AttributeError):
            setattr(x, name, 1)
    with pytest.raises(AttributeError, match="nothing"):
        _ = x.nothing


@pytest.mark.parametrize("name", ["T", "mT", "H", "mH", "real", "imag", "data"])
def test_attributes_of_subclasses(name: str) -> None:
    seen = []

    class Own(lampas.Tensor):
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            seen.append(func)
            return super().__torch_function__(func, types, args, kwargs)

    class Plain(lampas.Tensor):
        pass

    values = lampas.tensor([[1 + 2j, 3 - 1j]])
    own = values.as_subclass(Own)
    seen.clear()
    assert type(getattr(own, name)) is Own and len(seen) == 1
    assert seen[0] == getattr(lampas.Tensor, name).__get__
    assert type(getattr(values.as_subclass(Plain), name)) is Plain
    assert getattr(own, name).tolist() == getattr(values, name).tolist()
