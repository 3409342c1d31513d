"""Checks of data pipes by their type hints, and of their determinism."""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any

from lampas.utils.data.datapipe import IterDataPipe, MapDataPipe

_state = {"runtime": True, "deterministic": False}


def _fits(value: Any, hint: Any) -> bool:
    """Whether a value is of the type that a hint says, as deep as its elements."""
    from lampas.jit import isinstance as is_of

    if hint is inspect.Parameter.empty or hint is Any or isinstance(hint, typing.TypeVar):
        return True
    try:
        return is_of(value, hint)
    except TypeError:  # a hint that says more than can be looked at
        return True


def argument_validation(f: Callable[..., Any]) -> Callable[..., Any]:
    """Decorates a function: arguments that are to be data pipes have to be.

    Raises, when it is called:
        TypeError: another value where the hint says a kind of pipe.

    >>> from lampas.utils.data import IterDataPipe, argument_validation
    >>> @argument_validation
    ... def first(pipe: IterDataPipe):
    ...     return next(iter(pipe))
    >>> first([1])
    Traceback (most recent call last):
    TypeError: Expected argument 'pipe' as a IterDataPipe, but found <class 'list'>
    """
    signature = inspect.signature(f)

    @functools.wraps(f)
    def checked(*args: Any, **kwargs: Any) -> Any:
        bound = signature.bind(*args, **kwargs)
        hints = typing.get_type_hints(f)
        for name, value in bound.arguments.items():
            kind: Any = typing.get_origin(hints.get(name)) or hints.get(name)
            is_pipe = isinstance(kind, type) and issubclass(kind, (IterDataPipe, MapDataPipe))
            if is_pipe and not isinstance(value, kind):
                raise TypeError(
                    f"Expected argument '{name}' as a {kind.__name__}, but found {type(value)}"
                )
        return f(*args, **kwargs)

    return checked


def _element(pipe: type) -> Any:
    """What the class says that its samples are: ``IterDataPipe[int]`` gives int."""
    for base in getattr(pipe, "__orig_bases__", ()):
        origin, args = typing.get_origin(base), typing.get_args(base)
        if isinstance(origin, type) and issubclass(origin, IterDataPipe) and args:
            return args[0]
    return Any


def runtime_validation(f: Callable[..., Any]) -> Callable[..., Any]:
    """Decorates ``__iter__`` of a pipe: samples have to be of the type that its class says.

    Raises, while it runs:
        RuntimeError: another type.

    >>> from lampas.utils.data import IterDataPipe, runtime_validation
    >>> class Numbers(IterDataPipe[int]):
    ...     @runtime_validation
    ...     def __iter__(self):
    ...         yield from (1, "two")
    >>> list(Numbers())
    Traceback (most recent call last):
    RuntimeError: Expected an instance as subtype of <class 'int'>, but found 'two' (<class 'str'>)
    """

    @functools.wraps(f)
    def checked(self: Any) -> Iterator[Any]:
        kind = _element(type(self))
        for sample in f(self):
            if _state["runtime"] and not _fits(sample, kind):
                raise RuntimeError(
                    f"Expected an instance as subtype of {kind}, but found {sample!r} "
                    f"({type(sample)})"
                )
            yield sample

    return checked


class runtime_validation_disabled:
    """Within the ``with`` block samples are not looked at."""

    def __init__(self) -> None:
        self._before = _state["runtime"]
        _state["runtime"] = False

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _state["runtime"] = self._before


class guaranteed_datapipes_determinism:
    """Within the ``with`` block pipes that are not deterministic are refused."""

    def __init__(self) -> None:
        self._before = _state["deterministic"]
        _state["deterministic"] = True

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _state["deterministic"] = self._before


class non_deterministic:
    """Decorates a pipe class whose samples may come in another order each time.

    Args:
        arg: the class; or a function of the arguments that tells whether they are.

    Raises, when a pipe is made within :class:`guaranteed_datapipes_determinism`:
        TypeError: it is not deterministic.

    >>> from lampas.utils.data import (
    ...     IterDataPipe, guaranteed_datapipes_determinism, non_deterministic)
    >>> @non_deterministic
    ... class Shuffled(IterDataPipe):
    ...     pass
    >>> with guaranteed_datapipes_determinism():
    ...     Shuffled()
    Traceback (most recent call last):
    TypeError: Can't instantiate Shuffled, a pipe that is not deterministic, ...
    """

    def __init__(self, arg: type | Callable[..., bool]) -> None:
        self._cls: type | None = None
        self._tells: Callable[..., bool] = lambda *args, **kwargs: True
        if isinstance(arg, type):
            if not issubclass(arg, IterDataPipe):
                raise TypeError(
                    f"Only `IterDataPipe` can be decorated with `non_deterministic`, but "
                    f"{arg.__name__} is found"
                )
            self._cls = arg
        elif callable(arg):
            self._tells = arg
        else:
            raise TypeError(f"{arg} can not be decorated by non_deterministic")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._cls is None:
            if len(args) != 1 or not isinstance(args[0], type) or not issubclass(
                args[0], IterDataPipe
            ):  # fmt: skip
                raise TypeError("Only `IterDataPipe` can be decorated with `non_deterministic`")
            self._cls = args[0]
            return self._make
        return self._make(*args, **kwargs)

    def _make(self, *args: Any, **kwargs: Any) -> Any:
        assert self._cls is not None
        told = self._tells(*args, **kwargs)
        if not isinstance(told, bool):
            raise TypeError(
                "deterministic_fn of `non_deterministic` decorator is required to return a "
                f"boolean value, but {type(told)} is found"
            )
        if _state["deterministic"] and told:
            raise TypeError(
                f"Can't instantiate {self._cls.__name__}, a pipe that is not deterministic, within "
                "guaranteed_datapipes_determinism(). Remedy: make it outside of the block"
            )
        return self._cls(*args, **kwargs)
