"""Files both ways. data/ holds files that PyTorch 2.13 and the safetensors package wrote."""

from __future__ import annotations

import io
import os
import pickle
import pickletools
import warnings
import zipfile
import zlib
from collections import Counter, OrderedDict, defaultdict
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import lampas
from lampas import nn
from lampas.serialization import safetensors

DATA = Path(__file__).parent / "data"
DTYPES = [
    "bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32",
    "float64", "complex64", "complex128",
]  # fmt: skip


def trip(obj, **options):
    file = io.BytesIO()
    lampas.save(obj, file)
    file.seek(0)
    return lampas.load(file, **options)


@pytest.fixture(params=["pytorch.pt", "pytorch_legacy.pt"])
def written(request):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return lampas.load(DATA / request.param)


# ---- what PyTorch wrote --------------------------------------------------------------------------
def test_dtypes_of_pytorch(written) -> None:
    assert list(written["dtypes"]) == [f"torch.{d}" for d in DTYPES]
    for name, t in written["dtypes"].items():
        assert str(t.dtype) == name
        expected = [0, 1, 1, 1, 1] if name == "torch.bool" else [0, 1, 2, 3, 4]
        assert t.to(lampas.complex128).tolist() == expected


def test_shared_storage_stays_shared(written) -> None:
    base, view = written["base"], written["view"]
    np.testing.assert_array_equal(base.numpy(), np.arange(24.0).reshape(4, 6))
    assert written["same"] is base
    base[1, 0] = 100
    assert view[0, 0] == 100 and written["t"][0, 1] == 100
    assert view.stride() == (6, 2) and written["t"].stride() == (1, 6)
    assert written["expand"].stride() == (0, 1)


def test_containers_of_pytorch(written) -> None:
    assert written["list"] == [
        1, 2.5, None, True, "x", b"ab", 1 + 2j, {1, 2}, (1, (2,)), 2**70, -5,
    ]  # fmt: skip
    assert type(written["od"]) is OrderedDict and type(written["counter"]) is Counter
    assert type(written["dd"]) is defaultdict and written["dd"]["new"] == []
    assert written["fs"] == frozenset({1}) and written["sl"] == slice(1, 2)
    assert written["rng"] == range(3) and written["bya"] == bytearray(b"q")
    assert type(written["size"]) is lampas.Size and written["dtype"] is lampas.bfloat16
    assert str(written["device"]) == "cuda:1"
    assert written["sd"]._metadata["1"] == {"version": 2}


def test_kinds_of_tensors_of_pytorch(written) -> None:
    assert type(written["p"]) is nn.Parameter and written["p"].requires_grad
    assert type(written["buf"]) is nn.Buffer and written["buf"].persistent
    assert written["rg"].requires_grad and not written["base"].requires_grad
    assert written["empty"].shape == (0, 3) and written["scalar"].item() == 3.5
    assert written["conj"].item() == 1 - 2j and written["neg"].item() == -2
    assert written["meta"].is_meta and written["meta"].shape == (2, 3)
    assert written["attr"].foo == 3 and written["pattr"].bar == 1
    assert written["storage"].nbytes() == 12


def test_numpy_of_pytorch(written) -> None:
    np.testing.assert_array_equal(written["np"], np.arange(6.0).reshape(2, 3))
    assert written["npf"].flags.f_contiguous and written["npf"][1, 2] == 5
    assert type(written["nps"]) is np.float64 and written["nps"] == 2.5
    for name, n in (("npbe", 3), ("npbe2", 4)):
        assert written[name].tolist() == [*range(n)]  # big-endian in the file
    assert written["npstr"].tolist() == ["a", "bcd"]


def test_wider_dtypes() -> None:
    with pytest.warns(UserWarning, match="not a dtype of Lampas"):
        o = lampas.load(DATA / "pytorch.pt")
    assert o["u16"].tolist() == [1, 65535] and o["u32"].tolist() == [1, 2**32 - 1]
    # By the formats' definitions: sign, exponent and mantissa bits with their bias.
    for name, exponent, bias in (("f8", 4, 7), ("f82", 5, 15)):
        got = o[name].double().numpy()
        for bits in range(256):
            m = 7 - exponent
            e, f = (bits >> m) & (2**exponent - 1), bits & (2**m - 1)
            if name == "f8" and bits & 127 == 127:
                assert np.isnan(got[bits])
            elif name == "f82" and e == 31:
                assert np.isinf(got[bits]) if f == 0 else np.isnan(got[bits])
            else:
                value = (f / 2**m + (e > 0)) * 2.0 ** (max(e, 1) - bias)
                assert got[bits] == (-value if bits & 128 else value)


