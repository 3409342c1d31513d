"""assert_close and make_tensor: texts and tolerances as PyTorch documents them."""

from __future__ import annotations

import numpy as np
import pytest

import lampas
from lampas.testing import assert_allclose, assert_close, make_tensor

A = lampas.tensor([[1.0, 2.0], [3.0, 4.0]])


def text_of(*args, **options) -> str:
    with pytest.raises(AssertionError) as e:
        assert_close(*args, **options)
    return str(e.value)


def test_what_differs_and_by_how_much() -> None:
    assert text_of(A, A + lampas.tensor([[0.0, 1.0], [0.0, 0.0]])) == (
        "Tensor-likes are not close!\n\n"
        "Mismatched elements: 1 / 4 (25.0%)\n"
        "Greatest absolute difference: 1.0 at index (0, 1) (up to 1e-05 allowed)\n"
        "Greatest relative difference: 0.3333333432674408 at index (0, 1) (up to 1.3e-06 allowed)"
    )
    assert text_of(1.0, 1.1) == (
        "Scalars are not close!\n\n"
        "Expected 1.1 but got 1.0.\n"
        "Absolute difference: 0.10000000000000009 (up to 1e-07 allowed)\n"
        "Relative difference: 0.09090909090909098 (up to 1e-07 allowed)"
    )
    assert "not equal" in text_of(lampas.tensor([1, 2]), lampas.tensor([1, 3]))
    assert "not equal" in text_of(A, A + 1, rtol=0, atol=0)


@pytest.mark.parametrize(
    ("other", "options", "attribute"),
    [
        (A.double(), {}, "dtype"),
        (A[0], {}, "shape"),
        (A.to("meta"), {}, "device"),
        (A.t().contiguous().t(), {"check_stride": True}, r"stride\(\)"),
    ],
)
def test_attributes(other, options, attribute) -> None:
    with pytest.raises(AssertionError, match=f"attribute '{attribute}' do not match"):
        assert_close(A, other, **options)


def test_checks_can_be_left_out() -> None:
    assert_close(A, A.double(), check_dtype=False)
    assert_close(A, A.to("meta"), check_device=False)
    assert_close(1, 1.0, check_dtype=False)


@pytest.mark.parametrize(
    ("dtype", "rtol"),
    [("float16", 1e-3), ("bfloat16", 1.6e-2), ("float32", 1.3e-6), ("float64", 1e-7)],
)
def test_tolerances_of_dtypes(dtype: str, rtol: float) -> None:
    d = getattr(lampas, dtype)
    x = lampas.ones(1, dtype=lampas.float64) * 1000
    assert_close((x * (1 + rtol * 0.4)).to(d), x.to(d))
    with pytest.raises(AssertionError):
        assert_close((x * (1 + rtol * 3)).to(d), x.to(d))


def test_structures() -> None:
    assert text_of([A, A], [A, A + 1]).endswith("The failure occurred for item [1]")
    assert text_of({"x": [A]}, {"x": [A + 1]}).endswith("The failure occurred for item ['x'][0]")
    assert "Missing keys in the actual mapping: ['y']" in text_of({"x": A}, {"y": A})
    assert text_of([A], [A, A]) == "The length of the sequences mismatch: 1 != 2"
    assert text_of(None, 1) == "None mismatch: None is not 1"
    assert text_of(True, False) == "Booleans mismatch: True is not False"
    assert "(d)types" in text_of(1, 1.0)
    assert_close({"a": (A, None, 1, 2.0, True)}, {"a": [A, None, 1, 2.0, True]})


def test_arrays_and_subclasses() -> None:
    assert_close(np.ones(2), np.ones(2))
    assert_close(lampas.nn.Parameter(A), A)
    for pair in ((A, 1), (A.numpy(), A), ("a", "b")):
        with pytest.raises(TypeError, match="No comparison pair"):
            assert_close(*pair)
    with pytest.raises(TypeError):
        assert_close(lampas.nn.Parameter(A), A, allow_subclasses=False)


def test_nan_and_infinity() -> None:
    nan = lampas.tensor([float("nan"), float("inf")])
    assert_close(nan, nan, equal_nan=True)
    with pytest.raises(AssertionError):
        assert_close(nan, nan)
    with pytest.raises(AssertionError):
        assert_close(float("inf"), 1.0)


def test_messages_of_ones_own() -> None:
    assert text_of(A, A + 1, msg="mine") == "mine"
    assert text_of(A, A + 1, msg=lambda m: "mine: " + m).startswith("mine: Tensor-likes")
    with pytest.raises(ValueError, match="got no atol"):
        assert_close(A, A, rtol=1)
    assert_allclose(A, A.double())


@pytest.mark.parametrize(
    "dtype", ["bool", "uint8", "int8", "int64", "float16", "float32", "complex64"]
)
def test_make_tensor(dtype: str) -> None:
    d = getattr(lampas, dtype)
    x = make_tensor(50, 4, dtype=d, device="cpu", noncontiguous=True)
    assert x.dtype is d and x.shape == (50, 4) and x.stride() == (8, 2)
    part = lampas.view_as_real(x.contiguous()) if d.is_complex else x
    values = part.to(lampas.float64).numpy()
    low, high = {"bool": (0, 1), "uint8": (0, 9)}.get(dtype, (-9, 9))
    assert values.min() >= low and values.max() <= high and len(np.unique(values)) > 1
    y = make_tensor((40,), dtype=d, device="cpu", low=0, high=2, exclude_zero=True)
    assert bool((y != 0).all())


def test_make_tensor_draws_what_pytorch_draws() -> None:
    lampas.manual_seed(0)  # recorded from PyTorch 2.13
    got = [make_tensor(4, dtype=d, device="cpu").tolist() for d in (lampas.bool, lampas.uint8)]
    assert got == [[False, True, True, False], [3, 9, 7, 3]]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"dtype": lampas.int64, "requires_grad": True}, "requires_grad=True"),
        ({"dtype": lampas.float32, "low": 2, "high": 1}, "must be less than"),
        ({"dtype": lampas.float32, "low": float("nan")}, "cannot be NaN"),
        (
            {"dtype": lampas.float32, "noncontiguous": True,
             "memory_format": lampas.channels_last},
            "mutually exclusive",
        ),
    ],
)  # fmt: skip
def test_make_tensor_refuses(options, text) -> None:
    with pytest.raises(ValueError, match=text):
        make_tensor(3, device="cpu", **options)
