"""Activations that are compositions; the others are native."""

from __future__ import annotations

from typing import Any

import lampas
from lampas import _C
from lampas._C import (
    celu,
    elu,
    hardtanh,
    leaky_relu,
    relu,
    rrelu,
    selu,
    threshold,
)
from lampas._tensor import Tensor

__all__ = [
    "celu_",
    "elu_",
    "gumbel_softmax",
    "hardtanh_",
    "leaky_relu_",
    "log_softmax",
    "relu_",
    "rrelu_",
    "selu_",
    "softmax",
    "softmin",
    "softsign",
    "tanhshrink",
    "threshold_",
]


def relu_(input: Tensor) -> Tensor:
    """:func:`relu` in place."""
    return relu(input, True)


def elu_(input: Tensor, alpha: float = 1.0) -> Tensor:
    """:func:`elu` in place."""
    return elu(input, alpha, True)


def celu_(input: Tensor, alpha: float = 1.0) -> Tensor:
    """:func:`celu` in place."""
    return celu(input, alpha, True)


def selu_(input: Tensor) -> Tensor:
    """:func:`selu` in place."""
    return selu(input, True)


def leaky_relu_(input: Tensor, negative_slope: float = 0.01) -> Tensor:
    """:func:`leaky_relu` in place."""
    return leaky_relu(input, negative_slope, True)


def hardtanh_(input: Tensor, min_val: float = -1.0, max_val: float = 1.0) -> Tensor:
    """:func:`hardtanh` in place."""
    return hardtanh(input, min_val, max_val, True)


def threshold_(input: Tensor, threshold: float, value: float) -> Tensor:
    """:func:`threshold` in place."""
    return _threshold(input, threshold, value, True)


_threshold = threshold


def rrelu_(
    input: Tensor, lower: float = 1.0 / 8, upper: float = 1.0 / 3, training: bool = False
) -> Tensor:
    """:func:`rrelu` in place."""
    return rrelu(input, lower, upper, training, True)


def _implied(name: str, input: Tensor, dim: int | None, stacklevel: int) -> int:
    """The dimension that is meant where none is given."""
    if dim is not None:
        return dim
    import warnings

    warnings.warn(
        f"Implicit dimension choice for {name} has been deprecated. Change the call to include "
        "dim=X as an argument.",
        stacklevel=stacklevel,
    )
    return 0 if input.dim() in (0, 1, 3) else 1


def softmax(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None
) -> Tensor:
    """``exp(x) / sum(exp(x))`` along a dimension; any shape, floating point.

    Example:
        >>> import lampas
        >>> from lampas.nn import functional as F
        >>> F.softmax(lampas.zeros(2), dim=0)
        tensor([0.5000, 0.5000])
    """
    if dim is None:
        dim = _implied("softmax", input, dim, _stacklevel)
    return _C.softmax(input, dim, dtype)


def log_softmax(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None
) -> Tensor:
    """The logarithm of :func:`softmax`, which keeps its digits.

    Example:
        >>> import lampas
        >>> from lampas.nn import functional as F
        >>> F.log_softmax(lampas.zeros(2), dim=0)
        tensor([-0.6931, -0.6931])
    """
    if dim is None:
        dim = _implied("log_softmax", input, dim, _stacklevel)
    return _C.log_softmax(input, dim, dtype)


def softmin(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None
) -> Tensor:
    """Softmax of the negated input.

    Example:
        >>> import lampas
        >>> from lampas.nn import functional as F
        >>> F.softmin(lampas.zeros(2), dim=0)
        tensor([0.5000, 0.5000])
    """
    if dim is None:
        dim = _implied("softmin", input, dim, _stacklevel)
    return _C.softmax(-input, dim, dtype)


def softsign(input: Tensor) -> Tensor:
    """``x / (1 + |x|)``."""
    return input / (input.abs() + 1)


def tanhshrink(input: Tensor) -> Tensor:
    """``x - tanh(x)``."""
    return input - input.tanh()


def gumbel_softmax(
    logits: Tensor, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1
) -> Tensor:
    """Samples from the Gumbel-softmax distribution.

    Args:
        logits: unnormalised log probabilities, ``(*, classes)``.
        tau: temperature, above 0.
        hard: give one-hot samples whose gradient is that of the soft ones.
        eps: ignored; kept for programs that pass it.
        dim: the dimension of the classes.

    Source: Jang et al., *Categorical reparameterization with Gumbel-softmax*, 2017.
    """
    noise = -lampas.empty_like(logits).exponential_().log()
    soft = softmax((logits + noise) / tau, dim)
    if not hard:
        return soft
    index = soft.max(dim, keepdim=True)[1]
    one_hot = lampas.zeros_like(logits).scatter_(dim, index, 1.0)
    return one_hot - soft.detach() + soft
