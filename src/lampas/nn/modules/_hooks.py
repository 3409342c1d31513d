"""Hook registries of modules, and the identity nodes that bring backward hooks into the graph."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

import lampas
from lampas import _C
from lampas._tensor import Tensor
from lampas.utils.hooks import RemovableHandle

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "RemovableHandle",
    "register_module_buffer_registration_hook",
    "register_module_module_registration_hook",
    "register_module_parameter_registration_hook",
    "register_module_forward_pre_hook",
    "register_module_forward_hook",
    "register_module_backward_hook",
    "register_module_full_backward_pre_hook",
    "register_module_full_backward_hook",
]


forward_pre_hooks: OrderedDict[int, Callable] = OrderedDict()
forward_hooks: OrderedDict[int, Callable] = OrderedDict()
forward_hooks_with_kwargs: OrderedDict[int, bool] = OrderedDict()
forward_hooks_always_called: OrderedDict[int, bool] = OrderedDict()
backward_pre_hooks: OrderedDict[int, Callable] = OrderedDict()
backward_hooks: OrderedDict[int, Callable] = OrderedDict()
parameter_registration_hooks: OrderedDict[int, Callable] = OrderedDict()
buffer_registration_hooks: OrderedDict[int, Callable] = OrderedDict()
module_registration_hooks: OrderedDict[int, Callable] = OrderedDict()

# A module call looks at these (and at the instance's own) before anything else.
_C.set_global_module_hooks(forward_pre_hooks, forward_hooks, backward_pre_hooks, backward_hooks)


def _add(registry: OrderedDict[int, Any], hook: Callable, *extra: Any) -> RemovableHandle:
    handle = RemovableHandle(registry, extra_dict=list(extra))
    registry[handle.id] = hook
    return handle


def register_module_parameter_registration_hook(hook: Callable) -> RemovableHandle:
    """Calls ``hook(module, name, param)`` whenever any module registers a parameter.

    A value other than ``None`` that the hook returns is registered instead.
    """
    return _add(parameter_registration_hooks, hook)


def register_module_buffer_registration_hook(hook: Callable) -> RemovableHandle:
    """Calls ``hook(module, name, buffer)`` whenever any module registers a buffer."""
    return _add(buffer_registration_hooks, hook)


def register_module_module_registration_hook(hook: Callable) -> RemovableHandle:
    """Calls ``hook(module, name, submodule)`` whenever any module registers a submodule."""
    return _add(module_registration_hooks, hook)


def register_module_forward_pre_hook(hook: Callable) -> RemovableHandle:
    """Calls ``hook(module, args)`` before every module's forward."""
    return _add(forward_pre_hooks, hook)


def register_module_forward_hook(
    hook: Callable, *, with_kwargs: bool = False, always_call: bool = False
) -> RemovableHandle:
    """Calls ``hook(module, args, output)`` after every module's forward.

    Args:
        hook: a value other than ``None`` that it returns replaces the output.
        with_kwargs: the hook is called as ``hook(module, args, kwargs, output)``.
        always_call: the hook runs even where the forward raises.
    """
    handle = _add(forward_hooks, hook, forward_hooks_with_kwargs, forward_hooks_always_called)
    if with_kwargs:
        forward_hooks_with_kwargs[handle.id] = True
    if always_call:
        forward_hooks_always_called[handle.id] = True
    return handle


def register_module_full_backward_pre_hook(hook: Callable) -> RemovableHandle:
    """Calls ``hook(module, grad_output)`` before every module's backward."""
    return _add(backward_pre_hooks, hook)


def register_module_full_backward_hook(hook: Callable) -> RemovableHandle:
    """Calls ``hook(module, grad_input, grad_output)`` after every module's backward."""
    return _add(backward_hooks, hook)


register_module_backward_hook = register_module_full_backward_hook


# ---- backward hooks ------------------------------------------------------------------------------

_identity: Any = None


