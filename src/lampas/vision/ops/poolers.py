"""Regions from pyramids of feature maps."""

from __future__ import annotations

import math
from typing import Any

import lampas
from lampas import Tensor, nn
from lampas.vision.ops._roi import _pair, roi_align
from lampas.vision.ops.boxes import box_area

__all__ = ["MultiScaleRoIAlign"]


class MultiScaleRoIAlign(nn.Module):
    """:func:`roi_align` of each box on the map of a pyramid that fits the box's size.

    T.-Y. Lin et al., "Feature pyramid networks for object detection", CVPR 2017, equation 1.

    Args:
        featmap_names: names of the maps to read.
        output_size: one number or ``(height, width)``.
        sampling_ratio: as for :func:`roi_align`.
        canonical_scale: a box of this size
        canonical_level: is read on this level.

    >>> maps = {"0": lampas.zeros(1, 5, 16, 16), "1": lampas.zeros(1, 5, 8, 8)}
    >>> boxes = [lampas.tensor([[0.0, 0, 10, 10], [0, 0, 60, 60]])]
    >>> MultiScaleRoIAlign(["0", "1"], 3, 2)(maps, boxes, [(64, 64)]).shape
    torch.Size([2, 5, 3, 3])
    """

    def __init__(
        self,
        featmap_names: list[str],
        output_size: Any,
        sampling_ratio: int,
        *,
        canonical_scale: int = 224,
        canonical_level: int = 4,
    ) -> None:
        super().__init__()
        self.featmap_names = featmap_names
        self.sampling_ratio = sampling_ratio
        self.output_size = _pair(output_size)
        self.canonical_scale = canonical_scale
        self.canonical_level = canonical_level

    def _scales(self, maps: list[Tensor], image_shapes: list[tuple[int, int]]) -> list[float]:
        if not image_shapes:
            raise ValueError("images list should not be empty")
        height = max(shape[0] for shape in image_shapes)
        return [2.0 ** round(math.log2(float(x.shape[-2]) / float(height))) for x in maps]

    def _levels(self, areas: Tensor, scales: list[float]) -> Tensor:
        """The number of the map for each area."""
        first, last = -math.log2(scales[0]), -math.log2(scales[-1])
        level = lampas.floor(
            self.canonical_level + lampas.log2(areas.sqrt() / self.canonical_scale) + 1e-6
        )
        return level.clamp(min=first, max=last).to(lampas.int64) - int(first)

    def forward(
        self,
        x: dict[str, Tensor],
        boxes: list[Tensor],
        image_shapes: list[tuple[int, int]],
    ) -> Tensor:
        """From maps by name, boxes ``(L, 4)`` per image and the images' sizes: ``(K, C, h, w)``."""
        maps = [x[name] for name in x if name in self.featmap_names]
        scales = self._scales(maps, image_shapes)
        rois = lampas.cat(
            [lampas.cat((b.new_full((b.shape[0], 1), float(i)), b), 1) for i, b in enumerate(boxes)]
        )
        if len(maps) == 1:
            return roi_align(maps[0], rois, self.output_size, scales[0], self.sampling_ratio)
        levels = self._levels(box_area(rois[:, 1:]), scales)
        result = maps[0].new_zeros((rois.shape[0], maps[0].shape[1], *self.output_size))
        for i, (features, scale) in enumerate(zip(maps, scales, strict=True)):
            chosen = lampas.where(levels == i)[0]
            part = roi_align(features, rois[chosen], self.output_size, scale, self.sampling_ratio)
            result = result.index_put((chosen,), part.to(result.dtype))
        return result

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(featmap_names={self.featmap_names}, "
            f"output_size={self.output_size}, sampling_ratio={self.sampling_ratio})"
        )
