"""Examples in docstrings, in the README and in the guide run and give what they show."""

from __future__ import annotations

import builtins
import doctest
import importlib
import inspect
import os
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest

import lampas

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT / "README.zh-CN.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
NAMES = {"lampas": lampas, "torch": lampas, "np": numpy, "numpy": numpy}


def modules() -> list[str]:
    """Every module of the package that can be imported without starting something."""
    found = pkgutil.walk_packages(lampas.__path__, "lampas.")
    return ["lampas", *(m.name for m in found if m.name != "lampas.__main__")]


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run_examples(name: str, text: str, names: dict[str, Any]) -> int:
    """Runs the examples in a docstring; returns how many there were."""
    test = doctest.DocTestParser().get_doctest(text, {**NAMES, **names}, name, None, 0)
    output: list[str] = []
    lampas.manual_seed(0)
    result = doctest.DocTestRunner(optionflags=FLAGS).run(test, out=output.append)
    assert result.failed == 0, "".join(output)
    return len(test.examples)


@pytest.mark.parametrize("name", modules())
def test_examples_in_python_docstrings(name: str) -> None:
    module = importlib.import_module(name)
    # The package has names like Python's own (bool, range) that its examples do not mean.
    names = {**vars(builtins), **NAMES} if module is lampas else NAMES
    for test in doctest.DocTestFinder(exclude_empty=True).find(module, extraglobs=names):
        output: list[str] = []
        lampas.manual_seed(0)
        runner = doctest.DocTestRunner(optionflags=FLAGS)
        result = runner.run(test, out=output.append)
        assert result.failed == 0, "".join(output)


def native_docstrings() -> Iterator[tuple[str, str]]:
    for owner in (lampas._C, lampas._C.Tensor):
        for name in sorted(vars(owner)):
            member = getattr(owner, name)
            text = inspect.getdoc(member) or ""
            if ">>>" in text and not inspect.ismodule(member):
                yield f"{owner.__name__}.{name}", text


def test_examples_in_native_docstrings() -> None:
    count = sum(run_examples(name, text, {}) for name, text in native_docstrings())
    assert count > 0, "no example found in the native docstrings"


def blocks() -> list[Any]:
    """Every ```python block of the pages, named by its page and line."""
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for match in BLOCK.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            name = f"{page.relative_to(ROOT)}:{line}"
            found.append(pytest.param(match[1], line, str(page), id=name))
    return found


@pytest.mark.parametrize(("source", "line", "page"), blocks())
def test_code_on_pages_runs(source: str, line: int, page: str) -> None:
    """A block is either a session with >>> or a program; each stands on its own."""
    if source.lstrip().startswith(">>>"):
        assert run_examples(os.path.basename(page), source, {}) > 0
    else:
        exec(compile("\n" * line + source, page, "exec"), {"__name__": "__main__"})
