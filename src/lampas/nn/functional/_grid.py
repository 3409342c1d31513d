"""Sampling images at arbitrary positions."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import lampas
from lampas import _C
from lampas._tensor import Tensor

from ._checked import check_floating, checked

__all__ = [
    "GRID_SAMPLE_INTERPOLATION_MODES", "GRID_SAMPLE_PADDING_MODES", "affine_grid", "grid_sample",
]  # fmt: skip

GRID_SAMPLE_INTERPOLATION_MODES = {"bilinear": 0, "nearest": 1, "bicubic": 2}
GRID_SAMPLE_PADDING_MODES = {"zeros": 0, "border": 1, "reflection": 2}

_DEFAULT = (
    "Default grid_sample and affine_grid behavior has changed to align_corners=False since "
    "1.3.0. Please specify align_corners=True if the old behavior is desired."
)


def affine_grid(theta: Tensor, size: Sequence[int], align_corners: bool | None = None) -> Tensor:
    """Positions that affine maps give the pixels of images, for :func:`grid_sample`.

    Args:
        theta: maps, ``(N, 2, 3)`` or ``(N, 3, 4)``.
        size: of the images, ``(N, C, H, W)`` or ``(N, C, D, H, W)``.
        align_corners: -1 and 1 are the centres of the corner pixels, not the image's edges.

    Returns:
        ``(N, H, W, 2)`` or ``(N, D, H, W, 3)``.

    Example:
        >>> import lampas
        >>> from lampas.nn import functional as F
        >>> same = lampas.tensor([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])
        >>> F.affine_grid(same, (1, 1, 1, 2), align_corners=False)
        tensor([[[[-0.5000,  0.0000],
                  [ 0.5000,  0.0000]]]])
    """
    if align_corners is None:
        warnings.warn(_DEFAULT, stacklevel=2)
        align_corners = False
    if not theta.dtype.is_floating_point:
        raise ValueError(f"Expected theta to have floating point type, but got {theta.dtype}")
    dims = len(size) - 2
    if dims not in (2, 3):
        raise NotImplementedError(
            "affine_grid only supports 4D and 5D sizes, for 2D and 3D affine transforms, "
            f"respectively. Got size {size}."
        )
    if theta.dim() != 3 or tuple(theta.shape[1:]) != (dims, dims + 1):
        raise ValueError(
            f"Expected a batch of {dims}D affine matrices of shape Nx{dims}x{dims + 1} for size "
            f"{size}. Got {theta.shape}."
        )
    if min(size) <= 0:
        raise ValueError(f"Expected non-zero, positive output size. Got {size}")
    if lampas.is_autocast_enabled("cpu") and theta.dtype != lampas.float64:
        theta = theta.to(lampas.get_autocast_dtype("cpu"))  # a product, in PyTorch
    grid: Any = theta[:, :, dims]  # the shift
    for d, n in enumerate(size[2:]):
        # Coordinate d varies along dimension d; x, the last one, stands first.
        shape = [theta.size(0), *(n if e == d else 1 for e in range(dims)), dims]
        axis = _axis(n, bool(align_corners), theta).unsqueeze(1)
        part = axis * theta[:, :, dims - 1 - d].unsqueeze(1)
        if d == 0:
            part = part + grid.unsqueeze(1)
            grid = part.reshape(shape)
        else:
            grid = grid + part.reshape(shape)
    return grid


def _axis(n: int, align_corners: bool, like: Tensor) -> Tensor:
    if n <= 1:
        return lampas.zeros(n, dtype=like.dtype, device=like.device)
    axis = lampas.linspace(-1, 1, n, dtype=like.dtype, device=like.device)
    return axis if align_corners else axis * ((n - 1) / n)


@checked(
    "grid_sample(Tensor input, Tensor grid, str mode='bilinear', str padding_mode='zeros', "
    "bool? align_corners=None)"
)
def grid_sample(
    input: Tensor,
    grid: Tensor,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Tensor:
    """Values of images at given positions.

    Args:
        input: ``(N, C, H, W)`` or ``(N, C, D, H, W)``.
        grid: positions (x, y) or (x, y, z), -1 to 1 across the image: ``(N, H', W', 2)`` or
            ``(N, D', H', W', 3)``.
        mode: ``"bilinear"``, ``"nearest"`` or, for four dimensions, ``"bicubic"``.
        padding_mode: what lies outside: ``"zeros"``, ``"border"`` or ``"reflection"``.
        align_corners: -1 and 1 are the centres of the corner pixels, not the image's edges.

    Returns:
        ``(N, C, H', W')`` or ``(N, C, D', H', W')``.

    Raises:
        ValueError: for unknown modes.
        RuntimeError: for shapes that do not go together.
    """
    if mode not in GRID_SAMPLE_INTERPOLATION_MODES:
        raise ValueError(
            "nn.functional.grid_sample(): expected mode to be 'bilinear', 'nearest' or "
            f"'bicubic', but got: '{mode}'"
        )
    if padding_mode not in GRID_SAMPLE_PADDING_MODES:
        raise ValueError(
            "nn.functional.grid_sample(): expected padding_mode to be 'zeros', 'border', or "
            f"'reflection', but got: '{padding_mode}'"
        )
    if align_corners is None:
        warnings.warn(_DEFAULT, stacklevel=3)
        align_corners = False
    dims = input.dim() - 2
    _check(input, grid, mode, dims)
    if input.dtype in (lampas.float16, lampas.bfloat16):
        wide = (input.to(lampas.float32), grid.to(lampas.float32))
        return grid_sample(*wide, mode, padding_mode, align_corners).to(input.dtype)
    how = (
        GRID_SAMPLE_INTERPOLATION_MODES[mode],
        GRID_SAMPLE_PADDING_MODES[padding_mode],
        bool(align_corners),
    )
    if not (lampas.is_grad_enabled() and (input.requires_grad or grid.requires_grad)):
        return _C._grid_sample(input.detach(), grid.detach(), *how)
    return _with_gradients()(input, grid, how)


@functools.cache
def _with_gradients() -> Callable[..., Tensor]:
    from lampas.autograd import Function, grad

    class GridSample(Function):
        @staticmethod
        def forward(ctx: Any, input: Tensor, grid: Tensor, how: tuple[int, int, bool]) -> Tensor:
            ctx.save_for_backward(input, grid)
            ctx.how = how
            return _C._grid_sample(input, grid, *how)

        @staticmethod
        def backward(ctx: Any, g: Tensor) -> Any:
            input, grid = ctx.saved_tensors
            wanted = ctx.needs_input_grad[:2]
            if not lampas.is_grad_enabled():
                both = _C._grid_sample_backward(g, input, grid, *ctx.how, *wanted)
                return *(d if want else None for d, want in zip(both, wanted, strict=True)), None
            # For second derivatives, in public operators.
            of = [t for t, want in zip((input, grid), wanted, strict=True) if want]
            y = _composed(input, grid, *ctx.how)
            found = iter(grad(y, of, g, create_graph=True, allow_unused=True))
            return *(next(found) if want else None for want in wanted), None

    return GridSample.apply


def _composed(input: Tensor, grid: Tensor, mode: int, padding: int, align_corners: bool) -> Tensor:
    sizes = list(reversed(input.shape[2:]))  # x first, as in the grid
    where = [
        ((grid[..., i] + 1) * (n - 1) / 2 if align_corners else ((grid[..., i] + 1) * n - 1) / 2)
        for i, n in enumerate(sizes)
    ]
    fix = _Outside(list(GRID_SAMPLE_PADDING_MODES)[padding], align_corners)
    if mode == GRID_SAMPLE_INTERPOLATION_MODES["bicubic"]:
        return _bicubic(input, where, sizes, fix)
    where = [fix.position(p, n) for p, n in zip(where, sizes, strict=False)]
    if mode == GRID_SAMPLE_INTERPOLATION_MODES["nearest"]:
        values = _gather(input, [p.detach().round() for p in where], sizes)
        return values + sum(_no_slope(p) for p in where).unsqueeze(1)  # type: ignore[union-attr]
    return _bilinear(input, where, sizes)


def _check(input: Tensor, grid: Tensor, mode: str, dims: int) -> None:
    if dims not in (2, 3) or grid.dim() != input.dim():
        raise RuntimeError(
            "grid_sampler(): expected 4D or 5D input and grid with same number of dimensions, "
            f"but got input with sizes {list(input.shape)} and grid with sizes {list(grid.shape)}"
        )
    if input.size(0) != grid.size(0):
        raise RuntimeError(
            "grid_sampler(): expected grid and input to have same batch size, but got input with "
            f"sizes {list(input.shape)} and grid with sizes {list(grid.shape)}"
        )
    if grid.size(-1) != dims:
        raise RuntimeError(
            f"grid_sampler(): expected grid to have size {dims} in last dimension, "
            f"but got grid with sizes {list(grid.shape)}"
        )
    if 0 in input.shape[2:]:
        raise RuntimeError(
            "grid_sampler(): expected input to have non-empty spatial dimensions, "
            f"but input has sizes {list(input.shape)}"
        )
    if mode == "bicubic" and dims != 2:
        raise RuntimeError("grid_sampler(): bicubic interpolation only supports 4D input")
    check_floating(input, "grid_sampler")
    if input.dtype != grid.dtype:
        raise RuntimeError(
            "grid_sampler(): expected input and grid to have same dtype, but input has "
            f"{input.dtype} and grid has {grid.dtype}"
        )


def _no_slope(p: Tensor) -> Tensor:
    """Zero, with a gradient of zero: a nearest pixel does not follow the position."""
    return lampas.where(p.isfinite(), p, lampas.zeros_like(p)) * 0


class _Outside:
    """What happens to positions outside the image."""

    def __init__(self, padding_mode: str, align_corners: bool) -> None:
        self.mode = padding_mode
        self.align_corners = align_corners

    def position(self, p: Tensor, n: int) -> Tensor:
        if self.mode == "zeros":
            return p
        if self.mode == "reflection":
            low, high = (0.0, n - 1.0) if self.align_corners else (-0.5, n - 0.5)
            p = _reflect(p, low, high)
        return p.clamp(0, n - 1)


def _reflect(p: Tensor, low: float, high: float) -> Tensor:
    span = high - low
    if span <= 0:
        return p * 0
    away = (p - low).abs()
    turns = (away / span).floor().detach()
    rest = away - turns * span
    even = lampas.remainder(turns, 2) == 0
    return lampas.where(even, rest + low, span - rest + low)


def _gather(input: Tensor, where: list[Tensor], sizes: list[int]) -> Tensor:
    """Pixels at whole positions; zero outside."""
    inside: Any = None
    index: Any = 0
    for p, n in zip(reversed(where), reversed(sizes), strict=False):
        ok = (p >= 0) & (p <= n - 1)
        inside = ok if inside is None else inside & ok
        # What is no number becomes 0 before it is an index.
        index = index * n + lampas.where(ok, p, lampas.zeros_like(p)).to(lampas.int64)
    batch, channels = input.shape[:2]
    flat = index.reshape(batch, 1, -1).expand(batch, channels, -1)
    values = input.flatten(2).gather(2, flat).reshape(batch, channels, *index.shape[1:])
    return values * inside.unsqueeze(1).to(input.dtype)


def _bilinear(input: Tensor, where: list[Tensor], sizes: list[int]) -> Tensor:
    low = [p.detach().floor() for p in where]
    part = [p - f for p, f in zip(where, low, strict=False)]
    total: Any = None
    for corner in range(2 ** len(where)):
        at, weight = [], 1
        for i, (f, t) in enumerate(zip(low, part, strict=False)):
            high = corner >> i & 1
            at.append(f + high)
            weight = weight * (t if high else 1 - t)  # type: ignore[assignment]
        value = _gather(input, at, sizes) * weight.unsqueeze(1)  # type: ignore[attr-defined]
        total = value if total is None else total + value
    return total


def _bicubic(input: Tensor, where: list[Tensor], sizes: list[int], fix: _Outside) -> Tensor:
    a = -0.75
    near = lambda x: ((a + 2) * x - (a + 3)) * x * x + 1
    far = lambda x: ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
    low = [p.detach().floor() for p in where]
    weights = []
    for p, f in zip(where, low, strict=False):
        t = p - f
        weights.append((far(t + 1), near(t), near(1 - t), far(2 - t)))
    total: Any = None
    for j in range(4):
        for i in range(4):
            column = fix.position(low[0] + (i - 1), sizes[0])
            row = fix.position(low[1] + (j - 1), sizes[1])
            weight = (weights[0][i] * weights[1][j]).unsqueeze(1)
            value = _gather(input, [column, row], sizes) * weight
            total = value if total is None else total + value
    return total
