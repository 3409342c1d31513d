"""Averaged stochastic gradient descent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import lampas
from lampas.optim._checks import check_lr, check_not_negative
from lampas.optim._elementwise import ElementwiseOptimizer, decayed, number

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lampas._tensor import Tensor

__all__ = ["ASGD"]


class ASGD(ElementwiseOptimizer):
    """Stochastic gradient descent that also keeps the average of the parameters.

    With gradient g (plus ``weight_decay`` times the parameter), the t-th step does

    .. code-block:: text

        p   = p * (1 - lambd * eta) - eta * g
        ax  = ax + (p - ax) * mu
        eta = lr / (1 + lambd * lr * t)**alpha        (for the next step)
        mu  = 1 / max(1, t - t0)

    The average is ``optimizer.state[p]["ax"]``. Polyak and Juditsky, "Acceleration of Stochastic
    Approximation by Averaging" (1992).

    Args:
        params: parameters, named parameters, or parameter groups.
        lr: learning rate; a float or a tensor of one element.
        lambd: decay term.
        alpha: power of the decay of the step size.
        t0: step at which averaging begins.
        weight_decay: factor of the L2 penalty.
        foreach: accepted; all parameters are updated in one native call anyhow.
        maximize: ascend instead.
        differentiable: record the step itself in the graph (slower).
        capturable: accepted; on the CPU there is nothing to capture.

    Raises:
        ValueError: a negative `lr` or `weight_decay`.

    Example:
        >>> import lampas
        >>> x = lampas.tensor([1.0, -3.0], requires_grad=True)
        >>> optimizer = lampas.optim.ASGD([x], lr=0.1)
        >>> (x**2).sum().backward()
        >>> optimizer.step()
        >>> x
        tensor([ 0.8000, -2.4000], requires_grad=True)
    """

    _rule = "asgd"
    _scalars = ("step", "eta", "mu")

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        check_lr("ASGD", lr)
        check_not_negative("ASGD", weight_decay=weight_decay)
        defaults = {
            "lr": lr,
            "lambd": lambd,
            "alpha": alpha,
            "t0": t0,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def _buffers(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("ax",)

    def _new_state(self, p: Tensor, group: dict[str, Any]) -> dict[str, Tensor]:
        state = super()._new_state(p, group)
        state["eta"].fill_(number(group["lr"]))
        state["mu"].fill_(1.0)
        return state

    def _numbers(self, group: dict[str, Any]) -> tuple[Any, ...]:
        return (
            group["lr"],
            group["weight_decay"],
            group["lambd"],
            group["alpha"],
            group["t0"],
        )

    def _formula(
        self, x: Tensor, grad: Tensor, state: dict[str, Any], group: dict[str, Any], step: float
    ) -> Tensor:
        grad = decayed(x, grad, group)
        eta, mu, lambd = state["eta"].item(), state["mu"].item(), group["lambd"]
        x = x * (1 - lambd * eta) - grad * eta
        state["ax"] = x if mu == 1 else state["ax"] + (x - state["ax"]) * mu
        lr = number(group["lr"])
        with lampas.no_grad():
            state["eta"].fill_(lr / (1 + lambd * lr * step) ** group["alpha"])
            state["mu"].fill_(1 / max(1, step - group["t0"]))
        return x
