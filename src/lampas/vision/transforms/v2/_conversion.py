"""The transforms that only version 2 has."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

import lampas
from lampas import nn
from lampas.utils._pytree import tree_flatten, tree_unflatten
from lampas.vision import transforms as v1
from lampas.vision import tv_tensors as tv
from lampas.vision._pillow import is_pil_image
from lampas.vision.transforms.v2._base import Transform, query_size
from lampas.vision.transforms.v2._labels import labels_getter_of
from lampas.vision.transforms.v2._points import plain
from lampas.vision.transforms.v2.functional import (
    is_pure_tensor,
    pil_to_tensor,
    to_dtype,
    to_image,
    to_pil_image,
    to_tensor,
)


class _Conversion(Transform):
    """Base of conversions from some kinds of images, arrays among them; others stay."""

    def _takes(self, value: Any) -> bool:
        raise NotImplementedError(f"{type(self).__name__} does not define _takes")

    def _wanted(self, flat: list[Any]) -> list[bool]:
        return [
            (want or isinstance(value, np.ndarray)) and self._takes(value)
            for value, want in zip(flat, super()._wanted(flat), strict=True)
        ]


class ToImage(_Conversion):
    """PIL images, arrays and plain tensors to images ``(C, H, W)``; values and depth stay."""

    def _takes(self, value: Any) -> bool:
        return not isinstance(value, tv.TVTensor)

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return to_image(inpt)


class ToTensor(_Conversion):
    """As in version 1, for the PIL images and arrays of a sample."""

    _in_batches = v1.ToTensor

    def _takes(self, value: Any) -> bool:
        return not isinstance(value, lampas.Tensor)

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return to_tensor(inpt)


class PILToTensor(_Conversion):
    """As in version 1, for the PIL images of a sample."""

    _in_batches = v1.PILToTensor

    def _takes(self, value: Any) -> bool:
        return is_pil_image(value)

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return pil_to_tensor(inpt)


class ToPILImage(_Conversion):
    """As in version 1, for the images, arrays and plain tensors of a sample.

    >>> image, label = ToPILImage()(lampas.zeros(3, 4, 5), "a label")
    >>> image.size, label
    ((5, 4), 'a label')
    """

    def __init__(self, mode: str | None = None) -> None:
        super().__init__()
        self.mode = mode

    def _takes(self, value: Any) -> bool:
        return isinstance(value, (tv.Image, np.ndarray)) or is_pure_tensor(value)

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return to_pil_image(plain(inpt) if isinstance(inpt, tv.Image) else inpt, self.mode)


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

    def extra_repr(self) -> str:
        name = getattr(self.lambd, "__name__", repr(self.lambd))
        return f"{name}, types={[kind.__name__ for kind in self.types]}"


class LinearTransformation(Transform, v1.LinearTransformation):
    """``(x.flatten() - mean_vector) @ matrix``, in the image's shape; for whitening."""

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        if isinstance(inpt, (tv.Mask, tv.BoundingBoxes, tv.KeyPoints)):
            return inpt
        made = v1.LinearTransformation.forward(self, plain(inpt))
        return tv.wrap(made, like=inpt)


