"""What the processor offers."""

from __future__ import annotations

from lampas import _C


def get_cpu_capability() -> str:
    """The instruction set in use: "BASE", "AVX2" or "AVX512".

    >>> import lampas
    >>> lampas.backends.cpu.get_cpu_capability() in ("BASE", "AVX2", "AVX512")
    True
    """
    return str(_C.cpu_info()["isa"]).upper()
