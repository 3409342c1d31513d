"""Transforms of whole samples: images, masks, boxes and points move together."""

from __future__ import annotations

import copy

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
