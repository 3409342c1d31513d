"""`lampas doctor`: what it finds, with which remedy, and its exit status."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import lampas
from lampas.cli import doctor, main


def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    kept = {n: v for n, v in os.environ.items() if n not in doctor.VARIABLES}
    return subprocess.run(
        [sys.executable, "-m", "lampas", "doctor", *arguments],
        env={**kept, **variables},
        capture_output=True,
        text=True,
        timeout=120,
    )


def findings(**variables: str) -> dict[str, dict[str, str]]:
    done = run("--json", **variables)
    assert done.returncode == 0, done.stdout + done.stderr
    return {f["topic"]: f for f in json.loads(done.stdout)}


def test_every_topic_is_looked_at() -> None:
    found = findings()
    topics = "Lampas,Python,NumPy,processor,instruction set,threads,memory,environment,cache,disk"
    for topic in (*topics.split(","), "data sets", "numerics", "speed", "safetensors", "tqdm"):
        assert set(found[topic]) == {"topic", "state", "text", "remedy"}
    assert lampas.__version__ in found["Lampas"]["text"]
    assert "digits in the package" in found["data sets"]["text"]
    for finding in found.values():
        assert finding["state"] in ("ok", "warn", "fail")
        assert bool(finding["remedy"]) == (finding["state"] != "ok"), finding


def test_for_people_each_remedy_stands_under_its_finding() -> None:
    done = run(LAMPAS_NUM_THREADS="64", LAMPAS_THREADS="3")
    lines = done.stdout.splitlines()
    assert done.returncode == 0 and not done.stderr
    (at,) = [i for i, line in enumerate(lines) if line.startswith("! threads")]
    assert "64 used" in lines[at] and "→" in lines[at + 1] and "unset" in lines[at + 1]
    (at,) = [i for i, line in enumerate(lines) if line.startswith("! LAMPAS_THREADS")]
    assert "did you mean LAMPAS_NUM_THREADS?" in lines[at + 1]
    assert lines[-1].startswith(
        f"{sum(line[:1] in '✓!✗' for line in lines if line)} checks: 0 wrong"
    )


def test_settings_are_named_with_what_they_do() -> None:
    found = findings(LAMPAS_NUM_THREADS="1", LAMPAS_NO_HINTS="1", OMP_NUM_THREADS="many")
    assert found["threads"]["text"].startswith("1 used")
    assert found["LAMPAS_NUM_THREADS"]["text"] == "1 (threads that operators use)"
    assert found["LAMPAS_NO_HINTS"]["state"] == "ok" and "environment" not in found
    assert found["OMP_NUM_THREADS"]["state"] == "warn"
    assert "no number of threads" in found["OMP_NUM_THREADS"]["text"]
    assert findings(OMP_NUM_THREADS="0")["OMP_NUM_THREADS"]["state"] == "warn"


def test_a_lowered_instruction_set_is_pointed_out() -> None:
    if lampas._C.cpu_info()["best_isa"] == "base":
        pytest.skip("nothing below this processor's best")
    found = findings(LAMPAS_ISA="base")["instruction set"]
    assert found["state"] == "warn" and found["text"].startswith("base of ")
    assert "unset LAMPAS_ISA" in found["remedy"]


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity masks here")
def test_threads_follow_the_affinity_mask() -> None:
    code = (
        "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
        "from lampas.cli import main; raise SystemExit(main(['doctor', '--json']))"
    )
    kept = {n: v for n, v in os.environ.items() if n not in doctor.VARIABLES}
    text = subprocess.check_output([sys.executable, "-c", code], env=kept)
    found = {f["topic"]: f for f in json.loads(text)}["threads"]
    assert found["state"] == "ok" and found["text"].startswith("1 used, 1 usable")
    assert "1 in the affinity mask" in found["text"]


@pytest.mark.parametrize(
    ("variables", "text"),
    [
        ({"LAMPAS_NUM_THREADS": "none"}, "LAMPAS_NUM_THREADS=none: expected a number"),
        ({"LAMPAS_ISA": "sse"}, "LAMPAS_ISA=sse: no such instruction set; use base, avx2"),
    ],
)
def test_settings_that_make_no_sense_fail_with_their_name(
    variables: dict[str, str], text: str
) -> None:
    done = run(**variables)
    assert done.returncode == 1 and text in done.stderr.splitlines()[-1]


# ---- what a healthy machine does not show --------------------------------------------------------


def test_too_little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    low = {**lampas._C.cpu_info(), "memory_available": 2**29}
    monkeypatch.setattr(lampas._C, "cpu_info", lambda: low)
    (memory, *_) = doctor.check_memory()
    assert memory.state == "warn" and "512 MiB free" in memory.text and "batch" in memory.remedy


def test_a_limit_on_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    resource = pytest.importorskip("resource")
    limits = {"soft": resource.RLIM_INFINITY}
    monkeypatch.setattr(resource, "getrlimit", lambda _: (limits["soft"], resource.RLIM_INFINITY))
    assert doctor.check_address_space(2**33) == []
    limits["soft"] = 2**40
    assert doctor.check_address_space(2**33) == []
    limits["soft"] = 3 * 2**30
    (found,) = doctor.check_address_space(2**33)
    assert found.state == "warn" and "3.0 GiB" in found.text and "ulimit -v" in found.remedy


def test_shared_memory_that_is_small_or_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil._ntuple_diskusage  # type: ignore[attr-defined]
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(64 << 20, 60 << 20, 4 << 20))
    monkeypatch.setattr(os, "access", lambda *_: True)
    found = doctor.check_shared_memory()
    assert (found.state, found.text) == ("warn", "4 MiB free of 64 MiB")
    assert "--shm-size" in found.remedy and "bus error" in found.remedy
    monkeypatch.setattr(os, "access", lambda *_: False)
    found = doctor.check_shared_memory()
    assert found.state == "warn" and "not writable" in found.text and found.remedy

    def missing(_: Any) -> Any:
        raise FileNotFoundError(2, "No such file or directory", "/dev/shm")

    monkeypatch.setattr(shutil, "disk_usage", missing)
    found = doctor.check_shared_memory()
    assert found.state == "warn" and "No such file" in found.text and "mount" in found.remedy


def test_a_cache_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(lampas.hub, "_dir", None)
    cache, *_ = doctor.check_data()
    assert cache.state == "ok" and str(tmp_path / "home" / "hub") in cache.text
    (tmp_path / "file").touch()
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "file"))
    cache, *_ = doctor.check_data()
    assert cache.state == "warn" and "TORCH_HOME" in cache.remedy
    assert f"{tmp_path / 'file'} cannot be written to" in cache.text


def test_data_sets_at_hand_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert "downloaded on first use" in doctor.check_datasets().text
    folder = tmp_path / "data" / "MNIST" / "raw"
    folder.mkdir(parents=True)
    (folder / "train-images-idx3-ubyte.gz").touch()
    assert doctor.check_datasets().text == "digits in the package; MNIST in data/MNIST"


def test_wrong_numerics_are_found(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(lampas, "tanh", lampas.sin)
    (found,) = doctor.test_numerics()
    assert found.state == "fail" and "wrong results: tanh" in found.text
    assert "LAMPAS_ISA=base" in found.remedy
    monkeypatch.setattr(doctor, "CHECKS", (doctor.test_numerics,))
    assert main(["doctor"]) == 1
    assert "1 wrong" in capsys.readouterr().out


def test_a_check_that_fails_is_a_finding(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def check_nothing() -> list[doctor.Finding]:
        raise OSError("no /proc here")

    monkeypatch.setattr(doctor, "CHECKS", (check_nothing,))
    assert main(["doctor", "--json"]) == 1
    (found,) = json.loads(capsys.readouterr().out)
    assert found["topic"] == "check_nothing" and found["text"] == "OSError: no /proc here"
    assert found["remedy"]


def test_a_check_without_memory_says_what_helps(monkeypatch: pytest.MonkeyPatch) -> None:
    def check_space() -> list[doctor.Finding]:
        raise lampas.OutOfMemoryError("cannot allocate")

    monkeypatch.setattr(doctor, "CHECKS", (check_space,))
    (found,) = doctor.diagnose()
    assert found.state == "fail" and "limit" in found.remedy


def test_wrong_options_are_one_line() -> None:
    done = run("--jsn")
    assert done.returncode == 2 and "--jsn" in done.stderr.splitlines()[-1]
