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
