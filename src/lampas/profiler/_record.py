"""Collecting what runs: the observer of operators, and named blocks."""

from __future__ import annotations

import functools
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lampas import _C
from lampas._tensor import Tensor
from lampas.profiler._events import FunctionEvent
from lampas.profiler._flops import flops_of


@dataclass
class Options:
    """What is noted of each event besides its time."""

    shapes: bool = False
    memory: bool = False
    stack: bool = False
    flops: bool = False
    modules: bool = False


class Recorder:
    """Notes events while it is on; there is one at a time."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.events: list[FunctionEvent] = []
        self._local = threading.local()
        self._backward: Any = None

    # ---- switching ------------------------------------------------------------------------------
    def start(self) -> None:
        """Begins to look on.

        Raises:
            RuntimeError: another profiler does so already.
        """
        global _current
        if _current is not None:
            raise RuntimeError("Profiler is already enabled on this thread; one can run at a time")
        _current = self
        _C._set_observer(self._before, self._after)
        # Backward passes run within the core; they are noted as a whole.
        self._backward = _C._backward
        _C._backward = self._timed_backward

    def stop(self) -> None:
        """Stops looking on."""
        global _current
        if _current is self:
            _C._set_observer(None, None)
            _C._backward = self._backward
            _current = None

    def _timed_backward(self, *args: Any, **kwargs: Any) -> Any:
        self.begin("autograd::engine::execute")
        try:
            return self._backward(*args, **kwargs)
        finally:
            self.end()

    # ---- events ---------------------------------------------------------------------------------
    def _open(self) -> list[FunctionEvent]:
        try:
            return self._local.stack
        except AttributeError:
            self._local.stack = []
            return self._local.stack

    def _before(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        event = self.begin(f"aten::{name}")
        if self.options.shapes:
            event.input_shapes = [_shape(a) for a in (*args, *kwargs.values())]
        if self.options.flops:
            event.flops = flops_of(name, args, kwargs)

    def _after(self, name: str) -> None:
        self.end()

    def begin(self, name: str, user: bool = False) -> FunctionEvent:
        """An event begins."""
        stack = self._open()
        event = FunctionEvent(name, threading.get_native_id(), stack[-1] if stack else None)
        event.is_user_annotation = user
        if self.options.stack:
            event.stack = _callers()
        if self.options.modules:
            event.module_hierarchy = _modules()
        if self.options.memory:
            event.memory_at_start = _memory()
        stack.append(event)
        event.start_ns = time.perf_counter_ns()
        return event

    def end(self) -> None:
        """The innermost event ends."""
        now = time.perf_counter_ns()
        stack = self._open()
        if not stack:
            return  # it began before this recorder looked on
        event = stack.pop()
        event.end_ns = now
        if self.options.memory:
            event.cpu_memory_usage = _memory() - event.memory_at_start
        if event.cpu_parent is not None:
            event.cpu_parent.cpu_children.append(event)
        self.events.append(event)


_current: Recorder | None = None


def current() -> Recorder | None:
    """The recorder that looks on."""
    return _current


def _shape(value: Any) -> Any:
    if isinstance(value, Tensor):
        return list(value.shape)
    if isinstance(value, (list, tuple)) and value and isinstance(value[0], Tensor):
        return [list(v.shape) for v in value]
    return []


def _memory() -> int:
    return int(_C.memory_stats()["allocated"])


def _modules() -> str:
    """The modules whose forward is running, outermost first: 'Net.Sequential.Linear'."""
    from lampas.nn import Module

    frame: Any = sys._getframe(2)
    found = []
    while frame is not None:
        owner = frame.f_locals.get("self") if frame.f_code.co_name == "forward" else None
        if isinstance(owner, Module):
            found.append(type(owner).__name__)
        frame = frame.f_back
    return ".".join(reversed(found))


def _callers() -> list[str]:
    frame: Any = sys._getframe(2)
    found = []
    while frame is not None:
        code = frame.f_code
        if "/lampas/profiler/" not in code.co_filename:
            found.append(f"{code.co_filename}({frame.f_lineno}): {code.co_name}")
        frame = frame.f_back
    return found


class record_function:
    """Gives a block, or a decorated function, a name in profiles.

    Args:
        name: what the table and the trace show.
        args: a text that the trace shows beside it.

    Example:
        >>> from lampas.profiler import record_function
        >>> with record_function("load"):
        ...     pass
    """

    def __init__(self, name: str, args: str | None = None) -> None:
        self.name, self.args = name, args
        self._recorder: Recorder | None = None

    def __enter__(self) -> record_function:
        self._recorder = _current
        if self._recorder is not None:
            event = self._recorder.begin(self.name, user=True)
            event.note = self.args
        return self

    def __exit__(self, *_: object) -> None:
        if self._recorder is not None:
            self._recorder.end()
            self._recorder = None

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with record_function(self.name, self.args):
                return function(*args, **kwargs)

        return wrapped
