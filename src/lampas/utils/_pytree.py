"""Nested containers of values ("pytrees"): taken apart into a flat list of leaves, and rebuilt.

Containers are tuples, named tuples, lists, dicts, ordered and default dicts, deques, and what
:func:`register_pytree_node` adds. Everything else, None too, is a leaf.

Example:
    >>> from lampas.utils._pytree import tree_flatten, tree_unflatten
    >>> leaves, spec = tree_flatten({"a": 1, "b": (2, [3])})
    >>> leaves
    [1, 2, 3]
    >>> tree_unflatten([x * 10 for x in leaves], spec)
    {'a': 10, 'b': (20, [30])}
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

__all__ = [
    "LeafSpec", "TreeSpec", "register_pytree_node", "tree_all", "tree_any", "tree_flatten",
    "tree_leaves", "tree_map", "tree_map_", "tree_map_only", "tree_structure", "tree_unflatten",
]  # fmt: skip

_Flatten = Callable[[Any], tuple[list[Any], Any]]
_Unflatten = Callable[[Iterable[Any], Any], Any]


class _Kind(NamedTuple):
    flatten: _Flatten
    unflatten: _Unflatten


class TreeSpec:
    """The structure of a pytree: the kind of its outermost container, and its children's."""

    __slots__ = ("children_specs", "context", "num_leaves", "type")

    def __init__(self, type: Any, context: Any, children_specs: list[TreeSpec]) -> None:
        self.type = type
        self.context = context
        self.children_specs = children_specs
        self.num_leaves: int = sum(c.num_leaves for c in children_specs) if type is not None else 1

    def is_leaf(self) -> bool:
        """Whether this stands for a single value."""
        return self.type is None

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, TreeSpec)
            and self.type is other.type
            and self.context == other.context
            and self.children_specs == other.children_specs
        )

    def __hash__(self) -> int:
        return hash((self.type, self.num_leaves, tuple(self.children_specs)))

    def __repr__(self) -> str:
        if self.type is None:
            return "*"
        children = ",\n  ".join(repr(c).replace("\n", "\n  ") for c in self.children_specs)
        return f"TreeSpec({self.type.__name__}, {self.context}, [{children}])"


