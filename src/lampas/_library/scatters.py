"""Elements picked and written by index."""

from __future__ import annotations

from typing import Any

from lampas import _C
from lampas._C import Tensor
from lampas._library import operator
from lampas._library.broadcasting import broadcast_shapes


def _counted(indices: Tensor, n: int) -> Tensor:
    """Indices from the end as indices from the start."""
    return _C.where(indices < 0, indices + n, indices)


@operator(
    "take_along_dim(Tensor input, Tensor indices, int? dim=None, *, Tensor? out=None)", method=True
)
def take_along_dim(input: Tensor, indices: Tensor, dim: int | None = None) -> Tensor:
    """The elements at indices along a dimension, the other dimensions broadcast.

    Args:
        indices: int64, as `argsort` and `argmax` with keepdim give them.
        dim: the dimension; the flattened input without it.

    >>> import lampas
    >>> x = lampas.tensor([[30, 10], [20, 40]])
    >>> lampas.take_along_dim(x, x.argsort(1), 1)
    tensor([[10, 30],
            [20, 40]])
    """
    if indices.dtype != _C.int64:
        raise RuntimeError(
            "torch.take_along_dim(): dtype of indices should be Long but got "
            f"{indices.dtype}; convert them with .long()"
        )
    if dim is None:
        return input.reshape(-1).gather(0, _counted(indices.reshape(-1), input.numel()))
    if input.dim() != indices.dim():
        raise RuntimeError(
            "torch.take_along_dim(): input and indices should have the same number of dimensions, "
            f"but got {input.dim()} dimensions for input, and {indices.dim()} for indices"
        )
    ndim = max(input.dim(), 1)
    if not -ndim <= dim < ndim:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-ndim}, {ndim - 1}], "
            f"but got {dim})"
        )
    axis = dim % ndim
    a, b = list(input.shape), list(indices.shape)
    if input.dim():
        b[axis] = a[axis]
        common = list(broadcast_shapes(a, b))
        a = common
        b = [*common[:axis], indices.size(axis), *common[axis + 1 :]]
    n = input.size(axis) if input.dim() else 1
    return input.expand(a).gather(axis, _counted(indices, n).expand(b))


@operator(
    "put(Tensor input, Tensor index, Tensor source, bool accumulate=False)",
    method=True,
    inplace=True,
)
def put(input: Tensor, index: Tensor, source: Tensor, accumulate: bool = False) -> Tensor:
    """A copy with source at places counted over the flattened input.

    Args:
        index: int64 places, as many as source has elements.
        accumulate: add to what is there.

    >>> import lampas
    >>> lampas.put(lampas.zeros(2, 2), lampas.tensor([3]), lampas.tensor([5.0]))
    tensor([[0., 0.],
            [0., 5.]])
    """
    if index.dtype != _C.int64:
        raise RuntimeError(f"put_(): Expected a long tensor for index, but got {index.dtype}")
    if input.dtype != source.dtype:
        raise RuntimeError(
            f"put_(): self and source expected to have the same dtype, but got self.dtype = "
            f"{input.dtype} and source.dtype = {source.dtype}"
        )
    if index.numel() != source.numel():
        raise IndexError(
            f"put_(): Expected source and index to have the same number of elements, but got "
            f"source.numel() = {source.numel()}, index.numel() = {index.numel()}"
        )
    n = input.numel()
    if index.numel() and not index.is_meta:
        low, high = (int(t) for t in (index.amin(), index.amax()))
        if n == 0 or low < -n or high >= n:
            raise IndexError(
                f"out of range: put_(): index from {low} to {high} for a tensor of {n} elements"
            )
    flat = input.reshape(-1)
    return flat.index_put((index.reshape(-1),), source.reshape(-1), accumulate=accumulate).reshape(
        input.shape
    )


_REDUCTIONS = ("prod", "mean", "amax", "amin")


