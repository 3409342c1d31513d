"""L-BFGS."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import lampas
from lampas.optim._checks import check_lr
from lampas.optim._elementwise import number
from lampas.optim._line_search import strong_wolfe
from lampas.optim.optimizer import Optimizer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from lampas._tensor import Tensor

__all__ = ["LBFGS"]


class LBFGS(Optimizer):
    """Quasi-Newton steps from the last `history_size` changes of parameters and gradient.

    For smooth objectives without noise: the whole data set in every evaluation. Each call of
    :meth:`step` iterates up to `max_iter` times and calls the closure about as often. Nocedal and
    Wright, "Numerical Optimization" (2006), sections 7.2 and 3.5.

    Args:
        params: parameters; one group only.
        lr: step length, or the first that the line search tries.
        max_iter: most iterations per step.
        max_eval: most calls of the closure per step (default: ``max_iter * 5 // 4``).
        tolerance_grad: ends the step once no element of the gradient is larger.
        tolerance_change: ends the step once parameters or loss change by less.
        history_size: changes that are remembered; each costs two copies of all parameters.
        line_search_fn: ``"strong_wolfe"`` or None.

    Raises:
        ValueError: a negative `lr`, or more than one group.
        RuntimeError: another line search, when stepping.

    Example:
        >>> import lampas
        >>> x = lampas.tensor([-1.5, 2.0], requires_grad=True)
        >>> optimizer = lampas.optim.LBFGS([x], max_iter=100, line_search_fn="strong_wolfe")
        >>> def closure():
        ...     optimizer.zero_grad()
        ...     loss = (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2
        ...     loss.backward()
        ...     return loss
        >>> _ = optimizer.step(closure)
        >>> bool(lampas.allclose(x, lampas.ones(2), atol=1e-3))
        True
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        check_lr("LBFGS", lr)
        defaults = {
            "lr": lr,
            "max_iter": max_iter,
            "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
            "tolerance_grad": tolerance_grad,
            "tolerance_change": tolerance_change,
            "history_size": history_size,
            "line_search_fn": line_search_fn,
        }
        super().__init__(params, defaults)
        if len(self.param_groups) != 1:
            raise ValueError(
                "LBFGS doesn't support per-parameter options (parameter groups), but got "
                f"{len(self.param_groups)} groups"
            )

    # ---- all parameters as one vector ---------------------------------------------------------
    @property
    def _params(self) -> list[Tensor]:
        return self.param_groups[0]["params"]

    def _flat_grad(self) -> Tensor:
        parts = []
        for p in self._params:
            part = lampas.zeros_like(p) if p.grad is None else p.grad
            parts.append((lampas.view_as_real(part) if p.is_complex() else part).reshape(-1))
        return lampas.cat(parts)

    def _move(self, length: float, direction: Tensor) -> None:
        offset = 0
        for p in self._params:
            target = lampas.view_as_real(p) if p.is_complex() else p
            part = direction[offset : offset + target.numel()]
            target.add_(part.view(target.shape), alpha=length)
            offset += target.numel()

    def _evaluate_at(
        self, closure: Callable[[], Any], start: list[Tensor], length: float, direction: Tensor
    ) -> tuple[float, Tensor]:
        """Loss and gradient at start + length * direction; the parameters are put back."""
        self._move(length, direction)
        loss = _evaluate(closure)
        grad = self._flat_grad()
        for p, value in zip(self._params, start, strict=True):
            p.copy_(value)
        return float(loss), grad

    # ---- the step -----------------------------------------------------------------------------
    def step(self, closure: Callable[[], Any]) -> Any:  # type: ignore[override]
        """Runs up to ``max_iter`` iterations.

        Args:
            closure: clears the gradients, computes the loss, calls ``backward()`` and returns it.

        Returns:
            The loss at the start.
        """
        with lampas.no_grad():
            return self._step(closure)

    def _step(self, closure: Callable[[], Any]) -> Any:
        group, state = self.param_groups[0], self.state[self._params[0]]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)
        first_loss = _evaluate(closure)
        loss, evaluations = float(first_loss), 1
        state["func_evals"] += 1
        grad = self._flat_grad()
        if grad.abs().max() <= group["tolerance_grad"]:
            return first_loss
        for iteration in range(1, group["max_iter"] + 1):
            state["n_iter"] += 1
            direction = self._direction(grad, state, group["history_size"])
            if state.get("prev_flat_grad") is None:
                state["prev_flat_grad"] = grad.clone()
            else:
                state["prev_flat_grad"].copy_(grad)
            state["prev_loss"] = previous = loss
            length = number(group["lr"])
            if state["n_iter"] == 1:
                length *= min(1.0, 1.0 / grad.abs().sum().item())
            state["d"], state["t"] = direction, length
            slope = grad.dot(direction)
            if slope > -group["tolerance_change"]:
                break
            last = iteration == group["max_iter"]
            left = group["max_eval"] - evaluations
            loss, grad, length, calls = self._advance(
                closure, loss, grad, length, direction, slope, left, last
            )
            state["t"] = length
            evaluations += calls
            state["func_evals"] += calls
            if last or evaluations >= group["max_eval"]:
                break
            if grad.abs().max() <= group["tolerance_grad"]:
                break
            small = group["tolerance_change"]
            if (direction * length).abs().max() <= small or abs(loss - previous) < small:
                break
        return first_loss

    def _direction(self, grad: Tensor, state: dict[str, Any], history_size: int) -> Tensor:
        """Minus the inverse Hessian, as the history has it, times the gradient."""
        if state["n_iter"] == 1:
            state.update(old_dirs=[], old_stps=[], ro=[], H_diag=1)
            return grad.neg()
        change = grad - state["prev_flat_grad"]
        moved = state["d"] * state["t"]
        curvature = change.dot(moved)
        changes, moves, inverse = state["old_dirs"], state["old_stps"], state["ro"]
        if curvature > 1e-10:
            if len(changes) == history_size:
                for entries in (changes, moves, inverse):
                    entries.pop(0)
            changes.append(change)
            moves.append(moved)
            inverse.append(1.0 / curvature)
            state["H_diag"] = curvature / change.dot(change)
        q = grad.neg()
        weights = [0.0] * len(changes)
        for i in reversed(range(len(changes))):
            weights[i] = moves[i].dot(q) * inverse[i]
            q.sub_(changes[i] * weights[i])
        r = q * state["H_diag"]
        for i in range(len(changes)):
            r.add_(moves[i] * (weights[i] - changes[i].dot(r) * inverse[i]))
        return r

    def _advance(
        self,
        closure: Callable[[], Any],
        loss: float,
        grad: Tensor,
        length: float,
        direction: Tensor,
        slope: Tensor,
        evaluations: int,
        last: bool,
    ) -> tuple[float, Tensor, float, int]:
        """Moves along `direction`; returns loss, gradient, step length and calls of the closure."""
        search = self.param_groups[0]["line_search_fn"]
        if search is None:
            self._move(length, direction)
            if last:  # nobody will look at loss and gradient any more
                return loss, grad, length, 0
            return float(_evaluate(closure)), self._flat_grad(), length, 1
        if search != "strong_wolfe":
            raise RuntimeError(f"LBFGS: only 'strong_wolfe' is supported, but got {search!r}")
        start = [p.clone() for p in self._params]

        def evaluate(t: float) -> tuple[float, Tensor]:
            return self._evaluate_at(closure, start, t, direction)

        loss, grad, length, calls = strong_wolfe(
            evaluate, length, direction, loss, grad, slope.item(), max_steps=evaluations
        )
        self._move(length, direction)
        return loss, grad, length, calls


def _evaluate(closure: Callable[[], Any]) -> Any:
    with lampas.enable_grad():
        return closure()
