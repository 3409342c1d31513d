"""Street View House Numbers."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import lampas
from lampas.utils.data._utils.fetch import batchable
from lampas.vision.datasets.utils import check_integrity, download, verify_str_arg
from lampas.vision.datasets.vision import PixelDataset

_URL = "http://ufldl.stanford.edu/housenumbers/"


class _PlanesDataset(PixelDataset):
    """Base of datasets with ``data``, an array ``(N, C, H, W)``, and ``labels``, an array."""

    data: Any
    labels: Any

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        target = int(self.labels[index])
        pixels = np.ascontiguousarray(self.data[index].transpose(1, 2, 0))
        image = self._transformed(lampas.from_numpy(pixels))
        return image, target if self.target_transform is None else self.target_transform(target)

    def __len__(self) -> int:
        return len(self.data)

    def _pixels(self) -> lampas.Tensor | None:
        # Batches gather rows that lie one pixel after another, as PIL's do.
        data = self.data
        if not isinstance(data, np.ndarray) or data.dtype != np.uint8 or data.ndim != 4:
            return None
        kept = self.__dict__.get("_kept_rows")
        if kept is None or kept[0] is not data:
            rows = lampas.from_numpy(data.transpose(0, 2, 3, 1).copy())
            kept = self.__dict__["_kept_rows"] = (data, rows)
        return kept[1]

    def _labels(self) -> lampas.Tensor | None:
        labels = np.asarray(self.labels)
        if labels.ndim != 1 or labels.dtype.kind not in "iu" or len(labels) != len(self.data):
            return None
        return lampas.tensor(labels.astype(np.int64))

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        return {name: value for name, value in state.items() if name != "_kept_rows"}


batchable(_PlanesDataset)


class SVHN(_PlanesDataset):
    """SVHN: digits cut out of photographs of house numbers, 32 × 32 in colour.

    Y. Netzer et al., "Reading digits in natural images with unsupervised feature learning", 2011.
    Its files are in MATLAB's format; reading them needs SciPy. The digit 0 has label 0.

    Args:
        root: the folder that has, or gets, the ``.mat`` files.
        split: ``train``, ``test`` or ``extra``.
        transform: takes a PIL image; see :class:`MNIST`.
        target_transform: takes the digit.
        download: fetch the file if it is missing.

    Attributes:
        data: uint8 array ``(N, 3, 32, 32)``.
        labels: int64 array.
    """

    split_list = {
        "train": [_URL + "train_32x32.mat", "train_32x32.mat", "e26dedcc434d2e4c54c9b2d4a06d8373"],
        "test": [_URL + "test_32x32.mat", "test_32x32.mat", "eb5a983be6a315427106f1b164d9cef3"],
        "extra": [_URL + "extra_32x32.mat", "extra_32x32.mat", "a93ce644f1a588dc4d68dda5feec44a7"],
    }

    def __init__(
        self,
        root: str | Path,
        split: str = "train",
        transform: Callable[..., Any] | None = None,
        target_transform: Callable[..., Any] | None = None,
        download: bool = False,
    ) -> None:
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.split = verify_str_arg(split, "split", tuple(self.split_list))
        self.url, self.filename, self.file_md5 = self.split_list[split]
        if download:
            self.download()
        if not self._check_integrity():
            raise RuntimeError(
                "Dataset not found or corrupted. You can use download=True to download it; without "
                f"a network, put {self.filename} into {os.path.abspath(self.root)}"  # type: ignore[arg-type]
            )
        try:
            from scipy.io import loadmat
        except ImportError as error:
            raise ImportError("SVHN's files are read by SciPy: pip install scipy") from error
        loaded = loadmat(self._path())
        self.data = np.ascontiguousarray(loaded["X"].transpose(3, 2, 0, 1))
        # The files say 10 for the digit 0.
        self.labels = loaded["y"].astype(np.int64).reshape(-1) % 10

    def _path(self) -> str:
        return os.path.join(self.root, self.filename)  # type: ignore[arg-type]

    def _check_integrity(self) -> bool:
        return check_integrity(self._path(), self.file_md5)

    def download(self) -> None:
        """Fetches the split's file."""
        download([self.url], self.root, self.filename, self.file_md5)  # type: ignore[arg-type]

    def extra_repr(self) -> str:
        return f"Split: {self.split}"
