"""The transforms as functions, on images, videos, masks, boxes and points.

Plain tensors and PIL images are images. What only changes colours leaves masks, boxes and points
as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import lampas
from lampas import Tensor
from lampas.vision import tv_tensors as tv
from lampas.vision._pillow import is_pil_image
from lampas.vision.transforms import _conversion_functional as C
from lampas.vision.transforms import functional as F1
from lampas.vision.transforms._modes import interpolation_mode
from lampas.vision.transforms.functional import (
    InterpolationMode,
    get_image_num_channels,
    get_image_size,
    pil_to_tensor,
    to_grayscale,
    to_pil_image,
    to_tensor,
)
from lampas.vision.transforms.v2 import _points as P
from lampas.vision.transforms.v2._kernels import kernels, open_to_kinds, register_kernel
from lampas.vision.transforms.v2._points import (
    clamp_bounding_boxes,
    clamp_keypoints,
    convert_bounding_box_format,
)

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
    "clamp_bounding_boxes",
    "clamp_keypoints",
    "convert_bounding_box_format",
    "convert_image_dtype",
    "crop",
    "elastic",
    "elastic_transform",
    "equalize",
    "erase",
    "five_crop",
    "gaussian_blur",
    "gaussian_noise",
    "get_dimensions",
    "get_image_num_channels",
    "get_image_size",
    "get_num_channels",
    "get_num_frames",
    "get_size",
    "grayscale_to_rgb",
    "hflip",
    "horizontal_flip",
    "invert",
    "is_pure_tensor",
    "jpeg",
    "normalize",
    "pad",
    "permute_channels",
    "perspective",
    "pil_to_tensor",
    "posterize",
    "register_kernel",
    "resize",
    "resized_crop",
    "rgb_to_grayscale",
    "rotate",
    "sanitize_bounding_boxes",
    "sanitize_keypoints",
    "solarize",
    "ten_crop",
    "to_dtype",
    "to_grayscale",
    "to_image",
    "to_pil_image",
    "to_tensor",
    "uniform_temporal_subsample",
    "vertical_flip",
    "vflip",
]

_NEAREST, _BILINEAR = InterpolationMode.NEAREST, InterpolationMode.BILINEAR
_PLACED = (tv.BoundingBoxes, tv.KeyPoints)


def is_pure_tensor(inpt: Any) -> bool:
    """Whether ``inpt`` is a tensor that does not say what it is."""
    return isinstance(inpt, Tensor) and not isinstance(inpt, tv.TVTensor)


def _as_image(inpt: Any, function: Callable[[Any], Any]) -> Any:
    if isinstance(inpt, tv.TVTensor):
        return tv.wrap(function(P.plain(inpt)), like=inpt)
    return function(inpt)


def _as_mask(inpt: Any, function: Callable[[Any], Any]) -> Any:
    """``function`` of a mask, which may lack the dimension of channels."""
    values = P.plain(inpt)
    made = function(values.unsqueeze(0)).squeeze(0) if values.dim() == 2 else function(values)
    return tv.wrap(made, like=inpt)


def _colour(name: str) -> Callable[..., Any]:
    own = getattr(F1, name)

    def function(inpt: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(inpt, (*_PLACED, tv.Mask)):
            return inpt
        return _as_image(inpt, lambda image: own(image, *args, **kwargs))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"{own.__doc__}\n\n    Masks, boxes and points stay as they are."
    return function


adjust_brightness = _colour("adjust_brightness")
adjust_contrast = _colour("adjust_contrast")
adjust_gamma = _colour("adjust_gamma")
adjust_hue = _colour("adjust_hue")
adjust_saturation = _colour("adjust_saturation")
adjust_sharpness = _colour("adjust_sharpness")
autocontrast = _colour("autocontrast")
gaussian_blur = _colour("gaussian_blur")
invert = _colour("invert")
normalize = _colour("normalize")
rgb_to_grayscale = _colour("rgb_to_grayscale")
solarize = _colour("solarize")
convert_image_dtype = _colour("convert_image_dtype")


def posterize(inpt: Any, bits: int) -> Any:
    """Keeps the ``bits`` highest bits of bytes; floats in [0, 1] get ``2**bits`` levels.

    Masks, boxes and points stay as they are.
    """
    if isinstance(inpt, (*_PLACED, tv.Mask)):
        return inpt
    if not (isinstance(inpt, Tensor) and inpt.is_floating_point()):
        return _as_image(inpt, lambda img: F1.posterize(img, bits))
    levels = 1 << bits
    return _as_image(inpt, lambda img: (img * levels).floor().clamp(0, levels - 1) / levels)


def equalize(inpt: Any) -> Any:
    """Makes each channel's histogram even; floats in [0, 1] go through bytes.

    Masks, boxes and points stay as they are.
    """
    if isinstance(inpt, (*_PLACED, tv.Mask)):
        return inpt
    if not isinstance(inpt, Tensor):
        return F1.equalize(inpt)
    in_bytes = convert_image_dtype(inpt, lampas.uint8)
    return convert_image_dtype(_as_image(in_bytes, F1.equalize), inpt.dtype)


def erase(inpt: Any, i: int, j: int, h: int, w: int, v: Any, inplace: bool = False) -> Any:
    """Overwrites a rectangle with ``v``: ``h`` rows from ``i``, ``w`` columns from ``j``.

    Masks, boxes and points stay as they are.
    """
    if isinstance(inpt, (*_PLACED, tv.Mask)):
        return inpt
    if is_pil_image(inpt):
        return to_pil_image(F1.erase(pil_to_tensor(inpt), i, j, h, w, v), inpt.mode)
    return _as_image(inpt, lambda img: F1.erase(img, i, j, h, w, v, inplace))


def get_size(inpt: Any) -> list[int]:
    """``[height, width]`` of an image, or of what boxes and points lie on."""
    if isinstance(inpt, _PLACED):
        return list(inpt.canvas_size)
    return list(inpt.shape[-2:]) if isinstance(inpt, Tensor) else [inpt.height, inpt.width]


def get_dimensions(inpt: Any) -> list[int]:
    """``[channels, height, width]``."""
    return F1.get_dimensions(P.plain(inpt) if isinstance(inpt, Tensor) else inpt)


def get_num_channels(inpt: Any) -> int:
    """The number of channels."""
    return get_dimensions(inpt)[0]


def get_num_frames(inpt: Tensor) -> int:
    """The number of a video's pictures."""
    return inpt.shape[-4]


