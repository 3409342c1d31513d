"""How Lampas was built, and how it runs, as text."""

from __future__ import annotations

from lampas import _C
from lampas._version import __version__

__all__ = ["parallel_info", "show"]


def show() -> str:
    """Version, processor and instruction set, in lines.

    >>> import lampas.__config__
    >>> lampas.__config__.show().splitlines()[0].startswith("Lampas ")
    True
    """
    info = _C.cpu_info()
    return (
        f"Lampas {__version__}\n"
        f"  - processor: {info['model'] or info['architecture']}\n"
        f"  - instruction set in use: {info['isa']}, best on this processor: {info['best_isa']}\n"
        "  - BLAS, LAPACK, OpenMP: own kernels and NumPy's factorizations; no OpenMP\n"
    )


def parallel_info() -> str:
    """Threads in use, and how many the machine allows, in lines."""
    return (
        f"threads in use: {_C.get_num_threads()}\n"
        f"threads that CPU quota and affinity allow: {_C.default_num_threads()}\n"
    )
