"""Schedules given as functions."""

from __future__ import annotations

from types import FunctionType
from typing import TYPE_CHECKING, Any

from lampas.optim.lr_scheduler._base import LRScheduler

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lampas.optim.optimizer import Optimizer

__all__ = ["LambdaLR", "MultiplicativeLR"]


class _FunctionLR(LRScheduler):
    """Keeps one function per parameter group."""

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Callable[[int], float] | Sequence[Callable[[int], float]],
        last_epoch: int = -1,
    ) -> None:
        count = len(optimizer.param_groups)
        if not isinstance(lr_lambda, (list, tuple)):
            lr_lambda = [lr_lambda] * count  # type: ignore[list-item]
        elif len(lr_lambda) != count:
            raise ValueError(
                f"{type(self).__name__}: Expected {count} lr_lambdas, one per parameter group, but "
                f"got {len(lr_lambda)}"
            )
        for function in lr_lambda:
            if not callable(function):
                raise TypeError(
                    f"{type(self).__name__}: lr_lambda should be a function, but got "
                    f"{type(function).__name__}"
                )
        self.lr_lambdas = list(lr_lambda)
        super().__init__(optimizer, last_epoch)

    def state_dict(self) -> dict[str, Any]:
        """The scheduler's attributes but the optimizer.

        Functions are left out; of callable objects the attributes are kept.
        """
        state = super().state_dict()
        state["lr_lambdas"] = [
            None if isinstance(f, FunctionType) else f.__dict__.copy() for f in self.lr_lambdas
        ]
        return state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes over a saved state; the functions stay as they are."""
        rest = dict(state_dict)
        for function, attributes in zip(self.lr_lambdas, rest.pop("lr_lambdas"), strict=True):
            if attributes is not None:
                function.__dict__.update(attributes)
        self.__dict__.update(rest)


class LambdaLR(_FunctionLR):
    """The learning rate at the start, times a function of the epoch.

    Args:
        optimizer: whose learning rates are to change.
        lr_lambda: from an epoch to a factor; one function, or one per parameter group.
        last_epoch: the epoch to resume after; -1 starts anew.

    Raises:
        ValueError: the number of functions is not that of parameter groups.

    Example:
        >>> import lampas
        >>> optimizer = lampas.optim.SGD([lampas.zeros(1, requires_grad=True)], lr=1.0)
        >>> scheduler = lampas.optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: 1 / (1 + epoch))
        >>> optimizer.step()
        >>> scheduler.step()
        >>> scheduler.get_last_lr()
        [0.5]
    """

    def get_lr(self) -> list[Any]:
        """The learning rates of epoch ``last_epoch``."""
        self._warn_outside_step()
        pairs = zip(self.base_lrs, self.lr_lambdas, strict=True)
        return [lr * function(self.last_epoch) for lr, function in pairs]


class MultiplicativeLR(_FunctionLR):
    """The previous learning rate, times a function of the epoch.

    Args:
        optimizer: whose learning rates are to change.
        lr_lambda: from an epoch to a factor; one function, or one per parameter group.
        last_epoch: the epoch to resume after; -1 starts anew.

    Raises:
        ValueError: the number of functions is not that of parameter groups.

    Example:
        >>> import lampas
        >>> optimizer = lampas.optim.SGD([lampas.zeros(1, requires_grad=True)], lr=1.0)
        >>> scheduler = lampas.optim.lr_scheduler.MultiplicativeLR(optimizer, lambda epoch: 0.5)
        >>> optimizer.step()
        >>> scheduler.step()
        >>> scheduler.get_last_lr()
        [0.5]
    """

    def get_lr(self) -> list[Any]:
        """The learning rates of epoch ``last_epoch``."""
        self._warn_outside_step()
        if self._is_initial:
            return self._current()
        pairs = zip(self.optimizer.param_groups, self.lr_lambdas, strict=True)
        return [group["lr"] * function(self.last_epoch) for group, function in pairs]
