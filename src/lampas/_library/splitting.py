"""Splits of tensors into views."""

from __future__ import annotations

from collections.abc import Sequence

from lampas import _C
from lampas._C import Tensor
from lampas._library import operator


def _split_at(input: Tensor, where: Sequence[int], dim: int) -> tuple[Tensor, ...]:
    """The parts between the given indices, which are limited as Python's slices are."""
    size = input.size(dim)
    starts = [0, *where]
    ends = [*where, size]
    parts = []
    for start, end in zip(starts, ends, strict=True):
        first, last, _ = slice(start, end).indices(size)
        parts.append(input.narrow(dim, min(first, size), max(last - first, 0)))
    return tuple(parts)


def _sections(input: Tensor, sections: int, dim: int, name: str) -> tuple[Tensor, ...]:
    if input.dim() == 0:
        raise RuntimeError(
            f"{name} expected at least a 1-dimensional tensor, but got a tensor with 0 dims"
        )
    if sections <= 0:
        raise RuntimeError(f"{name}: number of sections must be larger than 0, got {sections}")
    size = input.size(dim)
    base, longer = divmod(size, sections)
    sizes = [base + 1] * longer + [base] * (sections - longer)
    return tuple(input.split(sizes, dim))


def _tensor_split(input: Tensor, how: int | Sequence[int] | Tensor, dim: int) -> tuple[Tensor, ...]:
    if input.dim() == 0:
        raise RuntimeError(
            "tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 dims"
        )
    if isinstance(how, Tensor):
        if how.dtype is not _C.int64 or how.dim() > 1:
            raise RuntimeError(
                "tensor_split expected tensor_indices_or_sections to be a zero-dimensional or "
                f"one-dimensional long tensor, got shape {tuple(how.shape)} of {how.dtype}"
            )
        how = [int(i) for i in how.tolist()] if how.dim() else int(how.item())
    if isinstance(how, int):
        return _sections(input, how, dim, "tensor_split")
    return _split_at(input, list(how), dim)


@operator(
    "tensor_split(Tensor input, int sections, int dim=0)",
    "tensor_split(Tensor input, int[] indices, int dim=0)",
    "tensor_split(Tensor input, Tensor tensor_indices_or_sections, int dim=0)",
    method=True,
)
def tensor_split(
    input: Tensor,
    sections: int | None = None,
    dim: int = 0,
    indices: Sequence[int] | None = None,
    tensor_indices_or_sections: Tensor | None = None,
) -> tuple[Tensor, ...]:
    """Views of a tensor: a number of nearly equal parts, or the parts between indices.

    >>> import lampas
    >>> lampas.tensor_split(lampas.arange(5), 2)
    (tensor([0, 1, 2]), tensor([3, 4]))
    """
    how = next(x for x in (sections, indices, tensor_indices_or_sections) if x is not None)
    return _tensor_split(input, how, dim)


def _stacked_split(
    input: Tensor, how: int | Sequence[int], dim: int, name: str, least: int
) -> tuple[Tensor, ...]:
    if input.dim() < least:
        raise RuntimeError(
            f"torch.{name} requires a tensor with at least {least} dimension"
            f"{'s' if least > 1 else ''}, but got a tensor with {input.dim()} dimensions!"
        )
    if isinstance(how, int):
        if how == 0 or input.size(dim) % how:
            raise RuntimeError(
                f"torch.{name} attempted to split along dimension {dim}, but the size of the "
                f"dimension {input.size(dim)} is not divisible by the split_size {how}!"
            )
        return _sections(input, how, dim, name)
    return _split_at(input, how, dim)


@operator("hsplit(Tensor input, int sections)", "hsplit(Tensor input, int[] indices)", method=True)
def hsplit(
    input: Tensor, sections: int | None = None, indices: Sequence[int] = ()
) -> tuple[Tensor, ...]:
    """Views of the parts along the second dimension, or the first of a vector.

    >>> import lampas
    >>> lampas.hsplit(lampas.arange(4), 2)
    (tensor([0, 1]), tensor([2, 3]))
    """
    how = indices if sections is None else sections
    return _stacked_split(input, how, 0 if input.dim() == 1 else 1, "hsplit", 1)


@operator("vsplit(Tensor input, int sections)", "vsplit(Tensor input, int[] indices)", method=True)
def vsplit(
    input: Tensor, sections: int | None = None, indices: Sequence[int] = ()
) -> tuple[Tensor, ...]:
    """Views of the parts along the first dimension of a tensor with at least two.

    >>> import lampas
    >>> lampas.vsplit(lampas.eye(2), 2)
    (tensor([[1., 0.]]), tensor([[0., 1.]]))
    """
    return _stacked_split(input, indices if sections is None else sections, 0, "vsplit", 2)


@operator("dsplit(Tensor input, int sections)", "dsplit(Tensor input, int[] indices)", method=True)
def dsplit(
    input: Tensor, sections: int | None = None, indices: Sequence[int] = ()
) -> tuple[Tensor, ...]:
    """Views of the parts along the third dimension of a tensor with at least three.

    >>> import lampas
    >>> [part.shape for part in lampas.dsplit(lampas.ones(1, 1, 4), 2)]
    [torch.Size([1, 1, 2]), torch.Size([1, 1, 2])]
    """
    return _stacked_split(input, indices if sections is None else sections, 2, "dsplit", 3)


@operator("unsafe_chunk(Tensor input, int chunks, int dim=0)", method=True)
def unsafe_chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """:func:`chunk`; here its views are always tracked."""
    return tuple(input.chunk(chunks, dim))


@operator("unsafe_split(Tensor input, int split_size, int dim=0)", method=True)
def unsafe_split(input: Tensor, split_size: int, dim: int = 0) -> tuple[Tensor, ...]:
    """:func:`split`; here its views are always tracked."""
    return tuple(input.split(split_size, dim))


@operator("unsafe_split_with_sizes(Tensor input, int[] split_sizes, int dim=0)", method=True)
def unsafe_split_with_sizes(
    input: Tensor, split_sizes: Sequence[int], dim: int = 0
) -> tuple[Tensor, ...]:
    """:func:`split` by sizes; here its views are always tracked."""
    return tuple(input.split(list(split_sizes), dim))
