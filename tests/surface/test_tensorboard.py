"""Event files, read back by a decoder of the protobuf wire format and of TFRecords written here."""

from __future__ import annotations

import io
import os
import struct
import wave
import zlib

import numpy as np
import pytest

import lampas
from lampas.utils.tensorboard import SummaryWriter


# ---- a decoder -----------------------------------------------------------------------------------
def crc32c(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def masked(data: bytes) -> int:
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17 & 0xFFFFFFFF) + 0xA282EAD8) % 2**32


def records(data: bytes):
    at = 0
    while at < len(data):
        length, check = struct.unpack_from("<QI", data, at)
        assert check == masked(data[at : at + 8])
        content = data[at + 12 : at + 12 + length]
        assert struct.unpack_from("<I", data, at + 12 + length)[0] == masked(content)
        yield content
        at += 16 + length


def varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def fields(data: bytes) -> dict[int, list]:
    found: dict[int, list] = {}
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        kind = key & 7
        if kind == 0:
            value, at = varint(data, at)
        elif kind == 1:
            value, at = struct.unpack_from("<d", data, at)[0], at + 8
        elif kind == 5:
            value, at = struct.unpack_from("<f", data, at)[0], at + 4
        else:
            assert kind == 2, f"wire type {kind}"
            size, at = varint(data, at)
            value, at = data[at : at + size], at + size
        found.setdefault(key >> 3, []).append(value)
    return found


def events(folder) -> list[dict[int, list]]:
    names = [n for n in sorted(os.listdir(folder)) if "tfevents" in n]
    return [fields(r) for n in names for r in records(open(os.path.join(folder, n), "rb").read())]


def values(folder) -> list[dict[int, list]]:
    """Summary.Value messages of all events."""
    return [fields(v) for e in events(folder) if 5 in e for v in fields(e[5][0])[1]]


def packed(data: bytes, kind: str) -> list[float]:
    return [v[0] for v in struct.iter_unpack(f"<{kind}", data)]


def plugin(value: dict[int, list]) -> dict[int, list]:
    return fields(fields(value[9][0])[1][0])


# ---- what is written -----------------------------------------------------------------------------
def test_the_checks_are_castagnolis() -> None:
    assert crc32c(b"123456789") == 0xE3069283  # RFC 3720


def test_scalars(tmp_path) -> None:
    with SummaryWriter(tmp_path, purge_step=5, filename_suffix=".x") as writer:
        writer.add_scalar("loss", lampas.tensor(0.25), 7, walltime=12.5)
        writer.add_scalar("big", 2**40, -1)
        writer.add_scalar("new", 0.1, 1, new_style=True)
        writer.add_scalar("exact", 0.1, 1, new_style=True, double_precision=True)
        with pytest.raises(TypeError, match="'bad' is no number"):
            writer.add_scalar("bad", "x")
    (name,) = os.listdir(tmp_path)
    assert name.startswith("events.out.tfevents.") and name.endswith(".x")
    first, purge, loss, big, new, exact = events(tmp_path)
    assert first[3] == [b"brain.Event:2"]
    assert purge[2] == [5] and fields(purge[7][0]) == {1: [1]}
    assert loss[1] == [12.5] and loss[2] == [7]
    assert fields(fields(loss[5][0])[1][0]) == {1: [b"loss"], 2: [0.25]}
    assert big[2] == [2**64 - 1] and values(tmp_path)[1][2] == [2**40]
    for event, kind, field, code in ((new, "f", 5, 1), (exact, "d", 6, 2)):
        value = fields(fields(event[5][0])[1][0])
        body = fields(value[8][0])
        assert body[1] == [code] and plugin(value)[1] == [b"scalars"]
        assert packed(body[field][0], kind) == [np.dtype(f"<{kind}").type(0.1)]


def test_scalars_in_one_chart(tmp_path) -> None:
    with SummaryWriter(tmp_path) as writer:
        writer.add_scalars("run/loss", {"train": 1.0, "test": 2.0}, 3)
    for name, number in (("train", 1.0), ("test", 2.0)):
        (value,) = values(tmp_path / f"run_loss_{name}")
        assert value == {1: [b"run/loss"], 2: [number]}


