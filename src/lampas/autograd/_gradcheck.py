"""Checks gradients against finite differences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from lampas import _C
from lampas._tensor import Tensor

__all__ = ["GradcheckError", "gradcheck", "gradgradcheck"]


class GradcheckError(RuntimeError):
    """A gradient that finite differences do not confirm."""


def _tuple(x: Any) -> tuple[Any, ...]:
    return tuple(x) if isinstance(x, (tuple, list)) else (x,)


def _differentiable(x: Any) -> bool:
    return isinstance(x, Tensor) and x.requires_grad


def _outputs(func: Callable[..., Any], inputs: Sequence[Any]) -> tuple[Tensor, ...]:
    return tuple(o for o in _tuple(func(*inputs)) if _differentiable(o))


def _steps(x: Tensor, eps: float) -> list[complex]:
    """The directions of one element: a complex one can move in two."""
    return [eps, eps * 1j] if x.dtype.is_complex else [eps]


def _numerical(
    func: Callable[..., Any], inputs: Sequence[Any], x: Tensor, eps: float
) -> list[list[list[Tensor]]]:
    """Central differences: [element][direction][output]."""
    flat = x.data.reshape(-1)
    if flat.data_ptr() != x.data_ptr():
        raise ValueError(
            "gradcheck needs contiguous inputs; call .contiguous() before requires_grad_()"
        )
    result = []
    with _no_grad():
        for i in range(flat.numel()):
            before = flat[i].item()
            row = []
            for step in _steps(x, eps):
                flat[i] = before + step
                high = [o.detach().clone() for o in _tuple(func(*inputs)) if isinstance(o, Tensor)]
                flat[i] = before - step
                low = [o.detach().clone() for o in _tuple(func(*inputs)) if isinstance(o, Tensor)]
                flat[i] = before
                row.append([(h - l) / (2 * eps) for h, l in zip(high, low, strict=False) if not _whole(h)])  # noqa: E501
            result.append(row)
    return result


def _whole(t: Tensor) -> bool:
    return not (t.dtype.is_floating_point or t.dtype.is_complex)


class _no_grad:
    def __enter__(self) -> None:
        self.before = _C._set_grad_enabled(False)

    def __exit__(self, *_: object) -> None:
        _C._set_grad_enabled(self.before)


def _weights(o: Tensor) -> list[Tensor]:
    """One cotangent for each element of an output and, for complex ones, each of its parts."""
    rows = []
    for i in range(o.numel()):
        for value in (1.0, 1.0j) if o.dtype.is_complex else (1.0,):
            w = _C.zeros(o.numel(), dtype=o.dtype)
            w[i] = value
            rows.append(w.reshape(o.shape))
    return rows


def _check(
    func: Callable[..., Any], inputs: Sequence[Any], eps: float, atol: float, rtol: float
) -> None:
    wanted = [(i, x) for i, x in enumerate(inputs) if _differentiable(x)]
    numerical = [_numerical(func, inputs, x, eps) for _, x in wanted]
    outputs = _outputs(func, inputs)
    for o_index, o in enumerate(outputs):
        for w in _weights(o):
            fresh = _outputs(func, inputs)[o_index]
            grads = _C._backward(
                (fresh,), (w,), tuple(x for _, x in wanted), True, False, True, False
            )
            for (position, x), g, rows in zip(wanted, grads, numerical, strict=False):
                flat = (_C.zeros_like(x) if g is None else g).reshape(-1)
                for i, row in enumerate(rows):
                    # Real part of <w, d out> for each direction of element i.
                    expected = [float((w.conj() * d[o_index]).sum().real) for d in row]
                    got = flat[i].item()
                    actual = [got.real, got.imag] if isinstance(got, complex) else [got]
                    for a, e in zip(actual, expected, strict=False):
                        if not abs(a - e) <= atol + rtol * abs(e):
                            raise GradcheckError(
                                f"Jacobian mismatch for output {o_index} with respect to input {position}, element {i}: "  # noqa: E501
                                f"numerical {e:.8g}, analytical {a:.8g}"
                            )


def gradcheck(
    func: Callable[..., Any],
    inputs: Tensor | Sequence[Any],
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_batched_forward_grad: bool = False,
    check_forward_ad: bool = False,
    check_backward_ad: bool = True,
    fast_mode: bool = False,
    masked: bool | None = None,
) -> bool:
    """Whether func's gradients agree with central finite differences; use float64 inputs.

    Args:
        func: takes the inputs, returns a tensor or several.
        inputs: tensors with requires_grad are checked, others are passed on.
        eps, atol, rtol: the step, and the tolerances of the comparison.
        raise_exception: raise GradcheckError (a RuntimeError) with the place, not return False.

    >>> import lampas
    >>> x = lampas.randn(3, dtype=lampas.float64, requires_grad=True)
    >>> gradcheck(lampas.sin, (x,))
    True
    """
    values = _tuple(inputs)
    if not any(_differentiable(x) for x in values):
        raise ValueError(
            "gradcheck expects at least one input tensor to require gradient, but none of them have requires_grad=True."  # noqa: E501
        )
    try:
        _check(func, values, eps, atol, rtol)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def gradgradcheck(
    func: Callable[..., Any],
    inputs: Tensor | Sequence[Any],
    grad_outputs: Tensor | Sequence[Tensor] | None = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    gen_non_contig_grad_outputs: bool = False,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_fwd_over_rev: bool = False,
    check_rev_over_rev: bool = True,
    fast_mode: bool = False,
    masked: bool = False,
) -> bool:
    """Whether the gradients of func's gradients agree with finite differences.

    >>> import lampas
    >>> x = lampas.randn(3, dtype=lampas.float64, requires_grad=True)
    >>> gradgradcheck(lampas.sin, (x,))
    True
    """
    values = _tuple(inputs)
    if grad_outputs is None:
        grads = [
            _C.randn(list(o.shape), dtype=o.dtype, requires_grad=True)
            for o in _outputs(func, values)
        ]
    else:
        grads = list(_tuple(grad_outputs))
    count = len(values)

    def first(*args: Any) -> Any:
        given = args[:count]
        wanted = tuple(x for x in given if _differentiable(x))
        before = _C._set_grad_enabled(True)  # also where the numerical side switched it off
        try:
            result = _C._backward(
                _outputs(func, given), tuple(args[count:]), wanted, True, True, True, False
            )
        finally:
            _C._set_grad_enabled(before)
        return tuple(r for r in result if r is not None)

    return gradcheck(
        first, (*values, *grads), eps=eps, atol=atol, rtol=rtol, raise_exception=raise_exception
    )
