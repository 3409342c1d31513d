"""Memory of CUDA devices: there are none, so none is used."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from lampas.cuda import current_device


def empty_cache() -> None:
    """Nothing is cached."""


def memory_allocated(device: Any = None) -> int:
    """0."""
    return 0


def max_memory_allocated(device: Any = None) -> int:
    """0."""
    return 0


def memory_reserved(device: Any = None) -> int:
    """0."""
    return 0


def max_memory_reserved(device: Any = None) -> int:
    """0."""
    return 0


memory_cached = memory_reserved
max_memory_cached = max_memory_reserved


def memory_stats(device: Any = None) -> OrderedDict[str, Any]:
    """Empty: there is nothing to count."""
    return OrderedDict()


def host_memory_stats() -> OrderedDict[str, Any]:
    """Empty: no memory is pinned."""
    return OrderedDict()


def memory_summary(device: Any = None, abbreviated: bool = False) -> str:
    """A line that says that there is no device."""
    return "no CUDA device: nothing is allocated"


def reset_peak_memory_stats(device: Any = None) -> None:
    """Nothing to reset."""


reset_max_memory_allocated = reset_peak_memory_stats
reset_max_memory_cached = reset_peak_memory_stats


def mem_get_info(device: Any = None) -> tuple[int, int]:
    """Raises RuntimeError: there is no device."""
    current_device()
    return (0, 0)


def set_per_process_memory_fraction(fraction: float, device: Any = None) -> None:
    """Raises RuntimeError: there is no device."""
    current_device()


def ipc_collect() -> None:
    """Raises RuntimeError: there is no device."""
    current_device()
