"""Transforms: values against NumPy and Pillow, draws against the generator's own numbers."""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lampas
from lampas.vision import io as image_io
from lampas.vision import transforms as tr
from lampas.vision import utils
from lampas.vision.transforms import InterpolationMode, _batch, v2
from lampas.vision.transforms import functional as F

Image = pytest.importorskip("PIL.Image")

PIXELS = np.random.default_rng(0).integers(0, 256, (40, 30, 3), dtype=np.uint8)
PICTURE = Image.fromarray(PIXELS)
TENSOR = lampas.from_numpy(PIXELS.transpose(2, 0, 1).copy())


def difference(picture: Any, tensor: lampas.Tensor) -> float:
    """Mean difference of the two kinds of image, in grey levels."""
    assert F.get_dimensions(picture) == list(tensor.shape)
    expected = np.asarray(picture).reshape(*tensor.shape[1:], tensor.shape[0]).transpose(2, 0, 1)
    return float(np.abs(expected.astype(float) - tensor.numpy().astype(float)).mean())


# ---- conversions -------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA", "1", "I", "F", "I;16"])
def test_every_mode_becomes_a_tensor_and_back(mode: str) -> None:
    if mode in ("1", "L", "LA", "RGB", "RGBA"):
        picture = PICTURE.convert(mode)
    else:
        dtype = {"I": np.int32, "F": np.float32, "I;16": np.uint16}[mode]
        picture = Image.fromarray(PIXELS[..., 0].astype(dtype))
    tensor = F.to_tensor(picture)
    assert tuple(tensor.shape) == (len(picture.getbands()), 40, 30)
    array = np.asarray(picture).reshape(40, 30, -1).transpose(2, 0, 1)
    if mode in ("I", "F", "I;16"):
        assert np.array_equal(tensor.numpy(), array)
    else:
        scale = 1 if mode == "1" else 255
        expected = array.astype(np.float32) / np.float32(scale)
        assert tensor.dtype == lampas.float32 and np.array_equal(tensor.numpy(), expected)
        if mode != "1":
            again = F.to_pil_image(F.pil_to_tensor(picture))
            assert again.mode == mode and again.tobytes() == picture.tobytes()


def test_to_tensor_of_arrays_and_of_nothing() -> None:
    assert lampas.equal(F.to_tensor(PIXELS), F.to_tensor(PICTURE))
    floats = PIXELS.astype(np.float64)
    assert F.to_tensor(floats).dtype == lampas.float64
    with pytest.raises(TypeError, match="PIL Image or ndarray"):
        F.to_tensor([1])
    with pytest.raises(ValueError, match="2/3 dimensional"):
        F.to_tensor(np.zeros(3))


def test_normalize_against_numpy_and_its_errors() -> None:
    image = lampas.rand(2, 3, 4, 5)
    mean, std = (0.1, 0.2, 0.3), (0.4, 0.5, 0.6)
    columns = [np.float32(values).reshape(3, 1, 1) for values in (mean, std)]
    expected = (image.numpy() - columns[0]) / columns[1]
    assert np.array_equal(F.normalize(image, mean, std).numpy(), expected)
    for bad, error, text in (
        (TENSOR, TypeError, "ToTensor"),
        (lampas.rand(4), ValueError, "C, H, W"),
        (PICTURE, TypeError, "Tensor Image"),
    ):
        with pytest.raises(error, match=text):
            F.normalize(bad, (0.5,), (0.5,))
    with pytest.raises(ValueError, match="division by zero"):
        F.normalize(image, (0.5,), (0.0,))


def test_dtypes_scale_to_their_ranges() -> None:
    ends = lampas.tensor([0, 255], dtype=lampas.uint8)
    assert F.convert_image_dtype(ends).tolist() == [0.0, 1.0]
    assert F.convert_image_dtype(ends, lampas.int16).tolist() == [0, 255 * 128]
    back = F.convert_image_dtype(F.convert_image_dtype(ends, lampas.int16), lampas.uint8)
    assert back.tolist() == [0, 255]
    every = lampas.arange(256).to(lampas.uint8)
    assert lampas.equal(F.convert_image_dtype(F.convert_image_dtype(every), lampas.uint8), every)
    with pytest.raises(RuntimeError, match="cannot be performed safely"):
        F.convert_image_dtype(lampas.rand(2), lampas.int32)


