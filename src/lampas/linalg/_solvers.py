"""Inverses, determinants and systems of equations."""

from __future__ import annotations

from typing import Any

from lampas import _C
from lampas._C import Tensor
from lampas._library import operator
from lampas.autograd import Function
from lampas.linalg._common import (
    LinAlgError,
    adjoint,
    broadcast_batches,
    check_matrix,
    check_same_dtype,
    from_array,
    like_on_meta,
    named,
    real_dtype,
    to_array,
)

__all__ = ["det", "inv", "inv_ex", "slogdet", "solve", "solve_ex", "tensorinv", "tensorsolve"]

_InvEx = named("linalg_inv_ex", "inverse info")
_SolveEx = named("linalg_solve_ex", "result info")
_Slogdet = named("linalg_slogdet", "sign logabsdet")


def _first_zero_pivots(a: Any) -> Any:
    """For each matrix of an array, the number of the first zero pivot of its LU; 0 for none."""
    from lampas.linalg import _lapack

    flat = a.reshape(-1, *a.shape[-2:]).copy()
    return _lapack.lu_in_place(flat)[1].reshape(a.shape[:-2])


def _each(compute: Any, a: Any, *others: Any) -> tuple[Any, Any]:
    """compute(a, *others) over a batch, NaN for singular matrices, and their `info`."""
    import numpy as np

    with np.errstate(all="ignore"):
        try:
            return compute(a, *others), np.zeros(a.shape[:-2], dtype=np.int32)
        except np.linalg.LinAlgError:
            info = _first_zero_pivots(a)
        shape = (others or (a,))[0].shape
        result = np.full(shape, np.nan, dtype=a.dtype)
        for i in np.ndindex(a.shape[:-2]):
            try:
                result[i] = compute(a[i], *(x[i] for x in others))
            except np.linalg.LinAlgError:
                info[i] = info[i] or a.shape[-1]
    return result, info


class _Inverse(Function):
    @staticmethod
    def forward(ctx: Any, a: Tensor) -> tuple[Tensor, Tensor]:
        import numpy as np

        if a.is_meta:
            return like_on_meta(a, a.shape), like_on_meta(a, a.shape[:-2], _C.int32)
        inverse, info = (from_array(x) for x in _each(np.linalg.inv, to_array(a)))
        ctx.save_for_backward(inverse)
        ctx.mark_non_differentiable(info)
        return inverse, info

    @staticmethod
    def backward(ctx: Any, g: Tensor, _: Any) -> Tensor:
        (inverse,) = ctx.saved_tensors
        turned = adjoint(inverse)
        return -(turned @ g @ turned)


def _report_singular(info: Tensor, text: str) -> None:
    if info.numel() and not info.is_meta and info.any().item():
        codes = info.reshape(-1).tolist()
        i = next(i for i, code in enumerate(codes) if code)
        where = f"(Batch element {i}): " if info.dim() else ""
        raise LinAlgError(text.format(where=where, code=codes[i]))


_SINGULAR_INVERSE = (
    "linalg.inv: {where}The diagonal element {code} is zero, the inversion could not be completed "
    "because the input matrix is singular."
)
_SINGULAR_SYSTEM = (
    "torch.linalg.solve: {where}The solver failed because the input matrix is singular."
)


@operator("linalg_inv(Tensor A, *, Tensor? out=None)", function=False)
def inv(A: Tensor) -> Tensor:
    """The inverses of square matrices [..., n, n]; LinAlgError for singular ones.

    >>> import lampas
    >>> lampas.linalg.inv(lampas.tensor([[2.0, 0.0], [0.0, 4.0]]))
    tensor([[0.5000, 0.0000],
            [0.0000, 0.2500]])
    """
    check_matrix(A, "inv", square=True)
    inverse, info = _Inverse.apply(A)
    _report_singular(info, _SINGULAR_INVERSE)
    result: Tensor = inverse
    return result


@operator(
    "linalg_inv_ex(Tensor A, *, bool check_errors=False, Tensor[]? out=None)", function=False
)
def inv_ex(A: Tensor, *, check_errors: bool = False) -> Any:
    """(inverse, info): info [...] is 0 where a matrix could be inverted, else the number of the
    zero on the diagonal of its LU factor; no error is raised without `check_errors`.

    >>> import lampas
    >>> lampas.linalg.inv_ex(lampas.zeros(2, 2)).info
    tensor(1, dtype=torch.int32)
    """
    check_matrix(A, "inv_ex", square=True)
    inverse, info = _Inverse.apply(A)
    if check_errors:
        _report_singular(info, _SINGULAR_INVERSE)
    return _InvEx((inverse, info))


