"""Products and convolutions of bfloat16 numbers against sums of the same numbers in float64.

What is computed is rounded once, to 8 bits; sums are taken in float32."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

import lampas
import lampas.nn.functional as F


def numbers(rng, *shape):
    return lampas.tensor(rng.standard_normal(shape).astype(np.float32)).bfloat16()


def exact(t):
    return t.detach().double().numpy()


def assert_rounded(got, want, size):
    """`size`: the sum of the absolute values of the terms."""
    assert got.dtype == lampas.bfloat16
    assert (np.abs(exact(got) - want) <= np.abs(want) * 2**-8 + size * 2**-20).all()


@pytest.mark.parametrize("seed", range(60))
def test_products_of_any_layout(seed):
    rng = np.random.default_rng(seed)
    sizes = (1, 3), (1, 3, 5, 12, 31, 64, 100), (1, 7, 32, 33, 100), (1, 2, 31, 64, 75, 500)
    batch, m, n, k = (int(rng.choice(s)) for s in sizes)
    a = numbers(rng, batch, m, k) if rng.random() < 0.5 else numbers(rng, batch, k, m).mT
    b = numbers(rng, batch, k, n) if rng.random() < 0.5 else numbers(rng, batch, n, k).mT
    if rng.random() < 0.2:
        a = numbers(rng, batch, m, 2 * k)[:, :, ::2]
    x, y = exact(a), exact(b)
    assert_rounded(a @ b, x @ y, np.abs(x) @ np.abs(y))
    assert_rounded(a[0] @ b[0], x[0] @ y[0], np.abs(x[0]) @ np.abs(y[0]))


@pytest.mark.parametrize("m", [1, 4, 70])
def test_linear(m):
    rng = np.random.default_rng(m)
    x, w, b = numbers(rng, m, 75), numbers(rng, 33, 75), numbers(rng, 33)
    size = np.abs(exact(x)) @ np.abs(exact(w)).T + np.abs(exact(b))
    assert_rounded(F.linear(x, w, b), exact(x) @ exact(w).T + exact(b), size)


def test_nothing_to_sum_over():
    empty = lampas.ones(3, 0, dtype=lampas.bfloat16) @ lampas.ones(0, 5, dtype=lampas.bfloat16)
    assert lampas.equal(empty, lampas.zeros(3, 5, dtype=lampas.bfloat16))


@pytest.mark.parametrize("value", ["nan", "inf"])
def test_values_that_are_no_numbers_reach_their_row_only(value):
    a = lampas.ones(20, 40, dtype=lampas.bfloat16)
    a[7, 3] = float(value)
    y = a @ lampas.ones(40, 35, dtype=lampas.bfloat16)
    assert not y[7].isfinite().any()
    assert lampas.equal(y[:7], lampas.full((7, 35), 40.0, dtype=lampas.bfloat16))
    assert y[8:].isfinite().all()


CONVOLUTIONS = [
    # images, channels, outputs, size, kernel, stride, padding, dilation, groups
    (2, 16, 12, (9, 11), (3, 3), (2, 2), (1, 1), (1, 1), 1),
    (2, 17, 40, (8, 8), (1, 1), (1, 1), (0, 0), (1, 1), 1),
    (3, 9, 13, (7, 40), (2, 5), (1, 1), (0, 2), (1, 2), 1),
    (2, 8, 9, (9, 9), (3, 3), (1, 1), (1, 1), (1, 1), 3),
    (2, 16, 33, (20, 20), (3, 3), (3, 3), (1, 1), (2, 2), 1),
    (2, 16, 16, (12, 12), (3, 3), (1, 1), (1, 1), (1, 1), 1),
    (2, 3, 8, (14, 14), (5, 5), (2, 2), (2, 2), (1, 1), 1),
    (3, 12, 10, (50,), (4,), (2,), (1,), (1,), 1),
    (1, 8, 8, (5, 6, 7), (2, 2, 2), (1, 2, 1), (1, 0, 1), (1, 1, 1), 2),
    (4, 1, 1, (10, 10), (3, 3), (1, 1), (1, 1), (1, 1), 6),
]  # fmt: skip


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("case", CONVOLUTIONS)
def test_convolutions(case, transposed):
    """In float64 they are held to the definition by test_convolution.py."""
    n, channels, outputs, size, kernel, stride, padding, dilation, groups = case
    rng, rank = np.random.default_rng(0), len(size)
    conv = getattr(F, f"conv_transpose{rank}d" if transposed else f"conv{rank}d")
    first, second = (channels * groups, outputs) if transposed else (outputs * groups, channels)
    x, w = numbers(rng, n, channels * groups, *size), numbers(rng, first, second, *kernel)
    b = numbers(rng, outputs * groups)

    def run(x, w, b, g=None):
        x, w, b = (t.clone().requires_grad_() for t in (x, w, b))
        y = conv(x, w, b, stride=stride, padding=padding, dilation=dilation, groups=groups)
        y.backward(g if g is not None else lampas.ones_like(y))
        return y.detach(), x.grad, w.grad, b.grad

    g = numbers(rng, *run(x, w, b)[0].shape)
    results = run(x, w, b, g)
    wanted = run(*(t.double() for t in (x, w, b, g)))
    sizes = run(*(t.double().abs() for t in (x, w, b, g)))
    for got, want, size_of in zip(results, wanted, sizes, strict=True):
        # Winograd's method, which some go through, is ten times less exact than direct sums.
        assert_rounded(got, want.numpy(), size_of.numpy() * 10)


def test_same_bits_on_any_number_of_threads():
    rng = np.random.default_rng(0)
    a, b = numbers(rng, 300, 500), numbers(rng, 500, 90)
    x, w = numbers(rng, 4, 16, 20, 20), numbers(rng, 24, 16, 3, 3)
    before, results = lampas.get_num_threads(), []
    for threads in (1, 2, 3):
        lampas.set_num_threads(threads)
        weight = w.clone().requires_grad_()
        y = F.conv2d(x, weight, stride=2)
        y.backward(y.detach())
        results.append((a @ b, y.detach(), weight.grad))
    lampas.set_num_threads(before)
    for other in results[1:]:
        assert all(lampas.equal(p, q) for p, q in zip(results[0], other, strict=True))


@pytest.mark.parametrize("isa", ["base", "avx2", "avx512", "avx512_bf16", "amx"])
def test_every_instruction_set_there_is(isa):
    code = """
import lampas
lampas.manual_seed(0)
a, b = lampas.randn(70, 90).bfloat16(), lampas.randn(90, 40).bfloat16()
error = ((a @ b).double() - a.double() @ b.double()).abs().max()
x, w = lampas.randn(2, 16, 9, 9).bfloat16(), lampas.randn(20, 16, 3, 3).bfloat16()
conv = lampas.nn.functional.conv2d
other = (conv(x, w, stride=2).double() - conv(x.double(), w.double(), stride=2)).abs().max()
print(lampas._C.cpu_info()["isa"], max(error, other).item())
"""
    environment = {**os.environ, "LAMPAS_ISA": isa}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    used, error = done.stdout.split()
    order = ["base", "avx2", "avx512", "avx512_bf16", "amx"]
    assert order.index(used) <= order.index(isa)
    assert 0 < float(error) < 0.25  # half a unit of the last place of values up to 64
