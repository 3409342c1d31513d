"""The base class of all models and layers."""

from __future__ import annotations

import itertools
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, TypeVar

from lampas import _C
from lampas._tensor import Tensor

from ..parameter import Buffer, Parameter, UninitializedBuffer
from . import _hooks
from ._conversion import Conversion
from ._hooks import (
    RemovableHandle,
    register_module_backward_hook,
    register_module_buffer_registration_hook,
    register_module_forward_hook,
    register_module_forward_pre_hook,
    register_module_full_backward_hook,
    register_module_full_backward_pre_hook,
    register_module_module_registration_hook,
    register_module_parameter_registration_hook,
)
from ._state import StateDict
from ._traversal import Traversal

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "Module",
    "register_module_forward_pre_hook",
    "register_module_forward_hook",
    "register_module_full_backward_pre_hook",
    "register_module_backward_hook",
    "register_module_full_backward_hook",
    "register_module_buffer_registration_hook",
    "register_module_module_registration_hook",
    "register_module_parameter_registration_hook",
]

T = TypeVar("T", bound="Module")

_HOOK_REGISTRIES = (
    "_backward_pre_hooks",
    "_backward_hooks",
    "_forward_hooks",
    "_forward_hooks_with_kwargs",
    "_forward_hooks_always_called",
    "_forward_pre_hooks",
    "_forward_pre_hooks_with_kwargs",
    "_state_dict_hooks",
    "_state_dict_pre_hooks",
    "_load_state_dict_pre_hooks",
    "_load_state_dict_post_hooks",
)


def _addindent(text: str, spaces: int) -> str:
    first, *rest = text.split("\n")
    return "\n".join([first, *(" " * spaces + line for line in rest)])


def _forward_unimplemented(self: Any, *input: Any) -> None:
    """Defines the computation; every subclass has its own."""
    raise NotImplementedError(
        f'Module [{type(self).__name__}] is missing the required "forward" function'
    )


