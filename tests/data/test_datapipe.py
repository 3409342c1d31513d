"""Pipes chained by registered methods."""

from __future__ import annotations

import pytest

from lampas.utils.data import DataLoader, IterDataPipe, MapDataPipe, functional_datapipe


class Source(IterDataPipe):
    def __iter__(self):
        return iter(range(4))


def test_chain_and_loader() -> None:
    @functional_datapipe("scaled_here")
    class Scaled(IterDataPipe):
        def __init__(self, source, by):
            self.source, self.by = source, by

        def __iter__(self):
            return (x * self.by for x in self.source)

    pipe = Source().scaled_here(10).scaled_here(by=2)
    assert [b.tolist() for b in DataLoader(pipe, batch_size=2)] == [[0, 20], [40, 60]]
    with pytest.raises(ValueError, match="already taken"):
        functional_datapipe("scaled_here")(Scaled)
    with pytest.raises(AttributeError, match="no attribute 'scaled_there'"):
        pipe.scaled_there
    assert "scaled_here" not in MapDataPipe.functions


def test_only_pipes() -> None:
    with pytest.raises(TypeError, match="IterDataPipe or MapDataPipe"):
        functional_datapipe("x")(int)
