"""grad, vjp, jvp: derivatives of functions, on the one graph that autograd records.

A transform differentiates with respect to aliases of its inputs, so it sees no path but its own,
and leaves alone what an outer transform or the user's own backward will want: gradients are
recorded only where such a path exists. Under vmap the aliases are expanded to a copy for each
sample, so the gradients are those of each sample.

Forward mode is reverse mode twice: u -> J^T u is linear, and its own gradient with respect to u,
along v, is J v. Every operator whose gradient can be differentiated has it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from lampas import _C
from lampas._tensor import Tensor
from lampas.autograd.function import forward_mode
from lampas.func._batched import Batched, expand_to, levels, native, rebuild, unwrap, wrap
from lampas.utils import _pytree as pytree

__all__ = ["grad", "grad_and_value", "jvp", "linearize", "vjp"]


# ---- the graph -----------------------------------------------------------------------------------
@contextmanager
def recording(on: bool = True) -> Iterator[None]:
    """Within the ``with`` block gradients are recorded, or are not."""
    before = _C._set_grad_enabled(on)
    try:
        yield
    finally:
        _C._set_grad_enabled(before)


class Frame:
    """The inputs of a function about to be differentiated, and the graph above them.

    Args:
        inputs: flat list of tensors.
        outer: whether gradients were recorded outside of the transform.
    """

    def __init__(self, inputs: list[Tensor], outer: bool) -> None:
        self.outer = outer
        with recording(outer):
            self.aliases = [self._alias(expand_to(x, levels())) for x in inputs]
        self.sources = [native(x) for x in self.aliases]

    def _alias(self, x: Tensor) -> Tensor:
        value = native(x)
        if self.outer and value.requires_grad:
            return rebuild(value.view_as(value), x)
        return rebuild(value.detach().requires_grad_(), x)

    def depends(self, tensors: list[Tensor], own: list[Tensor] | None = None) -> list[bool]:
        """Of each tensor, whether gradients outside of the transform can want it."""
        if not self.outer:
            return [False] * len(tensors)
        return _C._depends_on_others(tensors, self.sources + list(own or ()))

    def outside(self, tree: Any, own: list[Tensor] | None = None) -> Any:
        """Results as the caller may have them: without the graph that is the transform's own."""

        def free(x: Any) -> Any:
            if not isinstance(x, Tensor):
                return x
            value = native(x)
            if not value.requires_grad or self.depends([value], own)[0]:
                return x
            return rebuild(value.detach(), x)

        return pytree.tree_map(free, tree)

    def gradients(
        self,
        outputs: list[Tensor],
        cotangents: list[Tensor],
        retain: bool,
        create: bool | None = None,
    ) -> list[Tensor]:
        """The gradients of the inputs, zeros where unused."""
        roots, grads = [], []
        for o, c in zip(outputs, cotangents, strict=True):
            if native(o).requires_grad:
                roots.append(native(o))
                grads.append(native(_same_levels(c, o)))
        if create is None:
            create = any(self.depends(roots)) or (
                self.outer and any(g.requires_grad for g in grads)
            )
        found: Any = [None] * len(self.sources)
        if roots:
            found = _C._backward(roots, grads, self.sources, retain or create, create, True, False)
        return [
            rebuild(_C.zeros_like(s) if g is None else g, a)
            for g, s, a in zip(found, self.sources, self.aliases, strict=True)
        ]


def _same_levels(x: Tensor, like: Tensor) -> Tensor:
    """`x` batched at all levels of `like`."""
    running = []
    y = like
    while type(y) is Batched:
        running.append(y._level)
        y = y._value
    return expand_to(x, running[::-1])


def _extra_level(x: Tensor, like: Tensor) -> Any:
    """The innermost level of `x` that `like` does not have; None: there is none."""
    known = []
    while type(like) is Batched:
        known.append(like._level)
        like = like._value
    while type(x) is Batched:
        if x._level not in known:
            return x._level
        x = x._value
    return None


# ---- argnums -------------------------------------------------------------------------------------
def chosen(args: tuple[Any, ...], argnums: Any) -> Any:
    """The arguments that `argnums` names: one, or a tuple of them.

    Raises:
        RuntimeError: argnums that are no ints, or name no argument.
    """
    if isinstance(argnums, bool) or not isinstance(argnums, (int, tuple)):
        raise RuntimeError(f"argnums must be int or Tuple[int, ...], got: {type(argnums)}")
    if isinstance(argnums, int):
        return args[_place(argnums, len(args))]
    if not argnums:
        raise RuntimeError("argnums must be non-empty")
    places = [_place(i, len(args)) for i in argnums]
    if len(set(places)) != len(places):
        raise RuntimeError(f"argnums elements must be unique, got {argnums}")
    return tuple(args[i] for i in places)


