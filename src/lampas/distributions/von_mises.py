"""Von Mises: angles on a circle."""

from __future__ import annotations

import math
from collections.abc import Sequence

import lampas
from lampas import Size, Tensor
from lampas.distributions import constraints
from lampas.distributions.distribution import Distribution
from lampas.distributions.utils import broadcast_all

__all__ = ["VonMises"]


class VonMises(Distribution):
    """Angles in radians around `loc`: density ∝ exp(concentration cos(x - loc)).

    Angles count modulo 2π; draws lie in [-π, π). Mean and variance are the circular ones.

    >>> lampas.distributions.VonMises(0.5, 2.0).mean
    tensor(0.5000)
    """

    arg_constraints = {"loc": constraints.real, "concentration": constraints.positive}
    support = constraints.real
    _growing = {"loc": 0, "concentration": 0}

    def __init__(
        self,
        loc: Tensor | float,
        concentration: Tensor | float,
        validate_args: bool | None = None,
    ) -> None:
        self.loc, self.concentration = broadcast_all(loc, concentration)
        super().__init__(self.loc.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        k = self.concentration
        return 1 - lampas.special.i1e(k) / lampas.special.i0e(k)

    def log_prob(self, value: Tensor) -> Tensor:
        self._check_value(value)
        k = self.concentration
        # log I0(k) = log(exp(-k) I0(k)) + k; the difference of cosines keeps it small.
        return k * ((value - self.loc).cos() - 1) - math.log(2 * math.pi) - _log_i0e(k)

    def _envelope(self, k: Tensor) -> Tensor:
        """The parameter r of the wrapped Cauchy that proposals come from."""
        tau = 1 + (1 + 4 * k**2).sqrt()
        rho = (tau - (2 * tau).sqrt()) / (2 * k)
        # For small k rho cancels.
        return lampas.where(k < 1e-5, 1 / k + k, (1 + rho**2) / (2 * rho))

    def sample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        """Rejection from a wrapped Cauchy, in double precision.

        Best and Fisher, "Efficient simulation of the von Mises distribution", 1979.
        """
        shape = self._extended_shape(sample_shape)
        with lampas.no_grad():
            loc, k = self.loc.double(), self.concentration.double()
            r = self._envelope(k)
            angle = lampas.zeros(shape, dtype=loc.dtype)
            done = lampas.zeros(shape, dtype=lampas.bool)
            while not done.all():
                u1, u2, u3 = lampas.rand((3, *shape), dtype=loc.dtype).unbind()
                z = (math.pi * u1).cos()
                f = (1 + r * z) / (r + z)
                c = k * (r - f)
                accept = (c * (2 - c) - u2 > 0) | ((c / u2).log() + 1 - c >= 0)
                # As PyTorch does, a later proposal replaces an earlier one until all are done.
                angle = lampas.where(accept, (u3 - 0.5).sign() * f.acos(), angle)
                done = done | accept
            angle = (angle + math.pi + loc) % (2 * math.pi) - math.pi
            return angle.to(self.loc.dtype)


def _log_i0e(k: Tensor) -> Tensor:
    return lampas.special.i0e(k).log()
