"""Process-wide settings that have one truthful answer, or a small effect, on a CPU."""

from __future__ import annotations

from typing import Any

from lampas import _C
from lampas._legacy import dtype_of_type

__all__ = [
    "are_deterministic_algorithms_enabled",
    "get_deterministic_debug_mode",
    "get_device_module",
    "get_float32_matmul_precision",
    "get_num_interop_threads",
    "has_lapack",
    "has_mkl",
    "has_openmp",
    "has_spectral",
    "init_num_threads",
    "is_anomaly_check_nan_enabled",
    "is_anomaly_enabled",
    "is_deterministic_algorithms_warn_only_enabled",
    "set_anomaly_enabled",
    "set_default_tensor_type",
    "set_deterministic_debug_mode",
    "set_float32_matmul_precision",
    "set_num_interop_threads",
    "use_deterministic_algorithms",
]

# Every algorithm is deterministic; what is asked for is remembered for those who look.
_determinism = {"on": False, "warn_only": False}
_interop = {"threads": 1}
_precision = {"float32": "highest"}


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Asks for deterministic algorithms. All of them are, so nothing is refused or slower.

    >>> import lampas
    >>> lampas.use_deterministic_algorithms(True)
    >>> lampas.are_deterministic_algorithms_enabled()
    True
    >>> lampas.use_deterministic_algorithms(False)
    """
    for name, value in (("mode", mode), ("warn_only", warn_only)):
        if not isinstance(value, bool):
            raise TypeError(
                f"use_deterministic_algorithms(): {name} must be bool, not {type(value).__name__}"
            )
    _determinism.update(on=mode, warn_only=warn_only)


def are_deterministic_algorithms_enabled() -> bool:
    """Whether :func:`use_deterministic_algorithms` was asked for."""
    return _determinism["on"]


def is_deterministic_algorithms_warn_only_enabled() -> bool:
    """Whether an algorithm that is not deterministic should only warn; there is none."""
    return _determinism["warn_only"]


def set_deterministic_debug_mode(debug_mode: int | str) -> None:
    """:func:`use_deterministic_algorithms` by number or name: "default", "warn" or "error"."""
    modes = ("default", "warn", "error")
    if isinstance(debug_mode, str):
        if debug_mode not in modes:
            raise RuntimeError(
                f"invalid value of debug_mode, expected one of {', '.join(modes)}, but got "
                f"{debug_mode}"
            )
        debug_mode = modes.index(debug_mode)
    elif isinstance(debug_mode, bool) or not isinstance(debug_mode, int):
        raise TypeError(f"debug_mode must be str or int, but got {type(debug_mode)}")
    if debug_mode not in (0, 1, 2):
        raise RuntimeError(
            f"invalid value of debug_mode, expected 0, 1, or 2, but got {debug_mode}"
        )
    use_deterministic_algorithms(debug_mode > 0, warn_only=debug_mode == 1)


def get_deterministic_debug_mode() -> int:
    """0: default, 1: warn, 2: error."""
    return 0 if not _determinism["on"] else 1 if _determinism["warn_only"] else 2


def set_float32_matmul_precision(precision: str) -> None:
    """The least precision that float32 products need: "highest", "high" or "medium".

    It allows faster, less precise products; here they are always taken in float32.

    >>> import lampas
    >>> lampas.set_float32_matmul_precision("high")
    >>> lampas.get_float32_matmul_precision()
    'high'
    >>> lampas.set_float32_matmul_precision("highest")
    """
    if precision not in ("highest", "high", "medium"):
        raise RuntimeError(
            "set_float32_matmul_precision(): expected 'highest', 'high' or 'medium', got "
            f"{precision!r}"
        )
    _precision["float32"] = precision


def get_float32_matmul_precision() -> str:
    """What :func:`set_float32_matmul_precision` was given; "highest" at first."""
    return _precision["float32"]


def set_num_interop_threads(num_interop_threads: int) -> None:
    """Says how many operators may run beside each other.

    It is remembered for those who ask; all threads work on one operator at a time.

    Raises:
        RuntimeError: not a positive number.

    >>> import lampas
    >>> lampas.set_num_interop_threads(2)
    >>> lampas.get_num_interop_threads()
    2
    >>> lampas.set_num_interop_threads(1)
    """
    if isinstance(num_interop_threads, bool) or not isinstance(num_interop_threads, int):
        raise TypeError(
            f"set_num_interop_threads expects an int, but got {type(num_interop_threads).__name__}"
        )
    if num_interop_threads <= 0:
        raise RuntimeError(
            f"set_num_interop_threads expects a positive integer, got {num_interop_threads}"
        )
    _interop["threads"] = num_interop_threads


def get_num_interop_threads() -> int:
    """What :func:`set_num_interop_threads` was given; 1 at first."""
    return _interop["threads"]


def init_num_threads() -> None:
    """Sets the number of threads back to what CPU quota, affinity and environment say.

    >>> import lampas
    >>> before = lampas.get_num_threads()
    >>> lampas.set_num_threads(1)
    >>> lampas.init_num_threads()
    >>> lampas.get_num_threads() == lampas._C.default_num_threads()
    True
    >>> lampas.set_num_threads(before)
    """
    _C.set_num_threads(_C.default_num_threads())


def get_device_module(device: Any = None) -> Any:
    """The module of a kind of device: ``lampas.cpu`` for the CPU, which is the default.

    Args:
        device: a device or its name.

    Raises:
        RuntimeError: no such module.

    >>> import lampas
    >>> lampas.get_device_module().__name__
    'lampas.cpu'
    """
    import importlib

    if device is not None and not isinstance(device, (str, _C.device)):
        raise RuntimeError(
            f"Invalid value of device {device!r}, expect torch.device or str as device type."
        )
    kind = "cpu" if device is None else _C.device(device).type
    try:
        return importlib.import_module(f"lampas.{kind}")
    except ModuleNotFoundError:
        raise RuntimeError(
            f"Device {kind!r} does not have a corresponding module registered as 'torch.{kind}'."
        ) from None


# What is built in: NumPy's LAPACK and Fourier transforms, and neither Intel's library nor OpenMP.
has_lapack, has_spectral, has_mkl, has_openmp = True, True, False, False


def is_anomaly_enabled() -> bool:
    """Whether anomaly detection is on; see :func:`lampas.autograd.detect_anomaly`."""
    return bool(_C._anomaly()[0])


def is_anomaly_check_nan_enabled() -> bool:
    """Whether anomaly detection looks for NaN in gradients."""
    return bool(_C._anomaly()[1])


def set_anomaly_enabled(mode: bool, check_nan: bool = True) -> None:
    """Switches anomaly detection on or off.

    >>> import lampas
    >>> lampas.set_anomaly_enabled(True, check_nan=False)
    >>> lampas.is_anomaly_enabled(), lampas.is_anomaly_check_nan_enabled()
    (True, False)
    >>> lampas.set_anomaly_enabled(False)
    """
    _C._set_anomaly(mode, check_nan)


def set_default_tensor_type(t: Any) -> None:
    """Sets the default dtype by a legacy tensor type or its name.

    >>> import lampas
    >>> lampas.set_default_tensor_type("torch.DoubleTensor")
    >>> lampas.zeros(1).dtype
    torch.float64
    >>> lampas.set_default_tensor_type(lampas.FloatTensor)
    """
    if isinstance(t, str) and ".cuda." in t:
        raise TypeError(
            f"type {t} not available. Lampas runs on CPUs; use {t.replace('.cuda', '')}"
        )
    named = isinstance(t, (str, type)) and not isinstance(t, _C.dtype)
    dtype = dtype_of_type(t) if named else None
    if dtype is None or not dtype.is_floating_point:
        raise TypeError(f"only floating-point types are supported as the default type, got {t!r}")
    _C.set_default_dtype(dtype)
