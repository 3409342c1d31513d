"""Python's multiprocessing, with tensors that travel by reference.

A tensor put into a queue, a pipe or a pool's arguments moves into memory that both processes see:
what one writes, the other reads. Everything else is the standard library's.

Example:
    >>> import lampas
    >>> x = lampas.zeros(2).share_memory_()
    >>> x.is_shared()
    True
"""

from __future__ import annotations

import multiprocessing as _multiprocessing
from multiprocessing import *  # noqa: F403 - the standard library's names belong to this module
from typing import Any

from lampas.multiprocessing._shared import (
    get_all_sharing_strategies,
    get_sharing_strategy,
    is_shared,
    set_sharing_strategy,
    share_memory_,
)
from lampas.multiprocessing._spawn import (
    ProcessContext,
    ProcessException,
    ProcessExitedException,
    ProcessRaisedException,
    SpawnContext,
    spawn,
    start_processes,
)

__all__ = [
    *_multiprocessing.__all__,
    "set_sharing_strategy", "get_sharing_strategy", "get_all_sharing_strategies", "spawn",
    "start_processes", "ProcessContext", "SpawnContext", "ProcessException",
    "ProcessRaisedException", "ProcessExitedException", "is_shared", "share_memory_",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    # Names that depend on the platform, and submodules.
    return getattr(_multiprocessing, name)
