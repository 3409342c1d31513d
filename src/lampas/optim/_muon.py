"""Muon."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import lampas
from lampas.optim._checks import check_lr
from lampas.optim._elementwise import number
from lampas.optim.optimizer import Optimizer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from lampas._tensor import Tensor

__all__ = ["Muon"]

# The quintic whose repetition brings singular values near one, fast rather than precisely.
COEFFICIENTS = (3.4445, -4.775, 2.0315)


class Muon(Optimizer):
    """Momentum whose update is made orthogonal, for the weight matrices of hidden layers.

    With gradient g, each step does

    .. code-block:: text

        b = momentum * b + (1 - momentum) * g
        u = (1 - momentum) * g + momentum * b  with nesterov, else b
        O = nearest orthogonal matrix to u, by Newton-Schulz iteration in bfloat16
        p = p * (1 - lr * weight_decay) - ratio * lr * O

    where ``ratio`` is ``sqrt(max(1, rows / columns))``, or ``0.2 * sqrt(max(rows, columns))`` with
    ``adjust_lr_fn="match_rms_adamw"``. Biases, embeddings and the last layer are better left to
    another optimizer. Jordan et al., "Muon: An optimizer for hidden layers in neural networks"
    (2024); the second ratio is from Liu et al., "Muon is Scalable for LLM Training" (2025).

    Args:
        params: matrices, named matrices, or parameter groups of them.
        lr: learning rate; a float or a tensor of one element.
        weight_decay: share of each parameter, times `lr`, that a step takes away.
        momentum: share of the previous average that is kept.
        nesterov: look ahead along the average.
        ns_coefficients: the three coefficients of the iteration's polynomial.
        eps: keeps the norm from zero.
        ns_steps: iterations, fewer than 100.
        adjust_lr_fn: ``"original"`` (the default) or ``"match_rms_adamw"``.

    Raises:
        ValueError: a parameter that is not a matrix, or an option outside its range.

    Example:
        >>> import lampas
        >>> w = lampas.eye(3).requires_grad_()
        >>> optimizer = lampas.optim.Muon([w], lr=0.1, weight_decay=0.0)
        >>> (w**2).sum().backward()
        >>> optimizer.step()
        >>> bool((w.detach().diagonal() < 1).all())
        True
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = COEFFICIENTS,
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
    ) -> None:
        check_lr("Muon", lr)
        if not momentum >= 0.0:
            raise ValueError(f"Muon: momentum should be >= 0 but is: {momentum}")
        if not weight_decay >= 0.0:
            raise ValueError(f"Muon: weight decay should be >= 0 but is: {weight_decay}")
        if adjust_lr_fn not in (None, "original", "match_rms_adamw"):
            raise ValueError(
                f"Muon: Adjust learning rate function {adjust_lr_fn} is not supported; choose "
                "'original' or 'match_rms_adamw'"
            )
        defaults = {
            "lr": lr,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "nesterov": nesterov,
            "ns_coefficients": ns_coefficients,
            "eps": eps,
            "ns_steps": ns_steps,
            "adjust_lr_fn": adjust_lr_fn,
        }
        super().__init__(params, defaults)
        for group in self.param_groups:
            for p in group["params"]:
                if p.dim() != 2:
                    raise ValueError(
                        "Muon only supports 2D parameters whereas we found a parameter with size: "
                        f"{tuple(p.shape)}; give that one to another optimizer"
                    )

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

    def _update(self, p: Tensor, group: dict[str, Any]) -> None:
        if p.is_complex():
            raise RuntimeError("Muon does not support complex parameters")
        state = self.state[p]
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = lampas.zeros_like(p.grad)  # type: ignore[arg-type]
        average, momentum = state["momentum_buffer"], group["momentum"]
        average.lerp_(p.grad, 1 - momentum)
        update = p.grad.lerp(average, momentum) if group["nesterov"] else average  # type: ignore[union-attr]
        update = _orthogonal(update, group["ns_coefficients"], group["ns_steps"], group["eps"])
        lr = number(group["lr"])
        p.mul_(1 - lr * group["weight_decay"])
        p.add_(update, alpha=-lr * _ratio(group["adjust_lr_fn"], *p.shape))


def _ratio(rule: str | None, rows: int, columns: int) -> float:
    if rule == "match_rms_adamw":
        return 0.2 * math.sqrt(max(rows, columns))
    return math.sqrt(max(1, rows / columns))


def _orthogonal(
    matrix: Tensor, coefficients: tuple[float, float, float], steps: int, eps: float
) -> Tensor:
    """A matrix with `matrix`'s singular vectors, and singular values near one.

    Every intermediate matrix is rounded to bfloat16, each once; sums are in float32.
    """
    if steps >= 100:
        raise ValueError(f"Muon: ns_steps must be less than 100, but is {steps}")
    if len(coefficients) != 3:
        raise ValueError(f"Muon: ns_coefficients must be 3 numbers, but has {len(coefficients)}")
    a, b, c = coefficients
    x = _rounded(matrix)
    tall = matrix.size(0) > matrix.size(1)
    if tall:
        x = x.T
    x = _rounded(x / _rounded(x.norm()).clamp(min=eps))
    for _ in range(steps):
        gram = _rounded(x @ x.T)
        x = _rounded(a * x + _rounded(b * gram + c * (gram @ gram)) @ x)
    return x.T if tall else x


def _rounded(x: Tensor) -> Tensor:
    return x.to(lampas.bfloat16).to(lampas.float32)
