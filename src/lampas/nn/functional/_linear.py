"""Compositions of a linear map with something else."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import lampas
from lampas._C import cross_entropy, linear
from lampas._tensor import Tensor

if TYPE_CHECKING:
    from ..modules.linear_cross_entropy_options import LinearCrossEntropyOptions

__all__ = ["linear_cross_entropy"]


def _check(input: Tensor, weight: Tensor, bias: Tensor | None) -> None:
    if input.dim() not in (1, 2):
        raise RuntimeError(f"expected input with dimensionality 1 or 2, got {input.dim()}")
    if weight.dim() < 2:
        raise RuntimeError(
            f"expected linear_weight with dimensionality at least 2, got {weight.dim()}"
        )
    if input.shape[-1] != weight.shape[-1]:
        raise RuntimeError(
            "expected equal input and linear_weight last dimensions (in_features), "
            f"got {input.shape[-1]} and {weight.shape[-1]}, respectively"
        )
    if bias is not None and bias.shape != weight.shape[:-1]:
        raise RuntimeError(
            f"expected linear_bias shape {tuple(weight.shape[:-1])}, got {tuple(bias.shape)}"
        )
    if weight.dim() > 2 and input.dim() == 1:
        raise RuntimeError(
            f"K-dimensional loss defined by linear_weight shape {tuple(weight.shape)} requires "
            f"batched input, (N, {input.shape[-1]}), got unbatched input with shape "
            f"{tuple(input.shape)}"
        )


def linear_cross_entropy(
    input: Tensor,
    linear_weight: Tensor,
    target: Tensor,
    *,
    linear_bias: Tensor | None = None,
    weight: Tensor | None = None,
    reduction: str = "mean",
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    options: LinearCrossEntropyOptions | None = None,
) -> Tensor:
    """Cross-entropy of ``linear(input, linear_weight)``.

    Args:
        input: ``(N, in_features)`` or ``(in_features)``.
        linear_weight: ``(C, in_features)``, or ``(C, d₁, …, in_features)``.
        target: classes ``(N, d₁, …)`` or probabilities ``(N, C, d₁, …)``.
        linear_bias: ``(C, d₁, …)``.
        weight: one factor for each class.
        reduction: ``"none"``, ``"mean"`` or ``"sum"``.
        ignore_index: a class index that counts nothing. Default: -100.
        label_smoothing: how much of each target is spread over all classes.
        options: compute the logits of part of the batch at a time and again in backward.

    Raises:
        RuntimeError: for shapes that do not fit.
    """
    _check(input, linear_weight, linear_bias)
    shape = (*input.shape[:-1], *linear_weight.shape[:-1])
    if tuple(target.shape) == shape and ignore_index is not None:
        raise RuntimeError("ignore_index cannot be specified when target contains probabilities")
    ignore = -100 if ignore_index is None else ignore_index

    def loss(x: Tensor, y: Tensor, how: str) -> Tensor:
        bias = None if linear_bias is None else linear_bias.reshape(-1)
        logits = linear(x, linear_weight.flatten(0, -2), bias)
        logits = logits.reshape((*x.shape[:-1], *linear_weight.shape[:-1]))
        return cross_entropy(
            logits, y, weight=weight, ignore_index=ignore, reduction=how,
            label_smoothing=label_smoothing,
        )  # fmt: skip

    if options is None or input.dim() == 1:
        return loss(input, target, reduction)
    if linear_weight.dim() > 2 or label_smoothing != 0 or target.dtype != lampas.int64:
        warnings.warn(
            "linear_cross_entropy: ``options`` ignored; they need class indices, "
            "label_smoothing == 0 and a linear_weight of two dimensions",
            stacklevel=2,
        )
        return loss(input, target, reduction)
    return _in_parts(input, target, weight, reduction, ignore, options, linear_weight, loss)


def _in_parts(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None,
    reduction: str,
    ignore: int,
    options: LinearCrossEntropyOptions,
    linear_weight: Tensor,
    loss: object,
) -> Tensor:
    from lampas.utils.checkpoint import checkpoint

    size = options.chunk_size(input.size(0), input.size(1), linear_weight.size(0))
    how = "none" if reduction == "none" else "sum"
    parts = [
        checkpoint(loss, x, y, how, use_reentrant=False)  # type: ignore[arg-type]
        for x, y in zip(input.split(size), target.split(size), strict=False)
    ]
    if reduction == "none":
        return lampas.cat(parts)
    total = lampas.stack(parts).sum()
    if reduction == "sum":
        return total
    used = target != ignore
    if weight is None:
        return total / used.sum()
    return total / (weight[target.masked_fill(~used, 0)] * used).sum()
