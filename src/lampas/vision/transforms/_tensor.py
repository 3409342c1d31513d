"""The transforms on tensor images ``(..., C, H, W)``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import lampas
from lampas.vision.transforms._conversion_functional import convert_image_dtype
from lampas.vision.transforms._modes import InterpolationMode

# Rec. 601 luma, with the digits that torchvision uses.
_LUMA = (0.2989, 0.587, 0.114)


def _nn() -> Any:
    from lampas.nn import functional

    return functional


def dimensions(img: lampas.Tensor) -> list[int]:
    """``[channels, height, width]``."""
    if img.dim() < 2:
        raise TypeError(
            f"Tensor is not a torch image: it has shape {tuple(img.shape)}, (..., H, W) is needed"
        )
    channels = img.shape[-3] if img.dim() > 2 else 1
    return [channels, img.shape[-2], img.shape[-1]]


def _largest(img: lampas.Tensor) -> float:
    return 1.0 if img.is_floating_point() else float(lampas.iinfo(img.dtype).max)


def _only_channels(img: lampas.Tensor, allowed: tuple[int, ...]) -> int:
    channels = dimensions(img)[0]
    if channels not in allowed:
        raise TypeError(
            f"Input image tensor permitted channel values are {list(allowed)}, but found {channels}"
        )
    return channels


def _in_floats(
    img: lampas.Tensor, function: Callable[[lampas.Tensor], lampas.Tensor]
) -> lampas.Tensor:
    """``function`` of a float batch ``(B, C, H, W)``, in the image's own shape and dtype."""
    batch = img.reshape(-1, *img.shape[-3:])
    result = function(batch if img.is_floating_point() else batch.to(lampas.float32))
    if not img.is_floating_point():
        result = result.round().clamp(0, _largest(img)).to(img.dtype)
    return result.reshape(*img.shape[:-3], *result.shape[-3:])


def hflip(img: lampas.Tensor) -> lampas.Tensor:
    return img.flip(-1)


def vflip(img: lampas.Tensor) -> lampas.Tensor:
    return img.flip(-2)


def crop(img: lampas.Tensor, top: int, left: int, height: int, width: int) -> lampas.Tensor:
    _, h, w = dimensions(img)
    bottom, right = top + height, left + width
    inside = img[..., max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)]
    if left >= 0 and top >= 0 and right <= w and bottom <= h:
        return inside
    above, before = max(-top, 0), max(-left, 0)
    made = img.new_zeros((*img.shape[:-2], height, width))
    made[..., above : above + inside.shape[-2], before : before + inside.shape[-1]] = inside
    return made


def pad(
    img: lampas.Tensor, sides: tuple[int, int, int, int], fill: Any, mode: str
) -> lampas.Tensor:
    """``sides``: left, top, right, bottom; negative ones cut."""
    left, top, right, bottom = sides
    _, h, w = dimensions(img)
    if mode == "constant":
        value = fill[0] if isinstance(fill, (list, tuple)) and len(fill) == 1 else fill
        if isinstance(value, (list, tuple)):
            value = lampas.tensor(value, dtype=img.dtype).view(-1, 1, 1)
        size = (h + top + bottom, w + left + right)
        made = img.new_zeros((*img.shape[:-2], *size))
        made += value if isinstance(value, lampas.Tensor) else lampas.tensor(value, dtype=img.dtype)
        source = img[..., max(-top, 0) : h - max(-bottom, 0), max(-left, 0) : w - max(-right, 0)]
        above, before = max(top, 0), max(left, 0)
        made[..., above : above + source.shape[-2], before : before + source.shape[-1]] = source
        return made
    rows, columns = _padded_indices(h, top, bottom, mode), _padded_indices(w, left, right, mode)
    return img.index_select(-2, rows).index_select(-1, columns)


def _padded_indices(n: int, before: int, after: int, mode: str) -> lampas.Tensor:
    """For each place of a padded axis, the place its value comes from."""
    place = lampas.arange(-before, n + after)
    if mode == "edge":
        return place.clamp(0, n - 1)
    if mode == "symmetric":
        return lampas.where(
            place < 0, -1 - place, lampas.where(place >= n, 2 * n - 1 - place, place)
        )
    if max(before, after) >= n:
        raise RuntimeError(
            f"reflect padding of {before} and {after} needs an axis longer than that, it has {n}"
        )
    return lampas.where(place < 0, -place, lampas.where(place >= n, 2 * (n - 1) - place, place))


