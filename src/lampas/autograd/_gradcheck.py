"""Checks gradients against finite differences.

A Jacobian is kept as a matrix of real numbers: a row for each cotangent of an output element, a
column for each direction in which an input element moves. Complex elements have two of each, for
their real and their imaginary part.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from itertools import product
from typing import Any, NamedTuple

from lampas import _C
from lampas._tensor import Tensor
from lampas.autograd.function import Function
from lampas.autograd.grad_mode import enable_grad, no_grad

__all__ = ["GradcheckError", "gradcheck", "gradgradcheck"]


class GradcheckError(RuntimeError):
    """A gradient that finite differences do not confirm."""


class _Tolerance(NamedTuple):
    eps: float
    atol: float
    rtol: float


class _Problem(NamedTuple):
    """What is checked: a function, its arguments, and which of these and of its results count."""

    function: Callable[..., Any]
    inputs: tuple[Any, ...]
    wanted: list[int]  # arguments that require gradients
    places: list[int]  # differentiable results

    def outputs(self) -> list[Tensor]:
        results = _tuple(self.function(*self.inputs))
        return [results[i] for i in self.places]

    def leaves(self) -> list[Tensor]:
        return [self.inputs[i] for i in self.wanted]


def _tuple(x: Any) -> tuple[Any, ...]:
    return tuple(x) if isinstance(x, (tuple, list)) else (x,)


def _differentiable(x: Any) -> bool:
    return isinstance(x, Tensor) and x.requires_grad


def _units(dtype: Any) -> tuple[complex, ...]:
    return (1.0, 1.0j) if dtype.is_complex else (1.0,)


def _columns(t: Tensor) -> Tensor:
    """The elements of `t` as a row of real numbers."""
    flat = t.detach().reshape(-1)
    return _C.view_as_real(flat.resolve_conj()).reshape(-1) if t.dtype.is_complex else flat


# ---- numerical ---------------------------------------------------------------------------------
def _difference(problem: _Problem, move: Callable[[float], None], eps: float) -> list[Tensor]:
    """The derivatives of the outputs while `move` moves the inputs."""
    with no_grad():
        move(eps)
        high = [o.detach().clone() for o in problem.outputs()]
        move(-eps)
        low = [o.detach().clone() for o in problem.outputs()]
        move(0.0)
    return [(h - l) / (2 * eps) for h, l in zip(high, low, strict=True)]


def _numerical(problem: _Problem, x: Tensor, eps: float) -> list[Tensor]:
    """The Jacobian of each output with respect to `x`."""
    data = x.data
    columns: list[list[Tensor]] = [[] for _ in problem.places]
    for at in product(*map(range, x.shape)):
        before = data[at].item()
        for unit in _units(x.dtype):

            def move(step: float, at: Any = at, before: Any = before, unit: complex = unit) -> None:
                data[at] = before + step * unit if step else before

            for column, d in zip(columns, _difference(problem, move, eps), strict=True):
                column.append(_columns(d))
    rows = [o.numel() * len(_units(o.dtype)) for o in problem.outputs()]
    return [_C.stack(c, 1) if c else _C.zeros(n, 0) for c, n in zip(columns, rows, strict=True)]


# ---- analytical --------------------------------------------------------------------------------
def _gradients(outputs: Sequence[Tensor], cotangents: Sequence[Tensor], leaves: Any) -> list[Any]:
    return list(
        _C._backward(tuple(outputs), tuple(cotangents), tuple(leaves), True, False, True, False)
    )


def _analytical(problem: _Problem, output: Tensor, check_dtypes: bool) -> list[Tensor]:
    """The Jacobian of `output` with respect to each input that is checked."""
    leaves = problem.leaves()
    rows: list[list[Tensor]] = [[] for _ in leaves]
    for i in range(output.numel()):
        for unit in _units(output.dtype):
            w = _C.zeros(output.numel(), dtype=output.dtype)
            w[i] = unit
            grads = _gradients([output], [w.reshape(output.shape)], leaves)
            for row, leaf, g in zip(rows, leaves, grads, strict=True):
                if check_dtypes and g is not None and g.dtype != leaf.dtype:
                    raise GradcheckError(
                        f"Gradient has dtype mismatch: {g.dtype} for an input of {leaf.dtype}"
                    )
                row.append(_columns(_C.zeros_like(leaf) if g is None else g))
    widths = [leaf.numel() * len(_units(leaf.dtype)) for leaf in leaves]
    return [_C.stack(r) if r else _C.zeros(0, n) for r, n in zip(rows, widths, strict=True)]


def _agree(a: Tensor, b: Tensor, atol: float, rtol: float) -> bool:
    return bool(_C.allclose(a.double(), b.double(), rtol, atol, True))


def _check_slow(problem: _Problem, tolerance: _Tolerance, check_dtypes: bool) -> None:
    numerical = [_numerical(problem, x, tolerance.eps) for x in problem.leaves()]
    for k, output in enumerate(problem.outputs()):
        analytical = _analytical(problem, output, check_dtypes)
        for i, (a, position) in enumerate(zip(analytical, problem.wanted, strict=True)):
            n = numerical[i][k]
            if not _agree(a, n, tolerance.atol, tolerance.rtol):
                raise GradcheckError(
                    f"Jacobian mismatch for output {problem.places[k]} with respect to input "
                    f"{position},\nnumerical:{n.t()}\nanalytical:{a.t()}\n"
                )


def _check_reentrant(problem: _Problem, tolerance: float) -> None:
    for output in problem.outputs():
        w = _C.randn(list(output.shape), dtype=output.dtype)
        first, second = (_gradients([output], [w], problem.leaves()) for _ in range(2))
        for a, b in zip(first, second, strict=True):
            if (
                a is not None
                and b is not None
                and not _agree(_columns(a), _columns(b), tolerance, 0)
            ):
                raise GradcheckError(
                    "Backward is not reentrant, i.e., running backward with same input and "
                    "grad_output multiple times gives different values, although analytical "
                    "gradient matches numerical gradient. The tolerance for nondeterminism was "
                    f"{tolerance}."
                )


def _check_fast(problem: _Problem, tolerance: _Tolerance, check_dtypes: bool) -> None:
    """One random direction for each input and output; where it disagrees, all of them."""
    for i, x in enumerate(problem.leaves()):
        u = _C.randn(list(x.shape), dtype=x.dtype)
        norm = math.sqrt(float((u * u.conj()).sum().real)) or 1.0
        u, start, data = u / norm, x.detach().clone(), x.data

        def move(step: float, data: Tensor = data, start: Tensor = start, u: Tensor = u) -> None:
            data.copy_(start + step * u)

        differences = _difference(problem, move, tolerance.eps)
        for output, d in zip(problem.outputs(), differences, strict=True):
            v = _C.randn(list(output.shape), dtype=output.dtype)
            g = _gradients([output], [v], problem.leaves())[i]
            expected = (_columns(v) * _columns(d)).sum()
            actual = expected * 0 if g is None else (_columns(g) * _columns(u)).sum()
            if not _agree(actual, expected, tolerance.atol, tolerance.rtol):
                _check_slow(problem, tolerance, check_dtypes)


# ---- further properties ------------------------------------------------------------------------
class _Undefined(Function):
    """Passes a value on and gives back no gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.set_materialize_grads(False)
        return x.detach()

    @staticmethod
    def backward(ctx: Any, *_: Any) -> Any:
        return None


