"""Schedules that multiply the learning rate by a factor.

Each computes the next value from the current one, so that several schedulers can act on one
optimizer; ``_get_closed_form_lr`` computes it from the start, for jumps to an epoch.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from typing import TYPE_CHECKING, Any

from lampas.optim.lr_scheduler._base import LRScheduler

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lampas.optim.optimizer import Optimizer

__all__ = ["ConstantLR", "ExponentialLR", "LinearLR", "MultiStepLR", "PolynomialLR", "StepLR"]


class StepLR(LRScheduler):
    """Multiplies the learning rate by `gamma` every `step_size` epochs.

    Args:
        optimizer: whose learning rates are to change.
        step_size: epochs between two changes.
        gamma: the factor.
        last_epoch: the epoch to resume after; -1 starts anew.

    Example:
        >>> import lampas
        >>> optimizer = lampas.optim.SGD([lampas.zeros(1, requires_grad=True)], lr=1.0)
        >>> scheduler = lampas.optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.5)
        >>> for _ in range(4):
        ...     optimizer.step()
        ...     scheduler.step()
        >>> scheduler.get_last_lr()
        [0.25]
    """

    def __init__(
        self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        self.step_size = step_size
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Any]:
        """The learning rates of epoch ``last_epoch``."""
        self._warn_outside_step()
        if self.last_epoch == 0 or self.last_epoch % self.step_size != 0:
            return self._current()
        return self._current_times(self.gamma)

    def _get_closed_form_lr(self) -> list[Any]:
        return self._base_times(self.gamma ** (self.last_epoch // self.step_size))


class MultiStepLR(LRScheduler):
    """Multiplies the learning rate by `gamma` at each of the given epochs.

    Args:
        optimizer: whose learning rates are to change.
        milestones: the epochs; one named twice counts twice.
        gamma: the factor.
        last_epoch: the epoch to resume after; -1 starts anew.

    Example:
        >>> import lampas
        >>> optimizer = lampas.optim.SGD([lampas.zeros(1, requires_grad=True)], lr=1.0)
        >>> scheduler = lampas.optim.lr_scheduler.MultiStepLR(optimizer, [1, 3], gamma=0.5)
        >>> for _ in range(3):
        ...     optimizer.step()
        ...     scheduler.step()
        >>> scheduler.get_last_lr()
        [0.25]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        milestones: Iterable[int],
        gamma: float = 0.1,
        last_epoch: int = -1,
    ) -> None:
        self.milestones = Counter(milestones)
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Any]:
        """The learning rates of epoch ``last_epoch``."""
        self._warn_outside_step()
        if self.last_epoch not in self.milestones:
            return self._current()
        return self._current_times(self.gamma ** self.milestones[self.last_epoch])

    def _get_closed_form_lr(self) -> list[Any]:
        passed = bisect_right(sorted(self.milestones.elements()), self.last_epoch)
        return self._base_times(self.gamma**passed)


