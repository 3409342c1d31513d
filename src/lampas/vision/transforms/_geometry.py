"""Transforms that move pixels: scaling, cropping, flipping, turning."""

from __future__ import annotations

import math
import numbers
from collections.abc import Sequence
from typing import Any

import lampas
from lampas import nn
from lampas.vision.transforms import functional as F
from lampas.vision.transforms._modes import InterpolationMode, interpolation_mode

_NEAREST, _BILINEAR = InterpolationMode.NEAREST, InterpolationMode.BILINEAR


def uniform(low: float, high: float) -> float:
    """One number drawn uniformly from the default generator."""
    return float(lampas.empty(1).uniform_(low, high).item())


def below(n: int) -> int:
    """One whole number in ``[0, n)`` drawn from the default generator."""
    return int(lampas.randint(0, n, size=(1,)).item())


def _pair(size: Any, name: str = "size") -> Sequence[int]:
    """``(height, width)`` of one number, of a sequence of one, or of a sequence of two."""
    if isinstance(size, numbers.Number):
        return int(size), int(size)  # type: ignore[call-overload]
    if not isinstance(size, (list, tuple)) or len(size) not in (1, 2):
        raise ValueError(f"Please provide only one or two dimensions (h, w) for {name}: {size!r}")
    return (size[0], size[0]) if len(size) == 1 else size


def _range(value: Any, name: str, low_of: Any = lambda value: -value) -> list[float]:
    """A pair of degrees, of one number or of a pair."""
    if isinstance(value, numbers.Number):
        if value < 0:  # type: ignore[operator]
            raise ValueError(f"If {name} is a single number, it must be positive, got {value}")
        return [float(low_of(value)), float(value)]  # type: ignore[arg-type]
    if not isinstance(value, (list, tuple)) or len(value) not in (2, 4):
        raise ValueError(f"{name} should be a sequence of length 2, got {value!r}")
    return [float(v) for v in value]


class _Geometric(nn.Module):
    """A module whose repr lists the named attributes, those with ``?`` where they are not None."""

    _shown: tuple[str, ...] = ()

    def __repr__(self) -> str:
        shown = []
        for name in self._shown:
            value = getattr(self, name.rstrip("?"))
            if value is None and name.endswith("?"):
                continue
            value = value.value if isinstance(value, InterpolationMode) else value
            shown.append(f"{name.rstrip('?')}={value}")
        return f"{type(self).__name__}({', '.join(shown)})"


class Resize(_Geometric):
    """Scales to ``size``: ``(height, width)`` or the shorter side; see ``functional.resize``."""

    _shown = ("size", "interpolation", "max_size", "antialias")

    def __init__(
        self,
        size: Any,
        interpolation: Any = _BILINEAR,
        max_size: int | None = None,
        antialias: bool | None = True,
    ) -> None:
        super().__init__()
        if not isinstance(size, (int, list, tuple)):
            raise TypeError(f"Size should be int or sequence. Got {type(size)}")
        if isinstance(size, (list, tuple)) and len(size) not in (1, 2):
            raise ValueError(f"If size is a sequence, it should have 1 or 2 values, got {size}")
        self.size = size
        self.max_size = max_size
        self.interpolation = interpolation_mode(interpolation)
        self.antialias = antialias

    def forward(self, img: Any) -> Any:
        return F.resize(img, self.size, self.interpolation, self.max_size, self.antialias)


class CenterCrop(_Geometric):
    """Cuts the middle out; a smaller image is padded with zeros first."""

    _shown = ("size",)

    def __init__(self, size: Any) -> None:
        super().__init__()
        self.size = _pair(size)

    def forward(self, img: Any) -> Any:
        return F.center_crop(img, self.size)


class Pad(_Geometric):
    """Widens an image on its sides; see :func:`functional.pad`."""

    _shown = ("padding", "fill", "padding_mode")

    def __init__(self, padding: Any, fill: Any = 0, padding_mode: str = "constant") -> None:
        super().__init__()
        F._sides(padding)
        if not isinstance(fill, (numbers.Number, str, tuple, list)):
            raise TypeError(f"Got inappropriate fill arg {fill!r}")
        if padding_mode not in F._PADDING_MODES:
            raise ValueError(
                "Padding mode should be either constant, edge, reflect or symmetric, "
                f"got {padding_mode!r}"
            )
        self.padding = padding
        self.fill = fill
        self.padding_mode = padding_mode

    def forward(self, img: Any) -> Any:
        return F.pad(img, self.padding, self.fill, self.padding_mode)


