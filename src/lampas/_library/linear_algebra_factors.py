"""Factorizations under the names they have outside lampas.linalg, and as methods of Tensor."""

from __future__ import annotations

from typing import Any

from lampas import _C
from lampas._C import Tensor
from lampas._library import operator
from lampas.linalg import _eigen, _lu, _orthogonal, _products
from lampas.linalg._common import adjoint, check_matrix, named
from lampas.linalg._triangular import check_system

_Qr = named("qr", "Q R")
_Svd = named("svd", "U S V")
_Geqrf = named("geqrf", "a tau")
_LuUnpack = named("lu_unpack", "P L U")


# ---- LU ------------------------------------------------------------------------------------------
def _lu_of(A: Tensor, pivot: bool = True, get_infos: bool = False) -> Any:
    """(LU, pivots), and the info if that is asked for; see lampas.lu."""
    packed, pivots, info = _lu.factor(A, "lu_factor_ex", pivot)
    return (packed, pivots, info) if get_infos else (packed, pivots)


@operator("lu(Tensor A, bool pivot=True, bool get_infos=False, *, Tensor[]? out=None)")
def lu(A: Tensor, pivot: bool = True, get_infos: bool = False) -> Any:
    """(LU, pivots), and with `get_infos` the info of lampas.linalg.lu_factor_ex.

    >>> import lampas
    >>> LU, pivots = lampas.lu(lampas.tensor([[0.0, 1.0], [2.0, 3.0]]))
    >>> pivots
    tensor([2, 2], dtype=torch.int32)
    """
    return _lu_of(A, pivot, get_infos)


operator("lu(Tensor A, bool pivot=True, bool get_infos=False)", function=False, method=True)(_lu_of)


@operator("lu_solve(Tensor b, Tensor LU_data, Tensor LU_pivots, *, Tensor? out=None)", method=True)
def lu_solve(b: Tensor, LU_data: Tensor, LU_pivots: Tensor) -> Tensor:
    """X with A X = b out of A's LU factors; see lampas.linalg.lu_solve.

    >>> import lampas
    >>> LU, pivots = lampas.lu(lampas.tensor([[0.0, 1.0], [2.0, 0.0]]))
    >>> lampas.lu_solve(lampas.tensor([[3.0], [4.0]]), LU, pivots)
    tensor([[2.],
            [3.]])
    """
    check_system(LU_data, b, "lu_solve")
    _lu._check_pivots(LU_data, LU_pivots, "lu_solve")
    return _lu.solve_factored(LU_data, LU_pivots, b)


@operator(
    "lu_unpack(Tensor LU_data, Tensor LU_pivots, bool unpack_data=True, "
    "bool unpack_pivots=True, *, Tensor[]? out=None)"
)
def lu_unpack(
    LU_data: Tensor, LU_pivots: Tensor, unpack_data: bool = True, unpack_pivots: bool = True
) -> Any:
    """(P, L, U) out of the packed factors [..., m, n] and the exchanges; what is not asked for is
    empty.

    >>> import lampas
    >>> P, L, U = lampas.lu_unpack(*lampas.lu(lampas.tensor([[0.0, 1.0], [2.0, 3.0]])))
    >>> P
    tensor([[0., 1.],
            [1., 0.]])
    """
    check_matrix(LU_data, "lu_unpack")
    if unpack_pivots and LU_pivots.dtype != _C.int32:
        raise RuntimeError(
            "torch.lu_unpack: LU_pivots is expected to be a contiguous tensor of torch.int32 "
            f"dtype, got {LU_pivots.dtype}"
        )
    empty = _C.empty(0, dtype=LU_data.dtype)
    p = low = up = empty
    if unpack_pivots:
        p = _lu.permutation_matrix(LU_pivots, LU_data.size(-2), LU_data)
    if unpack_data:
        low, up = _lu.unpack(LU_data)
    return _LuUnpack((p, low, up))


