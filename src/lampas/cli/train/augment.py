"""Random variations of training images, a whole batch at a time.

Each image of ``(N, C, H, W)`` is changed by random numbers of its own; all images go through the
same few operators, so that a batch costs little beside the step it is for.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from lampas.cli import UsageError

if TYPE_CHECKING:
    from lampas import Tensor

NAMES = ("none", "affine", "flip", "crop", "zoom", "auto")
HELP = "affine, flip, crop, zoom, auto, joined by +, or none"


def parts(text: str) -> list[str]:
    """The names in ``crop+flip``.

    Raises:
        UsageError: one is unknown, or ``none`` is not alone.
    """
    from lampas.cli.train.config import nearest

    names = [name.strip() for name in text.replace(",", "+").split("+")]
    for name in names:
        if name not in NAMES:
            hint = nearest(name, NAMES) or f"; there are {', '.join(NAMES)}"
            raise UsageError(f"--augment {text}: no augmentation is called {name!r}{hint}")
    if "none" in names and len(names) > 1:
        raise UsageError(f"--augment {text}: none cannot be joined with others")
    return [name for name in names if name != "none"]


def policy(
    text: str, mean: Sequence[float], std: Sequence[float]
) -> Callable[[Tensor], Tensor] | None:
    """What ``--augment`` names, as a function of normalised images; None for nothing."""
    functions: list[Callable[[Tensor], Tensor]] = []
    for name in parts(text):
        if name == "auto":
            from lampas.cli.train.trivial import TrivialAugment

            functions.append(TrivialAugment(mean, std))
        else:
            functions.append({"affine": affine, "flip": flip, "crop": crop, "zoom": zoom}[name])
    if not functions:
        return None

    def apply(images: Tensor) -> Tensor:
        for function in functions:
            images = function(images)
        return images

    return apply


def between(count: int, limit: float) -> Tensor:
    """Uniform numbers from ``-limit`` to ``limit``."""
    import lampas

    return (lampas.rand(count) * 2 - 1) * limit


def warp(images: Tensor, matrices: Tensor) -> Tensor:
    """Images through affine maps ``(N, 2, 3)`` from new places to old ones; edges are repeated."""
    import lampas.nn.functional as F

    grid = F.affine_grid(matrices, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, padding_mode="border", align_corners=False)


def affine(images: Tensor) -> Tensor:
    """Images turned by up to 10°, scaled and sheared by up to 10 %, shifted by up to 7 %."""
    import lampas

    n = len(images)
    angle, scale, shear = between(n, math.pi / 18), 1 + between(n, 0.1), between(n, 0.1)
    # affine_grid's coordinates go from -1 to 1.
    x, y = between(n, 2 / 14), between(n, 2 / 14)
    c, s = angle.cos() * scale, angle.sin() * scale
    rows = [lampas.stack([c, shear - s, x], 1), lampas.stack([s, c, y], 1)]
    return warp(images, lampas.stack(rows, 1))


def flip(images: Tensor) -> Tensor:
    """Every other image mirrored, at random."""
    import lampas

    n, width = len(images), images.shape[3]
    columns = lampas.arange(width).expand(n, width)
    mirrored = (lampas.rand(n, 1) < 0.5).expand(n, width)
    rows = lampas.arange(images.shape[2]).expand(n, images.shape[2])
    return _pick(images, rows, lampas.where(mirrored, width - 1 - columns, columns))


def crop(images: Tensor) -> Tensor:
    """Images shifted by up to an eighth of their size, whole pixels; what enters is a reflection.

    It is the usual crop from a larger, padded image.
    """
    import lampas

    n, height, width = len(images), images.shape[2], images.shape[3]
    down, right = height // 8, width // 8
    rows = lampas.arange(height) + lampas.randint(-down, down + 1, (n, 1))
    columns = lampas.arange(width) + lampas.randint(-right, right + 1, (n, 1))
    return _pick(images, _reflected(rows, height), _reflected(columns, width))


def _reflected(places: Tensor, size: int) -> Tensor:
    last = size - 1
    return last - (last - places.abs()).abs()


def _pick(images: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """The pixels at ``rows`` × ``columns``, both ``(N, places)``."""
    n, channels, height, width = images.shape
    places = (rows[:, :, None] * width + columns[:, None, :]).reshape(n, 1, height * width)
    picked = images.flatten(2).gather(2, places.expand(n, channels, height * width))
    return picked.reshape(n, channels, height, width)


def zoom(images: Tensor) -> Tensor:
    """A random part of each image, 35 to 100 % of its area and of 3:4 to 4:3, at full size.

    After C. Szegedy et al., "Going deeper with convolutions", CVPR 2015.
    """
    import lampas

    n = len(images)
    area = 0.35 + 0.65 * lampas.rand(n)
    ratio = between(n, math.log(4 / 3) / 2).exp()
    wide, high = (area.sqrt() * ratio).clamp(max=1), (area.sqrt() / ratio).clamp(max=1)
    x, y = (1 - wide) * between(n, 1), (1 - high) * between(n, 1)
    nothing = lampas.zeros(n)
    rows = [lampas.stack([wide, nothing, x], 1), lampas.stack([nothing, high, y], 1)]
    return warp(images, lampas.stack(rows, 1))
