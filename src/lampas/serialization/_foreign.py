"""Element types of files that Lampas does not have, read into wider ones with the same values."""

from __future__ import annotations

import math
from pickle import UnpicklingError
from typing import Any

from lampas import _C
from lampas._tensor import Tensor

# Bits of the exponent, its bias, and which values are special: "ieee" has infinities and NaN at
# the highest exponent; "fn" only NaN, where all bits are set; "fnuz" NaN in place of minus zero.
# Micikevicius et al. 2022, https://arxiv.org/abs/2209.05433; Noune et al. 2022,
# https://arxiv.org/abs/2206.02915.
_FLOAT8 = {
    "float8_e4m3fn": (4, 7, "fn"),
    "float8_e5m2": (5, 15, "ieee"),
    "float8_e4m3fnuz": (4, 8, "fnuz"),
    "float8_e5m2fnuz": (5, 16, "fnuz"),
}
_BITS = {"uint16": _C.int16, "uint32": _C.int32, "uint64": _C.int64, "complex32": _C.float16}
_Sizes = tuple[int, ...]


def layout(name: str, size: _Sizes, stride: _Sizes, offset: int) -> tuple[Any, int, _Sizes, _Sizes]:
    """The dtype, offset, size and stride by which to look at the bits of a tensor."""
    if name == "complex32":  # pairs of float16
        return _BITS[name], 2 * offset, (*size, 2), (*(2 * s for s in stride), 1)
    return _BITS.get(name, _C.uint8), offset, size, stride


def widened(name: str, bits: Tensor, dtype: Any) -> Tensor:
    """The values that the bits stand for.

    Raises:
        UnpicklingError: a value of uint64 that int64 does not hold.
    """
    if name == "uint64":
        if bool((bits < 0).any()):
            raise UnpicklingError(
                "a tensor of dtype uint64 at {place} with values above those of int64: Lampas does "
                "not have this dtype. Remedy: convert it in PyTorch before saving"
            )
        return bits
    if name == "complex32":
        return _C.view_as_complex(bits.to(_C.float32).contiguous())
    if name in ("uint16", "uint32"):
        return bits.to(dtype) & (0xFFFF if name == "uint16" else 0xFFFFFFFF)
    table = _C.tensor([_float8(name, b) for b in range(256)], dtype=dtype)
    return table[bits.to(_C.int64)]


def _float8(name: str, bits: int) -> float:
    if name == "float8_e8m0fnu":  # an exponent alone
        return math.nan if bits == 255 else 2.0 ** (bits - 127)
    exponents, bias, special = _FLOAT8[name]
    mantissas = 7 - exponents
    exponent, mantissa = bits >> mantissas & (1 << exponents) - 1, bits & (1 << mantissas) - 1
    sign = -1.0 if bits & 128 else 1.0
    if (special == "fnuz" and bits == 128) or (special == "fn" and bits & 127 == 127):
        return math.nan
    if special == "ieee" and exponent == (1 << exponents) - 1:
        return math.nan if mantissa else sign * math.inf
    value = (mantissa / (1 << mantissas) + (exponent > 0)) * 2.0 ** (max(exponent, 1) - bias)
    return sign * value
