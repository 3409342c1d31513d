"""Version 2 of the transforms that change values."""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from typing import Any

import lampas
from lampas.vision import transforms as v1
from lampas.vision._pillow import is_pil_image
from lampas.vision.transforms._geometry import uniform
from lampas.vision.transforms.v2 import functional as F
from lampas.vision.transforms.v2._base import (
    ByChance,
    Transform,
    query_channels,
    query_size,
)

_ADJUST = {
    "brightness": F.adjust_brightness,
    "contrast": F.adjust_contrast,
    "saturation": F.adjust_saturation,
    "hue": F.adjust_hue,
}


class Grayscale(Transform, v1.Grayscale):
    """To grey, with 1 or 3 channels."""

    _in_batches = v1.Grayscale

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return F.rgb_to_grayscale(inpt, self.num_output_channels)


class RandomGrayscale(ByChance, v1.RandomGrayscale):
    """To grey with probability ``p``, keeping the number of channels."""

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """The number of channels."""
        return {"channels": query_channels(flat_inputs)}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return F.rgb_to_grayscale(inpt, params["channels"])


class ColorJitter(Transform, v1.ColorJitter):
    """Changes brightness, contrast, saturation and hue at random, in random order."""

    def __init__(
        self, brightness: Any = None, contrast: Any = None, saturation: Any = None, hue: Any = None
    ) -> None:
        values = (brightness, contrast, saturation, hue)
        super().__init__(*(0 if value is None else value for value in values))

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """The order and the amounts."""
        order, *amounts = self.get_params(self.brightness, self.contrast, self.saturation, self.hue)
        return {"order": order.tolist(), "amounts": amounts}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        functions = list(_ADJUST.values())
        for i in params["order"]:
            if params["amounts"][i] is not None:
                inpt = functions[i](inpt, params["amounts"][i])
        return inpt


class RandomPhotometricDistort(Transform):
    """Changes colours as SSD's training did, each with probability ``p``.

    W. Liu et al., "SSD: single shot multibox detector", ECCV 2016.
    """

    def __init__(
        self,
        brightness: tuple[float, float] = (0.875, 1.125),
        contrast: tuple[float, float] = (0.5, 1.5),
        saturation: tuple[float, float] = (0.5, 1.5),
        hue: tuple[float, float] = (-0.05, 0.05),
        p: float = 0.5,
    ) -> None:
        super().__init__()
        self.brightness = brightness
        self.contrast = contrast
        self.hue = hue
        self.saturation = saturation
        self.p = p

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """The amounts, None for what does not change, and the order of channels."""
        channels = query_channels(flat_inputs)
        params: dict[str, Any] = {}
        for name in _ADJUST:
            low, high = getattr(self, name)
            params[name] = uniform(low, high) if lampas.rand(1) < self.p else None
        params["contrast_first"] = bool(lampas.rand(()) < 0.5)
        params["order"] = lampas.randperm(channels).tolist() if lampas.rand(1) < self.p else None
        return params

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        names = ["brightness", "saturation", "hue"]
        names.insert(1 if params["contrast_first"] else 3, "contrast")
        for name in names:
            if params[name] is not None:
                inpt = _ADJUST[name](inpt, params[name])
        return inpt if params["order"] is None else F.permute_channels(inpt, params["order"])


class RandomChannelPermutation(Transform):
    """The channels in random order.

    >>> RandomChannelPermutation()(lampas.ones(3, 1, 1)).shape
    torch.Size([3, 1, 1])
    """

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """The order."""
        return {"order": lampas.randperm(query_channels(flat_inputs)).tolist()}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return F.permute_channels(inpt, params["order"])


class RandomErasing(ByChance, v1.RandomErasing):
    """Overwrites a random rectangle of the image, with probability ``p``; masks, boxes and points
    stay as they are."""

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """Rectangle and contents, or nothing if none fitted."""
        size = (query_channels(flat_inputs), *query_size(flat_inputs))
        image = lampas.empty(size, device="meta")
        value: Any = self.value
        if isinstance(value, numbers.Number):
            value = [float(value)]  # type: ignore[arg-type]
        elif isinstance(value, str):
            value = None
        if value is not None and len(value) not in (1, size[0]):
            raise ValueError(
                "If value is a sequence, it should have either a single value or "
                f"{size[0]} (number of inpt channels), got {len(value)}"
            )
        drawn = self.get_params(image, self.scale, self.ratio, value)
        return {} if drawn[-1] is image else {"drawn": drawn}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        if not params:
            return inpt
        i, j, h, w, v = params["drawn"]
        return F.erase(inpt, i, j, h, w, v, self.inplace)


