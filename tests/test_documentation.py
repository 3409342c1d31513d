"""Examples in docstrings, in the README and in the guide run and give what they show; every public
name has a docstring."""

from __future__ import annotations

import builtins
import doctest
import functools
import importlib
import inspect
import os
import pkgutil
import re
import shlex
import subprocess
import sys
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


def test_public_names_have_docstrings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Public is what the reference describes (tools/docs/names.py)."""
    monkeypatch.syspath_prepend(str(ROOT / "tools" / "docs"))
    assert importlib.import_module("reference").undocumented() == []


def test_docstrings_become_markdown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "tools" / "docs"))
    docstring = importlib.import_module("docstring")
    text = """f(x)

    a_b of *x* and 2 * y; see :func:`g`.

    Args:
        x: a number,
            or two.

    >>> f(1)
    2
    """
    shown = docstring.to_markdown(text, {"g": "page.md#g"}.get, drop="f")
    assert shown == (
        "a\\_b of *x* and 2 \\* y; see [`g`](page.md#g).\n\n\n**Arguments**\n\n"
        "- `x`: a number,\n  or two.\n\n\n```pycon\n>>> f(1)\n2\n```\n"
    )
    assert docstring.summary("A mean (Li et al. 2019). More.") == "A mean (Li et al. 2019)."
    assert docstring.cell("`a|b` or c|d") == "`a|b` or c\\|d"


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


# ---- commands and links ------------------------------------------------------------------------

FILES = [
    *PAGES,
    *(ROOT / n for n in ("ARCHITECTURE.md", "CONTRIBUTING.md", "benchmarks/README.md")),
]
SHELL = re.compile(r"^```(?:sh|bash|console)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]+\]\((?!\w+:|#)([^)#\s]+)")


@functools.cache
def help_of(command: str) -> str:
    from lampas.cli import COMMANDS

    assert command in COMMANDS, f"there is no command `lampas {command}`"
    call = [sys.executable, "-m", "lampas", command, "--help"]
    return subprocess.check_output(call, text=True)


def shell_lines(page: Path) -> list[str]:
    text = page.read_text(encoding="utf-8")
    lines = [line for block in SHELL.findall(text) for line in block.splitlines()]
    return lines + re.findall(r"`((?:lampas|make) [^`]+)`", text)


@pytest.mark.parametrize("page", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_commands_on_pages_exist_with_their_options(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for line in shell_lines(page):
        words = shlex.split(line.lstrip("$ "), comments=True)
        if words[:1] == ["make"]:
            named = [w for w in words[1:] if re.fullmatch(r"[a-z-]+", w)]
            assert set(named) <= targets, f"{page.name}: {line}"
        if words[:1] == ["lampas"] and re.fullmatch("[a-z]+", words[1]):
            known = help_of(words[1])
            own = words[2:] if words[1] != "run" else []
            for option in (w.partition("=")[0] for w in own if w.startswith("--")):
                assert re.search(rf"{option}\b", known), f"{page.name}: {line}"


@pytest.mark.parametrize("page", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        if (page.parent / target).resolve().is_relative_to(ROOT / "docs" / "reference"):
            continue  # written when the site is built, which checks these links
        assert (page.parent / target).exists(), f"{page.name} links to {target}"
