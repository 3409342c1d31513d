"""Variable, from the days before tensors and variables were one: today it is Tensor."""

from __future__ import annotations

from typing import Any

from lampas._tensor import Tensor


class _VariableMeta(type):
    def __instancecheck__(cls, obj: object) -> bool:
        return isinstance(obj, Tensor)


class Variable(metaclass=_VariableMeta):
    """Variable(data, requires_grad=False) is `data` itself as a tensor with that flag.

    >>> import lampas
    >>> lampas.autograd.Variable(lampas.ones(2), requires_grad=True).requires_grad
    True
    """

    def __new__(cls, data: Tensor, requires_grad: bool = False, volatile: Any = None) -> Any:
        if not isinstance(data, Tensor):
            raise TypeError(f"Variable data has to be a tensor, but got {type(data).__name__}")
        tensor = data.detach()
        return tensor.requires_grad_() if requires_grad else tensor