def _check_zero_and_undefined(problem: _Problem, undefined: bool) -> None:
    outputs, leaves = problem.outputs(), problem.leaves()
    zeros = [_C.zeros_like(o) for o in outputs]
    for g in _gradients(outputs, zeros, leaves):
        if g is not None and not bool((g == 0).all()):
            raise GradcheckError("backward not multiplied by grad_output")
    if not undefined:
        return
    for missing in [{k} for k in range(len(outputs))] + [set(range(len(outputs)))]:
        given = [_Undefined.apply(o) if k in missing else o for k, o in enumerate(outputs)]
        try:
            grads = _gradients(given, zeros, leaves)
        except RuntimeError as error:
            raise GradcheckError(
                "Expected backward function to handle undefined output grads. Please look at "
                '"Notes about undefined output gradients" in the documentation of '
                f"custom functions. It raised: {error}"
            ) from error
        if any(g is not None and not bool((g == 0).all()) for g in grads):
            raise GradcheckError(
                "Expected all input grads to be undefined or zero when all output grads are "
                "undefined or zero."
            )


def _as_function(problem: _Problem) -> Callable[..., tuple[Tensor, ...]]:
    """The results that are checked as a function of the arguments that are."""

    def of(*leaves: Tensor) -> tuple[Tensor, ...]:
        given = list(problem.inputs)
        for i, leaf in zip(problem.wanted, leaves, strict=True):
            given[i] = leaf
        results = _tuple(problem.function(*given))
        return tuple(results[i] for i in problem.places)

    return of