def resize(
    img: lampas.Tensor, size: tuple[int, int], mode: InterpolationMode, antialias: bool
) -> lampas.Tensor:
    smooth = mode in (InterpolationMode.BILINEAR, InterpolationMode.BICUBIC)
    if not smooth and mode not in (InterpolationMode.NEAREST, InterpolationMode.NEAREST_EXACT):
        raise ValueError(f"interpolation {mode} works on PIL images only, not on tensors")

    def resized(batch: lampas.Tensor) -> lampas.Tensor:
        return _nn().interpolate(
            batch,
            size=list(size),
            mode=mode.value,
            align_corners=False if smooth else None,
            antialias=antialias and smooth,
        )

    return _in_floats(img, resized)


def _blend(img: lampas.Tensor, other: lampas.Tensor, ratio: float) -> lampas.Tensor:
    ratio = float(ratio)  # a whole number would keep bytes bytes, which overflow
    return (ratio * img + (1.0 - ratio) * other).clamp(0, _largest(img)).to(img.dtype)


def adjust_brightness(img: lampas.Tensor, factor: float) -> lampas.Tensor:
    _only_channels(img, (1, 3))
    return _blend(img, lampas.zeros_like(img), factor)


def adjust_contrast(img: lampas.Tensor, factor: float) -> lampas.Tensor:
    grey = to_grayscale(img, 1) if _only_channels(img, (1, 3)) == 3 else img
    floats = img.dtype if img.is_floating_point() else lampas.float32
    return _blend(img, grey.to(floats).mean(dim=(-3, -2, -1), keepdim=True), factor)


def adjust_saturation(img: lampas.Tensor, factor: float) -> lampas.Tensor:
    if _only_channels(img, (1, 3)) == 1:
        return img
    return _blend(img, to_grayscale(img, 1), factor)


def adjust_hue(img: lampas.Tensor, factor: float) -> lampas.Tensor:
    if _only_channels(img, (1, 3)) == 1:
        return img
    hue, saturation, value = _rgb_to_hsv(convert_image_dtype(img, lampas.float32)).unbind(-3)
    turned = lampas.stack(((hue + factor) % 1.0, saturation, value), dim=-3)
    return convert_image_dtype(_hsv_to_rgb(turned), img.dtype)


def _rgb_to_hsv(img: lampas.Tensor) -> lampas.Tensor:
    red, green, blue = img.unbind(-3)
    high, low = img.max(dim=-3).values, img.min(dim=-3).values  # type: ignore[attr-defined]
    grey = high == low
    span = high - low
    ones = lampas.ones_like(high)
    saturation = span / lampas.where(grey, ones, high)
    divisor = lampas.where(grey, ones, span)
    from_red, from_green, from_blue = ((high - c) / divisor for c in (red, green, blue))
    is_red = high == red
    is_green = (high == green) & ~is_red
    is_blue = ~is_green & ~is_red
    hue = is_red * (from_blue - from_green) + is_green * (2.0 + from_red - from_blue)
    hue = hue + is_blue * (4.0 + from_green - from_red)
    return lampas.stack(((hue / 6.0 + 1.0).fmod(1.0), saturation, high), dim=-3)


def _hsv_to_rgb(img: lampas.Tensor) -> lampas.Tensor:
    hue, saturation, value = img.unbind(-3)
    sector = (hue * 6.0).floor()
    part = hue * 6.0 - sector
    sector = sector.to(lampas.int64) % 6
    p = (value * (1.0 - saturation)).clamp(0.0, 1.0)
    q = (value * (1.0 - saturation * part)).clamp(0.0, 1.0)
    t = (value * (1.0 - saturation * (1.0 - part))).clamp(0.0, 1.0)
    tables = ((value, q, p, p, t, value), (t, value, value, q, p, p), (p, p, t, value, value, q))
    channels = []
    for table in tables:
        channel = table[5]
        for i in range(5):
            channel = lampas.where(sector == i, table[i], channel)
        channels.append(channel)
    return lampas.stack(channels, dim=-3)


