"""NAdam."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import lampas
from lampas.optim._checks import check_betas, check_lr, check_not_negative
from lampas.optim._elementwise import ElementwiseOptimizer, decayed, number

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lampas._tensor import Tensor

__all__ = ["NAdam"]


class NAdam(ElementwiseOptimizer):
    """Adam with Nesterov momentum.

    With gradient g (plus ``weight_decay`` times the parameter), the t-th step does

    .. code-block:: text

        mu(t) = beta1 * (1 - 0.5 * 0.96**(t * momentum_decay)),    M = product of mu(1) … mu(t)
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        d = g * (1 - mu(t)) / (1 - M) + m * mu(t+1) / (1 - M * mu(t+1))
        p = p - lr * d / (sqrt(v / (1 - beta2**t)) + eps)

    Dozat, "Incorporating Nesterov Momentum into Adam" (2016).

    Args:
        params: parameters, named parameters, or parameter groups.
        lr: learning rate; a float or a tensor of one element.
        betas: decay rates of the averages of gradient and square.
        eps: keeps the divisor from zero.
        weight_decay: factor of the L2 penalty.
        momentum_decay: how fast the momentum reaches its full size.
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
        >>> optimizer = lampas.optim.NAdam([x], lr=0.1)
        >>> (x**2).sum().backward()
        >>> optimizer.step()
        >>> bool((x.detach().abs() < lampas.tensor([1.0, 3.0])).all())
        True
    """

    _rule = "nadam"
    _scalars = ("step", "mu_product")

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_lr("NAdam", lr)
        check_not_negative("NAdam", eps=eps)
        check_betas("NAdam", betas)
        check_not_negative("NAdam", weight_decay=weight_decay, momentum_decay=momentum_decay)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum_decay": momentum_decay,
            "decoupled_weight_decay": decoupled_weight_decay,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _buffers(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("exp_avg", "exp_avg_sq")

    def _new_state(self, p: Tensor, group: dict[str, Any]) -> dict[str, Tensor]:
        state = super()._new_state(p, group)
        state["mu_product"].fill_(1.0)
        return state

    def _numbers(self, group: dict[str, Any]) -> tuple[Any, ...]:
        return (
            group["lr"],
            group["weight_decay"],
            *group["betas"],
            group["eps"],
            group["momentum_decay"],
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
        decay = group["momentum_decay"]
        mu = beta1 * (1.0 - 0.5 * 0.96 ** (step * decay))
        mu_next = beta1 * (1.0 - 0.5 * 0.96 ** ((step + 1) * decay))
        with lampas.no_grad():
            state["mu_product"] *= mu
        product = state["mu_product"].item()
        mean = lampas.lerp(state["exp_avg"], grad, 1 - beta1)
        square = state["exp_avg_sq"] * beta2 + grad * grad * (1 - beta2)
        state["exp_avg"], state["exp_avg_sq"] = mean, square
        divisor = (square / (1 - beta2**step)).sqrt() + group["eps"]
        x = x - lr * (1.0 - mu) / (1.0 - product) * grad / divisor
        return x - lr * mu_next / (1.0 - product * mu_next) * mean / divisor
