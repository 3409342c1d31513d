"""MNIST and the datasets in its format."""

from __future__ import annotations

import os
import string
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import lampas
from lampas.utils.data._utils.fetch import batchable
from lampas.vision.datasets.utils import (
    check_integrity,
    download,
    extract_archive,
    open_compressed,
    verify_str_arg,
)
from lampas.vision.datasets.vision import PixelDataset

_DIGITS = [
    f"{digit} - {name}"
    for digit, name in enumerate("zero one two three four five six seven eight nine".split())
]
# The format's type codes; numbers are stored with the highest byte first.
_IDX_DTYPES = {8: "u1", 9: "i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
_SUFFIXES = ("", ".gz", ".xz")


def read_sn3_pascalvincent_tensor(path: str | Path, strict: bool = True) -> lampas.Tensor:
    """Reads an IDX file, compressed or not.

    The format is described at the end of Y. LeCun's page on MNIST: two zero bytes, a type code, the
    number of dimensions, each size as a 32-bit number, then the values, big-endian.

    Args:
        path: the file; ``.gz`` and ``.xz`` are read as they are.
        strict: raise also if there are more values than the sizes say.

    Raises:
        ValueError: not an IDX file, or one that is cut off.
    """
    try:
        with open_compressed(path) as file:
            raw = file.read()
    except FileNotFoundError:
        raise
    except (EOFError, OSError, zlib.error) as error:
        raise ValueError(
            f"{path} cannot be read: {error}. If it is damaged, delete it and download it anew."
        ) from error
    if len(raw) < 4 or raw[:2] != b"\0\0" or raw[2] not in _IDX_DTYPES or raw[3] == 0:
        raise ValueError(
            f"{path} is not in MNIST's IDX format: it begins with {raw[:4]!r}. "
            "Delete it and download it anew."
        )
    start = 4 + 4 * raw[3]
    shape = tuple(int(n) for n in np.frombuffer(raw[4:start], ">u4"))
    values = np.frombuffer(raw, np.dtype(_IDX_DTYPES[raw[2]]), offset=start)
    count = int(np.prod(shape, dtype=np.int64))
    if values.size < count or (strict and values.size != count):
        raise ValueError(
            f"{path} has {values.size} values, its header says {shape}. "
            "Delete it and download it anew."
        )
    native = values[:count].astype(values.dtype.newbyteorder("="), copy=True)
    return lampas.from_numpy(native.reshape(shape))


def _read(path: str, dimensions: int) -> lampas.Tensor:
    tensor = read_sn3_pascalvincent_tensor(path, strict=False)
    if tensor.dtype != lampas.uint8:
        raise TypeError(f"{path} should hold bytes, but holds {tensor.dtype}")
    if tensor.dim() != dimensions:
        raise ValueError(
            f"{path} should have {dimensions} dimensions, but has shape {tuple(tensor.shape)}"
        )
    return tensor


def read_image_file(path: str) -> lampas.Tensor:
    """Images, uint8 ``(N, H, W)``."""
    return _read(path, 3)


def read_label_file(path: str) -> lampas.Tensor:
    """Labels, int64 ``(N,)``."""
    return _read(path, 1).to(lampas.int64)


@batchable
class MNIST(PixelDataset):
    """MNIST: 60,000 training and 10,000 test images of handwritten digits, 28 × 28.

    Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to document
    recognition", Proceedings of the IEEE, 1998.

    The files lie in ``root/MNIST/raw``, as they are or compressed (``.gz``); compressed ones are
    read without unpacking them, so the folder may be read-only.

    Args:
        root: the folder that has, or gets, the folder ``MNIST``.
        train: the training images, else the test images.
        transform: takes a PIL image. Transforms that are known to begin with a conversion to
            tensors are served without making one.
        target_transform: takes the digit.
        download: fetch the files that are missing.

    Raises:
        RuntimeError: files are missing; the text says which, and where they go.

    Attributes:
        data: uint8 ``(N, 28, 28)``.
        targets: int64 ``(N,)``.
        classes: names of the classes.
    """

    mirrors = [
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
        "http://yann.lecun.com/exdb/mnist/",
    ]
    resources: Any = [
        ("train-images-idx3-ubyte.gz", "f68b3c2dcbeaaa9fbdd348bbdeb94873"),
        ("train-labels-idx1-ubyte.gz", "d53e105ee54ea40749a09fcbcd1e9432"),
        ("t10k-images-idx3-ubyte.gz", "9fb629c4189551a2d022fa330f9573f3"),
        ("t10k-labels-idx1-ubyte.gz", "ec29112dd5afa0611ce80d1b7f02629c"),
    ]
    training_file = "training.pt"
    test_file = "test.pt"
    classes = _DIGITS

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
        if not self._check_exists():
            raise RuntimeError(self._not_found())
        self.data, self.targets = self._load_data()
        if len(self.data) != len(self.targets):
            raise RuntimeError(
                f"{self.raw_folder} has {len(self.data)} images but {len(self.targets)} labels: "
                "the files do not belong together. Delete them and download them anew."
            )

    def _not_found(self) -> str:
        missing = [name for name in self._wanted_files() if self._find(name) is None]
        return (
            "Dataset not found. You can use download=True to download it; without a network, put "
            f"{', '.join(missing)} (or the same with .gz) into {os.path.abspath(self.raw_folder)}"
        )

    def _wanted_files(self) -> list[str]:
        """The names, without compression suffix, of the files this split needs."""
        return [os.path.splitext(os.path.basename(name))[0] for name, _ in self.resources]

    def _find(self, name: str) -> str | None:
        """The path of a raw file, as it is or compressed."""
        for suffix in _SUFFIXES:
            path = os.path.join(self.raw_folder, name + suffix)
            if check_integrity(path):
                return path
        return None

    def _path(self, name: str) -> str:
        return self._find(name) or os.path.join(self.raw_folder, name)

    def _check_exists(self) -> bool:
        return all(self._find(name) is not None for name in self._wanted_files())

    def _load_data(self) -> tuple[lampas.Tensor, lampas.Tensor]:
        part = "train" if self.train else "t10k"
        images = read_image_file(self._path(f"{part}-images-idx3-ubyte"))
        return images, read_label_file(self._path(f"{part}-labels-idx1-ubyte"))

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        image, target = self._transformed(self.data[index]), int(self.targets[index])
        return image, target if self.target_transform is None else self.target_transform(target)

    def __len__(self) -> int:
        return len(self.data)

    def _pixels(self) -> lampas.Tensor | None:
        data = self.data
        plain = isinstance(data, lampas.Tensor) and data.dtype == lampas.uint8
        return data if plain and data.dim() == 3 else None

    def _labels(self) -> lampas.Tensor | None:
        targets = self.targets
        plain = isinstance(targets, lampas.Tensor) and targets.dtype == lampas.int64
        return targets if plain and targets.dim() == 1 and len(targets) == len(self.data) else None

    @property
    def raw_folder(self) -> str:
        """Where the files are."""
        return os.path.join(self.root, type(self).__name__, "raw")  # type: ignore[arg-type]

    @property
    def processed_folder(self) -> str:
        """Where very old versions of torchvision kept a processed copy; not used."""
        return os.path.join(self.root, type(self).__name__, "processed")  # type: ignore[arg-type]

    @property
    def class_to_idx(self) -> dict[str, int]:
        """From the name of a class to its number."""
        return {name: i for i, name in enumerate(self.classes)}

    def download(self) -> None:
        """Fetches the files that are missing, each from the first mirror that has it.

        Raises:
            RuntimeError: no mirror gave a file.
        """
        for (name, md5), raw in zip(self.resources, self._wanted_files(), strict=True):
            if self._find(raw) is None:
                download([mirror + name for mirror in self.mirrors], self.raw_folder, name, md5)

    def extra_repr(self) -> str:
        return f"Split: {'Train' if self.train is True else 'Test'}"

    @property
    def train_labels(self) -> lampas.Tensor:
        """Old name of ``targets``."""
        return self._renamed("train_labels", "targets")

    @property
    def test_labels(self) -> lampas.Tensor:
        """Old name of ``targets``."""
        return self._renamed("test_labels", "targets")

    @property
    def train_data(self) -> lampas.Tensor:
        """Old name of ``data``."""
        return self._renamed("train_data", "data")

    @property
    def test_data(self) -> lampas.Tensor:
        """Old name of ``data``."""
        return self._renamed("test_data", "data")

    def _renamed(self, old: str, new: str) -> Any:
        warnings.warn(f"{old} has been renamed {new}", stacklevel=3)
        return getattr(self, new)


class FashionMNIST(MNIST):
    """Fashion-MNIST: Zalando's articles in MNIST's format, ten classes.

    H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST: a novel image dataset for benchmarking machine
    learning algorithms", arXiv:1708.07747, 2017. Arguments as for :class:`MNIST`.
    """

    mirrors = [
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
    ]
    resources = [
        ("train-images-idx3-ubyte.gz", "8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
        ("train-labels-idx1-ubyte.gz", "25c81989df183df01b3e8a0aad5dffbe"),
        ("t10k-images-idx3-ubyte.gz", "bef4ecab320f06d8554ea6380940ec79"),
        ("t10k-labels-idx1-ubyte.gz", "bb300cfdad3c16e7a12a480ee83cd310"),
    ]
    classes = [
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ]


class KMNIST(MNIST):
    """Kuzushiji-MNIST: cursive Japanese characters in MNIST's format, ten classes.

    T. Clanuwat et al., "Deep learning for classical Japanese literature", arXiv:1812.01718, 2018.
    Arguments as for :class:`MNIST`.
    """

    mirrors = [
        "http://codh.rois.ac.jp/kmnist/dataset/kmnist/",
        "https://codh.rois.ac.jp/kmnist/dataset/kmnist/",
    ]
    resources = [
        ("train-images-idx3-ubyte.gz", "bdb82020997e1d708af4cf47b453dcf7"),
        ("train-labels-idx1-ubyte.gz", "e144d726b3acfaa3e44228e80efcd344"),
        ("t10k-images-idx3-ubyte.gz", "5c965bf0a639b31b8f53240b1b52f4d7"),
        ("t10k-labels-idx1-ubyte.gz", "7320c461ea6c1c855c0b718fb2a4b134"),
    ]
    classes = ["o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"]


# In these two splits, letters whose capitals look the same share one class.
_MERGED = set(string.digits + string.ascii_letters) - set("cijklmopsuvwxyz")


class EMNIST(MNIST):
    """EMNIST: handwritten letters and digits in MNIST's format.

    G. Cohen, S. Afshar, J. Tapson, A. van Schaik, "EMNIST: an extension of MNIST to handwritten
    letters", arXiv:1702.05373, 2017.

    Args:
        root: as for :class:`MNIST`.
        split: ``byclass``, ``bymerge``, ``balanced``, ``letters``, ``digits`` or ``mnist``.
        **kwargs: as for :class:`MNIST`.
    """

    url = "https://biometrics.nist.gov/cs_links/EMNIST/gzip.zip"
    mirrors = [
        "https://biometrics.nist.gov/cs_links/EMNIST/",
        "https://www.itl.nist.gov/iaui/vip/cs_links/EMNIST/",
    ]
    md5 = "58c8d27c78d21e728a6bc7b3cc06412e"
    splits = ("byclass", "bymerge", "balanced", "letters", "digits", "mnist")
    classes_split_dict = {
        "byclass": sorted(string.digits + string.ascii_letters),
        "bymerge": sorted(_MERGED),
        "balanced": sorted(_MERGED),
        "letters": ["N/A", *string.ascii_lowercase],
        "digits": list(string.digits),
        "mnist": list(string.digits),
    }

    def __init__(self, root: str | Path, split: str, **kwargs: Any) -> None:
        self.split = verify_str_arg(split, "split", self.splits)
        self.training_file = f"training_{split}.pt"
        self.test_file = f"test_{split}.pt"
        super().__init__(root, **kwargs)
        self.classes = self.classes_split_dict[self.split]

    def _wanted_files(self) -> list[str]:
        prefix = f"emnist-{self.split}-{'train' if self.train else 'test'}"
        return [f"{prefix}-images-idx3-ubyte", f"{prefix}-labels-idx1-ubyte"]

    @property
    def images_file(self) -> str:
        """The file with the images."""
        return self._path(self._wanted_files()[0])

    @property
    def labels_file(self) -> str:
        """The file with the labels."""
        return self._path(self._wanted_files()[1])

    def _load_data(self) -> tuple[lampas.Tensor, lampas.Tensor]:
        return read_image_file(self.images_file), read_label_file(self.labels_file)

    def download(self) -> None:
        """Fetches the archive of all splits and takes its files out, still compressed."""
        if self._check_exists():
            return
        urls = [mirror + "gzip.zip" for mirror in self.mirrors]
        archive = download(urls, self.raw_folder, "gzip.zip", self.md5)
        extract_archive(archive, self.raw_folder)
        inner = os.path.join(self.raw_folder, "gzip")
        for name in os.listdir(inner):
            os.replace(os.path.join(inner, name), os.path.join(self.raw_folder, name))
        os.rmdir(inner)


_QMNIST = "https://raw.githubusercontent.com/facebookresearch/qmnist/master/"


@batchable
class QMNIST(MNIST):
    """QMNIST: MNIST rebuilt from NIST's images, with 60,000 test images.

    C. Yadav, L. Bottou, "Cold case: the lost MNIST digits", NeurIPS, 2019.

    Args:
        root: as for :class:`MNIST`.
        what: ``train``, ``test``, ``test10k`` (the ones of MNIST), ``test50k`` (the others) or
            ``nist`` (all); by default what ``train`` says.
        compat: targets are digits; with False, all eight columns of NIST's information.
        train: which part, if ``what`` is not given.
        **kwargs: as for :class:`MNIST`.
    """

    subsets = {
        "train": "train",
        "test": "test",
        "test10k": "test",
        "test50k": "test",
        "nist": "nist",
    }
    resources = {
        "train": [
            (_QMNIST + "qmnist-train-images-idx3-ubyte.gz", "ed72d4157d28c017586c42bc6afe6370"),
            (_QMNIST + "qmnist-train-labels-idx2-int.gz", "0058f8dd561b90ffdd0f734c6a30e5e4"),
        ],
        "test": [
            (_QMNIST + "qmnist-test-images-idx3-ubyte.gz", "1394631089c404de565df7b7aeaf9412"),
            (_QMNIST + "qmnist-test-labels-idx2-int.gz", "5b5b05890a5e13444e108efe57b788aa"),
        ],
        "nist": [
            (_QMNIST + "xnist-images-idx3-ubyte.xz", "7f124b3b8ab81486c9d8c2749c17f834"),
            (_QMNIST + "xnist-labels-idx2-int.xz", "5ed0e788978e45d4a8bd4b7caec3d79d"),
        ],
    }

    def __init__(
        self,
        root: str | Path,
        what: str | None = None,
        compat: bool = True,
        train: bool = True,
        **kwargs: Any,
    ) -> None:
        what = ("train" if train else "test") if what is None else what
        self.what = verify_str_arg(what, "what", tuple(self.subsets))
        self.compat = compat
        self.data_file = self.training_file = self.test_file = f"{what}.pt"
        super().__init__(root, train, **kwargs)

    def _wanted_files(self) -> list[str]:
        files = self.resources[self.subsets[self.what]]
        return [os.path.splitext(os.path.basename(url))[0] for url, _ in files]

    @property
    def images_file(self) -> str:
        """The file with the images."""
        return self._path(self._wanted_files()[0])

    @property
    def labels_file(self) -> str:
        """The file with the labels."""
        return self._path(self._wanted_files()[1])

    def _load_data(self) -> tuple[lampas.Tensor, lampas.Tensor]:
        data = read_image_file(self.images_file)
        targets = read_sn3_pascalvincent_tensor(self.labels_file).to(lampas.int64)
        if targets.dim() != 2:
            raise ValueError(f"targets should have 2 dimensions instead of {targets.dim()}")
        if self.what == "test10k":
            return data[:10000].clone(), targets[:10000].clone()
        if self.what == "test50k":
            return data[10000:].clone(), targets[10000:].clone()
        return data, targets

    def download(self) -> None:
        """Fetches the files of the part that was asked for."""
        files = self.resources[self.subsets[self.what]]
        for (url, md5), raw in zip(files, self._wanted_files(), strict=True):
            if self._find(raw) is None:
                download([url], self.raw_folder, os.path.basename(url), md5)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        image, target = self._transformed(self.data[index]), self.targets[index]
        if self.compat:
            target = int(target[0])  # type: ignore[assignment]
        return image, target if self.target_transform is None else self.target_transform(target)

    def _labels(self) -> lampas.Tensor | None:
        targets = self.targets
        plain = isinstance(targets, lampas.Tensor) and targets.dtype == lampas.int64
        if not (plain and targets.dim() == 2 and len(targets) == len(self.data)):
            return None
        if self.compat:
            return targets[:, 0].contiguous()
        # Rows of a target that is a tensor go to the target transform as tensors.
        return targets if self.target_transform is None else None

    def extra_repr(self) -> str:
        return f"Split: {self.what}"
