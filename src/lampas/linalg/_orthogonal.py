"""QR and products of Householder reflections."""

from __future__ import annotations

from typing import Any

from lampas import _C
from lampas._C import Tensor
from lampas._library import operator
from lampas.autograd import Function
from lampas.linalg._common import (
    adjoint,
    check_dtype,
    check_matrix,
    diagonal_matrix,
    from_array,
    like_on_meta,
    named,
    real_diagonal,
    to_array,
)
from lampas.linalg._triangular import triangular

__all__ = ["householder_product", "qr"]

_Qr = named("linalg_qr", "Q R")


class _QrFunction(Function):
    @staticmethod
    def forward(ctx: Any, a: Tensor, mode: str) -> tuple[Tensor, Tensor]:
        import numpy as np

        if a.is_meta:
            return _on_meta(a, mode)
        array = to_array(a)
        if mode == "r":
            q, r = _C.empty(0, dtype=a.dtype), from_array(np.linalg.qr(array, mode="r"))
        else:
            found = np.linalg.qr(array, mode="complete" if mode == "complete" else "reduced")
            q, r = (from_array(m) for m in found)
        ctx.mode = mode
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(q, r)
        return q, r

    @staticmethod
    def backward(ctx: Any, gq: Tensor | None, gr: Tensor | None) -> tuple[Any, None]:
        q, r = ctx.saved_tensors
        if ctx.mode == "r":
            raise RuntimeError(
                "The derivative of linalg.qr depends on Q, which is not computed when "
                "mode='r'. Please use linalg.qr(A, mode='reduced') if you are going to "
                "differentiate through linalg.qr."
            )
        m, n = q.size(-2), r.size(-1)
        if ctx.mode == "complete" and m > n:
            raise RuntimeError(
                "The QR decomposition is not differentiable when mode='complete' and "
                f"nrows > ncols, here {m} > {n}; use mode='reduced'"
            )
        if gq is None and gr is None:
            return None, None
        return (_tall_gradient if m >= n else _wide_gradient)(q, r, gq, gr), None


def _on_meta(a: Tensor, mode: str) -> tuple[Tensor, Tensor]:
    *batch, m, n = a.shape
    k = m if mode == "complete" else min(m, n)
    q = like_on_meta(a, (0,) if mode == "r" else (*batch, m, k))
    return q, like_on_meta(a, (*batch, k, n))


def _tall_gradient(q: Tensor, r: Tensor, gq: Tensor | None, gr: Tensor | None) -> Tensor:
    # Walter & Lehmann, "Walking in the shadow of QR" (2012): with M = R gR' - gQ' Q the gradient
    # is (gQ + Q copy(M)) R'^-1, where copy mirrors the lower triangle of M to the upper one.
    parts = []
    if gr is not None:
        parts.append(r @ adjoint(gr))
    if gq is not None:
        parts.append(-(adjoint(gq) @ q))
    m = parts[0] if len(parts) == 1 else parts[0] + parts[1]
    low = m.tril(-1)
    mirrored = q @ (low + adjoint(low) + diagonal_matrix(real_diagonal(m), q))
    return triangular(
        adjoint(r), mirrored if gq is None else gq + mirrored, upper=False, left=False
    )


def _wide_gradient(q: Tensor, r: Tensor, gq: Tensor | None, gr: Tensor | None) -> Tensor:
    """The columns after the square part S follow from its Q as R2 = Q' A2."""
    m = q.size(-1)
    rest = None
    turned = gq
    if gr is not None:
        rest = q @ gr[..., :, m:]
        extra = (q @ r[..., :, m:]) @ adjoint(gr[..., :, m:])
        turned = extra if gq is None else gq + extra
    square = _tall_gradient(q, r[..., :, :m], turned, None if gr is None else gr[..., :, :m])
    if rest is None:
        shape = (*r.shape[:-1], r.size(-1) - m)
        rest = _C.zeros(shape, dtype=q.dtype)
    return _C.cat([square, rest], -1)


def decompose(a: Tensor, mode: str, name: str = "qr") -> tuple[Tensor, Tensor]:
    """(Q, R) in one of the modes "reduced", "complete" and "r"."""
    check_matrix(a, name)
    if mode not in ("reduced", "complete", "r"):
        raise RuntimeError(
            f"qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), "
            "'r', or 'complete'"
        )
    result: tuple[Tensor, Tensor] = _QrFunction.apply(a, mode)
    return result