def _typed(name: str, content: bytes):
    """A file of one tensor of a dtype that Lampas lacks, as PyTorch writes it."""
    x = lampas.zeros(len(content), dtype=lampas.uint8)
    file = io.BytesIO()
    lampas.save(x, file)
    with zipfile.ZipFile(file) as z:
        records = {i.filename: z.read(i) for i in z.infolist()}
    size = {"float8": 1, "complex": 4, "uint64": 8}[name[:7] if "complex" in name else name[:6]]
    count = b"K" + bytes([len(content) // size])
    pid = b"(X\x07\x00\x00\x00storagectorch.storage\nUntypedStorage\nX\x01\x00\x00\x000"
    pid += b"X\x03\x00\x00\x00cpuM" + len(content).to_bytes(2, "little") + b"tQ"
    records["archive/data.pkl"] = (
        b"\x80\x02ctorch._utils\n_rebuild_tensor_v3\n(" + pid + b"K\x00" + count + b"\x85K\x01\x85"
        b"\x89ccollections\nOrderedDict\n)Rctorch\n" + name.encode() + b"\ntR."
    )
    records["archive/data/0"] = content
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as z:
        for key, data in records.items():
            z.writestr(key, data)
    out.seek(0)
    with pytest.warns(UserWarning, match=f"{name} is not a dtype of Lampas"):
        return lampas.load(out)


def test_other_dtypes() -> None:
    every = bytes(range(200))
    got = _typed("float8_e8m0fnu", every).double().numpy()
    np.testing.assert_array_equal(got, 2.0 ** (np.arange(200) - 127.0))
    for name, m, bias in (("float8_e4m3fnuz", 3, 8), ("float8_e5m2fnuz", 2, 16)):
        got = _typed(name, every).double().numpy()
        for bits in range(200):
            e, f = (bits & 127) >> m, (bits & 127) % 2**m
            value = (f / 2**m + (e > 0)) * 2.0 ** (max(e, 1) - bias) * (-1 if bits & 128 else 1)
            assert np.isnan(got[bits]) if bits == 128 else got[bits] == value
    pairs = np.array([1, 2, -3, 0.5], dtype=np.float16)
    assert _typed("complex32", pairs.tobytes()).tolist() == [1 + 2j, -3 + 0.5j]
    assert _typed("uint64", np.array([0, 2**63 - 1], "u8").tobytes()).tolist() == [0, 2**63 - 1]
    with pytest.raises(pickle.UnpicklingError, match=r"uint64 at byte .* above those of int64"):
        _typed("uint64", np.array([2**63], "u8").tobytes())


def test_generators() -> None:
    g = lampas.Generator().manual_seed(3)
    lampas.rand(5, generator=g)
    for legacy in (False, True):
        file = io.BytesIO()
        lampas.save([g, g, lampas.get_rng_state()], file, _use_new_zipfile_serialization=not legacy)
        file.seek(0)
        new, same, state = lampas.load(file)
        assert new is same and new.initial_seed() == 3
        assert lampas.equal(new.get_state(), g.get_state())
        assert lampas.equal(state, lampas.get_rng_state())
    # A generator of another device: its state is something else.
    data = b"\x80\x02ctorch._C\nGenerator\n)R(K\x01NC\x10" + bytes(16) + b"tb."
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as z:
        z.writestr("a/data.pkl", data)
    out.seek(0)
    with pytest.raises(pickle.UnpicklingError, match="random number generator at byte"):
        lampas.load(out)


def test_optimizer_state_of_pytorch(written) -> None:
    model = nn.Linear(2, 2)
    optimizer = lampas.optim.Adam(model.parameters())
    optimizer.load_state_dict(written["opt"])
    assert optimizer.state[model.weight]["step"] == 1


def test_tensors_of_a_pickled_module() -> None:
    tensors = lampas.load(DATA / "pytorch_module.pt", tensors_only=True)
    assert set(tensors) == {"fc.weight", "fc.bias", "b", "layers.0.weight", "layers.0.bias"}
    assert lampas.serialization.get_unsafe_globals_in_checkpoint(DATA / "pytorch_module.pt") == [
        "__main__.Net", "torch.nn.modules.linear.Linear",
        "torch.nn.modules.container.ModuleList", "argparse.Namespace",
    ]  # fmt: skip


def test_torchscript_gives_its_tensors() -> None:
    with pytest.raises(RuntimeError, match="TorchScript archive"):
        lampas.load(DATA / "torchscript.pt")
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    model.load_state_dict(lampas.load(DATA / "torchscript.pt", tensors_only=True))


# ---- what PyTorch will read ----------------------------------------------------------------------
def test_archive_is_as_pytorch_writes_it() -> None:
    file = io.BytesIO()
    lampas.save({"a": lampas.ones(3), "b": lampas.ones(2).half()}, file)
    with zipfile.ZipFile(file) as z:
        assert z.testzip() is None
        assert z.read("archive/version") == b"3\n"
        assert z.read("archive/byteorder") in (b"little", b"big")
        assert z.read("archive/data/0") == np.ones(3, "f4").tobytes()
        assert len(z.read("archive/.data/serialization_id")) == 40
        for info in z.infolist():
            file.seek(info.header_offset + 26)
            name, extra = (int.from_bytes(file.read(2), "little") for _ in range(2))
            assert (info.header_offset + 30 + name + extra) % 64 == 0
            assert info.compress_type == zipfile.ZIP_STORED
        names = {
            a for op, a, _ in pickletools.genops(z.read("archive/data.pkl")) if op.name == "GLOBAL"
        }
    assert names == {
        "torch._utils _rebuild_tensor_v2", "torch FloatStorage", "torch HalfStorage",
        "collections OrderedDict",
    }  # fmt: skip


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("legacy", [False, True])
def test_round_trip(protocol: int, legacy: bool) -> None:
    base = lampas.randn(4, 5)
    tagged = lampas.ones(1)
    tagged.note = "x"
    obj = {
        "base": base, "view": base[1:, ::2], "p": nn.Parameter(lampas.ones(2)), "tagged": tagged,
        "buffer": nn.Buffer(lampas.ones(1), persistent=False), "size": lampas.Size([1]),
        "meta": lampas.empty(2, device="meta"), "dtype": lampas.int8, "n": np.float32(1.5),
        "array": np.arange(3), "lazy": nn.UninitializedParameter(), 3: [1, "é", b"\xff", ()],
        **{d: lampas.arange(3).to(getattr(lampas, d)) for d in DTYPES},
    }  # fmt: skip
    file = io.BytesIO()
    lampas.save(obj, file, pickle_protocol=protocol, _use_new_zipfile_serialization=not legacy)
    file.seek(0)
    new = lampas.load(file)
    assert list(new) == list(obj)
    for key in ("base", "view", *DTYPES):
        assert new[key].dtype is obj[key].dtype and new[key].stride() == obj[key].stride()
        assert lampas.equal(new[key], obj[key])
    new["base"].zero_()
    assert new["view"].abs().sum() == 0
    assert type(new["p"]) is nn.Parameter and new["tagged"].note == "x"
    assert type(new["buffer"]) is nn.Buffer and not new["buffer"].persistent
    assert new["meta"].is_meta and new["dtype"] is lampas.int8 and new[3] == obj[3]
    assert new["n"] == 1.5 and new["array"].tolist() == [0, 1, 2]
    assert nn.parameter.is_lazy(new["lazy"])


def test_several_legacy_objects_in_one_file() -> None:
    file = io.BytesIO()
    for i in range(3):
        lampas.save(lampas.full((2,), float(i)), file, _use_new_zipfile_serialization=False)
    file.seek(0)
    assert [lampas.load(file)[0].item() for _ in range(3)] == [0, 1, 2]


def test_one_memory_under_two_dtypes_is_refused() -> None:
    x = lampas.ones(4)
    with pytest.raises(RuntimeError, match="view the same data as different types"):
        lampas.save([x, x.view(lampas.int32)], io.BytesIO())


def test_hooks_are_left_out_with_a_warning() -> None:
    x = lampas.ones(2, requires_grad=True)
    x.register_hook(lambda g: g)
    with pytest.warns(UserWarning, match="will not be serialized"):
        assert trip(x)._backward_hooks is None


# ---- map_location, mmap --------------------------------------------------------------------------
def test_map_location(tmp_path) -> None:
    x = {"x": lampas.arange(3)}
    assert trip(x, map_location="meta")["x"].is_meta
    assert trip(x, map_location=lampas.device("cpu"))["x"].tolist() == [0, 1, 2]
    assert trip(x, map_location={"cuda:0": "cpu"})["x"].tolist() == [0, 1, 2]
    seen = []
    trip(x, map_location=lambda storage, tag: seen.append((storage.nbytes(), tag)))
    assert seen == [(24, "cpu")]
    with pytest.raises(RuntimeError, match="Lampas runs on the CPU"):
        trip(x, map_location="cuda")
    with pytest.raises(TypeError, match="map_location"):
        trip(x, map_location=5)


def test_cuda_checkpoints_come_to_the_cpu() -> None:
    file = io.BytesIO()
    lampas.save({"x": lampas.arange(3)}, file)
    # The tag of a storage is a string of its own in the pickle.
    raw = file.getvalue()
    with zipfile.ZipFile(io.BytesIO(raw)) as z:
        parts = {i.filename: z.read(i) for i in z.infolist()}
    parts["archive/data.pkl"] = parts["archive/data.pkl"].replace(
        b"X\x03\x00\x00\x00cpu", b"X\x06\x00\x00\x00cuda:0"
    )
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z:  # compressed ones are read, too
        for name, data in parts.items():
            z.writestr(name, data)
    out.seek(0)
    assert lampas.load(out)["x"].tolist() == [0, 1, 2]


def test_mmap_reads_in_place_and_leaves_the_file_alone(tmp_path) -> None:
    path = tmp_path / "x.pt"
    lampas.save({"x": lampas.arange(4)}, path)
    before = path.read_bytes()
    x = lampas.load(path, mmap=True)["x"]
    assert x.tolist() == [0, 1, 2, 3]
    x.add_(1)
    assert path.read_bytes() == before
    with pytest.raises(ValueError, match="must be a string filename"):
        lampas.load(io.BytesIO(before), mmap=True)


# ---- safety --------------------------------------------------------------------------------------
class Evil:
    ran = False

    def __init__(self, function, *args):
        self.what = (function, args)

    def __reduce__(self):
        return self.what


def _mark() -> None:
    Evil.ran = True


@pytest.mark.parametrize("weights_only", [True, False])
@pytest.mark.parametrize(
    ("attack", "name"),
    [
        (Evil(os.system, "touch /tmp/never"), "posix.system|nt.system"),
        (Evil(eval, "1"), "builtins.eval"),
        (Evil(exec, "1"), "builtins.exec"),
        (Evil(getattr, "a", "upper"), "builtins.getattr"),
        (Evil(__import__, "os"), "builtins.__import__"),
        (Evil(_mark), "_mark"),
    ],
)
def test_code_is_refused_by_name_and_place(attack, name, weights_only) -> None:
    for protocol in (2, 4):
        file = io.BytesIO()
        lampas.save({"model": {"w": lampas.ones(2), "x": attack}}, file, pickle_protocol=protocol)
        file.seek(0)
        with pytest.raises(pickle.UnpicklingError, match=name) as e:
            lampas.load(file, weights_only=weights_only)
        assert "byte " in str(e.value) and "['model']['x']" in str(e.value)
        assert "tensors_only=True" in str(e.value)
        file.seek(0)
        tensors = lampas.load(file, tensors_only=True)
        assert list(tensors) == ["model.w"] and tensors["model.w"].tolist() == [1, 1]
    assert not Evil.ran


def test_states_cannot_reach_functions_and_classes() -> None:
    # c collections OrderedDict, {'__init__': 1}, BUILD: sets an attribute of the class itself.
    data = b"\x80\x02ccollections\nOrderedDict\n}X\x01\x00\x00\x00aK\x01sb."
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as z:
        z.writestr("a/data.pkl", data)
    out.seek(0)
    with pytest.raises(pickle.UnpicklingError, match="a state for type"):
        lampas.load(out)
    assert not hasattr(OrderedDict, "a")


def test_object_arrays_are_refused() -> None:
    with pytest.raises(pickle.UnpicklingError, match="dtype"):
        trip(np.array([{}, []], dtype=object))


class Config:
    def __init__(self, n: int) -> None:
        self.n = n


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(2, 3)
        self.act = nn.functional.relu
        self.blocks = nn.ModuleList([nn.Conv2d(1, 1, 1), nn.BatchNorm2d(1)])

    def forward(self, x):
        return self.act(self.fc(x))


@pytest.fixture
def importable(monkeypatch):
    import sys
    from types import ModuleType

    module = ModuleType("a_program")
    for cls in (Config, Net):
        monkeypatch.setattr(cls, "__module__", "a_program")
        setattr(module, cls.__name__, cls)
    monkeypatch.setitem(sys.modules, "a_program", module)


def test_own_classes_have_to_be_allowed(importable) -> None:
    with pytest.raises(pickle.UnpicklingError, match=r"add_safe_globals\(\[Config\]\)"):
        trip(Config(3), weights_only=False)
    with lampas.serialization.safe_globals([Config]):
        assert trip(Config(3)).n == 3
        assert lampas.serialization.get_safe_globals() == [Config]
    assert lampas.serialization.get_safe_globals() == []
    with pytest.raises(TypeError, match="must be a list"):
        lampas.serialization.add_safe_globals(Config)  # type: ignore[arg-type]


def test_whole_modules(importable) -> None:
    net = Net()
    with pytest.raises(pickle.UnpicklingError, match="weights_only=False"):
        trip(net)
    new = trip(net, weights_only=False)
    x = lampas.randn(4, 2)
    assert type(new) is Net and lampas.equal(new(x), net(x))
    assert list(trip(net, tensors_only=True)) == list(net.state_dict())


# ---- damage --------------------------------------------------------------------------------------
def test_every_cut_of_a_file_is_said() -> None:
    for legacy in (False, True):
        file = io.BytesIO()
        state = {"a": lampas.ones(30), "b": lampas.ones(4)}
        lampas.save(state, file, _use_new_zipfile_serialization=not legacy)
        data = file.getvalue()
        for n in range(1, len(data), 7):
            with pytest.raises((RuntimeError, pickle.UnpicklingError)):
                lampas.load(io.BytesIO(data[:n]))
    with pytest.raises(EOFError):
        lampas.load(io.BytesIO(b""))


def test_changed_bytes_are_said_with_their_place(tmp_path) -> None:
    path = tmp_path / "x.pt"
    lampas.save({"a": lampas.ones(30)}, path)
    data = bytearray(path.read_bytes())
    at = data.index(np.ones(30, "f4").tobytes())
    data[at + 5] ^= 1
    path.write_bytes(data)
    with pytest.raises(RuntimeError, match=rf"x/data/0.*byte {at} "):
        lampas.load(path)


def test_random_damage_never_does_more_than_raise() -> None:
    file = io.BytesIO()
    lampas.save({"a": lampas.ones(3), "n": np.ones(2), "s": {1, "x"}}, file)
    rng = np.random.default_rng(0)
    with zipfile.ZipFile(file) as z:
        parts = {i.filename: z.read(i) for i in z.infolist()}
    for _ in range(300):
        bad = bytearray(parts["archive/data.pkl"])
        for at in rng.integers(0, len(bad), 3):
            bad[at] = rng.integers(0, 256)
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as z:
            for name, content in parts.items():
                z.writestr(name, bytes(bad) if name == "archive/data.pkl" else content)
        out.seek(0)
        try:
            lampas.load(out)
        except (RuntimeError, pickle.UnpicklingError, EOFError):
            pass


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"hello, this is no file of tensors", "invalid magic number"),
        (b"<!DOCTYPE html><html></html>", "download it again"),
        (pickle.dumps({"a": 1}), "was not written by save"),
    ],
)
def test_other_files(content, text) -> None:
    with pytest.raises(RuntimeError, match=text):
        lampas.load(io.BytesIO(content))


