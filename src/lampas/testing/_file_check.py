"""FileCheck: patterns that a text must hold, in order."""

from __future__ import annotations

import re
from typing import Any

__all__ = ["FileCheck"]


class FileCheck:
    """Collects checks, each a method that returns the object, and runs them on a text.

    >>> import lampas
    >>> checks = lampas.testing.FileCheck().check("one").check_not("two").check("three")
    >>> checks.run("one, three")
    >>> checks.run("one, two, three")
    Traceback (most recent call last):
    ...
    RuntimeError: FileCheck: expected not to find 'two' in 'one, two, three' at character 5
    """

    def __init__(self) -> None:
        self._checks: list[tuple[str, str, int]] = []

    def _add(self, kind: str, text: str, count: int = 1) -> FileCheck:
        self._checks.append((kind, text, count))
        return self

    def check(self, test_string: str) -> FileCheck:
        """The text follows, somewhere after the match before."""
        return self._add("check", re.escape(test_string))

    def check_regex(self, test_string: str) -> FileCheck:
        """A match of the pattern follows."""
        return self._add("check", test_string)

    def check_not(self, test_string: str) -> FileCheck:
        """The text is not found between the matches before and after."""
        return self._add("not", re.escape(test_string))

    def check_same(self, test_string: str) -> FileCheck:
        """The text follows on the same line."""
        return self._add("same", re.escape(test_string))

    def check_next(self, test_string: str) -> FileCheck:
        """The text stands on the next line."""
        return self._add("next", re.escape(test_string))

    def check_count(self, test_string: str, count: int, exactly: bool = False) -> FileCheck:
        """The text follows `count` times; `exactly`: and no more."""
        self._add("check", re.escape(test_string), count)
        return self._add("not_after", re.escape(test_string)) if exactly else self

    def run(self, test_file: Any) -> None:
        """Runs the checks on `str(test_file)`.

        Raises:
            RuntimeError: a check fails; the message says which, and where.
        """
        text, at = str(test_file), 0
        forbidden: list[str] = []
        for kind, pattern, count in self._checks:
            if kind == "not":
                forbidden.append(pattern)
            elif kind == "not_after":
                _refuse([pattern], text, at, len(text))
            else:
                for _ in range(count):
                    start, end = _find(kind, pattern, text, at)
                    _refuse(forbidden, text, at, start)
                    forbidden, at = [], end
        _refuse(forbidden, text, at, len(text))


def _find(kind: str, pattern: str, text: str, at: int) -> tuple[int, int]:
    start, stop = at, len(text)
    line_end = text.find("\n", at)
    if kind == "same":
        stop = stop if line_end < 0 else line_end
    elif kind == "next":
        start = stop if line_end < 0 else line_end + 1
        after = text.find("\n", start)
        stop = stop if after < 0 else after
    match = re.compile(pattern).search(text, start, stop)
    if match is None:
        raise RuntimeError(
            f"FileCheck: expected to find {pattern!r} in {text[start:stop]!r} after character {at}"
        )
    return match.span()


def _refuse(patterns: list[str], text: str, start: int, stop: int) -> None:
    for pattern in patterns:
        match = re.compile(pattern).search(text, start, stop)
        if match is not None:
            raise RuntimeError(
                f"FileCheck: expected not to find {pattern!r} in {text!r} at character "
                f"{match.start()}"
            )
