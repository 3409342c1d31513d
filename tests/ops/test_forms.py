"""Every row's other forms: `out=`, in place, as a method; and bad calls."""

from __future__ import annotations

import functools
import re
from typing import Any

import pytest

import lampas

from .rows import ROWS
from .table import Call, Op, T, assert_same, leaves
from .test_forward import stepped


def _with_out(op: Op, dtype: lampas.dtype) -> list[Call]:
    """The samples of signatures that have `out=`, with arguments made."""
    made = [sample.make(dtype) for sample in op.calls]
    fitting = [sample for sample in made if _fits(op, sample)]
    assert fitting, f"{op.name}: no sample for the signature with out="
    return fitting


def _fits(op: Op, sample: Call) -> bool:
    try:
        op.function(*sample.args, **sample.kwargs, out=None)
    except TypeError:
        return False
    return True


def _outs(result: Any, make: Any) -> Any:
    made = tuple(make(part) for part in leaves(result))
    return made[0] if isinstance(result, lampas.Tensor) else made


@pytest.mark.parametrize("op", [op for op in ROWS if op.takes_out], ids=lambda op: op.name)
def test_out(op: Op) -> None:
    for made in _with_out(op, op.main):
        expected = made.run(op.function)
        for make in (
            lambda part: lampas.empty(0, dtype=part.dtype),
            lambda part: stepped(part * 0),
            lambda part: lampas.ones(part.shape, dtype=part.dtype),
        ):
            out = _outs(expected, make)
            result = op.function(*made.args, **made.kwargs, out=out)
            assert_same(out, expected, what=op.name)
            for given, got in zip(leaves(out), leaves(result), strict=True):
                assert got is given


@pytest.mark.parametrize("op", [op for op in ROWS if op.takes_out], ids=lambda op: op.name)
def test_out_in_the_memory_of_an_operand(op: Op) -> None:
    for sample in op.calls:
        made = sample.make(op.main)
        if not made.args or not isinstance(made.args[0], lampas.Tensor) or not _fits(op, made):
            continue
        expected = made.run(op.function)
        first = made.args[0].detach()
        same = isinstance(expected, lampas.Tensor) and expected.dtype == first.dtype
        if not same or expected.shape != first.shape or not first.is_contiguous():
            continue
        memory = lampas.from_numpy(first.numpy())  # the same memory, another storage
        op.function(*made.args, **made.kwargs, out=memory)
        assert_same(memory, expected, what=op.name)


def _takes_tensor(op: Op) -> bool:
    return any(sample.args and isinstance(sample.args[0], T) for sample in op.calls)


_CONVERTING = [op for op in ROWS if op.takes_out and _takes_tensor(op)]


@pytest.mark.parametrize("op", _CONVERTING, ids=lambda op: op.name)
def test_out_of_a_type_that_cannot_hold_the_result(op: Op) -> None:
    made = _with_out(op, op.main)[0]
    expected = made.run(op.function)
    if not all(p.dtype.is_floating_point or p.dtype.is_complex for p in leaves(expected)):
        return
    out = _outs(expected, lambda part: lampas.empty(part.shape, dtype=lampas.int64))
    with pytest.raises(RuntimeError, match=r"cast|type"):
        op.function(*made.args, **made.kwargs, out=out)


def _written(op: Op) -> bool:
    return op.inplace and _takes_tensor(op) and hasattr(lampas.Tensor, op.short + "_")


@pytest.mark.parametrize("op", [op for op in ROWS if _written(op)], ids=lambda op: op.name)
def test_in_place(op: Op) -> None:
    tried = 0
    for sample in op.calls:
        made = sample.make(op.main)
        expected = made.run(op.function)
        if not isinstance(sample.args[0], T) or expected.shape != made.args[0].shape:
            continue
        for x in (made.args[0].clone(), stepped(made.args[0])):
            before = x._version
            method = getattr(x, op.short + "_")
            assert method(*made.args[1:], **made.kwargs) is x
            assert_same(x, expected.to(x.dtype), what=op.name)
            assert x._version > before
            tried += 1
    assert tried


@pytest.mark.parametrize("op", [op for op in ROWS if _written(op)], ids=lambda op: op.name)
def test_in_place_on_a_leaf_is_refused(op: Op) -> None:
    made = op.calls[0].make(op.main)
    if not (op.main.is_floating_point or op.main.is_complex):
        return
    x = made.args[0].clone().requires_grad_()
    with pytest.raises(RuntimeError, match="leaf"):
        getattr(x, op.short + "_")(*made.args[1:], **made.kwargs)


def _is_method(op: Op) -> bool:
    method = getattr(lampas.Tensor, op.name, None) if "." not in op.name else None
    return callable(method) and bool(op.calls[0].args) and isinstance(op.calls[0].args[0], T)


@pytest.mark.parametrize("op", [op for op in ROWS if _is_method(op)], ids=lambda op: op.name)
def test_method(op: Op) -> None:
    for sample in op.calls:
        made = sample.make(op.main)
        lampas.manual_seed(0)
        expected = made.run(op.function)
        lampas.manual_seed(0)
        result = getattr(made.args[0], op.name)(*made.args[1:], **made.kwargs)
        assert_same(result, expected, what=op.name)


@pytest.mark.parametrize("op", [op for op in ROWS if op.aliases], ids=lambda op: op.name)
def test_aliases(op: Op) -> None:
    made = op.calls[0].make(op.main)
    for alias in op.aliases:
        other = functools.reduce(getattr, alias.split("."), lampas)
        assert_same(made.run(other), made.run(op.function), what=alias)


_NATIVE = [op for op in ROWS if getattr(op.function, "__signatures__", None)]


@pytest.mark.parametrize("op", _NATIVE, ids=lambda op: op.name)
def test_calls_that_fit_no_signature(op: Op) -> None:
    with pytest.raises(TypeError, match=re.escape(op.short)):
        op.function(object())
    made = op.calls[0].make(op.main)
    with pytest.raises(TypeError, match=f"{op.short}.*unheard_of"):
        op.function(*made.args, **made.kwargs, unheard_of=1)


@pytest.mark.parametrize("op", [op for op in ROWS if op.errors], ids=lambda op: op.name)
def test_bad_calls(op: Op) -> None:
    for sample, kind, text in op.errors:
        made = sample.make(op.main)
        with pytest.raises(kind, match=text):
            made.run(op.function)
