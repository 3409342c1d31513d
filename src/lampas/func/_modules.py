"""Modules as functions of their parameters, and helpers around transforms."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from lampas import _C
from lampas._tensor import Tensor
from lampas.func._batched import Batched

if TYPE_CHECKING:
    from lampas import nn

__all__ = [
    "debug_unwrap", "functional_call", "functionalize", "replace_all_batch_norm_modules_",
    "stack_module_state",
]  # fmt: skip


def functional_call(
    module: nn.Module,
    parameter_and_buffer_dicts: dict[str, Tensor] | Sequence[dict[str, Tensor]],
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """Calls a module with other tensors in place of its parameters and buffers.

    Args:
        module: the module, which is the same afterwards.
        parameter_and_buffer_dicts: tensors by dotted name: one dictionary, or several whose names
            differ.
        args: positional arguments of the call: a tuple, or a single one.
        kwargs: keyword arguments of the call.
        tie_weights: names that stand for one tensor in the module get the same value.
        strict: the names must be exactly those of the module.

    Raises:
        ValueError: something else than dictionaries, or a name in two of them.
        RuntimeError: names that do not match (``strict``).

    Example:
        >>> import lampas
        >>> from lampas import nn
        >>> layer = nn.Linear(2, 1, bias=False)
        >>> loss = lambda p, x: lampas.func.functional_call(layer, p, (x,)).sum()
        >>> weights = {"weight": lampas.ones(1, 2)}
        >>> lampas.func.grad(loss)(weights, lampas.tensor([3.0, 4.0]))
        {'weight': tensor([[3., 4.]])}
    """
    from lampas.nn.utils.stateless import functional_call as call

    given = parameter_and_buffer_dicts
    if not isinstance(given, dict):
        if not isinstance(given, Sequence) or not all(isinstance(d, dict) for d in given):
            raise ValueError(
                "Expected parameter_and_buffer_dicts to be a dict, or a list/tuple of dicts, but "
                f"got {type(given)}"
            )
        names = [name for d in given for name in d]
        twice = sorted({n for n in names if names.count(n) > 1})
        if twice:
            raise ValueError(f"{twice} appeared in multiple dictionaries; behavior is ambiguous")
        given = {name: value for d in given for name, value in d.items()}
    return call(module, given, args, kwargs, tie_weights=tie_weights, strict=strict)


def stack_module_state(
    models: Sequence[nn.Module],
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The parameters and the buffers of modules of one architecture, stacked along dimension 0.

    Args:
        models: modules of one class, all in the same mode of training or evaluation.

    Raises:
        RuntimeError: no modules, of different classes, or in different modes.

    Example:
        >>> import lampas
        >>> from lampas import nn
        >>> from lampas.func import functional_call, stack_module_state, vmap
        >>> models = [nn.Linear(3, 2) for _ in range(4)]
        >>> params, buffers = stack_module_state(models)
        >>> run = lambda p, b, x: functional_call(models[0], (p, b), (x,))
        >>> vmap(run, in_dims=(0, 0, None))(params, buffers, lampas.ones(5, 3)).shape
        torch.Size([4, 5, 2])
    """
    if not models:
        raise RuntimeError("stack_module_state: Expected at least one model, got 0.")
    if any(m.training != models[0].training for m in models):
        raise RuntimeError(
            "stack_module_state: Expected all models to have the same training/eval mode."
        )
    if any(type(m) is not type(models[0]) for m in models):
        raise RuntimeError("stack_module_state: Expected all models to be of the same class.")
    params = [dict(m.named_parameters()) for m in models]
    buffers = [dict(m.named_buffers()) for m in models]
    return (
        {name: _stacked([p[name] for p in params]) for name in params[0]},
        {name: _stacked([b[name] for b in buffers]) for name in buffers[0]},
    )


def _stacked(tensors: list[Tensor]) -> Tensor:
    # A leaf like the tensors themselves: an optimizer may have it.
    wanted = tensors[0].requires_grad
    if any(t.requires_grad != wanted for t in tensors):
        raise RuntimeError("stack_module_state: Expected parameters to all require grad, or none")
    return _C.stack([t.detach() for t in tensors]).requires_grad_(wanted)


def replace_all_batch_norm_modules_(root: nn.Module) -> nn.Module:
    """Makes batch normalizations, in place, do without running statistics, and returns `root`.

    These are written to in training, which vmap cannot do where they are the same for all samples.

    Example:
        >>> import lampas
        >>> from lampas import nn
        >>> net = lampas.func.replace_all_batch_norm_modules_(nn.Sequential(nn.BatchNorm1d(2)))
        >>> net[0].running_mean is None
        True
    """
    from lampas.nn.modules.batchnorm import _BatchNorm

    for module in root.modules():
        if isinstance(module, _BatchNorm):
            module.running_mean = module.running_var = module.num_batches_tracked = None
            module.track_running_stats = False
    return root


def functionalize(func: Callable[..., Any], *, remove: str = "mutations") -> Callable[..., Any]:
    """A function with `func`'s results that leaves its arguments as they are.

    What `func` writes to its arguments in place is written to them once, at the end.

    Args:
        func: takes and returns tensors, or containers of them.
        remove: ``"mutations"``, or ``"mutations_and_views"``: results share no memory either.

    Raises:
        RuntimeError: another value of `remove`.

    Example:
        >>> import lampas
        >>> x = lampas.zeros(2)
        >>> lampas.func.functionalize(lambda t: t.add_(1) * 2)(x), x
        (tensor([2., 2.]), tensor([1., 1.]))
    """
    if remove not in ("mutations", "mutations_and_views"):
        raise RuntimeError(
            "functionalize(f, remove='mutations'): received invalid argument for remove, expected "
            f"'mutations' or 'mutations_and_views', got {remove!r}"
        )
    from lampas.utils import _pytree as pytree

    @functools.wraps(func)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        flat, spec = pytree.tree_flatten((args, kwargs))
        copies = [x.clone() if isinstance(x, Tensor) else x for x in flat]
        before = [x._version if isinstance(x, Tensor) else 0 for x in copies]
        new_args, new_kwargs = pytree.tree_unflatten(copies, spec)
        result = func(*new_args, **new_kwargs)
        for x, copy, version in zip(flat, copies, before, strict=True):
            if isinstance(x, Tensor) and copy._version != version:
                x.copy_(copy)
        if remove == "mutations":
            return result
        return pytree.tree_map(lambda x: x.clone() if isinstance(x, Tensor) else x, result)

    return wrapped


def debug_unwrap(tensor: Tensor, *, recurse: bool = True) -> Tensor:
    """What stands behind a batched tensor, to print it within a function under vmap.

    Args:
        tensor: any tensor.
        recurse: through all levels of vmap, down to a plain tensor; else through one.

    Example:
        >>> import lampas
        >>> _ = lampas.vmap(lambda x: print(lampas.func.debug_unwrap(x)) or x)(lampas.ones(2))
        tensor([1., 1.])
    """
    while type(tensor) is Batched:
        tensor = tensor._value
        if not recurse:
            break
    return tensor
