"""Names of the interpolation methods."""

from __future__ import annotations

from enum import Enum
from typing import Any


class InterpolationMode(Enum):
    """How pixels between pixels are found. BOX and HAMMING work on PIL images only, LANCZOS also on
    tensors that version 2 resizes."""

    NEAREST = "nearest"
    NEAREST_EXACT = "nearest-exact"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"
    BOX = "box"
    HAMMING = "hamming"
    LANCZOS = "lanczos"


# Pillow's numbers, which programs pass as well.
_OF_NUMBER = {
    0: InterpolationMode.NEAREST,
    1: InterpolationMode.LANCZOS,
    2: InterpolationMode.BILINEAR,
    3: InterpolationMode.BICUBIC,
    4: InterpolationMode.BOX,
    5: InterpolationMode.HAMMING,
}
_TO_NUMBER = {mode: number for number, mode in _OF_NUMBER.items()} | {
    InterpolationMode.NEAREST_EXACT: 0
}


def interpolation_mode(value: Any) -> InterpolationMode:
    """The mode for a mode, its name, or one of Pillow's numbers.

    Raises:
        TypeError: anything else.
    """
    if isinstance(value, InterpolationMode):
        return value
    if isinstance(value, str) and value.lower() in InterpolationMode._value2member_map_:
        return InterpolationMode(value.lower())
    if isinstance(value, int) and int(value) in _OF_NUMBER:
        return _OF_NUMBER[int(value)]
    raise TypeError(
        "Argument interpolation should be a InterpolationMode or a corresponding Pillow integer "
        f"constant, got {value!r}"
    )


def pil_number(mode: InterpolationMode) -> int:
    """Pillow's number for ``mode``."""
    return _TO_NUMBER[mode]
