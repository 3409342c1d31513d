"""Pillow, imported when first needed."""

from __future__ import annotations

import sys
from typing import Any


def pil_image() -> Any:
    """The module ``PIL.Image``.

    Raises:
        ImportError: Pillow is not installed.
    """
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError(
            "This needs Pillow, which is not installed: pip install 'lampas[vision]' (or: "
            "pip install pillow). Without it, the array datasets work with transforms that make "
            "tensors first, such as ToTensor()."
        ) from error
    return Image


def is_pil_image(value: Any) -> bool:
    """Whether ``value`` is a PIL image; does not import Pillow to find out."""
    module = sys.modules.get("PIL.Image")
    return module is not None and isinstance(value, module.Image)


def in_colour(picture: Any) -> Any:
    """A picture in mode RGB; grey values of 16 bits are scaled to 8, where Pillow would cut them.

    >>> from PIL import Image
    >>> in_colour(Image.new("I;16", (1, 1), 32896)).getpixel((0, 0))
    (128, 128, 128)
    """
    return (eight_bits(picture) or picture).convert("RGB")


def eight_bits(picture: Any) -> Any:
    """A grey picture of 16 bits a pixel as one of 8; None for all others.

    Mode ``I`` counts as such where it holds a file of 16 bits: values up to 65535, not below 256.
    """
    import numpy as np

    if not picture.mode.startswith("I"):
        return None
    values = np.asarray(picture)
    if picture.mode == "I":
        if values.size == 0 or values.min() < 0 or not 255 < values.max() <= 65535:
            return None
    elif values.dtype != np.uint16:
        values = values.astype(np.int64) & 65535
    scaled = (values.astype(np.float32) / 257 + 0.5).astype(np.uint8)
    return pil_image().fromarray(scaled)
