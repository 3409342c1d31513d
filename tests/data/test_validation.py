"""Data pipes that look at their arguments, their samples and their determinism."""

from __future__ import annotations

import pytest

from lampas.utils.data import (
    IterDataPipe,
    argument_validation,
    guaranteed_datapipes_determinism,
    non_deterministic,
    runtime_validation,
    runtime_validation_disabled,
)


class Source(IterDataPipe[int]):
    def __init__(self, *values) -> None:
        self.values = values

    @runtime_validation
    def __iter__(self):
        yield from self.values


class Pairs(IterDataPipe[tuple[int, str]]):
    @runtime_validation
    def __iter__(self):
        yield (1, "a")
        yield (2, 3)


class Twice(IterDataPipe):
    @argument_validation
    def __init__(self, source: IterDataPipe, times: int = 2) -> None:
        self.source, self.times = source, times

    def __iter__(self):
        return (self.times * x for x in self.source)


def test_arguments() -> None:
    assert list(Twice(Source(1, 2), times=3)) == [3, 6]
    with pytest.raises(TypeError, match=r"'source' as a IterDataPipe, but found <class 'list'>"):
        Twice([1])


def test_samples() -> None:
    assert list(Source(1, 2)) == [1, 2]
    for pipe in (Source(1, "x"), Pairs()):
        with pytest.raises(RuntimeError, match="Expected an instance as subtype"):
            list(pipe)
        with runtime_validation_disabled():
            assert len(list(pipe)) == 2
    with pytest.raises(RuntimeError):
        list(Source("x"))


def test_determinism() -> None:
    @non_deterministic
    class Always(IterDataPipe):
        pass

    @non_deterministic(lambda shuffle=False: shuffle)
    class Sometimes(IterDataPipe):
        def __init__(self, shuffle: bool = False) -> None:
            self.shuffle = shuffle

    assert isinstance(Always(), IterDataPipe) and Sometimes(True).shuffle
    with guaranteed_datapipes_determinism():
        assert not Sometimes().shuffle
        for make in (Always, lambda: Sometimes(True)):
            with pytest.raises(TypeError, match="not deterministic"):
                make()
    Always()


def test_what_cannot_be_decorated() -> None:
    for bad in (3, int):
        with pytest.raises(TypeError):
            non_deterministic(bad)
    with pytest.raises(TypeError, match="Only `IterDataPipe`"):
        non_deterministic(lambda: True)(int)
    with pytest.raises(TypeError, match="boolean value"):
        non_deterministic(lambda: 3)(Source)()