class Module(_C.ModuleBase, Traversal, Conversion, StateDict):
    """The base class of models and layers.

    A subclass calls ``super().__init__()``, assigns its layers and parameters as attributes,
    which registers them, and defines ``forward``. Calling the module runs ``forward``.

    Example:
        >>> import lampas
        >>> from lampas import nn
        >>> class Net(nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.fc = nn.Linear(4, 2)
        ...
        ...     def forward(self, x):
        ...         return self.fc(x).relu()
        >>> Net()(lampas.ones(3, 4)).shape
        torch.Size([3, 2])
    """

    dump_patches: bool = False
    training: bool
    call_super_init: bool = False
    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Tensor | None]
    _modules: dict[str, Module | None]
    _non_persistent_buffers_set: set[str]
    _compiled_call_impl: Any = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if not self.call_super_init and (args or kwargs):
            name = type(self).__name__
            if kwargs:
                raise TypeError(
                    f"{name}.__init__() got an unexpected keyword argument "
                    f"'{next(iter(kwargs))}'"
                )
            raise TypeError(
                f"{name}.__init__() takes 1 positional argument but {len(args) + 1} were given"
            )
        state = self.__dict__
        state["training"] = True
        state["_parameters"] = {}
        state["_buffers"] = {}
        state["_non_persistent_buffers_set"] = set()
        state["_is_full_backward_hook"] = None
        for registry in _HOOK_REGISTRIES:
            state[registry] = OrderedDict()
        state["_modules"] = {}
        if self.call_super_init:
            super().__init__(*args, **kwargs)

    forward: Callable[..., Any] = _forward_unimplemented

    # ---- registration -----------------------------------------------------------------------

    def _check_name(self, name: Any, what: str, known: dict[str, Any]) -> None:
        if "_modules" not in self.__dict__:
            raise AttributeError(f"cannot assign {what} before Module.__init__() call")
        if not isinstance(name, str):
            raise TypeError(f"{what} name should be a string. Got {type(name).__name__}")
        if "." in name:
            raise KeyError(f'{what} name can\'t contain ".", got: {name}')
        if name == "":
            raise KeyError(f'{what} name can\'t be empty string ""')
        if hasattr(self, name) and name not in known:
            raise KeyError(f"attribute '{name}' already exists")

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Adds a tensor that is part of the state but not learned.

        Args:
            name: the attribute's name.
            tensor: the tensor; ``None`` reserves the name.
            persistent: whether it is saved in :meth:`state_dict`.

        Raises:
            KeyError: for an empty name, one with a dot, or one in use.
            TypeError: if ``tensor`` is no tensor.

        Example:
            >>> import lampas
            >>> from lampas import nn
            >>> m = nn.Module()
            >>> m.register_buffer("mean", lampas.zeros(2))
            >>> m.mean
            tensor([0., 0.])
        """
        self._check_name(name, "buffer", self.__dict__.get("_buffers", {}))
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(
                f"cannot assign '{type(tensor).__name__}' object to buffer '{name}' "
                "(torch Tensor or None required)"
            )
        for hook in _hooks.buffer_registration_hooks.values():
            tensor = _or(hook(self, name, tensor), tensor)
        self._buffers[name] = tensor
        if persistent:
            self._non_persistent_buffers_set.discard(name)
        else:
            self._non_persistent_buffers_set.add(name)

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Adds a parameter under ``name``; ``None`` reserves the name.

        Raises:
            KeyError: for an empty name, one with a dot, or one in use.
            TypeError: if ``param`` is no ``Parameter``.
            ValueError: if it was computed from other tensors.
        """
        self._check_name(name, "parameter", self.__dict__.get("_parameters", {}))
        if param is not None:
            if not isinstance(param, Parameter):
                raise TypeError(
                    f"cannot assign '{type(param).__name__}' object to parameter '{name}' "
                    "(torch.nn.Parameter or None required)"
                )
            if param.grad_fn is not None:
                raise ValueError(
                    f"Cannot assign non-leaf Tensor to parameter '{name}'. Model parameters must "
                    f"be created explicitly. To express '{name}' as a function of another "
                    "Tensor, compute the value in the forward() method."
                )
        for hook in _hooks.parameter_registration_hooks.values():
            param = _or(hook(self, name, param), param)
        self._parameters[name] = param

    def add_module(self, name: str, module: Module | None) -> None:
        """Adds a submodule under ``name``; ``None`` reserves the name.

        Raises:
            TypeError: if ``module`` is no module.
            KeyError: for an empty name, one with a dot, or one in use.
        """
        if not isinstance(module, Module) and module is not None:
            raise TypeError(f"{_typename(module)} is not a Module subclass")
        self._check_name(name, "module", self.__dict__.get("_modules", {}))
        for hook in _hooks.module_registration_hooks.values():
            module = _or(hook(self, name, module), module)
        self._modules[name] = module

    def register_module(self, name: str, module: Module | None) -> None:
        """Another name of :meth:`add_module`."""
        self.add_module(name, module)

    # ---- attributes -------------------------------------------------------------------------

    def __getattr__(self, name: str) -> Any:
        """What ordinary look-up does not find. The native base has already looked among
        parameters, buffers and submodules; subclasses call this one too."""
        state = self.__dict__
        for registry in ("_parameters", "_buffers", "_modules"):
            members = state.get(registry)
            if members is not None and name in members:
                return members[name]
        cls = type(self)
        if any(name in base.__dict__ for base in cls.__mro__):
            # A property raised AttributeError: say which, instead of calling the name unknown.
            try:
                return object.__getattribute__(self, name)
            except AttributeError as e:
                raise AttributeError(
                    f"'{cls.__name__}' object: property '{name}' raised AttributeError: {e}"
                ) from e
        if "_modules" not in state and not name.startswith("__"):
            raise AttributeError(
                f"'{cls.__name__}' object has no attribute '{name}': Module.__init__() has not "
                "run; call super().__init__() first"
            )
        # With `obj` Python itself suggests the nearest name, and only once the error is shown:
        # hasattr() stays cheap.
        raise AttributeError(
            f"'{cls.__name__}' object has no attribute '{name}'", name=name, obj=self
        )

    def __setattr__(self, name: str, value: Any) -> None:
        state = self.__dict__
        if isinstance(value, Parameter):
            if "_parameters" not in state:
                raise AttributeError("cannot assign parameters before Module.__init__() call")
            _remove_from(name, state, state["_buffers"], state["_modules"])
            state["_non_persistent_buffers_set"].discard(name)
            self.register_parameter(name, value)
        elif isinstance(value, Module):
            if "_modules" not in state:
                raise AttributeError("cannot assign module before Module.__init__() call")
            _remove_from(name, state, state["_parameters"], state["_buffers"])
            state["_non_persistent_buffers_set"].discard(name)
            for hook in _hooks.module_registration_hooks.values():
                value = _or(hook(self, name, value), value)
            state["_modules"][name] = value
        elif isinstance(value, (Buffer, UninitializedBuffer)) and "_buffers" in state:
            _remove_from(name, state, state["_parameters"], state["_modules"])
            self.register_buffer(name, value, value.persistent)
        elif "_modules" in state:
            self._set_other(name, value, state)
        else:
            object.__setattr__(self, name, value)

    def _set_other(self, name: str, value: Any, state: dict[str, Any]) -> None:
        """Assigns what is neither parameter nor module nor marked as a buffer."""
        for registry, what, wanted in (
            ("_parameters", "parameter", "torch.nn.Parameter or None"),
            ("_modules", "child module", "torch.nn.Module or None"),
            ("_buffers", "buffer", "torch.Tensor, torch.nn.Buffer or None"),
        ):
            members = state[registry]
            if name not in members:
                continue
            if value is not None and not (registry == "_buffers" and isinstance(value, Tensor)):
                hint = ""
                if registry == "_parameters" and isinstance(value, Tensor):
                    hint = f"; to change its values: with no_grad(): module.{name}.copy_(...)"
                raise TypeError(
                    f"cannot assign '{_typename(value)}' as {what} '{name}' "
                    f"({wanted} expected){hint}"
                )
            if registry == "_parameters":
                self.register_parameter(name, None)
            elif registry == "_modules":
                for hook in _hooks.module_registration_hooks.values():
                    value = _or(hook(self, name, value), value)
                members[name] = value
            else:
                kept = name not in state["_non_persistent_buffers_set"]
                self.register_buffer(name, value, kept)
            return
        object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        for members in (self._parameters, self._buffers, self._modules):
            if name in members:
                del members[name]
                self._non_persistent_buffers_set.discard(name)
                return
        object.__delattr__(self, name)

    def __dir__(self) -> list[str]:
        names = itertools.chain(
            dir(type(self)), self.__dict__, self._parameters, self._modules, self._buffers
        )
        return sorted({n for n in names if not n[0].isdigit()})

    # ---- calling ----------------------------------------------------------------------------

    def _call_with_hooks(self, *args: Any, **kwargs: Any) -> Any:
        """A call where at least one hook is registered, here or globally."""
        done: set[int] = set()
        progress: list[Any] = [args, kwargs, None]
        try:
            return self._run_hooked(progress, done)
        except Exception:
            self._run_always_called(progress, done)
            raise

    _call_impl = _call_with_hooks

    def _run_hooked(self, progress: list[Any], done: set[int]) -> Any:
        args, kwargs = self._run_pre_hooks(progress)
        backward = None
        hooks = [*_hooks.backward_hooks.values(), *self._backward_hooks.values()]
        pre_hooks = [*_hooks.backward_pre_hooks.values(), *self._backward_pre_hooks.values()]
        if hooks or pre_hooks:
            backward = _hooks.ModuleBackward(self, hooks, pre_hooks)
            args = progress[0] = backward.on_input(args)
        result = progress[2] = self.forward(*args, **kwargs)
        for own, (key, hook) in itertools.chain(
            ((False, item) for item in list(_hooks.forward_hooks.items())),
            ((True, item) for item in list(self._forward_hooks.items())),
        ):
            done.add(key)
            with_kwargs = self._forward_hooks_with_kwargs if own else (
                _hooks.forward_hooks_with_kwargs
            )
            given = (args, kwargs, result) if key in with_kwargs else (args, result)
            changed = hook(self, *given)
            if changed is not None:
                result = progress[2] = changed
        return result if backward is None else backward.on_output(result)

    def _run_pre_hooks(self, progress: list[Any]) -> tuple[tuple, dict[str, Any]]:
        args, kwargs, _ = progress
        hooks = (*_hooks.forward_pre_hooks.items(), *self._forward_pre_hooks.items())
        for key, hook in hooks:
            if key in self._forward_pre_hooks_with_kwargs:
                changed = hook(self, args, kwargs)
                if changed is None:
                    continue
                if not isinstance(changed, tuple) or len(changed) != 2:
                    raise RuntimeError(
                        "forward pre-hook must return None or a tuple of (new_args, new_kwargs), "
                        f"but got {changed}."
                    )
                args, kwargs = changed
            else:
                changed = hook(self, args)
                if changed is None:
                    continue
                args = changed if isinstance(changed, tuple) else (changed,)
            progress[:2] = args, kwargs
        return args, kwargs

    def _run_always_called(self, progress: list[Any], done: set[int]) -> None:
        """After an exception: the hooks that asked to be called all the same."""
        for registry, always, with_kwargs in (
            (_hooks.forward_hooks, _hooks.forward_hooks_always_called, ()),
            (
                self._forward_hooks,
                self._forward_hooks_always_called,
                self._forward_hooks_with_kwargs,
            ),
        ):
            for key, hook in list(registry.items()):
                if key not in always or key in done:
                    continue
                args, kwargs, result = progress
                try:
                    given = (args, kwargs, result) if key in with_kwargs else (args, result)
                    progress[2] = _or(hook(self, *given), result)
                except Exception as e:
                    import warnings

                    warnings.warn(
                        "module forward hook with ``always_call=True`` raised an exception that "
                        f"was silenced as another error was raised in forward: {e}",
                        stacklevel=3,
                    )

    def register_forward_pre_hook(
        self, hook: Callable, *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """``hook(module, args)`` runs before :meth:`forward`; what it returns replaces the
        arguments. With ``with_kwargs``: ``hook(module, args, kwargs)``, which returns ``None``
        or a pair."""
        handle = RemovableHandle(
            self._forward_pre_hooks, extra_dict=self._forward_pre_hooks_with_kwargs
        )
        self._forward_pre_hooks[handle.id] = hook
        if with_kwargs:
            self._forward_pre_hooks_with_kwargs[handle.id] = True
        if prepend:
            self._forward_pre_hooks.move_to_end(handle.id, last=False)
        return handle

    def register_forward_hook(
        self,
        hook: Callable,
        *,
        prepend: bool = False,
        with_kwargs: bool = False,
        always_call: bool = False,
    ) -> RemovableHandle:
        """``hook(module, args, output)`` runs after :meth:`forward`; what it returns replaces
        the output.

        Args:
            hook: the function.
            prepend: run before the hooks registered so far.
            with_kwargs: ``hook(module, args, kwargs, output)``.
            always_call: run even if the forward raises.

        Example:
            >>> import lampas
            >>> from lampas import nn
            >>> m = nn.ReLU()
            >>> handle = m.register_forward_hook(lambda module, args, output: output + 1)
            >>> m(lampas.zeros(2))
            tensor([1., 1.])
        """
        handle = RemovableHandle(
            self._forward_hooks,
            extra_dict=[self._forward_hooks_with_kwargs, self._forward_hooks_always_called],
        )
        self._forward_hooks[handle.id] = hook
        if with_kwargs:
            self._forward_hooks_with_kwargs[handle.id] = True
        if always_call:
            self._forward_hooks_always_called[handle.id] = True
        if prepend:
            self._forward_hooks.move_to_end(handle.id, last=False)
        return handle

    def register_full_backward_pre_hook(
        self, hook: Callable, prepend: bool = False
    ) -> RemovableHandle:
        """``hook(module, grad_output)`` runs before the gradients of the output go through the
        module; what it returns replaces them."""
        handle = RemovableHandle(self._backward_pre_hooks)
        self._backward_pre_hooks[handle.id] = hook
        if prepend:
            self._backward_pre_hooks.move_to_end(handle.id, last=False)
        return handle

    def register_full_backward_hook(
        self, hook: Callable, prepend: bool = False
    ) -> RemovableHandle:
        """``hook(module, grad_input, grad_output)`` runs when the gradients of the module's
        inputs are known; what it returns replaces ``grad_input``."""
        self._take_backward_hooks(full=True)
        handle = RemovableHandle(self._backward_hooks)
        self._backward_hooks[handle.id] = hook
        if prepend:
            self._backward_hooks.move_to_end(handle.id, last=False)
        return handle

    def register_backward_hook(self, hook: Callable) -> RemovableHandle:
        """The old name of :meth:`register_full_backward_hook`, and the same here; a module takes
        hooks under one of the two names only."""
        self._take_backward_hooks(full=False)
        handle = RemovableHandle(self._backward_hooks)
        self._backward_hooks[handle.id] = hook
        return handle

    def _take_backward_hooks(self, full: bool) -> None:
        if self._is_full_backward_hook is (not full):
            raise RuntimeError(
                "Cannot use both regular backward hooks and full backward hooks on a single "
                "Module. Please use only one of them."
            )
        self.__dict__["_is_full_backward_hook"] = full

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """Accepted for programs that compile their modules; the module runs as it is."""

    # ---- copying and printing ---------------------------------------------------------------

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__.copy()

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        for registry in _HOOK_REGISTRIES:
            self.__dict__.setdefault(registry, OrderedDict())
        self.__dict__.setdefault("_non_persistent_buffers_set", set())
        self.__dict__.setdefault("_is_full_backward_hook", None)

    def _replicate_for_data_parallel(self: T) -> T:
        replica = self.__new__(type(self))
        replica.__dict__.update(self.__dict__)
        for registry in ("_parameters", "_buffers", "_modules"):
            replica.__dict__[registry] = dict(self.__dict__[registry])
        return replica

    def _get_name(self) -> str:
        return type(self).__name__

    def extra_repr(self) -> str:
        """What stands between the parentheses when the module is printed."""
        return ""

    def __repr__(self) -> str:
        extra = self.extra_repr()
        lines = extra.split("\n") if extra else []
        children = [
            f"({name}): {_addindent(repr(child), 2)}" for name, child in self._modules.items()
        ]
        if not children and len(lines) <= 1:
            return f"{self._get_name()}({extra})"
        body = "\n  ".join(lines + children)
        return f"{self._get_name()}(\n  {body}\n)"


def _or(value: Any, default: Any) -> Any:
    return default if value is None else value


def _remove_from(name: str, *registries: dict[str, Any]) -> None:
    for members in registries:
        if name in members:
            del members[name]


def _typename(value: Any) -> str:
    cls = value if isinstance(value, type) else type(value)
    return cls.__qualname__ if cls.__module__ == "builtins" else (
        f"{cls.__module__}.{cls.__qualname__}"
    )
