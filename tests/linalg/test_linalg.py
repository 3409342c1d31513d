"""Linear algebra against NumPy, against its own definitions and against finite differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lampas
from lampas.autograd import gradcheck, gradgradcheck

DTYPES = [lampas.float32, lampas.float64, lampas.complex64, lampas.complex128]
linalg = lampas.linalg


def matrix(*shape: int, dtype: Any = lampas.float64, seed: int = 0) -> lampas.Tensor:
    lampas.manual_seed(seed)
    return lampas.randn(*shape, dtype=dtype)


def positive(*shape: int, dtype: Any = lampas.float64) -> lampas.Tensor:
    a = matrix(*shape, dtype=dtype)
    return a @ a.mH + lampas.eye(shape[-1], dtype=dtype)


def close(a: lampas.Tensor, b: lampas.Tensor, loose: float = 1.0) -> None:
    single = a.dtype in (lampas.float32, lampas.complex64)
    bound = (2e-4 if single else 1e-10) * loose
    lampas.testing.assert_close(a, b, rtol=bound, atol=bound)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("batch", [(), (3,), (2, 1), (0,)])
class TestDefinitions:
    """Every factorization, multiplied together again, gives the matrix."""

    def test_svd(self, dtype: Any, batch: tuple[int, ...]) -> None:
        for m, n in ((4, 3), (3, 4), (3, 3)):
            a = matrix(*batch, m, n, dtype=dtype)
            u, s, vh = linalg.svd(a, full_matrices=False)
            close((u * s.unsqueeze(-2).to(dtype)) @ vh, a)
            assert linalg.svd(a).U.shape == (*batch, m, m)
            close(linalg.svdvals(a), s)

    def test_qr(self, dtype: Any, batch: tuple[int, ...]) -> None:
        for mode in ("reduced", "complete"):
            a = matrix(*batch, 4, 3, dtype=dtype)
            q, r = linalg.qr(a, mode=mode)
            close(q @ r, a)
            eye = lampas.eye(q.size(-1), dtype=dtype).expand(*batch, q.size(-1), q.size(-1))
            close(q.mH @ q, eye.clone())

    def test_lu(self, dtype: Any, batch: tuple[int, ...]) -> None:
        for m, n in ((4, 3), (3, 5), (40, 40)):
            a = matrix(*batch, m, n, dtype=dtype)
            p, low, up = linalg.lu(a)
            close(p.to(dtype) @ low @ up, a, 10)

    def test_cholesky(self, dtype: Any, batch: tuple[int, ...]) -> None:
        a = positive(*batch, 4, 4, dtype=dtype)
        low = linalg.cholesky(a)
        close(low @ low.mH, a)
        close(linalg.cholesky(a, upper=True), low.mH.clone())
        b = matrix(*batch, 4, 2, dtype=dtype)
        close(a @ lampas.cholesky_solve(b, low), b, 10)
        close(a @ lampas.cholesky_inverse(low), lampas.eye(4, dtype=dtype).expand_as(a).clone(), 10)

    def test_eigh(self, dtype: Any, batch: tuple[int, ...]) -> None:
        a = positive(*batch, 4, 4, dtype=dtype)
        w, v = linalg.eigh(a)
        close(a @ v, v * w.unsqueeze(-2).to(dtype), 10)
        close(linalg.eigvalsh(a), w, 10)

    def test_eig(self, dtype: Any, batch: tuple[int, ...]) -> None:
        a = matrix(*batch, 4, 4, dtype=dtype)
        w, v = linalg.eig(a)
        close(a.to(v.dtype) @ v, v * w.unsqueeze(-2), 10)

    def test_ldl(self, dtype: Any, batch: tuple[int, ...]) -> None:
        a = matrix(*batch, 6, 6, dtype=dtype)
        a = a + a.mH
        b = matrix(*batch, 6, 2, dtype=dtype, seed=1)
        packed, pivots = linalg.ldl_factor(a, hermitian=dtype.is_complex)
        close(a @ linalg.ldl_solve(packed, pivots, b, hermitian=dtype.is_complex), b, 100)

    def test_solvers(self, dtype: Any, batch: tuple[int, ...]) -> None:
        a = matrix(*batch, 5, 5, dtype=dtype) + 3 * lampas.eye(5, dtype=dtype)
        b = matrix(*batch, 5, 2, dtype=dtype, seed=1)
        close(a @ linalg.solve(a, b), b, 10)
        close(linalg.solve(a.mH, b.mH[..., :, :5].mH, left=True), linalg.inv(a.mH) @ b, 10)
        packed, pivots = linalg.lu_factor(a)
        close(a @ linalg.lu_solve(packed, pivots, b), b, 10)
        close(a.mH @ linalg.lu_solve(packed, pivots, b, adjoint=True), b, 10)
        upper = a.triu()
        close(upper @ linalg.solve_triangular(upper, b, upper=True), b, 10)

    def test_pinv_is_the_moore_penrose_inverse(self, dtype: Any, batch: tuple[int, ...]) -> None:
        a = matrix(*batch, 5, 3, dtype=dtype)
        p = linalg.pinv(a)
        close(a @ p @ a, a, 10)
        close(p @ a @ p, p, 10)
        close((a @ p).mH.clone(), a @ p, 10)


@pytest.mark.parametrize("order", [None, "fro", "nuc", 1, -1, 2, -2, float("inf"), -float("inf")])
def test_matrix_norms_are_numpys(order: Any) -> None:
    a = matrix(3, 4)
    close(linalg.norm(a, order), lampas.tensor(np.linalg.norm(a.numpy(), order)))
    if order is not None:
        close(
            linalg.matrix_norm(a.expand(2, 3, 4), order),
            lampas.tensor(np.linalg.norm(a.numpy(), order)).expand(2).clone(),
        )


@pytest.mark.parametrize("order", [0, 1, 2, 3.5, -1, float("inf"), -float("inf")])
def test_vector_norms_are_numpys(order: float) -> None:
    a = matrix(7)
    close(linalg.vector_norm(a, order), lampas.tensor(np.linalg.norm(a.numpy(), order)))


def test_values_are_numpys() -> None:
    a, square = matrix(6, 4), matrix(4, 4)
    n = square.numpy()
    close(linalg.det(square), lampas.tensor(np.linalg.det(n)))
    sign, log = linalg.slogdet(square)
    want = np.linalg.slogdet(n)
    assert (float(sign), float(log)) == pytest.approx((want[0], want[1]))
    close(linalg.cond(square), lampas.tensor(np.linalg.cond(n)))
    close(linalg.matrix_power(square, 5), lampas.tensor(np.linalg.matrix_power(n, 5)))
    close(linalg.matrix_power(square, -2), lampas.tensor(np.linalg.matrix_power(n, -2)), 10)
    close(linalg.matrix_power(square, 0), lampas.eye(4, dtype=lampas.float64))
    assert int(linalg.matrix_rank(a @ a.mT)) == 4
    b = matrix(6, 2, seed=1)
    found = linalg.lstsq(a, b)
    close(found.solution, lampas.tensor(np.linalg.lstsq(a.numpy(), b.numpy(), rcond=None)[0]))
    chain = [matrix(2, 3), matrix(3, 5), matrix(5, 4), matrix(4, 2)]
    close(linalg.multi_dot(chain), lampas.tensor(np.linalg.multi_dot([c.numpy() for c in chain])))
    x = matrix(4)
    close(linalg.vander(x), lampas.tensor(np.vander(x.numpy(), increasing=True)))
    close(
        linalg.cross(matrix(2, 3), matrix(2, 3, seed=1)),
        lampas.tensor(np.cross(matrix(2, 3).numpy(), matrix(2, 3, seed=1).numpy())),
    )
    t = matrix(6, 2, 3) + 0
    inverse = linalg.tensorinv(t.reshape(6, 6).reshape(6, 2, 3), ind=1)
    close(inverse, lampas.tensor(np.linalg.tensorinv(t.numpy(), ind=1)), 10)


def test_matrix_exp_is_the_series() -> None:
    a = matrix(2, 3, 3) * 3
    total = term = lampas.eye(3, dtype=lampas.float64).expand(2, 3, 3)
    for k in range(1, 80):
        term = term @ a / k
        total = total + term
    close(linalg.matrix_exp(a), total, 1e4)


@pytest.mark.parametrize("dtype", [lampas.float64, lampas.complex128])
def test_gradients_are_the_differences(dtype: Any) -> None:
    a = matrix(2, 3, 3, dtype=dtype).requires_grad_()
    tall = matrix(4, 3, dtype=dtype).requires_grad_()
    b = matrix(2, 3, 2, dtype=dtype, seed=1).requires_grad_()

    def hermitian(x: lampas.Tensor) -> lampas.Tensor:
        return x @ x.mH + lampas.eye(x.size(-1), dtype=dtype)

    checks = {
        "inv": lambda x: linalg.inv(x),
        "det": lambda x: linalg.det(x),
        "slogdet": lambda x: linalg.slogdet(x)[1],
        "cholesky": lambda x: linalg.cholesky(hermitian(x)),
        "eigvalsh": lambda x: linalg.eigvalsh(hermitian(x)),
        "eigh": lambda x: linalg.eigh(hermitian(x)).eigenvectors.abs(),
        "eigvals": lambda x: linalg.eigvals(x),
        "eig": lambda x: linalg.eig(x).eigenvectors.abs(),
        "svdvals": lambda x: linalg.svdvals(x),
        "svd": lambda x: linalg.svd(x).U.abs(),
        "lu": lambda x: linalg.lu(x)[1:],
        "matrix_exp": lambda x: linalg.matrix_exp(x),
        "matrix_power": lambda x: linalg.matrix_power(x, 3),
        "pinv": lambda x: linalg.pinv(x),
        "nuclear": lambda x: linalg.matrix_norm(x, "nuc"),
    }
    for name, check in checks.items():
        assert gradcheck(check, (a,)), name
    assert gradcheck(lambda x: linalg.qr(x), (tall,))
    assert gradcheck(lambda x: linalg.pinv(x), (tall,))
    assert gradcheck(linalg.solve, (a, b))
    assert gradcheck(lambda x, y: linalg.solve_triangular(x, y, upper=True), (a, b))
    assert gradcheck(lambda x, y: linalg.lu_solve(*linalg.lu_factor(x), y), (a, b))
    assert gradcheck(lambda x, y: linalg.lstsq(x, y).solution, (tall, matrix(4, 2, dtype=dtype)))
    for second in (linalg.inv, linalg.det, lambda x: linalg.cholesky(hermitian(x))):
        assert gradgradcheck(second, (a,))
    assert gradgradcheck(linalg.solve, (a, b))


def test_errors_say_what_is_wrong() -> None:
    with pytest.raises(linalg.LinAlgError, match="singular"):
        linalg.inv(lampas.zeros(2, 2))
    with pytest.raises(linalg.LinAlgError, match=r"order 1 is not positive-definite"):
        linalg.cholesky(-lampas.eye(2))
    with pytest.raises(linalg.LinAlgError, match=r"Batch element 1"):
        linalg.cholesky(lampas.stack([lampas.eye(2), -lampas.eye(2)]))
    with pytest.raises(RuntimeError, match=r"square matrices, but they are 2 by 3"):
        linalg.inv(lampas.ones(2, 3))
    with pytest.raises(RuntimeError, match=r"at least 2 dimensions"):
        linalg.svd(lampas.ones(3))
    with pytest.raises(RuntimeError, match=r"convert it with .float\(\)"):
        linalg.inv(lampas.ones(2, 2, dtype=lampas.int64))
    with pytest.raises(RuntimeError, match=r"same dtype"):
        linalg.solve(lampas.eye(2), lampas.ones(2, dtype=lampas.float64))
    assert int(linalg.cholesky_ex(-lampas.eye(2)).info) == 1


def test_results_are_written_where_out_says() -> None:
    a = positive(3, 3)
    w, v = lampas.empty(0, dtype=lampas.float64), lampas.empty(0, dtype=lampas.float64)
    linalg.eigh(a, out=(w, v))
    close(a @ v, v * w)
    out = lampas.empty(0, dtype=lampas.float64)
    assert linalg.inv(a, out=out) is out
    close(a @ out, lampas.eye(3, dtype=lampas.float64))
