"""Switches of CUDA, which is not here: they are remembered, nothing changes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

matmul = SimpleNamespace(
    allow_tf32=False,
    allow_fp16_reduced_precision_reduction=True,
    allow_bf16_reduced_precision_reduction=True,
)
_sdp = {"flash": True, "math": True, "mem_efficient": True, "cudnn": True}


def is_built() -> bool:
    """False."""
    return False


def flash_sdp_enabled() -> bool:
    """Whether attention without the matrix of weights is allowed on CUDA."""
    return _sdp["flash"]


def enable_flash_sdp(enabled: bool) -> None:
    """Remembers it."""
    _sdp["flash"] = bool(enabled)


def math_sdp_enabled() -> bool:
    """Whether attention by its formula is allowed on CUDA."""
    return _sdp["math"]


def enable_math_sdp(enabled: bool) -> None:
    """Remembers it."""
    _sdp["math"] = bool(enabled)


def mem_efficient_sdp_enabled() -> bool:
    """Whether attention in pieces is allowed on CUDA."""
    return _sdp["mem_efficient"]


def enable_mem_efficient_sdp(enabled: bool) -> None:
    """Remembers it."""
    _sdp["mem_efficient"] = bool(enabled)


def cudnn_sdp_enabled() -> bool:
    """Whether cuDNN's attention is allowed on CUDA."""
    return _sdp["cudnn"]


def enable_cudnn_sdp(enabled: bool) -> None:
    """Remembers it."""
    _sdp["cudnn"] = bool(enabled)


@contextmanager
def sdp_kernel(
    enable_flash: bool = True,
    enable_math: bool = True,
    enable_mem_efficient: bool = True,
    enable_cudnn: bool = True,
) -> Iterator[None]:
    """Sets these four within the ``with`` block; ``nn.attention.sdpa_kernel`` has taken its place.

    On the CPU it changes nothing.
    """
    before = dict(_sdp)
    _sdp.update(
        flash=enable_flash, math=enable_math, mem_efficient=enable_mem_efficient, cudnn=enable_cudnn
    )
    try:
        yield
    finally:
        _sdp.update(before)
