"""Rprop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import lampas
from lampas.optim._checks import check_lr
from lampas.optim._elementwise import ElementwiseOptimizer, number

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lampas._tensor import Tensor

__all__ = ["Rprop"]


class Rprop(ElementwiseOptimizer):
    """Resilient backpropagation: only the gradient's sign counts, each element has its step size.

    With gradient g, and the one before, each step does

    .. code-block:: text

        s = clamp(s * etas[1], *step_sizes)   where g * before > 0
        s = clamp(s * etas[0], *step_sizes)   where g * before < 0; there g = 0
        p = p - sign(g) * s
        before = g

    Made for whole data sets at a time: the noise of small batches flips signs. Riedmiller and
    Braun, "A direct adaptive method for faster backpropagation learning: the RPROP algorithm"
    (1993).

    Args:
        params: parameters, named parameters, or parameter groups.
        lr: step size of all elements at the start.
        etas: factors by which step sizes fall and grow.
        step_sizes: the smallest and the largest step size.
        capturable: accepted; on the CPU there is nothing to capture.
        foreach: accepted; all parameters are updated in one native call anyhow.
        maximize: ascend instead.
        differentiable: record the step itself in the graph (slower).

    Raises:
        ValueError: a negative `lr`, or etas that are not 0 < etas[0] < 1 < etas[1].

    Example:
        >>> import lampas
        >>> x = lampas.tensor([1.0, -3.0], requires_grad=True)
        >>> optimizer = lampas.optim.Rprop([x], lr=0.1)
        >>> (x**2).sum().backward()
        >>> optimizer.step()
        >>> x
        tensor([ 0.9000, -2.9000], requires_grad=True)
    """

    _rule = "rprop"

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_lr("Rprop", lr)
        if not 0.0 < etas[0] < 1.0 < etas[1]:
            raise ValueError(
                f"Rprop: Invalid eta values: {etas[0]}, {etas[1]}; 0 < etas[0] < 1 < etas[1] holds "
                "for good ones"
            )
        defaults = {
            "lr": lr,
            "etas": etas,
            "step_sizes": step_sizes,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def _buffers(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("prev", "step_size")

    def _new_state(self, p: Tensor, group: dict[str, Any]) -> dict[str, Tensor]:
        state = super()._new_state(p, group)
        lr = number(group["lr"])
        state["step_size"].fill_(complex(lr, lr) if p.is_complex() else lr)
        return state

    def _numbers(self, group: dict[str, Any]) -> tuple[Any, ...]:
        return (*group["etas"], *group["step_sizes"])

    def _formula(
        self, x: Tensor, grad: Tensor, state: dict[str, Any], group: dict[str, Any], step: float
    ) -> Tensor:
        smaller, larger = group["etas"]
        agreement = grad * state["prev"]
        factor = lampas.ones_like(grad)
        factor = lampas.where(agreement > 0, lampas.full_like(grad, larger), factor)
        factor = lampas.where(agreement < 0, lampas.full_like(grad, smaller), factor)
        size = (state["step_size"] * factor).clamp(*group["step_sizes"])
        grad = lampas.where(agreement < 0, lampas.zeros_like(grad), grad)
        state["prev"], state["step_size"] = grad, size
        return x - grad.sign() * size
