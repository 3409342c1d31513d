"""The words that TorchScript adds to Python. In Python they mean little, as in PyTorch."""

from __future__ import annotations

import builtins
import contextlib
import types
import typing
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

from lampas.futures import Future


class Error(RuntimeError):
    """An error of a scripted program."""


class Attribute(NamedTuple):
    """A value with the type it is meant to have."""

    value: Any
    type: Any


def annotate(the_type: Any, the_value: Any) -> Any:
    """The value; the type is for readers.

    Example:
        >>> import lampas
        >>> lampas.jit.annotate(list[int], [])
        []
    """
    return the_value


def export(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Marks a method to be kept; all are."""
    return fn


def ignore(drop: Any = False, **kwargs: Any) -> Any:
    """Marks a function as plain Python, which all are.

    Args:
        drop: the function, or whether calls may be dropped.
    """
    return drop if callable(drop) else lambda fn: fn


def unused(fn: Any) -> Any:
    """Marks a method that a scripted program does not call."""
    return fn


def interface(obj: type) -> type:
    """Marks a class as an interface.

    Raises:
        RuntimeError: not a class.
    """
    if not builtins.isinstance(obj, type):
        raise RuntimeError(f"interface must be applied to a class, not {type(obj).__name__}")
    return obj


def script_method(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Marks a method of a :class:`ScriptModule`."""
    return fn


def script_if_tracing(fn: Callable[..., Any]) -> Callable[..., Any]:
    """The function: nothing is ever traced."""
    return fn


def is_scripting() -> bool:
    """Whether the code runs translated: never, it runs as Python."""
    return False


def is_tracing() -> bool:
    """Whether calls are recorded to be translated: never."""
    return False


def isinstance(obj: Any, target_type: Any) -> bool:
    """Whether a value is of a type, ``list[int]`` and ``Optional[str]`` among them.

    Example:
        >>> import lampas
        >>> lampas.jit.isinstance([1, 2], list[int]), lampas.jit.isinstance(["a"], list[int])
        (True, False)
    """
    if builtins.isinstance(target_type, tuple):
        return any(isinstance(obj, t) for t in target_type)
    origin, args = typing.get_origin(target_type), typing.get_args(target_type)
    if target_type is None:
        return obj is None
    if target_type is Any:
        return True
    if origin is None:
        return builtins.isinstance(obj, target_type)
    if origin is typing.Union or origin is getattr(types, "UnionType", None):
        return any(isinstance(obj, t) for t in args)
    if not builtins.isinstance(obj, origin):
        return False
    if origin is dict:
        return all(isinstance(k, args[0]) and isinstance(v, args[1]) for k, v in obj.items())
    if origin is tuple and not (len(args) == 2 and args[1] is ...):
        return len(obj) == len(args) and all(
            isinstance(v, t) for v, t in zip(obj, args, strict=True)
        )
    return all(isinstance(v, args[0]) for v in obj)


def fork(func: Callable[..., Any], *args: Any, **kwargs: Any) -> Future[Any]:
    """Calls a function, at once, as PyTorch does outside of scripts; :func:`wait` gives its result.

    Example:
        >>> import lampas
        >>> lampas.jit.wait(lampas.jit.fork(max, 1, 2))
        2
    """
    future: Future[Any] = Future()
    future.set_result(func(*args, **kwargs))
    return future


def wait(future: Future[Any]) -> Any:
    """The result of a :func:`fork`."""
    return future.wait()


@contextlib.contextmanager
def optimized_execution(should_optimize: bool) -> Iterator[None]:
    """A block that runs as any other: there is no optimizer of scripts to switch."""
    yield


__all__ = [
    "Attribute", "Error", "Final", "Future", "annotate", "export", "fork", "ignore", "interface",
    "is_scripting", "is_tracing", "isinstance", "optimized_execution", "script_if_tracing",
    "script_method", "unused", "wait",
]  # fmt: skip