def to_image(inpt: Any) -> tv.Image:
    """A PIL image, array ``(H, W, C)`` or tensor as an image ``(C, H, W)``; values stay.

    Raises:
        TypeError: anything else.

    >>> to_image(np.zeros((2, 3, 1), np.uint8)).shape
    torch.Size([1, 2, 3])
    """
    if isinstance(inpt, np.ndarray):
        inpt = C._hwc_to_chw(np.atleast_3d(inpt))
    elif is_pil_image(inpt):
        inpt = pil_to_tensor(inpt)
    elif not isinstance(inpt, Tensor):
        raise TypeError(
            f"Input can either be a pure Tensor, a numpy array, or a PIL image, got {type(inpt)}"
        )
    result: tv.Image = tv.Image(P.plain(inpt))
    return result


def to_dtype(inpt: Any, dtype: Any = None, scale: bool = False) -> Any:
    """Converts the dtype; with ``scale``, an image's values to the new dtype's range as well.

    >>> to_dtype(lampas.tensor([255], dtype=lampas.uint8), scale=True)
    tensor([1.])
    """
    dtype = lampas.float32 if dtype is None else dtype
    images = not isinstance(inpt, (*_PLACED, tv.Mask))
    if scale and images:
        return _as_image(inpt, lambda image: C.convert_image_dtype(image, dtype))
    return _as_image(inpt, lambda image: image.to(dtype))


def horizontal_flip(inpt: Any) -> Any:
    """Mirrors left and right."""
    if isinstance(inpt, _PLACED):
        return P.mirrored(inpt, horizontal=True)
    return _as_image(inpt, F1.hflip)


def vertical_flip(inpt: Any) -> Any:
    """Mirrors top and bottom."""
    if isinstance(inpt, _PLACED):
        return P.mirrored(inpt, horizontal=False)
    return _as_image(inpt, F1.vflip)


hflip = horizontal_flip
vflip = vertical_flip


