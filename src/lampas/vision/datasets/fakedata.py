"""Images of noise, for trying things out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import lampas
from lampas.vision.datasets.vision import VisionDataset
from lampas.vision.transforms import functional as F


class FakeData(VisionDataset):
    """Random images with random labels, the same ones every time.

    Args:
        size: how many.
        image_size: channels, height, width.
        num_classes: labels are below this.
        transform: takes a PIL image.
        target_transform: takes the label.
        random_offset: added to the index to give the image's seed.

    >>> from lampas.vision.datasets import FakeData
    >>> len(FakeData(size=5))
    5
    """

    def __init__(
        self,
        size: int = 1000,
        image_size: tuple[int, ...] = (3, 224, 224),
        num_classes: int = 10,
        transform: Callable[..., Any] | None = None,
        target_transform: Callable[..., Any] | None = None,
        random_offset: int = 0,
    ) -> None:
        super().__init__(transform=transform, target_transform=target_transform)
        self.size = size
        self.num_classes = num_classes
        self.image_size = image_size
        self.random_offset = random_offset

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        if index >= len(self):
            raise IndexError(f"{type(self).__name__} index {index} out of range ({self.size})")
        state = lampas.get_rng_state()
        lampas.manual_seed(index + self.random_offset)
        noise = lampas.randn(*self.image_size)
        target: Any = int(lampas.randint(0, self.num_classes, size=(1,)).item())
        lampas.set_rng_state(state)
        image = F.to_pil_image(noise)
        if self.transform is not None:
            image = self.transform(image)
        if self.target_transform is not None:
            target = self.target_transform(target)
        return image, target

    def __len__(self) -> int:
        return self.size
