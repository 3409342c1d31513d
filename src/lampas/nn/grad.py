"""Gradients of convolutions, as functions."""

from __future__ import annotations

from typing import Any

import lampas
from lampas._tensor import Tensor

from . import functional as F

__all__ = [
    "conv1d_input", "conv1d_weight", "conv2d_input", "conv2d_weight", "conv3d_input",
    "conv3d_weight",
]  # fmt: skip


def _input(
    conv: Any, size: Any, weight: Tensor, grad: Tensor, *options: Any
) -> Tensor:
    with lampas.enable_grad():
        # The gradient does not depend on the values.
        x = lampas.zeros(tuple(size), dtype=grad.dtype, requires_grad=True)
        return lampas.autograd.grad(conv(x, weight.detach(), None, *options), x, grad)[0]


def _weight(conv: Any, input: Tensor, size: Any, grad: Tensor, *options: Any) -> Tensor:
    with lampas.enable_grad():
        w = lampas.zeros(tuple(size), dtype=grad.dtype, requires_grad=True)
        return lampas.autograd.grad(conv(input.detach(), w, None, *options), w, grad)[0]


def conv1d_input(
    input_size: Any, weight: Tensor, grad_output: Tensor, stride: Any = 1, padding: Any = 0,
    dilation: Any = 1, groups: int = 1,
) -> Tensor:  # fmt: skip
    """Gradient of ``conv1d`` by its input, whose size is given."""
    options = (stride, padding, dilation, groups)
    return _input(F.conv1d, input_size, weight, grad_output, *options)


def conv1d_weight(
    input: Tensor, weight_size: Any, grad_output: Tensor, stride: Any = 1, padding: Any = 0,
    dilation: Any = 1, groups: int = 1,
) -> Tensor:  # fmt: skip
    """Gradient of ``conv1d`` by its weight, whose size is given."""
    options = (stride, padding, dilation, groups)
    return _weight(F.conv1d, input, weight_size, grad_output, *options)


def conv2d_input(
    input_size: Any, weight: Tensor, grad_output: Tensor, stride: Any = 1, padding: Any = 0,
    dilation: Any = 1, groups: int = 1,
) -> Tensor:  # fmt: skip
    """Gradient of ``conv2d`` by its input, whose size is given.

    Example:
        >>> import lampas
        >>> from lampas import nn
        >>> w, g = lampas.ones(1, 1, 1, 2), lampas.ones(1, 1, 3, 2)
        >>> nn.grad.conv2d_input((1, 1, 3, 3), w, g)[0, 0, 0]
        tensor([1., 2., 1.])
    """
    options = (stride, padding, dilation, groups)
    return _input(F.conv2d, input_size, weight, grad_output, *options)


def conv2d_weight(
    input: Tensor, weight_size: Any, grad_output: Tensor, stride: Any = 1, padding: Any = 0,
    dilation: Any = 1, groups: int = 1,
) -> Tensor:  # fmt: skip
    """Gradient of ``conv2d`` by its weight, whose size is given."""
    options = (stride, padding, dilation, groups)
    return _weight(F.conv2d, input, weight_size, grad_output, *options)


def conv3d_input(
    input_size: Any, weight: Tensor, grad_output: Tensor, stride: Any = 1, padding: Any = 0,
    dilation: Any = 1, groups: int = 1,
) -> Tensor:  # fmt: skip
    """Gradient of ``conv3d`` by its input, whose size is given."""
    options = (stride, padding, dilation, groups)
    return _input(F.conv3d, input_size, weight, grad_output, *options)


def conv3d_weight(
    input: Tensor, weight_size: Any, grad_output: Tensor, stride: Any = 1, padding: Any = 0,
    dilation: Any = 1, groups: int = 1,
) -> Tensor:  # fmt: skip
    """Gradient of ``conv3d`` by its weight, whose size is given."""
    options = (stride, padding, dilation, groups)
    return _weight(F.conv3d, input, weight_size, grad_output, *options)
