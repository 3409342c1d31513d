"""Transforms as functions, on PIL images and on tensors ``(..., C, H, W)``."""

from __future__ import annotations

from lampas.vision.transforms._conversion_functional import (
    convert_image_dtype,
    normalize,
    pil_to_tensor,
    to_pil_image,
    to_tensor,
)
from lampas.vision.transforms._modes import InterpolationMode

__all__ = [
    "InterpolationMode",
    "convert_image_dtype",
    "normalize",
    "pil_to_tensor",
    "to_pil_image",
    "to_tensor",
]