def test_bytes_are_divided_as_the_divider_does() -> None:
    """All 256 of them, to the last bit, whether or not the addition is fused."""
    every = np.arange(256, dtype=np.uint8)
    quotients = every.astype(np.float32) / np.float32(255)
    assert np.array_equal(_batch.bytes_to_unit(lampas.from_numpy(every)).numpy(), quotients)
    exact = every * np.float64(np.float32(_batch._HIGH_255TH))
    low = every * np.float64(np.float32(_batch._LOW_255TH))
    assert np.array_equal((exact + low).astype(np.float32), quotients)
    assert np.array_equal(exact.astype(np.float32) + low.astype(np.float32), quotients)
    assert np.array_equal(exact.astype(np.float32), exact)


# ---- tensors against Pillow --------------------------------------------------------------------

# Name, function, largest mean difference in grey levels.
SAME: list[tuple[str, Callable[[Any], Any], float]] = [
    ("hflip", F.hflip, 0),
    ("vflip", F.vflip, 0),
    ("crop beyond the image", lambda i: F.crop(i, 3, -4, 50, 20), 0),
    ("center crop with padding", lambda i: F.center_crop(i, (20, 51)), 0),
    ("pad", lambda i: F.pad(i, (1, 2, 3, 4), fill=7), 0),
    ("pad in colour", lambda i: F.pad(i, 2, fill=(1, 2, 3)), 0),
    ("pad reflect", lambda i: F.pad(i, (1, 2, 3, 4), padding_mode="reflect"), 0),
    ("pad symmetric", lambda i: F.pad(i, (1, 2, 3, 4), padding_mode="symmetric"), 0),
    ("pad edge", lambda i: F.pad(i, (1, 2), padding_mode="edge"), 0),
    ("pad negative", lambda i: F.pad(i, (-1, 2, 3, -4)), 0),
    ("resize down", lambda i: F.resize(i, 20), 0.6),
    ("resize up", lambda i: F.resize(i, (60, 70)), 0.6),
    ("resize nearest", lambda i: F.resize(i, (80, 90), InterpolationMode.NEAREST), 0),
    ("resize bicubic", lambda i: F.resize(i, (20, 25), InterpolationMode.BICUBIC), 0.6),
    ("brightness", lambda i: F.adjust_brightness(i, 1.5), 0.6),
    ("contrast", lambda i: F.adjust_contrast(i, 0.5), 0.8),
    ("saturation", lambda i: F.adjust_saturation(i, 1.7), 0.8),
    ("hue", lambda i: F.adjust_hue(i, 0.2), 1.5),
    ("gamma", lambda i: F.adjust_gamma(i, 2.0), 0.6),
    ("sharpness", lambda i: F.adjust_sharpness(i, 0.3), 0.6),
    ("grey", lambda i: F.rgb_to_grayscale(i, 3), 0.8),
    ("rotate", lambda i: F.rotate(i, 30), 0.3),
    ("rotate and expand", lambda i: F.rotate(i, 30, expand=True), 0.3),
    ("quarter turn", lambda i: F.rotate(i, 90, expand=True), 0),
    ("rotate about a point", lambda i: F.rotate(i, 30, center=(3, 5)), 0.3),
    ("affine", lambda i: F.affine(i, 20, (3, 4), 1.2, (10, 5)), 0.3),
    ("blur", lambda i: F.gaussian_blur(i, 5), 0),
    ("invert", F.invert, 0),
    ("posterize", lambda i: F.posterize(i, 3), 0),
    ("solarize", lambda i: F.solarize(i, 100), 0),
    ("autocontrast", F.autocontrast, 0.6),
    ("equalize", F.equalize, 0),
]


