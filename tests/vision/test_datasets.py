"""Image datasets: files, downloads from a local server, samples and whole batches."""

from __future__ import annotations

import gzip
import hashlib
import http.server
import io
import os
import pickle
import struct
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lampas
from lampas.utils.data import ConcatDataset, DataLoader, Subset
from lampas.vision import datasets, transforms
from lampas.vision.datasets import cifar, digits, mnist, utils

TO_FLAT = [transforms.ToTensor(), transforms.Normalize((0.1307,), (0.3081,))]
TO_FLAT += [transforms.Lambda(lampas.flatten)]


def idx(array: np.ndarray[Any, Any], code: int = 8) -> bytes:
    """An array in IDX format."""
    sizes = struct.pack(f">{array.ndim}I", *array.shape)
    return bytes([0, 0, code, array.ndim]) + sizes + array.tobytes()


def write_mnist(root: Path, name: str = "MNIST", n: int = 20, compress: bool = True) -> Path:
    """Made-up files in MNIST's format; returns their folder."""
    folder = root / name / "raw"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for part in ("train", "t10k"):
        images = rng.integers(0, 256, (n, 28, 28), dtype=np.uint8)
        labels = rng.integers(0, 10, n, dtype=np.uint8)
        for kind, array in (("images-idx3", images), ("labels-idx1", labels)):
            raw = idx(array)
            target = folder / f"{part}-{kind}-ubyte{'.gz' if compress else ''}"
            target.write_bytes(gzip.compress(raw) if compress else raw)
    return folder


# ---- files -------------------------------------------------------------------------------------


@pytest.mark.parametrize("compress", [False, True])
def test_files_are_read_as_they_are_from_a_folder_that_is_read_only(
    tmp_path: Path, compress: bool
) -> None:
    folder = write_mnist(tmp_path, compress=compress)
    folder.chmod(0o555)
    try:
        dataset = datasets.MNIST(tmp_path, train=True, download=True)
        before = sorted(os.listdir(folder))
    finally:
        folder.chmod(0o755)
    assert dataset.data.shape == (20, 28, 28) and dataset.data.dtype == lampas.uint8
    assert dataset.targets.dtype == lampas.int64 and len(dataset) == 20
    assert len(before) == 4


def test_repr_and_classes(tmp_path: Path) -> None:
    write_mnist(tmp_path)
    dataset = datasets.MNIST(str(tmp_path), train=False, transform=transforms.ToTensor())
    assert repr(dataset).splitlines() == [
        "Dataset MNIST",
        "    Number of datapoints: 20",
        f"    Root location: {tmp_path}",
        "    Split: Test",
        "    StandardTransform",
        "Transform: ToTensor()",
    ]
    assert dataset.class_to_idx["3 - three"] == 3
    with pytest.warns(UserWarning, match="renamed targets"):
        assert dataset.test_labels is dataset.targets


def test_missing_files_are_named_with_their_place(tmp_path: Path) -> None:
    folder = write_mnist(tmp_path)
    (folder / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(RuntimeError, match=f"put t10k-labels-idx1-ubyte .*into {folder}"):
        datasets.MNIST(tmp_path)


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"<html>not found</html>", "begins with"),
        (idx(np.zeros((2, 3, 3), np.uint8))[:-1], "its header says"),
        (gzip.compress(idx(np.zeros((2, 3, 3), np.uint8)))[:-9], "cannot be read"),
        (b"\x1f\x8b" + b"\0" * 20, "cannot be read"),
    ],
)
def test_damaged_files_are_named(tmp_path: Path, raw: bytes, text: str) -> None:
    path = tmp_path / ("x.gz" if raw[:2] == b"\x1f\x8b" else "x")
    path.write_bytes(raw)
    with pytest.raises(ValueError, match=f"(?s){path}.*{text}.*anew"):
        mnist.read_sn3_pascalvincent_tensor(path)


