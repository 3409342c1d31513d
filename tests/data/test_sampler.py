"""Orders and random draws. The expected numbers were recorded from PyTorch 2.13."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import lampas
from lampas.utils import data as D


def rows(loader: Any) -> list[list[int]]:
    return [batch.tolist() for batch in loader]


# Name, what to draw after manual_seed(0), result, and the next number of the default generator.
RECORDED: list[tuple[str, Callable[[], Any], Any, float]] = [
    (
        "random",
        lambda: list(D.RandomSampler(range(10))),
        [6, 9, 0, 7, 3, 5, 4, 2, 1, 8],
        0.088477,
    ),
    (
        "with replacement",
        lambda: list(D.RandomSampler(range(10), replacement=True, num_samples=12)),
        [6, 0, 4, 3, 9, 5, 7, 8, 9, 1, 8, 5],
        0.088477,
    ),
    (
        "more than once around",
        lambda: list(D.RandomSampler(range(4), num_samples=10)),
        [2, 3, 0, 1, 1, 0, 3, 2, 1, 0],
        0.088477,
    ),
    (
        "subset",
        lambda: list(D.SubsetRandomSampler([10, 20, 30, 40, 50])),
        [50, 10, 20, 40, 30],
        0.307423,
    ),
    (
        "weighted",
        lambda: list(D.WeightedRandomSampler([0.1, 0.4, 0.2, 3.0], 6)),
        [3, 3, 3, 3, 3, 3],
        0.022326,
    ),
    (
        "weighted, without replacement",
        lambda: list(D.WeightedRandomSampler([0.1, 0.4, 0.2, 3.0], 3, replacement=False)),
        [3, 2, 1],
        0.455628,
    ),
    (
        "loader, whole batches",
        lambda: [
            batch[0].tolist()
            for batch in D.DataLoader(
                D.TensorDataset(lampas.arange(10)), batch_size=4, shuffle=True
            )
        ],
        [[6, 7, 1, 4], [2, 0, 9, 8], [3, 5]],
        0.307423,
    ),
    (
        "two epochs, one by one",
        lambda: [rows(loader) for loader in [D.DataLoader(range(6), 4, shuffle=True)] * 2],
        [[[0, 4, 3, 5], [2, 1]], [[2, 3, 1, 5], [4, 0]]],
        0.455628,
    ),
    ("in order: one seed is drawn all the same", lambda: rows(D.DataLoader(range(3))),
     [[0], [1], [2]], 0.088477),
    (
        "split",
        lambda: [list(part.indices) for part in D.random_split(range(10), [0.5, 0.3, 0.2])],
        [[4, 1, 7, 5, 3], [9, 0, 8], [6, 2]],
        0.632306,
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("draw", "expected", "following"),
    [row[1:] for row in RECORDED],
    ids=[row[0] for row in RECORDED],
)
def test_draws_as_recorded(draw: Callable[[], Any], expected: Any, following: float) -> None:
    lampas.manual_seed(0)
    assert draw() == expected
    assert lampas.rand(1).item() == pytest.approx(following, abs=1e-6)


@pytest.mark.parametrize("dataset", [range(6), D.TensorDataset(lampas.arange(6))])
def test_a_generator_of_ones_own_moves_as_recorded(dataset: Any) -> None:
    generator = lampas.Generator().manual_seed(3)
    loader = D.DataLoader(dataset, batch_size=3, shuffle=True, generator=generator)
    batches = [batch[0] if isinstance(batch, list) else batch for batch in loader]
    assert rows(batches) == [[1, 3, 2], [0, 4, 5]]
    assert lampas.rand(1, generator=generator).item() == pytest.approx(0.1498409, abs=1e-6)


def test_distributed_parts_as_recorded() -> None:
    parts = [list(D.DistributedSampler(range(7), 3, rank, seed=1)) for rank in range(3)]
    assert parts == [[0, 3, 4], [6, 5, 0], [1, 2, 6]]


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize(("n", "replicas"), [(1, 3), (5, 2), (12, 4), (7, 7)])
def test_distributed_parts_cover_the_dataset(n: int, replicas: int, drop_last: bool) -> None:
    samplers = [
        D.DistributedSampler(range(n), replicas, rank, drop_last=drop_last)
        for rank in range(replicas)
    ]
    parts = [list(sampler) for sampler in samplers]
    assert len({len(part) for part in parts}) == 1
    assert all(len(part) == len(sampler) for part, sampler in zip(parts, samplers, strict=True))
    if not drop_last:
        assert set().union(*parts) == set(range(n))
    samplers[0].set_epoch(1)
    assert n < 5 or list(samplers[0]) != parts[0] or drop_last


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("size", [1, 3, 4, 20])
def test_batch_sampler_cuts_and_counts(size: int, drop_last: bool) -> None:
    sampler = D.BatchSampler(range(10), size, drop_last)
    batches = list(sampler)
    assert len(batches) == len(sampler)
    whole = [list(range(10))[i : i + size] for i in range(0, 10, size)]
    assert batches == [batch for batch in whole if len(batch) == size or not drop_last]


BAD: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: D.RandomSampler(range(3), replacement=1), TypeError, "boolean"),  # type: ignore[arg-type]
    (lambda: D.RandomSampler(range(3), num_samples=0), ValueError, "num_samples=0"),
    (lambda: D.RandomSampler([]), ValueError, "no samples"),
    (lambda: D.BatchSampler(range(3), 0, False), ValueError, "batch_size=0"),
    (lambda: D.BatchSampler(range(3), 2, 1), ValueError, "drop_last=1"),  # type: ignore[arg-type]
    (lambda: D.WeightedRandomSampler([[1.0]], 1), ValueError, "1d"),  # type: ignore[list-item]
    (lambda: D.WeightedRandomSampler([1.0], 0), ValueError, "num_samples=0"),
    (lambda: D.DistributedSampler(range(3), 2, 2), ValueError, r"interval \[0, 1\]"),
]


@pytest.mark.parametrize(("call", "error", "text"), BAD)
def test_bad_arguments_are_named(
    call: Callable[[], Any], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        call()
