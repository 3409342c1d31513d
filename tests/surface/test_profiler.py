from __future__ import annotations

import gzip
import json

import pytest

import lampas
from lampas import nn
from lampas.profiler import ProfilerAction, ProfilerActivity, profile, record_function, schedule


def test_events_nest() -> None:
    x = lampas.ones(3, requires_grad=True)
    with profile(activities=[ProfilerActivity.CPU], record_shapes=True) as prof:
        with record_function("outer"):
            y = (x * 2).sum()
        y.backward()
    events = {e.name: e for e in prof.events()}
    assert [e.name for e in prof.events()] == [
        "outer", "aten::mul", "aten::sum", "autograd::engine::execute",
    ]  # fmt: skip
    outer = events["outer"]
    assert [c.name for c in outer.cpu_children] == ["aten::mul", "aten::sum"]
    inside = sum(c.cpu_time_total for c in outer.cpu_children)
    assert outer.self_cpu_time_total == pytest.approx(outer.cpu_time_total - inside)
    assert events["aten::mul"].input_shapes[0] == [3]
    lampas.ones(1).exp()
    assert len(prof.events()) == 4


def test_sums_and_table() -> None:
    with profile(with_flops=True) as prof:
        for _ in range(3):
            lampas.ones(4, 5) @ lampas.ones(5, 6)
    rows = {e.key: e for e in prof.key_averages()}
    assert rows["aten::matmul"].count == 3
    assert rows["aten::matmul"].flops == 3 * 2 * 4 * 5 * 6
    table = prof.key_averages().table(sort_by="cpu_time_total", row_limit=1)
    assert "# of Calls" in table and "Self CPU time total" in table
    assert len([r for r in table.splitlines() if "aten::" in r]) == 1
    with pytest.raises(AttributeError, match="cannot sort by"):
        prof.key_averages().table(sort_by="nonsense")
    total = prof.key_averages().self_cpu_time_total
    assert total == pytest.approx(sum(e.self_cpu_time_total for e in prof.events()))


def test_shapes_group() -> None:
    with profile(record_shapes=True) as prof:
        lampas.ones(2).exp()
        lampas.ones(3).exp()
    rows = prof.key_averages(group_by_input_shape=True)
    assert sorted(e.input_shapes for e in rows if e.key == "aten::exp") == [[[2]], [[3]]]


def test_an_operator_that_fails_ends() -> None:
    with profile() as prof:
        with pytest.raises(RuntimeError):
            lampas.ones(2) @ lampas.ones(3)
        lampas.ones(2)
    assert all(e.cpu_parent is None for e in prof.events())


def test_schedule_and_steps() -> None:
    plan = schedule(wait=1, warmup=1, active=2, repeat=1, skip_first=1)
    assert [plan(i) for i in range(7)] == [
        ProfilerAction.NONE, ProfilerAction.NONE, ProfilerAction.WARMUP, ProfilerAction.RECORD,
        ProfilerAction.RECORD_AND_SAVE, ProfilerAction.NONE, ProfilerAction.NONE,
    ]  # fmt: skip
    ready = []
    with profile(schedule=plan, on_trace_ready=lambda p: ready.append(p.events())) as prof:
        for i in range(7):
            lampas.full((1,), float(i)).exp()
            prof.step()
    assert len(ready) == 1
    names = [e.name for e in ready[0]]
    assert names.count("aten::exp") == 2
    assert [n for n in names if n.startswith("Prof")] == ["ProfilerStep#3", "ProfilerStep#4"]


@pytest.mark.parametrize("name", ["trace.json", "trace.json.gz"])
def test_trace(tmp_path, name: str) -> None:
    model = nn.Sequential(nn.Linear(2, 2))
    with profile(with_stack=True, with_modules=True) as prof:
        model(lampas.ones(1, 2))
    prof.add_metadata_json("run", "[1, 2]")
    prof.export_chrome_trace(str(tmp_path / name))
    data = (tmp_path / name).read_bytes()
    trace = json.loads(gzip.decompress(data) if name.endswith("gz") else data)
    calls = [e for e in trace["traceEvents"] if e["ph"] == "X"]
    assert {"aten::ones", "aten::linear"} <= {e["name"] for e in calls}
    assert all(e["dur"] >= 0 and "ts" in e for e in calls) and trace["run"] == [1, 2]
    (linear,) = [e for e in calls if e["name"] == "aten::linear"]
    assert linear["args"]["Module Hierarchy"] == "Sequential.Linear"
    assert trace["trace_id"] == prof.get_trace_id()
    prof.export_stacks(str(tmp_path / "stacks"))
    assert "test_trace" in (tmp_path / "stacks").read_text()


def test_memory() -> None:
    kept = []
    with profile(profile_memory=True) as prof:
        kept.append(lampas.ones(1 << 20))
    assert prof.key_averages()[0].cpu_memory_usage >= 4 << 20


def test_one_at_a_time() -> None:
    with profile(), pytest.raises(RuntimeError, match="already enabled"):
        with profile():
            pass
    with profile() as prof:
        lampas.ones(1)
    assert len(prof.events()) == 1
