"""What a program's time goes to: operators, backward passes and named blocks, as table or trace.

Example:
    >>> import lampas
    >>> from lampas.profiler import profile, record_function
    >>> with profile() as prof:
    ...     with record_function("forward"):
    ...         _ = lampas.ones(8, 8) @ lampas.ones(8, 8)
    >>> sorted(e.key for e in prof.key_averages())
    ['aten::matmul', 'aten::ones', 'forward']
"""

from __future__ import annotations

from lampas.profiler._events import DeviceType, EventList, FunctionEvent, FunctionEventAvg
from lampas.profiler._profile import (
    ProfilerAction,
    ProfilerActivity,
    kineto_available,
    profile,
    schedule,
    supported_activities,
    tensorboard_trace_handler,
)
from lampas.profiler._record import record_function

__all__ = [
    "profile", "schedule", "supported_activities", "tensorboard_trace_handler", "ProfilerAction",
    "ProfilerActivity", "DeviceType", "kineto_available", "record_function", "EventList",
    "FunctionEvent", "FunctionEventAvg",
]  # fmt: skip
