"""The second version of the transforms: the same classes, and conversions split in two.

Images are PIL images and tensors; boxes and masks are not transformed along.
"""

from __future__ import annotations

from lampas.vision import transforms as _v1
from lampas.vision.transforms import *  # noqa: F403
from lampas.vision.transforms.v2._conversion import (
    RGB,
    CutMix,
    Identity,
    MixUp,
    PILToTensor,
    ToDtype,
    ToImage,
    ToPILImage,
    ToPureTensor,
    ToTensor,
    Transform,
)

__all__ = [
    "RGB",
    "CutMix",
    "Identity",
    "MixUp",
    "PILToTensor",
    "ToDtype",
    "ToImage",
    "ToPILImage",
    "ToPureTensor",
    "ToTensor",
    "Transform",
    *sorted({*_v1.__all__} - {"PILToTensor", "ToPILImage", "ToTensor"}),
]
