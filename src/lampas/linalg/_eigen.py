"""Eigenvalues and singular values."""

from __future__ import annotations

from typing import Any

from lampas import _C
from lampas._C import Tensor
from lampas._library import operator
from lampas.autograd import Function
from lampas.linalg._common import (
    LinAlgError,
    adjoint,
    check_matrix,
    diagonal_matrix,
    from_array,
    identity,
    like_on_meta,
    named,
    real_dtype,
    to_array,
)

__all__ = ["eig", "eigh", "eigvals", "eigvalsh", "svd", "svdvals"]

_Eigh = named("linalg_eigh", "eigenvalues eigenvectors")
_Eig = named("linalg_eig", "eigenvalues eigenvectors")
_Svd = named("linalg_svd", "U S Vh")


def _differences(values: Tensor) -> Tensor:
    """v_j - v_i at [i, j], ones on the diagonal."""
    return values.unsqueeze(-2) - values.unsqueeze(-1) + identity(values.size(-1), values)


def _refuse_phase(imaginary: Tensor, size: Tensor, name: str) -> None:
    """A loss of complex vectors must not depend on their phase, which nothing determines."""
    if imaginary.numel() and not _C.allclose(
        imaginary.detach(), _C.zeros_like(imaginary), atol=1e-2 * (1 + float(size)), rtol=0.0
    ):
        raise RuntimeError(
            f"{name}_backward: The vectors in the complex case are specified up to "
            "multiplication by e^{i phi}. The specified loss function depends on this quantity, "
            "so it is ill-defined."
        )


def _largest(g: Tensor) -> Tensor:
    return g.detach().abs().amax() if g.numel() else _C.zeros(())


# ---- Hermitian -----------------------------------------------------------------------------------
class _EighFunction(Function):
    @staticmethod
    def forward(ctx: Any, a: Tensor, uplo: Any) -> tuple[Tensor, Tensor]:
        import numpy as np

        if a.is_meta:
            return like_on_meta(a, a.shape[:-1], real_dtype(a)), like_on_meta(a, a.shape)
        try:
            w, v = (from_array(x) for x in np.linalg.eigh(to_array(a), UPLO=uplo))
        except np.linalg.LinAlgError:
            raise LinAlgError(
                "linalg.eigh: The algorithm failed to converge because the input matrix of shape "
                f"{tuple(a.shape)} is ill-conditioned or has infinities or NaNs."
            ) from None
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(w, v)
        return w, v

    @staticmethod
    def backward(ctx: Any, gw: Tensor | None, gv: Tensor | None) -> tuple[Any, None]:
        w, v = ctx.saved_tensors
        if gw is None and gv is None:
            return None, None
        vh = adjoint(v)
        if gv is None:
            assert gw is not None
            return (v * gw.to(v.dtype).unsqueeze(-2)) @ vh, None
        inner = vh @ gv
        if v.dtype.is_complex:
            _refuse_phase(inner.diagonal(0, -2, -1).imag, _largest(gv), "linalg_eigh")
        off = 1 - identity(w.size(-1), w)
        inner = inner * (off / _differences(w)).to(v.dtype)
        if gw is not None:
            inner = inner + diagonal_matrix(gw, v)
        return v @ inner @ vh, None


def _uplo(text: str, name: str) -> str:
    if text.upper() not in ("L", "U"):
        raise RuntimeError(f"Expected UPLO argument to be 'L' or 'U', but got {text} in {name}")
    return text.upper()


@operator("linalg_eigh(Tensor A, str UPLO='L', *, Tensor[]? out=None)", function=False)
def eigh(A: Tensor, UPLO: str = "L") -> Any:
    """(eigenvalues, eigenvectors) of Hermitian matrices: A = V diag(w) Vᴴ.

    Args:
        A: [..., n, n]; only the triangle that UPLO names is read.
        UPLO: "L" for the lower triangle, "U" for the upper one.

    Returns w [..., n], real and ascending, and V [..., n, n] with the eigenvectors as columns.
    The gradient through V is finite only where all eigenvalues differ.

    >>> import lampas
    >>> lampas.linalg.eigh(lampas.tensor([[2.0, 1.0], [1.0, 2.0]])).eigenvalues
    tensor([1., 3.])
    """
    check_matrix(A, "eigh", square=True)
    return _Eigh(_EighFunction.apply(A, _uplo(UPLO, "linalg.eigh")))


@operator("linalg_eigvalsh(Tensor A, str UPLO='L', *, Tensor? out=None)", function=False)
def eigvalsh(A: Tensor, UPLO: str = "L") -> Tensor:
    """The eigenvalues [..., n] of Hermitian matrices [..., n, n], ascending; see `eigh`.

    >>> import lampas
    >>> lampas.linalg.eigvalsh(lampas.tensor([[2.0, 1.0], [1.0, 2.0]]))
    tensor([1., 3.])
    """
    check_matrix(A, "eigvalsh", square=True)
    values: Tensor = _EighFunction.apply(A, _uplo(UPLO, "linalg.eigvalsh"))[0]
    return values