@pytest.mark.parametrize(
    ("code", "dtype"), [(8, "u1"), (9, "i1"), (11, ">i2"), (12, ">i4"), (13, ">f4"), (14, ">f8")]
)
def test_every_type_of_the_format(tmp_path: Path, code: int, dtype: str) -> None:
    values = np.arange(-3, 3).astype(dtype).reshape(2, 3)
    (tmp_path / "x").write_bytes(idx(values, code))
    assert mnist.read_sn3_pascalvincent_tensor(tmp_path / "x").tolist() == values.tolist()


def test_emnist_and_qmnist(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (6, 28, 28), dtype=np.uint8)
    (tmp_path / "EMNIST" / "raw").mkdir(parents=True)
    base = tmp_path / "EMNIST" / "raw" / "emnist-letters-train"
    Path(f"{base}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(images)))
    Path(f"{base}-labels-idx1-ubyte").write_bytes(idx(np.arange(1, 7, dtype=np.uint8)))
    letters = datasets.EMNIST(tmp_path, "letters")
    assert letters.classes[letters.targets[0]] == "a" and len(letters.classes) == 27
    assert len(datasets.EMNIST.classes_split_dict["balanced"]) == 47

    (tmp_path / "QMNIST" / "raw").mkdir(parents=True)
    base = tmp_path / "QMNIST" / "raw" / "qmnist-train"
    information = np.arange(48).reshape(6, 8).astype(">i4")
    Path(f"{base}-images-idx3-ubyte").write_bytes(idx(images))
    Path(f"{base}-labels-idx2-int").write_bytes(idx(information, 12))
    for compat, expected in ((True, [0, 8, 16]), (False, information[:3].tolist())):
        dataset = datasets.QMNIST(tmp_path, compat=compat, transform=transforms.ToTensor())
        assert next(iter(DataLoader(dataset, batch_size=3)))[1].tolist() == expected
    assert dataset[1][1].tolist() == information[1].tolist()
    assert "Split: train" in repr(dataset)


# ---- digits ------------------------------------------------------------------------------------


def test_digits_are_the_known_ones() -> None:
    """Against facts about the source: its size, its labels and its first image."""
    train, test = datasets.Digits(size=8), datasets.Digits(train=False, size=8)
    assert (len(train), len(test)) == (1437, 360)
    counts = np.bincount(train.targets.numpy()) + np.bincount(test.targets.numpy())
    assert counts.tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    first_row = [0, 0, 5, 13, 9, 1, 0, 0]
    assert train.data[0, 0].tolist() == [round(level * 255 / 16) for level in first_row]
    assert train.root is None and "Split: Train" in repr(train)
    with pytest.raises(ValueError, match="size=16"):
        datasets.Digits(size=16)


def test_digits_are_enlarged_bilinearly() -> None:
    levels = np.random.default_rng(0).integers(0, 17, (3, 8, 8)).astype(np.uint8)
    place = np.clip((np.arange(28) + 0.5) * 8 / 28 - 0.5, 0, 7)
    low = np.minimum(place.astype(int), 6)
    weights = np.zeros((28, 8))
    weights[np.arange(28), low] = 1 - (place - low)
    weights[np.arange(28), low + 1] += place - low
    exact = weights @ levels.astype(np.float64) @ weights.T * 255 / 16
    assert np.abs(digits.enlarged(levels) - exact).max() <= 0.5 + 1e-9


# ---- samples and batches -----------------------------------------------------------------------


def one_by_one(dataset: Any) -> list[Any]:
    return list(DataLoader(dataset, batch_size=16, collate_fn=lambda samples: samples))


PIPELINES: dict[str, list[Any]] = {
    "flat": TO_FLAT,
    "plain": [transforms.ToTensor()],
    "bytes": [transforms.PILToTensor()],
    "nested": [transforms.Compose(TO_FLAT[:2]), transforms.Compose([])],
    "converted": [transforms.PILToTensor(), transforms.ConvertImageDtype(lampas.float32)],
    "three channels": [
        transforms.Grayscale(3),
        transforms.ToTensor(),
        transforms.Normalize((0.5, 0.4, 0.3), (0.1, 0.2, 0.3)),
    ],
    "cut": [transforms.CenterCrop(20), *TO_FLAT],
    "random": [
        transforms.RandomCrop(28, padding=4),
        transforms.RandomHorizontalFlip(),
        transforms.ToTensor(),
        transforms.RandomVerticalFlip(0.3),
        transforms.RandomCrop((20, 24)),
    ],
    "unknown at the end": [*TO_FLAT, lambda image: image.view(28, 28) * 2],
    "random and unknown": [transforms.RandomHorizontalFlip(), transforms.ToTensor(), lampas.sin],
    "random at the end": [transforms.ToTensor(), transforms.RandomErasing(0.5)],
}


@pytest.mark.parametrize("target_transform", [None, lambda digit: digit + 1])
@pytest.mark.parametrize("name", PIPELINES)
def test_whole_batches_are_what_pil_images_give(name: str, target_transform: Any) -> None:
    """A first transform that is unknown sends everything through PIL, image by image."""
    pytest.importorskip("PIL")
    batches = []
    for before in ([], [lambda image: image]):
        lampas.manual_seed(1)
        transform = transforms.Compose(before + PIPELINES[name])
        dataset = datasets.Digits(
            train=False, transform=transform, target_transform=target_transform
        )
        batches.append(list(DataLoader(dataset, batch_size=50, shuffle=True)))
        batches[-1].append([lampas.rand(1)])
    for fast, slow in zip(*batches, strict=True):
        assert type(fast) is type(slow) is list
        for a, b in zip(fast, slow, strict=True):
            assert a.dtype == b.dtype and a.is_contiguous() and lampas.equal(a, b)


def test_samples_need_no_pil_where_transforms_make_tensors(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "PIL", None)
    dataset = datasets.Digits(transform=transforms.Compose(TO_FLAT))
    image, label = dataset[3]
    assert image.shape == (784,) and label == 3
    dataset.transform = None
    with pytest.raises(ImportError, match=r"lampas\[vision\]"):
        dataset[0]


def test_values_of_the_usual_pipeline() -> None:
    dataset = datasets.Digits(transform=transforms.Compose(TO_FLAT))
    pixels = dataset.data[:4].numpy().astype(np.float32)
    expected = (pixels / np.float32(255) - np.float32(0.1307)) / np.float32(0.3081)
    images, labels = next(iter(DataLoader(dataset, batch_size=4)))
    assert np.array_equal(images.numpy(), expected.reshape(4, -1))
    assert labels.tolist() == [0, 1, 2, 3]


def test_what_changes_is_followed() -> None:
    dataset = datasets.Digits(transform=transforms.Compose(TO_FLAT))
    dataset.transform.transforms[1].mean = (0.0,)
    dataset.data = dataset.data[:6] * 0 + 255
    dataset.targets = dataset.targets[:6] + 10
    images, labels = next(iter(DataLoader(dataset, batch_size=6)))
    assert images[0, 0].item() == pytest.approx(1 / 0.3081) and labels.tolist() == [*range(10, 16)]
    dataset.transform.transforms.pop(1)
    assert next(iter(DataLoader(dataset)))[0].max().item() == 1.0
    dataset.data = dataset.data.float()
    assert next(iter(DataLoader(Subset(dataset, [1]))))[0].shape == (1, 784)


def test_a_subclass_and_a_hook_are_respected() -> None:
    class Shifted(datasets.Digits):
        def __getitem__(self, index: int) -> Any:
            return super().__getitem__(index)[0], -1

    class Doubled(transforms.ToTensor):
        def __call__(self, pic: Any) -> Any:
            return super().__call__(pic) * 2

    images, labels = next(iter(DataLoader(Shifted(transform=Doubled()), batch_size=2)))
    assert labels.tolist() == [-1, -1] and images.max().item() == 2.0
    hooked = transforms.Normalize((0.0,), (1.0,))
    hooked.register_forward_hook(lambda module, inputs, output: output * 0)
    dataset = datasets.Digits(transform=transforms.Compose([transforms.ToTensor(), hooked]))
    assert not next(iter(DataLoader(dataset)))[0].any()


def test_bad_normalization_raises_as_it_does_for_one_image() -> None:
    transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.5,), (0.0,))])
    with pytest.raises(ValueError, match="division by zero"):
        next(iter(DataLoader(datasets.Digits(transform=transform))))


