"""Changing the size of images, dimension by dimension."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import lampas
from lampas._C import adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d
from lampas._tensor import Tensor

from ._checked import check_floating, checked

__all__ = ["interpolate", "upsample", "upsample_bilinear", "upsample_nearest"]

_DIMS = {"linear": (3,), "bilinear": (4,), "bicubic": (4,), "trilinear": (5,), "lanczos": (4,)}
_ANY = ("nearest", "nearest-exact", "area")


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
    out, scales = _sizes(
        input, size, scale_factor, bool(recompute_scale_factor) or mode == "area"
    )
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
    if mode.startswith("nearest"):
        check_floating(input, "interpolate", lampas.uint8)
        return _nearest(input, out, scales, exact=mode != "nearest")
    return _filtered(input, out, scales, mode, bool(align_corners), antialias)


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


# ---- nearest -----------------------------------------------------------------------------------


def _nearest(input: Tensor, out: list[int], scales: list[Any], exact: bool) -> Tensor:
    result = input
    for d, (new, factor) in enumerate(zip(out, scales, strict=False)):
        old = input.size(d + 2)
        if new == old and (exact is False or factor is None):
            continue
        # In float32, as the rounding decides about whole positions.
        ratio = old / new if factor is None or factor <= 0 else 1.0 / factor
        scale = lampas.tensor(ratio, dtype=lampas.float32)
        step = lampas.arange(new, dtype=lampas.float32)
        source = ((step + 0.5) * scale if exact else step * scale).floor()
        index = source.to(lampas.int64).clamp(max=old - 1)
        result = result.index_select(d + 2, index.to(input.device))
    return result.clone() if result is input else result


# ---- weighted neighbours -----------------------------------------------------------------------


def _filtered(
    input: Tensor,
    out: list[int],
    scales: list[Any],
    mode: str,
    align_corners: bool,
    antialias: bool,
) -> Tensor:
    integral = input.dtype == lampas.uint8
    if not integral and not input.dtype.is_floating_point:
        raise NotImplementedError(f'"interpolate" with mode {mode} is not for {input.dtype}')
    narrow = input.dtype in (lampas.float16, lampas.bfloat16) or integral
    x = input.to(lampas.float32) if narrow else input
    for d in reversed(range(len(out))):
        old, new = input.size(d + 2), out[d]
        if align_corners:
            scale = (old - 1) / (new - 1) if new > 1 else 0.0
        else:
            scale = 1.0 / scales[d] if scales[d] and scales[d] > 0 else old / new
        if antialias:
            x = _by_matrix(x, d + 2, _antialias_weights(old, new, scale, mode))
        elif old != new or scale != 1.0:
            taps = _cubic_taps if mode == "bicubic" else _linear_taps
            x = _by_taps(x, d + 2, taps(old, new, scale, align_corners, x.dtype))
        if integral:  # each pass rounds
            x = (x + 0.5).floor().clamp(0, 255)
    x = x.clone() if x is input else x
    if integral:
        return x.to(lampas.uint8)
    return x.to(input.dtype) if narrow else x


def _by_taps(x: Tensor, dim: int, taps: list[tuple[Tensor, Tensor]]) -> Tensor:
    shape = [1] * x.dim()
    shape[dim] = -1
    total: Any = None
    for index, weight in taps:
        part = x.index_select(dim, index.to(x.device)) * weight.to(x.device).reshape(shape)
        total = part if total is None else total + part
    return total


def _by_matrix(x: Tensor, dim: int, weights: Tensor) -> Tensor:
    matrix = weights.to(device=x.device, dtype=x.dtype)
    return (x.transpose(dim, -1) @ matrix.t()).transpose(dim, -1)


def _source(new: int, scale: float, align_corners: bool, dtype: Any) -> Tensor:
    step = lampas.arange(new, dtype=dtype)
    return step * scale if align_corners else (step + 0.5) * scale - 0.5


def _linear_taps(
    old: int, new: int, scale: float, align_corners: bool, dtype: Any
) -> list[tuple[Tensor, Tensor]]:
    source = _source(new, scale, align_corners, dtype).clamp(min=0)
    low = source.to(lampas.int64).clamp(max=old - 1)
    high = (low + 1).clamp(max=old - 1)
    part = (source - low).clamp(0, 1)
    return [(low, 1 - part), (high, part)]


def _cubic_taps(
    old: int, new: int, scale: float, align_corners: bool, dtype: Any
) -> list[tuple[Tensor, Tensor]]:
    source = _source(new, scale, align_corners, dtype)
    low = source.floor()
    t = source - low
    a = -0.75
    near = lambda x: ((a + 2) * x - (a + 3)) * x * x + 1
    far = lambda x: ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
    weights = (far(t + 1), near(t), near(1 - t), far(2 - t))
    base = low.to(lampas.int64) - 1
    return [((base + i).clamp(0, old - 1), w) for i, w in enumerate(weights)]


def _kernel(mode: str, x: float) -> float:
    x = abs(x)
    if mode == "bilinear":
        return max(0.0, 1.0 - x)
    if mode == "lanczos":
        if x >= 3:
            return 0.0
        y = math.pi * x
        return 1.0 if x == 0 else 3 * math.sin(y) * math.sin(y / 3) / (y * y)
    a = -0.5
    if x < 1:
        return ((a + 2) * x - (a + 3)) * x * x + 1
    return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a if x < 2 else 0.0


def _antialias_weights(old: int, new: int, scale: float, mode: str) -> Tensor:
    """``(new, old)``: how much of each old position goes into each new one."""
    radius = {"bilinear": 1.0, "bicubic": 2.0, "lanczos": 3.0}[mode]
    stretch = max(scale, 1.0)
    rows = []
    for i in range(new):
        centre = scale * (i + 0.5)
        low = max(int(centre - radius * stretch + 0.5), 0)
        high = min(int(centre + radius * stretch + 0.5), old)
        weights = [_kernel(mode, (j - centre + 0.5) / stretch) for j in range(low, high)]
        total = sum(weights)
        scaled = [w / total if total else 0.0 for w in weights]
        rows.append([0.0] * low + scaled + [0.0] * (old - max(high, low)))
    return lampas.tensor(rows, dtype=lampas.float64)


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
