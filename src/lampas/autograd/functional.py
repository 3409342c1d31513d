"""Products with Jacobians and Hessians of functions, and these matrices themselves.

:mod:`lampas.func` has the same as transforms, which nest and work under ``vmap``.

>>> import lampas
>>> lampas.autograd.functional.jacobian(lampas.square, lampas.tensor([1.0, 2.0]))
tensor([[2., 0.],
        [0., 4.]])
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from lampas import _C
from lampas._tensor import Tensor
from lampas.autograd.grad_mode import enable_grad

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]

_OUTPUTS = "outputs of the user-provided function"
_FIRST = "The output of the user-provided function is independent of input {0}. This is not allowed in strict mode."  # noqa: E501
_SECOND = (
    "While computing the hessian, found that the jacobian of the user-provided function with "
    "respect to input {0} is independent of the input. This is not allowed in strict mode. You "
    "should ensure that your function is twice differentiable and that the jacobian depends on "
    "the inputs (this would be violated by a linear function for example)."
)


# ---- what goes in and comes out ------------------------------------------------------------------
def _tuple_of(value: Any, call: str, what: str) -> tuple[bool, tuple[Tensor, ...]]:
    """Whether a value is a tuple, and its tensors."""
    several = isinstance(value, tuple)
    flat: tuple[Any, ...] = value if several else (value,)
    named = f"The {what} given to {call} must be either a Tensor or a tuple of Tensors"
    for i, x in enumerate(flat):
        if not isinstance(x, Tensor):
            where = f"the value at index {i}" if several else f"the given {what}"
            raise TypeError(f"{named} but {where} has type {type(x)}.")
    return several, flat


class _Run:
    """A function's outputs for inputs that gradients are wanted of."""

    def __init__(
        self, call: str, func: Callable[..., Any], inputs: Any, create_graph: bool, strict: bool
    ) -> None:
        self.call, self.create_graph, self.strict = call, create_graph, strict
        self.several_inputs, given = _tuple_of(inputs, call, "inputs")
        # Another tensor for each: the function shall see no path but its own.
        self.inputs = tuple(
            x.view_as(x) if create_graph and x.requires_grad else x.detach().requires_grad_()
            for x in given
        )
        self.several_outputs, self.outputs = _tuple_of(func(*self.inputs), call, _OUTPUTS)
        for i, o in enumerate(self.outputs):
            if strict and not o.requires_grad:
                raise RuntimeError(
                    f"Output {i} of the user-provided function does not require gradients. The "
                    "outputs must be computed in a differentiable manner from the input when "
                    "running in strict mode."
                )

    def scalar(self) -> None:
        """Checks that there is one output of one element."""
        _check_scalar(self.call, self.several_outputs, self.outputs)

    def shown(self, tensors: Sequence[Tensor], several: bool) -> Any:
        """Results as the caller may have them."""
        kept = tuple(t if self.create_graph else t.detach() for t in tensors)
        return kept if several else kept[0]

    def filled(
        self,
        grads: Sequence[Tensor | None],
        likes: Sequence[Tensor],
        unused: str = _FIRST,
        what: str = "jacobian",
    ) -> tuple[Tensor, ...]:
        """Gradients, with zeros for what is unused.

        Raises:
            RuntimeError: strict, and something is.
        """
        for i, g in enumerate(grads):
            if self.strict and g is None:
                raise RuntimeError(unused.format(i))
            if self.strict and self.create_graph and g is not None and not g.requires_grad:
                raise RuntimeError(
                    f"The {what} of the user-provided function is independent of input {i}. This "
                    "is not allowed in strict mode when create_graph=True."
                )
        return tuple(
            _C.zeros_like(x) if g is None else g for g, x in zip(grads, likes, strict=True)
        )


