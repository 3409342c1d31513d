"""Transforms on whole batches.

A dataset of 8-bit images of one size asks :func:`plan` which of its transforms can run on a batch
of images at once. The plan's steps give what the transforms give image by image, bit for bit, and
draw the same random numbers in the same order: all draws of the first image, then all of the
second, and so on. The first transform that has no rule ends the plan; what is left runs image by
image. Rules hold for exact classes: a subclass may do anything.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import lampas
from lampas import nn
from lampas.vision.transforms import _conversion as C
from lampas.vision.transforms import _conversion_functional as F
from lampas.vision.transforms import _geometry as G
from lampas.vision.transforms import functional
from lampas.vision.transforms._color import Grayscale


class Spec(NamedTuple):
    """What one image of the batch looks like.

    With ``pixels`` the batch is uint8 ``(B, H, W)`` or ``(B, H, W, C)`` and stands for PIL images;
    otherwise it is ``(B, C, H, W)``, or ``(B, C * H * W)`` when ``flat``.
    """

    pixels: bool
    channels: int
    height: int
    width: int
    dtype: Any
    flat: bool = False


class Step(NamedTuple):
    """One transform on a batch; ``draw`` gives one image's random parameters."""

    spec: Spec
    apply: Callable[[lampas.Tensor, list[Any]], lampas.Tensor]
    draw: Callable[[], Any] | None = None


class Plan:
    """The steps that run on batches and the transforms left to run image by image."""

    def __init__(self, transforms: list[Any], steps: list[Step]) -> None:
        self.transforms = transforms
        self.steps = steps
        self.rest = transforms[len(steps) :]
        self.draws = any(step.draw is not None for step in steps)
        self.makes_tensors = bool(steps) and not steps[-1].spec.pixels

    def run(self, batch: lampas.Tensor) -> lampas.Tensor:
        """The steps' result for uint8 pixels ``(B, H, W[, C])``."""
        drawn: list[list[Any]] = [[] for _ in self.steps]
        if self.draws:
            for _ in range(batch.shape[0]):
                for step, parameters in zip(self.steps, drawn, strict=True):
                    if step.draw is not None:
                        parameters.append(step.draw())
        for step, parameters in zip(self.steps, drawn, strict=True):
            batch = step.apply(batch, parameters)
        return batch

    def is_for(self, transform: Any) -> bool:
        """Whether ``transform`` still consists of the transforms planned for."""
        now = _parts(transform)
        return len(now) == len(self.transforms) and all(
            a is b for a, b in zip(now, self.transforms, strict=True)
        )


def _parts(transform: Any) -> list[Any]:
    """The transforms that ``transform`` applies one after another."""
    kind = type(transform)
    if vars(kind).get("_in_batches", kind) is C.Compose:
        return [part for inner in transform.transforms for part in _parts(inner)]
    if kind is nn.Sequential:
        return [part for inner in transform for part in _parts(inner)]
    return [transform]


def plan(transform: Any, spec: Spec) -> Plan:
    """The plan of ``transform`` for images like ``spec``."""
    transforms = [] if transform is None else _parts(transform)
    steps: list[Step] = []
    for part in transforms:
        # A class of version 2 may name the one of version 1 that it is on whole batches.
        rule = _RULES.get(vars(type(part)).get("_in_batches", type(part)))
        step = None if rule is None or _has_hooks(part) else rule(part, spec)
        if step is None:
            break
        steps.append(step)
        spec = step.spec
    made = Plan(transforms, steps)
    # What is left may draw numbers too, and those of one image come before the next image's.
    if made.rest and made.draws:
        first = next(i for i, step in enumerate(steps) if step.draw is not None)
        return Plan(transforms, steps[:first])
    return made


def _has_hooks(transform: Any) -> bool:
    attributes = vars(transform)
    return bool(
        attributes.get("_forward_hooks")
        or attributes.get("_forward_pre_hooks")
        or "forward" in attributes
    )


# ---- rules: (transform, spec) -> Step, or None where it cannot run on a batch ------------------


def _channels_first(batch: lampas.Tensor) -> lampas.Tensor:
    return batch.unsqueeze(1) if batch.dim() == 3 else batch.permute(0, 3, 1, 2).contiguous()


# 1 / 255 in two parts. A byte times the first, which has 16 bits, is exact in float32; adding the
# byte times the second gives the correctly rounded quotient for each of the 256 bytes (a test goes
# through them). Two passes at the speed of memory replace one at the speed of the divider.
_HIGH_255TH = 0x8080 / 2**23
_LOW_255TH = 1 / 255 - _HIGH_255TH


def bytes_to_unit(batch: lampas.Tensor) -> lampas.Tensor:
    """``batch / 255`` in the default dtype, for uint8; the result is a new tensor."""
    floats = batch.to(lampas.get_default_dtype())
    if floats.dtype != lampas.float32:
        return floats.div_(255)
    return (floats * _HIGH_255TH).add_(floats, alpha=_LOW_255TH)


def _to_tensor(transform: C.ToTensor, spec: Spec) -> Step | None:
    if not spec.pixels or spec.dtype != lampas.uint8:
        return None

    def apply(batch: lampas.Tensor, _: list[Any]) -> lampas.Tensor:
        return bytes_to_unit(_channels_first(batch))

    return Step(spec._replace(pixels=False, dtype=lampas.get_default_dtype()), apply)


def _pil_to_tensor(transform: C.PILToTensor, spec: Spec) -> Step | None:
    if not spec.pixels:
        return None
    return Step(spec._replace(pixels=False), lambda batch, _: _channels_first(batch))


