"""What the transforms of version 2 have in common: any number of inputs, drawn for together."""

from __future__ import annotations

import numbers
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any

import lampas
from lampas import nn
from lampas.utils._pytree import tree_flatten, tree_unflatten
from lampas.vision import transforms as v1
from lampas.vision import tv_tensors as tv
from lampas.vision._pillow import is_pil_image
from lampas.vision.transforms.v2.functional import get_dimensions, get_size, is_pure_tensor

_IMAGES = (tv.Image, tv.Video)


def is_image(value: Any) -> bool:
    """Whether ``value`` says that it is an image or a video."""
    return isinstance(value, _IMAGES) or is_pil_image(value)


def query_size(flat_inputs: list[Any]) -> tuple[int, int]:
    """Height and width that all images, masks, boxes and points have.

    Raises:
        TypeError: there are none.
        ValueError: they differ.
    """
    sizes = {
        tuple(get_size(value))
        for value in flat_inputs
        if isinstance(value, tv.TVTensor) or is_pure_tensor(value) or is_pil_image(value)
    }
    if not sizes:
        raise TypeError("No image, video, mask, bounding box or keypoint was found in the sample")
    if len(sizes) > 1:
        raise ValueError(f"Found multiple HxW dimensions in the sample: {sorted(sizes)}")
    height, width = sizes.pop()
    return height, width


def query_channels(flat_inputs: list[Any]) -> int:
    """The number of channels of the first image."""
    for value in flat_inputs:
        if is_image(value) or is_pure_tensor(value):
            return get_dimensions(value)[0]
    raise TypeError("No image or video was found in the sample")


def fill_for(fill: Any, inpt: Any) -> Any:
    """The filling for this input, of a number, a sequence, or a dictionary by type."""
    if isinstance(fill, dict):
        default = fill.get("others", 0)
        for kind in type(inpt).__mro__:
            if kind in fill:
                return fill[kind]
        return default
    if isinstance(fill, numbers.Number) and isinstance(inpt, lampas.Tensor):
        return [float(fill)]  # type: ignore[arg-type]
    return fill


class Transform(nn.Module):
    """Base of all transforms: define ``transform(inpt, params)``, and ``make_params`` to draw.

    Called with any number of values, also nested in lists and dictionaries. Images, videos, masks,
    boxes and points in them go through :meth:`transform` one by one, all with the same parameters;
    of plain tensors only the first does, and only where nothing says that it is an image. All else
    stays as it is.

    >>> class Add(Transform):
    ...     def make_params(self, flat_inputs):
    ...         return {"by": 2}
    ...     def transform(self, inpt, params):
    ...         return inpt + params["by"]
    >>> Add()(lampas.zeros(1), "a label")
    (tensor([2.]), 'a label')
    """

    def check_inputs(self, flat_inputs: list[Any]) -> None:
        """Raises where the inputs cannot be transformed."""

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """What is drawn once for all inputs."""
        return {}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """One input transformed."""
        raise NotImplementedError(f"{type(self).__name__} does not define transform")

    _first: tuple[str, ...] = ()  # attributes that the repr shows before the others

    def extra_repr(self) -> str:
        """The public attributes that are numbers, texts or sequences."""
        shown = []
        names = [name for name in self._first if name in vars(self)]
        for name in (*names, *(name for name in vars(self) if name not in names)):
            value = vars(self)[name]
            hidden = name.startswith("_") or name == "training"
            if not hidden and isinstance(value, (bool, int, float, str, tuple, list, Enum)):
                value = value.value if isinstance(value, v1.InterpolationMode) else value
                shown.append(f"{name}={value}")
        return ", ".join(shown)

    __repr__ = nn.Module.__repr__

    def _wanted(self, flat: list[Any]) -> list[bool]:
        image_there = any(is_image(value) for value in flat)
        wanted = []
        for value in flat:
            if is_pure_tensor(value):
                wanted.append(not image_there)
                image_there = True
            else:
                wanted.append(isinstance(value, tv.TVTensor) or is_pil_image(value))
        return wanted

    def forward(self, *inputs: Any) -> Any:
        """The inputs, transformed; one alone as it is, several as a tuple."""
        flat, spec = tree_flatten(inputs if len(inputs) > 1 else inputs[0])
        self.check_inputs(flat)
        wanted = self._wanted(flat)
        return tree_unflatten(self._all(flat, wanted), spec)

    def _all(self, flat: list[Any], wanted: list[bool]) -> list[Any]:
        params = self.make_params([v for v, want in zip(flat, wanted, strict=True) if want])
        return [
            self.transform(value, params) if want else value
            for value, want in zip(flat, wanted, strict=True)
        ]


