"""Parameters as functions of other tensors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

import lampas
from lampas._tensor import Tensor

from ..modules.container import ModuleDict, ModuleList
from ..modules.module import Module
from ..parameter import Parameter

__all__ = [
    "cached", "ParametrizationList", "register_parametrization", "is_parametrized",
    "remove_parametrizations", "type_before_parametrizations",
    "transfer_parametrizations_and_params",
]  # fmt: skip

_cache_depth = 0
_cache: dict[tuple[int, str], Tensor] = {}


@contextmanager
def cached() -> Iterator[None]:
    """Inside the ``with`` block each parametrised tensor is computed once and kept.

    Example:
        >>> from lampas import nn
        >>> from lampas.nn.utils import parametrize
        >>> m = nn.utils.parametrizations.weight_norm(nn.Linear(2, 2))
        >>> with parametrize.cached():
        ...     m.weight is m.weight
        True
    """
    global _cache_depth
    _cache_depth += 1
    try:
        yield
    finally:
        _cache_depth -= 1
        if not _cache_depth:
            _cache.clear()


def _register(module: Module, name: str, tensor: Tensor) -> None:
    if isinstance(tensor, Parameter):
        module.register_parameter(name, tensor)
    else:
        module.register_buffer(name, tensor)


def _set(target: Tensor, value: Tensor) -> None:
    """Gives ``target`` another value, of whatever shape, keeping the object."""
    target.data = value.detach()


def _require_same(what: str, old: Tensor, new: Tensor, *, shape: bool = True) -> None:
    for attribute in ("dtype", "shape") if shape else ("dtype", "device"):
        a, b = getattr(old, attribute), getattr(new, attribute)
        if a != b:
            raise ValueError(
                f"{what} may not change the {attribute} of the tensor, unless `unsafe` flag is "
                f"enabled.\n{attribute} before: {a}\n{attribute} after: {b}"
            )


class ParametrizationList(ModuleList):
    """The functions that give one tensor, one after the other, and the tensors they begin with:
    ``original``, or ``original0``, ``original1``, … where the first takes several.

    Args:
        modules: the functions.
        original: the tensor so far.
        unsafe: allow another dtype or shape.

    Raises:
        ValueError: if a function gives no tensor or, unless ``unsafe``, another dtype or shape.
    """

    original: Tensor

    def __init__(
        self, modules: Sequence[Module], original: Tensor, unsafe: bool = False
    ) -> None:
        if not modules:
            raise ValueError("ParametrizationList requires one or more modules.")
        super().__init__(modules)
        self.unsafe = unsafe
        before = original.detach()
        new: Any = original
        with lampas.no_grad():
            for module in reversed(list(self)):
                if hasattr(module, "right_inverse"):
                    try:
                        new = module.right_inverse(new)
                    except NotImplementedError:
                        pass  # the tensor so far is then where the function begins
        if not isinstance(new, (Tensor, Sequence)):
            raise ValueError(
                "'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). "
                f"Got {type(new).__name__}"
            )
        self.is_tensor = isinstance(new, Tensor)
        self.ntensors = 1 if self.is_tensor else len(new)
        if self.is_tensor:
            _require_same("When `right_inverse` outputs one tensor, it", before, new, shape=False)  # type: ignore[arg-type]
            _set(original, new)  # type: ignore[arg-type]
            _register(self, "original", original)
        else:
            self._register_all(original, new)  # type: ignore[arg-type]
        if not unsafe:
            result = self()
            if not isinstance(result, Tensor):
                raise ValueError(
                    f"A parametrization must return a tensor. Got {type(result).__name__}."
                )
            _require_same("Registering a parametrization", before, result)

    def _register_all(self, original: Tensor, new: Sequence[Any]) -> None:
        for i, tensor in enumerate(new):
            if not isinstance(tensor, Tensor):
                raise ValueError(
                    "'right_inverse' must return a Tensor or a Sequence of tensors (list, "
                    f"tuple...). Got element {i} of the sequence with type "
                    f"{type(tensor).__name__}."
                )
            if isinstance(original, Parameter):
                tensor = Parameter(tensor.detach(), original.requires_grad)
            tensor.requires_grad_(original.requires_grad)
            _register(self, f"original{i}", tensor)

    def right_inverse(self, value: Any) -> None:
        """Sets the originals so that the functions give ``value``.

        Raises:
            RuntimeError: if a function has no ``right_inverse``.
            ValueError: if one gives something that does not fit.
        """
        with lampas.no_grad():
            for module in reversed(list(self)):
                if not hasattr(module, "right_inverse"):
                    raise RuntimeError(
                        f"parametrization {type(module).__name__} does not implement "
                        "right_inverse."
                    )
                value = module.right_inverse(value)
            if self.is_tensor and not isinstance(value, Tensor):
                raise ValueError(
                    f"`right_inverse` should return a tensor. Got {type(value).__name__}"
                )
            if not self.is_tensor and not isinstance(value, Sequence):
                raise ValueError(
                    "'right_inverse' must return a sequence of tensors. "
                    f"Got {type(value).__name__}."
                )
            values = [value] if self.is_tensor else list(value)
            if len(values) != self.ntensors:
                raise ValueError(
                    "'right_inverse' must return a sequence of tensors of length "
                    f"{self.ntensors}. Got a sequence of length {len(values)}."
                )
            for name, tensor in zip(self._names(), values, strict=False):
                original = getattr(self, name)
                if not isinstance(tensor, Tensor) or tensor.dtype != original.dtype:
                    raise ValueError(
                        f"The tensor returned by `right_inverse` has dtype "
                        f"{getattr(tensor, 'dtype', type(tensor))} while `{name}` has dtype "
                        f"{original.dtype}"
                    )
                _set(original, tensor)

    def _names(self) -> list[str]:
        if self.is_tensor:
            return ["original"]
        return [f"original{i}" for i in range(self.ntensors)]

    def forward(self) -> Tensor:
        first, *rest = self
        result = first(*(getattr(self, name) for name in self._names()))
        for module in rest:
            result = module(result)
        return result


def _deepcopy(self: Any, memo: dict[int, Any]) -> Any:
    if id(self) in memo:
        return memo[id(self)]
    replica = self.__new__(type(self))
    memo[id(self)] = replica
    replica.__dict__ = deepcopy(self.__dict__, memo)
    return replica


def _getstate(self: Any) -> Any:
    raise RuntimeError(
        "Serialization of parametrized modules is only supported through state_dict()."
    )


def _make_own_class(module: Module) -> None:
    """Properties stand in classes: the module gets one of its own."""
    cls = type(module)
    members: dict[str, Any] = {"__getstate__": _getstate}
    if not hasattr(cls, "__deepcopy__"):
        members["__deepcopy__"] = _deepcopy
    module.__class__ = type(f"Parametrized{cls.__name__}", (cls,), members)


def _add_property(module: Module, name: str) -> None:
    def get(self: Any) -> Tensor:
        parametrization = self.parametrizations[name]
        if not _cache_depth:
            return parametrization()
        key = (id(self), name)
        if key not in _cache:
            _cache[key] = parametrization()
        return _cache[key]

    def set(self: Any, value: Tensor) -> None:
        self.parametrizations[name].right_inverse(value)

    setattr(type(module), name, property(get, set))


def register_parametrization(
    module: Module, tensor_name: str, parametrization: Module, *, unsafe: bool = False
) -> Module:
    """From now on ``module.tensor_name`` is ``parametrization(original)``.

    Args:
        module: changed in place.
        tensor_name: a parameter, a buffer or a tensor that is parametrised already.
        parametrization: a module from tensor to tensor. If it has ``right_inverse``, the tensor
            can be assigned, and keeps its present value as far as that function allows.
        unsafe: do not check that dtype and shape stay.

    Returns:
        The module.

    Raises:
        ValueError: for an unknown name, or see ``unsafe``.

    Example:
        >>> import lampas
        >>> from lampas import nn
        >>> from lampas.nn.utils import parametrize
        >>> class Symmetric(nn.Module):
        ...     def forward(self, x):
        ...         return x.triu() + x.triu(1).T
        >>> m = nn.Linear(3, 3)
        >>> _ = parametrize.register_parametrization(m, "weight", Symmetric())
        >>> lampas.equal(m.weight, m.weight.T)
        True
    """
    parametrization.train(module.training)
    own: Any = module
    if is_parametrized(module, tensor_name):
        if not unsafe:
            _check_further(getattr(module, tensor_name), parametrization)
        own.parametrizations[tensor_name].append(parametrization)
        own.parametrizations[tensor_name].unsafe |= unsafe
    elif tensor_name in module._buffers or tensor_name in module._parameters:
        original = getattr(module, tensor_name)
        functions = ParametrizationList([parametrization], original, unsafe=unsafe)
        delattr(module, tensor_name)
        if not is_parametrized(module):
            _make_own_class(module)
            own.parametrizations = ModuleDict()
        _add_property(module, tensor_name)
        own.parametrizations[tensor_name] = functions
    else:
        raise ValueError(
            f"Module '{module}' does not have a parameter, a buffer, or a parametrized element "
            f"with name '{tensor_name}'"
        )
    return module


def _check_further(before: Tensor, parametrization: Any) -> None:
    result = parametrization(before)
    if not isinstance(result, Tensor):
        raise ValueError(f"A parametrization must return a tensor. Got {type(result).__name__}.")
    _require_same("Registering a parametrization", before, result)
    if hasattr(parametrization, "right_inverse"):
        try:
            back = parametrization.right_inverse(result)
        except NotImplementedError:
            return
        if not isinstance(back, Tensor):
            raise ValueError(
                "parametrization.right_inverse must return a tensor. "
                f"Got: {type(back).__name__}"
            )
        _require_same("parametrization.right_inverse", before, back)


def is_parametrized(module: Module, tensor_name: str | None = None) -> bool:
    """Whether a tensor of the module, or any, is parametrised."""
    functions = getattr(module, "parametrizations", None)
    if not isinstance(functions, ModuleDict):
        return False
    return len(functions) > 0 if tensor_name is None else tensor_name in functions


def remove_parametrizations(
    module: Module, tensor_name: str, leave_parametrized: bool = True
) -> Module:
    """Makes a tensor an ordinary one again.

    Args:
        module: changed in place.
        tensor_name: the tensor.
        leave_parametrized: keep the value that the functions give, not the original.

    Raises:
        ValueError: if the tensor is not parametrised, or has several originals and
            ``leave_parametrized`` is false.
    """
    if not is_parametrized(module, tensor_name):
        raise ValueError(f"Module {module} does not have a parametrization on {tensor_name}")
    own: Any = module
    functions = own.parametrizations[tensor_name]
    if functions.is_tensor:
        original = functions.original
        if leave_parametrized:
            with lampas.no_grad():
                _set(original, getattr(module, tensor_name))
    elif leave_parametrized:
        value = getattr(module, tensor_name)
        original = Parameter(value.detach()) if value.requires_grad else value
    else:
        raise ValueError(
            "Cannot leave unparametrized (`leave_parametrized=False`) a tensor that is "
            "parametrized in terms of a sequence of tensors."
        )
    delattr(type(module), tensor_name)
    del own.parametrizations[tensor_name]
    _register(module, tensor_name, original)
    if not is_parametrized(module):
        delattr(module, "parametrizations")
        module.__class__ = type(module).__bases__[0]
    return module


def type_before_parametrizations(module: Module) -> type:
    """The class that the module had before anything was parametrised."""
    return type(module).__bases__[0] if is_parametrized(module) else type(module)


def transfer_parametrizations_and_params(
    from_module: Module, to_module: Module, tensor_name: str | None = None
) -> Module:
    """Gives ``to_module`` the parametrisations of ``from_module``, and their originals."""
    source: Any = from_module
    target: Any = to_module
    if not is_parametrized(from_module):
        return to_module
    names = list(source.parametrizations) if tensor_name is None else [tensor_name]
    for name in names:
        if not hasattr(to_module, name):
            setattr(to_module, name, Parameter(getattr(from_module, name).detach()))
        functions = source.parametrizations[name]
        for function in functions:
            register_parametrization(to_module, name, function)
        for original in functions._names():
            setattr(target.parametrizations[name], original, getattr(functions, original))
    return to_module
