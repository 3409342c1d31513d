"""The data sets that a run can name."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from lampas.cli import UsageError
from lampas.utils.data._utils.fetch import batchable
from lampas.vision.datasets.vision import PixelDataset

if TYPE_CHECKING:
    from lampas import Tensor
    from lampas.cli.train.config import Config

FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte") + (
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
# Means and deviations of red, green and blue.
CIFAR = ((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616))
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
GREY = ((0.5,), (0.5,))


@dataclass
class Inputs:
    """What a model must be given: kept in its checkpoint, so that `lampas predict` knows."""

    classes: list[str]
    channels: int  # of the data: 1 or 3
    size: int  # of the data, in pixels
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def as_dict(self) -> dict[str, Any]:
        """The same as JSON takes it."""
        return asdict(self)

    def transform(self) -> Callable[[Any], Tensor]:
        """From bytes to normalised images."""
        from lampas.vision import transforms

        return transforms.Compose(
            [transforms.ToTensor(), transforms.Normalize(self.mean, self.std)]
        )


@batchable
class Images(PixelDataset):
    """Bytes ``(N, H, W)`` or ``(N, H, W, 3)`` with labels, as normalised images ``(C, H, W)``.

    ``names`` are those of their files, where each has one of its own.
    """

    def __init__(
        self,
        pixels: Tensor,
        labels: Tensor,
        transform: Callable[[Any], Tensor],
        names: list[str] | None = None,
    ) -> None:
        super().__init__(transform=transform)
        self.data, self.targets, self.names = pixels, labels, names

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        return self._transformed(self.data[index]), int(self.targets[index])

    def _pixels(self) -> Tensor:
        return self.data

    def _labels(self) -> Tensor:
        return self.targets

    def part(self, indices: Tensor) -> Images:
        """Some of the images."""
        chosen = self.data.index_select(0, indices), self.targets.index_select(0, indices)
        names = [self.names[i] for i in indices.tolist()] if self.names else None
        return Images(*chosen, self.transform, names)  # type: ignore[arg-type]


@dataclass
class Data:
    """A data set in its parts, and what is to be said about it."""

    inputs: Inputs
    train: Images
    test: Images
    validation: Images | None = None
    skipped: list[str] = field(default_factory=list)  # files, each with the reason


def kind(name: str) -> str:
    """Which defaults suit: ``digits``, ``mnist`` for all in its format, ``cifar``, ``folder``."""
    if name in ("mnist", "fashion-mnist"):
        return "mnist"
    if name in ("cifar10", "cifar100"):
        return "cifar"
    if name == "digits":
        return name
    root = os.path.expanduser(name)
    if os.path.isdir(os.path.join(root, "MNIST", "raw")):
        return "mnist"
    return "cifar" if _cifar(root) else "folder"


def _cifar(root: str) -> tuple[str, str] | None:
    """Name and root of CIFAR's batches in a folder, or in the one around it."""
    for name, folder in (("cifar10", "cifar-10-batches-py"), ("cifar100", "cifar-100-python")):
        if os.path.isdir(os.path.join(root, folder)):
            return name, root
        if os.path.basename(os.path.abspath(root)) == folder:
            return name, os.path.dirname(os.path.abspath(root))
    return None


def load(config: Config) -> Data:
    """The data that a run names, split into its parts.

    Raises:
        UsageError: files are missing and cannot be fetched, or are damaged.
    """
    if kind(config.data) == "folder":
        from lampas.cli.train import folder

        data = folder.load(config)
    elif config.test_fraction is not None:
        raise UsageError(
            f"--test-fraction {config.test_fraction}: {config.data} has test images of its own; "
            "leave the option out"
        )
    else:
        data = _arrays(config.data)
    if config.validation:
        if data.validation is not None:
            raise UsageError(
                f"--validation {config.validation}: {config.data} has a validation part of its "
                "own; leave the option out"
            )
        data.train, data.validation = split(data.train, config.validation, config.seed)
    return data


