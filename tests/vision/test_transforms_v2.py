"""Transforms of whole samples: images, masks, boxes and points move together."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import lampas
from lampas.vision import tv_tensors as tv
from lampas.vision.transforms import v2

pytest.importorskip("PIL")


def _sample(height=20, width=30):
    """A bright rectangle, its mask and its box."""
    image = lampas.zeros(3, height, width)
    image[:, 5:12, 8:20] = 1.0
    return {
        "image": tv.Image(image),
        "mask": tv.Mask((image[:1] > 0).to(lampas.uint8)),
        "boxes": tv.BoundingBoxes([[8.0, 5, 20, 12]], format="XYXY", canvas_size=(height, width)),
        "labels": lampas.tensor([3]),
        "name": "a",
    }


@pytest.mark.parametrize(
    "transform",
    [
        v2.RandomHorizontalFlip(1.0),
        v2.RandomVerticalFlip(1.0),
        v2.Resize((40, 60), interpolation=v2.InterpolationMode.NEAREST),
        v2.Pad([1, 2, 3, 4]),
        v2.CenterCrop((18, 28)),
        v2.RandomCrop((19, 25)),
        v2.RandomZoomOut(p=1.0),
        v2.RandomAffine(0, translate=(0.1, 0.1)),
    ],
    ids=lambda transform: type(transform).__name__,
)
def test_the_box_stays_around_the_rectangle(transform):
    lampas.manual_seed(1)
    out = transform(_sample())
    assert [type(out[name]) for name in ("image", "mask", "boxes")] == [
        tv.Image,
        tv.Mask,
        tv.BoundingBoxes,
    ]
    assert out["name"] == "a" and out["labels"].tolist() == [3]
    mask = out["mask"].as_subclass(lampas.Tensor)[0]
    assert out["boxes"].canvas_size == tuple(mask.shape)
    assert lampas.equal(mask > 0, out["image"].as_subclass(lampas.Tensor)[0] > 0.5)
    rows, columns = lampas.where(mask > 0)
    found = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    assert out["boxes"][0].tolist() == pytest.approx([float(v) for v in found], abs=1e-4)


def test_plain_tensors_are_images_only_where_nothing_else_is():
    flip = v2.RandomHorizontalFlip(1.0)
    row = lampas.tensor([[[1.0, 2.0]]])
    image, label = flip(row, lampas.tensor([1, 2]))
    assert image.tolist() == [[[2, 1]]] and label.tolist() == [1, 2]
    other, image = flip(row, tv.Image(row))
    assert other.tolist() == [[[1, 2]]] and image.tolist() == [[[2, 1]]]


def test_kinds_survive_copies_alone():
    boxes = _sample()["boxes"]
    assert type(boxes + 1) is lampas.Tensor and type(boxes[0]) is lampas.Tensor
    for kept in (boxes.clone(), boxes.to(lampas.float64), copy.deepcopy(boxes)):
        assert type(kept) is tv.BoundingBoxes and kept.canvas_size == (20, 30)
    with tv.set_return_type("TVTensor"):
        assert type(boxes + 1) is tv.BoundingBoxes
    assert v2.ToPureTensor()(_sample())["boxes"].__class__ is lampas.Tensor


def test_dtypes_by_kind():
    sample = v2.ToDtype({tv.Image: lampas.uint8, "others": None}, scale=True)(_sample())
    assert sample["image"].max().item() == 255 and sample["boxes"].dtype == lampas.float32
    assert v2.ToDtype(lampas.float64)(_sample())["mask"].dtype == lampas.uint8


def test_bad_boxes_go_with_their_labels():
    boxes = tv.BoundingBoxes(
        [[0.0, 0, 5, 5], [3, 3, 3.2, 9], [0, 0, 50, 5]], format="XYXY", canvas_size=(20, 20)
    )
    out = v2.SanitizeBoundingBoxes()({"boxes": boxes, "labels": lampas.tensor([1, 2, 3])})
    assert out["boxes"].tolist() == [[0, 0, 5, 5]] and out["labels"].tolist() == [1]
    with pytest.raises(ValueError, match="Could not infer where the labels are"):
        v2.SanitizeBoundingBoxes()({"boxes": boxes})


@pytest.mark.parametrize(
    "policy", [v2.AutoAugment(), v2.RandAugment(), v2.TrivialAugmentWide(), v2.AugMix()]
)
def test_policies_keep_shape_and_kind(policy):
    lampas.manual_seed(0)
    image = tv.Image(lampas.randint(0, 256, (3, 24, 24), dtype=lampas.uint8))
    out = policy(image)
    assert type(out) is tv.Image and out.shape == image.shape and out.dtype == lampas.uint8
    with pytest.raises(TypeError, match="without masks"):
        policy(_sample())


def test_errors():
    with pytest.raises(TypeError, match="No image, video, mask"):
        v2.query_size([1])
    with pytest.raises(ValueError, match="multiple HxW"):
        v2.RandomCrop(4)(tv.Image(lampas.zeros(1, 8, 8)), tv.Mask(lampas.zeros(1, 9, 9)))
    with pytest.raises(TypeError, match="only meaningful with bounding boxes"):
        v2.RandomIoUCrop()(lampas.zeros(3, 8, 8))
    with pytest.raises(ValueError, match="is larger than padded input"):
        v2.RandomCrop(9)(lampas.zeros(3, 8, 8))


def test_conversions_take_samples():
    pil = v2.ToPILImage()(lampas.full((3, 4, 5), 255, dtype=lampas.uint8))
    array = np.zeros((4, 5, 3), np.uint8)
    for convert, first in ((v2.ToTensor(), 1.0), (v2.PILToTensor(), 255), (v2.ToImage(), 255)):
        image, target = convert(pil, {"labels": lampas.tensor([1]), "name": "a"})
        assert image.shape == (3, 4, 5) and image[0, 0, 0] == first
        assert target["labels"].tolist() == [1] and target["name"] == "a"
    assert v2.ToTensor()({"x": array})["x"].shape == (3, 4, 5)
    assert v2.PILToTensor()(array) is array
    back = v2.ToPILImage()({"image": _sample()["image"], "mask": _sample()["mask"]})
    assert back["image"].size == (30, 20) and type(back["mask"]) is tv.Mask
    assert v2.ConvertImageDtype()(pil, 3) == (pil, 3)
    both = v2.Compose([v2.Resize(8), v2.ToTensor()])(pil, 7)
    assert both[0].shape == (3, 8, 10) and both[1] == 7


def test_operations_for_bytes_take_floats():
    image = lampas.tensor([0.0, 0.2, 0.4, 0.6, 0.8, 1.0]).reshape(1, 2, 3)
    assert v2.RandomPosterize(1, p=1.0)(image).tolist() == [[[0, 0, 0], [0.5, 0.5, 0.5]]]
    ramp = lampas.arange(256, dtype=lampas.uint8).repeat(4).reshape(1, 32, 32) // 2
    floats = v2.functional.equalize(v2.functional.to_dtype(ramp, lampas.float32, scale=True))
    by_bytes = v2.functional.equalize(ramp)
    assert by_bytes.max() == 255 and ((floats * 255).round() == by_bytes).all()
    for policy in (v2.RandAugment(4), v2.AutoAugment(), v2.TrivialAugmentWide(), v2.AugMix()):
        for seed in range(12):
            lampas.manual_seed(seed)
            made = policy(lampas.rand(3, 12, 12))
            assert made.dtype == lampas.float32 and 0 <= made.min() and made.max() <= 1


def test_erasing_takes_pictures():
    white = v2.ToPILImage()(lampas.full((3, 16, 16), 255, dtype=lampas.uint8))
    lampas.manual_seed(1)
    erased = v2.RandomErasing(1.0, value=(0, 10, 20))(white)
    lampas.manual_seed(1)
    same = v2.RandomErasing(1.0, value=(0, 10, 20))(v2.PILToTensor()(white))
    assert v2.PILToTensor()(erased).equal(same)
    assert (same[1] == 10).any() and white.getextrema() == ((255, 255),) * 3
    with pytest.raises(ValueError, match="single value or 3"):
        v2.RandomErasing(1.0, value=(1, 2))(white)


def test_augmix_mixes_each_image_of_a_batch_by_itself():
    images = lampas.full((8, 3, 6, 6), 200, dtype=lampas.uint8)
    images[..., :3] = 50
    lampas.manual_seed(3)
    made = v2.AugMix(severity=10, chain_depth=3)(images)
    assert made.shape == images.shape and len(made.float().std((1, 2, 3)).unique()) > 4


def test_interpolation_by_name():
    image = lampas.rand(1, 8, 8)
    assert v2.Resize(4, "bicubic")(image).equal(v2.Resize(4, v2.InterpolationMode.BICUBIC)(image))
    with pytest.raises(TypeError, match="'cubist'"):
        v2.Resize(4, "cubist")


def test_lanczos_on_tensors_is_what_pillow_makes():
    pixels = np.random.default_rng(0).integers(0, 256, (12, 17, 3), dtype=np.uint8)
    picture = v2.ToPILImage()(pixels)
    for size in ((7, 9), (20, 30)):
        shrink = v2.Resize(size, v2.InterpolationMode.LANCZOS)
        expected = v2.PILToTensor()(shrink(picture)).int()
        made = shrink(v2.PILToTensor()(picture))
        assert made.dtype == lampas.uint8 and (made.int() - expected).abs().max() <= 1
        wide = v2.PILToTensor()(picture).to(lampas.int32)
        exact = shrink(wide.to(lampas.float64))
        assert (exact.clamp(0, 255) - expected).abs().mean() < 0.5
        assert shrink(wide).equal(exact.round().to(lampas.int32))
    with pytest.raises(ValueError, match="requires antialias"):
        v2.Resize(5, v2.InterpolationMode.LANCZOS, antialias=False)(lampas.rand(3, 8, 8))


def test_masks_follow_exact_neighbours():
    mask = tv.Mask(lampas.arange(7)[None, None].expand(1, 7, 7).contiguous())
    row = v2.Resize((4, 4), v2.InterpolationMode.NEAREST_EXACT)(mask)[0, 0].tolist()
    assert row == [0, 2, 4, 6]  # (i + 0.5) * 7 / 4, cut
    assert v2.Resize((4, 4))(mask)[0, 0].tolist() == [0, 1, 3, 5]  # i * 7 / 4, cut


def test_elastic_takes_cubic_sampling():
    image = lampas.rand(2, 9, 11)
    still = v2.functional.elastic(image, lampas.zeros(1, 9, 11, 2), v2.InterpolationMode.BICUBIC)
    assert still.allclose(image, atol=1e-5)
    with pytest.raises(ValueError, match="BICUBIC is not there"):
        v2.functional.rotate(image, 5, v2.InterpolationMode.BICUBIC)


def test_whole_numbers_are_cut_not_rounded():
    points = tv.KeyPoints([[3, 5]], canvas_size=(10, 10))
    assert v2.Resize((5, 5))(points).tolist() == [[1, 2]]


def test_noise_on_bytes_is_cut():
    made = v2.GaussianNoise(mean=0.0099, sigma=0.0)(lampas.zeros(1, 1, 2, dtype=lampas.uint8))
    assert made.tolist() == [[[2, 2]]]  # 2.52


def test_what_masks_and_boxes_cannot_have():
    for crops in (v2.FiveCrop(4), v2.TenCrop(4)):
        with pytest.raises(TypeError, match="no bounding boxes"):
            crops(_sample())
    with pytest.raises(TypeError, match="not Mask"):
        v2.functional.five_crop(_sample()["mask"], 4)
    with pytest.raises(ValueError, match="Non-scalar fill"):
        v2.Pad(2, fill=(1, 2, 3))(_sample())
    with pytest.raises(RuntimeError, match="should be uint8"):
        v2.JPEG(50)(lampas.rand(3, 8, 8))
