"""Version 2 of the transforms that move pixels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import lampas
from lampas.vision import transforms as v1
from lampas.vision import tv_tensors as tv
from lampas.vision.ops import box_convert, box_iou
from lampas.vision.transforms import functional as F1
from lampas.vision.transforms._geometry import _BILINEAR
from lampas.vision.transforms._modes import interpolation_mode
from lampas.vision.transforms.v2 import functional as F
from lampas.vision.transforms.v2._base import ByChance, Transform, fill_for, query_size
from lampas.vision.transforms.v2._points import plain


def _stand_in(flat_inputs: list[Any]) -> lampas.Tensor:
    """An image of the inputs' size, without memory."""
    return lampas.empty(1, *query_size(flat_inputs), device="meta")


class RandomHorizontalFlip(ByChance, v1.RandomHorizontalFlip):
    """Mirrors left and right with probability ``p``."""

    _in_batches = v1.RandomHorizontalFlip

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return F.horizontal_flip(inpt)


class RandomVerticalFlip(ByChance, v1.RandomVerticalFlip):
    """Mirrors top and bottom with probability ``p``."""

    _in_batches = v1.RandomVerticalFlip

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return F.vertical_flip(inpt)


class Resize(Transform, v1.Resize):
    """Scales to ``size``: ``(height, width)`` or the shorter side; None with ``max_size`` for the
    longer side."""

    size: Any

    def __init__(
        self,
        size: Any,
        interpolation: Any = _BILINEAR,
        max_size: int | None = None,
        antialias: bool | None = True,
    ) -> None:
        if size is None and not isinstance(max_size, int):
            raise ValueError(
                f"max_size must be an integer when size is None, but got {max_size} instead."
            )
        super().__init__(max_size if size is None else size, interpolation, None, antialias)
        self.size = None if size is None else [size] if isinstance(size, int) else list(size)
        self.max_size = max_size

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return F.resize(inpt, self.size, self.interpolation, self.max_size, self.antialias)


class CenterCrop(Transform, v1.CenterCrop):
    """Cuts the middle out; what is smaller is padded with zeros first."""

    _in_batches = v1.CenterCrop

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return F.center_crop(inpt, self.size)


class Pad(Transform, v1.Pad):
    """Widens on all sides."""

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        fill = self.fill if not isinstance(self.fill, dict) else fill_for(self.fill, inpt)
        return F.pad(inpt, self.padding, fill, self.padding_mode)


class RandomCrop(Transform, v1.RandomCrop):
    """Cuts ``size`` out at a random place; see version 1 for the arguments."""

    _in_batches = v1.RandomCrop

    def _drawn(self, height: int, width: int) -> tuple[int, int, int, int]:
        top = left = 0
        if height > self.size[0]:
            top = int(lampas.randint(0, height - self.size[0] + 1, size=()))
        if width > self.size[1]:
            left = int(lampas.randint(0, width - self.size[1] + 1, size=()))
        return top, left, self.size[0], self.size[1]

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """Padding and place."""
        height, width = query_size(flat_inputs)
        sides = [0, 0, 0, 0] if self.padding is None else list(F1._sides(self.padding))
        want_h, want_w = self.size
        if self.pad_if_needed:
            lack_w = max(want_w - width - sides[0] - sides[2], 0)
            lack_h = max(want_h - height - sides[1] - sides[3], 0)
            sides = [sides[0] + lack_w, sides[1] + lack_h, sides[2] + lack_w, sides[3] + lack_h]
        height, width = height + sides[1] + sides[3], width + sides[0] + sides[2]
        if height < want_h or width < want_w:
            raise ValueError(
                f"Required crop size {(want_h, want_w)} is larger than padded input image size "
                f"{(height, width)}; pad_if_needed=True widens the image"
            )
        return {"sides": sides, "place": self._drawn(height, width)}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        if any(params["sides"]):
            inpt = F.pad(inpt, params["sides"], self.fill, self.padding_mode)
        return F.crop(inpt, *params["place"])


class RandomResizedCrop(Transform, v1.RandomResizedCrop):
    """Cuts out a rectangle of random area and shape and scales it to ``size``."""

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """The rectangle."""
        return {"place": self.get_params(_stand_in(flat_inputs), self.scale, self.ratio)}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        made = F.crop(inpt, *params["place"])
        want = F1._height_and_width(self.size)
        return F.resize(made, want, self.interpolation, antialias=self.antialias)


class _SeveralCrops(Transform):
    """Base of what makes several images of one, for which masks and boxes have no counterpart."""

    def check_inputs(self, flat_inputs: list[Any]) -> None:
        """There must be no masks, boxes and points."""
        if any(isinstance(v, (tv.BoundingBoxes, tv.KeyPoints, tv.Mask)) for v in flat_inputs):
            raise TypeError(f"{type(self).__name__}() takes no bounding boxes, masks and keypoints")


