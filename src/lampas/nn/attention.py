"""The choice among kernels of attention.

PyTorch has several, which differ in speed and memory. Here one computes what both the plain and
the memory-saving kernel of its CPU build compute, so that a choice of either is met.
"""

from __future__ import annotations

import contextlib
import enum
from collections.abc import Iterable, Iterator

__all__ = ["SDPBackend", "sdpa_kernel"]


class SDPBackend(enum.Enum):
    """Kernels of :func:`~lampas.nn.functional.scaled_dot_product_attention`."""

    ERROR = -1
    MATH = 0
    FLASH_ATTENTION = 1
    EFFICIENT_ATTENTION = 2
    CUDNN_ATTENTION = 3
    OVERRIDEABLE = 4


_THERE = {SDPBackend.MATH, SDPBackend.FLASH_ATTENTION}


@contextlib.contextmanager
def sdpa_kernel(
    backends: SDPBackend | Iterable[SDPBackend], set_priority: bool = False
) -> Iterator[None]:
    """Within it, attention may use these kernels only.

    Args:
        backends: one or several; ``MATH`` and ``FLASH_ATTENTION`` are there.
        set_priority: their order is that of preference. With one kernel there is nothing to
            prefer.

    Raises:
        AssertionError: for anything else than kernels.
        RuntimeError: where none of them is there; those of GPUs are not.

    Example:
        >>> import lampas
        >>> from lampas.nn.attention import SDPBackend, sdpa_kernel
        >>> q = lampas.rand(1, 2, 3, 4)
        >>> with sdpa_kernel(SDPBackend.MATH):
        ...     lampas.nn.functional.scaled_dot_product_attention(q, q, q).shape
        torch.Size([1, 2, 3, 4])
    """
    chosen: list[SDPBackend] = (
        list(backends)
        if isinstance(backends, Iterable) and not isinstance(backends, str)
        else [backends]
    )
    for backend in chosen:
        if not isinstance(backend, SDPBackend):
            raise AssertionError(
                "Backend must be an instance of SDPBackend or a list of SDPBackend instances, "
                f"got {type(backend).__name__}"
            )
    if not _THERE & set(chosen):
        names = ", ".join(backend.name for backend in chosen)
        raise RuntimeError(
            "No viable backend for scaled_dot_product_attention was found among "
            f"[{names}]. Remedy: add SDPBackend.MATH, which is there on every machine"
        )
    yield
