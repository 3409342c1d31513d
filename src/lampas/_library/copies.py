"""Views as fresh tensors: `name_copy` is `name` followed by a copy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lampas import _C
from lampas._C import Tensor
from lampas._library import operator

_SIGNATURES = [
    "alias_copy(Tensor input, *, Tensor? out=None)",
    "as_strided_copy(Tensor input, int[] size, int[] stride, int? storage_offset=None, *, "
    "Tensor? out=None)",
    "detach_copy(Tensor input, *, Tensor? out=None)",
    "narrow_copy(Tensor input, int dim, int start, int length, *, Tensor? out=None)",
    "diagonal_copy(Tensor input, int offset=0, int dim1=0, int dim2=1, *, Tensor? out=None)",
    "expand_copy(Tensor input, int[] size, *, bool implicit=False, Tensor? out=None)",
    "permute_copy(Tensor input, int[] dims, *, Tensor? out=None)",
    "select_copy(Tensor input, int dim, int index, *, Tensor? out=None)",
    "slice_copy(Tensor input, int dim=0, int? start=None, int? end=None, int step=1, *, "
    "Tensor? out=None)",
    "t_copy(Tensor input, *, Tensor? out=None)",
    "transpose_copy(Tensor input, int dim0, int dim1, *, Tensor? out=None)",
    "unfold_copy(Tensor input, int dimension, int size, int step, *, Tensor? out=None)",
    "unsqueeze_copy(Tensor input, int dim, *, Tensor? out=None)",
    "view_as_complex_copy(Tensor input, *, Tensor? out=None)",
    "view_as_real_copy(Tensor input, *, Tensor? out=None)",
]


def _sliced(
    input: Tensor, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> Tensor:
    place = (slice(None),) * (dim % max(input.dim(), 1))
    index = (*place, slice(start, end, step))
    return input[index]


_VIEWS: dict[str, Callable[..., Tensor]] = {
    "alias": lambda x: x.view_as(x),
    "expand": lambda x, size, implicit=False: x.expand(size),
    "slice": _sliced,
    "unfold": lambda x, dimension, size, step: x.unfold(dimension, size, step),
    "view_as_complex": _C.view_as_complex,
    "view_as_real": _C.view_as_real,
}


def _copying(name: str) -> Callable[..., Tensor]:
    view = _VIEWS.get(name) or getattr(Tensor, name)

    def copy(input: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        return view(input, *args, **kwargs).clone(memory_format=_C.contiguous_format)

    copy.__doc__ = f"A fresh tensor with the elements of the view :meth:`Tensor.{name}`."
    return copy


for _signature in _SIGNATURES:
    _name = _signature[: _signature.index("_copy(")]
    globals()[f"{_name}_copy"] = operator(_signature)(_copying(_name))


@operator(
    "view_copy(Tensor input, int[] size, *, Tensor? out=None)",
    "view_copy(Tensor input, dtype dtype, *, Tensor? out=None)",
)
def view_copy(input: Tensor, size: Any = None, dtype: Any = None) -> Tensor:
    """A fresh tensor with the elements of the view :meth:`Tensor.view`."""
    return input.view(dtype if size is None else size).clone()


@operator(
    "squeeze_copy(Tensor input, *, Tensor? out=None)",
    "squeeze_copy(Tensor input, int[1] dim, *, Tensor? out=None)",
)
def squeeze_copy(input: Tensor, dim: Any = None) -> Tensor:
    """A fresh tensor with the elements of the view :meth:`Tensor.squeeze`."""
    return (input.squeeze() if dim is None else input.squeeze(dim)).clone()


def _listed(*parts: Tensor) -> tuple[Tensor, ...]:
    return tuple(part.clone(memory_format=_C.contiguous_format) for part in parts)


@operator("unbind_copy(Tensor input, int dim=0, *, Tensor[]? out=None)")
def unbind_copy(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """Fresh tensors with the elements of the views :meth:`Tensor.unbind`."""
    if input.dim() == 0:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    return _listed(*input.unbind(dim))


@operator("split_copy(Tensor input, int split_size, int dim=0, *, Tensor[]? out=None)")
def split_copy(input: Tensor, split_size: int, dim: int = 0) -> tuple[Tensor, ...]:
    """Fresh tensors with the elements of the views :meth:`Tensor.split`."""
    return _listed(*input.split(split_size, dim))


@operator(
    "split_with_sizes_copy(Tensor input, int[] split_sizes, int dim=0, *, Tensor[]? out=None)"
)
def split_with_sizes_copy(input: Tensor, split_sizes: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Fresh tensors with the elements of the views :meth:`Tensor.split_with_sizes`."""
    return _listed(*input.split(list(split_sizes), dim))
