"""What runs in a worker process of the loader."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import closing
from typing import Any, NamedTuple, NoReturn

# Seconds after which an idle worker looks whether its parent is still there.
_LOOK_AFTER_PARENT = 5.0

# Kinds of messages. To a worker:
FETCH, RESUME, STOP = "fetch", "resume", "stop"
# From a worker:
DATA, FAILED, ENDED, RESUMED = "data", "failed", "ended", "resumed"


class WorkerInfo:
    """What a worker process knows about itself.

    Attributes:
        id: number of this worker, from 0.
        num_workers: how many workers there are.
        seed: the seed this worker's generators were set to.
        dataset: this process's copy of the dataset.
    """

    __slots__ = ("dataset", "id", "num_workers", "rng", "seed", "worker_method")

    def __init__(self, id: int, num_workers: int, seed: int, dataset: Any) -> None:
        for name, value in (
            ("id", id),
            ("num_workers", num_workers),
            ("seed", seed),
            ("dataset", dataset),
            ("rng", None),
            ("worker_method", "multiprocessing"),
        ):
            object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"cannot assign to field {name!r} of WorkerInfo")

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__slots__)
        return f"WorkerInfo({fields})"


_worker_info: WorkerInfo | None = None


def get_worker_info() -> WorkerInfo | None:
    """Which worker process of a loader this is; None in the main process.

    >>> get_worker_info() is None
    True
    """
    return _worker_info


class WorkerSetup(NamedTuple):
    """What a worker needs to know."""

    worker_id: int
    num_workers: int
    base_seed: int
    iterable: bool
    dataset: Any
    auto_collation: bool
    collate_fn: Callable[[Any], Any]
    drop_last: bool
    init_fn: Callable[[int], None] | None


class Failure:
    """An exception of a worker, in a form that survives the way to the main process."""

    def __init__(self, error: BaseException, where: str) -> None:
        import pickle
        import traceback

        self.type: type | None = type(error)
        self.name = type(error).__name__
        self.where = where
        self.text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
        try:
            pickle.dumps(self.type)
        except Exception:  # a class defined within a function, for example
            self.type = None

    def reraise(self) -> NoReturn:
        """Raises an exception of the same type whose text has the worker's traceback."""
        text = f"Caught {self.name} {self.where}.\nOriginal {self.text}"
        if self.type is KeyError:
            raise KeyError(_Verbatim(text))
        try:
            error = self.type(text)  # type: ignore[misc]
        except Exception:  # unknown here, or not to be made from one text
            raise RuntimeError(text) from None
        try:
            raise error
        finally:
            # Error and frame would keep each other alive, and with them the loader's workers.
            del error


class _Verbatim(str):
    """Text whose repr is itself: KeyError shows its argument's repr."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def _numpy_seed(base_seed: int, worker_id: int) -> list[int]:
    """Four words mixed from seed and number, so that NumPy's stream is not :mod:`random`'s."""
    from numpy.random import SeedSequence

    words = [worker_id, base_seed & 0xFFFFFFFF, base_seed >> 32, 0]
    return [int(word) for word in SeedSequence(words).generate_state(4)]


def _seed(setup: WorkerSetup) -> int:
    import random

    import lampas

    seed = setup.base_seed + setup.worker_id
    random.seed(seed)
    lampas.manual_seed(seed)
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed(_numpy_seed(setup.base_seed, setup.worker_id))
    return seed


def _leave_signals_to_parent() -> None:
    """Ctrl-C reaches the whole group of processes; the main one decides what it means."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def _read_tasks(connection: Any, tasks: Any) -> None:
    """Keeps reading, so that the main process never waits until a task is taken."""
    try:
        while True:
            tasks.put(connection.recv())
    except (EOFError, OSError):
        tasks.put((STOP, None, None))


def _next_task(tasks: Any, parent: int) -> Any:
    from queue import Empty

    while True:
        try:
            return tasks.get(timeout=_LOOK_AFTER_PARENT)
        except Empty:
            if os.getppid() != parent:
                return STOP, None, None


def worker_main(setup: WorkerSetup, connection: Any, not_mine: list[Any]) -> None:
    """Runs a worker: prepares the process, then serves tasks until told to stop.

    Args:
        setup: what to load and how.
        connection: the worker's end of its pipe.
        not_mine: ends of other pipes that came along with ``fork``. While someone holds them, the
            processes at their other ends cannot notice that the main process is gone.
    """
    _leave_signals_to_parent()
    for other in not_mine:
        other.close()
    import lampas
    from lampas.utils.data._utils.transport import Sender

    lampas.set_num_threads(1)
    global _worker_info
    _worker_info = WorkerInfo(setup.worker_id, setup.num_workers, _seed(setup), setup.dataset)
    try:
        with closing(Sender(connection)) as sender:
            _serve(setup, connection, sender)
    except (BrokenPipeError, ConnectionResetError):
        pass  # the main process is gone or no longer interested


def _serve(setup: WorkerSetup, connection: Any, sender: Any) -> None:
    from queue import SimpleQueue
    from threading import Thread

    from lampas.utils.data._utils.fetch import make_fetcher

    parent = os.getppid()
    tasks: SimpleQueue[Any] = SimpleQueue()
    Thread(target=_read_tasks, args=(connection, tasks), daemon=True).start()
    where = f"in DataLoader worker process {setup.worker_id}"

    def start_over() -> Any:
        return make_fetcher(
            setup.iterable, setup.dataset, setup.auto_collation, setup.collate_fn, setup.drop_last
        )

    fetcher, failure, ended = None, None, False
    try:
        if setup.init_fn is not None:
            setup.init_fn(setup.worker_id)
        fetcher = start_over()
    except Exception as error:
        failure = Failure(error, where)
    while True:
        kind, task, index = _next_task(tasks, parent)
        if kind == STOP:
            return
        if kind == RESUME:
            sender.send((RESUMED, None, None))
            ended = False
            try:
                fetcher = start_over()
            except Exception as error:
                failure = Failure(error, where)
        elif failure is not None:
            sender.send((FAILED, task, failure))
            failure, ended = None, fetcher is None
        elif not ended:
            answer = _answer(fetcher, setup.iterable, task, index, where)
            ended = answer[0] == ENDED
            _send(sender, answer, where)


def _answer(fetcher: Any, iterable: bool, task: int, index: Any, where: str) -> Any:
    try:
        return DATA, task, fetcher.fetch(index)
    except Exception as error:
        if iterable and isinstance(error, StopIteration):
            return ENDED, task, None
        return FAILED, task, Failure(error, where)


def _send(sender: Any, answer: Any, where: str) -> None:
    try:
        sender.send(answer)
    except (BrokenPipeError, ConnectionResetError):
        raise
    except Exception as error:  # the batch cannot be pickled
        sender.send((FAILED, answer[1], Failure(error, f"sending a batch {where}")))
