"""Files that are cut, damaged or made to harm: an error that says so, never a wrong value."""

from __future__ import annotations

import io
import os
import pickle
import struct
import zipfile

import numpy as np
import pytest

import lampas
from lampas.serialization import safetensors

SAID = (RuntimeError, pickle.UnpicklingError, EOFError)
STATE = {
    "a": lampas.arange(6.0).reshape(2, 3), "b": lampas.tensor([1, 2], dtype=lampas.int16),
    "n": {"x": [1, "é", None]},
}  # fmt: skip


def written(legacy: bool = False) -> bytes:
    file = io.BytesIO()
    lampas.save(STATE, file, _use_new_zipfile_serialization=not legacy)
    return file.getvalue()


def plain(obj):
    if isinstance(obj, lampas.Tensor):
        return obj.dtype, obj.stride(), obj.tolist()
    return {k: plain(v) for k, v in obj.items()} if isinstance(obj, dict) else obj


def archive(records: dict[str, bytes], compress: int = zipfile.ZIP_STORED) -> io.BytesIO:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compress) as z:
        for name, content in records.items():
            z.writestr(name, content)
    out.seek(0)
    return out


def test_an_archive_cut_at_any_byte() -> None:
    data = written()
    for n in range(len(data)):
        with pytest.raises(SAID, match=r"cut|empty|no file of tensors|damaged"):
            lampas.load(io.BytesIO(data[:n]))


def test_a_legacy_file_cut_at_any_byte() -> None:
    data = written(legacy=True)
    for n in range(len(data)):
        with pytest.raises(SAID):
            lampas.load(io.BytesIO(data[:n]))


@pytest.mark.parametrize("flip", [0x01, 0x80, 0xFF])
def test_any_changed_byte_of_an_archive_is_said_or_harmless(flip: int) -> None:
    data, want = written(), plain(STATE)
    said = 0
    for at in range(len(data)):
        bad = bytearray(data)
        bad[at] ^= flip
        try:
            got = lampas.load(io.BytesIO(bad))
        except SAID:
            said += 1
            continue
        assert plain(got) == want, f"byte {at} changed the values silently"
    assert said > len(data) // 4  # the rest is padding, dates and the copies of names


def test_any_changed_byte_of_a_legacy_file_does_no_more_than_raise() -> None:
    data = written(legacy=True)  # has no checksums
    for at in range(len(data)):
        bad = bytearray(data)
        bad[at] ^= 0x81
        try:
            lampas.load(io.BytesIO(bad))
        except SAID:
            pass


def test_records_that_inflate_hugely() -> None:
    zeros = bytes(1 << 25)
    pid = b"(X\x07\x00\x00\x00storagectorch\nByteStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpu"
    tensor = b"ctorch._utils\n_rebuild_tensor_v2\n(" + pid + b"J\x00\x00\x00\x02tQK\x00"
    data = (
        b"\x80\x02" + tensor + b"J\x00\x00\x00\x02\x85K\x01\x85\x89ccollections\nOrderedDict\n)RtR."
    )
    records = {"a/data.pkl": data, "a/data/0": zeros}
    assert lampas.load(archive(records)).shape == (1 << 25,)
    with pytest.raises(RuntimeError, match=r"'a/data/0'.*inflate to 33554432.*not inflated"):
        lampas.load(archive(records, zipfile.ZIP_DEFLATED))
    with pytest.raises(RuntimeError, match=r"data\.pkl.*inflate to"):
        lampas.load(archive({"a/data.pkl": b"\x80\x02" + zeros}, zipfile.ZIP_DEFLATED))


def test_records_that_overlap() -> None:
    data = archive({"a/data.pkl": b"\x80\x02N.", "a/data/0": bytes(100)}).getvalue()
    # The directory says that the second record begins where the first does.
    at = data.rindex(b"PK\x01\x02")
    bad = data[: at + 42] + struct.pack("<I", 0) + data[at + 46 :]
    with pytest.raises(RuntimeError, match="reaches into"):
        lampas.load(io.BytesIO(bad))


def test_a_record_longer_than_its_tensor_is_checked_whole() -> None:
    file = io.BytesIO()
    lampas.save({"x": lampas.arange(4.0)}, file)
    with zipfile.ZipFile(file) as z:
        records = {i.filename: z.read(i) for i in z.infolist()}
    tail = b"the tail"
    data = bytearray(archive({**records, "archive/data/0": records["archive/data/0"] + tail})
                     .getvalue())  # fmt: skip
    assert lampas.load(io.BytesIO(data))["x"].tolist() == [0, 1, 2, 3]
    data[data.index(tail)] ^= 1
    with pytest.raises(RuntimeError, match=r"data/0.*have changed"):
        lampas.load(io.BytesIO(data))


