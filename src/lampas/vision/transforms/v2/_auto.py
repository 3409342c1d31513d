"""Version 2 of the policies, which draw otherwise than version 1, and AugMix."""

from __future__ import annotations

from typing import Any

import lampas
from lampas.vision import transforms as v1
from lampas.vision import tv_tensors as tv
from lampas.vision._pillow import is_pil_image
from lampas.vision.transforms import functional as F1
from lampas.vision.transforms.autoaugment import _applied, _falling_bits, _Range, _ranges
from lampas.vision.transforms.v2 import functional as F2
from lampas.vision.transforms.v2._base import Transform, fill_for, is_image
from lampas.vision.transforms.v2._points import plain


def _chosen(space: dict[str, _Range]) -> tuple[str, _Range]:
    name = tuple(space)[int(lampas.randint(len(space), ()))]
    return name, space[name]


def _signed(magnitude: float, signed: bool) -> float:
    return -magnitude if signed and lampas.rand(()) <= 0.5 else magnitude


def _changed(img: Any, name: str, magnitude: float, mode: Any, fill: Any) -> Any:
    """One operation; floats in [0, 1] are images too."""
    if isinstance(img, lampas.Tensor) and img.is_floating_point():
        if name == "Solarize":
            return F2.solarize(img, magnitude / 255)
        if name == "Posterize":
            return F2.posterize(img, int(magnitude))
        if name == "Equalize":
            return F2.equalize(img)
    return _applied(img, name, magnitude, mode, fill)


class _Policy(Transform):
    """Base of what changes the one image or video in a sample."""

    fill: Any
    _first = ("interpolation",)

    def _all(self, flat: list[Any], wanted: list[bool]) -> list[Any]:
        places = [
            i
            for i, (value, want) in enumerate(zip(flat, wanted, strict=True))
            if want and not isinstance(value, (tv.Mask, tv.BoundingBoxes, tv.KeyPoints))
        ]
        if len(places) != 1 or any(
            isinstance(value, (tv.Mask, tv.BoundingBoxes, tv.KeyPoints)) for value in flat
        ):
            raise TypeError(
                f"{type(self).__name__}() takes samples with one image or video, without masks, "
                f"boxes and points; got {[type(value).__name__ for value in flat]}"
            )
        image = flat[places[0]]
        fill = fill_for(self.fill, image)
        made = list(flat)
        like = image if is_image(image) and not is_pil_image(image) else None
        made[places[0]] = tv.wrap(
            self._augmented(image if like is None else plain(image), fill), like=like
        )
        return made

    def _augmented(self, img: Any, fill: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} does not define _augmented")


class AutoAugment(_Policy, v1.AutoAugment):
    """Applies one of the pairs of operations that were found to help on a dataset."""

    def _augmented(self, img: Any, fill: Any) -> Any:
        _, height, width = F1.get_dimensions(img)
        space = self._space(10, (height, width))
        pair = self._policies[int(lampas.randint(len(self._policies), ()))]
        for name, p, level in pair:
            if not lampas.rand(()) <= p:
                continue
            magnitudes, signed = space[name]
            magnitude = 0.0
            if level is not None:
                magnitude = _signed(float(magnitudes[level]), signed)
            img = _changed(img, name, magnitude, self.interpolation, fill)
        return img


class RandAugment(_Policy, v1.RandAugment):
    """Applies some operations chosen at random, at one magnitude."""

    def _augmented(self, img: Any, fill: Any) -> Any:
        _, height, width = F1.get_dimensions(img)
        space = self._space(self.num_magnitude_bins, (height, width))
        for _ in range(self.num_ops):
            name, (magnitudes, signed) = _chosen(space)
            magnitude = 0.0
            if magnitudes.dim() > 0:
                magnitude = _signed(float(magnitudes[self.magnitude]), signed)
            img = _changed(img, name, magnitude, self.interpolation, fill)
        return img


class TrivialAugmentWide(_Policy, v1.TrivialAugmentWide):
    """Applies one operation chosen at random at a random magnitude."""

    def _augmented(self, img: Any, fill: Any) -> Any:
        levels = self.num_magnitude_bins
        bits = _falling_bits(levels, (levels - 1) / 6)
        space = _ranges(levels, 0.99, (32.0, 32.0), 135.0, 0.99, bits)
        name, (magnitudes, signed) = _chosen(space)
        magnitude = 0.0
        if magnitudes.dim() > 0:
            drawn = float(magnitudes[int(lampas.randint(levels, ()))])
            magnitude = _signed(drawn, signed)
        return _changed(img, name, magnitude, self.interpolation, fill)


class AugMix(_Policy, v1.AugMix):
    """Mixes the image with chains of random operations on it; see version 1."""

    def _augmented(self, img: Any, fill: Any) -> Any:
        return self._mixed(img, fill)

    def _changed(self, images: Any, space: dict[str, _Range], fill: Any) -> Any:
        name, (magnitudes, signed) = _chosen(space)
        magnitude = 0.0
        if magnitudes.dim() > 0:
            drawn = float(magnitudes[int(lampas.randint(self.severity, ()))])
            magnitude = _signed(drawn, signed)
        return _changed(images, name, magnitude, self.interpolation, fill)
