"""Views and other rearrangements under vmap."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lampas import _C
from lampas.func._batched import Level, of_level, unwrap
from lampas.func._rules_elementwise import lined_up, rank_of

RULES: dict[str, Callable[..., Any]] = {}


def rule(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Makes a function the rule of operators."""

    def keep(f: Callable[..., Any]) -> Callable[..., Any]:
        for name in names:
            RULES[name] = f
        return f

    return keep


def shifted(dim: int, rank: int) -> int:
    """A sample's dimension as one of the batch.

    Raises:
        IndexError: a sample has no such dimension.
    """
    span = max(rank, 1)
    if not -span <= dim < span:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-span}, {span - 1}], but got "
            f"{dim})"
        )
    return dim % span + 1


def _sizes(size: Any) -> list[int]:
    if len(size) == 1 and not isinstance(size[0], int):
        size = size[0]
    return list(size)


def _one(of: Any, names: tuple[str, ...], kwargs: dict[str, Any]) -> Any:
    for name in names:
        if name in kwargs:
            return kwargs[name]
    return of


@rule("view", "reshape")
def _reshape(func: Any, level: Level, x: Any, *shape: Any, **kwargs: Any) -> Any:
    if "dtype" in kwargs or (shape and isinstance(shape[0], _C.dtype)):
        return func(x._value, *shape, **kwargs) if x.dim() else NotImplemented
    sizes = _sizes(kwargs.get("shape", kwargs.get("size", shape)))
    if -1 in sizes:  # what is left over is a sample's, also in an empty batch
        known = 1
        for s in sizes:
            known *= 1 if s == -1 else s
        if known == 0 or x.numel() % known or sizes.count(-1) > 1:
            return NotImplemented
        sizes[sizes.index(-1)] = x.numel() // known
    return func(x._value, [level.size, *sizes])


@rule("view_as", "reshape_as")
def _reshape_as(func: Any, level: Level, x: Any, other: Any) -> Any:
    value = unwrap(x, level)
    shape = [level.size, *other.shape]
    return value.view(shape) if func.__name__ == "view_as" else value.reshape(shape)


@rule("expand", "broadcast_to")
def _expand(func: Any, level: Level, x: Any, *size: Any, **kwargs: Any) -> Any:
    sizes = _sizes(kwargs.get("size", size))
    return lined_up(x, level, len(sizes)).expand(level.size, *sizes)


@rule("expand_as")
def _expand_as(func: Any, level: Level, x: Any, other: Any) -> Any:
    if not of_level(x, level):
        return unwrap(x.expand(other.shape), level)
    return lined_up(x, level, other.dim()).expand(level.size, *other.shape)


@rule("permute")
def _permute(func: Any, level: Level, x: Any, *dims: Any, **kwargs: Any) -> Any:
    order = _sizes(kwargs.get("dims", dims))
    return x._value.permute([0, *(shifted(d, x.dim()) for d in order)])


@rule("transpose", "swapaxes", "swapdims")
def _transpose(func: Any, level: Level, x: Any, dim0: int, dim1: int) -> Any:
    if not x.dim():
        return NotImplemented
    return x._value.transpose(shifted(dim0, x.dim()), shifted(dim1, x.dim()))


@rule("movedim", "moveaxis")
def _movedim(func: Any, level: Level, x: Any, source: Any, destination: Any) -> Any:
    def moved(d: Any) -> Any:
        return shifted(d, x.dim()) if isinstance(d, int) else tuple(shifted(i, x.dim()) for i in d)

    return x._value.movedim(moved(source), moved(destination)) if x.dim() else NotImplemented


@rule("t")
def _t(func: Any, level: Level, x: Any) -> Any:
    return (
        x._value.transpose(1, 2)
        if x.dim() == 2
        else x._value.clone()
        if x.dim() < 2
        else NotImplemented
    )


@rule("adjoint")
def _adjoint(func: Any, level: Level, x: Any) -> Any:
    return func(x._value) if x.dim() >= 2 else NotImplemented


@rule("unsqueeze")
def _unsqueeze(func: Any, level: Level, x: Any, dim: int) -> Any:
    return func(x._value, shifted(dim, x.dim() + 1))


@rule("squeeze")
def _squeeze(func: Any, level: Level, x: Any, dim: Any = None) -> Any:
    if dim is None:
        dim = list(range(x.dim()))
    dims = [dim] if isinstance(dim, int) else list(dim)
    if not x.dim():
        return x._value.clone()
    wanted = {shifted(d, x.dim()) for d in dims}
    return x._value.squeeze([d for d in sorted(wanted) if x.shape[d - 1] == 1])


@rule("flatten")
def _flatten(func: Any, level: Level, x: Any, start_dim: int = 0, end_dim: int = -1) -> Any:
    if not x.dim():
        return x._value.unsqueeze(-1)
    return func(x._value, shifted(start_dim, x.dim()), shifted(end_dim, x.dim()))


@rule("ravel")
def _ravel(func: Any, level: Level, x: Any) -> Any:
    return x._value.reshape(level.size, x.numel())


