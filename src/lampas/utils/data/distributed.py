"""The sampler that gives each of several processes its own part of a dataset."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import lampas
from lampas.utils.data.sampler import Sampler


class DistributedSampler(Sampler[int]):
    """Every ``num_replicas``-th index, starting at ``rank``, of the same shuffle everywhere.

    Call :meth:`set_epoch` at the start of each epoch, or every epoch has the same order.

    Args:
        dataset: anything with a length.
        num_replicas: number of processes; the distributed package's world size by default.
        rank: this process, in ``[0, num_replicas)``; the distributed package's rank by default.
        shuffle: order by a permutation drawn from ``seed + epoch``.
        seed: must be the same on all processes.
        drop_last: leave out the tail that does not divide evenly, instead of repeating the first
            samples.

    Raises:
        RuntimeError: neither ``num_replicas``/``rank`` nor an initialised process group is there.
        ValueError: ``rank`` out of range.

    >>> list(DistributedSampler(range(5), num_replicas=2, rank=1, shuffle=False))
    [1, 3, 0]
    """

    def __init__(
        self,
        dataset: Any,
        num_replicas: int | None = None,
        rank: int | None = None,
        shuffle: bool = True,
        seed: int = 0,
        drop_last: bool = False,
    ) -> None:
        if num_replicas is None or rank is None:
            world = _process_group()
            num_replicas = world.get_world_size() if num_replicas is None else num_replicas
            rank = world.get_rank() if rank is None else rank
        if rank >= num_replicas or rank < 0:
            raise ValueError(
                f"Invalid rank {rank}, rank should be in the interval [0, {num_replicas - 1}]"
            )
        self.dataset = dataset
        self.num_replicas = num_replicas
        self.rank = rank
        self.epoch = 0
        self.drop_last = drop_last
        n = len(dataset)
        self.num_samples = n // num_replicas if drop_last else math.ceil(n / num_replicas)
        self.total_size = self.num_samples * num_replicas
        self.shuffle = shuffle
        self.seed = seed

    def __iter__(self) -> Iterator[int]:
        n = len(self.dataset)
        if self.shuffle:
            generator = lampas.Generator()
            generator.manual_seed(self.seed + self.epoch)
            indices = lampas.randperm(n, generator=generator).tolist()
        else:
            indices = list(range(n))
        if len(indices) < self.total_size:
            indices = (indices * math.ceil(self.total_size / n))[: self.total_size]
        return iter(indices[self.rank : self.total_size : self.num_replicas])

    def __len__(self) -> int:
        return self.num_samples

    def set_epoch(self, epoch: int) -> None:
        """Sets the number that, added to the seed, decides the next epoch's order."""
        self.epoch = epoch


def _process_group() -> Any:
    distributed = getattr(lampas, "distributed", None)
    if distributed is None or not distributed.is_available():
        raise RuntimeError(
            "Requires distributed package to be available; without it, "
            "pass num_replicas and rank to DistributedSampler"
        )
    return distributed
