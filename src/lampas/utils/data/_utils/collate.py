"""Collating: from a list of samples to one batch."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, MutableMapping, MutableSequence, Sequence
from typing import Any

import numpy as np

import lampas

_ACCEPTED = "tensors, numpy arrays, numbers, dicts or lists"
_CollateMap = dict[Any, Callable[..., Any]]


def _is_text_or_object(dtype: np.dtype[Any]) -> bool:
    return dtype.kind in "SaUO"


def default_convert(data: Any) -> Any:
    """Turns NumPy arrays, at any depth of sequences and mappings, into tensors.

    Everything else stays as it is, except that tuples become lists. Used by the loader where
    batching is off.

    >>> import numpy as np
    >>> default_convert({"x": np.array([1, 2]), "name": "a"})
    {'x': tensor([1, 2]), 'name': 'a'}
    """
    if isinstance(data, lampas.Tensor):
        return data
    if isinstance(data, np.ndarray):
        return data if _is_text_or_object(data.dtype) else lampas.as_tensor(data)
    if isinstance(data, np.generic) and not isinstance(data, (np.str_, np.bytes_)):
        return lampas.as_tensor(data)
    if isinstance(data, Mapping):
        return _like_mapping(data, {key: default_convert(data[key]) for key in data})
    if isinstance(data, tuple) and hasattr(data, "_fields"):
        return type(data)(*[default_convert(item) for item in data])
    if isinstance(data, tuple):
        return [default_convert(item) for item in data]
    if isinstance(data, Sequence) and not isinstance(data, (str, bytes)):
        return _like_sequence(data, [default_convert(item) for item in data])
    return data


def _like_mapping(model: Any, items: dict[Any, Any]) -> Any:
    """A mapping of ``model``'s kind with ``items``; a dict where that cannot be made."""
    try:
        if isinstance(model, MutableMapping):
            # A copy keeps what the type carries besides its items, such as a default factory.
            made = copy.copy(model)
            made.update(items)
            return made
        return type(model)(items)
    except TypeError:
        return items


def _like_sequence(model: Any, items: list[Any]) -> Any:
    """A sequence of ``model``'s kind with ``items``; a list where that cannot be made."""
    if type(model) is list:
        return items
    try:
        if isinstance(model, MutableSequence):
            made = copy.copy(model)
            for i, item in enumerate(items):
                made[i] = item
            return made
        return type(model)(items)
    except TypeError:
        return items


def collate(batch: Any, *, collate_fn_map: _CollateMap | None = None) -> Any:
    """Collates by the table ``collate_fn_map`` (type to function), going down into containers.

    A function of the table takes the samples and the keyword ``collate_fn_map``. A type not in the
    table takes the first entry it is an instance of.

    Raises:
        RuntimeError: sequences of different lengths in one batch.
        TypeError: a type that neither the table nor a container rule covers.

    >>> table = {int: lambda batch, collate_fn_map: sum(batch)}
    >>> collate([{"n": 1}, {"n": 2}], collate_fn_map=table)
    {'n': 3}
    """
    first = batch[0]
    kind = type(first)
    if collate_fn_map is not None:
        if kind in collate_fn_map:
            return collate_fn_map[kind](batch, collate_fn_map=collate_fn_map)
        for known, function in collate_fn_map.items():
            if isinstance(first, known):
                return function(batch, collate_fn_map=collate_fn_map)

    if isinstance(first, Mapping):
        items = {
            key: collate([sample[key] for sample in batch], collate_fn_map=collate_fn_map)
            for key in first
        }
        return _like_mapping(first, items)
    if isinstance(first, tuple) and hasattr(first, "_fields"):
        return kind(*[collate(c, collate_fn_map=collate_fn_map) for c in zip(*batch, strict=False)])
    if isinstance(first, Sequence):
        lengths = {len(sample) for sample in batch}
        if len(lengths) > 1:
            raise RuntimeError(
                "each element in list of batch should be of equal size, "
                f"got sizes {sorted(lengths)}; pass a collate_fn that pads or groups them"
            )
        columns = [collate(c, collate_fn_map=collate_fn_map) for c in zip(*batch, strict=False)]
        return columns if isinstance(first, tuple) else _like_sequence(first, columns)
    raise TypeError(_unsupported(kind))


