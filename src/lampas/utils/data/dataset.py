"""Datasets: what can be asked for a sample by index, or iterated.

Besides ``__getitem__``, the library's datasets know how to fetch a whole batch at once, already
collated (``_batch_fetcher``, see :mod:`lampas.utils.data._utils.fetch`).
"""

from __future__ import annotations

import bisect
import math
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np

import lampas
from lampas.utils.data._utils.fetch import batch_fetcher, batchable

if TYPE_CHECKING:
    from lampas import Generator, Tensor

_T = TypeVar("_T")
_T_co = TypeVar("_T_co", covariant=True)
_Fetch = Callable[["Tensor"], Any]


class Dataset(Generic[_T_co]):
    """A map from keys, usually ``0 … len - 1``, to samples.

    A subclass defines ``__getitem__``, usually ``__len__``, and may define ``__getitems__``, which
    takes a list of keys and returns the list of their samples.

    >>> class Squares(Dataset[int]):
    ...     def __getitem__(self, i):
    ...         return i * i
    ...     def __len__(self):
    ...         return 4
    >>> [Squares()[i] for i in range(4)]
    [0, 1, 4, 9]
    """

    def __getitem__(self, index: Any) -> _T_co:
        raise NotImplementedError("Subclasses of Dataset should implement __getitem__.")

    def __add__(self, other: Dataset[Any]) -> ConcatDataset[Any]:
        return ConcatDataset([self, other])


class IterableDataset(Dataset[_T_co], Iterable[_T_co]):
    """A stream of samples: a subclass defines ``__iter__``.

    With worker processes each worker iterates over its own copy; ask
    :func:`~lampas.utils.data.get_worker_info` which part of the stream this worker should give, or
    every sample comes once per worker.

    >>> class Count(IterableDataset[int]):
    ...     def __iter__(self):
    ...         return iter(range(3))
    >>> list(Count())
    [0, 1, 2]
    """

    def __add__(self, other: Dataset[Any]) -> ChainDataset:  # type: ignore[override]
        return ChainDataset([self, other])


@batchable
class TensorDataset(Dataset["tuple[Tensor, ...]"]):
    """Samples are the rows of one or more tensors, as tuples.

    Args:
        *tensors: tensors with the same size of dimension 0.

    Raises:
        AssertionError: sizes of dimension 0 differ.

    >>> TensorDataset(lampas.tensor([[1.0], [2.0]]), lampas.tensor([3, 4]))[1]
    (tensor([2.]), tensor(4))
    """

    tensors: tuple[Tensor, ...]

    def __init__(self, *tensors: Tensor) -> None:
        if any(tensors[0].size(0) != tensor.size(0) for tensor in tensors):
            sizes = ", ".join(str(tuple(tensor.shape)) for tensor in tensors)
            raise AssertionError(
                f"Size mismatch between tensors: dimension 0 must agree, got shapes {sizes}"
            )
        self.tensors = tensors

    def __getitem__(self, index: Any) -> tuple[Tensor, ...]:
        return tuple([tensor[index] for tensor in self.tensors])

    def __len__(self) -> int:
        return self.tensors[0].size(0)

    def _batch_fetcher(self) -> _Fetch | None:
        tensors = self.tensors
        # A subclass of Tensor decides for itself what indexing means.
        if not tensors or any(type(tensor) is not lampas.Tensor for tensor in tensors):
            return None

        def fetch(indices: Tensor) -> list[Tensor]:
            return [tensor.index_select(0, indices) for tensor in self.tensors]

        return fetch


@batchable
class StackDataset(Dataset[Any]):
    """Several datasets of one length side by side: samples are tuples, or dicts if named.

    Raises:
        ValueError: no datasets, different lengths, or named and unnamed ones together.

    >>> StackDataset(image=range(3), text="abc")[1]
    {'image': 1, 'text': 'b'}
    """

    datasets: tuple[Any, ...] | dict[str, Any]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if args and kwargs:
            raise ValueError(
                "StackDataset takes datasets either unnamed (samples are tuples) or named "
                f"(samples are dicts), got {len(args)} unnamed and {len(kwargs)} named"
            )
        self.datasets = args or kwargs
        members = args or tuple(kwargs.values())
        if not members:
            raise ValueError("At least one dataset should be passed")
        self._length = len(members[0])
        if any(len(member) != self._length for member in members):
            lengths = [len(member) for member in members]
            raise ValueError(f"Size mismatch between datasets: lengths are {lengths}")

    def __getitem__(self, index: Any) -> Any:
        if isinstance(self.datasets, dict):
            return {name: member[index] for name, member in self.datasets.items()}
        return tuple([member[index] for member in self.datasets])

    def __getitems__(self, indices: list[Any]) -> list[Any]:
        if isinstance(self.datasets, dict):
            columns = [_samples(member, indices) for member in self.datasets.values()]
            names = list(self.datasets)
            return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
        return list(zip(*[_samples(member, indices) for member in self.datasets], strict=False))

    def __len__(self) -> int:
        return self._length

    def _batch_fetcher(self) -> _Fetch | None:
        named = isinstance(self.datasets, dict)
        members = self.datasets.values() if isinstance(self.datasets, dict) else self.datasets
        fetchers = [batch_fetcher(member) for member in members]
        if any(fetch is None for fetch in fetchers):
            return None
        names = list(self.datasets) if named else []

        def fetch(indices: Tensor) -> Any:
            columns = [part(indices) for part in fetchers]  # type: ignore[misc]
            return dict(zip(names, columns, strict=False)) if named else columns

        return fetch