def test_histograms(tmp_path) -> None:
    x = np.random.default_rng(0).standard_normal(1000)
    with SummaryWriter(tmp_path) as writer:
        writer.add_histogram("auto", lampas.tensor(x))
        writer.add_histogram("ten", x, bins=10)
        writer.add_histogram("few", x, max_bins=20)
        writer.add_histogram_raw("raw", 0, 2, 3, 4, 6, [1, 2], [1, 2])
        with pytest.raises(ValueError, match="infinite"):
            writer.add_histogram("bad", np.array([np.inf]))
        with pytest.raises(ValueError, match="no values"):
            writer.add_histogram("none", np.array([]))
        with pytest.raises(ValueError, match="bucket_limits"):
            writer.add_histogram_raw("raw", 0, 2, 3, 4, 6, [1], [1, 2])
    auto, ten, few, raw = (fields(v[5][0]) for v in values(tmp_path))
    for h in (auto, ten, few):
        np.testing.assert_allclose(
            [h[i][0] for i in range(1, 6)], [x.min(), x.max(), 1000, x.sum(), (x * x).sum()]
        )
        limits, counts = packed(h[6][0], "d"), packed(h[7][0], "d")
        assert len(limits) == len(counts) and sum(counts) == 1000 and counts[-1] > 0
        edges = [-np.inf, *limits]
        if h is not few:  # each count is that of the values between two limits
            for low, high, n in zip(edges[1:-2], edges[2:-1], counts[1:-1], strict=True):
                assert ((x >= low) & (x < high)).sum() == n
    limits = [v for v in packed(auto[6][0], "d") if v > 1e-10]
    np.testing.assert_allclose(np.diff(np.log(limits)), np.log(1.1))
    assert len(packed(few[7][0], "d")) <= 20
    assert [raw[i][0] for i in range(1, 6)] == [0, 2, 3, 4, 6]


def png(data: bytes) -> np.ndarray:
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    at, parts = 8, {}
    while at < len(data):
        size = struct.unpack_from(">I", data, at)[0]
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + size]
        assert struct.unpack_from(">I", data, at + 8 + size)[0] == zlib.crc32(kind + body)
        parts[kind] = parts.get(kind, b"") + body
        at += 12 + size
    width, height, depth, color = struct.unpack_from(">IIBB", parts[b"IHDR"])
    channels = {0: 1, 2: 3, 4: 2, 6: 4}[color]
    rows = np.frombuffer(zlib.decompress(parts[b"IDAT"]), "u1").reshape(height, -1)
    assert depth == 8 and not rows[:, 0].any()  # without filters
    return rows[:, 1:].reshape(height, width, channels)


def test_images(tmp_path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (3, 4, 5), dtype="u1")
    with SummaryWriter(tmp_path) as writer:
        writer.add_image("chw", lampas.tensor(pixels))
        writer.add_image("float", pixels.transpose(1, 2, 0) / 255, dataformats="HWC")
        writer.add_image("hw", pixels[0], dataformats="HW")
        writer.add_images("batch", np.stack([pixels] * 9))
        with pytest.raises(ValueError, match="'CHW' does not fit the shape"):
            writer.add_image("bad", pixels[0])
        with pytest.raises(ValueError, match="add_images"):
            writer.add_images("bad", pixels)
    for value in values(tmp_path):
        image = fields(value[4][0])
        got = png(image[4][0])
        assert got.shape == (image[1][0], image[2][0], image[3][0])
        name = value[1][0].decode()
        if name == "batch":
            assert got.shape == (8, 40, 3) and not got[4:, 5:].any()
            got = got[4:, :5]
        expected = pixels[:1] if name == "hw" else pixels
        assert np.abs(got.astype(int) - expected.transpose(1, 2, 0)).max() <= (name == "float")


