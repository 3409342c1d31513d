"""Truthful answers to questions about accelerators: there is none here.

>>> import lampas
>>> lampas.accelerator.is_available(), lampas.accelerator.current_accelerator()
(False, None)
"""

from __future__ import annotations

from typing import Any

__all__ = [
    "current_accelerator",
    "current_device_index",
    "device_count",
    "is_available",
    "set_device_index",
    "synchronize",
]


def is_available() -> bool:
    """False: Lampas runs on the CPU."""
    return False


def device_count() -> int:
    """0."""
    return 0


def current_accelerator(check_available: bool = False) -> None:
    """None.

    Args:
        check_available: whether it also has to be usable.
    """


def _refuse() -> Any:
    raise RuntimeError(
        "Lampas runs on the CPU: there is no accelerator. Remedy: ask "
        "torch.accelerator.is_available() first"
    )


def current_device_index() -> int:
    """Raises RuntimeError: there is no device."""
    return int(_refuse())


def set_device_index(device: Any) -> None:
    """Raises RuntimeError: there is no device."""
    _refuse()


def synchronize(device: Any = None) -> None:
    """Raises RuntimeError: there is no device to wait for."""
    _refuse()
