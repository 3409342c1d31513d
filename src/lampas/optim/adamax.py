"""Adamax."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import lampas
from lampas.optim._checks import check_betas, check_lr, check_not_negative
from lampas.optim._elementwise import ElementwiseOptimizer, decayed, number

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lampas._tensor import Tensor

__all__ = ["Adamax"]


class Adamax(ElementwiseOptimizer):
    """Adam with the infinity norm: steps scaled by the largest recent gradient.

    With gradient g (plus ``weight_decay`` times the parameter), the t-th step does

    .. code-block:: text

        m = beta1 * m + (1 - beta1) * g
        u = max(beta2 * u, abs(g) + eps)
        p = p - lr / (1 - beta1**t) * m / u

    Kingma and Ba, "Adam: A Method for Stochastic Optimization" (2014), section 7.

    Args:
        params: parameters, named parameters, or parameter groups.
        lr: learning rate; a float or a tensor of one element.
        betas: decay rates of average and maximum.
        eps: keeps the divisor from zero.
        weight_decay: factor of the L2 penalty.
        foreach: accepted; all parameters are updated in one native call anyhow.
        maximize: ascend instead.
        differentiable: record the step itself in the graph (slower).
        capturable: accepted; on the CPU there is nothing to capture.

    Raises:
        ValueError: a negative option, or a beta outside [0, 1).

    Example:
        >>> import lampas
        >>> x = lampas.tensor([1.0, -3.0], requires_grad=True)
        >>> optimizer = lampas.optim.Adamax([x], lr=0.1)
        >>> (x**2).sum().backward()
        >>> optimizer.step()
        >>> x
        tensor([ 0.9000, -2.9000], requires_grad=True)
    """

    _rule = "adamax"

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        check_lr("Adamax", lr)
        check_not_negative("Adamax", eps=eps)
        check_betas("Adamax", betas)
        check_not_negative("Adamax", weight_decay=weight_decay)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def _buffers(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("exp_avg", "exp_inf")

    def _numbers(self, group: dict[str, Any]) -> tuple[Any, ...]:
        return (group["lr"], group["weight_decay"], *group["betas"], group["eps"])

    def _formula(
        self, x: Tensor, grad: Tensor, state: dict[str, Any], group: dict[str, Any], step: float
    ) -> Tensor:
        beta1, beta2 = group["betas"]
        grad = decayed(x, grad, group)
        mean = lampas.lerp(state["exp_avg"], grad, 1 - beta1)
        largest = lampas.maximum(state["exp_inf"] * beta2, grad.abs() + group["eps"])
        state["exp_avg"], state["exp_inf"] = mean, largest
        lr = number(group["lr"], group["differentiable"])
        return x - lr / (1 - beta1**step) * mean / largest
