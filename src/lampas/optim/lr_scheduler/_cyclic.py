"""Cyclical learning rates."""

from __future__ import annotations

import math
from functools import partial
from types import FunctionType
from typing import TYPE_CHECKING, Any

from lampas.optim.lr_scheduler._base import (
    LRScheduler,
    check_momentum,
    check_optimizer,
    per_group,
    set_momentum,
    set_value,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from lampas.optim.optimizer import Optimizer

__all__ = ["CyclicLR"]


class CyclicLR(LRScheduler):
    """Lets the learning rate go up and down between two bounds; step it after every batch.

    Smith, "Cyclical Learning Rates for Training Neural Networks" (2015).

    Args:
        optimizer: whose learning rates are to change.
        base_lr: lower bound; one, or one per parameter group.
        max_lr: upper bound; one, or one per parameter group.
        step_size_up: batches in which it rises.
        step_size_down: batches in which it falls (default: as many).
        mode: ``"triangular"``; ``"triangular2"``, which halves the height every cycle; or
            ``"exp_range"``, which multiplies it by `gamma` every batch.
        gamma: see `mode`.
        scale_fn: factor of the height as a function, instead of `mode`.
        scale_mode: what `scale_fn` gets: the ``"cycle"`` or the number of ``"iterations"``.
        cycle_momentum: move the momentum the opposite way, between the following bounds.
        base_momentum: lower bound; one, or one per parameter group.
        max_momentum: upper bound; one, or one per parameter group.
        last_epoch: the batch to resume after; -1 starts anew.

    Raises:
        ValueError: an unknown mode, a wrong number of bounds, or an optimizer without momentum.

    Example:
        >>> import lampas
        >>> optimizer = lampas.optim.SGD([lampas.zeros(1, requires_grad=True)], momentum=0.9)
        >>> cls = lampas.optim.lr_scheduler.CyclicLR
        >>> scheduler = cls(optimizer, base_lr=0.0, max_lr=1.0, step_size_up=4)
        >>> optimizer.step()
        >>> scheduler.step()
        >>> scheduler.get_last_lr()
        [0.25]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: float | list[float],
        max_lr: float | list[float],
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: str = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None,
        scale_mode: str = "cycle",
        cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.8,
        max_momentum: float | list[float] = 0.9,
        last_epoch: int = -1,
    ) -> None:
        check_optimizer(self, optimizer)
        self.optimizer = optimizer
        base_lrs = per_group("base_lr", optimizer, base_lr)
        if last_epoch == -1:
            for lr, group in zip(base_lrs, optimizer.param_groups, strict=True):
                set_value(group, "lr", lr)
        self.max_lrs = per_group("max_lr", optimizer, max_lr)
        up = float(step_size_up)
        down = up if step_size_down is None else float(step_size_down)
        self.total_size = up + down
        self.step_ratio = up / self.total_size
        if mode not in ("triangular", "triangular2", "exp_range") and scale_fn is None:
            raise ValueError(
                f"CyclicLR: mode is invalid and scale_fn is None: {mode!r} is none of "
                "'triangular', 'triangular2', 'exp_range'"
            )
        self.mode = mode
        self.gamma = gamma
        self._scale_fn_custom = scale_fn
        self.scale_mode = scale_mode
        self._init_scale_fn()
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self._init_momentum(base_momentum, max_momentum, last_epoch)
        super().__init__(optimizer, last_epoch)
        self.base_lrs = base_lrs

    def _init_momentum(self, base: Any, top: Any, last_epoch: int) -> None:
        check_momentum(self, self.optimizer)
        self.use_beta1 = "betas" in self.optimizer.defaults
        self.base_momentums = per_group("base_momentum", self.optimizer, base)
        self.max_momentums = per_group("max_momentum", self.optimizer, top)
        if last_epoch == -1:
            for i, group in enumerate(self.optimizer.param_groups):
                set_momentum(group, self.max_momentums[i])
                group["max_momentum"] = self.max_momentums[i]
                group["base_momentum"] = self.base_momentums[i]

    def _init_scale_fn(self) -> None:
        if self._scale_fn_custom is not None:
            return
        functions: dict[str, Callable[[float], float]] = {
            "triangular": _unscaled,
            "triangular2": _halved,
            "exp_range": partial(pow, self.gamma),
        }
        self._scale_fn_ref = functions[self.mode]
        self.scale_mode = "iterations" if self.mode == "exp_range" else "cycle"

    def scale_fn(self, x: float) -> float:
        """Factor of the height in cycle, or iteration, `x`."""
        return (self._scale_fn_custom or self._scale_fn_ref)(x)

    def get_lr(self) -> list[Any]:
        """The learning rates of batch ``last_epoch``; sets the momentum as well."""
        self._warn_outside_step()
        cycle = math.floor(1 + self.last_epoch / self.total_size)
        x = 1.0 + self.last_epoch / self.total_size - cycle
        height = x / self.step_ratio if x <= self.step_ratio else (x - 1) / (self.step_ratio - 1)
        scale = self.scale_fn(cycle if self.scale_mode == "cycle" else self.last_epoch)
        if self.cycle_momentum:
            for i, group in enumerate(self.optimizer.param_groups):
                base, top = self.base_momentums[i], self.max_momentums[i]
                set_momentum(group, top - (top - base) * height * scale)
        pairs = zip(self.base_lrs, self.max_lrs, strict=True)
        return [base + (top - base) * height * scale for base, top in pairs]

    def state_dict(self) -> dict[str, Any]:
        """The scheduler's attributes but the optimizer and plain functions."""
        state = super().state_dict()
        state.pop("_scale_fn_ref", None)
        function = state["_scale_fn_custom"]
        state["_scale_fn_custom"] = None
        if function is not None and not isinstance(function, FunctionType):
            state["_scale_fn_custom"] = function.__dict__.copy()
        return state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes over a saved state; a `scale_fn` stays as it is."""
        state = dict(state_dict)
        attributes = state.pop("_scale_fn_custom")
        super().load_state_dict(state)
        if attributes is not None and self._scale_fn_custom is not None:
            self._scale_fn_custom.__dict__.update(attributes)
        self._init_scale_fn()


def _unscaled(cycle: float) -> float:
    return 1.0


def _halved(cycle: float) -> float:
    return 1 / 2.0 ** (cycle - 1)
