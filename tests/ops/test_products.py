"""Products of matrices and vectors whose sizes and layouts take different paths, against NumPy."""

from __future__ import annotations

import numpy as np
import pytest

import lampas

INTEGERS = ["int64", "int32", "int16", "int8", "uint8"]
FLOATS = ["float64", "float32", "complex64", "bfloat16", "float16"]


def _sample(shape: tuple[int, ...], dtype: str) -> np.ndarray:
    random = np.random.default_rng(len(shape) + shape[-1])
    if dtype in INTEGERS:
        info = np.iinfo(dtype)
        return random.integers(info.min, info.max, shape, dtype, endpoint=True)
    x = random.integers(-8, 9, shape).astype("float32")
    return x + 1j * x[::-1] if dtype == "complex64" else x


def _check(got: lampas.Tensor, want: np.ndarray, dtype: str) -> None:
    assert str(got.dtype) == f"torch.{dtype}"
    if dtype in ("bfloat16", "float16"):
        want = lampas.tensor(want).to(got.dtype).float().numpy()
        got = got.float()
    np.testing.assert_array_equal(got.numpy(), want)


def _given(x: np.ndarray, dtype: str) -> lampas.Tensor:
    return lampas.tensor(x).to(getattr(lampas, dtype))


@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("m, k, n", [(1, 1, 1), (5, 7, 3), (3, 700, 40), (130, 50, 70), (9, 9, 1)])
def test_integer_matrices_wrap_around(dtype: str, m: int, k: int, n: int) -> None:
    a, b = _sample((m, k), dtype), _sample((k, n), dtype)
    with np.errstate(over="ignore"):
        want = a @ b
    _check(_given(a, dtype) @ _given(b, dtype), want, dtype)
    _check(_given(a.T.copy(), dtype).mT @ _given(b.T.copy(), dtype).mT, want, dtype)
    batch = _given(a, dtype).expand(2, m, k) @ _given(b, dtype)
    _check(batch[1], want, dtype)


@pytest.mark.parametrize("dtype", INTEGERS + FLOATS)
@pytest.mark.parametrize("m, k", [(1, 1), (7, 5), (300, 40), (5, 400)])
def test_matrix_times_vector(dtype: str, m: int, k: int) -> None:
    a, x = _sample((m, k), dtype), _sample((k,), dtype)
    with np.errstate(over="ignore"):
        want = a @ x
    _check(_given(a, dtype) @ _given(x, dtype), want, dtype)
    _check(_given(a.T.copy(), dtype).mT @ _given(x, dtype), want, dtype)
    _check(_given(x, dtype) @ _given(a.T.copy(), dtype), want, dtype)


@pytest.mark.parametrize("dtype", INTEGERS + FLOATS)
@pytest.mark.parametrize("n", [0, 1, 63, 1025, 70000])
def test_dot(dtype: str, n: int) -> None:
    x, y = _sample((n or 1,), dtype)[:n], _sample((2 * n or 1,), dtype)[: 2 * n : 2]
    if dtype in ("bfloat16", "float16"):
        y = y // 16  # the sum stays within what a half type can hold
    with np.errstate(over="ignore"):
        want = (x.astype("float64") @ y) if dtype in FLOATS and x.dtype.kind == "f" else x @ y
    if dtype == "float32":
        want = want.astype("float32")
    stepped = _given(np.repeat(y, 2), dtype)[::2]
    _check(_given(x, dtype).dot(stepped), np.asarray(want), dtype)


def test_dot_has_gradients() -> None:
    x, y = (lampas.randn(5, dtype=lampas.complex128, requires_grad=True) for _ in range(2))
    assert lampas.autograd.gradcheck(lampas.dot, (x, y))
    assert lampas.autograd.gradgradcheck(lampas.dot, (x, y))