def _check_scalar(call: str, several: bool, outputs: tuple[Tensor, ...]) -> None:
    if several:
        raise RuntimeError(f"The function given to {call} should return a single Tensor")
    if outputs[0].numel() != 1:
        raise RuntimeError(
            f"The Tensor returned by the function given to {call} should contain a single element"
        )


def _directions(
    v: Any, like: Sequence[Tensor], several: bool, whose: str, call: str
) -> tuple[Tensor, ...]:
    """The vector to multiply with, one tensor for each of `like`."""
    if v is None:
        if several or like[0].numel() != 1:
            raise RuntimeError(
                f"The vector v can only be None if {whose} a single Tensor with a single element."
            )
        return (_C.ones_like(like[0]),)
    _, flat = _tuple_of(v, call, "v")
    if len(flat) != len(like):
        raise RuntimeError(
            f"v is a tuple of invalid length: should be {len(like)} but got {len(flat)}."
        )
    for i, (x, o) in enumerate(zip(flat, like, strict=True)):
        if x.shape != o.shape:
            entry = f"Entry {i} in " if several else ""
            raise RuntimeError(f"{entry}v has invalid size: should be {o.shape} but got {x.shape}.")
    return flat


_RETURNS = "the user-provided function returns"
_TAKES = "the input to the user-provided function is"


def _gradients(
    outputs: Sequence[Tensor], inputs: Sequence[Tensor], grads: Sequence[Tensor], create: bool
) -> tuple[Tensor | None, ...]:
    """The gradients of inputs, None where unused; the graph remains."""
    used = [(o, g) for o, g in zip(outputs, grads, strict=True) if o.requires_grad]
    if not used:
        return (None,) * len(inputs)
    roots, seeds = [o for o, _ in used], [g for _, g in used]
    result: Any = _C._backward(roots, seeds, list(inputs), True, create, True, False)
    return tuple(result)


# ---- Jacobians -----------------------------------------------------------------------------------
def vjp(
    func: Callable[..., Any],
    inputs: Any,
    v: Any = None,
    create_graph: bool = False,
    strict: bool = False,
) -> Any:
    """``(outputs, v^T J)``: a function's outputs, and its Jacobian multiplied from the left.

    Args:
        func: takes tensors, returns a tensor or a tuple of them.
        inputs: a tensor or a tuple of tensors.
        v: tensors of the outputs' shapes; None: 1 for a single output of one element.
        create_graph: the results can be differentiated.
        strict: an output that does not depend on an input is an error, not zeros.

    Raises:
        TypeError: inputs or outputs that are no tensors.
        RuntimeError: `v` does not fit; or what `strict` refuses.

    Example:
        >>> import lampas
        >>> from lampas.autograd.functional import vjp
        >>> vjp(lampas.square, lampas.tensor([1.0, 2.0]), lampas.tensor([1.0, 10.0]))
        (tensor([1., 4.]), tensor([ 2., 40.]))
    """
    with enable_grad():
        run = _Run("vjp", func, inputs, create_graph, strict)
        vectors = _directions(v, run.outputs, run.several_outputs, _RETURNS, run.call)
        grads = _gradients(run.outputs, run.inputs, vectors, create_graph)
        found = run.filled(grads, run.inputs)
    return (
        run.shown(run.outputs, run.several_outputs), run.shown(found, run.several_inputs),
    )  # fmt: skip


