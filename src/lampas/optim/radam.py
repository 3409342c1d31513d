"""RAdam."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import lampas
from lampas.optim._checks import check_betas, check_lr, check_not_negative
from lampas.optim._elementwise import ElementwiseOptimizer, decayed, number

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lampas._tensor import Tensor

__all__ = ["RAdam"]


class RAdam(ElementwiseOptimizer):
    """Adam that trusts its second average only once its variance is bounded.

    With gradient g (plus ``weight_decay`` times the parameter), the t-th step does

    .. code-block:: text

        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        R = 2 / (1 - beta2) - 1
        r = R - 2 * t * beta2**t / (1 - beta2**t)
        d = m / (1 - beta1**t)
        if r > 5:
            d *= sqrt((r-4) * (r-2) * R / ((R-4) * (R-2) * r))
            d *= sqrt(1 - beta2**t) / (sqrt(v) + eps)
        p = p - lr * d

    Liu et al., "On the Variance of the Adaptive Learning Rate and Beyond" (2019).

    Args:
        params: parameters, named parameters, or parameter groups.
        lr: learning rate; a float or a tensor of one element.
        betas: decay rates of the averages of gradient and square.
        eps: keeps the divisor from zero.
        weight_decay: factor of the L2 penalty.
        decoupled_weight_decay: shrink the parameter itself instead, as AdamW does.
        foreach: accepted; all parameters are updated in one native call anyhow.
        maximize: ascend instead.
        capturable: accepted; on the CPU there is nothing to capture.
        differentiable: record the step itself in the graph (slower).

    Raises:
        ValueError: a negative option, or a beta outside [0, 1).

    Example:
        >>> import lampas
        >>> x = lampas.tensor([1.0, -3.0], requires_grad=True)
        >>> optimizer = lampas.optim.RAdam([x], lr=0.1)
        >>> (x**2).sum().backward()
        >>> optimizer.step()
        >>> x
        tensor([ 0.8000, -2.4000], requires_grad=True)
    """

    _rule = "radam"

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_lr("RAdam", lr)
        check_not_negative("RAdam", eps=eps)
        check_betas("RAdam", betas)
        check_not_negative("RAdam", weight_decay=weight_decay)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "decoupled_weight_decay": decoupled_weight_decay,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _buffers(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("exp_avg", "exp_avg_sq")

    def _numbers(self, group: dict[str, Any]) -> tuple[Any, ...]:
        return (
            group["lr"],
            group["weight_decay"],
            *group["betas"],
            group["eps"],
            group["decoupled_weight_decay"],
        )

    def _formula(
        self, x: Tensor, grad: Tensor, state: dict[str, Any], group: dict[str, Any], step: float
    ) -> Tensor:
        lr = number(group["lr"], group["differentiable"])
        beta1, beta2 = group["betas"]
        if group["decoupled_weight_decay"]:
            x = x * (1 - lr * group["weight_decay"])
        else:
            grad = decayed(x, grad, group)
        mean = lampas.lerp(state["exp_avg"], grad, 1 - beta1)
        square = state["exp_avg_sq"] * beta2 + grad * grad * (1 - beta2)
        state["exp_avg"], state["exp_avg_sq"] = mean, square
        direction = mean / (1 - beta1**step) * lr
        correction = 1 - beta2**step
        limit = 2 / (1 - beta2) - 1
        length = limit - 2 * step * beta2**step / correction
        if length > 5.0:
            numerator = (length - 4) * (length - 2) * limit
            rectified = (numerator / ((limit - 4) * (limit - 2) * length)) ** 0.5
            direction = direction * (correction**0.5 / (square.sqrt() + group["eps"])) * rectified
        return x - direction