class GaussianBlur(Transform, v1.GaussianBlur):
    """Blurs with a Gaussian of random width."""

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """The width."""
        return {"sigma": [self.get_params(self.sigma[0], self.sigma[1])] * 2}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return F.gaussian_blur(inpt, self.kernel_size, params["sigma"])


class GaussianNoise(Transform):
    """Adds normal noise to tensor images.

    >>> GaussianNoise(mean=0.25, sigma=0.0)(lampas.zeros(1, 1, 1)).item()
    0.25
    """

    def __init__(self, mean: float = 0.0, sigma: float = 0.1, clip: bool = True) -> None:
        super().__init__()
        self.mean = mean
        self.sigma = sigma
        self.clip = clip

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return F.gaussian_noise(inpt, self.mean, self.sigma, self.clip)


class JPEG(Transform):
    """What is left of a uint8 image after it was written as JPEG of a random quality."""

    def __init__(self, quality: int | Sequence[int]) -> None:
        super().__init__()
        pair = [quality, quality] if isinstance(quality, int) else quality
        if len(pair) != 2 or not 1 <= pair[0] <= pair[1] <= 100:
            raise ValueError(f"quality must be an integer from 1 to 100, or a pair, got {quality}")
        self.quality = pair

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """The quality."""
        low, high = self.quality
        return {"quality": int(lampas.randint(low, high + 1, ()))}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return F.jpeg(inpt, params["quality"])


class Normalize(Transform, v1.Normalize):
    """``(image - mean) / std`` for each channel of a float image."""

    _in_batches = v1.Normalize

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return F.normalize(inpt, self.mean, self.std, self.inplace)


class RandomInvert(ByChance, v1.RandomInvert):
    """The negative with probability ``p``."""

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return F.invert(inpt)


class RandomPosterize(ByChance, v1.RandomPosterize):
    """Keeps only the ``bits`` highest bits, with probability ``p``."""

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return F.posterize(inpt, self.bits)


class RandomSolarize(ByChance, v1.RandomSolarize):
    """Inverts the values at or above ``threshold``, with probability ``p``."""

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return F.solarize(inpt, self.threshold)


class RandomAdjustSharpness(ByChance, v1.RandomAdjustSharpness):
    """Changes the sharpness by a fixed factor, with probability ``p``."""

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return F.adjust_sharpness(inpt, self.sharpness_factor)


class RandomAutocontrast(ByChance, v1.RandomAutocontrast):
    """Stretches each channel to the whole range, with probability ``p``."""

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return F.autocontrast(inpt)


class RandomEqualize(ByChance, v1.RandomEqualize):
    """Makes each channel's histogram even, with probability ``p``."""

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return F.equalize(inpt)


class ConvertImageDtype(Transform, v1.ConvertImageDtype):
    """Converts images' dtype and scales their values to the new range."""

    _in_batches = v1.ConvertImageDtype

    def __init__(self, dtype: lampas.dtype = lampas.float32) -> None:
        super().__init__(dtype)

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return inpt if is_pil_image(inpt) else F.convert_image_dtype(inpt, self.dtype)


class RGB(Transform):
    """Grey to colour; colour stays."""

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return F.grayscale_to_rgb(inpt)


class UniformTemporalSubsample(Transform):
    """``num_samples`` pictures of a video, evenly spread.

    >>> UniformTemporalSubsample(2)(lampas.zeros(5, 3, 1, 1)).shape
    torch.Size([2, 3, 1, 1])
    """

    def __init__(self, num_samples: int) -> None:
        super().__init__()
        self.num_samples = num_samples

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return F.uniform_temporal_subsample(inpt, self.num_samples)
