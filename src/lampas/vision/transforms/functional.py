"""Transforms as functions, on PIL images and on tensors ``(..., C, H, W)``."""

from __future__ import annotations

import math
import numbers
import warnings
from collections.abc import Sequence
from typing import Any

import lampas
from lampas.vision._pillow import is_pil_image
from lampas.vision.transforms import _pil as P
from lampas.vision.transforms import _tensor as T
from lampas.vision.transforms._conversion_functional import (
    convert_image_dtype,
    normalize,
    pil_to_tensor,
    to_pil_image,
    to_tensor,
)
from lampas.vision.transforms._modes import InterpolationMode, interpolation_mode

__all__ = [
    "InterpolationMode",
    "adjust_brightness",
    "adjust_contrast",
    "adjust_gamma",
    "adjust_hue",
    "adjust_saturation",
    "adjust_sharpness",
    "affine",
    "autocontrast",
    "center_crop",
    "convert_image_dtype",
    "crop",
    "elastic_transform",
    "equalize",
    "erase",
    "five_crop",
    "gaussian_blur",
    "get_dimensions",
    "get_image_num_channels",
    "get_image_size",
    "hflip",
    "invert",
    "normalize",
    "pad",
    "perspective",
    "pil_to_tensor",
    "posterize",
    "resize",
    "resized_crop",
    "rgb_to_grayscale",
    "rotate",
    "solarize",
    "ten_crop",
    "to_grayscale",
    "to_pil_image",
    "to_tensor",
    "vflip",
]


def _for(img: Any) -> Any:
    """The implementations for this kind of image."""
    if isinstance(img, lampas.Tensor):
        return T
    if is_pil_image(img):
        return P
    raise TypeError(
        f"img should be PIL Image or Tensor, got {type(img)}; to_tensor() takes NumPy arrays"
    )


def get_dimensions(img: Any) -> list[int]:
    """``[channels, height, width]``.

    >>> get_dimensions(lampas.zeros(3, 4, 5))
    [3, 4, 5]
    """
    return _for(img).dimensions(img)


def get_image_size(img: Any) -> list[int]:
    """``[width, height]``."""
    return get_dimensions(img)[:0:-1]


def get_image_num_channels(img: Any) -> int:
    """The number of channels."""
    return get_dimensions(img)[0]


def _resized_size(size: Any, height: int, width: int, max_size: int | None) -> tuple[int, int]:
    """The height and width that ``size`` asks for."""
    if isinstance(size, (list, tuple)) and len(size) == 2:
        if max_size is not None:
            raise ValueError("max_size should only be passed if size is one number")
        return int(size[0]), int(size[1])
    shorter = int(size[0] if isinstance(size, (list, tuple)) else size)
    short, long = sorted((height, width))
    longer = int(shorter * long / short)
    if max_size is not None:
        if max_size <= shorter:
            raise ValueError(
                f"max_size = {max_size} must be strictly greater than the requested size for the "
                f"smaller edge size = {size}"
            )
        if longer > max_size:
            shorter, longer = int(max_size * shorter / longer), max_size
    return (longer, shorter) if height >= width else (shorter, longer)


def resize(
    img: Any,
    size: Any,
    interpolation: Any = InterpolationMode.BILINEAR,
    max_size: int | None = None,
    antialias: bool | None = True,
) -> Any:
    """Scales an image.

    Args:
        img: PIL image or tensor.
        size: ``(height, width)``, or the length of the shorter side.
        interpolation: how; on tensors NEAREST, NEAREST_EXACT, BILINEAR or BICUBIC.
        max_size: bounds the longer side, where ``size`` is one number.
        antialias: smooth when shrinking a tensor; PIL images are always smoothed.

    >>> resize(lampas.zeros(1, 8, 16), 4).shape
    torch.Size([1, 4, 8])
    """
    if not isinstance(size, (int, list, tuple)):
        raise TypeError(f"Size should be int or sequence. Got {type(size)}")
    if isinstance(size, (list, tuple)) and len(size) not in (1, 2):
        raise ValueError(f"If size is a sequence, it should have 1 or 2 values, got {size}")
    mode = interpolation_mode(interpolation)
    _, height, width = get_dimensions(img)
    wanted = _resized_size(size, height, width, max_size)
    if wanted == (height, width):
        return img
    if _for(img) is P:
        return P.resize(img, wanted, mode)
    return T.resize(img, wanted, mode, bool(antialias))