def resize(
    inpt: Any,
    size: Any,
    interpolation: Any = _BILINEAR,
    max_size: int | None = None,
    antialias: bool | None = True,
) -> Any:
    """Scales to ``size``: ``(height, width)`` or the shorter side; see version 1.

    ``size=None`` with ``max_size`` scales the longer side to that.
    """
    height, width = get_size(inpt)
    if size is None:
        if not isinstance(max_size, int):
            raise ValueError(f"max_size must be an integer when size is None, but got {max_size}")
        ratio = max_size / max(height, width)
        want = (
            (max_size, int(width * ratio)) if height >= width else (int(height * ratio), max_size)
        )
    else:
        want = F1._resized_size(size, height, width, max_size)
    if isinstance(inpt, _PLACED):
        return P.scaled(inpt, want)
    if isinstance(inpt, tv.Mask):
        exact = interpolation_mode(interpolation) is InterpolationMode.NEAREST_EXACT
        mode = InterpolationMode.NEAREST_EXACT if exact else _NEAREST
        return _as_mask(inpt, lambda mask: F1.resize(mask, want, mode))
    return _as_image(inpt, lambda img: _resized(img, want, interpolation, antialias))


def _resized(img: Any, size: Any, interpolation: Any, antialias: bool | None) -> Any:
    mode = interpolation_mode(interpolation)
    lanczos = mode is InterpolationMode.LANCZOS
    smooth = mode in (InterpolationMode.BILINEAR, InterpolationMode.BICUBIC)
    in_bytes = isinstance(img, Tensor) and img.dtype == lampas.uint8
    if not (isinstance(img, Tensor) and img.numel() and (lanczos or (smooth and in_bytes))):
        return F1.resize(img, size, interpolation, antialias=antialias)
    if lanczos and not antialias:
        raise ValueError("InterpolationMode.LANCZOS requires antialias=True")
    # Bytes stay bytes, which version 1 turns into floats and back.
    from lampas.nn.functional import interpolate

    batch = img.reshape(-1, *img.shape[-3:])
    whole = not in_bytes and not img.is_floating_point()
    made = interpolate(
        batch.to(lampas.float32) if whole else batch,
        size=list(size), mode=mode.value, align_corners=False, antialias=bool(antialias),
    )  # fmt: skip
    made = made.round().to(img.dtype) if whole else made
    return made.reshape(*img.shape[:-2], *made.shape[-2:])


def _flat_fill(fill: Any) -> Any:
    return 0 if fill is None else fill


def pad(inpt: Any, padding: Any, fill: Any = None, padding_mode: str = "constant") -> Any:
    """Widens on all sides; see version 1."""
    if isinstance(inpt, _PLACED):
        left, top, right, bottom = F1._sides(padding)
        if padding_mode != "constant":
            raise ValueError(
                f"Padding mode '{padding_mode}' is not supported with bounding boxes and points"
            )
        height, width = inpt.canvas_size
        return P.shifted(inpt, left, top, (height + top + bottom, width + left + right))
    if isinstance(inpt, tv.Mask):
        value = _flat_fill(fill)
        if isinstance(value, (list, tuple)) and len(value) > 1:
            raise ValueError(
                f"Non-scalar fill value is not supported for masks, got {value}: give each kind "
                "its own by a dictionary, {tv_tensors.Image: …, tv_tensors.Mask: 0}"
            )
        return _as_mask(inpt, lambda mask: F1.pad(mask, padding, value, padding_mode))
    return _as_image(inpt, lambda img: F1.pad(img, padding, _flat_fill(fill), padding_mode))


def crop(inpt: Any, top: int, left: int, height: int, width: int) -> Any:
    """Cuts a rectangle out; what lies outside of the image is zero."""
    if isinstance(inpt, _PLACED):
        return P.shifted(inpt, -left, -top, (height, width))
    return _as_image(inpt, lambda img: F1.crop(img, top, left, height, width))


def center_crop(inpt: Any, output_size: Any) -> Any:
    """Cuts the middle out; what is smaller is padded with zeros first."""
    if isinstance(inpt, _PLACED):
        height, width = inpt.canvas_size
        want_h, want_w = F1._height_and_width(output_size)
        top, left = round((height - want_h) / 2.0), round((width - want_w) / 2.0)
        return P.shifted(inpt, -left, -top, (want_h, want_w))
    return _as_image(inpt, lambda img: F1.center_crop(img, output_size))


