"""Subclasses of Tensor, tensor-like types and function modes."""

from __future__ import annotations

import copy

import pytest

import lampas
from lampas import Tensor, nn, overrides
from lampas.nn import functional as F
from lampas.profiler import profile


class Plain(Tensor):
    pass


class Logged(Tensor):
    names: list = []

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        cls.names.append(func.__name__)
        return super().__torch_function__(func, types, args, kwargs or {})


def test_results_are_of_the_subclass() -> None:
    x = lampas.arange(6.0).reshape(2, 3).as_subclass(Plain)
    results = [
        x + 1, 1 + x, 2 * x, 2 / (x + 1), 2 // (x + 1),
        2 % (x + 1), 2 - x, x * x, x / 2, x // 2, x % 2, x**2, 2**x, -x, abs(x), x == x, x < 1,
        x @ x.mT, x[0], x[:, 1:], x.sum(), x.exp(), x.clone(), x.detach(), x.to(lampas.float64),
        lampas.cat([x, x]), lampas.stack([lampas.ones(2, 3), x]), lampas.where(x > 1, x, 0.0),
        F.relu(x), F.softmax(x, 1), x.max(1).values, x.split(1)[0], next(iter(x)), x.add_(1),
        lampas.ones(2, 3) + x, nn.Linear(3, 1)(x), copy.deepcopy(x),
    ]  # fmt: skip
    assert [type(r) for r in results] == [Plain] * len(results)
    assert type(x.shape) is lampas.Size and type(x.tolist()) is list
    assert type(x.max(1)).__name__ == "max"


def test_values_are_those_of_plain_tensors() -> None:
    plain = lampas.tensor([1.0, 3.0, 7.0])
    watched = plain.as_subclass(Plain)
    for f in (
        lambda x: 2 * x, lambda x: 2 / x, lambda x: 7 // x, lambda x: 7 % x, lambda x: 2 - x,
        lambda x: 2**x, lambda x: x > 2, lambda x: 3 == x, lambda x: True + x,
    ):  # fmt: skip
        got = f(watched)
        assert got.tolist() == f(plain).tolist() and got.dtype is f(plain).dtype
    with profile() as prof:
        half, inverse = 0.5 * plain, 1 / plain[:1]
    assert half.tolist() == [0.5, 1.5, 3.5] and inverse.tolist() == [1]
    assert [e.name for e in prof.events()] == ["aten::mul", "aten::getitem", "aten::div"]


def test_parameters_give_tensors() -> None:
    p = nn.Parameter(lampas.ones(2))
    assert type(p + 1) is Tensor and type(p[0]) is Tensor and type(-p) is Tensor
    assert type(p + lampas.ones(2).as_subclass(Plain)) is Plain


def test_gradients_pass_subclasses() -> None:
    x = lampas.ones(3, requires_grad=True)
    (x.as_subclass(Plain) * 2).sum().backward()
    assert x.grad.tolist() == [2, 2, 2]


def test_a_handler_sees_the_calls() -> None:
    x = lampas.ones(2, 2).as_subclass(Logged)
    Logged.names.clear()
    x[0] = 3
    x + 1
    lampas.stack([x, x])
    x[0].sum()
    assert Logged.names == ["__setitem__", "add", "stack", "__getitem__", "sum"]


def test_make_subclass_with_attributes() -> None:
    class Tagged(Tensor):
        @staticmethod
        def __new__(cls, data, tag):
            return Tensor._make_subclass(cls, data)

        def __init__(self, data, tag):
            self.tag = tag

        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            result = super().__torch_function__(func, types, args, kwargs)
            tags = [a.tag for a in args if isinstance(a, Tagged)]
            if isinstance(result, Tagged) and tags:
                result.tag = tags[0]
            return result

    y = Tagged(lampas.ones(2), "metres") * 2
    assert y.tag == "metres" and y.tolist() == [2, 2]


class Diagonal:
    """A matrix that is no tensor."""

    def __init__(self, n: int) -> None:
        self.n = n

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        if func is lampas.sum:
            return "sum of a diagonal"
        if func is lampas.add:
            return ("add", [t.__name__ for t in types])
        return NotImplemented


def test_types_that_are_no_tensors() -> None:
    assert lampas.sum(Diagonal(2)) == "sum of a diagonal"
    assert lampas.add(lampas.ones(2), Diagonal(2)) == ("add", ["Diagonal"])
    assert lampas.ones(2) + Diagonal(2) == ("add", ["Diagonal"])
    with pytest.raises(TypeError, match=r"Multiple dispatch failed for 'torch\.exp'"):
        lampas.exp(Diagonal(2))
    assert overrides.is_tensor_like(Diagonal(1)) and not overrides.is_tensor_like(1)


def test_subclasses_are_asked_first() -> None:
    order = []

    class Base(Tensor):
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            order.append(cls.__name__)
            return NotImplemented

    class Derived(Base):
        pass

    with pytest.raises(TypeError, match="Multiple dispatch"):
        lampas.add(lampas.ones(1).as_subclass(Base), lampas.ones(1).as_subclass(Derived))
    assert order == ["Derived", "Base"]


def test_modes() -> None:
    class Names(overrides.TorchFunctionMode):
        def __init__(self):
            self.seen = []

        def __torch_function__(self, func, types, args=(), kwargs=None):
            self.seen.append(func.__name__)
            return func(*args, **(kwargs or {}))

    with Names() as outer, Names() as inner:
        x = lampas.ones(2)
        y = x + 1
        y[0]
    x.exp()
    assert inner.seen == outer.seen == ["ones", "add", "__getitem__"]
    with outer, overrides.DisableTorchFunction():
        x.exp()
    assert len(outer.seen) == 3


def test_a_mode_that_raises_is_left() -> None:
    class Fails(overrides.TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):
            raise KeyError("no")

    with pytest.raises(KeyError), Fails():
        lampas.ones(2)
    assert lampas.ones(1).item() == 1


def test_disabled() -> None:
    x = lampas.ones(2).as_subclass(Logged)
    with overrides.DisableTorchFunctionSubclass():
        assert type(x + 1) is Tensor
    assert type(x + 1) is Logged


def test_own_functions_can_be_taken_over() -> None:
    @overrides.wrap_torch_function(lambda x: (x,))
    def half(x):
        return x / 2

    class Zero:
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            return (func is half, args)

    zero = Zero()
    assert half(zero) == (True, (zero,)) and half(lampas.ones(1)).item() == 0.5
    assert overrides.has_torch_function((1, [zero])) and not overrides.has_torch_function((1,))


def test_names() -> None:
    assert overrides.resolve_name(lampas.Tensor.add) == "torch.Tensor.add"
    assert overrides.resolve_name(lampas.add) == "torch.add"
    assert overrides.resolve_name(Tensor.T.__get__) == "torch.Tensor.T.__get__"
    assert overrides.is_tensor_method_or_property(Tensor.__getitem__)
    functions = overrides.get_overridable_functions()
    assert lampas.add in functions[lampas] and lampas.ones not in functions[lampas]
    assert lampas.ones in overrides.get_ignored_functions()
    assert overrides.get_testing_overrides()[lampas.add](1, 2) == -1
