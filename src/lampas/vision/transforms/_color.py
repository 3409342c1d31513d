"""Transforms that change values: colour, blur, erasing."""

from __future__ import annotations

import math
import numbers
from collections.abc import Sequence
from typing import Any

import lampas
from lampas import nn
from lampas.vision.transforms import functional as F
from lampas.vision.transforms._geometry import _Geometric, below, uniform


class Grayscale(_Geometric):
    """To grey, with 1 or 3 channels."""

    _shown = ("num_output_channels",)

    def __init__(self, num_output_channels: int = 1) -> None:
        super().__init__()
        self.num_output_channels = num_output_channels

    def forward(self, img: Any) -> Any:
        return F.rgb_to_grayscale(img, self.num_output_channels)


class ColorJitter(_Geometric):
    """Changes brightness, contrast, saturation and hue at random, in random order.

    Args:
        brightness: ``x`` for a factor in ``[max(0, 1 - x), 1 + x]``, or the range.
        contrast: likewise.
        saturation: likewise.
        hue: ``x`` for a turn in ``[-x, x]``, at most 0.5, or the range.
    """

    _shown = ("brightness", "contrast", "saturation", "hue")

    def __init__(
        self, brightness: Any = 0, contrast: Any = 0, saturation: Any = 0, hue: Any = 0
    ) -> None:
        super().__init__()
        self.brightness = _jitter_range("brightness", brightness)
        self.contrast = _jitter_range("contrast", contrast)
        self.saturation = _jitter_range("saturation", saturation)
        self.hue = _jitter_range("hue", hue, middle=0.0, bounds=(-0.5, 0.5))

    @staticmethod
    def get_params(
        brightness: Sequence[float] | None,
        contrast: Sequence[float] | None,
        saturation: Sequence[float] | None,
        hue: Sequence[float] | None,
    ) -> tuple[Any, ...]:
        """A random order and the four amounts, None for what does not change."""
        order = lampas.randperm(4)
        ranges = (brightness, contrast, saturation, hue)
        amounts = [None if each is None else uniform(each[0], each[1]) for each in ranges]
        return (order, *amounts)

    def forward(self, img: Any) -> Any:
        order, *amounts = self.get_params(self.brightness, self.contrast, self.saturation, self.hue)
        functions = (F.adjust_brightness, F.adjust_contrast, F.adjust_saturation, F.adjust_hue)
        for i in order.tolist():
            if amounts[i] is not None:
                img = functions[i](img, amounts[i])
        return img


def _jitter_range(
    name: str,
    value: Any,
    middle: float = 1.0,
    bounds: tuple[float, float] = (0.0, math.inf),
) -> tuple[float, float] | None:
    if isinstance(value, numbers.Number):
        if value < 0:  # type: ignore[operator]
            raise ValueError(f"If {name} is a single number, it must be non negative.")
        low, high = middle - value, middle + value  # type: ignore[operator]
        if name != "hue":
            low = max(low, 0.0)
    elif isinstance(value, (tuple, list)) and len(value) == 2:
        low, high = value
    else:
        raise TypeError(f"{name} should be a single number or a list/tuple with length 2.")
    if not bounds[0] <= low <= high <= bounds[1]:
        raise ValueError(f"{name} values should be between {bounds}, but got {[low, high]}.")
    return None if low == high == middle else (float(low), float(high))


class RandomGrayscale(_Geometric):
    """To grey with probability ``p``, keeping the number of channels."""

    _shown = ("p",)

    def __init__(self, p: float = 0.1) -> None:
        super().__init__()
        self.p = p

    def forward(self, img: Any) -> Any:
        channels = F.get_dimensions(img)[0]
        return F.rgb_to_grayscale(img, channels) if lampas.rand(1) < self.p else img


