"""Losses that are compositions; the common ones are native."""

from __future__ import annotations

import math
import warnings

import lampas
from lampas._C import logsigmoid
from lampas._tensor import Tensor

from .._reduction import reduce_loss, resolve
from ._checked import check_floating, checked, within

__all__ = [
    "gaussian_nll_loss",
    "hinge_embedding_loss",
    "kl_div",
    "margin_ranking_loss",
    "multi_margin_loss",
    "multilabel_margin_loss",
    "multilabel_soft_margin_loss",
    "poisson_nll_loss",
    "soft_margin_loss",
]


@checked(
    "kl_div(Tensor input, Tensor target, bool? size_average=None, bool? reduce=None, str "
    "reduction='mean', bool log_target=False)"
)
def kl_div(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Tensor:
    """Kullback–Leibler divergence of ``target`` from the distribution with log ``input``.

    Args:
        input: log probabilities, any shape.
        target: probabilities, or log probabilities with ``log_target``.
        size_average: superseded by ``reduction``.
        reduce: superseded by ``reduction``.
        reduction: ``"none"``, ``"batchmean"`` (the mathematical definition), ``"sum"``,
            ``"mean"`` (over all elements).
        log_target: see ``target``.

    Example:
        >>> import lampas
        >>> from lampas.nn import functional as F
        >>> p = lampas.tensor([[0.5, 0.5]])
        >>> F.kl_div(p.log(), p, reduction="batchmean")
        tensor(0.)
    """
    if size_average is None and reduce is None and reduction == "mean":
        warnings.warn(
            "reduction: 'mean' divides the total loss by both the batch size and the support "
            "size. 'batchmean' divides only by the batch size, and aligns with the KL div math "
            "definition.",
            stacklevel=3,
        )
    reduction = resolve(size_average, reduce, reduction)
    for name, t in (("input", input), ("target", target)):
        if not t.dtype.is_floating_point and not t.dtype.is_complex:
            raise RuntimeError(
                f"kl_div: Integral inputs not supported: {name} is {t.dtype}. "
                f"Remedy: {name}.float()"
            )
    if log_target:
        loss = target.exp() * (target - input)
    else:
        loss = lampas.xlogy(target, target) - target * input
    if reduction == "batchmean":
        total = loss.sum()
        return total / input.size(0) if input.dim() else total
    return reduce_loss(loss, reduction)


@checked(
    "poisson_nll_loss(Tensor input, Tensor target, bool log_input=True, bool full=False, "
    "bool? size_average=None, float eps=1e-8, bool? reduce=None, str reduction='mean')"
)
def poisson_nll_loss(
    input: Tensor,
    target: Tensor,
    log_input: bool = True,
    full: bool = False,
    size_average: bool | None = None,
    eps: float = 1e-8,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Negative log likelihood of counts ``target`` under a Poisson distribution.

    Args:
        input: the expectation, or its logarithm with ``log_input``.
        target: the counts.
        log_input: see ``input``.
        full: add Stirling's approximation of ``log(target!)`` where ``target > 1``.
        size_average: superseded by ``reduction``.
        eps: added to ``input`` before its logarithm.
        reduce: superseded by ``reduction``.
        reduction: ``"none"``, ``"mean"`` or ``"sum"``.
    """
    reduction = resolve(size_average, reduce, reduction)
    if log_input:
        loss = input.exp() - target * input
    else:
        loss = input - target * (input + eps).log()
    if full:
        stirling = target * target.log() - target + 0.5 * (2 * math.pi * target).log()
        loss = loss + stirling.masked_fill(target <= 1, 0)
    return reduce_loss(loss, reduction)


def gaussian_nll_loss(
    input: Tensor,
    target: Tensor,
    var: Tensor | float,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> Tensor:
    """Negative log likelihood of ``target`` under a normal distribution.

    Args:
        input: the expectation.
        target: the samples.
        var: the variance: a number, or of ``input``'s shape, or with one size 1, or without
            the last dimension.
        full: add the constant term.
        eps: lower limit of ``var``; gradients ignore it.
        reduction: ``"none"``, ``"mean"`` or ``"sum"``.

    Raises:
        ValueError: for a negative variance or one whose shape does not fit.

    Source: Nix and Weigend, *Estimating the mean and variance of the target probability
    distribution*, 1994.
    """
    if not isinstance(var, Tensor):
        if var < 0:
            raise ValueError("var has negative entry/entries")
        var = var * lampas.ones_like(input)
    elif not var.is_meta and bool((var < 0).any()):
        raise ValueError("var has negative entry/entries")
    if var.shape != input.shape:
        if input.shape[:-1] == var.shape:
            var = var.unsqueeze(-1)
        elif (
            input.ndim != var.ndim
            or sum(v for i, v in zip(input.shape, var.shape, strict=False) if i != v) != 1
        ):
            raise ValueError(
                f"var is of incorrect size: {tuple(var.shape)} for input {tuple(input.shape)}"
            )
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"{reduction} is not valid")
    var = var.clone()
    with lampas.no_grad():
        var.clamp_(min=eps)
    loss = 0.5 * (var.log() + (input - target) ** 2 / var)
    if full:
        loss = loss + 0.5 * math.log(2 * math.pi)
    return reduce_loss(loss, reduction)


@checked(
    "hinge_embedding_loss(Tensor input, Tensor target, float margin=1.0, bool? "
    "size_average=None, bool? reduce=None, str reduction='mean')"
)
def hinge_embedding_loss(
    input: Tensor,
    target: Tensor,
    margin: float = 1.0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """``input`` where ``target`` is 1, ``max(0, margin - input)`` where it is -1."""
    reduction = resolve(size_average, reduce, reduction)
    zero = input.new_zeros(())
    apart = lampas.where(target != 1, (margin - input).clamp_min(0), zero)
    close = lampas.where(target != -1, input, zero)
    return reduce_loss(apart + close, reduction)


@checked(
    "margin_ranking_loss(Tensor input1, Tensor input2, Tensor target, float margin=0, bool? "
    "size_average=None, bool? reduce=None, str reduction='mean')"
)
def margin_ranking_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """``max(0, -target (input1 - input2) + margin)``: 1 ranks ``input1`` higher, -1 lower.

    Raises:
        RuntimeError: where the numbers of dimensions differ.
    """
    reduction = resolve(size_average, reduce, reduction)
    if not input1.dim() == input2.dim() == target.dim():
        raise RuntimeError(
            "margin_ranking_loss : All input tensors should have same dimension but got sizes: "
            f"input1: {input1.size()}, input2: {input2.size()}, target: {target.size()} "
        )
    loss = (-target * (input1 - input2) + margin).clamp_min(0)
    return reduce_loss(loss, reduction)


@checked(
    "soft_margin_loss(Tensor input, Tensor target, bool? size_average=None, bool? "
    "reduce=None, str reduction='mean')"
)
def soft_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """``log(1 + exp(-target · input))`` for targets of 1 and -1; without a gradient to targets."""
    reduction = resolve(size_average, reduce, reduction)
    check_floating(input, "soft_margin_loss")
    if target.requires_grad:
        raise RuntimeError(
            "The function 'soft_margin_loss' is not differentiable with respect to argument "
            "'target'. This input cannot have requires_grad True. Remedy: target.detach()"
        )
    return reduce_loss((-target * input).exp().log1p(), reduction)


def multilabel_soft_margin_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Binary cross-entropy with logits, averaged over the classes.

    Args:
        input: logits, ``(*, classes)``.
        target: zeros and ones of the same shape.
        weight: one factor for each class.
        size_average: superseded by ``reduction``.
        reduce: superseded by ``reduction``.
        reduction: ``"none"``, ``"mean"`` or ``"sum"``.
    """
    reduction = resolve(size_average, reduce, reduction)
    loss = -(target * logsigmoid(input) + (1 - target) * logsigmoid(-input))
    if weight is not None:
        loss = loss * weight
    return reduce_loss(loss.sum(dim=input.dim() - 1) / input.size(-1), reduction)


def _matrix(input: Tensor, name: str) -> Tensor:
    """The input as a batch of vectors."""
    if input.dim() > 2 or (input.dim() == 2 and input.size(1) == 0) or (
        input.dim() == 1 and input.size(0) == 0
    ):
        raise RuntimeError(
            f"{name}: Expected non-empty vector or matrix with optional 0-dim batch size, "
            f"but got: {list(input.shape)}"
        )
    return input if input.dim() == 2 else input.reshape(1, -1)


@checked(
    "multilabel_margin_loss(Tensor input, Tensor target, bool? size_average=None, bool? "
    "reduce=None, str reduction='mean')"
)
def multilabel_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Hinge loss between every label and every class that is none.

    Args:
        input: scores, ``(N, C)`` or ``(C)``.
        target: int64, same shape: the labels of each sample, ended by the first -1.
        size_average: superseded by ``reduction``.
        reduce: superseded by ``reduction``.
        reduction: ``"none"``, ``"mean"`` or ``"sum"``.

    Raises:
        RuntimeError: for shapes that differ or labels outside the classes.
    """
    reduction = resolve(size_average, reduce, reduction)
    scores = _matrix(input, "multilabel_margin_loss")
    if input.shape != target.shape and target.numel() != input.numel():
        raise RuntimeError(
            f"inconsistent target size: {list(target.shape)} for input of size: "
            f"{list(input.shape)}"
        )
    labels = target.reshape(scores.shape)
    if labels.dtype != lampas.int64:
        raise RuntimeError(
            f"multilabel_margin_loss: expected scalar type Long for target but found "
            f"{labels.dtype}"
        )
    classes = scores.size(1)
    if not within(labels, -1, classes):
        raise RuntimeError(f"target out of range: labels must lie in [-1, {classes})")
    valid = (labels >= 0).to(lampas.int64).cumprod(1).to(lampas.bool)
    index = labels.masked_fill(~valid, 0)
    is_label = lampas.zeros_like(scores, dtype=lampas.int64).scatter_add(
        1, index, valid.to(lampas.int64)
    ) > 0
    picked = scores.gather(1, index)
    gap = (1 - picked.unsqueeze(2) + scores.unsqueeze(1)).clamp_min(0)
    used = valid.unsqueeze(2) & ~is_label.unsqueeze(1)
    loss = (gap * used.to(scores.dtype)).sum((1, 2)) / classes
    if reduction == "none":
        return loss if input.dim() == 2 else loss.reshape(())
    return reduce_loss(loss, reduction)


@checked(
    "multi_margin_loss(Tensor input, Tensor target, Number p=1, Number margin=1.0, Tensor? "
    "weight=None, bool? size_average=None, bool? reduce=None, str reduction='mean')"
)
def multi_margin_loss(
    input: Tensor,
    target: Tensor,
    p: int = 1,
    margin: float = 1.0,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Hinge loss between the right class and every other.

    Args:
        input: scores, ``(N, C)`` or ``(C)``.
        target: int64 class indices, ``(N)`` or a single one.
        p: 1, or 2 for squares.
        margin: the gap that costs nothing.
        weight: one factor for each class.
        size_average: superseded by ``reduction``.
        reduce: superseded by ``reduction``.
        reduction: ``"none"``, ``"mean"`` or ``"sum"``.

    Raises:
        ValueError: for another ``p`` or a weight that is no vector.
        RuntimeError: for shapes that do not fit or targets outside the classes.
    """
    reduction = resolve(size_average, reduce, reduction)
    if p not in (1, 2):
        raise ValueError("only p == 1 and p == 2 supported")
    if weight is not None and weight.dim() != 1:
        raise ValueError("weight must be one-dimensional")
    scores = _matrix(input, "multi_margin_loss")
    count, classes = scores.shape
    if target.dim() > 1 or target.numel() != count:
        raise RuntimeError(
            f"inconsistent target size, expected {count} but got {list(target.shape)}"
        )
    if target.dtype != lampas.int64:
        raise RuntimeError(
            f"multi_margin_loss: expected scalar type Long for target but found {target.dtype}"
        )
    if weight is not None and weight.numel() != classes:
        raise RuntimeError(
            f"inconsistent weight size, expected {classes} but got {list(weight.shape)}"
        )
    labels = target.reshape(-1, 1)
    if not within(labels, 0, classes):
        raise RuntimeError(f"target out of range: classes are 0 to {classes - 1}")
    gap = (margin - scores.gather(1, labels) + scores).clamp_min(0)
    if p == 2:
        gap = gap * gap
    if weight is not None:
        gap = gap * weight[labels]
    others = lampas.ones_like(scores).scatter(1, labels, 0.0)
    loss = (gap * others).sum(1) / classes
    if reduction == "none" and input.dim() < 2 and target.dim() == 0:
        return loss.reshape(())
    return reduce_loss(loss, reduction)
