"""vision.ops against definitions written out, closed values and finite differences."""

from __future__ import annotations

import math

import numpy as np
import pytest

import lampas
from lampas.autograd import gradcheck
from lampas.vision import ops


def _boxes(n: int, seed: int = 0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    corner = generator.random((n, 2)) * 20
    return np.concatenate([corner, corner + 1 + generator.random((n, 2)) * 10], 1)


def _iou(a: np.ndarray, b: np.ndarray) -> float:
    w = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    h = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    areas = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])
    return w * h / (areas - w * h)


def _greedy(boxes: np.ndarray, scores: np.ndarray, threshold: float, groups: np.ndarray) -> list:
    kept: list[int] = []
    for i in sorted(range(len(boxes)), key=lambda i: -scores[i]):
        if all(groups[i] != groups[j] or _iou(boxes[i], boxes[j]) <= threshold for j in kept):
            kept.append(i)
    return kept


def test_nms_is_greedy_and_keeps_groups_apart():
    boxes, scores = _boxes(60), np.random.default_rng(1).random(60)
    groups = np.arange(60) % 3
    given = (lampas.tensor(boxes), lampas.tensor(scores))
    assert ops.nms(*given, 0.3).tolist() == _greedy(boxes, scores, 0.3, np.zeros(60))
    grouped = ops.batched_nms(*given, lampas.tensor(groups), 0.3)
    assert grouped.tolist() == _greedy(boxes, scores, 0.3, groups)
    nothing = ops.nms(lampas.zeros(0, 4), lampas.zeros(0), 0.5)
    assert nothing.shape == (0,) and nothing.dtype == lampas.int64


def test_nms_names_wrong_shapes():
    with pytest.raises(RuntimeError, match=r"boxes should be \(N, 4\), got shape \(2, 5\)"):
        ops.nms(lampas.zeros(2, 5), lampas.zeros(2), 0.5)
    with pytest.raises(RuntimeError, match=r"scores should be \(2,\)"):
        ops.nms(lampas.zeros(2, 4), lampas.zeros(3), 0.5)


def test_overlaps_of_all_pairs():
    a, b = _boxes(5, 2), _boxes(7, 3)
    iou = ops.box_iou(lampas.tensor(a), lampas.tensor(b)).numpy()
    generalized = ops.generalized_box_iou(lampas.tensor(a), lampas.tensor(b)).numpy()
    distance = ops.distance_box_iou(lampas.tensor(a), lampas.tensor(b), eps=0.0).numpy()
    complete = ops.complete_box_iou(lampas.tensor(a), lampas.tensor(b), eps=0.0).numpy()
    for i, p in enumerate(a):
        for j, q in enumerate(b):
            want = _iou(p, q)
            assert iou[i, j] == pytest.approx(want)
            hull_w = max(p[2], q[2]) - min(p[0], q[0])
            hull_h = max(p[3], q[3]) - min(p[1], q[1])
            areas = [(r[2] - r[0]) * (r[3] - r[1]) for r in (p, q)]
            union = sum(areas) / (1 + want)
            hull = hull_w * hull_h
            assert generalized[i, j] == pytest.approx(want - (hull - union) / hull)
            apart = ((p[:2] + p[2:] - q[:2] - q[2:]) / 2) ** 2
            nearer = want - apart.sum() / (hull_w**2 + hull_h**2)
            assert distance[i, j] == pytest.approx(nearer)
            shapes = [math.atan((r[2] - r[0]) / (r[3] - r[1])) for r in (p, q)]
            v = 4 / math.pi**2 * (shapes[0] - shapes[1]) ** 2
            assert complete[i, j] == pytest.approx(nearer - v * v / (1 - want + v))


