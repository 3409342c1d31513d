"""Triangles of matrices."""

from __future__ import annotations

from lampas import _C
from lampas._C import Tensor
from lampas._library import operator


def _mask(input: Tensor, diagonal: int, name: str) -> Tensor:
    """Where a matrix's elements lie on or above a diagonal."""
    if input.dim() < 2:
        raise RuntimeError(
            f"{name}: input tensor must have at least 2 dimensions, got shape {tuple(input.shape)}"
        )
    rows = _C.arange(input.size(-2), device=input.device).unsqueeze(1)
    return _C.arange(input.size(-1), device=input.device) - rows >= diagonal


@operator("triu(Tensor input, int diagonal=0, *, Tensor? out=None)", method=True, inplace=True)
def triu(input: Tensor, diagonal: int = 0) -> Tensor:
    """The elements on and above a diagonal of the last two dimensions, zeros elsewhere.

    >>> import lampas
    >>> lampas.triu(lampas.ones(2, 3))
    tensor([[1., 1., 1.],
            [0., 1., 1.]])
    """
    return _C.where(_mask(input, diagonal, "triu"), input, 0).to(input.dtype)


@operator("tril(Tensor input, int diagonal=0, *, Tensor? out=None)", method=True, inplace=True)
def tril(input: Tensor, diagonal: int = 0) -> Tensor:
    """The elements on and below a diagonal of the last two dimensions, zeros elsewhere.

    >>> import lampas
    >>> lampas.tril(lampas.ones(2, 3))
    tensor([[1., 0., 0.],
            [1., 1., 0.]])
    """
    return _C.where(_mask(input, diagonal + 1, "tril"), 0, input).to(input.dtype)
