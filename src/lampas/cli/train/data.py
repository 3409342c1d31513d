"""The data sets that a run can name."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from lampas.cli import UsageError

if TYPE_CHECKING:
    from lampas import Tensor

FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte") + (
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


def load(name: str) -> tuple[Any, Any]:
    """Training and test set: images ``(1, 28, 28)`` with values from -1 to 1, and class numbers.

    Raises:
        UsageError: files are missing and cannot be fetched, or are damaged.
    """
    from lampas.vision import datasets, transforms

    transform = transforms.Compose(
        [transforms.ToTensor(), transforms.Normalize((0.5,), (0.5,))],
    )
    if name == "digits":
        kind, root, download = datasets.Digits, None, False
    elif name == "mnist":
        kind, root, download = datasets.MNIST, "data", True
    elif name == "fashion-mnist":
        kind, root, download = datasets.FashionMNIST, "data", True
    else:
        kind, root, download = datasets.MNIST, _root(name), False
    try:
        sets = [kind(root, train=t, transform=transform, download=download) for t in (True, False)]
    except (RuntimeError, ValueError, TypeError, OSError) as e:
        raise UsageError(f"--data {name}: {_one_line(e)}") from None
    for images in sets:
        if len(images) == 0 or tuple(images.data.shape[1:]) != (28, 28):
            raise UsageError(
                f"--data {name}: needs images of 28 × 28 pixels, found {tuple(images.data.shape)}"
            )
        if int(images.targets.max()) >= len(images.classes):
            raise UsageError(
                f"--data {name}: label {int(images.targets.max())} in a set of "
                f"{len(images.classes)} classes; the label files do not belong to this data set"
            )
    return sets[0], sets[1]


def _root(name: str) -> str:
    """The folder that holds MNIST/raw, after a look whether the four files are there."""
    root = os.path.expanduser(name)
    raw = os.path.join(root, "MNIST", "raw")
    missing = [
        f
        for f in FILES
        if not any(os.path.isfile(os.path.join(raw, f + s)) for s in ("", ".gz", ".xz"))
    ]
    if missing:
        raise UsageError(
            f"--data {name}: put {', '.join(missing)} (or the same with .gz) "
            f"into {os.path.abspath(raw)}"
        )
    return root


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def jitter(images: Tensor) -> Tensor:
    """Images turned by up to 10°, scaled and sheared by up to 10 %, shifted by up to 2 pixels.

    Each image of ``(N, 1, 28, 28)`` is changed by random numbers of its own.
    """
    import math

    import lampas
    import lampas.nn.functional as F

    def between(limit: float) -> Tensor:
        return (lampas.rand(len(images)) * 2 - 1) * limit

    angle, scale, shear = between(math.pi / 18), 1 + between(0.1), between(0.1)
    # affine_grid's coordinates go from -1 to 1: a pixel is 2 / 28.
    x, y = between(2 / 14), between(2 / 14)
    c, s = angle.cos() * scale, angle.sin() * scale
    rows = [lampas.stack([c, shear - s, x], 1), lampas.stack([s, c, y], 1)]
    grid = F.affine_grid(lampas.stack(rows, 1), list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, padding_mode="border", align_corners=False)
