"""Augmentation in batches: against images one by one in NumPy, and against Pillow's operations."""

from __future__ import annotations

import numpy as np
import pytest

import lampas
from lampas.cli import UsageError
from lampas.cli.train import augment, trivial


def images(n: int = 6, channels: int = 3, height: int = 16, width: int = 24) -> lampas.Tensor:
    generator = np.random.default_rng(0)
    return lampas.from_numpy(generator.random((n, channels, height, width), np.float32))


def test_flip_mirrors_some() -> None:
    x = images(40)
    lampas.manual_seed(0)
    y = augment.flip(x).numpy()
    mirrored = [bool((a == b[:, :, ::-1]).all()) for a, b in zip(x.numpy(), y, strict=True)]
    same = [bool((a == b).all()) for a, b in zip(x.numpy(), y, strict=True)]
    assert all(a != b for a, b in zip(mirrored, same, strict=True)) and 8 < sum(mirrored) < 32


def test_crop_is_a_window_of_the_reflected_image() -> None:
    x = images(30)
    lampas.manual_seed(0)
    y = augment.crop(x).numpy()
    seen = set()
    for before, after in zip(x.numpy(), y, strict=True):
        padded = np.pad(before, ((0, 0), (2, 2), (3, 3)), mode="reflect")
        windows = {(i, j): padded[:, i : i + 16, j : j + 24] for i in range(5) for j in range(7)}
        found = [place for place, window in windows.items() if (window == after).all()]
        assert len(found) == 1
        seen |= set(found)
    assert len(seen) > 10


def test_zoom_of_a_ramp_is_a_flatter_ramp() -> None:
    ramp = np.broadcast_to(np.arange(24, dtype=np.float32), (20, 1, 16, 24)).copy()
    lampas.manual_seed(0)
    slopes = np.diff(augment.zoom(lampas.from_numpy(ramp)).numpy()[:, 0, 8, 4:20], axis=1)
    # Width is between sqrt(0.35 * 3 / 4) and 1 of the image's.
    assert (slopes >= np.sqrt(0.35 * 0.75) - 1e-3).all() and (slopes <= 1 + 1e-3).all()
    np.testing.assert_allclose(slopes, slopes[:, :1].repeat(15, 1), atol=1e-3)


def test_affine_leaves_the_middle_and_moves_by_a_little() -> None:
    x = lampas.zeros(50, 1, 28, 28)
    x[:, :, 13:15, 13:15] = 1
    lampas.manual_seed(0)
    mass = augment.affine(x)[:, 0]
    total = mass.sum((1, 2))
    place = (mass.sum(2) * lampas.arange(28)).sum(1) / total
    assert (place - 13.5).abs().max() < 2.5 and (place - 13.5).abs().max() > 1


@pytest.mark.parametrize("text", ["flip", "crop+flip", "zoom,flip", "affine", "auto"])
def test_policies_keep_shape_depend_on_the_seed_and_leave_their_input(text: str) -> None:
    x = images(64)
    before = x.clone()
    apply = augment.policy(text, (0.5, 0.5, 0.5), (0.2, 0.2, 0.2))
    assert apply is not None
    results = []
    for seed in (1, 1, 2):
        lampas.manual_seed(seed)
        results.append(apply(x))
    assert results[0].shape == x.shape and bool(results[0].isfinite().all())
    assert lampas.equal(results[0], results[1]) and not lampas.equal(results[0], results[2])
    assert lampas.equal(x, before)


def test_names() -> None:
    assert augment.policy("none", (0.5,), (0.5,)) is None
    with pytest.raises(UsageError, match="did you mean zoom"):
        augment.parts("crop+zom")


# ---- TrivialAugment's operations against Pillow's ------------------------------------------------

BYTES = np.random.default_rng(3).integers(20, 230, (4, 3, 96, 100)).astype(np.uint8)
STRENGTH = [-0.9, -0.3, 0.2, 0.8]


def pillow(operation: str, picture: object, strength: float) -> object:
    from PIL import ImageEnhance, ImageOps

    factor = 1 + 0.99 * strength
    kinds = {
        "brightness": ImageEnhance.Brightness,
        "colour": ImageEnhance.Color,
        "contrast": ImageEnhance.Contrast,
        "sharpness": ImageEnhance.Sharpness,
    }
    if operation in kinds:
        return kinds[operation](picture).enhance(factor)  # type: ignore[arg-type]
    if operation == "posterize":
        return ImageOps.posterize(picture, 8 - round(abs(strength) * 6))  # type: ignore[arg-type]
    if operation == "solarize":
        threshold = 255 * (1 - abs(strength))
        return ImageOps.solarize(picture, threshold)  # type: ignore[arg-type]
    if operation == "autocontrast":
        return ImageOps.autocontrast(picture)  # type: ignore[arg-type]
    return ImageOps.equalize(picture)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "operation",
    ["brightness", "colour", "contrast", "sharpness", "posterize", "solarize", "autocontrast",
     "equalize"],
)  # fmt: skip
def test_operations_on_colours(operation: str) -> None:
    Image = pytest.importorskip("PIL.Image")
    unit = lampas.from_numpy(BYTES.astype(np.float32) / 255)
    strength = lampas.tensor(STRENGTH).reshape(-1, 1, 1, 1)
    got = (getattr(trivial, f"_{operation}")(unit, strength).clamp(0, 1) * 255).numpy()
    # Pillow rounds its means and intermediate greys to whole numbers, and equalizes in steps.
    allowed = {"equalize": 6, "posterize": 1e-3, "solarize": 1e-3}.get(operation, 2.5)
    inner = (slice(1, -1), slice(1, -1)) if operation == "sharpness" else (slice(None),) * 2
    for i, s in enumerate(STRENGTH):
        picture = Image.fromarray(BYTES[i].transpose(1, 2, 0))
        expected = np.asarray(pillow(operation, picture, s), np.float32).transpose(2, 0, 1)
        assert np.abs(got[i] - expected)[(slice(None), *inner)].max() <= allowed


def test_grey_images_have_all_operations() -> None:
    x = images(300, channels=1)
    lampas.manual_seed(0)
    y = trivial.TrivialAugment((0.5,), (0.5,))(x)
    assert y.shape == x.shape and bool(y.isfinite().all())
    # Of 14 operations one does nothing.
    unchanged = ((x - y).abs().flatten(1).amax(1) < 1e-5).sum().item()
    assert 5 < unchanged < 60
