"""Hints at likely mistakes: which are given, to whom, how often, and how to be rid of them."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import pytest

import lampas

PRELUDE = """
import lampas
from lampas import nn
from lampas.nn import functional as F

x, y = lampas.randn(4, 3, requires_grad=True), lampas.tensor([0, 1, 2, 0])
model = nn.Linear(3, 3)
optimizer = lampas.optim.SGD(model.parameters(), lr=0.1)
def backward():
    F.cross_entropy(model(x.detach()), y).backward()
"""


def hints(program: str, **env: str) -> list[str]:
    """What a program says on standard error, a warning in each line."""
    clean = {k: v for k, v in os.environ.items() if k not in ("LAMPAS_NO_HINTS", "PYTHONWARNINGS")}
    done = subprocess.run(
        [sys.executable, "-W", "always", "-c", PRELUDE + textwrap.dedent(program)],
        capture_output=True, text=True, env={**clean, **env},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [line for line in done.stderr.splitlines() if "Warning: " in line]


MISTAKES = {
    "softmax before cross_entropy": (
        "nn.CrossEntropyLoss()(F.softmax(x, 1), y)",
        "cross_entropy takes raw outputs (logits)",
    ),
    "softmax as a layer": (
        "nn.CrossEntropyLoss()(nn.Sequential(model, nn.Softmax(dim=1))(x), y)",
        "leave the softmax away",
    ),
    "softmax before nll_loss": ("F.nll_loss(x.softmax(1), y)", "log_softmax instead of softmax"),
    "sigmoid twice": (
        "nn.BCEWithLogitsLoss()(x.sigmoid(), lampas.rand(4, 3))",
        "leave the sigmoid away",
    ),
    "no zero_grad": (
        "for _ in range(3): backward(); optimizer.step()",
        "call optimizer.zero_grad() before each backward()",
    ),
}


@pytest.mark.parametrize("program, text", MISTAKES.values(), ids=list(MISTAKES))
def test_is_given_once_at_the_programs_line(program: str, text: str) -> None:
    said = hints(f"for attempt in range(3):\n    {program}\n")
    assert len(said) == 1
    assert text in said[0] and "LAMPAS_NO_HINTS=1" in said[0]
    assert said[0].startswith("<string>:"), "the hint names the program's line, not the package's"


@pytest.mark.parametrize("program, text", MISTAKES.values(), ids=list(MISTAKES))
def test_is_switched_off(program: str, text: str) -> None:
    assert hints(program, LAMPAS_NO_HINTS="1") == []


def test_zero_and_empty_leave_hints_on() -> None:
    program = "F.cross_entropy(F.softmax(x, 1), y)"
    assert len(hints(program, LAMPAS_NO_HINTS="0")) == len(hints(program, LAMPAS_NO_HINTS="")) == 1


@pytest.mark.parametrize(
    "program",
    [
        "F.cross_entropy(x, y); F.cross_entropy(F.log_softmax(x, 1), y)",
        "F.nll_loss(F.log_softmax(x, 1), y)",
        "F.binary_cross_entropy(x.sigmoid(), lampas.rand(4, 3))",
        "for _ in range(5): optimizer.zero_grad(); backward(); optimizer.step()",
        "for _ in range(5): backward(); optimizer.step(); optimizer.zero_grad()",
        "for _ in range(5): optimizer.zero_grad(set_to_none=False); backward(); optimizer.step()",
        "for _ in range(5): model.zero_grad(); backward(); optimizer.step()",
        "for _ in range(5): model.weight.grad = None; backward(); optimizer.step()",
        "for n in (1, 2, 3, 4):\n"
        "    for _ in range(n): backward()\n"
        "    optimizer.step(); optimizer.zero_grad()",
        "lampas.optim.LBFGS(model.parameters()).step(\n"
        "    lambda: (optimizer.zero_grad(), F.cross_entropy(model(x), y))[1])",
        "backward(); optimizer.step(); optimizer.step(); optimizer.step()",
    ],
)
def test_nothing_is_said_where_nothing_is_wrong(program: str) -> None:
    assert hints(program) == []


def test_the_watch_over_gradients_leaves_after_three_steps() -> None:
    import lampas

    p = lampas.zeros(2, requires_grad=True)
    optimizer = lampas.optim.SGD([p], lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        p.sum().backward()
        optimizer.step()
    assert not optimizer._optimizer_step_post_hooks


def test_hints_point_through_layers_of_a_users_own(tmp_path) -> None:  # type: ignore[no-untyped-def]
    program = tmp_path / "program.py"
    program.write_text(
        "import lampas\n"
        "class Net(lampas.nn.Module):\n"
        "    def forward(self, x):\n"
        "        return lampas.nn.CrossEntropyLoss()(x.softmax(1), lampas.tensor([0]))\n"
        "Net()(lampas.randn(1, 3, requires_grad=True))\n"
    )
    env = {k: v for k, v in os.environ.items() if k != "LAMPAS_NO_HINTS"}
    done = subprocess.run([sys.executable, program], capture_output=True, text=True, env=env)
    assert f"{program}:4: UserWarning" in done.stderr


def test_a_warning_points_at_the_programs_line() -> None:
    with pytest.warns(UserWarning, match="target size") as caught:
        lampas.nn.MSELoss()(lampas.rand(4, 1), lampas.rand(4))
    assert caught[0].filename == __file__