def _place(i: Any, count: int) -> int:
    if not isinstance(i, int):
        raise RuntimeError(f"argnums must be int or Tuple[int, ...], got an element {type(i)}")
    if not -count <= i < count:
        raise RuntimeError(
            f"Got argnum={i}, but only {count} positional inputs; expected it to satisfy "
            f"{-count} <= argnum < {count}"
        )
    return i % count


def replaced(args: tuple[Any, ...], argnums: Any, values: Any) -> tuple[Any, ...]:
    """The arguments with other ones in the places of `argnums`."""
    new = list(args)
    if isinstance(argnums, int):
        new[argnums] = values
    else:
        for i, v in zip(argnums, values, strict=True):
            new[i] = v
    return tuple(new)


def flat_tensors(tree: Any, call: str, what: str) -> tuple[list[Tensor], Any]:
    """The tensors of a container and its structure.

    Raises:
        RuntimeError: there are none, or something else among them.
    """
    flat, spec = pytree.tree_flatten(tree)
    for x in flat:
        if not isinstance(x, Tensor):
            raise RuntimeError(
                f"{call}: Expected {what} to contain only Tensors, got unsupported type "
                f"{type(x).__name__}"
            )
    return flat, spec


def with_aux(result: Any, has_aux: bool, call: str) -> tuple[Any, Any]:
    """A function's output and what it returns besides.

    Raises:
        RuntimeError: has_aux, and the result is no pair.
    """
    if not has_aux:
        return result, None
    if not isinstance(result, tuple) or len(result) != 2:
        raise RuntimeError(
            f"{call}: output of function f should be a tuple: (output, aux) if has_aux is True"
        )
    return result


