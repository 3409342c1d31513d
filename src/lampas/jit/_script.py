"""script, trace and freeze: modules and functions that run as they are."""

from __future__ import annotations

import copy
import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import lampas
from lampas.nn import Module


class ScriptFunction:
    """A function given to :func:`script` or :func:`trace`; calls run it."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        functools.update_wrapper(self, function)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._function(*args, **kwargs)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else functools.partial(self, instance)

    @property
    def name(self) -> str:
        """The function's name."""
        return self._function.__name__

    def __repr__(self) -> str:
        return f"<ScriptFunction {self._function.__qualname__}>"


class ScriptModule(Module):
    """A module given to :func:`script`, or a subclass written as such."""

    @property
    def original_name(self) -> str:
        """The class's name."""
        return type(self).__name__

    def save(self, f: Any, _extra_files: dict[str, Any] | None = None) -> None:
        """:func:`lampas.jit.save`."""
        from lampas.jit._files import save

        save(self, f, _extra_files)


class RecursiveScriptModule(ScriptModule):
    """What :func:`script` and :func:`trace` make of a module; of its class, too."""


@functools.cache
def _script_class(cls: Any) -> Any:
    made: Any = type(cls.__name__, (RecursiveScriptModule, cls), {"__module__": cls.__module__})
    made.__qualname__ = cls.__qualname__
    # Pickles, copies and checkpoints name the program's class, which is what can be found again.
    made.__reduce_ex__ = _reduce
    return made


def _rebuild(cls: type, state: dict[str, Any]) -> Module:
    new: Module = Module.__new__(_script_class(cls))
    new.__dict__.update(state)
    return new


def _reduce(self: Module, protocol: Any) -> Any:
    return _rebuild, (type(self).__bases__[1], dict(self.__dict__))


def _scripted(module: Module, known: dict[int, Module]) -> Module:
    """A module with the same parameters and buffers, whose children are scripted, too."""
    if isinstance(module, ScriptModule):
        return module
    if id(module) in known:
        return known[id(module)]
    kind: Any = type(module)
    new: Module = Module.__new__(_script_class(kind))
    known[id(module)] = new
    for name, value in module.__dict__.items():
        own = name in ("_parameters", "_buffers", "_modules") or name.endswith("_hooks")
        new.__dict__[name] = copy.copy(value) if own else value
    for name, child in module._modules.items():
        if child is not None:
            new._modules[name] = _scripted(child, known)
    return new


def script(
    obj: Any,
    optimize: Any = None,
    _frames_up: int = 0,
    _rcb: Any = None,
    example_inputs: Any = None,
) -> Any:
    """A function or module that computes what `obj` does, as Python.

    A module shares parameters and buffers with the original, and is an instance of its class and
    of :class:`ScriptModule`. Classes are given back as they are.

    Args:
        obj: a function, module, class, list or dictionary.
        example_inputs: a list of argument tuples to call it with once, or by submodule; for types
            in PyTorch, a check here.

    Raises:
        TypeError: something else.

    Example:
        >>> import lampas
        >>> from lampas import nn
        >>> model = lampas.jit.script(nn.Linear(2, 1))
        >>> isinstance(model, lampas.jit.ScriptModule), isinstance(model, nn.Linear)
        (True, True)
    """
    if isinstance(obj, Module):
        result: Any = _scripted(obj, {})
    elif isinstance(obj, (type, ScriptFunction, list, dict)):
        return obj
    elif callable(obj):
        result = ScriptFunction(obj)
    else:
        raise TypeError(
            f"jit.script: expected a function, module or class, got {type(obj).__name__}"
        )
    if isinstance(example_inputs, Mapping):
        for module, calls in example_inputs.items():
            for args in calls:
                module(*args)
    elif example_inputs:
        for args in example_inputs:
            result(*args)
    return result


def _arguments(example: Any) -> tuple[Any, ...]:
    if isinstance(example, tuple):
        return example
    return tuple(example) if isinstance(example, list) else (example,)