@pytest.mark.parametrize(("function", "most"), [row[1:] for row in SAME], ids=[r[0] for r in SAME])
def test_tensors_as_pil_images(function: Callable[[Any], Any], most: float) -> None:
    made = function(TENSOR)
    assert made.dtype == lampas.uint8 and difference(function(PICTURE), made) <= most
    batch = function(lampas.stack([TENSOR, TENSOR]))
    assert lampas.equal(batch[1], made)


def test_perspective_moves_corners() -> None:
    start = [[0, 0], [29, 0], [29, 39], [0, 39]]
    assert difference(F.perspective(PICTURE, start, start), TENSOR) < 1
    smooth = lampas.arange(40.0)[None, :, None].expand(1, 40, 30).contiguous()
    moved = F.perspective(smooth, start, [[2, 3], [25, 4], [28, 36], [1, 30]])
    picture = F.perspective(
        F.to_pil_image(smooth, "F"), start, [[2, 3], [25, 4], [28, 36], [1, 30]]
    )
    inner = np.abs(np.asarray(picture) - moved[0].numpy())[8:28, 5:22]
    assert inner.max() < 0.05


BAD: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: F.hflip(PIXELS), TypeError, "to_tensor"),
    (lambda: F.pad(TENSOR, (1, 2, 3)), ValueError, "3 element"),
    (lambda: F.pad(TENSOR, 1, padding_mode="no"), ValueError, "'no'"),
    (lambda: F.resize(TENSOR, (1, 2, 3)), ValueError, "1 or 2 values"),
    (lambda: F.resize(TENSOR, 5, "linear"), TypeError, "'linear'"),
    (lambda: F.resize(TENSOR, 5, InterpolationMode.LANCZOS), ValueError, "PIL images only"),
    (lambda: F.adjust_hue(TENSOR, 0.6), ValueError, "0.6"),
    (lambda: F.adjust_brightness(lampas.ones(2, 3, 3), 1), TypeError, r"\[1, 3\], but found 2"),
    (lambda: F.gaussian_blur(TENSOR, 4), ValueError, "odd"),
    (lambda: F.five_crop(TENSOR, 50), ValueError, r"\(50, 50\)"),
    (lambda: tr.RandomCrop(50)(TENSOR), ValueError, "pad_if_needed"),
    (lambda: tr.RandomAffine(10, translate=(2, 0)), ValueError, "between 0 and 1"),
    (lambda: tr.ColorJitter(hue=0.7), ValueError, "hue"),
    (lambda: tr.RandomErasing(scale=(0, 2)), ValueError, "Scale"),
    (lambda: tr.Lambda(3), TypeError, "callable"),  # type: ignore[arg-type]
    (lambda: tr.LinearTransformation(lampas.ones(2, 3), lampas.ones(2)), ValueError, "square"),
]


