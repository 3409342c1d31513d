"""Type promotion, ranges of types, and what a number beside a tensor becomes."""

from __future__ import annotations

import numpy as np
import pytest

import lampas

NAMES = "b1 u1 i1 i2 i4 i8 f2 bf f4 f8 c8 c16".split()
TYPES = dict(
    zip(
        NAMES,
        (
            lampas.bool, lampas.uint8, lampas.int8, lampas.int16, lampas.int32, lampas.int64,
            lampas.float16, lampas.bfloat16, lampas.float32, lampas.float64, lampas.complex64,
            lampas.complex128,
        ),
        strict=True,
    )
)  # fmt: skip

# Row: left operand; column: right operand, in the order of NAMES. Recorded from PyTorch.
PROMOTED = """
b1  u1  i1  i2  i4  i8  f2  bf  f4  f8  c8 c16
u1  u1  i2  i2  i4  i8  f2  bf  f4  f8  c8 c16
i1  i2  i1  i2  i4  i8  f2  bf  f4  f8  c8 c16
i2  i2  i2  i2  i4  i8  f2  bf  f4  f8  c8 c16
i4  i4  i4  i4  i4  i8  f2  bf  f4  f8  c8 c16
i8  i8  i8  i8  i8  i8  f2  bf  f4  f8  c8 c16
f2  f2  f2  f2  f2  f2  f2  f4  f4  f8  c8 c16
bf  bf  bf  bf  bf  bf  f4  bf  f4  f8  c8 c16
f4  f4  f4  f4  f4  f4  f4  f4  f4  f8  c8 c16
f8  f8  f8  f8  f8  f8  f8  f8  f8  f8 c16 c16
c8  c8  c8  c8  c8  c8  c8  c8  c8 c16  c8 c16
c16 c16 c16 c16 c16 c16 c16 c16 c16 c16 c16 c16
"""
# The left operand has a dimension, the right one none. PyTorch has a complex type of two halves,
# where this table has c8.
WITH_ZERO_DIM = """
b1  u1  i1  i2  i4  i8  f2  bf  f4  f8  c8 c16
u1  u1  u1  u1  u1  u1  f2  bf  f4  f8  c8 c16
i1  i1  i1  i1  i1  i1  f2  bf  f4  f8  c8 c16
i2  i2  i2  i2  i2  i2  f2  bf  f4  f8  c8 c16
i4  i4  i4  i4  i4  i4  f2  bf  f4  f8  c8 c16
i8  i8  i8  i8  i8  i8  f2  bf  f4  f8  c8 c16
f2  f2  f2  f2  f2  f2  f2  f2  f2  f2  c8  c8
bf  bf  bf  bf  bf  bf  bf  bf  bf  bf  c8  c8
f4  f4  f4  f4  f4  f4  f4  f4  f4  f4  c8  c8
f8  f8  f8  f8  f8  f8  f8  f8  f8  f8 c16 c16
c8  c8  c8  c8  c8  c8  c8  c8  c8  c8  c8  c8
c16 c16 c16 c16 c16 c16 c16 c16 c16 c16 c16 c16
"""
# Beside the numbers True, 1, 1.5 and 1j.
WITH_NUMBERS = """
b1  i8  f4  c8
u1  u1  f4  c8
i1  i1  f4  c8
i2  i2  f4  c8
i4  i4  f4  c8
i8  i8  f4  c8
f2  f2  f2  c8
bf  bf  bf  c8
f4  f4  f4  c8
f8  f8  f8 c16
c8  c8  c8  c8
c16 c16 c16 c16
"""
CAN_CAST = """
111111111111 011111111111 011111111111 011111111111 011111111111 011111111111
000000111111 000000111111 000000111111 000000111111 000000000011 000000000011
"""


def table(text: str) -> list[tuple[str, list[lampas.dtype]]]:
    rows = [line.split() for line in text.strip().splitlines()]
    return [(name, [TYPES[n] for n in row]) for name, row in zip(NAMES, rows, strict=True)]


@pytest.mark.parametrize(("name", "row"), table(PROMOTED))
def test_promotion(name: str, row: list) -> None:
    for other, want in zip(TYPES.values(), row, strict=True):
        left, right = lampas.ones(2, dtype=TYPES[name]), lampas.ones(3, 1, dtype=other)
        assert lampas.promote_types(TYPES[name], other) == want
        assert lampas.result_type(left, right) == want
        assert (left * right).dtype == want and (left == right).dtype == lampas.bool
        assert (left[0] * right[0, 0]).dtype == want
        assert lampas.cat([left, right[:, 0]]).dtype == want
        assert lampas.where(lampas.tensor(True), left, right).dtype == want


