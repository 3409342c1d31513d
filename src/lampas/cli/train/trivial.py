"""TrivialAugment on a batch: one random operation of a random strength for each image.

S. Müller, F. Hutter, "TrivialAugment: tuning-free yet state-of-the-art data augmentation", ICCV
2021. Images that drew the same kind of operation are changed together.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import lampas
from lampas.cli.train.augment import warp

if TYPE_CHECKING:
    from lampas import Tensor

_LUMA = (0.299, 0.587, 0.114)


class TrivialAugment:
    """A function of normalised images ``(N, C, H, W)``; ``mean`` and ``std`` normalised them."""

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        self.mean = lampas.tensor(mean).reshape(-1, 1, 1)
        self.std = lampas.tensor(std).reshape(-1, 1, 1)

    def __call__(self, images: Tensor) -> Tensor:
        n = len(images)
        # Of 14 operations five are geometric; those go through one warp.
        drawn = lampas.randint(0, 14, (n,))
        strength = lampas.rand(n) * 2 - 1
        out = images.clone()
        moved = (drawn < 5).nonzero().flatten()
        if len(moved):
            out[moved] = warp(images[moved], _matrices(drawn[moved], strength[moved]))
        for number, change in enumerate(_COLOUR, 5):
            chosen = (drawn == number).nonzero().flatten()
            if len(chosen):
                unit = (images[chosen] * self.std + self.mean).clamp(0, 1)
                changed = change(unit, strength[chosen].reshape(-1, 1, 1, 1)).clamp(0, 1)
                out[chosen] = (changed - self.mean) / self.std
        return out


def _matrices(drawn: Tensor, strength: Tensor) -> Tensor:
    """Shear along x or y by 0.99, shift along x or y by half the image, turn by 135°, at most."""
    zero, one = lampas.zeros_like(strength), lampas.ones_like(strength)

    def where(number: int, value: Tensor, other: Tensor = zero) -> Tensor:
        return lampas.where(drawn == number, value, other)

    angle = strength * math.radians(135)
    cosine, sine = where(4, angle.cos(), one), where(4, angle.sin())
    top = [cosine, where(0, strength * 0.99) - sine, where(2, strength)]
    bottom = [sine + where(1, strength * 0.99), cosine, where(3, strength)]
    return lampas.stack([lampas.stack(top, 1), lampas.stack(bottom, 1)], 1)


def _grey(x: Tensor) -> Tensor:
    return (
        (x * lampas.tensor(_LUMA).reshape(3, 1, 1)).sum(1, keepdim=True) if x.shape[1] == 3 else x
    )


def _blend(x: Tensor, other: Tensor, strength: Tensor) -> Tensor:
    """Away from or towards ``other``: the factor is 0.01 to 1.99."""
    return other + (x - other) * (1 + 0.99 * strength)


def _brightness(x: Tensor, strength: Tensor) -> Tensor:
    return _blend(x, lampas.zeros_like(x), strength)


def _colour(x: Tensor, strength: Tensor) -> Tensor:
    return _blend(x, _grey(x), strength)


def _contrast(x: Tensor, strength: Tensor) -> Tensor:
    return _blend(x, _grey(x).mean((1, 2, 3), keepdim=True), strength)


def _sharpness(x: Tensor, strength: Tensor) -> Tensor:
    channels = x.shape[1]
    kernel = lampas.tensor([[1.0, 1, 1], [1, 5, 1], [1, 1, 1]]) / 13
    padded = lampas.nn.functional.pad(x, (1, 1, 1, 1), mode="replicate")
    kernels = kernel.expand(channels, 1, 3, 3).contiguous()
    smooth = lampas.nn.functional.conv2d(padded, kernels, groups=channels)
    return _blend(x, smooth, strength)


def _posterize(x: Tensor, strength: Tensor) -> Tensor:
    """2 to 8 bits stay."""
    step = 2.0 ** (strength.abs() * 6).round()
    return (x * 255 / step).floor() * step / 255


def _solarize(x: Tensor, strength: Tensor) -> Tensor:
    return lampas.where(x >= 1 - strength.abs(), 1 - x, x)


def _autocontrast(x: Tensor, strength: Tensor) -> Tensor:
    low, high = x.amin((2, 3), keepdim=True), x.amax((2, 3), keepdim=True)
    return lampas.where(high > low, (x - low) / (high - low).clamp(min=1e-6), x)


def _equalize(x: Tensor, strength: Tensor) -> Tensor:
    """Each brightness becomes the share of the channel's pixels that are darker."""
    n, channels, height, width = x.shape
    level = (x * 255).round().long().flatten(2)
    plane = lampas.arange(n * channels).reshape(n, channels, 1) * 256
    counts = lampas.bincount((plane + level).flatten(), minlength=n * channels * 256)
    counts = counts.reshape(n, channels, 256).float()
    darker = counts.cumsum(2) - counts
    share = darker.gather(2, level)
    share = share / share.amax(2, keepdim=True).clamp(min=1)
    return share.reshape(n, channels, height, width)


def _same(x: Tensor, strength: Tensor) -> Tensor:
    return x


_COLOUR: list[Callable[[Tensor, Tensor], Tensor]] = [
    _brightness, _colour, _contrast, _sharpness, _posterize, _solarize, _autocontrast, _equalize,
    _same,
]  # fmt: skip
