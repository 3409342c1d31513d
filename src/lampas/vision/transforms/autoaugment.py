"""Policies that choose among many operations: AutoAugment, RandAugment, TrivialAugment."""

from __future__ import annotations

import math
from enum import Enum
from typing import Any

import lampas
from lampas import _C
from lampas.vision.transforms import functional as F
from lampas.vision.transforms._geometry import _fill_for, _Geometric
from lampas.vision.transforms._modes import InterpolationMode

_Range = tuple[lampas.Tensor, bool]  # a magnitude for each level, and whether it may be negated


class AutoAugmentPolicy(Enum):
    """The datasets for which AutoAugment's policies were found."""

    IMAGENET = "imagenet"
    CIFAR10 = "cifar10"
    SVHN = "svhn"


# Two operations each, with probability and level (None: the operation has no magnitude).
_POLICIES = {
    AutoAugmentPolicy.IMAGENET: """
        Posterize .4 8 Rotate .6 9|Solarize .6 5 AutoContrast .6 -|Equalize .8 - Equalize .6 -
        Posterize .6 7 Posterize .6 6|Equalize .4 - Solarize .2 4|Equalize .4 - Rotate .8 8
        Solarize .6 3 Equalize .6 -|Posterize .8 5 Equalize 1 -|Rotate .2 3 Solarize .6 8
        Equalize .6 - Posterize .4 6|Rotate .8 8 Color .4 0|Rotate .4 9 Equalize .6 -
        Equalize 0 - Equalize .8 -|Invert .6 - Equalize 1 -|Color .6 4 Contrast 1 8
        Rotate .8 8 Color 1 2|Color .8 8 Solarize .8 7|Sharpness .4 7 Invert .6 -
        ShearX .6 5 Equalize 1 -|Color .4 0 Equalize .6 -|Equalize .4 - Solarize .2 4
        Solarize .6 5 AutoContrast .6 -|Invert .6 - Equalize 1 -|Color .6 4 Contrast 1 8
        Equalize .8 - Equalize .6 -""",
    AutoAugmentPolicy.CIFAR10: """
        Invert .1 - Contrast .2 6|Rotate .7 2 TranslateX .3 9|Sharpness .8 1 Sharpness .9 3
        ShearY .5 8 TranslateY .7 9|AutoContrast .5 - Equalize .9 -|ShearY .2 7 Posterize .3 7
        Color .4 3 Brightness .6 7|Sharpness .3 9 Brightness .7 9|Equalize .6 - Equalize .5 -
        Contrast .6 7 Sharpness .6 5|Color .7 7 TranslateX .5 8|Equalize .3 - AutoContrast .4 -
        TranslateY .4 3 Sharpness .2 6|Brightness .9 6 Color .2 8|Solarize .5 2 Invert 0 -
        Equalize .2 - AutoContrast .6 -|Equalize .2 - Equalize .6 -|Color .9 9 Equalize .6 -
        AutoContrast .8 - Solarize .2 8|Brightness .1 3 Color .7 0|Solarize .4 5 AutoContrast .9 -
        TranslateY .9 9 TranslateY .7 9|AutoContrast .9 - Solarize .8 3|Equalize .8 - Invert .1 -
        TranslateY .7 9 AutoContrast .9 -""",
    AutoAugmentPolicy.SVHN: """
        ShearX .9 4 Invert .2 -|ShearY .9 8 Invert .7 -|Equalize .6 - Solarize .6 6
        Invert .9 - Equalize .6 -|Equalize .6 - Rotate .9 3|ShearX .9 4 AutoContrast .8 -
        ShearY .9 8 Invert .4 -|ShearY .9 5 Solarize .2 6|Invert .9 - AutoContrast .8 -
        Equalize .6 - Rotate .9 3|ShearX .9 4 Solarize .3 3|ShearY .8 8 Invert .7 -
        Equalize .9 - TranslateY .6 6|Invert .9 - Equalize .6 -|Contrast .3 3 Rotate .8 4
        Invert .8 - TranslateY 0 2|ShearY .7 6 Solarize .4 8|Invert .6 - Rotate .8 4
        ShearY .3 7 TranslateX .9 3|ShearX .1 6 Invert .6 -|Solarize .7 2 TranslateY .6 7
        ShearY .8 4 Invert .8 -|ShearX .7 9 TranslateY .8 3|ShearY .8 5 AutoContrast .7 -
        ShearX .7 2 Invert .1 -""",
}
_Choice = tuple[str, float, "int | None"]


