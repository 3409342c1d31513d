"""Tensors that a module owns: parameters, buffers, and their not yet shaped kinds."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import lampas
from lampas import _C, _library
from lampas._tensor import Tensor

__all__ = ["Parameter", "Buffer", "UninitializedParameter", "UninitializedBuffer", "is_lazy"]


def _rebuild_parameter(data: Tensor, requires_grad: bool, backward_hooks: Any) -> Parameter:
    param = Parameter(data, requires_grad)
    param._backward_hooks = backward_hooks
    return param


def _rebuild_parameter_with_state(
    data: Tensor, requires_grad: bool, backward_hooks: Any, state: dict[str, Any]
) -> Parameter:
    param = _rebuild_parameter(data, requires_grad, backward_hooks)
    param.__dict__.update(state)
    return param


class Parameter(Tensor):
    """A tensor that a module registers, by assignment, as something to be learned.

    Args:
        data: the values; shared with the parameter, not copied. Default: an empty tensor.
        requires_grad: whether gradients are computed. Default: ``True``.

    Example:
        >>> import lampas
        >>> from lampas import nn
        >>> nn.Parameter(lampas.ones(2))
        Parameter containing:
        tensor([1., 1.], requires_grad=True)
    """

    def __new__(cls, data: Tensor | None = None, requires_grad: bool = True) -> Parameter:
        if data is None:
            data = lampas.empty(0)
        elif not isinstance(data, Tensor):
            raise TypeError(
                f"Parameter data must be a Tensor, not {type(data).__name__}; "
                "wrap it first: nn.Parameter(lampas.tensor(data))"
            )
        return Tensor._make_subclass(cls, data, requires_grad)

    def __deepcopy__(self, memo: dict[int, Any]) -> Parameter:
        if id(self) in memo:
            return memo[id(self)]
        data = self.data.clone(memory_format=lampas.preserve_format)
        result = type(self)(data, self.requires_grad)
        memo[id(self)] = result
        return result

    def __repr__(self) -> str:
        return "Parameter containing:\n" + super().__repr__()

    def __reduce_ex__(self, proto: Any) -> Any:
        hooks: OrderedDict[int, Any] = OrderedDict()
        state = dict(self.__dict__)
        if not state:
            return _rebuild_parameter, (self.data, self.requires_grad, hooks)
        return _rebuild_parameter_with_state, (self.data, self.requires_grad, hooks, state)


class Buffer(Tensor):
    """A tensor that belongs to a module's state but is not learned.

    Args:
        data: the values; shared with the buffer, not copied.
        persistent: whether the buffer is part of ``state_dict``. Default: ``True``.

    Example:
        >>> import lampas
        >>> from lampas import nn
        >>> m = nn.Module()
        >>> m.mean = nn.Buffer(lampas.zeros(2))
        >>> list(m.state_dict())
        ['mean']
    """

    persistent: bool

    def __new__(cls, data: Tensor | None = None, *, persistent: bool = True) -> Buffer:
        if data is None:
            data = lampas.empty(0)
        result = Tensor._make_subclass(cls, data.detach(), data.requires_grad)
        result.persistent = persistent
        return result

    def __deepcopy__(self, memo: dict[int, Any]) -> Buffer:
        if id(self) in memo:
            return memo[id(self)]
        result = type(self)(self.data.clone(), persistent=self.persistent)
        memo[id(self)] = result
        return result

    def __reduce_ex__(self, proto: Any) -> Any:
        return _rebuild_buffer, (self.detach().as_subclass(Tensor), self.persistent)


def _rebuild_buffer(data: Tensor, persistent: bool) -> Buffer:
    return Buffer(data, persistent=persistent)


_NO_VALUES = (
    "Can't access the shape of an uninitialized parameter or buffer. This error usually happens "
    "in `load_state_dict` when trying to load an uninitialized parameter into an initialized "
    "one. Call `forward` to initialize the parameters before accessing their attributes."
)
# What can be done with a tensor that has no shape; everything else that a tensor does is an error.
_HARMLESS = frozenset(
    "as_subclass bfloat16 char cpu cuda detach double float get_device half int is_complex "
    "is_floating_point long materialize requires_grad_ share_memory_ short to type".split()
)
_ARITHMETIC = (
    "abs add and bool contains div float floordiv getitem iadd imul index int invert isub iter "
    "itruediv len matmul mod mul neg or pow radd rmatmul rmul rpow rsub rtruediv setitem sub "
    "truediv xor"
)


class _Uninitialized:
    """What parameters and buffers without a shape have in common."""

    cls_to_become: type
    data: Tensor

    def materialize(
        self, shape: tuple[int, ...], device: Any = None, dtype: Any = None
    ) -> None:
        """Gives this tensor its shape (values undefined) and turns it into the ordinary kind."""
        self.data = lampas.empty(
            shape, device=device or self.data.device, dtype=dtype or self.data.dtype
        )
        self.__class__ = self.cls_to_become

    @property
    def shape(self) -> Any:
        raise RuntimeError(_NO_VALUES)

    def share_memory_(self) -> Any:
        raise RuntimeError(
            "Can't share memory on an uninitialized parameter or buffer. Call `forward` to "
            "initialize the parameters before calling `module.share_memory()`."
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def __reduce_ex__(self, proto: Any) -> Any:
        return type(self), (self.requires_grad,)  # type: ignore[attr-defined]


class UninitializedParameter(_Uninitialized, Parameter):  # type: ignore[override]
    """A parameter whose shape is known only when the first input arrives.

    Example:
        >>> from lampas import nn
        >>> p = nn.UninitializedParameter()
        >>> p.materialize((2, 3))
        >>> p.shape
        torch.Size([2, 3])
    """

    cls_to_become = Parameter

    def __new__(
        cls, requires_grad: bool = True, device: Any = None, dtype: Any = None
    ) -> UninitializedParameter:
        data = lampas.empty(0, device=device, dtype=dtype)
        return Tensor._make_subclass(cls, data, requires_grad)

    def __deepcopy__(self, memo: dict[int, Any]) -> UninitializedParameter:
        if id(self) in memo:
            return memo[id(self)]
        data = self.data
        result = type(self)(self.requires_grad, data.device, data.dtype)
        memo[id(self)] = result
        return result


class UninitializedBuffer(_Uninitialized, Tensor):  # type: ignore[override]
    """A buffer whose shape is known only when the first input arrives."""

    cls_to_become = Buffer
    persistent: bool

    def __new__(
        cls,
        requires_grad: bool = False,
        device: Any = None,
        dtype: Any = None,
        persistent: bool = True,
    ) -> UninitializedBuffer:
        data = lampas.empty(0, device=device, dtype=dtype)
        result = Tensor._make_subclass(cls, data, requires_grad)
        result.persistent = persistent
        return result

    def __deepcopy__(self, memo: dict[int, Any]) -> UninitializedBuffer:
        if id(self) in memo:
            return memo[id(self)]
        data = self.data
        result = type(self)(self.requires_grad, data.device, data.dtype, self.persistent)
        memo[id(self)] = result
        return result


def _refusing(name: str) -> Any:
    def refuse(self: Any, *args: Any, **kwargs: Any) -> Any:
        raise ValueError(
            f"Attempted to use an uninitialized parameter in {name}. This error happens when you "
            "are using a `LazyModule` or explicitly manipulating "
            "`torch.nn.parameter.UninitializedParameter` objects. When using LazyModules Call "
            "`forward` with a dummy batch to initialize the parameters before calling torch "
            "functions"
        )

    return refuse


for _name in (
    *(n for n, f in vars(Tensor).items() if not n.startswith("_") and callable(f)),
    *_library.METHODS,
    *(f"__{n}__" for n in _ARITHMETIC.split()),
):
    if _name not in _HARMLESS:
        setattr(_Uninitialized, _name, _refusing(_name))


def is_lazy(param: Any) -> bool:
    """Whether ``param`` is a parameter or buffer that has no shape yet.

    Example:
        >>> from lampas import nn
        >>> nn.parameter.is_lazy(nn.UninitializedParameter())
        True
    """
    return isinstance(param, _Uninitialized)


# What is computed from parameters and buffers is an ordinary tensor.
for _kind in (Parameter, Buffer, UninitializedBuffer):
    _kind.__torch_function__ = _C._disabled_torch_function_impl  # type: ignore[method-assign]
