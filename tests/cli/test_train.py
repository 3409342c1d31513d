"""`lampas train`: same bits after resuming, files that others can read, mistakes in one line."""

from __future__ import annotations

import json
import re
import signal
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import lampas
from lampas.cli import main
from lampas.cli.train import job as job_module
from lampas.utils.tensorboard import SummaryWriter
from lampas.utils.tensorboard.records import crc32c

QUICK = ["--quiet", "--batch-size", "256", "--epochs"]


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    before = lampas.get_num_threads()
    yield
    lampas.set_num_threads(before)


def run(*arguments: object) -> int:
    return main(["train", *map(str, arguments)])


def tensors(folder: Path) -> dict[str, bytes]:
    """The tensors of a checkpoint, read by the format's description rather than by our reader."""
    data = (folder / "checkpoint.safetensors").read_bytes()
    (size,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + size])
    header.pop("__metadata__")
    body = data[8 + size :]
    return {k: body[slice(*v["data_offsets"])] for k, v in header.items()}


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_resuming_gives_the_same_bits(tmp_path: Path, optimizer: str) -> None:
    assert run(*QUICK, 2, "--optimizer", optimizer, "--out", tmp_path / "two") == 0
    assert run(*QUICK, 1, "--optimizer", optimizer, "--out", tmp_path / "one") == 0
    assert tensors(tmp_path / "one") != tensors(tmp_path / "two")
    metrics = tmp_path / "one/metrics.jsonl"
    with metrics.open("a") as file:  # a run that was killed before it wrote the checkpoint
        file.write(json.dumps({"epoch": 2, "seconds": 1.0}) + "\n")
    assert run("--quiet", "--resume", tmp_path / "one", "--epochs", 2) == 0
    rows = [json.loads(x) for x in metrics.read_text().splitlines()]
    assert [row["epoch"] for row in rows] == [1, 2] and "test_loss" in rows[1]
    one, two = (tmp_path / name / "checkpoint.safetensors" for name in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()


@pytest.mark.parametrize("stop_after", [2, 6])
def test_an_interrupted_epoch_resumes_to_the_same_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    stop_after: int,
) -> None:  # fmt: skip
    assert run(*QUICK, 2, "--out", tmp_path / "whole") == 0
    train_epoch = job_module.steps.train_epoch

    def stopping(*arguments: object) -> bool:
        *others, after_step = arguments

        def after(progress: object, count: int) -> bool:
            if progress.step == stop_after:  # type: ignore[attr-defined]
                signal.raise_signal(signal.SIGINT)
            return after_step(progress, count)  # type: ignore[operator]

        return train_epoch(*others, after)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(job_module.steps, "train_epoch", stopping)
        assert run(*QUICK, 2, "--out", tmp_path / "cut") == 130
    assert f"lampas train --resume {tmp_path / 'cut'}" in capsys.readouterr().out
    assert run("--quiet", "--resume", tmp_path / "cut") == 0
    assert tensors(tmp_path / "cut") == tensors(tmp_path / "whole")


def test_the_thread_count_changes_no_bit(tmp_path: Path) -> None:
    for threads in (1, 2):
        assert run(*QUICK, 1, "--threads", threads, "--out", tmp_path / str(threads)) == 0
    assert tensors(tmp_path / "1") == tensors(tmp_path / "2")


@pytest.mark.parametrize("model", ["mlp", "linear", "cnn"])
def test_the_last_line_and_the_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], model: str
) -> None:
    assert run("--epochs", 1, "--model", model, "--out", tmp_path / "run") == 0
    out = capsys.readouterr().out
    assert [f"[{i}/5]" in out for i in range(1, 6)] == [True] * 5
    last = out.splitlines()[-1]
    match = re.fullmatch(r"Accuracy of the network on the 360 test images: ([\d.]+)%", last)
    assert match and 100 / 360 * round(float(match[1]) * 3.6) == pytest.approx(float(match[1]))
    page = (tmp_path / "run/report.html").read_text()
    assert not re.search(r"""(?:src|href)=["'](?!data:)|@import|url\(|https?://""", page)
    assert page.count("<svg") == 3 and "data:image/png;base64," in page


@pytest.mark.slow
def test_the_default_job_reaches_95_per_cent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--quiet", "--out", tmp_path / "run") == 0
    assert float(capsys.readouterr().out.split()[-1].rstrip("%")) >= 95


