"""Drawing on images."""

from __future__ import annotations

import numpy as np
import pytest

import lampas
from lampas.vision import utils

pytest.importorskip("PIL")


def _black(size=12):
    return lampas.zeros(3, size, size, dtype=lampas.uint8)


def test_a_box_is_its_border():
    drawn = utils.draw_bounding_boxes(_black(), lampas.tensor([[2, 3, 8, 9]]), colors=["red"])
    want = np.zeros((12, 12), bool)
    want[3:10, 2:9] = True
    want[4:9, 3:8] = False
    assert ((drawn[0] == 255).numpy() == want).all() and drawn[1:].sum() == 0
    filled = utils.draw_bounding_boxes(
        _black().float(), lampas.tensor([[2, 3, 8, 9]]), fill=True, colors=(0, 255, 0)
    )
    assert filled.dtype == lampas.float32 and 0 < filled[1, 6, 5] < 1
    labelled = utils.draw_bounding_boxes(
        _black(30), lampas.tensor([[2, 3, 28, 29]]), ["a"], "white"
    )
    assert labelled[0, 5:20, 5:15].any()


def test_a_rotated_box_has_a_dashed_first_side():
    corners = lampas.tensor([[1.0, 1, 20, 1, 20, 20, 1, 20]])
    drawn = utils.draw_bounding_boxes(_black(24), corners, colors="white")[0] == 255
    assert drawn[20, 1:21].all() and drawn[1:21, 20].all()
    assert drawn[1, 1:6].all() and not drawn[1, 8:10].any() and drawn[1, 11:16].all()


def test_masks_tint_and_darken_where_they_overlap():
    masks = lampas.zeros(2, 12, 12, dtype=lampas.bool)
    masks[0, :6], masks[1, :, :6] = True, True
    drawn = utils.draw_segmentation_masks(_black() + 100, masks, 0.5, ["red", (0, 0, 200)])
    assert drawn[:, 0, 11].tolist() == [177, 50, 50]
    assert drawn[:, 11, 0].tolist() == [50, 50, 150]
    assert drawn[:, 0, 0].tolist() == [50, 50, 50]
    assert drawn[:, 11, 11].tolist() == [100, 100, 100]


def test_points_and_lines():
    points = lampas.tensor([[[2.0, 2], [9, 2], [2, 9]]])
    seen = lampas.tensor([[True, True, False]])
    drawn = utils.draw_keypoints(
        _black(), points, [(0, 1), (0, 2)], colors="red", radius=1, width=1, visibility=seen
    )
    assert drawn[0, 2, 1:11].all()
    assert drawn[:, 5:].sum() == 0


def test_flow_directions_are_opposite_colours():
    flow = lampas.zeros(2, 1, 3)
    flow[0, 0, 0], flow[0, 0, 1] = 1.0, -1.0
    colors = utils.flow_to_image(flow)[:, 0].T.tolist()
    assert colors[0][0] == 255 and colors[0][1] < 5  # to the right: red
    assert colors[1][0] == 0 and colors[1][1] > 200  # to the left: cyan
    assert colors[2] == [255, 255, 255]


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: utils.draw_bounding_boxes(np.zeros(3), None), TypeError, "must be a tensor"),
        (
            lambda: utils.draw_bounding_boxes(_black().long(), None),
            ValueError,
            "must be uint8 or float, got torch.int64",
        ),
        (lambda: utils.draw_bounding_boxes(_black()[None], None), ValueError, "not batches"),
        (
            lambda: utils.draw_bounding_boxes(_black(), lampas.tensor([[5, 0, 1, 1]])),
            ValueError,
            "xmin, ymin, xmax, ymax",
        ),
        (
            lambda: utils.draw_bounding_boxes(_black(), lampas.ones(2, 4), ["a"]),
            ValueError,
            "boxes .2. and labels .1. mismatch",
        ),
        (
            lambda: utils.draw_segmentation_masks(_black(), _black()),
            ValueError,
            "must be of dtype bool",
        ),
        (lambda: utils.draw_keypoints(_black(), lampas.ones(2, 2)), ValueError, "shape .N, K, 2."),
        (lambda: utils.flow_to_image(lampas.zeros(3, 2, 2)), ValueError, "should have shape"),
    ],
)
def test_errors(call, error, text):
    with pytest.raises(error, match=text):
        call()


def test_texts_on_a_ground_of_the_lines_colour_are_black() -> None:
    boxes = lampas.tensor([[1, 1, 38, 28]])
    made = utils.draw_bounding_boxes(
        lampas.zeros(3, 30, 40), boxes, labels=["W"], colors="white", fill_labels=True
    )
    inside = made[0, 3:16, 3:12]
    assert (inside == 1).any() and (inside == 0).any()
