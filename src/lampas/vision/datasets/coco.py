"""MS COCO: photographs with objects and captions."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from lampas.vision.datasets.folder import pil_loader
from lampas.vision.datasets.vision import VisionDataset


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, Iterable) and not isinstance(value, str) else [value]


class CocoIndex:
    """The annotations of a COCO file by number, with the look-ups of ``pycocotools.coco.COCO``.

    Raises:
        ValueError: the file is no JSON of this format.
    """

    def __init__(self, annotation_file: str | Path) -> None:
        with open(annotation_file, encoding="utf-8") as file:
            try:
                self.dataset = json.load(file)
            except ValueError as error:
                raise ValueError(f"{annotation_file} cannot be read as JSON: {error}") from error
        if not isinstance(self.dataset, dict) or "images" not in self.dataset:
            raise ValueError(f"{annotation_file} has no list of 'images', as COCO's files have")
        self.imgs = {entry["id"]: entry for entry in self.dataset["images"]}
        self.anns = {entry["id"]: entry for entry in self.dataset.get("annotations", [])}
        self.cats = {entry["id"]: entry for entry in self.dataset.get("categories", [])}
        self.imgToAnns: dict[Any, list[Any]] = {}
        for entry in self.dataset.get("annotations", []):
            self.imgToAnns.setdefault(entry["image_id"], []).append(entry)

    def getAnnIds(self, imgIds: Any = (), catIds: Any = ()) -> list[Any]:
        """Numbers of the annotations of these images and categories; of all if none are given."""
        images, categories = _listed(imgIds), set(_listed(catIds))
        pools = [self.imgToAnns.get(i, []) for i in images] if images else [self.anns.values()]
        return [
            entry["id"]
            for pool in pools
            for entry in pool
            if not categories or entry["category_id"] in categories
        ]

    def getCatIds(self, catNms: Any = ()) -> list[Any]:
        """Numbers of the categories with these names, or of all."""
        names = set(_listed(catNms))
        return [i for i, entry in self.cats.items() if not names or entry["name"] in names]

    def getImgIds(self) -> list[Any]:
        """Numbers of all images."""
        return list(self.imgs)

    def loadAnns(self, ids: Any = ()) -> list[Any]:
        """The annotations with these numbers."""
        return [self.anns[i] for i in _listed(ids)]

    def loadCats(self, ids: Any = ()) -> list[Any]:
        """The categories with these numbers."""
        return [self.cats[i] for i in _listed(ids)]

    def loadImgs(self, ids: Any = ()) -> list[Any]:
        """The images' entries with these numbers."""
        return [self.imgs[i] for i in _listed(ids)]


class CocoDetection(VisionDataset):
    """COCO's images with their objects, a list of dictionaries as the annotation file has them.

    T.-Y. Lin et al., "Microsoft COCO: common objects in context", ECCV 2014.

    Args:
        root: the folder with the images.
        annFile: the JSON file with the annotations.
        transform: takes a PIL image.
        target_transform: takes the target.
        transforms: takes both, instead of the two.

    Raises:
        ValueError: the annotation file is damaged.
        OSError: an image is damaged; the text names it.

    Attributes:
        coco: the annotations by number, a :class:`CocoIndex`.
        ids: numbers of the images, sorted.
    """

    def __init__(
        self,
        root: str | Path,
        annFile: str | Path,
        transform: Callable[..., Any] | None = None,
        target_transform: Callable[..., Any] | None = None,
        transforms: Callable[..., Any] | None = None,
    ) -> None:
        super().__init__(root, transforms, transform, target_transform)
        self.coco = CocoIndex(annFile)
        self.ids = sorted(self.coco.imgs)

    def _load_image(self, id: Any) -> Any:
        name = self.coco.imgs[id]["file_name"]
        return pil_loader(os.path.join(self.root, name))  # type: ignore[arg-type]

    def _load_target(self, id: Any) -> list[Any]:
        return self.coco.loadAnns(self.coco.getAnnIds(id))

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        if not isinstance(index, int):
            raise ValueError(f"Index must be of type integer, got {type(index)} instead.")
        id = self.ids[index]
        image, target = self._load_image(id), self._load_target(id)
        return (image, target) if self.transforms is None else self.transforms(image, target)

    def __len__(self) -> int:
        return len(self.ids)


class CocoCaptions(CocoDetection):
    """COCO's images, each with a list of captions; see :class:`CocoDetection`."""

    def _load_target(self, id: Any) -> list[str]:
        return [entry["caption"] for entry in super()._load_target(id)]
