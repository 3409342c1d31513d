"""Exceptions that programs name."""

from __future__ import annotations

__all__ = ["AcceleratorError", "OutOfMemoryError"]


class OutOfMemoryError(RuntimeError):
    """An accelerator has no memory left. The CPU's allocator raises RuntimeError, as PyTorch's."""


class AcceleratorError(RuntimeError):
    """An accelerator has failed."""
