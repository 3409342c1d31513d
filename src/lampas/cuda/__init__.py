"""Truthful answers to questions about CUDA: there is none here, and programs go on on the CPU."""

from __future__ import annotations

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
        "Lampas runs on the CPU: there is no CUDA device. Remedy: ask torch.cuda.is_available() first"  # noqa: E501
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


def manual_seed(seed: int) -> None:
    """Nothing to seed; ignored, as PyTorch does without a device."""


def manual_seed_all(seed: int) -> None:
    """Nothing to seed; ignored, as PyTorch does without a device."""


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


def reset_peak_memory_stats(device: Any = None) -> None:
    """Nothing to reset."""


@contextmanager
def device(device: Any) -> Iterator[None]:
    """A block on another device: only None or a negative index can be asked for."""
    if device is not None and not (isinstance(device, int) and device < 0):
        current_device()
    yield
