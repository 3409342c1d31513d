"""Printing: character for character what PyTorch prints, which `printed.txt` holds."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path

import pytest

import lampas


def recorded() -> Iterator[tuple[str, str]]:
    """The expressions of `printed.txt`, and what follows each of them."""
    text = (Path(__file__).parent / "printed.txt").read_text()
    for block in text.split(">>> ")[1:]:
        expression, _, output = block.partition("\n")
        yield expression, output.removesuffix("\n")


CASES = list(recorded())


@pytest.fixture(autouse=True)
def _default_options() -> Iterator[None]:
    yield
    lampas.set_printoptions(profile="default")


@pytest.mark.parametrize(("expression", "wanted"), CASES, ids=[c for c, _ in CASES])
def test_as_pytorch_prints(expression: str, wanted: str) -> None:
    if expression.startswith("dict("):
        options, _, expression = expression.partition(") ")
        lampas.set_printoptions(**eval(options + ")"))
    assert repr(eval(expression, {"lampas": lampas})) == wanted


def test_many_elements_are_summarised() -> None:
    assert str(lampas.arange(1000)).count(",") == 999
    assert str(lampas.arange(1001)) == "tensor([   0,    1,    2,  ...,  998,  999, 1000])"
    lampas.set_printoptions(threshold=2000)
    assert str(lampas.arange(1001)).count(",") == 1000


def test_options_refuse_what_they_do_not_know() -> None:
    with pytest.raises((KeyError, ValueError, RuntimeError)):
        lampas.set_printoptions(profile="loud")
    with pytest.raises(TypeError):
        lampas.set_printoptions(precison=3)


def test_printing_changes_nothing() -> None:
    x = lampas.rand(3, requires_grad=True)
    before = (x._version, lampas.get_rng_state())
    repr(x)
    repr(x * 2)
    assert x._version == before[0] and lampas.get_rng_state().equal(before[1])
    with lampas.no_grad():
        assert "grad_fn" not in repr(x * 2)


def test_subclasses_and_long_names() -> None:
    class Named(lampas.Tensor):
        pass

    assert repr(lampas.ones(2).as_subclass(Named)) == "Named([1., 1.])"
    assert repr(copy.copy(lampas.ones(1))) == "tensor([1.])"


def test_lines_are_broken_at_the_width() -> None:
    lines = repr(lampas.arange(100.0) / 7).splitlines()
    assert len(lines) > 5 and all(len(line) <= 80 for line in lines)
    lampas.set_printoptions(linewidth=120)
    assert max(len(line) for line in repr(lampas.arange(100.0) / 7).splitlines()) > 100
