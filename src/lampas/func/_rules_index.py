"""Indexing, gathering and scattering under vmap."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lampas import _C
from lampas._tensor import Tensor
from lampas.func._batched import Level, VmapError, of_level, unwrap
from lampas.func._rules_elementwise import lined_up
from lampas.func._rules_shapes import shifted

RULES: dict[str, Callable[..., Any]] = {}


def _advanced(key: tuple[Any, ...]) -> list[int]:
    """Places in a key that pick elements rather than ranges."""
    picks = [
        i for i, k in enumerate(key)
        if isinstance(k, (Tensor, list)) or (isinstance(k, int) and not isinstance(k, bool))
    ]  # fmt: skip
    return picks if any(not isinstance(key[i], int) for i in picks) else []


def _parts(key: Any) -> tuple[Any, ...]:
    return key if isinstance(key, tuple) else (key,)


def _has_mask(key: tuple[Any, ...]) -> bool:
    return any(isinstance(k, bool) or (isinstance(k, Tensor) and k.dtype == _C.bool) for k in key)


def _split_up(places: list[int]) -> bool:
    return places != list(range(places[0], places[-1] + 1))


def _plain_key(x: Any, key: tuple[Any, ...]) -> Any:
    """The key of a batch whose samples are all indexed alike; None where dimensions would move."""
    places = _advanced(key)
    if places and _split_up(places):
        return None
    if any(isinstance(k, list) for k in key):
        return None
    return (slice(None), *key)


def _batched_key(x: Any, level: Level, key: tuple[Any, ...]) -> Any:
    """The key of a batch with an index for each sample, if it begins with all its indices."""
    places = _advanced(key)
    if places != list(range(len(places))) or any(isinstance(k, list) for k in key):
        return None
    if _has_mask(key):
        return None
    rank = max(k.dim() for k in key if isinstance(k, Tensor))
    samples = _C.arange(level.size).reshape(level.size, *(1,) * rank)
    picks = [lined_up(k, level, rank) if isinstance(k, Tensor) else k for k in key[: len(places)]]
    return (samples, *picks, *key[len(places) :])


def _getitem(func: Any, level: Level, x: Any, key: Any) -> Any:
    parts = _parts(key)
    if not any(of_level(k, level) for k in parts):
        whole = _plain_key(x, parts)
    elif any(of_level(k, level) and k.dtype == _C.bool for k in parts):
        raise VmapError(
            "vmap: indexing with a mask that differs between samples selects a different number "
            "of elements of each. Remedy: lampas.where(mask, x, 0) keeps the shape"
        )
    else:
        whole = _batched_key(x, level, parts)
    if whole is None:
        return NotImplemented
    return unwrap(x, level)[whole]


def _setitem(func: Any, level: Level, x: Any, key: Any, value: Any) -> Any:
    parts = _parts(key)
    if any(of_level(k, level) for k in parts):
        whole = _batched_key(x, level, parts)
    else:
        whole = _plain_key(x, parts)
    if whole is None:
        return NotImplemented
    if isinstance(value, Tensor) and of_level(value, level):
        rank = x._value[whole].dim() - 1
        if value.dim() > rank:
            return NotImplemented
        value = lined_up(value, level, rank)
    x._value[whole] = value
    return None


def _gather(func: Any, level: Level, x: Any, dim: int, index: Any, **kwargs: Any) -> Any:
    if not x.dim() or x.dim() != index.dim():
        return NotImplemented
    return func(unwrap(x, level), shifted(dim, x.dim()), unwrap(index, level), **kwargs)


def _scatter(
    func: Any, level: Level, x: Any, dim: int, index: Any, src: Any = None, *args: Any, **kw: Any
) -> Any:
    name = "src" if "src" in kw else "value"
    src = kw.pop(name, src)
    if not x.dim() or x.dim() != index.dim():
        return NotImplemented
    if isinstance(src, Tensor):
        if src.dim() != x.dim():
            return NotImplemented
        src = unwrap(src, level)
    target = unwrap(x, level)
    return func(target, shifted(dim, x.dim()), unwrap(index, level), src, *args, **kw)


def _take_along_dim(func: Any, level: Level, x: Any, indices: Any, dim: Any = None) -> Any:
    if dim is None or x.dim() != indices.dim() or not x.dim():
        return NotImplemented
    return func(unwrap(x, level), unwrap(indices, level), shifted(dim, x.dim()))


def _index_select(func: Any, level: Level, x: Any, dim: int, index: Any) -> Any:
    if not x.dim() or index.dim() > 1:
        return NotImplemented
    d = shifted(dim, x.dim())
    value = unwrap(x, level)
    if not of_level(index, level):
        return func(value, d, index)
    picks = index._value.reshape(level.size, -1)
    shape = [1] * value.dim()
    shape[0], shape[d] = picks.shape
    wanted = list(value.shape)
    wanted[d] = picks.shape[1]
    return value.gather(d, picks.reshape(shape).expand(wanted))


def _index_add(
    func: Any, level: Level, x: Any, dim: int, index: Any, source: Any, *args: Any, **kwargs: Any
) -> Any:
    if not x.dim() or of_level(index, level):
        return NotImplemented
    if isinstance(source, Tensor) and source.dim():
        source = unwrap(source, level)
    elif of_level(source, level):
        return NotImplemented
    return func(unwrap(x, level), shifted(dim, x.dim()), index, source, *args, **kwargs)


def _one_hot(func: Any, level: Level, x: Any, num_classes: int = -1) -> Any:
    return NotImplemented if num_classes == -1 else func(x._value, num_classes)


def _embedding(
    func: Any, level: Level, input: Any, weight: Any, padding_idx: Any = None, *args: Any, **kw: Any
) -> Any:
    if not of_level(weight, level):
        return func(input._value, weight, padding_idx, *args, **kw)
    if padding_idx is not None or args or kw:
        return NotImplemented
    samples = _C.arange(level.size).reshape(level.size, *(1,) * input.dim())
    return weight._value[samples, unwrap(input, level)]


for _name in ("scatter", "scatter_add", "scatter_reduce"):
    RULES[_name] = RULES[_name + "_"] = _scatter
for _name in ("index_add", "index_copy", "index_fill"):
    RULES[_name] = RULES[_name + "_"] = _index_add
RULES |= {
    "__getitem__": _getitem, "__setitem__": _setitem, "gather": _gather,
    "take_along_dim": _take_along_dim,
    "index_select": _index_select, "one_hot": _one_hot, "embedding": _embedding,
}  # fmt: skip
