"""Schedulers made of schedulers."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Any

from lampas.optim.lr_scheduler._base import LRScheduler, group_values, set_value
from lampas.optim.lr_scheduler._plateau import ReduceLROnPlateau

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lampas.optim.optimizer import Optimizer

__all__ = ["ChainedScheduler", "SequentialLR"]


class _CombinedScheduler(LRScheduler):
    """Checks, saves and loads a list of schedulers."""

    _schedulers: Sequence[LRScheduler]

    def _check(self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None) -> Optimizer:
        name = type(self).__name__
        if len(schedulers) < 1:
            raise ValueError(f"{name} expects at least one scheduler, but got no scheduler.")
        for i, scheduler in enumerate(schedulers):
            if not hasattr(scheduler, "optimizer"):
                raise TypeError(
                    f"{name} at index {i} should have `optimizer` as its attribute, but got "
                    f"{type(scheduler).__name__}"
                )
            if isinstance(scheduler, ReduceLROnPlateau):
                raise ValueError(
                    f"{name} does not support `ReduceLROnPlateau` scheduler as it requires "
                    "additional kwargs to be specified when calling `step`, but got one at index "
                    f"{i} in the given schedulers sequence."
                )
            optimizer = optimizer or scheduler.optimizer
            if scheduler.optimizer is not optimizer:
                raise ValueError(
                    f"{name} expects all schedulers to belong to the same optimizer, but the one "
                    f"at index {i}, {type(scheduler).__name__}, has another"
                )
        assert optimizer is not None
        return optimizer

    def state_dict(self) -> dict[str, Any]:
        """The scheduler's attributes but the optimizer, with the states of its schedulers."""
        state = super().state_dict()
        state["_schedulers"] = [scheduler.state_dict() for scheduler in self._schedulers]
        return state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes over what :meth:`state_dict` of a like scheduler returned."""
        rest = dict(state_dict)
        for scheduler, state in zip(self._schedulers, rest.pop("_schedulers"), strict=True):
            scheduler.load_state_dict(state)
        self.__dict__.update(rest)


class SequentialLR(_CombinedScheduler):
    """One scheduler after the other.

    Args:
        optimizer: whose learning rates are to change.
        schedulers: in their order, all made for `optimizer`.
        milestones: the epochs at which the second, third, … takes over.
        last_epoch: the epoch to resume after; -1 starts anew.

    Raises:
        ValueError: no scheduler, one of another optimizer, a `ReduceLROnPlateau`, or a number of
            milestones that does not fit.

    Example:
        >>> import lampas
        >>> from lampas.optim.lr_scheduler import ConstantLR, ExponentialLR, SequentialLR
        >>> optimizer = lampas.optim.SGD([lampas.zeros(1, requires_grad=True)], lr=1.0)
        >>> warm_up = ConstantLR(optimizer, factor=0.5, total_iters=2)
        >>> scheduler = SequentialLR(optimizer, [warm_up, ExponentialLR(optimizer, 0.5)], [2])
        >>> for _ in range(4):
        ...     print(*scheduler.get_last_lr())
        ...     optimizer.step()
        ...     scheduler.step()
        0.5
        0.5
        1.0
        0.5
    """

    def __init__(
        self,
        optimizer: Optimizer,
        schedulers: list[LRScheduler],
        milestones: list[int],
        last_epoch: int = -1,
    ) -> None:
        self._check(schedulers, optimizer)
        if len(milestones) != len(schedulers) - 1:
            raise ValueError(
                "SequentialLR expects number of schedulers provided to be one more than the number "
                f"of milestone points, but got {len(schedulers)} schedulers and {len(milestones)} "
                "milestones"
            )
        self._schedulers = schedulers
        self._milestones = milestones
        self.last_epoch = last_epoch + 1
        self.optimizer = optimizer
        # Making the schedulers has taken the first step of each; only the first one's counts.
        for group in optimizer.param_groups:
            set_value(group, "lr", group["initial_lr"])
        _undo_first_step(schedulers)
        first = schedulers[bisect_right(milestones, 0)]
        first._initial_step()
        self._last_lr = first.get_last_lr()

    def step(self) -> None:  # type: ignore[override]
        """Goes to the next epoch and sets its learning rates."""
        self.last_epoch += 1
        i = bisect_right(self._milestones, self.last_epoch)
        scheduler = self._schedulers[i]
        if i > 0 and self._milestones[i - 1] == self.last_epoch:
            scheduler._update_lr(0)
        else:
            scheduler.step()
        self._last_lr = scheduler.get_last_lr()


def _undo_first_step(schedulers: Sequence[LRScheduler]) -> None:
    for scheduler in schedulers:
        if isinstance(scheduler, _CombinedScheduler):
            _undo_first_step(scheduler._schedulers)
        else:
            scheduler.last_epoch -= 1


class ChainedScheduler(_CombinedScheduler):
    """Several schedulers at once: each changes what the one before it has left.

    Args:
        schedulers: all made for one optimizer.
        optimizer: that optimizer (default: the first scheduler's).

    Raises:
        ValueError: no scheduler, one of another optimizer, or a `ReduceLROnPlateau`.

    Example:
        >>> import lampas
        >>> from lampas.optim.lr_scheduler import ChainedScheduler, ConstantLR, ExponentialLR
        >>> optimizer = lampas.optim.SGD([lampas.zeros(1, requires_grad=True)], lr=1.0)
        >>> parts = [ConstantLR(optimizer, 0.5, total_iters=4), ExponentialLR(optimizer, 0.5)]
        >>> scheduler = ChainedScheduler(parts)
        >>> optimizer.step()
        >>> scheduler.step()
        >>> scheduler.get_last_lr()
        [0.25]
    """

    def __init__(
        self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None
    ) -> None:
        self.optimizer = self._check(schedulers, optimizer)
        self._schedulers = schedulers
        self._last_lr = group_values(self.optimizer, "lr")

    def step(self) -> None:  # type: ignore[override]
        """Steps every scheduler."""
        for scheduler in self._schedulers:
            scheduler.step()
        self._last_lr = group_values(self.optimizer, "lr")
