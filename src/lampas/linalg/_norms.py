"""Norms of matrices and their condition numbers."""

from __future__ import annotations

import math
from typing import Any

from lampas import _C
from lampas._C import Tensor, _vector_norm
from lampas._constants import finfo
from lampas._library import operator
from lampas.linalg._common import check_dtype, check_matrix
from lampas.linalg._eigen import svdvals
from lampas.linalg._solvers import inv_ex

__all__ = ["cond", "matrix_norm", "norm"]


def _two_dims(a: Tensor, dim: Any, name: str) -> tuple[int, int]:
    if len(dim) != 2:
        raise RuntimeError(f"linalg.{name}: dim must be a 2-tuple, got {tuple(dim)}")
    if a.dim() < 2:
        raise RuntimeError(
            f"linalg.{name}: The input tensor A must have at least 2 dimensions, "
            f"got shape {tuple(a.shape)}"
        )
    for d in dim:
        if not -a.dim() <= d < a.dim():
            raise IndexError(
                "Dimension out of range (expected to be in range of "
                f"[{-a.dim()}, {a.dim() - 1}], but got {d})"
            )
    first, second = (d % a.dim() for d in dim)
    if first == second:
        raise RuntimeError(f"linalg.{name}: dims must be different. Got ({dim[0]}, {dim[1]})")
    return first, second


def _converted(a: Tensor, dtype: Any, name: str) -> Tensor:
    if not (a.dtype.is_floating_point or a.dtype.is_complex):
        raise RuntimeError(
            f"linalg.{name}: Expected a floating point or complex tensor as input. Got {a.dtype}"
        )
    if dtype is None or dtype == a.dtype:
        return a
    if dtype.is_complex != a.dtype.is_complex:
        raise RuntimeError(
            f"linalg.{name}: dtype should be {'complex' if a.dtype.is_complex else 'real'} for "
            f"inputs of dtype {a.dtype}, but got {dtype}"
        )
    if finfo(dtype).eps > finfo(a.dtype).eps:
        raise RuntimeError(
            f"linalg.{name}: the dtype of the input ({a.dtype}) should be convertible without "
            f"narrowing to the specified dtype ({dtype})"
        )
    return a.to(dtype)


def matrix_norm_of(a: Tensor, order: Any, dim: Any, keepdim: bool, dtype: Any, name: str) -> Tensor:
    """A norm of the matrices in two dimensions; see `matrix_norm`."""
    first, second = _two_dims(a, dim, name)
    if isinstance(order, str) and order not in ("fro", "nuc"):
        raise RuntimeError(f"linalg.{name}: Order {order} not supported; use 'fro' or 'nuc'")
    if not isinstance(order, str) and abs(order) not in (1, 2, math.inf):
        raise RuntimeError(
            f"linalg.{name}: Order {order} not supported; use 1, 2, inf or their negatives"
        )
    a = _converted(a, dtype, name)
    if order == "fro":
        return _vector_norm(a, 2, (first, second), keepdim)
    if order == "nuc" or abs(order) == 2:
        check_dtype(a, name)
        values: Tensor = svdvals(a.movedim((first, second), (-2, -1)))
        result = values.sum(-1) if order == "nuc" else _extreme(values, order, -1)
    else:
        summed, kept = (first, second) if abs(order) == 1 else (second, first)
        kept -= summed < kept
        result = _extreme(a.abs().sum(summed), order, kept)
    if keepdim:
        for d in sorted((first, second)):
            result = result.unsqueeze(d)
    return result


def _extreme(values: Tensor, order: Any, dim: int) -> Tensor:
    return values.amax(dim) if order > 0 else values.amin(dim)


