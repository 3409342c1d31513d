"""RMSprop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import lampas
from lampas.optim._checks import check_lr, check_not_negative
from lampas.optim._elementwise import ElementwiseOptimizer, decayed, number

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lampas._tensor import Tensor

__all__ = ["RMSprop"]


class RMSprop(ElementwiseOptimizer):
    """Gradients divided by the root of a running average of their squares.

    With gradient g (plus ``weight_decay`` times the parameter), each step does

    .. code-block:: text

        v = alpha * v + (1 - alpha) * g**2
        a = alpha * a + (1 - alpha) * g           (centered only)
        d = g / (sqrt(v - a**2) + eps)            (a = 0 unless centered)
        b = momentum * b + d                      (b = d without momentum)
        p = p - lr * b

    Hinton, lectures on neural networks (2012); the centered form is from Graves, "Generating
    Sequences With Recurrent Neural Networks" (2013).

    Args:
        params: parameters, named parameters, or parameter groups.
        lr: learning rate; a float or a tensor of one element.
        alpha: decay rate of the averages.
        eps: keeps the divisor from zero.
        weight_decay: factor of the L2 penalty.
        momentum: share of the previous update that is kept.
        centered: divide by an estimate of the standard deviation.
        capturable: accepted; on the CPU there is nothing to capture.
        foreach: accepted; all parameters are updated in one native call anyhow.
        maximize: ascend instead.
        differentiable: record the step itself in the graph (slower).

    Raises:
        ValueError: a negative option.

    Example:
        >>> import lampas
        >>> x = lampas.tensor([1.0, -3.0], requires_grad=True)
        >>> optimizer = lampas.optim.RMSprop([x], lr=0.01)
        >>> (x**2).sum().backward()
        >>> optimizer.step()
        >>> x
        tensor([ 0.9000, -2.9000], requires_grad=True)
    """

    _rule = "rmsprop"

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_lr("RMSprop", lr)
        check_not_negative(
            "RMSprop", eps=eps, momentum=momentum, weight_decay=weight_decay, alpha=alpha
        )
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "alpha": alpha,
            "eps": eps,
            "centered": centered,
            "weight_decay": weight_decay,
            "capturable": capturable,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _buffers(self, group: dict[str, Any]) -> tuple[str, ...]:
        names: tuple[str, ...] = ("square_avg",)
        if group["momentum"] > 0:
            names += ("momentum_buffer",)
        if group["centered"]:
            names += ("grad_avg",)
        return names

    def _numbers(self, group: dict[str, Any]) -> tuple[Any, ...]:
        return (
            group["lr"],
            group["weight_decay"],
            group["alpha"],
            group["eps"],
            group["momentum"],
            group["centered"],
        )

    def _formula(
        self, x: Tensor, grad: Tensor, state: dict[str, Any], group: dict[str, Any], step: float
    ) -> Tensor:
        alpha, momentum = group["alpha"], group["momentum"]
        grad = decayed(x, grad, group)
        square = state["square_avg"] * alpha + grad * grad * (1 - alpha)
        state["square_avg"] = square
        if group["centered"]:
            mean = lampas.lerp(state["grad_avg"], grad, 1 - alpha)
            state["grad_avg"] = mean
            square = square - mean * mean
        update = grad / (square.sqrt() + group["eps"])
        if momentum > 0:
            update = state["momentum_buffer"] * momentum + update
            state["momentum_buffer"] = update
        return x - update * number(group["lr"], group["differentiable"])