@rule("unflatten")
def _unflatten(func: Any, level: Level, x: Any, dim: int, sizes: Any) -> Any:
    return func(x._value, shifted(dim, x.dim()), sizes)


@rule("select")
def _select(func: Any, level: Level, x: Any, dim: int, index: int) -> Any:
    return func(x._value, shifted(dim, x.dim()), index) if x.dim() else NotImplemented


@rule("narrow")
def _narrow(func: Any, level: Level, x: Any, dim: int, start: Any, length: int) -> Any:
    if not x.dim() or not isinstance(start, int):
        return NotImplemented
    return func(x._value, shifted(dim, x.dim()), start, length)


@rule("unbind")
def _unbind(func: Any, level: Level, x: Any, dim: int = 0) -> Any:
    return func(x._value, shifted(dim, x.dim())) if x.dim() else NotImplemented


@rule("split", "split_with_sizes", "chunk", "unsafe_split", "unsafe_chunk", "tensor_split")
def _split(func: Any, level: Level, x: Any, *args: Any, dim: int = 0, **kwargs: Any) -> Any:
    if len(args) == 2:
        args, dim = args[:1], args[1]  # type: ignore[misc]
    if not x.dim() or not of_level(x, level):
        return NotImplemented
    return func(x._value, *args, dim=shifted(dim, x.dim()), **kwargs)


@rule("diagonal")
def _diagonal(
    func: Any, level: Level, x: Any, offset: int = 0, dim1: int = 0, dim2: int = 1
) -> Any:
    return func(x._value, offset, shifted(dim1, x.dim()), shifted(dim2, x.dim()))


@rule("unfold")
def _unfold(func: Any, level: Level, x: Any, dimension: int, size: int, step: int) -> Any:
    if not x.dim():
        return NotImplemented
    return func(x._value, shifted(dimension, x.dim()), size, step)


@rule("repeat", "tile")
def _repeat(func: Any, level: Level, x: Any, *repeats: Any, **kwargs: Any) -> Any:
    counts = _sizes(kwargs.get("repeats", kwargs.get("dims", repeats)))
    if len(counts) < x.dim():
        if func.__name__ == "repeat":
            return NotImplemented
        counts = [1] * (x.dim() - len(counts)) + counts
    return lined_up(x, level, len(counts)).repeat(1, *counts)


@rule("as_strided", "as_strided_copy")
def _as_strided(
    func: Any, level: Level, x: Any, size: Any, stride: Any, storage_offset: int | None = None
) -> Any:
    # Offsets count from a sample's first element.
    value = x._value
    start = value.storage_offset() + (storage_offset or 0)
    return func(value, [level.size, *size], [value.stride(0), *stride], start)


@rule("as_strided_scatter")
def _as_strided_scatter(
    func: Any, level: Level, x: Any, src: Any, size: Any, stride: Any, storage_offset: Any = None
) -> Any:
    value = unwrap(x, level).contiguous()
    start = storage_offset or 0
    strides = [value.stride(0), *stride]
    return func(value, unwrap(src, level), [level.size, *size], strides, start)


@rule("contiguous")
def _contiguous(func: Any, level: Level, x: Any, **kwargs: Any) -> Any:
    return func(x._value)


@rule("tril", "triu")
def _triangle(func: Any, level: Level, x: Any, diagonal: int = 0) -> Any:
    return func(x._value, diagonal) if x.dim() >= 2 else NotImplemented


@rule("diag_embed")
def _diag_embed(
    func: Any, level: Level, x: Any, offset: int = 0, dim1: int = -2, dim2: int = -1
) -> Any:
    rank = x.dim() + 1
    return func(x._value, offset, shifted(dim1, rank), shifted(dim2, rank))


@rule("flip")
def _flip(func: Any, level: Level, x: Any, *dims: Any, **kwargs: Any) -> Any:
    wanted = _sizes(kwargs.get("dims", dims))
    return func(x._value, [shifted(d, x.dim()) for d in wanted]) if x.dim() else NotImplemented


@rule("roll")
def _roll(func: Any, level: Level, x: Any, shifts: Any, dims: Any = ()) -> Any:
    wanted = [dims] if isinstance(dims, int) else list(dims)
    if not x.dim():
        return NotImplemented
    if wanted:
        return func(x._value, shifts, [shifted(d, x.dim()) for d in wanted])
    return func(x._value.flatten(1), shifts, 1).reshape(level.size, *x.shape)


@rule("cat", "concat", "concatenate")
def _cat(func: Any, level: Level, tensors: Any, dim: int = 0, **kwargs: Any) -> Any:
    dim = _one(dim, ("axis",), kwargs)
    values = [unwrap(t, level) for t in tensors]
    return func(values, shifted(dim, max(rank_of(t) for t in tensors)))


@rule("stack")
def _stack(func: Any, level: Level, tensors: Any, dim: int = 0) -> Any:
    return func([unwrap(t, level) for t in tensors], shifted(dim, tensors[0].dim() + 1))
