"""Boxes: area, conversion, overlap, selection. A box is four numbers, by default x1, y1, x2, y2."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import lampas
from lampas import Tensor

__all__ = [
    "batched_nms",
    "box_area",
    "box_convert",
    "box_iou",
    "clip_boxes_to_image",
    "complete_box_iou",
    "distance_box_iou",
    "generalized_box_iou",
    "masks_to_boxes",
    "nms",
    "remove_small_boxes",
]

_FORMATS = ("xyxy", "xywh", "cxcywh", "xywhr", "cxcywhr", "xyxyxyxy")


def _checked_nms(boxes: Tensor, scores: Tensor, name: str) -> None:
    if boxes.dim() != 2 or boxes.shape[1] != 4:
        raise RuntimeError(f"{name}(): boxes should be (N, 4), got shape {tuple(boxes.shape)}")
    if scores.dim() != 1 or scores.shape[0] != boxes.shape[0]:
        raise RuntimeError(
            f"{name}(): scores should be ({boxes.shape[0]},), one for each box, got shape "
            f"{tuple(scores.shape)}"
        )


def _kept(boxes: Tensor, scores: Tensor, threshold: float, groups: Tensor | None) -> Tensor:
    """Greedy suppression, best score first; boxes of different groups do not see each other."""
    best_first = lampas.argsort(scores.detach(), stable=True, descending=True).numpy()
    corners = boxes.detach()
    corners = corners.float() if corners.dtype in (lampas.float16, lampas.bfloat16) else corners
    rows = corners.numpy()[best_first]
    labels = None if groups is None else groups.numpy()[best_first]
    x1, y1, x2, y2 = rows.T
    areas = (x2 - x1) * (y2 - y1)
    alive = np.arange(len(rows))
    kept = []
    while len(alive):
        first, rest = alive[0], alive[1:]
        kept.append(first)
        width = np.minimum(x2[first], x2[rest]) - np.maximum(x1[first], x1[rest])
        height = np.minimum(y2[first], y2[rest]) - np.maximum(y1[first], y1[rest])
        shared = np.clip(width, 0, None) * np.clip(height, 0, None)
        with np.errstate(divide="ignore", invalid="ignore"):
            suppressed = shared / (areas[first] + areas[rest] - shared) > threshold
        if labels is not None:
            suppressed &= labels[rest] == labels[first]
        alive = rest[~suppressed]
    return lampas.from_numpy(best_first[np.array(kept, dtype=np.int64)].astype(np.int64))


def nms(boxes: Tensor, scores: Tensor, iou_threshold: float) -> Tensor:
    """Drops the boxes that overlap a better one by more than ``iou_threshold``.

    Args:
        boxes: ``(N, 4)`` as x1, y1, x2, y2.
        scores: ``(N,)``.
        iou_threshold: intersection over union from which a box counts as the same.

    Returns:
        int64 indices of the boxes kept, best first.

    Raises:
        RuntimeError: other shapes.

    >>> boxes = lampas.tensor([[0.0, 0, 10, 10], [1, 1, 10, 10], [20, 20, 30, 30]])
    >>> nms(boxes, lampas.tensor([0.8, 0.9, 0.7]), 0.5)
    tensor([1, 2])
    """
    _checked_nms(boxes, scores, "nms")
    return _kept(boxes, scores, iou_threshold, None)


def batched_nms(boxes: Tensor, scores: Tensor, idxs: Tensor, iou_threshold: float) -> Tensor:
    """:func:`nms` within each group of ``idxs`` ``(N,)``, such as classes; best first.

    >>> boxes = lampas.tensor([[0.0, 0, 10, 10], [1, 1, 10, 10]])
    >>> batched_nms(boxes, lampas.tensor([0.8, 0.9]), lampas.tensor([0, 1]), 0.5)
    tensor([1, 0])
    """
    _checked_nms(boxes, scores, "batched_nms")
    if idxs.shape != scores.shape:
        raise RuntimeError(
            f"batched_nms(): idxs should be {tuple(scores.shape)}, got {tuple(idxs.shape)}"
        )
    return _kept(boxes, scores, iou_threshold, idxs)


def remove_small_boxes(boxes: Tensor, min_size: float) -> Tensor:
    """Indices of the boxes ``(…, 4)`` whose width and height are at least ``min_size``.

    >>> remove_small_boxes(lampas.tensor([[0.0, 0, 1, 9], [0, 0, 5, 5]]), 2)
    tensor([1])
    """
    width, height = boxes[..., 2] - boxes[..., 0], boxes[..., 3] - boxes[..., 1]
    return lampas.where((width >= min_size) & (height >= min_size))[0]


def clip_boxes_to_image(boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """Boxes ``(…, 4)`` cut at the borders of an image of ``size`` (height, width).

    >>> clip_boxes_to_image(lampas.tensor([[-3.0, 2, 50, 8]]), (10, 20))
    tensor([[ 0.,  2., 20.,  8.]])
    """
    height, width = size
    xs = boxes[..., 0::2].clamp(min=0, max=width)
    ys = boxes[..., 1::2].clamp(min=0, max=height)
    return lampas.stack((xs, ys), dim=boxes.dim()).reshape(boxes.shape)


def box_convert(boxes: Tensor, in_fmt: str, out_fmt: str) -> Tensor:
    """Boxes ``(…, K)`` in another format.

    ``xyxy`` are two corners, ``xywh`` a corner and the size, ``cxcywh`` the centre and the size;
    with ``r`` at the end an angle in degrees, counter-clockwise; ``xyxyxyxy`` are the four corners
    of a rotated box. Only formats without an angle, or only those with one, go into each other.

    Raises:
        ValueError: an unknown format.
        NotImplementedError: one format with and one without an angle.

    >>> box_convert(lampas.tensor([1.0, 2, 4, 8]), "xyxy", "cxcywh")
    tensor([2.5000, 5.0000, 3.0000, 6.0000])
    """
    if in_fmt not in _FORMATS or out_fmt not in _FORMATS:
        raise ValueError(
            f"Unsupported Bounding Box Conversions for given in_fmt {in_fmt!r} and out_fmt "
            f"{out_fmt!r}: formats are {', '.join(_FORMATS)}"
        )
    if (in_fmt in _FORMATS[:3]) != (out_fmt in _FORMATS[:3]):
        raise NotImplementedError(
            f"{in_fmt!r} boxes cannot become {out_fmt!r}: only one has an angle"
        )
    if in_fmt == out_fmt:
        return boxes.clone()
    if in_fmt in _FORMATS[3:]:
        return _from_center_and_angle(_to_center_and_angle(boxes, in_fmt), out_fmt)
    a, b, c, d = boxes.unbind(-1)
    if in_fmt == "xywh":
        a, b, c, d = a, b, a + c, b + d
    elif in_fmt == "cxcywh":
        a, b, c, d = a - 0.5 * c, b - 0.5 * d, a + 0.5 * c, b + 0.5 * d
    if out_fmt == "xywh":
        c, d = c - a, d - b
    elif out_fmt == "cxcywh":
        a, b, c, d = (a + c) / 2, (b + d) / 2, c - a, d - b
    return lampas.stack((a, b, c, d), dim=-1)


def _turn(angle: Tensor) -> tuple[Tensor, Tensor]:
    radians = angle * (math.pi / 180.0)
    return radians.cos(), radians.sin()


def _to_center_and_angle(boxes: Tensor, fmt: str) -> Tensor:
    if fmt == "cxcywhr":
        return boxes
    if fmt == "xywhr":
        x, y, w, h, angle = boxes.unbind(-1)
        cos, sin = _turn(angle)
        return lampas.stack(
            (x + w / 2 * cos + h / 2 * sin, y - w / 2 * sin + h / 2 * cos, w, h, angle), dim=-1
        )
    x1, y1, x2, y2, x3, y3, _, _ = boxes.unbind(-1)
    angle = lampas.atan2(y1 - y2, x2 - x1) * (180.0 / math.pi)
    width = ((x2 - x1) ** 2 + (y1 - y2) ** 2).sqrt()
    height = ((x3 - x2) ** 2 + (y3 - y2) ** 2).sqrt()
    cos, sin = _turn(angle)  # of what is no rectangle, the first corner stays
    cx, cy = x1 + width / 2 * cos + height / 2 * sin, y1 - width / 2 * sin + height / 2 * cos
    return lampas.stack((cx, cy, width, height, angle), dim=-1)


def _from_center_and_angle(boxes: Tensor, fmt: str) -> Tensor:
    if fmt == "cxcywhr":
        return boxes.clone()
    cx, cy, w, h, angle = boxes.unbind(-1)
    cos, sin = _turn(angle)
    along_x, along_y = w / 2 * cos, -w / 2 * sin
    down_x, down_y = h / 2 * sin, h / 2 * cos
    x1, y1 = cx - along_x - down_x, cy - along_y - down_y
    if fmt == "xywhr":
        return lampas.stack((x1, y1, w, h, angle), dim=-1)
    x2, y2 = cx + along_x - down_x, cy + along_y - down_y
    x3, y3 = cx + along_x + down_x, cy + along_y + down_y
    x4, y4 = cx - along_x + down_x, cy - along_y + down_y
    return lampas.stack((x1, y1, x2, y2, x3, y3, x4, y4), dim=-1)


def _wide(x: Tensor) -> Tensor:
    """``x`` in a type in which products of coordinates do not overflow."""
    if x.is_floating_point():
        return x if x.dtype in (lampas.float32, lampas.float64) else x.float()
    return x if x.dtype in (lampas.int32, lampas.int64) else x.int()


def box_area(boxes: Tensor, fmt: str = "xyxy") -> Tensor:
    """Areas ``(…,)`` of boxes ``(…, 4)`` in the format ``xyxy``, ``xywh`` or ``cxcywh``.

    >>> box_area(lampas.tensor([[0.0, 0, 2, 3]]))
    tensor([6.])
    """
    if fmt not in _FORMATS[:3]:
        raise ValueError(f"Unsupported Bounding Box area for given format {fmt}")
    boxes = _wide(boxes)
    if fmt == "xyxy":
        return (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])
    return boxes[..., 2] * boxes[..., 3]


def _shared_and_union(boxes1: Tensor, boxes2: Tensor, fmt: str = "xyxy") -> tuple[Tensor, Tensor]:
    if fmt != "xyxy":
        boxes1, boxes2 = box_convert(boxes1, fmt, "xyxy"), box_convert(boxes2, fmt, "xyxy")
    area1, area2 = box_area(boxes1), box_area(boxes2)
    top_left = lampas.maximum(boxes1[..., :, None, :2], boxes2[..., None, :, :2])
    bottom_right = lampas.minimum(boxes1[..., :, None, 2:], boxes2[..., None, :, 2:])
    size = _wide(bottom_right - top_left).clamp(min=0)
    shared = size[..., 0] * size[..., 1]
    return shared, area1[..., :, None] + area2[..., None, :] - shared


def box_iou(boxes1: Tensor, boxes2: Tensor, fmt: str = "xyxy") -> Tensor:
    """Intersection over union of every box ``(…, N, 4)`` with every box ``(…, M, 4)``.

    Returns:
        ``(…, N, M)``.

    >>> a = lampas.tensor([[0.0, 0, 2, 2]])
    >>> box_iou(a, lampas.tensor([[0.0, 0, 2, 1], [5, 5, 6, 6]]))
    tensor([[0.5000, 0.0000]])
    """
    if fmt not in _FORMATS[:3]:
        raise ValueError(f"Unsupported Box IoU Calculation for given fmt {fmt}.")
    shared, union = _shared_and_union(boxes1, boxes2, fmt)
    return shared / union


def _hull(boxes1: Tensor, boxes2: Tensor) -> tuple[Tensor, Tensor]:
    """Width and height of the smallest box around each pair."""
    top_left = lampas.minimum(boxes1[..., :, None, :2], boxes2[..., None, :, :2])
    bottom_right = lampas.maximum(boxes1[..., :, None, 2:], boxes2[..., None, :, 2:])
    size = _wide(bottom_right - top_left).clamp(min=0)
    return size[..., 0], size[..., 1]


def generalized_box_iou(boxes1: Tensor, boxes2: Tensor) -> Tensor:
    """:func:`box_iou` less the part of the pair's hull that neither box covers, ``(N, M)``.

    H. Rezatofighi et al., "Generalized intersection over union", CVPR 2019.

    >>> generalized_box_iou(lampas.tensor([[0.0, 0, 1, 1]]), lampas.tensor([[1.0, 0, 3, 1]]))
    tensor([[0.]])
    """
    shared, union = _shared_and_union(boxes1, boxes2)
    width, height = _hull(boxes1, boxes2)
    hull = width * height
    return shared / union - (hull - union) / hull


def distance_box_iou(boxes1: Tensor, boxes2: Tensor, eps: float = 1e-7) -> Tensor:
    """:func:`box_iou` less the squared distance of centres over the hull's diagonal, ``(N, M)``.

    Z. Zheng et al., "Distance-IoU loss", AAAI 2020.

    >>> distance_box_iou(lampas.tensor([[0.0, 0, 2, 2]]), lampas.tensor([[0.0, 0, 2, 2]]))
    tensor([[1.]])
    """
    boxes1, boxes2 = _wide(boxes1), _wide(boxes2)
    width, height = _hull(boxes1, boxes2)
    diagonal = width**2 + height**2 + eps
    middle1 = (boxes1[..., :2] + boxes1[..., 2:]) / 2
    middle2 = (boxes2[..., :2] + boxes2[..., 2:]) / 2
    apart = _wide(middle1[..., :, None, :] - middle2[..., None, :, :])
    return box_iou(boxes1, boxes2) - (apart**2).sum(-1) / diagonal


def complete_box_iou(boxes1: Tensor, boxes2: Tensor, eps: float = 1e-7) -> Tensor:
    """:func:`distance_box_iou` less a term for different shapes, ``(N, M)``.

    Z. Zheng et al., "Distance-IoU loss", AAAI 2020.

    >>> complete_box_iou(lampas.tensor([[0.0, 0, 2, 2]]), lampas.tensor([[0.0, 0, 2, 2]]))
    tensor([[1.]])
    """
    boxes1, boxes2 = _wide(boxes1), _wide(boxes2)
    iou = box_iou(boxes1, boxes2)
    v, alpha = _shape_term(boxes1[..., :, None, :], boxes2[..., None, :, :], iou, eps)
    return distance_box_iou(boxes1, boxes2, eps) - alpha * v


def _shape_term(boxes1: Tensor, boxes2: Tensor, iou: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    angles = [
        lampas.atan((b[..., 2] - b[..., 0]) / (b[..., 3] - b[..., 1])) for b in (boxes1, boxes2)
    ]
    v = (4 / math.pi**2) * (angles[0] - angles[1]) ** 2
    with lampas.no_grad():
        alpha: Any = v / (1 - iou + v + eps)
    return v, alpha


def masks_to_boxes(masks: Tensor) -> Tensor:
    """The smallest boxes ``(N, 4)`` that hold what is not zero in masks ``(N, H, W)``; float32.

    Raises:
        ValueError: a mask is empty.

    >>> mask = lampas.zeros(1, 4, 5)
    >>> mask[0, 1:3, 2:5] = 1
    >>> masks_to_boxes(mask)
    tensor([[2., 1., 4., 2.]])
    """
    boxes = lampas.zeros((masks.shape[0], 4), dtype=lampas.float32)
    for i, mask in enumerate(masks.unbind(0)):
        rows, columns = lampas.where(mask != 0)
        if rows.numel() == 0:
            raise ValueError(f"masks_to_boxes(): mask {i} is zero everywhere, so it has no box")
        boxes[i] = lampas.stack((columns.min(), rows.min(), columns.max(), rows.max())).float()
    return boxes
