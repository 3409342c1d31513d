"""NumPy's arrays, scalars and dtypes in files: made from checked sizes and bytes only."""

from __future__ import annotations

from pickle import UnpicklingError
from reprlib import repr as short
from typing import Any

import numpy as np

_KINDS = "biufcSU"  # numbers and texts: their elements are bytes, never objects


def _check(dtype: np.dtype[Any]) -> np.dtype[Any]:
    if not isinstance(dtype, np.dtype) or dtype.kind not in _KINDS:
        raise UnpicklingError(
            f"a NumPy array or scalar of dtype {dtype} at {{place}}: only numbers and texts "
            "are read; arrays of objects and records can run code or hide it"
        )
    return dtype


def dtype(*args: Any) -> np.dtype[Any]:
    """``numpy.dtype(name, align, copy)``."""
    name = args[0] if args else None
    if not isinstance(name, str) or len(name) > 16 or "," in name:
        raise UnpicklingError(f"NumPy dtype {short(name)} at {{place}}: only simple ones are read")
    return np.dtype(_check(np.dtype(name)), copy=True)


def dtype_state(target: np.dtype[Any], state: Any) -> np.dtype[Any]:
    """Sets the byte order."""
    order = state[1] if isinstance(state, tuple) and len(state) >= 8 else None
    if (
        order not in ("<", ">", "|", "=")
        or state[2:5] != (None, None, None)
        or state[5] not in (-1, target.itemsize)
    ):
        raise UnpicklingError("a NumPy dtype with fields at {place}: only simple ones are read")
    # In place: other arrays of the file may refer to the same dtype. It is ours alone, see dtype().
    state_of: Any = target
    state_of.__setstate__((3, order, None, None, None, state[5], state[6], 0))
    return target


def scalar(dtype: Any, data: Any = b"") -> Any:
    """``numpy.core.multiarray.scalar(dtype, bytes)``."""
    _check(dtype)
    if not isinstance(data, bytes) or len(data) != dtype.itemsize:
        raise UnpicklingError("a NumPy scalar with other than its bytes at {place}")
    return np.frombuffer(data, dtype=dtype)[0]


def reconstruct(*args: Any) -> np.ndarray[Any, Any]:
    """``numpy.core.multiarray._reconstruct(ndarray, (0,), b'b')``: an array to be filled."""
    if len(args) != 3 or args[0] is not np.ndarray:
        raise UnpicklingError("a subclass of numpy.ndarray at {place}: only plain arrays are read")
    return np.ndarray((0,), dtype="b")


def array_state(array: np.ndarray[Any, Any], state: Any) -> np.ndarray[Any, Any]:
    """Fills an array that `reconstruct` made."""
    if not isinstance(state, tuple) or len(state) != 5:
        raise UnpicklingError("a damaged NumPy array at {place}")
    _, shape, kind, fortran, data = state
    _check(kind)
    if isinstance(data, str):  # written by Python 2
        data = data.encode("latin1")
    if not isinstance(data, bytes) or not isinstance(shape, tuple):
        raise UnpicklingError("a NumPy array with other than its bytes at {place}")
    count = 1
    for n in shape:
        if not isinstance(n, int) or n < 0:
            raise UnpicklingError(f"a NumPy array of shape {shape} at {{place}}")
        count *= n
    if count * kind.itemsize != len(data):
        raise UnpicklingError(
            f"a NumPy array of shape {shape} and dtype {kind} with {len(data)} bytes at {{place}}"
        )
    filled: Any = array
    filled.__setstate__((1, shape, kind, bool(fortran), data))
    return array


def frombuffer(data: Any, dtype: Any, shape: Any, order: Any) -> np.ndarray[Any, Any]:
    """``numpy._core.numeric._frombuffer``: arrays in protocol 5."""
    _check(dtype)
    if not isinstance(data, (bytes, bytearray)) or order not in ("C", "F"):
        raise UnpicklingError("a NumPy array with other than its bytes at {place}")
    return np.frombuffer(data, dtype=dtype).reshape(shape, order=order).copy(order=order)


VALUES: dict[str, Any] = {"numpy.ndarray": np.ndarray, "numpy.dtype": np.dtype}
for _core in ("numpy.core", "numpy._core"):
    VALUES |= {
        f"{_core}.multiarray.scalar": scalar,
        f"{_core}.multiarray._reconstruct": reconstruct,
        f"{_core}.numeric._frombuffer": frombuffer,
    }

CALLS: dict[Any, Any] = {
    np.dtype: dtype, scalar: scalar, reconstruct: reconstruct, frombuffer: frombuffer,
}  # fmt: skip
