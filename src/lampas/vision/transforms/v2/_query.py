"""What a sample's parts are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from lampas.vision import tv_tensors as tv
from lampas.vision._pillow import is_pil_image
from lampas.vision.transforms.v2.functional import get_dimensions, is_pure_tensor

__all__ = ["check_type", "get_bounding_boxes", "get_keypoints", "has_all", "has_any", "query_chw"]

_Kind = type | Callable[[Any], bool]


def check_type(obj: Any, types_or_checks: Sequence[_Kind]) -> bool:
    """Whether ``obj`` is of one of the types, or one of the functions says so.

    >>> check_type(3, (str, lambda value: value == 3))
    True
    """
    return any(
        isinstance(obj, kind) if isinstance(kind, type) else kind(obj) for kind in types_or_checks
    )


def has_any(flat_inputs: Sequence[Any], *types_or_checks: _Kind) -> bool:
    """Whether one of the inputs is of one of the types; see :func:`check_type`.

    >>> has_any([1, "a"], str, float)
    True
    """
    return any(check_type(value, types_or_checks) for value in flat_inputs)


def has_all(flat_inputs: Sequence[Any], *types_or_checks: _Kind) -> bool:
    """Whether there is an input of each of the types; see :func:`check_type`.

    >>> has_all([1, "a"], str, float)
    False
    """
    return all(has_any(flat_inputs, kind) for kind in types_or_checks)


def get_bounding_boxes(flat_inputs: Sequence[Any]) -> Any:
    """The first bounding boxes among the inputs.

    Raises:
        ValueError: there are none.
    """
    for value in flat_inputs:
        if isinstance(value, tv.BoundingBoxes):
            return value
    raise ValueError("No bounding boxes were found in the sample")


def get_keypoints(flat_inputs: Sequence[Any]) -> Any:
    """The first points among the inputs.

    Raises:
        ValueError: there are none.
    """
    for value in flat_inputs:
        if isinstance(value, tv.KeyPoints):
            return value
    raise ValueError("No keypoints were found in the sample")


def query_chw(flat_inputs: Sequence[Any]) -> tuple[int, int, int]:
    """Channels, height and width that all images and videos have.

    Raises:
        TypeError: there are none.
        ValueError: they differ.

    >>> import lampas
    >>> query_chw([lampas.zeros(3, 4, 5)])
    (3, 4, 5)
    """
    sizes = {
        tuple(get_dimensions(value))
        for value in flat_inputs
        if isinstance(value, (tv.Image, tv.Video)) or is_pure_tensor(value) or is_pil_image(value)
    }
    if not sizes:
        raise TypeError("No image or video was found in the sample")
    if len(sizes) > 1:
        raise ValueError(f"Found multiple CxHxW dimensions in the sample: {sorted(sizes)}")
    channels, height, width = sizes.pop()
    return channels, height, width
