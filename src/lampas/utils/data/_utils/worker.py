"""What runs in a worker process of the loader."""

from __future__ import annotations

from typing import Any


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
