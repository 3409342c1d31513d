"""Other parameters and another state in an optimizer for a while."""

from __future__ import annotations

from collections import defaultdict
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from lampas._tensor import Tensor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lampas.optim.optimizer import Optimizer

__all__ = ["swap_in_optimizer_params_and_state"]

_NAME = "swap_in_optimizer_params_and_state"


@contextmanager
def swap_in_optimizer_params_and_state(
    optimizer: Optimizer,
    swapin_parameters: dict[str, Tensor],
    swapin_optim_state: dict[str, Any],
) -> Iterator[None]:
    """Within the ``with`` block, `optimizer` works on the given parameters and state.

    At its end the optimizer's own parameters, options and state are back.

    Args:
        optimizer: has made a step already, or has state for another reason.
        swapin_parameters: as many tensors as the optimizer has parameters, in their order.
        swapin_optim_state: as ``optimizer.state_dict()`` returns it.

    Raises:
        RuntimeError: the optimizer has no state, or groups, options or counts of parameters
            differ.

    Example:
        >>> import lampas
        >>> from lampas.optim import swap_in_optimizer_params_and_state
        >>> x = lampas.ones(1, requires_grad=True)
        >>> optimizer = lampas.optim.Adam([x], lr=0.1)
        >>> x.grad = lampas.ones(1)
        >>> optimizer.step()
        >>> y = lampas.full((1,), 5.0, requires_grad=True)
        >>> y.grad = lampas.ones(1)
        >>> with swap_in_optimizer_params_and_state(optimizer, {"x": y}, optimizer.state_dict()):
        ...     optimizer.step()
        >>> x, y
        (tensor([0.9000], requires_grad=True), tensor([4.9000], requires_grad=True))
    """
    if not optimizer.state:
        raise RuntimeError(f"{_NAME}: the optimizer has no state yet; make a step first")
    state, groups = _parts(optimizer, swapin_optim_state)
    tensors = iter(swapin_parameters.values())
    new_state: defaultdict[Any, Any] = defaultdict(dict)
    new_groups = []
    for i, (group, new) in enumerate(zip(optimizer.param_groups, groups, strict=True)):
        numbers = _check_group(i, group, new)
        params = [p for _, p in zip(numbers, tensors, strict=False)]
        if len(params) != len(numbers):
            raise RuntimeError(
                f"{_NAME}: {len(swapin_parameters)} parameters given, but group {i} needs more"
            )
        new_groups.append({**new, "params": params})
        for p, n in zip(params, numbers, strict=True):
            new_state[p] = dict(state.get(n, {}))
    own = optimizer.state, [dict(group) for group in optimizer.param_groups]
    _replace(optimizer, new_state, new_groups)
    try:
        yield
    finally:
        _replace(optimizer, *own)


def _replace(optimizer: Optimizer, state: Any, groups: list[dict[str, Any]]) -> None:
    optimizer.state = state
    for group, new in zip(optimizer.param_groups, groups, strict=True):
        group.clear()
        group.update(new)


def _parts(optimizer: Optimizer, saved: Any) -> tuple[dict[Any, Any], list[dict[str, Any]]]:
    state = saved.get("state") if isinstance(saved, dict) else None
    groups = saved.get("param_groups") if isinstance(saved, dict) else None
    if not isinstance(state, dict) or not isinstance(groups, list):
        raise RuntimeError(
            f"{_NAME}: swapin_optim_state must be what optimizer.state_dict() returns"
        )
    if any(isinstance(key, Tensor) for key in state):
        raise RuntimeError(f"{_NAME}: the state must be keyed by numbers, not by tensors")
    if len(groups) != len(optimizer.param_groups):
        raise RuntimeError(
            f"{_NAME}: swapin_optim_state has {len(groups)} parameter groups, the optimizer "
            f"{len(optimizer.param_groups)}"
        )
    known = {n for group in groups for n in group.get("params", ())}
    extra = [key for key in state if key not in known]
    if extra:
        raise RuntimeError(f"{_NAME}: the state has entries {extra} of parameters in no group")
    return state, groups


def _check_group(i: int, group: dict[str, Any], new: dict[str, Any]) -> list[int]:
    if group.keys() != new.keys():
        raise RuntimeError(
            f"{_NAME}: the options of group {i} differ: {sorted(group.keys() ^ new.keys())}"
        )
    if len(group["params"]) != len(new["params"]):
        raise RuntimeError(
            f"{_NAME}: group {i} has {len(new['params'])} parameters in swapin_optim_state and "
            f"{len(group['params'])} in the optimizer"
        )
    return new["params"]
