"""Parameters as one vector, and back."""

from __future__ import annotations

from collections.abc import Iterable

import lampas
from lampas._tensor import Tensor

__all__ = ["parameters_to_vector", "vector_to_parameters"]


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """All values of all parameters, one after the other.

    Example:
        >>> from lampas import nn
        >>> nn.utils.parameters_to_vector(nn.Linear(3, 2).parameters()).shape
        torch.Size([8])
    """
    return lampas.cat([p.reshape(-1) for p in parameters])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Gives parameters the values of a vector, one after the other.

    Raises:
        TypeError: if ``vec`` is no tensor.
    """
    if not isinstance(vec, Tensor):
        raise TypeError(f"expected torch.Tensor, but got: {type(vec)}")
    start = 0
    for param in parameters:
        end = start + param.numel()
        param.data = vec[start:end].view_as(param).data
        start = end
