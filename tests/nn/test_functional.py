"""Functions against their definitions, written with NumPy, and against each other."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

import lampas
from lampas import nn
from lampas.nn import functional as F


def close(got: lampas.Tensor, want: object, tol: float = 1e-5) -> None:
    np.testing.assert_allclose(got.detach().numpy(), want, rtol=tol, atol=tol)


def random(*shape: int) -> tuple[lampas.Tensor, np.ndarray]:
    t = lampas.randn(*shape)
    return t, t.numpy().astype(np.float64)


def test_convolution_is_a_sliding_product() -> None:
    (x, a), (w, k) = random(2, 3, 6, 5), random(4, 3, 3, 2)
    want = np.zeros((2, 4, 4, 4))
    for i, j in itertools.product(range(4), range(4)):
        want[:, :, i, j] = np.einsum("nchw,ochw->no", a[:, :, i : i + 3, j : j + 2], k)
    close(F.conv2d(x, w), want)


@pytest.mark.parametrize("options", [(1, 0, 1, 1), (2, 1, 1, 1), (1, 2, 2, 1), (2, 1, 1, 2)])
def test_transposed_convolution_is_the_transpose(options) -> None:
    stride, padding, dilation, groups = options
    x, w = lampas.randn(2, 4, 9, 9), lampas.randn(6, 4 // groups, 3, 3)
    y = F.conv2d(x, w, None, stride, padding, dilation, groups)
    v = lampas.randn(*y.shape)
    # <conv(x), v> = <x, conv_transpose(v)> with the output padding that restores the size
    extra = 9 - ((y.size(2) - 1) * stride - 2 * padding + dilation * 2 + 1)
    back = F.conv_transpose2d(v, w, None, stride, padding, extra, groups, dilation)
    assert back.shape == x.shape
    assert (y * v).sum().item() == pytest.approx((x * back).sum().item(), rel=1e-3, abs=1e-2)


def test_unfold_and_fold() -> None:
    x = lampas.randn(2, 3, 7, 6)
    options = {"kernel_size": (3, 2), "padding": 1, "stride": (2, 1)}
    columns = F.unfold(x, **options)
    count = F.fold(F.unfold(lampas.ones_like(x), **options), (7, 6), **options)
    assert lampas.allclose(F.fold(columns, (7, 6), **options), x * count, atol=1e-5)
    w = lampas.randn(4, 3, 3, 2)
    product = (w.flatten(1) @ columns).reshape(2, 4, 4, 7)
    assert lampas.allclose(product, F.conv2d(x, w, padding=1, stride=(2, 1)), atol=1e-4)


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular", "constant"])
def test_padding(mode) -> None:
    names = {"reflect": "reflect", "replicate": "edge", "circular": "wrap", "constant": "constant"}
    x, a = random(2, 3, 4, 5)
    close(F.pad(x, (1, 2, 3, 0), mode), np.pad(a, [(0, 0), (0, 0), (3, 0), (1, 2)], names[mode]))


def test_pooling_against_windows() -> None:
    x, a = random(2, 3, 6, 6)
    tiles = a.reshape(2, 3, 3, 2, 3, 2)
    close(F.max_pool2d(x, 2), tiles.max((3, 5)))
    close(F.avg_pool2d(x, 2), tiles.mean((3, 5)))
    close(F.lp_pool2d(x.abs(), 3, 2), (np.abs(tiles) ** 3).sum((3, 5)) ** (1 / 3))
    close(F.adaptive_avg_pool2d(x, 3), tiles.mean((3, 5)))
    value, where = F.max_pool2d(x, 2, return_indices=True)
    assert lampas.equal(x.flatten(2).gather(2, where.flatten(2)).reshape(value.shape), value)
    up = F.max_unpool2d(value, where, 2)
    assert lampas.equal(F.max_pool2d(up.abs(), 2), value.abs())


def test_adaptive_windows_that_do_not_divide() -> None:
    x, a = random(1, 1, 7)
    spans = [(i * 7 // 3, -(-(i + 1) * 7 // 3)) for i in range(3)]
    close(F.adaptive_avg_pool1d(x, 3)[0, 0], [a[0, 0, i:j].mean() for i, j in spans])
    close(F.adaptive_max_pool1d(x, 3)[0, 0], [a[0, 0, i:j].max() for i, j in spans])


def test_fractional_pooling_takes_maxima_of_windows() -> None:
    x = lampas.randn(2, 3, 9, 7)
    value, where = F.fractional_max_pool2d(x, 2, output_size=(4, 3), return_indices=True)
    assert value.shape == (2, 3, 4, 3)
    assert lampas.equal(x.flatten(2).gather(2, where.flatten(2)).reshape(value.shape), value)


def test_normalisation_has_zero_mean_and_unit_variance() -> None:
    x = lampas.randn(4, 6, 5) * 3 + 2
    for y, dims in (
        (F.layer_norm(x, (6, 5)), (1, 2)),
        (F.batch_norm(x, None, None, training=True), (0, 2)),
        (F.instance_norm(x), (2,)),
        (F.group_norm(x, 2).reshape(4, 2, 3, 5), (2, 3)),
    ):
        assert y.mean(dims).abs().max().item() < 1e-5
        assert y.var(dims, unbiased=False).sub(1).abs().max().item() < 1e-3
    rms = F.rms_norm(x, (5,))
    assert lampas.allclose(rms.square().mean(-1), lampas.ones(4, 6), atol=1e-4)


def test_running_statistics_follow_the_momentum() -> None:
    m = nn.BatchNorm1d(2, momentum=0.25)
    x = lampas.tensor([[0.0, 2.0], [4.0, 2.0]])
    m(x)
    assert m.running_mean.tolist() == [0.5, 0.5]
    assert m.running_var.tolist() == [0.75 + 0.25 * 8, 0.75]
    assert m.num_batches_tracked.item() == 1
    average = nn.BatchNorm1d(2, momentum=None)
    for _ in range(3):
        average(x)
    assert average.running_mean.tolist() == [2.0, 2.0]
    assert lampas.allclose(m.eval()(x)[:, 1], lampas.full((2,), 1.5 / math.sqrt(0.75 + 1e-5)))


def test_local_response_norm_against_its_formula() -> None:
    x, a = random(1, 5, 2, 2)
    want = np.empty_like(a)
    for c in range(5):
        low, high = max(0, c - 1), min(5, c + 2)
        want[:, c] = a[:, c] / (1 + 1e-2 * (a[:, low:high] ** 2).sum(1) / 3) ** 0.75
    close(F.local_response_norm(x, 3, alpha=1e-2), want)
    close(nn.CrossMapLRN2d(3, alpha=1e-2)(x), want)


@pytest.mark.parametrize("align", [True, False])
def test_linear_interpolation_keeps_straight_lines(align) -> None:
    x = lampas.arange(8.0).reshape(1, 1, 8)
    y = F.interpolate(x, size=15, mode="linear", align_corners=align)[0, 0]
    want = np.linspace(0, 7, 15) if align else (np.arange(15) + 0.5) * 8 / 15 - 0.5
    close(y, np.clip(want, 0, 7))


def test_interpolation_modes_agree_on_constants_and_sizes() -> None:
    x = lampas.full((1, 2, 4, 6), 3.0)
    for mode in ("nearest", "nearest-exact", "bilinear", "bicubic", "area"):
        y = F.interpolate(x, scale_factor=1.5, mode=mode)
        assert y.shape == (1, 2, 6, 9)
        assert lampas.allclose(y, lampas.full(y.shape, 3.0))
    assert lampas.equal(
        F.interpolate(lampas.tensor([[[1.0, 2.0]]]), scale_factor=2)[0, 0],
        lampas.tensor([1.0, 1.0, 2.0, 2.0]),
    )
    with pytest.raises(ValueError, match="either size or scale_factor"):
        F.interpolate(x)
    with pytest.raises(NotImplementedError, match="linear mode needs 3D"):
        F.interpolate(x, size=3, mode="linear")


@pytest.mark.parametrize("mode", ["bilinear", "nearest", "bicubic"])
def test_sampling_at_the_pixels_gives_the_image(mode) -> None:
    x = lampas.randn(2, 3, 5, 4)
    same = lampas.tensor([[1.0, 0, 0], [0, 1.0, 0]]).expand(2, 2, 3)
    for align in (True, False):
        grid = F.affine_grid(same, x.shape, align_corners=align)
        y = F.grid_sample(x, grid, mode, align_corners=align)
        assert lampas.allclose(y, x, atol=1e-4)


def test_shuffles_undo_each_other() -> None:
    x = lampas.randn(2, 8, 3, 4)
    assert lampas.equal(F.pixel_unshuffle(F.pixel_shuffle(x, 2), 2), x)
    assert lampas.equal(F.channel_shuffle(F.channel_shuffle(x, 2), 4), x)
    assert F.pixel_shuffle(x, 2)[0, 0, 0, :2].tolist() == x[0, :2, 0, 0].tolist()


def test_distances() -> None:
    (x, a), (y, b) = random(5, 3), random(5, 3)
    close(F.pairwise_distance(x, y, eps=0.0), np.linalg.norm(a - b, axis=1))
    cos = (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
    close(F.cosine_similarity(x, y), cos)
    close(F.normalize(x), a / np.linalg.norm(a, axis=1, keepdims=True))
    pairs = [np.linalg.norm(a[i] - a[j]) for i, j in itertools.combinations(range(5), 2)]
    close(F.pdist(x), pairs)


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
def test_embedding_bags(mode) -> None:
    w, table = random(6, 3)
    index, starts = lampas.tensor([1, 2, 4, 5, 4]), lampas.tensor([0, 2, 2])
    reduce = {"sum": np.sum, "mean": np.mean, "max": np.max}[mode]
    want = [reduce(table[[1, 2]], 0), np.zeros(3), reduce(table[[4, 5, 4]], 0)]
    close(F.embedding_bag(index, w, starts, mode=mode), want)


def test_dropout_of_channels() -> None:
    y = F.dropout2d(lampas.ones(50, 20, 3, 3), 0.25)
    totals = y.sum((2, 3))
    kept = (totals - 9 / 0.75).abs() < 1e-3
    assert bool((kept | (totals == 0)).all())
    assert kept.float().mean().item() == pytest.approx(0.75, abs=0.05)
    x = lampas.randn(400, 400)
    z = F.alpha_dropout(x, 0.3, training=True)
    assert z.mean().item() == pytest.approx(0, abs=0.02)
    assert z.std().item() == pytest.approx(1, abs=0.02)
    assert lampas.equal(F.dropout1d(x, 0.3, training=False), x)


def test_attention_against_its_formula() -> None:
    (q, a), (k, b), (v, c) = random(2, 3, 4, 8), random(2, 3, 5, 8), random(2, 3, 5, 6)
    scores = a @ b.swapaxes(-1, -2) / math.sqrt(8)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    weights /= weights.sum(-1, keepdims=True)
    close(F.scaled_dot_product_attention(q, k, v), weights @ c)
    causal = F.scaled_dot_product_attention(q, q, q, is_causal=True)
    close(causal[:, :, 0], a[:, :, 0])
    mask = lampas.ones(4, 4, dtype=lampas.bool).tril()
    assert lampas.allclose(F.scaled_dot_product_attention(q, q, q, mask), causal, atol=1e-5)


def test_multi_head_attention_masks() -> None:
    m = nn.MultiheadAttention(8, 2, batch_first=True).eval()
    x = lampas.randn(3, 5, 8)
    out, weights = m(x, x, x)
    assert out.shape == (3, 5, 8)
    assert lampas.allclose(weights.sum(-1), lampas.ones(3, 5), atol=1e-5)
    fast, none = m(x, x, x, need_weights=False)
    assert none is None and lampas.allclose(fast, out, atol=1e-5)
    padding = lampas.zeros(3, 5, dtype=lampas.bool)
    padding[:, 3:] = True
    masked, _ = m(x, x, x, key_padding_mask=padding)
    short, _ = m(x, x[:, :3], x[:, :3])
    assert lampas.allclose(masked, short, atol=1e-5)
    with pytest.raises(AssertionError, match="embedding dimension"):
        m(lampas.ones(3, 5, 7), lampas.ones(3, 5, 7), lampas.ones(3, 5, 7))
    with pytest.raises(AssertionError, match="divisible"):
        nn.MultiheadAttention(8, 3)


def test_transformers_do_not_look_ahead() -> None:
    m = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True).eval()
    mask = nn.Transformer.generate_square_subsequent_mask(5)
    x = lampas.randn(2, 5, 8)
    full = m(x, src_mask=mask, is_causal=True)
    assert lampas.allclose(m(x[:, :3], src_mask=mask[:3, :3])[:, 1], full[:, 1], atol=1e-5)
    t = nn.Transformer(8, 2, 1, 1, 16, batch_first=True)
    assert t(lampas.randn(2, 4, 8), lampas.randn(2, 3, 8)).shape == (2, 3, 8)
    with pytest.raises(RuntimeError, match="batch number"):
        t(lampas.randn(2, 4, 8), lampas.randn(3, 3, 8))
