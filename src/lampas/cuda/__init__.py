"""Truthful answers to questions about CUDA: there is none here, and programs go on on the CPU."""

from __future__ import annotations

import importlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


def is_available() -> bool:
    """False: Lampas runs on the CPU."""
    return False


def device_count() -> int:
    """0."""
    return 0


def is_initialized() -> bool:
    """False."""
    return False


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """False."""
    return False


def current_device() -> int:
    """Raises RuntimeError: there is no device."""
    raise RuntimeError(
        "Lampas runs on the CPU: there is no CUDA device. Remedy: ask torch.cuda.is_available() "
        "first"
    )


def set_device(device: Any) -> None:
    """Raises RuntimeError: there is no device."""
    current_device()


def get_device_name(device: Any = None) -> str:
    """Raises RuntimeError: there is no device."""
    current_device()
    return ""


def get_device_properties(device: Any = None) -> Any:
    """Raises RuntimeError: there is no device."""
    current_device()


def synchronize(device: Any = None) -> None:
    """Raises RuntimeError: there is no device to wait for."""
    current_device()


def get_arch_list() -> list[str]:
    """Empty: compiled for no device."""
    return []


def get_gencode_flags() -> str:
    """Empty: compiled for no device."""
    return ""


def is_tf32_supported() -> bool:
    """False."""
    return False


def get_device_capability(device: Any = None) -> tuple[int, int]:
    """Raises RuntimeError: there is no device."""
    current_device()
    return (0, 0)


def can_device_access_peer(device: Any, peer_device: Any) -> bool:
    """Raises RuntimeError: there is no device."""
    current_device()
    return False


def init() -> None:
    """Raises RuntimeError: there is no device."""
    current_device()


def current_stream(device: Any = None) -> Any:
    """Raises RuntimeError: there is no device."""
    current_device()


def default_stream(device: Any = None) -> Any:
    """Raises RuntimeError: there is no device."""
    current_device()


class Stream:
    """Raises RuntimeError: there is no device whose work a stream could order.

    The class is there for ``isinstance``.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        current_device()


class Event:
    """Raises RuntimeError: there is no device whose work an event could mark.

    The class is there for ``isinstance``.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        current_device()


@contextmanager
def stream(stream: Stream | None) -> Iterator[None]:
    """A block of work in a stream: only None, none in particular, can be asked for."""
    if stream is not None:
        current_device()
    yield


@contextmanager
def device_of(obj: Any) -> Iterator[None]:
    """A block on the device of a tensor: nothing changes for tensors on the CPU."""
    yield


default_generators = ()


def __getattr__(name: str) -> Any:
    if name in ("amp", "memory", "nvtx", "random"):
        return importlib.import_module(f"lampas.cuda.{name}")
    if name in _MEMORY:
        return getattr(importlib.import_module("lampas.cuda.memory"), name)
    if name in _RANDOM:
        return getattr(importlib.import_module("lampas.cuda.random"), name)
    if name in _TYPES:
        return globals().setdefault(name, _type(name))
    if name == "OutOfMemoryError":
        from lampas._errors import OutOfMemoryError

        return OutOfMemoryError
    raise AttributeError(
        f"module 'lampas.cuda' has no attribute {name!r}: Lampas runs on the CPU. Remedy: guard "
        "code for GPUs with torch.cuda.is_available()"
    )


# Tensors and storages on a device, as old programs name them.
_TYPES = {
    f"{kind}{what}"
    for what in ("Tensor", "Storage")
    for kind in (
        "BFloat16", "Bool", "Byte", "Char", "Double", "Float", "Half", "Int", "Long", "Short"
    )
}  # fmt: skip


def _type(name: str) -> type:
    """A type that no object has; calling it is refused."""

    def refuse(cls: type, *args: Any, **kwargs: Any) -> None:
        raise TypeError(
            f"type torch.cuda.{name} not available. Lampas runs on the CPU; use torch.{name}"
        )

    return type(name, (), {"__new__": refuse, "__doc__": "The type of no object: for isinstance."})


_MEMORY = {
    "empty_cache", "host_memory_stats", "max_memory_allocated", "max_memory_cached",
    "max_memory_reserved", "mem_get_info", "memory_allocated", "memory_cached", "memory_reserved",
    "memory_stats", "memory_summary", "reset_max_memory_allocated", "reset_max_memory_cached",
    "reset_peak_memory_stats", "set_per_process_memory_fraction", "ipc_collect",
}  # fmt: skip
_RANDOM = {
    "get_rng_state", "get_rng_state_all", "initial_seed", "manual_seed", "manual_seed_all", "seed",
    "seed_all", "set_rng_state", "set_rng_state_all",
}  # fmt: skip


def __dir__() -> list[str]:
    return sorted({*globals(), *_MEMORY, *_RANDOM, "amp", "memory", "nvtx", "random", *_TYPES})


@contextmanager
def device(device: Any) -> Iterator[None]:
    """A block on another device: only None or a negative index can be asked for."""
    if device is not None and not (isinstance(device, int) and device < 0):
        current_device()
    yield
