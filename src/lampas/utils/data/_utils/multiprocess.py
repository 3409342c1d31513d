"""The iterator of a loader with worker processes.

Each worker has one two-way pipe. There is no queue and no lock that processes share, so a worker
that is killed can block nobody, and its death is seen at once, as the end of its pipe.
"""

from __future__ import annotations

import itertools
import multiprocessing
import os
import signal
import sys
import time
import warnings
import weakref
from contextlib import contextmanager
from multiprocessing import connection as mp_connection
from pickle import PicklingError
from typing import TYPE_CHECKING, Any

from lampas.utils.data._utils.transport import Receiver
from lampas.utils.data._utils.worker import (
    ENDED,
    FAILED,
    FETCH,
    RESUME,
    RESUMED,
    WorkerSetup,
    worker_main,
)
from lampas.utils.data.dataloader import _BaseDataLoaderIter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lampas.utils.data.dataloader import DataLoader

# Without news for this long, the workers are checked for being alive.
_CHECK_AFTER = 5.0
# How long a worker may take to finish what it is doing when it is told to stop.
_TIME_TO_STOP = 5.0

_REMEDIES = {
    "SIGKILL": "most likely the system ran out of memory: use fewer workers, smaller batches or a "
    "smaller prefetch_factor",
    "SIGBUS": "a mapped file was cut off or its disk is full",
    "SIGSEGV": "native code crashed in it: num_workers=0 shows where, "
    "multiprocessing_context='spawn' helps libraries that do not survive fork",
    "SIGABRT": "native code gave up in it: num_workers=0 shows where",
    "SIGTERM": "something asked it to stop",
}

_NOT_STARTED = (
    "it could not start, and its own traceback above says why. By {!r} a worker imports the main "
    "module anew: keep what starts the program under `if __name__ == '__main__':`, and the dataset "
    "at the top level of a module that is not called __main__.py"
)

# The main process's ends of all pipes, for forked workers to close.
_own_ends: weakref.WeakSet[Any] = weakref.WeakSet()


def _default_context() -> Any:
    chosen = multiprocessing.get_start_method(allow_none=True)
    if chosen is None and sys.platform == "linux":
        return multiprocessing.get_context("fork")
    return multiprocessing.get_context(chosen)


def _start_helpers(method: str) -> None:
    """Starts what spawned processes depend on, while interrupts are let through as usual.

    The tracker's start would end the blocking that a first worker is to inherit, and the server
    would hand the blocking on to all processes that the program starts through it.
    """
    if method != "fork" and sys.platform != "win32":
        from multiprocessing import forkserver, resource_tracker

        resource_tracker.ensure_running()
        if method == "forkserver":
            forkserver.ensure_running()


@contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """A worker starts with Ctrl-C blocked, until it has said that it ignores it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _Workers:
    """The processes and their pipes; :meth:`stop` may be called at any time, more than once."""

    def __init__(self, context: Any, setups: list[WorkerSetup]) -> None:
        self.owner = os.getpid()
        self.method = context.get_start_method()
        self.processes: list[Any] = []
        self.receivers: list[Receiver] = []
        self.stopped = False
        try:
            _start_helpers(self.method)
            for setup in setups:
                self._start(context, setup)
        except BaseException:
            self.stop()
            raise

    def _start(self, context: Any, setup: WorkerSetup) -> None:
        mine, theirs = context.Pipe(duplex=True)
        receiver = Receiver(mine)
        forked = self.method == "fork"
        ends = [end for end in (mine, receiver.socket) if end is not None]
        inherited = [*_own_ends, *ends] if forked else []
        process = context.Process(target=worker_main, args=(setup, theirs, inherited), daemon=True)
        try:
            with _interrupts_held_back(), warnings.catch_warnings():
                # The thread pool is prepared for fork.
                warnings.filterwarnings("ignore", message=".*multi-threaded, use of fork.*")
                process.start()
        except (TypeError, AttributeError, ImportError, ValueError, PicklingError) as error:
            if forked:
                raise
            raise type(error)(
                f"{error}\nWorkers are started by {self.method!r}, which pickles "
                "the dataset, collate_fn and worker_init_fn: none may be a lambda or defined "
                "within a function. Where available, multiprocessing_context='fork' needs no "
                "pickling."
            ) from error
        finally:
            theirs.close()
        _own_ends.update(ends)
        self.processes.append(process)
        self.receivers.append(receiver)

    def stop(self) -> None:
        """Ends all workers and waits for them: politely first, then not."""
        if self.stopped or os.getpid() != self.owner:
            return
        self.stopped = True
        for receiver in self.receivers:
            receiver.close()  # a worker takes the end of its pipe as the order to stop
        try:
            deadline = time.monotonic() + _TIME_TO_STOP
            for process in self.processes:
                process.join(max(0.0, deadline - time.monotonic()))
        finally:
            for process in self.processes:
                if process.is_alive():
                    process.terminate()
            for process in self.processes:
                process.join(1.0)
                if process.is_alive():
                    process.kill()
                    process.join()
                process.close()

    def death(self, worker: int) -> str:
        """What is known about a worker that is gone."""
        process = self.processes[worker]
        process.join(1.0)
        code = process.exitcode
        if code is None:
            how, remedy = "closed its pipe", "something closed file descriptors in it"
        elif code < 0:
            name = signal.Signals(-code).name if -code in set(signal.Signals) else str(-code)
            how = f"was killed by signal: {name}"
            remedy = _REMEDIES.get(name, "see the system's log")
        else:
            how = f"ended with exit code {code}"
            remedy = "the dataset, collate_fn or worker_init_fn ended the process"
            if self.method != "fork" and not self.receivers[worker].heard:
                how += " before it loaded anything"
                remedy = _NOT_STARTED.format(self.method)
        return (
            f"DataLoader worker (pid(s) {process.pid}) exited unexpectedly: worker {worker} "
            f"{how}. Likely: {remedy}."
        )


class _MultiProcessingDataLoaderIter(_BaseDataLoaderIter):
    """Sends lists of indices to the workers and hands out the batches they make of them."""

    def __init__(self, loader: DataLoader[Any]) -> None:
        super().__init__(loader)
        self._prefetch_factor = loader.prefetch_factor or 0
        if self._prefetch_factor <= 0:
            raise AssertionError(
                f"prefetch_factor must be greater than 0 with workers, got {self._prefetch_factor}"
            )
        self._in_order = loader.in_order
        setups = [
            WorkerSetup(
                worker_id=worker,
                num_workers=self._num_workers,
                base_seed=self._base_seed,
                iterable=self._iterable,
                dataset=self._dataset,
                auto_collation=self._auto_collation,
                collate_fn=self._collate_fn,
                drop_last=self._drop_last,
                init_fn=loader.worker_init_fn,
            )
            for worker in range(self._num_workers)
        ]
        self._pool = _Workers(loader.multiprocessing_context or _default_context(), setups)
        weakref.finalize(self, self._pool.stop)
        self._reset(loader, first_iter=True)

    @property
    def _workers(self) -> list[Any]:
        return self._pool.processes

    @property
    def _stopped(self) -> bool:
        return self._pool.stopped

    def _reset(self, loader: DataLoader[Any], first_iter: bool = False) -> None:
        super()._reset(loader)
        self._sent = 0  # number of the next task to send
        self._wanted = 0  # number of the next task to hand out
        self._worker_of: dict[int, int] = {}  # tasks sent and not yet handed out
        self._arrived: dict[int, tuple[str, Any]] = {}  # those that came before their turn
        self._active = [True] * self._num_workers  # whether its stream still gives something
        self._load = [0] * self._num_workers  # tasks sent and not yet handed out, by worker
        self._turns = itertools.cycle(range(self._num_workers))
        if not first_iter:
            self._resume()
        for _ in range(self._prefetch_factor * self._num_workers):
            self._send_task()

    def _resume(self) -> None:
        """Makes all workers begin anew; what is left of the last epoch is dropped."""
        for worker in range(self._num_workers):
            self._send(worker, (RESUME, None, None))
        waiting = set(range(self._num_workers))
        while waiting:
            worker, (kind, _, _) = self._receive(sorted(waiting))
            if kind == RESUMED:
                waiting.remove(worker)

    def _send(self, worker: int, message: Any) -> None:
        try:
            self._pool.receivers[worker].connection.send(message)
        except OSError:
            # It is gone. What it sent before may be worth more than this error; `_receive` tells.
            pass

    def _send_task(self) -> None:
        try:
            index = next(self._sampler_iter)
        except StopIteration:
            return
        most = self._prefetch_factor * self._num_workers
        for _ in range(self._num_workers):
            worker = next(self._turns)
            if not self._active[worker]:
                continue
            if self._in_order or self._load[worker] < most // sum(self._active):
                break
        else:
            return
        self._send(worker, (FETCH, self._sent, index))
        self._worker_of[self._sent] = worker
        self._load[worker] += 1
        self._sent += 1

    def _receive(self, workers: list[int]) -> tuple[int, Any]:
        """The next message of any of these workers, with the worker's number."""
        receivers = {self._pool.receivers[worker].connection: worker for worker in workers}
        ready = self._wait(receivers)
        worker = receivers[ready]
        try:
            return worker, self._pool.receivers[worker].receive()
        except (EOFError, ConnectionError) as error:
            text = self._pool.death(worker)
            self._pool.stop()
            raise RuntimeError(text) from error
        except BaseException:
            # Interrupted within a message: what follows in the pipe makes no sense any more.
            self._pool.stop()
            raise

    def _wait(self, receivers: dict[Any, int]) -> Any:
        try:
            while True:
                ready = mp_connection.wait(list(receivers), self._timeout or _CHECK_AFTER)
                if ready:
                    return ready[0]
                for worker in receivers.values():
                    # Its pipe can outlive a worker in a process that the worker started.
                    if not self._pool.processes[worker].is_alive():
                        raise RuntimeError(self._pool.death(worker))
                if self._timeout:
                    raise RuntimeError(self._timed_out())
        except (KeyboardInterrupt, SystemExit):
            self._pool.stop()
            raise

    def _timed_out(self) -> str:
        worker = self._worker_of.get(self._wanted, 0)
        process = self._pool.processes[worker]
        return (
            f"DataLoader timed out after {self._timeout} seconds: worker {worker} "
            f"(pid {process.pid}) has not delivered batch {self._wanted}. Either loading is that "
            "slow, then raise timeout, or the dataset is stuck."
        )

    def _next_data(self) -> Any:
        while True:
            task = self._next_wanted()
            if task is None:
                if not self._persistent_workers:
                    self._pool.stop()
                raise StopIteration
            if task in self._arrived:
                self._wanted += 1
                return self._hand_out(task, *self._arrived.pop(task))
            if self._stopped:
                raise RuntimeError(
                    "the workers of this iterator have been stopped, by an interrupt or because "
                    "one of them died; start anew with iter(loader)"
                )
            worker, (kind, task, data) = self._receive(self._active_workers())
            if kind == ENDED:
                self._active[worker] = False
                self._send_task()
            elif task == self._wanted:
                self._wanted += 1
                return self._hand_out(task, kind, data)
            elif self._in_order:
                self._arrived[task] = (kind, data)
            else:
                return self._hand_out(task, kind, data)

    def _active_workers(self) -> list[int]:
        return [worker for worker in range(self._num_workers) if self._active[worker]]

    def _next_wanted(self) -> int | None:
        """The task to hand out next; skips those that no worker will answer any more."""
        while self._wanted < self._sent:
            worker = self._worker_of.get(self._wanted)
            if worker is not None and (self._active[worker] or self._wanted in self._arrived):
                return self._wanted
            self._worker_of.pop(self._wanted, None)
            self._wanted += 1
        return None

    def _hand_out(self, task: int, kind: str, data: Any) -> Any:
        self._load[self._worker_of.pop(task)] -= 1
        self._send_task()
        if kind == FAILED:
            data.reraise()
        return data
