"""Switches for recording gradients: context managers that are decorators too."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from lampas import _C

F = TypeVar("F", bound=Callable[..., Any])


class _Mode:
    """Sets something on entry and sets it back on exit."""

    def _set(self) -> Any:
        raise TypeError("a mode must say what it sets")

    def _reset(self, before: Any) -> None:
        _C._set_grad_enabled(before)

    def __enter__(self) -> None:
        # A stack: the same object may be entered again inside itself.
        self.__dict__.setdefault("_before", []).append(self._set())

    def __exit__(self, *_: object) -> None:
        self._reset(self._before.pop())  # type: ignore[attr-defined]

    def _fresh(self) -> _Mode:
        return type(self)()

    def __call__(self, func: F) -> F:
        import inspect

        if inspect.isgeneratorfunction(func):
            return _wrap_generator(self, func)

        @functools.wraps(func)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            with self._fresh():
                return func(*args, **kwargs)

        return wrapper  # type: ignore[return-value]


def _wrap_generator(mode: _Mode, func: Any) -> Any:
    # The mode holds while the generator runs, not while its caller does.
    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        generator = func(*args, **kwargs)
        send: Any = None
        try:
            while True:
                with mode._fresh():
                    item = generator.send(send)
                send = yield item
        except StopIteration as stop:
            return stop.value
        finally:
            generator.close()

    return wrapper


class _PlainMode(_Mode):
    """Also usable as `@no_grad` without parentheses."""

    def __new__(cls, orig_func: Any = None) -> Any:
        self = super().__new__(cls)
        return self if orig_func is None else self(orig_func)


class no_grad(_PlainMode):
    """Computes without recording gradients.

    >>> import lampas
    >>> x = lampas.ones(2, requires_grad=True)
    >>> with lampas.no_grad():
    ...     y = x * 2
    >>> y.requires_grad
    False
    """

    def _set(self) -> bool:
        return _C._set_grad_enabled(False)


class enable_grad(_PlainMode):
    """Records gradients, also inside no_grad."""

    def _set(self) -> bool:
        return _C._set_grad_enabled(True)


class set_grad_enabled(_Mode):
    """Switches recording on or off, at once or for a `with` block."""

    def __init__(self, mode: bool) -> None:
        self.mode = bool(mode)
        self._before = [_C._set_grad_enabled(self.mode)]
        self._entered = False

    def __enter__(self) -> None:
        if self._entered:
            self._before.append(_C._set_grad_enabled(self.mode))
        self._entered = True

    def _set(self) -> bool:
        return _C._set_grad_enabled(self.mode)

    def __call__(self, func: F) -> F:
        self._reset(self._before.pop())
        return super().__call__(func)

    def _fresh(self) -> set_grad_enabled:
        return type(self)(self.mode)


class inference_mode(_Mode):
    """Like no_grad, and its results can never enter a graph: they skip version counting."""

    def __new__(cls, mode: Any = True) -> Any:
        self = super().__new__(cls)
        if callable(mode) and not isinstance(mode, bool):
            self.__init__(True)  # type: ignore[misc]
            return self(mode)
        return self

    def __init__(self, mode: bool = True) -> None:
        self.mode = bool(mode)

    def _set(self) -> tuple[bool, bool]:
        return _C._set_inference_mode(self.mode), _C._set_grad_enabled(not self.mode)

    def _reset(self, before: tuple[bool, bool]) -> None:
        _C._set_inference_mode(before[0])
        _C._set_grad_enabled(before[1])

    def _fresh(self) -> inference_mode:
        return type(self)(self.mode)


class set_multithreading_enabled(_Mode):
    """Accepted for PyTorch's sake: the backward pass runs on the calling thread."""

    def __init__(self, mode: bool = True) -> None:
        self.mode = mode

    def _set(self) -> bool:
        return _C.is_grad_enabled()

    def _fresh(self) -> set_multithreading_enabled:
        return type(self)(self.mode)
