"""A folder of pictures, one folder for each class, read once into bytes of one size."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from lampas.cli import UsageError
from lampas.cli.train import pictures, zoo
from lampas.cli.train.data import GREY, IMAGENET, Data, Images, Inputs, mnist_missing, split

if TYPE_CHECKING:
    import numpy as np

    from lampas.cli.train.config import Config

TRAIN = ("train", "training")
VALIDATION = ("val", "valid", "validation")
TEST = ("test", "testing")
IN_MEMORY = 2 << 30  # bytes; more goes to a temporary file
_SMALL = 256  # pictures that are all squares up to this size stay as they are
T = TypeVar("T")
_Files = list[tuple[str, int]]


def load(config: Config) -> Data:
    """The folder's pictures in their parts; files that cannot be read are left out and named.

    Raises:
        UsageError: no class folders, or a class without a readable picture.
    """
    root = os.path.expanduser(config.data)
    places = _places(config.data, root)
    classes = _classes(places["train"])
    reader = _Reader(config, classes)
    files = {part: _files(place, classes) for part, place in places.items()}
    reader.look(files)
    mean, std = GREY if reader.channels == 1 else IMAGENET
    inputs = Inputs(classes, reader.channels, reader.size, mean, std)
    parts = {name: reader.images(some, inputs) for name, some in files.items()}
    for name in files:
        reader.complain_about_empty(parts[name], name)
    own = places.get("test") or places.get("validation")
    if own and config.test_fraction is not None:
        raise UsageError(
            f"--test-fraction {config.test_fraction}: {config.data} has a folder "
            f"{os.path.basename(own)}; leave the option out"
        )
    if not own:
        fraction = 0.2 if config.test_fraction is None else config.test_fraction
        parts["train"], parts["test"] = split(parts["train"], fraction, config.seed)
    elif "test" not in parts:
        parts["test"] = parts.pop("validation")
    skipped = [f"{os.path.relpath(path, root)} {why}" for path, why in reader.skipped]
    return Data(inputs, parts["train"], parts["test"], parts.get("validation"), sorted(skipped))


def _places(name: str, root: str) -> dict[str, str]:
    """Where the parts lie; without a folder for training, all of it is for training."""
    from lampas.vision.datasets.folder import is_image_file

    found: dict[str, str] = {}
    for part, names in (("train", TRAIN), ("validation", VALIDATION), ("test", TEST)):
        for folder in names:
            if _has_pictures(os.path.join(root, folder)):
                found.setdefault(part, os.path.join(root, folder))
    if "train" in found:
        return found
    if not _has_pictures(root):
        if any(is_image_file(entry.name) for entry in os.scandir(root)):
            raise UsageError(
                f"--data {name}: the pictures lie in the folder itself; put those of each class "
                "into a folder with the class's name: DIR/cat/1.jpg, DIR/dog/2.jpg, …"
            )
        raw = os.path.abspath(os.path.join(root, "MNIST", "raw"))
        raise UsageError(
            f"--data {name}: found no folders of pictures (DIR/CLASS/….jpg, or the same in "
            "DIR/train and DIR/test), nor CIFAR's batches; for MNIST's format put "
            f"{', '.join(mnist_missing(root))} (or the same with .gz) into {raw}"
        )
    return {"train": root}


def _has_pictures(folder: str) -> bool:
    """Whether a folder in ``folder`` has a picture, at any depth below the class folders."""
    from lampas.vision.datasets.folder import is_image_file

    if not os.path.isdir(folder):
        return False
    for entry in sorted(os.scandir(folder), key=lambda e: e.name):
        if entry.is_dir() and not entry.name.startswith("."):
            for _, _, files in os.walk(entry.path, followlinks=True):
                if any(is_image_file(f) for f in files):
                    return True
    return False


def _classes(place: str) -> list[str]:
    names = sorted(e.name for e in os.scandir(place) if e.is_dir() and e.name[0] != ".")
    if len(names) < 2:
        raise UsageError(
            f"{place} has one class folder, {names[0]}; a classifier needs two or more"
        )
    return names


def _files(place: str, classes: list[str]) -> _Files:
    from lampas.vision.datasets.folder import IMG_EXTENSIONS, make_dataset

    names = sorted(e.name for e in os.scandir(place) if e.is_dir() and e.name[0] != ".")
    extra = sorted(set(names) - set(classes))
    if extra:
        raise UsageError(
            f"{place} has class folders that training lacks: {', '.join(extra)}; "
            f"the classes are {', '.join(classes)}"
        )
    numbers = {name: i for i, name in enumerate(classes)}
    # GIF is Pillow's too; torchvision's list just does not name it.
    return make_dataset(place, numbers, (*IMG_EXTENSIONS, ".gif"), allow_empty=True)


class _Reader:
    """Reads files of all parts alike, and remembers which it could not."""

    def __init__(self, config: Config, classes: list[str]) -> None:
        self.config, self.classes = config, classes
        self.root = os.path.expanduser(config.data)
        self.skipped: list[tuple[str, str]] = []

    def look(self, files: dict[str, _Files]) -> None:
        """Decides on size and channels after a look at the beginning of every file.

        Files that are no pictures leave the lists.
        """
        modes: Counter[str] = Counter()
        sizes: Counter[tuple[int, int]] = Counter()
        for part, some in files.items():
            kept = []
            for (file, label), found in self._each(some, pictures.header, "looking at pictures"):
                modes[found[0]] += 1
                sizes[found[1:]] += 1
                kept.append((file, label))
            files[part] = kept
        self.channels = 1 if all(mode in pictures.GREY_MODES for mode in modes) else 3
        self.size = self.config.image_size or zoo.default_size(self.config.model or "")
        if not self.config.image_size and len(sizes) == 1:
            ((width, height),) = sizes
            if width == height <= _SMALL:
                self.size = width

    def images(self, files: _Files, inputs: Inputs) -> Images:
        """The pictures as bytes; those that turn out to be damaged are left out."""
        import numpy as np

        import lampas

        side, channels = self.size, self.channels
        store = _store((len(files), side, side) if channels == 1 else (len(files), side, side, 3))
        labels = np.zeros(len(files), np.int64)
        names: list[str] = []

        def read(path: str) -> Any:
            return pictures.read(path, side, channels)

        for (path, label), pixels in self._each(files, read, "reading pictures"):
            store[len(names)], labels[len(names)] = pixels, label
            names.append(os.path.relpath(path, self.root))
        read_pixels, read_labels = (
            lampas.from_numpy(whole[: len(names)]) for whole in (store, labels)
        )
        return Images(read_pixels, read_labels, inputs.transform(), names)

    def _each(
        self, files: _Files, read: Callable[[str], T], title: str
    ) -> Iterable[tuple[tuple[str, int], T]]:
        """What ``read`` makes of the files, in their order."""
        from tqdm import tqdm

        import lampas

        def attempt(file: tuple[str, int]) -> Any:
            try:
                return read(file[0])
            except pictures.Unreadable as e:
                return e

        shown = sys.stderr.isatty() and not self.config.quiet
        # A bounded number of results is under way: a picture that is read must be taken.
        with ThreadPoolExecutor(max(1, lampas.get_num_threads())) as pool:
            bar = tqdm(total=len(files), desc=title, disable=not shown, leave=False)
            for start in range(0, len(files), 256):
                some = files[start : start + 256]
                for file, result in zip(some, pool.map(attempt, some), strict=True):
                    bar.update()
                    if isinstance(result, pictures.Unreadable):
                        self.skipped.append((file[0], str(result)))
                    else:
                        yield file, result
            bar.close()

    def complain_about_empty(self, images: Images, part: str) -> None:
        """Raises UsageError if a class, or for testing everything, has no picture."""
        counts = images.targets.bincount(minlength=len(self.classes)).tolist()
        empty = [name for name, n in zip(self.classes, counts, strict=True) if n == 0]
        if empty and (part == "train" or len(empty) == len(self.classes)):
            why = ""
            if self.skipped:
                why = "; skipped: " + ", ".join(f"{p} {w}" for p, w in self.skipped[:3])
            raise UsageError(
                f"--data {self.config.data}: no readable picture for {part} in the "
                f"class{'es' if len(empty) > 1 else ''} {', '.join(empty[:10])}{why}; "
                "add pictures, or remove the folder"
            )


def _store(shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    """Room for bytes: in memory, or in a temporary file that vanishes with the process."""
    import math
    import shutil
    import tempfile

    import numpy as np

    size = math.prod(shape)
    if size <= IN_MEMORY:
        return np.zeros(shape, np.uint8)
    place = tempfile.gettempdir()
    free = shutil.disk_usage(place).free
    if size > free:
        raise UsageError(
            f"{shape[0]:,} pictures of {shape[1]} × {shape[2]} pixels take {size / 1e9:.0f} GB, "
            f"{place} has {free / 1e9:.0f} GB left; set a smaller --image-size, or TMPDIR"
        )
    return np.memmap(tempfile.TemporaryFile(), np.uint8, "w+", shape=shape)
