"""What autocast is set to, per thread and device.

The CPU's setting is handed on to the native operators; those of other devices are only remembered,
so that programs which ask for them run.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import lampas
from lampas import _C

__all__ = [
    "autocast_decrement_nesting",
    "autocast_increment_nesting",
    "clear_autocast_cache",
    "get_autocast_cpu_dtype",
    "get_autocast_dtype",
    "get_autocast_gpu_dtype",
    "is_autocast_cache_enabled",
    "is_autocast_cpu_enabled",
    "is_autocast_enabled",
    "set_autocast_cache_enabled",
    "set_autocast_cpu_dtype",
    "set_autocast_cpu_enabled",
    "set_autocast_dtype",
    "set_autocast_enabled",
    "set_autocast_gpu_dtype",
]

DEVICES = ("cpu", "cuda", "mps", "xpu", "meta")


class _State(threading.local):
    def __init__(self) -> None:
        self.enabled: dict[str, bool] = {}
        self.dtypes: dict[str, Any] = {}
        self.nesting = 0
        self.cache = True


_state = _State()


def _check_device(device_type: str) -> str:
    if not isinstance(device_type, str):
        raise ValueError(
            f"Expected `device_type` of type `str`, got: `{type(device_type)}`; for example 'cpu'"
        )
    if device_type not in DEVICES:
        raise RuntimeError(
            f"User specified an unsupported autocast device_type '{device_type}'; there are "
            f"{', '.join(DEVICES)}"
        )
    return device_type


def _tell_native() -> None:
    """Hands the CPU's setting to the native operators."""
    _C.set_autocast(_state.enabled.get("cpu", False), get_autocast_dtype("cpu"), _state.cache)


def is_autocast_enabled(device_type: str = "cuda") -> bool:
    """Whether autocast is on for a device, on this thread."""
    return _state.enabled.get(_check_device(device_type), False)


def set_autocast_enabled(device_type: str | bool, enabled: bool | None = None) -> None:
    """Switches autocast on or off for a device, on this thread."""
    if enabled is None:  # the old form, for CUDA
        device_type, enabled = "cuda", bool(device_type)
    _state.enabled[_check_device(device_type)] = bool(enabled)  # type: ignore[arg-type]
    if device_type == "cpu":
        _tell_native()


def get_autocast_dtype(device_type: str) -> Any:
    """The dtype in which matrix products are computed under autocast."""
    _check_device(device_type)
    default = lampas.bfloat16 if device_type in ("cpu", "meta") else lampas.float16
    return _state.dtypes.get(device_type, default)


def set_autocast_dtype(device_type: str, dtype: Any) -> None:
    """Sets the dtype in which matrix products are computed under autocast, on this thread."""
    _state.dtypes[_check_device(device_type)] = dtype
    if device_type == "cpu":
        _tell_native()


def is_autocast_cpu_enabled() -> bool:
    """Whether autocast is on for the CPU."""
    return is_autocast_enabled("cpu")


def set_autocast_cpu_enabled(enabled: bool) -> None:
    """Switches autocast on or off for the CPU."""
    set_autocast_enabled("cpu", enabled)


def get_autocast_cpu_dtype() -> Any:
    """Autocast's dtype for the CPU."""
    return get_autocast_dtype("cpu")


def set_autocast_cpu_dtype(dtype: Any) -> None:
    """Sets autocast's dtype for the CPU."""
    set_autocast_dtype("cpu", dtype)


def get_autocast_gpu_dtype() -> Any:
    """Autocast's dtype for CUDA devices."""
    return get_autocast_dtype("cuda")


def set_autocast_gpu_dtype(dtype: Any) -> None:
    """Sets autocast's dtype for CUDA devices."""
    set_autocast_dtype("cuda", dtype)


def is_autocast_cache_enabled() -> bool:
    """Whether a weight that was cast once is kept until the outermost autocast ends."""
    return _state.cache


def set_autocast_cache_enabled(enabled: bool) -> None:
    """Sets whether cast weights are kept."""
    _state.cache = bool(enabled)
    _tell_native()


def autocast_increment_nesting() -> int:
    """Counts one more autocast that is open on this thread."""
    _state.nesting += 1
    return _state.nesting


def autocast_decrement_nesting() -> int:
    """Counts one autocast less; returns how many are still open."""
    _state.nesting -= 1
    return _state.nesting


def clear_autocast_cache() -> None:
    """Forgets weights that were cast."""
    _C.clear_autocast_cache()


def snapshot() -> tuple[dict[str, bool], dict[str, Any], bool]:
    """What is set on this thread, for `restored`."""
    return dict(_state.enabled), dict(_state.dtypes), _state.cache


@contextmanager
def restored(settings: tuple[dict[str, bool], dict[str, Any], bool]) -> Iterator[None]:
    """Within the ``with`` block, on this thread: the settings that `snapshot` returned."""
    before = snapshot()
    try:
        _apply(settings)
        yield
    finally:
        _apply(before)


def _apply(settings: tuple[dict[str, bool], dict[str, Any], bool]) -> None:
    enabled, dtypes, _state.cache = settings
    _state.enabled, _state.dtypes = dict(enabled), dict(dtypes)
    _tell_native()
