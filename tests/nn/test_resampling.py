"""Interpolation, padding with pixels, patches and grids, against NumPy and finite differences."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import lampas
from lampas.autograd import gradcheck, gradgradcheck
from lampas.nn import functional as F

Array = np.ndarray[Any, Any]


def image(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).standard_normal(shape)


# ---- interpolation -------------------------------------------------------------------------------


def matrix(old: int, new: int, mode: str, corners: bool, antialias: bool) -> Array:
    """How much of each old position goes into each new one."""
    made = np.zeros((new, old))
    scale = (old - 1) / max(new - 1, 1) if corners else old / new
    for i in range(new):
        at = i * scale if corners else (i + 0.5) * scale - 0.5
        if mode == "nearest":
            made[i, min(int(i * old / new), old - 1)] += 1
        elif mode == "nearest-exact":
            made[i, min(int((i + 0.5) * old / new), old - 1)] += 1
        elif mode == "area":
            low, high = i * old // new, -(-(i + 1) * old // new)
            made[i, low:high] = 1 / (high - low)
        elif antialias:
            stretch, a = max(scale, 1.0), -0.5
            for j in range(old):
                made[i, j] = kernel(mode, (j - at) / stretch, a)
            made[i] /= made[i].sum()
        elif mode == "bicubic":
            for j in range(math.floor(at) - 1, math.floor(at) + 3):
                made[i, min(max(j, 0), old - 1)] += kernel(mode, j - at, -0.75)
        else:
            at = max(at, 0.0)
            low = min(int(at), old - 1)
            made[i, low] += 1 - (at - low)
            made[i, min(low + 1, old - 1)] += at - low
    return made


def kernel(mode: str, x: float, a: float) -> float:
    x = abs(x)
    if mode == "bilinear":
        return max(0.0, 1 - x)
    if x < 1:
        return ((a + 2) * x - (a + 3)) * x * x + 1
    return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a if x < 2 else 0.0


CASES = [
    *((mode, False, False) for mode in ("nearest", "nearest-exact", "area")),
    *((mode, corners, False) for mode in ("bilinear", "bicubic") for corners in (False, True)),
    *((mode, False, True) for mode in ("bilinear", "bicubic")),
]


@pytest.mark.parametrize(("mode", "corners", "antialias"), CASES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [(5, 7), (7, 80), (40, 50), (1, 1), (90, 11), (20, 33)])
def test_images_of_other_sizes(
    mode: str, corners: bool, antialias: bool, dtype: Any, size: tuple[int, int]
) -> None:
    x = image(2, 3, 20, 33).astype(dtype)
    smooth = mode in ("bilinear", "bicubic")
    t = lampas.tensor(x, requires_grad=True)
    y = F.interpolate(
        t, size, mode=mode, align_corners=corners if smooth else None, antialias=antialias
    )
    rows, cols = (
        matrix(o, n, mode, corners, antialias) for o, n in zip((20, 33), size, strict=True)
    )
    close = {"rtol": 1e-4, "atol": 1e-4} if dtype == np.float32 else {"rtol": 1e-9, "atol": 1e-9}
    expected = np.einsum("ij,ncjk,lk->ncil", rows, x, cols)
    assert np.allclose(y.detach().numpy(), expected, **close)
    g = image(2, 3, *size, seed=1).astype(dtype)
    (gx,) = lampas.autograd.grad(y, t, lampas.tensor(g))
    assert np.allclose(gx.numpy(), np.einsum("ij,ncil,lk->ncjk", rows, g, cols), **close)


def test_volumes_and_rows() -> None:
    x = image(2, 3, 4, 5, 6)
    made = F.interpolate(lampas.tensor(x), (7, 3, 9), mode="trilinear").numpy()
    parts = [matrix(o, n, "bilinear", False, False) for o, n in ((4, 7), (5, 3), (6, 9))]
    assert np.allclose(made, np.einsum("ai,bj,ck,nmijk->nmabc",
                                       *parts, x))  # fmt: skip
    row = image(2, 3, 100)
    made = F.interpolate(lampas.tensor(row), 230, mode="linear").numpy()
    assert np.allclose(made, row @ matrix(100, 230, "bilinear", False, False).T)
    made = F.interpolate(lampas.tensor(row), 256, mode="nearest").numpy()
    assert np.array_equal(made, row @ matrix(100, 256, "nearest", False, False).T)


@pytest.mark.parametrize("antialias", [False, True])
@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
def test_bytes_round_after_each_axis(mode: str, antialias: bool) -> None:
    x = np.random.default_rng(0).integers(0, 256, (1, 3, 37, 64)).astype(np.uint8)
    made = F.interpolate(lampas.tensor(x), (20, 90), mode=mode, antialias=antialias)
    assert made.dtype == lampas.uint8
    cols, rows = matrix(64, 90, mode, False, antialias), matrix(37, 20, mode, False, antialias)
    wide = np.clip(np.floor(x @ cols.T + 0.5), 0, 255)
    expected = np.clip(np.floor(np.einsum("ij,ncjk->ncik", rows, wide) + 0.5), 0, 255)
    # Weights of 15 bits move a value across a rounding now and then.
    assert np.abs(made.numpy().astype(int) - expected).max() <= 1
    assert (made.numpy() == expected).mean() > 0.97


@pytest.mark.parametrize("mode", ["nearest", "bilinear", "bicubic", "area"])
def test_interpolation_has_second_derivatives(mode: str) -> None:
    x = lampas.tensor(image(1, 2, 4, 5), requires_grad=True)
    assert gradcheck(lambda x: F.interpolate(x, (6, 3), mode=mode) ** 2, (x,))
    assert gradgradcheck(lambda x: F.interpolate(x, (6, 3), mode=mode) ** 2, (x,))


def test_interpolation_is_the_same_on_any_number_of_threads() -> None:
    x = lampas.tensor(image(3, 5, 70, 90).astype(np.float32), requires_grad=True)

    def both(mode: str) -> list[lampas.Tensor]:
        y = F.interpolate(x, (130, 64), mode=mode)
        return [y.detach(), *lampas.autograd.grad(y.square().sum(), x)]

    before = lampas.get_num_threads()
    try:
        for mode in ("nearest", "bilinear", "bicubic"):
            lampas.set_num_threads(1)
            one = both(mode)
            lampas.set_num_threads(3)
            assert all(a.equal(b) for a, b in zip(one, both(mode), strict=True))
    finally:
        lampas.set_num_threads(before)


# ---- padding with pixels -------------------------------------------------------------------------


@pytest.mark.parametrize(("mode", "name"), [("reflect", "reflect"), ("replicate", "edge"),
                                            ("circular", "wrap")])  # fmt: skip
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64, np.complex64, np.uint8])
def test_padding_with_pixels(mode: str, name: Any, dtype: Any) -> None:
    x = (image(2, 3, 7, 40) * 50).astype(dtype)
    made = F.pad(lampas.tensor(x), (2, 3, 6, 1), mode=mode)
    widths = ((0, 0), (0, 0), (6, 1), (2, 3))
    assert np.array_equal(made.numpy(), np.pad(x, widths, name))
    if dtype == np.float64:
        t = lampas.tensor(x[:1, :1, :, :7], requires_grad=True)
        assert gradcheck(lambda t: F.pad(t, (2, 3, 6, 1), mode=mode) ** 2, (t,))
        assert gradgradcheck(lambda t: F.pad(t, (2, 3, 6, 1), mode=mode) ** 2, (t,))


def test_negative_padding_takes_pixels_away() -> None:
    x = np.arange(10.0)[None, None]
    assert F.pad(lampas.tensor(x), (-2, 3), mode="replicate").flatten().tolist() == [
        2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 9,
    ]  # fmt: skip
    assert F.pad(lampas.tensor(x), (-2, 3), mode="circular").flatten().tolist() == [
        2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4,
    ]  # fmt: skip


def test_constant_padding_has_the_gradient_of_what_it_keeps() -> None:
    x = lampas.tensor(image(2, 3, 4), requires_grad=True)
    assert gradcheck(lambda x: F.pad(x, (1, -1, 2, 0), value=3.0) ** 2, (x,))
    assert gradgradcheck(lambda x: F.pad(x, (1, -1, 2, 0), value=3.0) ** 2, (x,))
    assert F.pad(x, (-1, 0)).equal(x[..., 1:])


# ---- patches -------------------------------------------------------------------------------------

PATCHES = [
    ((3, 3), (1, 1), (1, 1), (1, 1)),
    ((2, 3), (1, 1), (0, 0), (2, 1)),
    ((3, 3), (2, 2), (1, 2), (2, 2)),
    ((1, 4), (1, 2), (0, 3), (3, 1)),
    ((5, 5), (1, 1), (4, 4), (1, 3)),
]


def patches(x: Array, kernel: Any, dilation: Any, padding: Any, stride: Any) -> Array:
    x = np.pad(x, ((0, 0), (0, 0), (padding[0],) * 2, (padding[1],) * 2))
    blocks = [
        (x.shape[2 + d] - dilation[d] * (kernel[d] - 1) - 1) // stride[d] + 1 for d in range(2)
    ]
    made = []
    for a in range(kernel[0]):
        for b in range(kernel[1]):
            top, left = a * dilation[0], b * dilation[1]
            rows = slice(top, top + stride[0] * (blocks[0] - 1) + 1, stride[0])
            cols = slice(left, left + stride[1] * (blocks[1] - 1) + 1, stride[1])
            made.append(x[:, :, rows, cols])
    return np.stack(made, 2).reshape(x.shape[0], -1, math.prod(blocks))


@pytest.mark.parametrize("how", PATCHES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64])
def test_patches_and_their_sum(how: Any, dtype: Any) -> None:
    x = image(2, 3, 11, 13).astype(dtype)
    columns = F.unfold(lampas.tensor(x), *how)
    assert np.array_equal(columns.numpy(), patches(x, *how))
    # Folding is the transposed map: <unfold(x), y> = <x, fold(y)>.
    y = image(*columns.shape, seed=2).astype(dtype)
    back = F.fold(lampas.tensor(y), (11, 13), *how).numpy()
    assert np.allclose((patches(x, *how) * y).sum(), (x * back).sum(), rtol=1e-3)
    alone = F.fold(lampas.tensor(y[0]), (11, 13), *how).numpy()
    assert np.array_equal(alone, back[0])


def test_patches_have_second_derivatives() -> None:
    x = lampas.tensor(image(1, 2, 5, 4), requires_grad=True)
    assert gradcheck(lambda x: F.unfold(x, 3, 1, 1, 2) ** 2, (x,))
    assert gradgradcheck(lambda x: F.unfold(x, 3, 1, 1, 2) ** 2, (x,))
    y = lampas.tensor(image(1, 8, 6), requires_grad=True)
    assert gradgradcheck(lambda y: F.fold(y, (3, 4), 2) ** 2, (y,))


# ---- grids ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("corners", [False, True])
@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("mode", ["bilinear", "nearest", "bicubic"])
def test_sampling_agrees_with_its_form_in_operators(mode: str, padding: str, corners: bool) -> None:
    from lampas.nn.functional._grid import (
        GRID_SAMPLE_INTERPOLATION_MODES,
        GRID_SAMPLE_PADDING_MODES,
        _composed,
    )

    how = (GRID_SAMPLE_INTERPOLATION_MODES[mode], GRID_SAMPLE_PADDING_MODES[padding], corners)
    rng = np.random.default_rng(3)
    shapes = [((2, 6, 7, 8), (2, 15, 11, 2)), ((2, 3, 4, 5, 6), (2, 3, 9, 7, 3))]
    for size, grid_size in shapes[: 1 if mode == "bicubic" else 2]:
        x = lampas.tensor(rng.standard_normal(size), requires_grad=True)
        grid = lampas.tensor(rng.uniform(-1.5, 1.5, grid_size), requires_grad=True)
        y = F.grid_sample(x, grid, mode, padding, corners)
        expected = _composed(x, grid, *how)
        assert y.allclose(expected, rtol=1e-9, atol=1e-9)
        g = lampas.tensor(rng.standard_normal(tuple(y.shape)))
        made = lampas.autograd.grad(y, (x, grid), g)
        for a, b in zip(made, lampas.autograd.grad(expected, (x, grid), g), strict=True):
            assert a.allclose(b, rtol=1e-7, atol=1e-7)


def test_sampling_by_hand_and_at_no_position() -> None:
    x = lampas.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    nan = math.nan
    grid = lampas.tensor([[[[0.0, 0.0], [-1.0, -1.0], [9.0, 0.0], [nan, nan]]]])
    corners = F.grid_sample(x, grid, align_corners=True).flatten()
    assert corners[:3].tolist() == [2.5, 1.0, 0.0]
    edge = F.grid_sample(x, grid, padding_mode="border", align_corners=True).flatten()
    assert edge.tolist() == [2.5, 1.0, 3.0, 1.0]


def test_sampling_has_second_derivatives() -> None:
    x = lampas.tensor(image(1, 2, 4, 5), requires_grad=True)
    grid = lampas.tensor(np.random.default_rng(5).uniform(-0.9, 0.9, (1, 2, 3, 2)))
    grid.requires_grad_()
    assert gradcheck(lambda x, g: F.grid_sample(x, g, align_corners=False), (x, grid))
    assert gradgradcheck(lambda x, g: F.grid_sample(x, g, align_corners=False), (x, grid))


@pytest.mark.parametrize("corners", [False, True])
def test_grids_of_affine_maps(corners: bool) -> None:
    theta = image(2, 2, 3)
    x = np.linspace(-1, 1, 5) * (1 if corners else 4 / 5)
    y = np.linspace(-1, 1, 3) * (1 if corners else 2 / 3)
    base = np.stack(np.broadcast_arrays(x[None, :], y[:, None], 1.0), -1)
    expected = np.einsum("hwk,nik->nhwi", base, theta)
    made = F.affine_grid(lampas.tensor(theta), (2, 1, 3, 5), align_corners=corners)
    assert np.allclose(made.numpy(), expected)
    t = lampas.tensor(image(1, 3, 4), requires_grad=True)
    assert gradcheck(lambda t: F.affine_grid(t, (1, 1, 2, 3, 4), align_corners=corners), (t,))


# ---- group normalisation -------------------------------------------------------------------------


@pytest.mark.parametrize(("shape", "groups"), [((2, 6, 5, 7), 3), ((3, 8, 60), 2), ((4, 6), 2),
                                               ((1, 4, 80, 90), 1)])  # fmt: skip
def test_group_normalisation(shape: tuple[int, ...], groups: int) -> None:
    x, w, b = image(*shape) * 3 + 50, image(shape[1], seed=1), image(shape[1], seed=2)
    flat = x.reshape(shape[0], groups, -1)
    normal = (flat - flat.mean(2, keepdims=True)) / np.sqrt(flat.var(2, keepdims=True) + 1e-5)
    tail = (1, -1, *(1 for _ in shape[2:]))
    expected = normal.reshape(shape) * w.reshape(tail) + b.reshape(tail)
    for dtype, tolerance in ((lampas.float64, 1e-9), (lampas.float32, 2e-4)):
        made = F.group_norm(*(lampas.tensor(v, dtype=dtype) for v in (x,)), groups,
                            *(lampas.tensor(v, dtype=dtype) for v in (w, b)))  # fmt: skip
        assert np.allclose(made.double().numpy(), expected, atol=tolerance, rtol=tolerance)


@pytest.mark.parametrize("affine", [True, False])
def test_group_normalisation_has_second_derivatives(affine: bool) -> None:
    x = lampas.tensor(image(2, 4, 3), requires_grad=True)
    params = [lampas.tensor(image(4, seed=i), requires_grad=True) for i in range(2)] * affine
    assert gradcheck(lambda x, *p: F.group_norm(x, 2, *p), (x, *params))
    assert gradgradcheck(lambda x, *p: F.group_norm(x, 2, *p), (x, *params))
    y = F.group_norm(lampas.zeros(0, 4, 3), 2, *(p.detach().float() for p in params))
    assert y.shape == (0, 4, 3)


@pytest.mark.parametrize("mode", ["bilinear", "nearest", "bicubic"])
@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("width", [1, 2, 3, 6])
def test_many_points_are_sampled_as_each_alone(mode: str, padding: str, width: int) -> None:
    x = lampas.randn(2, 3, 4, width, dtype=lampas.float64)
    grid = lampas.rand(2, 19, 17, 2, dtype=lampas.float64) * 3.4 - 1.7
    g = lampas.randn(2, 3, 19, 17, dtype=lampas.float64)
    how = {"mode": mode, "padding_mode": padding, "align_corners": False}
    pieces = [x.clone().requires_grad_(), grid.clone().requires_grad_()]
    whole = [x.clone().requires_grad_(), grid.clone().requires_grad_()]
    y = F.grid_sample(*whole, **how)
    y.backward(g)
    rows = [F.grid_sample(pieces[0], pieces[1][:, i : i + 1], **how) for i in range(19)]
    want = lampas.cat(rows, 2)
    want.backward(g)
    lampas.testing.assert_close(y, want)
    for a, b in zip(whole, pieces, strict=True):
        lampas.testing.assert_close(a.grad, b.grad)
    # The gradients against the formula of second derivatives, which is written in operators.
    again = [x.clone().requires_grad_(), grid.clone().requires_grad_()]
    grads = lampas.autograd.grad(F.grid_sample(*again, **how), again, g, create_graph=True)
    for a, b in zip(whole, grads, strict=True):
        lampas.testing.assert_close(a.grad, b.detach())
