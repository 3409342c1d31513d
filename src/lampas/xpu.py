"""Truthful answers to questions about this kind of accelerator: there is none here."""

from __future__ import annotations


def is_available() -> bool:
    """False: Lampas runs on the CPU."""
    return False


def device_count() -> int:
    """0."""
    return 0
