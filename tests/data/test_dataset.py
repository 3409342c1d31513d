"""Datasets and collation; whole batches against fetching one by one."""

from __future__ import annotations

import collections
import pickle
from typing import Any

import numpy as np
import pytest

import lampas
from lampas.utils import data as D
from lampas.utils.data._utils.collate import default_collate_fn_map
from lampas.utils.data._utils.fetch import batch_fetcher

Point = collections.namedtuple("Point", "x y")


class Squares(D.Dataset[int]):
    def __getitem__(self, i: int) -> int:
        return i * i

    def __len__(self) -> int:
        return 10


class OneByOne(D.Dataset[Any]):
    """Hides from the loader that a dataset knows whole batches."""

    def __init__(self, dataset: Any) -> None:
        self.dataset = dataset

    def __getitem__(self, i: int) -> Any:
        return self.dataset[i]

    def __len__(self) -> int:
        return len(self.dataset)


def pairs(n: int = 11) -> D.TensorDataset:
    return D.TensorDataset(lampas.arange(n * 6.0).view(n, 2, 3), lampas.arange(n))


def same(a: Any, b: Any) -> bool:
    if isinstance(a, lampas.Tensor):
        return isinstance(b, lampas.Tensor) and a.dtype == b.dtype and bool(lampas.equal(a, b))
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    return bool(a == b)


WHOLE = {
    "tensors": pairs,
    "one dimension": lambda: D.TensorDataset(lampas.arange(7)),
    "subset": lambda: D.Subset(pairs(), [10, 3, 3, 0, 5]),
    "subset of subset": lambda: D.Subset(D.Subset(pairs(), [9, 8, 1, 4]), [3, 0, 2]),
    "concatenation": lambda: D.ConcatDataset([pairs(4), pairs(3), pairs(5)]),
    "stack": lambda: D.StackDataset(pairs(5), D.TensorDataset(lampas.ones(5, 1))),
    "named stack": lambda: D.StackDataset(a=pairs(5), b=pairs(5)),
    "split": lambda: D.random_split(pairs(), [7, 4])[0],
}


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("name", WHOLE)
def test_whole_batches_are_what_single_samples_give(
    name: str, drop_last: bool, shuffle: bool
) -> None:
    dataset = WHOLE[name]()
    assert batch_fetcher(dataset) is not None
    batches = []
    for each in (dataset, OneByOne(dataset)):
        lampas.manual_seed(1)
        loader = D.DataLoader(each, batch_size=3, shuffle=shuffle, drop_last=drop_last)
        batches.append(list(loader))
        assert len(batches[-1]) == len(loader)
    assert same(*batches)


def test_batches_do_not_alias_the_dataset() -> None:
    dataset = pairs(4)
    for batch in D.DataLoader(dataset, batch_size=2):
        batch[0].zero_()
    assert dataset.tensors[0].sum().item() == sum(range(24))


def test_whole_batches_carry_gradients() -> None:
    weights = lampas.ones(4, 2, requires_grad=True)
    for (batch,) in D.DataLoader(D.TensorDataset(weights), batch_size=3):
        batch.sum().backward()
    assert weights.grad is not None and weights.grad.tolist() == [[1.0, 1.0]] * 4


class Doubled(D.TensorDataset):
    def __getitem__(self, i: Any) -> Any:
        return tuple(tensor * 2 for tensor in super().__getitem__(i))


class Marked(D.TensorDataset):
    def __getitems__(self, indices: list[int]) -> list[Any]:
        return [(lampas.tensor(-1), lampas.tensor(i)) for i in indices]


def test_a_subclass_that_overrides_is_respected() -> None:
    for batch in D.DataLoader(Doubled(lampas.ones(4, 2)), batch_size=2):
        assert batch[0].tolist() == [[2.0, 2.0]] * 2
    first, _ = next(iter(D.DataLoader(Marked(lampas.ones(4), lampas.ones(4)), batch_size=2)))
    assert first.tolist() == [-1, -1]
    inner = next(iter(D.DataLoader(D.Subset(Doubled(lampas.ones(4, 2)), [0, 1]), batch_size=2)))
    assert inner[0].tolist() == [[2.0, 2.0]] * 2


def test_a_replaced_method_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(D.TensorDataset, "__getitem__", lambda self, i: (7,))
    assert next(iter(D.DataLoader(pairs(), batch_size=2)))[0].tolist() == [7, 7]


def test_a_changed_collate_table_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        default_collate_fn_map, lampas.Tensor, lambda batch, collate_fn_map: "collated"
    )
    assert next(iter(D.DataLoader(pairs(), batch_size=2))) == ["collated", "collated"]


def test_indices_of_a_users_sampler_mean_what_they_mean() -> None:
    loader = D.DataLoader(pairs(5), batch_sampler=[[0, -1], [1, 1]])
    assert [labels.tolist() for _, labels in loader] == [[0, 4], [1, 1]]
    with pytest.raises(IndexError):
        list(D.DataLoader(pairs(5), batch_sampler=[[0, 5]]))


