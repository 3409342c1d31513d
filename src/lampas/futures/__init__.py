"""Results that come later.

>>> import threading
>>> later = Future()
>>> threading.Timer(0.01, later.set_result, [3]).start()
>>> later.then(lambda f: f.wait() * 2).wait()
6
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar

__all__ = ["Future", "collect_all", "wait_all"]

T = TypeVar("T")
S = TypeVar("S")


class Future(Generic[T]):
    """A value, or an error, that some thread sets once; others wait for it.

    Args:
        devices: of tensors in the value: the CPU needs none.
    """

    def __init__(self, *, devices: list[Any] | None = None) -> None:
        if devices:
            raise ValueError(f"Future: devices {devices} are not there: Lampas runs on the CPU")
        self._condition = threading.Condition()
        self._done = False
        self._value: Any = None
        self._error: BaseException | None = None
        self._callbacks: list[Callable[[Future[T]], Any]] = []

    def done(self) -> bool:
        """Whether the value or the error is there."""
        return self._done

    def wait(self) -> T:
        """Waits; gives the value, or raises the error."""
        with self._condition:
            self._condition.wait_for(lambda: self._done)
        return self.value()

    def value(self) -> T:
        """The value, or raises the error, of a future that is done.

        Raises:
            RuntimeError: it is not done.
        """
        if not self._done:
            raise RuntimeError("Future.value(): the future is not done. Remedy: wait()")
        if self._error is not None:
            raise self._error
        return self._value

    def _finish(self, value: Any, error: BaseException | None) -> None:
        with self._condition:
            if self._done:
                raise RuntimeError("Future can only be marked completed once")
            self._value, self._error, self._done = value, error, True
            callbacks, self._callbacks = self._callbacks, []
            self._condition.notify_all()
        for callback in callbacks:
            callback(self)

    def set_result(self, result: T) -> None:
        """Sets the value, and calls who waits for it.

        Raises:
            RuntimeError: it was set before.
        """
        self._finish(result, None)

    def set_exception(self, result: BaseException) -> None:
        """Sets an error, which :meth:`wait` raises."""
        if not isinstance(result, BaseException):
            raise AssertionError(f"{result!r} is of type {type(result)}, not an Exception.")
        self._finish(None, result)

    def add_done_callback(self, callback: Callable[[Future[T]], None]) -> None:
        """Calls a function with this future once it is done, at once if it is."""
        with self._condition:
            if not self._done:
                self._callbacks.append(callback)
                return
        callback(self)

    def then(self, callback: Callable[[Future[T]], S]) -> Future[S]:
        """The future of what `callback` makes of this one, once it is done."""
        result: Future[S] = Future()

        def run(done: Future[T]) -> None:
            try:
                value = callback(done)
            except Exception as e:
                result.set_exception(e)
            else:
                result.set_result(value)

        self.add_done_callback(run)
        return result


def collect_all(futures: list[Future[Any]]) -> Future[list[Future[Any]]]:
    """A future of all these, which is done when all are.

    >>> one = Future()
    >>> both = collect_all([one, one])
    >>> one.set_result(1)
    >>> [f.value() for f in both.wait()]
    [1, 1]
    """
    result: Future[list[Future[Any]]] = Future()
    left, lock = [len(futures)], threading.Lock()
    if not futures:
        result.set_result([])

    def count(_: Future[Any]) -> None:
        with lock:
            left[0] -= 1
            last = left[0] == 0
        if last:
            result.set_result(futures)

    for future in futures:
        future.add_done_callback(count)
    return result


def wait_all(futures: list[Future[Any]]) -> list[Any]:
    """Waits for all; their values in order, or the first error.

    >>> one = Future()
    >>> one.set_result(1)
    >>> wait_all([one])
    [1]
    """
    return [future.wait() for future in collect_all(futures).wait()]
