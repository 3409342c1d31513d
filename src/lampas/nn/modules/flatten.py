"""Joining and splitting dimensions."""

from __future__ import annotations

from typing import Any

from lampas._tensor import Tensor

from .module import Module

__all__ = ["Flatten", "Unflatten"]


class Flatten(Module):
    """Joins the dimensions from ``start_dim`` to ``end_dim`` into one.

    Example:
        >>> import lampas
        >>> from lampas import nn
        >>> nn.Flatten()(lampas.zeros(32, 1, 28, 28)).shape
        torch.Size([32, 784])
    """

    __constants__ = ["start_dim", "end_dim"]

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, input: Tensor) -> Tensor:
        return input.flatten(self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """Splits one dimension into several.

    Args:
        dim: which one, as a number or a name.
        unflattened_size: the new sizes, or pairs of name and size where ``dim`` is a name.

    Example:
        >>> import lampas
        >>> from lampas import nn
        >>> nn.Unflatten(1, (1, 28, 28))(lampas.zeros(32, 784)).shape
        torch.Size([32, 1, 28, 28])
    """

    __constants__ = ["dim", "unflattened_size"]

    def __init__(self, dim: int | str, unflattened_size: Any) -> None:
        super().__init__()
        if isinstance(dim, int):
            self._require_ints(unflattened_size)
        elif isinstance(dim, str):
            self._require_pairs(unflattened_size)
        else:
            raise TypeError("invalid argument type for dim parameter")
        self.dim = dim
        self.unflattened_size = unflattened_size

    @staticmethod
    def _require_pairs(value: Any) -> None:
        if not isinstance(value, tuple):
            raise TypeError(
                "unflattened_size must be a tuple of tuples, "
                f"but found type {type(value).__name__}"
            )
        for i, item in enumerate(value):
            if not isinstance(item, tuple):
                raise TypeError(
                    "unflattened_size must be tuple of tuples, "
                    f"but found element of type {type(item).__name__} at pos {i}"
                )

    @staticmethod
    def _require_ints(value: Any) -> None:
        if not isinstance(value, (tuple, list)):
            raise TypeError(
                f"unflattened_size must be a tuple of ints, but found type {type(value).__name__}"
            )
        for i, item in enumerate(value):
            if not isinstance(item, int):
                raise TypeError(
                    "unflattened_size must be tuple of ints, "
                    f"but found element of type {type(item).__name__} at pos {i}"
                )

    def forward(self, input: Tensor) -> Tensor:
        return input.unflatten(self.dim, self.unflattened_size)  # type: ignore[arg-type]

    def extra_repr(self) -> str:
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"