@operator(
    "index_reduce(Tensor input, int dim, Tensor index, Tensor source, str reduce, *, "
    "bool include_self=True, Tensor? out=None)",
    method=True,
    inplace=True,
)
def index_reduce(
    input: Tensor,
    dim: int,
    index: Tensor,
    source: Tensor,
    reduce: str,
    *,
    include_self: bool = True,
) -> Tensor:
    """A copy into whose slices those of source are reduced: slice i into slice index[i].

    Args:
        index: int64 or int32 [n]; source: shaped as the input but n long in `dim`.
        reduce: "prod", "mean", "amax" or "amin".
        include_self: whether the input's own elements take part.

    >>> import lampas
    >>> x, source = lampas.ones(2), lampas.tensor([5.0, 3.0])
    >>> lampas.index_reduce(x, 0, lampas.tensor([0, 0]), source, "amax")
    tensor([5., 1.])
    """
    if reduce not in _REDUCTIONS:
        raise RuntimeError(
            "index_reduce(): Expected reduce to be one of prod, mean, amax or amin "
            f"but got {reduce}"
        )
    if index.dtype not in (_C.int64, _C.int32):
        raise RuntimeError(
            f"index_reduce(): Expected dtype int32/int64 for index but got: {index.dtype}"
        )
    if index.dim() > 1:
        raise IndexError(
            f"index_reduce(): Index is supposed to be a vector, but got dim: {index.dim()}"
        )
    if input.dtype != source.dtype:
        raise RuntimeError(
            "index_reduce(): self and source expected to have the same dtype, but got (self) "
            f"{input.dtype} and (source) {source.dtype}"
        )
    ndim = max(input.dim(), 1)
    if not -ndim <= dim < ndim:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-ndim}, {ndim - 1}], "
            f"but got {dim})"
        )
    axis = dim % ndim
    length = source.size(axis) if source.dim() else 1
    if index.numel() != length:
        raise RuntimeError(
            f"index_reduce(): Number of indices ({index.numel()}) should be equal to "
            f"source.size(dim): ({length}), for dim: {dim}"
        )
    n = input.size(axis) if input.dim() else 1
    if index.numel() and not index.is_meta:
        low, high = (int(t) for t in (index.amin(), index.amax()))
        if low < 0 or high >= n:
            raise IndexError(
                f"index_reduce(): index out of range in self: from {low} to {high} for dimension "
                f"{axis} of size {n}"
            )
    shape = [1] * max(source.dim(), 0)
    if shape:
        shape[axis] = -1
    places = index.to(_C.int64).reshape(shape).expand(source.shape)
    return input.scatter_reduce(axis, places, source, reduce, include_self=include_self)


@operator("fill(Tensor input, Number value)", "fill(Tensor input, Tensor value)")
def fill(input: Tensor, value: Any) -> Tensor:
    """A tensor shaped as the input with one value everywhere.

    >>> import lampas
    >>> lampas.fill(lampas.zeros(2), 3)
    tensor([3., 3.])
    """
    return input.clone().fill_(value)


@operator(
    "nonzero_static(Tensor input, *, int size, int fill_value=-1, Tensor? out=None)", method=True
)
def nonzero_static(input: Tensor, *, size: int, fill_value: int = -1) -> Tensor:
    """The places [size, ndim] of the first `size` nonzero elements, rows of fill_value after them.

    >>> import lampas
    >>> lampas.nonzero_static(lampas.tensor([0, 7, 0]), size=2)
    tensor([[ 1],
            [-1]])
    """
    if size < 0:
        raise RuntimeError(f"nonzero_static: 'size' must be an non-negative integer, got {size}")
    if input.is_meta:
        return _C.empty(size, input.dim(), dtype=_C.int64, device="meta")
    found = input.nonzero()[:size]
    if found.size(0) == size:
        return found
    rest = _C.full((size - found.size(0), input.dim()), fill_value, dtype=_C.int64)
    return _C.cat([found, rest])