def adjust_gamma(img: lampas.Tensor, gamma: float, gain: float) -> lampas.Tensor:
    floats = img if img.is_floating_point() else convert_image_dtype(img, lampas.float32)
    return convert_image_dtype((gain * floats**gamma).clamp(0, 1), img.dtype)


def adjust_sharpness(img: lampas.Tensor, factor: float) -> lampas.Tensor:
    _, h, w = dimensions(img)
    return img if h <= 2 or w <= 2 else _blend(img, _smoothed(img), factor)


def _smoothed(img: lampas.Tensor) -> lampas.Tensor:
    """A 3 × 3 blur whose centre weighs 5 of 13; the border stays."""

    def smoothed(batch: lampas.Tensor) -> lampas.Tensor:
        channels = batch.shape[1]
        kernel = lampas.ones((3, 3), dtype=batch.dtype)
        kernel[1, 1] = 5.0
        kernel = (kernel / kernel.sum()).expand(channels, 1, 3, 3)
        made = batch.clone()
        made[..., 1:-1, 1:-1] = _nn().conv2d(batch, kernel, groups=channels)
        return made

    return _in_floats(img, smoothed)


def to_grayscale(img: lampas.Tensor, channels: int) -> lampas.Tensor:
    if _only_channels(img, (1, 3)) == 3:
        red, green, blue = img.unbind(-3)
        grey = _LUMA[0] * red + _LUMA[1] * green + _LUMA[2] * blue
        img = grey.to(img.dtype).unsqueeze(-3)
    return img if channels == 1 else img.expand(*img.shape[:-3], 3, *img.shape[-2:])


def gaussian_blur(
    img: lampas.Tensor, kernel_size: Sequence[int], sigma: Sequence[float]
) -> lampas.Tensor:
    """``kernel_size`` and ``sigma`` are those of x, then y."""

    def blurred(batch: lampas.Tensor) -> lampas.Tensor:
        kernel_x, kernel_y = (
            _gaussian(k, s, batch.dtype) for k, s in zip(kernel_size, sigma, strict=True)
        )
        channels = batch.shape[1]
        kernel = (kernel_y[:, None] * kernel_x[None, :]).expand(channels, 1, -1, -1)
        x, y = kernel_size[0] // 2, kernel_size[1] // 2
        padded = pad(batch, (x, y, x, y), 0, "reflect")
        return _nn().conv2d(padded, kernel, groups=channels)

    return _in_floats(img, blurred)


def _gaussian(size: int, sigma: float, dtype: Any) -> lampas.Tensor:
    half = (size - 1) * 0.5
    weights = (-0.5 * (lampas.linspace(-half, half, size, dtype=dtype) / sigma) ** 2).exp()
    return weights / weights.sum()


def sample(
    img: lampas.Tensor,
    grid: lampas.Tensor,
    mode: InterpolationMode,
    fill: Any,
    bicubic: bool = False,
) -> lampas.Tensor:
    """The image's values at ``grid`` ``(1, H, W, 2)``, ``fill`` where that is outside."""
    modes = ["NEAREST", "BILINEAR"] + ["BICUBIC"] * bicubic
    if mode.name not in modes:
        raise ValueError(f"interpolation {mode} is not there for tensors: use {', '.join(modes)}")

    def sampled(batch: lampas.Tensor) -> lampas.Tensor:
        places = grid.to(batch.dtype).expand(batch.shape[0], -1, -1, -1)
        mask = batch.new_ones((batch.shape[0], 1, *batch.shape[-2:])) if fill is not None else None
        source = batch if mask is None else lampas.cat((batch, mask), dim=1)
        made = _nn().grid_sample(
            source, places, mode=mode.value, padding_mode="zeros", align_corners=False
        )
        if mask is None:
            return made
        values = fill if isinstance(fill, (list, tuple)) else [float(fill)]
        color = lampas.tensor(values, dtype=batch.dtype).view(1, -1, 1, 1)
        made, seen = made[:, :-1], made[:, -1:]
        if mode is InterpolationMode.NEAREST:
            return lampas.where(seen < 0.5, color, made)
        return made * seen + (1.0 - seen) * color

    return _in_floats(img, sampled)


