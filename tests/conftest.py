"""What every test starts from: fixed seeds, and global settings as they are in a new process."""

from __future__ import annotations

from collections.abc import Iterator

import hypothesis
import pytest

import lampas

# The same examples on every run; no deadline, because machines that run tests are shared.
hypothesis.settings.register_profile("repeatable", derandomize=True, deadline=None)
hypothesis.settings.load_profile("repeatable")


@pytest.fixture(autouse=True)
def _same_start() -> Iterator[None]:
    """Seeds the generator; complains about a test that leaves a global setting changed."""
    lampas.manual_seed(0)
    before = (lampas.get_default_dtype(), lampas.is_grad_enabled())
    yield
    after = (lampas.get_default_dtype(), lampas.is_grad_enabled())
    assert after == before, f"the test left default dtype and grad mode at {after}, not {before}"
