"""Optimizers that update every element of a parameter on its own.

Each of them is written down twice: as a native kernel, which updates all parameters of a group in
one call and one pass over memory, and as a formula over tensors, which serves what the kernel does
not take: strided and complex parameters, and ``differentiable=True``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import lampas
from lampas import _C
from lampas._tensor import Tensor
from lampas.optim.optimizer import Optimizer, _scalar_dtype

if TYPE_CHECKING:
    from collections.abc import Callable

__all__: list[str] = []


class ElementwiseOptimizer(Optimizer):
    """What these optimizers have in common; a subclass defines the five names below."""

    _rule = ""  # the native kernel
    _scalars: tuple[str, ...] = ("step",)  # names of one-element tensors in a parameter's state

    def _buffers(self, group: dict[str, Any]) -> tuple[str, ...]:
        """Names of the tensors in the state that are as large as the parameter."""
        raise NotImplementedError

    def _numbers(self, group: dict[str, Any]) -> tuple[Any, ...]:
        """The options, in the order in which the kernel's header lists them."""
        raise NotImplementedError

    def _formula(
        self, x: Tensor, grad: Tensor, state: dict[str, Any], group: dict[str, Any], step: float
    ) -> Tensor:
        """The parameter's new value; puts the new buffers into `state`, changes none in place."""
        raise NotImplementedError

    def _new_state(self, p: Tensor, group: dict[str, Any]) -> dict[str, Tensor]:
        """The state of a parameter before its first step."""
        state = {name: lampas.zeros((), dtype=_scalar_dtype()) for name in self._scalars}
        for name in self._buffers(group):
            state[name] = lampas.zeros_like(p, requires_grad=False)
        return state

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Updates the parameters once, from their gradients.

        Args:
            closure: clears the gradients, computes the loss, calls ``backward()`` and returns it.

        Returns:
            What `closure` returned, or None.
        """
        loss = None
        if closure is not None:
            with lampas.enable_grad():
                loss = closure()
        for group in self.param_groups:
            rest = group["params"] if group["differentiable"] else self._update(group)
            if rest:
                self._finish(group, rest)
        return loss

    def _update(
        self, group: dict[str, Any], params: list[Tensor] | None = None
    ) -> list[Tensor] | None:
        """Runs the kernel; returns the parameters that it did not take."""
        return _C._optim_update(
            self._rule,
            group["params"] if params is None else params,
            self.state,
            self._scalars + self._buffers(group),
            group["maximize"],
            self._numbers(group),
        )

    def _finish(self, group: dict[str, Any], params: list[Tensor]) -> None:
        """Gives parameters on their first step their state; what no kernel takes, the formula."""
        needed = self._scalars + self._buffers(group)
        fresh, rest = [], []
        for p in params:
            if p.grad is None:
                continue
            if p.grad.is_sparse:
                raise RuntimeError(
                    f"{type(self).__name__} does not support sparse gradients; make the layer's "
                    "gradients dense (sparse=False)"
                )
            state = self.state[p] if needed else {}
            if any(state.get(name) is None for name in needed):
                for name, value in self._new_state(p, group).items():
                    if state.get(name) is None:
                        state[name] = value
                fresh.append(p)
            else:
                rest.append(p)
        if fresh:
            rest += fresh if group["differentiable"] else self._update(group, fresh) or []
        with lampas.set_grad_enabled(bool(group["differentiable"])):
            for p in rest:
                self._apply_formula(p, group)

    def _apply_formula(self, p: Tensor, group: dict[str, Any]) -> None:
        names = self._buffers(group)
        state = self.state[p] if names else {}
        step = 0.0
        if self._scalars:
            with lampas.no_grad():
                state["step"] += 1
            step = state["step"].item()
        grad = -p.grad if group["maximize"] else p.grad  # type: ignore[operator]
        x = p.clone() if group["differentiable"] else p
        buffers: dict[str, Any] = {name: state.get(name) for name in (*self._scalars, *names)}
        if p.is_complex():
            x, grad = lampas.view_as_real(x), lampas.view_as_real(grad)  # type: ignore[arg-type]
            for name in names:
                if buffers[name] is not None:
                    buffers[name] = lampas.view_as_real(buffers[name])
        new = self._formula(x, grad, buffers, group, step)  # type: ignore[arg-type]
        for name in names:
            value = buffers[name]
            if p.is_complex():
                value = lampas.view_as_complex(value)
            if state.get(name) is None:
                state[name] = value.detach().clone()
            else:
                state[name].copy_(value)
        p.copy_(lampas.view_as_complex(new) if p.is_complex() else new)


def number(value: Any, differentiable: bool = False) -> Any:
    """An option as the formulas want it: a float, or a tensor to differentiate through."""
    if not isinstance(value, Tensor):
        return value
    return value.reshape(()) if differentiable else value.item()


def decayed(x: Tensor, grad: Tensor, group: dict[str, Any]) -> Tensor:
    """The gradient with that of the L2 penalty added."""
    decay = number(group["weight_decay"], group["differentiable"])
    return grad + x * decay if isinstance(decay, Tensor) or decay != 0 else grad