def test_a_legacy_file_that_announces_more_than_it_has() -> None:
    data = written(legacy=True)
    # The number of elements of the first storage, in the pickle.
    at = data.index(b"cpu") + 3
    assert data[at : at + 1] == b"q" and data[at + 2 : at + 4] == b"K\x06"
    bad = data[: at + 2] + b"\x8a\x07" + (1 << 50).to_bytes(7, "little") + data[at + 4 :]
    with pytest.raises(SAID, match="more than the file has"):
        lampas.load(io.BytesIO(bad))


def _deep(n: int) -> bytes:
    return b"}" + b")" + b"\x85" * n + b"Ns."


def _twice(n: int) -> bytes:
    return b"}" + b")" + b"q\x00h\x00\x86" * n + b"Ns."


@pytest.mark.parametrize("build", [_deep, _twice])
@pytest.mark.parametrize("ending", ["Ns.", "set", "frozenset", "call"])
def test_keys_whose_hash_would_never_end(build, ending: str) -> None:
    body = build(200_000 if build is _deep else 200)[1:-3]
    program = {
        "Ns.": b"}" + body + b"Ns.",
        "set": b"\x8f(" + body + b"\x90.",
        "frozenset": b"(" + body + b"\x91.",
        "call": b"cbuiltins\nset\n](" + body + b"e\x85R.",
    }[ending]
    with pytest.raises(pickle.UnpicklingError, match="nested items"):
        lampas.load(archive({"a/data.pkl": b"\x80\x04" + program}))


def test_deep_nesting_is_only_data() -> None:
    n = 100_000
    got = lampas.load(archive({"a/data.pkl": b"\x80\x02" + b"]" * n + b"a" * (n - 1) + b"."}))
    depth = 0
    while got:
        got, depth = got[0], depth + 1
    assert depth == n - 1
    # A call of such a thing, and a storage: messages show the beginning of it.
    for program in (b"]" * n + b"a" * (n - 1) + b")R.", b"]" * n + b"a" * (n - 1) + b"Q."):
        with pytest.raises(pickle.UnpicklingError) as e:
            lampas.load(archive({"a/data.pkl": b"\x80\x02" + program}))
        assert len(str(e.value)) < 1000


def test_a_write_that_fails_leaves_the_old_file(tmp_path, monkeypatch) -> None:
    path = tmp_path / "x.pt"
    lampas.save({"x": lampas.ones(3)}, path)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    for target in (path, tmp_path / "x.safetensors"):
        with pytest.raises(OSError, match="No space left"):
            lampas.save({"x": lampas.zeros(1000)}, target)
    assert os.listdir(tmp_path) == ["x.pt"]
    assert lampas.load(path)["x"].tolist() == [1, 1, 1]


def test_kinds_that_lampas_lacks() -> None:
    for name, text in (
        ("_rebuild_sparse_tensor", "to_dense"),
        ("_rebuild_qtensor", "dequantize"),
        ("_rebuild_nested_tensor", "unbind"),
    ):
        data = b"\x80\x02ctorch._utils\n" + name.encode() + b"\n."
        with pytest.raises(pickle.UnpicklingError, match=rf"lacks: .*{text}.*byte 2 of"):
            lampas.load(archive({"a/data.pkl": data}))


def test_tar_files(tmp_path) -> None:
    import tarfile

    path = tmp_path / "old.tar"
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
        tar.addfile(tarfile.TarInfo("storages"))
    with pytest.raises(RuntimeError, match=r"tar archive.*load and save it again with a PyTorch"):
        lampas.load(path)


# ---- safetensors ---------------------------------------------------------------------------------
def _safetensors(header: bytes, content: bytes = bytes(16)) -> bytes:
    return len(header).to_bytes(8, "little") + header + content


GOOD = b'{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}'


