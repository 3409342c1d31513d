"""Transforms of boxes and points alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import lampas
from lampas.utils._pytree import tree_flatten, tree_unflatten
from lampas.vision import tv_tensors as tv
from lampas.vision.transforms.v2 import _points as P
from lampas.vision.transforms.v2 import functional as F
from lampas.vision.transforms.v2._base import Transform


class ConvertBoundingBoxFormat(Transform):
    """Boxes in another format.

    >>> boxes = tv.BoundingBoxes([[1, 1, 3, 4]], format="XYXY", canvas_size=(8, 8))
    >>> ConvertBoundingBoxFormat("XYWH")(boxes).tolist()
    [[1, 1, 2, 3]]
    """

    def __init__(self, format: str | tv.BoundingBoxFormat) -> None:
        super().__init__()
        self.format = P._format(format)

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


def find_labels(inputs: Any) -> lampas.Tensor:
    """The labels in a sample: ``labels`` of a dictionary, or the only plain int64 tensor."""
    if isinstance(inputs, (tuple, list)):
        named = next((part for part in inputs if isinstance(part, Mapping)), None)
        if named is None:
            tensors = [part for part in inputs if F.is_pure_tensor(part)]
            integers = [t for t in tensors if not t.is_floating_point() and t.dim() <= 2]
            if integers:
                return integers[-1]
        inputs = named
    if isinstance(inputs, Mapping):
        for name in sorted(inputs, key=lambda name: str(name).lower() != "labels"):
            if "label" in str(name).lower():
                found: lampas.Tensor = inputs[name]
                return found
    raise ValueError(
        "Could not infer where the labels are in the sample. Try passing a callable as the "
        "labels_getter parameter? If there are no labels in the sample by design, pass "
        "labels_getter=None."
    )


class SanitizeBoundingBoxes(Transform):
    """Drops boxes that are too small or reach beyond their canvas, with their labels and masks.

    Args:
        min_size: smallest width and height.
        min_area: smallest area.
        labels_getter: ``"default"`` finds the labels by their key, a name does by that; a function
            takes the sample and gives them, or a tuple of them; None for none.

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

    def _labels(self, inputs: Any) -> list[Any]:
        getter = self.labels_getter
        if getter is None:
            return []
        if callable(getter):
            found = getter(inputs)
        elif getter == "default":
            found = find_labels(inputs)
        else:
            parts = inputs if isinstance(inputs, (tuple, list)) else [inputs]
            found = next(part[getter] for part in parts if isinstance(part, Mapping))
        return list(found) if isinstance(found, (tuple, list)) else [found]

    def forward(self, *inputs: Any) -> Any:
        """The sample without the bad boxes."""
        sample = inputs if len(inputs) > 1 else inputs[0]
        labels = self._labels(sample)
        flat, spec = tree_flatten(sample)
        boxes = next((value for value in flat if isinstance(value, tv.BoundingBoxes)), None)
        if boxes is None:
            raise ValueError("No BoundingBoxes were found in the sample")
        for label in labels:
            if label.shape[0] != boxes.shape[0]:
                raise ValueError(
                    f"Number of boxes (shape={tuple(boxes.shape)}) and must match the number of "
                    f"labels. Found labels with shape={tuple(label.shape)}."
                )
        valid = P.sanitized(boxes, self.min_size, self.min_area)
        made = []
        for value in flat:
            if any(value is label for label in labels):
                made.append(value[valid])
            elif isinstance(value, (tv.BoundingBoxes, tv.Mask)) and len(value) == len(valid):
                made.append(tv.wrap(P.plain(value)[valid], like=value))
            else:
                made.append(value)
        return tree_unflatten(made, spec)
