"""Shapes and tensors brought to one shape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lampas import _C
from lampas._C import Tensor
from lampas._library import listed


def tensors_of(given: Sequence[Any]) -> Sequence[Tensor]:
    """The given tensors, or a TypeError for the first thing that is none."""
    for i, x in enumerate(given):
        if not isinstance(x, Tensor):
            raise TypeError(
                f"expected Tensor as element {i} in argument 0, but got {type(x).__name__}"
            )
    return given


@listed
def broadcast_shapes(*shapes: int | Sequence[int]) -> _C.Size:
    """The shape that all the given ones broadcast to.

    >>> import lampas
    >>> lampas.broadcast_shapes((2, 1), (3,))
    torch.Size([2, 3])
    """
    result: list[int] = []
    for shape in shapes:
        sizes = [shape] if isinstance(shape, int) else list(shape)
        for size in sizes:
            if not hasattr(size, "__index__"):
                raise RuntimeError(
                    f"broadcast_shapes: sizes must be integers, got {size!r} in {shape!r}"
                )
        if any(s < 0 for s in sizes):
            raise RuntimeError(f"Trying to create tensor with negative dimension in shape {sizes}")
        ndim = max(len(result), len(sizes))
        a, b = [1] * (ndim - len(result)) + result, [1] * (ndim - len(sizes)) + sizes
        for x, y in zip(a, b, strict=True):
            if x != y and 1 not in (x, y):
                raise RuntimeError(
                    "Shape mismatch: objects cannot be broadcast to a single shape: "
                    f"{tuple(result)} and {tuple(sizes)}"
                )
        result = [y if x == 1 else x for x, y in zip(a, b, strict=True)]
    return _C.Size(result)


@listed
def broadcast_tensors(*tensors: Tensor) -> tuple[Tensor, ...]:
    """All tensors expanded to the shape that they broadcast to.

    >>> import lampas
    >>> [t.shape for t in lampas.broadcast_tensors(lampas.ones(2, 1), lampas.ones(3))]
    [torch.Size([2, 3]), torch.Size([2, 3])]
    """
    given = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)) else tensors
    shape = broadcast_shapes(*(t.shape for t in tensors_of(given)))
    return tuple(t.expand(shape) for t in given)
