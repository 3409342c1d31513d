"""The base of all optimizers: parameter groups, state, hooks, saving and loading."""

from __future__ import annotations

import functools
import warnings
from collections import OrderedDict, defaultdict
from typing import TYPE_CHECKING, Any

import lampas
from lampas import _C, _hints
from lampas._tensor import Tensor
from lampas.utils.hooks import RemovableHandle

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable

__all__ = [
    "Optimizer",
    "register_optimizer_step_pre_hook",
    "register_optimizer_step_post_hook",
]

_global_pre_hooks: OrderedDict[int, Callable] = OrderedDict()
_global_post_hooks: OrderedDict[int, Callable] = OrderedDict()


class _Required:
    """Default of an option that every parameter group must give itself."""

    def __repr__(self) -> str:
        return "<required parameter>"


required = _Required()


def _register(
    registry: OrderedDict[int, Callable], hook: Callable, first: bool = False
) -> RemovableHandle:
    handle = RemovableHandle(registry)
    registry[handle.id] = hook
    if first:
        registry.move_to_end(handle.id, last=False)
    return handle


def register_optimizer_step_pre_hook(hook: Callable) -> RemovableHandle:
    """Registers a hook that every optimizer calls before its step.

    Args:
        hook: called as ``hook(optimizer, args, kwargs)``; may return new ``(args, kwargs)``.

    Returns:
        A handle whose ``remove()`` takes the hook out again.
    """
    return _register(_global_pre_hooks, hook)


def register_optimizer_step_post_hook(hook: Callable) -> RemovableHandle:
    """Registers a hook that every optimizer calls after its step.

    Args:
        hook: called as ``hook(optimizer, args, kwargs)``.

    Returns:
        A handle whose ``remove()`` takes the hook out again.
    """
    return _register(_global_post_hooks, hook)


def _with_hooks(step: Callable) -> Callable:
    """`step` with the hooks of the optimizer, and those of all optimizers, around it."""

    @functools.wraps(step)
    def hooked_step(self: Optimizer, *args: Any, **kwargs: Any) -> Any:
        self._opt_called = True
        if not (
            self._optimizer_step_pre_hooks
            or self._optimizer_step_post_hooks
            or _global_pre_hooks
            or _global_post_hooks
        ):
            return step(self, *args, **kwargs)
        call: tuple[Any, ...] = (self, *args)
        for hook in (*_global_pre_hooks.values(), *self._optimizer_step_pre_hooks.values()):
            changed = hook(self, call, kwargs)
            if changed is None:
                continue
            if not (isinstance(changed, tuple) and len(changed) == 2):
                raise RuntimeError(
                    f"{type(self).__name__}.step: a step pre-hook must return None or a tuple of "
                    f"(new_args, new_kwargs), but {hook!r} returned {changed!r}"
                )
            call, kwargs = changed
        result = step(*call, **kwargs)
        for hook in (*self._optimizer_step_post_hooks.values(), *_global_post_hooks.values()):
            hook(self, call, kwargs)
        return result

    hooked_step.hooked = True  # type: ignore[attr-defined]
    return hooked_step


