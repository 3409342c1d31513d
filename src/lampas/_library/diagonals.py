"""Diagonals: matrices made of them, taken from them, and views written back into copies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lampas import _C
from lampas._C import Tensor
from lampas._library import operator
from lampas.autograd import Function


def _wrap(dim: int, ndim: int) -> int:
    low = max(ndim, 1)
    if not -low <= dim < low:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-low}, {low - 1}], "
            f"but got {dim})"
        )
    return dim + low if dim < 0 else dim


@operator("diag_embed(Tensor input, int offset=0, int dim1=-2, int dim2=-1)", method=True)
def diag_embed(input: Tensor, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """Matrices [..., n, n] with the last dimension of the input on a diagonal.

    Args:
        offset: which diagonal; above the main one where positive.
        dim1, dim2: where the two dimensions of the matrices lie in the result.

    >>> import lampas
    >>> lampas.diag_embed(lampas.tensor([1.0, 2.0]))
    tensor([[1., 0.],
            [0., 2.]])
    """
    ndim = input.dim() + 1
    first, second = _wrap(dim1, ndim), _wrap(dim2, ndim)
    if first == second:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    n = input.size(-1) + abs(offset)
    shape = list(input.shape[:-1])
    for d in sorted((first, second)):
        shape.insert(d, n)
    result = _C.zeros(shape, dtype=input.dtype, device=input.device)
    result.diagonal(offset, first, second).copy_(input)
    return result


@operator("diag(Tensor input, int diagonal=0, *, Tensor? out=None)", method=True)
def diag(input: Tensor, diagonal: int = 0) -> Tensor:
    """A vector's matrix with it on a diagonal, or a copy of a matrix's diagonal.

    >>> import lampas
    >>> lampas.diag(lampas.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor([1., 4.])
    """
    if input.dim() not in (1, 2):
        raise RuntimeError(
            f"diag(): Supports 1D or 2D tensors. Got {input.dim()}D of shape {tuple(input.shape)}"
        )
    if input.dim() == 1:
        result: Tensor = diag_embed(input, diagonal)
        return result
    return input.diagonal(diagonal).clone()


@operator("diagflat(Tensor input, int offset=0)", method=True)
def diagflat(input: Tensor, offset: int = 0) -> Tensor:
    """The matrix with all elements of the input on a diagonal.

    >>> import lampas
    >>> lampas.diagflat(lampas.tensor([[1, 2]]))
    tensor([[1, 0],
            [0, 2]])
    """
    result: Tensor = diag_embed(input.reshape(-1), offset)
    return result


@operator("trace(Tensor input)", method=True)
def trace(input: Tensor) -> Tensor:
    """The sum of a matrix's diagonal.

    >>> import lampas
    >>> lampas.trace(lampas.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor(5.)
    """
    if input.dim() != 2:
        raise RuntimeError(
            f"trace: expected a matrix, but got tensor with dim {input.dim()} "
            f"and shape {tuple(input.shape)}"
        )
    return input.diagonal().sum()


# ---- triangles' indices --------------------------------------------------------------------------
def _indices(row: int, col: int, keep: Any, dtype: Any, device: Any) -> Tensor:
    for name, size in (("row", row), ("col", col)):
        if size < 0:
            raise RuntimeError(f"{name} must be non-negative, got {size}")
    if dtype is not None and dtype not in (_C.int64, _C.int32):
        raise RuntimeError(
            f'"triu_tril_indices" not implemented for {dtype}: take torch.int64 or torch.int32'
        )
    mask = keep(_C.arange(col) - _C.arange(row).unsqueeze(1))
    places = mask.nonzero().t().contiguous()
    return places.to(dtype=dtype if dtype is not None else _C.int64, device=device)


@operator(
    "triu_indices(int row, int col, int offset=0, *, dtype? dtype=None, object layout=None, "
    "device? device=None, bool pin_memory=False)"
)
def triu_indices(
    row: int,
    col: int,
    offset: int = 0,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
) -> Tensor:
    """Rows and columns [2, n] of the elements on and above a diagonal, row by row.

    >>> import lampas
    >>> lampas.triu_indices(2, 2)
    tensor([[0, 0, 1],
            [0, 1, 1]])
    """
    return _indices(row, col, lambda d: d >= offset, dtype, device)


@operator(
    "tril_indices(int row, int col, int offset=0, *, dtype? dtype=None, object layout=None, "
    "device? device=None, bool pin_memory=False)"
)
def tril_indices(
    row: int,
    col: int,
    offset: int = 0,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
) -> Tensor:
    """Rows and columns [2, n] of the elements on and below a diagonal, row by row.

    >>> import lampas
    >>> lampas.tril_indices(2, 2)
    tensor([[0, 1, 1],
            [0, 0, 1]])
    """
    return _indices(row, col, lambda d: d <= offset, dtype, device)


# ---- views written into copies -------------------------------------------------------------------
def _written(view: Tensor, src: Tensor) -> None:
    if view.shape != src.shape:
        raise RuntimeError(
            "expected src to have a size equal to the slice of self. "
            f"src size = {list(src.shape)}, slice size = {list(view.shape)}"
        )
    view.copy_(src)


@operator(
    "diagonal_scatter(Tensor input, Tensor src, int offset=0, int dim1=0, int dim2=1)", method=True
)
def diagonal_scatter(
    input: Tensor, src: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1
) -> Tensor:
    """A copy whose diagonal is src, shaped as `input.diagonal(offset, dim1, dim2)`.

    >>> import lampas
    >>> lampas.diagonal_scatter(lampas.zeros(2, 2), lampas.ones(2))
    tensor([[1., 0.],
            [0., 1.]])
    """
    result = input.clone()
    _written(result.diagonal(offset, dim1, dim2), src)
    return result


@operator("select_scatter(Tensor input, Tensor src, int dim, int index)", method=True)
def select_scatter(input: Tensor, src: Tensor, dim: int, index: int) -> Tensor:
    """A copy with src at one index of a dimension.

    >>> import lampas
    >>> lampas.select_scatter(lampas.zeros(2, 2), lampas.ones(2), 0, 1)
    tensor([[0., 0.],
            [1., 1.]])
    """
    result = input.clone()
    _written(result.select(dim, index), src)
    return result


@operator(
    "slice_scatter(Tensor input, Tensor src, int dim=0, int? start=None, int? end=None, "
    "int step=1)",
    method=True,
)
def slice_scatter(
    input: Tensor,
    src: Tensor,
    dim: int = 0,
    start: int | None = None,
    end: int | None = None,
    step: int = 1,
) -> Tensor:
    """A copy with src at start:end:step of a dimension.

    >>> import lampas
    >>> lampas.slice_scatter(lampas.zeros(3), lampas.ones(2), 0, 1)
    tensor([0., 1., 1.])
    """
    if step <= 0:
        raise RuntimeError(f"slice step must be positive, got {step}")
    result = input.clone()
    axis = _wrap(dim, input.dim())
    _written(result[(slice(None),) * axis + (slice(start, end, step),)], src)
    return result


class _StridedScatter(Function):
    """An element that src overwrites hands it all of the gradient, however often it is shown."""

    @staticmethod
    def forward(
        ctx: Any, input: Tensor, src: Tensor, size: Any, stride: Any, offset: int
    ) -> Tensor:
        ctx.geometry = size, stride, offset
        result = input.clone()
        _written(result.as_strided(size, stride, offset), src)
        return result

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Any:
        size, stride, offset = ctx.geometry
        g = g.contiguous()
        zeros = _C.zeros(size, dtype=g.dtype)
        kept = _StridedScatter.apply(g, zeros, size, stride, offset)
        return kept, g.as_strided(size, stride, offset), None, None, None


@operator(
    "as_strided_scatter(Tensor input, Tensor src, int[] size, int[] stride, "
    "int? storage_offset=None)",
    method=True,
)
def as_strided_scatter(
    input: Tensor,
    src: Tensor,
    size: Sequence[int],
    stride: Sequence[int],
    storage_offset: int | None = None,
) -> Tensor:
    """A copy with src at the elements that `as_strided` shows.

    >>> import lampas
    >>> lampas.as_strided_scatter(lampas.zeros(4), lampas.ones(2), (2,), (2,))
    tensor([1., 0., 1., 0.])
    """
    result: Tensor = _StridedScatter.apply(input, src, size, stride, storage_offset or 0)
    return result
