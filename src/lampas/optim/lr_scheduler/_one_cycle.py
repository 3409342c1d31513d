"""The one-cycle policy."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from lampas.optim.lr_scheduler._base import (
    LRScheduler,
    check_momentum,
    check_optimizer,
    per_group,
    set_momentum,
)

if TYPE_CHECKING:
    from lampas.optim.optimizer import Optimizer

__all__ = ["OneCycleLR"]

_UP = ("initial_lr", "max_lr", "max_momentum", "base_momentum")
_BACK = ("max_lr", "initial_lr", "base_momentum", "max_momentum")
_OUT = ("initial_lr", "min_lr", "max_momentum", "max_momentum")
_DOWN = ("max_lr", "min_lr", "base_momentum", "max_momentum")


class OneCycleLR(LRScheduler):
    """Lets the learning rate rise once to its top and fall to almost nothing; step it every batch.

    Smith and Topin, "Super-Convergence: Very Fast Training of Neural Networks Using Large Learning
    Rates" (2017).

    Args:
        optimizer: whose learning rates are to change.
        max_lr: the top; one, or one per parameter group.
        total_steps: batches in all; otherwise give `epochs` and `steps_per_epoch`.
        epochs: number of epochs.
        steps_per_epoch: batches in each.
        pct_start: share of the steps in which it rises.
        anneal_strategy: ``"cos"`` or ``"linear"``.
        cycle_momentum: move the momentum the opposite way, between the following bounds.
        base_momentum: lower bound; one, or one per parameter group.
        max_momentum: upper bound; one, or one per parameter group.
        div_factor: the start is ``max_lr / div_factor``.
        final_div_factor: the end is the start divided by this.
        three_phase: fall to the start as fast as it rose, then to the end.
        last_epoch: the batch to resume after; -1 starts anew.

    Raises:
        ValueError: the number of steps is missing or not positive, an option lies outside its
            range, the optimizer has no momentum, or (from ``step``) there were more steps.

    Example:
        >>> import lampas
        >>> optimizer = lampas.optim.SGD([lampas.zeros(1, requires_grad=True)], momentum=0.9)
        >>> cls = lampas.optim.lr_scheduler.OneCycleLR
        >>> scheduler = cls(optimizer, max_lr=1.0, total_steps=10, pct_start=0.5)
        >>> for _ in range(4):
        ...     optimizer.step()
        ...     scheduler.step()
        >>> scheduler.get_last_lr()
        [1.0]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | list[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.85,
        max_momentum: float | list[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        check_optimizer(self, optimizer)
        self.optimizer = optimizer
        self.total_steps = _total(total_steps, epochs, steps_per_epoch)
        if not isinstance(pct_start, float) or not 0 <= pct_start <= 1:
            raise ValueError(
                f"OneCycleLR: Expected float between 0 and 1 pct_start, but got {pct_start}"
            )
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(
                "OneCycleLR: anneal_strategy must be one of 'cos' or 'linear', instead got "
                f"{anneal_strategy}"
            )
        self._schedule_phases = self._phases(pct_start, three_phase)
        self._anneal_func_type = anneal_strategy
        if last_epoch == -1:
            tops = per_group("max_lr", optimizer, max_lr)
            for top, group in zip(tops, optimizer.param_groups, strict=True):
                group["initial_lr"] = top / div_factor
                group["max_lr"] = top
                group["min_lr"] = group["initial_lr"] / final_div_factor
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            check_momentum(self, optimizer)
            self.use_beta1 = "betas" in optimizer.defaults
            bases = per_group("base_momentum", optimizer, base_momentum)
            tops = per_group("max_momentum", optimizer, max_momentum)
            if last_epoch == -1:
                for base, top, group in zip(bases, tops, optimizer.param_groups, strict=True):
                    set_momentum(group, top)
                    group["max_momentum"] = top
                    group["base_momentum"] = base
        super().__init__(optimizer, last_epoch)

    def _phases(self, share: float, three: bool) -> list[dict[str, Any]]:
        rise = float(share * self.total_steps)
        last = self.total_steps - 1
        ends = [rise - 1, 2 * rise - 2, last] if three else [rise - 1, last]
        keys = [_UP, _BACK, _OUT] if three else [_UP, _DOWN]
        names = ("start_lr", "end_lr", "start_momentum", "end_momentum")
        return [
            {"end_step": end, **dict(zip(names, key, strict=True))}
            for end, key in zip(ends, keys, strict=True)
        ]

    def _anneal_func(self, start: Any, end: Any, share: float) -> Any:
        if self._anneal_func_type == "linear":
            return (end - start) * share + start
        return end + (start - end) / 2.0 * (math.cos(math.pi * share) + 1)

    def get_lr(self) -> list[Any]:
        """The learning rates of batch ``last_epoch``; sets the momentum as well."""
        self._warn_outside_step()
        step = self.last_epoch
        if step > self.total_steps:
            raise ValueError(
                f"OneCycleLR: Tried to step {step} times. The specified number of total steps is "
                f"{self.total_steps}; the schedule is stepped once per batch"
            )
        begin = 0.0
        for phase in self._schedule_phases[:-1]:
            if step <= phase["end_step"]:
                break
            begin = phase["end_step"]
        else:
            phase = self._schedule_phases[-1]
        share = (step - begin) / (phase["end_step"] - begin)
        lrs = []
        for group in self.optimizer.param_groups:
            lrs.append(self._anneal_func(group[phase["start_lr"]], group[phase["end_lr"]], share))
            if self.cycle_momentum:
                ends = group[phase["start_momentum"]], group[phase["end_momentum"]]
                set_momentum(group, self._anneal_func(*ends, share))
        return lrs


def _total(steps: Any, epochs: Any, steps_per_epoch: Any) -> int:
    def positive(name: str, value: Any) -> int:
        if not isinstance(value, int) or value <= 0:
            raise ValueError(f"OneCycleLR: Expected positive integer {name}, but got {value}")
        return value

    if steps is not None:
        return positive("total_steps", steps)
    if epochs is None or steps_per_epoch is None:
        raise ValueError(
            "OneCycleLR: You must define either total_steps OR (epochs AND steps_per_epoch)"
        )
    return positive("epochs", epochs) * positive("steps_per_epoch", steps_per_epoch)
