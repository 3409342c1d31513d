"""Operations whose derivative is written by the user."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lampas import _C
from lampas._tensor import Tensor


class FunctionCtx:
    """What forward leaves for backward."""

    def __init__(self) -> None:
        self._node: Any = None
        self.to_save: tuple[Any, ...] | None = None
        self.dirty_tensors: tuple[Tensor, ...] | None = None
        self.non_differentiable: tuple[Tensor, ...] | None = None
        self.materialize_grads = True
        self.needs_input_grad: tuple[bool, ...] = ()

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

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Runs forward and records backward."""
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
        single = not isinstance(output, (tuple, list))
        outputs = (output,) if single else tuple(output)
        connected = _C._connect_function(ctx, f"{cls.__name__}Backward", args, outputs, True)
        return connected[0] if single else connected

    def _run_backward(self, grads: tuple[Any, ...]) -> Any:
        method = type(self).backward
        if method is Function.backward:
            method = type(self).vjp
        return method(self, *grads)


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
            _Once.apply(o) if isinstance(o, Tensor) else o
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