def _parsed(policy: AutoAugmentPolicy) -> list[tuple[_Choice, _Choice]]:
    pairs = []
    for row in _POLICIES[policy].strip().replace("\n", "|").split("|"):
        words = row.split()
        first, second = (
            (name, float(p), None if level == "-" else int(level))
            for name, p, level in (words[:3], words[3:])
        )
        pairs.append((first, second))
    return pairs


def _applied(img: Any, name: str, magnitude: float, mode: Any, fill: Any) -> Any:
    """One operation of the policies' common vocabulary."""
    if name in ("ShearX", "ShearY"):
        # About the corner, as the policies were found with it; degrees of the slope.
        angle = math.degrees(math.atan(magnitude))
        shear = [angle, 0.0] if name == "ShearX" else [0.0, angle]
        return F.affine(img, 0.0, [0, 0], 1.0, shear, mode, fill, center=[0, 0])
    if name in ("TranslateX", "TranslateY"):
        shift = [int(magnitude), 0] if name == "TranslateX" else [0, int(magnitude)]
        return F.affine(img, 0.0, shift, 1.0, [0.0, 0.0], mode, fill)
    if name == "Rotate":
        return F.rotate(img, magnitude, mode, fill=fill)
    factors = {
        "Brightness": F.adjust_brightness,
        "Color": F.adjust_saturation,
        "Contrast": F.adjust_contrast,
        "Sharpness": F.adjust_sharpness,
    }
    if name in factors:
        return factors[name](img, 1.0 + magnitude)
    if name == "Posterize":
        return F.posterize(img, int(magnitude))
    if name == "Solarize":
        return F.solarize(img, magnitude)
    plain = {"AutoContrast": F.autocontrast, "Equalize": F.equalize, "Invert": F.invert}
    return plain[name](img) if name in plain else img


def _ranges(
    levels: int,
    shear: float,
    shift: tuple[float, float],
    turn: float,
    factor: float,
    posterize: lampas.Tensor,
) -> dict[str, _Range]:
    """Magnitudes by operation; ``shift`` is the largest along x and along y."""

    def up_to(most: float) -> _Range:
        return lampas.linspace(0.0, most, levels), True

    none = (lampas.tensor(0.0), False)
    return {
        "Identity": none,
        "ShearX": up_to(shear),
        "ShearY": up_to(shear),
        "TranslateX": up_to(shift[0]),
        "TranslateY": up_to(shift[1]),
        "Rotate": up_to(turn),
        "Brightness": up_to(factor),
        "Color": up_to(factor),
        "Contrast": up_to(factor),
        "Sharpness": up_to(factor),
        "Posterize": (posterize, False),
        "Solarize": (lampas.linspace(255.0, 0.0, levels), False),
        "AutoContrast": none,
        "Equalize": none,
    }


def _falling_bits(levels: int, per_step: float) -> lampas.Tensor:
    return 8 - (lampas.arange(levels) / per_step).round().int()


def _negated_by_chance() -> bool:
    return bool(lampas.randint(2, (1,)))


class _Policy(_Geometric):
    """What the policies have in common."""

    def __init__(self, interpolation: Any, fill: Any) -> None:
        super().__init__()
        self.interpolation = interpolation
        self.fill = fill

    def _fill(self, img: Any) -> Any:
        return None if self.fill is None else _fill_for(img, self.fill)


