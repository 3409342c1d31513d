"""Every row's first and second gradient, against finite differences in double precision."""

from __future__ import annotations

from typing import Any

import pytest

import lampas
from lampas.autograd import gradcheck, gradgradcheck

from .rows import ROWS
from .table import Call, Op, T, leaves


def _of_inputs(op: Op, sample: Call, dtype: lampas.dtype) -> tuple[Any, list[lampas.Tensor]]:
    """The operator as a function of its differentiable arguments alone, and these."""
    leaf_of: list[Any] = []
    sample.map(lambda leaf: leaf_of.append(leaf))
    wanted = [isinstance(leaf, T) and leaf.grad for leaf in leaf_of]
    drawn, made, inputs = sample.make(dtype, drawn=True), sample.make(dtype), []
    flags = iter(wanted)
    drawn.map(lambda leaf: inputs.append(leaf.requires_grad_()) if next(flags) else None)

    def function(*given: lampas.Tensor) -> Any:
        places, values = iter(zip(wanted, leaf_of, strict=True)), iter(given)

        def one(leaf: Any) -> Any:
            moved, described = next(places)
            if not moved:
                return leaf
            value = next(values)
            return described.into(value) if described.into else value

        lampas.manual_seed(0)
        result = op.look(made.map(one).run(op.function))
        parts = [
            part
            for part in leaves(result)
            if isinstance(part, lampas.Tensor)
            and (part.dtype.is_floating_point or part.dtype.is_complex)
        ]
        return tuple(parts)

    return function, inputs


def _types(op: Op) -> list[lampas.dtype]:
    types = [lampas.float64] if set(op.kinds) & set("fd") else []
    return types + [lampas.complex128] * ("c" in op.kinds and op.complex_grad)


_CHECKS = [(op, dtype) for op in ROWS for dtype in _types(op) if op.grad]


@pytest.mark.parametrize(
    ("op", "dtype"), _CHECKS, ids=[f"{op.name}-{str(dtype)[6:]}" for op, dtype in _CHECKS]
)
def test_gradients(op: Op, dtype: lampas.dtype) -> None:
    for sample in op.calls:
        function, inputs = _of_inputs(op, sample, dtype)
        if not inputs or not all(x.numel() for x in inputs):
            continue
        assert gradcheck(function, inputs)
        if op.grad > 1:
            assert gradgradcheck(function, inputs, atol=1e-4, fast_mode=True)
