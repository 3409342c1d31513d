"""What a timer gives: times of runs, and what they say together."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class TaskSpec:
    """What was measured."""

    stmt: str
    setup: str = "pass"
    global_setup: str = ""
    label: str | None = None
    sub_label: str | None = None
    description: str | None = None
    env: str | None = None
    num_threads: int = 1

    @property
    def title(self) -> str:
        """Label and sub-label, or the statement."""
        if self.label is not None:
            return self.label + (f": {self.sub_label}" if self.sub_label else "")
        if "\n" not in self.stmt:
            return self.stmt + (f": {self.sub_label}" if self.sub_label else "")
        return f"stmt:{f' ({self.sub_label})' if self.sub_label else ''}\n{self.stmt}"


def select_unit(t: float) -> tuple[str, float]:
    """The name of a unit that fits a time, and its seconds.

    >>> select_unit(2e-6)
    ('us', 1e-06)
    """
    for name, seconds in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if t >= seconds:
            return name, seconds
    return "ns", 1e-9


@dataclass
class Measurement:
    """Times of a statement, in seconds.

    Args:
        number_per_run: how often the statement ran for each raw time.
        raw_times: times of these runs together.
        task_spec: what was measured.
        metadata: anything that belongs to it.

    >>> m = Measurement(10, [1e-3, 1.2e-3, 1.1e-3], TaskSpec("x + y"))
    >>> round(m.median * 1e6), len(m.times)
    (110, 3)
    """

    number_per_run: int
    raw_times: list[float]
    task_spec: TaskSpec
    metadata: dict[Any, Any] | None = field(default=None)

    @property
    def times(self) -> list[float]:
        """Time of one statement, for each raw time."""
        return [t / self.number_per_run for t in self.raw_times]

    def _known(self) -> list[float]:
        if not self.raw_times:
            raise RuntimeError("Measurement: there are no times")
        return sorted(self.times)

    @property
    def median(self) -> float:
        """The time in the middle."""
        return statistics.median(self._known())

    @property
    def mean(self) -> float:
        """The average time."""
        return statistics.fmean(self._known())

    @property
    def iqr(self) -> float:
        """How far the quarters of the times lie apart: from the 25th to the 75th percentile."""
        import numpy as np

        low, high = np.quantile(self._known(), [0.25, 0.75])
        return float(high - low)

    @property
    def has_warnings(self) -> bool:
        """Whether the times vary by more than a tenth."""
        return self.iqr / self.median > 0.1

    def meets_confidence(self, threshold: float = 0.05) -> bool:
        """Whether the times vary by less than `threshold` of their median."""
        return self.iqr / self.median < threshold

    @property
    def title(self) -> str:
        """What was measured, in words."""
        return self.task_spec.title

    @property
    def env(self) -> str:
        """Where it was measured."""
        return self.task_spec.env or "Unspecified env"

    @property
    def as_row_name(self) -> str:
        """Its name in a table."""
        return self.task_spec.sub_label or self.task_spec.stmt or "[Unknown]"

    @staticmethod
    def merge(measurements: Iterable[Measurement]) -> list[Measurement]:
        """One measurement for all of the same task and number of runs."""
        groups: dict[Any, Measurement] = {}
        for m in measurements:
            key = (m.task_spec, m.number_per_run)
            if key in groups:
                groups[key].raw_times.extend(m.raw_times)
            else:
                groups[key] = Measurement(m.number_per_run, list(m.raw_times), m.task_spec)
        return list(groups.values())

    def __repr__(self) -> str:
        unit, scale = select_unit(self.median)
        lines = [f"<{type(self).__module__.rpartition('.')[0]}.Measurement>", self.title]
        if self.task_spec.description:
            lines.append(self.task_spec.description)
        if self.task_spec.setup != "pass":
            lines.append(f"setup: {self.task_spec.setup}")
        runs, threads = len(self.raw_times), self.task_spec.num_threads
        if runs > 1:
            lines.append(f"  Median: {self.median / scale:.2f} {unit}")
            lines.append(f"  IQR:    {self.iqr / scale:.2f} {unit}")
        else:
            lines.append(f"  {self.median / scale:.2f} {unit}")
        lines.append(
            f"  {runs} measurement{'s' if runs > 1 else ''}, {self.number_per_run} runs "
            f"{'per measurement' if runs > 1 else ''}, {threads} "
            f"thread{'s' if threads > 1 else ''}"
        )
        if runs > 1 and self.has_warnings:
            lines.append(
                "  WARNING: the times vary by more than a tenth; something else is running"
            )
        return "\n".join(lines)
