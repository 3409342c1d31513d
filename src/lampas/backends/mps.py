"""Apple's graphics processors, which are not used."""

from __future__ import annotations


def is_available() -> bool:
    """False."""
    return False


def is_built() -> bool:
    """False."""
    return False


def is_macos13_or_newer(minor: int = 0) -> bool:
    """False: the answer serves the graphics processor alone."""
    return False