# ---- paths ---------------------------------------------------------------------------------------
def test_a_failed_save_leaves_the_old_file(tmp_path) -> None:
    path = tmp_path / "x.pt"
    lampas.save({"a": 1}, path)
    with pytest.raises((AttributeError, pickle.PicklingError)):
        lampas.save({"a": lambda: 1}, path)
    assert lampas.load(path) == {"a": 1} and os.listdir(tmp_path) == ["x.pt"]


def test_links_and_modes_survive(tmp_path) -> None:
    path, link = tmp_path / "real.pt", tmp_path / "link.pt"
    lampas.save(1, path)
    path.chmod(0o640)
    link.symlink_to(path)
    lampas.save(2, link)
    assert link.is_symlink() and lampas.load(str(path)) == 2
    assert path.stat().st_mode & 0o777 == 0o640


def test_missing_files_and_folders(tmp_path) -> None:
    lampas.save(1, tmp_path / "model.pt")
    with pytest.raises(FileNotFoundError, match=r"did you mean model\.pt"):
        lampas.load(tmp_path / "modle.pt")
    with pytest.raises(RuntimeError, match=r"Parent directory .* does not exist"):
        lampas.save(1, tmp_path / "no" / "x.pt")
    with pytest.raises(AttributeError, match="seek"):
        lampas.load(3)  # type: ignore[arg-type]


