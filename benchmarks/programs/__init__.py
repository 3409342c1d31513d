"""Whole programs, and what a library costs before it does anything."""

from __future__ import annotations

import argparse
import subprocess
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
SIZE = """
import importlib.metadata as m, sys
files = m.files(sys.argv[1]) or ()
paths = (f.locate() for f in files)
print(sum(p.stat().st_size for p in paths if p.is_file() and p.suffix != ".pyc"))
"""


def seconds(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def import_seconds(python: str, module: str) -> float:
    """What importing the library adds to an interpreter that has imported NumPy."""
    runs = [
        seconds([python, "-c", "import numpy, " + module]) - seconds([python, "-c", "import numpy"])
        for _ in range(5)
    ]
    return sorted(runs)[2]


def measure(chosen: argparse.Namespace, times: dict, failed: dict[str, str]) -> None:
    """Adds program/* to the results: seconds become microseconds there, as everywhere."""
    data = ["--data", str(Path(chosen.programs).resolve()), "--epochs", "2"]
    script = str(HERE / "train_mnist.py")
    sides = {
        "train_mnist": (
            lambda: seconds([chosen.lampas, "-m", "lampas", "run", script, *data]),
            lambda: seconds([chosen.torch, script, *data]),
        ),
        "import": (
            lambda: import_seconds(chosen.lampas, "lampas"),
            lambda: import_seconds(chosen.torch, "torch"),
        ),
    }
    for name, (ours, theirs) in sides.items():
        try:
            pairs = [(ours() * 1e6, theirs() * 1e6) for _ in range(chosen.rounds)]
            times[f"program/{name}"] = pairs
        except subprocess.CalledProcessError as error:
            failed[f"program/{name}"] = f"{error.cmd[0]} ended with status {error.returncode}"
    for python, package in ((chosen.lampas, "lampas"), (chosen.torch, "torch")):
        size = subprocess.run([python, "-c", SIZE, package], capture_output=True, text=True)
        if size.returncode == 0 and int(size.stdout) > 1e6:  # an editable install lists no files
            print(f"{package} is {int(size.stdout) / 1e6:.1f} MB installed, without dependencies")