@pytest.mark.parametrize(("call", "error", "text"), BAD)
def test_bad_arguments_are_named(
    call: Callable[[], Any], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        call()


# ---- random draws ------------------------------------------------------------------------------


def draw(high: int) -> int:
    return int(lampas.randint(0, high, size=(1,)).item())


def uniform(low: float, high: float) -> float:
    return float(lampas.empty(1).uniform_(low, high).item())


def hw(image: Any) -> list[int]:
    return F.get_dimensions(image)[1:]


def jittered(image: Any) -> Any:
    order = lampas.randperm(4).tolist()
    amounts = [uniform(0.6, 1.4), uniform(0.5, 1.5), None, uniform(-0.1, 0.1)]
    functions = [F.adjust_brightness, F.adjust_contrast, None, F.adjust_hue]
    for i in order:
        image = image if functions[i] is None else functions[i](image, amounts[i])
    return image


# The transform, and the same by functions with the draws that torchvision documents or makes.
DRAWN: list[tuple[Any, Callable[[Any], Any]]] = [
    (tr.RandomCrop(20), lambda i: F.crop(i, draw(21), draw(11), 20, 20)),
    (tr.RandomCrop(30, padding=2), lambda i: F.crop(F.pad(i, 2), draw(15), draw(5), 30, 30)),
    (tr.RandomHorizontalFlip(), lambda i: F.hflip(i) if lampas.rand(1) < 0.5 else i),
    (tr.RandomVerticalFlip(0.9), lambda i: F.vflip(i) if lampas.rand(1) < 0.9 else i),
    (tr.RandomRotation(20), lambda i: F.rotate(i, uniform(-20, 20))),
    (
        tr.RandomAffine(10, (0.1, 0.2), (0.8, 1.2), 5),
        lambda i: F.affine(
            i,
            uniform(-10, 10),
            (round(uniform(-3, 3)), round(uniform(-8, 8))),
            uniform(0.8, 1.2),
            (uniform(-5, 5), 0.0),
        ),
    ),
    (tr.ColorJitter(0.4, 0.5, 0, 0.1), jittered),
    (tr.RandomGrayscale(0.5), lambda i: F.rgb_to_grayscale(i, 3) if lampas.rand(1) < 0.5 else i),
    (tr.GaussianBlur(3), lambda i: F.gaussian_blur(i, 3, uniform(0.1, 2.0))),
    (tr.RandomInvert(0.6), lambda i: F.invert(i) if lampas.rand(1) < 0.6 else i),
    (tr.RandomPosterize(2), lambda i: F.posterize(i, 2) if lampas.rand(1) < 0.5 else i),
    (tr.RandomSolarize(9), lambda i: F.solarize(i, 9) if lampas.rand(1) < 0.5 else i),
    (tr.RandomEqualize(), lambda i: F.equalize(i) if lampas.rand(1) < 0.5 else i),
    (tr.RandomAutocontrast(), lambda i: F.autocontrast(i) if lampas.rand(1) < 0.5 else i),
    (
        tr.RandomAdjustSharpness(2),
        lambda i: F.adjust_sharpness(i, 2) if lampas.rand(1) < 0.5 else i,
    ),
    (
        tr.ElasticTransform(40.0, 3.0),
        lambda i: F.elastic_transform(
            i,
            lampas.cat(
                [
                    F.gaussian_blur(lampas.rand(1, 1, *hw(i)) * 2 - 1, 25, 3.0) * 40.0 / n
                    for n in reversed(hw(i))
                ],
                dim=1,
            ).permute(0, 2, 3, 1),
            fill=0.0,
        ),
    ),
    (
        tr.RandomApply([tr.RandomHorizontalFlip(1.0)], 0.4),
        lambda i: i if lampas.tensor(0.4) < lampas.rand(1) else (lampas.rand(1), F.hflip(i))[1],
    ),
]


@pytest.mark.parametrize("image", [PICTURE, TENSOR], ids=["pil", "tensor"])
@pytest.mark.parametrize(("transform", "by_hand"), DRAWN, ids=[repr(t) for t, _ in DRAWN])
def test_draws_in_order(transform: Any, by_hand: Callable[[Any], Any], image: Any) -> None:
    for seed in range(3):
        results = []
        for function in (transform, by_hand):
            lampas.manual_seed(seed)
            made = function(image)
            kept = made.tolist() if isinstance(made, lampas.Tensor) else made.tobytes()
            results.append((kept, lampas.rand(1).item()))
        assert results[0] == results[1]


def test_resized_crop_draws_and_falls_back() -> None:
    lampas.manual_seed(0)
    top, left, height, width = tr.RandomResizedCrop.get_params(TENSOR, (0.3, 0.6), (0.75, 1.33))
    assert 0 <= top <= 40 - height and 0 <= left <= 30 - width
    assert 0.25 < height * width / 1200 < 0.65 and 0.7 < width / height < 1.4
    assert tr.RandomResizedCrop(16)(PICTURE).size == (16, 16)
    assert tr.RandomResizedCrop.get_params(TENSOR, (9.0, 9.0), (1.0, 1.0)) == (5, 0, 30, 30)


def test_erasing() -> None:
    image = lampas.ones(3, 20, 20)
    made = tr.RandomErasing(1.0, value=(2, 3, 4))(image)
    assert image.eq(1).all() and [made[c].max().item() for c in range(3)] == [2, 3, 4]
    part = (made[0] != 1).sum().item() / 400
    assert 0.01 < part < 0.4
    assert tr.RandomErasing(1.0, value="random")(image).std() > 0.1
    assert tr.RandomErasing(0.0)(image) is image


def test_choice_and_order_draw_from_random() -> None:
    steps = [tr.Pad(1), tr.Pad(2), tr.Pad(3)]
    random.seed(3)
    made = [tr.RandomChoice(steps)(TENSOR).shape[1] for _ in range(5)]
    random.seed(3)
    assert made == [40 + 2 * steps.index(random.choices(steps)[0]) + 2 for _ in range(5)]
    assert tr.RandomOrder(steps)(TENSOR).shape[1] == 52


def test_jitter_that_changes_nothing_draws_only_the_order() -> None:
    lampas.manual_seed(0)
    assert lampas.equal(tr.ColorJitter()(TENSOR), TENSOR)
    after = lampas.rand(1).item()
    lampas.manual_seed(0)
    lampas.randperm(4)
    assert lampas.rand(1).item() == after


@pytest.mark.parametrize(
    "policy", [tr.AutoAugment(), tr.AutoAugment(tr.AutoAugmentPolicy.SVHN), tr.RandAugment(),
               tr.TrivialAugmentWide()]
)  # fmt: skip
def test_policies_change_images_of_both_kinds_alike(policy: Any) -> None:
    changed = 0
    for seed in range(12):
        lampas.manual_seed(seed)
        picture = policy(PICTURE)
        lampas.manual_seed(seed)
        tensor = policy(TENSOR)
        # Where a pixel lies between two others, the nearest one may differ.
        assert difference(picture, tensor) < 12
        changed += not lampas.equal(tensor, TENSOR)
    assert changed > 4


# ---- looks and helpers -------------------------------------------------------------------------


REPRS = [
    (tr.ToTensor(), "ToTensor()"),
    (tr.Normalize((0.5,), (0.5,)), "Normalize(mean=(0.5,), std=(0.5,))"),
    (tr.RandomCrop(32, padding=4), "RandomCrop(size=(32, 32), padding=4)"),
    (
        tr.Resize(5),
        "Resize(size=5, interpolation=bilinear, max_size=None, antialias=True)",
    ),
    (
        tr.RandomRotation(5),
        "RandomRotation(degrees=[-5.0, 5.0], interpolation=nearest, expand=False, fill=0)",
    ),
    (tr.RandomAffine(5, shear=1), "RandomAffine(degrees=[-5.0, 5.0], shear=[-1.0, 1.0])"),
    (
        tr.ElasticTransform(),
        "ElasticTransform(alpha=[50.0, 50.0], sigma=[5.0, 5.0], interpolation=bilinear, "
        "fill=[0.0])",
    ),
    (tr.Compose([tr.CenterCrop(3)]), "Compose(\n    CenterCrop(size=(3, 3))\n)"),
    (v2.ToDtype(lampas.uint8), "ToDtype(scale=False)"),
]


@pytest.mark.parametrize(("transform", "text"), REPRS)
def test_repr(transform: Any, text: str) -> None:
    assert repr(transform) == text


def test_crops_of_five_and_ten() -> None:
    five = tr.FiveCrop(10)(TENSOR)
    assert len(five) == 5 and lampas.equal(five[3], TENSOR[:, -10:, -10:])
    ten = tr.TenCrop(10, vertical_flip=True)(TENSOR)
    assert len(ten) == 10 and lampas.equal(ten[5], TENSOR.flip(1)[:, :10, :10])


def test_resize_keeps_the_shape_of_the_shorter_side_and_bounds_the_longer() -> None:
    assert F.resize(PICTURE, 15).size == (15, 20)
    assert F.resize(TENSOR, 15, max_size=18).shape == (3, 18, 13)
    with pytest.raises(ValueError, match="strictly greater"):
        F.resize(TENSOR, 15, max_size=15)


def test_a_field_moves_pixels_by_whole_steps() -> None:
    field = lampas.zeros(1, *TENSOR.shape[-2:], 2)
    field[..., 0] = 2 / TENSOR.shape[-1]  # halves of the width: one pixel to the left
    moved = F.elastic_transform(TENSOR, field, fill=7.0)
    assert lampas.equal(moved[..., :-1], TENSOR[..., 1:]) and bool((moved[..., -1] == 7).all())
    for wrong, error in ((field[:, 1:], ValueError), ([], TypeError)):
        with pytest.raises(error, match="displacement"):
            F.elastic_transform(PICTURE, wrong)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="alpha should be a number"):
        tr.ElasticTransform("much")
    with pytest.raises(ValueError, match="sigma should be one or two numbers, got 3"):
        tr.ElasticTransform(sigma=[1, 2, 3])


