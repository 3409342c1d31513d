"""Names for types, as annotations of programs use them."""

from __future__ import annotations

import builtins
import os
from collections.abc import Sequence
from typing import IO

from lampas import _C
from lampas._tensor import Tensor
from lampas.storage import TypedStorage, UntypedStorage

_TensorOrTensors = Tensor | Sequence[Tensor]
_int, _float, _bool = builtins.int, builtins.float, builtins.bool
_dtype, _device, _layout = _C.dtype, _C.device, _C.layout
_size = _C.Size | list[int] | tuple[int, ...]
Size = _C.Size
Number = (int, float, bool)
Device = _C.device | str | int | None
FileLike = str | os.PathLike[str] | IO[bytes]
IntLikeType, FloatLikeType, BoolLikeType = int, float, bool
Storage = (UntypedStorage, TypedStorage)

__all__ = [
    "BoolLikeType",
    "Device",
    "FileLike",
    "FloatLikeType",
    "IntLikeType",
    "Number",
    "Size",
    "Storage",
]