def split(images: Images, fraction: float, seed: int) -> tuple[Images, Images]:
    """The rest, and ``fraction`` of the images of each class, drawn by ``seed`` alone.

    Raises:
        UsageError: one of the two would be empty.
    """
    import lampas

    generator = lampas.Generator().manual_seed(seed)
    kept, taken = [], []
    for label in range(int(images.targets.max()) + 1):
        of_class = (images.targets == label).nonzero().flatten()
        order = of_class[lampas.randperm(len(of_class), generator=generator)]
        count = round(fraction * len(order))
        kept.append(order[count:])
        taken.append(order[:count])
    first, second = (lampas.cat(part).sort()[0] for part in (kept, taken))
    if not len(first) or not len(second):
        raise UsageError(
            f"{len(images)} images of {int(images.targets.max()) + 1} classes cannot be split with "
            f"a fraction of {fraction}: one part is empty; add images, or choose another fraction"
        )
    return images.part(first), images.part(second)


def _arrays(name: str) -> Data:
    from lampas.vision import datasets

    found = _cifar(os.path.expanduser(name))
    root: str | None = "data"
    if name in ("cifar10", "cifar100") or found:
        key, root = found if found else (name, "data")
        source: Any = datasets.CIFAR10 if key == "cifar10" else datasets.CIFAR100
        download = not found
    elif name == "digits":
        source, root, download = datasets.Digits, None, False
    elif name == "mnist":
        source, download = datasets.MNIST, True
    elif name == "fashion-mnist":
        source, download = datasets.FashionMNIST, True
    else:
        source, root, download = datasets.MNIST, _mnist_root(name), False
    try:
        sets = [source(root, train=part, download=download) for part in (True, False)]
    except datasets.utils.DownloadError as e:  # a line for each mirror
        raise UsageError(f"--data {name}: {e}") from None
    except (RuntimeError, ValueError, TypeError, OSError) as e:
        raise UsageError(f"--data {name}: {_one_line(e)}") from None
    except Exception as e:
        # Damaged batches of CIFAR are found by the unpickler, whose error is of its own kind.
        if type(e).__name__ != "UnpicklingError":
            raise
        raise UsageError(f"--data {name}: {_one_line(e)}") from None
    return _checked(name, *sets)


def _checked(name: str, train: Any, test: Any) -> Data:
    colour = train._pixels().dim() == 4
    side = 32 if colour else 28
    classes = [str(c) for c in train.classes]
    for images in (train, test):
        shape = tuple(images._pixels().shape)
        if shape[0] == 0 or shape[1:3] != (side, side):
            raise UsageError(
                f"--data {name}: needs images of {side} × {side} pixels, found {shape}"
            )
        top = int(images._labels().max())
        if top >= len(classes):
            raise UsageError(
                f"--data {name}: label {top} in a set of {len(classes)} classes; "
                "the label files do not belong to this data set"
            )
    mean, std = CIFAR if colour else GREY
    inputs = Inputs(classes, 3 if colour else 1, side, mean, std)
    transform = inputs.transform()
    first, second = (Images(p._pixels(), p._labels(), transform) for p in (train, test))
    return Data(inputs, first, second)


def mnist_missing(root: str) -> list[str]:
    """Which of MNIST's four files are not in ``root/MNIST/raw``."""
    raw = os.path.join(root, "MNIST", "raw")
    return [
        f
        for f in FILES
        if not any(os.path.isfile(os.path.join(raw, f + s)) for s in ("", ".gz", ".xz"))
    ]


def _mnist_root(name: str) -> str:
    """The folder that holds MNIST/raw, after a look whether the four files are there."""
    root = os.path.expanduser(name)
    missing = mnist_missing(root)
    if missing:
        raw = os.path.abspath(os.path.join(root, "MNIST", "raw"))
        raise UsageError(
            f"--data {name}: put {', '.join(missing)} (or the same with .gz) into {raw}"
        )
    return root


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def fitted(images: Tensor, channels: int, size: int) -> Tensor:
    """A batch as the model takes it: enlarged or reduced, grey repeated for colour."""
    if images.shape[2] != size:
        import lampas.nn.functional as F

        images = F.interpolate(
            images, (size, size), mode="bilinear", antialias=size < images.shape[2]
        )
    if images.shape[1] != channels:
        images = images.expand(-1, channels, -1, -1).contiguous()
    return images
