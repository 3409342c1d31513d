"""Benchmark cases: functions that take a library and return the work to time."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

Work = Callable[[], Any]
Case = Callable[[Any], Work]

CASES: dict[str, Case] = {}
FAMILIES = (
    "calls", "products", "convolutions", "elementwise", "reductions", "indexing", "training",
)  # fmt: skip


def case(name: str) -> Callable[[Case], Case]:
    """Registers a case under `family/what`."""

    def register(make: Case) -> Case:
        if name in CASES:
            raise ValueError(f"two cases are named {name}")
        CASES[name] = make
        return make

    return register


def expression(name: str, text: str, *shape: int) -> None:
    """Registers a case that evaluates `text`, where x is a normal tensor of the given shape."""

    @case(name)
    def make(lib: Any) -> Work:
        names = {"x": lib.randn(*shape), "L": lib, "F": lib.nn.functional}
        return eval(f"lambda: {text}", names)


def load() -> dict[str, Case]:
    """All cases, in the order of the families."""
    for family in FAMILIES:
        importlib.import_module(f"{__name__}.{family}")
    return CASES