class ConstantLR(LRScheduler):
    """Multiplies the learning rate by `factor` until epoch `total_iters`.

    Args:
        optimizer: whose learning rates are to change.
        factor: the factor, from 0 to 1.
        total_iters: the epoch from which the learning rate is as it was.
        last_epoch: the epoch to resume after; -1 starts anew.

    Raises:
        ValueError: `factor` lies outside its range.

    Example:
        >>> import lampas
        >>> optimizer = lampas.optim.SGD([lampas.zeros(1, requires_grad=True)], lr=1.0)
        >>> scheduler = lampas.optim.lr_scheduler.ConstantLR(optimizer, 0.5, total_iters=3)
        >>> scheduler.get_last_lr()
        [0.5]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        factor: float = 1.0 / 3,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        if not 0 <= factor <= 1:
            raise ValueError(
                "ConstantLR: Constant multiplicative factor expected to be between 0 and 1, but is "
                f"{factor}"
            )
        self.factor = factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Any]:
        """The learning rates of epoch ``last_epoch``."""
        self._warn_outside_step()
        if self.last_epoch == 0:
            return self._current_times(self.factor)
        if self.last_epoch != self.total_iters:
            return self._current()
        return self._current_times(1.0 / self.factor)

    def _get_closed_form_lr(self) -> list[Any]:
        return self._base_times(1.0 if self.last_epoch >= self.total_iters else self.factor)


class LinearLR(LRScheduler):
    """Changes the factor of the learning rate evenly, from the first epoch to `total_iters`.

    Args:
        optimizer: whose learning rates are to change.
        start_factor: factor in the first epoch, above 0 and at most 1.
        end_factor: factor at the end, from 0 to 1.
        total_iters: the epoch from which the factor stays.
        last_epoch: the epoch to resume after; -1 starts anew.

    Raises:
        ValueError: a factor lies outside its range.

    Example:
        >>> import lampas
        >>> optimizer = lampas.optim.SGD([lampas.zeros(1, requires_grad=True)], lr=1.0)
        >>> scheduler = lampas.optim.lr_scheduler.LinearLR(optimizer, 0.5, total_iters=2)
        >>> optimizer.step()
        >>> scheduler.step()
        >>> scheduler.get_last_lr()
        [0.75]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1.0 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        if not 0 < start_factor <= 1:
            raise ValueError(
                "LinearLR: Starting multiplicative factor expected to be greater than 0 and less "
                f"or equal to 1, but is {start_factor}"
            )
        if not 0 <= end_factor <= 1:
            raise ValueError(
                "LinearLR: Ending multiplicative factor expected to be between 0 and 1, but is "
                f"{end_factor}"
            )
        self.start_factor = start_factor
        self.end_factor = end_factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Any]:
        """The learning rates of epoch ``last_epoch``."""
        self._warn_outside_step()
        if self.last_epoch == 0:
            return self._current_times(self.start_factor)
        if self._is_initial or self.last_epoch > self.total_iters:
            return self._current()
        change = self.end_factor - self.start_factor
        before = self.total_iters * self.start_factor + (self.last_epoch - 1) * change
        return self._current_times(1.0 + change / before)

    def _get_closed_form_lr(self) -> list[Any]:
        share = min(self.total_iters, self.last_epoch) / self.total_iters
        return self._base_times(self.start_factor + (self.end_factor - self.start_factor) * share)


class ExponentialLR(LRScheduler):
    """Multiplies the learning rate by `gamma` every epoch.

    Args:
        optimizer: whose learning rates are to change.
        gamma: the factor.
        last_epoch: the epoch to resume after; -1 starts anew.

    Example:
        >>> import lampas
        >>> optimizer = lampas.optim.SGD([lampas.zeros(1, requires_grad=True)], lr=1.0)
        >>> scheduler = lampas.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.5)
        >>> optimizer.step()
        >>> scheduler.step()
        >>> scheduler.get_last_lr()
        [0.5]
    """

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Any]:
        """The learning rates of epoch ``last_epoch``."""
        self._warn_outside_step()
        return self._current() if self._is_initial else self._current_times(self.gamma)

    def _get_closed_form_lr(self) -> list[Any]:
        return self._base_times(self.gamma**self.last_epoch)


class PolynomialLR(LRScheduler):
    """Lets the learning rate fall to zero as ``(1 - epoch / total_iters)**power``.

    Args:
        optimizer: whose learning rates are to change.
        total_iters: the epoch at which it is zero.
        power: the power; 1 is a straight line.
        last_epoch: the epoch to resume after; -1 starts anew.

    Example:
        >>> import lampas
        >>> optimizer = lampas.optim.SGD([lampas.zeros(1, requires_grad=True)], lr=1.0)
        >>> scheduler = lampas.optim.lr_scheduler.PolynomialLR(optimizer, total_iters=2, power=2)
        >>> optimizer.step()
        >>> scheduler.step()
        >>> scheduler.get_last_lr()
        [0.25]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        total_iters: int = 5,
        power: float = 1.0,
        last_epoch: int = -1,
    ) -> None:
        self.total_iters = total_iters
        self.power = power
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Any]:
        """The learning rates of epoch ``last_epoch``."""
        self._warn_outside_step()
        if self._is_initial or self.last_epoch > self.total_iters:
            return self._current()
        left = 1.0 - self.last_epoch / self.total_iters
        left_before = 1.0 - (self.last_epoch - 1) / self.total_iters
        return self._current_times((left / left_before) ** self.power)

    def _get_closed_form_lr(self) -> list[Any]:
        passed = min(self.total_iters, self.last_epoch) / self.total_iters
        return self._base_times((1.0 - passed) ** self.power)