def test_text_tensors_and_sound(tmp_path) -> None:
    sound = np.sin(np.arange(100) / 5)
    t = lampas.arange(6).reshape(2, 3)
    with SummaryWriter(tmp_path) as writer:
        writer.add_text("note", "**é**", 1)
        writer.add_tensor("t", t.T)
        writer.add_tensor("b", lampas.ones(2, dtype=lampas.bfloat16))
        writer.add_audio("sound", sound, sample_rate=8000)
        with pytest.raises(ValueError, match="one channel"):
            writer.add_audio("sound", np.ones((2, 5)))
    text, tensor, half, audio = values(tmp_path)
    assert text[1] == [b"note/text_summary"] and plugin(text)[1] == [b"text"]
    assert fields(text[8][0])[8] == ["**é**".encode()]
    body = fields(tensor[8][0])
    assert body[1] == [9] and packed(body[4][0], "q") == [0, 3, 1, 4, 2, 5]
    assert [fields(d)[1][0] for d in fields(body[2][0])[2]] == [3, 2]
    assert fields(half[8][0])[4] == [b"\x80\x3f" * 2] and fields(half[8][0])[1] == [14]
    body = fields(audio[6][0])
    assert body[1] == [8000.0] and body[3] == [100] and body[5] == [b"audio/wav"]
    with wave.open(io.BytesIO(body[4][0])) as file:
        frames = np.frombuffer(file.readframes(100), "<i2")
    np.testing.assert_allclose(frames / 32767, sound, atol=1e-4)


def test_precision_and_recall(tmp_path) -> None:
    rng = np.random.default_rng(0)
    labels, p = rng.integers(0, 2, 50), rng.random(50)
    with SummaryWriter(tmp_path) as writer:
        writer.add_pr_curve("pr", labels, lampas.tensor(p), num_thresholds=11)
    (value,) = values(tmp_path)
    body, about = fields(value[8][0]), plugin(value)
    rows = np.array(packed(body[5][0], "f")).reshape(6, 11)
    assert about[1] == [b"pr_curves"] and fields(about[2][0]) == {2: [11]}
    for i, threshold in enumerate(np.arange(11) / 10):
        said = np.floor(p * 10) / 10 >= threshold - 1e-9
        tp, fp = (said & (labels == 1)).sum(), (said & (labels == 0)).sum()
        fn, tn = (labels == 1).sum() - tp, (labels == 0).sum() - fp
        np.testing.assert_allclose(rows[:4, i], [tp, fp, tn, fn])
        np.testing.assert_allclose(rows[4, i], tp / max(tp + fp, 1e-7), rtol=1e-6)
        np.testing.assert_allclose(rows[5, i], tp / (tp + fn), rtol=1e-6)


def test_settings_and_results(tmp_path) -> None:
    with SummaryWriter(tmp_path) as writer:
        writer.add_hparams(
            {"lr": 0.1, "deep": True, "name": "x"}, {"accuracy": 0.5}, {"lr": [0.1, 1]}, "run"
        )
        with pytest.raises(TypeError, match="no settings"):
            writer.add_hparams({"lr": 0.1}, {}, {"momentum": [0.9]}, "other")
    experiment, start, end, metric = values(tmp_path / "run")
    assert metric == {1: [b"accuracy"], 2: [0.5]}
    infos = fields(fields(plugin(experiment)[2][0])[2][0])
    names = [fields(i) for i in infos[4]]
    assert [i[1][0] for i in names] == [b"lr", b"deep", b"name"]
    assert [i[4][0] for i in names] == [3, 2, 1]
    assert [fields(v)[2][0] for v in fields(names[0][5][0])[1]] == [0.1, 1.0]
    pairs = [fields(p) for p in fields(fields(plugin(start)[2][0])[3][0])[1]]
    assert {p[1][0]: next(iter(fields(p[2][0]).values()))[0] for p in pairs} == {
        b"lr": 0.1, b"deep": 1, b"name": b"x",
    }  # fmt: skip
    assert fields(fields(plugin(end)[2][0])[4][0]) == {1: [1]}


def test_events_wait_until_they_are_flushed(tmp_path) -> None:
    writer = SummaryWriter(tmp_path, max_queue=3)
    for i in range(3):
        writer.add_scalar("x", i, i)
    assert len(values(tmp_path)) == 0
    writer.flush()
    assert len(values(tmp_path)) == 3
    for i in range(5):
        writer.add_scalar("x", i, i)
    assert len(values(tmp_path)) >= 7
    writer.close()
    assert len(values(tmp_path)) == 8 and writer.get_logdir() == str(tmp_path)
    writer.add_scalar("later", 1.0)  # into a new file
    writer.close()
    assert len(os.listdir(tmp_path)) == 2 and len(values(tmp_path)) == 9