MISTAKES = {
    "model": (["--model", "mpl"], "did you mean mlp"),
    "data": (["--data", "fashion-mnits"], "did you mean fashion-mnist"),
    "optimizer": (["--optimizer", "adamm"], "did you mean adam"),
    "option": (["--epoch", "3"], "did you mean --epochs"),
    "rate": (["--lr", "fast"], "invalid float value: 'fast'"),
    "negative": (["--lr", "-1"], "must be a number that is not negative"),
    "nan": (["--weight-decay", "nan"], "must be a number that is not negative"),
    "epochs": (["--epochs", "0"], "must be at least 1"),
    "momentum": (["--optimizer", "adam", "--momentum", "0.9"], "adam takes none"),
    "resume": (["--resume", "nowhere"], "no checkpoint nowhere"),
    "config": (["--config", "nowhere.toml"], "cannot be read: No such file"),
    "out": (["--out", "/dev/null/run"], "cannot be written"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_one_line(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments, text = MISTAKES[name]
    assert run(*arguments) == 2
    error = capsys.readouterr().err
    assert text in error and error.count("\n") == 1


def test_missing_files_are_named_with_their_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--data", tmp_path) == 2
    error = capsys.readouterr().err
    assert "t10k-labels-idx1-ubyte" in error and str(tmp_path / "MNIST/raw") in error


def test_mirrors_that_fail_have_a_line_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    mirrors = ["http://127.0.0.1:1/a/", "http://127.0.0.1:1/b/"]
    monkeypatch.setattr(lampas.vision.datasets.MNIST, "mirrors", mirrors)
    assert run("--data", "mnist") == 2
    lines = [line.strip() for line in capsys.readouterr().err.splitlines()]
    for mirror in mirrors:
        assert f"{mirror}train-images-idx3-ubyte.gz" in lines
    assert "data/MNIST/raw/train-images-idx3-ubyte.gz" in lines


def test_a_run_is_never_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "note.txt").write_text("mine")
    assert run(*QUICK, 1, "--out", tmp_path) == 2
    assert "is not empty" in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == ["note.txt"]


def test_bad_checkpoints(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*QUICK, 1, "--model", "linear", "--out", tmp_path / "run") == 0
    file = tmp_path / "run/checkpoint.safetensors"
    whole = file.read_bytes()
    assert run("--resume", tmp_path / "run") == 2
    assert "all 1 epochs are done" in capsys.readouterr().err
    assert run("--resume", tmp_path / "run", "--epochs", 2, "--model", "mlp") == 2
    assert "trained with model linear, not mlp" in capsys.readouterr().err
    flipped = bytearray(whole)
    flipped[-100] ^= 1
    for damaged in (whole[:-10], bytes(flipped), b"junk", b""):
        file.write_bytes(damaged)
        assert run("--resume", file, "--epochs", 2) == 2
        error = capsys.readouterr().err
        assert "damaged" in error and error.count("\n") == 1


def test_a_toml_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "job.toml"
    file.write_text('model = "linear"\nbatch-size = 256\nepochs = 5\nlr = 1\nquiet = true\n')
    assert run("--config", file, "--epochs", 1, "--out", tmp_path / "run") == 0
    assert tensors(tmp_path / "run").keys() >= {"model.fc.weight", "model.fc.bias"}
    capsys.readouterr()
    for text, expected in [
        ("epoch = 3", "unknown key 'epoch'; did you mean epochs"),
        ('epochs = "3"', "epochs must be a whole number, not '3'"),
        ("epochs = ", "is not a valid TOML file"),
    ]:
        file.write_text(text)
        assert run("--config", file) == 2
        assert expected in capsys.readouterr().err


def test_help_has_examples() -> None:
    command = [sys.executable, "-m", "lampas", "train", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "examples:" in done.stdout and "--resume" in done.stdout


def records(path: Path) -> list[bytes]:
    """The records of an event file; their checksums must hold."""
    data, found = path.read_bytes(), []

    def unmask(crc: int) -> int:
        rotated = (crc - 0xA282EAD8) & 0xFFFFFFFF
        return (rotated >> 17 | rotated << 15) & 0xFFFFFFFF

    while data:
        size, head = struct.unpack("<QI", data[:12])
        body, (tail,) = data[12 : 12 + size], struct.unpack("<I", data[12 + size : 16 + size])
        assert (unmask(head), unmask(tail)) == (crc32c(data[:8]), crc32c(body))
        found.append(body)
        data = data[16 + size :]
    return found


def test_crc32c_is_that_of_rfc_3720() -> None:
    assert crc32c(bytes(32)) == 0x8A9136AA
    assert crc32c(b"\xff" * 32) == 0x62A8AB43
    assert crc32c(bytes(range(32))) == 0x46DD794E


def test_event_files(tmp_path: Path) -> None:
    with SummaryWriter(tmp_path) as writer:
        writer.add_scalar("a/b", 0.5, 3, walltime=1.0)
        writer.add_histogram("h", lampas.randn(100), 1)
        writer.add_image("i", lampas.rand(3, 4, 5), 1)
        writer.add_text("t", "*text*")
        writer.add_scalars("both", {"x": 1.0, "y": 2.0}, 1)
        writer.add_hparams({"lr": 0.1, "name": "x", "on": True}, {"accuracy": 0.5}, run_name="r")
        with pytest.raises(ValueError, match="dataformats='HW' does not fit"):
            writer.add_image("i", np.zeros((3, 4, 5)), dataformats="HW")
    (file,) = tmp_path.glob("events.out.tfevents.*")
    first, scalar, *others = records(file)
    assert b"brain.Event:2" in first and len(others) == 3
    # wall_time 1: double, step 2: 3, summary 5 { value 1 { tag 1: "a/b", simple_value 2: 0.5 } }
    expected = b"\x09" + struct.pack("<d", 1.0) + b"\x10\x03"
    value = b"\x0a\x03a/b\x15" + struct.pack("<f", 0.5)
    assert scalar == expected + b"\x2a\x0c\x0a\x0a" + value
    assert {p.name for p in tmp_path.iterdir() if p.is_dir()} == {"both_x", "both_y", "r"}