def test_concatenated_image_sets_come_in_whole_batches() -> None:
    parts = [datasets.Digits(train, transform=transforms.ToTensor()) for train in (True, False)]
    both = ConcatDataset([Subset(parts[0], [1, 2, 3]), parts[1]])
    images, labels = next(iter(DataLoader(both, sampler=[4, 0, 3, 2, 1], batch_size=5)))
    assert labels.tolist() == [both[i][1] for i in (4, 0, 3, 2, 1)]
    assert lampas.equal(images[0], both[4][0])


# ---- CIFAR, folders, noise ---------------------------------------------------------------------


class TinyCIFAR(datasets.CIFAR10):
    train_list = [["data_batch_1", None]]  # type: ignore[list-item]
    test_list = [["test_batch", None]]  # type: ignore[list-item]
    meta = {"filename": "batches.meta", "key": "label_names", "md5": None}  # type: ignore[dict-item]


def write_cifar(root: Path) -> np.ndarray[Any, Any]:
    folder = root / "cifar-10-batches-py"
    folder.mkdir(parents=True)
    rows = np.random.default_rng(0).integers(0, 256, (6, 3072), dtype=np.uint8)
    for name in ("data_batch_1", "test_batch"):
        entry = {"data": rows, "labels": list(range(6)), "filenames": ["a.png"] * 6}
        (folder / name).write_bytes(pickle.dumps(entry, protocol=2))
    names = {"label_names": [f"class {i}" for i in range(10)]}
    (folder / "batches.meta").write_bytes(pickle.dumps(names, protocol=2))
    return rows


