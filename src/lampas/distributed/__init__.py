"""Truthful answers to questions about training in several processes: none of it is built in.

Programs ask ``is_available()`` first, and go on alone.

>>> import lampas.distributed as dist
>>> dist.is_available() and dist.is_initialized()
False
"""

from __future__ import annotations

import os

__all__ = [
    "is_available", "is_backend_available", "is_gloo_available", "is_initialized",
    "is_mpi_available", "is_nccl_available", "is_torchelastic_launched", "is_ucc_available",
    "is_xccl_available",
]  # fmt: skip


def is_available() -> bool:
    """False: no backend is built in."""
    return False


def is_initialized() -> bool:
    """False: there is no group of processes to belong to."""
    return False


def is_backend_available(backend: str) -> bool:
    """False for every name.

    Args:
        backend: ``"gloo"``, ``"mpi"``, ``"nccl"`` …
    """
    if not isinstance(backend, str):
        raise TypeError(f"backend must be a name, not {type(backend).__name__}")
    return False


def is_gloo_available() -> bool:
    """False: not built in."""
    return False


def is_mpi_available() -> bool:
    """False: not built in."""
    return False


def is_nccl_available() -> bool:
    """False: there is no CUDA device."""
    return False


def is_ucc_available() -> bool:
    """False: not built in."""
    return False


def is_xccl_available() -> bool:
    """False: there is no XPU device."""
    return False


def is_torchelastic_launched() -> bool:
    """Whether ``torchelastic`` started this process, which its environment tells."""
    return "TORCHELASTIC_RUN_ID" in os.environ
