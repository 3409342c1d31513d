"""The timer of statements."""

from __future__ import annotations

import time
import timeit
from collections.abc import Callable
from typing import Any

from lampas import _C
from lampas.utils.benchmark._measurement import Measurement, TaskSpec


class Timer:
    """Measures how long a statement takes.

    Args:
        stmt: Python's source.
        setup: is run once before, within the same names.
        global_setup: has to be empty; it is for C++.
        timer: gives seconds.
        globals: names that the statement uses; those of an empty program and ``torch`` by default.
        label: what is measured, for tables: rows of one label stand in one.
        sub_label: the row.
        description: the column.
        env: where.
        num_threads: threads that operators use.
        language: only ``"python"``.

    Raises:
        ValueError: another language, or a `global_setup`.

    >>> timer = Timer("sum(x)", globals={"x": [1, 2]}, label="sum")
    >>> m = timer.timeit(5)
    >>> m.number_per_run, m.title
    (5, 'sum')
    """

    def __init__(
        self,
        stmt: str = "pass",
        setup: str = "pass",
        global_setup: str = "",
        timer: Callable[[], float] = time.perf_counter,
        globals: dict[str, Any] | None = None,
        label: str | None = None,
        sub_label: str | None = None,
        description: str | None = None,
        env: str | None = None,
        num_threads: int = 1,
        language: Any = "python",
    ) -> None:
        if str(getattr(language, "name", language)).lower() not in ("python", "py"):
            raise ValueError(f"Timer: only statements of Python are measured, not of {language}")
        if global_setup:
            raise ValueError("Timer: global_setup is for C++; use setup")
        if not isinstance(stmt, str) or not isinstance(setup, str):
            raise ValueError("Currently only a `str` stmt and setup are supported.")
        import textwrap

        stmt, setup = textwrap.dedent(stmt).strip("\n"), textwrap.dedent(setup).strip("\n")
        names = dict(globals or {})
        if "torch" not in names:
            import lampas

            names["torch"] = lampas
        self._timer = timeit.Timer(stmt=stmt, setup=setup, timer=timer, globals=names)
        self._task_spec = TaskSpec(
            stmt, setup, "", label, sub_label, description, env, num_threads
        )  # fmt: skip

    def _seconds(self, number: int) -> float:
        return max(self._timer.timeit(number), 1e-9)

    def _measured(self, run: Callable[[], tuple[int, list[float]]]) -> Measurement:
        before: int = _C.get_num_threads()
        _C.set_num_threads(self._task_spec.num_threads)
        try:
            number, times = run()
        finally:
            _C.set_num_threads(before)
        return Measurement(number, times, self._task_spec)

    def timeit(self, number: int = 1000000) -> Measurement:
        """Runs the statement that often, after a hundredth of that to warm up."""

        def run() -> tuple[int, list[float]]:
            self._seconds(max(number // 100, 2))
            return number, [self._seconds(number)]

        return self._measured(run)

    def _block(self, min_run_time: float) -> int:
        """How many runs take long enough for the clock, and a thousandth of the time at least."""
        number = 1
        while True:
            taken = self._seconds(number)
            if taken >= min(max(min_run_time / 1000, 1e-4), 0.1) or number >= 10**9:
                return number
            number *= 10

    def blocked_autorange(
        self,
        callback: Callable[[int, float], Any] | None = None,
        min_run_time: float = 0.2,
    ) -> Measurement:
        """Runs blocks of the statement until `min_run_time` seconds are filled.

        Args:
            callback: is called with the number of runs and the time of each block.
            min_run_time: seconds.
        """

        def run() -> tuple[int, list[float]]:
            number = self._block(min_run_time)
            times: list[float] = []
            while not times or sum(times) < min_run_time:
                times.append(self._seconds(number))
                if callback is not None:
                    callback(number, times[-1])
            return number, times

        return self._measured(run)

    def adaptive_autorange(
        self,
        threshold: float = 0.1,
        *,
        min_run_time: float = 0.01,
        max_run_time: float = 10.0,
        callback: Callable[[int, float], Any] | None = None,
    ) -> Measurement:
        """Runs blocks of the statement until their times agree.

        Args:
            threshold: how far the quarters of the times may lie apart, over their median.
            min_run_time: seconds that it takes at least.
            max_run_time: seconds after which it ends in any case.
            callback: is called with the number of runs and the time of each block.
        """

        def run() -> tuple[int, list[float]]:
            number = self._block(min_run_time)
            times: list[float] = []
            while True:
                times.append(self._seconds(number))
                if callback is not None:
                    callback(number, times[-1])
                total = sum(times)
                agree = len(times) >= 4 and Measurement(
                    number, times, self._task_spec
                ).meets_confidence(threshold)
                if total >= max_run_time or (total >= min_run_time and agree):
                    return number, times

        return self._measured(run)