class Optimizer:
    """Base class of all optimizers.

    A subclass calls ``super().__init__(params, defaults)`` and defines :meth:`step`.

    Args:
        params: tensors, ``(name, tensor)`` pairs (as ``model.named_parameters()`` gives them), or
            dicts, each a parameter group: ``"params"`` and the options in which it differs from
            `defaults`. The order must be the same in every run; sets have none.
        defaults: options of groups that do not give their own.

    Raises:
        TypeError: `params` is a tensor, a set, or holds something that is not a tensor.
        ValueError: no parameters, a parameter in two groups, one that is not a leaf of the graph,
            or names given to some parameters only.

    Attributes:
        param_groups: one dict per group.
        state: for each parameter, a dict of what the optimizer remembers about it.

    Example:
        >>> import lampas
        >>> class SignDescent(lampas.optim.Optimizer):
        ...     def __init__(self, params, lr):
        ...         super().__init__(params, {"lr": lr})
        ...
        ...     @lampas.no_grad()
        ...     def step(self):
        ...         for group in self.param_groups:
        ...             for p in group["params"]:
        ...                 if p.grad is not None:
        ...                     p.sub_(p.grad.sign() * group["lr"])
        >>> x = lampas.tensor([1.0, -2.0], requires_grad=True)
        >>> optimizer = SignDescent([x], lr=0.5)
        >>> (x * x).sum().backward()
        >>> optimizer.step()
        >>> x
        tensor([ 0.5000, -1.5000], requires_grad=True)
    """

    state: defaultdict[Any, Any]
    param_groups: list[dict[str, Any]]
    defaults: dict[str, Any]
    _optimizer_step_pre_hooks: OrderedDict[int, Callable]
    _optimizer_step_post_hooks: OrderedDict[int, Callable]
    _optimizer_state_dict_pre_hooks: OrderedDict[int, Callable]
    _optimizer_state_dict_post_hooks: OrderedDict[int, Callable]
    _optimizer_load_state_dict_pre_hooks: OrderedDict[int, Callable]
    _optimizer_load_state_dict_post_hooks: OrderedDict[int, Callable]
    _opt_called = False  # read by the schedulers, which must come after the first step

    def __init__(self, params: Iterable[Any], defaults: dict[str, Any]) -> None:
        self.defaults = defaults
        self._set_up_hooks()
        if isinstance(params, Tensor):
            raise TypeError(
                f"{type(self).__name__}: params argument given to the optimizer should be an "
                f"iterable of Tensors or dicts, but got {_typename(params)}; write [tensor]"
            )
        self.state = defaultdict(dict)
        self.param_groups = []
        groups = list(params)
        if not groups:
            raise ValueError(
                f"{type(self).__name__}: optimizer got an empty parameter list. A generator such "
                "as model.parameters() can be read once only"
            )
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)
        if _hints.wanted():
            _hints.GradientWatch(self._optimizer_step_post_hooks)

    def _set_up_hooks(self) -> None:
        for name in (
            "_optimizer_step_pre_hooks",
            "_optimizer_step_post_hooks",
            "_optimizer_state_dict_pre_hooks",
            "_optimizer_state_dict_post_hooks",
            "_optimizer_load_state_dict_pre_hooks",
            "_optimizer_load_state_dict_post_hooks",
        ):
            self.__dict__.setdefault(name, OrderedDict())
        self._patch_step_function()

    def _patch_step_function(self) -> None:
        cls = type(self)
        if not getattr(cls.step, "hooked", False):
            cls.step = _with_hooks(cls.step)  # type: ignore[method-assign]

    def __getstate__(self) -> dict[str, Any]:
        return {
            "defaults": self.defaults,
            "state": self.state,
            "param_groups": self.param_groups,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._set_up_hooks()
        for group in self.param_groups:
            for name, value in self.defaults.items():
                if value is not required:
                    group.setdefault(name, value)
        # Files of old hold the count of steps as a number.
        for entry in self.state.values():
            if isinstance(entry, dict) and isinstance(entry.get("step"), (int, float)):
                entry["step"] = lampas.tensor(float(entry["step"]), dtype=_scalar_dtype())

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for i, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {i}")
            lines += [f"    {key}: {group[key]}" for key in sorted(group) if key != "params"]
        return "\n".join(lines) + "\n)"

    # ---- hooks --------------------------------------------------------------------------------
    def register_step_pre_hook(self, hook: Callable) -> RemovableHandle:
        """Registers ``hook(optimizer, args, kwargs)``, called before each step.

        It may return new ``(args, kwargs)`` for the step; ``args`` begins with the optimizer.
        """
        return _register(self._optimizer_step_pre_hooks, hook)

    def register_step_post_hook(self, hook: Callable) -> RemovableHandle:
        """Registers ``hook(optimizer, args, kwargs)``, called after each step."""
        return _register(self._optimizer_step_post_hooks, hook)

    def register_state_dict_pre_hook(
        self, hook: Callable, prepend: bool = False
    ) -> RemovableHandle:
        """Registers ``hook(optimizer)``, called before :meth:`state_dict` collects the state."""
        return _register(self._optimizer_state_dict_pre_hooks, hook, prepend)

    def register_state_dict_post_hook(
        self, hook: Callable, prepend: bool = False
    ) -> RemovableHandle:
        """Registers ``hook(optimizer, state_dict)``, which may return another dict to use."""
        return _register(self._optimizer_state_dict_post_hooks, hook, prepend)

    def register_load_state_dict_pre_hook(
        self, hook: Callable, prepend: bool = False
    ) -> RemovableHandle:
        """Registers ``hook(optimizer, state_dict)``, which may return another dict to load."""
        return _register(self._optimizer_load_state_dict_pre_hooks, hook, prepend)

    def register_load_state_dict_post_hook(
        self, hook: Callable, prepend: bool = False
    ) -> RemovableHandle:
        """Registers ``hook(optimizer)``, called after :meth:`load_state_dict`."""
        return _register(self._optimizer_load_state_dict_post_hooks, hook, prepend)

    # ---- saving and loading -------------------------------------------------------------------
    def state_dict(self) -> dict[str, Any]:
        """The optimizer's state in a form that can be saved.

        Returns:
            ``{"state": …, "param_groups": …}``. Parameters are numbered through all groups;
            ``state`` maps these numbers to what is remembered about each, by reference.

        Example:
            >>> import lampas
            >>> x = lampas.zeros(2, requires_grad=True)
            >>> optimizer = lampas.optim.SGD([x], lr=0.1)
            >>> optimizer.state_dict()["param_groups"][0]["params"]
            [0]
        """
        for hook in self._optimizer_state_dict_pre_hooks.values():
            hook(self)
        numbers: dict[int, int] = {}
        groups = []
        position = 0
        for group in self.param_groups:
            for p in group["params"]:
                numbers.setdefault(id(p), position)
                position += 1
            packed = {key: value for key, value in group.items() if key != "params"}
            packed["params"] = [numbers[id(p)] for p in group["params"]]
            groups.append(packed)
        state = {
            numbers[id(key)] if isinstance(key, Tensor) else key: value
            for key, value in self.state.items()
        }
        result = {"state": state, "param_groups": groups}
        for hook in self._optimizer_state_dict_post_hooks.values():
            changed = hook(self, result)
            if changed is not None:
                result = changed
        return result

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes over the state that :meth:`state_dict` of a like optimizer returned.

        Parameters are matched by their position. Make schedulers before loading: making one sets
        the learning rates anew.

        Args:
            state_dict: is not kept; tensors are shared where dtype and device fit.

        Raises:
            ValueError: the numbers of groups, or of parameters in a group, differ.
        """
        state_dict = dict(state_dict)
        for hook in self._optimizer_load_state_dict_pre_hooks.values():
            changed = hook(self, state_dict)
            if changed is not None:
                state_dict = changed
        from copy import deepcopy

        saved = deepcopy(state_dict["param_groups"])
        self._check_groups(saved)
        by_number: dict[Any, Tensor] = {}
        for group, new in zip(self.param_groups, saved, strict=True):
            by_number.update(zip(new["params"], group["params"], strict=True))
        state: defaultdict[Any, Any] = defaultdict(dict)
        for key, value in state_dict["state"].items():
            if key in by_number:
                p = by_number[key]
                state[p] = _adapted(value, p, key, state_dict["param_groups"])
            else:
                state[key] = value
        for group, new in zip(self.param_groups, saved, strict=True):
            new["params"] = group["params"]
            if "param_names" in group:
                new.setdefault("param_names", group["param_names"])
        self.__setstate__({"state": state, "param_groups": saved})
        for hook in self._optimizer_load_state_dict_post_hooks.values():
            hook(self)

    def _check_groups(self, saved: list[dict[str, Any]]) -> None:
        name = type(self).__name__
        if len(saved) != len(self.param_groups):
            raise ValueError(
                f"{name}.load_state_dict: loaded state dict has a different number of parameter "
                f"groups: {len(saved)}, the optimizer {len(self.param_groups)}"
            )
        for i, (group, new) in enumerate(zip(self.param_groups, saved, strict=True)):
            if len(group["params"]) != len(new["params"]):
                raise ValueError(
                    f"{name}.load_state_dict: loaded state dict contains a parameter group that "
                    f"doesn't match the size of optimizer's group: group {i} was saved with "
                    f"{len(new['params'])} parameters and has {len(group['params'])} here"
                )

    @staticmethod
    def _process_value_according_to_param_policy(
        param: Tensor,
        value: Tensor,
        param_id: int,
        param_groups: list[dict[str, Any]],
        key: Hashable = None,
    ) -> Tensor:
        """A tensor of saved state as it suits `param`: counts of steps keep their precision."""
        if key == "step":
            group = next((g for g in param_groups if param_id in g["params"]), {})
            if group.get("capturable") or group.get("fused"):
                return value.to(dtype=lampas.float32, device=param.device)
            return value
        if param.is_floating_point():
            return value.to(dtype=param.dtype, device=param.device)
        return value.to(device=param.device)

    # ---- training -----------------------------------------------------------------------------
    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forgets the gradients of all parameters.

        Args:
            set_to_none: drop the gradients; a parameter that then gets none is left out of the
                next step. Otherwise fill them with zeros, which the next step takes for gradients.

        Example:
            >>> import lampas
            >>> x = lampas.ones(2, requires_grad=True)
            >>> optimizer = lampas.optim.SGD([x], lr=0.1)
            >>> (3 * x).sum().backward()
            >>> optimizer.zero_grad()
            >>> x.grad is None
            True
        """
        for group in self.param_groups:
            _C._zero_grads(group["params"], set_to_none)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Updates the parameters once, from their gradients.

        Args:
            closure: clears the gradients, computes the loss, calls ``backward()`` and returns the
                loss. Few optimizers need one.

        Returns:
            What `closure` returned, or None.
        """
        raise NotImplementedError(
            f"{type(self).__name__} does not define step(), which every optimizer must"
        )

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Adds a group of parameters, such as layers that are no longer frozen.

        Args:
            param_group: ``"params"`` (a tensor or an iterable) and the options in which the group
                differs from the defaults. The dict itself is kept and filled up.

        Raises:
            TypeError, ValueError: as for the class itself.

        Example:
            >>> import lampas
            >>> x, y = (lampas.zeros(2, requires_grad=True) for _ in range(2))
            >>> optimizer = lampas.optim.SGD([x], lr=0.1)
            >>> optimizer.add_param_group({"params": y, "lr": 0.01})
            >>> [group["lr"] for group in optimizer.param_groups]
            [0.1, 0.01]
        """
        name = type(self).__name__
        if not isinstance(param_group, dict):
            raise TypeError(f"{name}: param_group must be a dict, but got {type(param_group)}")
        self._unpack_names(param_group)
        for p in param_group["params"]:
            if not isinstance(p, Tensor):
                raise TypeError(
                    f"{name}: optimizer can only optimize Tensors, "
                    f"but one of the params is {_typename(p)}"
                )
            if not (self.defaults.get("differentiable") or p.is_leaf or p.retains_grad):
                raise ValueError(
                    f"{name}: can't optimize a non-leaf Tensor: a parameter of shape "
                    f"{list(p.shape)} was computed by {p.grad_fn}. Pass the tensors it was "
                    "computed from, or x.detach().requires_grad_()"
                )
        for option, default in self.defaults.items():
            if default is required and option not in param_group:
                raise ValueError(
                    f"{name}: parameter group didn't specify a value of required optimization "
                    f"parameter {option}"
                )
            param_group.setdefault(option, default)
        self._check_distinct(param_group)
        self.param_groups.append(param_group)

    def _unpack_names(self, group: dict[str, Any]) -> None:
        """Makes group["params"] a list of tensors, and group["param_names"] one of their names."""
        params = group["params"]
        if isinstance(params, Tensor):
            params = [params]
        elif isinstance(params, (set, frozenset)):
            raise TypeError(
                f"{type(self).__name__}: optimizer parameters need to be organized in ordered "
                "collections, but the ordering of tensors in sets will change between runs. "
                "Please use a list instead."
            )
        params = list(params)
        names = [entry[0] for entry in params if isinstance(entry, tuple)]
        group["params"] = [entry[1] if isinstance(entry, tuple) else entry for entry in params]
        if names:
            if len(names) != len(params):
                raise ValueError(
                    f"{type(self).__name__}: all optimizer params should be with/without names. "
                    f"Some param names are missing: {len(names)} of {len(params)} have one"
                )
            group["param_names"] = names

    def _check_distinct(self, group: dict[str, Any]) -> None:
        name = type(self).__name__
        new = {id(p) for p in group["params"]}
        if len(new) != len(group["params"]):
            warnings.warn(
                f"{name}: optimizer contains a parameter group with duplicate parameters; each "
                "step updates them once per mention",
                stacklevel=4,
            )
        for other in self.param_groups:
            if ("param_names" in group) != ("param_names" in other):
                kind = "with" if "param_names" in group else "without"
                raise ValueError(
                    f"{name}: all optimizer param groups should be with/without names. "
                    f"cannot add param group {kind} names to the optimizer"
                )
            for p in other["params"]:
                if id(p) in new:
                    raise ValueError(
                        f"{name}: some parameters appear in more than one parameter group: one of "
                        f"shape {list(p.shape)} does"
                    )


def _typename(value: Any) -> str:
    cls = type(value)
    return cls.__name__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__name__}"


def _scalar_dtype() -> Any:
    """Counts and other single numbers in the state: float64 only where that is the default."""
    wide = lampas.get_default_dtype() == lampas.float64
    return lampas.float64 if wide else lampas.float32


def _adapted(value: Any, p: Tensor, number: Any, groups: Any, key: Any = None) -> Any:
    """Saved state of parameter `p`, with its tensors in p's dtype and on p's device."""
    if isinstance(value, Tensor):
        return Optimizer._process_value_according_to_param_policy(p, value, number, groups, key)
    if isinstance(value, dict):
        return {k: _adapted(v, p, number, groups, k) for k, v in value.items()}
    if isinstance(value, (list, tuple, set)):
        return type(value)(_adapted(v, p, number, groups) for v in value)
    return value
