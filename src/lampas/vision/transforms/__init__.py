"""Image transforms, with torchvision's names, defaults and random draws.

>>> from lampas.vision import transforms
>>> transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.5,), (0.5,))])
Compose(
    ToTensor()
    Normalize(mean=(0.5,), std=(0.5,))
)
"""

from __future__ import annotations

from lampas.vision.transforms import functional
from lampas.vision.transforms._conversion import (
    Compose,
    ConvertImageDtype,
    Lambda,
    LinearTransformation,
    Normalize,
    PILToTensor,
    RandomApply,
    RandomChoice,
    RandomOrder,
    ToPILImage,
    ToTensor,
)
from lampas.vision.transforms._modes import InterpolationMode

__all__ = [
    "Compose",
    "ConvertImageDtype",
    "InterpolationMode",
    "Lambda",
    "LinearTransformation",
    "Normalize",
    "PILToTensor",
    "RandomApply",
    "RandomChoice",
    "RandomOrder",
    "ToPILImage",
    "ToTensor",
    "functional",
]