@pytest.mark.parametrize(("name", "row"), table(WITH_ZERO_DIM))
def test_promotion_with_tensors_of_no_dimension(name: str, row: list) -> None:
    for other, want in zip(TYPES.values(), row, strict=True):
        left, right = lampas.ones(2, dtype=TYPES[name]), lampas.ones((), dtype=other)
        assert lampas.result_type(left, right) == lampas.result_type(right, left) == want
        assert (left * right).dtype == (right * left).dtype == want


@pytest.mark.parametrize(("name", "row"), table(WITH_NUMBERS))
def test_promotion_with_numbers(name: str, row: list) -> None:
    x = lampas.ones(2, dtype=TYPES[name])
    for number, want in zip((True, 1, 1.5, 1j), row, strict=True):
        assert lampas.result_type(x, number) == lampas.result_type(number, x) == want
        assert (x * number).dtype == (number * x).dtype == want
        assert (x[0] * number).dtype == want


def test_casts_that_lose_a_kind() -> None:
    rows = CAN_CAST.split()
    for source, row in zip(TYPES.values(), rows, strict=True):
        assert "".join(str(int(lampas.can_cast(source, to))) for to in TYPES.values()) == row


def test_types_of_results() -> None:
    for name, dtype in TYPES.items():
        x = lampas.ones(1, dtype=dtype)
        floating = dtype if dtype.is_floating_point or dtype.is_complex else lampas.float32
        assert (x / 1).dtype == x.sin().dtype == floating
        integral = not (dtype.is_floating_point or dtype.is_complex)
        assert x.sum().dtype == x.prod().dtype == (lampas.int64 if integral else dtype), name


def test_the_default_float_type() -> None:
    lampas.set_default_dtype(lampas.float64)
    try:
        assert lampas.tensor(1.5).dtype == lampas.ones(1).dtype == lampas.float64
        assert (lampas.tensor([1]) * 1.5).dtype == lampas.float64
        assert lampas.tensor(1j).dtype == lampas.complex128
    finally:
        lampas.set_default_dtype(lampas.float32)
    with pytest.raises(TypeError):
        lampas.set_default_dtype(lampas.int64)


# ---- ranges -------------------------------------------------------------------------------------
OVERFLOW = [
    (300, lampas.uint8), (-256, lampas.uint8), (255.5, lampas.uint8), (128, lampas.int8),
    (-129, lampas.int8), (2**15, lampas.int16), (2**31, lampas.int32), (1e30, lampas.int64),
    (float("nan"), lampas.int32), (float("inf"), lampas.int64),
]  # fmt: skip


@pytest.mark.parametrize(("value", "dtype"), OVERFLOW)
def test_numbers_out_of_range(value, dtype) -> None:
    calls = [
        lambda: lampas.tensor(value, dtype=dtype),
        lambda: lampas.tensor([[value]], dtype=dtype),
        lambda: lampas.full((2,), value, dtype=dtype),
        lambda: lampas.full_like(lampas.ones(2), value, dtype=dtype),
        lambda: lampas.zeros(2, dtype=dtype).new_full((2,), value),
        lambda: lampas.scalar_tensor(value, dtype=dtype),
        lambda: lampas.zeros(2, dtype=dtype).fill_(value),
        lambda: lampas.zeros(2, dtype=dtype).masked_fill(lampas.tensor([True, False]), value),
        lambda: lampas.zeros(2, dtype=dtype).index_fill(0, lampas.tensor([0]), value),
        lambda: lampas.zeros(2, dtype=dtype).__setitem__(0, value),
        lambda: lampas.zeros(2, dtype=dtype).__setitem__(lampas.tensor([0]), value),
        lambda: lampas.nn.functional.pad(lampas.zeros(2, dtype=dtype), (1, 1), value=value),
    ]
    for call in calls:
        with pytest.raises(RuntimeError, match=r"cannot be converted to type .* without overflow"):
            call()


def test_bounds_out_of_range() -> None:
    x = lampas.tensor([5], dtype=lampas.int8)
    for call in (
        lambda: x.clamp(max=500),
        lambda: x.clamp_(min=-500),
        lambda: lampas.where(lampas.tensor([True]), x, 500),
    ):
        with pytest.raises(RuntimeError, match="without overflow"):
            call()


