"""Adagrad."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import lampas
from lampas.optim._checks import check_lr, check_modes, check_not_negative
from lampas.optim._elementwise import ElementwiseOptimizer, decayed, number
from lampas.optim.optimizer import _scalar_dtype

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lampas._tensor import Tensor

__all__ = ["Adagrad"]


class Adagrad(ElementwiseOptimizer):
    """Steps that shrink with the sum of all squared gradients so far.

    With gradient g (plus ``weight_decay`` times the parameter), the t-th step does

    .. code-block:: text

        s = s + g**2
        p = p - lr / (1 + (t - 1) * lr_decay) * g / (sqrt(s) + eps)

    Duchi, Hazan and Singer, "Adaptive Subgradient Methods for Online Learning and Stochastic
    Optimization" (2011).

    Args:
        params: parameters, named parameters, or parameter groups.
        lr: learning rate; a float or a tensor of one element.
        lr_decay: how the learning rate falls with the number of steps.
        weight_decay: factor of the L2 penalty.
        initial_accumulator_value: value from which the sum starts.
        eps: keeps the divisor from zero.
        foreach: accepted; all parameters are updated in one native call anyhow.
        maximize: ascend instead.
        differentiable: record the step itself in the graph (slower).
        fused: accepted, like `foreach`.

    Raises:
        ValueError: a negative option.

    Example:
        >>> import lampas
        >>> x = lampas.tensor([1.0, -3.0], requires_grad=True)
        >>> optimizer = lampas.optim.Adagrad([x], lr=0.1)
        >>> (x**2).sum().backward()
        >>> optimizer.step()
        >>> x
        tensor([ 0.9000, -2.9000], requires_grad=True)
    """

    _rule = "adagrad"

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_lr("Adagrad", lr)
        check_not_negative(
            "Adagrad",
            lr_decay=lr_decay,
            weight_decay=weight_decay,
            initial_accumulator_value=initial_accumulator_value,
            eps=eps,
        )
        check_modes("Adagrad", fused, foreach, differentiable)
        defaults = {
            "lr": lr,
            "lr_decay": lr_decay,
            "eps": eps,
            "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)
        for group in self.param_groups:
            for p in group["params"]:
                self.state[p] = self._new_state(p, group)

    def share_memory(self) -> None:
        """Moves the sums into memory that other processes can share."""
        for entry in self.state.values():
            entry["sum"].share_memory_()

    def _buffers(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("sum",)

    def _new_state(self, p: Tensor, group: dict[str, Any]) -> dict[str, Tensor]:
        start = group["initial_accumulator_value"]
        value = complex(start, start) if p.is_complex() else start
        return {
            "step": lampas.zeros((), dtype=_scalar_dtype()),
            "sum": lampas.full_like(p, value, requires_grad=False),
        }

    def _numbers(self, group: dict[str, Any]) -> tuple[Any, ...]:
        return (group["lr"], group["weight_decay"], group["lr_decay"], group["eps"])

    def _formula(
        self, x: Tensor, grad: Tensor, state: dict[str, Any], group: dict[str, Any], step: float
    ) -> Tensor:
        grad = decayed(x, grad, group)
        total = state["sum"] + grad * grad
        state["sum"] = total
        lr = number(group["lr"], group["differentiable"])
        return x - lr / (1 + (step - 1) * group["lr_decay"]) * grad / (total.sqrt() + group["eps"])
