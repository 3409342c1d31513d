"""Automatic differentiation.

>>> import lampas
>>> x = lampas.tensor(3.0, requires_grad=True)
>>> lampas.autograd.grad(x**2, x)
(tensor(6.),)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lampas import _C
from lampas._tensor import Tensor
from lampas.autograd.anomaly import detect_anomaly, set_detect_anomaly
from lampas.autograd.function import Function
from lampas.autograd.grad_mode import (
    enable_grad,
    inference_mode,
    no_grad,
    set_grad_enabled,
    set_multithreading_enabled,
)
from lampas.autograd.variable import Variable

__all__ = [
    "Function",
    "Variable",
    "backward",
    "detect_anomaly",
    "enable_grad",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "inference_mode",
    "no_grad",
    "set_detect_anomaly",
    "set_grad_enabled",
    "set_multithreading_enabled",
]


def _tuple(x: Any) -> tuple[Any, ...]:
    if x is None:
        return ()
    if isinstance(x, Tensor):
        return (x,)
    if hasattr(x, "ownership_token"):  # a GradientEdge, which is a tuple itself
        x = (x,)
    return tuple(
        _C._at_edge(t.node, t.output_nr) if hasattr(t, "ownership_token") else t for t in x
    )


def backward(
    tensors: Tensor | Sequence[Tensor],
    grad_tensors: Tensor | Sequence[Tensor | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    grad_variables: Any = None,
    inputs: Tensor | Sequence[Tensor] | None = None,
) -> None:
    """Adds the gradients of `tensors` to the `.grad` of the leaves they were computed from.

    Args:
        tensors: what to differentiate.
        grad_tensors: the gradient of each, of its shape; None for one-element tensors.
        retain_graph: keep the graph for another pass. Default: create_graph.
        create_graph: record the backward pass too.
        inputs: tensors to accumulate into; all leaves by default.

    Raises:
        RuntimeError: no graph, a shape that does not fit, or a graph already freed.
    """
    roots = _tuple(tensors)
    grads = _tuple(grad_tensors if grad_tensors is not None else grad_variables) or (None,) * len(
        roots
    )
    if len(grads) != len(roots):
        raise RuntimeError(f"got {len(roots)} tensors and {len(grads)} gradients")
    wanted = _tuple(inputs)
    if inputs is not None and not wanted:
        raise RuntimeError("`inputs` argument to `backward()` cannot be empty.")
    keep = create_graph if retain_graph is None else retain_graph
    _C._backward(roots, grads, wanted, keep, create_graph, True, bool(wanted))


def grad(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor | Sequence[Tensor],
    grad_outputs: Tensor | Sequence[Tensor | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Tensor, ...]:
    """The gradients of `outputs` with respect to `inputs`, as a tuple.

    >>> import lampas
    >>> x = lampas.tensor([1.0, 2.0], requires_grad=True)
    >>> lampas.autograd.grad((x**3).sum(), x)
    (tensor([ 3., 12.]),)
    """
    if materialize_grads and allow_unused is False:
        raise ValueError(
            "Expected allow_unused to be True or not passed when materialize_grads=True, but got: allow_unused=False."  # noqa: E501
        )
    roots, wanted = _tuple(outputs), _tuple(inputs)
    grads = _tuple(grad_outputs) or (None,) * len(roots)
    keep = create_graph if retain_graph is None else retain_graph
    if is_grads_batched:
        rows = [
            grad(roots, wanted, [g[i] for g in grads], True, create_graph, True, allow_unused)  # type: ignore[index]
            for i in range(len(grads[0]))  # type: ignore[arg-type]
        ]
        return tuple(_C.stack(list(column)) for column in zip(*rows, strict=False))
    result = _C._backward(
        roots, grads, wanted, keep, create_graph, bool(allow_unused or materialize_grads), False
    )
    if materialize_grads:
        result = tuple(
            _C.zeros_like(x) if g is None else g for g, x in zip(result, wanted, strict=False)
        )
    return result


def __getattr__(name: str) -> Any:
    import importlib

    if name in ("gradcheck", "gradgradcheck", "GradcheckError"):
        return getattr(importlib.import_module("lampas.autograd._gradcheck"), name)
    if name in ("functional", "graph", "forward_ad", "profiler"):
        return importlib.import_module(f"lampas.autograd.{name}")
    from lampas._suggest import missing_name

    raise missing_name("lampas.autograd", name, globals())