def jvp(
    func: Callable[..., Any],
    inputs: Any,
    v: Any = None,
    create_graph: bool = False,
    strict: bool = False,
) -> Any:
    """``(outputs, J v)``: a function's outputs, and its Jacobian multiplied from the right.

    Args:
        func: takes tensors, returns a tensor or a tuple of them.
        inputs: a tensor or a tuple of tensors.
        v: tensors of the inputs' shapes; None: 1 for a single input of one element.
        create_graph: the results can be differentiated.
        strict: an output that does not depend on the inputs is an error, not zeros.

    Raises:
        TypeError: inputs or outputs that are no tensors.
        RuntimeError: `v` does not fit; or what `strict` refuses.

    Example:
        >>> import lampas
        >>> from lampas.autograd.functional import jvp
        >>> jvp(lampas.square, lampas.tensor([1.0, 2.0]), lampas.tensor([1.0, 10.0]))
        (tensor([1., 4.]), tensor([ 2., 40.]))
    """
    with enable_grad():
        run = _Run("jvp", func, inputs, create_graph, strict)
        vectors = _directions(v, run.inputs, run.several_inputs, _TAKES, run.call)
        # u -> u^T J is linear: its own gradient, along v, is J v.
        weights = [_C.zeros_like(o).requires_grad_() for o in run.outputs]
        back = _gradients(run.outputs, run.inputs, weights, True)
        run.filled(back, run.inputs)
        pairs = [(b, x) for b, x in zip(back, vectors, strict=True) if b is not None]
        moved = _gradients([b for b, _ in pairs], weights, [x for _, x in pairs], create_graph)
        found = run.filled(moved, run.outputs)
    return (
        run.shown(run.outputs, run.several_outputs), run.shown(found, run.several_outputs),
    )  # fmt: skip