def test_what_is_no_binary_file(tmp_path) -> None:
    with pytest.raises(RuntimeError, match="is a folder"):
        lampas.save(1, tmp_path)
    (tmp_path / "x.pt").write_bytes(b"x")
    with open(tmp_path / "x.pt") as text, pytest.raises(TypeError, match="mode 'rb'"):
        lampas.load(text)
    with pytest.raises(RuntimeError, match="explicit pickle_module"):
        lampas.load(tmp_path / "x.pt", pickle_module=pickle, weights_only=True)


def test_pickle_and_deepcopy_go_on() -> None:
    import copy

    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
    for new in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        assert lampas.equal(new[0].weight, model[0].weight)


# ---- safetensors ---------------------------------------------------------------------------------
def test_safetensors_from_the_reference() -> None:
    for options in ({}, {"mmap": True}):
        t = lampas.load(DATA / "reference.safetensors", **options)
        assert set(t) == {"a", "b", "c", "e", "z"}
        assert t["b"].dtype is lampas.bfloat16 and t["b"].tolist() == [1, 1]
        assert t["c"].item() is True and t["e"].shape == (0, 2) and t["z"].tolist() == [1, 1]
    with safetensors.safe_open(DATA / "reference.safetensors") as f:
        assert f.metadata() == {"m": "é"} and f.get_slice("a")[:2].shape == (2,)
        with pytest.raises(safetensors.SafetensorError, match="does not contain"):
            f.get_tensor("q")