def _samples(dataset: Any, indices: list[Any]) -> list[Any]:
    """The samples at ``indices``, through ``__getitems__`` where the dataset has it."""
    many = getattr(dataset, "__getitems__", None)
    if not callable(many):
        return [dataset[index] for index in indices]
    items = many(indices)
    if len(items) != len(indices):
        raise ValueError(
            "Nested dataset's output size mismatch. "
            f"Expected {len(indices)}, got {len(items)} from {type(dataset).__name__}.__getitems__"
        )
    return items


@batchable
class ConcatDataset(Dataset[_T_co]):
    """Datasets one after another.

    Raises:
        AssertionError: no datasets, or an :class:`IterableDataset` among them.

    >>> ConcatDataset([range(3), "ab"])[3]
    'a'
    """

    datasets: list[Dataset[_T_co]]
    cumulative_sizes: list[int]

    @staticmethod
    def cumsum(sequence: Iterable[Any]) -> list[int]:
        """The running totals of the datasets' lengths."""
        return list(accumulate(len(element) for element in sequence))

    def __init__(self, datasets: Iterable[Dataset[Any]]) -> None:
        self.datasets = list(datasets)
        if not self.datasets:
            raise AssertionError("datasets should not be an empty iterable")
        if any(isinstance(dataset, IterableDataset) for dataset in self.datasets):
            raise AssertionError(
                "ConcatDataset does not support IterableDataset; ChainDataset joins those"
            )
        self.cumulative_sizes = self.cumsum(self.datasets)

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]

    def __getitem__(self, idx: Any) -> _T_co:
        if idx < 0:
            if -idx > len(self):
                raise ValueError(
                    "absolute value of index should not exceed dataset length: "
                    f"got {idx} for {len(self)} samples"
                )
            idx = len(self) + idx
        member = bisect.bisect_right(self.cumulative_sizes, idx)
        start = self.cumulative_sizes[member - 1] if member else 0
        return self.datasets[member][idx - start]

    def _batch_fetcher(self) -> _Fetch | None:
        fetchers = [batch_fetcher(member) for member in self.datasets]
        if any(fetch is None or getattr(fetch, "draws", False) for fetch in fetchers):
            return None
        ends = np.asarray(self.cumulative_sizes)
        starts = [0, *self.cumulative_sizes[:-1]]

        def fetch(indices: Tensor) -> Any:
            rows = indices.numpy()
            member_of = np.searchsorted(ends, rows, side="right")
            places, parts = [], []
            for member in np.unique(member_of).tolist():
                place = np.nonzero(member_of == member)[0]
                places.append(place)
                own_rows = lampas.from_numpy(rows[place] - starts[member])
                parts.append(fetchers[member](own_rows))
            if len(parts) == 1:
                return parts[0]
            return _merged(parts, lampas.from_numpy(np.concatenate(places).argsort()))

        return fetch


def _merged(parts: list[Any], order: Tensor) -> Any:
    """Joins collated parts of one batch and puts their rows in order; None if they differ."""
    first = parts[0]
    if isinstance(first, lampas.Tensor):
        for part in parts:
            if not isinstance(part, lampas.Tensor) or part.dtype != first.dtype:
                return None
            if part.shape[1:] != first.shape[1:]:
                return None
        return lampas.cat(parts).index_select(0, order)
    if type(first) is not list or any(type(p) is not list or len(p) != len(first) for p in parts):
        return None
    columns = [_merged(list(column), order) for column in zip(*parts, strict=False)]
    return None if any(column is None for column in columns) else columns


class ChainDataset(IterableDataset[Any]):
    """Streams one after another.

    Raises:
        AssertionError: on use, if a member is not an :class:`IterableDataset`.
    """

    def __init__(self, datasets: Iterable[Dataset[Any]]) -> None:
        self.datasets = datasets

    def _members(self) -> Iterator[IterableDataset[Any]]:
        for dataset in self.datasets:
            if not isinstance(dataset, IterableDataset):
                raise AssertionError(
                    f"ChainDataset only supports IterableDataset, got {type(dataset).__name__}; "
                    "ConcatDataset joins datasets that are indexed"
                )
            yield dataset

    def __iter__(self) -> Iterator[Any]:
        for dataset in self._members():
            yield from dataset

    def __len__(self) -> int:
        return sum(len(dataset) for dataset in self._members())  # type: ignore[arg-type,misc]


