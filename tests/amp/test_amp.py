"""The state of autocast, and loss scaling."""

from __future__ import annotations

import pickle
import threading

import pytest

import lampas
from lampas import amp, optim
from lampas.amp import _state


def setting() -> tuple:
    enabled, dtype = _state.is_autocast_enabled("cpu"), _state.get_autocast_dtype("cpu")
    return enabled, dtype, _state.is_autocast_cache_enabled()


def test_autocast_nests_and_restores() -> None:
    before = setting()
    with amp.autocast("cpu", dtype=lampas.float16, cache_enabled=False):
        assert setting() == (True, lampas.float16, False)
        with amp.autocast("cpu", enabled=False):
            assert setting()[0] is False
        with amp.autocast("cpu", dtype=lampas.bfloat16):
            assert setting()[:2] == (True, lampas.bfloat16)
        assert setting() == (True, lampas.float16, False)
    assert setting() == before == (False, lampas.bfloat16, True)
    with pytest.raises(KeyError):
        with amp.autocast("cpu"):
            raise KeyError
    assert setting() == before


def test_autocast_decorates() -> None:
    @amp.autocast("cpu")
    def inside(a, *, b):
        """Doc."""
        return a, b, setting()[0]

    assert inside(1, b=2) == (1, 2, True)
    assert inside.__doc__ == "Doc." and not setting()[0]


def test_autocast_belongs_to_a_thread() -> None:
    seen = []
    with amp.autocast("cpu"):
        thread = threading.Thread(target=lambda: seen.append(setting()[0]))
        thread.start()
        thread.join()
    assert seen == [False]


def test_autocast_errors_and_warnings() -> None:
    with pytest.raises(ValueError, match="Expected `device_type` of type `str`"):
        amp.autocast(3)
    with pytest.raises(RuntimeError, match="unsupported autocast device_type 'abacus'"):
        amp.autocast("abacus")
    with pytest.raises(TypeError, match="requires a callable, but got int"):
        amp.autocast("cpu")(3)
    with pytest.warns(UserWarning, match="target dtype .*float64 is not supported"):
        off = amp.autocast("cpu", dtype=lampas.float64)
    with off:
        assert not setting()[0]
    with pytest.warns(UserWarning, match="CUDA is not available"):
        amp.autocast("cuda")
    assert amp.is_autocast_available("cpu") and not amp.is_autocast_available("abacus")


def test_custom_function_under_autocast() -> None:
    seen = []

    class Double(lampas.autograd.Function):
        @staticmethod
        @amp.custom_fwd(device_type="cpu", cast_inputs=lampas.float32)
        def forward(ctx, x):
            seen.append((x.dtype, setting()[0]))
            return x * 2

        @staticmethod
        @amp.custom_bwd(device_type="cpu")
        def backward(ctx, grad):
            seen.append(setting()[0])
            return grad * 2

    x = lampas.ones(2, dtype=lampas.bfloat16, requires_grad=True)
    with amp.autocast("cpu"):
        y = Double.apply(x)
    y.sum().backward()
    assert seen == [(lampas.float32, False), False]


# ---- loss scaling -----------------------------------------------------------------------------


def start(**options):
    w = lampas.tensor([1.0, 2.0], requires_grad=True)
    return w, optim.SGD([w], lr=0.5), amp.GradScaler("cpu", init_scale=8.0, **options)


def test_scaled_step_is_the_plain_step() -> None:
    w, optimizer, scaler = start()
    scaler.scale((w * w).sum()).backward()
    assert w.grad.tolist() == [16.0, 32.0]
    scaler.unscale_(optimizer)
    assert w.grad.tolist() == [2.0, 4.0]
    scaler.step(optimizer)
    scaler.update()
    assert w.tolist() == [0.0, 0.0]


@pytest.mark.parametrize("bad", [float("inf"), float("nan")])
def test_infinite_gradients_skip_the_step_and_lower_the_scale(bad) -> None:
    w, optimizer, scaler = start()
    scaler.scale((w * w).sum()).backward()
    w.grad[0] = bad
    assert scaler.step(optimizer) is None
    scaler.update()
    assert w.tolist() == [1.0, 2.0] and scaler.get_scale() == 4.0


def test_scale_grows_after_good_steps() -> None:
    w, optimizer, scaler = start(growth_interval=2, growth_factor=4.0)
    scales = []
    for _ in range(4):
        optimizer.zero_grad()
        scaler.scale((w * w).sum()).backward()
        scaler.step(optimizer)
        scaler.update()
        scales.append(scaler.get_scale())
    assert scales == [8.0, 32.0, 32.0, 128.0]
    scaler.update(2.0)
    assert scaler.get_scale() == 2.0


def test_scales_collections() -> None:
    _, _, scaler = start()
    one = lampas.tensor(1.0)
    a, (b,) = scaler.scale([one, (one,)])
    assert (a.item(), b.item()) == (8.0, 8.0)
    assert [t.item() for t in scaler.scale(iter([one]))] == [8.0]
    with pytest.raises(ValueError, match="must be a Tensor or an iterable"):
        scaler.scale(3)


def test_scaler_state() -> None:
    w, optimizer, scaler = start(growth_interval=5)
    scaler.scale((w * w).sum()).backward()
    scaler.step(optimizer)
    with pytest.raises(AssertionError, match="may only be pickled"):
        pickle.dumps(scaler)
    scaler.update()
    state = scaler.state_dict()
    assert state == {
        "scale": 8.0, "growth_factor": 2.0, "backoff_factor": 0.5, "growth_interval": 5,
        "_growth_tracker": 1,
    }  # fmt: skip
    other = amp.GradScaler("cpu")
    other.load_state_dict(state)
    assert other.state_dict() == state == pickle.loads(pickle.dumps(scaler)).state_dict()
    with pytest.raises(RuntimeError, match="source state dict is empty"):
        other.load_state_dict({})


def test_scaler_misuse() -> None:
    w, optimizer, scaler = start()
    with pytest.raises(AssertionError, match="Attempted step but _scale is None"):
        scaler.step(optimizer)
    scaler.scale((w * w).sum()).backward()
    with pytest.raises(AssertionError, match="No inf checks were recorded"):
        scaler.update()
    scaler.unscale_(optimizer)
    with pytest.raises(RuntimeError, match="already been called on this optimizer"):
        scaler.unscale_(optimizer)
    scaler.step(optimizer)
    with pytest.raises(RuntimeError, match="is being called after step"):
        scaler.unscale_(optimizer)
    with pytest.raises(RuntimeError, match="step\\(\\) has already been called"):
        scaler.step(optimizer)
    with pytest.raises(RuntimeError, match="Closure use is not currently supported"):
        scaler.step(optimizer, closure=lambda: 0)
    with pytest.raises(AssertionError, match="growth factor must be > 1"):
        amp.GradScaler("cpu", growth_factor=0.5)


def test_disabled_scaler_does_nothing() -> None:
    with pytest.warns(UserWarning, match="CUDA is not available"):
        scaler = amp.GradScaler()
    w, optimizer, _ = start()
    loss = (w * w).sum()
    assert not scaler.is_enabled() and scaler.scale(loss) is loss and scaler.get_scale() == 1.0
    loss.backward()
    scaler.step(optimizer)
    scaler.update()
    assert w.tolist() == [0.0, 0.0] and scaler.state_dict() == {}
