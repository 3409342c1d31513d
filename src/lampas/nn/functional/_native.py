"""Choosing between the core's functions and compositions."""

from __future__ import annotations

from typing import Any

from lampas import _C

__all__ = ["native_first"]


def native_first(composition: Any) -> Any:
    """The core's own function of this name where it has one, else ``composition``."""
    return getattr(_C, composition.__name__, composition)
