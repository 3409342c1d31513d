"""Losses against their definitions."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

import lampas
from lampas import nn
from lampas.nn import functional as F


def softmax(a: np.ndarray) -> np.ndarray:
    e = np.exp(a - a.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


X = lampas.tensor(np.cos(np.arange(12.0)).reshape(4, 3))
A = X.numpy()
Y = lampas.tensor([0, 2, 1, 2])
SIGN = lampas.tensor([1.0, -1.0, 1.0, -1.0], dtype=lampas.float64)
P = -np.log(softmax(A))[np.arange(4), Y.numpy()]
ONE_HOT = np.eye(3)[Y.numpy()]


def margin_sum(p: int) -> np.ndarray:
    rows = []
    for row, y in zip(A, Y.tolist(), strict=True):
        rows.append(sum(max(0, 1 - row[y] + row[j]) ** p for j in range(3) if j != y) / 3)
    return np.array(rows)


CASES = {
    "cross_entropy": (lambda r: F.cross_entropy(X, Y, reduction=r), P),
    "nll": (lambda r: F.nll_loss(X.log_softmax(1), Y, reduction=r), P),
    "smoothed": (
        lambda r: F.cross_entropy(X, Y, reduction=r, label_smoothing=0.3),
        -(np.log(softmax(A)) * (0.7 * ONE_HOT + 0.1)).sum(1),
    ),
    "probabilities": (
        lambda r: F.cross_entropy(X, lampas.tensor(ONE_HOT), reduction=r), P,
    ),
    "linear": (
        lambda r: F.linear_cross_entropy(X, lampas.eye(3, dtype=X.dtype), Y, reduction=r), P,
    ),
    "multi_margin": (lambda r: F.multi_margin_loss(X, Y, reduction=r), margin_sum(1)),
    "multi_margin_2": (lambda r: F.multi_margin_loss(X, Y, p=2, reduction=r), margin_sum(2)),
    "hinge": (
        lambda r: F.hinge_embedding_loss(X[:, 0], SIGN, reduction=r),
        np.where(SIGN.numpy() > 0, A[:, 0], np.maximum(0, 1 - A[:, 0])),
    ),
    "ranking": (
        lambda r: F.margin_ranking_loss(X[:, 0], X[:, 1], SIGN, 0.5, reduction=r),
        np.maximum(0, -SIGN.numpy() * (A[:, 0] - A[:, 1]) + 0.5),
    ),
    "soft_margin": (
        lambda r: F.soft_margin_loss(X[:, 0], SIGN, reduction=r),
        np.log1p(np.exp(-SIGN.numpy() * A[:, 0])),
    ),
    "triplet": (
        lambda r: F.triplet_margin_loss(X, X.flip(0), X * 0, eps=0.0, reduction=r),
        np.maximum(
            0, 1 + np.linalg.norm(A - A[::-1], axis=1) - np.linalg.norm(A, axis=1)
        ),
    ),
    "cosine": (
        lambda r: F.cosine_embedding_loss(X, X, SIGN, reduction=r),
        np.where(SIGN.numpy() > 0, 0.0, 1.0),
    ),
    "poisson": (
        lambda r: F.poisson_nll_loss(X, X.exp(), reduction=r), np.exp(A) - np.exp(A) * A,
    ),
    "gaussian": (
        lambda r: F.gaussian_nll_loss(X, X * 0, X.exp(), full=True, reduction=r),
        0.5 * (A + A**2 / np.exp(A) + math.log(2 * math.pi)),
    ),
    "kl": (
        lambda r: F.kl_div(X.log_softmax(1), X.softmax(1) ** 2, reduction=r),
        softmax(A) ** 2 * (2 * np.log(softmax(A)) - np.log(softmax(A))),
    ),
    "multilabel_soft": (
        lambda r: F.multilabel_soft_margin_loss(X, lampas.tensor(ONE_HOT), reduction=r),
        (np.log1p(np.exp(-A)) * ONE_HOT + np.log1p(np.exp(A)) * (1 - ONE_HOT)).mean(1),
    ),
    "huber": (
        lambda r: F.huber_loss(3 * X, X * 0, reduction=r, delta=0.5),
        np.where(np.abs(3 * A) < 0.5, 4.5 * A**2, 0.5 * (np.abs(3 * A) - 0.25)),
    ),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:reduction. 'mean' divides")
@pytest.mark.parametrize("name", CASES)
def test_values_and_reductions(name) -> None:
    call, want = CASES[name]
    np.testing.assert_allclose(call("none").numpy(), want, atol=1e-6)
    assert call("sum").item() == pytest.approx(want.sum(), abs=1e-6)
    assert call("mean").item() == pytest.approx(want.mean(), abs=1e-6)


@pytest.mark.filterwarnings("ignore:reduction. 'mean' divides")
@pytest.mark.parametrize("name", [n for n in CASES if n != "linear"])
def test_unknown_reductions_are_refused(name) -> None:
    with pytest.raises((ValueError, RuntimeError), match="average"):
        CASES[name][0]("average")


def test_multilabel_margin_stops_at_minus_one() -> None:
    x = lampas.tensor([[0.1, 0.2, 0.4, 0.8]])
    y = lampas.tensor([[3, 0, -1, 1]])
    want = sum(max(0, 1 - x[0, i].item() + x[0, j].item()) for i in (3, 0) for j in (1, 2)) / 4
    assert F.multilabel_margin_loss(x, y).item() == pytest.approx(want, rel=1e-5)


def alignments(labels: list[int], steps: int, classes: int) -> list[tuple[int, ...]]:
    found = []
    for path in itertools.product(range(classes), repeat=steps):
        merged = [k for k, _ in itertools.groupby(path)]
        if [k for k in merged if k != 0] == labels:
            found.append(path)
    return found


@pytest.mark.parametrize("labels", [[1], [1, 2], [1, 1], [2, 1, 2], []])
def test_ctc_sums_over_all_alignments(labels) -> None:
    steps, classes = 5, 3
    scores = lampas.randn(steps, classes, dtype=lampas.float64)
    scores.requires_grad_()
    log_probs = scores.log_softmax(1)
    probs = log_probs.detach().exp().numpy()
    paths = alignments(labels, steps, classes)
    total = sum(np.prod([probs[t, k] for t, k in enumerate(path)]) for path in paths)
    targets = lampas.tensor(labels, dtype=lampas.int64)
    loss = F.ctc_loss(log_probs, targets, (steps,), (len(labels),), reduction="sum")
    assert loss.item() == pytest.approx(-math.log(total), rel=1e-6)
    # The gradient against finite differences.
    loss.backward()
    i, j, h = 2, 1, 1e-5
    def at(shift: float) -> float:
        moved = scores.detach().clone()
        moved[i, j] += shift
        return F.ctc_loss(
            moved.log_softmax(1), targets, (steps,), (len(labels),), reduction="sum"
        ).item()

    assert scores.grad[i, j].item() == pytest.approx((at(h) - at(-h)) / (2 * h), abs=1e-6)


def test_ctc_of_what_cannot_be_aligned() -> None:
    log_probs = lampas.randn(2, 1, 3).log_softmax(2).requires_grad_()
    args = (log_probs, lampas.tensor([[1, 1]]), (2,), (2,))
    assert F.ctc_loss(*args).item() == math.inf
    loss = F.ctc_loss(*args, zero_infinity=True)
    loss.backward()
    assert loss.item() == 0 and log_probs.grad.abs().sum().item() == 0


def test_legacy_arguments_warn_and_win() -> None:
    with pytest.warns(UserWarning, match="please use reduction='sum'"):
        assert nn.MultiMarginLoss(size_average=False).reduction == "sum"
    with pytest.warns(UserWarning, match="reduction='none'"):
        assert nn.HingeEmbeddingLoss(reduce=False, reduction="sum").reduction == "none"


@pytest.mark.parametrize(
    ("call", "kind"),
    [
        (lambda: F.multi_margin_loss(X, Y, p=3), ValueError),
        (lambda: F.multi_margin_loss(X, Y + 5), RuntimeError),
        (lambda: F.margin_ranking_loss(X, X[0], SIGN), RuntimeError),
        (lambda: F.triplet_margin_loss(X, X, X, margin=-1.0), ValueError),
        (lambda: F.cosine_embedding_loss(X, X, SIGN.reshape(4, 1)), RuntimeError),
        (lambda: F.gaussian_nll_loss(X, X, -1.0), ValueError),
        (lambda: F.gaussian_nll_loss(X, X, X[:2].exp()), ValueError),
        (lambda: F.ctc_loss(X.reshape(4, 1, 3), Y[:2], (9,), (2,)), RuntimeError),
        (lambda: nn.TripletMarginLoss(margin=0), ValueError),
        (lambda: nn.LinearCrossEntropyLoss(2, 3, label_smoothing=2.0), RuntimeError),
    ],
)
def test_bad_arguments(call, kind) -> None:
    with pytest.raises(kind):
        call()


def test_weights_of_elements() -> None:
    x, y, w = (lampas.rand(4, 3, dtype=lampas.float64) for _ in range(3))
    for loss, each in ((F.mse_loss, (x - y) ** 2), (F.l1_loss, (x - y).abs())):
        lampas.testing.assert_close(loss(x, y, weight=w), (each * w).sum() / w.sum())
        lampas.testing.assert_close(loss(x, y, weight=w, reduction="sum"), (each * w).sum())
        lampas.testing.assert_close(loss(x, y, weight=w, reduction="none"), each * w)
    half = (x - y) ** 2 / 2  # below delta everywhere
    lampas.testing.assert_close(F.huber_loss(x, y, weight=w), (half * w).mean())
    for loss in (F.mse_loss, F.l1_loss, F.huber_loss):
        with pytest.raises(ValueError, match="Weights and input must have the same size"):
            loss(x, y, weight=w[0])
