"""Datasets of files in one folder per class."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lampas.vision._pillow import in_colour, pil_image
from lampas.vision.datasets.vision import VisionDataset

IMG_EXTENSIONS = (
    ".jpg",
    ".jpeg",
    ".png",
    ".ppm",
    ".bmp",
    ".pgm",
    ".tif",
    ".tiff",
    ".webp",
)
_Samples = list[tuple[str, int]]


def has_file_allowed_extension(filename: str, extensions: str | tuple[str, ...]) -> bool:
    """Whether the name ends in one of the suffixes, in capitals or not."""
    return filename.lower().endswith(extensions)


def is_image_file(filename: str) -> bool:
    """Whether the name ends as an image's does."""
    return has_file_allowed_extension(filename, IMG_EXTENSIONS)


def find_classes(directory: str | Path) -> tuple[list[str], dict[str, int]]:
    """The names of the folders in ``directory``, sorted, and their numbers.

    Raises:
        FileNotFoundError: there is none.
    """
    classes = sorted(entry.name for entry in os.scandir(directory) if entry.is_dir())
    if not classes:
        raise FileNotFoundError(
            f"Couldn't find any class folder in {directory}: there must be a folder for each "
            "class, with its files in it"
        )
    return classes, {name: i for i, name in enumerate(classes)}


def make_dataset(
    directory: str | Path,
    class_to_idx: dict[str, int] | None = None,
    extensions: str | tuple[str, ...] | None = None,
    is_valid_file: Callable[[str], bool] | None = None,
    allow_empty: bool = False,
) -> _Samples:
    """All files below the class folders, as ``(path, class number)``, sorted within a class.

    Raises:
        ValueError: both or none of ``extensions`` and ``is_valid_file`` are given, or
            ``class_to_idx`` is empty.
        FileNotFoundError: a class has no files, unless ``allow_empty``.
    """
    directory = os.path.expanduser(directory)
    if class_to_idx is None:
        class_to_idx = find_classes(directory)[1]
    elif not class_to_idx:
        raise ValueError("'class_to_index' must have at least one entry to collect any samples.")
    if (extensions is None) == (is_valid_file is None):
        raise ValueError(
            "Both extensions and is_valid_file cannot be None or not None at the same time"
        )
    if is_valid_file is None:
        suffixes = extensions

        def is_valid_file(path: str) -> bool:
            return has_file_allowed_extension(path, suffixes)  # type: ignore[arg-type]

    samples: _Samples = []
    empty = []
    for name in sorted(class_to_idx):
        folder = os.path.join(directory, name)
        found = [
            (os.path.join(root, file), class_to_idx[name])
            for root, _, files in sorted(os.walk(folder, followlinks=True))
            for file in sorted(files)
            if is_valid_file(os.path.join(root, file))
        ]
        samples += found
        if not found:
            empty.append(name)
    if empty and not allow_empty:
        supported = ""
        if extensions is not None:
            listed = extensions if isinstance(extensions, str) else ", ".join(extensions)
            supported = f" Supported extensions are: {listed}"
        raise FileNotFoundError(
            f"Found no valid file for the classes {', '.join(empty)}.{supported}"
        )
    return samples


def pil_loader(path: str) -> Any:
    """Opens an image in colour; transparency and palettes are resolved, grey is tripled, and values
    of 16 bits are scaled to 8.

    Raises:
        OSError: the file is no image, or a damaged one; the text names it.
    """
    image = pil_image()
    try:
        with open(path, "rb") as file:
            return in_colour(image.open(file))
    except FileNotFoundError:
        raise
    except image.DecompressionBombError as error:
        raise OSError(
            f"{path} is not opened: {error}. If you trust the file, raise "
            "PIL.Image.MAX_IMAGE_PIXELS, or make it smaller"
        ) from error
    except (OSError, SyntaxError, ValueError) as error:
        raise OSError(f"{path} cannot be read as an image: {error}") from error


def default_loader(path: str) -> Any:
    """Opens an image in colour."""
    return pil_loader(path)


class DatasetFolder(VisionDataset):
    """Files in one folder per class, ``root/CLASS/….ext``, at any depth.

    Args:
        root: the folder with the class folders.
        loader: opens a file.
        extensions: suffixes of the files to take.
        transform: takes what the loader returns.
        target_transform: takes the class's number.
        is_valid_file: instead of ``extensions``, takes a path.
        allow_empty: accept classes without files.

    Attributes:
        classes: names of the classes, sorted.
        class_to_idx: their numbers.
        samples: ``(path, class number)`` of each file.
        targets: the class numbers.
    """

    def __init__(
        self,
        root: str | Path,
        loader: Callable[[str], Any],
        extensions: tuple[str, ...] | None = None,
        transform: Callable[..., Any] | None = None,
        target_transform: Callable[..., Any] | None = None,
        is_valid_file: Callable[[str], bool] | None = None,
        allow_empty: bool = False,
    ) -> None:
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.classes, self.class_to_idx = self.find_classes(self.root)  # type: ignore[arg-type]
        self.samples = self.make_dataset(
            self.root,  # type: ignore[arg-type]
            self.class_to_idx,
            extensions,
            is_valid_file,
            allow_empty,
        )
        self.loader = loader
        self.extensions = extensions
        self.targets = [target for _, target in self.samples]

    @staticmethod
    def make_dataset(
        directory: str | Path,
        class_to_idx: dict[str, int],
        extensions: tuple[str, ...] | None = None,
        is_valid_file: Callable[[str], bool] | None = None,
        allow_empty: bool = False,
    ) -> _Samples:
        """The files and their classes; a subclass may collect them otherwise."""
        return make_dataset(directory, class_to_idx, extensions, is_valid_file, allow_empty)

    def find_classes(self, directory: str | Path) -> tuple[list[str], dict[str, int]]:
        """The classes and their numbers; a subclass may find them otherwise."""
        return find_classes(directory)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        path, target = self.samples[index]
        sample = self.loader(path)
        if self.transform is not None:
            sample = self.transform(sample)
        return sample, target if self.target_transform is None else self.target_transform(target)

    def __len__(self) -> int:
        return len(self.samples)


class ImageFolder(DatasetFolder):
    """Images in one folder per class, ``root/CLASS/….png``; see :class:`DatasetFolder`."""

    def __init__(
        self,
        root: str | Path,
        transform: Callable[..., Any] | None = None,
        target_transform: Callable[..., Any] | None = None,
        loader: Callable[[str], Any] = default_loader,
        is_valid_file: Callable[[str], bool] | None = None,
        allow_empty: bool = False,
    ) -> None:
        super().__init__(
            root,
            loader,
            IMG_EXTENSIONS if is_valid_file is None else None,
            transform,
            target_transform,
            is_valid_file,
            allow_empty,
        )
        self.imgs = self.samples
