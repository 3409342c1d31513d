"""Linear algebra: decompositions through NumPy's LAPACK, with exact gradients."""

from __future__ import annotations

from typing import Any

from lampas import _C
from lampas._C import _vector_norm as vector_norm
from lampas._tensor import Tensor
from lampas.autograd import Function

__all__ = ["householder_product", "inv", "qr", "solve", "vector_norm"]


def _numpy(t: Tensor) -> Any:
    return t.detach().numpy()


def _check_matrix(a: Tensor, name: str, square: bool = False) -> None:
    if a.dim() < 2:
        raise RuntimeError(
            f"linalg.{name}: The input tensor A must have at least 2 dimensions, got shape {tuple(a.shape)}"  # noqa: E501
        )
    if square and a.size(-1) != a.size(-2):
        raise RuntimeError(
            f"linalg.{name}: A must be batches of square matrices, but they are {a.size(-2)} by {a.size(-1)} matrices"  # noqa: E501
        )
    if not (a.dtype.is_floating_point or a.dtype.is_complex):
        raise RuntimeError(
            f"linalg.{name}: Expected a floating point or complex tensor as input. Got {a.dtype}"
        )


class _Inverse(Function):
    @staticmethod
    def forward(ctx: Any, a: Tensor) -> Tensor:
        import numpy as np

        try:
            inverse = _C.tensor(np.linalg.inv(_numpy(a)))
        except np.linalg.LinAlgError:
            raise RuntimeError(
                "linalg.inv: The diagonal element is zero, the inversion could not be completed because the "  # noqa: E501
                "input matrix is singular."
            ) from None
        ctx.save_for_backward(inverse)
        return inverse

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Tensor:
        (inverse,) = ctx.saved_tensors
        transposed = inverse.mH
        return -(transposed @ g @ transposed)


def inv(A: Tensor) -> Tensor:
    """The inverse of a square matrix or a batch of them.

    >>> import lampas
    >>> inv(lampas.tensor([[2.0, 0.0], [0.0, 4.0]]))
    tensor([[0.5000, 0.0000],
            [0.0000, 0.2500]])
    """
    _check_matrix(A, "inv", square=True)
    return _Inverse.apply(A)


class _Solve(Function):
    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor) -> Tensor:
        import numpy as np

        try:
            x = _C.tensor(np.linalg.solve(_numpy(a), _numpy(b)))
        except np.linalg.LinAlgError:
            raise RuntimeError(
                "torch.linalg.solve: The solver failed because the input matrix is singular."
            ) from None
        ctx.save_for_backward(a, x)
        return x

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor, Tensor]:
        a, x = ctx.saved_tensors
        gb = _Solve.apply(a.mH, g)
        return -(gb @ x.mH), gb


def solve(A: Tensor, B: Tensor, *, left: bool = True) -> Tensor:
    """X with A @ X = B (or X @ A = B with left=False); B a vector, matrix or batch.

    >>> import lampas
    >>> solve(lampas.tensor([[2.0, 0.0], [0.0, 4.0]]), lampas.tensor([2.0, 4.0]))
    tensor([1., 1.])
    """
    _check_matrix(A, "solve", square=True)
    if not left:
        return solve(A.mT, B.mT).mT
    if B.dim() == 1 or (B.dim() == A.dim() - 1 and B.shape == A.shape[:-1]):
        return _Solve.apply(A, B.unsqueeze(-1)).squeeze(-1)
    return _Solve.apply(A, B)


class _QR(Function):
    @staticmethod
    def forward(ctx: Any, a: Tensor, mode: str) -> tuple[Tensor, Tensor]:
        import numpy as np

        q, r = (_C.tensor(m) for m in np.linalg.qr(_numpy(a), mode=mode))  # type: ignore[call-overload]
        ctx.save_for_backward(q, r)
        return q, r

    @staticmethod
    def backward(ctx: Any, gq: Tensor, gr: Tensor) -> tuple[Tensor, None]:
        # Walter & Lehmann (2012): with M = R gR' - gQ' Q, the gradient is
        # (gQ + Q sym(M)) R'^-1, where sym copies the lower triangle of M to the upper.
        q, r = ctx.saved_tensors
        if r.size(-2) != r.size(-1):
            raise RuntimeError(
                "linalg.qr: the derivative is only defined for tall matrices and mode='reduced', or square ones"  # noqa: E501
            )
        m = r @ gr.mH - gq.mH @ q
        lower = m.tril(-1)
        symmetric = lower + lower.mH + m * _C.eye(m.size(-1), dtype=m.dtype)
        return solve(r, (gq + q @ symmetric).mH).mH, None


def qr(A: Tensor, mode: str = "reduced") -> tuple[Tensor, Tensor]:
    """A = Q R with orthonormal columns of Q and R upper triangular.

    Args:
        A: matrix or batch of matrices, [..., m, n].
        mode: "reduced" (Q is [..., m, min(m, n)]) or "complete" (Q is [..., m, m]).

    >>> import lampas
    >>> q, r = qr(lampas.eye(2))
    >>> (q @ r).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    _check_matrix(A, "qr")
    if mode not in ("reduced", "complete"):
        raise RuntimeError(
            f"qr received unrecognized mode '{mode}' but expected one of 'reduced' or 'complete'"
        )
    return _QR.apply(A, mode)


def householder_product(A: Tensor, tau: Tensor) -> Tensor:
    """The first columns of the product of Householder reflections I - tau v v'.

    >>> import lampas
    >>> householder_product(lampas.zeros(2, 1), lampas.zeros(1)).tolist()
    [[1.0], [0.0]]
    """
    _check_matrix(A, "householder_product")
    m, n = A.size(-2), A.size(-1)
    eye = _C.eye(m, n, dtype=A.dtype).expand(*A.shape[:-2], m, n)
    result = eye
    for i in reversed(range(tau.size(-1))):
        below = _reflector(A, i)
        result = result - tau[..., i, None, None] * (below @ (below.mH @ result))
    return result


def _reflector(a: Tensor, i: int) -> Tensor:
    """Column i of the reflections: zeros, a one at row i, and what stands below it in `a`."""
    rows = _C.arange(a.size(-2))
    column = _C.where(rows > i, a[..., :, i], 0)
    return (column + (rows == i).to(a.dtype)).unsqueeze(-1)
