"""The arrows of the house: which folder may use which, in C++ and in Python; length of files.

The tables below are the design (ARCHITECTURE.md shows the same picture in words). A failure
means that either the new arrow is wrong or the design has changed; then change the table and the
page together.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
NATIVE = ROOT / "native"
PACKAGE = ROOT / "src" / "lampas"

# Folder -> what its files may include besides themselves and the standard library. An entry with
# a file name allows that one header.
MAY_INCLUDE: dict[str, set[str]] = {
    "core": set(),
    "runtime": {"core"},
    "defs": set(),
    "kernels/simd": {"core/dtype.h"},
    "kernels": {"kernels/simd", "defs", "core/dtype.h"},
    "iter": {"core", "runtime", "kernels/table.h", "dispatch/dispatch.h"},
    "dispatch": {"kernels", "runtime", "core"},
    "autograd": {"core", "iter"},
    "ops": {"iter", "dispatch", "autograd", "defs", "core", "runtime", "kernels"},
    "bindings": {
        "ops", "iter", "dispatch", "autograd", "defs", "core", "runtime", "kernels",
    },
    "tests": {
        "ops", "iter", "dispatch", "autograd", "defs", "core", "runtime", "kernels",
        "kernels/simd",
    },
}  # fmt: skip

# Only the bindings know Python, and only they may throw its errors.
MAY_KNOW_PYTHON = {"bindings"}

# Python: subpackage or module -> subpackages that it may not import, at any depth. The rest of
# the package must stay usable without the command line, the alias and the data sets.
MAY_NOT_IMPORT: dict[str, set[str]] = {
    "nn": {"optim", "vision", "text", "audio", "cli", "alias"},
    "optim": {"vision", "text", "audio", "cli", "alias"},
    "autograd": {"nn", "optim", "vision", "text", "audio", "cli", "alias"},
    "utils": {"vision", "text", "audio", "cli", "alias"},
    "vision": {"text", "audio", "cli", "alias"},
    "text": {"vision", "audio", "cli", "alias"},
    "audio": {"vision", "text", "cli", "alias"},
    "alias": {"cli"},
}

# File -> what it may import all the same. AveragedModel is a Module, in PyTorch's place for it.
EXEMPT: dict[str, set[str]] = {"optim/swa_utils.py": {"nn"}}

LONGEST_FILE = 600
# Tables of data, read by nobody from top to bottom.
GENERATED = {"src/lampas/_C.pyi"}

INCLUDE = re.compile(r'^\s*#\s*include\s+(?:"([^"]+)"|<([^>]+)>)', re.MULTILINE)
STANDARD = re.compile(r"^[a-z_0-9]+$")
PYTHON = {"Python.h", "structmember.h", "structseq.h"}
# Headers of the system and the processor, wanted by few files.
SYSTEM = re.compile(
    r"^(sys/|mach/|linux/)|^(\w+intrin|cpuid|unistd|pthread|sched|fcntl|signal)\.h$"
)
SYSTEM_FOLDERS = {"runtime", "kernels", "kernels/simd", "tests", "bindings"}


def folder_of(path: str) -> str:
    parts = path.split("/")[:-1]
    return "/".join(parts[:2]) if parts[:2] == ["kernels", "simd"] else parts[0] if parts else ""


def native_files() -> list[Path]:
    return sorted(p for p in NATIVE.rglob("*") if p.suffix in {".cpp", ".h", ".def", ".inc"})


def python_files() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def local_violation(here: str, target: str) -> str | None:
    there = folder_of(target)
    if not (NATIVE / target).is_file():
        return f"includes {target}, which is no file under native/"
    allowed = MAY_INCLUDE[here]
    if there == here or there in allowed or target in allowed:
        return None
    return f"{here} may not use {there} (includes {target})"


def system_violation(here: str, target: str) -> str | None:
    if STANDARD.match(target):
        return None
    if target in PYTHON or target.startswith("nanobind/"):
        return None if here in MAY_KNOW_PYTHON else f"{here} may not know Python ({target})"
    if SYSTEM.match(target) and here in SYSTEM_FOLDERS:
        return None
    return f"{here} may use the standard library only (includes <{target}>)"


def test_every_native_folder_has_a_place_in_the_design() -> None:
    found = {folder_of(str(p.relative_to(NATIVE))) for p in native_files()}
    assert found, "no native sources found: does the test look in the right folder?"
    assert found <= set(MAY_INCLUDE), f"folders without a rule: {found - set(MAY_INCLUDE)}"


def test_includes_follow_the_arrows() -> None:
    wrong = []
    for path in native_files():
        name = str(path.relative_to(NATIVE))
        here = folder_of(name)
        for local, system in INCLUDE.findall(path.read_text(encoding="utf-8")):
            fault = local_violation(here, local) if local else system_violation(here, system)
            if fault:
                wrong.append(f"native/{name}: {fault}")
    assert not wrong, "\n" + "\n".join(wrong)


def imported_parts(path: Path) -> set[str]:
    """First-level parts of the package that a Python file imports, as written anywhere in it."""
    inside = path.relative_to(PACKAGE).parts
    parts = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), filename=str(path))):
        if isinstance(node, ast.Import):
            parts |= {a.name.split(".")[1] for a in node.names if a.name.startswith("lampas.")}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            module = (node.module or "").split(".")
            if module[0] == "lampas":
                parts |= {module[1]} if len(module) > 1 else {a.name for a in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = inside[: len(inside) - node.level]
            target = [*base, *(node.module.split(".") if node.module else [])]
            parts |= {target[0]} if target else {a.name for a in node.names}
    return parts


def test_imports_follow_the_arrows() -> None:
    wrong = []
    for path in python_files():
        inside = path.relative_to(PACKAGE)
        here = inside.parts[0].removesuffix(".py")
        forbidden = MAY_NOT_IMPORT.get(here, set()) - EXEMPT.get(inside.as_posix(), set())
        for part in sorted(imported_parts(path) & forbidden):
            wrong.append(f"src/lampas/{inside}: {here} may not import lampas.{part}")
    assert not wrong, "\n" + "\n".join(wrong)


@pytest.mark.parametrize("folder", ["native", "src", "tests", "benchmarks", "examples", "tools"])
def test_files_stay_short(folder: str) -> None:
    long = []
    for path in (ROOT / folder).rglob("*"):
        name = str(path.relative_to(ROOT))
        if path.suffix in {".py", ".cpp", ".h", ".def"} and name not in GENERATED:
            lines = path.read_text(encoding="utf-8").count("\n")
            if lines > LONGEST_FILE:
                long.append(f"{name}: {lines} lines")
    assert not long, f"over {LONGEST_FILE} lines; split by subject:\n" + "\n".join(long)


def test_the_checks_see_what_they_should() -> None:
    """The rules above would be worthless if the readers beneath them found nothing."""
    assert folder_of("kernels/simd/vec.h") == "kernels/simd"
    assert folder_of("core/tensor.h") == "core"
    assert local_violation("core", "runtime/pool.h") is not None
    assert system_violation("ops", "Python.h") is not None
    assert system_violation("core", "vector") is None
    assert INCLUDE.findall('#include "a/b.h"\n  # include <vector>') == [
        ("a/b.h", ""),
        ("", "vector"),
    ]
