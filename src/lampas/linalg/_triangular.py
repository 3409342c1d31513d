"""Triangular solvers and the Cholesky factorization."""

from __future__ import annotations

from typing import Any

from lampas._C import Tensor, int32
from lampas._library import operator
from lampas.autograd import Function
from lampas.linalg._common import (
    LinAlgError,
    adjoint,
    broadcast_batches,
    check_matrix,
    check_same_dtype,
    diagonal_matrix,
    from_array,
    like_on_meta,
    named,
    real_diagonal,
    to_array,
)

__all__ = ["cholesky", "cholesky_ex", "solve_triangular"]

_CholeskyEx = named("linalg_cholesky_ex", "L info")


class _SolveTriangular(Function):
    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, upper: bool, unit: bool) -> Tensor:
        from lampas.linalg import _lapack

        if a.is_meta:
            return like_on_meta(b, b.shape)
        x = from_array(_lapack.solve_triangular(to_array(a), to_array(b), upper, unit))
        ctx.upper, ctx.unit = upper, unit
        ctx.save_for_backward(a, x)
        return x

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Any, ...]:
        a, x = ctx.saved_tensors
        gb = _SolveTriangular.apply(adjoint(a), g, not ctx.upper, ctx.unit)
        if not ctx.needs_input_grad[0]:
            return None, gb, None, None
        ga = -(gb @ adjoint(x))
        off = int(ctx.unit)
        return ga.triu(off) if ctx.upper else ga.tril(-off), gb, None, None


def triangular(a: Tensor, b: Tensor, upper: bool, left: bool = True, unit: bool = False) -> Tensor:
    """X with A X = B, or X A = B, of operands whose shapes fit."""
    if not left:
        return triangular(a.mT, b.mT, not upper, unit=unit).mT
    result: Tensor = _SolveTriangular.apply(a, b, upper, unit)
    return result


def check_system(a: Tensor, b: Tensor, name: str, left: bool = True) -> None:
    """Refuses a square A and a B that are no system of equations."""
    check_matrix(a, name, square=True)
    if b.dim() < 2:
        raise RuntimeError(
            f"linalg.{name}: The input tensor B must have at least 2 dimensions, "
            f"got shape {tuple(b.shape)}"
        )
    check_same_dtype(a, b, name)
    if a.size(-2) != b.size(-2 if left else -1):
        product = "AX = B" if left else "XA = B"
        raise RuntimeError(
            f"linalg.{name}: Incompatible shapes of A and B for the equation {product} "
            f"({a.size(-2)}x{a.size(-1)} and {b.size(-2)}x{b.size(-1)})"
        )


@operator(
    "linalg_solve_triangular(Tensor A, Tensor B, *, bool upper, bool left=True, "
    "bool unitriangular=False, Tensor? out=None)",
    function=False,
)
def solve_triangular(
    A: Tensor, B: Tensor, *, upper: bool, left: bool = True, unitriangular: bool = False
) -> Tensor:
    """X with A X = B by substitution, A being triangular.

    Args:
        A: [..., n, n]; only the triangle named by `upper` is read.
        B: [..., n, k], or [..., k, n] with left=False.
        upper: whether A is upper triangular.
        left: False solves X A = B.
        unitriangular: the diagonal counts as ones and is not read.

    >>> import lampas
    >>> A = lampas.tensor([[2.0, 0.0], [1.0, 4.0]])
    >>> lampas.linalg.solve_triangular(A, lampas.tensor([[2.0], [9.0]]), upper=False)
    tensor([[1.],
            [2.]])
    """
    check_system(A, B, "solve_triangular", left)
    return triangular(*broadcast_batches(A, B, "solve_triangular"), upper, left, unitriangular)


# ---- Cholesky ------------------------------------------------------------------------------------
def _factor(a: Any) -> tuple[Any, Any]:
    """L of every matrix in an array, and the orders of the first minors that are not positive."""
    import numpy as np

    info = np.zeros(a.shape[:-2], dtype=np.int32)
    try:
        return np.linalg.cholesky(a), info
    except np.linalg.LinAlgError:
        pass
    factor = np.zeros_like(a)
    for i in np.ndindex(a.shape[:-2]):
        try:
            factor[i] = np.linalg.cholesky(a[i])
        except np.linalg.LinAlgError:
            info[i], factor[i] = _partial_factor(a[i])
    return factor, info


