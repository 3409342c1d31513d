"""Switches: `winograd`, and those of PyTorch's backends, none of which exists here.

>>> lampas.backends.winograd.enabled = False  # 3x3 convolutions by direct sums alone
>>> lampas.backends.winograd.enabled
False
>>> lampas.backends.winograd.enabled = True
"""

from __future__ import annotations

import importlib
from typing import Any

_BACKENDS = (
    "cpu", "cuda", "cudnn", "kleidiai", "mkl", "mkldnn", "mps", "nnpack", "openmp", "opt_einsum",
    "quantized", "xnnpack",
)  # fmt: skip


class _Winograd:
    """3x3 convolutions of stride 1 in float32 by Winograd's method.

    About twice as fast as direct sums; the relative error is about 1e-5 instead of 1e-6. Switched
    off by `enabled = False`, or by the environment variable LAMPAS_WINOGRAD=0. Lavin and Gray,
    "Fast Algorithms for Convolutional Neural Networks", 2016.
    """

    @property
    def enabled(self) -> bool:
        from lampas import _C

        return bool(_C.winograd())

    @enabled.setter
    def enabled(self, on: bool) -> None:
        from lampas import _C

        _C.set_winograd(bool(on))


winograd = _Winograd()


def __getattr__(name: str) -> Any:
    if name in _BACKENDS:
        return importlib.import_module(f"lampas.backends.{name}")
    raise AttributeError(f"module 'lampas.backends' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_BACKENDS})