def _identity_function() -> Any:
    """The node that passes tensors through and shows the gradients to ``seen``.

    Made at first use: few programs have backward hooks.
    """
    global _identity
    if _identity is not None:
        return _identity

    class BackwardHook(lampas.autograd.Function):
        @staticmethod
        def forward(ctx: Any, seen: Callable, *tensors: Tensor) -> tuple[Tensor, ...]:
            ctx.set_materialize_grads(False)
            ctx.seen = seen
            return tuple(t.view_as(t) for t in tensors)

        @staticmethod
        def backward(ctx: Any, *grads: Any) -> Any:
            return (None, *ctx.seen(grads))

    _identity = BackwardHook
    return _identity


class ModuleBackward:
    """One call of a module that has backward hooks."""

    def __init__(self, module: Any, hooks: list[Callable], pre_hooks: list[Callable]) -> None:
        self.module = module
        self.hooks = hooks
        self.pre_hooks = pre_hooks
        self.grad_output: tuple[Any, ...] = ()
        self.inputs: int | None = None  # how many arguments; None: none needs a gradient
        self.outputs = 0

    def on_input(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The module's arguments with the node below the module attached."""
        args, where = _through(args, self._inputs_done)
        self.input_count = len(args)
        self.where_in = where
        self.inputs = len(args) if where else None
        return args

    def on_output(self, result: Any) -> Any:
        """The module's result with the node above the module attached."""
        single = isinstance(result, Tensor)
        values = (result,) if single else result
        if not isinstance(values, tuple):
            import warnings

            warnings.warn(
                "For backward hooks to be called, module output should be a Tensor or a tuple "
                f"of Tensors but received {type(result)}",
                stacklevel=4,
            )
            return result
        values, self.where_out = _through(values, self._outputs_arrive)
        self.outputs = len(values)
        return values[0] if single else values

    def _outputs_arrive(self, grads: tuple[Any, ...]) -> tuple[Any, ...]:
        grad_output = _spread(grads, self.where_out, self.outputs)
        for hook in self.pre_hooks:
            changed = hook(self.module, grad_output)
            if changed is None:
                continue
            changed = changed if isinstance(changed, tuple) else (changed,)
            if len(changed) != len(grad_output):
                raise RuntimeError(
                    "Backward pre hook returned an invalid number of grad_output, "
                    f"got {len(changed)}, but expected {len(grad_output)}"
                )
            grad_output = changed
        self.grad_output = grad_output
        if self.inputs is None:
            nothing = (None,) * self.input_count
            for hook in self.hooks:
                changed = hook(self.module, nothing, grad_output)
                if changed is not None and not _all_none(changed):
                    raise RuntimeError(
                        "Backward hook for Modules where no input requires gradient should "
                        "always return None or None for all gradients."
                    )
        return tuple(grad_output[i] for i in self.where_out)

    def _inputs_done(self, grads: tuple[Any, ...]) -> tuple[Any, ...]:
        grad_input = _spread(grads, self.where_in, self.input_count)
        for hook in self.hooks:
            changed = hook(self.module, grad_input, self.grad_output)
            if changed is None:
                continue
            changed = changed if isinstance(changed, tuple) else (changed,)
            if len(changed) != len(grad_input):
                raise RuntimeError(
                    "Backward hook returned an invalid number of grad_input, "
                    f"got {len(changed)}, but expected {len(grad_input)}"
                )
            grad_input = changed
        self.grad_output = ()
        return tuple(grad_input[i] for i in self.where_in)


def _all_none(value: Any) -> bool:
    return all(v is None for v in (value if isinstance(value, tuple) else (value,)))


def _spread(grads: tuple[Any, ...], where: list[int], count: int) -> tuple[Any, ...]:
    full: list[Any] = [None] * count
    for i, g in zip(where, grads, strict=False):
        full[i] = g
    return tuple(full)


def _through(values: tuple[Any, ...], seen: Callable) -> tuple[tuple[Any, ...], list[int]]:
    """``values`` with those that need a gradient sent through one identity node."""
    if not lampas.is_grad_enabled():
        return values, []
    where = [i for i, v in enumerate(values) if isinstance(v, Tensor) and v.requires_grad]
    if not where:
        return values, where
    passed = _identity_function().apply(seen, *(values[i] for i in where))
    out = list(values)
    for i, v in zip(where, passed, strict=False):
        out[i] = v
    return type(values)(*out) if hasattr(values, "_fields") else tuple(out), where
