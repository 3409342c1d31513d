"""The package as users meet it: metadata, import cost, size, names, commands."""

from __future__ import annotations

import importlib
import importlib.metadata
import re
import subprocess
import sys
from pathlib import Path

import pytest

import lampas

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = Path(lampas.__file__).parent

# Modules that cost tens of milliseconds and that `import lampas` must leave alone.
HEAVY = {
    "PIL", "asyncio", "concurrent.futures", "doctest", "hypothesis", "inspect", "multiprocessing",
    "pytest", "scipy", "tqdm", "unittest", "urllib.request", "tomllib", "safetensors",
}  # fmt: skip


def python(code: str, *flags: str) -> str:
    """Output of `code` in a new interpreter."""
    done = subprocess.run(
        [sys.executable, *flags, "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_version_is_the_same_everywhere() -> None:
    declared = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.M)
    assert declared is not None
    assert lampas.__version__ == declared[1] == importlib.metadata.version("lampas")
    assert f"## {declared[1]}" in (ROOT / "CHANGELOG.md").read_text()


def test_import_loads_nothing_heavy_beyond_numpy() -> None:
    code = "import numpy, sys; before = set(sys.modules); import lampas; "
    code += f"print(*sorted({HEAVY!r} & (set(sys.modules) - before)))"
    assert python(code) == ""


def test_import_prints_nothing_and_warns_nothing() -> None:
    assert python("import lampas", "-W", "error") == ""


def test_package_is_small() -> None:
    files = [p for p in PACKAGE.rglob("*") if p.is_file() and "__pycache__" not in p.parts]
    size = sum(p.stat().st_size for p in files)
    assert size < 12e6, f"{size / 1e6:.1f} MB"


@pytest.mark.parametrize("name", ["", ".nn", ".optim", ".autograd", ".utils.data", ".vision"])
def test_public_modules_say_what_they_are_and_keep_their_word(name: str) -> None:
    module = importlib.import_module("lampas" + name)
    assert module.__doc__
    missing = [name for name in getattr(module, "__all__", ()) if not hasattr(module, name)]
    assert not missing, f"{module.__name__}.__all__ names what is not there"


def test_package_is_typed_and_its_stub_is_there() -> None:
    assert (PACKAGE / "py.typed").is_file()
    assert (PACKAGE / "_C.pyi").is_file()


def test_command_line_is_installed() -> None:
    scripts = importlib.metadata.entry_points(group="console_scripts")
    assert [s.value for s in scripts if s.name == "lampas"] == ["lampas.cli:main"]


@pytest.mark.parametrize("command", ["train", "run", "doctor"])
def test_every_command_explains_itself(command: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "lampas", command, "--help"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("usage: lampas " + command)


def test_no_dependency_beyond_the_declared_ones() -> None:
    wanted = {
        re.split(r"[<>=;\[ ]", line)[0].lower()
        for line in importlib.metadata.requires("lampas") or []
        if "extra ==" not in line
    }
    assert wanted == {"numpy", "safetensors", "tqdm", "tomli"}
