"""Images: datasets, transforms, models, operators and helpers, with torchvision's interface.

Parts are imported when first used. Pillow, which decodes images, comes with
``pip install lampas[vision]``; the datasets that are arrays need it only for transforms that work
on PIL images.
"""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

_PARTS = ("datasets", "io", "models", "ops", "transforms", "tv_tensors", "utils")
_image_backend = "PIL"

__all__ = ["disable_beta_transforms_warning", "get_image_backend", "set_image_backend"]


def set_image_backend(backend: str) -> None:
    """Names the package that loads images; only ``"PIL"`` is there.

    Raises:
        ValueError: any other name.
    """
    if backend != "PIL":
        raise ValueError(f"Invalid backend {backend!r}. Options are 'PIL'")


def get_image_backend() -> str:
    """The name of the package that loads images.

    >>> get_image_backend()
    'PIL'
    """
    return _image_backend


def disable_beta_transforms_warning() -> None:
    """Nothing: version 2 of the transforms gives no such warning. Programs of its beta call this.

    >>> disable_beta_transforms_warning()
    """


def __getattr__(name: str) -> Any:
    if name == "__version__":
        import lampas

        return lampas.__version__
    if name in _PARTS:
        full_name = f"{__name__}.{name}"
        if importlib.util.find_spec(full_name) is not None:
            return importlib.import_module(full_name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_PARTS})