@pytest.mark.parametrize("formats", [("xyxy", "xywh", "cxcywh"), ("xywhr", "cxcywhr", "xyxyxyxy")])
def test_formats_go_round(formats):
    start = lampas.tensor(_boxes(6))
    if formats[0] == "xywhr":
        start = lampas.cat((start, lampas.linspace(-170, 170, 6, dtype=lampas.float64)[:, None]), 1)
    for middle in formats:
        there = ops.box_convert(start, formats[0], middle)
        for last in formats:
            direct = ops.box_convert(start, formats[0], last)
            assert lampas.allclose(ops.box_convert(there, middle, last), direct)
    with pytest.raises(NotImplementedError, match="only one has an angle"):
        ops.box_convert(start, formats[0], "cxcywhr" if formats[0] == "xyxy" else "xyxy")


def test_a_quarter_turn_exchanges_the_sides():
    corners = ops.box_convert(lampas.tensor([5.0, 5, 4, 2, 90]), "cxcywhr", "xyxyxyxy")
    # Counter-clockwise: the first side, which ran to the right, runs up.
    want = lampas.tensor([4.0, 7, 4, 3, 6, 3, 6, 7])
    assert lampas.allclose(corners, want, atol=1e-5)


def test_selection_and_clipping():
    boxes = lampas.tensor([[-1.0, -2, 30, 5], [3, 3, 4, 3.5]])
    assert ops.clip_boxes_to_image(boxes, (4, 8)).tolist() == [[0, 0, 8, 4], [3, 3, 4, 3.5]]
    assert ops.remove_small_boxes(boxes, 1.0).tolist() == [0]
    with pytest.raises(ValueError, match="mask 1 is zero everywhere"):
        ops.masks_to_boxes(lampas.eye(2)[:, None] * lampas.tensor([1.0, 0.0])[:, None, None])


@pytest.mark.parametrize("name", ["generalized", "distance", "complete"])
def test_losses_are_one_minus_the_diagonal(name):
    a, b = (lampas.tensor(_boxes(6, seed)) for seed in (4, 5))
    loss = getattr(ops, f"{name}_box_iou_loss")
    overlap = getattr(ops, f"{name}_box_iou" if name != "generalized" else "generalized_box_iou")
    assert lampas.allclose(loss(a, b), 1 - overlap(a, b).diagonal(), atol=1e-6)
    assert loss(a, b, "sum").item() == pytest.approx(loss(a, b).sum().item())
    assert loss(a[:0], b[:0], "mean").item() == 0.0
    if name != "complete":  # whose weight alpha counts as a constant
        assert gradcheck(lambda x: loss(x, b), (a.requires_grad_(),))
    with pytest.raises(ValueError, match="reduction"):
        loss(a, b, "all")


def test_focal_loss_by_its_formula():
    x = np.linspace(-3, 3, 7)
    t = (np.arange(7) % 2).astype(float)
    p = 1 / (1 + np.exp(-x))
    right = np.where(t == 1, p, 1 - p)
    want = np.where(t == 1, 0.25, 0.75) * (1 - right) ** 2 * -np.log(right)
    assert np.allclose(ops.sigmoid_focal_loss(lampas.tensor(x), lampas.tensor(t)).numpy(), want)
    with pytest.raises(ValueError, match="Invalid alpha value: 2"):
        ops.sigmoid_focal_loss(lampas.tensor(x), lampas.tensor(t), alpha=2)


def _bilinear(image: np.ndarray, y: float, x: float) -> float:
    height, width = image.shape
    if y < -1 or y > height or x < -1 or x > width:
        return 0.0
    y, x = min(max(y, 0), height - 1), min(max(x, 0), width - 1)
    top, left = int(y), int(x)
    down, right = min(top + 1, height - 1), min(left + 1, width - 1)
    fy, fx = y - top, x - left
    upper = image[top, left] * (1 - fx) + image[top, right] * fx
    lower = image[down, left] * (1 - fx) + image[down, right] * fx
    return upper * (1 - fy) + lower * fy


_REGIONS = [[0, 1.3, 0.7, 6.9, 5.2], [1, -2.0, 3.0, 4.0, 11.0], [0, 5.0, 5.0, 5.2, 5.1]]