def _normalize(transform: C.Normalize, spec: Spec) -> Step | None:
    if spec.pixels or spec.flat or not spec.dtype.is_floating_point:
        return None
    sizes = []
    for values in (transform.mean, transform.std):
        if not isinstance(values, (list, tuple)) or any(
            type(value) not in (int, float) for value in values
        ):
            return None
        sizes.append(len(values))
    too_small = any(abs(value) < 1e-30 for value in transform.std)
    if any(size not in (1, spec.channels) for size in sizes) or too_small:
        return None

    def apply(batch: lampas.Tensor, _: list[Any]) -> lampas.Tensor:
        mean, std = transform.mean, transform.std
        if len(mean) == 1 and len(std) == 1:
            batch = batch.sub_(mean[0])
            # By a power of two, multiplying is the same and faster.
            power_of_two = abs(math.frexp(std[0])[0]) == 0.5
            return batch.mul_(1 / std[0]) if power_of_two else batch.div_(std[0])
        return F.subtract_and_divide(batch, mean, std)

    return Step(spec, apply)


def _convert_dtype(transform: C.ConvertImageDtype, spec: Spec) -> Step | None:
    if spec.pixels:
        return None
    return Step(
        spec._replace(dtype=transform.dtype),
        lambda batch, _: F.convert_image_dtype(batch, transform.dtype),
    )


def _lambda(transform: C.Lambda, spec: Spec) -> Step | None:
    if spec.pixels:
        return None
    if transform.lambd in (lampas.flatten, lampas.Tensor.flatten, lampas.ravel):
        return Step(spec._replace(flat=True), lambda batch, _: batch.flatten(1))
    return None


def _axes(spec: Spec) -> tuple[int, int]:
    """The axes of height and width."""
    return (1, 2) if spec.pixels else (2, 3)


def _center_crop(transform: G.CenterCrop, spec: Spec) -> Step | None:
    height, width = transform.size
    if spec.flat or height > spec.height or width > spec.width:
        return None
    top, left = round((spec.height - height) / 2.0), round((spec.width - width) / 2.0)
    rows, columns = _axes(spec)

    def apply(batch: lampas.Tensor, _: list[Any]) -> lampas.Tensor:
        return batch.narrow(rows, top, height).narrow(columns, left, width).contiguous()

    return Step(spec._replace(height=height, width=width), apply)


def _grey(transform: Grayscale, spec: Spec) -> Step | None:
    if not spec.pixels or spec.channels != 1 or transform.num_output_channels not in (1, 3):
        return None
    channels = transform.num_output_channels

    def apply(batch: lampas.Tensor, _: list[Any]) -> lampas.Tensor:
        return batch if channels == 1 else lampas.stack([batch] * 3, dim=3)

    return Step(spec._replace(channels=channels), apply)


def _flip(transform: Any, spec: Spec) -> Step | None:
    if spec.flat:
        return None
    horizontal = type(transform) is G.RandomHorizontalFlip
    axis = _axes(spec)[1 if horizontal else 0]

    def draw() -> bool:
        return bool(lampas.rand(1) < transform.p)

    def apply(batch: lampas.Tensor, drawn: list[bool]) -> lampas.Tensor:
        chosen = np.flatnonzero(drawn)
        pixels = batch.numpy()  # a view: a step may overwrite the batch it is given
        pixels[chosen] = np.flip(pixels[chosen], axis)
        return batch

    return Step(spec, apply, draw)


def _padded_size(padding: Any, spec: Spec) -> tuple[tuple[int, int, int, int], int, int]:
    left, top, right, bottom = (0, 0, 0, 0) if padding is None else functional._sides(padding)
    return (left, top, right, bottom), spec.height + top + bottom, spec.width + left + right


def _random_crop(transform: G.RandomCrop, spec: Spec) -> Step | None:
    if spec.flat or transform.padding_mode != "constant" or transform.fill != 0:
        return None
    size = transform.size
    sides, height, width = _padded_size(transform.padding, spec)
    if min(sides) < 0 or height < size[0] or width < size[1]:
        return None
    rows, columns = _axes(spec)

    def draw() -> tuple[int, int, int, int]:
        return transform._drawn(height, width)

    def apply(batch: lampas.Tensor, drawn: list[Any]) -> lampas.Tensor:
        pixels, shape = batch.numpy(), list(batch.shape)
        before = (slice(None),) * (rows - 1)
        if any(sides):
            shape[rows], shape[columns] = height, width
            padded = np.zeros(shape, pixels.dtype)
            left, top = sides[:2]
            inner = (slice(top, top + spec.height), slice(left, left + spec.width))
            where = (slice(None), *before, *inner)
            padded[where] = pixels
            pixels = padded
        shape[rows], shape[columns] = size
        made = np.empty(shape, pixels.dtype)
        for image, (top, left, _, _) in enumerate(drawn):
            place = (slice(top, top + size[0]), slice(left, left + size[1]))
            chosen = (image, *before, *place)
            made[image] = pixels[chosen]
        return lampas.from_numpy(made)

    return Step(spec._replace(height=size[0], width=size[1]), apply, draw)


_RULES: dict[type, Callable[[Any, Spec], Step | None]] = {
    C.ToTensor: _to_tensor,
    C.PILToTensor: _pil_to_tensor,
    C.Normalize: _normalize,
    C.ConvertImageDtype: _convert_dtype,
    C.Lambda: _lambda,
    G.CenterCrop: _center_crop,
    G.RandomCrop: _random_crop,
    G.RandomHorizontalFlip: _flip,
    G.RandomVerticalFlip: _flip,
    Grayscale: _grey,
}