def jacobian(
    func: Callable[..., Any],
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """The Jacobian of a function.

    Args:
        func: takes tensors, returns a tensor or a tuple of them.
        inputs: a tensor or a tuple of tensors.
        create_graph: the result can be differentiated.
        strict: an output that does not depend on an input is an error, not zeros.
        vectorize: `func` may run under ``vmap``, which forward mode needs.
        strategy: ``"reverse-mode"``, row by row, or ``"forward-mode"``, all columns at once: the
            choice where there are fewer inputs than outputs.

    Returns a tensor of shape ``output.shape + input.shape``; for a tuple of inputs a tuple of
    them, for a tuple of outputs a tuple of that.

    Raises:
        AssertionError: another strategy.
        NotImplementedError: forward mode without `vectorize`, or with `create_graph`.
        TypeError: inputs or outputs that are no tensors.
        RuntimeError: what `strict` refuses; `strict` and `vectorize` together.

    Example:
        >>> import lampas
        >>> from lampas.autograd.functional import jacobian
        >>> jacobian(lampas.mul, (lampas.tensor([1.0, 2.0]), lampas.tensor(5.0)))
        (tensor([[5., 0.],
                [0., 5.]]), tensor([1., 2.]))
    """
    _check_strategy(create_graph, strict, vectorize, strategy)
    if strategy == "forward-mode":
        return _by_columns(func, inputs)
    with enable_grad():
        run = _Run("jacobian", func, inputs, create_graph, strict)
        rows = [_one_output(run, i) for i in range(len(run.outputs))]
    parts = [run.shown(r, run.several_inputs) for r in rows]
    return tuple(parts) if run.several_outputs else parts[0]


def _check_strategy(create_graph: bool, strict: bool, vectorize: bool, strategy: str) -> None:
    call = "torch.autograd.functional.jacobian"
    if strategy not in ("forward-mode", "reverse-mode"):
        raise AssertionError(
            'Expected strategy to be either "forward-mode" or "reverse-mode". Hint: If your '
            'function has more outputs than inputs, "forward-mode" tends to be more performant. '
            'Otherwise, prefer to use "reverse-mode".'
        )
    if strategy == "forward-mode" and create_graph:
        raise NotImplementedError(
            f'{call}: `create_graph=True` and `strategy="forward-mode"` are not supported '
            'together. Please either set `create_graph=False` or `strategy="reverse-mode"`.'
        )
    if strict and vectorize:
        raise RuntimeError(
            f"{call}: `strict=True` and `vectorized=True` are not supported together. Please "
            "either set `strict=False` or `vectorize=False`."
        )
    if strategy == "forward-mode" and not vectorize:
        raise NotImplementedError(
            "Computing Jacobian using forward-AD or forward-over-reverse Hessian is only "
            "implemented for `vectorize=True`."
        )


def _one_output(run: _Run, i: int) -> list[Tensor]:
    """The Jacobian of one output with respect to each input."""
    output = run.outputs[i]
    columns: list[list[Tensor]] = [[] for _ in run.inputs]
    unused = _FIRST.replace("The output", f"Output {i}")
    for j in range(output.numel()):
        unit = _C.zeros(output.numel(), dtype=output.dtype)
        unit[j] = 1
        grads = _gradients([output], run.inputs, [unit.reshape(output.shape)], run.create_graph)
        for column, g in zip(columns, run.filled(grads, run.inputs, unused), strict=True):
            column.append(g)
    return [
        _C.stack(c).reshape([*output.shape, *x.shape])
        if c
        else x.new_zeros([*output.shape, *x.shape])
        for c, x in zip(columns, run.inputs, strict=True)
    ]


def _by_columns(func: Callable[..., Any], inputs: Any) -> Any:
    from lampas.func import jacfwd

    several, given = _tuple_of(inputs, "jacobian", "inputs")

    def checked(*xs: Tensor) -> Any:
        result = func(*xs)
        _tuple_of(result, "jacobian", _OUTPUTS)
        return result

    flat = tuple(x.detach() for x in given)
    result = jacfwd(checked, argnums=tuple(range(len(flat))) if several else 0)(*flat)
    return _detached(result)


def _detached(result: Any) -> Any:
    return tuple(map(_detached, result)) if isinstance(result, tuple) else result.detach()


# ---- Hessians ------------------------------------------------------------------------------------
def hessian(
    func: Callable[..., Any],
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """The second derivatives of a function with one output of one element.

    Args:
        func: takes tensors, returns a tensor of one element.
        inputs: a tensor or a tuple of tensors.
        create_graph: the result can be differentiated.
        strict: a gradient that does not depend on an input is an error, not zeros.
        vectorize: `func` may run under ``vmap``, which forward mode needs.
        outer_jacobian_strategy: how the gradient is differentiated, see :func:`jacobian`.

    Returns a tensor of shape ``input.shape + input.shape``; for a tuple of inputs a tuple of
    tuples: ``result[i][j]`` differentiates by input i, then by input j.

    Raises:
        AssertionError: another strategy.
        NotImplementedError: forward mode without `vectorize`, or with `create_graph`.
        TypeError: inputs or outputs that are no tensors.
        RuntimeError: outputs with more elements; what `strict` refuses.

    Example:
        >>> import lampas
        >>> lampas.autograd.functional.hessian(lambda x: (x**3).sum(), lampas.tensor([1.0, 2.0]))
        tensor([[ 6.,  0.],
                [ 0., 12.]])
    """
    if outer_jacobian_strategy not in ("forward-mode", "reverse-mode"):
        raise AssertionError('Expected strategy to be either "forward-mode" or "reverse-mode".')
    several, given = _tuple_of(inputs, "hessian", "inputs")

    def gradient(*xs: Tensor) -> tuple[Tensor, ...]:
        run = _Run("hessian", func, xs, True, strict)
        run.scalar()
        grads = _gradients(run.outputs, run.inputs, [_C.ones_like(run.outputs[0])], True)
        for i, g in enumerate(grads):
            if strict and (g is None or not g.requires_grad):
                raise RuntimeError(_SECOND.format(i))
        return run.filled(grads, run.inputs)

    forward = outer_jacobian_strategy == "forward-mode"
    outer = _gradient_transform(func, len(given)) if forward and vectorize else gradient
    result = jacobian(outer, inputs, create_graph, strict, vectorize, outer_jacobian_strategy)
    return result if several else result[0]


def _gradient_transform(func: Callable[..., Any], count: int) -> Callable[..., Any]:
    """The gradients of a function of `count` tensors, as vmap can run it."""
    from lampas.func import grad

    def value(*xs: Tensor) -> Tensor:
        several, outputs = _tuple_of(func(*xs), "hessian", _OUTPUTS)
        _check_scalar("hessian", several, outputs)
        return outputs[0].reshape(())

    return grad(value, argnums=tuple(range(count)))


def vhp(
    func: Callable[..., Any],
    inputs: Any,
    v: Any = None,
    create_graph: bool = False,
    strict: bool = False,
) -> Any:
    """``(output, v^T H)``: a function's output, and its Hessian multiplied from the left.

    Args:
        func: takes tensors, returns a tensor of one element.
        inputs: a tensor or a tuple of tensors.
        v: tensors of the inputs' shapes; None: 1 for a single input of one element.
        create_graph: the results can be differentiated.
        strict: a gradient that does not depend on an input is an error, not zeros.

    Raises:
        TypeError: inputs or outputs that are no tensors.
        RuntimeError: outputs with more elements, a `v` that does not fit; what `strict` refuses.

    Example:
        >>> import lampas
        >>> from lampas.autograd.functional import vhp
        >>> vhp(lambda x: (x**3).sum(), lampas.tensor([1.0, 2.0]), lampas.tensor([1.0, 10.0]))
        (tensor(9.), tensor([  6., 120.]))
    """
    with enable_grad():
        run = _Run("vhp", func, inputs, create_graph, strict)
        vectors = _directions(v, run.inputs, run.several_inputs, _TAKES, run.call)
        first = _first_gradients(run)
        grads = _gradients(first, run.inputs, vectors, create_graph)
        found = run.filled(grads, run.inputs, _SECOND, "hessian")
    return run.shown(run.outputs, False), run.shown(found, run.several_inputs)


def hvp(
    func: Callable[..., Any],
    inputs: Any,
    v: Any = None,
    create_graph: bool = False,
    strict: bool = False,
) -> Any:
    """``(output, H v)``: a function's output, and its Hessian multiplied from the right.

    A Hessian is symmetric: :func:`vhp` gives the same for less work.

    Args:
        func: takes tensors, returns a tensor of one element.
        inputs: a tensor or a tuple of tensors.
        v: tensors of the inputs' shapes; None: 1 for a single input of one element.
        create_graph: the results can be differentiated.
        strict: a gradient that does not depend on an input is an error, not zeros.

    Raises:
        TypeError: inputs or outputs that are no tensors.
        RuntimeError: outputs with more elements, a `v` that does not fit; what `strict` refuses.

    Example:
        >>> import lampas
        >>> from lampas.autograd.functional import hvp
        >>> hvp(lambda x: (x**3).sum(), lampas.tensor([1.0, 2.0]), lampas.tensor([1.0, 10.0]))
        (tensor(9.), tensor([  6., 120.]))
    """
    with enable_grad():
        run = _Run("hvp", func, inputs, create_graph, strict)
        vectors = _directions(v, run.inputs, run.several_inputs, _TAKES, run.call)
        first = _first_gradients(run)
        weights = [_C.zeros_like(x).requires_grad_() for x in run.inputs]
        back = _gradients(first, run.inputs, weights, True)
        run.filled(back, run.inputs, _SECOND, "hessian")
        pairs = [(b, x) for b, x in zip(back, vectors, strict=True) if b is not None]
        moved = _gradients([b for b, _ in pairs], weights, [x for _, x in pairs], create_graph)
        found = run.filled(moved, run.inputs, _SECOND, "hessian")
    return run.shown(run.outputs, False), run.shown(found, run.several_inputs)


def _first_gradients(run: _Run) -> tuple[Tensor, ...]:
    run.scalar()
    grads = _gradients(run.outputs, run.inputs, [_C.ones_like(run.outputs[0])], True)
    for i, g in enumerate(grads):
        if run.strict and g is not None and not g.requires_grad:
            raise RuntimeError(_SECOND.format(i))
    return run.filled(grads, run.inputs)