@operator("linalg_qr(Tensor A, str mode='reduced', *, Tensor[]? out=None)", function=False)
def qr(A: Tensor, mode: str = "reduced") -> Any:
    """(Q, R) with A = Q R, orthonormal columns in Q and R upper triangular.

    Args:
        A: [..., m, n].
        mode: "reduced" (Q is [..., m, min(m, n)]), "complete" (Q is [..., m, m]) or "r" (Q is
            empty, and there is no gradient).

    The gradient takes the first min(m, n) columns of A to be independent; with "complete" it is
    there for m <= n only.

    >>> import lampas
    >>> Q, R = lampas.linalg.qr(lampas.eye(2))
    >>> (Q @ R).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    return _Qr(decompose(A, mode))


# ---- Householder reflections ---------------------------------------------------------------------
def raw_qr(a: Tensor) -> tuple[Tensor, Tensor]:
    """R above and the Householder vectors below the diagonal, and their factors tau."""
    import numpy as np

    check_dtype(a, "geqrf")
    if a.is_meta:
        *batch, m, n = a.shape
        return like_on_meta(a, a.shape), like_on_meta(a, (*batch, min(m, n)))
    h, tau = np.linalg.qr(to_array(a.detach()), mode="raw")
    return from_array(np.swapaxes(h, -1, -2)), from_array(tau)


def check_reflections(a: Tensor, tau: Tensor, name: str) -> None:
    """Refuses matrices and factors that describe no reflections."""
    check_matrix(a, name, what="input")
    m, n, k = a.size(-2), a.size(-1), tau.size(-1) if tau.dim() else -1
    if m < n:
        raise RuntimeError(
            f"torch.linalg.{name}: input.shape[-2] must be greater than or equal to "
            f"input.shape[-1], got {tuple(a.shape)}"
        )
    if k > n or k < 0:
        raise RuntimeError(
            f"torch.linalg.{name}: input.shape[-1] must be greater than or equal to "
            f"tau.shape[-1], got {tuple(a.shape)} and {tuple(tau.shape)}"
        )
    check_factors(a, tau, name)


def check_factors(a: Tensor, tau: Tensor, name: str) -> None:
    """Refuses factors whose batch or dtype is not the reflections'."""
    if tau.dim() != a.dim() - 1 or tau.shape[:-1] != a.shape[:-2]:
        raise RuntimeError(
            f"torch.linalg.{name}: Expected batch dimensions of tau to be equal to "
            f"input.shape[:-2], but got {tuple(tau.shape)} for {tuple(a.shape)}"
        )
    if tau.dtype != a.dtype:
        raise RuntimeError(
            f"torch.linalg.{name}: tau dtype {tau.dtype} does not match input dtype {a.dtype}"
        )


def reflect(a: Tensor, tau: Tensor, x: Tensor, transpose: bool = False) -> Tensor:
    """H_0 H_1 … H_k x (its adjoint with `transpose`), H_i = I - tau_i v_i v_i'."""
    order = range(tau.size(-1))
    for i in order if transpose else reversed(order):
        rows = _C.arange(a.size(-2), device=a.device)
        column = _C.where(rows > i, a[..., :, i], 0).to(a.dtype) + (rows == i).to(a.dtype)
        v = column.unsqueeze(-1)
        scale = tau[..., i, None, None]
        x = x - (scale.conj() if transpose else scale) * (v @ (adjoint(v) @ x))
    return x


@operator("linalg_householder_product(Tensor A, Tensor tau, *, Tensor? out=None)", function=False)
def householder_product(A: Tensor, tau: Tensor) -> Tensor:
    """The first n columns of the product of reflections I - tau[i] v vᴴ.

    Args:
        A: [..., m, n] with m >= n; v is zero above row i, one at it, and A's column i below.
        tau: [..., k] with k <= n.

    >>> import lampas
    >>> lampas.linalg.householder_product(lampas.zeros(2, 1), lampas.zeros(1)).tolist()
    [[1.0], [0.0]]
    """
    check_reflections(A, tau, "householder_product")
    eye = _C.eye(A.size(-2), A.size(-1), dtype=A.dtype, device=A.device).expand(A.shape)
    # Zero times A keeps the graph where there is no reflection at all.
    return reflect(A, tau, eye if tau.size(-1) else eye + 0 * A)
