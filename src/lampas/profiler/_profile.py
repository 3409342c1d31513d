"""The profiler, its schedule and its trace."""

from __future__ import annotations

import contextlib
import enum
import json
import os
import time
from collections.abc import Callable, Iterable
from typing import Any

from lampas.profiler._events import EventList
from lampas.profiler._record import Options, Recorder, record_function


class ProfilerActivity(enum.Enum):
    """What to look at. Lampas runs on the CPU, so that is what there is to see."""

    CPU = 0
    XPU = 1
    MTIA = 2
    CUDA = 3
    HPU = 4
    PrivateUse1 = 5


class ProfilerAction(enum.Enum):
    """What to do in a step."""

    NONE = 0
    WARMUP = 1
    RECORD = 2
    RECORD_AND_SAVE = 3


def kineto_available() -> bool:
    """Whether PyTorch's tracing library is there: Lampas has its own."""
    return False


def supported_activities() -> set[ProfilerActivity]:
    """The activities that can be looked at.

    Example:
        >>> import lampas
        >>> lampas.profiler.supported_activities()
        {<ProfilerActivity.CPU: 0>}
    """
    return {ProfilerActivity.CPU}


def schedule(
    *,
    wait: int,
    warmup: int,
    active: int,
    repeat: int = 0,
    skip_first: int = 0,
    skip_first_wait: int = 0,
) -> Callable[[int], ProfilerAction]:
    """What to do in which step: skip, then again and again wait, warm up and record.

    Args:
        wait: steps of each cycle to pass over.
        warmup: steps to run the profiler without keeping what it sees.
        active: steps to record.
        repeat: number of cycles; 0: to the end.
        skip_first: steps to pass over before the first cycle.
        skip_first_wait: if not 0, the first cycle does not wait.

    Example:
        >>> from lampas.profiler import schedule
        >>> plan = schedule(wait=1, warmup=1, active=2)
        >>> [plan(i).name for i in range(5)]
        ['NONE', 'WARMUP', 'RECORD', 'RECORD_AND_SAVE', 'NONE']
    """
    if min(wait, warmup, repeat, skip_first) < 0 or active < 1:
        raise ValueError(
            f"schedule(wait={wait}, warmup={warmup}, active={active}, repeat={repeat}, "
            f"skip_first={skip_first}): wait, warmup, repeat and skip_first cannot be negative, "
            "and active has to be at least 1"
        )

    def plan(step: int) -> ProfilerAction:
        if step < skip_first:
            return ProfilerAction.NONE
        step -= skip_first
        if skip_first_wait:
            step += wait
        cycle, at = divmod(step, wait + warmup + active)
        if (repeat and cycle >= repeat) or at < wait:
            return ProfilerAction.NONE
        if at < wait + warmup:
            return ProfilerAction.WARMUP
        last = at == wait + warmup + active - 1
        return ProfilerAction.RECORD_AND_SAVE if last else ProfilerAction.RECORD

    return plan


def tensorboard_trace_handler(
    dir_name: str,
    worker_name: str | None = None,
    use_gzip: bool = False,
) -> Callable[[profile], None]:
    """An `on_trace_ready` that writes each trace into a folder, under names of their own.

    Args:
        dir_name: the folder; made if need be.
        worker_name: begins the file's name; default: host and process.
        use_gzip: compress.
    """

    def handle(prof: profile) -> None:
        import socket

        os.makedirs(dir_name, exist_ok=True)
        worker = worker_name or f"{socket.gethostname()}_{os.getpid()}"
        end = ".gz" if use_gzip else ""
        name = f"{worker}.{time.time_ns()}.pt.trace.json{end}"
        prof.export_chrome_trace(os.path.join(dir_name, name))

    return handle


