"""Batch normalisation against its definition in float64, and its gradients."""

from __future__ import annotations

import numpy as np
import pytest

import lampas
import lampas.nn.functional as F


def normalized(x, w, b, mean, var, eps):
    shape = (1, -1, *[1] * (x.ndim - 2))
    mean, var, w, b = (v.reshape(shape) for v in (mean, var, w, b))
    return (x - mean) / np.sqrt(var + eps) * w + b


SHAPES = [
    (7, 5),
    (64, 300),
    (6, 4, 3),
    (3, 20, 2, 3),
    (4, 6, 9, 8),
    (2, 3, 4, 5, 6),
    (3, 2, 40, 41),
]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("training", [True, False])
def test_definition(shape, dtype, training):
    rng = np.random.default_rng(0)
    c, axes = shape[1], (0, *range(2, len(shape)))
    x = rng.standard_normal(shape) * 3 + 5
    w, b, rm = rng.standard_normal((3, c))
    rv = rng.random(c) + 0.5
    tx, tw, tb, trm, trv = (lampas.tensor(a.astype(dtype)) for a in (x, w, b, rm, rv))
    y = F.batch_norm(tx, trm, trv, tw, tb, training, 0.3, 1e-3)
    mean, var = (x.mean(axes), x.var(axes)) if training else (rm, rv)
    tolerance = {np.float32: 3e-5, np.float64: 1e-12}[dtype]
    want = normalized(x, w, b, mean, var, 1e-3)
    np.testing.assert_allclose(y.numpy(), want, atol=tolerance, rtol=tolerance)
    if training:
        n = x.size / c
        rm, rv = 0.7 * rm + 0.3 * mean, 0.7 * rv + 0.3 * var * n / (n - 1)
    np.testing.assert_allclose(trm.numpy(), rm, rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(trv.numpy(), rv, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("shape", [(5, 3), (4, 2, 3), (3, 2, 5, 4), (2, 3, 4, 6)])
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("affine", [True, False])
def test_gradients(shape, training, affine):
    lampas.manual_seed(0)
    c = shape[1]
    inputs = [lampas.randn(shape, dtype=lampas.float64, requires_grad=True)]
    if affine:
        inputs += [lampas.randn(c, dtype=lampas.float64, requires_grad=True) for _ in range(2)]
    stats = lampas.randn(c, dtype=lampas.float64), lampas.rand(c, dtype=lampas.float64) + 0.5

    def f(x, *affine):
        mean, var = (t.clone() for t in stats)
        return F.batch_norm(x, mean, var, *affine, training=training)

    assert lampas.autograd.gradcheck(f, inputs)
    assert lampas.autograd.gradgradcheck(f, inputs)


def test_large_offset_keeps_its_digits():
    x = lampas.randn(8, 3, 32, 32) + 1000
    y = F.batch_norm(x, None, None, training=True)
    np.testing.assert_allclose(y.var((0, 2, 3)).numpy(), 1, atol=2e-3)
    np.testing.assert_allclose(y.mean((0, 2, 3)).numpy(), 0, atol=2e-3)


@pytest.mark.parametrize("shape", [(64, 128, 14, 14), (512, 300)])
def test_same_bits_on_any_number_of_threads(shape):
    x = lampas.randn(shape)
    before, results = lampas.get_num_threads(), []
    for threads in (1, 2, 3):
        lampas.set_num_threads(threads)
        a = x.clone().requires_grad_()
        y = F.batch_norm(a, None, None, training=True)
        y.backward(x * x)
        results.append((y.detach(), a.grad))
    lampas.set_num_threads(before)
    for other in results[1:]:
        assert all(lampas.equal(p, q) for p, q in zip(results[0], other, strict=True))


def test_meta_and_errors():
    x = lampas.empty(2, 3, 4, device="meta")
    assert F.batch_norm(x, None, None, training=True).shape == (2, 3, 4)
    with pytest.raises(ValueError, match="Expected more than 1 value per channel"):
        F.batch_norm(lampas.zeros(1, 3), None, None, training=True)
    with pytest.raises(RuntimeError, match="running_mean should contain 3 elements not 2"):
        F.batch_norm(lampas.zeros(4, 3), lampas.zeros(2), lampas.ones(3))
