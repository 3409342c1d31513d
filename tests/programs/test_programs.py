"""Programs as people write them for PyTorch, run unmodified; each checks its own result."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAMS = sorted(p for p in Path(__file__).parent.glob("*.py") if not p.name.startswith("test_"))


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.stem)
def test_runs_unmodified(program: Path, tmp_path: Path) -> None:
    if "from PIL" in program.read_text():
        pytest.importorskip("PIL")
    done = subprocess.run(
        [sys.executable, "-m", "lampas", "run", str(program)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    assert done.stdout and not done.stderr, done.stderr