class RandomCrop(_Geometric):
    """Cuts ``size`` out at a random place.

    Args:
        size: one number or ``(height, width)``.
        padding: widen the image first.
        pad_if_needed: widen images that are smaller than ``size``.
        fill: value of new pixels.
        padding_mode: as for :class:`Pad`.

    Raises:
        ValueError: an image is smaller than ``size``.
    """

    _shown = ("size", "padding")

    def __init__(
        self,
        size: Any,
        padding: Any = None,
        pad_if_needed: bool = False,
        fill: Any = 0,
        padding_mode: str = "constant",
    ) -> None:
        super().__init__()
        self.size = tuple(_pair(size))
        self.padding = padding
        self.pad_if_needed = pad_if_needed
        self.fill = fill
        self.padding_mode = padding_mode

    @staticmethod
    def get_params(img: Any, output_size: Sequence[int]) -> tuple[int, int, int, int]:
        """A random place: top, left, height, width."""
        _, height, width = F.get_dimensions(img)
        return RandomCrop._place(height, width, output_size)

    @staticmethod
    def _place(height: int, width: int, size: Sequence[int]) -> tuple[int, int, int, int]:
        wanted_h, wanted_w = size
        if height < wanted_h or width < wanted_w:
            raise ValueError(
                f"Required crop size {(wanted_h, wanted_w)} is larger than input image size "
                f"{(height, width)}; pad_if_needed=True widens the image"
            )
        if (width, height) == (wanted_w, wanted_h):
            return 0, 0, height, width
        top = below(height - wanted_h + 1)
        left = below(width - wanted_w + 1)
        return top, left, wanted_h, wanted_w

    def _drawn(self, height: int, width: int) -> tuple[int, int, int, int]:
        """A random place in an image that is already padded."""
        return self._place(height, width, self.size)

    def forward(self, img: Any) -> Any:
        if self.padding is not None:
            img = F.pad(img, self.padding, self.fill, self.padding_mode)
        _, height, width = F.get_dimensions(img)
        if self.pad_if_needed and width < self.size[1]:
            img = F.pad(img, [self.size[1] - width, 0], self.fill, self.padding_mode)
        if self.pad_if_needed and height < self.size[0]:
            img = F.pad(img, [0, self.size[0] - height], self.fill, self.padding_mode)
        return F.crop(img, *self.get_params(img, self.size))


class RandomHorizontalFlip(_Geometric):
    """Mirrors left and right with probability ``p``."""

    _shown = ("p",)

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        self.p = p

    def forward(self, img: Any) -> Any:
        return F.hflip(img) if lampas.rand(1) < self.p else img


class RandomVerticalFlip(_Geometric):
    """Mirrors top and bottom with probability ``p``."""

    _shown = ("p",)

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        self.p = p

    def forward(self, img: Any) -> Any:
        return F.vflip(img) if lampas.rand(1) < self.p else img


class RandomResizedCrop(_Geometric):
    """Cuts out a rectangle of random area and shape and scales it to ``size``.

    C. Szegedy et al., "Going deeper with convolutions", CVPR 2015.

    Args:
        size: of the result.
        scale: range of the area, as a part of the image's.
        ratio: range of width to height.
        interpolation: how to scale.
        antialias: as for :class:`Resize`.
    """

    _shown = ("size", "scale", "ratio", "interpolation", "antialias")

    def __init__(
        self,
        size: Any,
        scale: Sequence[float] = (0.08, 1.0),
        ratio: Sequence[float] = (3.0 / 4.0, 4.0 / 3.0),
        interpolation: Any = _BILINEAR,
        antialias: bool | None = True,
    ) -> None:
        super().__init__()
        self.size = _pair(size)
        self.scale = scale
        self.ratio = ratio
        self.interpolation = interpolation_mode(interpolation)
        self.antialias = antialias

    @staticmethod
    def get_params(
        img: Any, scale: Sequence[float], ratio: Sequence[float]
    ) -> tuple[int, int, int, int]:
        """A random rectangle: top, left, height, width."""
        _, height, width = F.get_dimensions(img)
        area = height * width
        low, high = lampas.log(lampas.tensor(ratio)).tolist()
        for _ in range(10):
            wanted = area * uniform(scale[0], scale[1])
            aspect = float(lampas.exp(lampas.empty(1).uniform_(low, high)).item())
            w, h = round(math.sqrt(wanted * aspect)), round(math.sqrt(wanted / aspect))
            if 0 < w <= width and 0 < h <= height:
                top = below(height - h + 1)
                return top, below(width - w + 1), h, w
        # None fitted: the largest rectangle in the middle whose shape is allowed.
        shape = float(width) / float(height)
        w, h = width, height
        if shape < min(ratio):
            h = round(w / min(ratio))
        elif shape > max(ratio):
            w = round(h * max(ratio))
        return (height - h) // 2, (width - w) // 2, h, w

    def forward(self, img: Any) -> Any:
        place = self.get_params(img, self.scale, self.ratio)
        return F.resized_crop(img, *place, self.size, self.interpolation, antialias=self.antialias)


