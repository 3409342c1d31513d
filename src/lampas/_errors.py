"""Exceptions that programs name."""

from __future__ import annotations

from lampas._C import OutOfMemoryError

__all__ = ["AcceleratorError", "OutOfMemoryError"]


class AcceleratorError(RuntimeError):
    """An accelerator has failed."""
