"""Adafactor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import lampas
from lampas.optim._checks import check_lr
from lampas.optim._elementwise import number
from lampas.optim.optimizer import Optimizer, _scalar_dtype

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from lampas._tensor import Tensor

__all__ = ["Adafactor"]


class Adafactor(Optimizer):
    """Adam's second average kept as one row and one column per matrix, so that it costs no memory.

    The t-th step updates the averages of the squared gradient's row and column means with weight
    ``t**beta2_decay``, estimates the square of every element as their product, divides the gradient
    by its root, limits the update's root mean square to `d`, and scales it by the parameter's own.

    Shazeer and Stern, "Adafactor: Adaptive Learning Rates with Sublinear Memory Cost" (2018).

    Args:
        params: parameters, named parameters, or parameter groups; no complex ones.
        lr: upper limit of the relative step size.
        beta2_decay: power with which the averages' weight falls.
        eps: the smallest estimate (None: the dtype's epsilon), and the smallest scale of a
            parameter.
        d: limit of the update's root mean square.
        weight_decay: share of each parameter, times `lr`, that a step takes away.
        foreach: accepted; there is one implementation.
        maximize: ascend instead.

    Raises:
        ValueError: an option outside its range.

    Example:
        >>> import lampas
        >>> w = lampas.ones(2, 3, requires_grad=True)
        >>> optimizer = lampas.optim.Adafactor([w], lr=0.1)
        >>> (w**2).sum().backward()
        >>> optimizer.step()
        >>> {name: tuple(t.shape) for name, t in optimizer.state[w].items()}
        {'step': (), 'row_var': (2, 1), 'col_var': (1, 3)}
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-2,
        beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3),
        d: float = 1.0,
        weight_decay: float = 0.0,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
    ) -> None:
        check_lr("Adafactor", lr)
        if not beta2_decay <= 0.0:
            raise ValueError(f"Adafactor: beta2_decay should be <= 0 but is: {beta2_decay}")
        if eps[0] is not None and not eps[0] >= 0.0:
            raise ValueError(f"Adafactor: epsilon1 should be >= 0 but is: {eps[0]}")
        if not eps[1] >= 0.0:
            raise ValueError(f"Adafactor: epsilon2 should be >= 0 but is: {eps[1]}")
        if not d >= 1.0:
            raise ValueError(f"Adafactor: Clipping threshold d should be >= 1 but is: {d}")
        if not weight_decay >= 0.0:
            raise ValueError(f"Adafactor: weight_decay should be >= 0 but is: {weight_decay}")
        defaults = {
            "lr": lr,
            "beta2_decay": beta2_decay,
            "eps": eps,
            "d": d,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Updates the parameters once; returns what `closure`, if given, returned."""
        loss = None
        if closure is not None:
            with lampas.enable_grad():
                loss = closure()
        with lampas.no_grad():
            for group in self.param_groups:
                for p in group["params"]:
                    if p.grad is not None:
                        self._update(p, group)
        return loss

    def _new_state(self, grad: Tensor) -> dict[str, Tensor]:
        state = {"step": lampas.zeros((), dtype=_scalar_dtype())}
        if grad.dim() > 1:
            *outer, rows, columns = grad.shape
            state["row_var"] = grad.new_zeros([*outer, rows, 1])
            state["col_var"] = grad.new_zeros([*outer, 1, columns])
        else:
            state["variance"] = lampas.zeros_like(grad)
        return state

    def _update(self, p: Tensor, group: dict[str, Any]) -> None:
        if p.is_complex():
            raise RuntimeError("Adafactor does not support complex parameters")
        grad = -p.grad if group["maximize"] else p.grad  # type: ignore[operator]
        state = self.state[p]
        if not state:
            state.update(self._new_state(grad))  # type: ignore[arg-type]
        state["step"] += 1
        t = state["step"].item()
        lr, d = number(group["lr"]), group["d"]
        eps1, eps2 = group["eps"]
        if eps1 is None:
            eps1 = lampas.finfo(p.dtype).eps
        size = max(eps2, p.norm(2).item() / p.numel() ** 0.5) * min(lr, 1 / t**0.5)
        if group["weight_decay"] != 0:
            p.mul_(1 - lr * group["weight_decay"])
        estimate = self._estimate(grad, state, t ** group["beta2_decay"], eps1)  # type: ignore[arg-type]
        update = estimate.clamp_(min=eps1 * eps1).rsqrt_().mul_(grad)  # type: ignore[arg-type]
        scale = max(1.0, update.norm(2).item() / (update.numel() ** 0.5 * d))
        p.add_(update, alpha=-size / scale)

    @staticmethod
    def _estimate(grad: Tensor, state: dict[str, Tensor], weight: float, eps: float) -> Tensor:
        """The squared gradient as the averages remember it."""
        if grad.dim() <= 1:
            return state["variance"].lerp_(grad * grad, weight).clone()
        rows, columns = state["row_var"], state["col_var"]
        rows.lerp_((grad * grad).mean(-1, keepdim=True), weight)
        columns.lerp_((grad * grad).mean(-2, keepdim=True), weight)
        return (rows @ columns).div_(rows.mean(-2, keepdim=True).clamp_(min=eps))
