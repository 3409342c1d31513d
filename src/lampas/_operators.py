"""Operators that are compositions of others and on nobody's hot path."""

from __future__ import annotations

import math
from collections.abc import Sequence

from lampas import _C
from lampas._tensor import Tensor

__all__ = ["broadcast_shapes", "broadcast_tensors", "matrix_exp"]


def broadcast_shapes(*shapes: int | Sequence[int]) -> _C.Size:
    """The shape that all the given ones broadcast to.

    >>> broadcast_shapes((2, 1), (3,))
    torch.Size([2, 3])
    """
    result: list[int] = []
    for shape in shapes:
        sizes = [shape] if isinstance(shape, int) else list(shape)
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


def broadcast_tensors(*tensors: Tensor) -> tuple[Tensor, ...]:
    """All tensors expanded to the shape that they broadcast to.

    >>> import lampas
    >>> [t.shape for t in broadcast_tensors(lampas.ones(2, 1), lampas.ones(3))]
    [torch.Size([2, 3]), torch.Size([2, 3])]
    """
    given = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)) else tensors
    shape = broadcast_shapes(*(t.shape for t in given))
    return tuple(t.expand(shape) for t in given)


def matrix_exp(A: Tensor) -> Tensor:
    """The exponential of square matrices, by scaling, a Taylor series and squaring.

    >>> import lampas
    >>> lampas.matrix_exp(lampas.zeros(2, 2))
    tensor([[1., 0.],
            [0., 1.]])
    """
    if A.dim() < 2 or A.size(-1) != A.size(-2):
        raise RuntimeError(
            f"matrix_exp: A must be batches of square matrices, got shape {tuple(A.shape)}"
        )
    if not (A.dtype.is_floating_point or A.dtype.is_complex):
        raise RuntimeError(
            f"matrix_exp: Expected a floating point or complex tensor as input. Got {A.dtype}"
        )
    norm = A.detach().abs().sum(-1).amax().item() if A.numel() else 0.0
    squarings = max(0, math.ceil(math.log2(norm)) + 2) if norm > 0.25 else 0
    scaled = A / 2.0**squarings
    # With a norm of at most 1/4 the 18th term is below 1e-26 of the first.
    result = term = _C.eye(A.size(-1), dtype=A.dtype).expand_as(A)
    for k in range(1, 19):
        term = term @ scaled / k
        result = result + term
    for _ in range(squarings):
        result = result @ result
    return result


Tensor.matrix_exp = matrix_exp  # type: ignore[method-assign]
