"""Transforms of boxes and points alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import lampas
from lampas.utils._pytree import tree_flatten, tree_unflatten
from lampas.vision import tv_tensors as tv
from lampas.vision.transforms.v2 import _points as P
from lampas.vision.transforms.v2 import functional as F
from lampas.vision.transforms.v2._base import Transform
from lampas.vision.transforms.v2._labels import labels_getter_of
from lampas.vision.transforms.v2._query import get_bounding_boxes, get_keypoints


class ConvertBoundingBoxFormat(Transform):
    """Boxes in another format.

    >>> boxes = tv.BoundingBoxes([[1, 1, 3, 4]], format="XYXY", canvas_size=(8, 8))
    >>> ConvertBoundingBoxFormat("XYWH")(boxes).tolist()
    [[1, 1, 2, 3]]
    """

    def __init__(self, format: str | tv.BoundingBoxFormat) -> None:
        super().__init__()
        self.format = P._format(format)

    def extra_repr(self) -> str:
        return f"format={self.format.value}"

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        if isinstance(inpt, tv.BoundingBoxes):
            return F.convert_bounding_box_format(inpt, new_format=self.format)
        return inpt


class ClampBoundingBoxes(Transform):
    """Cuts boxes at the borders of their canvas."""

    def __init__(self, clamping_mode: str | None = "auto") -> None:
        super().__init__()
        self.clamping_mode = clamping_mode

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        if isinstance(inpt, tv.BoundingBoxes):
            return F.clamp_bounding_boxes(inpt, clamping_mode=self.clamping_mode)
        return inpt


class ClampKeyPoints(Transform):
    """Moves points onto their canvas."""

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return F.clamp_keypoints(inpt) if isinstance(inpt, tv.KeyPoints) else inpt


class SetClampingMode(Transform):
    """Boxes with another clamping mode."""

    def __init__(self, clamping_mode: str | None) -> None:
        super().__init__()
        if clamping_mode not in ("soft", "hard", None):
            raise ValueError(f"clamping_mode must be soft, hard or None, got {clamping_mode!r}")
        self.clamping_mode = clamping_mode

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        if isinstance(inpt, tv.BoundingBoxes):
            return tv.wrap(P.plain(inpt).clone(), like=inpt, clamping_mode=self.clamping_mode)
        return inpt


class SanitizeBoundingBoxes(Transform):
    """Drops boxes that are too small or reach beyond their canvas, with their labels and masks.

    Args:
        min_size: smallest width and height.
        min_area: smallest area.
        labels_getter: ``"default"`` finds the labels by their key; a function takes the sample and
            gives them, or a tuple of them; None for none.

    Raises:
        ValueError: no labels are found, or their number is not that of the boxes.
    """

    def __init__(
        self,
        min_size: float = 1.0,
        min_area: float = 1.0,
        labels_getter: Callable[[Any], Any] | str | None = "default",
    ) -> None:
        super().__init__()
        if min_size < 1:
            raise ValueError(f"min_size must be >= 1, got {min_size}.")
        if min_area < 1:
            raise ValueError(f"min_area must be >= 1, got {min_area}.")
        self.min_size = min_size
        self.min_area = min_area
        self.labels_getter = labels_getter
        self._labels_getter = labels_getter_of(labels_getter)

    def forward(self, *inputs: Any) -> Any:
        """The sample without the bad boxes."""
        sample = inputs if len(inputs) > 1 else inputs[0]
        boxes = get_bounding_boxes(tree_flatten(sample)[0])
        labels = _labels(self._labels_getter(sample), boxes, "boxes")
        valid = P.sanitized(boxes, self.min_size, self.min_area)
        return _kept(sample, valid, labels, (tv.BoundingBoxes, tv.Mask))


class SanitizeKeyPoints(Transform):
    """Drops points that lie beyond their canvas, with their labels.

    Args:
        labels_getter: None for none; ``"default"`` finds the labels by their key, a function takes
            the sample and gives them, or a tuple of them.

    Raises:
        ValueError: no points or labels are found, or their numbers differ.

    >>> from lampas.vision import tv_tensors
    >>> points = tv_tensors.KeyPoints([[1, 1], [9, 2]], canvas_size=(4, 4))
    >>> SanitizeKeyPoints()({"points": points})["points"].tolist()
    [[1, 1]]
    """

    def __init__(self, labels_getter: Callable[[Any], Any] | str | None = None) -> None:
        super().__init__()
        self.labels_getter = labels_getter
        self._labels_getter = labels_getter_of(labels_getter)

    def forward(self, *inputs: Any) -> Any:
        """The sample without the points beyond."""
        sample = inputs if len(inputs) > 1 else inputs[0]
        points = get_keypoints(tree_flatten(sample)[0])
        labels = _labels(self._labels_getter(sample), points, "keypoints")
        return _kept(sample, P.points_inside(points), labels, (tv.KeyPoints,))


def _labels(found: Any, things: Any, name: str) -> list[Any]:
    """Labels as a list, one tensor or None each, with as many rows as there are things."""
    labels = list(found) if isinstance(found, (tuple, list)) else [found]
    for label in labels:
        if label is not None and not isinstance(label, lampas.Tensor):
            raise ValueError(
                f"The labels in the input to forward() must be a tensor or None, got {type(label)} "
                "instead."
            )
        if label is not None and label.shape[0] != things.shape[0]:
            raise ValueError(
                f"Number of {name} (shape={tuple(things.shape)}) must match the number of labels. "
                f"Found labels with shape={tuple(label.shape)}."
            )
    return [label for label in labels if label is not None]


def _kept(sample: Any, valid: lampas.Tensor, labels: list[Any], kinds: Any) -> Any:
    """The sample with only the valid rows of its labels and of what is of these kinds."""
    flat, spec = tree_flatten(sample)
    made = []
    for value in flat:
        if any(value is label for label in labels):
            made.append(value[valid])
        elif isinstance(value, kinds) and len(value) == len(valid):
            made.append(tv.wrap(P.plain(value)[valid], like=value))
        else:
            made.append(value)
    return tree_unflatten(made, spec)