@pytest.mark.parametrize("aligned", [False, True])
@pytest.mark.parametrize("ratio", [2, -1])
def test_roi_align_by_its_definition(aligned, ratio):
    image = np.random.default_rng(6).standard_normal((2, 2, 8, 9))
    got = ops.roi_align(
        lampas.tensor(image), lampas.tensor(_REGIONS), (2, 3), 0.9, ratio, aligned
    ).numpy()
    for n, (b, *corners) in enumerate(_REGIONS):
        x1, y1, x2, y2 = (0.9 * v - (0.5 if aligned else 0) for v in corners)
        w, h = x2 - x1, y2 - y1
        if not aligned:
            w, h = max(w, 1), max(h, 1)
        ny = ratio if ratio > 0 else math.ceil(h / 2)
        nx = ratio if ratio > 0 else math.ceil(w / 3)
        for c, i, j in np.ndindex(2, 2, 3):
            values = [
                _bilinear(
                    image[int(b), c],
                    y1 + h / 2 * (i + (p + 0.5) / ny),
                    x1 + w / 3 * (j + (q + 0.5) / nx),
                )
                for p in range(ny)
                for q in range(nx)
            ]
            assert got[n, c, i, j] == pytest.approx(np.mean(values), abs=1e-6)


def test_roi_pool_by_its_definition():
    image = np.random.default_rng(7).standard_normal((2, 2, 8, 9))
    got = ops.roi_pool(lampas.tensor(image), lampas.tensor(_REGIONS), 2).numpy()
    for n, (b, *corners) in enumerate(_REGIONS):
        x1, y1, x2, y2 = (math.floor(abs(v) + 0.5) * (1 if v >= 0 else -1) for v in corners)
        h, w = max(y2 - y1 + 1, 1) / 2, max(x2 - x1 + 1, 1) / 2
        for i, j in np.ndindex(2, 2):
            ys = slice(max(math.floor(i * h) + y1, 0), max(math.ceil((i + 1) * h) + y1, 0))
            xs = slice(max(math.floor(j * w) + x1, 0), max(math.ceil((j + 1) * w) + x1, 0))
            part = image[int(b), :, ys, xs]
            want = part.max((1, 2)) if part.size else np.zeros(2)
            assert np.allclose(got[n, :, i, j], want)


@pytest.mark.parametrize("name", ["roi_align", "ps_roi_align", "roi_pool", "ps_roi_pool"])
def test_regions_pass_gradients(name):
    lampas.manual_seed(0)
    image = lampas.randn(2, 4, 8, 9, dtype=lampas.float64, requires_grad=True)
    regions = lampas.tensor(_REGIONS, dtype=lampas.float64)
    function = getattr(ops, name)
    assert gradcheck(lambda x: function(x, regions, 2, 0.9), (image,))
    per_image = [regions[[0, 2], 1:], regions[[1], 1:]]
    assert lampas.equal(function(image, per_image, 2), function(image, regions[[0, 2, 1]], 2))
    assert function(image, regions[:0], 2).shape[0] == 0
    with pytest.raises(ValueError, match=r"tensor \(K, 5\)"):
        function(image, regions[:, 1:], 2)
    with pytest.raises(ValueError, match=r"image numbers should be in \[0, 1\)"):
        function(image[:1], regions, 2)


def test_position_sensitive_bins_read_their_own_channels():
    image = lampas.arange(8.0).view(1, 8, 1, 1).expand(1, 8, 10, 10)
    box = [lampas.tensor([[1.0, 1, 8, 8]])]
    for function in (ops.ps_roi_align, ops.ps_roi_pool):
        assert function(image, box, 2).flatten().tolist() == pytest.approx(list(range(8)))
        with pytest.raises(RuntimeError, match="input channels must be a multiple"):
            function(image[:, :6], box, 2)


