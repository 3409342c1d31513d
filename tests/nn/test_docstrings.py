"""The examples in the docstrings of lampas.nn run and print what they say."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import lampas.nn

MODULES = ["lampas.nn"] + [
    m.name for m in pkgutil.walk_packages(lampas.nn.__path__, "lampas.nn.")
]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    result = doctest.testmod(importlib.import_module(name))
    assert result.failed == 0