@batchable
class Subset(Dataset[_T_co]):
    """The samples of ``dataset`` at ``indices``.

    A subclass that overrides ``__getitem__`` must override ``__getitems__`` as well, because the
    loader calls that one.

    Raises:
        NotImplementedError: a subclass overrides only ``__getitem__``.

    >>> list(Subset("abcde", [4, 0]))
    ['e', 'a']
    """

    dataset: Dataset[_T_co]
    indices: Sequence[int]

    def __init__(self, dataset: Dataset[_T_co], indices: Sequence[int]) -> None:
        self.dataset = dataset
        self.indices = indices
        cls = type(self)
        if cls.__getitem__ is not Subset.__getitem__ and (cls.__getitems__ is Subset.__getitems__):
            raise NotImplementedError(
                f"{cls.__name__} overrides __getitem__ but not __getitems__, which DataLoader "
                "calls. Override it too, for example with:\n\n"
                "def __getitems__(self, indices):\n"
                "    return [self.__getitem__(idx) for idx in indices]"
            )

    def __getitem__(self, idx: Any) -> Any:
        if isinstance(idx, list):
            return self.dataset[[self.indices[i] for i in idx]]
        return self.dataset[self.indices[idx]]

    def __getitems__(self, indices: list[int]) -> list[_T_co]:
        chosen = [self.indices[i] for i in indices]
        many = getattr(self.dataset, "__getitems__", None)
        return many(chosen) if callable(many) else [self.dataset[i] for i in chosen]

    def __len__(self) -> int:
        return len(self.indices)

    def _batch_fetcher(self) -> _Fetch | None:
        inner = batch_fetcher(self.dataset)
        table = None if inner is None else self._index_table()
        if inner is None or table is None:
            return None

        def fetch(indices: Tensor) -> Any:
            return inner(table.index_select(0, indices))

        fetch.draws = getattr(inner, "draws", False)  # type: ignore[attr-defined]
        return fetch

    def _index_table(self) -> Tensor | None:
        """``indices`` as a tensor, or None if they are not plain indices into the dataset."""
        kept = self.__dict__.get("_kept_table")
        indices = list(self.indices)
        if kept is not None and kept[0] == indices:
            return kept[1]
        if not all(type(index) is int for index in indices):
            return None
        table = lampas.tensor(indices, dtype=lampas.int64)
        if indices and not (0 <= min(indices) and max(indices) < len(self.dataset)):  # type: ignore[arg-type]
            return None
        self.__dict__["_kept_table"] = (indices, table)
        return table

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_kept_table"}


def random_split(
    dataset: Dataset[_T],
    lengths: Sequence[int | float],
    generator: Generator | None = None,
) -> list[Subset[_T]]:
    """Splits a dataset at random into parts of the given lengths.

    Args:
        dataset: what to split.
        lengths: sizes that sum to ``len(dataset)``, or fractions that sum to 1. Fractions are
            rounded down and what is left over is dealt out one by one from the first part on.
        generator: where the permutation comes from; the default generator if None.

    Raises:
        ValueError: a fraction outside [0, 1], or sizes that do not sum to the dataset's length.

    >>> [len(part) for part in random_split(range(10), [0.75, 0.25])]
    [8, 2]
    """
    n = len(dataset)  # type: ignore[arg-type]
    if math.isclose(sum(lengths), 1) and sum(lengths) <= 1:
        lengths = _lengths_of_fractions(n, lengths)
    if sum(lengths) != n:
        raise ValueError(
            "Sum of input lengths does not equal the length of the input dataset! "
            f"{list(lengths)} sum to {sum(lengths)}, the dataset has {n} samples"
        )
    order = lampas.randperm(n, generator=generator).tolist()
    ends = list(accumulate(lengths))
    return [
        Subset(dataset, order[int(end) - int(length) : int(end)])
        for end, length in zip(ends, lengths, strict=False)
    ]


def _lengths_of_fractions(n: int, fractions: Sequence[float]) -> list[int]:
    for i, fraction in enumerate(fractions):
        if fraction < 0 or fraction > 1:
            raise ValueError(f"Fraction at index {i} is not between 0 and 1: {fraction}")
    lengths = [math.floor(n * fraction) for fraction in fractions]
    for i in range(n - sum(lengths)):
        lengths[i % len(lengths)] += 1
    for i, length in enumerate(lengths):
        if length == 0:
            warnings.warn(
                f"Length of split at index {i} is 0. This might result in an empty dataset.",
                stacklevel=3,
            )
    return lengths