def _check_forward_mode(problem: _Problem, tolerance: _Tolerance, batched: bool) -> None:
    """Forward-mode products with random tangents against finite differences."""
    from lampas.func import jvp, vmap

    of = _as_function(problem)
    primals = tuple(x.detach() for x in problem.leaves())
    tangents = [
        tuple(_C.randn(list(p.shape), dtype=p.dtype) for p in primals) for _ in range(1 + batched)
    ]
    products = [jvp(of, primals, t)[1] for t in tangents]
    start, data = [p.clone() for p in primals], [x.data for x in problem.leaves()]

    def move(step: float) -> None:
        for d, s, t in zip(data, start, tangents[0], strict=True):
            d.copy_(s + step * t)

    expected = _difference(problem, move, tolerance.eps)
    for k, (a, n) in enumerate(zip(products[0], expected, strict=True)):
        if not _agree(_columns(a), _columns(n), tolerance.atol, tolerance.rtol):
            raise GradcheckError(
                f"Jacobian-vector product mismatch for output {problem.places[k]}, computed with "
                f"forward mode AD,\nnumerical:{n}\nanalytical:{a}\n"
            )
    if batched:
        stacked = tuple(_C.stack(list(t)) for t in zip(*tangents, strict=True))
        together = vmap(lambda *t: jvp(of, primals, t)[1])(*stacked)
        for k, rows in enumerate(zip(*products, strict=True)):
            _compare_batched(together[k], rows, "forward mode AD")


def _check_batched(problem: _Problem) -> None:
    """Two cotangents at once give what one after the other gives."""
    from lampas.func import vjp, vmap

    outputs, back = vjp(_as_function(problem), *(x.detach() for x in problem.leaves()))
    rows = [tuple(_C.randn(list(o.shape), dtype=o.dtype) for o in outputs) for _ in range(2)]
    single = [back(row) for row in rows]
    together = vmap(lambda *w: back(w))(*(_C.stack(list(w)) for w in zip(*rows, strict=True)))
    for got, wanted in zip(together, zip(*single, strict=True), strict=True):
        _compare_batched(got, wanted, "backward mode AD")


def _compare_batched(together: Tensor, parts: Sequence[Tensor], mode: str) -> None:
    for got, wanted in zip(together, parts, strict=True):
        if not _agree(_columns(got), _columns(wanted), 1e-8, 1e-5):
            raise GradcheckError(
                f"gradcheck failed while testing batched gradient computation ({mode}): it gives "
                f"{got} where one sample alone gives {wanted}"
            )


# ---- the checks as a whole -----------------------------------------------------------------------
def _problem(func: Callable[..., Any], inputs: tuple[Any, ...]) -> _Problem:
    wanted = [i for i, x in enumerate(inputs) if _differentiable(x)]
    if not wanted:
        raise ValueError(
            "gradcheck expects at least one input tensor to require gradient, but none of them "
            "have requires_grad=True."
        )
    for i in wanted:
        x = inputs[i]
        if x.dtype not in (_C.float64, _C.complex128):
            warnings.warn(
                f"Input #{i} requires gradient and is not a double precision floating point or "
                "complex. This check will likely fail if all the inputs are not of double "
                "precision floating point or complex.",
                stacklevel=4,
            )
        if any(s == 0 and n > 1 for s, n in zip(x.stride(), x.shape, strict=True)):
            raise RuntimeError(
                f"The {i}th input has a dimension with stride 0. gradcheck only supports inputs "
                "that are non-overlapping to be able to compute the numerical gradients correctly. "
                "You should call .contiguous on the input before passing it to gradcheck."
            )
    results = _tuple(func(*inputs))
    return _Problem(func, inputs, wanted, [k for k, o in enumerate(results) if _differentiable(o)])


def _check_constant(problem: _Problem, eps: float) -> None:
    """Results that claim to have no gradient must not change with the inputs."""
    results = _tuple(problem.function(*problem.inputs))
    smooth = [k for k, o in enumerate(results) if isinstance(o, Tensor) and _smooth(o)]
    claimed = problem._replace(places=smooth)
    for x in problem.leaves():
        for n in _numerical(claimed, x, eps):
            if bool((n != 0).any()):
                raise GradcheckError("Numerical gradient for function expected to be zero")