# ---- QR ------------------------------------------------------------------------------------------
@operator("qr(Tensor input, bool some=True, *, Tensor[]? out=None)", method=True)
def qr(input: Tensor, some: bool = True) -> Any:
    """(Q, R); `some` gives the reduced form, otherwise Q is square. See lampas.linalg.qr.

    >>> import lampas
    >>> lampas.qr(lampas.ones(3, 2)).Q.shape
    torch.Size([3, 2])
    """
    return _Qr(_orthogonal.decompose(input, "reduced" if some else "complete"))


@operator("geqrf(Tensor input, *, Tensor[]? out=None)", method=True)
def geqrf(input: Tensor) -> Any:
    """(a, tau): R on and above the diagonal of a, below it the vectors of the reflections whose
    product is Q, and their factors. lampas.linalg.householder_product and lampas.ormqr take them.

    >>> import lampas
    >>> a, tau = lampas.geqrf(lampas.eye(2))
    >>> tau
    tensor([0., 0.])
    """
    if input.dim() < 2:
        raise RuntimeError(
            f"torch.geqrf: input must have at least 2 dimensions, got shape {tuple(input.shape)}"
        )
    return _Geqrf(_orthogonal.raw_qr(input))


@operator("orgqr(Tensor input, Tensor input2, *, Tensor? out=None)", method=True)
def orgqr(input: Tensor, input2: Tensor) -> Tensor:
    """The first columns of a product of reflections; see lampas.linalg.householder_product.

    >>> import lampas
    >>> lampas.orgqr(lampas.zeros(2, 1), lampas.zeros(1)).tolist()
    [[1.0], [0.0]]
    """
    result: Tensor = _orthogonal.householder_product(input, input2)
    return result


@operator(
    "ormqr(Tensor input, Tensor input2, Tensor input3, bool left=True, bool transpose=False, *, "
    "Tensor? out=None)",
    "ormqr(Tensor input, Tensor tau, Tensor other, bool left=True, bool transpose=False, *, "
    "Tensor? out=None)",
    method=True,
)
def ormqr(
    input: Tensor,
    input2: Tensor | None = None,
    input3: Tensor | None = None,
    left: bool = True,
    transpose: bool = False,
    *,
    tau: Tensor | None = None,
    other: Tensor | None = None,
) -> Tensor:
    """Q C, or C Q with left=False, where Q [..., m, m] is the whole product of the reflections in
    (input, tau) = geqrf(A), or its adjoint with `transpose`.

    Args:
        input: [..., m, n], tau: [..., min(m, n)].
        other: C, [..., m, k], or with left=False [..., k, m].

    >>> import lampas
    >>> lampas.ormqr(lampas.zeros(2, 1), lampas.zeros(1), lampas.ones(2, 2))
    tensor([[1., 1.],
            [1., 1.]])
    """
    factors = input2 if tau is None else tau
    c = input3 if other is None else other
    assert factors is not None and c is not None
    _check_ormqr(input, factors, c, left)
    if left:
        return _orthogonal.reflect(input, factors, c, transpose) + 0 * c
    turned = _orthogonal.reflect(input, factors, adjoint(c), not transpose)
    return adjoint(turned + 0 * adjoint(c))


def _check_ormqr(a: Tensor, tau: Tensor, c: Tensor, left: bool) -> None:
    check_matrix(a, "ormqr", what="input")
    if c.dim() < 2:
        raise RuntimeError(
            f"torch.ormqr: other must have at least 2 dimensions, got shape {tuple(c.shape)}"
        )
    m = c.size(-2 if left else -1)
    if m != a.size(-2) or tau.dim() < 1 or tau.size(-1) != min(m, a.size(-1)):
        raise RuntimeError(
            f"torch.ormqr: shapes {tuple(a.shape)}, {tuple(tau.shape)} and {tuple(c.shape)} of "
            f"input, tau and other do not fit with left={left}"
        )
    _orthogonal.check_factors(a, tau, "ormqr")
    if c.dtype != a.dtype or c.shape[:-2] != a.shape[:-2]:
        raise RuntimeError(
            "torch.ormqr: Expected other to have the dtype and the batch of input, but got "
            f"{c.dtype} {tuple(c.shape)} for {a.dtype} {tuple(a.shape)}"
        )


