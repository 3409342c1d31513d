"""Switches of PyTorch's backends, kept and ignored: none of them exists here."""

from __future__ import annotations

from types import SimpleNamespace


class _Backend(SimpleNamespace):
    """A backend's attributes, and what it answers to is_available()."""

    def is_available(self) -> bool:
        return False


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
