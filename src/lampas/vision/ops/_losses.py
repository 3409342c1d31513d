"""Losses for detection."""

from __future__ import annotations

import lampas
from lampas import Tensor
from lampas.nn import functional as F
from lampas.vision.ops.boxes import _shape_term, _wide

__all__ = [
    "complete_box_iou_loss",
    "distance_box_iou_loss",
    "generalized_box_iou_loss",
    "sigmoid_focal_loss",
]


def _reduced(loss: Tensor, reduction: str) -> Tensor:
    if reduction == "none":
        return loss
    if reduction == "mean":
        return loss.mean() if loss.numel() > 0 else 0.0 * loss.sum()
    if reduction == "sum":
        return loss.sum()
    raise ValueError(
        f"Invalid Value for arg 'reduction': '{reduction} \n Supported reduction modes: 'none', "
        "'mean', 'sum'"
    )


def sigmoid_focal_loss(
    inputs: Tensor,
    targets: Tensor,
    alpha: float = 0.25,
    gamma: float = 2,
    reduction: str = "none",
) -> Tensor:
    """Binary cross entropy in which what is easy counts less.

    T.-Y. Lin et al., "Focal loss for dense object detection", ICCV 2017.

    Args:
        inputs: logits, any shape.
        targets: 0 or 1, of the same shape and dtype.
        alpha: weight of the positive examples, in [0, 1]; -1 for no weights.
        gamma: how much less.
        reduction: ``"none"``, ``"mean"`` or ``"sum"``.

    Raises:
        ValueError: ``alpha`` or ``reduction`` is none of these.

    >>> sigmoid_focal_loss(lampas.zeros(2), lampas.tensor([0.0, 1.0]))
    tensor([0.1300, 0.0433])
    """
    if not (0 <= alpha <= 1) and alpha != -1:
        raise ValueError(f"Invalid alpha value: {alpha}. alpha must be in the range [0,1] or -1")
    p = lampas.sigmoid(inputs)
    entropy = F.binary_cross_entropy_with_logits(inputs, targets, reduction="none")
    right = p * targets + (1 - p) * (1 - targets)
    loss = entropy * (1 - right) ** gamma
    if alpha >= 0:
        loss = (alpha * targets + (1 - alpha) * (1 - targets)) * loss
    return _reduced(loss, reduction)


def _pairwise(boxes1: Tensor, boxes2: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Shared area, union, hull's width and height of box i with box i."""
    shared_size = lampas.minimum(boxes1[..., 2:], boxes2[..., 2:]) - lampas.maximum(
        boxes1[..., :2], boxes2[..., :2]
    )
    touching = (shared_size > 0).all(-1)
    shared = lampas.where(touching, shared_size[..., 0] * shared_size[..., 1], 0.0)
    areas = [(b[..., 2] - b[..., 0]) * (b[..., 3] - b[..., 1]) for b in (boxes1, boxes2)]
    hull = lampas.maximum(boxes1[..., 2:], boxes2[..., 2:]) - lampas.minimum(
        boxes1[..., :2], boxes2[..., :2]
    )
    return shared, areas[0] + areas[1] - shared, hull[..., 0], hull[..., 1]


def generalized_box_iou_loss(
    boxes1: Tensor, boxes2: Tensor, reduction: str = "none", eps: float = 1e-7
) -> Tensor:
    """One minus the generalized overlap of box i in ``boxes1`` with box i in ``boxes2``.

    Args:
        boxes1: ``(N, 4)`` or ``(4,)`` as x1, y1, x2, y2, with x1 < x2 and y1 < y2.
        boxes2: likewise.
        reduction: ``"none"``, ``"mean"`` or ``"sum"``.
        eps: keeps divisions from zero.

    >>> a = lampas.tensor([[0.0, 0, 1, 1]])
    >>> generalized_box_iou_loss(a, lampas.tensor([[1.0, 0, 3, 1]]))
    tensor([1.])
    """
    boxes1, boxes2 = _wide(boxes1), _wide(boxes2)
    shared, union, width, height = _pairwise(boxes1, boxes2)
    hull = width * height
    return _reduced(1 - (shared / (union + eps) - (hull - union) / (hull + eps)), reduction)


def _distance_loss(boxes1: Tensor, boxes2: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    shared, union, width, height = _pairwise(boxes1, boxes2)
    iou = shared / (union + eps)
    apart = (boxes1[..., :2] + boxes1[..., 2:]) / 2 - (boxes2[..., :2] + boxes2[..., 2:]) / 2
    return 1 - iou + (apart**2).sum(-1) / (width**2 + height**2 + eps), iou


def distance_box_iou_loss(
    boxes1: Tensor, boxes2: Tensor, reduction: str = "none", eps: float = 1e-7
) -> Tensor:
    """:func:`distance_box_iou` of boxes i as a loss; arguments as ``generalized_box_iou_loss``.

    >>> a = lampas.tensor([[0.0, 0, 2, 2]])
    >>> round(distance_box_iou_loss(a, a, "sum").item(), 4)
    0.0
    """
    return _reduced(_distance_loss(_wide(boxes1), _wide(boxes2), eps)[0], reduction)


def complete_box_iou_loss(
    boxes1: Tensor, boxes2: Tensor, reduction: str = "none", eps: float = 1e-7
) -> Tensor:
    """:func:`complete_box_iou` of boxes i as a loss; arguments as ``generalized_box_iou_loss``.

    >>> a = lampas.tensor([[0.0, 0, 2, 2]])
    >>> round(complete_box_iou_loss(a, a, "sum").item(), 4)
    0.0
    """
    boxes1, boxes2 = _wide(boxes1), _wide(boxes2)
    loss, iou = _distance_loss(boxes1, boxes2, eps)
    v, alpha = _shape_term(boxes1, boxes2, iou, eps)
    return _reduced(loss + alpha * v, reduction)
