"""The examples in the docstrings of lampas.vision."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import lampas
from lampas import vision

pytest.importorskip("PIL")

_PARTS = ("io", "ops", "transforms", "tv_tensors", "utils")
_MODULES = [
    module.name
    for module in pkgutil.walk_packages(vision.__path__, "lampas.vision.")
    if module.name.split(".")[2] in _PARTS
]


@pytest.mark.parametrize("name", _MODULES)
def test_examples(name):
    module = importlib.import_module(name)
    failed, _ = doctest.testmod(module, extraglobs={"lampas": lampas})
    assert failed == 0
