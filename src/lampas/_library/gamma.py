"""Incomplete and multivariate gamma functions."""

from __future__ import annotations

import math

from lampas import _C
from lampas._C import Tensor
from lampas._library import operator


def _apply(a: Tensor, x: Tensor, upper: bool) -> Tensor:
    kind = _C.result_type(a, x)
    name = "igammac" if upper else "igamma"
    if not kind.is_floating_point:
        raise NotImplementedError(f"\"{name}_cpu\" not implemented for '{kind}'")
    result: Tensor = _C._igammac(a, x) if upper else _C._igamma(a, x)
    return result


@operator("igamma(Tensor input, Tensor other, *, Tensor? out=None)", method=True, inplace=True)
def igamma(input: Tensor, other: Tensor) -> Tensor:
    """The regularised lower incomplete gamma function P(input, other); see DLMF 8.2.4.

    >>> import lampas
    >>> lampas.igamma(lampas.tensor([1.0]), lampas.tensor([1.0]))
    tensor([0.6321])
    """
    return _apply(input, other, False)


@operator("igammac(Tensor input, Tensor other, *, Tensor? out=None)", method=True, inplace=True)
def igammac(input: Tensor, other: Tensor) -> Tensor:
    """The regularised upper incomplete gamma function Q(input, other) = 1 - P(input, other).

    >>> import lampas
    >>> lampas.igammac(lampas.tensor([1.0]), lampas.tensor([1.0]))
    tensor([0.3679])
    """
    return _apply(input, other, True)


@operator("mvlgamma(Tensor input, int p, *, Tensor? out=None)", method=True, inplace=True)
def mvlgamma(input: Tensor, p: int) -> Tensor:
    """The logarithm of the multivariate gamma function of dimension p; see DLMF 35.3.

    >>> import lampas
    >>> lampas.mvlgamma(lampas.tensor([2.0]), 1)
    tensor([0.])
    """
    if p < 1:
        raise RuntimeError(f"p has to be greater than or equal to 1, got {p} (mvlgamma)")
    x = input if input.dtype.is_floating_point else input.to(_C.float32)
    steps = _C.arange(p, dtype=x.dtype) * -0.5
    return (x.unsqueeze(-1) + steps).lgamma().sum(-1) + p * (p - 1) / 4 * math.log(math.pi)
