"""The functions for one kind of input each, on plain tensors: ``resize_image``, ``crop_mask`` …"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from lampas import Tensor
from lampas.vision import tv_tensors as tv
from lampas.vision.transforms.v2 import _points as P

_Function = Callable[..., Any]

# What follows the values in a kernel for boxes and points (beyond their own format and canvas), and
# whether the canvas is new and given back too.
_PLACED = {
    "affine": (("angle", "translate", "scale", "shear", "center"), False),
    "center_crop": (("output_size",), True),
    "crop": (("top", "left", "height", "width"), True),
    "elastic": (("displacement",), False),
    "horizontal_flip": ((), False),
    "pad": (("padding", "padding_mode"), True),
    "perspective": (("startpoints", "endpoints"), False),
    "resize": (("size", "max_size"), True),
    "resized_crop": (("top", "left", "height", "width", "size"), True),
    "rotate": (("angle", "expand", "center"), True),
    "vertical_flip": ((), False),
}
_NO_CANVAS = ("crop", "resized_crop")  # their result does not depend on it
_COLOUR = (
    "adjust_brightness", "adjust_contrast", "adjust_gamma", "adjust_hue", "adjust_saturation",
    "adjust_sharpness", "autocontrast", "equalize", "erase", "five_crop", "gaussian_blur",
    "gaussian_noise", "get_dimensions", "get_num_channels", "get_size", "invert", "jpeg",
    "normalize", "permute_channels", "posterize", "solarize", "ten_crop", "to_dtype",
)  # fmt: skip
_IMAGES_ONLY = ("grayscale_to_rgb", "rgb_to_grayscale")
_VIDEOS_ONLY = ("get_num_frames", "uniform_temporal_subsample")


def _named(function: _Function, name: str, doc: str) -> _Function:
    function.__name__ = function.__qualname__ = name
    function.__doc__ = doc
    function.__module__ = "lampas.vision.transforms.v2.functional"
    return function


def _for_images(function: _Function, name: str) -> _Function:
    @functools.wraps(function)
    def kernel(image: Tensor, *args: Any, **kwargs: Any) -> Any:
        return function(image, *args, **kwargs)

    return _named(kernel, name, f":func:`{function.__name__}` of a plain tensor.")


def _for_masks(function: _Function, name: str) -> _Function:
    @functools.wraps(function)
    def kernel(mask: Tensor, *args: Any, **kwargs: Any) -> Any:
        made = function(tv.Mask(mask), *args, **kwargs)
        return P.plain(made) if isinstance(made, tv.TVTensor) else made

    return _named(kernel, name, f":func:`{function.__name__}` of a mask, given as a plain tensor.")


def _for_boxes(function: _Function, name: str, params: tuple[str, ...], new: bool) -> _Function:
    needs_canvas = function.__name__ not in _NO_CANVAS

    def kernel(
        bounding_boxes: Tensor,
        format: Any,
        *args: Any,
        clamping_mode: str | None = "soft",
        **kwargs: Any,
    ) -> Any:
        given = dict(zip(("canvas_size", *params) if needs_canvas else params, args, strict=False))
        given.update(kwargs)
        canvas = given.pop("canvas_size", (1, 1))
        boxes = tv.BoundingBoxes(
            bounding_boxes, format=format, canvas_size=canvas, clamping_mode=clamping_mode
        )
        made = function(boxes, **given)
        return (P.plain(made), made.canvas_size) if new else P.plain(made)

    what = "boxes, and their new canvas" if new else "boxes"
    return _named(
        kernel, name, f":func:`{function.__name__}` of {what}; the format follows the tensor."
    )


def _for_points(function: _Function, name: str, params: tuple[str, ...], new: bool) -> _Function:
    needs_canvas = function.__name__ not in _NO_CANVAS

    def kernel(keypoints: Tensor, *args: Any, **kwargs: Any) -> Any:
        given = dict(zip(("canvas_size", *params) if needs_canvas else params, args, strict=False))
        given.update(kwargs)
        points = tv.KeyPoints(keypoints, canvas_size=given.pop("canvas_size", (1, 1)))
        made = function(points, **given)
        return (P.plain(made), made.canvas_size) if new else P.plain(made)

    what = "points, and their new canvas" if new else "points"
    return _named(kernel, name, f":func:`{function.__name__}` of {what}.")


def kernels(functions: dict[str, _Function]) -> dict[str, _Function]:
    """All of them, by name, of the functions for any kind."""
    made: dict[str, _Function] = {}
    for name in (*_COLOUR, *_IMAGES_ONLY, *_VIDEOS_ONLY, *_PLACED):
        function = functions[name]
        if name not in _VIDEOS_ONLY:
            made[f"{name}_image"] = _for_images(function, f"{name}_image")
        if name not in _IMAGES_ONLY:
            made[f"{name}_video"] = _for_images(function, f"{name}_video")
    made["get_size_mask"] = _for_masks(functions["get_size"], "get_size_mask")
    made["get_size_bounding_boxes"] = made["get_size_keypoints"] = functions["get_size"]
    for name, (params, new) in _PLACED.items():
        function = functions[name]
        made[f"{name}_mask"] = _for_masks(function, f"{name}_mask")
        boxes, points = f"{name}_bounding_boxes", f"{name}_keypoints"
        made[boxes] = _for_boxes(function, boxes, params, new)
        made[points] = _for_points(function, points, params, new)
    return made


# ---- kinds of a user's own -----------------------------------------------------------------------

_REGISTERED: dict[tuple[str, type], _Function] = {}


def open_to_kinds(function: _Function) -> _Function:
    """The function, which looks first whether its input's type has a kernel of its own."""

    @functools.wraps(function)
    def call(inpt: Any, *args: Any, **kwargs: Any) -> Any:
        if _REGISTERED:
            for kind in type(inpt).__mro__:
                own = _REGISTERED.get((function.__name__, kind))
                if own is not None:
                    return own(inpt, *args, **kwargs)
        return function(inpt, *args, **kwargs)

    return call