# ---- singular values -----------------------------------------------------------------------------
@operator(
    "svd(Tensor input, bool some=True, bool compute_uv=True, *, Tensor[]? out=None)", method=True
)
def svd(input: Tensor, some: bool = True, compute_uv: bool = True) -> Any:
    """(U, S, V) with A = U diag(S) Vᴴ; V is not transposed here. See lampas.linalg.svd.

    Args:
        some: the reduced form; otherwise U and V are square.
        compute_uv: False gives zeros for U and V.

    >>> import lampas
    >>> lampas.svd(lampas.tensor([[3.0, 0.0], [0.0, 4.0]])).S
    tensor([4., 3.])
    """
    check_matrix(input, "svd")
    if not compute_uv:
        m, n = input.size(-2), input.size(-1)
        batch = input.shape[:-2]
        u = _C.zeros((*batch, m, m), dtype=input.dtype)
        v = _C.zeros((*batch, n, n), dtype=input.dtype)
        return _Svd((u, _eigen.svdvals(input), v))
    u, s, vh = _eigen.svd(input, full_matrices=not some)
    return _Svd((u, s, adjoint(vh)))


def _check_rank(q: int, a: Tensor, name: str) -> None:
    if not 0 <= q <= min(a.size(-2), a.size(-1)):
        raise ValueError(
            f"{name}: q(={q}) must be non-negative integer and not greater than "
            f"min(m, n)={min(a.size(-2), a.size(-1))}"
        )


@operator("svd_lowrank(Tensor A, int? q=6, int? niter=2, Tensor? M=None)")
def svd_lowrank(
    A: Tensor, q: int | None = 6, niter: int | None = 2, M: Tensor | None = None
) -> Any:
    """(U, S, V) of an approximation of rank q to A, or to A - M.

    Random directions are drawn, multiplied and made orthonormal niter times: Halko, Martinsson &
    Tropp, "Finding structure with randomness" (2011), algorithm 5.1.

    Args:
        A: [..., m, n]; q: rank, a little above the one that is wanted.
        M: broadcast to A and subtracted.

    >>> import lampas
    >>> _ = lampas.manual_seed(0)
    >>> lampas.svd_lowrank(lampas.diag_embed(lampas.tensor([3.0, 2.0, 0.0])), q=2)[1].shape
    torch.Size([2])
    """
    rank = 6 if q is None else q
    check_matrix(A, "svd_lowrank")
    return _products.low_rank_svd(A, rank, 2 if niter is None else niter, M)


@operator("pca_lowrank(Tensor A, int? q=None, bool center=True, int niter=2)")
def pca_lowrank(A: Tensor, q: int | None = None, center: bool = True, niter: int = 2) -> Any:
    """(U, S, V) of the principal components of rows: a low-rank SVD of A minus its columns' means.

    Args:
        A: [..., m, n], m observations of n variables.
        q: rank; by default min(6, m, n).
        center: subtract the means.
        niter: rounds of `svd_lowrank`.

    >>> import lampas
    >>> lampas.pca_lowrank(lampas.ones(5, 3), q=2)[2].shape
    torch.Size([3, 2])
    """
    check_matrix(A, "pca_lowrank")
    rank = min(6, A.size(-2), A.size(-1)) if q is None else q
    _check_rank(rank, A, "pca_lowrank")
    if niter < 0:
        raise ValueError(f"niter(={niter}) must be non-negative integer")
    centered = A - A.mean(-2, keepdim=True) if center else A
    return _products.low_rank_svd(centered, rank, niter, None)
