"""Averages of weights."""

from __future__ import annotations

import math

import numpy as np
import pytest

import lampas
from lampas import nn, optim
from lampas.optim import swa_utils


def run(average, values):
    model = nn.Linear(2, 1)
    averaged = average(model)
    for value in values:
        with lampas.no_grad():
            model.weight.fill_(value)
        averaged.update_parameters(model)
    return averaged


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"avg_fn": swa_utils.get_swa_avg_fn()},
        {"multi_avg_fn": swa_utils.get_swa_multi_avg_fn()},
    ],
)
def test_mean(options) -> None:
    averaged = run(lambda m: swa_utils.AveragedModel(m, **options), [1.0, 2.0, 6.0, 7.0])
    np.testing.assert_allclose(averaged.module.weight.detach().numpy(), 4.0, rtol=1e-6)
    assert averaged.n_averaged.item() == 4
    assert list(averaged.state_dict()) == ["n_averaged", "module.weight", "module.bias"]


@pytest.mark.parametrize(
    "options",
    [
        {"avg_fn": swa_utils.get_ema_avg_fn(0.75)},
        {"multi_avg_fn": swa_utils.get_ema_multi_avg_fn(0.75)},
    ],
)
def test_exponential_moving_average(options) -> None:
    averaged = run(lambda m: swa_utils.AveragedModel(m, **options), [1.0, 2.0, 6.0])
    want = 0.75 * (0.75 * 1.0 + 0.25 * 2.0) + 0.25 * 6.0
    np.testing.assert_allclose(averaged.module.weight.detach().numpy(), want, rtol=1e-6)


@pytest.mark.parametrize("use_buffers", [False, True])
def test_buffers_are_copied_or_averaged(use_buffers) -> None:
    model = nn.BatchNorm1d(1)
    averaged = swa_utils.AveragedModel(model, use_buffers=use_buffers)
    for value in (1.0, 3.0):
        model.running_mean.fill_(value)
        averaged.update_parameters(model)
    assert averaged.module.running_mean.item() == (2.0 if use_buffers else 3.0)


def test_update_bn_computes_plain_means_and_restores() -> None:
    model = nn.Sequential(nn.BatchNorm1d(1, momentum=0.3), nn.Linear(1, 1)).eval()
    batches = [(lampas.tensor([[1.0], [3.0]]), 0), (lampas.tensor([[5.0], [9.0]]), 1)]
    swa_utils.update_bn(batches, model)
    assert model[0].running_mean.item() == pytest.approx((2.0 + 7.0) / 2)
    assert model[0].running_var.item() == pytest.approx((2.0 + 8.0) / 2)
    assert model[0].momentum == 0.3 and not model.training


@pytest.mark.parametrize("strategy", ["cos", "linear"])
def test_swalr(strategy) -> None:
    optimizer = optim.SGD([lampas.zeros(1, requires_grad=True)], lr=1.0)
    scheduler = swa_utils.SWALR(optimizer, 0.2, anneal_epochs=4, anneal_strategy=strategy)
    for epoch in range(8):
        share = min(1.0, epoch / 4)
        weight = (1 - math.cos(math.pi * share)) / 2 if strategy == "cos" else share
        assert scheduler.get_last_lr()[0] == pytest.approx(1.0 - 0.8 * weight)
        optimizer.step()
        scheduler.step()


def test_errors() -> None:
    optimizer = optim.SGD([lampas.zeros(1, requires_grad=True)], lr=1.0)
    with pytest.raises(ValueError, match=r"Invalid decay value 1\.5"):
        swa_utils.get_ema_avg_fn(1.5)
    with pytest.raises(AssertionError, match="Only one of avg_fn and multi_avg_fn"):
        swa_utils.AveragedModel(nn.Linear(1, 1), avg_fn=max, multi_avg_fn=max)
    with pytest.raises(ValueError, match="one of 'cos' or 'linear', instead got x"):
        swa_utils.SWALR(optimizer, 0.1, anneal_strategy="x")
    with pytest.raises(ValueError, match="equal or greater than 0, got -1"):
        swa_utils.SWALR(optimizer, 0.1, anneal_epochs=-1)
