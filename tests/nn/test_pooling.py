"""Pooling against loops over the windows."""

from __future__ import annotations

import math

import numpy as np
import pytest

import lampas
import lampas.nn.functional as F


def windows(x, kernel, stride):
    """All windows of the last two dimensions: [..., out, out, kernel * kernel]."""
    view = np.lib.stride_tricks.sliding_window_view(x, (kernel, kernel), (-2, -1))
    view = view[..., ::stride, ::stride, :, :]
    return view.reshape(*view.shape[:-2], -1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("kernel", "stride"), [(2, 2), (3, 2), (3, 1), (2, 3), (4, 4)])
@pytest.mark.parametrize("width", [4, 9, 12, 24, 30, 37, 70])
def test_maximum_and_its_place(width, kernel, stride, dtype):
    rng = np.random.default_rng(width)
    x = rng.integers(0, 4, (2, 3, 7, width)).astype(dtype)  # with ties: the first one counts
    y, at = F.max_pool2d(lampas.tensor(x), kernel, stride, return_indices=True)
    all_windows = windows(x, kernel, stride)
    np.testing.assert_array_equal(y.numpy(), all_windows.max(-1))
    first = all_windows.argmax(-1)
    rows, columns = np.indices(first.shape[-2:])
    want = (rows * stride + first // kernel) * width + columns * stride + first % kernel
    np.testing.assert_array_equal(at.numpy(), want)


@pytest.mark.parametrize("width", [6, 24, 40])
def test_nan_is_the_maximum(width):
    x = np.random.default_rng(0).standard_normal((1, 2, 6, width)).astype(np.float32)
    x[0, 1, 3, width - 2] = np.nan
    y = F.max_pool2d(lampas.tensor(x), 2).numpy()
    np.testing.assert_array_equal(np.isnan(y), np.isnan(windows(x, 2, 2).max(-1)))
    assert np.isnan(y).sum() == 1


@pytest.mark.parametrize(("kernel", "stride"), [(2, 2), (3, 2), (3, 1), (5, 3)])
@pytest.mark.parametrize("width", [8, 12, 33])
def test_average_and_gradients(width, kernel, stride):
    rng = np.random.default_rng(width)
    x = rng.standard_normal((2, 3, 9, width))
    tx = lampas.tensor(x, requires_grad=True)
    y = F.avg_pool2d(tx, kernel, stride)
    np.testing.assert_allclose(y.detach().numpy(), windows(x, kernel, stride).mean(-1))
    assert lampas.autograd.gradcheck(lambda t: F.avg_pool2d(t, kernel, stride), tx)
    assert lampas.autograd.gradcheck(lambda t: F.max_pool2d(t, kernel, stride), tx)


SMALL = [
    lambda x: F.max_pool2d(x, 3, 2, 1),
    lambda x: F.max_pool2d(x, (3, 2), 1, (1, 0), 2, return_indices=True),
    lambda x: F.max_pool2d(x, 2, ceil_mode=True),
    lambda x: F.avg_pool2d(x, 3, 2, 1, count_include_pad=False),
    lambda x: F.adaptive_max_pool2d(x, (2, 3), return_indices=True),
    lambda x: F.adaptive_avg_pool2d(x, (2, 3)),
    lambda x: F.interpolate(x, size=(11, 4), mode="bicubic"),
    lambda x: F.interpolate(x, size=(3, 4), mode="bilinear", antialias=True),
]


@pytest.mark.parametrize("dtype", [lampas.float32, lampas.float64])
@pytest.mark.parametrize("pool", SMALL)
def test_many_small_planes_are_treated_as_one_would_be(pool, dtype):
    x = lampas.randn(1, 37, 7, 5, dtype=dtype)  # more than a vector holds, and not a multiple
    x[0, 3, 2, 2] = math.nan
    together, apart = (x.clone().requires_grad_() for _ in range(2))
    results = pool(together)
    singly = [pool(apart[:, i : i + 1]) for i in range(x.size(1))]
    if isinstance(results, tuple):
        results, indices = results
        singly, single_indices = zip(*singly, strict=True)
        assert indices.dtype == lampas.int64
        assert indices.equal(lampas.cat(single_indices, 1))
    want = lampas.cat(singly, 1)
    g = lampas.randn(results.shape, dtype=dtype)
    results.backward(g)
    want.backward(g)
    tol = 1e-5 if dtype == lampas.float32 else 1e-12
    lampas.testing.assert_close(results, want, rtol=tol, atol=tol, equal_nan=True)
    lampas.testing.assert_close(together.grad, apart.grad, rtol=tol, atol=tol, equal_nan=True)


def test_a_window_that_sees_padding_alone_has_no_maximum():
    x = lampas.ones(1, 1, 3, 1)
    assert F.max_pool2d(x, 2, 3, padding=1, dilation=2).item() == -math.inf
    many = F.max_pool2d(lampas.ones(1, 64, 3, 1), 2, 3, padding=1, dilation=2)
    assert (many == -math.inf).all()
