"""Batched tensors: what a function sees under vmap, and what an operator makes of them.

A batched tensor looks like one sample: it is a meta tensor of the sample's shape and dtype, so
nothing can read values from it unnoticed. Behind it stands `value`, all samples stacked along
dimension 0. Nested vmaps give batched tensors whose value is a batched tensor of the next outer
level. Only values carry gradients; so derivatives and vmap nest with no more ado.

While a vmap runs, `call_op` hands every call with a batched argument to `dispatch`: a rule
computes all samples at once, or else the operator runs once for each sample.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import Any

from lampas import _C
from lampas._tensor import Tensor
from lampas.utils import _pytree as pytree

__all__ = ["Batched", "Level", "VmapError", "dispatch", "levels", "unwrap", "wrap"]

_UNREADABLE = (
    "vmap: {0} reads the values of a tensor that stands for a whole batch, and each sample may "
    "have a different one. Remedy: compute with tensors, lampas.where instead of `if` for example, "
    "or call it outside of vmap"
)


class VmapError(RuntimeError):
    """What vmap itself refuses."""


class Level:
    """One running vmap.

    Args:
        depth: how many vmaps run around it, and it.
        size: the number of samples.
        randomness: "error", "different" or "same".
    """

    __slots__ = ("depth", "looping", "randomness", "size")

    def __init__(self, depth: int, size: int, randomness: str) -> None:
        self.depth, self.size, self.randomness = depth, size, randomness
        self.looping = 0  # operators that run for one sample at this moment


def _unreadable(name: str) -> Callable[..., Any]:
    def method(self: Batched, *_: Any, **__: Any) -> Any:
        raise VmapError(_UNREADABLE.format(name))

    return method


def _viewed(name: str) -> property:
    return property(lambda self: wrap(_views[name](self._value), self._level))


_views: dict[str, Callable[[Any], Any]] = {
    "mT": lambda v: v.transpose(-2, -1),
    "mH": lambda v: v.transpose(-2, -1).conj(),
    "T": lambda v: v.permute(0, *range(v.dim() - 1, 0, -1)),
    "H": lambda v: v.permute(0, *range(v.dim() - 1, 0, -1)).conj(),
    "real": lambda v: v.real,
    "imag": lambda v: v.imag,
    "data": lambda v: v.data,
}


class Batched(Tensor):
    """One sample of a batch, as the function under vmap sees it."""

    _value: Tensor
    _level: Level
    __torch_function__ = _C._disabled_torch_function_impl

    device = property(lambda self: self._value.device)
    is_meta = property(lambda self: self._value.is_meta)
    is_cpu = property(lambda self: self._value.is_cpu)
    requires_grad = property(lambda self: self._value.requires_grad)
    is_leaf = property(lambda self: self._value.is_leaf)
    grad_fn = property(lambda self: self._value.grad_fn)
    T, mT, H, mH = _viewed("T"), _viewed("mT"), _viewed("H"), _viewed("mH")
    real, imag, data = _viewed("real"), _viewed("imag"), _viewed("data")
    __bool__ = _unreadable("bool()")
    __int__, __float__, __index__ = (_unreadable(f"{n}()") for n in ("int", "float", "index"))
    numpy, __array__, __dlpack__ = (_unreadable(n) for n in ("numpy()", "__array__()", "DLPack"))
    __contains__ = _unreadable("`in`")

    def __repr__(self, *, tensor_contents: Any = None) -> str:
        return f"BatchedTensor(lvl={self._level.depth}, bdim=0, value={self._value!r})"


class _State(threading.local):
    def __init__(self) -> None:
        self.levels: list[Level] = []


_state = _State()
_running = 0  # vmaps in all threads


def levels() -> list[Level]:
    """The vmaps that run in this thread, outermost first."""
    return _state.levels


class entered:
    """Within the ``with`` block the levels given are the ones that run."""

    def __init__(self, running: list[Level]) -> None:
        self.running = running

    def __enter__(self) -> None:
        global _running
        from lampas.func._random import DRAWING

        self.before, _state.levels = _state.levels, self.running
        _running += 1
        _C._set_transform(dispatch, Batched, list(DRAWING))

    def __exit__(self, *_: object) -> None:
        global _running
        _state.levels = self.before
        _running -= 1
        if not _running:
            _C._set_transform(None, None, [])


# ---- in and out ----------------------------------------------------------------------------------
def wrap(value: Tensor, level: Level) -> Batched:
    """The sample's view of a tensor whose dimension 0 is the batch of `level`."""
    meta = _C.empty(value.shape[1:], dtype=value.dtype, device="meta")
    sample = _C._as_subclass(meta, Batched)
    sample._value, sample._level = value, level
    return sample


def of_level(x: Any, level: Level) -> bool:
    """Whether a value is a batched tensor of this very level."""
    return type(x) is Batched and x._level is level


def unwrap(x: Tensor, level: Level) -> Tensor:
    """All samples of a tensor, stacked: one that is the same for all is expanded."""
    if of_level(x, level):
        return x._value  # type: ignore[attr-defined]
    return x.unsqueeze(0).expand(level.size, *x.shape)


def wrap_all(tree: Any, level: Level) -> Any:
    """The tensors of a result as samples."""
    if isinstance(tree, Tensor):
        return wrap(tree, level)
    if isinstance(tree, (tuple, list)):
        return pytree.tree_map(lambda x: wrap(x, level) if isinstance(x, Tensor) else x, tree)
    return tree


def native(x: Tensor) -> Tensor:
    """The plain tensor behind all levels."""
    while type(x) is Batched:
        x = x._value
    return x


def rebuild(value: Tensor, like: Tensor) -> Tensor:
    """A plain tensor behind the levels of `like`."""
    if type(like) is not Batched:
        return value
    return wrap(rebuild(value, like._value), like._level)


