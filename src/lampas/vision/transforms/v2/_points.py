"""Boxes and points under the geometry of images: each operation is a map of points."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import lampas
from lampas import Tensor
from lampas.vision import tv_tensors as tv
from lampas.vision.ops import box_convert
from lampas.vision.transforms import functional as F1

PointMap = Callable[[Tensor], Tensor]  # (..., 2) of x and y to the same


def plain(value: Any) -> Tensor:
    """The tensor without its kind."""
    result: Tensor = value.as_subclass(Tensor)
    return result


def _rectangles(corners: Tensor) -> Tensor:
    """Parallelograms ``(N, 4, 2)`` as rectangles that share the longer diagonal and the direction
    of the longer side."""
    one, two, three, four = corners.unbind(1)
    right, down = two - one, four - one
    wide = (right.norm(dim=1) >= down.norm(dim=1)).unsqueeze(1)
    turned = down.flip(1) * lampas.tensor([1.0, -1.0], dtype=corners.dtype)
    side = lampas.where(wide, right, turned)
    side = side / side.norm(dim=1, keepdim=True).clamp(min=1e-12)
    first, second = three - one, four - two
    along = (first * side).sum(1, keepdim=True) * side
    by_first = lampas.stack((one, one + along, three, three - along), 1)
    along = (second * side).sum(1, keepdim=True) * side
    by_second = lampas.stack((two + along, two, four - along, four), 1)
    longer = first.norm(dim=1) > second.norm(dim=1)
    return lampas.where(longer[:, None, None], by_first, by_second)


def moved(
    inpt: Any,
    change: PointMap,
    canvas_size: Sequence[int],
    clamp: bool = True,
    rigid: bool = False,
) -> Any:
    """Boxes or points with ``change`` applied; boxes are cut at the new canvas's borders.

    A ``rigid`` change turns rectangles into rectangles.
    """
    canvas = (int(canvas_size[0]), int(canvas_size[1]))
    values = plain(inpt)
    floats = values if values.is_floating_point() else values.to(lampas.float32)
    if isinstance(inpt, tv.KeyPoints):
        made = change(floats)
        return tv.wrap(made.to(values.dtype), like=inpt, canvas_size=canvas)
    own = inpt.format.value.lower()
    if tv.is_rotated_bounding_format(inpt.format):
        corners = box_convert(floats, own, "xyxyxyxy").reshape(-1, 4, 2)
        corners = change(corners)
        corners = corners if rigid else _rectangles(corners)
        made = box_convert(corners.reshape(-1, 8), "xyxyxyxy", own)
    else:
        x1, y1, x2, y2 = box_convert(floats, own, "xyxy").unbind(-1)
        corners = lampas.stack((x1, y1, x2, y1, x2, y2, x1, y2), -1).reshape(-1, 4, 2)
        corners = change(corners)
        hull = lampas.cat((corners.amin(1), corners.amax(1)), 1)
        made = box_convert(hull, "xyxy", own)
    made = tv.wrap(made.to(values.dtype), like=inpt, canvas_size=canvas)
    return clamp_bounding_boxes(made) if clamp else made


def clamp_bounding_boxes(
    inpt: Any,
    format: Any = None,
    canvas_size: Sequence[int] | None = None,
    clamping_mode: str | None = "auto",
) -> Any:
    """Boxes cut at the borders of their canvas; rotated ones only have their centres kept inside.

    Args:
        inpt: :class:`BoundingBoxes`, or a plain tensor with ``format`` and ``canvas_size``.
        format: of a plain tensor.
        canvas_size: of a plain tensor.
        clamping_mode: ``"soft"``, ``"hard"``, None for nothing, ``"auto"`` for the boxes' own.

    Raises:
        ValueError: a plain tensor without format or size.
    """
    if not isinstance(inpt, tv.BoundingBoxes):
        if format is None or canvas_size is None or clamping_mode == "auto":
            raise ValueError(
                "For pure tensor inputs, `format`, `canvas_size` and `clamping_mode` have to be "
                "passed."
            )
        inpt = tv.BoundingBoxes(
            inpt, format=format, canvas_size=canvas_size, clamping_mode=clamping_mode
        )
        return plain(clamp_bounding_boxes(inpt))
    mode = inpt.clamping_mode if clamping_mode == "auto" else clamping_mode
    values = plain(inpt)
    if mode is None or values.numel() == 0:
        return inpt
    height, width = inpt.canvas_size
    own = inpt.format.value.lower()
    if tv.is_rotated_bounding_format(inpt.format):
        parts = box_convert(values, own, "cxcywhr")
        x, y = parts[:, :1].clamp(0, width), parts[:, 1:2].clamp(0, height)
        values = box_convert(lampas.cat((x, y, parts[:, 2:]), 1), "cxcywhr", own)
        return tv.wrap(values, like=inpt)
    corners = box_convert(values, own, "xyxy")
    xs, ys = corners[:, 0::2].clamp(0, width), corners[:, 1::2].clamp(0, height)
    corners = lampas.stack((xs, ys), -1).reshape(-1, 4)
    return tv.wrap(box_convert(corners, "xyxy", own).to(values.dtype), like=inpt)


def clamp_keypoints(inpt: Any, canvas_size: Sequence[int] | None = None) -> Any:
    """Points moved onto their canvas."""
    height, width = inpt.canvas_size if canvas_size is None else canvas_size
    values = plain(inpt)
    x, y = values[..., 0].clamp(0, width - 1), values[..., 1].clamp(0, height - 1)
    made = lampas.stack((x, y), -1)
    return tv.wrap(made, like=inpt)


def _format(value: Any) -> Any:
    return tv.BoundingBoxFormat[value.upper()] if isinstance(value, str) else value


def convert_bounding_box_format(
    inpt: Any, old_format: Any = None, new_format: Any = None, inplace: bool = False
) -> Any:
    """Boxes in another format.

    Args:
        inpt: :class:`BoundingBoxes`, or a plain tensor with ``old_format``.
        old_format: of a plain tensor.
        new_format: wanted.
        inplace: write into ``inpt``.

    Raises:
        TypeError: no ``new_format``.
        ValueError: a plain tensor without ``old_format``, or boxes with one.
    """
    if new_format is None:
        raise TypeError("missing 1 required argument: 'new_format'")
    own = isinstance(inpt, tv.BoundingBoxes)
    if own == (old_format is not None):
        raise ValueError(
            "For pure tensor inputs, `old_format` has to be passed; bounding boxes have one"
        )
    old, new = _format(inpt.format if own else old_format), _format(new_format)
    values = plain(inpt)
    made = box_convert(values, old.value.lower(), new.value.lower()).to(values.dtype)
    made = values.copy_(made) if inplace else made
    return tv.wrap(made, like=inpt, format=new) if own else made


def affine_map(matrix: Sequence[float]) -> PointMap:
    """The map whose inverse is ``matrix``, of two rows with three numbers."""
    a, b, c, d, e, f = matrix
    determinant = a * e - b * d
    inverse = (e / determinant, -b / determinant, -d / determinant, a / determinant)

    def change(points: Tensor) -> Tensor:
        x, y = points[..., 0] - c, points[..., 1] - f
        return lampas.stack((inverse[0] * x + inverse[1] * y, inverse[2] * x + inverse[3] * y), -1)

    return change


def affine(inpt: Any, angle: float, translate: Any, scale: float, shear: Any, center: Any) -> Any:
    """Boxes or points turned, shifted, scaled and sheared with their image."""
    height, width = inpt.canvas_size
    shears = [float(shear), 0.0] if isinstance(shear, (int, float)) else [float(s) for s in shear]
    shears = shears * 2 if len(shears) == 1 else shears
    middle = [width * 0.5, height * 0.5] if center is None else center
    matrix = F1.inverse_affine_matrix(middle, angle, translate, scale, shears)
    return moved(inpt, affine_map(matrix), (height, width))


def rotate(inpt: Any, angle: float, expand: bool, center: Any) -> Any:
    """Boxes or points turned with their image."""
    height, width = inpt.canvas_size
    middle = [width * 0.5, height * 0.5] if center is None or expand else center
    matrix = F1.inverse_affine_matrix(middle, -angle, [0.0, 0.0], 1.0, [0.0, 0.0])
    change, canvas = affine_map(matrix), (height, width)
    if expand:
        canvas = F1._rotated_size(matrix, height, width)
        shift = lampas.tensor([(canvas[1] - width) / 2, (canvas[0] - height) / 2])
        return moved(inpt, lambda p: change(p) + shift.to(p.dtype), canvas)
    return moved(inpt, change, canvas)


def perspective(inpt: Any, startpoints: Any, endpoints: Any) -> Any:
    """Boxes or points under the map that moves four corners."""
    # Solved the other way round: from the image to the result.
    a, b, c, d, e, f, g, h = F1._perspective_coefficients(endpoints, startpoints)

    def change(points: Tensor) -> Tensor:
        x, y = points[..., 0], points[..., 1]
        below = g * x + h * y + 1
        return lampas.stack(((a * x + b * y + c) / below, (d * x + e * y + f) / below), -1)

    return moved(inpt, change, inpt.canvas_size)


def elastic(inpt: Any, displacement: Tensor) -> Any:
    """Boxes or points moved against the field that says where pixels come from."""
    height, width = inpt.canvas_size
    half = lampas.tensor([width / 2, height / 2])

    def change(points: Tensor) -> Tensor:
        column = points[..., 0].floor().clamp(0, width - 1).long()
        row = points[..., 1].floor().clamp(0, height - 1).long()
        return points - (displacement[0, row, column] * half).to(points.dtype)

    return moved(inpt, change, (height, width))


def scaled(inpt: Any, size: Sequence[int]) -> Any:
    """Boxes or points on an image scaled to ``size`` (height, width)."""
    height, width = inpt.canvas_size
    ratio = lampas.tensor([size[1] / width, size[0] / height])
    rotated = isinstance(inpt, tv.BoundingBoxes) and tv.is_rotated_bounding_format(inpt.format)
    return moved(inpt, lambda p: p * ratio.to(p.dtype), size, clamp=rotated)


def shifted(inpt: Any, x: float, y: float, size: Sequence[int]) -> Any:
    """Boxes or points moved by ``x`` and ``y`` onto a canvas of ``size``."""
    shift = lampas.tensor([float(x), float(y)])
    return moved(inpt, lambda p: p + shift.to(p.dtype), size, rigid=True)


def mirrored(inpt: Any, horizontal: bool) -> Any:
    """Boxes or points on a mirrored image; points are pixels, boxes lie between them."""
    height, width = inpt.canvas_size
    last = -1 if isinstance(inpt, tv.KeyPoints) else 0
    axis, size = (0, width + last) if horizontal else (1, height + last)

    def change(points: Tensor) -> Tensor:
        parts = list(points.unbind(-1))
        parts[axis] = size - parts[axis]
        made = lampas.stack(parts, -1)
        # The corners of a rotated box change places, so that they go round the same way.
        turned = made.dim() == 3 and made.shape[1] == 4
        return made[:, [1, 0, 3, 2]] if turned else made

    return moved(inpt, change, (height, width), clamp=False, rigid=True)


def sanitized(
    boxes: Any, min_size: float, min_area: float, canvas_size: Any = None, format: Any = None
) -> Tensor:
    """Which boxes are large enough and lie on the canvas, bool ``(N,)``."""
    format = _format(boxes.format if format is None else format)
    height, width = boxes.canvas_size if canvas_size is None else canvas_size
    own, values = format.value.lower(), plain(boxes)
    if tv.is_rotated_bounding_format(format):
        w, h = box_convert(values, own, "cxcywhr")[..., 2:4].unbind(-1)
        corners = box_convert(values, own, "xyxyxyxy")
    else:
        corners = box_convert(values, own, "xyxy")
        w, h = corners[..., 2] - corners[..., 0], corners[..., 3] - corners[..., 1]
    good = (w >= min_size) & (h >= min_size) & (w * h >= min_area) & ~(w.isnan() | h.isnan())
    xs, ys = corners[..., 0::2], corners[..., 1::2]
    inside = (xs >= 0) & (xs <= width) & (ys >= 0) & (ys <= height)
    return good & inside.all(-1)


def points_inside(points: Any, canvas_size: Any = None) -> Tensor:
    """Which points lie on the canvas, bool ``(N,)``; of several together, all must."""
    height, width = points.canvas_size if canvas_size is None else canvas_size
    x, y = plain(points).unbind(-1)
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    return inside if inside.dim() == 1 else inside.flatten(1).all(1)
