"""Selective checkpoints: results of chosen operators are kept, everything else is computed again.

Kept are the operators' results, and what their own backward needs; in the recomputation they do not
run.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from typing import Any

import lampas
from lampas import _C
from lampas._tensor import Tensor
from lampas.autograd.graph import saved_tensors_hooks
from lampas.overrides import TorchFunctionMode
from lampas.utils import _pytree


class CheckpointPolicy(enum.Enum):
    """What to do with an operator's results: keep them, or compute them again.

    ``MUST`` and ``PREFER`` are one here, since nothing else decides. Offloading to the CPU keeps
    them, too: that is where they are.
    """

    MUST_SAVE = 0
    PREFER_SAVE = 1
    MUST_RECOMPUTE = 2
    PREFER_RECOMPUTE = 3
    MUST_CPU_OFFLOAD = 4
    PREFER_CPU_OFFLOAD = 5


_RECOMPUTE = (CheckpointPolicy.MUST_RECOMPUTE, CheckpointPolicy.PREFER_RECOMPUTE)


class SelectiveCheckpointContext:
    """What a policy function is told of a call.

    Args:
        is_recompute: whether this is the recomputation.
        op_output: the results, where they are known.
    """

    def __init__(self, *, is_recompute: bool, op_output: Any = None) -> None:
        self.is_recompute, self.op_output = is_recompute, op_output


def _plain(function: Any) -> Any:
    """A method as the function of the top level, so that a policy sees one name for both."""
    name = getattr(function, "__name__", "")
    found = getattr(lampas, name, None) if hasattr(Tensor, name) else None
    return function if found is None else found


# They tell of a tensor, or give it another look: not worth keeping.
SAC_IGNORED_OPS: set[Any] = {
    getattr(Tensor, n)
    for n in (
        "detach", "dim", "is_contiguous", "numel", "size", "storage_offset", "stride", "data_ptr",
        "element_size", "is_floating_point", "is_complex", "item", "tolist", "get_device",
    )
}  # fmt: skip
_IGNORED_NAMES = {f.__name__ for f in SAC_IGNORED_OPS}


class _Kept:
    """One call's results, detached from the graph."""

    def __init__(self, out: Any) -> None:
        self.leaves, self.spec = _pytree.tree_flatten(out)
        self.wanted = [isinstance(t, Tensor) and t.requires_grad for t in self.leaves]
        self.leaves = [t.detach() if isinstance(t, Tensor) else t for t in self.leaves]
        self.versions = [t._version if isinstance(t, Tensor) else 0 for t in self.leaves]

    def get(self, name: str, may_change: bool) -> Any:
        """The results, as leaves that require gradients where they did."""
        out = []
        for leaf, version, wanted in zip(self.leaves, self.versions, self.wanted, strict=True):
            if isinstance(leaf, Tensor):
                if leaf._version != version and not may_change:
                    raise RuntimeError(
                        f"Tensor cached during selective activation checkpoint has been mutated: a "
                        f"result of {name}. Remedy: clone() it before writing to it, or "
                        "allow_cache_entry_mutation=True"
                    )
                leaf = leaf.detach().requires_grad_(wanted)
                leaf = leaf.clone() if may_change else leaf  # the function may write to it again
            out.append(leaf)
        return _pytree.tree_unflatten(out, self.spec)


class _Mode(TorchFunctionMode):
    def __init__(self, policy: Callable[..., Any], kept: dict[str, list[_Kept]]) -> None:
        super().__init__()
        self.policy, self.kept = policy, kept

    def keeps(self, function: Any, args: Any, kwargs: Any, again: bool) -> bool:
        """Whether the policy says so."""
        name = getattr(function, "__name__", "")
        if not name or name.startswith("__get") or name in _IGNORED_NAMES:
            return False
        context = SelectiveCheckpointContext(is_recompute=again)
        said = self.policy(context, _plain(function), *args, **kwargs)
        if isinstance(said, bool):
            said = CheckpointPolicy.MUST_SAVE if said else CheckpointPolicy.PREFER_RECOMPUTE
        if not isinstance(said, CheckpointPolicy):
            raise TypeError(
                f"selective checkpoint: the policy has to give a CheckpointPolicy, got {said!r}"
            )
        return said not in _RECOMPUTE


class _Keep(_Mode):
    """The forward call."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if not _C.is_grad_enabled() or not self.keeps(func, args, kwargs, False):
            return func(*args, **kwargs)
        with saved_tensors_hooks(lambda t: t, lambda t: t):  # its own, not to be computed again
            out = func(*args, **kwargs)
        self.kept.setdefault(func.__name__, []).append(_Kept(out))
        return out


class _Give(_Mode):
    """The recomputation, which may run several times."""

    def __init__(
        self, policy: Callable[..., Any], kept: dict[str, list[_Kept]], may_change: bool
    ) -> None:
        super().__init__(policy, kept)
        self.may_change = may_change
        self.next: dict[str, int] = {}

    def __enter__(self) -> TorchFunctionMode:
        self.next = {}
        return super().__enter__()

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if not self.keeps(func, args, kwargs, True):
            return func(*args, **kwargs)
        name = func.__name__
        at = self.next.get(name, 0)
        if at >= len(self.kept.get(name, ())):
            raise RuntimeError(
                f"{name} is called more often in the recomputation than in the forward call of a "
                "selective checkpoint. Remedy: the function, and the policy, have to do the same "
                "both times"
            )
        self.next[name] = at + 1
        return self.kept[name][at].get(name, self.may_change)


def create_selective_checkpoint_contexts(
    policy_fn_or_list: Callable[..., Any] | Sequence[Any],
    allow_cache_entry_mutation: bool = False,
) -> tuple[_Keep, _Give]:
    """The two contexts of a :func:`checkpoint` that keeps results of some operators.

    Args:
        policy_fn_or_list: a function of a :class:`SelectiveCheckpointContext`, an operator and its
            arguments that gives a :class:`CheckpointPolicy`; or a list of operators to keep,
            ``[torch.mm, torch.nn.functional.linear]`` say.
        allow_cache_entry_mutation: the function may write to kept results: nothing looks whether
            it did, and the recomputation gets copies.

    Raises:
        TypeError: neither of them.

    >>> import functools, lampas
    >>> from lampas.utils.checkpoint import checkpoint
    >>> x = lampas.ones(2, 2, requires_grad=True)
    >>> keep = functools.partial(create_selective_checkpoint_contexts, [lampas.mm])
    >>> y = checkpoint(lambda t: (t @ t).mm(t).sin(), x, use_reentrant=False, context_fn=keep)
    >>> y.sum().backward()
    >>> x.grad.shape
    torch.Size([2, 2])
    """
    if isinstance(policy_fn_or_list, (list, tuple, set, frozenset)):
        for op in policy_fn_or_list:
            if not callable(op) or not hasattr(op, "__name__"):
                raise TypeError(f"Expected an operator in `policy_fn_or_list`, got {op!r}")
        names = {op.__name__ for op in policy_fn_or_list}

        def policy(context: Any, op: Any, *args: Any, **kwargs: Any) -> CheckpointPolicy:
            kept = op.__name__ in names
            return CheckpointPolicy.MUST_SAVE if kept else CheckpointPolicy.PREFER_RECOMPUTE

    elif callable(policy_fn_or_list):
        policy = policy_fn_or_list
    else:
        raise TypeError("policy_fn_or_list must be either a function or a list of ops.")
    kept: dict[str, list[_Kept]] = {}
    return _Keep(policy, kept), _Give(policy, kept, allow_cache_entry_mutation)
