"""Readers of VOC's and COCO's files, and pictures that cannot be read."""

from __future__ import annotations

import json
import pickle
import tarfile

import numpy as np
import pytest

from lampas.vision import datasets, io, transforms, tv_tensors
from lampas.vision.datasets import voc
from lampas.vision.transforms import v2

Image = pytest.importorskip("PIL.Image")

_XML = """<annotation><filename>a.jpg</filename><size><width>8</width><height>6</height></size>
<object><name>cat</name><bndbox><xmin>1</xmin><ymax>5</ymax></bndbox></object></annotation>"""


def _picture(path, size=(8, 6), mode="RGB", value=100):
    path.parent.mkdir(parents=True, exist_ok=True)
    color = value if len(Image.new(mode, (1, 1)).getbands()) == 1 else None
    Image.new(mode, size, color if color is not None else (value,) * len(mode)).save(path)


def _write_voc(root):
    base = root / "VOCdevkit" / "VOC2012"
    _picture(base / "JPEGImages" / "a.jpg")
    _picture(base / "SegmentationClass" / "a.png", mode="L", value=3)
    (base / "Annotations").mkdir()
    (base / "Annotations" / "a.xml").write_text(_XML)
    for part in ("Segmentation", "Main"):
        (base / "ImageSets" / part).mkdir(parents=True)
        (base / "ImageSets" / part / "train.txt").write_text("a\n")


def test_voc_placed_by_hand(tmp_path):
    _write_voc(tmp_path)
    image, mask = datasets.VOCSegmentation(tmp_path)[0]
    assert (image.mode, image.size) == ("RGB", (8, 6))
    assert np.asarray(mask).tolist() == [[3] * 8] * 6
    dataset = datasets.VOCDetection(tmp_path, transform=transforms.ToTensor())
    image, target = dataset[0]
    assert image.shape == (3, 6, 8) and len(dataset) == 1
    content = target["annotation"]
    assert content["size"] == {"width": "8", "height": "6"}
    assert content["object"] == [{"name": "cat", "bndbox": {"xmin": "1", "ymax": "5"}}]


def test_voc_both_transforms_and_errors(tmp_path):
    with pytest.raises(RuntimeError, match=r"unpack VOCtrainval_11-May-2012\.tar so that there is"):
        datasets.VOCDetection(tmp_path)
    with pytest.raises(ValueError, match="Unknown value '1999' for argument year"):
        datasets.VOCDetection(tmp_path, year="1999")
    with pytest.raises(ValueError, match="Unknown value 'test' for argument image_set"):
        datasets.VOCDetection(tmp_path, image_set="test")
    _write_voc(tmp_path)
    both = datasets.VOCSegmentation(tmp_path, transforms=lambda image, mask: (mask, image))
    assert both[0][1].mode == "RGB"
    (tmp_path / "VOCdevkit/VOC2012/SegmentationClass/a.png").write_bytes(b"no picture")
    with pytest.raises(OSError, match=r"a\.png cannot be read as an image"):
        both[0]
    (tmp_path / "VOCdevkit/VOC2012/Annotations/a.xml").write_text("<a>")
    with pytest.raises(ValueError, match=r"a\.xml cannot be read as XML"):
        datasets.VOCDetection(tmp_path)[0]


def test_voc_archive_placed_by_hand_is_unpacked(tmp_path, monkeypatch):
    made = tmp_path / "made"
    _write_voc(made)
    root = tmp_path / "root"
    root.mkdir()
    address, name, _, folder = voc._RELEASES["2012"]
    with tarfile.open(root / name, "w") as archive:
        archive.add(made / "VOCdevkit", "VOCdevkit")
    md5 = datasets.utils.calculate_md5(root / name)
    monkeypatch.setitem(voc._RELEASES, "2012", (address, name, md5, folder))
    assert len(datasets.VOCDetection(root, download=True)) == 1


def _write_coco(root):
    for name in ("x.png", "y.png"):
        _picture(root / name, mode="L")
    entries = [
        {"id": 7, "image_id": 2, "category_id": 1, "bbox": [0, 0, 2, 3], "caption": "a cat"},
        {"id": 8, "image_id": 2, "category_id": 5, "bbox": [1, 1, 2, 3], "caption": "cats"},
    ]
    content = {
        "images": [{"id": 9, "file_name": "y.png"}, {"id": 2, "file_name": "x.png"}],
        "annotations": entries,
        "categories": [{"id": 1, "name": "cat"}, {"id": 5, "name": "dog"}],
    }
    (root / "all.json").write_text(json.dumps(content))
    return entries


