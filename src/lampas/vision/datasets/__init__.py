"""Datasets of images, imported when first used.

``Digits`` is part of the package; the others are read from files, and most can download them.
"""

from __future__ import annotations

import importlib
from typing import Any

_HOMES = {
    "mnist": ("EMNIST", "FashionMNIST", "KMNIST", "MNIST", "QMNIST"),
    "cifar": ("CIFAR10", "CIFAR100"),
    "coco": ("CocoCaptions", "CocoDetection"),
    "digits": ("Digits",),
    "fakedata": ("FakeData",),
    "folder": ("DatasetFolder", "ImageFolder"),
    "stl10": ("STL10",),
    "svhn": ("SVHN",),
    "voc": ("VOCDetection", "VOCSegmentation"),
    "vision": ("StandardTransform", "VisionDataset"),
    "wrapping": ("wrap_dataset_for_transforms_v2",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME_OF)


def __getattr__(name: str) -> Any:
    home = _HOME_OF.get(name)
    if home is not None:
        value = getattr(importlib.import_module(f"{__name__}.{home}"), name)
        globals()[name] = value
        return value
    if name in _HOMES or name == "utils":
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