def _smooth(t: Tensor) -> bool:
    return t.dtype.is_floating_point or t.dtype.is_complex


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
        eps: how far each element is moved.
        atol, rtol: tolerances of the comparison.
        raise_exception: raise GradcheckError (a RuntimeError) with the place, not return False.
        nondet_tol: how far two runs of the same backward pass may differ.
        check_undefined_grad: backward must cope with outputs that have no gradient.
        check_grad_dtypes: gradients must have their inputs' dtypes.
        check_batched_grad: a vmap over backward must give what single passes give.
        check_batched_forward_grad: likewise for forward mode.
        check_forward_ad, check_backward_ad: which modes to check.
        fast_mode: compare one random direction only; quick, and nearly as strict.
        masked: of sparse inputs, of which there are none here.

    Raises:
        GradcheckError: a gradient is wrong, with both Jacobians.
        ValueError: no input requires gradients.

    >>> import lampas
    >>> x = lampas.randn(3, dtype=lampas.float64, requires_grad=True)
    >>> gradcheck(lampas.sin, (x,))
    True
    """
    if not (check_forward_ad or check_backward_ad):
        raise AssertionError(
            "Expected at least one of check_forward_ad or check_backward_ad to be True"
        )
    if check_batched_grad and not check_backward_ad:
        raise AssertionError(
            "Setting check_batched_grad=True requires check_backward_ad to be True"
        )
    if check_batched_forward_grad and not check_forward_ad:
        raise AssertionError(
            "Setting check_batched_forward_grad=True requires check_forward_ad to be True"
        )
    problem = _problem(func, _tuple(inputs))
    tolerance = _Tolerance(eps, atol, rtol)
    try:
        if not problem.places:
            _check_constant(problem, eps)
            return True
        if check_backward_ad:
            check = _check_fast if fast_mode else _check_slow
            check(problem, tolerance, check_grad_dtypes)
            _check_reentrant(problem, nondet_tol)
            _check_zero_and_undefined(problem, check_undefined_grad)
            if check_batched_grad:
                _check_batched(problem)
        if check_forward_ad:
            _check_forward_mode(problem, tolerance, check_batched_forward_grad)
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

    Args:
        func, inputs, eps, atol, rtol, raise_exception, nondet_tol, check_undefined_grad,
            check_grad_dtypes, check_batched_grad, fast_mode, masked: as for `gradcheck`.
        grad_outputs: the outputs' gradients; random by default.
        gen_non_contig_grad_outputs: make the random ones strided.
        check_fwd_over_rev, check_rev_over_rev: by which mode the gradients are differentiated.

    >>> import lampas
    >>> x = lampas.randn(3, dtype=lampas.float64, requires_grad=True)
    >>> gradgradcheck(lampas.sin, (x,))
    True
    """
    values = _tuple(inputs)
    problem = _problem(func, values)
    if grad_outputs is None:
        grads = [_random_like(o, gen_non_contig_grad_outputs) for o in problem.outputs()]
    else:
        grads = list(_tuple(grad_outputs))
    count = len(values)

    def first(*args: Any) -> Any:
        given = problem._replace(inputs=args[:count])
        with enable_grad():  # also where the numerical side switched it off
            wanted = tuple(x if _differentiable(x) else x.requires_grad_() for x in given.leaves())
            result = _C._backward(
                tuple(given.outputs()), tuple(args[count:]), wanted, True, True, True, False
            )
        return tuple(r for r in result if r is not None)

    return gradcheck(
        first, (*values, *grads), eps=eps, atol=atol, rtol=rtol, raise_exception=raise_exception,
        nondet_tol=nondet_tol, check_undefined_grad=check_undefined_grad,
        check_grad_dtypes=check_grad_dtypes, check_batched_grad=check_batched_grad,
        check_forward_ad=check_fwd_over_rev, check_backward_ad=check_rev_over_rev,
        fast_mode=fast_mode, masked=masked,
    )  # fmt: skip


def _random_like(output: Tensor, strided: bool) -> Tensor:
    shape = list(output.shape)
    if strided:
        return _C.randn([*shape, 2], dtype=output.dtype)[..., 0].detach().requires_grad_()
    return _C.randn(shape, dtype=output.dtype, requires_grad=True)