# ---- systems of equations ------------------------------------------------------------------------
class _Solve(Function):
    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        import numpy as np

        if a.is_meta:
            return like_on_meta(b, b.shape), like_on_meta(a, a.shape[:-2], _C.int32)
        x, info = (from_array(v) for v in _each(np.linalg.solve, to_array(a), to_array(b)))
        ctx.save_for_backward(a, x)
        ctx.mark_non_differentiable(info)
        return x, info

    @staticmethod
    def backward(ctx: Any, g: Tensor, _: Any) -> tuple[Tensor, Tensor]:
        a, x = ctx.saved_tensors
        gb = solve_matrices(adjoint(a), g)
        return -(gb @ adjoint(x)), gb


def solve_matrices(a: Tensor, b: Tensor) -> Tensor:
    """X with A X = B of matrices whose batches agree; NaN where A is singular."""
    result: Tensor = _Solve.apply(a, b)[0]
    return result


def _solve(a: Tensor, b: Tensor, left: bool, name: str) -> tuple[Tensor, Tensor]:
    check_matrix(a, name, square=True)
    if b.dim() < 1:
        raise RuntimeError(f"linalg.{name}: B must have at least 1 dimension, got a number")
    check_same_dtype(a, b, name)
    vector = b.dim() == 1 or (b.dim() == a.dim() - 1 and b.shape == a.shape[:-1])
    if vector and not left:
        raise RuntimeError(
            f"linalg.{name}: Vector broadcasting of the left hand side is not supported for "
            f"left=False. In this case linalg.{name} is equivalent to B / A.squeeze(-1)"
        )
    b = b.unsqueeze(-1) if vector else b
    if a.size(-1) != b.size(-2 if left else -1):
        product = "AX = B" if left else "XA = B"
        raise RuntimeError(
            f"linalg.{name}: Incompatible shapes of A and B for the equation {product} "
            f"({a.size(-2)}x{a.size(-1)} and {b.size(-2)}x{b.size(-1)})"
        )
    a, b = broadcast_batches(a, b, name)
    x, info = _Solve.apply(a, b) if left else _Solve.apply(a.mT, b.mT)
    x = x if left else x.mT
    return (x.squeeze(-1) if vector else x), info


@operator(
    "linalg_solve(Tensor A, Tensor B, *, bool left=True, Tensor? out=None)", function=False
)
def solve(A: Tensor, B: Tensor, *, left: bool = True) -> Tensor:
    """X with A X = B, or X A = B with left=False.

    Args:
        A: square matrices [..., n, n].
        B: [..., n, k] (with left=False [..., k, n]), or a vector [n], or vectors [..., n] for the
            same batch as A's.

    Raises LinAlgError where A is singular.

    >>> import lampas
    >>> A = lampas.tensor([[2.0, 0.0], [0.0, 4.0]])
    >>> lampas.linalg.solve(A, lampas.tensor([2.0, 4.0]))
    tensor([1., 1.])
    """
    x, info = _solve(A, B, left, "solve")
    _report_singular(info, _SINGULAR_SYSTEM)
    return x


@operator(
    "linalg_solve_ex(Tensor A, Tensor B, *, bool left=True, bool check_errors=False, "
    "Tensor[]? out=None)",
    function=False,
)
def solve_ex(A: Tensor, B: Tensor, *, left: bool = True, check_errors: bool = False) -> Any:
    """(result, info) of `solve`: info [...] is 0 where A is regular; no error is raised without
    `check_errors`.

    >>> import lampas
    >>> lampas.linalg.solve_ex(lampas.eye(2), lampas.ones(2)).result
    tensor([1., 1.])
    """
    x, info = _solve(A, B, left, "solve_ex")
    if check_errors:
        _report_singular(info, _SINGULAR_SYSTEM)
    return _SolveEx((x, info))


# ---- determinants --------------------------------------------------------------------------------
def _cofactors(a: Tensor) -> Tensor:
    """det(A) A⁻ᴴ conjugated as a gradient wants it, finite for singular matrices too.

    With A = U S V', the adjugate is det(U) det(V') V diag(products of the other values) U'.
    """
    import numpy as np

    u, s, vh = np.linalg.svd(to_array(a))
    n = s.shape[-1]
    others = np.repeat(s[..., None, :], n, axis=-2)
    others[..., np.arange(n), np.arange(n)] = 1
    unit = np.linalg.det(u) * np.linalg.det(vh)
    weights = others.prod(-1) * unit.conj()[..., None]
    return from_array((u * weights[..., None, :]) @ vh, a)


class _Determinant(Function):
    @staticmethod
    def forward(ctx: Any, a: Tensor) -> Tensor:
        import numpy as np

        if a.is_meta:
            return like_on_meta(a, a.shape[:-2])
        det = from_array(np.asarray(np.linalg.det(to_array(a))), a)
        ctx.save_for_backward(a, det)
        return det

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Tensor:
        a, det = ctx.saved_tensors
        if not _C.is_grad_enabled():
            return g[..., None, None] * _cofactors(a)
        inverse = _Inverse.apply(a)[0]
        return (g * det.conj())[..., None, None] * adjoint(inverse)


def determinant(a: Tensor, name: str = "det") -> Tensor:
    """The determinants of square matrices."""
    check_matrix(a, name, square=True)
    result: Tensor = _Determinant.apply(a)
    return result