def _unsupported(found: Any) -> str:
    return f"default_collate: batch must contain {_ACCEPTED}; found {found}"


def collate_tensor_fn(batch: Any, *, collate_fn_map: _CollateMap | None = None) -> Any:
    """Stacks tensors of one shape along a new dimension 0."""
    try:
        return lampas.stack(list(batch), 0)
    except RuntimeError as error:
        if len({tuple(tensor.shape) for tensor in batch}) == 1:
            raise
        raise RuntimeError(
            f"{error}. Remedy: bring the samples to one size in the dataset or its transform, "
            "or pass a collate_fn that pads them"
        ) from None


def collate_numpy_array_fn(batch: Any, *, collate_fn_map: _CollateMap | None = None) -> Any:
    """Stacks arrays of one shape as a tensor; text and object arrays are refused."""
    if _is_text_or_object(batch[0].dtype):
        raise TypeError(_unsupported(batch[0].dtype))
    return collate([lampas.as_tensor(array) for array in batch], collate_fn_map=collate_fn_map)


def collate_numpy_scalar_fn(batch: Any, *, collate_fn_map: _CollateMap | None = None) -> Any:
    """One tensor of NumPy's scalars, with their dtype."""
    return lampas.as_tensor(np.asarray(batch))


def collate_float_fn(batch: Any, *, collate_fn_map: _CollateMap | None = None) -> Any:
    """A float64 tensor of Python floats."""
    return lampas.tensor(list(batch), dtype=lampas.float64)


def collate_int_fn(batch: Any, *, collate_fn_map: _CollateMap | None = None) -> Any:
    """An int64 tensor of Python ints, or a bool tensor of bools."""
    return lampas.tensor(list(batch))


def collate_str_fn(batch: Any, *, collate_fn_map: _CollateMap | None = None) -> Any:
    """Text stays as it is."""
    return batch


#: The table behind :func:`default_collate`. Programs may add their own types to it.
default_collate_fn_map: _CollateMap = {
    lampas.Tensor: collate_tensor_fn,
    np.ndarray: collate_numpy_array_fn,
    (np.bool_, np.number, np.object_): collate_numpy_scalar_fn,
    float: collate_float_fn,
    int: collate_int_fn,
    str: collate_str_fn,
    bytes: collate_str_fn,
}


def default_collate(batch: Any) -> Any:
    """Collates samples of equal structure into a batch with one more dimension in front.

    Tensors, arrays and numbers become tensors; text stays; mappings, named tuples and sequences
    keep their kind and are collated item by item, except that tuples become lists.

    Raises:
        RuntimeError: tensors or sequences of different sizes.
        TypeError: samples of a type that cannot be collated.

    >>> default_collate([{"x": 1, "name": "a"}, {"x": 2, "name": "b"}])
    {'x': tensor([1, 2]), 'name': ['a', 'b']}
    >>> default_collate([(lampas.zeros(2), 0), (lampas.ones(2), 1)])
    [tensor([[0., 0.],
            [1., 1.]]), tensor([0, 1])]
    """
    return collate(batch, collate_fn_map=default_collate_fn_map)


def is_untouched_default(collate_fn: Any) -> bool:
    """Whether ``collate_fn`` is the default one and still treats tensors and ints as built in."""
    table = default_collate_fn_map
    return (
        collate_fn is default_collate
        and next(iter(table), None) is lampas.Tensor
        and table.get(lampas.Tensor) is collate_tensor_fn
        and table.get(int) is collate_int_fn
    )