def test_cifar(tmp_path: Path) -> None:
    pytest.importorskip("PIL")
    rows = write_cifar(tmp_path)
    batches = []
    for before in ([], [lambda image: image]):
        steps = [*before, transforms.RandomCrop(32, padding=4), transforms.RandomHorizontalFlip()]
        steps += [transforms.ToTensor(), transforms.Normalize((0.5,) * 3, (0.25,) * 3)]
        lampas.manual_seed(0)
        dataset = TinyCIFAR(tmp_path, transform=transforms.Compose(steps))
        batches.append(next(iter(DataLoader(dataset, batch_size=6))))
    assert lampas.equal(batches[0][0], batches[1][0]) and batches[0][1].tolist() == [*range(6)]
    dataset.transform = transforms.PILToTensor()
    assert np.array_equal(dataset[2][0].numpy().reshape(-1), rows[2])
    assert dataset.data.shape == (6, 32, 32, 3) and dataset.class_to_idx["class 3"] == 3


def test_a_cifar_file_cannot_run_code(tmp_path: Path) -> None:
    class Harm:
        def __reduce__(self) -> Any:
            return os.system, ("true",)

    path = tmp_path / "data_batch_1"
    path.write_bytes(pickle.dumps({"data": Harm()}))
    with pytest.raises(pickle.UnpicklingError, match=r"data_batch_1.*system.*do not trust"):
        cifar.read_data_pickle(str(path))
    path.write_bytes(b"\x80\x02}")
    with pytest.raises(pickle.UnpicklingError, match="cannot be read"):
        cifar.read_data_pickle(str(path))