class AutoAugment(_Policy):
    """Applies one of the pairs of operations that were found to help on a dataset.

    E. Cubuk et al., "AutoAugment: learning augmentation strategies from data", CVPR 2019.
    """

    _shown = ("policy", "fill")

    def __init__(
        self,
        policy: AutoAugmentPolicy = AutoAugmentPolicy.IMAGENET,
        interpolation: InterpolationMode = InterpolationMode.NEAREST,
        fill: Any = None,
    ) -> None:
        super().__init__(interpolation, fill)
        self.policy = policy
        self._policies = _parsed(policy)

    @staticmethod
    def get_params(transform_num: int) -> tuple[int, lampas.Tensor, lampas.Tensor]:
        """A random pair, two probabilities and two signs."""
        pair = int(lampas.randint(transform_num, (1,)).item())
        return pair, lampas.rand((2,)), lampas.randint(2, (2,))

    def _space(self, levels: int, size: tuple[int, int]) -> dict[str, _Range]:
        height, width = size
        shift = (150.0 / 331.0 * width, 150.0 / 331.0 * height)
        bits = _falling_bits(levels, (levels - 1) / 4)
        space = _ranges(levels, 0.3, shift, 30.0, 0.9, bits)
        return {**space, "Invert": (lampas.tensor(0.0), False)}

    def forward(self, img: Any) -> Any:
        fill = self._fill(img)
        pair, chances, signs = self.get_params(len(self._policies))
        _, height, width = F.get_dimensions(img)
        space = self._space(10, (height, width))
        for i, (name, p, level) in enumerate(self._policies[pair]):
            if not chances[i] <= p:
                continue
            magnitudes, signed = space[name]
            magnitude = 0.0 if level is None else float(magnitudes[level].item())
            if signed and signs[i] == 0:
                magnitude *= -1.0
            img = _applied(img, name, magnitude, self.interpolation, fill)
        return img


class RandAugment(_Policy):
    """Applies ``num_ops`` operations chosen at random, all at one magnitude.

    E. Cubuk et al., "RandAugment: practical automated data augmentation with a reduced search
    space", CVPR workshops 2020.
    """

    _shown = ("num_ops", "magnitude", "num_magnitude_bins", "interpolation", "fill")

    def __init__(
        self,
        num_ops: int = 2,
        magnitude: int = 9,
        num_magnitude_bins: int = 31,
        interpolation: InterpolationMode = InterpolationMode.NEAREST,
        fill: Any = None,
    ) -> None:
        super().__init__(interpolation, fill)
        self.num_ops = num_ops
        self.magnitude = magnitude
        self.num_magnitude_bins = num_magnitude_bins

    def _space(self, levels: int, size: tuple[int, int]) -> dict[str, _Range]:
        height, width = size
        shift = (150.0 / 331.0 * width, 150.0 / 331.0 * height)
        bits = _falling_bits(levels, (levels - 1) / 4)
        return _ranges(levels, 0.3, shift, 30.0, 0.9, bits)

    def forward(self, img: Any) -> Any:
        fill = self._fill(img)
        _, height, width = F.get_dimensions(img)
        for _ in range(self.num_ops):
            space = self._space(self.num_magnitude_bins, (height, width))
            name = list(space)[int(lampas.randint(len(space), (1,)).item())]
            magnitudes, signed = space[name]
            magnitude = float(magnitudes[self.magnitude].item()) if magnitudes.dim() > 0 else 0.0
            if signed and _negated_by_chance():
                magnitude *= -1.0
            img = _applied(img, name, magnitude, self.interpolation, fill)
        return img


class TrivialAugmentWide(_Policy):
    """Applies one operation chosen at random at a random magnitude.

    S. Müller, F. Hutter, "TrivialAugment: tuning-free yet state-of-the-art data augmentation",
    ICCV 2021.
    """

    _shown = ("num_magnitude_bins", "interpolation", "fill")

    def __init__(
        self,
        num_magnitude_bins: int = 31,
        interpolation: InterpolationMode = InterpolationMode.NEAREST,
        fill: Any = None,
    ) -> None:
        super().__init__(interpolation, fill)
        self.num_magnitude_bins = num_magnitude_bins

    def forward(self, img: Any) -> Any:
        fill = self._fill(img)
        levels = self.num_magnitude_bins
        bits = _falling_bits(levels, (levels - 1) / 6)
        space = _ranges(levels, 0.99, (32.0, 32.0), 135.0, 0.99, bits)
        name = list(space)[int(lampas.randint(len(space), (1,)).item())]
        magnitudes, signed = space[name]
        magnitude = 0.0
        if magnitudes.dim() > 0:
            magnitude = float(magnitudes[int(lampas.randint(len(magnitudes), (1,)).item())].item())
        if signed and _negated_by_chance():
            magnitude *= -1.0
        return _applied(img, name, magnitude, self.interpolation, fill)