def test_coco(tmp_path):
    entries = _write_coco(tmp_path)
    dataset = datasets.CocoDetection(tmp_path, tmp_path / "all.json")
    assert dataset.ids == [2, 9] and len(dataset) == 2
    image, target = dataset[0]
    assert image.mode == "RGB" and target == entries
    assert dataset[1][1] == []
    assert dataset.coco.getAnnIds(imgIds=[2], catIds=5) == [8]
    assert dataset.coco.loadCats(dataset.coco.getCatIds("dog"))[0]["id"] == 5
    captions = datasets.CocoCaptions(tmp_path, tmp_path / "all.json", target_transform=len)
    assert captions[0][1] == 2


def test_coco_errors(tmp_path):
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(ValueError, match=r"a\.json cannot be read as JSON"):
        datasets.CocoDetection(tmp_path, tmp_path / "a.json")
    (tmp_path / "a.json").write_text("[]")
    with pytest.raises(ValueError, match="has no list of 'images'"):
        datasets.CocoDetection(tmp_path, tmp_path / "a.json")


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "P", "1", "CMYK"])
def test_every_mode_becomes_colour(tmp_path, mode):
    suffix = "tiff" if mode == "CMYK" else "png"
    _picture(tmp_path / "c" / f"a.{suffix}", mode=mode, value=1)
    image, _ = datasets.ImageFolder(tmp_path)[0]
    assert image.mode == "RGB" and image.size == (8, 6)


def test_pictures_too_large_to_trust_are_named(tmp_path, monkeypatch):
    _picture(tmp_path / "c" / "huge.png", size=(64, 64))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(OSError, match=r"huge\.png is not opened.*MAX_IMAGE_PIXELS"):
        datasets.ImageFolder(tmp_path)[0]
    with pytest.raises(RuntimeError, match=r"huge\.png is not opened.*MAX_IMAGE_PIXELS"):
        io.read_image(tmp_path / "c" / "huge.png")


def test_wrapped_coco_takes_transforms_of_version_2(tmp_path):
    entries = _write_coco(tmp_path)
    mirror = v2.Compose([v2.RandomHorizontalFlip(1.0), v2.ToImage()])
    plain = datasets.CocoDetection(tmp_path, tmp_path / "all.json", transforms=mirror)
    wrapped = datasets.wrap_dataset_for_transforms_v2(plain)
    assert isinstance(wrapped, datasets.CocoDetection) and len(wrapped) == 2
    assert wrapped.coco is plain.coco
    image, target = wrapped[0]
    assert type(image) is tv_tensors.Image and set(target) == {"image_id", "boxes", "labels"}
    boxes = target["boxes"]
    assert boxes.format.value == "XYXY" and boxes.canvas_size == (6, 8)
    assert boxes.tolist() == [[6, 0, 8, 3], [5, 1, 7, 4]]  # mirrored at a width of 8
    assert target["labels"].tolist() == [1, 5] and target["image_id"] == 2
    assert wrapped[1][1] == {"image_id": 9}
    again = pickle.loads(pickle.dumps(datasets.wrap_dataset_for_transforms_v2(
        datasets.CocoDetection(tmp_path, tmp_path / "all.json"), target_keys="all")))  # fmt: skip
    assert again[0][1]["category_id"] == [1, 5]
    assert again[0][1]["bbox"] == [entry["bbox"] for entry in entries]


def test_wrapped_voc(tmp_path):
    _write_voc(tmp_path)
    xml = _XML.replace("<ymax>", "<ymin>2</ymin><xmax>7</xmax><ymax>")
    (tmp_path / "VOCdevkit/VOC2012/Annotations/a.xml").write_text(xml)
    wrap = datasets.wrap_dataset_for_transforms_v2
    target = wrap(datasets.VOCDetection(tmp_path))[0][1]
    assert target["boxes"].tolist() == [[1, 2, 7, 5]] and target["labels"].tolist() == [8]
    mask = wrap(datasets.VOCSegmentation(tmp_path))[0][1]
    assert type(mask) is tv_tensors.Mask and mask.unique().tolist() == [3]


def test_what_cannot_be_wrapped(tmp_path):
    wrap = datasets.wrap_dataset_for_transforms_v2
    fake = wrap(datasets.FakeData(2, (3, 4, 4)))
    assert fake[0][0].size == (4, 4) and isinstance(fake, datasets.FakeData)

    class Own(datasets.VisionDataset):
        pass

    with pytest.raises(TypeError, match="No wrapper exists for dataset class Own"):
        wrap(Own())
    with pytest.raises(TypeError, match="got a 'list'"):
        wrap([])
    with pytest.raises(ValueError, match="only for CocoDetection and VOCDetection"):
        wrap(datasets.FakeData(2), target_keys=["boxes"])
    _write_coco(tmp_path)
    coco = datasets.CocoDetection(tmp_path, tmp_path / "all.json")
    with pytest.raises(ValueError, match=r"\['masks'\] are not available"):
        wrap(coco, target_keys=["masks"])
    with pytest.raises(ValueError, match="`target_keys` can be"):
        wrap(coco, target_keys="boxes")
