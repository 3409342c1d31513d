"""Adam."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import lampas
from lampas._tensor import Tensor
from lampas.optim._checks import check_betas, check_lr, check_modes, check_not_negative
from lampas.optim._elementwise import ElementwiseOptimizer, decayed, number

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Adam"]


class Adam(ElementwiseOptimizer):
    r"""Adam: steps scaled by running averages of the gradient and of its square.

    With gradient :math:`g` (plus ``weight_decay`` times the parameter), the t-th step does

    .. code-block:: text

        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        p = p - lr * (m / (1 - beta1**t)) / (sqrt(v / (1 - beta2**t)) + eps)

    Kingma and Ba, "Adam: A Method for Stochastic Optimization" (2014).

    Args:
        params: parameters, named parameters, or parameter groups.
        lr: learning rate; a float or a tensor of one element.
        betas: decay rates of the two averages.
        eps: keeps the divisor from zero.
        weight_decay: factor of the L2 penalty.
        amsgrad: divide by the largest `v` so far; Reddi, Kale and Kumar, "On the Convergence of
            Adam and Beyond" (2018).
        foreach: accepted; all parameters are updated in one native call anyhow.
        maximize: ascend instead.
        capturable: accepted; on the CPU there is nothing to capture.
        differentiable: record the step itself in the graph (slower).
        fused: accepted, like `foreach`.
        decoupled_weight_decay: shrink the parameter itself instead, as AdamW does.

    Raises:
        ValueError: a negative option, or a beta outside [0, 1).

    Example:
        >>> import lampas
        >>> x = lampas.tensor([1.0, -3.0], requires_grad=True)
        >>> optimizer = lampas.optim.Adam([x], lr=0.1)
        >>> (x**2).sum().backward()
        >>> optimizer.step()
        >>> x
        tensor([ 0.9000, -2.9000], requires_grad=True)
    """

    _rule = "adam"

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-3,
        betas: tuple[float | Tensor, float | Tensor] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        name = type(self).__name__
        check_lr(name, lr)
        if foreach and not capturable and any(isinstance(v, Tensor) for v in (lr, *betas)):
            raise ValueError(
                f"{name}: lr and betas as a Tensor are not supported for capturable=False and "
                "foreach=True; leave foreach out"
            )
        check_not_negative(name, eps=eps)
        check_betas(name, betas)
        check_not_negative(name, weight_decay=weight_decay)
        if isinstance(betas[0], Tensor) != isinstance(betas[1], Tensor):
            raise ValueError(
                f"{name}: betas must be either both floats or both Tensors, but are {betas}"
            )
        for i, beta in enumerate(betas):
            if isinstance(beta, Tensor) and beta.numel() != 1:
                raise ValueError(f"{name}: Tensor betas[{i}] must be 1-element")
        check_modes(name, fused, foreach, differentiable)
        defaults = {
            "lr": lr,
            "betas": tuple(b.reshape(()) if isinstance(b, Tensor) else b for b in betas),
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
            "fused": fused,
            "decoupled_weight_decay": decoupled_weight_decay,
        }
        super().__init__(params, defaults)

    def _buffers(self, group: dict[str, Any]) -> tuple[str, ...]:
        if group["amsgrad"]:
            return ("exp_avg", "exp_avg_sq", "max_exp_avg_sq")
        return ("exp_avg", "exp_avg_sq")

    def _numbers(self, group: dict[str, Any]) -> tuple[Any, ...]:
        beta1, beta2 = group["betas"]
        return (
            group["lr"],
            group["weight_decay"],
            beta1,
            beta2,
            group["eps"],
            group["decoupled_weight_decay"],
        )

    def _formula(
        self, x: Tensor, grad: Tensor, state: dict[str, Any], group: dict[str, Any], step: float
    ) -> Tensor:
        differentiable = group["differentiable"]
        lr = number(group["lr"], differentiable)
        beta1, beta2 = (number(b, differentiable) for b in group["betas"])
        if group["decoupled_weight_decay"]:
            x = x * (1 - lr * group["weight_decay"])
        else:
            grad = decayed(x, grad, group)
        mean = lampas.lerp(state["exp_avg"], grad, 1 - beta1)
        square = state["exp_avg_sq"] * beta2 + grad * grad * (1 - beta2)
        state["exp_avg"], state["exp_avg_sq"] = mean, square
        if group["amsgrad"]:
            square = lampas.maximum(state["max_exp_avg_sq"], square)
            state["max_exp_avg_sq"] = square
        correction1, correction2 = 1 - beta1**step, 1 - beta2**step
        return x - lr / correction1 * mean / (square.sqrt() / correction2**0.5 + group["eps"])