def test_subset_follows_changed_indices_and_pickles() -> None:
    subset = D.Subset(pairs(5), [0, 1])
    assert len(list(D.DataLoader(subset))) == 2
    subset.indices = [4]
    assert next(iter(D.DataLoader(subset)))[1].tolist() == [4]
    assert pickle.loads(pickle.dumps(subset))[0][1].item() == 4


def test_concat_takes_negative_indices_and_adds() -> None:
    both = Squares() + Squares()
    assert both[-1] == 81 and both[10] == 0 and len(both) == 20
    assert both.cumulative_sizes == [10, 20]
    with pytest.raises(ValueError, match="-21 for 20"):
        both[-21]


def test_chain_joins_streams() -> None:
    class Count(D.IterableDataset[int]):
        def __iter__(self) -> Any:
            return iter(range(3))

        def __len__(self) -> int:
            return 3

    chain = Count() + Count()
    assert list(chain) == [0, 1, 2, 0, 1, 2] and len(chain) == 6
    assert [b.tolist() for b in D.DataLoader(chain, batch_size=4)] == [[0, 1, 2, 0], [1, 2]]
    with pytest.raises(AssertionError, match="ConcatDataset"):
        list(D.ChainDataset([Squares()]))


def test_random_split_rounds_fractions_round_robin() -> None:
    assert [len(part) for part in D.random_split(range(11), [0.34, 0.33, 0.33])] == [4, 4, 3]
    with pytest.warns(UserWarning, match="index 1 is 0"):
        D.random_split(range(2), [0.9, 0.1 - 1e-12])
    with pytest.raises(ValueError, match="sum to 3"):
        D.random_split(range(2), [1, 2])


COLLATED: list[tuple[str, Any, Any]] = [
    ("ints", [1, 2], lampas.tensor([1, 2])),
    ("bools", [True, False], lampas.tensor([True, False])),
    ("floats", [1.0, 2.5], lampas.tensor([1.0, 2.5], dtype=lampas.float64)),
    ("text", ["a", "b"], ["a", "b"]),
    ("bytes", [b"a"], [b"a"]),
    ("arrays", [np.zeros(2), np.ones(2)], lampas.tensor([[0, 0], [1, 1]], dtype=lampas.float64)),
    ("numpy numbers", [np.float32(1), np.float32(2)], lampas.tensor([1.0, 2.0])),
    ("tuples become lists", [(1, "a"), (2, "b")], [lampas.tensor([1, 2]), ("a", "b")]),
    ("named tuples", [Point(1, 2), Point(3, 4)],
     Point(lampas.tensor([1, 3]), lampas.tensor([2, 4]))),
    ("dicts", [{"a": [1]}, {"a": [2]}], {"a": [lampas.tensor([1, 2])]}),
]  # fmt: skip


@pytest.mark.parametrize(("samples", "expected"), [row[1:] for row in COLLATED])
def test_collate(samples: Any, expected: Any) -> None:
    assert same(D.default_collate(samples), expected)


def test_collate_keeps_what_a_mapping_carries() -> None:
    table = collections.defaultdict(list, a=1)
    made = D.default_collate([table, table])
    assert type(made) is collections.defaultdict and made["new"] == []


@pytest.mark.parametrize(
    ("samples", "error", "text"),
    [
        ([[1], [1, 2]], RuntimeError, "equal size, got sizes"),
        ([None], TypeError, "found <class 'NoneType'>"),
        ([np.array(["a"])], TypeError, "found <U1"),
        ([lampas.zeros(2), lampas.zeros(3)], RuntimeError, "(?s)equal size.*fn that pads"),
    ],
)
def test_collate_says_what_it_cannot(samples: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        D.default_collate(samples)


def test_convert_leaves_single_samples_alone() -> None:
    sample = {"x": np.arange(2), "name": "a", "t": (1, np.float32(2))}
    made = D.default_convert(sample)
    assert same(made["x"], lampas.tensor([0, 1])) and made["name"] == "a"
    assert made["t"][0] == 1 and same(made["t"][1], lampas.tensor(2.0))


BAD = [
    (lambda: D.TensorDataset(lampas.ones(2), lampas.ones(3)), AssertionError, r"\(2,\), \(3,\)"),
    (lambda: D.StackDataset(), ValueError, "At least one"),
    (lambda: D.StackDataset(range(2), a=range(2)), ValueError, "unnamed and 1 named"),
    (lambda: D.StackDataset(range(2), range(3)), ValueError, r"\[2, 3\]"),
    (lambda: D.ConcatDataset([]), AssertionError, "empty"),
    (lambda: D.Dataset()[0], NotImplementedError, "__getitem__"),
]


@pytest.mark.parametrize(("call", "error", "text"), BAD)
def test_bad_arguments_are_named(call: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        call()


def test_subset_subclass_must_override_both() -> None:
    class Half(D.Subset[Any]):
        def __getitem__(self, i: Any) -> Any:
            return None

    with pytest.raises(NotImplementedError, match="__getitems__"):
        Half(range(3), [0])  # type: ignore[arg-type]
