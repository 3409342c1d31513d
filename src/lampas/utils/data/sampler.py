"""Samplers: in which order a dataset's samples are visited.

Every sampler yields Python ints. The library's own samplers know, besides, how to hand out the same
indices as int64 tensors (``_index_blocks``), which lets the loader cut whole batches out of a
permutation without touching its numbers one by one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Sized
from itertools import islice
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import lampas

if TYPE_CHECKING:
    from lampas import Generator, Tensor

_T_co = TypeVar("_T_co", covariant=True)

# With replacement, indices are drawn this many at a time: PyTorch's number, on which the stream
# of random numbers depends.
_DRAWN_AT_ONCE = 32
# A sequential sampler's indices are made in pieces, so that a huge dataset costs no memory.
_SEQUENTIAL_BLOCK = 1 << 16


class Sampler(Generic[_T_co]):
    """Base of all samplers: an iterable over indices, or over lists of indices.

    A subclass defines ``__iter__``, and ``__len__`` where the number of indices is known.

    >>> class EveryOther(Sampler[int]):
    ...     def __init__(self, data):
    ...         self.data = data
    ...     def __iter__(self):
    ...         return iter(range(0, len(self.data), 2))
    >>> list(EveryOther("abcde"))
    [0, 2, 4]
    """

    def __iter__(self) -> Iterator[_T_co]:
        raise NotImplementedError(f"{type(self).__name__} does not define __iter__")


class SequentialSampler(Sampler[int]):
    """``0, 1, …, len(data_source) - 1``.

    >>> list(SequentialSampler("abc"))
    [0, 1, 2]
    """

    data_source: Sized

    def __init__(self, data_source: Sized) -> None:
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)

    def _index_blocks(self) -> Iterator[Tensor]:
        n = len(self.data_source)
        for start in range(0, n, _SEQUENTIAL_BLOCK):
            yield lampas.arange(start, min(start + _SEQUENTIAL_BLOCK, n), dtype=lampas.int64)


def _fresh_generator() -> Generator:
    """A generator seeded by one draw from the default one."""
    generator = lampas.Generator()
    generator.manual_seed(int(lampas.empty((), dtype=lampas.int64).random_().item()))
    return generator


class RandomSampler(Sampler[int]):
    """Indices in random order, without or with replacement.

    Args:
        data_source: anything with a length.
        replacement: draw each index independently.
        num_samples: how many indices an epoch has; ``len(data_source)`` by default.
        generator: where random numbers come from. Without one, each epoch draws a seed from the
            default generator and uses a generator of its own.

    Raises:
        TypeError: ``replacement`` is not a bool.
        ValueError: ``num_samples`` is not a positive int.

    >>> sampler = RandomSampler(range(5), generator=lampas.Generator().manual_seed(0))
    >>> sorted(sampler)
    [0, 1, 2, 3, 4]
    """

    data_source: Sized
    replacement: bool

    def __init__(
        self,
        data_source: Sized,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: Generator | None = None,
    ) -> None:
        self.data_source = data_source
        self.replacement = replacement
        self._num_samples = num_samples
        self.generator = generator
        if not isinstance(replacement, bool):
            raise TypeError(
                f"replacement should be a boolean value, but got replacement={replacement}"
            )
        if not isinstance(self.num_samples, int) or self.num_samples <= 0:
            hint = ""
            if num_samples is None:
                hint = f" (the length of the {type(data_source).__name__}: it has no samples)"
            raise ValueError(
                "num_samples should be a positive integer value, "
                f"but got num_samples={self.num_samples}{hint}"
            )

    @property
    def num_samples(self) -> int:
        """The indices an epoch has; follows the dataset's length if none was given."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def _index_blocks(self) -> Iterator[Tensor]:
        n = len(self.data_source)
        total = self.num_samples
        generator = self.generator if self.generator is not None else _fresh_generator()
        if self.replacement:
            for start in range(0, total, _DRAWN_AT_ONCE):
                size = (min(_DRAWN_AT_ONCE, total - start),)
                yield lampas.randint(high=n, size=size, dtype=lampas.int64, generator=generator)
            return
        for _ in range(total // n):
            yield lampas.randperm(n, generator=generator)
        # Drawn even when nothing of it is needed: so does PyTorch, and a generator that the
        # caller passed in shows it.
        yield lampas.randperm(n, generator=generator)[: total % n]

    def __iter__(self) -> Iterator[int]:
        for block in self._index_blocks():
            yield from block.tolist()

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(Sampler[int]):
    """The given indices in random order, without replacement.

    >>> sorted(SubsetRandomSampler([3, 1, 4]))
    [1, 3, 4]
    """

    indices: Sequence[int]

    def __init__(self, indices: Sequence[int], generator: Generator | None = None) -> None:
        self.indices = indices
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        for i in lampas.randperm(len(self.indices), generator=self.generator).tolist():
            yield self.indices[i]

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(Sampler[int]):
    """Indices drawn with the given probabilities.

    Args:
        weights: one non-negative weight per index; they need not sum to one.
        num_samples: how many indices to draw.
        replacement: whether an index may be drawn more than once.
        generator: where random numbers come from.

    Raises:
        ValueError: ``num_samples`` is not a positive int, ``replacement`` not a bool, or
            ``weights`` not one-dimensional.

    >>> list(WeightedRandomSampler([0.0, 1.0], num_samples=3))
    [1, 1, 1]
    """

    weights: Tensor
    num_samples: int
    replacement: bool

    def __init__(
        self,
        weights: Sequence[float],
        num_samples: int,
        replacement: bool = True,
        generator: Generator | None = None,
    ) -> None:
        if not isinstance(num_samples, int) or isinstance(num_samples, bool) or num_samples <= 0:
            raise ValueError(
                f"num_samples should be a positive integer value, but got num_samples={num_samples}"
            )
        if not isinstance(replacement, bool):
            raise ValueError(
                f"replacement should be a boolean value, but got replacement={replacement}"
            )
        self.weights = lampas.as_tensor(weights, dtype=lampas.float64)
        if self.weights.dim() != 1:
            raise ValueError(
                "weights should be a 1d sequence but given weights have shape "
                f"{tuple(self.weights.shape)}"
            )
        self.num_samples = num_samples
        self.replacement = replacement
        self.generator = generator

    def _index_blocks(self) -> Iterator[Tensor]:
        yield lampas.multinomial(
            self.weights, self.num_samples, self.replacement, generator=self.generator
        )

    def __iter__(self) -> Iterator[int]:
        for block in self._index_blocks():
            yield from block.tolist()

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler[list[int]]):
    """Groups another sampler's indices into lists of ``batch_size``.

    Args:
        sampler: any iterable over indices.
        batch_size: indices per list.
        drop_last: leave out the last list if it is shorter.

    Raises:
        ValueError: ``batch_size`` is not a positive int or ``drop_last`` not a bool.

    >>> list(BatchSampler(range(5), batch_size=2, drop_last=False))
    [[0, 1], [2, 3], [4]]
    """

    def __init__(
        self, sampler: Sampler[int] | Iterable[int], batch_size: int, drop_last: bool
    ) -> None:
        if not isinstance(batch_size, int) or isinstance(batch_size, bool) or batch_size <= 0:
            raise ValueError(
                f"batch_size should be a positive integer value, but got batch_size={batch_size}"
            )
        if not isinstance(drop_last, bool):
            raise ValueError(f"drop_last should be a boolean value, but got drop_last={drop_last}")
        self.sampler = sampler
        self.batch_size = batch_size
        self.drop_last = drop_last

    def __iter__(self) -> Iterator[list[int]]:
        indices = iter(self.sampler)
        while batch := list(islice(indices, self.batch_size)):
            if len(batch) < self.batch_size and self.drop_last:
                return
            yield batch

    def __len__(self) -> int:
        n = len(self.sampler)  # type: ignore[arg-type]
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)


