"""Averages of a model's weights over training.

Izmailov et al., "Averaging Weights Leads to Wider Optima and Better Generalization" (2018).
"""

from __future__ import annotations

import copy
import math
from typing import TYPE_CHECKING, Any

import lampas
from lampas.nn import Module
from lampas.optim.lr_scheduler._base import LRScheduler, per_group

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from lampas._tensor import Tensor
    from lampas.optim.optimizer import Optimizer

__all__ = [
    "AveragedModel",
    "SWALR",
    "get_ema_avg_fn",
    "get_ema_multi_avg_fn",
    "get_swa_avg_fn",
    "get_swa_multi_avg_fn",
    "update_bn",
]


def _check_decay(decay: float) -> None:
    if not 0.0 <= decay <= 1.0:
        raise ValueError(
            f"Invalid decay value {decay} provided. Please provide a value in [0,1] range."
        )


def get_ema_avg_fn(decay: float = 0.999) -> Callable[[Tensor, Tensor, Any], Tensor]:
    """An `avg_fn` of :class:`AveragedModel`: exponential moving average.

    Args:
        decay: weight of the average so far, from 0 to 1.

    Example:
        >>> import lampas
        >>> from lampas.optim.swa_utils import get_ema_avg_fn
        >>> get_ema_avg_fn(0.75)(lampas.tensor(4.0), lampas.tensor(8.0), 1)
        tensor(5.)
    """
    _check_decay(decay)

    def ema_update(ema_param: Tensor, current_param: Tensor, num_averaged: Any) -> Tensor:
        with lampas.no_grad():
            return decay * ema_param + (1 - decay) * current_param

    return ema_update


def get_swa_avg_fn() -> Callable[[Tensor, Tensor, Any], Tensor]:
    """An `avg_fn` of :class:`AveragedModel`: the mean of all weights so far, its default."""

    def swa_update(averaged_param: Tensor, current_param: Tensor, num_averaged: Any) -> Tensor:
        with lampas.no_grad():
            return averaged_param + (current_param - averaged_param) / (num_averaged + 1)

    return swa_update


def get_ema_multi_avg_fn(
    decay: float = 0.999,
) -> Callable[[Sequence[Tensor], Sequence[Tensor], Any], None]:
    """A `multi_avg_fn` of :class:`AveragedModel`: exponential moving average.

    Args:
        decay: weight of the average so far, from 0 to 1.
    """
    _check_decay(decay)

    def ema_update(averages: Sequence[Tensor], values: Sequence[Tensor], _: Any) -> None:
        with lampas.no_grad():
            for average, value in zip(averages, values, strict=True):
                if average.is_floating_point() or average.is_complex():
                    average.lerp_(value, 1 - decay)
                else:
                    average.copy_(average * decay + value * (1 - decay))

    return ema_update


def get_swa_multi_avg_fn() -> Callable[[Sequence[Tensor], Sequence[Tensor], Any], None]:
    """A `multi_avg_fn` of :class:`AveragedModel`: the mean of all weights so far."""

    def swa_update(averages: Sequence[Tensor], values: Sequence[Tensor], count: Any) -> None:
        with lampas.no_grad():
            weight = 1 / (int(count) + 1)
            for average, value in zip(averages, values, strict=True):
                if average.is_floating_point() or average.is_complex():
                    average.lerp_(value, weight)
                else:
                    average.copy_(average + (value - average) * weight)

    return swa_update


