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

# Modules that a program pays for by milliseconds, and which models and optimizers do without.
HEAVY = {
    "PIL", "asyncio", "concurrent.futures", "dataclasses", "difflib", "doctest", "hypothesis",
    "inspect", "multiprocessing", "pkgutil", "pytest", "scipy", "tqdm", "unittest",
    "urllib.request", "tomllib", "safetensors",
}  # fmt: skip

# What `import lampas` may load beyond NumPy and itself, and how many bytes of its own source,
# which is compiled at every start where no bytecode is kept.
MAY_LOAD = {"atexit", "threading"}
MOST_SOURCE = 100_000


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


def loaded_beyond_numpy(statement: str) -> dict[str, int]:
    """The modules that a statement loads, with the size of each one's Python source."""
    code = f"""
import numpy, os, sys
before = set(sys.modules)
{statement}
new = sorted(set(sys.modules) - before)
files = [getattr(sys.modules[name], "__file__", None) or "" for name in new]
for name, file in zip(new, files):
    print(name, os.path.getsize(file) if file.endswith(".py") else 0)
"""
    lines = [line.split() for line in python(code).splitlines()]
    return {name: int(size) for name, size in lines}


def test_import_loads_little_beyond_numpy() -> None:
    loaded = loaded_beyond_numpy("import lampas")
    own = {name: size for name, size in loaded.items() if name.split(".")[0] == "lampas"}
    others = {name for name in loaded.keys() - own.keys() if not name.startswith("_")}
    assert own["lampas"] and "lampas._C" in own
    assert others <= MAY_LOAD
    assert sum(own.values()) < MOST_SOURCE, sorted(own.items(), key=lambda item: -item[1])


def test_models_and_optimizers_load_nothing_heavy_beyond_numpy() -> None:
    loaded = loaded_beyond_numpy("import lampas.nn, lampas.optim")
    assert "lampas.nn.modules.linear" in loaded
    assert not HEAVY & loaded.keys()


def test_subpackages_are_found_without_being_imported() -> None:
    for name in ("nn.Linear", "optim.SGD", "nn.functional.pad", "utils.data.DataLoader"):
        assert python(f"import lampas; print(lampas.{name}.__name__)") == name.split(".")[-1]
    assert python("from lampas.nn import *; print(Linear.__name__)") == "Linear"
    names = "'nn' in dir(lampas), 'nn' in lampas.__all__, 'lampas.nn' in sys.modules"
    assert python(f"import lampas, sys; print({names})") == "True True False"


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
