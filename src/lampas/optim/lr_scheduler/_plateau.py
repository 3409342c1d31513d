"""Lower learning rates where progress ends."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any

from lampas.optim.lr_scheduler._base import (
    _EPOCH_WARNING,
    LRScheduler,
    check_optimizer,
    group_values,
    set_value,
)

if TYPE_CHECKING:
    from lampas.optim.optimizer import Optimizer

__all__ = ["ReduceLROnPlateau"]


class ReduceLROnPlateau(LRScheduler):
    """Lowers the learning rate when a measured value has stopped improving.

    Args:
        optimizer: whose learning rates are to change.
        mode: ``"min"`` for values that should fall, ``"max"`` for those that should rise.
        factor: factor of the learning rate, below 1.
        patience: epochs without improvement that are let pass.
        threshold: what counts as improvement.
        threshold_mode: ``"rel"``, a share of the best value, or ``"abs"``.
        cooldown: epochs to wait after a change.
        min_lr: the lowest learning rate; one, or one per parameter group.
        eps: smaller changes are not made.

    Raises:
        ValueError: `factor` is not below 1, an unknown mode, or a wrong number of bounds.

    Example:
        >>> import lampas
        >>> optimizer = lampas.optim.SGD([lampas.zeros(1, requires_grad=True)], lr=1.0)
        >>> scheduler = lampas.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=0)
        >>> for loss in (2.0, 1.0, 1.0):
        ...     optimizer.step()
        ...     scheduler.step(loss)
        >>> scheduler.get_last_lr()
        [0.1]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float | list[float] = 0,
        eps: float = 1e-8,
    ) -> None:
        if factor >= 1.0:
            raise ValueError(f"ReduceLROnPlateau: Factor should be < 1.0, but is {factor}")
        check_optimizer(self, optimizer)
        self.factor = factor
        self.optimizer = optimizer
        count = len(optimizer.param_groups)
        if isinstance(min_lr, (list, tuple)):
            if len(min_lr) != count:
                raise ValueError(
                    f"ReduceLROnPlateau: expected {count} min_lrs, one per parameter group, got "
                    f"{len(min_lr)}"
                )
            self.default_min_lr = None
            self.min_lrs = list(min_lr)
        else:
            self.default_min_lr = min_lr
            self.min_lrs = [min_lr] * count
        self.patience = patience
        self.cooldown = cooldown
        self.eps = eps
        self.last_epoch = 0
        self._last_lr = group_values(optimizer, "lr")
        self._init_is_better(mode, threshold, threshold_mode)
        self._reset()

    def _reset(self) -> None:
        """Forgets all values seen so far."""
        self.best = self.mode_worse
        self.cooldown_counter = 0
        self.num_bad_epochs = 0

    def step(self, metrics: Any, epoch: int | None = None) -> None:  # type: ignore[override]
        """Takes the value of an epoch that has ended, and lowers the learning rates if need be.

        Args:
            metrics: a number, or a tensor of one element.
            epoch: its epoch (deprecated).
        """
        current = float(metrics)
        if epoch is None:
            epoch = self.last_epoch + 1
        else:
            warnings.warn(_EPOCH_WARNING, UserWarning, stacklevel=2)
        self.last_epoch = epoch
        if self._is_better(current, self.best):
            self.best = current
            self.num_bad_epochs = 0
        else:
            self.num_bad_epochs += 1
        if self.in_cooldown:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self._reduce_lr(epoch)
            self.cooldown_counter = self.cooldown
            self.num_bad_epochs = 0
        self._last_lr = group_values(self.optimizer, "lr")

    def _reduce_lr(self, epoch: int) -> None:
        groups = self.optimizer.param_groups
        if len(groups) != len(self.min_lrs):
            if self.default_min_lr is None:
                raise RuntimeError(
                    f"ReduceLROnPlateau: The number of param groups in the `optimizer` "
                    f"({len(groups)}) differs from when `ReduceLROnPlateau` was initialized "
                    f"({len(self.min_lrs)}), usually due to a new param group being added to the "
                    "optimizer. Please modify the `min_lrs` field to match the length of the "
                    "`optimizer` param groups."
                )
            self.min_lrs = [self.default_min_lr] * len(groups)
        for group, lowest in zip(groups, self.min_lrs, strict=True):
            lr = float(group["lr"])
            lowered = max(lr * self.factor, lowest)
            if lr - lowered > self.eps:
                set_value(group, "lr", lowered)

    @property
    def in_cooldown(self) -> bool:
        """Whether a change was made so recently that epochs do not count."""
        return self.cooldown_counter > 0

    def _is_better(self, value: float, best: float) -> bool:
        sign = 1.0 if self.mode == "max" else -1.0
        if self.threshold_mode == "rel":
            bar = best * (1.0 + sign * self.threshold)
        else:
            bar = best + sign * self.threshold
        return value > bar if self.mode == "max" else value < bar

    def _init_is_better(self, mode: str, threshold: float, threshold_mode: str) -> None:
        if mode not in ("min", "max"):
            raise ValueError(f"ReduceLROnPlateau: mode {mode} is unknown! Choose 'min' or 'max'")
        if threshold_mode not in ("rel", "abs"):
            raise ValueError(
                f"ReduceLROnPlateau: threshold mode {threshold_mode} is unknown! Choose 'rel' or "
                "'abs'"
            )
        self.mode_worse = math.inf if mode == "min" else -math.inf
        self.mode = mode
        self.threshold = threshold
        self.threshold_mode = threshold_mode

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes over what :meth:`state_dict` of a like scheduler returned."""
        self.__dict__.update(state_dict)
        self._init_is_better(self.mode, self.threshold, self.threshold_mode)
