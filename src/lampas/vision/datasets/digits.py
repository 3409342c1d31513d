"""The digits that come with the package."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import lampas
from lampas.vision.datasets.mnist import MNIST, read_image_file, read_label_file

_FOLDER = os.path.join(os.path.dirname(__file__), "_data")
_TRAINING = 1437
_GREY_LEVELS = 16
_SIDE = 8


class Digits(MNIST):
    """1,797 real handwritten digits that need no download, with :class:`MNIST`'s interface.

    The test part of UCI's "Optical Recognition of Handwritten Digits" by E. Alpaydin and C. Kaynak
    (1998, https://doi.org/10.24432/C50P49, CC BY 4.0), written by 13 people.

    The images have 8 × 8 pixels of 17 grey levels. With ``size=28`` they are enlarged to MNIST's
    size by bilinear interpolation between pixel centres, in whole numbers, so that every machine
    gets the same bytes: with ``p = clamp(4 * i - 5, 0, 98)``, row ``i`` of the result lies between
    rows ``p // 14`` and ``p // 14 + 1`` of the source, ``p % 14`` fourteenths of the way; columns
    likewise; grey level 16 becomes 255; halves round up.

    The first 1,437 images, in the source's order, are for training, the last 360 for testing.

    Args:
        root: ignored; there for :class:`MNIST`'s sake.
        train: the training images, else the test images.
        transform: as for :class:`MNIST`.
        target_transform: as for :class:`MNIST`.
        download: ignored.
        size: 28, or 8 for the images as they are, with values from 0 to 255.

    Raises:
        ValueError: any other size.

    >>> from lampas.vision.datasets import Digits
    >>> digits = Digits(train=False)
    >>> len(digits), digits.data.shape, digits.targets[:5].tolist()
    (360, torch.Size([360, 28, 28]), [2, 3, 4, 5, 6])
    """

    def __init__(
        self,
        root: str | Path | None = None,
        train: bool = True,
        transform: Callable[..., Any] | None = None,
        target_transform: Callable[..., Any] | None = None,
        download: bool = False,
        size: int = 28,
    ) -> None:
        if size not in (_SIDE, 28):
            raise ValueError(f"Digits come in sizes 8 and 28, got size={size}")
        self.size = size
        super().__init__(_FOLDER, train, transform, target_transform)
        self.root = None

    @property
    def raw_folder(self) -> str:
        """The package's folder with the files."""
        return _FOLDER

    def _wanted_files(self) -> list[str]:
        return ["digits-images-idx3-ubyte", "digits-labels-idx1-ubyte"]

    def _load_data(self) -> tuple[lampas.Tensor, lampas.Tensor]:
        images, labels = self._wanted_files()
        part = slice(0, _TRAINING) if self.train else slice(_TRAINING, None)
        levels = read_image_file(self._path(images))[part].numpy()
        pixels = enlarged(levels) if self.size == 28 else _rounded(levels.astype(np.int64), 1)
        return lampas.from_numpy(pixels), read_label_file(self._path(labels))[part].clone()

    def download(self) -> None:
        """Does nothing: the data is part of the package."""


def _rounded(levels: np.ndarray[Any, Any], parts: int) -> np.ndarray[Any, Any]:
    """Grey levels in ``parts``-ths as bytes."""
    whole = _GREY_LEVELS * parts
    return ((levels * 255 + whole // 2) // whole).astype(np.uint8)


def enlarged(levels: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Images ``(N, 8, 8)`` of levels 0 … 16 as bytes ``(N, 28, 28)``; see :class:`Digits`."""
    place = np.clip(4 * np.arange(28) - 5, 0, 14 * (_SIDE - 1))
    low, part = place // 14, place % 14
    high = np.minimum(low + 1, _SIDE - 1)
    wide = levels.astype(np.int64)
    rows = wide[:, low] * (14 - part)[:, None] + wide[:, high] * part[:, None]
    both = rows[:, :, low] * (14 - part) + rows[:, :, high] * part
    return _rounded(both, 14 * 14)