# ---- grad ----------------------------------------------------------------------------------------
def grad_and_value(
    func: Callable[..., Any], argnums: int | tuple[int, ...] = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """A function that gives the gradient of `func` and its value.

    Args:
        func: returns a tensor with one element; with `has_aux` a pair of it and anything else.
        argnums: which arguments to differentiate by: tensors or containers of them.
        has_aux: see `func`.

    The function returned gives ``(gradient, value)``, or ``(gradient, (value, aux))``.

    Raises:
        RuntimeError: `func` returns something else, or argnums names no argument.

    Example:
        >>> import lampas
        >>> lampas.func.grad_and_value(lambda x: x**2)(lampas.tensor(3.0))
        (tensor(6.), tensor(9.))
    """

    @functools.wraps(func)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        call = "grad_and_value(f)(*args)"
        flat, spec = flat_tensors(chosen(args, argnums), call, "the arguments in argnums")
        frame = Frame(flat, _C.is_grad_enabled())
        with recording():
            inner = replaced(args, argnums, pytree.tree_unflatten(frame.aliases, spec))
            value, aux = with_aux(func(*inner, **kwargs), has_aux, call)
            if not isinstance(value, Tensor):
                raise RuntimeError(
                    f"{call}: Expected f(*args) to return a Tensor, got {type(value).__name__}"
                )
            if value.dim() != 0:
                raise RuntimeError(
                    f"{call}: Expected f(*args) to return a scalar tensor, got tensor with "
                    f"{value.dim()} dims. Maybe you wanted to use the vjp or jacrev APIs instead?"
                )
            grads = frame.gradients([value], [_C.ones_like(value)], retain=has_aux)
        result = frame.outside(pytree.tree_unflatten(grads, spec))
        value = frame.outside(value)
        return result, ((value, frame.outside(aux)) if has_aux else value)

    return wrapped


def grad(
    func: Callable[..., Any], argnums: int | tuple[int, ...] = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """A function that gives the gradient of `func`.

    Args:
        func: returns a tensor with one element; with `has_aux` a pair of it and anything else.
        argnums: which arguments to differentiate by: tensors or containers of them.
        has_aux: the function returned gives ``(gradient, aux)``.

    Raises:
        RuntimeError: `func` returns something else, or argnums names no argument.

    Example:
        >>> import lampas
        >>> from lampas.func import grad
        >>> grad(grad(lampas.sin))(lampas.tensor(0.5)) == -lampas.tensor(0.5).sin()
        tensor(True)
    """
    both = grad_and_value(func, argnums, has_aux)

    @functools.wraps(func)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        result, value = both(*args, **kwargs)
        return (result, value[1]) if has_aux else result

    return wrapped


# ---- vjp -----------------------------------------------------------------------------------------
def vjp(func: Callable[..., Any], *primals: Any, has_aux: bool = False) -> Any:
    """`func`'s output, and a function that multiplies by its Jacobian from the left.

    Args:
        func: takes the primals, returns tensors; with `has_aux` a pair of them and anything else.
        primals: tensors, or containers of them.
        has_aux: see `func`.

    Returns ``(output, vjp_fn)``, or ``(output, vjp_fn, aux)``. ``vjp_fn(cotangents)`` takes
    tensors of the output's structure and gives a tuple of gradients, one for each primal.

    Raises:
        RuntimeError: primals or outputs that are no tensors, cotangents of another structure.

    Example:
        >>> import lampas
        >>> out, vjp_fn = lampas.func.vjp(lampas.sin, lampas.tensor([0.0, 1.0]))
        >>> vjp_fn(lampas.tensor([1.0, 0.0]))
        (tensor([1., 0.]),)
    """
    call = "vjp(f, *primals)"
    flat, spec = flat_tensors(primals, call, "the primals")
    frame = Frame(flat, _C.is_grad_enabled())
    with recording():
        inner = pytree.tree_unflatten(frame.aliases, spec)
        output, aux = with_aux(func(*inner), has_aux, call)
    outputs, out_spec = flat_tensors(output, call, "the outputs of f")

    def vjp_fn(*cotangents: Any, retain_graph: bool = True, create_graph: Any = None) -> Any:
        given = cotangents[0] if len(cotangents) == 1 else cotangents
        values, got = flat_tensors(given, "vjp_fn(cotangents)", "the cotangents")
        if got != out_spec:
            raise RuntimeError(
                f"vjp_fn(cotangents): Expected the cotangents to have the structure of the "
                f"outputs, {out_spec}, got {got}"
            )
        for o, c in zip(outputs, values, strict=True):
            if o.shape != c.shape:
                raise RuntimeError(
                    f"vjp_fn(cotangents): Expected a cotangent of shape {tuple(o.shape)}, got "
                    f"{tuple(c.shape)}"
                )
        create = None if _C.is_grad_enabled() and create_graph is not False else False
        with recording():
            grads = for_each_extra(
                outputs, values, lambda cs: frame.gradients(outputs, cs, retain_graph, create)
            )
        return frame.outside(pytree.tree_unflatten(grads, spec))

    output = pytree.tree_map(frame.outside, output)
    return (output, vjp_fn, frame.outside(aux)) if has_aux else (output, vjp_fn)


def for_each_extra(
    known: list[Tensor], values: list[Tensor], linear: Callable[[list[Tensor]], list[Tensor]]
) -> list[Tensor]:
    """`linear(values)`; where they are batched at levels beyond `known`, once for each sample."""
    for like, x in zip(known, values, strict=True):
        level = _extra_level(x, like)
        if level is None:
            continue
        columns = [unwrap(v, level) for v in values]
        rows = [
            for_each_extra(known, [c.select(0, i) for c in columns], linear)
            for i in range(level.size)
        ]
        if not rows:
            sample = for_each_extra(known, [c.new_zeros(c.shape[1:]) for c in columns], linear)
            return [wrap(x.unsqueeze(0)[:0], level) for x in sample]
        return [wrap(_C.stack(list(column)), level) for column in zip(*rows, strict=True)]
    return linear(values)


# ---- jvp -----------------------------------------------------------------------------------------
class Push:
    """The linear map from tangents of a frame's inputs to tangents of outputs.

    Args:
        frame: the inputs.
        outputs: what was computed from them, batched at no level that they are not.
    """

    def __init__(self, frame: Frame, outputs: list[Tensor]) -> None:
        self.frame, self.outputs = frame, outputs
        self.weights = [
            _C.zeros_like(native(o).detach()).requires_grad_() if native(o).requires_grad else None
            for o in outputs
        ]
        used = [(o, w) for o, w in zip(outputs, self.weights, strict=True) if w is not None]
        self.grads: list[Tensor] = []
        if used:
            with recording(), forward_mode():
                found = frame.gradients(
                    [o for o, _ in used], [rebuild(w, o) for o, w in used], True, create=True
                )
            self.grads = [native(g) for g in found]

    def __call__(self, tangents: list[Tensor], retain: bool = False) -> list[Tensor]:
        given = [
            native(_same_levels(t, a)) for t, a in zip(tangents, self.frame.aliases, strict=True)
        ]
        roots = [(g, t) for g, t in zip(self.grads, given, strict=False) if g.requires_grad]
        weights = [w for w in self.weights if w is not None]
        found: Any = [None] * len(weights)
        if roots:
            grads, seeds = [g for g, _ in roots], [t for _, t in roots]
            create = any(self.frame.depends(grads, weights)) or (
                self.frame.outer and any(t.requires_grad for t in seeds)
            )
            found = _C._backward(grads, seeds, weights, retain or create, create, True, False)
        rest = iter(found)
        results = []
        for o, w in zip(self.outputs, self.weights, strict=True):
            value = next(rest) if w is not None else None
            zero = native(o).detach() if value is None else value
            results.append(rebuild(_C.zeros_like(zero) if value is None else value, o))
        return self.frame.outside(results, weights)


def jvp(
    func: Callable[..., Any],
    primals: Any,
    tangents: Any,
    *,
    strict: bool = False,
    has_aux: bool = False,
) -> Any:
    """`func`'s output, and its Jacobian times the tangents: forward-mode differentiation.

    Args:
        func: takes the primals, returns tensors; with `has_aux` a pair of them and anything else.
        primals: tuple of arguments: tensors, or containers of them.
        tangents: a direction for each, of the same structure and shapes.
        strict: an output that does not depend on the inputs is an error, not a tangent of zeros.
        has_aux: see `func`.

    Returns ``(output, tangent)``, or ``(output, tangent, aux)``.

    Raises:
        RuntimeError: primals and tangents are no tuples of one structure.

    Example:
        >>> import lampas
        >>> x = lampas.tensor([0.0, 1.0])
        >>> lampas.func.jvp(lampas.exp, (x,), (lampas.ones(2),))
        (tensor([1.0000, 2.7183]), tensor([1.0000, 2.7183]))
    """
    call = "jvp(f, primals, tangents)"
    flat, spec, directions = _matching(call, primals, tangents)
    frame = Frame(flat, _C.is_grad_enabled())
    with recording():
        inner = pytree.tree_unflatten(frame.aliases, spec)
        output, aux = with_aux(func(*inner), has_aux, call)
        outputs, out_spec = flat_tensors(output, call, "the outputs of f")
        if strict and not all(native(o).requires_grad for o in outputs):
            raise RuntimeError(
                f"{call}: strict is True, and an output is independent of the inputs"
            )
        moved = Push(frame, outputs)(directions)
    results = (
        pytree.tree_unflatten([frame.outside(o) for o in outputs], out_spec),
        pytree.tree_unflatten(moved, out_spec),
    )
    return (*results, frame.outside(aux)) if has_aux else results


def _matching(call: str, primals: Any, tangents: Any) -> tuple[list[Tensor], Any, list[Tensor]]:
    for what, value in (("primals", primals), ("tangents", tangents)):
        if not isinstance(value, tuple):
            raise RuntimeError(
                f"{call}: Expected {what} to be a tuple. E.g. it should be valid to call "
                f"f(*{what}). Got {type(value).__name__}"
            )
    flat, spec = flat_tensors(primals, call, "primals")
    if not flat:
        raise RuntimeError(f"{call}: Expected primals to be non-empty tuple.")
    directions, got = flat_tensors(tangents, call, "tangents")
    if got != spec:
        raise RuntimeError(
            f"{call}: Expected primals and tangents to have the same python structure: primals "
            f"have {spec}, tangents {got}"
        )
    for p, t in zip(flat, directions, strict=True):
        if p.shape != t.shape:
            raise RuntimeError(
                f"{call}: Expected tangents of the primals' shapes, got {tuple(t.shape)} for "
                f"{tuple(p.shape)}"
            )
    return flat, spec, directions


def linearize(func: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[..., Any]]:
    """`func`'s output, and a function that multiplies tangents by its Jacobian at the primals.

    The work that does not depend on the tangents is done once.

    Args:
        func: takes the primals, returns tensors.
        primals: tensors, or containers of them.

    Raises:
        RuntimeError: tangents of another structure or shape than the primals.

    Example:
        >>> import lampas
        >>> out, jvp_fn = lampas.func.linearize(lampas.square, lampas.tensor([1.0, 2.0]))
        >>> jvp_fn(lampas.tensor([1.0, 1.0]))
        tensor([2., 4.])
    """
    call = "linearize(f, *primals)"
    flat, spec = flat_tensors(primals, call, "primals")
    frame = Frame(flat, _C.is_grad_enabled())
    with recording():
        output = func(*pytree.tree_unflatten(frame.aliases, spec))
        outputs, out_spec = flat_tensors(output, call, "the outputs of f")
        push = Push(frame, outputs)

    def jvp_fn(*tangents: Any) -> Any:
        _, _, directions = _matching("jvp_fn(*tangents)", primals, tangents)
        with recording():
            moved = for_each_extra(frame.aliases, directions, lambda ts: push(ts, retain=True))
        return pytree.tree_unflatten(moved, out_spec)

    return pytree.tree_unflatten([frame.outside(o) for o in outputs], out_spec), jvp_fn
