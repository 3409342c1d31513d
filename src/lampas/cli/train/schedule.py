"""The learning rate: its course over a run, and a search for a good one."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from lampas.cli import UsageError

if TYPE_CHECKING:
    from lampas import Tensor
    from lampas.cli.train.config import Config
    from lampas.nn import Module

WARM_UP = 0.3  # of a one-cycle run
LOWEST, HIGHEST = 1e-6, 10.0  # rates that the search goes through
STEPS = 100
_SMOOTHING = 0.8
_DIVERGED = 4.0  # times the lowest loss


def rate(config: Config, step: int, total: int) -> float:
    """The learning rate of a step; a function of these alone, so that nothing need be saved.

    One-cycle: L. N. Smith, N. Topin, "Super-convergence", 2019; from a 25th of the highest rate up
    to it, then down to a 250,000th, both along half a cosine. Cosine: I. Loshchilov, F. Hutter,
    "SGDR", ICLR 2017, without restarts.

    >>> from lampas.cli.train.config import Config
    >>> config = Config(lr=0.1, schedule="one-cycle")
    >>> [round(rate(config, step, 100), 4) for step in (0, 30, 65, 100)]
    [0.004, 0.1, 0.05, 0.0]
    """
    top, done = config.lr or 0.0, step / max(total, 1)
    if config.schedule == "constant":
        return top
    if config.schedule == "cosine":
        return _half_cosine(top, 0.0, done)
    if done < WARM_UP:
        return _half_cosine(top / 25, top, done / WARM_UP)
    return _half_cosine(top, top / 25e4, (done - WARM_UP) / (1 - WARM_UP))


def _half_cosine(start: float, end: float, done: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * done)) / 2


def search(
    model: Module,
    optimizer: Any,
    loader: Iterable[tuple[Tensor, Tensor]],
    loss_of: Callable[[Module, Tensor, Tensor], Tensor],
) -> dict[str, Any]:
    """A learning-rate range test (L. N. Smith, "Cyclical learning rates", WACV 2017).

    The rate grows from step to step by a constant factor until the loss explodes. ``rates`` and
    smoothed ``losses`` are the curve; ``suggestion`` is a tenth of the rate with the lowest loss.
    Model and optimizer are spoilt by it.

    Raises:
        UsageError: no rate makes the loss finite.
    """
    model.train()
    rates: list[float] = []
    losses: list[float] = []
    mean = 0.0
    while len(rates) < STEPS:
        for inputs, labels in loader:
            number = len(rates)
            now = LOWEST * (HIGHEST / LOWEST) ** (number / (STEPS - 1))
            for group in optimizer.param_groups:
                group["lr"] = now
            optimizer.zero_grad()
            loss = loss_of(model, inputs, labels)
            loss.backward()
            optimizer.step()
            mean = _SMOOTHING * mean + (1 - _SMOOTHING) * loss.item()
            smoothed = mean / (1 - _SMOOTHING ** (number + 1))
            if not math.isfinite(smoothed) or (losses and smoothed > _DIVERGED * min(losses)):
                return _found(rates, losses)
            rates.append(now)
            losses.append(smoothed)
            if len(rates) == STEPS:
                break
    return _found(rates, losses)


def _found(rates: list[float], losses: list[float]) -> dict[str, Any]:
    if not losses:
        raise UsageError(
            "--find-lr: the loss is not finite even at the lowest rate; look at the data, or give "
            "--lr"
        )
    best = rates[losses.index(min(losses))] / 10
    return {"rates": rates, "losses": losses, "suggestion": float(f"{best:.1e}")}
