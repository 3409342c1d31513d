"""STL-10."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from lampas.vision.datasets.svhn import _PlanesDataset
from lampas.vision.datasets.utils import (
    check_integrity,
    download,
    extract_archive,
    verify_str_arg,
)


class STL10(_PlanesDataset):
    """STL-10: 5,000 training, 8,000 test and 100,000 unlabelled images, 96 × 96 in colour.

    A. Coates, H. Lee, A. Ng, "An analysis of single-layer networks in unsupervised feature
    learning", AISTATS 2011.

    Args:
        root: the folder that has, or gets, the folder ``stl10_binary``.
        split: ``train``, ``test``, ``unlabeled`` or ``train+unlabeled``; the label of unlabelled
            images is -1.
        folds: number of one of the ten folds of 1,000 training images; all by default.
        transform: takes a PIL image; see :class:`MNIST`.
        target_transform: takes the class's number.
        download: fetch and unpack the archive if files are missing.
    """

    base_folder = "stl10_binary"
    url = "http://ai.stanford.edu/~acoates/stl10/stl10_binary.tar.gz"
    filename = "stl10_binary.tar.gz"
    tgz_md5 = "91f7769df0f17e558f3565bffb0c7dfb"
    class_names_file = "class_names.txt"
    folds_list_file = "fold_indices.txt"
    train_list = [
        ["train_X.bin", "918c2871b30a85fa023e0c44e0bee87f"],
        ["train_y.bin", "5a34089d4802c674881badbb80307741"],
        ["unlabeled_X.bin", "5242ba1fed5e4be9e1e742405eb56ca4"],
    ]
    test_list = [
        ["test_X.bin", "7f263ba9f9e0b06b93213547f721ac82"],
        ["test_y.bin", "36f9794fa4beb8a2c72628de14fa638e"],
    ]
    splits = ("train", "train+unlabeled", "unlabeled", "test")

    def __init__(
        self,
        root: str | Path,
        split: str = "train",
        folds: int | None = None,
        transform: Callable[..., Any] | None = None,
        target_transform: Callable[..., Any] | None = None,
        download: bool = False,
    ) -> None:
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.split = verify_str_arg(split, "split", self.splits)
        if folds is not None and folds not in range(10):
            raise ValueError(f"Value for argument folds should be in [0, 10), got {folds}")
        self.folds = folds
        if download:
            self.download()
        if not self._check_integrity():
            raise RuntimeError(
                "Dataset not found or corrupted. You can use download=True to download it; without "
                f"a network, unpack {self.filename} in {os.path.abspath(self.root)}"  # type: ignore[arg-type]
            )
        parts = [self._part(name) for name in split.split("+")]
        self.data = np.concatenate([images for images, _ in parts])
        self.labels = np.concatenate([labels for _, labels in parts])
        names = self._path(self.class_names_file)
        if os.path.isfile(names):
            with open(names) as file:
                self.classes = file.read().splitlines()

    def _path(self, name: str) -> str:
        return os.path.join(self.root, self.base_folder, name)  # type: ignore[arg-type]

    def _part(self, name: str) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        flat = np.fromfile(self._path(f"{name}_X.bin"), dtype=np.uint8)
        # The files store columns, not rows.
        images = flat.reshape(-1, 3, 96, 96).transpose(0, 1, 3, 2)
        if name == "unlabeled":
            return images, np.full(len(images), -1, dtype=np.int64)
        labels = np.fromfile(self._path(f"{name}_y.bin"), dtype=np.uint8).astype(np.int64) - 1
        if name == "train" and self.folds is not None:
            with open(self._path(self.folds_list_file)) as file:
                rows = np.array(file.read().splitlines()[self.folds].split(), dtype=np.int64)
            return images[rows], labels[rows]
        return images, labels

    def _check_integrity(self) -> bool:
        files = self.train_list + self.test_list
        return all(check_integrity(self._path(name), md5) for name, md5 in files)

    def download(self) -> None:
        """Fetches and unpacks the archive, unless its files are there."""
        if not self._check_integrity():
            archive = download([self.url], self.root, self.filename, self.tgz_md5)  # type: ignore[arg-type]
            extract_archive(archive, self.root)

    def extra_repr(self) -> str:
        return f"Split: {self.split}"
