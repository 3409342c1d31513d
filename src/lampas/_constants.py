"""Numbers and type limits."""

from __future__ import annotations

import math

from lampas import _C

__all__ = ["e", "finfo", "iinfo", "inf", "nan", "newaxis", "pi"]

e, inf, nan, pi = math.e, math.inf, math.nan, math.pi
newaxis = None

# bits, smallest and largest value
_INTEGERS = {
    "uint8": (8, 0, 255),
    "int8": (8, -(2**7), 2**7 - 1),
    "int16": (16, -(2**15), 2**15 - 1),
    "int32": (32, -(2**31), 2**31 - 1),
    "int64": (64, -(2**63), 2**63 - 1),
}
# bits, eps, largest, smallest normal, smallest subnormal, decimal digits
_FLOATS = {
    "float16": (16, 2.0**-10, 65504.0, 2.0**-14, 2.0**-24, 1e-3),
    "bfloat16": (16, 2.0**-7, 3.3895313892515355e38, 2.0**-126, 2.0**-133, 1e-2),
    "float32": (32, 2.0**-23, 3.4028234663852886e38, 2.0**-126, 2.0**-149, 1e-6),
    "float64": (64, 2.0**-52, 1.7976931348623157e308, 2.0**-1022, 5e-324, 1e-15),
}


class iinfo:
    """Limits of an integer dtype.

    >>> iinfo(_C.int8).max
    127
    """

    def __init__(self, type: _C.dtype) -> None:
        self.dtype = type.__name__
        if self.dtype not in _INTEGERS:
            raise TypeError(
                f"torch.iinfo() requires an integer input type, not {type}. Use torch.finfo"
            )
        self.bits, self.min, self.max = _INTEGERS[self.dtype]

    def __repr__(self) -> str:
        return f"iinfo(min={self.min}, max={self.max}, dtype={self.dtype})"


class finfo:
    """Limits of a floating point dtype; of a complex one, its parts'.

    >>> finfo(_C.float32).eps
    1.1920928955078125e-07
    """

    def __init__(self, type: _C.dtype | None = None) -> None:
        type = (type or _C.get_default_dtype()).to_real()
        self.dtype = type.__name__
        if self.dtype not in _FLOATS:
            raise TypeError(
                f"torch.finfo() requires a floating point input type, not {type}. Use torch.iinfo"
            )
        self.bits, self.eps, self.max, self.tiny, self.smallest_subnormal, self.resolution = (
            _FLOATS[self.dtype]
        )
        self.min = -self.max
        self.smallest_normal = self.tiny

    def __repr__(self) -> str:
        return (
            f"finfo(resolution={self.resolution:g}, min={self.min:g}, max={self.max:g}, eps={self.eps:g}, "  # noqa: E501
            f"smallest_normal={self.smallest_normal:g}, tiny={self.tiny:g}, dtype={self.dtype})"
        )
