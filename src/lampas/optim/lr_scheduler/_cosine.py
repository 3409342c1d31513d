"""Cosine annealing: Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts"
(2016)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from lampas.optim.lr_scheduler._base import LRScheduler

if TYPE_CHECKING:
    from lampas.optim.optimizer import Optimizer

__all__ = ["CosineAnnealingLR", "CosineAnnealingWarmRestarts"]


def _annealed(base: Any, low: float, share: float) -> Any:
    """From `base` to `low` along half a cosine wave."""
    return low + (base - low) * (1 + math.cos(math.pi * share)) / 2


class CosineAnnealingLR(LRScheduler):
    """Lets the learning rate fall along half a cosine wave, and rise again after.

    Args:
        optimizer: whose learning rates are to change.
        T_max: the epoch at which it is lowest.
        eta_min: the lowest learning rate.
        last_epoch: the epoch to resume after; -1 starts anew.

    Example:
        >>> import lampas
        >>> optimizer = lampas.optim.SGD([lampas.zeros(1, requires_grad=True)], lr=1.0)
        >>> scheduler = lampas.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=2)
        >>> optimizer.step()
        >>> scheduler.step()
        >>> scheduler.get_last_lr()
        [0.5]
    """

    def __init__(
        self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1
    ) -> None:
        self.T_max = T_max
        self.eta_min = eta_min
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Any]:
        """The learning rates of epoch ``last_epoch``."""
        self._warn_outside_step()
        low, epoch, half = self.eta_min, self.last_epoch, self.T_max
        if self._is_initial:
            return self._current()
        if self._step_count == 1 and epoch > 0:
            return self._get_closed_form_lr()
        if (epoch - 1 - half) % (2 * half) == 0:
            # One past the lowest point, where a ratio to the value before would divide by zero.
            rise = (1 - math.cos(math.pi / half)) / 2
            pairs = zip(self.base_lrs, self.optimizer.param_groups, strict=True)
            return [group["lr"] + (base - low) * rise for base, group in pairs]
        now = 1 + math.cos(math.pi * epoch / half)
        before = 1 + math.cos(math.pi * (epoch - 1) / half)
        return [now / before * (g["lr"] - low) + low for g in self.optimizer.param_groups]

    def _get_closed_form_lr(self) -> list[Any]:
        share = self.last_epoch / self.T_max
        return [_annealed(base, self.eta_min, share) for base in self.base_lrs]


class CosineAnnealingWarmRestarts(LRScheduler):
    """Lets the learning rate fall along half a cosine wave, again and again.

    Args:
        optimizer: whose learning rates are to change.
        T_0: epochs until the first restart.
        T_mult: factor by which the time between restarts grows.
        eta_min: the lowest learning rate.
        last_epoch: the epoch to resume after; -1 starts anew.

    Raises:
        ValueError: `T_0` or `T_mult` is not a positive integer, or `eta_min` not a number.

    Example:
        >>> import lampas
        >>> optimizer = lampas.optim.SGD([lampas.zeros(1, requires_grad=True)], lr=1.0)
        >>> cls = lampas.optim.lr_scheduler.CosineAnnealingWarmRestarts
        >>> scheduler = cls(optimizer, T_0=2)
        >>> for _ in range(3):
        ...     optimizer.step()
        ...     scheduler.step()
        >>> scheduler.get_last_lr()
        [0.5]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        T_0: int,
        T_mult: int = 1,
        eta_min: float = 0.0,
        last_epoch: int = -1,
    ) -> None:
        name = "CosineAnnealingWarmRestarts"
        if not isinstance(T_0, int) or T_0 <= 0:
            raise ValueError(f"{name}: Expected positive integer T_0, but got {T_0}")
        if not isinstance(T_mult, int) or T_mult < 1:
            raise ValueError(f"{name}: Expected integer T_mult >= 1, but got {T_mult}")
        if not isinstance(eta_min, (int, float)):
            raise ValueError(
                f"{name}: Expected float or int eta_min, but got {eta_min} of type {type(eta_min)}"
            )
        self.T_0 = T_0
        self.T_i = T_0
        self.T_mult = T_mult
        self.eta_min = eta_min
        self.T_cur: float = last_epoch
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Any]:
        """The learning rates at ``T_cur`` epochs after the last restart."""
        self._warn_outside_step()
        share = self.T_cur / self.T_i
        return [_annealed(base, self.eta_min, share) for base in self.base_lrs]

    def step(self, epoch: float | None = None) -> None:
        """Goes to the next epoch, or to `epoch`, which may be a fraction.

        Args:
            epoch: for example ``epoch + i / batches``, to change the rate with every batch.

        Raises:
            ValueError: a negative epoch.
        """
        if epoch is None and self.last_epoch < 0:
            epoch = 0
        if epoch is None:
            epoch = self.last_epoch + 1
            self.T_cur += 1
            if self.T_cur >= self.T_i:
                self.T_cur %= self.T_i
                self.T_i *= self.T_mult
        else:
            self._go_to(epoch)
        self.last_epoch = math.floor(epoch)
        self._set_lrs(self._computed())

    def _go_to(self, epoch: float) -> None:
        if epoch < 0:
            raise ValueError(
                f"CosineAnnealingWarmRestarts: Expected non-negative epoch, but got {epoch}"
            )
        if epoch < self.T_0:
            self.T_i, self.T_cur = self.T_0, epoch
        elif self.T_mult == 1:
            self.T_cur = epoch % self.T_0
        else:
            ratio = epoch / self.T_0 * (self.T_mult - 1) + 1
            restarts = int(math.log(ratio, self.T_mult))
            begin = self.T_0 * (self.T_mult**restarts - 1) / (self.T_mult - 1)
            self.T_i = self.T_0 * self.T_mult**restarts
            self.T_cur = epoch - begin