def resized_crop(
    inpt: Any,
    top: int,
    left: int,
    height: int,
    width: int,
    size: Any,
    interpolation: Any = _BILINEAR,
    antialias: bool | None = True,
) -> Any:
    """Cuts a rectangle out and scales it to ``size``."""
    want = F1._height_and_width(size)
    return resize(crop(inpt, top, left, height, width), want, interpolation, antialias=antialias)


def five_crop(inpt: Any, size: Any) -> tuple[Any, ...]:
    """The four corners and the middle of an image or video.

    Raises:
        TypeError: masks, boxes or points.
    """
    return _several(inpt, "five_crop", lambda img: F1.five_crop(img, size))


def ten_crop(inpt: Any, size: Any, vertical_flip: bool = False) -> tuple[Any, ...]:
    """:func:`five_crop` of the image and of its mirror image."""
    return _several(inpt, "ten_crop", lambda img: F1.ten_crop(img, size, vertical_flip))


def _several(inpt: Any, name: str, function: Callable[[Any], Any]) -> tuple[Any, ...]:
    if isinstance(inpt, (*_PLACED, tv.Mask)):
        raise TypeError(f"{name}() takes images and videos, not {type(inpt).__name__}")
    like = inpt if isinstance(inpt, tv.TVTensor) else None
    parts = function(inpt if like is None else P.plain(inpt))
    return tuple(tv.wrap(part, like=like) for part in parts)


def affine(
    inpt: Any,
    angle: float,
    translate: Any,
    scale: float,
    shear: Any,
    interpolation: Any = _NEAREST,
    fill: Any = None,
    center: Any = None,
) -> Any:
    """Rotates, shifts, scales and shears; see version 1."""
    if isinstance(inpt, _PLACED):
        return P.affine(inpt, angle, translate, scale, shear, center)
    kind, mode = (_as_mask, _NEAREST) if isinstance(inpt, tv.Mask) else (_as_image, interpolation)
    return kind(
        inpt, lambda img: F1.affine(img, angle, translate, scale, shear, mode, fill, center)
    )


def rotate(
    inpt: Any,
    angle: float,
    interpolation: Any = _NEAREST,
    expand: bool = False,
    center: Any = None,
    fill: Any = None,
) -> Any:
    """Rotates counter-clockwise by degrees; see version 1."""
    if isinstance(inpt, _PLACED):
        return P.rotate(inpt, angle, expand, center)
    kind, mode = (_as_mask, _NEAREST) if isinstance(inpt, tv.Mask) else (_as_image, interpolation)
    return kind(inpt, lambda img: F1.rotate(img, angle, mode, expand, center, fill))


def perspective(
    inpt: Any,
    startpoints: Any,
    endpoints: Any,
    interpolation: Any = _BILINEAR,
    fill: Any = None,
) -> Any:
    """Moves four corners; see version 1."""
    if isinstance(inpt, _PLACED):
        return P.perspective(inpt, startpoints, endpoints)
    kind, mode = (_as_mask, _NEAREST) if isinstance(inpt, tv.Mask) else (_as_image, interpolation)
    return kind(inpt, lambda img: F1.perspective(img, startpoints, endpoints, mode, fill))


def elastic(
    inpt: Any, displacement: Tensor, interpolation: Any = _BILINEAR, fill: Any = None
) -> Any:
    """Moves each pixel by its own vector; see version 1."""
    if isinstance(inpt, _PLACED):
        return P.elastic(inpt, displacement)
    kind, mode = (_as_mask, _NEAREST) if isinstance(inpt, tv.Mask) else (_as_image, interpolation)
    return kind(inpt, lambda img: F1.elastic_transform(img, displacement, mode, fill))


elastic_transform = elastic


def grayscale_to_rgb(inpt: Any) -> Any:
    """Grey to colour; colour stays."""
    if isinstance(inpt, (*_PLACED, tv.Mask)):
        return inpt
    if is_pil_image(inpt):
        return inpt.convert("RGB")
    return inpt if inpt.shape[-3] == 3 else rgb_to_grayscale(inpt, 3)


