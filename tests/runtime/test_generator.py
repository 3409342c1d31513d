"""The state of random streams: set, kept, given on; values as PyTorch draws them."""

from __future__ import annotations

import copy
import os
import pickle

import numpy as np
import pytest

import lampas


def test_seeds() -> None:
    lampas.manual_seed(3)
    first = lampas.rand(4)
    assert lampas.initial_seed() == 3
    g = lampas.manual_seed(3)
    assert g is lampas.default_generator and lampas.rand(4).equal(first)
    assert not lampas.rand(4).equal(first)
    lampas.manual_seed(-1)
    assert lampas.initial_seed() == 2**64 - 1
    assert isinstance(lampas.seed(), int)
    for bad in (2**64, -(2**63) - 1):
        with pytest.raises((RuntimeError, ValueError, OverflowError), match=r"[Oo]verflow"):
            lampas.manual_seed(bad)


def test_known_values() -> None:
    """Recorded from PyTorch."""
    lampas.manual_seed(0)
    rand = [0.49625658988952637, 0.7682217955589294, 0.08847743272781372]
    assert lampas.rand(3).tolist() == rand
    lampas.manual_seed(0)
    np.testing.assert_allclose(lampas.randn(3), [1.5409960, -0.2934289, -2.1787894], rtol=1e-6)
    lampas.manual_seed(0)
    assert lampas.randint(0, 100, (5,)).tolist() == [44, 39, 33, 60, 63]
    lampas.manual_seed(0)
    assert lampas.randperm(6).tolist() == [2, 5, 3, 0, 1, 4]


def test_states_come_back() -> None:
    lampas.manual_seed(1)
    lampas.randn(3)  # an odd number: half a pair is kept in the state
    state = lampas.get_rng_state()
    assert state.dtype == lampas.uint8 and state.dim() == 1
    first = [lampas.randn(5), lampas.rand(5), lampas.randint(0, 9, (5,)), lampas.randperm(5)]
    lampas.set_rng_state(state)
    again = [lampas.randn(5), lampas.rand(5), lampas.randint(0, 9, (5,)), lampas.randperm(5)]
    assert all(a.equal(b) for a, b in zip(first, again, strict=True))
    with lampas.random.fork_rng():
        lampas.set_rng_state(state)
        assert lampas.randn(5).equal(first[0])
    assert not lampas.randn(5).equal(first[0])


@pytest.mark.parametrize(
    "bad",
    [
        lampas.zeros(3, dtype=lampas.uint8),
        lampas.zeros(5000, dtype=lampas.uint8),
        lampas.zeros(0, dtype=lampas.uint8),
        lampas.zeros(5056),
        "text",
        None,
    ],
)
def test_states_that_are_none(bad) -> None:
    before = lampas.get_rng_state()
    with pytest.raises((RuntimeError, TypeError)):
        lampas.set_rng_state(bad)
    assert lampas.get_rng_state().equal(before)


def test_damaged_states_never_do_more_than_raise() -> None:
    rng = np.random.default_rng(0)
    good = lampas.Generator().manual_seed(0).get_state()
    for _ in range(200):
        state, g = good.clone(), lampas.Generator()
        where = lampas.tensor(rng.integers(0, len(state), 8))
        state[where] = lampas.tensor(rng.integers(0, 256, 8), dtype=lampas.uint8)
        try:
            g.set_state(state)
        except RuntimeError:
            continue
        lampas.rand(700, generator=g)
        lampas.randn(9, generator=g)


def test_generators_are_their_own_streams() -> None:
    lampas.manual_seed(0)
    a, b = lampas.Generator().manual_seed(7), lampas.Generator().manual_seed(7)
    before = lampas.get_rng_state()
    assert lampas.rand(5, generator=a).equal(lampas.rand(5, generator=b))
    assert lampas.get_rng_state().equal(before) and a.initial_seed() == 7
    assert a.device == lampas.device("cpu")
    c = lampas.Generator()
    c.set_state(a.get_state())
    assert lampas.randn(3, generator=c).equal(lampas.randn(3, generator=a))
    d = a.clone_state() if hasattr(a, "clone_state") else copy.deepcopy(a)
    assert lampas.randn(3, generator=d).equal(lampas.randn(3, generator=a))
    e = pickle.loads(pickle.dumps(a))
    assert lampas.randn(3, generator=e).equal(lampas.randn(3, generator=a))
    for call in (
        lampas.randperm,
        lambda n, generator: lampas.empty(n).normal_(generator=generator),
    ):
        x, y = call(5, generator=a), call(5, generator=d)
        assert x.shape == y.shape
    with pytest.raises(TypeError):
        lampas.rand(3, generator=3)


def test_layout_does_not_change_what_is_drawn() -> None:
    for draw in ("uniform_", "exponential_", "random_", "bernoulli_"):
        lampas.manual_seed(0)
        want = getattr(lampas.empty(3, 8), draw)()
        lampas.manual_seed(0)
        wide = lampas.empty(3, 16)[:, ::2]
        assert getattr(wide, draw)().equal(want), draw


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_child_goes_on_from_the_same_state() -> None:
    lampas.manual_seed(11)
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(write, lampas.rand(4).numpy().tobytes())
        os._exit(0)
    os.close(write)
    os.waitpid(pid, 0)
    assert np.frombuffer(os.read(read, 64), "f4").tolist() == lampas.rand(4).tolist()
    os.close(read)
