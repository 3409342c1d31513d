"""Version 2 on samples: mixing, sanitizing, kinds of one's own, functions for one kind, AugMix."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lampas
from lampas.vision import transforms as v1
from lampas.vision import tv_tensors as tv
from lampas.vision.transforms import v2
from lampas.vision.transforms.v2 import functional as F

IMAGES = lampas.arange(4 * 3 * 8 * 8).reshape(4, 3, 8, 8).float()
LABELS = lampas.tensor([0, 1, 2, 3])


@pytest.mark.parametrize("kind", [v2.MixUp, v2.CutMix])
def test_mixing_finds_images_and_labels_anywhere(kind: Any) -> None:
    def mixed(batch: Any, **options: Any) -> Any:
        lampas.manual_seed(5)
        return kind(num_classes=4, **options)(batch)

    image, label = mixed((IMAGES, LABELS))
    assert label.shape == (4, 4)
    assert label.sum(1).allclose(lampas.ones(4))
    named = mixed({"name": "a", "image": IMAGES, "labels": LABELS, "weight": lampas.ones(4)})
    assert named["image"].equal(image)
    assert named["labels"].equal(label)
    assert named["weight"].equal(lampas.ones(4))
    assert named["name"] == "a"
    own = mixed({"x": IMAGES, "y": LABELS}, labels_getter=lambda batch: batch["y"])
    assert own["x"].equal(image)
    assert own["y"].equal(label)
    kept = mixed((tv.Image(IMAGES), LABELS))[0]
    assert isinstance(kept, tv.Image)
    # Of each label's share, as much is left in the image.
    share = label[lampas.arange(4), LABELS]
    if kind is v2.MixUp:
        expected = IMAGES * share[0] + IMAGES.roll(1, 0) * (1 - share[0])
        assert image.allclose(expected, atol=1e-3)
    else:
        own_pixels = (image == IMAGES).float().mean((1, 2, 3))
        assert own_pixels.allclose(share, atol=1e-6)


@pytest.mark.parametrize(
    ("batch", "options", "message"),
    [
        ((IMAGES[0], LABELS), {}, "4 dims"),
        ((IMAGES, LABELS[:3]), {}, "4 != 3"),
        ((IMAGES, LABELS), {"num_classes": None}, "num_classes must be passed"),
        ((IMAGES, lampas.eye(4)), {"num_classes": 3}, "must match num_classes"),
        (({"m": tv.Mask(lampas.ones(4, 8, 8)), "labels": LABELS},), {}, "does not support"),
        ((IMAGES, LABELS), {"labels_getter": lambda batch: None}, "must be a tensor"),
        ((IMAGES, LABELS), {"labels_getter": "target"}, "labels_getter should either be"),
    ],
)
def test_mixing_says_what_does_not_fit(batch: Any, options: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        v2.MixUp(**{"num_classes": 4, **options})(*batch)


def sample() -> dict[str, Any]:
    return {
        "boxes": tv.BoundingBoxes(
            [[0, 0, 5, 5], [3, 3, 3, 3], [1, 1, 10.0, 10]], format="XYXY", canvas_size=(20, 20)
        ),
        "labels": lampas.tensor([1, 2, 3]),
        "scores": lampas.tensor([0.1, 0.2, 0.3]),
    }


def test_sanitizing_keeps_what_belongs_together() -> None:
    made = v2.SanitizeBoundingBoxes()(sample())
    assert len(made["boxes"]) == 2
    assert made["labels"].tolist() == [1, 3]
    assert len(made["scores"]) == 3
    both = v2.SanitizeBoundingBoxes(labels_getter=lambda s: (s["labels"], s["scores"]))(sample())
    assert both["scores"].tolist() == pytest.approx([0.1, 0.3])
    alone = v2.SanitizeBoundingBoxes(labels_getter=None)(sample())
    assert len(alone["labels"]) == 3
    with pytest.raises(ValueError, match="labels_getter should either be"):
        v2.SanitizeBoundingBoxes(labels_getter="scores")
    with pytest.raises(ValueError, match="must match the number of labels"):
        v2.SanitizeBoundingBoxes()({**sample(), "labels": lampas.ones(2)})
    with pytest.raises(ValueError, match="must be a tensor or None"):
        v2.SanitizeBoundingBoxes(labels_getter=lambda _: "x")(sample())


def test_sanitizing_points() -> None:
    points = tv.KeyPoints([[1.0, 1], [30, 2], [3, 4]], canvas_size=(20, 20))
    labels = lampas.tensor([1, 2, 3])
    made = v2.SanitizeKeyPoints(labels_getter="default")({"points": points, "labels": labels})
    assert made["points"].tolist() == [[1, 1], [3, 4]]
    assert made["labels"].tolist() == [1, 3]
    _, valid = F.sanitize_keypoints(
        lampas.tensor([[[1.0, 1], [30, 2]], [[1, 1], [2, 2]]]), (20, 20)
    )
    assert valid.tolist() == [False, True]
    with pytest.raises(ValueError, match="No keypoints"):
        v2.SanitizeKeyPoints()({"labels": labels})


def test_functions_for_one_kind() -> None:
    image = lampas.arange(24).reshape(1, 4, 6).float()
    assert F.horizontal_flip_image(image).equal(image.flip(-1))
    assert F.resize_mask(image[0].long(), [2, 3]).shape == (2, 3)
    assert F.get_size_mask(image) == [4, 6]
    box = lampas.tensor([[1.0, 1, 3, 2]])
    assert F.horizontal_flip_bounding_boxes(box, "XYXY", (4, 6)).tolist() == [[3, 1, 5, 2]]
    made, canvas = F.crop_bounding_boxes(box, "XYXY", 1, 1, 2, 2)
    assert (made.tolist(), canvas) == ([[0, 0, 2, 1]], (2, 2))
    made, canvas = F.resize_keypoints(lampas.tensor([[1.0, 2]]), (4, 6), [8, 12])
    assert (made.tolist(), canvas) == ([[2, 4]], (8, 12))


def test_kernels_for_ones_own_kind() -> None:
    class Depth(tv.TVTensor):
        pass

    @F.register_kernel("vertical_flip", Depth)
    def flip(depth: Any) -> Any:
        return depth * 2

    depth = lampas.ones(2, 2).as_subclass(Depth)
    assert v2.RandomVerticalFlip(p=1.0)(depth).sum() == 8
    assert F.vertical_flip(lampas.ones(2, 2)).sum() == 4
    with pytest.raises(ValueError, match="Could not find"):
        F.register_kernel("turn_inside_out", Depth)
    with pytest.raises(ValueError, match="subclasses of TVTensor"):
        F.register_kernel("resize", lampas.Tensor)
    with pytest.raises(ValueError, match="builtin"):
        F.register_kernel("resize", tv.Mask)


def test_questions_about_samples() -> None:
    image, mask = tv.Image(lampas.zeros(3, 4, 5)), tv.Mask(lampas.zeros(4, 5))
    assert v2.has_any([image, 1], tv.Mask, tv.Image)
    assert not v2.has_all([image, 1], tv.Mask, tv.Image)
    assert v2.has_all([image, mask], tv.Mask, tv.Image)
    assert v2.check_type(1, (lambda value: value == 1,))
    assert v2.query_chw([image, mask]) == (3, 4, 5)
    with pytest.raises(ValueError, match="multiple CxHxW"):
        v2.query_chw([image, lampas.zeros(3, 5, 5)])


@pytest.mark.parametrize("module", [v1, v2])
def test_augmix_stays_within_the_values_of_its_chains(module: Any) -> None:
    image = lampas.full((3, 8, 8), 100, dtype=lampas.uint8)
    lampas.manual_seed(1)
    made = module.AugMix(severity=1, all_ops=False)(image)
    assert made.dtype == lampas.uint8
    assert made.shape == (3, 8, 8)
    lampas.manual_seed(1)
    assert module.AugMix(severity=1, all_ops=False)(image).equal(made)
    with pytest.raises(ValueError, match="severity"):
        module.AugMix(severity=11)


def test_augmix_of_pictures() -> None:
    pytest.importorskip("PIL")
    from PIL import Image

    picture = Image.fromarray(np.arange(192, dtype=np.uint8).reshape(8, 8, 3))
    made = v1.AugMix()(picture)
    assert (made.mode, made.size) == ("RGB", (8, 8))


REPRS = [
    (v2.Resize(3), "Resize(size=[3], interpolation=bilinear, antialias=True)"),
    (v2.AutoAugment(), "AutoAugment(interpolation=nearest, policy=AutoAugmentPolicy.IMAGENET)"),
    (v2.ColorJitter(), "ColorJitter()"),
    (v2.CutMix(), "CutMix(alpha=1.0)"),
    (v2.GaussianNoise(), "GaussianNoise(mean=0.0, sigma=0.1, clip=True)"),
    (v2.Lambda(len, int), "Lambda(len, types=['int'])"),
    (v2.RandomSolarize(0.5), "RandomSolarize(p=0.5, threshold=0.5)"),
    (v2.RandomResize(3, 5),
     "RandomResize(min_size=3, max_size=5, interpolation=bilinear, antialias=True)"),
    (v2.ToImage(), "ToImage()"),
    (v2.RandomOrder([v2.ToImage()]), "RandomOrder(transforms=[ToImage()])"),
    (v2.Compose([v2.ToImage(), v2.Identity()]), "Compose(\n      ToImage()\n      Identity()\n)"),
]  # fmt: skip


@pytest.mark.parametrize(("transform", "text"), REPRS)
def test_shown_by_their_settings(transform: Any, text: str) -> None:
    assert repr(transform) == text


def test_longer_side() -> None:
    assert v2.Resize(None, max_size=6)(lampas.zeros(1, 3, 4)).shape == (1, 4, 6)
    with pytest.raises(ValueError, match="max_size"):
        v2.Resize(None)


def test_bytes_are_scaled_as_bytes() -> None:
    image = lampas.tensor([[[0, 255]]], dtype=lampas.uint8)
    made = v2.Resize((1, 4), antialias=False)(image)
    assert made.dtype == lampas.uint8
    assert made.flatten().tolist() == [0, 64, 191, 255]


def test_deep_grey_pictures_are_not_white(tmp_path: Any) -> None:
    pytest.importorskip("PIL")
    from PIL import Image

    from lampas.vision.datasets import ImageFolder
    from lampas.vision.io import ImageReadMode, decode_image

    values = np.linspace(0, 65535, 256).astype(np.uint16).reshape(16, 16)
    (tmp_path / "a").mkdir()
    path = tmp_path / "a" / "deep.png"
    Image.fromarray(values).save(path)
    picture, _ = ImageFolder(tmp_path)[0]
    assert picture.mode == "RGB"
    expected = np.round(values / 257)
    assert np.abs(np.asarray(picture)[..., 0] - expected).max() <= 1
    grey = decode_image(str(path), ImageReadMode.GRAY)
    assert np.abs(grey[0].numpy().astype(int) - expected).max() <= 1
    whole = decode_image(str(path))
    assert whole.dtype == lampas.int32
    assert np.array_equal(whole[0].numpy(), values)
    assert np.array_equal(v1.ToTensor()(Image.open(path))[0].numpy(), values)


@pytest.mark.parametrize("module", [v1, v2])
@pytest.mark.parametrize("size", [(6, 6), (8, 5), (12, 9)])
def test_random_crops_of_batches_are_those_of_images(module: Any, size: tuple[int, int]) -> None:
    pytest.importorskip("PIL")
    from PIL import Image

    from lampas.vision.transforms._batch import Spec, plan

    pixels = np.random.default_rng(0).integers(0, 256, (5, 8, 9, 3)).astype(np.uint8)
    crop = module.Compose([module.RandomCrop(size, padding=2), v1.ToTensor()])
    made = plan(crop, Spec(True, 3, 8, 9, lampas.uint8))
    assert not made.rest
    lampas.manual_seed(7)
    batch = made.run(lampas.tensor(pixels))
    lampas.manual_seed(7)
    single = [crop(Image.fromarray(image)) for image in pixels]
    assert batch.equal(lampas.stack(single))
