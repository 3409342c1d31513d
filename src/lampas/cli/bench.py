"""`lampas bench`: how fast Lampas is on this machine, and against PyTorch where there is one."""

from __future__ import annotations

import argparse
import importlib
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

try:
    from lampas.cli import UsageError
except ModuleNotFoundError:  # started by an interpreter that has PyTorch alone
    UsageError = SystemExit  # type: ignore[assignment, misc]


def cases(library: Any) -> dict[str, Callable[[], Any]]:
    """What is timed: one call, kernels, a training step of the 784-128-64-10 network."""
    nn, functional = library.nn, library.nn.functional
    library.manual_seed(0)
    small, square, long = library.rand(4), library.randn(512, 512), library.randn(1 << 20)
    rows, many = library.randn(2048, 1024), library.randn(1 << 23)
    net = nn.Sequential(
        nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 10)
    )
    optimizer = library.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
    x, y = library.rand(64, 784), library.randint(0, 10, (64,))

    def step() -> None:
        optimizer.zero_grad()
        functional.cross_entropy(net(x), y).backward()
        optimizer.step()

    return {
        "one call: add of 4": lambda: small + small,
        "matrix product 512^3": lambda: square @ square,
        "exp of 1M": lambda: long.exp(),
        "add of 8M": lambda: many + many,
        "sum of 8M": lambda: many.sum(),
        "softmax 2048x1024": lambda: functional.softmax(rows, -1),
        "randn of 1M": lambda: library.randn(1 << 20),
        "training step, batch 64": step,
    }


def measure(module: str, threads: int | None, seconds: float) -> dict[str, float]:
    """Median microseconds of each case."""
    library = importlib.import_module(module)
    for part in ("nn", "nn.functional", "optim"):
        importlib.import_module(f"{module}.{part}")
    if threads:
        library.set_num_threads(threads)
    return {name: _median(run, seconds) for name, run in cases(library).items()}


def _median(run: Callable[[], Any], seconds: float) -> float:
    for _ in range(3):
        run()
    start = time.perf_counter()
    run()
    n = max(1, int(seconds / 10 / max(time.perf_counter() - start, 1e-7)))
    times: list[float] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < 3:
        start = time.perf_counter()
        for _ in range(n):
            run()
        times.append((time.perf_counter() - start) / n)
    return statistics.median(times) * 1e6


def _compare(python: str, threads: int | None, seconds: float) -> dict[str, float]:
    """The same cases in another interpreter that has PyTorch."""
    command = [python, __file__, "--measure", "torch", "--seconds", str(seconds)]
    if threads:
        command += ["--threads", str(threads)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as e:
        raise UsageError(f"cannot start {python}: {e.strerror}") from None
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        raise UsageError(
            f"PyTorch could not be timed with {python}: {lines[-1] if lines else 'no message'}"
        )
    return json.loads(done.stdout)


def _parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        prog="lampas bench",
        description="Times a few typical operations on this machine.",
        epilog="Example: lampas bench --torch-python ~/torch-venv/bin/python",
    )
    p.add_argument(
        "--torch-python",
        metavar="PYTHON",
        help="an interpreter that has PyTorch: times the same on it and prints ratios",
    )
    p.add_argument("--threads", type=int, help="threads to use; default: what `lampas doctor` says")
    p.add_argument("--seconds", type=float, default=0.4, help="time spent on each case (0.4)")
    p.add_argument("--measure", metavar="MODULE", help=argparse.SUPPRESS)
    return p


def main(argv: Sequence[str]) -> int:
    """Prints a table of times and, with PyTorch beside it, ratios."""
    x = _parser().parse_args(argv)
    if x.threads is not None and x.threads < 1:
        raise UsageError(f"--threads must be at least 1, not {x.threads}")
    if x.measure:
        print(json.dumps(measure(x.measure, x.threads, x.seconds)))
        return 0
    ours = measure("lampas", x.threads, x.seconds)
    theirs = _compare(x.torch_python, x.threads, x.seconds) if x.torch_python else {}
    print(f"{'':28}{'Lampas':>12}" + (f"{'PyTorch':>12}{'ratio':>8}" if theirs else ""))
    for name, us in ours.items():
        line = f"{name:28}{us:9.1f} µs"
        if theirs:
            line += f"{theirs[name]:9.1f} µs{theirs[name] / us:8.2f}"
        print(line)
    if theirs:
        print(
            "\nA ratio above 1: Lampas is faster. Times are of this moment; ratios carry over better."  # noqa: E501
        )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
