"""AdamW."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lampas.optim.adam import Adam

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lampas._tensor import Tensor

__all__ = ["AdamW"]


class AdamW(Adam):
    """Adam with weight decay that bypasses the averages: ``p *= 1 - lr * weight_decay``.

    Loshchilov and Hutter, "Decoupled Weight Decay Regularization" (2017). All else, options and
    errors included, is as in :class:`Adam`.

    Args:
        params: parameters, named parameters, or parameter groups.
        lr: learning rate; a float or a tensor of one element.
        betas: decay rates of the two averages.
        eps: keeps the divisor from zero.
        weight_decay: share of each parameter, times `lr`, that a step takes away.
        amsgrad: divide by the largest second average so far.
        maximize: ascend instead.
        foreach: accepted; all parameters are updated in one native call anyhow.
        capturable: accepted; on the CPU there is nothing to capture.
        differentiable: record the step itself in the graph (slower).
        fused: accepted, like `foreach`.

    Example:
        >>> import lampas
        >>> x = lampas.tensor([1.0], requires_grad=True)
        >>> optimizer = lampas.optim.AdamW([x], lr=0.1, weight_decay=0.5)
        >>> x.grad = lampas.tensor([0.0])
        >>> optimizer.step()
        >>> x
        tensor([0.9500], requires_grad=True)
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-3,
        betas: tuple[float | Tensor, float | Tensor] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            foreach=foreach,
            maximize=maximize,
            capturable=capturable,
            differentiable=differentiable,
            fused=fused,
            decoupled_weight_decay=True,
        )

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:  # a state saved by Adam may say otherwise
            group["decoupled_weight_decay"] = True
