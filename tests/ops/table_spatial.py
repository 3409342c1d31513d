"""Rows of convolutions, pooling, resampling and normalisation."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from .table import Call, Op, call, t


def _windows(x: Any, k: int, stride: int, pad: int, dilation: int, fill: float, n: int) -> Any:
    """Views [..., out..., k...] of windows over the last n dimensions."""
    pads = [(0, 0)] * (x.ndim - n) + [(pad, pad)] * n
    x = np.pad(x, pads, constant_values=fill)
    axes = tuple(range(x.ndim - n, x.ndim))
    span = dilation * (k - 1) + 1
    w = np.lib.stride_tricks.sliding_window_view(x, (span,) * n, axes)
    at = (slice(None),) * (x.ndim - n) + (slice(None, None, stride),) * n
    return w[at + (slice(None, None, dilation),) * n]


def _conv(n: int) -> Callable[..., Any]:
    def reference(
        x: Any,
        w: Any,
        b: Any = None,
        stride: int = 1,
        padding: int = 0,
        dilation: int = 1,
        groups: int = 1,
    ) -> Any:
        parts = []
        for xs, ws in zip(np.split(x, groups, 1), np.split(w, groups, 0), strict=True):
            windows = _windows(xs, w.shape[-1], stride, padding, dilation, 0, n)
            axes = [1, *range(2 + n, 2 + 2 * n)]
            y = np.tensordot(windows, ws, (axes, [1, *range(2, 2 + n)]))
            parts.append(np.moveaxis(y, -1, 1))
        y = np.concatenate(parts, 1)
        return y if b is None else y + b.reshape(-1, *[1] * n)

    return reference


def _transposed(n: int) -> Callable[..., Any]:
    def reference(
        x: Any, w: Any, b: Any = None, stride: int = 1, padding: int = 0, output_padding: int = 0
    ) -> Any:
        k = w.shape[-1]
        sizes = [(s - 1) * stride + k + output_padding for s in x.shape[2:]]
        y = np.zeros((x.shape[0], w.shape[1], *sizes), x.dtype)
        for at in itertools.product(*(range(s) for s in x.shape[2:])):
            part = np.einsum("bc,cd...->bd...", x[(slice(None), slice(None), *at)], w)
            place = tuple(slice(i * stride, i * stride + k) for i in at)
            y[(slice(None), slice(None), *place)] += part
        y = y[(slice(None), slice(None)) + tuple(slice(padding, s - padding) for s in sizes)]
        return y if b is None else y + b.reshape(-1, *[1] * n)

    return reference


_NO_CHANNELS = "channels|weight"


def conv(n: int, sizes: tuple[int, ...]) -> Op:
    """A convolution over n dimensions: plain, and with stride, padding, dilation and groups."""
    k = (2,) * n
    return Op(
        f"nn.functional.conv{n}d",
        [
            call(t(1, 2, *sizes), t(2, 2, *k), t(2)),
            call(t(1, 2, *sizes), t(2, 1, *k), None, 2, 1, 2, 2),
        ],
        _conv(n),
        kinds="fc",
        tolerance=10,
        errors=[(call(t(1, 3, *sizes), t(2, 2, *k)), RuntimeError, _NO_CHANNELS)],
    )


def transposed(n: int, sizes: tuple[int, ...]) -> Op:
    """The same transposed."""
    k = (2,) * n
    return Op(
        f"nn.functional.conv_transpose{n}d",
        [
            call(t(1, 2, *sizes), t(2, 1, *k), t(1)),
            call(t(1, 1, *sizes), t(1, 1, *k), None, 2, 1, 1),
        ],
        _transposed(n),
        kinds="fc",
        tolerance=10,
        errors=[(call(t(1, 3, *sizes), t(2, 2, *k)), RuntimeError, _NO_CHANNELS)],
    )


def _average(n: int) -> Callable[..., Any]:
    def reference(x: Any, k: int, stride: int | None = None, padding: int = 0) -> Any:
        w = _windows(x, k, stride or k, padding, 1, 0, n)
        return w.mean(tuple(range(-n, 0)))

    return reference


def _largest(n: int, places: bool) -> Callable[..., Any]:
    def reference(
        x: Any, k: int, stride: int | None = None, padding: int = 0, dilation: int = 1
    ) -> Any:
        how = (k, stride or k, padding, dilation)
        w = _windows(x, *how, -np.inf, n)
        best = w.max(tuple(range(-n, 0)))
        if not places:
            return best
        size = int(np.prod(x.shape[-n:]))
        numbers = np.broadcast_to(np.arange(size).reshape(x.shape[-n:]), x.shape)
        at = _windows(numbers, *how, 0, n)
        hit = np.where(w == best[(..., *[None] * n)], at, -1)
        return [best, hit.max(tuple(range(-n, 0)))]

    return reference


def _adaptive(n: int, reduce: Any) -> Callable[..., Any]:
    def reference(x: Any, size: int) -> Any:
        for axis in range(x.ndim - n, x.ndim):
            m = x.shape[axis]
            parts = [
                reduce(x.take(range(i * m // size, -((i + 1) * m // -size)), axis), axis)
                for i in range(size)
            ]
            x = np.stack(parts, axis)
        return x

    return reference


_SIZES = {1: (5,), 2: (3, 4), 3: (3, 3, 2)}
_SMALL = (call(t(1, 1, 2), 5), RuntimeError, "output|size|small")


def pools(n: int) -> list[Op]:
    """Pooling over n dimensions, of each kind."""
    s = _SIZES[n]
    windows = [call(t(1, 2, *s), 2), call(t(1, *s), 2, 1, 1)]
    bad = [(call(t(1, 1, *[2] * n), 5), RuntimeError, "output|size|small")]
    adaptive = [call(t(1, 2, *s), 2), call(t(1, *s), 1)]
    mean = _adaptive(n, lambda part, axis: part.mean(axis))
    most = _adaptive(n, lambda part, axis: part.max(axis))
    name = "nn.functional."
    return [
        Op(f"{name}avg_pool{n}d", windows, _average(n), errors=bad, tolerance=2),
        Op(f"{name}max_pool{n}d", windows, _largest(n, False), errors=bad),
        Op(f"max_pool{n}d_with_indices", windows, _largest(n, True), result="", errors=bad),
        Op(f"{name}max_pool{n}d_with_indices", windows, _largest(n, True), result=""),
        Op(f"{name}adaptive_avg_pool{n}d", adaptive, mean, tolerance=2),
        Op(f"{name}adaptive_max_pool{n}d", adaptive, most),
        Op(
            f"{name}adaptive_max_pool{n}d_with_indices",
            adaptive[:1],
            most,
            seen=lambda parts: parts[0],
            result="",
        ),
        Op(
            f"{name}lp_pool{n}d",
            [call(t(1, 2, *s, lo=0.3), 2, 2)],
            lambda x, p, k: np.sqrt((_windows(x, k, k, 0, 1, 0, n) ** 2).sum(tuple(range(-n, 0)))),
            tolerance=5,
        ),
        Op(
            f"{name}max_unpool{n}d",
            [call(t(1, 1, *[2] * n), _corners(n), 2)],
            None,
            errors=[(call(t(1, 1, *[2] * n), t(1, 1, *[2] * n), 2), RuntimeError, "int64")],
        ),
    ]


def _corners(n: int) -> Any:
    """Where the last element of each window of two lies, of an input with four a side."""
    from .table import Fixed

    numbers = np.arange(4**n).reshape((1, 1, *[4] * n))
    return Fixed(numbers[(..., *[slice(1, None, 2)] * n)].tolist())


def _standardized(x: Any, axes: tuple[int, ...]) -> Any:
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + 1e-5)


def _affine(y: Any, w: Any, b: Any) -> Any:
    shape = (1, -1, *[1] * (y.ndim - 2))
    return y * w.reshape(shape) + b.reshape(shape)


def _grouped(x: Any, groups: int, w: Any, b: Any) -> Any:
    y = _standardized(x.reshape(x.shape[0], groups, -1), (2,)).reshape(x.shape)
    return _affine(y, w, b)


def _affine_grid(theta: Any, size: Any, align_corners: bool) -> Any:
    """Positions of pixel centres in an image whose corners are at -1 and 1, transformed."""
    y, x = (np.linspace(-1 + 1 / n, 1 - 1 / n, n) for n in size[2:])
    grid = np.stack(np.broadcast_arrays(x[None], y[:, None], np.ones(())), -1)
    return (grid @ theta[0].T)[None]


def _interpolated(mode: str, sizes: tuple[int, ...], to: Any, **options: Any) -> Call:
    return call(t(1, 1, *sizes), to, mode=mode, **options)


ROWS: list[Op] = [
    *(conv(n, _SIZES[n]) for n in (1, 2, 3)),
    *(transposed(n, (2,) * n) for n in (1, 2, 3)),
    *(row for n in (1, 2, 3) for row in pools(n)),
    Op(
        "convolution",
        [call(t(1, 2, 4), t(2, 2, 2), t(2), [1], [0], [1], False, [0], 1)],
        lambda x, w, b, *_: _conv(1)(x, w, b),
        tolerance=10,
        kinds="fc",
    ),
    Op(
        "conv_tbc",
        [call(t(4, 1, 2), t(2, 2, 3), t(3))],
        lambda x, w, b: (
            np.moveaxis(_conv(1)(np.transpose(x, (1, 2, 0)), np.transpose(w, (2, 1, 0)), b), 2, 0)
            .swapaxes(1, 1)
            .reshape(3, 1, 3)
        ),
        tolerance=10,
        aliases=["nn.functional.conv_tbc"],
        kinds="fc",
    ),
    Op(
        "nn.functional.unfold",
        [call(t(1, 2, 3, 3), 2)],
        lambda x, k: np.moveaxis(_windows(x, k, 1, 0, 1, 0, 2), (4, 5), (2, 3)).reshape(1, 8, 4),
        errors=[(call(t(1, 2, 3, 3), 7), RuntimeError, "7|size")],
        kinds="fc",
    ),
    Op(
        "nn.functional.fold",
        [call(t(1, 4, 4), (3, 3), 2)],
        None,
        errors=[(call(t(1, 5, 4), (3, 3), 2), RuntimeError, "5")],
        kinds="fc",
    ),
    Op(
        "nn.functional.interpolate",
        [
            _interpolated("nearest", (2, 3), (4, 5)),
            _interpolated("nearest-exact", (3,), 5),
            _interpolated("linear", (3,), 5),
            _interpolated("linear", (3,), 5, align_corners=True),
            _interpolated("bilinear", (2, 3), (3, 5)),
            _interpolated("bilinear", (4, 4), (2, 3), antialias=True),
            _interpolated("bicubic", (3, 2), (4, 3)),
            _interpolated("trilinear", (2, 2, 2), (3, 2, 3)),
            _interpolated("area", (4,), 2),
        ],
        errors=[(call(t(1, 1, 2), 4, mode="bilinear"), NotImplementedError, "3D|4-?D|bilinear")],
    ),
    Op("nn.functional.upsample", [call(t(1, 1, 3), 6)], lambda x, n: np.repeat(x, 2, 2)),
    Op("nn.functional.upsample_nearest", [call(t(1, 1, 3), 6)], lambda x, n: np.repeat(x, 2, 2)),
    Op("nn.functional.upsample_bilinear", [call(t(1, 1, 2, 2), (3, 3))], None),
    Op(
        "grid_sampler",
        [call(t(1, 1, 3, 3), t(1, 2, 2, 2, lo=-0.8, hi=0.8), 0, 0, False)],
        kinds="d",
    ),
    Op(
        "grid_sampler_2d",
        [call(t(1, 1, 3, 3), t(1, 2, 2, 2, lo=-0.8, hi=0.8), 0, 1, True)],
        kinds="d",
    ),
    Op(
        "grid_sampler_3d",
        [call(t(1, 1, 2, 2, 3), t(1, 1, 2, 2, 3, lo=-0.8, hi=0.8), 0, 0, True)],
        kinds="d",
    ),
    Op(
        "nn.functional.grid_sample",
        [
            call(t(1, 1, 3, 3), t(1, 2, 2, 2, lo=-0.8, hi=0.8), "bilinear", "zeros", False),
            call(t(1, 1, 3, 3), t(1, 2, 2, 2, lo=-0.8, hi=0.8), "bicubic", "border", True),
        ],
        kinds="d",
        errors=[(call(t(1, 1, 3, 3), t(1, 2, 2, 3)), RuntimeError, "grid")],
    ),
    Op(
        "nn.functional.affine_grid",
        [call(t(1, 2, 3), (1, 1, 2, 3), False)],
        _affine_grid,
        kinds="d",
        errors=[(call(t(1, 2, 2), (1, 1, 2, 3)), ValueError, "2x3")],
    ),
    Op("affine_grid_generator", [call(t(1, 2, 3), (1, 1, 2, 3), False)], _affine_grid, kinds="d"),
    Op(
        "nn.functional.channel_shuffle",
        [call(t(1, 4, 2), 2)],
        lambda x, g: x[:, [0, 2, 1, 3]],
        kinds="fcib",
    ),
    Op(
        "nn.functional.native_channel_shuffle",
        [call(t(1, 4, 2), 2)],
        lambda x, g: x[:, [0, 2, 1, 3]],
        kinds="fcib",
    ),
    Op(
        "nn.functional.pad",
        [
            call(t(2, 3), (1, 2)),
            call(t(1, 2, 3), (1, 2), "reflect"),
            call(t(1, 2, 3), (1, 2), "replicate"),
            call(t(1, 2, 3), (1, 2), "circular"),
        ],
        lambda x, p, mode="constant": np.pad(
            x,
            [(0, 0)] * (x.ndim - 1) + [p],
            {"replicate": "edge", "circular": "wrap"}.get(mode, mode),
        ),
        kinds="fc",
        errors=[(call(t(1, 2, 3), (5, 0), "reflect"), RuntimeError, "5|[Pp]adding")],
    ),
    Op(
        "nn.functional.batch_norm",
        [call(t(3, 2, 2), None, None, t(2), t(2), True)],
        lambda x, m, v, w, b, _: _affine(_standardized(x, (0, 2)), w, b),
        tolerance=10,
        errors=[(call(t(2, 3), None, None), RuntimeError, "running_mean")],
    ),
    Op(
        "native_batch_norm",
        [call(t(3, 2), t(2), t(2), None, None, True, 0.1, 1e-5)],
        lambda x, w, b, *_: _affine(_standardized(x, (0,)), w, b),
        seen=lambda parts: parts[0],
        result="",
        tolerance=10,
    ),
    Op(
        "nn.functional.instance_norm",
        [call(t(2, 2, 3), None, None, t(2), t(2))],
        lambda x, m, v, w, b: _affine(_standardized(x, (2,)), w, b),
        tolerance=10,
    ),
    Op(
        "nn.functional.group_norm",
        [call(t(1, 4, 2), 2, t(4), t(4))],
        _grouped,
        tolerance=10,
        errors=[(call(t(1, 3, 2), 2), RuntimeError, "3.*2|divisible")],
    ),
    Op(
        "native_group_norm",
        [call(t(1, 4, 2), t(4), t(4), 1, 4, 2, 2, 1e-5)],
        lambda x, w, b, *_: _grouped(x, 2, w, b),
        seen=lambda parts: parts[0],
        result="",
        tolerance=10,
    ),
    Op(
        "native_layer_norm",
        [call(t(2, 4), (4,), t(4), t(4), 1e-5)],
        lambda x, s, w, b, e: _standardized(x, (1,)) * w + b,
        seen=lambda parts: parts[0],
        result="",
        tolerance=10,
    ),
    Op(
        "nn.functional.rms_norm",
        [call(t(2, 4), (4,), t(4), 1e-5)],
        lambda x, s, w, e: x / np.sqrt((x * x).mean(-1, keepdims=True) + e) * w,
        tolerance=10,
        kinds="fc",
    ),
    Op(
        "nn.functional.local_response_norm",
        [call(t(1, 4, 3), 2)],
        lambda x, n: (
            x / (1 + 1e-4 * (x**2 + np.pad(x, ((0, 0), (1, 0), (0, 0)))[:, :-1] ** 2) / 2) ** 0.75
        ),
        tolerance=10,
    ),
    Op(
        "nn.functional.normalize",
        [call(t(2, 3)), call(t(2, 3), 1.0, 0)],
        lambda x, p=2.0, dim=1: x / np.linalg.norm(x, p, dim, keepdims=True),
        tolerance=5,
        kinds="fc",
    ),
]