@pytest.mark.parametrize(
    ("header", "text"),
    [
        (b"{", "damaged: its header"),
        (b"[]", "damaged: its header"),
        (b"\xff\xfe", "damaged: its header"),
        (b'{"a":1}', "damaged: its header"),
        (b"{" + b'"a":[' * 5000, "damaged: its header"),
        (b'{"__metadata__":[1],"a":{}}', "damaged"),
        (b'{"__metadata__":{"k":1}}', "metadata"),
        (GOOD.replace(b"[4]", b"[-4]"), "damaged: what its header says of 'a'"),
        (GOOD.replace(b"[4]", b"[true]"), "damaged: what its header says of 'a'"),
        (GOOD.replace(b"[4]", b"[4.0]"), "damaged: what its header says of 'a'"),
        (GOOD.replace(b"[4]", b'"4"'), "damaged: what its header says of 'a'"),
        (GOOD.replace(b"[4]", b"[4611686018427387904,4]"), "damaged: tensor 'a'"),
        (GOOD.replace(b'"F32"', b'"F8_E4M3"'), "dtype F8_E4M3, which Lampas lacks"),
        (GOOD.replace(b'"F32"', b"[7]"), "damaged: what its header says of 'a'"),
        (GOOD.replace(b"[0,16]", b"[16,0]"), "damaged: tensor 'a'"),
        (GOOD.replace(b"[0,16]", b"[0,16,3]"), "damaged"),
        (GOOD.replace(b"[0,16]", b"[0]"), "damaged"),
        (GOOD[:-1] + b',"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}', "twice"),
        (GOOD[:-1] + b',"b":{"dtype":"F32","shape":[4],"data_offsets":[8,24]}}', "damaged"),
    ],
)
def test_headers_that_break_the_rules(header: bytes, text: str) -> None:
    with pytest.raises(safetensors.SafetensorError, match=text):
        safetensors.load(_safetensors(header))


def test_safetensors_cut_or_changed_at_any_byte() -> None:
    data = safetensors.save({"a": lampas.arange(4.0), "b": lampas.ones(2)}, {"k": "v"})
    for n in range(len(data)):
        with pytest.raises(safetensors.SafetensorError):
            safetensors.load(data[:n])
        bad = bytearray(data)
        bad[n] ^= 0x81
        try:
            got = safetensors.load(bytes(bad))
        except safetensors.SafetensorError:
            continue
        assert all(t.numel() in (2, 4) for t in got.values())
    with pytest.raises(safetensors.SafetensorError):
        safetensors.load(data + b"\0")
    with pytest.raises(safetensors.SafetensorError, match="header is said to have"):
        safetensors.load((1 << 62).to_bytes(8, "little") + b"{}")


def test_metadata_both_ways(tmp_path) -> None:
    path = tmp_path / "m.safetensors"
    safetensors.save_file({"a": lampas.ones(2)}, path, {"author": "é", "empty": ""})
    with safetensors.safe_open(path) as f:
        assert f.metadata() == {"author": "é", "empty": ""}
    reference = pytest.importorskip("safetensors")
    with reference.safe_open(path, "np") as f:
        assert f.metadata() == {"author": "é", "empty": ""}
        np.testing.assert_array_equal(f.get_tensor("a"), [1, 1])
    with pytest.raises(ValueError, match="metadata must be texts"):
        safetensors.save({"a": lampas.ones(1)}, {"k": 1})  # type: ignore[dict-item]


def test_the_packages_own_functions_for_torch(tmp_path) -> None:
    """`safetensors.torch`, unchanged, in a process where torch is Lampas."""
    pytest.importorskip("safetensors")
    import subprocess
    import sys

    program = """
import lampas, lampas.alias
lampas.alias.install()
import torch
from safetensors import safe_open
from safetensors.torch import load, load_file, load_model, save, save_file, save_model
state = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.ones(2).bfloat16(), "e": torch.ones(0, 2)}
save_file(state, "x.safetensors", metadata={"k": "v"})
for found in (load_file("x.safetensors"), load(save(state)), torch.load("x.safetensors")):
    assert all(torch.equal(found[n], t) and found[n].dtype == t.dtype for n, t in state.items())
with safe_open("x.safetensors", "pt") as f:
    assert f.metadata() == {"k": "v"} and torch.equal(f.get_slice("a")[:, 1:], state["a"][:, 1:])
model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2))
model.append(model[0])
save_model(model, "m.safetensors")
new = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2))
new.append(new[0])
assert load_model(new, "m.safetensors") == (set(), [])
assert torch.equal(new[0].weight, model[0].weight)
print("done")
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.stdout == "done\n", done.stderr


def test_storages_have_slices() -> None:
    x = lampas.arange(4, dtype=lampas.int16)
    storage = x.untyped_storage()
    part = storage[2:6]
    assert type(part) is lampas.UntypedStorage and part.tolist() == [1, 0, 2, 0]
    part[0] = 9
    assert x.tolist() == [0, 9, 2, 3] and storage[2] == 9 and storage.untyped() is storage
    assert lampas.asarray(part, dtype=lampas.uint8).view(lampas.int16).tolist() == [9, 2]
    assert lampas.asarray(x.storage()).tolist() == [0, 9, 2, 3] and storage[3:3].nbytes() == 0
    with pytest.raises(RuntimeError, match="step 1"):
        storage[::2]
