"""Events of a profile, and their sums as a table."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from typing import Any


class DeviceType(enum.Enum):
    """Where an event ran."""

    CPU = 0


def _time(us: float, unit: str | None = None) -> str:
    if unit == "s" or (unit is None and us >= 1e6):
        return f"{us / 1e6:.3f}s"
    if unit == "ms" or (unit is None and us >= 1e3):
        return f"{us / 1e3:.3f}ms"
    return f"{us:.3f}us"


def _bytes(n: float) -> str:
    for unit, size in (("GB", 2**30), ("MB", 2**20), ("KB", 2**10)):
        if abs(n) >= size:
            return f"{n / size:.2f} {unit}"
    return f"{int(n)} B"


class Interval:
    """From when to when, in microseconds."""

    def __init__(self, start: float, end: float) -> None:
        self.start, self.end = start, end

    def elapsed_us(self) -> float:
        """How long."""
        return self.end - self.start


class _Times:
    """What single events and sums of them have in common."""

    count: int
    cpu_time_total: float
    self_cpu_time_total: float
    cpu_memory_usage: int
    self_cpu_memory_usage: int

    @property
    def cpu_time(self) -> float:
        """Microseconds of one call, on average."""
        return self.cpu_time_total / self.count if self.count else 0.0

    @property
    def cpu_time_str(self) -> str:
        """`cpu_time` with its unit."""
        return _time(self.cpu_time)

    @property
    def cpu_time_total_str(self) -> str:
        """`cpu_time_total` with its unit."""
        return _time(self.cpu_time_total)

    @property
    def self_cpu_time_total_str(self) -> str:
        """`self_cpu_time_total` with its unit."""
        return _time(self.self_cpu_time_total)


class FunctionEvent(_Times):
    """One call of an operator, or one run of a named block."""

    count = 1
    device_type = DeviceType.CPU

    def __init__(self, name: str, thread: int, parent: FunctionEvent | None) -> None:
        self.name = self.key = name
        self.thread = thread
        self.cpu_parent = parent
        self.cpu_children: list[FunctionEvent] = []
        self.start_ns = self.end_ns = 0
        self.input_shapes: list[Any] = []
        self.stack: list[str] = []
        self.flops = 0
        self.cpu_memory_usage = self.memory_at_start = 0
        self.is_user_annotation = False
        self.note: str | None = None
        self.module_hierarchy = ""

    @property
    def time_range(self) -> Interval:
        """From when to when."""
        return Interval(self.start_ns / 1e3, self.end_ns / 1e3)

    @property
    def cpu_time_total(self) -> float:  # type: ignore[override]
        """Microseconds, with the calls inside."""
        return (self.end_ns - self.start_ns) / 1e3

    @property
    def self_cpu_time_total(self) -> float:  # type: ignore[override]
        """Microseconds without the calls inside."""
        return self.cpu_time_total - sum(c.cpu_time_total for c in self.cpu_children)

    @property
    def self_cpu_memory_usage(self) -> int:  # type: ignore[override]
        """Bytes that were allocated and kept, without the calls inside."""
        return self.cpu_memory_usage - sum(c.cpu_memory_usage for c in self.cpu_children)

    def __repr__(self) -> str:
        return (
            f"<FunctionEvent name={self.name} cpu_time={self.cpu_time_str} "
            f"thread={self.thread} input_shapes={self.input_shapes}>"
        )


class FunctionEventAvg(_Times):
    """The sum of events of one name."""

    device_type = DeviceType.CPU

    def __init__(self, key: str) -> None:
        self.key = key
        self.count = 0
        self.cpu_time_total = self.self_cpu_time_total = 0.0
        self.cpu_memory_usage = self.self_cpu_memory_usage = 0
        self.flops = 0
        self.input_shapes: Any = ""
        self.stack: list[str] = []

    def add(self, event: FunctionEvent | FunctionEventAvg) -> FunctionEventAvg:
        """Adds an event, or another sum."""
        self.count += event.count
        # A block within a block of the same name takes no time of its own.
        self.cpu_time_total += 0 if _inside_itself(event) else event.cpu_time_total
        self.self_cpu_time_total += event.self_cpu_time_total
        self.cpu_memory_usage += event.cpu_memory_usage
        self.self_cpu_memory_usage += event.self_cpu_memory_usage
        self.flops += event.flops
        return self

    def __repr__(self) -> str:
        return (
            f"<FunctionEventAvg key={self.key} self_cpu_time={self.self_cpu_time_total_str} "
            f"cpu_time={self.cpu_time_str} input_shapes={self.input_shapes!s} "
            f"cpu_memory_usage={self.cpu_memory_usage}>"
        )


def _inside_itself(event: Any) -> bool:
    parent = getattr(event, "cpu_parent", None)
    while parent is not None:
        if parent.key == event.key:
            return True
        parent = parent.cpu_parent
    return False


_SORTABLE = (
    "cpu_time", "cpu_time_total", "self_cpu_time_total", "cpu_memory_usage",
    "self_cpu_memory_usage", "count", "flops",
)  # fmt: skip


class EventList(list[Any]):
    """Events, or their sums."""

    def __init__(self, events: Iterable[Any] = (), memory: bool = False) -> None:
        super().__init__(events)
        self._memory = memory

    @property
    def self_cpu_time_total(self) -> float:
        """Microseconds of all, none counted twice."""
        return sum(e.self_cpu_time_total for e in self)

    def key_averages(
        self,
        group_by_input_shapes: bool = False,
        group_by_stack_n: int = 0,
        group_by_overload_name: bool = False,
    ) -> EventList:
        """Sums by name, and if asked for by shapes of inputs and callers.

        Operators have one name for all overloads, so that `group_by_overload_name` groups by name.
        """
        sums: dict[Any, FunctionEventAvg] = {}
        for event in self:
            stack = event.stack[:group_by_stack_n] if group_by_stack_n > 0 else []
            shapes = event.input_shapes if group_by_input_shapes else ""
            key = (event.key, str(shapes), tuple(stack))
            if key not in sums:
                sums[key] = FunctionEventAvg(event.key)
                sums[key].input_shapes, sums[key].stack = shapes, stack
            sums[key].add(event)
        return EventList(sums.values(), self._memory)

    def total_average(self) -> FunctionEventAvg:
        """The sum of all."""
        total = FunctionEventAvg("Total")
        for event in self:
            total.add(event)
        return total

    def table(
        self,
        sort_by: str | None = None,
        row_limit: int = 100,
        max_src_column_width: int = 75,
        max_name_column_width: int = 55,
        max_shapes_column_width: int = 80,
        header: str | None = None,
        top_level_events_only: bool = False,
        time_unit: str | None = None,
    ) -> str:
        """As text.

        Args:
            sort_by: a column, descending: ``cpu_time_total``, ``self_cpu_time_total``,
                ``cpu_time``, ``count``, ``cpu_memory_usage``, ``flops``.
            row_limit: at most so many rows; -1: all.
            max_src_column_width: width of the callers' column.
            max_name_column_width: width of the names' column.
            max_shapes_column_width: width of the shapes' column.
            header: a line above.
            top_level_events_only: leave out events that are inside of others.
            time_unit: ``"s"``, ``"ms"`` or ``"us"``; default: what suits each number.

        Raises:
            AttributeError: an unknown column.
        """
        events: list[Any] = list(self)
        if sort_by is not None:
            wanted = sort_by.replace("cuda", "cpu").replace("device", "cpu")
            if wanted not in _SORTABLE:
                raise AttributeError(
                    f"table(): cannot sort by {sort_by!r}; choose one of {', '.join(_SORTABLE)}"
                )
            events.sort(key=lambda e: getattr(e, wanted), reverse=True)
        if top_level_events_only:
            events = [e for e in events if getattr(e, "cpu_parent", None) is None]
        shown = events if row_limit < 0 else events[:row_limit]
        total = self.self_cpu_time_total
        columns = self._columns(shown, total, time_unit)
        limits = {"Name": max_name_column_width, "Input Shapes": max_shapes_column_width,
                  "Source Location": max_src_column_width}  # fmt: skip
        lines = _render(columns, limits)
        if header:
            lines.insert(0, header)
        return "\n".join([*lines, f"Self CPU time total: {_time(total, time_unit)}", ""])

    def _columns(self, events: list[Any], total: float, unit: str | None) -> dict[str, list[str]]:
        percent = lambda us: f"{100 * us / total:.2f}%" if total else "0.00%"
        columns = {
            "Name": [e.key for e in events],
            "Self CPU %": [percent(e.self_cpu_time_total) for e in events],
            "Self CPU": [_time(e.self_cpu_time_total, unit) for e in events],
            "CPU total %": [percent(e.cpu_time_total) for e in events],
            "CPU total": [_time(e.cpu_time_total, unit) for e in events],
            "CPU time avg": [_time(e.cpu_time, unit) for e in events],
        }
        if self._memory:
            columns["CPU Mem"] = [_bytes(e.cpu_memory_usage) for e in events]
            columns["Self CPU Mem"] = [_bytes(e.self_cpu_memory_usage) for e in events]
        columns["# of Calls"] = [str(e.count) for e in events]
        if any(e.flops for e in events):
            columns["Total MFLOPs"] = [f"{e.flops / 1e6:.3f}" for e in events]
        if any(e.input_shapes for e in events):
            columns["Input Shapes"] = [str(e.input_shapes or "[]") for e in events]
        if any(e.stack for e in events):
            columns["Source Location"] = [e.stack[0] if e.stack else "" for e in events]
        return columns

    def __str__(self) -> str:
        return self.table()


def _render(columns: dict[str, list[str]], limits: dict[str, int]) -> list[str]:
    cut = lambda s, n: s if n <= 0 or len(s) <= n else s[: n - 3] + "..."
    widths = {}
    for name, cells in columns.items():
        cells[:] = [cut(c, limits.get(name, 0)) for c in cells]
        widths[name] = max([len(name), 12, *map(len, cells)])
    rule = "  ".join("-" * w for w in widths.values())
    rows = zip(*columns.values(), strict=True)
    return [
        rule,
        "  ".join(n.rjust(w) for n, w in widths.items()),
        rule,
        *("  ".join(c.rjust(w) for c, w in zip(r, widths.values(), strict=True)) for r in rows),
        rule,
    ]
