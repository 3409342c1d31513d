"""Switches: `winograd`, and those of PyTorch's backends, none of which exists here.

>>> lampas.backends.winograd.enabled = False  # 3x3 convolutions by direct sums alone
>>> lampas.backends.winograd.enabled
False
>>> lampas.backends.winograd.enabled = True
"""

from __future__ import annotations

from types import SimpleNamespace


class _Backend(SimpleNamespace):
    """A backend's attributes, and what it answers to is_available()."""

    def is_available(self) -> bool:
        return False


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
cudnn = _Backend(
    enabled=False, benchmark=False, deterministic=True, allow_tf32=False, version=lambda: None
)
cuda = SimpleNamespace(matmul=SimpleNamespace(allow_tf32=False), is_built=lambda: False)
mps = _Backend(is_built=lambda: False)
mkl = _Backend()
mkldnn = _Backend(enabled=False)
openmp = _Backend()
quantized = SimpleNamespace(engine="none", supported_engines=["none"])
cpu = SimpleNamespace()


def _capability() -> str:
    from lampas import _C

    return str(_C.cpu_info()["isa"]).upper()


cpu.get_cpu_capability = _capability
