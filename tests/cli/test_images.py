"""`lampas train` on folders of pictures, and `lampas predict`: every kind of file, same bits."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import lampas
from lampas.cli import main
from lampas.cli.train import data, pictures, saliency, schedule, steps
from lampas.cli.train.config import Config
from lampas.cli.train.metrics import Evaluation

Image = pytest.importorskip("PIL.Image")


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    before = lampas.get_num_threads()
    yield
    lampas.set_num_threads(before)


def run(*arguments: object) -> int:
    return main(["train", "--quiet", *map(str, arguments)])


def stripes(folder: Path, count: int, side: int = 16, mode: str = "RGB") -> None:
    """Two classes that differ in the direction of their stripes."""
    generator = np.random.default_rng(0)
    for name in ("across", "down"):
        (folder / name).mkdir(parents=True)
        for i in range(count):
            wave = np.sin(np.arange(side) * 1.5 + generator.uniform(0, 6)) * 80 + 127
            plane = np.broadcast_to(wave if name == "down" else wave[:, None], (side, side))
            noisy = (plane + generator.normal(0, 10, plane.shape)).clip(0, 255).astype(np.uint8)
            Image.fromarray(noisy).convert(mode).save(folder / name / f"{i:03}.png")


def tensors(file: Path) -> dict[str, bytes]:
    raw = file.read_bytes()
    (size,) = struct.unpack("<Q", raw[:8])
    header = json.loads(raw[8 : 8 + size])
    header.pop("__metadata__")
    return {k: raw[8 + size :][slice(*v["data_offsets"])] for k, v in header.items()}


def rows(folder: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


# ---- files of all kinds -------------------------------------------------------------------------

GREY = np.arange(400, dtype=np.uint8).reshape(20, 20) // 2


def save(folder: Path, kind: str) -> Path:
    """A picture with the values of ``GREY``, or white where it is transparent."""
    path = folder / f"{kind}.png"
    if kind == "grey":
        Image.fromarray(GREY).save(path)
    elif kind == "colour":
        Image.fromarray(GREY).convert("RGB").save(path)
    elif kind == "sixteen":
        Image.fromarray(GREY.astype(np.uint16) * 256 + 77).save(path)
    elif kind == "float":
        path = folder / "float.tiff"
        Image.fromarray(GREY.astype(np.float32) / 255).save(path)
    elif kind == "wide":
        path = folder / "wide.tiff"
        Image.fromarray(GREY.astype(np.int32) * 256).save(path)
    elif kind == "cmyk":
        path = folder / "cmyk.tiff"
        Image.fromarray(GREY).convert("RGB").convert("CMYK").save(path)
    elif kind == "transparent":
        alpha = np.where(np.arange(20) < 10, 255, 0).astype(np.uint8)
        planes = [GREY, GREY, GREY, np.broadcast_to(alpha, (20, 20))]
        Image.fromarray(np.stack(planes, 2)).save(path)
    elif kind == "palette":
        image = Image.fromarray(GREY).convert("P")
        image.save(path, transparency=bytes([255] * 256))
    elif kind == "turned":
        path = folder / "turned.png"
        exif = Image.Exif()
        exif[0x0112] = 3  # upside down
        Image.fromarray(GREY[::-1, ::-1].copy()).save(path, exif=exif)
    return path


@pytest.mark.parametrize(
    "kind",
    ["grey", "colour", "sixteen", "float", "wide", "cmyk", "transparent", "palette", "turned"],
)
@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_of_all_kinds(tmp_path: Path, kind: str, channels: int) -> None:
    expected = GREY.astype(np.int64)
    if kind == "transparent":
        expected = np.where(np.arange(20) < 10, expected, 255)
    got = pictures.read(str(save(tmp_path, kind)), 20, channels)
    assert got.dtype == np.uint8 and got.shape == ((20, 20) if channels == 1 else (20, 20, 3))
    planes = got[..., None] if channels == 1 else got
    assert np.abs(planes - expected[..., None]).max() <= 1


def test_the_middle_of_a_long_picture(tmp_path: Path) -> None:
    wide = np.zeros((10, 30), np.uint8)
    wide[:, 10:20] = 200
    Image.fromarray(wide).save(tmp_path / "wide.png")
    assert (pictures.read(str(tmp_path / "wide.png"), 10, 1)[:, 1:9] == 200).all()


def test_huge_pictures_are_read_or_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "large.jpg"
    Image.new("RGB", (1200, 1000), (10, 200, 30)).save(path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 700_000)
    assert np.abs(pictures.read(str(path), 8, 3).astype(int) - [10, 200, 30]).max() <= 2
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 500_000)
    with pytest.raises(pictures.Unreadable, match="more than 1 million pixels"):
        pictures.read(str(path), 8, 3)


def broken(folder: Path) -> dict[str, str]:
    """Files that are no whole pictures, and what is said about each."""
    whole = (folder / "000.png").read_bytes()
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3)).astype(np.uint8)
    Image.fromarray(noise).save(folder / "cut.jpg")
    (folder / "cut.jpg").write_bytes((folder / "cut.jpg").read_bytes()[:900])
    (folder / "half.png").write_bytes(whole[: len(whole) // 2])
    (folder / "empty.png").write_bytes(b"")
    (folder / "page.jpg").write_text("<html></html>")
    return {
        "cut.jpg": "is damaged or cannot be read",
        "half.png": "is damaged or cannot be read",
        "empty.png": "is empty",
        "page.jpg": "is no image",
    }


# ---- training on a folder -----------------------------------------------------------------------


def test_broken_files_are_left_out_and_listed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stripes(tmp_path / "data", 6)
    expected = broken(tmp_path / "data/down")
    (tmp_path / "data/down/notes.txt").write_text("not a picture, and not called one")
    options = ["--data", tmp_path / "data", "--model", "cnn", "--epochs", 1]
    assert run(*options, "--out", tmp_path / "run") == 0
    said = capsys.readouterr().err
    listed = (tmp_path / "run/skipped.txt").read_text().splitlines()
    assert len(listed) == 4 and "4 files were left out" in said
    for name, reason in expected.items():
        assert any(line.startswith(f"down/{name} {reason}") for line in listed), (name, listed)
    page = (tmp_path / "run/report.html").read_text()
    assert "Files left out: 4" in page and "page.jpg" in page


def test_the_report_names_files_and_knows_nothing_of_classes_without_images(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stripes(tmp_path / "data/train", 8)
    stripes(tmp_path / "data/test", 5)
    for file in (tmp_path / "data/test/down").iterdir():
        file.rename(tmp_path / "data/test/across" / f"{file.stem}-<b>.png")
    (tmp_path / "data/test/down").rmdir()
    options = ["--data", tmp_path / "data", "--model", "linear", "--epochs", 1, "--lr", 1e-6]
    assert run(*options, "--out", tmp_path / "run") == 0
    page = (tmp_path / "run/report.html").read_text()
    table = page.split('<table class="classes">')[1].split("</table>")[0]
    assert table.count("<td>–</td>") == 3 and "<td>10</td>" in table
    shown = page.split("Worst mistakes")[1].split("Configuration")[0]
    assert 'title="test/across/00' in shown and "-&lt;b&gt;.png" in shown and "-<b>" not in shown


def test_a_pipe_is_no_picture(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(pictures.Unreadable, match="a pipe or a device"):
        pictures.read(str(tmp_path / "pipe.jpg"), 8, 3)


def test_a_folder_is_learnt_resumed_and_predicted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stripes(tmp_path / "data", 40)
    options = ["--data", tmp_path / "data", "--model", "cnn", "--augment", "crop+zoom+auto"]
    options += ["--lr", 0.02, "--schedule", "constant", "--batch-size", 16]
    assert run(*options, "--epochs", 4, "--out", tmp_path / "whole") == 0
    assert run(*options, "--epochs", 2, "--out", tmp_path / "part") == 0
    assert run("--resume", tmp_path / "part", "--epochs", 4) == 0
    for name in ("checkpoint.safetensors", "best.safetensors"):
        assert tensors(tmp_path / "whole" / name) == tensors(tmp_path / "part" / name)
    assert rows(tmp_path / "whole")[-1]["test_accuracy"] >= 90
    capsys.readouterr()
    files = [tmp_path / "data/across/001.png", tmp_path / "data/down/001.png"]
    sheet = tmp_path / "sheet.png"
    command = ["predict", str(tmp_path / "whole"), *map(str, files), "--draw", str(sheet)]
    assert main([*command, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [a["classes"][0]["class"] for a in found] == ["across", "down"]
    for answer in found:
        assert sum(c["probability"] for c in answer["classes"]) == pytest.approx(1, abs=1e-5)
    assert Image.open(sheet).width > 400
    assert main([*command[:4], "--top", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[-1] for line in lines] == ["across", "down"]


def test_parts_in_folders_of_their_own(tmp_path: Path) -> None:
    for part, count in (("train", 8), ("val", 4), ("test", 3)):
        stripes(tmp_path / part, count, mode="L")
    loaded = data.load(Config(data=str(tmp_path), model="cnn"))
    assert loaded.validation is not None
    assert [len(part) for part in (loaded.train, loaded.validation, loaded.test)] == [16, 8, 6]
    assert (loaded.inputs.channels, loaded.inputs.size) == (1, 16)
    assert loaded.inputs.classes == ["across", "down"]
    images, labels = next(iter(lampas.utils.data.DataLoader(loaded.test, batch_size=6)))
    one = Image.open(tmp_path / "test/across/000.png")
    assert labels.tolist() == [0, 0, 0, 1, 1, 1]
    expected = (np.asarray(one, np.float32) / 255 - 0.5) / 0.5
    np.testing.assert_allclose(images[0, 0].numpy(), expected, atol=1e-6)


def test_the_split_takes_its_share_of_each_class_and_depends_on_the_seed(tmp_path: Path) -> None:
    stripes(tmp_path, 10)
    parts = [data.load(Config(data=str(tmp_path), model="cnn", seed=s)) for s in (1, 1, 2)]
    for loaded in parts:
        assert loaded.test.targets.bincount().tolist() == [2, 2]
        assert loaded.train.targets.bincount().tolist() == [8, 8]
        together = lampas.cat([loaded.train.data, loaded.test.data]).flatten(1).tolist()
        assert len({tuple(pixels) for pixels in together}) == 20
    assert lampas.equal(parts[0].test.data, parts[1].test.data)
    assert not lampas.equal(parts[0].test.data, parts[2].test.data)


def test_what_a_folder_is_read_as(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for folder, expected in (
        ("MNIST/raw", "mnist"),
        ("cifar-100-python", "cifar"),
        ("photos/cat", "folder"),
    ):
        root = tmp_path / expected
        (root / folder).mkdir(parents=True)
        assert data.kind(str(root)) == expected
    batches = tmp_path / "cifar/cifar-100-python"
    assert data.kind(str(batches)) == "cifar"
    for place in (batches, batches.parent):
        assert run("--data", place) == 2
        error = capsys.readouterr().err
        assert f"so that its files are in {batches}" in error and error.count("\n") == 1


def test_early_stopping_keeps_the_best_model(tmp_path: Path) -> None:
    stripes(tmp_path / "data", 12)
    options = ["--data", tmp_path / "data", "--model", "linear", "--augment", "none"]
    options += ["--lr", 0.001, "--patience", 2, "--validation", 0.25, "--epochs", 30]
    assert run(*options, "--out", tmp_path / "run") == 0
    found = [row["validation_accuracy"] for row in rows(tmp_path / "run")]
    best = found.index(max(found))
    assert len(found) == min(best + 3, 30)
    text = (tmp_path / "run/best.safetensors").read_bytes()
    (size,) = struct.unpack("<Q", text[:8])
    about = json.loads(json.loads(text[8 : 8 + size])["__metadata__"]["lampas.train"])
    assert about["progress"]["epoch"] == best + 1
    assert f"after epoch {best + 1}, the best one" in (tmp_path / "run/report.html").read_text()


@pytest.mark.parametrize(
    "model", ["shufflenet_v2_x0_5", pytest.param("vit_b_32", marks=pytest.mark.slow)]
)
def test_models_of_vision_take_grey_images_at_another_size(model: str) -> None:
    inputs = data.Inputs(["a", "b", "c"], 1, 28, (0.5,), (0.5,))
    config = Config(model=model, image_size=64)
    created = steps.create_model(config, inputs)
    logits = steps.answer(created.eval(), lampas.rand(2, 1, 28, 28), config,
                          steps.fitting(config, inputs))  # fmt: skip
    assert logits.shape == (2, 3)


def test_bfloat16_smoothing_and_a_found_rate(tmp_path: Path) -> None:
    options = ["--model", "mlp", "--epochs", 1, "--precision", "bfloat16", "--find-lr"]
    options += ["--label-smoothing", 0.1, "--schedule", "one-cycle", "--batch-size", 128]
    assert run(*options, "--out", tmp_path / "run") == 0
    assert "Learning-rate finder" in (tmp_path / "run/report.html").read_text()
    assert rows(tmp_path / "run")[0]["test_top5"] >= 50


def test_a_last_batch_of_one_image_is_left_out(tmp_path: Path) -> None:
    stripes(tmp_path / "data", 11)  # 9 of each class are for training: 17 + 1
    options = ["--data", tmp_path / "data", "--model", "mobilenet_v3_small", "--batch-size", 17]
    assert run(*options, "--epochs", 1, "--out", tmp_path / "run") == 0


MISTAKES = {
    "fraction": (["--test-fraction", "0.3"], "digits has test images of its own"),
    "model": (["--model", "resnet19"], "did you mean"),
    "segmentation": (["--model", "fcn_resnet50"], "gives each pixel a class"),
    "augment": (["--augment", "crop+flop"], "no augmentation is called 'flop'; did you mean flip?"),
    "none": (["--augment", "none+flip"], "none cannot be joined"),
    "schedule": (["--schedule", "onecycle"], "did you mean one-cycle"),
    "precision": (["--precision", "float16"], "did you mean"),
    "share": (["--validation", "1.5"], "must be a share below 1"),
    "rates": (["--find-lr", "--lr", "0.1"], "leave one out"),
    "nesterov": (["--nesterov", "--optimizer", "adam"], "only sgd"),
    "size": (["--model", "lenet", "--image-size", "10"], "does not take images of 10 × 10"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_one_line(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments, text = MISTAKES[name]
    assert run(*arguments) == 2
    error = capsys.readouterr().err
    assert text in error and error.count("\n") == 1


def test_mistakes_in_folders(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def said(*more: object) -> str:
        assert run("--data", tmp_path / "data", "--epochs", 1, *more) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        return error

    (tmp_path / "data/one").mkdir(parents=True)
    assert "found no folders of pictures" in said()
    (tmp_path / "data/one/a.png").write_bytes(b"")
    assert "has one class folder, one" in said()
    (tmp_path / "data/two").mkdir()
    Image.fromarray(GREY).save(tmp_path / "data/two/b.png")
    assert "no readable picture for train in the class one; skipped: " in said()
    Image.fromarray(GREY).save(tmp_path / "data/one/a.png")
    assert "add images, or choose another fraction" in said()
    flat = tmp_path / "data/two"
    assert run("--data", flat, "--epochs", 1) == 2
    assert "put those of each class into a folder" in capsys.readouterr().err


def test_a_schedule_fixes_the_number_of_epochs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--model", "linear", "--schedule", "cosine", "--batch-size", 256, "--epochs", 1]
    assert run(*options, "--out", tmp_path / "run") == 0
    assert run("--resume", tmp_path / "run", "--epochs", 2) == 2
    assert "was laid out for 1 epochs" in capsys.readouterr().err


def test_predict_names_what_it_cannot_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--model", "linear", "--epochs", 1, "--batch-size", 256, "--out", tmp_path / "run"]
    assert run(*options) == 0
    Image.fromarray(GREY).save(tmp_path / "good.png")
    (tmp_path / "bad.png").write_bytes(b"bad")
    names = [str(tmp_path / "good.png"), str(tmp_path / "bad.png"), str(tmp_path / "none.png")]
    capsys.readouterr()
    assert main(["predict", str(tmp_path / "run"), *names]) == 1
    out, error = capsys.readouterr()
    assert out.startswith(names[0]) and out.count("\n") == 1 and out.count("%") == 3
    assert f"{names[1]} is no image" in error and f"{names[2]} does not exist" in error
    for arguments, text in (
        ([str(tmp_path / "nowhere"), names[0]], "no checkpoint"),
        ([names[0], names[0]], "damaged or no safetensors file"),
        ([str(tmp_path / "run"), names[0], "--draw", "answers.doc"], "must end in .png"),
        ([str(tmp_path / "run"), names[0], "--top", "0"], "must be at least 1"),
    ):
        assert main(["predict", *arguments]) == 2
        assert text in capsys.readouterr().err


# ---- figures ------------------------------------------------------------------------------------


def test_schedules_by_their_formulas() -> None:
    total, top = 200, 0.4
    for step in range(0, total + 1, 7):
        cosine = schedule.rate(Config(lr=top, schedule="cosine"), step, total)
        assert cosine == pytest.approx(top * (1 + np.cos(np.pi * step / total)) / 2)
        assert schedule.rate(Config(lr=top, schedule="constant"), step, total) == top
    cycle = [schedule.rate(Config(lr=top, schedule="one-cycle"), i, total) for i in range(201)]
    assert cycle[0] == pytest.approx(top / 25) and cycle[60] == pytest.approx(top)
    assert cycle[200] == pytest.approx(top / 250_000)
    assert cycle[:61] == sorted(cycle[:61]) and cycle[60:] == sorted(cycle[60:], reverse=True)


def test_top_k_and_the_surest_against_sorting() -> None:
    generator = np.random.default_rng(1)
    probabilities = generator.dirichlet(np.ones(9), 50)
    labels = generator.integers(0, 9, 50)
    found = Evaluation(labels, probabilities.argmax(1), np.zeros(50), probabilities)
    order = np.argsort(-probabilities, 1)
    for k in (1, 3, 5):
        expected = np.mean([labels[i] in order[i, :k] for i in range(50)]) * 100
        assert found.top(k) == pytest.approx(expected)
    for i in found.surest():
        same = (labels == labels[i]) & (found.predicted == labels[i])
        assert probabilities[i, labels[i]] == probabilities[same, labels[i]].max()


def test_saliency_of_a_linear_model_is_its_weights() -> None:
    lampas.manual_seed(0)
    model = lampas.nn.Sequential(lampas.nn.Flatten(), lampas.nn.Linear(3 * 8 * 8, 4))
    images = lampas.randn(20, 3, 8, 8)
    got = saliency.maps(model, images, lambda x: x)
    rows = model[1].weight.detach().numpy()[model(images).argmax(1).numpy()]
    padded = np.pad(np.abs(rows.reshape(20, 3, 8, 8)).max(1), ((0, 0), (1, 1), (1, 1)), "edge")
    mean = sum(padded[:, i : i + 8, j : j + 8] for i in range(3) for j in range(3)) / 9
    expected = mean / np.quantile(mean, 0.99, axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(got, expected.clip(0, 1), rtol=1e-4)


def test_the_search_suggests_a_rate_that_is_stable_and_not_slow() -> None:
    # On (w - t)² / 2, gradient descent is stable below a rate of 2; t is ±1, w begins far away.
    weight = lampas.nn.Linear(1, 1, bias=False)
    lampas.nn.init.constant_(weight.weight, 10.0)
    optimizer = lampas.optim.SGD(weight.parameters(), lr=1.0)
    batches = [(lampas.ones(1, 1), lampas.tensor([[t]])) for t in (1.0, -1.0, -1.0, 1.0)]
    found = schedule.search(
        weight, optimizer, batches, lambda model, x, t: ((model(x) - t) ** 2).sum() / 2
    )
    assert 0.03 < found["suggestion"] < 1
    assert len(found["rates"]) == len(found["losses"]) <= schedule.STEPS
    assert found["rates"] == sorted(found["rates"])
