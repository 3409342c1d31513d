"""The transforms that only version 2 has."""

from __future__ import annotations

import math
from typing import Any

import lampas
from lampas import nn
from lampas.vision import transforms as v1
from lampas.vision._pillow import is_pil_image
from lampas.vision.transforms import functional as F1
from lampas.vision.transforms.v2.functional import to_dtype, to_image


class Transform(nn.Module):
    """Base of a user's own transforms: define ``transform(inpt, params)``, and ``make_params``."""

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """What is drawn once for all inputs."""
        return {}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        raise NotImplementedError(f"{type(self).__name__} does not define transform")

    def forward(self, *inputs: Any) -> Any:
        params = self.make_params(list(inputs))
        results = tuple([self.transform(value, params) for value in inputs])
        return results[0] if len(results) == 1 else results


class ToImage(nn.Module):
    """A PIL image or array to a tensor ``(C, H, W)``; values and depth stay."""

    def forward(self, inpt: Any) -> lampas.Tensor:
        return to_image(inpt)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class ToTensor(v1.ToTensor):
    """As in version 1, but leaves tensors as they are."""

    _in_batches = v1.ToTensor

    def __call__(self, pic: Any) -> Any:
        return pic if isinstance(pic, lampas.Tensor) else super().__call__(pic)


class PILToTensor(v1.PILToTensor):
    """As in version 1, but leaves tensors as they are."""

    _in_batches = v1.PILToTensor

    def __call__(self, pic: Any) -> Any:
        return pic if isinstance(pic, lampas.Tensor) else super().__call__(pic)


class ToPILImage(v1.ToPILImage):
    """As in version 1, but leaves PIL images as they are."""

    def __call__(self, pic: Any) -> Any:
        return pic if is_pil_image(pic) else super().__call__(pic)


class ToPureTensor(nn.Module):
    """Leaves tensors as they are: there are no subclasses for images here."""

    def forward(self, inpt: Any) -> Any:
        return inpt


class ToDtype(nn.Module):
    """Converts a tensor's dtype; with ``scale``, its values to the new dtype's range as well."""

    def __init__(self, dtype: lampas.dtype, scale: bool = False) -> None:
        super().__init__()
        self.dtype = dtype
        self.scale = scale

    def forward(self, inpt: lampas.Tensor) -> lampas.Tensor:
        return to_dtype(inpt, self.dtype, self.scale)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(dtype={self.dtype}, scale={self.scale})"


class Identity(nn.Module):
    """Does nothing."""

    def forward(self, inpt: Any) -> Any:
        return inpt


class RGB(nn.Module):
    """Grey to colour; colour stays."""

    def forward(self, inpt: Any) -> Any:
        if isinstance(inpt, lampas.Tensor):
            return inpt if inpt.shape[-3] == 3 else F1.rgb_to_grayscale(inpt, 3)
        return inpt.convert("RGB")


class _Mixing(nn.Module):
    """Base of the transforms that mix the images of a batch with each other."""

    def __init__(self, *, alpha: float = 1.0, num_classes: int | None = None) -> None:
        super().__init__()
        if alpha <= 0:
            raise ValueError(f"alpha should be positive, got {alpha}")
        self.alpha = alpha
        self.num_classes = num_classes

    def _one_hot(self, labels: lampas.Tensor) -> lampas.Tensor:
        if labels.dim() == 2:
            return labels.to(lampas.float32)
        if self.num_classes is None:
            raise ValueError("num_classes must be passed if the labels are class indices")
        return nn.functional.one_hot(labels, num_classes=self.num_classes).to(lampas.float32)

    def _lambda(self) -> float:
        alpha = float(self.alpha)
        return float(lampas.distributions.Beta(alpha, alpha).sample(()).item())

    def _mixed(self, images: lampas.Tensor, lam: float) -> tuple[lampas.Tensor, float]:
        raise NotImplementedError(f"{type(self).__name__} does not define _mixed")

    def forward(self, images: lampas.Tensor, labels: lampas.Tensor) -> tuple[Any, Any]:
        if images.dim() != 4:
            raise ValueError(
                f"Expected a batch of images (B, C, H, W), got shape {tuple(images.shape)}: mixing "
                "is done on batches, after the loader or in its collate_fn"
            )
        mixed, lam = self._mixed(images, self._lambda())
        hot = self._one_hot(labels)
        return mixed, hot.roll(1, 0).mul(1.0 - lam).add(hot.mul(lam))

    def __repr__(self) -> str:
        return f"{type(self).__name__}(alpha={self.alpha}, num_classes={self.num_classes})"


class MixUp(_Mixing):
    """Blends each image of a batch, and its label, with the one before.

    H. Zhang et al., "mixup: beyond empirical risk minimization", ICLR 2018.
    """

    def _mixed(self, images: lampas.Tensor, lam: float) -> tuple[lampas.Tensor, float]:
        return images.roll(1, 0).mul(1.0 - lam).add(images.mul(lam)), lam


class CutMix(_Mixing):
    """Pastes a rectangle of the image before into each image; labels follow the area.

    S. Yun et al., "CutMix: regularization strategy to train strong classifiers with localizable
    features", ICCV 2019.
    """

    def _mixed(self, images: lampas.Tensor, lam: float) -> tuple[lampas.Tensor, float]:
        height, width = images.shape[-2:]
        x = int(lampas.randint(width, size=(1,)).item())
        y = int(lampas.randint(height, size=(1,)).item())
        half = 0.5 * math.sqrt(1.0 - lam)
        half_w, half_h = int(half * width), int(half * height)
        left, right = max(x - half_w, 0), min(x + half_w, width)
        top, bottom = max(y - half_h, 0), min(y + half_h, height)
        mixed = images.clone()
        mixed[..., top:bottom, left:right] = images.roll(1, 0)[..., top:bottom, left:right]
        return mixed, 1.0 - (right - left) * (bottom - top) / (width * height)
