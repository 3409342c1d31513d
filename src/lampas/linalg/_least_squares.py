"""Pseudoinverses, ranks and least squares."""

from __future__ import annotations

from typing import Any

from lampas import _C
from lampas._C import Tensor
from lampas._constants import finfo
from lampas._library import operator
from lampas.autograd import Function
from lampas.linalg._common import (
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
from lampas.linalg._eigen import eigh, svd, svdvals

__all__ = ["lstsq", "matrix_rank", "pinv"]

_Lstsq = named("linalg_lstsq", "solution residuals rank singular_values")


def _tolerances(
    a: Tensor, atol: Any, rtol: Any, name: str
) -> tuple[float | Tensor, float | Tensor]:
    """The absolute and the relative bound below which a singular value counts as zero."""
    for bound, what in ((atol, "atol"), (rtol, "rtol")):
        if isinstance(bound, Tensor) and bound.dtype.is_complex:
            raise RuntimeError(
                f"torch.linalg.{name}: {what} tensor of complex type is not supported, "
                f"got {bound.dtype}"
            )
    if rtol is None:
        given = isinstance(atol, Tensor) or (atol is not None and atol > 0)
        default = finfo(a.dtype).eps * max(a.size(-2), a.size(-1))
        if isinstance(atol, Tensor):
            rtol = _C.where(atol > 0, 0.0, default)
        else:
            rtol = 0.0 if given else default
    return (0.0 if atol is None else atol), rtol


def _bound(largest: Tensor, atol: float | Tensor, rtol: float | Tensor) -> Tensor:
    """max(atol, rtol * largest), one for each matrix, with a dimension for the values."""
    one: Tensor = (
        atol.unsqueeze(-1)
        if isinstance(atol, Tensor)
        else _C.tensor(atol, device=largest.device)
    )
    other: Any = rtol.unsqueeze(-1) if isinstance(rtol, Tensor) else rtol
    return _C.maximum(one.to(largest.dtype), (other * largest).to(largest.dtype))


def _largest(values: Tensor) -> Tensor:
    if values.size(-1) == 0:
        return values.new_zeros((*values.shape[:-1], 1))
    return values.abs().amax(-1, keepdim=True)


class _Pseudoinverse(Function):
    @staticmethod
    def forward(ctx: Any, a: Tensor, atol: Any, rtol: Any, hermitian: bool) -> Tensor:
        if hermitian:
            w, v = eigh(a)
            kept = w.abs() > _bound(_largest(w), atol, rtol)
            inverse = _C.where(kept, 1 / w, 0).to(a.dtype)
            p = (v * inverse.unsqueeze(-2)) @ adjoint(v)
        else:
            u, s, vh = svd(a, full_matrices=False)
            kept = s > _bound(_largest(s), atol, rtol)
            inverse = _C.where(kept, 1 / s, 0).to(a.dtype)
            p = (adjoint(vh) * inverse.unsqueeze(-2)) @ adjoint(u)
        ctx.save_for_backward(a, p)
        return p

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Any, ...]:
        a, p = ctx.saved_tensors
        return pinv_gradient(a, p, g), None, None, None


def pinv_gradient(a: Tensor, p: Tensor, g: Tensor) -> Tensor:
    """The gradient of A from that of its pseudoinverse P, the rank being constant.

    dP = -P dA P + P P' dA' (I - A P) + (I - P A) dA' P' P: Golub & Pereyra, "The differentiation
    of pseudo-inverses" (1973).
    """
    ph, gh = adjoint(p), adjoint(g)
    left, right = gh @ p @ ph, ph @ p @ gh
    return -(ph @ g @ ph) + left - a @ (p @ left) + right - (right @ p) @ a


def pseudoinverse(a: Tensor, atol: Any, rtol: Any, hermitian: bool, name: str = "pinv") -> Tensor:
    """See `pinv`; an empty matrix has an empty pseudoinverse."""
    check_matrix(a, name, square=hermitian)
    atol, rtol = _tolerances(a, atol, rtol, name)
    if a.numel() == 0:
        return adjoint(a) * 1
    result: Tensor = _Pseudoinverse.apply(a, atol, rtol, hermitian)
    return result