class FiveCrop(_SeveralCrops, v1.FiveCrop):
    """The four corners and the middle, as a tuple."""

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return F.five_crop(inpt, self.size)


class TenCrop(_SeveralCrops, v1.TenCrop):
    """:class:`FiveCrop` of the image and of its mirror image."""

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return F.ten_crop(inpt, self.size, self.vertical_flip)


class RandomRotation(Transform, v1.RandomRotation):
    """Rotates by a random angle."""

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """The angle."""
        return {"angle": self.get_params(self.degrees)}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        fill = fill_for(self.fill, inpt)
        return F.rotate(inpt, params["angle"], self.interpolation, self.expand, self.center, fill)


class RandomAffine(Transform, v1.RandomAffine):
    """Rotates, shifts, scales and shears at random."""

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """Angle, shift, factor and shear."""
        height, width = query_size(flat_inputs)
        drawn = self.get_params(
            self.degrees, self.translate, self.scale, self.shear, (width, height)
        )
        return {"drawn": drawn}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        fill = fill_for(self.fill, inpt)
        angle, shift, scale, shear = params["drawn"]
        return F.affine(inpt, angle, shift, scale, shear, self.interpolation, fill, self.center)


class RandomPerspective(ByChance, v1.RandomPerspective):
    """Moves the four corners inwards at random, with probability ``p``."""

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """Where the corners were and are."""
        height, width = query_size(flat_inputs)
        return {"corners": self.get_params(width, height, self.distortion_scale)}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        fill = fill_for(self.fill, inpt)
        starts, ends = params["corners"]
        return F.perspective(inpt, starts, ends, self.interpolation, fill)


class ElasticTransform(Transform, v1.ElasticTransform):
    """Moves each pixel by a smooth random field."""

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """The field."""
        size = list(query_size(flat_inputs))
        return {"displacement": self.get_params(self.alpha, self.sigma, size)}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        fill = fill_for(self.fill, inpt)
        return F.elastic(inpt, params["displacement"], self.interpolation, fill)


class RandomZoomOut(ByChance, v1._geometry._Geometric):
    """Puts the image on a larger ground at a random place, with probability ``p``.

    W. Liu et al., "SSD: single shot multibox detector", ECCV 2016.

    Args:
        fill: value of the ground.
        side_range: range of the factor.
        p: probability.

    >>> RandomZoomOut(side_range=(2.0, 2.0), p=1.0)(lampas.ones(1, 4, 4)).shape
    torch.Size([1, 8, 8])
    """

    _shown = ("p", "fill", "side_range")

    def __init__(
        self, fill: Any = 0, side_range: Sequence[float] = (1.0, 4.0), p: float = 0.5
    ) -> None:
        super().__init__()
        if len(side_range) != 2 or not 1.0 <= side_range[0] <= side_range[1]:
            raise ValueError(f"Invalid side range provided {side_range}.")
        self.fill = fill
        self.side_range = side_range
        self.p = p

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """The padding."""
        height, width = query_size(flat_inputs)
        low, high = self.side_range
        factor = float(low + lampas.rand(1) * (high - low))
        canvas_w, canvas_h = int(width * factor), int(height * factor)
        x, y = lampas.rand(2)
        left, top = int((canvas_w - width) * x), int((canvas_h - height) * y)
        return {"sides": [left, top, canvas_w - left - width, canvas_h - top - height]}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return F.pad(inpt, params["sides"], fill_for(self.fill, inpt), "constant")


class _Scaling(Transform):
    """Base of the transforms that scale to a size of their own drawing."""

    interpolation: Any
    antialias: bool | None

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return F.resize(inpt, params["size"], self.interpolation, antialias=self.antialias)


class ScaleJitter(_Scaling):
    """Scales to a random part of what fits into ``target_size``, keeping the shape.

    >>> ScaleJitter((8, 8), (0.5, 0.5))(lampas.ones(1, 4, 4)).shape
    torch.Size([1, 4, 4])
    """

    def __init__(
        self,
        target_size: tuple[int, int],
        scale_range: tuple[float, float] = (0.1, 2.0),
        interpolation: Any = _BILINEAR,
        antialias: bool | None = True,
    ) -> None:
        super().__init__()
        self.target_size = target_size
        self.scale_range = scale_range
        self.interpolation = interpolation_mode(interpolation)
        self.antialias = antialias

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """The size."""
        height, width = query_size(flat_inputs)
        low, high = self.scale_range
        scale = float(low + lampas.rand(1) * (high - low))
        ratio = min(self.target_size[1] / height, self.target_size[0] / width) * scale
        return {"size": (int(height * ratio), int(width * ratio))}


