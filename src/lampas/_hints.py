"""Hints: warnings about code that runs and most likely does not do what was meant.

Each is given once in a process, and points at the line of the program. Whoever knows better sets
``LAMPAS_NO_HINTS`` in the environment. The places that give hints must cost nothing where there
is nothing to say: they look at what is at hand, and only until the hint was given.
"""

from __future__ import annotations

import os
import sys
import warnings
from typing import Any

__all__: list[str] = []

_ZERO_GRAD = (
    "the gradients were not cleared between steps of the optimizer: backward() adds to them, so "
    "that each step follows the sum of all gradients so far. Remedy: call optimizer.zero_grad() "
    "before each backward()"
)
_given: set[str] = set()


def wanted() -> bool:
    """Whether hints may be given: `LAMPAS_NO_HINTS` is unset, empty or 0."""
    return os.environ.get("LAMPAS_NO_HINTS", "") in ("", "0")


def give(text: str) -> None:
    """Warns with `text`, the first time, at the innermost line outside the package."""
    if text in _given or not wanted():
        return
    _given.add(text)
    warnings.warn(f"{text} (LAMPAS_NO_HINTS=1 turns hints off)", stacklevel=_depth())


def warn(text: str) -> None:
    """Warns with `text` at the innermost line outside the package."""
    warnings.warn(text, stacklevel=_depth())


def _depth() -> int:
    """The `stacklevel` at which this function's caller warns about the program's own line."""
    frame = sys._getframe(1)
    level = 1
    while frame.f_back is not None and _ours(frame.f_globals):
        frame = frame.f_back
        level += 1
    return level


def _ours(names: dict[str, Any]) -> bool:
    module = names.get("__name__", "")
    return module == "lampas" or module.startswith("lampas.")


class GradientWatch:
    """A hook after an optimizer's first steps: is it one and the same gradient that grows?

    A gradient that was cleared is another tensor, or was written once more than the one backward
    pass between two steps does. Two such steps in a row are a mistake; after that the hook goes.
    """

    def __init__(self, hooks: dict[int, Any]) -> None:
        self._hooks = hooks
        self._seen: Any = None
        self._version = 0
        self._grown = 0
        self._steps = 0
        self._key = -1
        hooks[self._key] = self

    def __call__(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        self._steps += 1
        grad = next(
            (p.grad for g in optimizer.param_groups for p in g["params"] if p.grad is not None),
            None,
        )
        if grad is not None:
            same = self._seen is grad and grad._version == self._version + 1
            self._grown = self._grown + 1 if same else 0
            self._seen, self._version = grad, grad._version
        if self._grown == 2:
            give(_ZERO_GRAD)
        if self._grown == 2 or self._steps == 3:
            self._hooks.pop(self._key, None)
            self._seen = None