@operator(
    "linalg_pinv(Tensor A, *, Operand? atol=None, Operand? rtol=None, bool hermitian=False, "
    "Tensor? out=None)",
    "linalg_pinv(Tensor A, Operand rcond, bool hermitian=False, *, Tensor? out=None)",
    function=False,
)
def pinv(
    A: Tensor,
    rcond: Any = None,
    hermitian: bool = False,
    *,
    atol: Any = None,
    rtol: Any = None,
) -> Tensor:
    """The pseudoinverses [..., n, m] of matrices [..., m, n] (Moore, 1920; Penrose, 1955).

    Singular values up to max(atol, rtol * the largest) count as zero.

    Args:
        rcond: an older name of rtol.
        hermitian: A is Hermitian; its eigenvalues are taken.
        atol, rtol: numbers, or tensors of the batch's shape. Default: 0, and max(m, n) times the
            dtype's epsilon unless atol is given.

    >>> import lampas
    >>> lampas.linalg.pinv(lampas.tensor([[2.0, 0.0], [0.0, 0.0]]))
    tensor([[0.5000, 0.0000],
            [0.0000, 0.0000]])
    """
    return pseudoinverse(A, atol, rtol if rcond is None else rcond, hermitian)


@operator(
    "linalg_matrix_rank(Tensor A, *, Operand? atol=None, Operand? rtol=None, "
    "bool hermitian=False, Tensor? out=None)",
    "linalg_matrix_rank(Tensor A, Operand tol, bool hermitian=False, *, Tensor? out=None)",
    function=False,
)
def matrix_rank(
    A: Tensor,
    tol: Any = None,
    hermitian: bool = False,
    *,
    atol: Any = None,
    rtol: Any = None,
) -> Tensor:
    """How many singular values of each matrix exceed max(atol, rtol * the largest): [...] int64.

    Args:
        A: [..., m, n].
        tol: an older name of atol, with rtol 0.
        hermitian: A is Hermitian; its eigenvalues' sizes are taken.
        atol, rtol: as for `pinv`.

    >>> import lampas
    >>> lampas.linalg.matrix_rank(lampas.tensor([[1.0, 2.0], [2.0, 4.0]]))
    tensor(1)
    """
    check_matrix(A, "matrix_rank", square=hermitian)
    if tol is not None:
        atol, rtol = tol, 0.0
    low, scale = _tolerances(A, atol, rtol, "matrix_rank")
    A = A.detach()
    if A.numel() == 0:
        return _C.zeros(A.shape[:-2], dtype=_C.int64)
    values: Tensor = eigh(A)[0].abs() if hermitian else svdvals(A)
    return (values > _bound(_largest(values), low, scale)).sum(-1)


# ---- least squares -------------------------------------------------------------------------------
class _LstsqFunction(Function):
    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, rcond: float) -> tuple[Tensor, Tensor, Tensor]:
        import numpy as np

        if a.is_meta:
            *batch, m, n = a.shape
            found = like_on_meta(a, (*batch, n, b.size(-1)))
            sizes = like_on_meta(a, (*batch, min(m, n)), real_dtype(a))
            return found, like_on_meta(a, batch, _C.int64), sizes
        x, ranks, values = _solve_batch(to_array(a), to_array(b), rcond)
        solution, rank, s = from_array(x), from_array(ranks), from_array(np.asarray(values))
        ctx.rcond = rcond
        ctx.save_for_backward(a, b)
        ctx.mark_non_differentiable(rank, s)
        return solution, rank, s

    @staticmethod
    def backward(ctx: Any, g: Tensor, *_: Any) -> tuple[Any, ...]:
        a, b = ctx.saved_tensors
        p = pseudoinverse(a, None, ctx.rcond, False)
        return pinv_gradient(a, p, g @ adjoint(b)), adjoint(p) @ g, None


