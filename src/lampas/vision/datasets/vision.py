"""The base of the image datasets."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lampas
from lampas.utils.data import Dataset
from lampas.vision._pillow import pil_image
from lampas.vision.transforms._batch import Plan, Spec, plan

_Transform = Callable[..., Any]


class VisionDataset(Dataset[Any]):
    """Base of datasets of images with targets.

    Args:
        root: the folder with the data.
        transforms: takes an image and its target and returns both.
        transform: takes an image.
        target_transform: takes a target.

    Raises:
        ValueError: ``transforms`` together with one of the others.
    """

    _repr_indent = 4

    def __init__(
        self,
        root: str | Path | None = None,
        transforms: _Transform | None = None,
        transform: _Transform | None = None,
        target_transform: _Transform | None = None,
    ) -> None:
        self.root = os.path.expanduser(root) if isinstance(root, str) else root
        separate = transform is not None or target_transform is not None
        if transforms is not None and separate:
            raise ValueError(
                "Only transforms or transform/target_transform can be passed as argument"
            )
        self.transform = transform
        self.target_transform = target_transform
        self.transforms = StandardTransform(transform, target_transform) if separate else transforms

    def __getitem__(self, index: int) -> Any:
        raise NotImplementedError(f"{type(self).__name__} does not define __getitem__")

    def __len__(self) -> int:
        raise NotImplementedError(f"{type(self).__name__} does not define __len__")

    def __repr__(self) -> str:
        body = [f"Number of datapoints: {len(self)}"]
        if self.root is not None:
            body.append(f"Root location: {self.root}")
        body += self.extra_repr().splitlines()
        if getattr(self, "transforms", None) is not None:
            body.append(repr(self.transforms))
        indent = " " * self._repr_indent
        return "\n".join([f"Dataset {type(self).__name__}"] + [indent + line for line in body])

    def extra_repr(self) -> str:
        """More lines for ``repr``."""
        return ""


class StandardTransform:
    """An image transform and a target transform as one transform of both."""

    def __init__(
        self, transform: _Transform | None = None, target_transform: _Transform | None = None
    ) -> None:
        self.transform = transform
        self.target_transform = target_transform

    def __call__(self, input: Any, target: Any) -> tuple[Any, Any]:
        if self.transform is not None:
            input = self.transform(input)
        if self.target_transform is not None:
            target = self.target_transform(target)
        return input, target

    def __repr__(self) -> str:
        body = [type(self).__name__]
        for head, transform in (
            ("Transform: ", self.transform),
            ("Target transform: ", self.target_transform),
        ):
            if transform is not None:
                lines = repr(transform).splitlines()
                body += [head + lines[0]] + [" " * len(head) + line for line in lines[1:]]
        return "\n".join(body)


class PixelDataset(VisionDataset):
    """Base of datasets whose images are one uint8 array in memory.

    A subclass gives :meth:`_pixels` and :meth:`_labels`. Samples and whole batches come through the
    transforms' rules for batches as far as these reach; PIL images are made only for the rest.
    """

    def _pixels(self) -> lampas.Tensor | None:
        """uint8 images ``(N, H, W)`` or ``(N, H, W, C)``; None if the data is something else."""
        raise NotImplementedError(f"{type(self).__name__} does not define _pixels")

    def _labels(self) -> lampas.Tensor | None:
        """int64 targets ``(N,)``; None if the targets are something else."""
        raise NotImplementedError(f"{type(self).__name__} does not define _labels")

    def _plan_for(self, pixels: lampas.Tensor) -> Plan:
        spec = Spec(
            pixels=True,
            channels=1 if pixels.dim() == 3 else pixels.shape[3],
            height=pixels.shape[1],
            width=pixels.shape[2],
            dtype=lampas.uint8,
        )
        kept = self.__dict__.get("_kept_plan")
        if kept is None or kept[0] != spec or not kept[1].is_for(self.transform):
            kept = self.__dict__["_kept_plan"] = (spec, plan(self.transform, spec))
        return kept[1]

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_kept_plan"}

    def _transformed(self, image: lampas.Tensor) -> Any:
        """One image, uint8 ``(H, W)`` or ``(H, W, C)``, through ``self.transform``."""
        if self.transform is not None and image.dtype == lampas.uint8:
            batch = image.unsqueeze(0).clone()
            steps = self._plan_for(batch)
            if steps.makes_tensors:
                result = steps.run(batch)[0]
                for transform in steps.rest:
                    result = transform(result)
                return result
        picture = pil_image().fromarray(image.numpy())
        return picture if self.transform is None else self.transform(picture)

    def _batch_fetcher(self) -> Callable[[lampas.Tensor], Any] | None:
        pixels, labels = self._pixels(), self._labels()
        if pixels is None or labels is None or self.transform is None:
            return None
        if not self._plan_for(pixels).makes_tensors:
            return None
        return _PixelBatches(self, pixels, labels)


class _PixelBatches:
    """Fetches collated batches of a :class:`PixelDataset`."""

    def __init__(self, dataset: PixelDataset, pixels: lampas.Tensor, labels: lampas.Tensor) -> None:
        self.dataset = dataset
        self.pixels = pixels
        self.labels = labels
        self.plan = dataset._plan_for(pixels)

    @property
    def draws(self) -> bool:
        """Whether random numbers may be drawn, by a plan's step or by unknown functions."""
        steps = self.plan
        return steps.draws or bool(steps.rest) or self.dataset.target_transform is not None

    def __call__(self, indices: lampas.Tensor) -> Any:
        steps = self.plan
        if not steps.is_for(self.dataset.transform):
            steps = self.plan = self.dataset._plan_for(self.pixels)
        target_transform = self.dataset.target_transform
        if not steps.makes_tensors or (steps.draws and target_transform is not None):
            return None
        images = steps.run(self.pixels.index_select(0, indices))
        labels = self.labels.index_select(0, indices)
        if not steps.rest and target_transform is None:
            return [images, labels]
        samples = []
        targets = labels.tolist() if labels.dim() == 1 else labels.unbind(0)
        for image, label in zip(images.unbind(0), targets, strict=True):
            for transform in steps.rest:
                image = transform(image)
            samples.append((image, label if target_transform is None else target_transform(label)))
        return lampas.utils.data.default_collate(samples)