@operator("linalg_det(Tensor A, *, Tensor? out=None)", function=False)
def det(A: Tensor) -> Tensor:
    """The determinants [...] of square matrices [..., n, n]. Gradients hold for singular ones too;
    second derivatives need regular ones.

    >>> import lampas
    >>> lampas.linalg.det(lampas.tensor([[2.0, 1.0], [0.0, 4.0]]))
    tensor(8.)
    """
    return determinant(A)


class _LogDeterminant(Function):
    @staticmethod
    def forward(ctx: Any, a: Tensor) -> tuple[Tensor, Tensor]:
        import numpy as np

        if a.is_meta:
            batch = a.shape[:-2]
            return like_on_meta(a, batch), like_on_meta(a, batch, real_dtype(a))
        sign, log = np.linalg.slogdet(to_array(a))
        signs, logs = from_array(np.asarray(sign)), from_array(np.asarray(log))
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(a, signs)
        return signs, logs

    @staticmethod
    def backward(ctx: Any, gs: Tensor | None, gl: Tensor | None) -> Tensor | None:
        # d(log det) = tr(A^-1 dA) = z: its real part moves the logarithm, i Im(z) the sign.
        a, sign = ctx.saved_tensors
        weight = None if gl is None else gl.to(a.dtype)
        if gs is not None and a.dtype.is_complex:
            turn = (gs.conj() * sign).imag.to(a.dtype) * -1j
            weight = turn if weight is None else weight + turn
        if weight is None:
            return None if gs is None else _C.zeros_like(a)
        return weight[..., None, None] * adjoint(_Inverse.apply(a)[0])


def log_determinant(a: Tensor, name: str) -> tuple[Tensor, Tensor]:
    """(sign, logabsdet) of square matrices."""
    check_matrix(a, name, square=True)
    result: tuple[Tensor, Tensor] = _LogDeterminant.apply(a)
    return result


@operator("linalg_slogdet(Tensor A, *, Tensor[]? out=None)", function=False)
def slogdet(A: Tensor) -> Any:
    """(sign, logabsdet) [...] of square matrices [..., n, n]: det(A) = sign * exp(logabsdet), with
    sign 0 and logarithm -inf for singular ones.

    >>> import lampas
    >>> sign, log = lampas.linalg.slogdet(-lampas.eye(3))
    >>> sign.item(), log.item()
    (-1.0, 0.0)
    """
    return _Slogdet(log_determinant(A, "slogdet"))


# ---- tensors as matrices -------------------------------------------------------------------------
def _product(sizes: Any) -> int:
    result = 1
    for s in sizes:
        result *= s
    return result


@operator("linalg_tensorinv(Tensor A, int ind=2, *, Tensor? out=None)", function=False)
def tensorinv(A: Tensor, ind: int = 2) -> Tensor:
    """The inverse of A as a map from its last dimensions to its first `ind` ones, whose sizes
    must have equal products; the result has shape A.shape[ind:] + A.shape[:ind].

    >>> import lampas
    >>> lampas.linalg.tensorinv(lampas.eye(6).reshape(2, 3, 6)).shape
    torch.Size([6, 2, 3])
    """
    if ind <= 0:
        raise RuntimeError(f"Expected a strictly positive integer for 'ind', got {ind}")
    first, last = tuple(A.shape[:ind]), tuple(A.shape[ind:])
    n = _product(first)
    if n != _product(last):
        raise RuntimeError(
            "Expected self to satisfy the requirement prod(self.shape[ind:]) == "
            f"prod(self.shape[:ind]), but got {_product(last)} != {n} for shape {tuple(A.shape)}"
        )
    inverse: Tensor = inv(A.reshape(n, n))
    return inverse.reshape(last + first)


@operator(
    "linalg_tensorsolve(Tensor A, Tensor B, int[]? dims=None, *, Tensor? out=None)",
    function=False,
)
def tensorsolve(A: Tensor, B: Tensor, dims: tuple[int, ...] | None = None) -> Tensor:
    """X with tensordot(A, X, X.ndim) = B; `dims` of A are moved to its end first.

    A has shape B.shape + X.shape, and both parts have as many elements.

    >>> import lampas
    >>> A = lampas.eye(6).reshape(2, 3, 6)
    >>> lampas.linalg.tensorsolve(A, lampas.ones(2, 3)).shape
    torch.Size([6])
    """
    if dims is not None:
        A = _C.movedim(A, list(dims), list(range(A.dim() - len(dims), A.dim())))
    rest = tuple(A.shape[B.dim() :])
    n = _product(rest)
    if n != B.numel():
        raise RuntimeError(
            "Expected self to satisfy the requirement prod(self.shape[other.ndim:]) == "
            f"prod(self.shape[:other.ndim]), but got {n} != {B.numel()} for shapes "
            f"{tuple(A.shape)} and {tuple(B.shape)}"
        )
    x: Tensor = solve(A.reshape(n, n), B.reshape(-1))
    return x.reshape(rest)
