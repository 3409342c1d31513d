"""Timers with a clock of the test's own, so that nothing depends on the machine."""

from __future__ import annotations

import pytest

import lampas
from lampas.utils.benchmark import Compare, Measurement, TaskSpec, Timer, select_unit


class Clock:
    """Every statement takes a millisecond more of its time."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def tick(self, seconds: float = 1e-3) -> None:
        self.now += seconds


def timer(clock: Clock, **kwargs) -> Timer:
    return Timer("tick()", timer=clock, globals={"tick": clock.tick}, **kwargs)


def test_the_time_of_one_statement() -> None:
    m = timer(Clock()).timeit(50)
    assert m.number_per_run == 50 and len(m.raw_times) == 1
    assert m.median == pytest.approx(1e-3) and m.mean == pytest.approx(1e-3) and m.iqr == 0
    assert "1.00 ms" in repr(m) and "1 measurement, 50 runs" in repr(m)


def test_blocks_fill_the_time() -> None:
    seen = []
    m = timer(Clock()).blocked_autorange(lambda n, t: seen.append((n, t)), min_run_time=0.05)
    assert sum(m.raw_times) >= 0.05 and sum(m.raw_times[:-1]) < 0.05
    assert seen == [(m.number_per_run, t) for t in m.raw_times]
    m = timer(Clock()).adaptive_autorange(min_run_time=0.01)
    assert len(m.raw_times) >= 4 and m.meets_confidence() and not m.has_warnings


def test_times_that_never_agree_end() -> None:
    clock = Clock()
    state = {"n": 0}

    def irregular() -> None:
        state["n"] += 1
        clock.tick(1e-2 * (state["n"] % 7 + 1))

    unsteady = Timer("f()", timer=clock, globals={"f": irregular})
    m = unsteady.adaptive_autorange(threshold=1e-6, max_run_time=1.0)
    assert 1.0 <= sum(m.raw_times) < 1.2 and m.has_warnings and "WARNING" in repr(m)


def test_threads_and_names() -> None:
    before = lampas.get_num_threads()
    seen: list[int] = []
    note = lambda: seen.append(lampas.get_num_threads())
    Timer("note(); torch.ones(1)", setup="x = 1", globals={"note": note}, num_threads=3).timeit(2)
    assert set(seen) == {3} and lampas.get_num_threads() == before
    with pytest.raises(NameError):
        Timer("missing").timeit(1)
    assert lampas.get_num_threads() == before
    for kwargs, text in (
        ({"language": "c++"}, "only statements of Python"),
        ({"global_setup": "x"}, "use setup"),
        ({"stmt": 3}, "`str` stmt"),
    ):
        with pytest.raises(ValueError, match=text):
            Timer(**kwargs)


def test_measurements_of_one_task_join() -> None:
    task, other = TaskSpec("x", label="a", sub_label="b"), TaskSpec("y")
    one, two = Measurement.merge(
        [Measurement(2, [4.0], task), Measurement(1, [1.0], other), Measurement(2, [8.0], task)]
    )
    assert one.times == [2, 4] and one.median == 3 and one.title == "a: b" and two.mean == 1
    assert one.as_row_name == "b" and two.as_row_name == "y" and two.env == "Unspecified env"
    assert select_unit(0.5) == ("ms", 1e-3) and select_unit(1e-9)[0] == "ns"
    with pytest.raises(RuntimeError, match="no times"):
        Measurement(1, [], task).median


def test_tables() -> None:
    def result(row: str, column: str, seconds: float, threads: int = 1) -> Measurement:
        return Measurement(
            1, [seconds], TaskSpec("x", "pass", "", "sum", row, column, None, threads)
        )

    table = Compare([result("8", "old", 3e-6), result("8", "new", 2.5e-6)])
    table.extend_results([result("1000", "old", 250e-6), result("8", "old", 1e-6, threads=4)])
    lines = str(table).splitlines()
    assert "sum" in lines[0] and [c.strip() for c in lines[1].split("|")[1:]] == ["old", "new"]
    assert lines[2].startswith("1 threads: ---")
    assert [c.strip() for c in lines[3].split("|")] == ["8", "3.0", "2.5"] or "3" in lines[3]
    assert [c.strip() for c in lines[4].split("|")] == ["1000", "250", ""]
    assert lines[5].startswith("4 threads: ---") and lines[-1].endswith("microseconds (us).")
    table.colorize()
    green = [line.count("\033[92m") for line in str(table).splitlines()]
    assert sum(green) == 1 and green[5] == 0 and green[6] == 1  # 1.0 is the shortest of "old"
    table.colorize(rowwise=True)
    assert "\033[92m2.5" in str(table).splitlines()[3]
    with pytest.raises(ValueError, match="Expected an instance of `Measurement`"):
        Compare([3])
