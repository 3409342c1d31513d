"""Helpers around images: grids, saving, drawing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import lampas
from lampas.vision._drawing import (
    draw_bounding_boxes,
    draw_keypoints,
    draw_segmentation_masks,
    flow_to_image,
)
from lampas.vision._pillow import pil_image

__all__ = [
    "draw_bounding_boxes",
    "draw_keypoints",
    "draw_segmentation_masks",
    "flow_to_image",
    "make_grid",
    "save_image",
]


def _into_range(img: lampas.Tensor, value_range: tuple[float, float] | None) -> None:
    """Maps ``value_range``, or the image's own range, to [0, 1], in place."""
    low, high = value_range or (float(img.min()), float(img.max()))
    img.clamp_(min=low, max=high)
    img.sub_(low).div_(max(high - low, 1e-5))


def make_grid(
    tensor: lampas.Tensor | Sequence[lampas.Tensor],
    nrow: int = 8,
    padding: int = 2,
    normalize: bool = False,
    value_range: tuple[int, int] | None = None,
    scale_each: bool = False,
    pad_value: float = 0.0,
) -> lampas.Tensor:
    """Images side by side in one image.

    Args:
        tensor: ``(B, C, H, W)``, or a list of images of one size.
        nrow: images per row.
        padding: pixels around each image.
        normalize: map values to [0, 1].
        value_range: what is mapped to [0, 1]; smallest and largest value by default.
        scale_each: look for these in each image, not in all.
        pad_value: value of the padding.

    Returns:
        ``(3, H', W')``, or ``(C, H', W')`` if the images have several channels. A single image
        gets no padding.

    Raises:
        TypeError: not tensors, or ``value_range`` is not a tuple of numbers.

    >>> make_grid(lampas.zeros(5, 1, 4, 4), nrow=3).shape
    torch.Size([3, 14, 20])
    """
    if isinstance(tensor, (list, tuple)):
        if not all(isinstance(image, lampas.Tensor) for image in tensor):
            raise TypeError(f"tensor or list of tensors expected, got a list of {tensor}")
        tensor = lampas.stack(list(tensor), dim=0)
    if not isinstance(tensor, lampas.Tensor):
        raise TypeError(f"tensor or list of tensors expected, got {type(tensor)}")
    batch = tensor.reshape(*[1] * (4 - tensor.dim()), *tensor.shape) if tensor.dim() < 4 else tensor
    if batch.shape[1] == 1:
        batch = lampas.cat((batch, batch, batch), 1)
    if normalize:
        if value_range is not None and not isinstance(value_range, tuple):
            raise TypeError("value_range has to be a tuple (min, max) if specified.")
        batch = batch.clone()
        for part in batch.unbind(0) if scale_each else (batch,):
            _into_range(part, value_range)
    count, channels, height, width = batch.shape
    if count == 1:
        return batch.squeeze(0)
    columns = min(nrow, count)
    rows = -(-count // columns)
    height, width = height + padding, width + padding
    grid = batch.new_full((channels, height * rows + padding, width * columns + padding), pad_value)
    for i, image in enumerate(batch.unbind(0)):
        top, left = (i // columns) * height + padding, (i % columns) * width + padding
        grid[:, top : top + height - padding, left : left + width - padding] = image
    return grid


def save_image(
    tensor: lampas.Tensor | Sequence[lampas.Tensor],
    fp: str | Path | BinaryIO,
    format: str | None = None,
    **kwargs: Any,
) -> None:
    """Saves an image with values from 0 to 1, or a grid of several; see :func:`make_grid`.

    Args:
        tensor: as for :func:`make_grid`.
        fp: a path or an open file.
        format: needed for an open file, such as ``"png"``.
        **kwargs: passed to :func:`make_grid`.
    """
    grid = make_grid(tensor, **kwargs)
    pixels = grid.detach().mul(255).add_(0.5).clamp_(0, 255).permute(1, 2, 0).to(lampas.uint8)
    pil_image().fromarray(pixels.contiguous().numpy()).save(fp, format=format)
