"""STL10 and SVHN: files as they are published, made small."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lampas.vision import datasets, transforms

pytest.importorskip("PIL")


class TinySTL10(datasets.STL10):
    train_list = [["train_X.bin", None], ["train_y.bin", None], ["unlabeled_X.bin", None]]  # type: ignore[list-item]
    test_list = [["test_X.bin", None], ["test_y.bin", None]]  # type: ignore[list-item]


def _write_stl10(root: Path) -> np.ndarray:
    """Images ``(N, 3, 96, 96)``, stored by columns; classes count from 1."""
    folder = root / "stl10_binary"
    folder.mkdir()
    images = np.random.default_rng(0).integers(0, 256, (4, 3, 96, 96), dtype=np.uint8)
    for name in ("train", "test", "unlabeled"):
        images.transpose(0, 1, 3, 2).tofile(folder / f"{name}_X.bin")
        np.array([1, 10, 3, 2], np.uint8).tofile(folder / f"{name}_y.bin")
    (folder / "class_names.txt").write_text("airplane\nbird\n")
    (folder / "fold_indices.txt").write_text("0 1\n2 3 \n" + "0\n" * 8)
    return images


def test_stl10(tmp_path: Path) -> None:
    images = _write_stl10(tmp_path)
    train = TinySTL10(tmp_path, transform=transforms.PILToTensor())
    assert np.array_equal(np.stack([image.numpy() for image, _ in train]), images)
    assert [label for _, label in train] == [0, 9, 2, 1]
    assert train.classes == ["airplane", "bird"] and train.data.shape == (4, 3, 96, 96)
    assert [label for _, label in TinySTL10(tmp_path, folds=1)] == [2, 1]
    both = TinySTL10(tmp_path, split="train+unlabeled")
    assert len(both) == 8 and both[5][1] == -1
    with pytest.raises(ValueError, match="Unknown value 'valid' for argument split"):
        TinySTL10(tmp_path, split="valid")
    with pytest.raises(ValueError, match=r"\[0, 10\)"):
        TinySTL10(tmp_path, folds=10)
    with pytest.raises(RuntimeError, match=r"unpack stl10_binary\.tar\.gz"):
        datasets.STL10(tmp_path)  # not the files that were published


def test_svhn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    matlab = pytest.importorskip("scipy.io")
    images = np.random.default_rng(0).integers(0, 256, (32, 32, 3, 5), dtype=np.uint8)
    labels = np.array([[1], [10], [3], [9], [10]], np.uint8)
    matlab.savemat(tmp_path / "test_32x32.mat", {"X": images, "y": labels})
    with pytest.raises(RuntimeError, match=r"put test_32x32\.mat into"):
        datasets.SVHN(tmp_path, split="test")
    file = ["", "test_32x32.mat", None]
    monkeypatch.setitem(datasets.SVHN.split_list, "test", file)
    dataset = datasets.SVHN(tmp_path, split="test", transform=transforms.PILToTensor())
    assert [label for _, label in dataset] == [1, 0, 3, 9, 0]
    assert np.array_equal(dataset[3][0].numpy(), images[..., 3].transpose(2, 0, 1))
