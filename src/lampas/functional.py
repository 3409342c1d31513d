"""Functions of several tensors and of signals; all are found as ``lampas.name``, too."""

from __future__ import annotations

import importlib
from typing import Any

_NAMES = (
    "atleast_1d", "atleast_2d", "atleast_3d", "block_diag", "broadcast_shapes",
    "broadcast_tensors", "cartesian_prod", "cdist", "chain_matmul", "einsum", "lu", "meshgrid",
    "norm", "split", "stft", "tensordot", "unique", "unique_consecutive", "unravel_index",
)  # fmt: skip
__all__ = list(_NAMES)


def __getattr__(name: str) -> Any:
    if name in _NAMES or name == "istft":
        return getattr(importlib.import_module("lampas"), name)
    raise AttributeError(f"module 'lampas.functional' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
