"""The older interface of the profiler; see :mod:`lampas.profiler`."""

from __future__ import annotations

from typing import Any

from lampas.profiler import EventList, FunctionEvent, FunctionEventAvg, record_function
from lampas.profiler import profile as _profile

__all__ = ["EventList", "FunctionEvent", "FunctionEventAvg", "profile", "record_function"]


class profile:
    """Notes the operators that run within the ``with`` block, and how long they take.

    Args:
        enabled: whether to do anything.
        record_shapes: note the shapes of inputs.
        with_flops: count operations of matrix products and convolutions.
        profile_memory: note how much memory each call allocates and keeps.
        with_stack: note the callers.

    Example:
        >>> import lampas
        >>> from lampas.autograd import profiler
        >>> with profiler.profile() as prof:
        ...     _ = lampas.ones(2).exp()
        >>> [e.name for e in prof.function_events]
        ['aten::ones', 'aten::exp']
    """

    def __init__(
        self,
        enabled: bool = True,
        *,
        record_shapes: bool = False,
        with_flops: bool = False,
        profile_memory: bool = False,
        with_stack: bool = False,
    ) -> None:
        self.enabled = enabled
        self._profile = _profile(
            record_shapes=record_shapes, with_flops=with_flops, profile_memory=profile_memory,
            with_stack=with_stack,
        )  # fmt: skip

    def __enter__(self) -> profile:
        if self.enabled:
            self._profile.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.enabled:
            self._profile.stop()

    @property
    def function_events(self) -> EventList:
        """All events, by when they began."""
        return self._profile.events()

    def key_averages(self, *args: Any, **kwargs: Any) -> EventList:
        """Sums by name."""
        return self._profile.key_averages(*args, **kwargs)

    def table(self, *args: Any, **kwargs: Any) -> str:
        """All events as text."""
        return self._profile.events().table(*args, **kwargs)

    def total_average(self) -> FunctionEventAvg:
        """The sum of all."""
        return self._profile.events().total_average()

    @property
    def self_cpu_time_total(self) -> float:
        """Microseconds of all, none counted twice."""
        return self._profile.events().self_cpu_time_total

    def export_chrome_trace(self, path: str) -> None:
        """Writes a trace for chrome://tracing."""
        self._profile.export_chrome_trace(path)