def permute_channels(inpt: Any, permutation: list[int]) -> Any:
    """The channels in another order."""
    if isinstance(inpt, (*_PLACED, tv.Mask)):
        return inpt
    if is_pil_image(inpt):
        return to_pil_image(permute_channels(pil_to_tensor(inpt), permutation))
    if len(permutation) != inpt.shape[-3]:
        raise ValueError(
            f"Length of permutation does not match number of channels: {len(permutation)} != "
            f"{inpt.shape[-3]}"
        )
    return _as_image(inpt, lambda img: img[..., list(permutation), :, :])


def gaussian_noise(inpt: Any, mean: float = 0.0, sigma: float = 0.1, clip: bool = True) -> Any:
    """Adds normal noise to a float image, or to bytes as if they were in [0, 1].

    Raises:
        ValueError: another dtype, a PIL image, or a negative ``sigma``.
    """
    if isinstance(inpt, (*_PLACED, tv.Mask)):
        return inpt
    bytes_ = isinstance(inpt, Tensor) and inpt.dtype == lampas.uint8
    if not (bytes_ or (isinstance(inpt, Tensor) and inpt.is_floating_point())):
        raise ValueError(f"Input should be a float or uint8 tensor, got {type(inpt).__name__}")
    if sigma < 0:
        raise ValueError(f"sigma shouldn't be negative. Got {sigma}")

    def noisy(img: Tensor) -> Tensor:
        if bytes_:
            noise = ((mean + lampas.randn(img.shape) * sigma) * 255).to(lampas.int16)
            made = img + noise
            return (made.clamp(0, 255) if clip else made).to(lampas.uint8)
        made = img + (mean + lampas.randn_like(img) * sigma)
        return made.clamp(0, 1) if clip else made

    return _as_image(inpt, noisy)


def jpeg(image: Any, quality: int) -> Any:
    """What is left of an image after it was written as JPEG."""
    from lampas.vision.io import decode_image, encode_jpeg

    if isinstance(image, (*_PLACED, tv.Mask)):
        return image
    if is_pil_image(image):
        return to_pil_image(jpeg(pil_to_tensor(image), quality), image.mode)
    flat = P.plain(image).reshape(-1, *image.shape[-3:])
    made = lampas.stack([decode_image(encode_jpeg(part, quality)) for part in flat])
    return tv.wrap(made.reshape(image.shape), like=image)


def uniform_temporal_subsample(inpt: Any, num_samples: int) -> Any:
    """``num_samples`` pictures of a video ``(..., T, C, H, W)``, evenly spread."""
    places = lampas.linspace(0, inpt.shape[-4] - 1, num_samples).long()
    return _as_image(inpt, lambda video: video.index_select(-4, places))


def sanitize_bounding_boxes(
    bounding_boxes: Any,
    format: Any = None,
    canvas_size: Any = None,
    min_size: float = 1.0,
    min_area: float = 1.0,
) -> tuple[Any, Tensor]:
    """Drops boxes that are too small or reach beyond the canvas; also tells which stay."""
    if is_pure_tensor(bounding_boxes) and (format is None or canvas_size is None):
        raise ValueError(
            "format and canvas_size must be passed if bounding_boxes is a pure tensor."
        )
    valid = P.sanitized(bounding_boxes, min_size, min_area, canvas_size, format)
    return tv.wrap(P.plain(bounding_boxes)[valid], like=bounding_boxes), valid


def sanitize_keypoints(key_points: Any, canvas_size: Any = None) -> tuple[Any, Tensor]:
    """Drops points that lie beyond the canvas; also tells which stay."""
    if is_pure_tensor(key_points) and canvas_size is None:
        raise ValueError("canvas_size must be passed if key_points is a pure tensor.")
    valid = P.points_inside(key_points, canvas_size)
    return tv.wrap(P.plain(key_points)[valid], like=key_points), valid


_MEETING_POINTS = [
    name
    for name, value in list(globals().items())
    if name in __all__ and getattr(value, "__module__", None) == __name__ and name[0].islower()
]
for _name in _MEETING_POINTS:
    if _name not in ("is_pure_tensor", "to_image"):
        globals()[_name] = open_to_kinds(globals()[_name])
_kernels = kernels(globals())
globals().update(_kernels)
__all__ += list(_kernels)
