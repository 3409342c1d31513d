"""The transforms that only version 2 has."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import lampas
from lampas import nn
from lampas.utils._pytree import tree_flatten, tree_unflatten
from lampas.vision import transforms as v1
from lampas.vision import tv_tensors as tv
from lampas.vision._pillow import is_pil_image
from lampas.vision.transforms.v2._base import Transform
from lampas.vision.transforms.v2._points import plain
from lampas.vision.transforms.v2.functional import is_pure_tensor, to_dtype, to_image


class ToImage(Transform):
    """A PIL image or array to an image ``(C, H, W)``; values and depth stay."""

    def forward(self, *inputs: Any) -> Any:
        """Arrays count as images too."""
        if len(inputs) == 1 and isinstance(inputs[0], np.ndarray):
            return to_image(inputs[0])
        return super().forward(*inputs)

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        kept = isinstance(inpt, tv.TVTensor)
        return inpt if kept else to_image(inpt)

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


class ToPureTensor(Transform):
    """Images, masks, boxes and points become plain tensors."""

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return plain(inpt) if isinstance(inpt, tv.TVTensor) else inpt


class ToDtype(Transform):
    """Converts the dtype; with ``scale``, images' values to the new dtype's range as well.

    Args:
        dtype: for images and videos, or a dictionary by type, where None means as it is and
            ``"others"`` stands for all else.
        scale: map the range as well.
    """

    def __init__(self, dtype: Any, scale: bool = False) -> None:
        super().__init__()
        if not isinstance(dtype, (dict, lampas.dtype)):
            raise ValueError(f"dtype must be a dict or a torch.dtype, got {type(dtype)} instead")
        self.dtype = dtype
        self.scale = scale

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        images = isinstance(inpt, (tv.Image, tv.Video)) or is_pure_tensor(inpt)
        if isinstance(self.dtype, dict):
            kinds = [kind for kind in type(inpt).__mro__ if kind in self.dtype]
            dtype = self.dtype[kinds[0]] if kinds else self.dtype.get("others")
        else:
            dtype = self.dtype if images else None
        if dtype is None or is_pil_image(inpt):
            return inpt
        return to_dtype(inpt, dtype, self.scale)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(dtype={self.dtype}, scale={self.scale})"


class Identity(Transform):
    """Does nothing."""

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return inpt


class Lambda(Transform):
    """A function of the inputs of the given types, of all by default.

    >>> Lambda(lambda x: x + 1)(lampas.zeros(1))
    tensor([1.])
    """

    _in_batches = v1.Lambda

    def __init__(self, lambd: Any, *types: type) -> None:
        super().__init__()
        self.lambd = lambd
        self.types = types or (object,)

    def forward(self, *inputs: Any) -> Any:
        """The function of each."""
        flat, spec = tree_flatten(inputs if len(inputs) > 1 else inputs[0])
        made = [self.lambd(value) if isinstance(value, self.types) else value for value in flat]
        return tree_unflatten(made, spec)


class LinearTransformation(Transform, v1.LinearTransformation):
    """``(x.flatten() - mean_vector) @ matrix``, in the image's shape; for whitening."""

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        if isinstance(inpt, (tv.Mask, tv.BoundingBoxes, tv.KeyPoints)):
            return inpt
        made = v1.LinearTransformation.forward(self, plain(inpt))
        return tv.wrap(made, like=inpt)


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
