"""jit, compile, hub and multiprocessing."""

from __future__ import annotations

import copy
import hashlib
import io
import pickle

import pytest

import lampas
from lampas import hub, jit, nn
from lampas import multiprocessing as mp


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(2, 3)
        self.tied = self.fc

    def forward(self, x, scale: float = 1.0):
        return self.fc(x) * scale if x.sum() > 0 else self.fc(-x)

    @jit.export
    def twice(self, x):
        return self(x) * 2


# ---- jit -----------------------------------------------------------------------------------------
def test_scripted_modules() -> None:
    net = Net()
    scripted = jit.script(net)
    assert isinstance(scripted, jit.ScriptModule) and isinstance(scripted, Net)
    assert isinstance(scripted.fc, jit.ScriptModule) and scripted.tied is scripted.fc
    x = lampas.randn(4, 2)
    assert lampas.equal(scripted(x, scale=2.0), net(x, scale=2.0))
    assert lampas.equal(scripted.twice(x), net(x) * 2)
    assert scripted.fc.weight is net.fc.weight
    assert list(scripted.state_dict()) == list(net.state_dict())
    scripted.eval()
    assert net.training and not scripted.fc.training
    assert copy.deepcopy(scripted)(x).shape == (4, 3)
    assert isinstance(pickle.loads(pickle.dumps(jit.script(nn.Linear(1, 1)))), jit.ScriptModule)


def test_scripted_functions() -> None:
    @jit.script
    def f(x, n: int):
        for _ in range(n):
            x = x * 2
        return x

    assert f(lampas.ones(1), 3).item() == 8 and f.name == "f"
    with pytest.raises(TypeError, match="expected a function"):
        jit.script(3)


def test_traced_modules_follow_their_data() -> None:
    net = Net()
    traced = jit.trace(net, lampas.ones(1, 2))
    x = -lampas.ones(3, 2)
    assert lampas.equal(traced(x), net.fc(-x))
    with pytest.raises(RuntimeError, match="example_inputs"):
        jit.trace(net)


def test_frozen_modules() -> None:
    net = Net()
    with pytest.raises(RuntimeError, match="expects a ScriptModule"):
        jit.freeze(net.eval())
    frozen = jit.freeze(jit.script(net.eval()))
    x = lampas.ones(1, 2)
    before = net(x)
    with lampas.no_grad():
        net.fc.weight.zero_()
    assert lampas.equal(frozen(x), before) and not list(frozen.parameters())
    with pytest.raises(RuntimeError, match="eval mode"):
        jit.freeze(jit.script(Net()))


def test_files_of_scripted_modules(tmp_path) -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Linear(3, 3))
    model[2].weight = nn.Parameter(lampas.eye(3))
    x = lampas.randn(4, 2)
    for made in (jit.script(model), jit.trace(model, x)):
        made.eval()
        jit.save(made, tmp_path / "m.pt", _extra_files={"note": "é"})
        extra = {"note": ""}
        new = jit.load(tmp_path / "m.pt", _extra_files=extra)
        assert extra == {"note": "é".encode()}
        assert isinstance(new, jit.ScriptModule) and isinstance(new[0], nn.Linear)
        assert lampas.equal(new(x), made(x)) and not new.training and not new[1].training
        assert list(new.state_dict()) == list(model.state_dict())
    buffer = io.BytesIO()
    made.save(buffer)
    buffer.seek(0)
    assert all(p.is_meta for p in jit.load(buffer, map_location="meta").parameters())
    with pytest.raises(KeyError, match="no extra file 'other'"):
        jit.load(tmp_path / "m.pt", _extra_files={"other": ""})


def test_files_that_are_no_scripted_modules(tmp_path) -> None:
    with pytest.raises(TypeError, match=r"Remedy: jit\.script"):
        jit.save(nn.Linear(1, 1), tmp_path / "m.pt")
    lampas.save({"a": 1}, tmp_path / "x.pt")
    with pytest.raises(RuntimeError, match=r"not written by lampas\.jit\.save"):
        jit.load(tmp_path / "x.pt")

    class Local(nn.Module):
        def forward(self, x):
            return x

    jit.save(jit.script(nn.Sequential(nn.Linear(1, 1))), tmp_path / "m.pt")
    with pytest.raises((AttributeError, pickle.PicklingError)):
        jit.save(jit.script(Local()), tmp_path / "m.pt")  # cannot be found again by its name
    assert isinstance(jit.load(tmp_path / "m.pt")[0], nn.Linear)  # the old file is still there


def test_the_language() -> None:
    assert not jit.is_scripting() and not jit.is_tracing()
    assert jit.annotate(list[int], [1]) == [1] and jit.ignore(len) is len
    assert jit.isinstance({"a": [1]}, dict[str, list[int]])
    assert not jit.isinstance((1, "a"), tuple[int, int])


# ---- compile -------------------------------------------------------------------------------------
def test_compiled_modules() -> None:
    net = Net()
    compiled = lampas.compile(net, mode="reduce-overhead", fullgraph=True, dynamic=True)
    x = lampas.randn(4, 2)
    assert lampas.equal(compiled(x), net(x)) and compiled._orig_mod is net
    assert list(compiled.state_dict()) == [f"_orig_mod.{k}" for k in net.state_dict()]
    assert compiled.fc is net.fc and lampas.equal(compiled.twice(x), net(x) * 2)
    compiled.eval()
    assert not net.training
    compiled.note = 3
    assert net.note == 3
    assert len(list(compiled.parameters())) == len(list(net.parameters()))


