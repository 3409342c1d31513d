"""Fetching: from indices to one collated batch.

Whole batches at once
---------------------
A dataset class may define ``_batch_fetcher(self)``, which returns a function from an int64 tensor
of indices (all within ``[0, len)``) to the *collated* batch, equal to what fetching one by one and
``default_collate`` give, or None where this dataset, as it is set up, cannot do that. The returned
function may itself answer None for a batch it cannot do; the samples are then fetched one by one.
If it has an attribute ``draws`` that is true, it draws random numbers.

The class whose item methods this agrees with is decorated with :func:`batchable`. A subclass that
overrides ``__getitem__`` or ``__getitems__`` and is not decorated itself is fetched one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import lampas
from lampas.utils.data._utils import collate as _collate

_C = TypeVar("_C", bound=type)
_ITEM_METHODS = ("__getitem__", "__getitems__")


def _item_methods(cls: type) -> tuple[Any, ...]:
    return tuple([cls.__dict__.get(name) for name in _ITEM_METHODS])


def batchable(cls: _C) -> _C:
    """Marks that ``_batch_fetcher`` agrees with the class's item methods as they are now."""
    cls._batched_item_methods = _item_methods(cls)  # type: ignore[attr-defined]
    return cls


def batch_fetcher(dataset: Any) -> Callable[[lampas.Tensor], Any] | None:
    """The function that fetches whole batches of ``dataset``, or None if there is none."""
    cls = type(dataset)
    if not hasattr(cls, "_batched_item_methods"):
        return None
    for owner in cls.__mro__:
        if "_batched_item_methods" in owner.__dict__:
            # Someone may have replaced a method of the class since it was defined.
            if owner.__dict__["_batched_item_methods"] != _item_methods(owner):
                return None
            break
        if any(name in owner.__dict__ for name in _ITEM_METHODS):
            return None
    if "__getitems__" in getattr(dataset, "__dict__", ()):
        return None
    return dataset._batch_fetcher()


class MapFetcher:
    """Fetches from a dataset that is asked by index."""

    def __init__(
        self, dataset: Any, auto_collation: bool, collate_fn: Callable[[Any], Any]
    ) -> None:
        self.dataset = dataset
        self.auto_collation = auto_collation
        self.collate_fn = collate_fn
        self.fetch_whole: Callable[[lampas.Tensor], Any] | None = None
        if auto_collation and _collate.is_untouched_default(collate_fn):
            self.fetch_whole = batch_fetcher(dataset)

    def fetch_rows(self, rows: lampas.Tensor) -> Any:
        """The batch for a tensor of valid indices."""
        batch = self.fetch_whole(rows) if self.fetch_whole is not None else None
        return self._one_by_one(rows.tolist()) if batch is None else batch

    def fetch(self, index: Any) -> Any:
        """The batch for a list of keys; without batching, the sample for one key."""
        if not self.auto_collation:
            return self.collate_fn(self.dataset[index])
        if self.fetch_whole is not None and self._are_rows(index):
            return self.fetch_rows(lampas.tensor(index, dtype=lampas.int64))
        return self._one_by_one(index)

    def _are_rows(self, index: Any) -> bool:
        if type(index) is not list or not index or any(type(i) is not int for i in index):
            return False
        return min(index) >= 0 and max(index) < len(self.dataset)

    def _one_by_one(self, index: Any) -> Any:
        many = getattr(self.dataset, "__getitems__", None)
        samples = many(index) if many else [self.dataset[i] for i in index]
        return self.collate_fn(samples)


class IterableFetcher:
    """Fetches from a dataset that is a stream; raises StopIteration at its end."""

    def __init__(
        self,
        dataset: Any,
        auto_collation: bool,
        collate_fn: Callable[[Any], Any],
        drop_last: bool,
    ) -> None:
        self.stream = iter(dataset)
        self.auto_collation = auto_collation
        self.collate_fn = collate_fn
        self.drop_last = drop_last
        self.ended = False

    def fetch(self, index: Iterable[Any]) -> Any:
        """The next batch; ``index`` only tells how many samples it has."""
        if self.ended:
            raise StopIteration
        if not self.auto_collation:
            return self.collate_fn(next(self.stream))
        wanted = list(index)
        samples = []
        for _ in wanted:
            try:
                samples.append(next(self.stream))
            except StopIteration:
                self.ended = True
                break
        if not samples or (self.drop_last and len(samples) < len(wanted)):
            raise StopIteration
        return self.collate_fn(samples)


def make_fetcher(
    iterable: bool,
    dataset: Any,
    auto_collation: bool,
    collate_fn: Callable[[Any], Any],
    drop_last: bool,
) -> MapFetcher | IterableFetcher:
    """The fetcher for this kind of dataset."""
    if iterable:
        return IterableFetcher(dataset, auto_collation, collate_fn, drop_last)
    return MapFetcher(dataset, auto_collation, collate_fn)
