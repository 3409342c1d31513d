"""CIFAR-10 and CIFAR-100."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import lampas
from lampas.utils.data._utils.fetch import batchable
from lampas.vision.datasets.utils import check_integrity, download, extract_archive
from lampas.vision.datasets.vision import PixelDataset

# What arrays in these files are made of. Anything else would be code to run.
_ALLOWED = {
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("_codecs", "encode"),
}


class _DataUnpickler(pickle.Unpickler):
    """Reads numbers, texts, containers and arrays, and refuses to import anything else."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(
                f"it wants to use {module}.{name}, which no data file needs: do not trust it"
            )
        if module == "_codecs":
            return _latin1_bytes
        return getattr(np, name) if module == "numpy" else np.empty(0).__reduce__()[0]


def _latin1_bytes(text: str, encoding: str = "latin1") -> bytes:
    """How Python 3 writes bytes in pickles that Python 2 can read."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"it wants to encode text as {encoding}")
    return text.encode("latin1")


def read_data_pickle(path: str) -> dict[str, Any]:
    """The dictionary in one of CIFAR's files, which are pickles of Python 2.

    Raises:
        pickle.UnpicklingError: the file is damaged, or wants more than numbers, texts and arrays.
    """
    try:
        with open(path, "rb") as file:
            return _DataUnpickler(file, encoding="latin1").load()
    except (pickle.UnpicklingError, EOFError, ValueError, IndexError, KeyError) as error:
        raise pickle.UnpicklingError(f"{path} cannot be read: {error}") from error


class ArrayDataset(PixelDataset):
    """Base of datasets with ``data``, an array ``(N, H, W, C)``, and ``targets``, a list."""

    data: Any
    targets: Any

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        image = lampas.from_numpy(np.ascontiguousarray(self.data[index]))
        target = self.targets[index]
        image = self._transformed(image)
        return image, target if self.target_transform is None else self.target_transform(target)

    def __len__(self) -> int:
        return len(self.data)

    def _pixels(self) -> lampas.Tensor | None:
        data = self.data
        if not isinstance(data, np.ndarray) or data.dtype != np.uint8 or data.ndim not in (3, 4):
            return None
        # An array that cannot be written to may be somebody else's file.
        plain = data.flags.c_contiguous and data.flags.writeable
        return lampas.from_numpy(data) if plain else None

    def _labels(self) -> lampas.Tensor | None:
        targets = self.targets
        if len(targets) != len(self.data):
            return None
        if isinstance(targets, np.ndarray):
            plain = targets.dtype == np.int64 and targets.ndim == 1
            # A target transform would see NumPy's numbers, not Python's.
            return lampas.tensor(targets) if plain and self.target_transform is None else None
        if not isinstance(targets, list) or any(type(target) is not int for target in targets):
            return None
        return lampas.tensor(targets, dtype=lampas.int64)


batchable(ArrayDataset)


class CIFAR10(ArrayDataset):
    """CIFAR-10: 50,000 training and 10,000 test images, 32 × 32 in colour, ten classes.

    A. Krizhevsky, "Learning multiple layers of features from tiny images", 2009.

    Args:
        root: the folder that has, or gets, the folder ``cifar-10-batches-py``.
        train: the training images, else the test images.
        transform: takes a PIL image; see :class:`MNIST`.
        target_transform: takes the class's number.
        download: fetch and unpack the archive if files are missing.

    Raises:
        RuntimeError: files are missing or damaged.

    Attributes:
        data: uint8 array ``(N, 32, 32, 3)``.
        targets: list of ints.
        classes: names of the classes.
    """

    base_folder = "cifar-10-batches-py"
    url = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
    filename = "cifar-10-python.tar.gz"
    tgz_md5 = "c58f30108f718f92721af3b95e74349a"
    train_list = [
        ["data_batch_1", "c99cafc152244af753f735de768cd75f"],
        ["data_batch_2", "d4bba439e000b95fd0a9bffe97cbabec"],
        ["data_batch_3", "54ebc095f3ab1f0389bbae665268c751"],
        ["data_batch_4", "634d18415352ddfa80567beed471001a"],
        ["data_batch_5", "482c414d41f54cd18b22e5b47cb7c3cb"],
    ]
    test_list = [["test_batch", "40351d587109b95175f43aff81a1287e"]]
    meta = {
        "filename": "batches.meta",
        "key": "label_names",
        "md5": "5ff9c542aee3614f3951f8cda6e48888",
    }

    def __init__(
        self,
        root: str | Path,
        train: bool = True,
        transform: Callable[..., Any] | None = None,
        target_transform: Callable[..., Any] | None = None,
        download: bool = False,
    ) -> None:
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.train = train
        if download:
            self.download()
        if not self._check_integrity():
            folder = os.path.join(os.path.abspath(self.root), self.base_folder)  # type: ignore[arg-type]
            raise RuntimeError(
                "Dataset not found or corrupted. You can use download=True to download it; without "
                f"a network, unpack {self.filename} so that its files are in {folder}"
            )
        images, self.targets = [], []
        for name, _ in self.train_list if train else self.test_list:
            entry = read_data_pickle(self._path(name))
            images.append(entry["data"])
            self.targets += entry["labels"] if "labels" in entry else entry["fine_labels"]
        planes = np.concatenate(images).reshape(-1, 3, 32, 32)
        self.data = np.ascontiguousarray(planes.transpose(0, 2, 3, 1))
        self.classes = read_data_pickle(self._path(self.meta["filename"]))[self.meta["key"]]
        self.class_to_idx = {name: i for i, name in enumerate(self.classes)}

    def _path(self, name: str) -> str:
        return os.path.join(self.root, self.base_folder, name)  # type: ignore[arg-type]

    def _check_integrity(self) -> bool:
        files = [*self.train_list, *self.test_list, [self.meta["filename"], self.meta["md5"]]]
        return all(check_integrity(self._path(name), md5) for name, md5 in files)

    def download(self) -> None:
        """Fetches and unpacks the archive, unless its files are there."""
        if not self._check_integrity():
            archive = download([self.url], self.root, self.filename, self.tgz_md5)  # type: ignore[arg-type]
            extract_archive(archive, self.root)

    def extra_repr(self) -> str:
        return f"Split: {'Train' if self.train is True else 'Test'}"


class CIFAR100(CIFAR10):
    """CIFAR-100: as :class:`CIFAR10`, with a hundred classes."""

    base_folder = "cifar-100-python"
    url = "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz"
    filename = "cifar-100-python.tar.gz"
    tgz_md5 = "eb9058c3a382ffc7106e4002c42a8d85"
    train_list = [["train", "16019d7e3df5f24257cddd939b257f8d"]]
    test_list = [["test", "f0ef6b0ae62326f3e7ffdfab6717acfc"]]
    meta = {
        "filename": "meta",
        "key": "fine_label_names",
        "md5": "7973b15100ade9c7d40fb424638fde48",
    }
