"""Replays the golden cases and compares the scores with the floors recorded in floors.json.

usage: conformance.py [--python PYTHON] [--cases DIR] [--raise]

A score below its floor fails. A score above it is reported, and written down with --raise; a
floor is never lowered by this program. Without the folder of cases there is nothing to compare,
which is said and is no failure: the cases are kept beside the project, not in it.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FLOORS = Path(__file__).resolve().parent / "floors.json"


def run(python: str, script: Path, arguments: list[str]) -> str:
    """Output of one replay. It runs in an empty folder, so that it sees the installed package."""
    with tempfile.TemporaryDirectory() as empty:
        done = subprocess.run(
            [python, str(script), "--module", "lampas", *arguments],
            capture_output=True,
            text=True,
            cwd=empty,
        )
    return done.stdout + done.stderr


def score(output: str, pattern: str) -> int | None:
    """The number that the last match of `pattern` shows; None where the replay broke down."""
    found = re.findall(pattern, output)
    return int(found[-1].replace(",", "")) if found else None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--cases", default=os.environ.get("LAMPAS_CONFORMANCE"))
    parser.add_argument("--raise", dest="lift", action="store_true")
    chosen = parser.parse_args()
    cases = Path(chosen.cases or ROOT.parent / "shared" / "conformance")
    if not cases.is_dir():
        print(f"no golden cases in {cases}: skipped (--cases names another folder)")
        return 0

    floors = json.loads(FLOORS.read_text())
    failed = lifted = False
    for name, row in floors.items():
        output = run(chosen.python, cases / row["script"], row["arguments"])
        got, floor = score(output, row["pattern"]), row["floor"]
        if got is None:
            print(f"{name:10} no score; the replay ended with:\n{output[-2000:]}")
            failed = failed or floor > 0
        elif got < floor:
            print(f"{name:10} {got} of {row['of']}, below the floor of {floor}")
            failed = True
        else:
            print(f"{name:10} {got} of {row['of']}, floor {floor}")
            if got > floor:
                row["floor"], lifted = got, True
    if lifted and chosen.lift:
        FLOORS.write_text(json.dumps(floors, indent=2) + "\n")
        print("floors raised in .ci/floors.json")
    elif lifted:
        print("scores have risen: record them with .ci/conformance.py --raise")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
