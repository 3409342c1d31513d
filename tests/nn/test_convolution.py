"""Convolutions against sums written out with NumPy, and their gradients as adjoints of them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import lampas
import lampas.nn.functional as F

TOLERANCE = {np.float32: 2e-4, np.float64: 1e-11}


def convolve(x, w, stride, padding, dilation, groups):
    """The definition, a tap at a time, in float64: one value of each setting per dimension."""
    size = x.shape[2:]
    x = np.pad(x, [(0, 0), (0, 0), *((p, p) for p in padding)])
    out = [
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, k, s, p, d in zip(size, w.shape[2:], stride, padding, dilation, strict=True)
    ]
    per, c = w.shape[0] // groups, w.shape[1]
    y = np.zeros((x.shape[0], w.shape[0], *out))
    for tap in itertools.product(*map(range, w.shape[2:])):
        window = tuple(
            slice(t * d, t * d + s * (o - 1) + 1, s)
            for t, d, s, o in zip(tap, dilation, stride, out, strict=True)
        )
        patch = x[(..., *window)]
        for g in range(groups):
            y[:, g * per : (g + 1) * per] += np.einsum(
                "nc...,oc->no...",
                patch[:, g * c : (g + 1) * c],
                w[(slice(g * per, (g + 1) * per), slice(None), *tap)],
            )
    return y


def check(rng, n, channels, outputs, size, kernel, stride, padding, dilation, groups, dtype):
    rank = len(size)
    settings = (stride, padding, dilation, groups)
    x = rng.standard_normal((n, channels * groups, *size))
    w = rng.standard_normal((outputs * groups, channels, *kernel))
    b = rng.standard_normal(outputs * groups)
    tx, tw, tb = (lampas.tensor(a.astype(dtype), requires_grad=True) for a in (x, w, b))
    conv = (F.conv1d, F.conv2d, F.conv3d)[rank - 1]
    y = conv(tx, tw, tb, *settings)
    want = convolve(x, w, *settings) + b.reshape(-1, *[1] * rank)
    gy = rng.standard_normal(want.shape)
    y.backward(lampas.tensor(gy.astype(dtype)))
    tolerance = TOLERANCE[dtype]
    np.testing.assert_allclose(y.detach().numpy(), want, atol=tolerance * np.abs(want).max())
    # <gy, conv(u, w)> = <gx, u> for any u, and the same for the weight.
    u, v = rng.standard_normal(x.shape), rng.standard_normal(w.shape)
    for got, of, probe in (
        (tx.grad, convolve(u, w, *settings), u),
        (tw.grad, convolve(x, v, *settings), v),
    ):
        scale = np.abs(gy * of).sum() + 1e-30
        assert abs((got.numpy() * probe).sum() - (gy * of).sum()) < tolerance * scale
    axes = (0, *range(2, rank + 2))
    near = tolerance * 10 * np.sqrt(gy.size)
    np.testing.assert_allclose(tb.grad.numpy(), gy.sum(axes), atol=near)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("seed", range(25))
def test_random_shapes(seed, dtype):
    rng = np.random.default_rng(seed)
    rank = int(rng.integers(1, 4))
    kernel, stride, padding, dilation = (
        tuple(int(k) for k in rng.integers(low, high, rank))
        for low, high in ((1, 5), (1, 4), (0, 3), (1, 3))
    )
    most = (60, 30, 10)[rank - 1]
    size = tuple(
        int(rng.integers(d * (k - 1) + 1, most)) for d, k in zip(dilation, kernel, strict=True)
    )
    n, channels, outputs = (int(k) for k in rng.integers(1, (5, 34, 34)))
    groups = int(rng.choice([1, 1, 2, 3]))
    check(rng, n, channels, outputs, size, kernel, stride, padding, dilation, groups, dtype)


@pytest.mark.parametrize("seed", range(8))
def test_depthwise(seed):
    rng = np.random.default_rng(seed)
    size, kernel = (tuple(int(k) for k in rng.integers(*r, 2)) for r in ((6, 40), (1, 6)))
    stride, padding = (tuple(int(k) for k in rng.integers(*r, 2)) for r in ((1, 4), (0, 3)))
    groups, dtype = int(rng.integers(2, 40)), (np.float32, np.float64)[seed % 2]
    check(rng, 3, 1, 1, size, kernel, stride, padding, (1, 1), groups, dtype)


@pytest.mark.parametrize("seed", range(12))
def test_three_by_three_with_enough_tiles_for_winograd(seed):
    rng = np.random.default_rng(seed)
    low, high = (4, 16, 16, 7, 7), (17, 70, 70, 30, 40)
    n, channels, outputs, h, w = (int(k) for k in rng.integers(low, high))
    padding = tuple(int(k) for k in rng.integers(0, 3, 2))
    check(rng, n, channels, outputs, (h, w), (3, 3), (1, 1), padding, (1, 1), 1, np.float32)


def test_winograd_can_be_switched_off():
    x, w = lampas.randn(8, 32, 16, 16), lampas.randn(32, 32, 3, 3)
    exact = F.conv2d(x.double(), w.double(), padding=1)
    errors = []
    for on in (True, False):
        lampas.backends.winograd.enabled = on
        assert lampas.backends.winograd.enabled is on
        errors.append((F.conv2d(x, w, padding=1) - exact).abs().max().item())
    lampas.backends.winograd.enabled = True
    assert errors[1] < errors[0] < 1e-3


def test_many_channels_over_few_positions():
    rng = np.random.default_rng(0)
    check(rng, 4, 130, 150, (4, 4), (3, 3), (1, 1), (1, 1), (1, 1), 1, np.float32)


@pytest.mark.parametrize("tiles", [16, 80])
def test_winograd_by_outputs(tiles):
    rng = np.random.default_rng(tiles)
    size = (4, 4) if tiles == 16 else (8, 7)
    images = 16 if tiles == 16 else 20  # of one tile, and of four
    check(rng, images, 100, 136, size, (3, 3), (1, 1), (1, 1), (1, 1), 1, np.float32)


# Rows of outputs of 1 to 4 vectors, whole and half, as they lie and copied.
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("width", [8, 9, 16, 20, 24, 31, 33, 56])
@pytest.mark.parametrize(
    ("channels", "kernel", "stride", "padding"),
    [(1, 5, 1, 0), (3, 7, 2, 3), (3, 3, 1, 1), (40, 1, 2, 0), (30, 1, 1, 0), (2, 4, 3, 2)],
)
def test_rows_of_images(channels, kernel, stride, padding, width, dtype):
    rng = np.random.default_rng(width)
    side = (width - 1) * stride + kernel - 2 * padding
    check(rng, 3, channels, 14, (5 * stride + kernel, side), (kernel,) * 2, (stride,) * 2,
          (padding,) * 2, (1, 1), 1, dtype)  # fmt: skip


def test_one_by_one_with_many_channels():
    rng = np.random.default_rng(0)
    check(rng, 3, 600, 33, (14, 14), (1, 1), (1, 1), (0, 0), (1, 1), 1, np.float32)


@pytest.mark.parametrize(
    "shape", [(8, 32, 16, 16, 32, 3), (2, 3, 40, 40, 16, 7), (16, 80, 4, 4, 128, 3)]
)
def test_same_bits_on_any_number_of_threads(shape):
    n, c, h, w, o, k = shape
    x, weight = lampas.randn(n, c, h, w), lampas.randn(o, c, k, k)
    before, results = lampas.get_num_threads(), []
    for threads in (1, 2, 3):
        lampas.set_num_threads(threads)
        a, b = x.clone().requires_grad_(), weight.clone().requires_grad_()
        y = F.conv2d(a, b, padding=1)
        y.backward(y.detach())
        results.append((y.detach(), a.grad, b.grad))
    lampas.set_num_threads(before)
    for other in results[1:]:
        assert all(lampas.equal(p, q) for p, q in zip(results[0], other, strict=True))


@pytest.mark.parametrize("transposed", [False, True])
def test_second_derivatives(transposed):
    conv = F.conv_transpose2d if transposed else F.conv2d
    x = lampas.randn(2, 4, 5, 4, dtype=lampas.float64, requires_grad=True)
    w = lampas.randn(4, 2, 3, 2, dtype=lampas.float64, requires_grad=True)
    b = lampas.randn(4, dtype=lampas.float64, requires_grad=True)

    def f(x, w, b):
        return conv(x, w, b, stride=2, padding=1, groups=2)

    assert lampas.autograd.gradcheck(f, (x, w, b))
    assert lampas.autograd.gradgradcheck(f, (x, w, b))


def test_complex_and_integer():
    rng = np.random.default_rng(0)
    parts = [rng.standard_normal(s) for s in ((2, 3, 8), (2, 3, 8), (4, 3, 3), (4, 3, 3))]
    x, w = parts[0] + 1j * parts[1], parts[2] + 1j * parts[3]
    real, imag = (
        convolve(p, parts[2], (1,), (1,), (1,), 1) * 1.0
        + sign * convolve(q, parts[3], (1,), (1,), (1,), 1)
        for p, q, sign in ((parts[0], parts[1], -1), (parts[1], parts[0], 1))
    )
    got = F.conv1d(lampas.tensor(x), lampas.tensor(w), padding=1).numpy()
    np.testing.assert_allclose(got, real + 1j * imag, atol=1e-12)
    x, w = rng.integers(-9, 9, (2, 3, 8)), rng.integers(-9, 9, (4, 3, 3))
    got = F.conv1d(lampas.tensor(x), lampas.tensor(w)).numpy()
    assert (got == convolve(x, w, (1,), (0,), (1,), 1)).all()
    x, w = rng.integers(-99, 99, (2, 4, 6, 8)), rng.integers(-99, 99, (6, 2, 3, 3))
    exact = convolve(x, w, (2, 1), (1, 1), (1, 1), 2)
    for kind in (np.int8, np.uint8, np.int16, np.int32):
        args = (lampas.from_numpy(t.astype(kind)) for t in (x, w))
        got = F.conv2d(*args, stride=(2, 1), padding=1, groups=2).numpy()
        assert got.dtype == kind and (got == exact.astype(kind)).all()  # wrapped around
    with pytest.raises(NotImplementedError, match="not implemented for 'bool'"):
        F.conv1d(lampas.ones(1, 1, 4).bool(), lampas.ones(1, 1, 2).bool())


def test_sizes_that_do_not_fit():
    x = lampas.zeros(1, 3, 8, 8)
    with pytest.raises(RuntimeError, match="to have 4 channels, but got 3 channels instead"):
        F.conv2d(x, lampas.zeros(2, 4, 3, 3))
    with pytest.raises(RuntimeError, match="Kernel size can't be greater than actual input size"):
        F.conv2d(x, lampas.zeros(2, 3, 9, 9))