class profile:
    """Notes the operators that run within the ``with`` block, and how long they take.

    Backward passes run inside the core and are noted as a whole, as ``autograd::engine::execute``.

    Args:
        activities: ``ProfilerActivity.CPU`` is what there is; others have nothing to show.
        schedule: what to do in which step; see :func:`schedule`. Default: record all.
        on_trace_ready: called with the profiler whenever a cycle ends, or the block.
        record_shapes: note the shapes of inputs.
        profile_memory: note how much memory each call allocates and keeps.
        with_stack: note the callers.
        with_flops: count operations of matrix products, convolutions, additions, multiplications.
        with_modules: note which modules' ``forward`` a call is in; the trace shows it.
        acc_events: keep the events of all cycles, not of the last one alone.
        use_cuda: True adds ``ProfilerActivity.CUDA``, which has nothing to show.
        custom_trace_id_callback: gives the trace's name.

    Example:
        >>> import lampas
        >>> with lampas.profiler.profile(record_shapes=True) as prof:
        ...     _ = lampas.ones(2, 3).exp()
        >>> [e.input_shapes for e in prof.events() if e.name == "aten::exp"]
        [[[2, 3]]]
    """

    def __init__(
        self,
        *,
        activities: Iterable[ProfilerActivity] | None = None,
        schedule: Callable[[int], ProfilerAction] | None = None,
        on_trace_ready: Callable[..., Any] | None = None,
        record_shapes: bool = False,
        profile_memory: bool = False,
        with_stack: bool = False,
        with_flops: bool = False,
        with_modules: bool = False,
        acc_events: bool = False,
        use_cuda: bool | None = None,
        custom_trace_id_callback: Callable[[], str] | None = None,
    ) -> None:
        self.activities = set(activities) if activities is not None else supported_activities()
        if use_cuda:
            self.activities.add(ProfilerActivity.CUDA)
        self.with_modules, self.custom_trace_id_callback = with_modules, custom_trace_id_callback
        self._trace_id: str | None = None
        self.record_steps = schedule is not None
        self.schedule = schedule or (lambda step: ProfilerAction.RECORD)
        self.on_trace_ready = on_trace_ready
        self.record_shapes, self.profile_memory = record_shapes, profile_memory
        self.with_stack, self.with_flops, self.acc_events = with_stack, with_flops, acc_events
        self.step_num = 0
        self.current_action = self.schedule(0)
        self._options = Options(record_shapes or with_flops, profile_memory, with_stack, with_flops)
        self._options.modules = with_modules
        self._recorder: Recorder | None = None
        self._kept: list[Any] = []
        self._metadata: dict[str, Any] = {}
        self._step: record_function | None = None

    # ---- running --------------------------------------------------------------------------------
    def __enter__(self) -> profile:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Begins, as ``with`` does."""
        self._act(ProfilerAction.NONE, self.current_action)
        self._mark_step()

    def stop(self) -> None:
        """Ends, as ``with`` does."""
        self._end_step()
        recorded = self.current_action in (ProfilerAction.RECORD, ProfilerAction.RECORD_AND_SAVE)
        self._stop_recorder(keep=recorded)
        if recorded and self.on_trace_ready is not None:
            self.on_trace_ready(self)

    def step(self) -> None:
        """Says that a step of training has ended and the next one begins."""
        self._end_step()
        before = self.current_action
        self.step_num += 1
        self.current_action = self.schedule(self.step_num)
        self._act(before, self.current_action)
        self._mark_step()

    def _mark_step(self) -> None:
        if self.record_steps and self._recorder is not None:
            self._step = record_function(f"ProfilerStep#{self.step_num}")
            self._step.__enter__()

    def _end_step(self) -> None:
        if self._step is not None:
            self._step.__exit__()
            self._step = None

    def _act(self, before: ProfilerAction, now: ProfilerAction) -> None:
        recording = (ProfilerAction.RECORD, ProfilerAction.RECORD_AND_SAVE)
        ended = before in recording and now not in recording
        if ended or before is ProfilerAction.RECORD_AND_SAVE:
            self._stop_recorder(keep=True)
            if self.on_trace_ready is not None:
                self.on_trace_ready(self)
        elif before is ProfilerAction.WARMUP:
            self._stop_recorder(keep=False)
        if now is not ProfilerAction.NONE and self._recorder is None:
            name = self.custom_trace_id_callback
            self._trace_id = name() if name is not None else os.urandom(16).hex().upper()
            self._recorder = Recorder(self._options)
            self._recorder.start()

    def _stop_recorder(self, keep: bool) -> None:
        if self._recorder is None:
            return
        self._recorder.stop()
        if keep:
            events = self._recorder.events
            self._kept = [*self._kept, *events] if self.acc_events else events
        self._recorder = None

    def toggle_collection_dynamic(self, enable: bool, activities: Iterable[Any]) -> None:
        """Pauses and goes on within a recording."""
        if self._recorder is None or ProfilerActivity.CPU not in set(activities):
            return
        with contextlib.suppress(RuntimeError):
            self._recorder.start() if enable else self._recorder.stop()

    # ---- results --------------------------------------------------------------------------------
    def events(self) -> EventList:
        """All events, by when they began."""
        found = self._recorder.events if self._recorder is not None else self._kept
        return EventList(sorted(found, key=lambda e: e.start_ns), self.profile_memory)

    def key_averages(
        self,
        group_by_input_shape: bool = False,
        group_by_stack_n: int = 0,
        group_by_overload_name: bool = False,
    ) -> EventList:
        """Sums by name; ``.table(sort_by="cpu_time_total")`` shows them."""
        return self.events().key_averages(
            group_by_input_shape, group_by_stack_n, group_by_overload_name
        )

    def get_trace_id(self) -> str | None:
        """The name of the last trace that began."""
        return self._trace_id

    def add_metadata(self, key: str, value: str) -> None:
        """Puts a text into the trace."""
        self._metadata[key] = value

    def add_metadata_json(self, key: str, value: str) -> None:
        """Puts a value, given as JSON, into the trace."""
        self._metadata[key] = json.loads(value)

    preset_metadata_json = add_metadata_json

    def export_chrome_trace(self, path: str) -> None:
        """Writes a trace for chrome://tracing or https://ui.perfetto.dev; ``.gz`` compresses."""
        from lampas.serialization._files import writing

        text = json.dumps(self._trace()).encode()
        if path.endswith(".gz"):
            import gzip

            text = gzip.compress(text)
        with writing(path) as file:
            file.write(text)

    def _trace(self) -> dict[str, Any]:
        pid = os.getpid()
        entries: list[dict[str, Any]] = [
            {"ph": "M", "name": "process_name", "pid": pid, "tid": 0, "args": {"name": "python"}}
        ]
        for event in self.events():
            args: dict[str, Any] = {}
            if event.input_shapes:
                args["Input Dims"] = event.input_shapes
            if event.stack:
                args["Call stack"] = ";".join(event.stack)
            if event.module_hierarchy:
                args["Module Hierarchy"] = event.module_hierarchy
            if event.note:
                args["args"] = event.note
            entries.append({
                "ph": "X", "cat": "user_annotation" if event.is_user_annotation else "cpu_op",
                "name": event.name, "pid": pid, "tid": event.thread, "ts": event.start_ns / 1e3,
                "dur": event.cpu_time_total, "args": args,
            })  # fmt: skip
        return {
            "schemaVersion": 1,
            "displayTimeUnit": "ms",
            "trace_id": self._trace_id,
            "traceEvents": entries,
            **self._metadata,
        }

    def export_stacks(self, path: str, metric: str = "self_cpu_time_total") -> None:
        """Writes callers and times for flame graphs; needs ``with_stack=True``.

        Args:
            path: of the file.
            metric: ``"self_cpu_time_total"``.
        """
        if metric != "self_cpu_time_total":
            raise ValueError(f"metric should be one of: self_cpu_time_total, not {metric!r}")
        if not self.with_stack:
            raise RuntimeError("export_stacks() needs callers: profile(with_stack=True)")
        from lampas.serialization._files import writing

        lines = []
        for event in self.key_averages(group_by_stack_n=1 << 30):
            place = [s.replace(" ", "_").replace(";", ",") for s in reversed(event.stack)]
            lines.append(f"{';'.join([*place, event.key])} {int(event.self_cpu_time_total)}\n")
        with writing(path) as file:
            file.write("".join(lines).encode())
