"""Hooks around forward and backward."""

from __future__ import annotations

import pytest

import lampas
from lampas import nn
from lampas.nn.modules import module as global_hooks


class Double(nn.Module):
    def forward(self, x, plus=0.0):
        return x * 2 + plus


def test_forward_pre_hooks_change_arguments() -> None:
    m, x = Double(), lampas.ones(1)
    handle = m.register_forward_pre_hook(lambda module, args: args[0] + 1)
    assert m(x).item() == 4
    m.register_forward_pre_hook(
        lambda module, args, kwargs: (args, {"plus": 10.0}), with_kwargs=True
    )
    assert m(x).item() == 14
    handle.remove()
    assert m(x).item() == 12


def test_forward_hooks_change_the_result_in_order() -> None:
    m, x = Double(), lampas.ones(1)
    m.register_forward_hook(lambda module, args, out: out + 1)
    m.register_forward_hook(lambda module, args, out: out * 10, prepend=True)
    assert m(x).item() == 21
    seen = []
    m.register_forward_hook(
        lambda module, args, kwargs, out: seen.append(kwargs), with_kwargs=True
    )
    m(x, plus=1.0)
    assert seen == [{"plus": 1.0}]


def test_a_pre_hook_with_kwargs_returns_a_pair() -> None:
    m = Double()
    m.register_forward_pre_hook(lambda module, args, kwargs: args, with_kwargs=True)
    with pytest.raises(RuntimeError, match="must return None or a tuple"):
        m(lampas.ones(1))


def test_always_called_hooks_run_after_an_error() -> None:
    class Fails(nn.Module):
        def forward(self, x):
            raise ValueError("inside")

    m, seen = Fails(), []
    m.register_forward_hook(lambda *a: seen.append("never"))
    m.register_forward_hook(lambda *a: seen.append("always"), always_call=True)
    with pytest.raises(ValueError, match="inside"):
        m(1)
    assert seen == ["always"]


def test_global_hooks_run_for_every_module_and_can_be_removed() -> None:
    seen = []
    handle = global_hooks.register_module_forward_hook(
        lambda module, args, out: seen.append(type(module).__name__)
    )
    net = nn.Sequential(nn.ReLU(), nn.Tanh())
    net(lampas.ones(1))
    handle.remove()
    net(lampas.ones(1))
    assert seen == ["ReLU", "Tanh", "Sequential"]


def test_full_backward_hooks_see_and_change_gradients() -> None:
    m = nn.Linear(2, 1, bias=False)
    x = lampas.ones(3, 2, requires_grad=True)
    seen = []

    def hook(module, grad_input, grad_output):
        seen.append((grad_input[0].shape, grad_output[0].shape))
        return (grad_input[0] * 0,)

    m.register_full_backward_hook(hook)
    m(x).sum().backward()
    assert seen == [((3, 2), (3, 1))]
    assert x.grad.abs().sum().item() == 0
    # The hook changes what leaves the module, not the gradient of its weight.
    assert lampas.equal(m.weight.grad, lampas.full((1, 2), 3.0))


def test_backward_pre_hooks_scale_what_comes_in() -> None:
    m = nn.Linear(2, 1, bias=False)
    m.register_full_backward_pre_hook(lambda module, grads: (grads[0] * 2,))
    m(lampas.ones(3, 2)).sum().backward()
    assert lampas.equal(m.weight.grad, lampas.full((1, 2), 6.0))


def test_backward_hooks_without_a_gradient_for_the_input() -> None:
    m, seen = nn.Linear(2, 1), []
    m.register_full_backward_hook(lambda module, gi, go: seen.append(gi))
    m(lampas.ones(3, 2)).sum().backward()
    assert seen == [(None,)]


def test_handles_remove_once_and_as_contexts() -> None:
    m = Double()
    with m.register_forward_hook(lambda *a: None) as handle:
        assert len(m._forward_hooks) == 1
    assert len(m._forward_hooks) == 0
    handle.remove()


def test_one_kind_of_backward_hooks_per_module() -> None:
    m = nn.Linear(1, 1)
    m.register_full_backward_hook(lambda *_: None)
    with pytest.raises(RuntimeError, match="Cannot use both regular backward hooks and full"):
        m.register_backward_hook(lambda *_: None)
    m.register_full_backward_hook(lambda *_: None)
