"""Transforms that convert, and those made of other transforms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import lampas
from lampas import nn
from lampas.vision.transforms import _conversion_functional as F


def _listing(name: str, transforms: Sequence[Any], first: str = "") -> str:
    lines = "".join(f"\n    {transform}" for transform in transforms)
    return f"{name}({first}{lines}\n)"


class Compose:
    """Transforms one after another.

    >>> Compose([ToTensor(), Normalize((0.5,), (0.5,))])
    Compose(
        ToTensor()
        Normalize(mean=(0.5,), std=(0.5,))
    )
    """

    def __init__(self, transforms: Sequence[Callable[..., Any]]) -> None:
        self.transforms = transforms

    def __call__(self, img: Any) -> Any:
        for transform in self.transforms:
            img = transform(img)
        return img

    def __repr__(self) -> str:
        return _listing(type(self).__name__, self.transforms)


class ToTensor:
    """A PIL image or array ``(H, W, C)`` to a float tensor ``(C, H, W)``; 8 bits become [0, 1]."""

    def __call__(self, pic: Any) -> lampas.Tensor:
        return F.to_tensor(pic)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class PILToTensor:
    """A PIL image to a tensor ``(C, H, W)`` of the same values and depth."""

    def __call__(self, pic: Any) -> lampas.Tensor:
        return F.pil_to_tensor(pic)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class ConvertImageDtype(nn.Module):
    """Converts a tensor image's dtype and scales its values to the new range."""

    def __init__(self, dtype: lampas.dtype) -> None:
        super().__init__()
        self.dtype = dtype

    def forward(self, image: lampas.Tensor) -> lampas.Tensor:
        return F.convert_image_dtype(image, self.dtype)


class ToPILImage:
    """A tensor ``(C, H, W)`` or array ``(H, W, C)`` to a PIL image."""

    def __init__(self, mode: str | None = None) -> None:
        self.mode = mode

    def __call__(self, pic: Any) -> Any:
        return F.to_pil_image(pic, self.mode)

    def __repr__(self) -> str:
        inner = "" if self.mode is None else f"mode={self.mode}"
        return f"{type(self).__name__}({inner})"


class Normalize(nn.Module):
    """``(image - mean) / std`` for each channel of a float tensor image.

    Args:
        mean: one number per channel, or one for all.
        std: likewise.
        inplace: overwrite the image.
    """

    def __init__(self, mean: Sequence[float], std: Sequence[float], inplace: bool = False) -> None:
        super().__init__()
        self.mean = mean
        self.std = std
        self.inplace = inplace

    def forward(self, tensor: lampas.Tensor) -> lampas.Tensor:
        return F.normalize(tensor, self.mean, self.std, self.inplace)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(mean={self.mean}, std={self.std})"


class Lambda:
    """Any function as a transform.

    Raises:
        TypeError: not callable.
    """

    def __init__(self, lambd: Callable[[Any], Any]) -> None:
        if not callable(lambd):
            raise TypeError(f"Argument lambd should be callable, got {type(lambd).__name__!r}")
        self.lambd = lambd

    def __call__(self, img: Any) -> Any:
        return self.lambd(img)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class RandomTransforms:
    """Base of the transforms that choose among others at random."""

    def __init__(self, transforms: Sequence[Callable[..., Any]]) -> None:
        if not isinstance(transforms, (list, tuple)):
            raise TypeError(f"Argument transforms should be a sequence, got {type(transforms)}")
        self.transforms = transforms

    def __call__(self, *args: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} does not define __call__")

    def __repr__(self) -> str:
        return _listing(type(self).__name__, self.transforms)


class RandomApply(nn.Module):
    """All of the transforms with probability ``p``, else none."""

    def __init__(self, transforms: Sequence[Callable[..., Any]], p: float = 0.5) -> None:
        super().__init__()
        self.transforms = transforms
        self.p = p

    def forward(self, img: Any) -> Any:
        if self.p < lampas.rand(1):
            return img
        for transform in self.transforms:
            img = transform(img)
        return img

    def __repr__(self) -> str:
        return _listing(type(self).__name__, list(self.transforms), f"\n    p={self.p}")


class RandomOrder(RandomTransforms):
    """All of the transforms, in random order (drawn from :mod:`random`)."""

    def __call__(self, img: Any) -> Any:
        import random

        order = list(range(len(self.transforms)))
        random.shuffle(order)
        for i in order:
            img = self.transforms[i](img)
        return img


class RandomChoice(RandomTransforms):
    """One of the transforms (drawn from :mod:`random`), with probabilities ``p`` if given."""

    def __init__(
        self, transforms: Sequence[Callable[..., Any]], p: Sequence[float] | None = None
    ) -> None:
        super().__init__(transforms)
        if p is not None and not isinstance(p, (list, tuple)):
            raise TypeError(f"Argument p should be a sequence, got {type(p)}")
        self.p = p

    def __call__(self, *args: Any) -> Any:
        import random

        return random.choices(self.transforms, weights=self.p)[0](*args)

    def __repr__(self) -> str:
        return f"{super().__repr__()}(p={self.p})"


class LinearTransformation(nn.Module):
    """``(x.flatten() - mean_vector) @ matrix``, in the image's shape; for whitening.

    Raises:
        ValueError: the matrix is not square or its size is not the vector's.
    """

    def __init__(self, transformation_matrix: lampas.Tensor, mean_vector: lampas.Tensor) -> None:
        super().__init__()
        rows, columns = transformation_matrix.shape
        if rows != columns:
            raise ValueError(
                "transformation_matrix should be square. Got "
                f"{tuple(transformation_matrix.shape)} rectangular matrix."
            )
        if mean_vector.shape[0] != rows:
            raise ValueError(
                f"mean_vector should have the same length {mean_vector.shape[0]} as any one of "
                f"the dimensions of the transformation_matrix [{rows} x {columns}]"
            )
        self.transformation_matrix = transformation_matrix
        self.mean_vector = mean_vector

    def forward(self, tensor: lampas.Tensor) -> lampas.Tensor:
        n = self.transformation_matrix.shape[0]
        if tensor.shape[-3] * tensor.shape[-2] * tensor.shape[-1] != n:
            raise ValueError(
                "Input tensor and transformation matrix have incompatible shape: "
                f"{tuple(tensor.shape[-3:])} has not {n} elements"
            )
        flat = tensor.reshape(-1, n) - self.mean_vector
        return lampas.mm(flat, self.transformation_matrix).reshape(tensor.shape)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(transformation_matrix={self.transformation_matrix.tolist()}, "
            f"mean_vector={self.mean_vector.tolist()})"
        )