_BLOCK_SAMPLERS = (SequentialSampler, RandomSampler, WeightedRandomSampler)


def index_batches(batch_sampler: Any) -> Iterator[Tensor] | None:
    """The batches of ``batch_sampler`` as int64 tensors, or None if it is not the library's own.

    The tensors hold what ``iter(batch_sampler)`` would yield, and every random number is drawn at
    the same moment. A subclass may do anything, so only the exact classes qualify.
    """
    if type(batch_sampler) is not BatchSampler:
        return None
    if type(batch_sampler.sampler) not in _BLOCK_SAMPLERS:
        return None
    return _cut(
        batch_sampler.sampler._index_blocks(),  # type: ignore[union-attr]
        batch_sampler.batch_size,
        batch_sampler.drop_last,
    )


def _cut(blocks: Iterator[Tensor], size: int, drop_last: bool) -> Iterator[Tensor]:
    """Re-cuts a stream of index tensors into tensors of ``size``, asking for as few as needed."""
    rest: Tensor | None = None
    for block in blocks:
        if rest is not None and rest.shape[0]:
            block = lampas.cat([rest, block])
        n, start = block.shape[0], 0
        while start + size <= n:
            yield block[start : start + size]
            start += size
        rest = block[start:]
    if rest is not None and rest.shape[0] and not drop_last:
        yield rest
