"""The CPU in the words of device modules: one device, always there, never behind.

>>> import lampas
>>> lampas.cpu.is_available(), lampas.cpu.device_count(), lampas.cpu.current_device()
(True, 1, 'cpu')
"""

from __future__ import annotations

from typing import Any

from lampas import _C

__all__ = [
    "current_device", "device_count", "get_capabilities", "is_available", "is_initialized",
    "set_device", "synchronize",
]  # fmt: skip


def is_available() -> bool:
    """True."""
    return True


def is_initialized() -> bool:
    """True: there is nothing to start."""
    return True


def device_count() -> int:
    """1."""
    return 1


def current_device() -> str:
    """``"cpu"``."""
    return "cpu"


def set_device(device: Any) -> None:
    """Chooses the CPU, the only one.

    Raises:
        RuntimeError: another device.
    """
    if _C.device(device).type != "cpu":
        raise RuntimeError(f"torch.cpu.set_device: expected the CPU, got {device}")


def synchronize(device: Any = None) -> None:
    """Returns at once: an operator that has returned is done."""


def get_capabilities() -> dict[str, Any]:
    """What the processor offers, and which instruction set is used."""
    return dict(_C.cpu_info())
