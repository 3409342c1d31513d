"""Padding."""

from __future__ import annotations

from collections.abc import Sequence

from lampas import _C
from lampas._C import constant_pad_nd
from lampas._tensor import Tensor

from ._checked import checked, single_precision

__all__ = ["pad"]


@checked("pad(Tensor input, int[] pad, str mode='constant', Number? value=None)")
def pad(
    input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None
) -> Tensor:
    """Adds elements around a tensor, or takes some away where a number is negative.

    Args:
        input: any shape for ``"constant"``; one or two dimensions more than are padded else.
        pad: how many before and after the last dimension, then the one before it, and so on.
        mode: ``"constant"``, ``"reflect"``, ``"replicate"`` or ``"circular"``.
        value: the constant. Default: 0.

    Raises:
        RuntimeError, ValueError: for sizes that do not go together.

    Example:
        >>> import lampas
        >>> from lampas.nn import functional as F
        >>> F.pad(lampas.tensor([1, 2, 3]), (1, 2))
        tensor([0, 1, 2, 3, 0, 0])
    """
    pad = tuple(pad)
    if len(pad) % 2:
        raise RuntimeError(f"Padding length must be divisible by 2, got {len(pad)} numbers: {pad}")
    if len(pad) // 2 > input.dim():
        raise RuntimeError(
            "Padding length should be less than or equal to two times the input dimension but "
            f"got padding length {len(pad)} and input of dimension {input.dim()}"
        )
    if mode == "constant":
        return constant_pad_nd(input, pad, 0 if value is None else value)
    if mode not in ("reflect", "replicate", "circular"):
        raise NotImplementedError(
            f"Unrecognised padding mode {mode}; known are constant, reflect, replicate, circular"
        )
    if value is not None and value != 0:
        raise ValueError(f'Padding mode "{mode}" doesn\'t take in value argument')
    dims = len(pad) // 2
    if input.dim() not in (dims + 1, dims + 2) or dims > 3 or dims == 0:
        raise NotImplementedError(
            "Only 2D, 3D, 4D, 5D padding with non-constant padding are supported for now: "
            f"{len(pad)} numbers for an input of {input.dim()} dimensions"
        )
    if mode == "replicate" or (mode == "reflect" and dims < 3):
        input = single_precision(input)
    sizes = tuple(input.shape)
    if sizes[-dims - 1] == 0 or (mode != "circular" and 0 in sizes[-dims:]):
        raise RuntimeError(
            f"{mode} padding: expected {input.dim()}D input with possibly 0 batch size and other "
            f"non-zero dimensions, but got: {list(input.shape)}"
        )
    check = _CHECKS[mode]
    for i in range(dims):
        check(sizes[-1 - i], pad[2 * i], pad[2 * i + 1])
    return _C._pad_with_pixels(input, pad, mode)


def _reflect(size: int, before: int, after: int) -> None:
    if before >= size or after >= size:
        raise RuntimeError(
            "Padding size should be less than the corresponding input dimension, but got: "
            f"padding ({before}, {after}) at dimension of size {size}"
        )
    _replicate(size, before, after)


def _replicate(size: int, before: int, after: int) -> None:
    if size + before + after <= 0:
        raise RuntimeError(
            f"padding ({before}, {after}) leaves nothing of a dimension of size {size}"
        )


def _circular(size: int, before: int, after: int) -> None:
    if before > size or after > size:
        raise RuntimeError(
            "Padding value causes wrapping around more than once: "
            f"padding ({before}, {after}) at dimension of size {size}"
        )
    if size + before + after < 0:
        raise RuntimeError("Negative padding value is resulting in an empty dimension")


_CHECKS = {"reflect": _reflect, "replicate": _replicate, "circular": _circular}