def test_compiled_functions() -> None:
    @lampas.compile(backend="eager")
    def f(x):
        "doc"
        return x + 1

    assert f(lampas.ones(1)).item() == 2 and f.__doc__ == "doc" and f.__name__ == "f"
    for options in ({"mode": "default", "options": {}}, {"mode": "x"}, {"backend": "x"}):
        with pytest.raises(RuntimeError):
            lampas.compile(f, **options)
    with pytest.raises(RuntimeError, match="Lampas makes none"):
        lampas.compile(f, backend=lambda graph, inputs: graph)
    with pytest.raises(TypeError, match="expected a function or module"):
        lampas.compile(3)
    assert "inductor" in lampas.compiler.list_backends()


# ---- hub -----------------------------------------------------------------------------------------
@pytest.fixture
def repository(tmp_path):
    (tmp_path / "helper.py").write_text("WIDTH = 3\n")
    (tmp_path / "hubconf.py").write_text(
        "dependencies = ['lampas']\n"
        "from helper import WIDTH\n"
        "from lampas import nn\n"
        "def tiny(n=2):\n"
        "    'A tiny model.'\n"
        "    return nn.Linear(n, WIDTH)\n"
        "def _hidden(): pass\n"
    )
    return str(tmp_path)


def test_hub_of_a_folder(repository) -> None:
    assert hub.load(repository, "tiny", source="local", n=5).weight.shape == (3, 5)
    assert "tiny" in hub.list(repository, source="local")
    assert "_hidden" not in hub.list(repository, source="local")
    assert hub.help(repository, "tiny", source="local") == "A tiny model."
    with pytest.raises(RuntimeError, match="did you mean tiny"):
        hub.load(repository, "tinny", source="local")
    with pytest.raises(ValueError, match="Unknown source"):
        hub.load(repository, "tiny", source="mars")
    with pytest.raises(ValueError, match="owner/name"):
        hub.load("nonsense", "tiny")


def test_hub_fetches_files(tmp_path) -> None:
    file = io.BytesIO()
    lampas.save({"w": lampas.arange(3)}, file)
    digest = hashlib.sha256(file.getvalue()).hexdigest()
    good, bad = tmp_path / f"net-{digest[:8]}.pt", tmp_path / "net-00000000.pt"
    good.write_bytes(file.getvalue())
    bad.write_bytes(file.getvalue())
    options = {"model_dir": str(tmp_path / "kept"), "check_hash": True, "progress": False}
    state = hub.load_state_dict_from_url(good.as_uri(), **options)
    assert state["w"].tolist() == [0, 1, 2]
    good.unlink()
    assert hub.load_state_dict_from_url(good.as_uri(), **options)["w"].shape == (3,)
    with pytest.raises(RuntimeError, match="invalid hash value"):
        hub.load_state_dict_from_url(bad.as_uri(), **options)
    assert [p.name for p in (tmp_path / "kept").iterdir()] == [good.name]


# ---- multiprocessing -----------------------------------------------------------------------------
def test_sharing_moves_the_storage_and_its_views() -> None:
    x = lampas.arange(4.0)
    view = x[1:]
    assert not x.is_shared() and x.share_memory_() is x
    assert x.is_shared() and view.is_shared() and x.tolist() == [0, 1, 2, 3]
    x[1] = 9
    assert view[0] == 9
    assert nn.Linear(2, 2).share_memory().weight.is_shared()


def _worker(inbox, outbox, shared) -> None:
    a, b = inbox.get()
    a[2] = 5
    shared[0] = 7
    outbox.put((b[0].item(), b.requires_grad))
    inbox.get().data.fill_(3)
    outbox.put(None)


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_tensors_travel_by_reference(method: str) -> None:
    if method not in mp.get_all_start_methods():
        pytest.skip(f"no {method} here")
    context = mp.get_context(method)
    inbox, outbox = context.Queue(), context.Queue()
    shared, a, p = lampas.zeros(2).share_memory_(), lampas.zeros(4), nn.Parameter(lampas.ones(2))
    process = context.Process(target=_worker, args=(inbox, outbox, shared))
    process.start()
    inbox.put((a, a[2:]))
    assert outbox.get(timeout=60) == (5, False)
    inbox.put(p)
    outbox.get(timeout=60)
    process.join()
    assert a.tolist() == [0, 0, 5, 0] and shared[0] == 7 and p.tolist() == [3, 3]


def test_what_cannot_travel() -> None:
    y = lampas.ones(1, requires_grad=True) * 2
    with pytest.raises(RuntimeError, match="non-leaf"):
        mp.reducer.ForkingPickler.dumps(y)


def _fails(index: int) -> None:
    raise ValueError(f"number {index}")


def test_processes_started_together() -> None:
    with pytest.raises(mp.ProcessRaisedException, match="number 0"):
        mp.start_processes(_fails, nprocs=1, start_method="fork")
    with pytest.raises(AssertionError, match="unknown sharing strategy"):
        mp.set_sharing_strategy("pigeon")
