"""Changing the size of images."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import lampas
from lampas import _C
from lampas._C import adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d
from lampas._tensor import Tensor

from ._checked import check_floating, checked

__all__ = ["interpolate", "upsample", "upsample_bilinear", "upsample_nearest"]

_DIMS = {"linear": (3,), "bilinear": (4,), "bicubic": (4,), "trilinear": (5,), "lanczos": (4,)}
_ANY = ("nearest", "nearest-exact", "area")
_KINDS = {
    "nearest": "nearest", "nearest-exact": "nearest-exact", "linear": "linear",
    "bilinear": "linear", "trilinear": "linear", "bicubic": "cubic", "lanczos": "lanczos",
}  # fmt: skip


def _sizes(
    input: Tensor, size: Any, scale_factor: Any, recompute: bool
) -> tuple[list[int], list[float | None]]:
    """The new sizes, and the scales to compute with where they were given."""
    dims = input.dim() - 2
    spatial = list(input.shape[2:])
    if size is not None and scale_factor is not None:
        raise ValueError("only one of size or scale_factor should be defined")
    given = size if size is not None else scale_factor
    if given is None:
        raise ValueError("either size or scale_factor should be defined")
    values = list(given) if isinstance(given, (list, tuple)) else [given] * dims
    if len(values) != dims:
        what = "output size" if size is not None else "scale_factor"
        raise ValueError(
            "Input and output must have the same number of spatial dimensions, but got input "
            f"with spatial dimensions of {spatial} and {what} of {given}. Please provide input "
            "tensor in (N, C, d1, d2, ...,dK) format and one number for each of d1 ... dK."
        )
    if size is None:
        out = [math.floor(s * f) for s, f in zip(spatial, values, strict=False)]
        return out, [None] * dims if recompute else [float(f) for f in values]
    for v in values:
        if isinstance(v, bool) or not hasattr(v, "__index__"):
            raise TypeError(
                "expected size to be one of int or Tuple[int] or Tuple[int, int] or "
                f"Tuple[int, int, int], but got size with types {[type(x) for x in values]}"
            )
    return [int(v) for v in values], [None] * dims


@checked(
    "interpolate(Tensor input, object size=None, object scale_factor=None, str "
    "mode='nearest', bool? align_corners=None, bool? recompute_scale_factor=None, bool "
    "antialias=False)"
)
def interpolate(
    input: Tensor,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """Resizes images ``(N, C, …)`` of one to three spatial dimensions.

    Args:
        input: the images.
        size: the new size, for each dimension or for all.
        scale_factor: or the factor by which the size changes.
        mode: ``"nearest"``, ``"nearest-exact"``, ``"area"``, ``"linear"`` (3D input),
            ``"bilinear"``, ``"bicubic"``, ``"lanczos"`` (4D) or ``"trilinear"`` (5D).
        align_corners: the centres of the corner pixels stay where they are, instead of the
            corners of the image.
        recompute_scale_factor: compute with the ratio of the sizes instead of the factor given.
        antialias: widen the filter when shrinking; ``"bilinear"``, ``"bicubic"``, ``"lanczos"``.

    Raises:
        ValueError: for arguments that do not go together.
        NotImplementedError: for a mode that the number of dimensions does not have.

    Example:
        >>> import lampas
        >>> from lampas.nn import functional as F
        >>> F.interpolate(lampas.tensor([[[1.0, 3.0]]]), scale_factor=2, mode="linear")
        tensor([[[1.0000, 1.5000, 2.5000, 3.0000]]])
    """
    if mode in _ANY and align_corners is not None:
        raise ValueError(
            "align_corners option can only be set with the interpolating modes: linear | "
            "bilinear | bicubic | trilinear"
        )
    if recompute_scale_factor and size is not None:
        raise ValueError("recompute_scale_factor is not meaningful with an explicit size.")
    out, scales = _sizes(input, size, scale_factor, bool(recompute_scale_factor) or mode == "area")
    if antialias and not (mode in ("bilinear", "bicubic", "lanczos") and input.dim() == 4):
        raise ValueError(
            "Anti-alias option is restricted to bilinear, bicubic, and lanczos modes and requires "
            "a 4-D tensor as input"
        )
    _check_mode(input, mode, out)
    if mode == "lanczos" and align_corners:
        raise ValueError("Lanczos mode does not support align_corners=True")
    if mode == "lanczos" and not antialias:
        raise ValueError("Lanczos mode requires antialias=True")
    if mode == "area":
        pool: Any = (adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d)
        return pool[input.dim() - 3](input, out)
    check_floating(input, f"interpolate with mode {mode}", lampas.uint8)
    factors = [float(f) if f else 0.0 for f in scales]
    return _C._resize(input, out, factors, _KINDS[mode], bool(align_corners), antialias)


def _check_mode(input: Tensor, mode: str, out: list[int]) -> None:
    if input.dim() not in (3, 4, 5) or (mode not in _ANY and mode not in _DIMS):
        raise NotImplementedError(
            "Input Error: Only 3D, 4D and 5D input Tensors supported "
            f"(got {input.dim()}D) for the modes: nearest | linear | bilinear | bicubic | "
            f"trilinear | lanczos | area | nearest-exact (got {mode})"
        )
    if mode in _DIMS and input.dim() not in _DIMS[mode]:
        raise NotImplementedError(
            f"Got {input.dim()}D input, but {mode} mode needs {_DIMS[mode][0]}D input"
        )
    if any(s <= 0 for s in (*input.shape[2:], *out)):
        raise RuntimeError(
            "Input and output sizes should be greater than 0, but got input "
            f"{list(input.shape[2:])} and output {out}"
        )
    if 0 in input.shape[1:]:
        raise RuntimeError(
            f"Non-empty {input.dim()}D data tensor expected but got a tensor with sizes "
            f"{list(input.shape)}"
        )


def upsample(
    input: Tensor,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
) -> Tensor:
    """Another name of :func:`interpolate`."""
    return interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(
    input: Tensor,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
) -> Tensor:
    """:func:`interpolate` with ``mode="nearest"``."""
    return interpolate(input, size, scale_factor, "nearest")


def upsample_bilinear(
    input: Tensor,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
) -> Tensor:
    """:func:`interpolate` with ``mode="bilinear"`` and ``align_corners=True``."""
    return interpolate(input, size, scale_factor, "bilinear", align_corners=True)