class _Mixing(Transform):
    """Base of the transforms that mix the images of a batch with each other.

    Args:
        alpha: of the Beta distribution that the shares are drawn from.
        num_classes: of labels that are class indices.
        labels_getter: ``"default"`` finds the labels of the batch; a function takes the batch and
            gives them.
    """

    def __init__(
        self,
        *,
        alpha: float = 1.0,
        num_classes: int | None = None,
        labels_getter: Callable[[Any], Any] | str | None = "default",
    ) -> None:
        super().__init__()
        if alpha <= 0:
            raise ValueError(f"alpha should be positive, got {alpha}")
        self.alpha = float(alpha)
        self.num_classes = num_classes
        self._labels_getter = labels_getter_of(labels_getter)

    def forward(self, *inputs: Any) -> Any:
        """The batch with its images and labels mixed; what else it holds stays as it is."""
        batch = inputs if len(inputs) > 1 else inputs[0]
        flat, spec = tree_flatten(batch)
        if any(is_pil_image(v) or isinstance(v, (tv.BoundingBoxes, tv.KeyPoints, tv.Mask))
               for v in flat):  # fmt: skip
            raise ValueError(
                f"{type(self).__name__}() does not support PIL images, bounding boxes, keypoints "
                "and masks."
            )
        labels = self._labels_getter(batch)
        self._check_labels(labels)
        wanted = self._wanted(flat)
        for value, want in zip(flat, wanted, strict=True):
            if want and value is not labels:
                self._check_images(value, labels)
        images = [v for v, want in zip(flat, wanted, strict=True) if want and v is not labels]
        params = self.make_params(images)
        made = [
            self._mixed_labels(value, params["lam"])
            if value is labels
            else self.transform(value, params) if want else value
            for value, want in zip(flat, wanted, strict=True)
        ]  # fmt: skip
        return tree_unflatten(made, spec)

    def _check_labels(self, labels: Any) -> None:
        if not isinstance(labels, lampas.Tensor):
            raise ValueError(f"The labels must be a tensor, but got {type(labels)} instead.")
        if labels.dim() not in (1, 2):
            raise ValueError(
                f"labels should be index based with shape (batch_size,) or probability based with "
                f"shape (batch_size, num_classes), but got a tensor of shape {tuple(labels.shape)} "
                "instead."
            )
        if labels.dim() == 2 and self.num_classes not in (None, labels.shape[-1]):
            raise ValueError(
                f"When passing 2D labels, the number of elements in last dimension must match "
                f"num_classes: {labels.shape[-1]} != {self.num_classes}."
            )
        if labels.dim() == 1 and self.num_classes is None:
            raise ValueError("num_classes must be passed if the labels are index-based (1D)")

    def _check_images(self, value: Any, labels: lampas.Tensor) -> None:
        dims = 5 if isinstance(value, tv.Video) else 4
        if value.dim() != dims:
            raise ValueError(
                f"Expected a batched input with {dims} dims, but got {value.dim()} dimensions "
                "instead: mixing is done on batches, after the loader or in its collate_fn"
            )
        if value.shape[0] != labels.shape[0]:
            raise ValueError(
                "The batch size of the image or video does not match the batch size of the "
                f"labels: {value.shape[0]} != {labels.shape[0]}."
            )

    def _mixed_labels(self, labels: lampas.Tensor, lam: float) -> lampas.Tensor:
        if labels.dim() == 1:
            labels = nn.functional.one_hot(labels, num_classes=self.num_classes or -1)
        hot = labels if labels.is_floating_point() else labels.to(lampas.float32)
        return hot.roll(1, 0).mul(1.0 - lam).add(hot.mul(lam))

    def _lambda(self) -> float:
        return float(lampas.distributions.Beta(self.alpha, self.alpha).sample(()).item())


class MixUp(_Mixing):
    """Blends each image of a batch, and its label, with the one before.

    H. Zhang et al., "mixup: beyond empirical risk minimization", ICLR 2018.
    """

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """The share of the image itself."""
        return {"lam": self._lambda()}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        images, lam = plain(inpt), params["lam"]
        made = images.roll(1, 0).mul(1.0 - lam).add(images.mul(lam))
        return tv.wrap(made.to(images.dtype), like=inpt)


class CutMix(_Mixing):
    """Pastes a rectangle of the image before into each image; labels follow the area.

    S. Yun et al., "CutMix: regularization strategy to train strong classifiers with localizable
    features", ICCV 2019.
    """

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """The rectangle and the share of the image itself."""
        lam = self._lambda()
        height, width = query_size(flat_inputs)
        x = int(lampas.randint(width, size=(1,)).item())
        y = int(lampas.randint(height, size=(1,)).item())
        half = 0.5 * math.sqrt(1.0 - lam)
        half_w, half_h = int(half * width), int(half * height)
        left, right = max(x - half_w, 0), min(x + half_w, width)
        top, bottom = max(y - half_h, 0), min(y + half_h, height)
        share = 1.0 - (right - left) * (bottom - top) / (width * height)
        return {"box": (left, top, right, bottom), "lam": share}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        left, top, right, bottom = params["box"]
        images = plain(inpt)
        mixed = images.clone()
        mixed[..., top:bottom, left:right] = images.roll(1, 0)[..., top:bottom, left:right]
        return tv.wrap(mixed, like=inpt)