def affine_grid(
    matrix: Sequence[float], size: tuple[int, int], new_size: tuple[int, int]
) -> lampas.Tensor:
    """Where each pixel of an affine map's result comes from; ``matrix`` is the inverse map."""
    height, width = new_size
    theta = lampas.tensor(matrix).reshape(2, 3)
    x = lampas.linspace(-width * 0.5 + 0.5, width * 0.5 - 0.5, width)
    y = lampas.linspace(-height * 0.5 + 0.5, height * 0.5 - 0.5, height)
    xs, ys = x.expand(height, width), y[:, None].expand(height, width)
    base = lampas.stack((xs, ys, lampas.ones_like(xs)), dim=-1).reshape(-1, 3)
    scale = lampas.tensor([0.5 * size[1], 0.5 * size[0]])
    return (base @ (theta.t() / scale)).reshape(1, height, width, 2)


def perspective_grid(coefficients: Sequence[float], size: tuple[int, int]) -> lampas.Tensor:
    """Where each pixel of a perspective map's result comes from."""
    height, width = size
    a, b, c, d, e, f, g, h = coefficients
    x = (lampas.arange(width) + 0.5).expand(height, width)
    y = (lampas.arange(height) + 0.5)[:, None].expand(height, width)
    depth = g * x + h * y + 1.0
    u = (a * x + b * y + c) / depth / (0.5 * width) - 1.0
    v = (d * x + e * y + f) / depth / (0.5 * height) - 1.0
    return lampas.stack((u, v), dim=-1).unsqueeze(0)


def displaced_grid(displacement: lampas.Tensor) -> lampas.Tensor:
    """Where each pixel comes from if it is moved by ``displacement`` ``(1, H, W, 2)``."""
    height, width = displacement.shape[1:3]
    x, y = (lampas.linspace((1 - n) / n, (n - 1) / n, n) for n in (width, height))
    still = lampas.stack((x.expand(height, width), y[:, None].expand(height, width)), dim=-1)
    return still + displacement


def invert(img: lampas.Tensor) -> lampas.Tensor:
    largest = _largest(img)
    return (largest if img.is_floating_point() else int(largest)) - img


def posterize(img: lampas.Tensor, bits: int) -> lampas.Tensor:
    if img.dtype != lampas.uint8:
        raise TypeError(f"Only torch.uint8 image tensors are supported, but found {img.dtype}")
    return img & (256 - (1 << (8 - bits)))


def solarize(img: lampas.Tensor, threshold: float) -> lampas.Tensor:
    if threshold > _largest(img):
        raise TypeError(f"Threshold should be less than bound of img, got {threshold}")
    return lampas.where(img >= threshold, invert(img), img)


def autocontrast(img: lampas.Tensor) -> lampas.Tensor:
    largest = _largest(img)
    floats = img if img.is_floating_point() else img.to(lampas.float32)
    low, high = floats.amin(dim=(-2, -1), keepdim=True), floats.amax(dim=(-2, -1), keepdim=True)
    flat = low == high
    scale = largest / lampas.where(flat, lampas.full_like(high, largest), high - low)
    low = lampas.where(flat, lampas.zeros_like(low), low)
    return ((floats - low) * scale).clamp(0, largest).to(img.dtype)


def equalize(img: lampas.Tensor) -> lampas.Tensor:
    if img.dtype != lampas.uint8:
        raise TypeError(f"Only torch.uint8 image tensors are supported, but found {img.dtype}")
    planes = img.reshape(-1, *img.shape[-2:])
    return lampas.stack([_equalized(plane) for plane in planes.unbind(0)]).reshape(img.shape)


def _equalized(plane: lampas.Tensor) -> lampas.Tensor:
    values = plane.numpy()
    counts = np.bincount(values.reshape(-1), minlength=256)
    step = int(counts[counts != 0][:-1].sum()) // 255
    if step == 0:
        return plane
    table = (counts.cumsum() + step // 2) // step
    table = np.concatenate(([0], table[:-1])).clip(0, 255).astype(np.uint8)
    return lampas.from_numpy(table[values])