# ---- general -------------------------------------------------------------------------------------
class _EigFunction(Function):
    @staticmethod
    def forward(ctx: Any, a: Tensor) -> tuple[Tensor, Tensor]:
        import numpy as np

        if a.is_meta:
            kind = _C.complex128 if real_dtype(a) == _C.float64 else _C.complex64
            return like_on_meta(a, a.shape[:-1], kind), like_on_meta(a, a.shape, kind)
        array = to_array(a)
        if not np.isfinite(array).all():
            raise RuntimeError(
                "torch.linalg.eig: input tensor should not contain infs or NaNs, "
                f"got some in shape {tuple(a.shape)}"
            )
        try:
            w, v = np.linalg.eig(array)
        except np.linalg.LinAlgError:
            raise LinAlgError(
                "linalg.eig: The algorithm failed to converge for an input of shape "
                f"{tuple(a.shape)}."
            ) from None
        double = array.dtype in (np.float64, np.complex128)
        exact = np.complex128 if double else np.complex64
        ws, vs = from_array(w.astype(exact)), from_array(v.astype(exact))
        ctx.set_materialize_grads(False)
        ctx.real = not a.dtype.is_complex
        ctx.save_for_backward(ws, vs)
        return ws, vs

    @staticmethod
    def backward(ctx: Any, gw: Tensor | None, gv: Tensor | None) -> Any:
        # Boeddeker et al., "On the computation of complex-valued gradients" (2017): eigenvectors
        # have length one, which takes out of gV what would change it.
        w, v = ctx.saved_tensors
        if gw is None and gv is None:
            return None
        vh = adjoint(v)
        inner = diagonal_matrix(gw, v) if gw is not None else _C.zeros_like(v)
        if gv is not None:
            turn = vh @ gv
            diagonal = turn.diagonal(0, -2, -1)
            _refuse_phase(diagonal.imag, _largest(gv), "linalg_eig")
            turn = turn - (vh @ v) * diagonal.real.to(v.dtype).unsqueeze(-2)
            off = 1 - identity(w.size(-1), w)
            inner = inner + turn * (off / _differences(w).conj())
        from lampas.linalg._solvers import solve_matrices

        g = solve_matrices(vh, inner @ vh)
        return g.real if ctx.real else g


@operator("linalg_eig(Tensor A, *, Tensor[]? out=None)", function=False)
def eig(A: Tensor) -> Any:
    """(eigenvalues, eigenvectors) of square matrices: A = V diag(w) V⁻¹.

    Args:
        A: [..., n, n], real or complex.

    Returns w [..., n] in no particular order and V [..., n, n] with eigenvectors of length one as
    columns, both complex. Their gradients need eigenvalues that differ.

    >>> import lampas
    >>> lampas.linalg.eig(lampas.tensor([[2.0, 0.0], [0.0, 3.0]])).eigenvalues
    tensor([2.+0.j, 3.+0.j])
    """
    check_matrix(A, "eig", square=True)
    return _Eig(_EigFunction.apply(A))


@operator("linalg_eigvals(Tensor A, *, Tensor? out=None)", function=False)
def eigvals(A: Tensor) -> Tensor:
    """The eigenvalues [..., n], complex, of square matrices [..., n, n]; see `eig`.

    >>> import lampas
    >>> lampas.linalg.eigvals(lampas.tensor([[2.0, 0.0], [0.0, 3.0]]))
    tensor([2.+0.j, 3.+0.j])
    """
    check_matrix(A, "eigvals", square=True)
    values: Tensor = _EigFunction.apply(A)[0]
    return values


# ---- singular values -----------------------------------------------------------------------------
class _SvdFunction(Function):
    @staticmethod
    def forward(ctx: Any, a: Tensor, full: bool) -> tuple[Tensor, Tensor, Tensor]:
        import numpy as np

        if a.is_meta:
            return _svd_on_meta(a, full)
        try:
            u, s, vh = (from_array(x) for x in np.linalg.svd(to_array(a), full_matrices=full))
        except np.linalg.LinAlgError:
            raise LinAlgError(
                "linalg.svd: The algorithm failed to converge because the input matrix of shape "
                f"{tuple(a.shape)} contained non-finite values."
            ) from None
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(u, s, vh)
        return u, s, vh

    @staticmethod
    def backward(
        ctx: Any, gu: Tensor | None, gs: Tensor | None, gvh: Tensor | None
    ) -> tuple[Any, None]:
        u, s, vh = ctx.saved_tensors
        k = s.size(-1)
        # What the columns beyond k are is not determined; they have no gradient.
        gu = None if gu is None else gu[..., :, :k]
        gvh = None if gvh is None else gvh[..., :k, :]
        return _svd_gradient(u[..., :, :k], s, vh[..., :k, :], gu, gs, gvh), None


def _svd_on_meta(a: Tensor, full: bool) -> tuple[Tensor, Tensor, Tensor]:
    *batch, m, n = a.shape
    k = min(m, n)
    u = like_on_meta(a, (*batch, m, m if full else k))
    s = like_on_meta(a, (*batch, k), real_dtype(a))
    return u, s, like_on_meta(a, (*batch, n if full else k, n))