def trace(
    func: Any,
    example_inputs: Any = None,
    optimize: Any = None,
    check_trace: bool = True,
    check_inputs: Sequence[Any] | None = None,
    check_tolerance: float = 1e-5,
    strict: bool = True,
    _force_outplace: bool = False,
    _module_class: Any = None,
    _compilation_unit: Any = None,
    example_kwarg_inputs: dict[str, Any] | None = None,
    _store_inputs: bool = True,
) -> Any:
    """As :func:`script`, after one call with example inputs.

    What runs later is the original, not a record of this call: shapes may differ, and control
    flow goes on depending on the data.

    Args:
        func: a function or module.
        example_inputs: a tuple of arguments, or one tensor.
        check_trace: whether to call with `check_inputs`, too.
        check_inputs: more arguments to try.
        check_tolerance: has nothing to check: both sides would be the same program.
        strict: containers may be returned in either case.
        example_kwarg_inputs: keyword arguments instead of `example_inputs`.

    Raises:
        RuntimeError: no example inputs, or both kinds.

    Example:
        >>> import lampas
        >>> double = lampas.jit.trace(lambda x: x * 2, lampas.ones(1))
        >>> double(lampas.tensor([4.0]))
        tensor([8.])
    """
    if (example_inputs is None) == (example_kwarg_inputs is None):
        raise RuntimeError(
            "jit.trace: give either example_inputs or example_kwarg_inputs: "
            "jit.trace(model, (x,)) or jit.trace(model, example_kwarg_inputs={'x': x})"
        )
    result = script(func)
    with lampas.no_grad():
        if example_kwarg_inputs is not None:
            result(**example_kwarg_inputs)
        else:
            result(*_arguments(example_inputs))
        for args in check_inputs or () if check_trace else ():
            result(*_arguments(args))
    return result


def trace_module(mod: Module, inputs: dict[str, Any], **options: Any) -> Any:
    """As :func:`trace`, with example inputs for several methods by name.

    Args:
        mod: a module.
        inputs: arguments by name of method.
        options: as for :func:`trace`.

    Raises:
        AttributeError: no such method.
    """
    unknown = set(options) - set(inspect.signature(trace).parameters)
    if unknown:
        raise TypeError(f"trace_module() got an unexpected keyword argument {sorted(unknown)[0]!r}")
    result = script(mod)
    with lampas.no_grad():
        for name, args in inputs.items():
            getattr(result, name)(*_arguments(args))
    return result


def freeze(
    mod: Module, preserved_attrs: list[str] | None = None, optimize_numerics: bool = True
) -> Module:
    """A copy of a module in evaluation mode as it is now; it has no parameters to train.

    Args:
        mod: a scripted module in evaluation mode.
        preserved_attrs: names of attributes to keep; all are.
        optimize_numerics: numbers stay as they are in either case.

    Raises:
        RuntimeError: not scripted, or in training mode.
    """
    if not isinstance(mod, ScriptModule):
        raise RuntimeError(
            "Freezing expects a ScriptModule as input. Please use torch.jit.script or "
            "torch.jit.trace to script your 'nn.Module'."
        )
    if mod.training:
        raise RuntimeError(
            "Freezing is currently only implemented for modules in eval mode. Please call .eval() "
            "on your module before freezing."
        )
    for name in preserved_attrs or ():
        if not hasattr(mod, name):
            raise RuntimeError(f"jit.freeze: the module has no attribute {name!r} to preserve")
    new = copy.deepcopy(mod)
    for module in new.modules():
        for name, value in list(module._parameters.items()):
            del module._parameters[name]
            # A constant is an attribute, no part of the state.
            object.__setattr__(module, name, None if value is None else value.detach())
    return new


def optimize_for_inference(mod: Module, other_methods: list[str] | None = None) -> Module:
    """As :func:`freeze`; a module that is frozen already is given back.

    Args:
        mod: a scripted module in evaluation mode.
        other_methods: names of methods that are called besides ``forward``.
    """
    if isinstance(mod, ScriptModule) and not any(True for _ in mod.parameters()):
        return mod
    return freeze(mod.eval(), other_methods)
