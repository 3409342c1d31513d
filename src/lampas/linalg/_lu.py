"""LU and LDL factorizations and the solvers that use them."""

from __future__ import annotations

import math
from typing import Any

from lampas import _C
from lampas._C import Tensor
from lampas._library import operator
from lampas.autograd import Function
from lampas.linalg._common import (
    adjoint,
    check_matrix,
    check_same_dtype,
    from_array,
    identity,
    like_on_meta,
    named,
    to_array,
)
from lampas.linalg._triangular import check_system, triangular

__all__ = [
    "ldl_factor",
    "ldl_factor_ex",
    "ldl_solve",
    "lu",
    "lu_factor",
    "lu_factor_ex",
    "lu_solve",
]

_Lu = named("linalg_lu", "P L U")
_LuFactor = named("linalg_lu_factor", "LU pivots")
_LuFactorEx = named("linalg_lu_factor_ex", "LU pivots info")
_LdlFactor = named("linalg_ldl_factor", "LD pivots")
_LdlFactorEx = named("linalg_ldl_factor_ex", "LD pivots info")


def _permutation(pivots: Tensor, m: int) -> Tensor:
    """The rows [..., m] that the exchanges bring to places 0, 1, …"""
    from lampas.linalg import _lapack

    if pivots.is_meta:
        return like_on_meta(pivots, (*pivots.shape[:-1], m), _C.int64)
    array = to_array(pivots)
    flat = array.reshape(math.prod(array.shape[:-1]), array.shape[-1])
    rows = _lapack.pivots_to_permutation(flat, m)
    return from_array(rows.reshape(*array.shape[:-1], m))


def _take_rows(a: Tensor, rows: Tensor) -> Tensor:
    """a[..., rows, :], with rows of their own for each matrix."""
    return a.gather(-2, rows.unsqueeze(-1).expand(a.shape))


