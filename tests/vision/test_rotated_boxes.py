"""Boxes with an angle under the geometry of images."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import lampas
from lampas.vision import ops
from lampas.vision.transforms import v2
from lampas.vision.transforms.v2 import functional as F
from lampas.vision.tv_tensors import BoundingBoxes, wrap

FORMATS = ["XYWHR", "CXCYWHR", "XYXYXYXY"]
CENTRED = [[20.0, 20, 20, 10, 30], [40, 30, 15, 25, -50], [35, 20, 30, 8, 90]]


def boxes(format: str, mode: str | None = None) -> Any:
    made = ops.box_convert(lampas.tensor(CENTRED), "cxcywhr", format.lower())
    return BoundingBoxes(made, format=format, canvas_size=(50, 70), clamping_mode=mode)


def corners(value: Any) -> np.ndarray[Any, Any]:
    made = ops.box_convert(value.as_subclass(lampas.Tensor), value.format.value.lower(), "xyxyxyxy")
    return made.reshape(-1, 4, 2).double().numpy()


def turned(points: np.ndarray[Any, Any], degrees: float) -> np.ndarray[Any, Any]:
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    middle = np.array([35.0, 25.0])
    return (points - middle) @ np.array([[c, -s], [s, c]]) + middle


@pytest.mark.parametrize("format", FORMATS)
def test_rigid_moves_move_the_corners(format: str) -> None:
    before = corners(boxes(format))
    shift = np.array([1.0, 2.0])
    cases = [
        (F.pad(boxes(format), [1, 2, 3, 4]), before + shift),
        (F.crop(boxes(format), 2, 1, 30, 40), before - shift),
        (F.rotate(boxes(format), 25.0), turned(before, 25.0)),
        (F.resize(boxes(format), [100, 140]), before * 2),
    ]
    for made, expected in cases:
        assert made.format == boxes(format).format
        assert np.allclose(corners(made), expected, atol=1e-3)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("flip", [F.horizontal_flip, F.vertical_flip])
def test_flips_cover_the_mirrored_corners_and_undo_themselves(format: str, flip: Any) -> None:
    before = corners(boxes(format))
    axis, size = (0, 70.0) if flip is F.horizontal_flip else (1, 50.0)
    expected = before.copy()
    expected[..., axis] = size - expected[..., axis]
    made = corners(flip(boxes(format)))
    for a, b in zip(made, expected, strict=True):
        distances = np.linalg.norm(a[:, None] - b[None], axis=2)
        assert (distances.min(1) < 1e-3).all()
    assert np.allclose(corners(flip(flip(boxes(format)))), before, atol=1e-3)


@pytest.mark.parametrize("format", FORMATS)
def test_uneven_scaling_keeps_rectangles_the_diagonal_and_the_longer_side(format: str) -> None:
    scale = np.array([1.5, 2.0])
    sheared = corners(boxes(format)) * scale
    made = corners(F.resize(boxes(format), [100, 105]))
    for rectangle, parallelogram in zip(made, sheared, strict=True):
        right, down = rectangle[1] - rectangle[0], rectangle[3] - rectangle[0]
        assert abs(right @ down) < 1e-2
        diagonals = [(0, 2), (1, 3)]
        lengths = [np.linalg.norm(parallelogram[i] - parallelogram[j]) for i, j in diagonals]
        ends = list(diagonals[int(np.argmax(lengths))])
        assert np.allclose(rectangle[ends], parallelogram[ends], atol=1e-3)
        sides = [parallelogram[1] - parallelogram[0], parallelogram[3] - parallelogram[0]]
        longer = int(np.argmax([np.linalg.norm(side) for side in sides]))
        own = (right, down)[longer]
        cross = own[0] * sides[longer][1] - own[1] * sides[longer][0]
        assert abs(cross) < 1e-2 * np.linalg.norm(own) * np.linalg.norm(sides[longer])


@pytest.mark.parametrize("format", FORMATS)
def test_sanitizing_wants_all_corners_on_the_canvas(format: str) -> None:
    inside = boxes(format)
    kept, valid = F.sanitize_bounding_boxes(inside)
    assert valid.tolist() == [True, True, True]
    small = wrap(inside.as_subclass(lampas.Tensor), like=inside, canvas_size=(33, 70))
    _, valid = F.sanitize_bounding_boxes(small)
    expected = (corners(small)[..., 1] <= 33).all(1) & (corners(small) >= 0).all((1, 2))
    assert valid.tolist() == expected.tolist()
    _, valid = F.sanitize_bounding_boxes(inside, min_size=9.0)
    assert valid.tolist() == [True, True, False]
    assert kept.shape == inside.shape


def test_four_corners_become_a_box_about_the_first() -> None:
    quad = lampas.tensor([[10.0, 10, 30, 12, 28, 30, 9, 25]])
    x, y, w, h, angle = ops.box_convert(quad, "xyxyxyxy", "xywhr")[0].tolist()
    assert (x, y) == pytest.approx((10, 10), abs=1e-4)
    assert w == pytest.approx(math.hypot(20, 2), abs=1e-4)
    assert h == pytest.approx(math.hypot(2, 18), abs=1e-4)
    assert angle == pytest.approx(-math.degrees(math.atan2(2, 20)), abs=1e-3)


def test_plain_boxes_are_cut_by_moves_but_not_by_flips_and_scaling() -> None:
    made = BoundingBoxes([[10, 12, 200, 30]], format="XYXY", canvas_size=(50, 70))
    assert F.horizontal_flip(made).tolist() == [[-130, 12, 60, 30]]
    assert F.resize(made, [100, 140]).tolist() == [[20, 24, 400, 60]]
    assert F.pad(made, 1).tolist() == [[11, 13, 72, 31]]


def test_shown_as_torchvision_shows_them() -> None:
    made = BoundingBoxes([[1.0, 2, 3, 4], [5, 6, 7, 8]], format="XYXY", canvas_size=(9, 9))
    assert repr(made) == (
        "BoundingBoxes([[1., 2., 3., 4.],\n               [5., 6., 7., 8.]], "
        "format=BoundingBoxFormat.XYXY, canvas_size=(9, 9), clamping_mode=soft)"
    )
    assert repr(v2.ConvertBoundingBoxFormat("xywh")) == "ConvertBoundingBoxFormat(format=XYWH)"