_MIXED = (  # the order in which AugMix chooses
    "ShearX", "ShearY", "TranslateX", "TranslateY", "Rotate", "Posterize", "Solarize",
    "AutoContrast", "Equalize",
)  # fmt: skip
_MIXED_COLOURS = ("Brightness", "Color", "Contrast", "Sharpness")


class AugMix(_Policy):
    """Mixes the image with chains of random operations on it.

    D. Hendrycks et al., "AugMix: a simple data processing method to improve robustness and
    uncertainty", ICLR 2020.

    Args:
        severity: largest magnitude, from 1 to 10.
        mixture_width: number of chains.
        chain_depth: operations in a chain; 1 to 3 at random if not positive.
        alpha: of the Dirichlet distributions of the weights.
        all_ops: brightness, colour, contrast and sharpness too.
        interpolation: how to sample.
        fill: value outside of the image.

    Raises:
        ValueError: a severity beyond 1 to 10.

    >>> AugMix()(lampas.zeros(3, 4, 4, dtype=lampas.uint8)).shape
    torch.Size([3, 4, 4])
    """

    _shown = (
        "severity", "mixture_width", "chain_depth", "alpha", "all_ops", "interpolation", "fill",
    )  # fmt: skip

    def __init__(
        self,
        severity: int = 3,
        mixture_width: int = 3,
        chain_depth: int = -1,
        alpha: float = 1.0,
        all_ops: bool = True,
        interpolation: InterpolationMode = InterpolationMode.BILINEAR,
        fill: Any = None,
    ) -> None:
        super().__init__(interpolation, fill)
        if not 1 <= severity <= 10:
            raise ValueError(f"The severity must be between [1, 10]. Got {severity} instead.")
        self.severity = severity
        self.mixture_width = mixture_width
        self.chain_depth = chain_depth
        self.alpha = alpha
        self.all_ops = all_ops

    def _space(self, levels: int, size: tuple[int, int]) -> dict[str, _Range]:
        height, width = size
        bits = _falling_bits(levels, (levels - 1) / 4) - 4
        space = _ranges(levels, 0.3, (width / 3.0, height / 3.0), 30.0, 0.9, bits)
        return {name: space[name] for name in (*_MIXED, *(_MIXED_COLOURS if self.all_ops else ()))}

    def _shares(self, images: int, n: int) -> lampas.Tensor:
        return _C._sample_dirichlet(lampas.tensor([self.alpha] * n).expand(images, -1))

    def forward(self, img: Any) -> Any:
        return self._mixed(img, self._fill(img))

    def _mixed(self, img: Any, fill: Any) -> Any:
        _, height, width = F.get_dimensions(img)
        space = self._space(10, (height, width))
        image = img if isinstance(img, lampas.Tensor) else F.pil_to_tensor(img)
        batch = image if image.dim() > 3 else image.reshape(1, *image.shape)
        ones = [batch.shape[0]] + [1] * (batch.dim() - 1)
        first = self._shares(batch.shape[0], 2)
        shares = self._shares(batch.shape[0], self.mixture_width) * first[:, 1:]
        mix = first[:, 0].reshape(ones) * batch
        for chain in range(self.mixture_width):
            made = batch
            depth = self.chain_depth
            if depth <= 0:
                depth = int(lampas.randint(1, 4, (1,)).item())
            for _ in range(depth):
                made = self._changed(made, space, fill)
            mix = mix + shares[:, chain].reshape(ones) * made
        mixed = mix.reshape(image.shape).to(image.dtype)
        return mixed if isinstance(img, lampas.Tensor) else F.to_pil_image(mixed, img.mode)

    def _changed(self, images: Any, space: dict[str, _Range], fill: Any) -> Any:
        name = list(space)[int(lampas.randint(len(space), (1,)).item())]
        magnitudes, signed = space[name]
        magnitude = 0.0
        if magnitudes.dim() > 0:
            magnitude = float(magnitudes[int(lampas.randint(self.severity, (1,)).item())].item())
        if signed and _negated_by_chance():
            magnitude *= -1.0
        return _applied(images, name, magnitude, self.interpolation, fill)