class FiveCrop(_Geometric):
    """The four corners and the middle, as a tuple."""

    _shown = ("size",)

    def __init__(self, size: Any) -> None:
        super().__init__()
        self.size = _pair(size)

    def forward(self, img: Any) -> Any:
        return F.five_crop(img, self.size)


class TenCrop(_Geometric):
    """:class:`FiveCrop` of the image and of its mirror image."""

    _shown = ("size", "vertical_flip")

    def __init__(self, size: Any, vertical_flip: bool = False) -> None:
        super().__init__()
        self.size = _pair(size)
        self.vertical_flip = vertical_flip

    def forward(self, img: Any) -> Any:
        return F.ten_crop(img, self.size, self.vertical_flip)


def _fill_for(img: Any, fill: Any) -> Any:
    """A tensor's fill values, one per channel."""
    if not isinstance(img, lampas.Tensor):
        return fill
    channels = F.get_dimensions(img)[0]
    if isinstance(fill, numbers.Number):
        return [float(fill)] * channels  # type: ignore[arg-type]
    return [float(value) for value in fill]


class RandomRotation(_Geometric):
    """Rotates by a random angle.

    Args:
        degrees: range, or ``d`` for ``(-d, d)``.
        interpolation: how.
        expand: enlarge the result to hold the whole image.
        center: ``(x, y)`` of the fixed point.
        fill: value outside of the image.
    """

    _shown = ("degrees", "interpolation", "expand", "center?", "fill?")

    def __init__(
        self,
        degrees: Any,
        interpolation: Any = _NEAREST,
        expand: bool = False,
        center: Sequence[float] | None = None,
        fill: Any = 0,
    ) -> None:
        super().__init__()
        self.degrees = _range(degrees, "degrees")
        self.interpolation = interpolation_mode(interpolation)
        self.expand = expand
        self.center = center
        self.fill = 0 if fill is None else fill

    @staticmethod
    def get_params(degrees: Sequence[float]) -> float:
        """A random angle."""
        return uniform(float(degrees[0]), float(degrees[1]))

    def forward(self, img: Any) -> Any:
        fill = _fill_for(img, self.fill)
        angle = self.get_params(self.degrees)
        return F.rotate(img, angle, self.interpolation, self.expand, self.center, fill)


class RandomAffine(_Geometric):
    """Rotates, shifts, scales and shears at random.

    Args:
        degrees: range of the angle, or ``d`` for ``(-d, d)``; 0 for none.
        translate: largest shifts, as parts of width and height.
        scale: range of the factor.
        shear: range in degrees along x, or ranges along x and y (four numbers).
        interpolation: how.
        fill: value outside of the image.
        center: ``(x, y)`` of the fixed point.
    """

    _shown = ("degrees", "translate?", "scale?", "shear?", "center?")

    def __init__(
        self,
        degrees: Any,
        translate: Sequence[float] | None = None,
        scale: Sequence[float] | None = None,
        shear: Any = None,
        interpolation: Any = _NEAREST,
        fill: Any = 0,
        center: Sequence[float] | None = None,
    ) -> None:
        super().__init__()
        if translate is not None and not all(0.0 <= part <= 1.0 for part in translate):
            raise ValueError(f"translation values should be between 0 and 1, got {translate}")
        if scale is not None and min(scale) <= 0:
            raise ValueError(f"scale values should be positive, got {scale}")
        self.degrees = _range(degrees, "degrees")
        self.translate = translate
        self.scale = scale
        self.shear = None if shear is None else _range(shear, "shear")
        self.interpolation = interpolation_mode(interpolation)
        self.fill = 0 if fill is None else fill
        self.center = center

    @staticmethod
    def get_params(
        degrees: Sequence[float],
        translate: Sequence[float] | None,
        scale_ranges: Sequence[float] | None,
        shears: Sequence[float] | None,
        img_size: Sequence[int],
    ) -> tuple[float, tuple[int, int], float, tuple[float, float]]:
        """Random angle, shift, factor and shear; ``img_size`` is ``(width, height)``."""
        angle = uniform(float(degrees[0]), float(degrees[1]))
        shift = (0, 0)
        if translate is not None:
            most_x, most_y = translate[0] * img_size[0], translate[1] * img_size[1]
            shift_x = round(uniform(-float(most_x), float(most_x)))
            shift = (shift_x, round(uniform(-float(most_y), float(most_y))))
        scale = 1.0 if scale_ranges is None else uniform(scale_ranges[0], scale_ranges[1])
        shear_x = shear_y = 0.0
        if shears is not None:
            shear_x = uniform(shears[0], shears[1])
            if len(shears) == 4:
                shear_y = uniform(shears[2], shears[3])
        return angle, shift, scale, (shear_x, shear_y)

    def forward(self, img: Any) -> Any:
        fill = _fill_for(img, self.fill)
        size = F.get_image_size(img)
        drawn = self.get_params(self.degrees, self.translate, self.scale, self.shear, size)
        return F.affine(
            img, *drawn, interpolation=self.interpolation, fill=fill, center=self.center
        )


