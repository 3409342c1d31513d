"""Utilities around training: data loading, checkpointing, event files.

Submodules are imported when first used, so that ``import lampas`` does not pay for them.
"""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any


def __getattr__(name: str) -> Any:
    if not name.startswith("_") and importlib.util.find_spec(f"{__name__}.{name}") is not None:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    import pkgutil

    found = {module.name for module in pkgutil.iter_modules(__path__)}
    return sorted(found | set(globals()))
