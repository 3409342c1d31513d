"""Bags of embeddings."""

from __future__ import annotations

import warnings

import lampas
from lampas._C import _embedding_bag
from lampas._tensor import Tensor

__all__ = ["embedding_bag"]


_MODES = ("sum", "mean", "max")


def _check_offsets(input: Tensor, offsets: Tensor | None, include_last: bool) -> Tensor:
    if offsets is None:
        raise ValueError("offsets has to be a 1D Tensor but got None")
    if offsets.dim() != 1:
        raise ValueError("offsets has to be a 1D Tensor")
    if offsets.dtype not in (lampas.int32, lampas.int64):
        raise RuntimeError(f"expected offsets to be int32 or int64, not {offsets.dtype}")
    if include_last and offsets.numel() < 1:
        raise RuntimeError("include_last_offset: number of offsets should be at least 1")
    if offsets.is_meta:
        return offsets.to(lampas.int64)
    if offsets.numel() and int(offsets[0]) != 0:
        raise RuntimeError(
            "offsets[0] has to be 0, i.e., the first sequence in the mini-batch has to start "
            f"from position 0. However, got {int(offsets[0])}"
        )
    if offsets.numel() and int(offsets[-1]) > input.numel():
        raise RuntimeError(
            f"offsets[-1] can not be greater than input's length {input.numel()} "
            f"but got offsets[-1] of {int(offsets[-1])}"
        )
    return offsets.to(lampas.int64)


def embedding_bag(
    input: Tensor,
    weight: Tensor,
    offsets: Tensor | None = None,
    max_norm: float | None = None,
    norm_type: float = 2,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Tensor:
    """Sum, mean or maximum of rows of ``weight``, one bag at a time.

    Args:
        input: indices: ``(bags, length)``, or all in one row with ``offsets``.
        weight: ``(rows, dim)``.
        offsets: where each bag begins, for indices in one row.
        max_norm: rows that are looked up and longer are shortened to this norm, in place.
        norm_type: which norm.
        scale_grad_by_freq: divide gradients by how often each row occurs.
        mode: ``"sum"``, ``"mean"`` or ``"max"``.
        sparse: ask for sparse gradients.
        per_sample_weights: a factor for each index, with ``"sum"``.
        include_last_offset: the last offset is the number of indices.
        padding_idx: a row that counts nothing.

    Returns:
        ``(bags, dim)``; zeros for empty bags.

    Raises:
        ValueError: for an unknown mode or offsets that do not fit.
    """
    if weight.dtype == lampas.int64 and input.dtype.is_floating_point:
        warnings.warn(
            "Argument order of nn.functional.embedding_bag was changed. Usage "
            "`embedding_bag(weight, input, ...)` is deprecated, and should now be "
            "`embedding_bag(input, weight, ...)`.",
            stacklevel=2,
        )
        input, weight = weight, input
    if per_sample_weights is not None and per_sample_weights.shape != input.shape:
        raise ValueError(
            "embedding_bag: If per_sample_weights is not None, then it must have the same shape "
            f"as the input, got {tuple(per_sample_weights.shape)} and {tuple(input.shape)}"
        )
    if mode not in _MODES:
        raise ValueError("mode has to be one of sum, mean or max")
    if mode == "max" and scale_grad_by_freq:
        raise ValueError("max mode does not support scaling the gradient by the frequency")
    if mode == "max" and sparse:
        raise ValueError("max mode does not support sparse weights")
    if per_sample_weights is not None and mode != "sum":
        raise NotImplementedError(
            "embedding_bag: per_sample_weights was not None. per_sample_weights is only supported "
            f"for mode='sum' (got mode='{mode}')."
        )
    if input.dim() == 2:
        if offsets is not None:
            raise ValueError(
                "if input is 2D, then offsets has to be None, as input is treated is a "
                "mini-batch of fixed length sequences. However, found offsets of type "
                f"{offsets.dtype}"
            )
        bags, length = input.shape
        if length == 0:
            raise RuntimeError(
                f"embedding_bag: an input of shape {tuple(input.shape)} has no indices in its "
                "bags; give bags that may be empty in one row, with offsets"
            )
        begin = lampas.arange(bags, device=input.device) * length
        total = bags * length
        input = input.reshape(-1)
        if per_sample_weights is not None:
            per_sample_weights = per_sample_weights.reshape(-1)
    elif input.dim() == 1:
        offsets = _check_offsets(input, offsets, include_last_offset)
        begin, total = offsets, input.numel()
        if include_last_offset:
            begin, total = offsets[:-1], int(offsets[-1])
    else:
        raise ValueError(
            f"input has to be 1D or 2D Tensor, but got Tensor of dimension {input.dim()}"
        )
    return _embedding_bag(
        input, weight, begin, total, _MODES.index(mode), per_sample_weights, padding_idx,
        max_norm, norm_type, scale_grad_by_freq,
    )  # fmt: skip