class ByChance(Transform):
    """Base of transforms that do something with probability ``p``."""

    p: float
    _first = ("p",)

    def _all(self, flat: list[Any], wanted: list[bool]) -> list[Any]:
        return flat if lampas.rand(1) >= self.p else super()._all(flat, wanted)


class Compose(Transform):
    """Transforms one after another; see :class:`Transform` for what they take.

    >>> Compose([lambda x: x + 1, lambda x: x * 2])(lampas.zeros(1))
    tensor([2.])
    """

    _in_batches = v1.Compose

    def __init__(self, transforms: Sequence[Callable[..., Any]]) -> None:
        super().__init__()
        if not isinstance(transforms, Sequence):
            raise TypeError("Argument transforms should be a sequence of callables")
        if not transforms:
            raise ValueError("Pass at least one transform")
        self.transforms = transforms

    def forward(self, *inputs: Any) -> Any:
        """Through all of them."""
        for transform in self.transforms:
            made = transform(*inputs)
            inputs = made if len(inputs) > 1 else (made,)
        return inputs if len(inputs) > 1 else inputs[0]

    def extra_repr(self) -> str:
        return "\n".join(f"    {transform}" for transform in self.transforms)


class RandomApply(Compose):
    """The transforms one after another, with probability ``p``.

    >>> RandomApply([lambda x: x + 1], p=0.0)(lampas.zeros(1))
    tensor([0.])
    """

    def __init__(self, transforms: Sequence[Callable[..., Any]], p: float = 0.5) -> None:
        super().__init__(list(transforms))
        if not 0.0 <= p <= 1.0:
            raise ValueError("`p` should be a floating point value in the interval [0.0, 1.0].")
        self.p = p

    def forward(self, *inputs: Any) -> Any:
        """Through all of them, or none."""
        if lampas.rand(1) >= self.p:
            return inputs if len(inputs) > 1 else inputs[0]
        return super().forward(*inputs)


class RandomChoice(Compose):
    """One of the transforms, with probabilities ``p`` if given.

    >>> RandomChoice([lambda x: x + 1, lambda x: x], p=[1, 0])(lampas.zeros(1))
    tensor([1.])
    """

    def __init__(
        self, transforms: Sequence[Callable[..., Any]], p: Sequence[float] | None = None
    ) -> None:
        super().__init__(transforms)
        parts = [1.0] * len(transforms) if p is None else list(p)
        if len(parts) != len(transforms):
            raise ValueError(
                f"Length of p doesn't match the number of transforms: {len(parts)} != "
                f"{len(transforms)}"
            )
        total = sum(parts)
        self.p = [part / total for part in parts]

    extra_repr = Transform.extra_repr

    def forward(self, *inputs: Any) -> Any:
        """Through one of them."""
        return self.transforms[int(lampas.multinomial(lampas.tensor(self.p), 1))](*inputs)


class RandomOrder(Compose):
    """The transforms in random order.

    >>> RandomOrder([lambda x: x + 1])(lampas.zeros(1))
    tensor([1.])
    """

    extra_repr = Transform.extra_repr

    def forward(self, *inputs: Any) -> Any:
        """Through all of them."""
        for i in lampas.randperm(len(self.transforms)).tolist():
            made = self.transforms[i](*inputs)
            inputs = made if len(inputs) > 1 else (made,)
        return inputs if len(inputs) > 1 else inputs[0]
