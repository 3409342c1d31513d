"""Times the same work in Lampas and in PyTorch, in turn, and prints the ratios.

usage: compare.py --torch PYTHON [--rounds 3] [--threads 2] [--check] [PATTERN ...]

PYTHON is an interpreter that has PyTorch. A ratio above 1 says that Lampas is faster. Absolute
times hold for one machine at one moment; only ratios taken in the same run are worth quoting.
--check compares them with targets.toml and fails where one is missed. --programs adds whole
programs and what importing and installing cost.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import math
import statistics
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

HERE = Path(__file__).resolve().parent
Ratios = dict[str, float]
Times = dict[str, list[tuple[float, float]]]


def measure(python: str, module: str, chosen: argparse.Namespace) -> dict[str, float | str]:
    """One side of one round. A crash yields no results, and each case then says so."""
    command = [python, str(HERE / "measure.py"), "--module", module]
    command += ["--threads", str(chosen.threads), "--seconds", str(chosen.seconds)]
    done = subprocess.run([*command, *chosen.patterns], stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout) if done.returncode == 0 else {}


def run_rounds(chosen: argparse.Namespace) -> tuple[Times, dict[str, str]]:
    """Times of both sides per case, and what failed. The sides take turns, so that a machine
    that slows down slows down both."""
    times: Times = {}
    failed: dict[str, str] = {}
    for number in range(chosen.rounds):
        print(f"round {number + 1} of {chosen.rounds}", file=sys.stderr)
        ours = measure(chosen.lampas, "lampas", chosen)
        theirs = measure(chosen.torch, "torch", chosen)
        for name in ours | theirs:
            a, b = ours.get(name, "crashed"), theirs.get(name, "crashed")
            if isinstance(a, str) or isinstance(b, str):
                sides = (("lampas", a), ("torch", b))
                failed[name] = ", ".join(f"{k}: {v}" for k, v in sides if isinstance(v, str))
            else:
                times.setdefault(name, []).append((a, b))
    return times, failed


def geometric_mean(values: Iterable[float]) -> float:
    return math.exp(statistics.mean(math.log(v) for v in values))


def report(times: Times, failed: dict[str, str]) -> Ratios:
    ratios = {name: statistics.median(b / a for a, b in pairs) for name, pairs in times.items()}
    print(f"{'case':34} {'Lampas µs':>12} {'PyTorch µs':>12} {'ratio':>7}")
    for name, pairs in times.items():
        ours, theirs = (statistics.median(side) for side in zip(*pairs, strict=True))
        print(f"{name:34} {ours:12.1f} {theirs:12.1f} {ratios[name]:7.2f}")
    for name, text in failed.items():
        print(f"{name:34} {text}")
    for family in dict.fromkeys(name.split("/")[0] for name in ratios):
        some = [r for name, r in ratios.items() if name.startswith(family + "/")]
        summary(f"{family}/*", some)
    summary("all", list(ratios.values()))
    return ratios


def summary(what: str, ratios: list[float]) -> None:
    if ratios:
        mean, lowest = geometric_mean(ratios), min(ratios)
        print(f"{what:14} geometric mean {mean:6.2f}, lowest {lowest:6.2f}, {len(ratios)} cases")


def missed_targets(ratios: Ratios) -> list[str]:
    """Every target of targets.toml that these ratios fall short of."""
    try:
        import tomllib
    except ImportError:
        import tomli as tomllib
    missed = []
    for name, target in tomllib.loads((HERE / "targets.toml").read_text()).items():
        some = {
            case: ratio
            for case, ratio in ratios.items()
            if any(fnmatch.fnmatch(case, pattern) for pattern in target["cases"])
        }
        if not some:
            continue
        worst = min(some, key=some.__getitem__)
        if some[worst] < target["lowest"]:
            missed.append(f"{name}: {worst} is {some[worst]:.2f}, wanted {target['lowest']}")
        mean = geometric_mean(some.values())
        if mean < target.get("mean", 0):
            missed.append(f"{name}: geometric mean is {mean:.2f}, wanted {target['mean']}")
    return missed


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("patterns", nargs="*", help="names of cases, such as 'train/*'")
    parser.add_argument("--torch", required=True, help="an interpreter that has PyTorch")
    parser.add_argument("--lampas", default=sys.executable, help="one that has Lampas")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=0.5, help="time given to each case")
    parser.add_argument("--programs", metavar="MNIST", help="folder of MNIST; adds whole programs")
    parser.add_argument("--check", action="store_true", help="fail where a target is missed")
    parser.add_argument("--json", help="write the times here")
    return parser.parse_intermixed_args()


def main() -> int:
    chosen = parse()
    times, failed = run_rounds(chosen)
    if chosen.programs:
        import programs

        programs.measure(chosen, times, failed)
    ratios = report(times, failed)
    if chosen.json:
        Path(chosen.json).write_text(json.dumps({"times": times, "failed": failed}, indent=1))
    missed = missed_targets(ratios) if chosen.check else []
    print(*(f"MISSED {line}" for line in missed), sep="\n", end="\n" if missed else "")
    return int(bool(missed or (chosen.check and failed)))


if __name__ == "__main__":
    sys.exit(main())
