"""Intel's library of kernels, which is not used here: own kernels take its place."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

enabled = False
deterministic = True
allow_tf32 = False


def is_available() -> bool:
    """False."""
    return False


@contextmanager
def flags(enabled: bool = False, deterministic: bool = False, **_: Any) -> Iterator[None]:
    """A block that runs as any other: there is nothing to switch."""
    yield
