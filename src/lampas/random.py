"""The default stream of random numbers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lampas import _C
from lampas._tensor import Tensor

__all__ = [
    "default_generator",
    "fork_rng",
    "get_rng_state",
    "initial_seed",
    "manual_seed",
    "seed",
    "set_rng_state",
    "thread_safe_generator",
]

default_generator = _C.default_generator


def manual_seed(seed: int) -> _C.Generator:
    """Starts the default stream anew; the same seed gives the same numbers, those of PyTorch.

    >>> import lampas
    >>> _ = lampas.manual_seed(0)
    >>> lampas.rand(2)
    tensor([0.4963, 0.7682])
    """
    return default_generator.manual_seed(int(seed))


def seed() -> int:
    """Seeds the default stream from the operating system; returns that seed."""
    return default_generator.seed()


def initial_seed() -> int:
    """The seed the default stream started from."""
    return default_generator.initial_seed()


def get_rng_state() -> Tensor:
    """The state of the default stream, a uint8 tensor."""
    return default_generator.get_state()


def set_rng_state(new_state: Tensor) -> None:
    """Continues the default stream from a state that get_rng_state() returned."""
    default_generator.set_state(new_state)


@contextmanager
def fork_rng(
    devices: object = None,
    enabled: bool = True,
    _caller: str = "fork_rng",
    _devices_kw: str = "devices",
    device_type: str = "cpu",
) -> Iterator[None]:
    """Leaves the default stream, afterwards, as it was before."""
    if not enabled:
        yield
        return
    state = get_rng_state()
    try:
        yield
    finally:
        set_rng_state(state)


def thread_safe_generator() -> _C.Generator | None:
    """The stream of a data loader's worker that is a thread; None, the default stream, elsewhere.

    Workers here are processes, whose default stream is their own: it is always None, and right as
    the ``generator`` of any function.

    >>> import lampas
    >>> _ = lampas.manual_seed(0)
    >>> lampas.rand(1, generator=lampas.thread_safe_generator())
    tensor([0.4963])
    """
    return None
