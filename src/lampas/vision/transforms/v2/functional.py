"""The transforms as functions, with the names that version 2 added."""

from __future__ import annotations

from typing import Any

import numpy as np

import lampas
from lampas.vision._pillow import is_pil_image
from lampas.vision.transforms import _conversion_functional as C
from lampas.vision.transforms.functional import *  # noqa: F403
from lampas.vision.transforms.functional import __all__ as _v1_names
from lampas.vision.transforms.functional import get_dimensions, get_image_size, hflip, vflip

__all__ = [
    "get_size",
    "horizontal_flip",
    "to_dtype",
    "to_image",
    "vertical_flip",
    *_v1_names,
]

horizontal_flip = hflip
vertical_flip = vflip


def get_size(img: Any) -> list[int]:
    """``[height, width]``."""
    return get_image_size(img)[::-1]


def get_num_channels(img: Any) -> int:
    """The number of channels."""
    return get_dimensions(img)[0]


def to_image(pic: Any) -> lampas.Tensor:
    """A PIL image, array ``(H, W, C)`` or tensor as a tensor ``(C, H, W)``; values stay.

    Raises:
        TypeError: anything else.
    """
    if isinstance(pic, lampas.Tensor):
        return pic
    if isinstance(pic, np.ndarray):
        return C._hwc_to_chw(pic)
    if is_pil_image(pic):
        return C.pil_to_tensor(pic)
    raise TypeError(f"Input can either be a tensor, an array or a PIL image, got {type(pic)}")


def to_dtype(
    image: lampas.Tensor, dtype: lampas.dtype | None = None, scale: bool = False
) -> lampas.Tensor:
    """Converts the dtype; with ``scale``, the values to the new dtype's range as well."""
    dtype = lampas.float32 if dtype is None else dtype
    return C.convert_image_dtype(image, dtype) if scale else image.to(dtype)