class RandomShortestSize(_Scaling):
    """Scales the shorter side to one of the sizes given, the longer to ``max_size`` at most.

    >>> RandomShortestSize(6)(lampas.ones(1, 3, 4)).shape
    torch.Size([1, 6, 8])
    """

    def __init__(
        self,
        min_size: Any,
        max_size: int | None = None,
        interpolation: Any = _BILINEAR,
        antialias: bool | None = True,
    ) -> None:
        super().__init__()
        self.min_size = [min_size] if isinstance(min_size, int) else list(min_size)
        self.max_size = max_size
        self.interpolation = interpolation_mode(interpolation)
        self.antialias = antialias

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """The size."""
        height, width = query_size(flat_inputs)
        shorter = self.min_size[int(lampas.randint(len(self.min_size), ()))]
        ratio = shorter / min(height, width)
        if self.max_size is not None:
            ratio = min(ratio, self.max_size / max(height, width))
        return {"size": (int(height * ratio), int(width * ratio))}


class RandomResize(_Scaling):
    """Scales the shorter side to a size in ``[min_size, max_size)``.

    >>> RandomResize(6, 7)(lampas.ones(1, 3, 3)).shape
    torch.Size([1, 6, 6])
    """

    def __init__(
        self,
        min_size: int,
        max_size: int,
        interpolation: Any = _BILINEAR,
        antialias: bool | None = True,
    ) -> None:
        super().__init__()
        self.min_size = min_size
        self.max_size = max_size
        self.interpolation = interpolation_mode(interpolation)
        self.antialias = antialias

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """The size."""
        return {"size": [int(lampas.randint(self.min_size, self.max_size, ()))]}


class RandomIoUCrop(Transform):
    """Cuts out a rectangle that overlaps a box by at least one of the overlaps given.

    W. Liu et al., "SSD: single shot multibox detector", ECCV 2016. Boxes whose centre is cut off
    become zero: follow with :class:`SanitizeBoundingBoxes`.

    Args:
        min_scale: smallest part of height and width.
        max_scale: largest.
        min_aspect_ratio: smallest width to height.
        max_aspect_ratio: largest.
        sampler_options: overlaps, 1 and above for no cut.
        trials: how often to draw for one overlap.
    """

    def __init__(
        self,
        min_scale: float = 0.3,
        max_scale: float = 1.0,
        min_aspect_ratio: float = 0.5,
        max_aspect_ratio: float = 2.0,
        sampler_options: list[float] | None = None,
        trials: int = 40,
    ) -> None:
        super().__init__()
        self.min_scale = min_scale
        self.max_scale = max_scale
        self.min_aspect_ratio = min_aspect_ratio
        self.max_aspect_ratio = max_aspect_ratio
        self.options = [0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0]
        self.options = self.options if sampler_options is None else sampler_options
        self.trials = trials

    def check_inputs(self, flat_inputs: list[Any]) -> None:
        """There must be boxes."""
        if not any(isinstance(value, tv.BoundingBoxes) for value in flat_inputs):
            raise TypeError(
                "RandomIoUCrop() is only meaningful with bounding boxes: pass tv_tensors."
                "BoundingBoxes in the sample"
            )

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """Rectangle and which boxes stay; nothing if nothing is cut."""
        height, width = query_size(flat_inputs)
        boxes = next(value for value in flat_inputs if isinstance(value, tv.BoundingBoxes))
        corners = box_convert(plain(boxes), boxes.format.value.lower(), "xyxy")
        while True:
            least = self.options[int(lampas.randint(0, len(self.options), size=(1,)))]
            if least >= 1.0:
                return {}
            for _ in range(self.trials):
                found = self._tried(corners, least, height, width)
                if found is not None:
                    return found

    def _tried(
        self, corners: lampas.Tensor, least: float, height: int, width: int
    ) -> dict[str, Any] | None:
        parts = self.min_scale + (self.max_scale - self.min_scale) * lampas.rand(2)
        new_w, new_h = int(width * parts[0]), int(height * parts[1])
        if new_h == 0 or not (self.min_aspect_ratio <= new_w / new_h <= self.max_aspect_ratio):
            return None
        x, y = lampas.rand(2)
        left, top = int((width - new_w) * x), int((height - new_h) * y)
        right, bottom = left + new_w, top + new_h
        if left == right or top == bottom:
            return None
        cx, cy = 0.5 * (corners[:, 0] + corners[:, 2]), 0.5 * (corners[:, 1] + corners[:, 3])
        inside = (left < cx) & (cx < right) & (top < cy) & (cy < bottom)
        if not inside.any():
            return None
        cut = lampas.tensor([[left, top, right, bottom]], dtype=corners.dtype)
        if box_iou(corners[inside], cut).max() < least:
            return None
        return {"place": (top, left, new_h, new_w), "inside": inside}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        if not params:
            return inpt
        made = F.crop(inpt, *params["place"])
        if isinstance(made, tv.BoundingBoxes):
            plain(made)[~params["inside"]] = 0
        return made
