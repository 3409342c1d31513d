"""Selective checkpoints, and the questions about devices beside them."""

from __future__ import annotations

import functools

import pytest

import lampas
from lampas import nn
from lampas.utils.checkpoint import (
    CheckpointPolicy,
    DefaultDeviceType,
    checkpoint,
    create_selective_checkpoint_contexts,
    get_device_states,
    set_device_states,
)


class Count(lampas.overrides.TorchFunctionMode):
    """How often each operator runs."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: dict[str, int] = {}

    def __torch_function__(self, func, types, args=(), kwargs=None):
        self.calls[func.__name__] = self.calls.get(func.__name__, 0) + 1
        return func(*args, **(kwargs or {}))


def run(policy, function, *inputs, **options):
    keep = functools.partial(create_selective_checkpoint_contexts, policy, **options)
    inputs = [t.detach().requires_grad_() for t in inputs]
    with Count() as count:
        out = checkpoint(function, *inputs, use_reentrant=False, context_fn=keep)
        out.sum().backward()
    return out.detach(), [t.grad for t in inputs], count.calls


def block(x, w):
    y = lampas.mm(x, w).exp()
    return (y.mm(w).sigmoid() * y).sin()


x = lampas.randn(3, 3, generator=lampas.Generator().manual_seed(0))
w = lampas.randn(3, 3, generator=lampas.Generator().manual_seed(1))


def expected():
    a, b = x.detach().requires_grad_(), w.detach().requires_grad_()
    out = block(a, b)
    out.sum().backward()
    return out.detach(), a.grad, b.grad


def by_name(context, op, *args, **kwargs):
    kept = op in (lampas.mm, lampas.sigmoid)
    return CheckpointPolicy.MUST_SAVE if kept else CheckpointPolicy.PREFER_RECOMPUTE


@pytest.mark.parametrize(
    ("policy", "products", "exponents"),
    [
        ([], 4, 2),
        ([lampas.mm], 2, 2),
        ([lampas.Tensor.mm, lampas.exp], 2, 1),
        (by_name, 2, 2),
        (lambda context, op, *args, **kwargs: CheckpointPolicy.PREFER_SAVE, 2, 1),
        (lambda context, op, *args, **kwargs: CheckpointPolicy.MUST_RECOMPUTE, 4, 2),
    ],
)
def test_kept_operators_run_once(policy, products: int, exponents: int) -> None:
    out, grads, calls = run(policy, block, x, w)
    want = expected()
    assert lampas.equal(out, want[0])
    lampas.testing.assert_close(grads[0], want[1])
    lampas.testing.assert_close(grads[1], want[2])
    assert calls["mm"] == products and calls["exp"] == exponents


def test_layers_and_random_numbers() -> None:
    model = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.GELU(), nn.Linear(8, 1))
    data = lampas.randn(5, 4)
    keep = functools.partial(create_selective_checkpoint_contexts, [nn.functional.linear])
    grads = []
    for selective in (False, True):
        lampas.manual_seed(3)
        model.zero_grad()
        if selective:
            out = checkpoint(model, data, use_reentrant=False, context_fn=keep)
        else:
            out = model(data)
        out.sum().backward()
        grads.append([p.grad.clone() for p in model.parameters()])
    for a, b in zip(*grads, strict=True):
        lampas.testing.assert_close(a, b)


def test_two_backward_passes() -> None:
    a = x.detach().requires_grad_()
    keep = functools.partial(create_selective_checkpoint_contexts, [lampas.mm])
    out = checkpoint(block, a, w, use_reentrant=False, context_fn=keep)
    out.sum().backward(retain_graph=True)
    once = a.grad.clone()
    out.sum().backward()
    lampas.testing.assert_close(a.grad, 2 * once)


def test_results_that_are_written_to() -> None:
    def writes(a, b):
        y = a.mm(b)
        z = y.sin()
        y.add_(1)
        return z * y

    for allowed in (False, True):
        if allowed:
            run([lampas.mm], writes, x, w, allow_cache_entry_mutation=True)
        else:
            with pytest.raises(RuntimeError, match=r"has been mutated: a result of mm.*clone"):
                run([lampas.mm], writes, x, w)


def test_policies_that_are_none() -> None:
    for bad in (3, ["mm"]):
        with pytest.raises(TypeError, match="policy_fn_or_list"):
            create_selective_checkpoint_contexts(bad)
    with pytest.raises(TypeError, match="has to give a CheckpointPolicy"):
        run(lambda context, op, *args, **kwargs: "save", block, x, w)


def test_devices_of_checkpoints() -> None:
    assert get_device_states(lampas.ones(2), 3) == ([], [])
    set_device_states([], [])
    assert DefaultDeviceType.get_device_type() == "cpu"
    with pytest.raises(RuntimeError, match="no devices"):
        set_device_states([0], [lampas.zeros(1)], device_type="cuda")
    DefaultDeviceType.set_device_type("cuda")
    assert DefaultDeviceType.get_device_type() == "cuda"
    DefaultDeviceType.set_device_type("cpu")