def test_numbers_that_wrap_or_round() -> None:
    assert lampas.tensor([-1, -255], dtype=lampas.uint8).tolist() == [255, 1]
    assert lampas.tensor([3.7, -3.7], dtype=lampas.int8).tolist() == [3, -3]
    assert lampas.tensor([2, 0.5, 0], dtype=lampas.bool).tolist() == [True, True, False]
    assert lampas.tensor([1e39]).tolist() == [float("inf")]
    assert (lampas.tensor([250], dtype=lampas.uint8) + 10).tolist() == [4]
    assert (lampas.tensor([5], dtype=lampas.int8) * 100).item() == 500 % 256 - 256
    for given in ([2**63], 2**70):
        with pytest.raises((ValueError, OverflowError), match="Overflow"):
            lampas.tensor(given)
    with pytest.raises(TypeError, match="must be real number, not complex"):
        lampas.tensor([1j], dtype=lampas.float32)


def test_conversions_of_tensors_wrap_as_numpy() -> None:
    big = np.array([-300, -1, 255, 256, 70000, 2**40 + 3])
    for dtype, name in ((lampas.uint8, "u1"), (lampas.int8, "i1"), (lampas.int16, "i2")):
        np.testing.assert_array_equal(lampas.tensor(big).to(dtype), big.astype(name))
    np.testing.assert_array_equal(
        lampas.tensor([1.9, -1.9, 0.0]).to(lampas.int32), np.array([1, -1, 0])
    )


# ---- what tensor() takes ------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("data", "dtype", "shape"),
    [
        ([1, 2.5, True], lampas.float32, (3,)),
        ([True, 2], lampas.int64, (2,)),
        ([1, 2j], lampas.complex64, (2,)),
        ([lampas.tensor(1), lampas.tensor(2.5)], lampas.float32, (2,)),
        ([[lampas.tensor([1]), 2]], lampas.int64, (1, 2)),
        ([np.float64(1.5), 2], lampas.float64, (2,)),
        ([np.int16(3)], lampas.int16, (1,)),
        (np.float32(2), lampas.float32, ()),
        ([np.array([1, 2]), np.array([3, 4])], lampas.int64, (2, 2)),
        ([[np.ones(2, np.float32)], [np.ones(2, np.float32)]], lampas.float32, (2, 1, 2)),
        (range(3), lampas.int64, (3,)),
        ([[], []], lampas.float32, (2, 0)),
        (lampas.Size([4, 5]), lampas.int64, (2,)),
        (np.zeros((2, 3), np.uint8)[:, ::-1], lampas.uint8, (2, 3)),
    ],
)
def test_data(data, dtype, shape) -> None:
    if isinstance(data, np.ndarray) and data.ndim:
        data = data.copy()
    t = lampas.tensor(data)
    assert (t.dtype, tuple(t.shape)) == (dtype, shape)


@pytest.mark.parametrize(
    ("data", "error", "text"),
    [
        ([[1, 2], [3]], ValueError, "expected sequence of length 2 at dim 1"),
        ([[1, 2], 3], TypeError, "not a sequence|expected sequence of length 2 at dim 1"),
        ([1, [2]], TypeError, "list"),
        (["a"], ValueError, "too many dimensions 'str'"),
        ("a", TypeError, "new.*: invalid data type 'str'"),
        (b"ab", TypeError, "invalid data type 'bytes'"),
        (None, RuntimeError, "Could not infer dtype of NoneType"),
        ([None], RuntimeError, "Could not infer dtype of NoneType"),
        ({}, RuntimeError, "Could not infer dtype of dict"),
        ([lampas.tensor([1.0, 2.0])], ValueError, "only one element tensors can be converted"),
        (np.array(["a"]), TypeError, "can't convert"),
        (np.array([None]), TypeError, "can't convert"),
        ([np.ones(2), np.ones(3)], ValueError, "expected"),
    ],
)
def test_refused_data(data, error, text) -> None:
    with pytest.raises(error, match=text):
        lampas.tensor(data)


def test_a_list_that_changes_while_it_is_read() -> None:
    data: list = []

    class Shrinking(float):
        def __float__(self) -> float:
            data.clear()
            return 1.0

    data.extend([Shrinking(1.0)] * 100)
    try:
        assert lampas.tensor(data).shape == (100,)
    except ValueError as error:
        assert "changed" in str(error)


def test_every_float16_and_the_rounding_of_floats_to_it() -> None:
    halves = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    wide = lampas.tensor(halves).float().numpy()
    np.testing.assert_array_equal(wide, halves.astype(np.float32))
    bits = np.random.default_rng(0).integers(0, 1 << 32, 100003, dtype=np.uint64)
    middle = wide[np.isfinite(wide)]
    with np.errstate(over="ignore", invalid="ignore"):
        anything = bits.astype(np.uint32).view(np.float32)
        floats = np.concatenate([anything, middle, middle * 1.00048828125])
        want = floats.astype(np.float16)
    np.testing.assert_array_equal(lampas.tensor(floats).half().numpy(), want)
