"""Schedulers against closed forms."""

from __future__ import annotations

import copy
import math
import warnings
from typing import Any

import pytest

import lampas
from lampas import optim
from lampas.optim import lr_scheduler

EPOCHS = 24


def sgd(lr: Any = 1.0, groups: int = 1, **options: Any) -> Any:
    params = [lampas.zeros(1, requires_grad=True) for _ in range(groups)]
    return optim.SGD([{"params": [p]} for p in params], lr=lr, **options)


def cosine(epoch: float, period: int, low: float = 0.0, high: float = 1.0) -> float:
    return low + (high - low) * (1 + math.cos(math.pi * epoch / period)) / 2


def one_cycle(t: int) -> float:
    """Up from 0.04 to 1 in 0.25 * 25 - 1 steps, down to 4e-6 at step 24."""
    top = 0.25 * 25 - 1
    if t <= top:
        return cosine(top - t, top, 0.04)
    return cosine(t - top, 24 - top, 0.04 / 1e4)


# With periods 3, 6, 12, 24: where each begins, last first.
RESTARTS = [(21, 24), (9, 12), (3, 6), (0, 3)]


def triangle(t: int, up: int, down: int) -> float:
    t %= up + down
    return t / up if t <= up else 1 - (t - up) / down


FORMS: list[tuple[str, dict[str, Any], Any]] = [
    ("LambdaLR", {"lr_lambda": lambda t: 1 / (1 + t)}, lambda t: 1 / (1 + t)),
    ("MultiplicativeLR", {"lr_lambda": lambda t: 0.9}, lambda t: 0.9**t),
    ("StepLR", {"step_size": 5, "gamma": 0.3}, lambda t: 0.3 ** (t // 5)),
    (
        "MultiStepLR",
        {"milestones": [3, 7, 7], "gamma": 0.3},
        lambda t: 0.3 ** ((t >= 3) + 2 * (t >= 7)),
    ),
    ("ConstantLR", {"factor": 0.25, "total_iters": 4}, lambda t: 0.25 if t < 4 else 1.0),
    (
        "LinearLR",
        {"start_factor": 0.5, "end_factor": 0.9, "total_iters": 8},
        lambda t: 0.5 + 0.4 * min(t, 8) / 8,
    ),
    ("ExponentialLR", {"gamma": 0.8}, lambda t: 0.8**t),
    ("PolynomialLR", {"total_iters": 9, "power": 2.0}, lambda t: (1 - min(t, 9) / 9) ** 2),
    ("CosineAnnealingLR", {"T_max": 7, "eta_min": 0.1}, lambda t: cosine(t, 7, 0.1)),
    ("CosineAnnealingWarmRestarts", {"T_0": 6}, lambda t: cosine(t % 6, 6)),
    (
        "CosineAnnealingWarmRestarts",
        {"T_0": 3, "T_mult": 2},
        lambda t: cosine(*next((t - b, n) for b, n in RESTARTS if t >= b)),
    ),
    (
        "CyclicLR",
        {"base_lr": 0.2, "max_lr": 1.0, "step_size_up": 3, "step_size_down": 5},
        lambda t: 0.2 + 0.8 * triangle(t, 3, 5),
    ),
    (
        "CyclicLR",
        {"base_lr": 0.2, "max_lr": 1.0, "step_size_up": 3, "mode": "triangular2"},
        lambda t: 0.2 + 0.8 * triangle(t, 3, 3) / 2 ** (t // 6),
    ),
    (
        "CyclicLR",
        {"base_lr": 0.2, "max_lr": 1.0, "step_size_up": 3, "mode": "exp_range", "gamma": 0.9},
        lambda t: 0.2 + 0.8 * triangle(t, 3, 3) * 0.9**t,
    ),
    (
        "CyclicLR",
        {"base_lr": 0.2, "max_lr": 1.0, "step_size_up": 3, "scale_fn": lambda cycle: 1 / cycle},
        lambda t: 0.2 + 0.8 * triangle(t, 3, 3) / (1 + t // 6),
    ),
    ("OneCycleLR", {"max_lr": 1.0, "total_steps": 25, "pct_start": 0.25}, one_cycle),
]
NAMES = [f"{name}-{i}" for i, (name, _, _) in enumerate(FORMS)]
forms = pytest.mark.parametrize("name, options, form", FORMS, ids=NAMES)


@forms
def test_closed_form(name, options, form) -> None:
    optimizer = sgd(momentum=0.9)
    scheduler = getattr(lr_scheduler, name)(optimizer, **options)
    for epoch in range(EPOCHS):
        assert optimizer.param_groups[0]["lr"] == pytest.approx(form(epoch), abs=1e-12), epoch
        assert scheduler.get_last_lr() == [optimizer.param_groups[0]["lr"]]
        optimizer.step()
        scheduler.step()


@forms
def test_tensor_learning_rate_stays_the_same_tensor(name, options, form) -> None:
    lr = lampas.tensor(1.0, dtype=lampas.float64)
    optimizer = sgd(lr=lr, momentum=0.9)
    scheduler = getattr(lr_scheduler, name)(optimizer, **options)
    for _ in range(5):
        optimizer.step()
        scheduler.step()
    assert optimizer.param_groups[0]["lr"] is lr
    assert lr.item() == pytest.approx(form(5), abs=1e-12)
    assert scheduler.get_last_lr()[0] is not lr


@forms
def test_state_dict_resumes(name, options, form) -> None:
    optimizer = sgd(momentum=0.9)
    scheduler = getattr(lr_scheduler, name)(optimizer, **options)
    for _ in range(5):
        optimizer.step()
        scheduler.step()
    saved = copy.deepcopy((optimizer.state_dict(), scheduler.state_dict()))
    assert "optimizer" not in saved[1]
    other = sgd(momentum=0.9)
    resumed = getattr(lr_scheduler, name)(other, **options)
    other.load_state_dict(saved[0])
    resumed.load_state_dict(saved[1])
    for epoch in range(5, 12):
        assert other.param_groups[0]["lr"] == pytest.approx(form(epoch), abs=1e-12)
        other.step()
        resumed.step()


@pytest.mark.parametrize(
    "name, options",
    [
        ("StepLR", {"step_size": 5}),
        ("MultiStepLR", {"milestones": [3, 7, 8]}),
        ("ConstantLR", {}),
        ("LinearLR", {}),
        ("ExponentialLR", {"gamma": 0.8}),
        ("PolynomialLR", {}),
        ("CosineAnnealingLR", {"T_max": 7}),
    ],
)
def test_jump_to_an_epoch_gives_what_stepping_gives(name, options) -> None:
    stepped, jumped = sgd(), sgd()
    one, other = (getattr(lr_scheduler, name)(o, **options) for o in (stepped, jumped))
    for _ in range(4):
        stepped.step()
        one.step()
    jumped.step()
    with pytest.warns(UserWarning, match="epoch parameter .* is deprecated"):
        other.step(4)
    assert other.get_last_lr()[0] == pytest.approx(one.get_last_lr()[0], rel=1e-12)


def test_groups_have_schedules_of_their_own() -> None:
    optimizer = sgd(groups=2)
    optimizer.param_groups[1]["lr"] = 10.0
    scheduler = lr_scheduler.LambdaLR(optimizer, [lambda t: 0.5**t, lambda t: 0.1**t])
    optimizer.step()
    scheduler.step()
    assert scheduler.get_last_lr() == [0.5, 1.0]
    optimizer = sgd(groups=2)
    scheduler = lr_scheduler.OneCycleLR(optimizer, [1.0, 2.0], 10, cycle_momentum=False)
    assert scheduler.get_last_lr() == pytest.approx([0.04, 0.08])


def test_momentum_cycles_the_opposite_way() -> None:
    for make, key in ((sgd, "momentum"), (lambda: optim.Adam([lampas.zeros(1)]), "betas")):
        optimizer = make()
        lr_scheduler.CyclicLR(optimizer, 0.0, 1.0, step_size_up=2)
        scheduler = lr_scheduler.CyclicLR(optimizer, 0.0, 1.0, step_size_up=2)
        seen = []
        for _ in range(4):
            value = optimizer.param_groups[0][key]
            seen.append(value if key == "momentum" else value[0])
            optimizer.step()
            scheduler.step()
        assert seen == pytest.approx([0.9, 0.85, 0.8, 0.85])


def test_one_cycle_in_three_phases() -> None:
    optimizer = sgd(momentum=0.9)
    scheduler = lr_scheduler.OneCycleLR(
        optimizer, 1.0, epochs=2, steps_per_epoch=10, three_phase=True, pct_start=0.4,
        anneal_strategy="linear", div_factor=10.0, final_div_factor=10.0,
    )  # fmt: skip
    seen = []
    for _ in range(20):
        seen.append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
    want = [0.1 + 0.9 * t / 7 for t in range(8)]
    want += [1.0 - 0.9 * t / 7 for t in range(1, 8)]
    want += [0.1 - 0.09 * t / 5 for t in range(1, 6)]
    assert seen == pytest.approx(want)
    with pytest.raises(ValueError, match=r"Tried to step 21 times\. .* total steps is 20"):
        scheduler.step()


def test_sequential() -> None:
    optimizer = sgd()
    parts = [
        lr_scheduler.LinearLR(optimizer, 0.25, total_iters=4),
        lr_scheduler.ExponentialLR(optimizer, 0.5),
        lr_scheduler.ConstantLR(optimizer, 0.1, total_iters=2),
    ]
    scheduler = lr_scheduler.SequentialLR(optimizer, parts, [3, 6])
    seen = []
    for _ in range(10):
        seen.append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
    # Each part begins anew from the learning rate at the very start.
    assert seen == pytest.approx([0.25, 0.4375, 0.625, 1, 0.5, 0.25, 0.1, 0.1, 1, 1])
    state = copy.deepcopy(scheduler.state_dict())
    assert [type(s) for s in state["_schedulers"]] == [dict] * 3
    scheduler.load_state_dict(state)
    assert scheduler.last_epoch == 10


def test_chained() -> None:
    optimizer = sgd()
    parts = [
        lr_scheduler.ConstantLR(optimizer, 0.1, total_iters=2),
        lr_scheduler.ExponentialLR(optimizer, 0.5),
    ]
    scheduler = lr_scheduler.ChainedScheduler(parts)
    seen = []
    for _ in range(5):
        seen.append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
    assert seen == pytest.approx([0.1 * 0.5**t if t < 2 else 0.5**t for t in range(5)])


def test_plateau() -> None:
    optimizer = sgd(groups=2)
    scheduler = lr_scheduler.ReduceLROnPlateau(
        optimizer, factor=0.5, patience=1, cooldown=1, min_lr=[0.0, 0.5]
    )
    seen = []
    for loss in (3.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 1.0):
        optimizer.step()
        scheduler.step(loss)
        seen.append(tuple(scheduler.get_last_lr()))
    # Two bad epochs, a cut, one epoch of cooldown, two bad epochs, a cut.
    assert seen == [(1, 1)] * 3 + [(0.5, 0.5)] * 3 + [(0.25, 0.5)] * 2
    assert scheduler.best == 1.0


@pytest.mark.parametrize(
    "mode, threshold_mode, better, worse",
    [
        ("min", "rel", 8.9, 9.1),
        ("min", "abs", 9.8, 9.95),
        ("max", "rel", 11.1, 10.9),
        ("max", "abs", 10.2, 10.05),
    ],
)
def test_plateau_thresholds(mode, threshold_mode, better, worse) -> None:
    for value, bad in ((better, 0), (worse, 1)):
        scheduler = lr_scheduler.ReduceLROnPlateau(
            sgd(), mode, threshold=0.1, threshold_mode=threshold_mode
        )
        scheduler.step(lampas.tensor(10.0))
        scheduler.step(value)
        assert scheduler.num_bad_epochs == bad


def test_warm_restarts_within_an_epoch() -> None:
    optimizer = sgd()
    scheduler = lr_scheduler.CosineAnnealingWarmRestarts(optimizer, T_0=2, T_mult=2)
    for epoch, want in ((0.5, cosine(0.5, 2)), (2.0, 1.0), (4.0, cosine(2, 4)), (6.0, 1.0)):
        scheduler.step(epoch)
        assert scheduler.get_last_lr()[0] == pytest.approx(want)
    with pytest.raises(ValueError, match="Expected non-negative epoch, but got -1"):
        scheduler.step(-1)


# ---- warnings and errors ----------------------------------------------------------------------


def test_warns_of_the_wrong_order() -> None:
    scheduler = lr_scheduler.ExponentialLR(sgd(), 0.5)
    with pytest.warns(UserWarning, match="before `optimizer.step\\(\\)`"):
        scheduler.step()


def test_is_silent_about_the_right_order() -> None:
    optimizer = sgd()
    scheduler = lr_scheduler.ExponentialLR(optimizer, 0.5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(3):
            optimizer.step()
            scheduler.step()


def test_warns_of_a_step_replaced_later() -> None:
    optimizer = sgd()
    scheduler = lr_scheduler.ExponentialLR(optimizer, 0.5)
    optimizer.step = lambda: None
    with pytest.warns(UserWarning, match="has been overridden after"):
        scheduler.step()


def test_warns_of_get_lr_outside_step() -> None:
    scheduler = lr_scheduler.ExponentialLR(sgd(), 0.5)
    with pytest.warns(UserWarning, match="please use `get_last_lr\\(\\)`"):
        scheduler.get_lr()


def test_resuming_needs_the_initial_learning_rate() -> None:
    optimizer = sgd()
    with pytest.raises(
        KeyError, match="param 'initial_lr' is not specified in param_groups\\[0\\]"
    ):
        lr_scheduler.ExponentialLR(optimizer, 0.5, last_epoch=3)
    optimizer.param_groups[0]["initial_lr"] = 1.0
    assert lr_scheduler.StepLR(optimizer, 1, 0.5, last_epoch=3).last_epoch == 4


@pytest.mark.parametrize(
    "make, error, text",
    [
        (lambda s, o: s.StepLR("sgd", 1), TypeError, "str is not an Optimizer"),
        (lambda s, o: s.LambdaLR(o, [abs, abs]), ValueError, "Expected 1 lr_lambdas, .* got 2"),
        (lambda s, o: s.MultiplicativeLR(o, 3), TypeError, "should be a function, but got int"),
        (lambda s, o: s.ConstantLR(o, 2.0), ValueError, "between 0 and 1, but is 2.0"),
        (lambda s, o: s.LinearLR(o, 0.0), ValueError, "greater than 0 and less or equal to 1"),
        (lambda s, o: s.LinearLR(o, 0.5, 1.5), ValueError, "between 0 and 1, but is 1.5"),
        (
            lambda s, o: s.CosineAnnealingWarmRestarts(o, 0),
            ValueError,
            "Expected positive integer T_0, but got 0",
        ),
        (
            lambda s, o: s.CosineAnnealingWarmRestarts(o, 1, 0.5),
            ValueError,
            "Expected integer T_mult >= 1, but got 0.5",
        ),
        (lambda s, o: s.CyclicLR(o, 0.1, 1.0, mode="sine"), ValueError, "mode is invalid"),
        (
            lambda s, o: s.CyclicLR(o, [0.1, 0.2], 1.0),
            ValueError,
            "base_lr has 2 values, param_groups has 1",
        ),
        (
            lambda s, o: s.CyclicLR(optim.Adagrad([lampas.zeros(1)]), 0.1, 1.0),
            ValueError,
            "must support momentum or beta1.*Adagrad has neither",
        ),
        (lambda s, o: s.OneCycleLR(o, 1.0), ValueError, "either total_steps OR"),
        (
            lambda s, o: s.OneCycleLR(o, 1.0, 0),
            ValueError,
            "positive integer total_steps, but got 0",
        ),
        (lambda s, o: s.OneCycleLR(o, 1.0, 9, pct_start=2.0), ValueError, "pct_start, but got 2.0"),
        (
            lambda s, o: s.OneCycleLR(o, 1.0, 9, anneal_strategy="x"),
            ValueError,
            "one of 'cos' or 'linear', instead got x",
        ),
        (lambda s, o: s.ReduceLROnPlateau(o, factor=1.0), ValueError, "Factor should be < 1.0"),
        (lambda s, o: s.ReduceLROnPlateau(o, "mean"), ValueError, "mode mean is unknown"),
        (
            lambda s, o: s.ReduceLROnPlateau(o, threshold_mode="x"),
            ValueError,
            "threshold mode x is unknown",
        ),
        (
            lambda s, o: s.ReduceLROnPlateau(o, min_lr=[0.1, 0.1]),
            ValueError,
            "expected 1 min_lrs, .* got 2",
        ),
        (lambda s, o: s.ChainedScheduler([]), ValueError, "at least one scheduler"),
        (lambda s, o: s.ChainedScheduler([3]), TypeError, "at index 0 should have `optimizer`"),
        (
            lambda s, o: s.SequentialLR(o, [s.ReduceLROnPlateau(o)], []),
            ValueError,
            "does not support `ReduceLROnPlateau`",
        ),
        (
            lambda s, o: s.SequentialLR(o, [s.StepLR(sgd(), 1)], []),
            ValueError,
            "belong to the same optimizer",
        ),
        (
            lambda s, o: s.SequentialLR(o, [s.StepLR(o, 1)], [3]),
            ValueError,
            "got 1 schedulers and 1 milestones",
        ),
    ],
)
def test_errors(make, error, text) -> None:
    with pytest.raises(error, match=text):
        make(lr_scheduler, sgd())
