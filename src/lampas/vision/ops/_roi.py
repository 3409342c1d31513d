"""What lies in regions of feature maps, brought to one size."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

import lampas
from lampas import Tensor, nn

__all__ = [
    "PSRoIAlign",
    "PSRoIPool",
    "RoIAlign",
    "RoIPool",
    "ps_roi_align",
    "ps_roi_pool",
    "roi_align",
    "roi_pool",
]

Boxes = Tensor | Sequence[Tensor]
_Array = np.ndarray[Any, Any]


def _pair(size: Any) -> tuple[int, int]:
    if isinstance(size, int):
        return size, size
    values = tuple(int(v) for v in size)
    return (values[0], values[0]) if len(values) == 1 else (values[0], values[1])


def _regions(boxes: Boxes, images: int, name: str) -> _Array:
    """Rows of image number, x1, y1, x2, y2, in double precision."""
    if isinstance(boxes, Tensor):
        if boxes.dim() != 2 or boxes.shape[1] != 5:
            raise ValueError(
                f"{name}(): boxes should be a tensor (K, 5) of image number and corners, or a list "
                f"of tensors (L, 4), one for each image; got shape {tuple(boxes.shape)}"
            )
        rows = boxes.detach().to(lampas.float64).numpy()
    else:
        if any(b.dim() != 2 or b.shape[1] != 4 for b in boxes):
            shapes = [tuple(b.shape) for b in boxes]
            raise ValueError(f"{name}(): the boxes of an image should be (L, 4), got {shapes}")
        parts = [
            np.insert(b.detach().to(lampas.float64).numpy(), 0, i, axis=1)
            for i, b in enumerate(boxes)
        ]
        rows = np.concatenate(parts) if parts else np.zeros((0, 5))
    if len(rows) and not (rows[:, 0].min() >= 0 and rows[:, 0].max() < images):
        raise ValueError(f"{name}(): image numbers should be in [0, {images}), got {rows[:, 0]}")
    return rows


def _bilinear_rows(start: float, step: float, bins: int, points: int, size: int) -> _Array:
    """``(bins, size)``: the mean of linear interpolations at ``points`` places in each bin."""
    weights = np.zeros((bins, size))
    if points <= 0:
        return weights
    places = start + step * (np.arange(bins * points) + 0.5) / points
    inside = (places >= -1.0) & (places <= size)
    low = np.clip(places, 0, size - 1)
    first = np.floor(low).astype(int)
    second = np.minimum(first + 1, size - 1)
    part = low - first
    rows = np.arange(bins * points) // points
    np.add.at(weights, (rows, first), inside * (1 - part) / points)
    np.add.at(weights, (rows, second), inside * part / points)
    return weights


def _bin(i: int, step: Any, start: int, most: int) -> tuple[int, int]:
    """First and last-but-one whole pixel of a bin, between 0 and `most`.

    The products are rounded to the type of `step`, so that the last bin ends where the region does.
    """
    kind = type(step)
    low, high = math.floor(kind(i) * step), math.ceil(kind(i + 1) * step)
    return min(max(low + start, 0), most), min(max(high + start, 0), most)


def _mean_rows(start: int, step: Any, bins: int, size: int) -> _Array:
    """``(bins, size)``: the mean over the whole pixels in each bin."""
    weights = np.zeros((bins, size))
    for i in range(bins):
        low, high = _bin(i, step, start, size - 1)
        if high > low:
            weights[i, low:high] = 1.0 / (high - low)
    return weights


def _span(weights: _Array) -> slice:
    """Where the weights are not zero."""
    used = np.flatnonzero(weights.any(axis=0))
    return slice(int(used[0]), int(used[-1]) + 1) if len(used) else slice(0, 0)


class _Weighted(lampas.autograd.Function):
    """``rows @ image @ columns.T`` for each region; with ``own``, each bin reads its own channel.

    A region comes as (image number, rows (h, H), columns (w, W)).
    """

    @staticmethod
    def forward(
        ctx: Any, input: Tensor, regions: list[Any], size: tuple[int, int], own: bool
    ) -> Any:
        height, width = size
        channels = input.shape[1] // (height * width) if own else input.shape[1]
        ctx.shape, ctx.own, ctx.cut = input.shape, own, []
        out = input.new_zeros((len(regions), channels, height, width))
        for i, (image, rows, columns) in enumerate(regions):
            ys, xs = _span(rows), _span(columns)
            down = lampas.tensor(rows[:, ys], dtype=input.dtype)
            across = lampas.tensor(columns[:, xs], dtype=input.dtype)
            ctx.cut.append((image, ys, xs, down, across))
            part = input[image, :, ys, xs]
            if own:
                part = part.reshape(channels, height, width, *part.shape[1:])
                out[i] = ((part * across[:, None, :]).sum(-1) * down[:, None, :]).sum(-1)
            else:
                out[i] = down @ part @ across.T
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        made = grad.new_zeros(ctx.shape)
        for g, (image, ys, xs, down, across) in zip(grad.unbind(0), ctx.cut, strict=True):
            if ctx.own:
                part = g[..., None, None] * down[:, None, :, None] * across[:, None, :]
                part = part.reshape(ctx.shape[1], *part.shape[-2:])
            else:
                part = down.T @ g @ across
            made[image, :, ys, xs] += part
        return made, None, None, None


def _aligned(
    input: Tensor,
    rows: _Array,
    size: tuple[int, int],
    ratio: int,
    offset: float,
    least: float,
    own: bool,
) -> Tensor:
    height, width = size
    regions = []
    for image, x1, y1, x2, y2 in rows:
        box_w, box_h = max(x2 - x1, least), max(y2 - y1, least)
        step_x, step_y = box_w / width, box_h / height
        points_y = ratio if ratio > 0 else math.ceil(step_y)
        points_x = ratio if ratio > 0 else math.ceil(step_x)
        down = _bilinear_rows(y1 - offset, step_y, height, points_y, input.shape[2])
        across = _bilinear_rows(x1 - offset, step_x, width, points_x, input.shape[3])
        regions.append((int(image), down, across))
    result: Tensor = _Weighted.apply(input, regions, size, own)
    return result


def _scaled(rows: _Array, scale: float) -> _Array:
    rows = rows.copy()
    rows[:, 1:] *= scale
    return rows


def roi_align(
    input: Tensor,
    boxes: Boxes,
    output_size: Any,
    spatial_scale: float = 1.0,
    sampling_ratio: int = -1,
    aligned: bool = False,
) -> Tensor:
    """The mean of bilinear samples in each bin of each region.

    K. He et al., "Mask R-CNN", ICCV 2017.

    Args:
        input: ``(N, C, H, W)``.
        boxes: ``(K, 5)`` of image number, x1, y1, x2, y2, or a list of ``(L, 4)`` per image.
        output_size: bins, one number or ``(height, width)``.
        spatial_scale: from the boxes' coordinates to the input's.
        sampling_ratio: samples per bin along each side; by the region's size if not positive.
        aligned: take pixels' centres, not corners, as whole coordinates.

    Returns:
        ``(K, C, height, width)``. The gradient reaches ``input``.

    Raises:
        ValueError: boxes of other shapes, or of images that are not there.

    >>> image = lampas.arange(16.0).view(1, 1, 4, 4)
    >>> roi_align(image, [lampas.tensor([[0.0, 0, 2, 2]])], 1, sampling_ratio=1).item()
    5.0
    """
    rows = _scaled(_regions(boxes, input.shape[0], "roi_align"), spatial_scale)
    least, offset = (-math.inf, 0.5) if aligned else (1.0, 0.0)
    return _aligned(input, rows, _pair(output_size), sampling_ratio, offset, least, False)


def _own_channels(input: Tensor, size: tuple[int, int], name: str) -> None:
    if input.shape[1] % (size[0] * size[1]) != 0:
        raise RuntimeError(
            f"{name}(): input channels must be a multiple of pooling height * pooling width "
            f"({size[0]} * {size[1]}), got {input.shape[1]}"
        )


def ps_roi_align(
    input: Tensor,
    boxes: Boxes,
    output_size: Any,
    spatial_scale: float = 1.0,
    sampling_ratio: int = -1,
) -> Tensor:
    """:func:`roi_align` in which each bin reads channels of its own.

    Z. Li et al., "Light-head R-CNN", arXiv:1711.07264, 2017.

    Returns:
        ``(K, C / (height * width), height, width)``.

    >>> ps_roi_align(lampas.ones(1, 4, 8, 8), lampas.tensor([[0.0, 1, 1, 5, 5]]), 2).tolist()
    [[[[1.0, 1.0], [1.0, 1.0]]]]
    """
    size = _pair(output_size)
    _own_channels(input, size, "ps_roi_align")
    rows = _scaled(_regions(boxes, input.shape[0], "ps_roi_align"), spatial_scale)
    return _aligned(input, rows, size, sampling_ratio, 0.5, -math.inf, True)


def _number(input: Tensor) -> Any:
    return np.float64 if input.dtype == lampas.float64 else np.float32


def _round(values: _Array) -> _Array:
    """To whole numbers, halves away from zero."""
    return np.trunc(values + np.copysign(0.5, values)).astype(int)


def ps_roi_pool(
    input: Tensor, boxes: Boxes, output_size: Any, spatial_scale: float = 1.0
) -> Tensor:
    """The mean over whole pixels of each bin, each of which reads channels of its own.

    J. Dai et al., "R-FCN", NeurIPS 2016. Arguments and result as :func:`ps_roi_align`.

    >>> ps_roi_pool(lampas.ones(1, 4, 8, 8), lampas.tensor([[0.0, 1, 1, 5, 5]]), 2).tolist()
    [[[[1.0, 1.0], [1.0, 1.0]]]]
    """
    height, width = size = _pair(output_size)
    _own_channels(input, size, "ps_roi_pool")
    kind = _number(input)
    rows = _regions(boxes, input.shape[0], "ps_roi_pool")
    regions = []
    for image, corners in zip(rows[:, 0], _round(rows[:, 1:] * spatial_scale), strict=True):
        x1, y1, x2, y2 = (int(v) for v in corners)
        step_y, step_x = kind(max(y2 - y1, 1)) / kind(height), kind(max(x2 - x1, 1)) / kind(width)
        down = _mean_rows(y1, step_y, height, input.shape[2])
        across = _mean_rows(x1, step_x, width, input.shape[3])
        regions.append((int(image), down, across))
    result: Tensor = _Weighted.apply(input, regions, size, True)
    return result


class _Largest(lampas.autograd.Function):
    """The largest value of each bin; a bin is (region, i, j, image, rows, columns)."""

    @staticmethod
    def forward(ctx: Any, input: Tensor, bins: list[Any], shape: tuple[int, ...]) -> Any:
        pixels, width = input.detach().numpy(), input.shape[3]
        out = np.zeros(shape, pixels.dtype)
        where = np.full(shape, -1, np.int64)
        for region, i, j, image, rows, columns in bins:
            part = pixels[image, :, rows, columns]
            flat = part.reshape(part.shape[0], -1)
            best = flat.argmax(1)
            out[region, :, i, j] = flat[np.arange(len(flat)), best]
            down, across = np.divmod(best, part.shape[2])
            where[region, :, i, j] = (down + rows.start) * width + across + columns.start
        ctx.where, ctx.shape = where, input.shape
        ctx.images = {region: image for region, _, _, image, _, _ in bins}
        return lampas.from_numpy(out)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        made = np.zeros((*ctx.shape[:2], ctx.shape[2] * ctx.shape[3]), grad.numpy().dtype)
        for region, image in ctx.images.items():
            where = ctx.where[region].reshape(ctx.shape[1], -1)
            channel, place = np.nonzero(where >= 0)
            values = grad[region].numpy().reshape(where.shape)[channel, place]
            np.add.at(made[image], (channel, where[channel, place]), values)
        return lampas.from_numpy(made).reshape(ctx.shape), None, None


def roi_pool(input: Tensor, boxes: Boxes, output_size: Any, spatial_scale: float = 1.0) -> Tensor:
    """The largest value among the whole pixels of each bin of each region; 0 in empty bins.

    R. Girshick, "Fast R-CNN", ICCV 2015. Arguments and result as :func:`roi_align`.

    >>> image = lampas.arange(16.0).view(1, 1, 4, 4)
    >>> roi_pool(image, [lampas.tensor([[0.0, 0, 1, 1]])], 1).item()
    5.0
    """
    height, width = _pair(output_size)
    kind = _number(input)
    rows = _regions(boxes, input.shape[0], "roi_pool")
    bins = []
    for n, corners in enumerate(_round(rows[:, 1:] * spatial_scale)):
        x1, y1, x2, y2 = (int(v) for v in corners)
        step_y, step_x = (
            kind(max(y2 - y1 + 1, 1)) / kind(height),
            kind(max(x2 - x1 + 1, 1)) / kind(width),
        )
        for i in range(height):
            ys = slice(*_bin(i, step_y, y1, input.shape[2]))
            for j in range(width):
                xs = slice(*_bin(j, step_x, x1, input.shape[3]))
                if ys.stop > ys.start and xs.stop > xs.start:
                    bins.append((n, i, j, int(rows[n, 0]), ys, xs))
    shape = (len(rows), input.shape[1], height, width)
    result: Tensor = _Largest.apply(input, bins, shape)
    return result


class _Layer(nn.Module):
    _shown: tuple[str, ...] = ("output_size", "spatial_scale")

    def __init__(self, output_size: Any, spatial_scale: float) -> None:
        super().__init__()
        self.output_size = output_size
        self.spatial_scale = spatial_scale

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={getattr(self, name)}" for name in self._shown)
        return f"{type(self).__name__}({shown})"


class RoIAlign(_Layer):
    """:func:`roi_align` as a module."""

    _shown = ("output_size", "spatial_scale", "sampling_ratio", "aligned")

    def __init__(
        self,
        output_size: Any,
        spatial_scale: float,
        sampling_ratio: int,
        aligned: bool = False,
    ) -> None:
        super().__init__(output_size, spatial_scale)
        self.sampling_ratio = sampling_ratio
        self.aligned = aligned

    def forward(self, input: Tensor, rois: Boxes) -> Tensor:
        """See :func:`roi_align`."""
        return roi_align(
            input, rois, self.output_size, self.spatial_scale, self.sampling_ratio, self.aligned
        )


class RoIPool(_Layer):
    """:func:`roi_pool` as a module."""

    def forward(self, input: Tensor, rois: Boxes) -> Tensor:
        """See :func:`roi_pool`."""
        return roi_pool(input, rois, self.output_size, self.spatial_scale)


class PSRoIAlign(_Layer):
    """:func:`ps_roi_align` as a module."""

    _shown = ("output_size", "spatial_scale", "sampling_ratio")

    def __init__(self, output_size: Any, spatial_scale: float, sampling_ratio: int) -> None:
        super().__init__(output_size, spatial_scale)
        self.sampling_ratio = sampling_ratio

    def forward(self, input: Tensor, rois: Boxes) -> Tensor:
        """See :func:`ps_roi_align`."""
        return ps_roi_align(input, rois, self.output_size, self.spatial_scale, self.sampling_ratio)


class PSRoIPool(_Layer):
    """:func:`ps_roi_pool` as a module."""

    def forward(self, input: Tensor, rois: Boxes) -> Tensor:
        """See :func:`ps_roi_pool`."""
        return ps_roi_pool(input, rois, self.output_size, self.spatial_scale)
