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


def score(output: str, name: str) -> tuple[int, int] | None:
    """What the last line `name A/B` says; None where the replay broke down before it."""
    found = re.findall(rf"^{name} (\d+)/(\d+)", output, re.MULTILINE)
    return (int(found[-1][0]), int(found[-1][1])) if found else None


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
    outputs: dict[tuple[str, ...], str] = {}
    failed = lifted = False
    for name, row in floors.items():
        call = (row["script"], *row["arguments"])
        if call not in outputs:
            outputs[call] = run(chosen.python, cases / call[0], list(call[1:]))
        found, floor = score(outputs[call], name), row["floor"]
        if found is None:
            print(f"{name:10} no score; the replay ended with:\n{outputs[call][-2000:]}")
            failed = failed or floor > 0
            continue
        got, total = found
        print(f"{name:10} {got} of {total}, floor {floor}{'  FAILED' if got < floor else ''}")
        failed = failed or got < floor
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