def _partial_factor(a: Any) -> tuple[int, Any]:
    """How far the factorization goes: the failing order, and the columns before it."""
    import numpy as np

    low = np.zeros_like(a)
    for j in range(a.shape[0]):
        d = (a[j, j] - low[j, :j] @ low[j, :j].conj()).real
        if not d > 0:
            return j + 1, low
        low[j, j] = np.sqrt(d)
        low[j + 1 :, j] = (a[j + 1 :, j] - low[j + 1 :, :j] @ low[j, :j].conj()) / low[j, j]
    return a.shape[0], low


class _Cholesky(Function):
    @staticmethod
    def forward(ctx: Any, a: Tensor) -> tuple[Tensor, Tensor]:
        if a.is_meta:
            return like_on_meta(a, a.shape), like_on_meta(a, a.shape[:-2], int32)
        factor, info = _factor(to_array(a))
        low, infos = from_array(factor), from_array(info)
        ctx.save_for_backward(low)
        ctx.mark_non_differentiable(infos)
        return low, infos

    @staticmethod
    def backward(ctx: Any, g: Tensor, _: Any) -> Tensor:
        # Murray, "Differentiation of the Cholesky decomposition" (2016), made Hermitian: with
        # M = L' gL, the gradient is L'^-1 (tril(M) + tril(M)') / 2 L^-1, its diagonal halved.
        (low,) = ctx.saved_tensors
        below = (adjoint(low) @ g).tril()
        strict = below.tril(-1)
        both = (strict + adjoint(strict) + diagonal_matrix(real_diagonal(below), low)) / 2
        left = triangular(adjoint(low), both, upper=True)
        return triangular(low, left, upper=False, left=False)


def _cholesky(a: Tensor, upper: bool) -> tuple[Tensor, Tensor]:
    low, info = _Cholesky.apply(adjoint(a) if upper else a)
    return (adjoint(low) if upper else low), info


def raise_at_failure(info: Tensor, name: str, text: str) -> None:
    """The error for the first matrix whose `info` is not zero; `text` takes its number."""
    if info.numel() == 0 or info.is_meta:
        return
    worst = info.reshape(-1).tolist()
    for i, code in enumerate(worst):
        if code:
            where = f"(Batch element {i}): " if info.dim() else ""
            raise LinAlgError(f"linalg.{name}: {where}{text.format(code)}")


_NOT_POSITIVE = (
    "The factorization could not be completed because the input is not positive-definite "
    "(the leading minor of order {} is not positive-definite)."
)


def checked_cholesky(a: Tensor, upper: bool, name: str = "cholesky") -> Tensor:
    """The factor of positive-definite matrices; LinAlgError for others."""
    check_matrix(a, name, square=True)
    factor, info = _cholesky(a, upper)
    raise_at_failure(info, name, _NOT_POSITIVE)
    return factor


@operator(
    "linalg_cholesky(Tensor A, *, bool upper=False, Tensor? out=None)",
    function=False,
)
def cholesky(A: Tensor, *, upper: bool = False) -> Tensor:
    """L with A = L Lᴴ, lower triangular with a positive diagonal.

    Args:
        A: Hermitian positive-definite matrices [..., n, n]; only the lower triangle is read (the
            upper one with `upper`).
        upper: return Lᴴ.

    Raises LinAlgError where a matrix is not positive-definite.

    >>> import lampas
    >>> lampas.linalg.cholesky(lampas.tensor([[4.0, 2.0], [2.0, 5.0]]))
    tensor([[2., 0.],
            [1., 2.]])
    """
    return checked_cholesky(A, upper)


@operator(
    "linalg_cholesky_ex(Tensor A, *, bool upper=False, bool check_errors=False, "
    "Tensor[]? out=None)",
    function=False,
)
def cholesky_ex(A: Tensor, *, upper: bool = False, check_errors: bool = False) -> Any:
    """(L, info) of `cholesky`: info [...] is 0 where A is positive-definite, else the order of the
    first leading minor that is not. No error is raised without `check_errors`.

    >>> import lampas
    >>> lampas.linalg.cholesky_ex(-lampas.eye(2)).info
    tensor(1, dtype=torch.int32)
    """
    check_matrix(A, "cholesky_ex", square=True)
    factor, info = _cholesky(A, upper)
    if check_errors:
        raise_at_failure(info, "cholesky_ex", _NOT_POSITIVE)
    return _CholeskyEx((factor, info))
