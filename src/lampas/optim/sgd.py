"""Stochastic gradient descent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lampas.optim._checks import check_lr, check_modes, check_not_negative
from lampas.optim._elementwise import ElementwiseOptimizer, decayed, number

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lampas._tensor import Tensor

__all__ = ["SGD"]


class SGD(ElementwiseOptimizer):
    r"""Stochastic gradient descent, with momentum if wanted.

    With gradient :math:`g` (plus ``weight_decay`` times the parameter), each step does

    .. code-block:: text

        v = momentum * v + (1 - dampening) * g      (v = g in the first step)
        d = g + momentum * v  with nesterov, else v
        p = p - lr * d

    and without momentum just ``p = p - lr * g``. Momentum is Polyak's (1964); its Nesterov form is
    that of Sutskever et al., "On the importance of initialization and momentum in deep learning"
    (2013), except that the learning rate multiplies the whole velocity.

    Args:
        params: parameters, named parameters, or parameter groups.
        lr: learning rate; a float or a tensor of one element.
        momentum: share of the previous velocity that is kept.
        dampening: share of the gradient that is left out of the velocity.
        weight_decay: factor of the L2 penalty.
        nesterov: look ahead along the velocity; needs momentum and no dampening.
        maximize: ascend instead.
        foreach: accepted; all parameters are updated in one native call anyhow.
        differentiable: record the step itself in the graph (slower).
        fused: accepted, like `foreach`.

    Raises:
        ValueError: a negative option, or `nesterov` without momentum or with dampening.

    Example:
        >>> import lampas
        >>> x = lampas.tensor([4.0], requires_grad=True)
        >>> optimizer = lampas.optim.SGD([x], lr=0.1, momentum=0.9)
        >>> for _ in range(3):
        ...     optimizer.zero_grad()
        ...     (x**2).sum().backward()
        ...     optimizer.step()
        >>> x
        tensor([0.2480], requires_grad=True)
    """

    _rule = "sgd"
    _scalars = ()

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float | Tensor = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_lr("SGD", lr)
        check_not_negative("SGD", momentum=momentum, weight_decay=weight_decay)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError(
                "SGD: Nesterov momentum requires a momentum and zero dampening, but momentum is "
                f"{momentum} and dampening {dampening}"
            )
        check_modes("SGD", fused, foreach, differentiable)
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
            "foreach": foreach,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)

    def _buffers(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("momentum_buffer",) if group["momentum"] != 0 else ()

    def _new_state(self, p: Tensor, group: dict[str, Any]) -> dict[str, Tensor]:
        return {}  # the first gradient becomes the buffer

    def _numbers(self, group: dict[str, Any]) -> tuple[Any, ...]:
        return (
            group["lr"],
            group["weight_decay"],
            group["momentum"],
            group["dampening"],
            group["nesterov"],
        )

    def _formula(
        self, x: Tensor, grad: Tensor, state: dict[str, Any], group: dict[str, Any], step: float
    ) -> Tensor:
        momentum = group["momentum"]
        grad = decayed(x, grad, group)
        if momentum != 0:
            velocity = state["momentum_buffer"]
            if velocity is None:
                velocity = grad
            else:
                velocity = velocity * momentum + grad * (1 - group["dampening"])
            state["momentum_buffer"] = velocity
            grad = grad + velocity * momentum if group["nesterov"] else velocity
        return x - grad * number(group["lr"], group["differentiable"])
