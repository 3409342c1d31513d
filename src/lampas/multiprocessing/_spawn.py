"""Several processes that run one function, watched together."""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any


class ProcessException(Exception):
    """A process that failed."""

    def __init__(self, msg: str, error_index: int, pid: int) -> None:
        super().__init__(msg)
        self.msg, self.error_index, self.pid = msg, error_index, pid

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.msg, self.error_index, self.pid)


class ProcessRaisedException(ProcessException):
    """A process whose function raised."""


class ProcessExitedException(ProcessException):
    """A process that ended by a signal or with a status."""

    def __init__(
        self, msg: str, error_index: int, error_pid: int, exit_code: int,
        signal_name: str | None = None,
    ) -> None:  # fmt: skip
        super().__init__(msg, error_index, error_pid)
        self.exit_code, self.signal_name = exit_code, signal_name

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.msg, self.error_index, self.pid, self.exit_code, self.signal_name)


def _run(function: Callable[..., Any], index: int, args: tuple[Any, ...], report: str) -> None:
    try:
        function(index, *args)
    except KeyboardInterrupt:
        pass  # the parent got it, too
    except Exception:
        import traceback

        with open(report, "w", encoding="utf-8") as file:
            file.write(traceback.format_exc())
        sys.exit(1)


class ProcessContext:
    """Processes started together by :func:`start_processes`."""

    def __init__(self, processes: list[Any], reports: list[str]) -> None:
        self.processes, self._reports = processes, reports
        self.sentinels = {p.sentinel: i for i, p in enumerate(processes)}

    def pids(self) -> list[int]:
        """Their numbers."""
        return [p.pid for p in self.processes]

    def join(self, timeout: float | None = None, grace_period: float | None = None) -> bool:
        """Waits for the next ones to end; whether all have.

        Args:
            timeout: seconds to wait at most.
            grace_period: seconds that the others get to end by themselves where one fails.

        Raises:
            ProcessRaisedException: a function raised; its traceback is in the text.
            ProcessExitedException: a process ended otherwise.
        """
        if not self.sentinels:
            return True
        ready = multiprocessing.connection.wait(list(self.sentinels), timeout=timeout)
        failed = None
        for sentinel in ready:
            index = self.sentinels.pop(sentinel)
            self.processes[index].join()
            if self.processes[index].exitcode != 0 and failed is None:
                failed = index
        if failed is None:
            self._tidy()
            return not self.sentinels
        self._end_others(grace_period)
        try:
            self._raise(failed)
        finally:
            self.sentinels.clear()
            self._tidy()
        return True

    def _end_others(self, grace_period: float | None) -> None:
        until = time.monotonic() + (grace_period or 0)
        for p in self.processes:
            p.join(max(0.0, until - time.monotonic()))
        for p in self.processes:
            if p.is_alive():
                p.terminate()
        for p in self.processes:
            p.join(30)
            if p.is_alive():
                p.kill()
                p.join()

    def _tidy(self) -> None:
        if not self.sentinels:
            for name in self._reports:
                if os.path.exists(name):
                    os.unlink(name)

    def _raise(self, index: int) -> None:
        process, code = self.processes[index], self.processes[index].exitcode
        with open(self._reports[index], encoding="utf-8") as file:
            trace = file.read()
        if trace:
            text = f"\n\n-- Process {index} terminated with the following error:\n{trace}"
            raise ProcessRaisedException(text, index, process.pid)
        if code < 0:
            try:
                name = signal.Signals(-code).name
            except ValueError:
                name = f"<Unknown signal {-code}>"
            raise ProcessExitedException(
                f"process {index} terminated with signal {name}", index, process.pid, code, name
            )
        raise ProcessExitedException(
            f"process {index} terminated with exit code {code}", index, process.pid, code
        )


SpawnContext = ProcessContext


def start_processes(
    fn: Callable[..., Any],
    args: tuple[Any, ...] = (),
    nprocs: int = 1,
    join: bool = True,
    daemon: bool = False,
    start_method: str = "spawn",
) -> ProcessContext | None:
    """Runs ``fn(i, *args)`` in processes 0 to ``nprocs - 1``.

    Args:
        fn: a function at the top of a module.
        args: its arguments after the process's number.
        nprocs: how many processes.
        join: wait for all; else give a :class:`ProcessContext`.
        daemon: whether the processes end with this one.
        start_method: ``"spawn"``, ``"fork"`` or ``"forkserver"``.

    Raises:
        ProcessRaisedException: `fn` raised in one of them; the others are ended.
        ProcessExitedException: one of them ended otherwise.
    """
    made = multiprocessing.get_context(start_method)
    processes, reports = [], []
    for i in range(nprocs):
        descriptor, report = tempfile.mkstemp(prefix="lampas-process-")
        os.close(descriptor)
        process = made.Process(target=_run, args=(fn, i, args, report), daemon=daemon)  # type: ignore[attr-defined]
        process.start()
        processes.append(process)
        reports.append(report)
    context = ProcessContext(processes, reports)
    if not join:
        return context
    while not context.join():
        pass
    return None


def spawn(
    fn: Callable[..., Any],
    args: tuple[Any, ...] = (),
    nprocs: int = 1,
    join: bool = True,
    daemon: bool = False,
    start_method: str = "spawn",
) -> ProcessContext | None:
    """As :func:`start_processes`, each process a fresh interpreter."""
    return start_processes(fn, args, nprocs, join, daemon, start_method)