@operator(
    "linalg_matrix_norm(Tensor A, object ord=None, int[]? dim=None, bool keepdim=False, *, "
    "dtype? dtype=None, Tensor? out=None)",
    function=False,
)
def matrix_norm(
    A: Tensor,
    ord: float | str = "fro",
    dim: tuple[int, ...] | None = None,
    keepdim: bool = False,
    *,
    dtype: Any = None,
) -> Tensor:
    """A norm of matrices.

    Args:
        A: tensor with at least two dimensions.
        ord: "fro" (the default), "nuc" (sum of singular values), inf and -inf (largest and
            smallest sum of a row's sizes), 1 and -1 (of a column's), 2 and -2 (largest and
            smallest singular value).
        dim: the two dimensions of the matrices, by default the last two.
        keepdim: leave them in the result with size one.
        dtype: convert to it first.

    >>> import lampas
    >>> lampas.linalg.matrix_norm(lampas.tensor([[3.0, 0.0], [0.0, 4.0]]))
    tensor(5.)
    """
    place = (-2, -1) if dim is None else dim
    return matrix_norm_of(A, ord, place, keepdim, dtype, "matrix_norm")


@operator(
    "linalg_norm(Tensor A, object ord=None, int[1]? dim=None, bool keepdim=False, *, "
    "Tensor? out=None, dtype? dtype=None)",
    function=False,
)
def norm(
    A: Tensor,
    ord: float | str | None = None,
    dim: tuple[int, ...] | None = None,
    keepdim: bool = False,
    *,
    dtype: Any = None,
) -> Tensor:
    """A vector norm or a matrix norm, as the dimensions say.

    Without `ord` it is the 2-norm of all elements (of those in `dim`). With `ord`, one dimension
    gives the vector norm, two give the matrix norm; without `dim` A itself has one or two.

    >>> import lampas
    >>> lampas.linalg.norm(lampas.tensor([3.0, 4.0]))
    tensor(5.)
    """
    if ord is None:
        return _vector_norm(_converted(A, dtype, "norm"), 2, dim, keepdim)
    if dim is None:
        if A.dim() not in (1, 2):
            raise RuntimeError(
                "linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. "
                f"Got {A.dim()}D of shape {tuple(A.shape)}; give dim"
            )
        dim = tuple(range(A.dim()))
    if len(dim) not in (1, 2):
        raise RuntimeError(
            "linalg.norm: If dim is specified, it must be of length 1 or 2. "
            f"Got {list(dim)} for shape {tuple(A.shape)}"
        )
    if len(dim) == 2:
        return matrix_norm_of(A, ord, dim, keepdim, dtype, "norm")
    if isinstance(ord, str):
        raise RuntimeError(
            f"linalg.norm: Order '{ord}' is for matrices; got one dimension {list(dim)}"
        )
    return _vector_norm(_converted(A, dtype, "norm"), ord, dim, keepdim)


@operator("linalg_cond(Tensor A, object p=None, *, Tensor? out=None)", function=False)
def cond(A: Tensor, p: float | str | None = None) -> Tensor:
    """The condition numbers [...] of matrices: norm(A, p) * norm(A⁻¹, p); infinite for singular
    ones.

    Args:
        A: [..., m, n]; square unless p is None, 2 or -2.
        p: None (as 2), 2, -2, 1, -1, inf, -inf, "fro" or "nuc"; see `matrix_norm`.

    >>> import lampas
    >>> lampas.linalg.cond(lampas.tensor([[2.0, 0.0], [0.0, 4.0]]))
    tensor(2.)
    """
    if p is None or p in (2, -2):
        check_matrix(A, "cond")
        values: Tensor = svdvals(A)
        if values.size(-1) == 0:
            return values.new_zeros(A.shape[:-2])
        high, low = values[..., 0], values[..., -1]
        return low / high if p == -2 else high / low
    if isinstance(p, str) and p not in ("fro", "nuc"):
        raise RuntimeError(f"linalg.cond got an invalid norm type: {p}; use 'fro' or 'nuc'")
    if not isinstance(p, str) and abs(p) not in (1, math.inf):
        raise RuntimeError(f"linalg.cond got an invalid norm type: {p}; use 1, 2 or inf")
    check_matrix(A, "cond", square=True)
    if A.numel() == 0:
        return A.abs().sum((-2, -1))
    inverse, info = inv_ex(A)
    size = matrix_norm_of(A, p, (-2, -1), False, None, "cond")
    other = matrix_norm_of(
        _C.where((info != 0)[..., None, None], 0, inverse), p, (-2, -1), False, None, "cond"
    )
    return _C.where(info != 0, math.inf, size * other)
