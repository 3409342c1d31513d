"""Operations whose derivative is written by the user."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import Any

from lampas import _C
from lampas._tensor import Tensor

_forward_modes = 0


@contextlib.contextmanager
def forward_mode() -> Iterator[None]:
    """Within the ``with`` block a backward pass serves forward mode: functions use their `jvp`."""
    global _forward_modes
    _forward_modes += 1
    try:
        yield
    finally:
        _forward_modes -= 1


class FunctionCtx:
    """What forward leaves for backward."""

    def __init__(self) -> None:
        self._node: Any = None
        self.to_save: tuple[Any, ...] | None = None
        self.dirty_tensors: tuple[Tensor, ...] | None = None
        self.non_differentiable: tuple[Tensor, ...] | None = None
        self.materialize_grads = True
        self.needs_input_grad: tuple[bool, ...] = ()
        self._inputs: tuple[Any, ...] = ()  # shape and dtype of each tensor, where jvp wants them

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Keeps tensors for backward; changing them in place afterwards is an error there."""
        self.to_save = tensors

    save_for_forward = save_for_backward

    @property
    def saved_tensors(self) -> tuple[Tensor, ...]:
        """What save_for_backward kept."""
        if self._node is None:
            return self.to_save or ()
        return _C._saved_tensors(self._node)

    saved_variables = saved_tensors

    def mark_dirty(self, *args: Tensor) -> None:
        """Says that forward changed these inputs in place."""
        self.dirty_tensors = args

    def mark_non_differentiable(self, *args: Tensor) -> None:
        """Says that these outputs have no gradient."""
        self.non_differentiable = args

    def set_materialize_grads(self, value: bool) -> None:
        """Whether gradients that are absent come to backward as zeros (the default) or None."""
        self.materialize_grads = value


class Function(FunctionCtx):
    """Base of custom operations: subclasses define static forward and backward, callers use apply.

    >>> import lampas
    >>> class Double(lampas.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         return x * 2
    ...     @staticmethod
    ...     def backward(ctx, grad):
    ...         return grad * 2
    >>> x = lampas.ones(2, requires_grad=True)
    >>> Double.apply(x).sum().backward()
    >>> x.grad
    tensor([2., 2.])
    """

    generate_vmap_rule = False

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """forward(ctx, *args), or forward(*args) beside setup_context."""
        raise NotImplementedError(
            "You must implement the forward function for custom autograd.Function."
        )

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        """Fills ctx after a forward that takes none."""
        raise NotImplementedError("setup_context is not implemented.")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """The gradients of forward's arguments, None for those without."""
        raise NotImplementedError(
            "You must implement either the backward or vjp method for your custom autograd.Function to use it with backward mode AD."  # noqa: E501
        )

    vjp = backward

    @staticmethod
    def jvp(ctx: Any, *grad_inputs: Any) -> Any:
        """The tangents of forward's results, from those of its arguments: forward mode."""
        raise NotImplementedError(
            "You must implement the jvp function for custom autograd.Function to use it with "
            "forward mode AD."
        )

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], *args: Any) -> Any:
        """``(outputs, out_dims)`` of a whole batch: what vmap runs instead of forward.

        Args:
            info: has `batch_size` and `randomness`.
            in_dims: which dimension of each argument counts the samples, or None.
            args: the arguments of a whole batch.
        """
        raise NotImplementedError(
            "To use autograd.Function with vmap, you must either override the vmap staticmethod or "
            "set generate_vmap_rule=True."
        )

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Runs forward and records backward."""
        batched = sys.modules.get("lampas.func._custom")
        if batched is not None and batched.concerns(args):
            return batched.apply(cls, args, kwargs)
        ctx = cls()
        differentiable = _C.is_grad_enabled() and any(
            isinstance(a, Tensor) and a.requires_grad for a in args
        )
        ctx.needs_input_grad = tuple(isinstance(a, Tensor) and a.requires_grad for a in args)
        before = _C._set_grad_enabled(False)
        try:
            if cls.setup_context is not Function.setup_context:
                output = cls.forward(*args, **kwargs)
                cls.setup_context(ctx, args, output)
            else:
                output = cls.forward(ctx, *args, **kwargs)
        finally:
            _C._set_grad_enabled(before)
        if not differentiable:
            return output
        if cls.jvp is not Function.jvp:
            ctx._inputs = tuple((a.shape, a.dtype) if isinstance(a, Tensor) else None for a in args)
        single = not isinstance(output, (tuple, list))
        outputs = (output,) if single else tuple(output)
        connected = _C._connect_function(ctx, f"{cls.__name__}Backward", args, outputs, True)
        return connected[0] if single else connected

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Functions are applied, not called: an error that says so."""
        raise RuntimeError(
            "Legacy autograd function with non-static forward method is deprecated. Please use "
            "new-style autograd function with static forward method. Remedy: "
            f"{type(self).__name__}.apply(...)"
        )

    def _run_backward(self, grads: tuple[Any, ...]) -> Any:
        if _forward_modes and type(self).jvp is not Function.jvp:
            return self._transposed_jvp(grads)
        method = type(self).backward
        if method is Function.backward:
            method = type(self).vjp
        return method(self, *grads)


    def _transposed_jvp(self, grads: tuple[Any, ...]) -> Any:
        """The gradients that `jvp` implies, recorded: jvp is linear, and differentiated."""
        tangents = [
            None if about is None else _C.zeros(about[0], dtype=about[1], requires_grad=wanted)
            for about, wanted in zip(self._inputs, self.needs_input_grad, strict=True)
        ]
        before = _C._set_grad_enabled(True)
        try:
            results = type(self).jvp(self, *tangents)
            results = results if isinstance(results, (tuple, list)) else (results,)
            pairs = [
                (r, g) for r, g in zip(results, grads, strict=True)
                if isinstance(r, Tensor) and r.requires_grad and g is not None
            ]  # fmt: skip
            places = [i for i, wanted in enumerate(self.needs_input_grad) if wanted]
            found = _C._backward(
                [r for r, _ in pairs], [g for _, g in pairs], [tangents[i] for i in places],
                True, True, True, False,
            )  # fmt: skip
        finally:
            _C._set_grad_enabled(before)
        result: list[Any] = [None] * len(tangents)
        for i, g in zip(places, found, strict=True):
            result[i] = g
        return tuple(result)


def once_differentiable(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Marks a backward that cannot be differentiated again: doing so is an error."""

    def wrapper(ctx: Any, *args: Any) -> Any:
        before = _C._set_grad_enabled(False)
        try:
            outputs = fn(ctx, *args)
        finally:
            _C._set_grad_enabled(before)
        if not before or not any(isinstance(a, Tensor) and a.requires_grad for a in args):
            return outputs
        single = not isinstance(outputs, tuple)
        marked = tuple(
            _Once.apply(o.detach().requires_grad_()) if isinstance(o, Tensor) else o
            for o in ((outputs,) if single else outputs)
        )
        return marked[0] if single else marked

    return wrapper


class _Once(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.detach()

    @staticmethod
    def backward(ctx: Any, *_: Any) -> Any:
        raise RuntimeError(
            "trying to differentiate twice a function that was marked with @once_differentiable"
        )