@pytest.mark.parametrize("function", [F.adjust_brightness, F.adjust_contrast, F.adjust_sharpness])
def test_whole_factors_do_not_overflow_bytes(function: Callable[..., Any]) -> None:
    assert lampas.equal(function(TENSOR, 2), function(TENSOR, 2.0))


def test_version_2_leaves_alone_what_is_converted() -> None:
    assert v2.ToTensor()(TENSOR) is TENSOR and v2.PILToTensor()(TENSOR) is TENSOR
    assert v2.ToPILImage()(PICTURE) is PICTURE
    assert lampas.equal(v2.ToTensor()(PICTURE), tr.ToTensor()(PICTURE))


def test_version_2_conversions() -> None:
    pipeline = v2.Compose([v2.ToImage(), v2.ToDtype(lampas.float32, scale=True)])
    assert lampas.equal(pipeline(PICTURE), tr.ToTensor()(PICTURE))
    assert v2.RGB()(PICTURE.convert("L")).mode == "RGB"
    assert v2.functional.get_size(TENSOR) == [40, 30]


def test_grid_and_saved_image(tmp_path: Path) -> None:
    images = lampas.arange(5.0).view(5, 1, 1, 1).expand(5, 1, 2, 3) / 4
    grid = utils.make_grid(images, nrow=3, padding=1, pad_value=0.5)
    assert grid.shape == (3, 2 * 3 + 1, 3 * 4 + 1)
    assert grid[1, 1:3, 1:4].eq(0).all() and grid[2, 4:6, 5:8].eq(1).all()
    assert grid[0, 0].eq(0.5).all() and grid[0, 4:6, 9:12].eq(0.5).all()
    scaled = utils.make_grid(images * 8 - 3, normalize=True, padding=0, nrow=5)
    assert scaled.min() == 0 and scaled.max().item() == pytest.approx(1)
    assert utils.make_grid(lampas.ones(4, 5)).shape == (3, 4, 5)
    with pytest.raises(TypeError, match="tensor or list"):
        utils.make_grid(3)  # type: ignore[arg-type]
    utils.save_image(images, tmp_path / "x.png", nrow=3)
    buffer = io.BytesIO()
    utils.save_image(images, buffer, format="png", nrow=3)
    assert buffer.getvalue() == (tmp_path / "x.png").read_bytes()
    read = image_io.read_image(tmp_path / "x.png")
    assert read[0, 2, 7].item() == 64 and read.dtype == lampas.uint8


def test_image_files(tmp_path: Path) -> None:
    image_io.write_png(TENSOR, tmp_path / "x.png")
    assert lampas.equal(image_io.read_image(str(tmp_path / "x.png")), TENSOR)
    grey = image_io.read_image(tmp_path / "x.png", image_io.ImageReadMode.GRAY)
    assert grey.shape == (1, 40, 30)
    encoded = image_io.encode_jpeg(TENSOR, quality=95)
    assert image_io.decode_image(encoded, "RGB").shape == TENSOR.shape
    (tmp_path / "y.png").write_bytes(b"no image")
    with pytest.raises(RuntimeError, match=r"y\.png cannot be decoded"):
        image_io.read_image(tmp_path / "y.png")