class RandomErasing(nn.Module):
    """Overwrites a random rectangle of a tensor image, with probability ``p``.

    Z. Zhong et al., "Random erasing data augmentation", arXiv:1708.04896, 2017.

    Args:
        p: probability.
        scale: range of the rectangle's area, as a part of the image's.
        ratio: range of its height to width.
        value: what to write: a number, one per channel, or ``"random"`` for normal noise.
        inplace: overwrite the image itself.
    """

    def __init__(
        self,
        p: float = 0.5,
        scale: Sequence[float] = (0.02, 0.33),
        ratio: Sequence[float] = (0.3, 3.3),
        value: Any = 0,
        inplace: bool = False,
    ) -> None:
        super().__init__()
        if not isinstance(value, (numbers.Number, str, tuple, list)):
            raise TypeError("Argument value should be either a number or str or a sequence")
        if isinstance(value, str) and value != "random":
            raise ValueError("If value is str, it should be 'random'")
        if min(scale) < 0 or max(scale) > 1:
            raise ValueError(f"Scale should be between 0 and 1, got {scale}")
        if not 0 <= p <= 1:
            raise ValueError(f"Random erasing probability should be between 0 and 1, got {p}")
        self.p = p
        self.scale = scale
        self.ratio = ratio
        self.value = value
        self.inplace = inplace

    @staticmethod
    def get_params(
        img: lampas.Tensor,
        scale: Sequence[float],
        ratio: Sequence[float],
        value: Sequence[float] | None = None,
    ) -> tuple[int, int, int, int, lampas.Tensor]:
        """A random rectangle (top, left, height, width) and what to write into it."""
        channels, height, width = img.shape[-3:]
        area = height * width
        low, high = lampas.log(lampas.tensor(ratio)).tolist()
        for _ in range(10):
            wanted = area * uniform(scale[0], scale[1])
            aspect = float(lampas.exp(lampas.empty(1).uniform_(low, high)).item())
            h, w = round(math.sqrt(wanted * aspect)), round(math.sqrt(wanted / aspect))
            if not (h < height and w < width):
                continue
            if value is None:
                content = lampas.empty([channels, h, w], dtype=lampas.float32).normal_()
            else:
                content = lampas.tensor(value)[:, None, None]
            top = below(height - h + 1)
            return top, below(width - w + 1), h, w, content
        return 0, 0, height, width, img

    def forward(self, img: lampas.Tensor) -> lampas.Tensor:
        if not lampas.rand(1) < self.p:
            return img
        value: list[float] | None
        if isinstance(self.value, numbers.Number):
            value = [float(self.value)]  # type: ignore[arg-type]
        else:
            value = None if isinstance(self.value, str) else [float(v) for v in self.value]
        if value is not None and len(value) not in (1, img.shape[-3]):
            raise ValueError(
                "If value is a sequence, it should have either a single value or "
                f"{img.shape[-3]} (number of input channels), got {len(value)}"
            )
        return F.erase(img, *self.get_params(img, self.scale, self.ratio, value), self.inplace)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(p={self.p}, scale={self.scale}, ratio={self.ratio}, "
            f"value={self.value}, inplace={self.inplace})"
        )


class GaussianBlur(_Geometric):
    """Blurs with a Gaussian of random width.

    Args:
        kernel_size: odd, one number or those of x and y.
        sigma: the width, or its range.
    """

    _shown = ("kernel_size", "sigma")

    def __init__(self, kernel_size: Any, sigma: Any = (0.1, 2.0)) -> None:
        super().__init__()
        single = isinstance(kernel_size, numbers.Number)
        self.kernel_size = (kernel_size, kernel_size) if single else tuple(kernel_size)
        if any(size <= 0 or size % 2 == 0 for size in self.kernel_size):
            raise ValueError(
                f"Kernel size value should be an odd and positive number, got {kernel_size}"
            )
        self.sigma = (sigma, sigma) if isinstance(sigma, numbers.Number) else tuple(sigma)
        if not 0.0 < self.sigma[0] <= self.sigma[1]:
            raise ValueError(
                f"sigma values should be positive and of the form (min, max), got {sigma}"
            )

    @staticmethod
    def get_params(sigma_min: float, sigma_max: float) -> float:
        """A random width."""
        return uniform(sigma_min, sigma_max)

    def forward(self, img: Any) -> Any:
        sigma = self.get_params(self.sigma[0], self.sigma[1])
        return F.gaussian_blur(img, self.kernel_size, [sigma, sigma])


class _WithProbability(_Geometric):
    """Base of the transforms that do one thing with probability ``p``."""

    _shown: tuple[str, ...] = ("p",)

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        self.p = p

    def forward(self, img: Any) -> Any:
        return self._changed(img) if lampas.rand(1).item() < self.p else img

    def _changed(self, img: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} does not define _changed")


class RandomInvert(_WithProbability):
    """The negative with probability ``p``."""

    def _changed(self, img: Any) -> Any:
        return F.invert(img)


class RandomPosterize(_WithProbability):
    """Keeps only the ``bits`` highest bits, with probability ``p``."""

    _shown = ("bits", "p")

    def __init__(self, bits: int, p: float = 0.5) -> None:
        super().__init__(p)
        self.bits = bits

    def _changed(self, img: Any) -> Any:
        return F.posterize(img, self.bits)


class RandomSolarize(_WithProbability):
    """Inverts the values at or above ``threshold``, with probability ``p``."""

    _shown = ("threshold", "p")

    def __init__(self, threshold: float, p: float = 0.5) -> None:
        super().__init__(p)
        self.threshold = threshold

    def _changed(self, img: Any) -> Any:
        return F.solarize(img, self.threshold)


class RandomAdjustSharpness(_WithProbability):
    """Changes the sharpness by a fixed factor, with probability ``p``."""

    _shown = ("sharpness_factor", "p")

    def __init__(self, sharpness_factor: float, p: float = 0.5) -> None:
        super().__init__(p)
        self.sharpness_factor = sharpness_factor

    def _changed(self, img: Any) -> Any:
        return F.adjust_sharpness(img, self.sharpness_factor)


class RandomAutocontrast(_WithProbability):
    """Stretches each channel to the whole range, with probability ``p``."""

    def _changed(self, img: Any) -> Any:
        return F.autocontrast(img)


class RandomEqualize(_WithProbability):
    """Makes each channel's histogram even, with probability ``p``."""

    def _changed(self, img: Any) -> Any:
        return F.equalize(img)
