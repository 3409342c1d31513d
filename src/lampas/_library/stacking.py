"""Tensors put together: stacks, grids, products of sets."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from lampas import _C
from lampas._C import Tensor
from lampas._library import listed, operator
from lampas._library.broadcasting import tensors_of


def _raised(x: Tensor, least: int) -> Tensor:
    """The tensor with at least that many dimensions, placed as NumPy places them."""
    if x.dim() >= least:
        return x
    if least == 1:
        return x.reshape(1)
    if least == 2:
        return x.reshape(1, -1)
    return (
        x.reshape(1, 1, 1)
        if x.dim() == 0
        else x.unsqueeze(-1)
        if x.dim() == 2
        else x[None, :, None]
    )


def _at_least(tensors: Any, least: int) -> Any:
    if isinstance(tensors, Tensor):
        return _raised(tensors, least)
    for x in tensors:
        if not isinstance(x, Tensor):
            raise TypeError(f"atleast_{least}d(): expected Tensors, got {type(x).__name__}")
    return tuple(_raised(x, least) for x in tensors)


def _all(tensors: tuple[Any, ...]) -> Any:
    return tensors[0] if len(tensors) == 1 else tensors


def tensors_or_list(tensors: tuple[Any, ...]) -> Any:
    """Tensors given one by one, or as one list."""
    alone = len(tensors) == 1 and isinstance(tensors[0], (list, tuple))
    return tensors[0] if alone else tensors


@listed
def atleast_1d(*tensors: Any) -> Any:
    """Tensors with at least one dimension.

    >>> import lampas
    >>> lampas.atleast_1d(lampas.tensor(2.0))
    tensor([2.])
    """
    return _at_least(_all(tensors), 1)


@listed
def atleast_2d(*tensors: Any) -> Any:
    """Tensors with at least two dimensions; new ones come first.

    >>> import lampas
    >>> lampas.atleast_2d(lampas.ones(3)).shape
    torch.Size([1, 3])
    """
    return _at_least(_all(tensors), 2)


@listed
def atleast_3d(*tensors: Any) -> Any:
    """Tensors with at least three dimensions, as NumPy places them.

    >>> import lampas
    >>> lampas.atleast_3d(lampas.ones(3)).shape
    torch.Size([1, 3, 1])
    """
    return _at_least(_all(tensors), 3)


@operator("hstack(Tensor[] tensors, *, Tensor? out=None)")
def hstack(tensors: Sequence[Tensor]) -> Tensor:
    """Tensors side by side: along the second dimension, or the first of vectors.

    >>> import lampas
    >>> lampas.hstack([lampas.tensor([1]), lampas.tensor([2])])
    tensor([1, 2])
    """
    if not tensors:
        raise RuntimeError("hstack expects a non-empty TensorList")
    raised = [_raised(x, 1) for x in tensors]
    return _C.cat(raised, 0 if raised[0].dim() == 1 else 1)


@operator("vstack(Tensor[] tensors, *, Tensor? out=None)")
def vstack(tensors: Sequence[Tensor]) -> Tensor:
    """Tensors one above the other.

    >>> import lampas
    >>> lampas.vstack([lampas.tensor([1, 2]), lampas.tensor([3, 4])])
    tensor([[1, 2],
            [3, 4]])
    """
    if not tensors:
        raise RuntimeError("vstack expects a non-empty TensorList")
    return _C.cat([_raised(x, 2) for x in tensors], 0)


@operator("row_stack(Tensor[] tensors, *, Tensor? out=None)")
def row_stack(tensors: Sequence[Tensor]) -> Tensor:
    """:func:`vstack`."""
    return vstack(tensors)


@operator("dstack(Tensor[] tensors, *, Tensor? out=None)")
def dstack(tensors: Sequence[Tensor]) -> Tensor:
    """Tensors one behind the other.

    >>> import lampas
    >>> lampas.dstack([lampas.tensor([1, 2]), lampas.tensor([3, 4])])
    tensor([[[1, 3],
             [2, 4]]])
    """
    if not tensors:
        raise RuntimeError("dstack expects a non-empty TensorList")
    return _C.cat([_raised(x, 3) for x in tensors], 2)


@operator("column_stack(Tensor[] tensors, *, Tensor? out=None)")
def column_stack(tensors: Sequence[Tensor]) -> Tensor:
    """Tensors side by side, vectors as columns.

    >>> import lampas
    >>> lampas.column_stack([lampas.tensor([1, 2]), lampas.tensor([3, 4])])
    tensor([[1, 3],
            [2, 4]])
    """
    if not tensors:
        raise RuntimeError("column_stack expects a non-empty TensorList")
    return _C.cat([x.reshape(-1, 1) if x.dim() < 2 else x for x in tensors], 1)


@listed
def block_diag(*tensors: Tensor) -> Tensor:
    """A matrix with the given ones along its diagonal.

    >>> import lampas
    >>> lampas.block_diag(lampas.tensor([[1]]), lampas.tensor([[2, 3]]))
    tensor([[1, 0, 0],
            [0, 2, 3]])
    """
    given = tensors_or_list(tensors)
    if not given:
        return _C.empty(1, 0)
    for i, x in enumerate(tensors_of(given)):
        if x.dim() > 2:
            raise RuntimeError(
                "torch.block_diag: Input tensors must have 2 or fewer dimensions. "
                f"Input {i} has {x.dim()} dimensions"
            )
    blocks = [_raised(x, 2) for x in given]
    dtype = blocks[0].dtype
    for block in blocks[1:]:
        dtype = _C.promote_types(dtype, block.dtype)
    width, left, rows = sum(b.size(1) for b in blocks), 0, []
    for block in blocks:
        height, columns = block.shape
        before = _C.zeros(height, left, dtype=dtype, device=block.device)
        left += columns
        after = _C.zeros(height, width - left, dtype=dtype, device=block.device)
        rows.append(_C.cat([before, block.to(dtype), after], 1))
    return _C.cat(rows, 0)


@listed
def cartesian_prod(*tensors: Tensor) -> Tensor:
    """All combinations of one element of each vector, in order; one vector is itself.

    >>> import lampas
    >>> lampas.cartesian_prod(lampas.tensor([1, 2]), lampas.tensor([3, 4]))
    tensor([[1, 3],
            [1, 4],
            [2, 3],
            [2, 4]])
    """
    given = tensors_or_list(tensors)
    for x in tensors_of(given):
        if x.dim() != 1:
            raise RuntimeError(f"Expect a 1D vector, but got shape {list(x.shape)}")
    if len(given) == 1:
        return given[0]
    return _C.stack([grid.flatten() for grid in meshgrid(*given, indexing="ij")], 1)


@listed
def meshgrid(*tensors: Any, indexing: str | None = None) -> tuple[Tensor, ...]:
    """The coordinates of a grid: each vector expanded over the dimensions of the others.

    Args:
        indexing: "ij" (default), or "xy" where the first two dimensions change places.

    >>> import lampas
    >>> lampas.meshgrid(lampas.tensor([1, 2]), lampas.tensor([3, 4]), indexing="ij")
    (tensor([[1, 1],
            [2, 2]]), tensor([[3, 4],
            [3, 4]]))
    """
    given = tensors_or_list(tensors)
    if indexing not in (None, "ij", "xy"):
        raise RuntimeError(
            'torch.meshgrid: indexing must be one of "xy" or "ij", but received: ' + str(indexing)
        )
    if not given:
        raise RuntimeError("meshgrid expects a non-empty TensorList")
    for x in tensors_of(given):
        if x.dim() > 1:
            raise RuntimeError(
                f"torch.meshgrid: Expected 0D or 1D tensor in the tensor list but got: {x.dim()}D"
            )
        if x.dtype is not given[0].dtype:
            raise RuntimeError("torch.meshgrid expects all tensors to have the same dtype")
    swap = indexing == "xy" and len(given) >= 2
    if swap:
        given = (given[1], given[0], *given[2:])
    shape = [x.numel() for x in given]
    grids = []
    for i, x in enumerate(given):
        place = [1] * len(given)
        place[i] = -1
        grids.append(x.reshape(place).expand(shape))
    if swap:
        grids[0], grids[1] = grids[1], grids[0]
    return tuple(grids)


@operator("combinations(Tensor input, int r=2, bool with_replacement=False)")
def combinations(input: Tensor, r: int = 2, with_replacement: bool = False) -> Tensor:
    """All choices of `r` elements of a vector, in order, a row each.

    >>> import lampas
    >>> lampas.combinations(lampas.tensor([1, 2, 3]))
    tensor([[1, 2],
            [1, 3],
            [2, 3]])
    """
    import itertools

    if input.dim() != 1:
        raise RuntimeError(f"Expect a 1D vector, but got shape {list(input.shape)}")
    if r < 0:
        raise RuntimeError(f"Expect a non-negative number, but got {r}")
    if r == 0:
        return _C.empty(0, dtype=input.dtype)
    n = input.numel()
    if n > 1 and r * math.log2(n) >= 63:
        raise RuntimeError(
            f"combinations: {r} of {n} elements are too many to be counted; choose fewer"
        )
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    rows = list(choose(range(n), r))
    index = _C.tensor(rows, dtype=_C.int64, device=input.device).reshape(len(rows), r)
    return input[index]