def meta_of(x: Any) -> Any:
    """What stands in for a sample: a plain meta tensor."""
    return _C._as_subclass(x, Tensor) if type(x) is Batched else x


def expand_to(x: Tensor, running: list[Level]) -> Tensor:
    """The tensor batched at each of these levels, outermost first."""
    if not running:
        return x
    level = running[-1]
    if type(x) is Batched and x._level.depth > level.depth:
        return wrap(expand_to(x._value, running), x._level)
    return wrap(expand_to(unwrap(x, level), running[:-1]), level)


def _batched_in(value: Any, found: list[Batched], depth: int = 3) -> None:
    if type(value) is Batched:
        found.append(value)
    elif depth and isinstance(value, (tuple, list)):
        for x in value:
            _batched_in(x, found, depth - 1)


def map_args(f: Callable[[Any], Any], value: Any, depth: int = 3) -> Any:
    """`f` of an argument, or of the elements of a list or tuple."""
    if depth and type(value) in (tuple, list):
        return type(value)(map_args(f, x, depth - 1) for x in value)
    return f(value)


# ---- one operator --------------------------------------------------------------------------------
def dispatch(func: Any, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What an operator does with these arguments, some of which are batched; or NotImplemented."""
    from lampas.func import _random
    from lampas.func._rules import META, RULES, UNREADABLE

    found: list[Batched] = []
    _batched_in(args, found)
    _batched_in(tuple(kwargs.values()), found)
    drawing = name in _random.DRAWING and _random.draws(name, args, kwargs)
    if not found:
        return _random.draw(func, name, args, kwargs) if drawing else NotImplemented
    if name in META:
        return func(*map_args(meta_of, args), **{k: meta_of(v) for k, v in kwargs.items()})
    if name in UNREADABLE:
        raise VmapError(_UNREADABLE.format(name + "()"))
    if drawing:
        return _random.draw(func, name, args, kwargs)
    level = _innermost(found)
    if kwargs.get("out") is not None:
        return _write_out(func, args, kwargs)
    inplace = _writes(name)
    if inplace and not of_level(args[0], level):
        raise VmapError(
            f"vmap: {name}: the tensor written to is the same for all samples, but what is written "
            "differs between them. Remedy: use the operation that returns a new tensor, or make "
            "the tensor one of vmap's inputs"
        )
    rule = RULES.get(name)
    if rule is not None:
        try:
            result = rule(func, level, *args, **kwargs)
        except VmapError:
            raise
        except (RuntimeError, TypeError, ValueError, IndexError) as error:
            # The operator itself finds the words: it sees the shape of a sample.
            if _strict:
                raise AssertionError(f"{name}: {error}") from error
            result = NotImplemented
        if result is not NotImplemented:
            return args[0] if inplace else wrap_all(result, level)
    return loop(func, level, args, kwargs, inplace)


_strict = False  # tests set it: a rule that fails is an error


def _innermost(found: list[Batched]) -> Level:
    return max((x._level for x in found), key=lambda level: level.depth)


def _writes(name: str) -> bool:
    return name == "__setitem__" or (name.endswith("_") and not name.endswith("__"))


def _write_out(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    out = kwargs["out"]
    result = func(*args, **{k: v for k, v in kwargs.items() if k != "out"})
    for target, value in zip(pytree.tree_leaves(out), pytree.tree_leaves(result), strict=True):
        target.copy_(value)
    return out


def loop(
    func: Any,
    level: Level,
    args: Any,
    kwargs: Any,
    inplace: bool = False,
    around: Callable[[], Any] | None = None,
) -> Any:
    """Runs an operator once for each sample, in a context each, and stacks what comes out."""
    from lampas.func._random import same_numbers

    def sample(i: int) -> Callable[[Any], Any]:
        return lambda x: x._value.select(0, i) if of_level(x, level) else x

    if not level.size:
        return _empty(func, level, args, kwargs, inplace)
    if around is None:
        same = level.randomness == "same"
        around = same_numbers(args, kwargs) if same else contextlib.nullcontext
    results = []
    level.looping += 1
    try:
        for i in range(level.size):
            pick = sample(i)
            chosen = {k: map_args(pick, v) for k, v in kwargs.items()}
            with around():
                results.append(func(*map_args(pick, args), **chosen))
    finally:
        level.looping -= 1
    if inplace:
        return args[0]
    leaves = [pytree.tree_leaves(r) for r in results]
    spec = pytree.tree_structure(results[0])
    return pytree.tree_unflatten(
        [_joined(func, level, list(column)) for column in zip(*leaves, strict=True)], spec
    )


def _joined(func: Any, level: Level, column: list[Any]) -> Any:
    if isinstance(column[0], Tensor):
        shapes = {tuple(x.shape) for x in column}
        if len(shapes) > 1:
            raise VmapError(
                f"vmap: {func.__name__}() gives results of different shapes for the samples, "
                f"{sorted(shapes)[:2]} for example; a batch needs one shape"
            )
        return wrap(_C.stack(column), level)
    if any(x != column[0] for x in column):
        raise VmapError(_UNREADABLE.format(f"{func.__name__}()"))
    return column[0]


def _empty(func: Any, level: Level, args: Any, kwargs: Any, inplace: bool) -> Any:
    # Shapes come from a made-up sample.
    def zeros(x: Any) -> Any:
        return x._value.new_zeros(x.shape) if of_level(x, level) else x

    result = func(*map_args(zeros, args), **{k: map_args(zeros, v) for k, v in kwargs.items()})
    if inplace:
        return args[0]
    return pytree.tree_map(
        lambda x: wrap(x.unsqueeze(0)[:0], level) if isinstance(x, Tensor) else x, result
    )
