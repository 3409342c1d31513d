"""Pascal VOC: photographs with class masks and boxes."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lampas.vision._pillow import pil_image
from lampas.vision.datasets.folder import pil_loader
from lampas.vision.datasets.utils import download, extract_archive, verify_str_arg
from lampas.vision.datasets.vision import VisionDataset

_SERVER = "https://thor.robots.ox.ac.uk/pascal/VOC/"
# Archive on the server, its name here, MD5 sum, folder in it.
_RELEASES = {
    "2012": (
        "voc2012/VOCtrainval_11-May-2012.tar",
        "VOCtrainval_11-May-2012.tar",
        "6cd6e144f989b92b3379bac3b3de84fd",
        "VOCdevkit/VOC2012",
    ),
    "2011": (
        "voc2011/VOCtrainval_25-May-2011.tar",
        "VOCtrainval_25-May-2011.tar",
        "6c3384ef61512963050cb5d687e5bf1e",
        "TrainVal/VOCdevkit/VOC2011",
    ),
    "2010": (
        "voc2010/VOCtrainval_03-May-2010.tar",
        "VOCtrainval_03-May-2010.tar",
        "da459979d0c395079b5c75ee67908abb",
        "VOCdevkit/VOC2010",
    ),
    "2009": (
        "voc2009/VOCtrainval_11-May-2009.tar",
        "VOCtrainval_11-May-2009.tar",
        "a3e00b113cfcfebf17e343f59da3caa1",
        "VOCdevkit/VOC2009",
    ),
    "2008": (
        "voc2008/VOCtrainval_14-Jul-2008.tar",
        "VOCtrainval_14-Jul-2008.tar",
        "2629fa636546599198acfcfbfcf1904a",
        "VOCdevkit/VOC2008",
    ),
    "2007": (
        "voc2007/VOCtrainval_06-Nov-2007.tar",
        "VOCtrainval_06-Nov-2007.tar",
        "c52e279531787c972589f7e41ab4ae64",
        "VOCdevkit/VOC2007",
    ),
    "2007-test": (
        "voc2007/VOCtest_06-Nov-2007.tar",
        "VOCtest_06-Nov-2007.tar",
        "b6e924de25625d8de591ea690078ad9f",
        "VOCdevkit/VOC2007",
    ),
}
_YEARS = ("2007", "2008", "2009", "2010", "2011", "2012")


class _VOC(VisionDataset):
    """Base of both readers: finds the files that a list of a split names."""

    _SPLITS_DIR = "Segmentation"
    _TARGET_DIR = "SegmentationClass"
    _TARGET_FILE_EXT = ".png"

    def __init__(
        self,
        root: str | Path,
        year: str = "2012",
        image_set: str = "train",
        download: bool = False,
        transform: Callable[..., Any] | None = None,
        target_transform: Callable[..., Any] | None = None,
        transforms: Callable[..., Any] | None = None,
    ) -> None:
        super().__init__(root, transforms, transform, target_transform)
        self.year = verify_str_arg(year, "year", _YEARS)
        sets = ["train", "trainval", "val"] + (["test"] if year == "2007" else [])
        self.image_set = verify_str_arg(image_set, "image_set", sets)
        release = "2007-test" if year == "2007" and image_set == "test" else year
        address, self.filename, self.md5, folder = _RELEASES[release]
        self.url = _SERVER + address
        if download:
            self._download()
        base = os.path.join(self.root, folder)  # type: ignore[arg-type]
        names = os.path.join(base, "ImageSets", self._SPLITS_DIR, f"{image_set}.txt")
        if not os.path.isfile(names):
            raise RuntimeError(
                "Dataset not found or corrupted. You can use download=True to download it; without "
                f"a network, unpack {self.filename} so that there is {os.path.abspath(names)}"
            )
        with open(names) as file:
            stems = [line.split()[0] for line in file if line.strip()]
        self.images = [os.path.join(base, "JPEGImages", f"{stem}.jpg") for stem in stems]
        self.targets = [
            os.path.join(base, self._TARGET_DIR, f"{stem}{self._TARGET_FILE_EXT}") for stem in stems
        ]

    def _download(self) -> None:
        archive = download([self.url], self.root, self.filename, self.md5)  # type: ignore[arg-type]
        extract_archive(archive, self.root)

    def _target(self, index: int) -> Any:
        raise NotImplementedError(f"{type(self).__name__} does not define _target")

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        image, target = pil_loader(self.images[index]), self._target(index)
        return (image, target) if self.transforms is None else self.transforms(image, target)

    def __len__(self) -> int:
        return len(self.images)


class VOCSegmentation(_VOC):
    """Pascal VOC's images with masks, PIL images whose values are classes and 255 for borders.

    M. Everingham et al., "The Pascal visual object classes challenge", IJCV 2010.

    Args:
        root: the folder that has, or gets, the folder ``VOCdevkit``.
        year: ``"2007"`` to ``"2012"``.
        image_set: ``train``, ``trainval``, ``val``, and ``test`` for 2007.
        download: fetch and unpack the archive if files are missing.
        transform: takes a PIL image.
        target_transform: takes the target.
        transforms: takes both, instead of the two.

    Raises:
        RuntimeError: files are missing.
        OSError: an image is damaged; the text names it.
    """

    @property
    def masks(self) -> list[str]:
        """Paths of the masks."""
        return self.targets

    def _target(self, index: int) -> Any:
        path = self.masks[index]
        try:
            mask = pil_image().open(path)
            mask.load()
        except FileNotFoundError:
            raise
        except (OSError, SyntaxError, ValueError) as error:
            raise OSError(f"{path} cannot be read as an image: {error}") from error
        return mask


class VOCDetection(_VOC):
    """Pascal VOC's images with what its XML files say of them, as nested dictionaries.

    Arguments as for :class:`VOCSegmentation`. ``target["annotation"]["object"]`` is a list.
    """

    _SPLITS_DIR = "Main"
    _TARGET_DIR = "Annotations"
    _TARGET_FILE_EXT = ".xml"

    @property
    def annotations(self) -> list[str]:
        """Paths of the XML files."""
        return self.targets

    def _target(self, index: int) -> Any:
        from xml.etree import ElementTree

        path = self.annotations[index]
        try:
            tree = ElementTree.parse(path)
        except ElementTree.ParseError as error:
            raise ValueError(f"{path} cannot be read as XML: {error}") from error
        return self.parse_voc_xml(tree.getroot())

    @staticmethod
    def parse_voc_xml(node: Any) -> dict[str, Any]:
        """An XML element as ``{tag: text, or a dictionary of its children}``.

        Children whose tag occurs several times become a list; so does ``object`` always.

        >>> from xml.etree.ElementTree import fromstring
        >>> VOCDetection.parse_voc_xml(fromstring("<a><b>1</b><c>2</c><c>3</c></a>"))
        {'a': {'b': '1', 'c': ['2', '3']}}
        """
        children = [VOCDetection.parse_voc_xml(child) for child in node]
        if not children:
            return {node.tag: node.text.strip() if node.text else None}
        values: dict[str, list[Any]] = {}
        for child in children:
            for tag, value in child.items():
                values.setdefault(tag, []).append(value)
        always = "object" if node.tag == "annotation" else None
        return {
            node.tag: {
                tag: found if len(found) > 1 or tag == always else found[0]
                for tag, found in values.items()
            }
        }
