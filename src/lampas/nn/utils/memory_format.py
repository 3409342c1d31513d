"""Memory formats of convolutions' weights."""

from __future__ import annotations

from typing import Any, TypeVar

from ..modules.conv import Conv2d, Conv3d, ConvTranspose2d, ConvTranspose3d

__all__ = ["convert_conv2d_weight_memory_format", "convert_conv3d_weight_memory_format"]

M = TypeVar("M", bound=Any)


def _convert(module: M, kinds: tuple[type, ...], memory_format: Any) -> M:
    for child in module.modules():
        if isinstance(child, kinds):
            child.weight.data = child.weight.detach().clone(memory_format=memory_format)  # type: ignore[attr-defined]
    return module


def convert_conv2d_weight_memory_format(module: M, memory_format: Any) -> M:
    """Puts the weights of all 2D convolutions into a memory format."""
    return _convert(module, (Conv2d, ConvTranspose2d), memory_format)


def convert_conv3d_weight_memory_format(module: M, memory_format: Any) -> M:
    """Puts the weights of all 3D convolutions into a memory format."""
    return _convert(module, (Conv3d, ConvTranspose3d), memory_format)
