"""What distributions over a probability share: it is given as `probs` or as `logits`."""

from __future__ import annotations

from typing import Any

import lampas
from lampas import Size, Tensor
from lampas.distributions.utils import (
    broadcast_all,
    given_one,
    lazy_property,
    logits_to_probs,
    probs_to_logits,
)


def _is_float(value: Any) -> bool:
    return isinstance(value, Tensor) and value.is_floating_point()


class BinaryParameter:
    """`probs` in [0, 1] or log odds `logits`; each is computed from the other when asked for."""

    _given: str

    def _take(self, probs: Any, logits: Any, *others: Any) -> tuple[Tensor, ...]:
        """Keeps the one that is given, broadcast with the others, which are returned."""
        self._given = given_one(probs=probs, logits=logits)
        value = probs if probs is not None else logits
        if isinstance(value, float) and not all(_is_float(x) for x in others):
            value = lampas.tensor(value)  # not an integer, as the counts' dtype would make it
        *rest, value = broadcast_all(*others, value)
        setattr(self, self._given, value)
        return tuple(rest)

    @property
    def _param(self) -> Tensor:
        value: Tensor = vars(self)[self._given]
        return value

    @property
    def param_shape(self) -> Size:
        """The shape of the parameter that was given."""
        return Size(self._param.shape)

    @lazy_property
    def logits(self) -> Tensor:
        """The log odds."""
        return probs_to_logits(self.probs, is_binary=True)

    @lazy_property
    def probs(self) -> Tensor:
        """The probability of 1."""
        return logits_to_probs(self.logits, is_binary=True)
