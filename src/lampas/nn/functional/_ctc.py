"""Connectionist temporal classification."""

from __future__ import annotations

from typing import Any

import lampas
from lampas._tensor import Tensor

from ._checked import checked

__all__ = ["ctc_loss"]

_INF = float("inf")


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


@checked(
    "ctc_loss(Tensor log_probs, Tensor targets, object input_lengths, object target_lengths, "
    "int blank=0, str reduction='mean', bool zero_infinity=False)"
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
    lattice = _Lattice(labels.clamp(0, classes - 1), in_len, out_len, blank)
    loss = _ctc_function().apply(scores, lattice)
    if zero_infinity:
        impossible = loss == _INF
        if bool(impossible.any()):
            # Computed again without the impossible samples: their gradients are undefined.
            keep = (~impossible).nonzero().squeeze(1)
            lattice = _Lattice(
                labels.clamp(0, classes - 1)[keep], in_len[keep], out_len[keep], blank
            )
            rest = _ctc_function().apply(scores.index_select(1, keep), lattice)
            loss = loss.new_zeros(loss.shape).index_copy(0, keep, rest)
    if reduction == "mean":
        return (loss / out_len.clamp(min=1).to(loss.dtype)).mean()
    if reduction == "sum":
        return loss.sum()
    return loss if batched else loss.squeeze(0)


def _log_add(*terms: Tensor) -> Tensor:
    """``log(Σ exp)`` of tensors, also where all are -inf."""
    top = terms[0]
    for term in terms[1:]:
        top = lampas.maximum(top, term)
    top = top.masked_fill(top == -_INF, 0.0)
    total = (terms[0] - top).exp()
    for term in terms[1:]:
        total = total + (term - top).exp()
    return total.log() + top


def _shifted(x: Tensor, by: int) -> Tensor:
    """``x`` moved along its last dimension, -inf where nothing comes from."""
    gone = x.new_full((x.size(0), abs(by)), -_INF)
    return lampas.cat([gone, x[:, :-by]] if by > 0 else [x[:, -by:], gone], 1)


class _Lattice:
    """The paths through blanks and labels: blank, label, blank, …, label, blank."""

    def __init__(self, labels: Tensor, in_len: Tensor, out_len: Tensor, blank: int) -> None:
        batch, longest = labels.shape
        self.width = 2 * longest + 1
        self.path = labels.new_full((batch, self.width), blank)
        self.path[:, 1::2] = labels
        # A blank between two different labels may be left out.
        skip = lampas.zeros_like(self.path, dtype=lampas.bool)
        if longest:
            skip[:, 2:] = (self.path[:, 2:] != blank) & (self.path[:, 2:] != self.path[:, :-2])
        self.no_skip = ~skip
        self.in_len = in_len
        position = lampas.arange(self.width, device=labels.device)
        end = 2 * out_len.unsqueeze(1)
        self.starts = (position < 2) & (position <= end)
        self.ends = (position == end) | (position == end - 1)

    def emissions(self, scores: Tensor) -> Tensor:
        """``(T, N, width)``: the log probability of each place in the path at each step."""
        index = self.path.unsqueeze(0).expand(scores.size(0), -1, -1)
        return scores.gather(2, index)

    def forward(self, emit: Tensor) -> Tensor:
        """Log probabilities of all beginnings of paths."""
        alpha = emit[0].masked_fill(~self.starts, -_INF)
        alphas = [alpha]
        for t in range(1, emit.size(0)):
            ways: tuple[Tensor, ...] = (alpha,)
            if self.width > 2:
                skipped = _shifted(alpha, 2).masked_fill(self.no_skip, -_INF)
                ways = (alpha, _shifted(alpha, 1), skipped)
            alpha = _log_add(*ways) + emit[t]
            alphas.append(alpha)
        return lampas.stack(alphas)

    def backward(self, emit: Tensor) -> Tensor:
        """Log probabilities of all ends of paths."""
        beta = emit.new_full(emit.shape[1:], -_INF)
        betas = []
        for t in reversed(range(emit.size(0))):
            ways: tuple[Tensor, ...] = (beta,)
            if self.width > 2:
                skipped = _shifted(beta.masked_fill(self.no_skip, -_INF), -2)
                ways = (beta, _shifted(beta, -1), skipped)
            going_on = _log_add(*ways) + emit[t]
            last = emit[t].masked_fill(~self.ends, -_INF)
            beta = lampas.where((self.in_len == t + 1).unsqueeze(1), last, going_on)
            betas.append(beta)
        return lampas.stack(betas[::-1])

    def likelihood(self, alpha: Tensor) -> Tensor:
        """Log probability of all whole paths, ``(N)``."""
        batch = alpha.size(1)
        last = (self.in_len - 1).clamp(min=0).reshape(1, batch, 1).expand(1, batch, self.width)
        final = alpha.gather(0, last).squeeze(0).masked_fill(~self.ends, -_INF)
        total = final.logsumexp(1)
        # Without any step only the empty sequence of labels is possible.
        empty = lampas.where(self.ends[:, 0], 0.0, -_INF).to(total.dtype)
        return lampas.where(self.in_len > 0, total, empty)


def _posterior(lattice: _Lattice, both: Tensor, classes: int) -> Tensor:
    """``both`` added up, in logarithms, over the places of each class: ``(T, N, classes)``."""
    steps, batch, width = both.shape
    index = lattice.path.unsqueeze(0).expand(steps, batch, width)
    out = both.new_full((steps, batch, classes), -_INF)
    top = out.scatter_reduce(2, index, both, "amax")
    safe = top.masked_fill(top == -_INF, 0.0)
    part = (both - safe.gather(2, index)).exp()
    return lampas.zeros_like(out).scatter_add(2, index, part).log() + safe


_function: Any = None


def _ctc_function() -> Any:
    """The forward-backward algorithm as one node; made at first use."""
    global _function
    if _function is not None:
        return _function

    class CtcLoss(lampas.autograd.Function):
        @staticmethod
        def forward(ctx: Any, scores: Tensor, lattice: _Lattice) -> Tensor:
            emit = lattice.emissions(scores)
            alpha = lattice.forward(emit)
            loss = -lattice.likelihood(alpha)
            ctx.save_for_backward(scores, emit, alpha, loss)
            ctx.lattice = lattice
            return loss

        @staticmethod
        def backward(ctx: Any, grad: Tensor) -> tuple[Any, ...]:
            return CtcGradient.apply(grad, ctx.lattice, *ctx.saved_tensors), None

    class CtcGradient(lampas.autograd.Function):
        @staticmethod
        def forward(
            ctx: Any, grad: Tensor, lattice: _Lattice, scores: Tensor, emit: Tensor, alpha: Tensor,
            loss: Tensor,
        ) -> Tensor:  # fmt: skip
            both = alpha + lattice.backward(emit)
            posterior = _posterior(lattice, both, scores.size(2))
            # The gradient for the scores before the log softmax. Behind a log softmax the
            # first term cancels; programs that look at the gradient of `log_probs` see
            # PyTorch's.
            out = scores.exp() - (posterior + loss.unsqueeze(1) - scores).exp()
            steps = lampas.arange(scores.size(0), device=scores.device).unsqueeze(1)
            unused = (steps >= lattice.in_len).unsqueeze(2)
            return (out * grad.unsqueeze(1)).masked_fill(unused, 0.0)

        @staticmethod
        def backward(ctx: Any, grad: Tensor) -> Any:
            raise RuntimeError(
                "ctc_loss: the derivative of its gradient is not implemented; differentiate it "
                "once only"
            )

    _function = CtcLoss
    return _function