class AveragedModel(Module):
    """A copy of a model whose weights are an average of the model's over time.

    Args:
        model: is copied.
        device: where the copy lives (default: where the model does).
        avg_fn: from average, value and their number so far to the new average; the mean by
            default.
        multi_avg_fn: the same on lists of tensors, in place.
        use_buffers: average buffers as well; otherwise they are copied.

    Raises:
        AssertionError: both functions are given.

    Example:
        >>> import lampas
        >>> from lampas.optim.swa_utils import AveragedModel
        >>> model = lampas.nn.Linear(1, 1, bias=False)
        >>> average = AveragedModel(model)
        >>> for value in (1.0, 2.0, 6.0):
        ...     _ = model.weight.data.fill_(value)
        ...     average.update_parameters(model)
        >>> average(lampas.ones(1, 1)).item()
        3.0
    """

    n_averaged: Tensor

    def __init__(
        self,
        model: Module,
        device: Any = None,
        avg_fn: Callable[[Tensor, Tensor, Any], Tensor] | None = None,
        multi_avg_fn: Callable[[Sequence[Tensor], Sequence[Tensor], Any], None] | None = None,
        use_buffers: bool = False,
    ) -> None:
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise AssertionError("Only one of avg_fn and multi_avg_fn should be provided")
        self.module = copy.deepcopy(model)
        if device is not None:
            self.module = self.module.to(device)
        count = lampas.tensor(0, dtype=lampas.long, device=device)
        self.register_buffer("n_averaged", count)
        self.avg_fn = avg_fn
        self.multi_avg_fn = multi_avg_fn
        self.use_buffers = use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the averaged module returns."""
        return self.module(*args, **kwargs)

    def _averaged_tensors(self, model: Module) -> Iterator[Tensor]:
        yield from model.parameters()
        if self.use_buffers:
            yield from model.buffers()

    def update_parameters(self, model: Module) -> None:
        """Takes the model's present weights into the average.

        Args:
            model: of the same structure as the one at the start.
        """
        with lampas.no_grad():
            averages = [t.detach() for t in self._averaged_tensors(self.module)]
            values = [
                value.detach().to(average.device)
                for value, average in zip(self._averaged_tensors(model), averages, strict=True)
            ]
            if self.n_averaged == 0:
                for average, value in zip(averages, values, strict=True):
                    average.copy_(value)
            elif averages and self.multi_avg_fn is not None:
                self.multi_avg_fn(averages, values, self.n_averaged)
            else:
                avg_fn = self.avg_fn or get_swa_avg_fn()
                for average, value in zip(averages, values, strict=True):
                    average.copy_(avg_fn(average, value, self.n_averaged))
            if not self.use_buffers:
                buffers = zip(self.module.buffers(), model.buffers(), strict=True)
                for own, other in buffers:
                    own.detach().copy_(other.detach())
            self.n_averaged += 1


def update_bn(loader: Iterable[Any], model: Module, device: Any = None) -> None:
    """Computes the running statistics of batch normalisation anew, for averaged weights.

    Args:
        loader: yields batches, or tuples and lists that begin with one.
        model: runs forward over all of them, in training mode.
        device: where to move the batches first.

    Example:
        >>> import lampas
        >>> from lampas.optim.swa_utils import update_bn
        >>> model = lampas.nn.BatchNorm1d(1)
        >>> update_bn([lampas.tensor([[1.0], [3.0]])], model)
        >>> model.running_mean
        tensor([2.])
    """
    momenta: dict[Any, Any] = {}
    for module in model.modules():
        if hasattr(module, "reset_running_stats") and hasattr(module, "momentum"):
            module.reset_running_stats()
            momenta[module] = module.momentum
    if not momenta:
        return
    was_training = model.training
    model.train()
    try:
        for module in momenta:
            module.momentum = None  # plain mean over all batches
        with lampas.no_grad():
            for batch in loader:
                if isinstance(batch, (list, tuple)):
                    batch = batch[0]
                model(batch if device is None else batch.to(device))
    finally:
        for module, momentum in momenta.items():
            module.momentum = momentum
        model.train(was_training)


class SWALR(LRScheduler):
    """Moves the learning rate to a constant one, for the time of averaging.

    Args:
        optimizer: whose learning rates are to change.
        swa_lr: the learning rate to reach; one, or one per parameter group.
        anneal_epochs: epochs until it is reached.
        anneal_strategy: ``"cos"`` or ``"linear"``.
        last_epoch: the epoch to resume after; -1 starts anew.

    Raises:
        ValueError: an unknown strategy, or a negative number of epochs.

    Example:
        >>> import lampas
        >>> from lampas.optim.swa_utils import SWALR
        >>> optimizer = lampas.optim.SGD([lampas.zeros(1, requires_grad=True)], lr=1.0)
        >>> scheduler = SWALR(optimizer, swa_lr=0.5, anneal_epochs=2, anneal_strategy="linear")
        >>> for _ in range(2):
        ...     optimizer.step()
        ...     scheduler.step()
        >>> scheduler.get_last_lr()
        [0.5]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: float | list[float],
        anneal_epochs: int = 10,
        anneal_strategy: str = "cos",
        last_epoch: int = -1,
    ) -> None:
        targets = per_group("swa_lr", optimizer, swa_lr)
        for target, group in zip(targets, optimizer.param_groups, strict=True):
            group["swa_lr"] = target
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(
                "SWALR: anneal_strategy must be one of 'cos' or 'linear', instead got "
                f"{anneal_strategy}"
            )
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ValueError(
                f"SWALR: anneal_epochs must be equal or greater than 0, got {anneal_epochs}"
            )
        self._anneal_strategy = anneal_strategy
        self.anneal_epochs = anneal_epochs
        super().__init__(optimizer, last_epoch)

    def _progress(self, step: int) -> float:
        """The new rate's weight after `step` steps."""
        share = max(0.0, min(1.0, step / max(1, self.anneal_epochs)))
        if self._anneal_strategy == "linear":
            return share
        return (1 - math.cos(math.pi * share)) / 2

    def get_lr(self) -> list[Any]:
        """The learning rates of the present step, computed from those of the one before."""
        self._warn_outside_step()
        step = self._step_count - 1
        if self.anneal_epochs == 0:
            step = max(1, step)
        before, now = self._progress(step - 1), self._progress(step)
        lrs = []
        for group in self.optimizer.param_groups:
            lr, target = group["lr"], group["swa_lr"]
            start = target if before == 1 else (lr - before * target) / (1 - before)
            lrs.append(target * now + start * (1 - now))
        return lrs