def test_safetensors_for_the_reference(tmp_path) -> None:
    reference = pytest.importorskip("safetensors.numpy")
    x = lampas.arange(6.0).reshape(2, 3)
    state = {"x": x.t(), "n": lampas.tensor(3), "h": lampas.ones(2).half()}
    lampas.save(state, tmp_path / "x.safetensors")
    got = reference.load_file(tmp_path / "x.safetensors")
    np.testing.assert_array_equal(got["x"], np.arange(6.0).reshape(2, 3).T)
    assert got["n"] == 3 and got["h"].dtype == np.float16
    assert safetensors.load(safetensors.save(state))["n"].item() == 3


def test_safetensors_refuses(tmp_path) -> None:
    x = lampas.ones(4)
    with pytest.raises(RuntimeError, match="share memory"):
        safetensors.save({"a": x, "b": x[:2]})
    assert len(safetensors.load(safetensors.save({"a": x[:2], "b": x[2:]}))) == 2
    with pytest.raises(ValueError, match="tensors by name"):
        safetensors.save({"a": 1})  # type: ignore[dict-item]
    good = safetensors.save({"a": x})
    for n in range(1, len(good), 5):
        with pytest.raises(safetensors.SafetensorError):
            safetensors.load(good[:n])
    for old, new in ((b'"F32"', b'"F64"'), (b"[0,16]", b"[4,20]"), (b"[4]", b"[5]")):
        with pytest.raises(safetensors.SafetensorError, match="damaged"):
            safetensors.load(good.replace(old, new))


def test_safetensors_of_tied_weights(tmp_path) -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    model[1].weight = model[0].weight
    safetensors.save_model(model, tmp_path / "m.safetensors")
    new = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    assert safetensors.load_model(new, tmp_path / "m.safetensors") == ([], [])
    assert lampas.equal(new[1].weight, model[0].weight)


def test_checksums_are_those_of_zlib() -> None:
    file = io.BytesIO()
    lampas.save(lampas.arange(5), file)
    with zipfile.ZipFile(file) as z:
        info = z.getinfo("archive/data/0")
        assert info.CRC == zlib.crc32(np.arange(5).tobytes())


def test_fractions_when_allowed() -> None:
    with lampas.serialization.safe_globals([Fraction]):
        assert trip(Fraction(1, 3)) == Fraction(1, 3)
    assert trip(Fraction(1, 3), weights_only=False) == Fraction(1, 3)
