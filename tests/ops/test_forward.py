"""Every row's values and types: against the reference, in every layout, on the meta device."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lampas

from .rows import ROWS
from .table import KINDS, Op, T, assert_same, leaves, to_numpy

each_layout = pytest.mark.parametrize(
    "op", [op for op in ROWS if op.strided], ids=lambda op: op.name
)


def _reference(op: Op, made: Any) -> Any:
    with np.errstate(all="ignore"):
        arrays = made.map(lambda leaf: to_numpy(leaf, floats=op.result == "float"))
        return arrays.run(op.reference)


@pytest.mark.parametrize("op", [op for op in ROWS if op.reference], ids=lambda op: op.name)
def test_values_and_types(op: Op) -> None:
    for dtype in op.dtypes:
        for sample in op.calls:
            made = sample.make(dtype)
            result = made.run(op.function)
            seen, wanted = op.look(result), _reference(op, made)
            assert_same(seen, wanted, op.tolerance, f"{op.name} of {dtype}")
            expected = op.result_dtype(dtype)
            types = {part.dtype for part in leaves(result) if isinstance(part, lampas.Tensor)}
            assert expected is None or types <= {expected}, f"{dtype} gave {types}"


def transposed(x: lampas.Tensor) -> lampas.Tensor:
    """The same values, first and last dimension swapped in memory."""
    return x.transpose(0, -1).contiguous().transpose(0, -1) if x.dim() > 1 else x


def stepped(x: lampas.Tensor) -> lampas.Tensor:
    """The same values, each second element of a larger block, from an offset."""
    if x.dim() == 0:
        return lampas.stack([x, x])[1]
    shape = (*x.shape[:-1], 2 * x.shape[-1] + 1)
    block = lampas.full(shape, 1, dtype=x.dtype)
    block[..., 1::2] = x
    return block[..., 1::2]


def backwards(x: lampas.Tensor) -> lampas.Tensor:
    """The same values, as a part of a larger tensor that is permuted."""
    if x.dim() < 2:
        return stepped(x)
    wide = lampas.stack([x, x], -1).permute(*range(x.dim() - 1, -1, -1), x.dim()).contiguous()
    return wide.permute(*range(x.dim() - 1, -1, -1), x.dim())[..., 1]


@each_layout
def test_layouts(op: Op) -> None:
    for sample in op.calls:
        made = sample.make(op.main)
        lampas.manual_seed(0)
        expected = made.run(op.function)
        for layout in (transposed, stepped, backwards):
            moved = made.map(
                lambda leaf, lay=layout: lay(leaf) if isinstance(leaf, lampas.Tensor) else leaf
            )
            lampas.manual_seed(0)
            got = moved.run(op.function)
            assert_same(got, expected, what=f"{op.name}, {layout.__name__}")


@each_layout
def test_expanded(op: Op) -> None:
    for sample in op.calls:
        made = sample.make(op.main)
        first = next((a for a in made.args if isinstance(a, lampas.Tensor) and a.dim()), None)
        if first is None or first.shape[0] == 0 or not isinstance(sample.args[0], T):
            continue
        wide = made.map(lambda leaf, x=first: x[:1].expand_as(x) if leaf is x else leaf)
        packed = wide.map(
            lambda leaf: leaf.contiguous() if isinstance(leaf, lampas.Tensor) else leaf
        )
        lampas.manual_seed(0)
        try:
            expected = packed.run(op.function)
        except RuntimeError:  # equal rows make a singular matrix
            continue
        lampas.manual_seed(0)
        assert_same(wide.run(op.function), expected, what=op.name)


@pytest.mark.parametrize("op", [op for op in ROWS if op.meta], ids=lambda op: op.name)
def test_meta(op: Op) -> None:
    for sample in op.calls:
        made = sample.make(op.main)
        expected = made.run(op.function)
        away = made.map(lambda leaf: leaf.to("meta") if isinstance(leaf, lampas.Tensor) else leaf)
        got = list(leaves(away.run(op.function)))
        assert len(got) == len(list(leaves(expected)))
        for a, e in zip(got, leaves(expected), strict=True):
            if isinstance(e, lampas.Tensor):
                assert a.device.type == "meta"
                assert (a.shape, a.dtype) == (e.shape, e.dtype)


@pytest.mark.parametrize("op", [op for op in ROWS if op.closed], ids=lambda op: op.name)
def test_other_types_are_refused(op: Op) -> None:
    kinds = op.kinds.replace("d", "f")
    for kind in set("fcib") - set(kinds):
        made = op.calls[0].make(KINDS[kind][0])
        with pytest.raises((RuntimeError, TypeError, NotImplementedError)) as caught:
            made.run(op.function)
        assert op.short.rstrip("_") in str(caught.value)