class _LuFunction(Function):
    @staticmethod
    def forward(ctx: Any, a: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        import numpy as np

        from lampas.linalg import _lapack

        *batch, m, n = a.shape
        if a.is_meta:
            pivot = like_on_meta(a, (*batch, min(m, n)), _C.int32)
            return like_on_meta(a, a.shape), pivot, like_on_meta(a, batch, _C.int32)
        array = np.array(to_array(a))
        flat = array.reshape(int(np.prod(batch)), m, n)
        pivots, info = _lapack.lu_in_place(flat)
        packed = from_array(flat.reshape(array.shape))
        pivot = from_array(pivots.reshape(*batch, min(m, n)))
        infos = from_array(info.reshape(batch))
        ctx.save_for_backward(packed, pivot)
        ctx.mark_non_differentiable(pivot, infos)
        return packed, pivot, infos

    @staticmethod
    def backward(ctx: Any, g: Tensor, *_: Any) -> Tensor:
        packed, pivots = ctx.saved_tensors
        rows = _permutation(pivots, packed.size(-2))
        return _take_rows(_lu_gradient(packed, g), rows.argsort(-1))


def _lu_gradient(packed: Tensor, g: Tensor) -> Tensor:
    """The gradient of the matrix whose rows are exchanged already.

    Of a square one it is L'^-1 [tril(L' gL, -1) + triu(gU U')] U'^-1. A wider one has more
    columns L^-1 A, a taller one more rows A U^-1; they hand on a part to the square one's factors.
    """
    m, n = packed.size(-2), packed.size(-1)
    k = min(m, n)
    square = packed[..., :k, :k]
    low_h = adjoint(square.tril(-1)) + identity(k, packed)
    up_h = adjoint(square.triu())
    g_low, g_up = g[..., :k, :k].tril(-1), g[..., :k, :k].triu()
    beyond = None
    if n > m:
        beyond = triangular(low_h, g[..., :, k:], upper=True, unit=True)
        g_low = g_low - beyond @ adjoint(packed[..., :, k:])
    elif m > n:
        beyond = triangular(up_h, g[..., k:, :], upper=False, left=False)
        g_up = g_up - adjoint(packed[..., k:, :]) @ beyond
    inner = (low_h @ g_low).tril(-1) + (g_up @ up_h).triu()
    result = triangular(low_h, inner, upper=True, unit=True)
    result = triangular(up_h, result, upper=False, left=False)
    return result if beyond is None else _C.cat([result, beyond], -1 if n > m else -2)


def factor(a: Tensor, name: str, pivot: bool = True) -> tuple[Tensor, Tensor, Tensor]:
    """(LU, pivots, info) of matrices; LU without exchanges is not there."""
    check_matrix(a, name)
    if not pivot:
        raise RuntimeError(
            f"linalg.{name}: LU without pivoting is not implemented on the CPU; leave pivot=True"
        )
    result: tuple[Tensor, Tensor, Tensor] = _LuFunction.apply(a)
    return result


def unpack(packed: Tensor) -> tuple[Tensor, Tensor]:
    """L [..., m, k] and U [..., k, n] out of their packed form [..., m, n]."""
    m, n = packed.size(-2), packed.size(-1)
    k = min(m, n)
    eye = _C.eye(m, k, dtype=packed.dtype, device=packed.device)
    return packed[..., :, :k].tril(-1) + eye, packed[..., :k, :].triu()


def permutation_matrix(pivots: Tensor, m: int, like: Tensor) -> Tensor:
    """P [..., m, m] with A = P L U."""
    rows = _permutation(pivots, m)
    places = _C.arange(m, device=rows.device).unsqueeze(-1)
    return (rows.unsqueeze(-2) == places).to(like.dtype)


@operator("linalg_lu(Tensor A, *, bool pivot=True, Tensor[]? out=None)", function=False)
def lu(A: Tensor, *, pivot: bool = True) -> Any:
    """(P, L, U) with A = P L U by partial pivoting.

    Args:
        A: [..., m, n].
        pivot: must be True on the CPU.

    P is a permutation [..., m, m], L [..., m, k] has ones on its diagonal, U is [..., k, n], with
    k = min(m, n).

    >>> import lampas
    >>> P, L, U = lampas.linalg.lu(lampas.tensor([[0.0, 1.0], [2.0, 3.0]]))
    >>> U
    tensor([[2., 3.],
            [0., 1.]])
    """
    packed, pivots, _ = factor(A, "lu", pivot)
    low, up = unpack(packed)
    return _Lu((permutation_matrix(pivots, A.size(-2), A), low, up))


@operator("linalg_lu_factor(Tensor A, *, bool pivot=True, Tensor[]? out=None)", function=False)
def lu_factor(A: Tensor, *, pivot: bool = True) -> Any:
    """(LU, pivots): both factors in one matrix [..., m, n], as `lu_solve` takes them, and the
    exchanges [..., min(m, n)]: row i with row pivots[i], counted from one.

    Raises RuntimeError where U has a zero on its diagonal; `lu_factor_ex` does not.

    >>> import lampas
    >>> lampas.linalg.lu_factor(lampas.tensor([[0.0, 1.0], [2.0, 3.0]])).pivots
    tensor([2, 2], dtype=torch.int32)
    """
    packed, pivots, info = factor(A, "lu_factor", pivot)
    _report_zero(info, "lu_factor")
    return _LuFactor((packed, pivots))


def _report_zero(info: Tensor, name: str) -> None:
    codes = [] if info.is_meta else info.reshape(-1).tolist()
    for i, code in enumerate(codes):
        if code:
            where = f"(Batch element {i}): " if info.dim() else ""
            raise RuntimeError(
                f"torch.linalg.{name}: {where}U[{code},{code}] is zero and using it on lu_solve "
                "would result in a division by zero. If you still want to perform the "
                "factorization, consider calling linalg.lu(A, pivot) or "
                "linalg.lu_factor_ex(A, pivot)"
            )


@operator(
    "linalg_lu_factor_ex(Tensor A, *, bool pivot=True, bool check_errors=False, "
    "Tensor[]? out=None)",
    function=False,
)
def lu_factor_ex(A: Tensor, *, pivot: bool = True, check_errors: bool = False) -> Any:
    """(LU, pivots, info) of `lu_factor`: info [...] is the number of the first zero on U's
    diagonal, 0 where there is none.

    >>> import lampas
    >>> lampas.linalg.lu_factor_ex(lampas.zeros(2, 2)).info
    tensor(1, dtype=torch.int32)
    """
    packed, pivots, info = factor(A, "lu_factor_ex", pivot)
    if check_errors:
        _report_zero(info, "lu_factor_ex")
    return _LuFactorEx((packed, pivots, info))


def _check_pivots(packed: Tensor, pivots: Tensor, name: str, dtype: Any = _C.int32) -> None:
    if pivots.dtype != dtype:
        raise RuntimeError(f"linalg.{name}: pivots should be a Tensor of {dtype}, "
                           f"got {pivots.dtype}")
    if pivots.dim() < 1 or pivots.shape != packed.shape[:-1]:
        raise RuntimeError(
            f"linalg.{name}: Expected LU of shape {tuple(packed.shape)} and pivots of shape "
            f"{tuple(pivots.shape)} to have the same batch and size"
        )


def solve_factored(
    packed: Tensor, pivots: Tensor, b: Tensor, left: bool = True, adjoint_a: bool = False
) -> Tensor:
    """X with A X = B out of A's factors; see `lu_solve`."""
    from lampas import broadcast_shapes

    if not left:
        # X A = B is A' X' = B', and X A' = B is A X' = B'.
        return adjoint(solve_factored(packed, pivots, adjoint(b), True, not adjoint_a))
    batch = broadcast_shapes(tuple(packed.shape[:-2]), tuple(b.shape[:-2]))
    n = packed.size(-1)
    b = b.expand(*batch, *b.shape[-2:])
    packed = packed.expand(*batch, n, n)
    rows = _permutation(pivots, n).expand(*batch, n)
    if not adjoint_a:
        y = triangular(packed, _take_rows(b, rows), upper=False, unit=True)
        return triangular(packed, y, upper=True)
    y = triangular(adjoint(packed), b, upper=False)
    y = triangular(adjoint(packed), y, upper=True, unit=True)
    return _take_rows(y, rows.argsort(-1))


@operator(
    "linalg_lu_solve(Tensor LU, Tensor pivots, Tensor B, *, bool left=True, bool adjoint=False, "
    "Tensor? out=None)",
    function=False,
)
def lu_solve(
    LU: Tensor, pivots: Tensor, B: Tensor, *, left: bool = True, adjoint: bool = False
) -> Tensor:
    """X with A X = B out of (LU, pivots) = lu_factor(A).

    Args:
        LU: [..., n, n]; pivots: [..., n] int32.
        B: [..., n, k], or [..., k, n] with left=False, which solves X A = B.
        adjoint: solve with Aᴴ in A's place.

    >>> import lampas
    >>> LU, pivots = lampas.linalg.lu_factor(lampas.tensor([[0.0, 1.0], [2.0, 0.0]]))
    >>> lampas.linalg.lu_solve(LU, pivots, lampas.tensor([[3.0], [4.0]]))
    tensor([[2.],
            [3.]])
    """
    check_system(LU, B, "lu_solve", left)
    _check_pivots(LU, pivots, "lu_solve")
    return solve_factored(LU, pivots, B, left, adjoint)


# ---- LDL -----------------------------------------------------------------------------------------
def _ldl(a: Tensor, name: str, hermitian: bool) -> tuple[Tensor, Tensor, Tensor]:
    import numpy as np

    from lampas.linalg import _lapack

    check_matrix(a, name, square=True)
    if a.is_meta:
        pivots = like_on_meta(a, a.shape[:-1], _C.int32)
        return like_on_meta(a, a.shape), pivots, like_on_meta(a, a.shape[:-2], _C.int32)
    array = np.array(to_array(a))
    places = np.zeros(array.shape[:-1], dtype=np.int32)
    info = np.zeros(array.shape[:-2], dtype=np.int32)
    conjugate = hermitian and a.dtype.is_complex
    for i in np.ndindex(array.shape[:-2]):
        places[i], info[i] = _lapack.bunch_kaufman(array[i], conjugate)
    return from_array(np.tril(array)), from_array(places), from_array(info)


@operator(
    "linalg_ldl_factor(Tensor A, *, bool hermitian=False, Tensor[]? out=None)", function=False
)
def ldl_factor(A: Tensor, *, hermitian: bool = False) -> Any:
    """(LD, pivots) of symmetric, or with `hermitian` Hermitian, matrices [..., n, n], read in the
    lower triangle: A = P L D Lᵀ Pᵀ with blocks of one or two rows in D (Bunch & Kaufman, 1977).

    `ldl_solve` takes the result. It has no gradient.

    >>> import lampas
    >>> LD, pivots = lampas.linalg.ldl_factor(lampas.tensor([[2.0, 4.0], [4.0, 3.0]]))
    >>> pivots
    tensor([-2, -2], dtype=torch.int32)
    """
    packed, pivots, info = _ldl(A, "ldl_factor", hermitian)
    _report_block(info, "ldl_factor")
    return _LdlFactor((packed, pivots))


def _report_block(info: Tensor, name: str) -> None:
    for code in [] if info.is_meta else info.reshape(-1).tolist():
        if code:
            raise RuntimeError(
                f"torch.linalg.{name}: D[{code},{code}] is zero and solving with it would divide "
                "by zero; ldl_factor_ex gives the factors all the same"
            )


@operator(
    "linalg_ldl_factor_ex(Tensor A, *, bool hermitian=False, bool check_errors=False, "
    "Tensor[]? out=None)",
    function=False,
)
def ldl_factor_ex(A: Tensor, *, hermitian: bool = False, check_errors: bool = False) -> Any:
    """(LD, pivots, info) of `ldl_factor`: info [...] is the number of the first zero block of D,
    0 where there is none.

    >>> import lampas
    >>> lampas.linalg.ldl_factor_ex(lampas.zeros(2, 2)).info
    tensor(1, dtype=torch.int32)
    """
    packed, pivots, info = _ldl(A, "ldl_factor_ex", hermitian)
    if check_errors:
        _report_block(info, "ldl_factor_ex")
    return _LdlFactorEx((packed, pivots, info))


@operator(
    "linalg_ldl_solve(Tensor LD, Tensor pivots, Tensor B, *, bool hermitian=False, "
    "Tensor? out=None)",
    function=False,
)
def ldl_solve(LD: Tensor, pivots: Tensor, B: Tensor, *, hermitian: bool = False) -> Tensor:
    """X [..., n, k] with A X = B [..., n, k] out of (LD, pivots) = ldl_factor(A, hermitian=…).

    >>> import lampas
    >>> LD, pivots = lampas.linalg.ldl_factor(lampas.tensor([[2.0, 0.0], [0.0, 4.0]]))
    >>> lampas.linalg.ldl_solve(LD, pivots, lampas.ones(2, 1))
    tensor([[0.5000],
            [0.2500]])
    """
    import numpy as np

    from lampas import broadcast_shapes
    from lampas.linalg import _lapack

    check_system(LD, B, "ldl_solve")
    check_same_dtype(LD, B, "ldl_solve")
    _check_pivots(LD, pivots, "ldl_solve", _C.int32)
    batch = tuple(broadcast_shapes(tuple(LD.shape[:-2]), tuple(B.shape[:-2])))
    if LD.is_meta or B.is_meta:
        return like_on_meta(B, batch + tuple(B.shape[-2:]))
    factors = np.broadcast_to(to_array(LD), batch + tuple(LD.shape[-2:]))
    places = np.broadcast_to(to_array(pivots), batch + tuple(pivots.shape[-1:]))
    x = np.array(np.broadcast_to(to_array(B), batch + tuple(B.shape[-2:])))
    conjugate = hermitian and LD.dtype.is_complex
    for i in np.ndindex(batch):
        _lapack.solve_bunch_kaufman(factors[i], places[i], x[i], conjugate)
    return from_array(x)
