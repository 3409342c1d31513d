"""Samples of datasets as version 2 of the transforms takes them."""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection
from typing import Any

import lampas
from lampas.vision import tv_tensors as tv
from lampas.vision.datasets.coco import CocoCaptions, CocoDetection
from lampas.vision.datasets.vision import VisionDataset
from lampas.vision.datasets.voc import VOCDetection, VOCSegmentation
from lampas.vision.ops import box_convert

__all__ = ["wrap_dataset_for_transforms_v2"]

_VOC_CLASSES = (
    "__background__", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat",
    "chair", "cow", "diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep",
    "sofa", "train", "tvmonitor",
)  # fmt: skip
_GENERAL = VisionDataset.__mro__
_Wrap = Callable[[int, Any, Any], tuple[Any, Any]]  # index, image, target -> image, target


def wrap_dataset_for_transforms_v2(
    dataset: VisionDataset, target_keys: Collection[str] | str | None = None
) -> Any:
    """The dataset with targets whose kinds :mod:`lampas.vision.transforms.v2` knows.

    ``CocoDetection`` and ``VOCDetection`` give dictionaries with ``"boxes"``
    (:class:`~lampas.vision.tv_tensors.BoundingBoxes` in XYXY) and ``"labels"`` (int64, numbers of
    categories), ``CocoDetection`` also ``"image_id"``; ``VOCSegmentation`` gives
    :class:`~lampas.vision.tv_tensors.Mask`. Datasets for classification stay as they are. The
    dataset's transforms see the new samples. The result is an instance of the dataset's class;
    the dataset itself loses its transforms.

    Args:
        dataset: one of this package's, or of a class derived from them.
        target_keys: which keys of the dictionary; ``"all"`` for what the annotations have, too;
            None for the three above.

    Raises:
        TypeError: another dataset.
        ValueError: keys that are not there; ``"masks"`` of COCO are among them.
    """
    if not isinstance(dataset, VisionDataset):
        raise TypeError(
            "This wrapper is meant for subclasses of `torchvision.datasets.VisionDataset`, but got "
            f"a {type(dataset).__name__!r} instead."
        )
    named = isinstance(target_keys, str) and target_keys != "all"
    if named or not all(isinstance(key, str) for key in target_keys or ()):
        raise ValueError(
            "`target_keys` can be None, 'all', or a collection of strings denoting the keys to be "
            f"returned, but got {target_keys}"
        )
    wrap = _wrap_of(dataset, target_keys)
    kind = type(dataset)
    return type(f"Wrapped{kind.__name__}", (_Wrapped, kind), {})(dataset, target_keys, wrap)


class _Wrapped:
    """The wrapped dataset; its class also derives from the dataset's, which is not initialised."""

    def __init__(self, dataset: Any, target_keys: Any, wrap: _Wrap) -> None:
        self._dataset, self._target_keys, self._wrap = dataset, target_keys, wrap
        for name in ("transform", "target_transform", "transforms"):
            setattr(self, name, getattr(dataset, name))
            setattr(dataset, name, None)

    def __getattr__(self, name: str) -> Any:
        if name == "_dataset":  # not set yet: a copy is being made
            raise AttributeError(name)
        return getattr(self._dataset, name)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        sample = self._wrap(index, *self._dataset[index])
        transforms: Any = self.transforms
        made: tuple[Any, Any] = sample if transforms is None else transforms(*sample)
        return made

    def __len__(self) -> int:
        return len(self._dataset)

    def __reduce__(self) -> Any:
        dataset = copy.copy(self._dataset)
        for name in ("transform", "target_transform", "transforms"):
            setattr(dataset, name, getattr(self, name))
        return wrap_dataset_for_transforms_v2, (dataset, self._target_keys)


def _wrap_of(dataset: Any, keys: Any) -> _Wrap:
    if isinstance(dataset, CocoDetection) and not isinstance(dataset, CocoCaptions):
        own = ("segmentation", "area", "iscrowd", "image_id", "bbox", "category_id")
        return _coco(dataset, _chosen(keys, own, ("image_id", "boxes", "labels")))
    if isinstance(dataset, VOCDetection):
        return _voc(_chosen(keys, ("annotation",), ("boxes", "labels")))
    if keys is not None:
        raise ValueError(
            "`target_keys` is only for CocoDetection and VOCDetection, got "
            f"{type(dataset).__name__}."
        )
    if isinstance(dataset, VOCSegmentation):
        return lambda index, image, mask: (image, tv.Mask(mask))
    home = __name__.rpartition(".")[0]
    if not any(c.__module__.startswith(home) for c in type(dataset).__mro__ if c not in _GENERAL):
        raise TypeError(
            f"No wrapper exists for dataset class {type(dataset).__name__}. Please wrap the output "
            "yourself: tv_tensors.BoundingBoxes, tv_tensors.Mask and their like."
        )
    return lambda index, image, target: (image, target)


def _chosen(keys: Any, own: tuple[str, ...], default: tuple[str, ...]) -> set[str]:
    there = {*own, *default}
    chosen = there if keys == "all" else set(default if keys is None else keys)
    if not chosen <= there:
        raise ValueError(
            f"Target keys {sorted(chosen - there)} are not available; there are {sorted(there)}"
        )
    return chosen


def _boxes(rows: list[Any], image: Any) -> tv.BoundingBoxes:
    return tv.BoundingBoxes(rows, format="XYXY", canvas_size=(image.height, image.width))


def _coco(dataset: Any, keys: set[str]) -> _Wrap:
    def wrap(index: int, image: Any, target: list[Any]) -> tuple[Any, Any]:
        made: dict[str, Any] = {}
        if "image_id" in keys:
            made["image_id"] = dataset.ids[index]
        if not target:
            return image, made
        for key in sorted(keys & set(target[0]) - {"image_id"}):
            made[key] = [entry[key] for entry in target]
        if "boxes" in keys:
            corners = lampas.tensor([entry["bbox"] for entry in target], dtype=lampas.float32)
            made["boxes"] = _boxes(box_convert(corners, "xywh", "xyxy"), image)  # type: ignore[arg-type]
        if "labels" in keys:
            made["labels"] = lampas.tensor([entry["category_id"] for entry in target])
        return image, made

    return wrap


def _voc(keys: set[str]) -> _Wrap:
    def wrap(index: int, image: Any, target: dict[str, Any]) -> tuple[Any, Any]:
        objects = target["annotation"].get("object", [])
        made: dict[str, Any] = {"annotation": target["annotation"]} if "annotation" in keys else {}
        if "boxes" in keys:
            sides = ("xmin", "ymin", "xmax", "ymax")
            rows = [[int(entry["bndbox"][side]) for side in sides] for entry in objects]
            made["boxes"] = _boxes(rows, image)
        if "labels" in keys:
            numbers = [_VOC_CLASSES.index(entry["name"]) for entry in objects]
            made["labels"] = lampas.tensor(numbers, dtype=lampas.int64)
        return image, made

    return wrap