_PADDING_MODES = ("constant", "edge", "reflect", "symmetric")


def _sides(padding: Any) -> tuple[int, int, int, int]:
    """Left, top, right, bottom."""
    if not isinstance(padding, (numbers.Number, tuple, list)):
        raise TypeError(f"Got inappropriate padding arg {padding!r}")
    values: list[Any] = [padding] if isinstance(padding, numbers.Number) else list(padding)
    if len(values) not in (1, 2, 4):
        raise ValueError(
            f"Padding must be an int or a 1, 2, or 4 element tuple, not a {len(values)} element "
            "tuple"
        )
    left, top, right, bottom = (int(value) for value in values * (4 // len(values)))
    return left, top, right, bottom


def pad(img: Any, padding: Any, fill: Any = 0, padding_mode: str = "constant") -> Any:
    """Widens an image on its sides; negative padding cuts.

    Args:
        img: PIL image or tensor.
        padding: one number, ``(left and right, top and bottom)`` or ``(left, top, right, bottom)``.
        fill: value of new pixels, or one value per channel, for ``"constant"``.
        padding_mode: ``"constant"``, ``"edge"``, ``"reflect"`` or ``"symmetric"``.

    >>> pad(lampas.ones(1, 1, 1), 1).tolist()
    [[[0.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]]
    """
    if padding_mode not in _PADDING_MODES:
        raise ValueError(
            f"Padding mode should be either constant, edge, reflect or symmetric, "
            f"got {padding_mode!r}"
        )
    return _for(img).pad(img, _sides(padding), fill, padding_mode)


def crop(img: Any, top: int, left: int, height: int, width: int) -> Any:
    """Cuts a rectangle out; what lies outside of the image is zero."""
    return _for(img).crop(img, top, left, height, width)


def _height_and_width(size: Any) -> tuple[int, int]:
    if isinstance(size, numbers.Number):
        return int(size), int(size)  # type: ignore[call-overload]
    values = tuple(size)
    return (values[0], values[0]) if len(values) == 1 else values


def center_crop(img: Any, output_size: Any) -> Any:
    """Cuts the middle out; an image that is smaller is padded with zeros first.

    >>> center_crop(lampas.arange(16).view(1, 4, 4), 2).tolist()
    [[[5, 6], [9, 10]]]
    """
    wanted_h, wanted_w = _height_and_width(output_size)
    _, height, width = get_dimensions(img)
    if wanted_w > width or wanted_h > height:
        extra_w, extra_h = max(wanted_w - width, 0), max(wanted_h - height, 0)
        img = pad(img, [extra_w // 2, extra_h // 2, (extra_w + 1) // 2, (extra_h + 1) // 2])
        _, height, width = get_dimensions(img)
        if (wanted_w, wanted_h) == (width, height):
            return img
    top, left = round((height - wanted_h) / 2.0), round((width - wanted_w) / 2.0)
    return crop(img, top, left, wanted_h, wanted_w)


def resized_crop(
    img: Any,
    top: int,
    left: int,
    height: int,
    width: int,
    size: Any,
    interpolation: Any = InterpolationMode.BILINEAR,
    antialias: bool | None = True,
) -> Any:
    """Cuts a rectangle out and scales it to ``size``."""
    return resize(crop(img, top, left, height, width), size, interpolation, antialias=antialias)


def hflip(img: Any) -> Any:
    """Mirrors left and right.

    >>> hflip(lampas.tensor([[[1, 2]]])).tolist()
    [[[2, 1]]]
    """
    return _for(img).hflip(img)


def vflip(img: Any) -> Any:
    """Mirrors top and bottom."""
    return _for(img).vflip(img)


def five_crop(img: Any, size: Any) -> tuple[Any, ...]:
    """The four corners and the middle: top left, top right, bottom left, bottom right, centre."""
    crop_h, crop_w = _height_and_width(size)
    _, height, width = get_dimensions(img)
    if crop_w > width or crop_h > height:
        raise ValueError(
            f"Requested crop size {(crop_h, crop_w)} is bigger than input size {(height, width)}"
        )
    corners = [(y, x) for y in (0, height - crop_h) for x in (0, width - crop_w)]
    cut = [crop(img, y, x, crop_h, crop_w) for y, x in corners]
    return (*cut, center_crop(img, [crop_h, crop_w]))


def ten_crop(img: Any, size: Any, vertical_flip: bool = False) -> tuple[Any, ...]:
    """:func:`five_crop` of the image and of its mirror image."""
    mirrored = vflip(img) if vertical_flip else hflip(img)
    return five_crop(img, size) + five_crop(mirrored, size)


def adjust_brightness(img: Any, brightness_factor: float) -> Any:
    """0 gives black, 1 the image, 2 twice the brightness."""
    if brightness_factor < 0:
        raise ValueError(f"brightness_factor ({brightness_factor}) is not non-negative.")
    return _for(img).adjust_brightness(img, brightness_factor)


def adjust_contrast(img: Any, contrast_factor: float) -> Any:
    """0 gives grey, 1 the image, 2 twice the contrast."""
    if contrast_factor < 0:
        raise ValueError(f"contrast_factor ({contrast_factor}) is not non-negative.")
    return _for(img).adjust_contrast(img, contrast_factor)


def adjust_saturation(img: Any, saturation_factor: float) -> Any:
    """0 gives black and white, 1 the image, 2 twice the saturation."""
    if saturation_factor < 0:
        raise ValueError(f"saturation_factor ({saturation_factor}) is not non-negative.")
    return _for(img).adjust_saturation(img, saturation_factor)


def adjust_hue(img: Any, hue_factor: float) -> Any:
    """Turns the hues; ±0.5 is half a turn."""
    if not -0.5 <= hue_factor <= 0.5:
        raise ValueError(f"hue_factor ({hue_factor}) is not in [-0.5, 0.5].")
    return _for(img).adjust_hue(img, hue_factor)


def adjust_gamma(img: Any, gamma: float, gain: float = 1) -> Any:
    """``gain * image ** gamma``, on values from 0 to 1."""
    if gamma < 0:
        raise ValueError(f"Gamma should be a non-negative real number, got {gamma}")
    return _for(img).adjust_gamma(img, gamma, gain)


def adjust_sharpness(img: Any, sharpness_factor: float) -> Any:
    """0 gives a blurred image, 1 the image, 2 twice the sharpness."""
    if sharpness_factor < 0:
        raise ValueError(f"sharpness_factor ({sharpness_factor}) is not non-negative.")
    return _for(img).adjust_sharpness(img, sharpness_factor)


def inverse_affine_matrix(
    center: Sequence[float],
    angle: float,
    translate: Sequence[float],
    scale: float,
    shear: Sequence[float],
) -> list[float]:
    """The inverse of: shear, scale and rotate about ``center``, then translate.

    Angles are in degrees; the map is ``T C R S C⁻¹`` with ``R`` the rotation and shear.
    """
    rotation, shear_x, shear_y = (math.radians(value) for value in (angle, *shear))
    sine, cosine = math.sin(rotation - shear_y), math.cos(rotation - shear_y)
    a = cosine / math.cos(shear_y)
    b = -cosine * math.tan(shear_x) / math.cos(shear_y) - math.sin(rotation)
    c = sine / math.cos(shear_y)
    d = -sine * math.tan(shear_x) / math.cos(shear_y) + math.cos(rotation)
    # The determinant of [[a, b], [c, d]] is 1.
    m = [d / scale, -b / scale, -c / scale, a / scale]
    x, y = -center[0] - translate[0], -center[1] - translate[1]
    first = m[0] * x + m[1] * y + center[0]
    second = m[2] * x + m[3] * y + center[1]
    return [m[0], m[1], first, m[2], m[3], second]


def affine(
    img: Any,
    angle: float,
    translate: Sequence[float],
    scale: float,
    shear: Any,
    interpolation: Any = InterpolationMode.NEAREST,
    fill: Any = None,
    center: Sequence[float] | None = None,
) -> Any:
    """Rotates, shifts, scales and shears, keeping the image's size.

    Args:
        img: PIL image or tensor.
        angle: degrees, clockwise.
        translate: pixels to the right and down.
        scale: factor.
        shear: degrees along x, or along x and y.
        interpolation: NEAREST, BILINEAR or, on PIL images, BICUBIC.
        fill: value outside, or one per channel.
        center: ``(x, y)`` of the fixed point, in pixels; the image's centre by default.
    """
    if scale <= 0.0:
        raise ValueError(f"Argument scale should be positive, got {scale}")
    if len(translate) != 2:
        raise ValueError(f"Argument translate should be a sequence of length 2, got {translate}")
    shears = [float(shear), 0.0] if isinstance(shear, (int, float)) else [float(s) for s in shear]
    shears = [shears[0], shears[0]] if len(shears) == 1 else shears
    mode = interpolation_mode(interpolation)
    _, height, width = get_dimensions(img)
    middle = [width * 0.5, height * 0.5]
    if _for(img) is P:
        matrix = inverse_affine_matrix(center or middle, angle, translate, scale, shears)
        return P.affine(img, matrix, mode, fill)
    offset = [0.0, 0.0] if center is None else [center[0] - middle[0], center[1] - middle[1]]
    matrix = inverse_affine_matrix(offset, angle, translate, scale, shears)
    grid = T.affine_grid(matrix, (height, width), (height, width))
    return T.sample(img, grid, mode, fill)


def rotate(
    img: Any,
    angle: float,
    interpolation: Any = InterpolationMode.NEAREST,
    expand: bool = False,
    center: Sequence[float] | None = None,
    fill: Any = None,
) -> Any:
    """Rotates counter-clockwise by degrees; with ``expand`` the result holds the whole image."""
    mode = interpolation_mode(interpolation)
    if _for(img) is P:
        return P.rotate(img, angle, mode, expand, center, fill)
    if expand and center is not None:
        warnings.warn(
            "The provided center argument has no effect on the result if expand is True",
            stacklevel=2,
        )
    _, height, width = get_dimensions(img)
    middle = [0.0, 0.0]
    if center is not None and not expand:
        middle = [center[0] - width * 0.5, center[1] - height * 0.5]
    matrix = inverse_affine_matrix(middle, -angle, [0.0, 0.0], 1.0, [0.0, 0.0])
    size = _rotated_size(matrix, height, width) if expand else (height, width)
    return T.sample(img, T.affine_grid(matrix, (height, width), size), mode, fill)


def _rotated_size(matrix: list[float], height: int, width: int) -> tuple[int, int]:
    a, b, _, c, d, _ = matrix
    half_w, half_h = width * 0.5, height * 0.5
    # Rounded a little, so that a quarter turn does not gain a pixel from rounding errors.
    extent_x = round(abs(a) * half_w + abs(b) * half_h, 3)
    extent_y = round(abs(c) * half_w + abs(d) * half_h, 3)
    columns = math.ceil(half_w + extent_x) - math.floor(half_w - extent_x)
    rows = math.ceil(half_h + extent_y) - math.floor(half_h - extent_y)
    return rows, columns


def perspective(
    img: Any,
    startpoints: Sequence[Sequence[int]],
    endpoints: Sequence[Sequence[int]],
    interpolation: Any = InterpolationMode.BILINEAR,
    fill: Any = None,
) -> Any:
    """Moves four corners ``(x, y)`` of the image from ``startpoints`` to ``endpoints``."""
    coefficients = _perspective_coefficients(startpoints, endpoints)
    mode = interpolation_mode(interpolation)
    if _for(img) is P:
        return P.perspective(img, coefficients, mode, fill)
    _, height, width = get_dimensions(img)
    return T.sample(img, T.perspective_grid(coefficients, (height, width)), mode, fill)


def elastic_transform(
    img: Any,
    displacement: lampas.Tensor,
    interpolation: Any = InterpolationMode.BILINEAR,
    fill: Any = None,
) -> Any:
    """Moves each pixel by its own vector.

    Args:
        img: PIL image or tensor.
        displacement: ``(1, H, W, 2)``, of x and y, in halves of width and height.
        interpolation: how.
        fill: value outside of the image.

    Raises:
        TypeError: ``displacement`` is no tensor.
        ValueError: its shape does not fit the image.
    """
    if not isinstance(displacement, lampas.Tensor):
        raise TypeError("Argument displacement should be a Tensor")
    mode = interpolation_mode(interpolation)
    tensor = img if _for(img) is T else pil_to_tensor(img)
    want = (1, *tensor.shape[-2:], 2)
    if tuple(displacement.shape) != want:
        raise ValueError(
            f"Argument displacement shape should be {want}, but given {tuple(displacement.shape)}"
        )
    moved = T.sample(tensor, T.displaced_grid(displacement), mode, fill, bicubic=True)
    return moved if tensor is img else to_pil_image(moved, mode=img.mode)


def _perspective_coefficients(
    startpoints: Sequence[Sequence[int]], endpoints: Sequence[Sequence[int]]
) -> list[float]:
    """Solves for the map from the result's points back to the image's."""
    import numpy as np

    rows, values = [], []
    for (x, y), (u, v) in zip(endpoints, startpoints, strict=True):
        rows.append([x, y, 1, 0, 0, 0, -u * x, -u * y])
        rows.append([0, 0, 0, x, y, 1, -v * x, -v * y])
        values += [u, v]
    system = np.array(rows, dtype=np.float64)
    solution = np.linalg.lstsq(system, np.array(values, dtype=np.float64), rcond=None)[0]
    return [float(np.float32(value)) for value in solution]


def to_grayscale(img: Any, num_output_channels: int = 1) -> Any:
    """A PIL image in grey, with 1 or 3 channels."""
    if not is_pil_image(img):
        raise TypeError("Input should be PIL Image; rgb_to_grayscale takes tensors too")
    return rgb_to_grayscale(img, num_output_channels)


def rgb_to_grayscale(img: Any, num_output_channels: int = 1) -> Any:
    """An image in grey (Rec. 601 luma), with 1 or 3 channels."""
    if num_output_channels not in (1, 3):
        raise ValueError(f"num_output_channels should be either 1 or 3, got {num_output_channels}")
    return _for(img).to_grayscale(img, num_output_channels)


def erase(
    img: lampas.Tensor, i: int, j: int, h: int, w: int, v: Any, inplace: bool = False
) -> lampas.Tensor:
    """Overwrites a rectangle of a tensor image with ``v``."""
    if not isinstance(img, lampas.Tensor):
        raise TypeError(f"img should be Tensor Image. Got {type(img)}")
    made = img if inplace else img.clone()
    made[..., i : i + h, j : j + w] = v
    return made


def gaussian_blur(img: Any, kernel_size: Any, sigma: Any = None) -> Any:
    """Blurs with a Gaussian; borders are reflected.

    Args:
        img: PIL image or tensor.
        kernel_size: odd, one number or those of x and y.
        sigma: likewise; ``0.3 * ((kernel_size - 1) * 0.5 - 1) + 0.8`` by default.
    """
    sizes = [kernel_size] * 2 if isinstance(kernel_size, int) else list(kernel_size)
    if len(sizes) != 2 or any(size % 2 == 0 or size < 0 for size in sizes):
        raise ValueError(
            f"kernel_size should be one or two odd positive numbers, got {kernel_size}"
        )
    if sigma is None:
        sigma = [size * 0.15 + 0.35 for size in sizes]
    sigmas = [float(sigma)] * 2 if isinstance(sigma, (int, float)) else [float(s) for s in sigma]
    sigmas = sigmas * 2 if len(sigmas) == 1 else sigmas
    if len(sigmas) != 2 or min(sigmas) <= 0.0:
        raise ValueError(f"sigma should have positive values, got {sigma}")
    if _for(img) is T:
        return T.gaussian_blur(img, sizes, sigmas)
    return to_pil_image(T.gaussian_blur(pil_to_tensor(img), sizes, sigmas), mode=img.mode)


def invert(img: Any) -> Any:
    """The negative."""
    return _for(img).invert(img)


def posterize(img: Any, bits: int) -> Any:
    """Keeps the ``bits`` highest bits of each value."""
    if not 0 <= bits <= 8:
        raise ValueError(f"The number if bits should be between 0 and 8. Got {bits}")
    return _for(img).posterize(img, bits)


def solarize(img: Any, threshold: float) -> Any:
    """Inverts the values at or above ``threshold``."""
    return _for(img).solarize(img, threshold)


def autocontrast(img: Any) -> Any:
    """Stretches each channel to the whole range."""
    return _for(img).autocontrast(img)


def equalize(img: Any) -> Any:
    """Makes each channel's histogram even."""
    return _for(img).equalize(img)
