"""The transforms on PIL images, by Pillow."""

from __future__ import annotations

from typing import Any

import numpy as np

from lampas.vision._pillow import pil_image
from lampas.vision.transforms._modes import InterpolationMode, pil_number

_FLIP_LEFT_RIGHT, _FLIP_TOP_BOTTOM = 0, 1
_AFFINE, _PERSPECTIVE = 0, 2
_GREY = {"1", "L", "I", "I;16", "F"}


def dimensions(img: Any) -> list[int]:
    """``[channels, height, width]``."""
    channels = len(img.getbands())
    return [channels, img.height, img.width]


def _fill(img: Any, fill: Any) -> Any:
    """A fill value as Pillow wants it for this mode."""
    bands = len(img.getbands())
    if fill is None:
        fill = 0
    if isinstance(fill, (int, float)):
        fill = (fill,) * bands if bands > 1 else fill
    elif len(fill) == 1:
        fill = tuple(fill) * bands if bands > 1 else fill[0]
    elif len(fill) != bands:
        raise ValueError(
            f"The number of elements in 'fill' does not match the number of channels of the "
            f"image ({len(fill)} != {bands})"
        )
    else:
        fill = tuple(fill)
    if img.mode != "F":
        fill = tuple(int(x) for x in fill) if isinstance(fill, tuple) else int(fill)
    return fill


def hflip(img: Any) -> Any:
    return img.transpose(_FLIP_LEFT_RIGHT)


def vflip(img: Any) -> Any:
    return img.transpose(_FLIP_TOP_BOTTOM)


def crop(img: Any, top: int, left: int, height: int, width: int) -> Any:
    return img.crop((left, top, left + width, top + height))


def resize(img: Any, size: tuple[int, int], mode: InterpolationMode) -> Any:
    return img.resize((size[1], size[0]), pil_number(mode))


def pad(img: Any, sides: tuple[int, int, int, int], fill: Any, mode: str) -> Any:
    """``sides``: left, top, right, bottom; negative ones cut."""
    left, top, right, bottom = sides
    if min(sides) < 0:
        box = (max(-left, 0), max(-top, 0))
        img = img.crop((*box, img.width - max(-right, 0), img.height - max(-bottom, 0)))
        left, top, right, bottom = (max(side, 0) for side in sides)
    if mode == "constant":
        return _pad_with(img, (left, top, right, bottom), fill)
    array = np.asarray(img)
    rest = ((0, 0),) * (array.ndim - 2)
    widths: Any = ((top, bottom), (left, right), *rest)
    made = pil_image().fromarray(np.pad(array, widths, mode))  # type: ignore[call-overload]
    if img.mode == "P":
        made.putpalette(img.getpalette())
    return made


def _pad_with(img: Any, sides: tuple[int, int, int, int], fill: Any) -> Any:
    left, top, right, bottom = sides
    size = (img.width + left + right, img.height + top + bottom)
    color = fill if isinstance(fill, str) else _fill(img, fill)
    made = pil_image().new(img.mode, size, color)
    if img.mode == "P":
        made.putpalette(img.getpalette())
    made.paste(img, (left, top))
    return made


def _enhanced(kind: str, img: Any, factor: float) -> Any:
    from PIL import ImageEnhance

    return getattr(ImageEnhance, kind)(img).enhance(factor)


def adjust_brightness(img: Any, factor: float) -> Any:
    return _enhanced("Brightness", img, factor)


def adjust_contrast(img: Any, factor: float) -> Any:
    return _enhanced("Contrast", img, factor)


def adjust_saturation(img: Any, factor: float) -> Any:
    return _enhanced("Color", img, factor)


def adjust_sharpness(img: Any, factor: float) -> Any:
    return _enhanced("Sharpness", img, factor)


def adjust_hue(img: Any, factor: float) -> Any:
    if img.mode in _GREY:
        return img
    hue, saturation, value = img.convert("HSV").split()
    turned = np.array(hue, dtype=np.uint8)
    turned += np.int32(factor * 255).astype(np.uint8)  # wraps around, as hues do
    hue = pil_image().fromarray(turned)
    return pil_image().merge("HSV", (hue, saturation, value)).convert(img.mode)


def adjust_gamma(img: Any, gamma: float, gain: float) -> Any:
    table = [int((255 + 1 - 1e-3) * gain * pow(level / 255.0, gamma)) for level in range(256)]
    return img.convert("RGB").point([min(level, 255) for level in table] * 3).convert(img.mode)


def affine(img: Any, matrix: list[float], mode: InterpolationMode, fill: Any) -> Any:
    return img.transform(img.size, _AFFINE, matrix, pil_number(mode), fillcolor=_fill(img, fill))


def rotate(
    img: Any, angle: float, mode: InterpolationMode, expand: bool, center: Any, fill: Any
) -> Any:
    return img.rotate(angle, pil_number(mode), expand, center, fillcolor=_fill(img, fill))


def perspective(img: Any, coefficients: list[float], mode: InterpolationMode, fill: Any) -> Any:
    return img.transform(
        img.size, _PERSPECTIVE, coefficients, pil_number(mode), fillcolor=_fill(img, fill)
    )


def to_grayscale(img: Any, channels: int) -> Any:
    grey = img.convert("L")
    return grey if channels == 1 else pil_image().merge("RGB", (grey, grey, grey))


def _op(name: str, img: Any, *args: Any) -> Any:
    from PIL import ImageOps

    return getattr(ImageOps, name)(img, *args)


def invert(img: Any) -> Any:
    return _op("invert", img)


def posterize(img: Any, bits: int) -> Any:
    return _op("posterize", img, bits)


def solarize(img: Any, threshold: float) -> Any:
    return _op("solarize", img, threshold)


def autocontrast(img: Any) -> Any:
    return _op("autocontrast", img)


def equalize(img: Any) -> Any:
    return _op("equalize", img)