class RandomPerspective(_Geometric):
    """Moves the four corners inwards at random, with probability ``p``."""

    _shown = ("p",)

    def __init__(
        self,
        distortion_scale: float = 0.5,
        p: float = 0.5,
        interpolation: Any = _BILINEAR,
        fill: Any = 0,
    ) -> None:
        super().__init__()
        self.p = p
        self.interpolation = interpolation_mode(interpolation)
        self.distortion_scale = distortion_scale
        self.fill = 0 if fill is None else fill

    @staticmethod
    def get_params(
        width: int, height: int, distortion_scale: float
    ) -> tuple[list[list[int]], list[list[int]]]:
        """The corners and where they go."""
        half_h, half_w = height // 2, width // 2
        reach_x, reach_y = int(distortion_scale * half_w), int(distortion_scale * half_h)

        def between(low: int, high: int) -> int:
            return int(lampas.randint(low, high, size=(1,)).item())

        left, top = (0, reach_x + 1), (0, reach_y + 1)
        right, bottom = (width - reach_x - 1, width), (height - reach_y - 1, height)
        corners = ((left, top), (right, top), (right, bottom), (left, bottom))
        ends = [[between(*xs), between(*ys)] for xs, ys in corners]
        starts = [[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]]
        return starts, ends

    def forward(self, img: Any) -> Any:
        fill = _fill_for(img, self.fill)
        if not lampas.rand(1) < self.p:
            return img
        _, height, width = F.get_dimensions(img)
        starts, ends = self.get_params(width, height, self.distortion_scale)
        return F.perspective(img, starts, ends, self.interpolation, fill)


class ElasticTransform(_Geometric):
    """Moves each pixel by a smooth random field, as handwriting varies.

    P. Simard, D. Steinkraus, J. Platt, "Best practices for convolutional neural networks applied
    to visual document analysis", ICDAR 2003.

    Args:
        alpha: strength of the moves along x and y, in pixels before smoothing.
        sigma: their smoothness: the width of a Gaussian.
        interpolation: how.
        fill: value outside of the image.

    Raises:
        TypeError: ``alpha`` or ``sigma`` is neither a number nor a sequence of them.
        ValueError: a sequence of more than two.
    """

    _shown = ("alpha", "sigma", "interpolation", "fill")

    def __init__(
        self,
        alpha: Any = 50.0,
        sigma: Any = 5.0,
        interpolation: Any = _BILINEAR,
        fill: Any = 0,
    ) -> None:
        super().__init__()
        self.alpha = _both_axes(alpha, "alpha")
        self.sigma = _both_axes(sigma, "sigma")
        self.interpolation = interpolation_mode(interpolation)
        self.fill = [float(v) for v in fill] if isinstance(fill, (list, tuple)) else [float(fill)]

    @staticmethod
    def get_params(alpha: Sequence[float], sigma: Sequence[float], size: Sequence[int]) -> Any:
        """A random displacement ``(1, H, W, 2)`` for images of ``size`` ``(height, width)``."""
        fields = []
        for strength, width, n in zip(alpha, sigma, reversed(size), strict=True):
            field = lampas.rand([1, 1, *size]) * 2 - 1
            if width > 0.0:
                field = F.gaussian_blur(field, int(8 * width + 1) // 2 * 2 + 1, width)
            fields.append(field * strength / n)
        return lampas.cat(fields, 1).permute(0, 2, 3, 1)

    def forward(self, img: Any) -> Any:
        _, height, width = F.get_dimensions(img)
        displacement = self.get_params(self.alpha, self.sigma, [height, width])
        return F.elastic_transform(img, displacement, self.interpolation, self.fill)


def _both_axes(value: Any, name: str) -> list[float]:
    if isinstance(value, numbers.Number):
        return [float(value)] * 2  # type: ignore[arg-type]
    if not isinstance(value, (list, tuple)):
        raise TypeError(f"{name} should be a number or a sequence of numbers, got {value!r}")
    if len(value) not in (1, 2):
        raise ValueError(f"{name} should be one or two numbers, got {len(value)}")
    return [float(v) for v in value] * (3 - len(value))
