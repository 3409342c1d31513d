"""Times cases in one library and prints them as JSON; compare.py starts it once for each side.

usage: measure.py --module torch [--threads 2] [--seconds 0.5] [PATTERN ...]
"""

from __future__ import annotations

import argparse
import fnmatch
import importlib
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import cases

BATCHES = 12  # at least this many measurements go into a median, where a case is quick


def microseconds(work: Callable[[], Any], seconds: float) -> float:
    """Median time of one call, over batches that together fill about `seconds`."""
    for _ in range(3):
        work()
    start = time.perf_counter()
    work()
    once = max(time.perf_counter() - start, 1e-7)
    calls = max(1, int(seconds / BATCHES / once))
    times: list[float] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < 5:
        start = time.perf_counter()
        for _ in range(calls):
            work()
        times.append((time.perf_counter() - start) / calls)
    return statistics.median(times) * 1e6


def load_library(name: str, threads: int) -> Any:
    os.environ.setdefault("OMP_NUM_THREADS", str(threads))
    library = importlib.import_module(name)
    for part in ("nn", "nn.functional", "optim", "utils.data"):
        importlib.import_module(f"{name}.{part}")
    library.set_num_threads(threads)
    return library


def measure(library: Any, patterns: list[str], seconds: float) -> dict[str, float | str]:
    """Microseconds per case; for a case that fails, what it failed with."""
    results: dict[str, float | str] = {}
    for name, make in cases.load().items():
        if patterns and not any(fnmatch.fnmatch(name, p) for p in patterns):
            continue
        library.manual_seed(0)
        try:
            results[name] = microseconds(make(library), seconds)
        except Exception as error:  # a missing operator must not cost the other cases
            results[name] = f"{type(error).__name__}: {error}"[:120]
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("patterns", nargs="*", help="names of cases, such as 'train/*'")
    parser.add_argument("--module", default="lampas", help="the library's name")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=0.5, help="time given to each case")
    chosen = parser.parse_args()
    library = load_library(chosen.module, chosen.threads)
    json.dump(measure(library, chosen.patterns, chosen.seconds), sys.stdout)


if __name__ == "__main__":
    main()
