"""What prepares images for models with published weights."""

from __future__ import annotations

from typing import Any

import lampas
from lampas import Tensor, nn
from lampas.vision.transforms import InterpolationMode
from lampas.vision.transforms import functional as F

__all__ = ["ImageClassification", "SemanticSegmentation"]

_MEAN = (0.485, 0.456, 0.406)
_STD = (0.229, 0.224, 0.225)


class _Preset(nn.Module):
    _shown: tuple[str, ...]

    def __init__(self, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
        super().__init__()
        self.mean = list(mean)
        self.std = list(std)

    def _normalized(self, img: Any) -> Tensor:
        if not isinstance(img, Tensor):
            img = F.pil_to_tensor(img)
        img = F.convert_image_dtype(img, lampas.float32)
        result: Tensor = F.normalize(img, mean=self.mean, std=self.std)
        return result

    def __repr__(self) -> str:
        shown = "".join(f"\n    {name}={getattr(self, name)}" for name in self._shown)
        return f"{type(self).__name__}({shown}\n)"


class ImageClassification(_Preset):
    """Resizes the shorter side, crops the centre, scales to [0, 1] and normalizes.

    Takes a PIL image or a tensor (…, C, H, W); gives float32 (…, C, crop_size, crop_size).

    >>> from lampas.vision.models import AlexNet_Weights
    >>> AlexNet_Weights.DEFAULT.transforms()(lampas.zeros(3, 300, 400)).shape
    torch.Size([3, 224, 224])
    """

    _shown = ("crop_size", "resize_size", "mean", "std", "interpolation")

    def __init__(
        self,
        *,
        crop_size: int,
        resize_size: int = 256,
        mean: tuple[float, ...] = _MEAN,
        std: tuple[float, ...] = _STD,
        interpolation: InterpolationMode = InterpolationMode.BILINEAR,
        antialias: bool | None = True,
    ) -> None:
        super().__init__(mean, std)
        self.crop_size = [crop_size]
        self.resize_size = [resize_size]
        self.interpolation = interpolation
        self.antialias = antialias

    def forward(self, img: Any) -> Tensor:
        """`img` as the model takes it."""
        img = F.resize(
            img, self.resize_size, interpolation=self.interpolation, antialias=self.antialias
        )
        return self._normalized(F.center_crop(img, self.crop_size))


class SemanticSegmentation(_Preset):
    """Resizes the shorter side unless `resize_size` is None, scales to [0, 1] and normalizes.

    >>> from lampas.vision.models.segmentation import FCN_ResNet50_Weights
    >>> FCN_ResNet50_Weights.DEFAULT.transforms()(lampas.zeros(3, 300, 300)).shape
    torch.Size([3, 520, 520])
    """

    _shown = ("resize_size", "mean", "std", "interpolation")

    def __init__(
        self,
        *,
        resize_size: int | None,
        mean: tuple[float, ...] = _MEAN,
        std: tuple[float, ...] = _STD,
        interpolation: InterpolationMode = InterpolationMode.BILINEAR,
        antialias: bool | None = True,
    ) -> None:
        super().__init__(mean, std)
        self.resize_size = None if resize_size is None else [resize_size]
        self.interpolation = interpolation
        self.antialias = antialias

    def forward(self, img: Any) -> Tensor:
        """`img` as the model takes it."""
        if self.resize_size is not None:
            img = F.resize(
                img, self.resize_size, interpolation=self.interpolation, antialias=self.antialias
            )
        return self._normalized(img)
