"""The base of the schedulers."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from lampas._tensor import Tensor
from lampas.optim.optimizer import Optimizer

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["LRScheduler"]

_EPOCH_WARNING = (
    "The epoch parameter in `scheduler.step()` is deprecated: call `scheduler.step()` without it. "
    "With it, the closed form of the schedule is used where there is one"
)
_ORDER = (
    "call `optimizer.step()` before `lr_scheduler.step()`; the other way round the first value of "
    "the learning rate schedule is skipped"
)


class LRScheduler:
    """Base class of all schedulers.

    A subclass defines ``get_lr()``, which returns the learning rate of every parameter group for
    epoch ``self.last_epoch``; ``self.base_lrs`` holds those at the start.

    Args:
        optimizer: whose learning rates are to change.
        last_epoch: the epoch to resume after; -1 starts anew.

    Raises:
        TypeError: `optimizer` is not an Optimizer.
        KeyError: resuming, but the optimizer's groups have no ``"initial_lr"``: load its state
            first.

    Example:
        >>> import lampas
        >>> class Halving(lampas.optim.lr_scheduler.LRScheduler):
        ...     def get_lr(self):
        ...         return [lr * 0.5**self.last_epoch for lr in self.base_lrs]
        >>> optimizer = lampas.optim.SGD([lampas.zeros(1, requires_grad=True)], lr=1.0)
        >>> scheduler = Halving(optimizer)
        >>> for _ in range(2):
        ...     optimizer.step()
        ...     scheduler.step()
        >>> scheduler.get_last_lr()
        [0.25]
    """

    _get_lr_called_within_step = False
    _is_initial = False
    base_lrs: list[Any]
    last_epoch: int
    _last_lr: list[Any]

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        check_optimizer(self, optimizer)
        self.optimizer = optimizer
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", _copy(group["lr"]))
            elif "initial_lr" not in group:
                raise KeyError(
                    f"{type(self).__name__}: param 'initial_lr' is not specified in "
                    f"param_groups[{i}] when resuming scheduler with last_epoch >= 0; load the "
                    "optimizer's state first, or leave last_epoch at -1"
                )
        self.base_lrs = group_values(optimizer, "initial_lr")
        self.last_epoch = last_epoch
        # To find out, at the first step, whether the optimizer's step was made, and is the same.
        optimizer._scheduled_step = _function(optimizer.step)  # type: ignore[attr-defined]
        self._initial_step()

    def _initial_step(self) -> None:
        self._step_count = 0
        self._is_initial = True
        try:
            self.step()
        finally:
            self._is_initial = False

    def state_dict(self) -> dict[str, Any]:
        """All of the scheduler's attributes but the optimizer."""
        return {key: value for key, value in self.__dict__.items() if key != "optimizer"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes over what :meth:`state_dict` of a like scheduler returned."""
        self.__dict__.update(state_dict)

    def get_last_lr(self) -> list[Any]:
        """The learning rates that the last :meth:`step` set, one per parameter group."""
        return self._last_lr

    def get_lr(self) -> list[Any]:
        """Computes the learning rates of epoch ``last_epoch``; for use by :meth:`step`."""
        raise NotImplementedError(f"{type(self).__name__} does not define get_lr()")

    def step(self, epoch: int | None = None) -> None:
        """Goes to the next epoch and sets its learning rates.

        Args:
            epoch: go to this epoch instead (deprecated).
        """
        if self._step_count == 1:
            self._check_order()
        self._step_count += 1
        if epoch is not None:
            warnings.warn(_EPOCH_WARNING, UserWarning, stacklevel=2)
        self._update_lr(epoch)

    def _check_order(self) -> None:
        optimizer = self.optimizer
        if getattr(optimizer, "_scheduled_step", None) != _function(optimizer.step):
            warnings.warn(
                "Seems like `optimizer.step()` has been overridden after learning rate scheduler "
                f"initialization. Please, make sure to {_ORDER}",
                UserWarning,
                stacklevel=3,
            )
        elif not getattr(optimizer, "_opt_called", False):
            warnings.warn(
                "Detected call of `lr_scheduler.step()` before `optimizer.step()`. Please "
                f"{_ORDER}",
                UserWarning,
                stacklevel=3,
            )

    def _update_lr(self, epoch: int | None = None) -> None:
        closed_form = getattr(self, "_get_closed_form_lr", None)
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        if epoch is None or closed_form is None:
            self._set_lrs(self._computed())
        else:
            self._set_lrs(closed_form())

    def _computed(self) -> list[Any]:
        self._get_lr_called_within_step = True
        try:
            return self.get_lr()
        finally:
            self._get_lr_called_within_step = False

    def _set_lrs(self, lrs: Iterable[Any]) -> None:
        for group, lr in zip(self.optimizer.param_groups, lrs, strict=True):
            set_value(group, "lr", lr)
        self._last_lr = group_values(self.optimizer, "lr")

    # ---- what get_lr of the subclasses is made of -----------------------------------------------
    def _warn_outside_step(self) -> None:
        if not self._get_lr_called_within_step:
            warnings.warn(
                "To get the last learning rate computed by the scheduler, please use "
                "`get_last_lr()`.",
                UserWarning,
                stacklevel=3,
            )

    def _current(self) -> list[Any]:
        return group_values(self.optimizer, "lr")

    def _current_times(self, factor: float) -> list[Any]:
        return [group["lr"] * factor for group in self.optimizer.param_groups]

    def _base_times(self, factor: float) -> list[Any]:
        return [lr * factor for lr in self.base_lrs]


class _LRScheduler(LRScheduler):
    """The base class's old name."""


def check_optimizer(scheduler: LRScheduler, optimizer: Any) -> None:
    """TypeError unless `optimizer` is one."""
    if not isinstance(optimizer, Optimizer):
        raise TypeError(
            f"{type(scheduler).__name__}: {type(optimizer).__name__} is not an Optimizer"
        )


def group_values(optimizer: Optimizer, key: str) -> list[Any]:
    """The option of every parameter group; tensors are copied."""
    return [_copy(group[key]) for group in optimizer.param_groups]


def set_value(group: dict[str, Any], key: str, value: Any) -> None:
    """Sets an option of a group; one that is a tensor stays the same tensor."""
    if isinstance(group[key], Tensor):
        group[key].fill_(value.reshape(()) if isinstance(value, Tensor) else value)
    else:
        group[key] = value


def per_group(name: str, optimizer: Optimizer, value: Any) -> list[Any]:
    """One value per parameter group, from one value for all or a sequence of the right length."""
    count = len(optimizer.param_groups)
    if not isinstance(value, (list, tuple)):
        return [_copy(value) for _ in range(count)]
    if len(value) != count:
        raise ValueError(
            f"{name} must have the same length as optimizer.param_groups. {name} has {len(value)} "
            f"values, param_groups has {count}."
        )
    return [_copy(v) for v in value]


def set_momentum(group: dict[str, Any], momentum: float) -> None:
    """Sets a group's momentum, which Adam's relatives keep in betas[0]."""
    if "betas" in group:
        group["betas"] = (momentum, *group["betas"][1:])
    else:
        group["momentum"] = momentum


def check_momentum(scheduler: LRScheduler, optimizer: Optimizer) -> None:
    """ValueError unless the optimizer has a momentum that could be cycled."""
    if "momentum" not in optimizer.defaults and "betas" not in optimizer.defaults:
        raise ValueError(
            f"{type(scheduler).__name__}: optimizer must support momentum or beta1 with "
            f"`cycle_momentum` option enabled, but {type(optimizer).__name__} has neither; pass "
            "cycle_momentum=False"
        )


def _copy(value: Any) -> Any:
    return value.clone() if isinstance(value, Tensor) else value


def _function(step: Any) -> Any:
    return getattr(step, "__func__", step)