def _skew(a: Tensor) -> Tensor:
    return a - adjoint(a)


def _svd_gradient(
    u: Tensor, s: Tensor, vh: Tensor, gu: Tensor | None, gs: Tensor | None, gvh: Tensor | None
) -> Tensor | None:
    """The gradient of A from those of U, S and Vᴴ in the reduced form.

    Townsend, "Differentiating the singular value decomposition" (2016); in the complex case the
    common phase of a pair of vectors is free, so a loss must not depend on it.
    """
    if gu is None and gs is None and gvh is None:
        return None
    scale = s.to(u.dtype)
    core = None if gs is None else diagonal_matrix(gs, u)
    if gu is None and gvh is None:
        assert gs is not None
        return (u * gs.to(u.dtype).unsqueeze(-2)) @ vh
    inner_u = None if gu is None else _skew(adjoint(u) @ gu)
    inner_v = None if gvh is None else _skew(vh @ adjoint(gvh))
    gaps = _differences(s) * (s.unsqueeze(-2) + s.unsqueeze(-1))
    off = 1 - identity(s.size(-1), s)
    weight = (off / (gaps * off + (1 - off))).to(u.dtype)
    rows, columns = scale.unsqueeze(-1), scale.unsqueeze(-2)
    turns = [] if inner_u is None else [inner_u * weight * columns]
    turns += [] if inner_v is None else [rows * (inner_v * weight)]
    for turn in turns:
        core = turn if core is None else core + turn
    assert core is not None
    if u.dtype.is_complex:
        core = core + _phase(inner_u, inner_v, scale, gu, gvh)
    g = u @ core @ vh
    if gu is not None and u.size(-2) > s.size(-1):
        outside = gu / scale.unsqueeze(-2)
        g = g + (outside - u @ (adjoint(u) @ outside)) @ vh
    if gvh is not None and vh.size(-1) > s.size(-1):
        outside = gvh / scale.unsqueeze(-1)
        g = g + u @ (outside - (outside @ adjoint(vh)) @ vh)
    return g


def _phase(
    inner_u: Tensor | None,
    inner_v: Tensor | None,
    scale: Tensor,
    gu: Tensor | None,
    gvh: Tensor | None,
) -> Tensor:
    """The diagonal that the vectors' relative phase adds in the complex case."""
    du = None if inner_u is None else inner_u.diagonal(0, -2, -1)
    dv = None if inner_v is None else inner_v.diagonal(0, -2, -1)
    total = du if dv is None else dv if du is None else du + dv
    assert total is not None
    size = _largest(gu if gu is not None else gvh)  # type: ignore[arg-type]
    _refuse_phase(total.imag, size, "svd")
    values = du if du is not None else _C.zeros_like(total)
    return diagonal_matrix(values / (2 * scale), scale)



def _svd(a: Tensor, name: str, full: bool, driver: str | None) -> tuple[Tensor, Tensor, Tensor]:
    check_matrix(a, name)
    if driver is not None:
        raise RuntimeError(
            f"linalg.{name}: keyword argument `driver=` is only supported on CUDA inputs, got "
            f"{driver!r}; leave it away"
        )
    result: tuple[Tensor, Tensor, Tensor] = _SvdFunction.apply(a, full)
    return result


@operator(
    "linalg_svd(Tensor A, bool full_matrices=True, *, str? driver=None, Tensor[]? out=None)",
    function=False,
)
def svd(A: Tensor, full_matrices: bool = True, *, driver: str | None = None) -> Any:
    """(U, S, Vh) with A = U diag(S) Vh.

    Args:
        A: [..., m, n].
        full_matrices: U is [..., m, m] and Vh [..., n, n]; otherwise [..., m, k] and [..., k, n]
            with k = min(m, n).
        driver: only None; others are for accelerators.

    S [..., k] is real and descending. Gradients through U and Vh need singular values that differ.

    >>> import lampas
    >>> lampas.linalg.svd(lampas.tensor([[3.0, 0.0], [0.0, 4.0]])).S
    tensor([4., 3.])
    """
    return _Svd(_svd(A, "svd", full_matrices, driver))


@operator("linalg_svdvals(Tensor A, *, str? driver=None, Tensor? out=None)", function=False)
def svdvals(A: Tensor, *, driver: str | None = None) -> Tensor:
    """The singular values [..., min(m, n)] of matrices [..., m, n], descending; see `svd`.

    >>> import lampas
    >>> lampas.linalg.svdvals(lampas.tensor([[3.0, 0.0], [0.0, 4.0]]))
    tensor([4., 3.])
    """
    if not A.requires_grad and not A.is_meta:
        import numpy as np

        check_matrix(A, "svdvals")
        if driver is None and np.isfinite(to_array(A)).all():
            return from_array(np.linalg.svd(to_array(A), compute_uv=False))
    return _svd(A, "svdvals", False, driver)[1]
