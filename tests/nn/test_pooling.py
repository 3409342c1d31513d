"""Pooling against loops over the windows."""

from __future__ import annotations

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