def test_image_folder(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    modes = {"grey": "L", "colour": "RGB", "clear": "RGBA", "palette": "P"}
    for name, mode in modes.items():
        (tmp_path / name / "deeper").mkdir(parents=True)
        image.new(mode, (5, 4)).save(tmp_path / name / "deeper" / "a.PNG")
        (tmp_path / name / "notes.txt").write_text("no image")
    (tmp_path / "grey" / "broken.jpg").write_bytes(b"\xff\xd8 no more")
    dataset = datasets.ImageFolder(str(tmp_path), transform=transforms.ToTensor())
    assert dataset.classes == sorted(modes) and len(dataset) == 5
    assert dataset.targets == [0, 1, 2, 2, 3] and dataset.imgs is dataset.samples
    for i, (path, _) in enumerate(dataset.samples):
        if path.endswith("broken.jpg"):
            with pytest.raises(OSError, match=r"broken\.jpg cannot be read as an image"):
                dataset[i]
        else:
            assert dataset[i][0].shape == (3, 4, 5)
    (tmp_path / "nothing").mkdir()
    with pytest.raises(FileNotFoundError, match=r"classes nothing.*\.jpg"):
        datasets.ImageFolder(tmp_path)
    assert len(datasets.ImageFolder(tmp_path, allow_empty=True)) == 5
    with pytest.raises(FileNotFoundError, match="class folder"):
        datasets.ImageFolder(tmp_path / "nothing")


def test_fake_data_is_the_same_every_time() -> None:
    pytest.importorskip("PIL")
    dataset = datasets.FakeData(3, (3, 4, 5), transform=transforms.PILToTensor())
    before = lampas.get_rng_state()
    image, label = dataset[1]
    assert lampas.equal(lampas.get_rng_state(), before)
    assert image.shape == (3, 4, 5) and 0 <= label < 10
    assert lampas.equal(dataset[1][0], image) and len(list(dataset)) == 3


# ---- downloads ---------------------------------------------------------------------------------

CONTENT = bytes(range(256)) * 40
MD5 = hashlib.md5(CONTENT).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    log: list[tuple[str, str | None]] = []
    done = threading.Event()

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        self.log.append((self.path, wanted))
        if self.path.startswith("/gone"):
            self.send_error(404)
            return
        if self.path.startswith("/moved"):
            self.send_response(302)
            self.send_header("Location", "/good/file.bin")
            self.end_headers()
            return
        body = b"something else" if self.path.startswith("/wrong") else CONTENT
        start = int(wanted.split("=")[1].rstrip("-")) if wanted else 0
        if self.path.startswith("/whole"):  # knows no ranges
            start = 0
        if start >= len(body):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        if not self.path.startswith("/unsaid"):
            self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        half = self.path.startswith(("/half", "/silent"))
        self.wfile.write(body[start : len(body) // 2] if half else body[start:])
        if self.path.startswith("/silent"):
            self.wfile.flush()
            self.done.wait(20)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    Handler.log = []
    Handler.done.clear()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_address[1]}"
        Handler.done.set()
        running.shutdown()


def test_download_takes_the_next_mirror_and_goes_on_where_one_stopped(
    tmp_path: Path, server: str
) -> None:
    urls = [f"{server}/{kind}/file.bin" for kind in ("gone", "half", "good")]
    path = utils.download(urls, tmp_path, "file.bin", MD5)
    assert Path(path).read_bytes() == CONTENT and os.listdir(tmp_path) == ["file.bin"]
    half = f"bytes={len(CONTENT) // 2}-"
    assert Handler.log == [
        ("/gone/file.bin", None),
        ("/half/file.bin", None),
        ("/good/file.bin", half),
    ]
    utils.download(urls, tmp_path, "file.bin", MD5)
    assert len(Handler.log) == 3


def test_processes_that_start_together_download_once(tmp_path: Path, server: str) -> None:
    def fetch() -> None:
        utils.download([f"{server}/good/file.bin"], tmp_path, "file.bin", MD5)

    both = [threading.Thread(target=fetch) for _ in range(4)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert (tmp_path / "file.bin").read_bytes() == CONTENT
    assert len(Handler.log) == 1 and os.listdir(tmp_path) == ["file.bin"]


def test_a_wrong_beginning_is_thrown_away(tmp_path: Path, server: str) -> None:
    (tmp_path / "file.bin.part").write_bytes(b"of another file")
    path = utils.download([f"{server}/good/file.bin"], tmp_path, "file.bin", MD5)
    assert Path(path).read_bytes() == CONTENT


@pytest.mark.parametrize("kind", ["good", "whole", "unsaid", "moved"])
@pytest.mark.parametrize("have", [0, 100, len(CONTENT), len(CONTENT) + 5])
def test_whatever_is_there_already_and_whatever_the_server_can(
    tmp_path: Path, server: str, kind: str, have: int, capsys: pytest.CaptureFixture[str]
) -> None:
    if have:
        (tmp_path / "file.bin.part").write_bytes((CONTENT + b"12345")[:have])
    path = utils.download([f"{server}/{kind}/file.bin"], tmp_path, "file.bin", MD5)
    assert Path(path).read_bytes() == CONTENT and os.listdir(tmp_path) == ["file.bin"]
    progress = capsys.readouterr().err
    assert progress == "" or ("file.bin" in progress and "10.2k" in progress)


def test_a_silent_server_is_left_and_what_it_gave_is_kept(
    tmp_path: Path, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(utils, "_SECONDS_OF_SILENCE", 0.3)
    with pytest.raises(RuntimeError, match="timed out"):
        utils.download([f"{server}/silent/file.bin"], tmp_path, "file.bin", MD5)
    path = utils.download([f"{server}/good/file.bin"], tmp_path, "file.bin", MD5)
    assert Path(path).read_bytes() == CONTENT
    assert Handler.log[-1][1] == f"bytes={len(CONTENT) // 2}-"


def test_an_interrupted_download_goes_on(
    tmp_path: Path, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(utils, "_CHUNK", 1000)
    bar = utils._progress

    def interrupted(*arguments: Any) -> Any:
        made = bar(*arguments)
        made.update = lambda n: (_ for _ in ()).throw(KeyboardInterrupt)
        return made

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(utils, "_progress", interrupted)
        utils.download([f"{server}/good/file.bin"], tmp_path, "file.bin", MD5)
    have = (tmp_path / "file.bin.part").stat().st_size
    assert 0 < have <= 1000
    path = utils.download([f"{server}/good/file.bin"], tmp_path, "file.bin", MD5)
    assert Path(path).read_bytes() == CONTENT
    assert Handler.log[-1][1] == f"bytes={have}-"


def test_a_full_disk_is_no_mirrors_fault(
    tmp_path: Path, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(utils, "_receive", full)
    with pytest.raises(OSError, match="No space left"):
        utils.download([f"{server}/good/file.bin"] * 2, tmp_path, "file.bin", MD5)


def test_when_all_mirrors_fail_each_is_listed(tmp_path: Path, server: str) -> None:
    urls = [f"{server}/gone/x", f"{server}/wrong/x", "http://127.0.0.1:9/x"]
    with pytest.raises(RuntimeError) as caught:
        utils.download(urls, tmp_path, "x", MD5)
    text = str(caught.value)
    assert all(url in text for url in urls)
    assert "404" in text and "MD5 sum is" in text and "cannot be reached" in text
    assert f"put it at\n  {tmp_path / 'x'}" in text and MD5 in text


def test_mnist_downloads_only_what_is_missing(
    tmp_path: Path, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_mnist(tmp_path)
    (folder / "t10k-labels-idx1-ubyte.gz").unlink()
    monkeypatch.setattr(datasets.MNIST, "mirrors", [f"{server}/gone/"])
    with pytest.raises(RuntimeError, match=r"t10k-labels-idx1-ubyte\.gz"):
        datasets.MNIST(tmp_path, download=True)
    assert [path for path, _ in Handler.log] == ["/gone/t10k-labels-idx1-ubyte.gz"]


def test_archives_cannot_leave_their_folder(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "x.tar.gz", "w:gz") as tar:
        for name in ("fine.txt", "../outside.txt"):
            member = tarfile.TarInfo(name)
            member.size = 2
            tar.addfile(member, io.BytesIO(b"ok"))
    target = tmp_path / "in"
    target.mkdir()
    with pytest.raises((ValueError, tarfile.TarError)):
        utils.extract_archive(tmp_path / "x.tar.gz", target)
    assert not (tmp_path / "outside.txt").exists()


def test_compressed_file_is_unpacked_beside_it(tmp_path: Path) -> None:
    (tmp_path / "x.bin.gz").write_bytes(gzip.compress(CONTENT))
    made = utils.extract_archive(tmp_path / "x.bin.gz", remove_finished=True)
    assert Path(made).read_bytes() == CONTENT and os.listdir(tmp_path) == ["x.bin"]
    with pytest.raises(RuntimeError, match="how to unpack"):
        utils.extract_archive(tmp_path / "x.bin")
