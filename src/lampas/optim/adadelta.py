"""Adadelta."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lampas.optim._checks import check_lr, check_not_negative
from lampas.optim._elementwise import ElementwiseOptimizer, decayed, number

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lampas._tensor import Tensor

__all__ = ["Adadelta"]


class Adadelta(ElementwiseOptimizer):
    """Steps whose size is the ratio of recent updates to recent gradients.

    With gradient g (plus ``weight_decay`` times the parameter), each step does

    .. code-block:: text

        v = rho * v + (1 - rho) * g**2
        d = sqrt(u + eps) / sqrt(v + eps) * g
        u = rho * u + (1 - rho) * d**2
        p = p - lr * d

    Zeiler, "ADADELTA: An Adaptive Learning Rate Method" (2012).

    Args:
        params: parameters, named parameters, or parameter groups.
        lr: factor of the update; a float or a tensor of one element.
        rho: decay rate of both averages.
        eps: keeps the divisor from zero, and the first updates from being none.
        weight_decay: factor of the L2 penalty.
        foreach: accepted; all parameters are updated in one native call anyhow.
        capturable: accepted; on the CPU there is nothing to capture.
        maximize: ascend instead.
        differentiable: record the step itself in the graph (slower).

    Raises:
        ValueError: a negative option, or `rho` outside [0, 1].

    Example:
        >>> import lampas
        >>> x = lampas.tensor([1.0, -3.0], requires_grad=True)
        >>> optimizer = lampas.optim.Adadelta([x])
        >>> (x**2).sum().backward()
        >>> optimizer.step()
        >>> x
        tensor([ 0.9968, -2.9968], requires_grad=True)
    """

    _rule = "adadelta"

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_lr("Adadelta", lr)
        if not 0.0 <= rho <= 1.0:
            raise ValueError(f"Adadelta: Invalid rho value: {rho}; it must lie in [0, 1]")
        check_not_negative("Adadelta", eps=eps, weight_decay=weight_decay)
        defaults = {
            "lr": lr,
            "rho": rho,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "capturable": capturable,
            "foreach": foreach,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _buffers(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("square_avg", "acc_delta")

    def _numbers(self, group: dict[str, Any]) -> tuple[Any, ...]:
        return (group["lr"], group["weight_decay"], group["rho"], group["eps"])

    def _formula(
        self, x: Tensor, grad: Tensor, state: dict[str, Any], group: dict[str, Any], step: float
    ) -> Tensor:
        rho, eps = group["rho"], group["eps"]
        grad = decayed(x, grad, group)
        square = state["square_avg"] * rho + grad * grad * (1 - rho)
        delta = (state["acc_delta"] + eps).sqrt() / (square + eps).sqrt() * grad
        state["square_avg"] = square
        state["acc_delta"] = state["acc_delta"] * rho + delta * delta * (1 - rho)
        return x - delta * number(group["lr"], group["differentiable"])