def register_kernel(functional: Any, tv_tensor_cls: type) -> Callable[[_Function], _Function]:
    """Declares what a function does with a type of one's own, derived from ``TVTensor``.

    Args:
        functional: the function, such as ``functional.horizontal_flip``, or its name.
        tv_tensor_cls: the type.

    Raises:
        ValueError: no such function, a type that is no ``TVTensor``, or one of those above.

    >>> import lampas
    >>> from lampas.vision import tv_tensors
    >>> from lampas.vision.transforms.v2 import functional
    >>> class Depth(tv_tensors.TVTensor):
    ...     pass
    >>> @functional.register_kernel(functional.horizontal_flip, Depth)
    ... def flip(depth):
    ...     return depth.flip(-1)
    >>> functional.horizontal_flip(lampas.tensor([1, 2]).as_subclass(Depth)).tolist()
    [2, 1]
    """
    from lampas.vision.transforms.v2 import functional as F

    name = functional if isinstance(functional, str) else getattr(functional, "__name__", "")
    if not callable(getattr(F, name, None)):
        raise ValueError(f"Could not find a functional named {functional!r} in v2.functional.")
    if not (isinstance(tv_tensor_cls, type) and issubclass(tv_tensor_cls, tv.TVTensor)):
        raise ValueError(
            f"Kernels can only be registered for subclasses of TVTensor, but got {tv_tensor_cls}."
        )
    if tv_tensor_cls in (tv.Image, tv.Video, tv.Mask, tv.BoundingBoxes, tv.KeyPoints):
        raise ValueError(f"Kernels cannot be registered for the builtin {tv_tensor_cls.__name__}.")

    def declare(kernel: _Function) -> _Function:
        _REGISTERED[(name, tv_tensor_cls)] = kernel
        return kernel

    return declare
