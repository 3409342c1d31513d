"""Distances and the losses built on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import lampas
from lampas._library.broadcasting import broadcast_shapes
from lampas._tensor import Tensor

from .._reduction import reduce_loss, resolve
from ._checked import checked

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "cosine_embedding_loss",
    "cosine_similarity",
    "normalize",
    "pairwise_distance",
    "pdist",
    "triplet_margin_loss",
    "triplet_margin_with_distance_loss",
]


def normalize(
    input: Tensor,
    p: float = 2.0,
    dim: int | tuple[int, ...] = 1,
    eps: float = 1e-12,
    out: Tensor | None = None,
) -> Tensor:
    """Divides by the ``p``-norm along ``dim``, which counts as at least ``eps``.

    Example:
        >>> import lampas
        >>> from lampas.nn import functional as F
        >>> F.normalize(lampas.tensor([[3.0, 4.0]]))
        tensor([[0.6000, 0.8000]])
    """
    norm = input.norm(p, dim, keepdim=True).clamp_min(eps).expand_as(input)
    return input / norm if out is None else lampas.div(input, norm, out=out)


@checked("cosine_similarity(Tensor x1, Tensor x2, int dim=1, float eps=1e-8)")
def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """Cosine of the angle between ``x1`` and ``x2`` along ``dim``.

    Args:
        x1: a tensor.
        x2: a tensor that broadcasts with ``x1``.
        dim: the dimension of the vectors.
        eps: lower limit of each norm.

    Example:
        >>> import lampas
        >>> from lampas.nn import functional as F
        >>> F.cosine_similarity(lampas.tensor([1.0, 0.0]), lampas.tensor([1.0, 1.0]), dim=0)
        tensor(0.7071)
    """
    common = lampas.promote_types(x1.dtype, x2.dtype)
    if not common.is_floating_point and not common.is_complex:
        raise RuntimeError(
            f"expected common dtype to be floating point, yet common dtype is {common}"
        )
    shape = broadcast_shapes(x1.shape, x2.shape)
    x1, x2 = x1.to(common).expand(shape), x2.to(common).expand(shape)
    n1, n2 = x1.norm(2, dim, keepdim=True), x2.norm(2, dim, keepdim=True)
    # The limit is no part of the function: gradients go through as if it were not there.
    u1, u2 = x1 / _at_least(n1, eps), x2 / _at_least(n2, eps)
    return (u1 * u2).sum(dim)


def _at_least(norm: Tensor, eps: float) -> Tensor:
    with lampas.no_grad():
        short = (norm < eps).to(norm.dtype)
        missing = (eps - norm) * short
    return norm + missing


@checked(
    "pairwise_distance(Tensor x1, Tensor x2, float p=2.0, float eps=1e-6, bool "
    "keepdim=False)"
)
def pairwise_distance(
    x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> Tensor:
    """``p``-norm of ``x1 - x2 + eps`` over the last dimension.

    Shape:
        ``(N, D)`` or ``(D)`` each, to ``(N)`` or ``()``.
    """
    return (x1 - x2 + eps).norm(p, -1, keepdim=keepdim)


@checked("pdist(Tensor input, float p=2.0)")
def pdist(input: Tensor, p: float = 2.0) -> Tensor:
    """``p``-norm distances between all pairs of rows of an ``(N, M)`` tensor, ``N(N-1)/2`` of
    them, ordered as the upper triangle of the matrix of distances.

    Example:
        >>> import lampas
        >>> from lampas.nn import functional as F
        >>> F.pdist(lampas.tensor([[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]]))
        tensor([5.0000, 1.0000, 4.2426])
    """
    if input.dim() != 2:
        raise RuntimeError(f"pdist only supports 2D tensors, got: {input.dim()}D")
    if not input.dtype.is_floating_point:
        raise RuntimeError("pdist only supports floating-point dtypes")
    if p < 0:
        raise RuntimeError("pdist only supports non-negative p values")
    n = input.size(0)
    rows, cols = lampas.ones((n, n), dtype=lampas.bool).triu(1).nonzero().unbind(1)
    difference = input.index_select(0, rows) - input.index_select(0, cols)
    return difference.norm(p, 1)


@checked(
    "cosine_embedding_loss(Tensor input1, Tensor input2, Tensor target, float margin=0, "
    "bool? size_average=None, bool? reduce=None, str reduction='mean')"
)
def cosine_embedding_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """``1 - cos`` where ``target`` is 1, ``max(0, cos - margin)`` where it is -1.

    Args:
        input1: ``(N, D)`` or ``(D)``.
        input2: the same shape.
        target: ``(N)`` or ``()``, of 1 and -1.
        margin: from -1 to 1.
        size_average: superseded by ``reduction``.
        reduce: superseded by ``reduction``.
        reduction: ``"none"``, ``"mean"`` or ``"sum"``.

    Raises:
        RuntimeError: for shapes that do not fit.
    """
    reduction = resolve(size_average, reduce, reduction)
    if target.dim() not in (0, 1):
        raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
    wanted = target.dim() + 1
    if input1.dim() != wanted or input2.dim() != wanted:
        raise RuntimeError(
            f"{target.dim()}D target tensor expects {wanted}D input tensors, but found inputs "
            f"with sizes {list(input1.shape)} and {list(input2.shape)}."
        )
    # Added, not a limit: that is how this loss guards against zero vectors.
    eps = 1e-12
    dot = (input1 * input2).sum(-1)
    square1, square2 = (input1 * input1).sum(-1) + eps, (input2 * input2).sum(-1) + eps
    cos = dot / (square1 * square2).sqrt()
    zero = cos.new_zeros(())
    loss = lampas.where(target == 1, 1 - cos, zero) + lampas.where(
        target == -1, (cos - margin).clamp_min(0), zero
    )
    return reduce_loss(loss, reduction)


def _check_same_dim(anchor: Tensor, positive: Tensor, negative: Tensor) -> None:
    if not anchor.dim() == positive.dim() == negative.dim():
        raise RuntimeError(
            "The anchor, positive, and negative tensors are expected to have the same number of "
            f"dimensions, but got: anchor {anchor.dim()}D, positive {positive.dim()}D, and "
            f"negative {negative.dim()}D inputs"
        )


@checked(
    "triplet_margin_loss(Tensor anchor, Tensor positive, Tensor negative, float margin=1.0, "
    "float p=2, float eps=1e-6, bool swap=False, bool? size_average=None, bool? reduce=None, "
    "str reduction='mean')"
)
def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-6,
    swap: bool = False,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """``max(0, |anchor - positive| - |anchor - negative| + margin)``.

    Args:
        anchor: ``(N, D)`` or ``(D)``.
        positive: the same shape, of the anchor's kind.
        negative: the same shape, of another kind.
        margin: above 0.
        p: which norm.
        eps: added to differences.
        swap: use the distance of positive and negative where it is smaller.
        size_average: superseded by ``reduction``.
        reduce: superseded by ``reduction``.
        reduction: ``"none"``, ``"mean"`` or ``"sum"``.

    Source: Balntas et al., *Learning local feature descriptors with triplets*, 2016.
    """
    reduction = resolve(size_average, reduce, reduction)
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    _check_same_dim(anchor, positive, negative)
    return _triplet(
        anchor, positive, negative, lambda a, b: pairwise_distance(a, b, p, eps), margin, swap,
        reduction,
    )  # fmt: skip


def triplet_margin_with_distance_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """:func:`triplet_margin_loss` with any distance. Default: :func:`pairwise_distance`."""
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"{reduction} is not a valid value for reduction")
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    _check_same_dim(anchor, positive, negative)
    distance = pairwise_distance if distance_function is None else distance_function
    return _triplet(anchor, positive, negative, distance, margin, swap, reduction)


def _triplet(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    distance: Callable[[Tensor, Tensor], Tensor],
    margin: float,
    swap: bool,
    reduction: str,
) -> Tensor:
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = lampas.minimum(far, distance(positive, negative))
    return reduce_loss((margin + near - far).clamp_min(0), reduction)