class LeafSpec(TreeSpec):
    """The structure of a single value."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(None, None, [])


_LEAF = LeafSpec()


def _dict_kind(make: Callable[[Any, list[tuple[Any, Any]]], Any], extra: Any = None) -> _Kind:
    def flatten(d: Any) -> tuple[list[Any], Any]:
        keys = list(d)
        return list(d.values()), keys if extra is None else (extra(d), keys)

    def unflatten(values: Iterable[Any], context: Any) -> Any:
        keys = context if extra is None else context[1]
        return make(context, list(zip(keys, values, strict=True)))

    return _Kind(flatten, unflatten)


_kinds: dict[type, _Kind] = {
    tuple: _Kind(lambda t: (list(t), None), lambda v, _: tuple(v)),
    list: _Kind(lambda t: (t, None), lambda v, _: list(v)),
    dict: _dict_kind(lambda _, items: dict(items)),
    OrderedDict: _dict_kind(lambda _, items: OrderedDict(items)),
    defaultdict: _dict_kind(
        lambda context, items: defaultdict(context[0], items), lambda d: d.default_factory
    ),
    deque: _Kind(lambda d: (list(d), d.maxlen), lambda v, maxlen: deque(v, maxlen)),
}
_NAMED = _Kind(lambda t: (list(t), type(t)), lambda v, cls: cls._make(v))
_STRUCT = _Kind(lambda t: (list(t), type(t)), lambda v, cls: cls(v))


def register_pytree_node(
    cls: type, flatten_fn: _Flatten, unflatten_fn: _Unflatten, **_: Any
) -> None:
    """Makes a type a container.

    Args:
        cls: the type itself; its subclasses stay leaves.
        flatten_fn: takes an instance, gives its children and whatever rebuilding needs besides.
        unflatten_fn: takes children and the latter, gives an instance.
    """
    if cls in _kinds:
        raise ValueError(f"{cls} is already registered as a pytree node")
    _kinds[cls] = _Kind(flatten_fn, unflatten_fn)


def _kind_of(tree: Any) -> tuple[type, _Kind] | None:
    cls = type(tree)
    if cls in _kinds:
        return cls, _kinds[cls]
    if isinstance(tree, tuple):
        if hasattr(cls, "_fields"):
            return tuple, _NAMED
        if hasattr(cls, "n_sequence_fields"):  # what max(dim) and its like return
            return tuple, _STRUCT
    return None


def tree_flatten(
    tree: Any, is_leaf: Callable[[Any], bool] | None = None
) -> tuple[list[Any], TreeSpec]:
    """The leaves, from left to right, and the structure."""
    leaves: list[Any] = []
    return leaves, _collect(tree, leaves, is_leaf)


def _collect(tree: Any, leaves: list[Any], is_leaf: Callable[[Any], bool] | None) -> TreeSpec:
    kind = None if is_leaf is not None and is_leaf(tree) else _kind_of(tree)
    if kind is None:
        leaves.append(tree)
        return _LEAF
    children, context = kind[1].flatten(tree)
    return TreeSpec(kind[0], context, [_collect(c, leaves, is_leaf) for c in children])


def tree_unflatten(leaves: Iterable[Any], treespec: TreeSpec) -> Any:
    """The tree of a structure with these leaves.

    Raises:
        ValueError: there are not as many leaves as the structure has.
    """
    values = list(leaves)
    if len(values) != treespec.num_leaves:
        raise ValueError(
            f"tree_unflatten(leaves, treespec): `leaves` has length {len(values)} but the spec "
            f"refers to a pytree that holds {treespec.num_leaves} items ({treespec})."
        )
    return _rebuild(iter(values), treespec)


def _rebuild(values: Any, spec: TreeSpec) -> Any:
    if spec.type is None:
        return next(values)
    children = [_rebuild(values, c) for c in spec.children_specs]
    if spec.type is tuple and isinstance(spec.context, type):
        kind = _NAMED if hasattr(spec.context, "_fields") else _STRUCT
    else:
        kind = _kinds[spec.type]
    return kind.unflatten(children, spec.context)


def tree_leaves(tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> list[Any]:
    """The leaves, from left to right."""
    return tree_flatten(tree, is_leaf)[0]


def tree_structure(tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> TreeSpec:
    """The structure alone."""
    return tree_flatten(tree, is_leaf)[1]


def tree_map(
    func: Callable[..., Any],
    tree: Any,
    *rests: Any,
    is_leaf: Callable[[Any], bool] | None = None,
) -> Any:
    """The tree with `func` of each leaf, and of the leaves of `rests` in the same place."""
    leaves, spec = tree_flatten(tree, is_leaf)
    others = []
    for rest in rests:
        values, other = tree_flatten(rest, is_leaf)
        if other != spec:
            raise ValueError(f"tree_map: structures differ: {spec} and {other}")
        others.append(values)
    return tree_unflatten([func(*xs) for xs in zip(leaves, *others, strict=True)], spec)


def tree_map_(func: Callable[..., Any], tree: Any, *rests: Any) -> Any:
    """Calls `func` on each leaf and returns the tree as it is."""
    tree_map(func, tree, *rests)
    return tree


def tree_map_only(types: Any, func: Callable[[Any], Any], tree: Any) -> Any:
    """The tree with `func` of each leaf that is an instance of `types`; others as they are."""
    return tree_map(lambda x: func(x) if isinstance(x, types) else x, tree)


def tree_all(pred: Callable[[Any], bool], tree: Any) -> bool:
    """Whether `pred` holds for every leaf."""
    return all(map(pred, tree_leaves(tree)))


def tree_any(pred: Callable[[Any], bool], tree: Any) -> bool:
    """Whether `pred` holds for some leaf."""
    return any(map(pred, tree_leaves(tree)))


def _broadcast_to_and_flatten(tree: Any, treespec: TreeSpec) -> list[Any] | None:
    """The leaves of a prefix of `treespec`, each repeated for all that it stands over; or None."""
    spec_leaf = _kind_of(tree) is None
    if spec_leaf:
        return [tree] * treespec.num_leaves
    if treespec.type is None:
        return None
    cls, kind = _kind_of(tree)  # type: ignore[misc]
    children, context = kind.flatten(tree)
    same = cls is treespec.type and context == treespec.context
    if not same or len(children) != len(treespec.children_specs):
        return None
    result: list[Any] = []
    for child, spec in zip(children, treespec.children_specs, strict=True):
        leaves = _broadcast_to_and_flatten(child, spec)
        if leaves is None:
            return None
        result += leaves
    return result
