"""Tensors repeated, mirrored and turned."""

from __future__ import annotations

from collections.abc import Sequence

from lampas import _C
from lampas._C import Tensor
from lampas._library import operator


@operator("fliplr(Tensor input)", method=True)
def fliplr(input: Tensor) -> Tensor:
    """The columns in reverse order, of a tensor with at least two dimensions.

    >>> import lampas
    >>> lampas.fliplr(lampas.tensor([[1, 2], [3, 4]]))
    tensor([[2, 1],
            [4, 3]])
    """
    if input.dim() < 2:
        raise RuntimeError(f"Input must be >= 2-d (fliplr), got shape {tuple(input.shape)}")
    return input.flip(1)


@operator("flipud(Tensor input)", method=True)
def flipud(input: Tensor) -> Tensor:
    """The rows in reverse order.

    >>> import lampas
    >>> lampas.flipud(lampas.tensor([1, 2]))
    tensor([2, 1])
    """
    if input.dim() < 1:
        raise RuntimeError("Input must be >= 1-d (flipud), got a scalar")
    return input.flip(0)


@operator("rot90(Tensor input, int k=1, int[]? dims=None)", method=True)
def rot90(input: Tensor, k: int = 1, dims: Sequence[int] = (0, 1)) -> Tensor:
    """Turned k times by 90 degrees, from the first of two dimensions towards the second.

    >>> import lampas
    >>> lampas.rot90(lampas.tensor([[1, 2], [3, 4]]))
    tensor([[2, 4],
            [1, 3]])
    """
    if len(dims) != 2:
        raise RuntimeError(f"expected total rotation dims == 2, but got dims = {len(dims)}")
    ndim = input.dim()
    if ndim < 2:
        raise RuntimeError(f"expected total dims >= 2, but got total dims = {ndim}")
    for d in dims:
        if not -ndim <= d < ndim:
            raise RuntimeError(f"Rotation dim out of range: {d} of a {ndim}-dimensional tensor")
    a, b = (d % ndim for d in dims)
    if a == b:
        raise RuntimeError(
            f"expected rotation dims to be different, but got dim0 = {dims[0]} and dim1 = {dims[1]}"
        )
    turns = k % 4
    if turns == 1:
        return input.flip(b).transpose(a, b)
    if turns == 2:
        return input.flip(a, b)
    if turns == 3:
        return input.flip(a).transpose(a, b)
    return input.clone()


@operator("tile(Tensor input, int[]* dims)", method=True)
def tile(input: Tensor, dims: Sequence[int]) -> Tensor:
    """Repeated along its dimensions; dimensions are added in front on either side as needed.

    >>> import lampas
    >>> lampas.tile(lampas.tensor([1, 2]), (2,))
    tensor([1, 2, 1, 2])
    """
    missing = input.dim() - len(dims)
    return input.repeat(*([1] * max(missing, 0)), *dims)


@operator(
    "repeat_interleave(Tensor input, int repeats, int? dim=None, *, int? output_size=None)",
    "repeat_interleave(Tensor input, Tensor repeats, int? dim=None, *, int? output_size=None)",
    "repeat_interleave(Tensor repeats, *, int? output_size=None)",
    method=True,
)
def repeat_interleave(
    input: Tensor | None = None,
    repeats: int | Tensor | None = None,
    dim: int | None = None,
    *,
    output_size: int | None = None,
) -> Tensor:
    """Every element, or slice of a dimension, repeated in its place.

    Args:
        input: a tensor; without it, index i is given repeats[i] times.
        repeats: how often, one number or a vector of one for each slice.
        dim: the dimension; the flattened input without it.
        output_size: the length of the result where it is known.

    >>> import lampas
    >>> lampas.repeat_interleave(lampas.tensor([1, 2]), 2)
    tensor([1, 1, 2, 2])
    """
    if input is None:
        assert isinstance(repeats, Tensor)
        return _places(repeats, output_size)
    if repeats is None:
        return _places(input, output_size)
    x = input.reshape(-1) if dim is None else input
    axis = 0 if dim is None else dim
    if x.dim() == 0:
        x = x.reshape(1)
    n = x.size(axis)
    if isinstance(repeats, int):
        if repeats < 0:
            raise RuntimeError(f"repeats can not be negative, got {repeats}")
        _check_size(output_size, n * repeats)
        places = _C.arange(n, device=x.device).unsqueeze(-1).expand(n, repeats)
        return x.index_select(axis, places.reshape(-1))
    counts = repeats
    if counts.dim() > 1:
        raise RuntimeError(
            f"repeats must be 0-dim or 1-dim tensor, got shape {tuple(counts.shape)}"
        )
    if counts.numel() == 1:
        counts = counts.reshape(1).expand(n)
    if counts.numel() != n:
        raise RuntimeError(
            "repeats must have the same size as input along dim, but got repeats.size(0) = "
            f"{counts.numel()} and input.size({axis}) = {n}"
        )
    return x.index_select(axis, _places(counts, output_size))


def _check_size(output_size: int | None, total: int) -> None:
    if output_size not in (None, total):
        raise RuntimeError(
            f"allocated size does not match required size: output_size is {output_size}, "
            f"but the repeats add up to {total}"
        )


def _places(repeats: Tensor, output_size: int | None) -> Tensor:
    """Index i, repeats[i] times."""
    if repeats.dim() != 1:
        raise RuntimeError(
            f"repeat_interleave only accept 1D vector as repeat, got shape {tuple(repeats.shape)}"
        )
    if repeats.dtype not in (_C.int64, _C.int32):
        raise RuntimeError(f"repeats has to be Long or Int tensor, got {repeats.dtype}")
    if repeats.is_meta and output_size is not None:
        return _C.empty(output_size, dtype=repeats.dtype, device="meta")
    if repeats.numel() and int(repeats.amin()) < 0:
        raise RuntimeError("repeats can not be negative")
    ends = repeats.cumsum(0)
    total = int(ends[-1]) if ends.numel() else 0
    _check_size(output_size, total)
    places = _C.searchsorted(ends.to(_C.int64), _C.arange(total), right=True)
    return places.to(repeats.dtype)


@operator("narrow_copy(Tensor input, int dim, int start, int length)", method=True)
def narrow_copy(input: Tensor, dim: int, start: int, length: int) -> Tensor:
    """A copy of `narrow`.

    >>> import lampas
    >>> lampas.Tensor.narrow_copy(lampas.arange(4), 0, 1, 2)
    tensor([1, 2])
    """
    return input.narrow(dim, start, length).clone()
