"""Connectionist temporal classification."""

from __future__ import annotations

from typing import Any

import lampas
from lampas._tensor import Tensor

__all__ = ["ctc_loss"]

# Stands for log 0 inside the recursion: adding to it changes nothing, and its gradients are 0
# where those of an infinity would be undefined.
_NEVER = -1e30


def _lengths(value: Any, name: str, batch: int, device: Any) -> Tensor:
    if not isinstance(value, Tensor):
        value = lampas.tensor(value, dtype=lampas.int64, device=device)
    elif value.dtype.is_floating_point or value.dtype.is_complex:
        raise RuntimeError(f"ctc_loss: {name} must be integral, not {value.dtype}")
    value = value.to(lampas.int64).reshape(-1)
    if value.numel() != batch:
        raise RuntimeError(f"{name} must be of size batch_size: got {value.numel()} for {batch}")
    return value


def _padded_targets(targets: Tensor, lengths: Tensor, batch: int) -> Tensor:
    """Targets as ``(batch, longest)``; what lies beyond a length is arbitrary but valid."""
    longest = int(lengths.max()) if batch else 0
    if targets.dim() == 2:
        if targets.size(0) != batch or targets.size(1) < longest:
            raise RuntimeError(
                f"Expected tensor to have size at least {longest} at dimension 1, but got size "
                f"{targets.size(1)} for targets of shape {tuple(targets.shape)}"
            )
        return targets[:, :longest]
    if targets.dim() != 1 or targets.numel() < int(lengths.sum()):
        raise RuntimeError(
            f"ctc_loss: targets must be (batch, longest) or of {int(lengths.sum())} elements, "
            f"got shape {tuple(targets.shape)}"
        )
    start = lengths.cumsum(0) - lengths
    index = start.unsqueeze(1) + lampas.arange(longest, device=targets.device)
    return targets[index.clamp(0, max(targets.numel() - 1, 0))] if longest else (
        targets.new_zeros((batch, 0))
    )


def ctc_loss(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Any,
    target_lengths: Any,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Tensor:
    """Negative log probability of label sequences, summed over all alignments.

    Args:
        log_probs: log softmax of the scores, ``(T, N, C)`` or ``(T, C)``.
        targets: labels without blanks, ``(N, S)`` or all in one row.
        input_lengths: how many of the ``T`` steps each sample has, ``(N)``.
        target_lengths: how many labels each sample has, ``(N)``.
        blank: the class that stands for no label.
        reduction: ``"none"``, ``"sum"``, or ``"mean"`` of losses divided by target lengths.
        zero_infinity: losses of labels that cannot be aligned count as 0.

    Raises:
        RuntimeError: for lengths or labels that do not fit.

    Source: Graves et al., *Connectionist temporal classification*, 2006.
    """
    if log_probs.dim() not in (2, 3):
        raise RuntimeError(
            f"ctc_loss: log_probs must be (T, N, C) or (T, C), got {tuple(log_probs.shape)}"
        )
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"{reduction} is not a valid value for reduction")
    batched = log_probs.dim() == 3
    scores = log_probs if batched else log_probs.unsqueeze(1)
    steps, batch, classes = scores.shape
    if not 0 <= blank < classes:
        raise RuntimeError(f"blank must be in label range: {blank} for {classes} classes")
    in_len = _lengths(input_lengths, "input_lengths", batch, scores.device)
    out_len = _lengths(target_lengths, "target_lengths", batch, scores.device)
    if batch and (int(in_len.max()) > steps or int(in_len.min()) < 0):
        raise RuntimeError(
            f"Expected input_lengths to have value at most {steps}, but got {in_len.tolist()}"
        )
    if not batched and targets.dim() == 2 and targets.size(0) != 1:
        raise RuntimeError(
            f"ctc_loss: targets must be one row for log_probs (T, C), got {tuple(targets.shape)}"
        )
    labels = _padded_targets(targets.to(lampas.int64), out_len, batch)
    loss = _negative_log_likelihood(scores, labels, in_len, out_len, blank)
    if zero_infinity:
        loss = lampas.where(loss == float("inf"), loss.new_zeros(()), loss)
    if reduction == "mean":
        return (loss / out_len.clamp(min=1).to(loss.dtype)).mean()
    if reduction == "sum":
        return loss.sum()
    return loss if batched else loss.squeeze(0)


def _negative_log_likelihood(
    scores: Tensor, labels: Tensor, in_len: Tensor, out_len: Tensor, blank: int
) -> Tensor:
    steps, batch, _ = scores.shape
    width = 2 * labels.size(1) + 1
    # blank, label, blank, label, …, blank
    path = labels.new_full((batch, width), blank)
    path[:, 1::2] = labels.clamp(0, scores.size(2) - 1)
    emit = scores.clamp(min=_NEVER).gather(2, path.unsqueeze(0).expand(steps, batch, width))
    # A blank between two different labels may be left out.
    may_skip = lampas.zeros_like(path, dtype=lampas.bool)
    may_skip[:, 2:] = (path[:, 2:] != blank) & (path[:, 2:] != path[:, :-2])
    position = lampas.arange(width, device=scores.device)
    never = emit.new_full((batch, 2), _NEVER)
    alpha = lampas.where(
        (position < 2) & (position <= 2 * out_len.unsqueeze(1)), emit[0], never[:, :1]
    )
    alphas = [alpha]
    for t in range(1, steps):
        shifted = lampas.cat([never, alpha], 1)
        skipped = lampas.where(may_skip, shifted[:, :width], never[:, :1])
        ways = lampas.stack([alpha, shifted[:, 1 : width + 1], skipped])
        alpha = (ways.logsumexp(0) + emit[t]).clamp(min=_NEVER)
        alphas.append(alpha)
    last = (in_len - 1).clamp(min=0).reshape(1, batch, 1).expand(1, batch, width)
    final = lampas.stack(alphas).gather(0, last).squeeze(0)
    on_blank = final.gather(1, 2 * out_len.unsqueeze(1))
    on_label = final.gather(1, (2 * out_len - 1).clamp(min=0).unsqueeze(1))
    on_label = lampas.where(out_len.unsqueeze(1) > 0, on_label, never[:, :1])
    total = lampas.cat([on_blank, on_label], 1).logsumexp(1)
    total = lampas.where(
        in_len > 0, total, lampas.where(out_len == 0, 0.0, _NEVER).to(total.dtype)
    )
    infinite = total <= _NEVER / 2
    loss = lampas.where(infinite, total.new_full((), float("inf")), -total)
    return loss + _softmax_term(scores, in_len, infinite)


def _softmax_term(scores: Tensor, in_len: Tensor, infinite: Tensor) -> Tensor:
    """Zero, with the gradient ``exp(log_probs)``.

    PyTorch gives the gradient for the scores before the log softmax; behind a log softmax this
    term cancels, and for programs that look at the gradient of ``log_probs`` it is the same.
    """
    probs = scores.exp()
    used = lampas.arange(scores.size(0), device=scores.device).unsqueeze(1) < in_len
    used = (used & ~infinite).unsqueeze(2).to(probs.dtype)
    return ((probs - probs.detach()) * used).sum((0, 2))