def test_deformed_convolution_without_deformation_is_a_convolution():
    lampas.manual_seed(1)
    x = lampas.randn(2, 4, 7, 6, dtype=lampas.float64, requires_grad=True)
    weight = lampas.randn(6, 2, 3, 3, dtype=lampas.float64, requires_grad=True)
    options = {"stride": (2, 1), "padding": (1, 2), "dilation": (1, 2)}
    want = lampas.nn.functional.conv2d(x, weight, groups=2, **options)
    offset = lampas.zeros(2, 2 * 9 * 2, *want.shape[2:], dtype=lampas.float64)
    got = ops.deform_conv2d(x, offset, weight, **options)
    assert lampas.allclose(got, want)
    offset = (offset + 0.3 * lampas.randn_like(offset) + 0.01).requires_grad_()
    mask = lampas.rand(2, 9 * 2, *want.shape[2:], dtype=lampas.float64, requires_grad=True)
    assert gradcheck(
        lambda *a: ops.deform_conv2d(a[0], a[1], a[2], None, *options.values(), a[3]),
        (x, offset, weight, mask),
        fast_mode=True,
    )
    with pytest.raises(RuntimeError, match="multiple of 2 \\* kernel height"):
        ops.deform_conv2d(x, offset[:, :7], weight)


def test_dropped_blocks_are_blocks():
    lampas.manual_seed(2)
    out = ops.drop_block2d(lampas.ones(1, 1, 32, 32), 0.2, 3)[0, 0]
    zero = (out == 0).numpy()
    assert 0 < zero.mean() < 0.5
    assert out.mean().item() == pytest.approx(1.0, abs=1e-4)
    corners = [(i, j) for i in range(30) for j in range(30) if zero[i : i + 3, j : j + 3].all()]
    covered = np.zeros_like(zero)
    for i, j in corners:
        covered[i : i + 3, j : j + 3] = True
    assert (covered == zero).all()
    with pytest.raises(ValueError, match="4 dimensional"):
        ops.drop_block2d(lampas.ones(3, 3), 0.1, 3)


def test_frozen_norm_takes_the_state_of_a_norm():
    norm = lampas.nn.BatchNorm2d(3).eval()
    norm.running_mean.copy_(lampas.tensor([1.0, 2, 3]))
    norm.running_var.copy_(lampas.tensor([4.0, 5, 6]))
    frozen = ops.FrozenBatchNorm2d(3)
    frozen.load_state_dict(norm.state_dict())
    x = lampas.randn(2, 3, 4, 4)
    assert lampas.allclose(frozen(x), norm(x), atol=1e-6)
    assert not list(frozen.parameters())


def test_pyramid_adds_enlarged_maps():
    pyramid = ops.FeaturePyramidNetwork([1, 1], 1)
    for parameter in pyramid.parameters():
        lampas.nn.init.zeros_(parameter)
    for block in pyramid.inner_blocks:
        lampas.nn.init.ones_(block[0].weight)
    for block in pyramid.layer_blocks:
        block[0].weight.data[0, 0, 1, 1] = 1.0
    large, small = lampas.zeros(1, 1, 4, 4), lampas.arange(4.0).view(1, 1, 2, 2)
    out = pyramid({"large": large, "small": small})
    assert lampas.equal(out["small"], small)
    assert out["large"][0, 0, ::2, ::2].flatten().tolist() == [0, 1, 2, 3]
    names = list(ops.FeaturePyramidNetwork([1], 1).state_dict())
    assert names[0] == "inner_blocks.0.0.weight" and names[-1] == "layer_blocks.0.0.bias"


def test_boxes_are_read_on_the_map_of_their_size():
    maps = {"0": lampas.zeros(1, 1, 64, 64), "1": lampas.ones(1, 1, 32, 32)}
    pool = ops.MultiScaleRoIAlign(["0", "1"], 2, 2, canonical_scale=32, canonical_level=1)
    boxes = [lampas.tensor([[0.0, 0, 20, 20], [0, 0, 90, 90]])]
    assert pool(maps, boxes, [(128, 128)]).mean((1, 2, 3)).tolist() == [0.0, 1.0]
    with pytest.raises(ValueError, match="images list should not be empty"):
        pool(maps, boxes, [])