def _solve_batch(a: Any, b: Any, rcond: float) -> tuple[Any, Any, Any]:
    """Solutions, ranks and singular values of every system in two arrays."""
    import numpy as np

    batch = a.shape[:-2]
    m, n = a.shape[-2:]
    real = np.zeros(0, a.dtype).real.dtype
    x = np.zeros((*batch, n, b.shape[-1]), a.dtype)
    ranks = np.zeros(batch, np.int64)
    values = np.zeros((*batch, min(m, n)), real)
    if min(m, n):
        for i in np.ndindex(batch):
            x[i], _, ranks[i], values[i] = np.linalg.lstsq(a[i], b[i], rcond=rcond)
    return x, ranks, values


_DRIVERS = ("gels", "gelsy", "gelsd", "gelss")


def _check_lstsq(a: Tensor, b: Tensor, driver: str) -> None:
    check_matrix(a, "lstsq", what="input")
    if driver not in _DRIVERS:
        raise RuntimeError(
            f"torch.linalg.lstsq: parameter `driver` should be one of {_DRIVERS}, got '{driver}'"
        )
    if b.dim() < 1:
        raise RuntimeError("torch.linalg.lstsq: other must have at least 1 dimension.")
    check_same_dtype(a, b, "lstsq")
    if not 0 <= a.dim() - b.dim() <= 1:
        raise RuntimeError(
            "torch.linalg.lstsq: input.dim() must be greater or equal to other.dim() and "
            f"(input.dim() - other.dim()) <= 1, got {a.dim()} and {b.dim()}"
        )


@operator(
    "linalg_lstsq(Tensor A, Tensor B, object rcond=None, *, str? driver=None, "
    "Tensor[]? out=None)",
    function=False,
)
def lstsq(A: Tensor, B: Tensor, rcond: Any = None, *, driver: str | None = None) -> Any:
    """X of least ‖A X - B‖, and of least norm among such X: (solution, residuals, rank,
    singular_values).

    Args:
        A: [..., m, n].
        B: [..., m, k], or [..., m] for the same batch as A's.
        rcond: singular values up to rcond times the largest count as zero; default: max(m, n)
            times the dtype's epsilon.
        driver: "gels" (A of full rank), "gelsy" (the default), "gelsd" or "gelss": which of rank
            and singular_values are filled depends on it.

    residuals [..., k] are the squared norms of A X - B where m > n and A has full rank, else empty.
    The gradient of the solution takes A's rank to be constant.

    >>> import lampas
    >>> A = lampas.tensor([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]])
    >>> solution = lampas.linalg.lstsq(A, lampas.tensor([[1.0], [3.0], [5.0]])).solution
    >>> solution.round(decimals=4)
    tensor([[1.],
            [2.]])
    """
    driver = driver or "gelsy"
    _check_lstsq(A, B, driver)
    vector = B.dim() == A.dim() - 1 and B.shape == A.shape[:-1]
    b = B.unsqueeze(-1) if vector else B
    if b.dim() < 2 or b.size(-2) != A.size(-2):
        raise RuntimeError(
            "torch.linalg.lstsq: input.size(-2) should match other.size(-2), got shapes "
            f"{tuple(A.shape)} and {tuple(B.shape)}"
        )
    a, b = broadcast_batches(A, b, "lstsq")
    m, n = a.size(-2), a.size(-1)
    bound = finfo(a.dtype).eps * max(m, n) if rcond is None else float(rcond)
    x, rank, s = _LstsqFunction.apply(a, b, bound)
    residuals = _C.empty(0, dtype=s.dtype, device=s.device)
    if m > n and (driver == "gels" or rank.is_meta or bool((rank == n).all())):
        residuals = (a @ x - b).abs().square().sum(-2)
    if driver == "gels":
        rank = _C.empty(0, dtype=_C.int64, device=s.device)
    if driver in ("gels", "gelsy"):
        s = _C.empty(0, dtype=s.dtype, device=s.device)
    return _Lstsq((x.squeeze(-1) if vector else x, residuals, rank, s))
