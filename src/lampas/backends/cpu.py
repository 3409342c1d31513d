"""What the processor offers."""

from __future__ import annotations

from lampas import _C


def get_cpu_capability() -> str:
    """The instruction set in use: "BASE", "AVX2" or "AVX512".

    >>> import lampas
    >>> lampas.backends.cpu.get_cpu_capability() in ("BASE", "AVX2", "AVX512")
    True
    """
    isa = str(_C.cpu_info()["isa"])
    # PyTorch knows no names for what comes with AVX-512.
    return "AVX512" if isa in ("avx512_bf16", "amx") else isa.upper()
