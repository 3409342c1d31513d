"""The base class of all distributions."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, ClassVar

import lampas
from lampas import Size, Tensor
from lampas.distributions import constraints
from lampas.distributions.utils import lazy_property

__all__ = ["Distribution"]


class Distribution:
    """A probability distribution over tensors, or a batch of independent ones.

    A sample has shape `sample_shape + batch_shape + event_shape`: `event_shape` is that of one
    draw, `batch_shape` that of the parameters. Parameters and values are checked unless
    `validate_args=False` (or Python runs with -O).

    >>> from lampas.distributions import Normal
    >>> d = Normal(lampas.zeros(3), lampas.ones(3))
    >>> d.batch_shape, d.event_shape, d.sample((2,)).shape
    (torch.Size([3]), torch.Size([]), torch.Size([2, 3]))
    """

    has_rsample: Any = False
    has_enumerate_support: Any = False
    _validate_args: bool = __debug__
    support: Any
    arg_constraints: Any

    # How expand() works: attributes that grow with the batch, each with the number of its last
    # dimensions that do not belong to the batch, and attributes taken over as they are.
    _growing: ClassVar[dict[str, int] | None] = None
    _kept: ClassVar[tuple[str, ...]] = ()

    @staticmethod
    def set_default_validate_args(value: bool) -> None:
        """Whether distributions check arguments and values unless they are told.

        >>> lampas.distributions.Distribution.set_default_validate_args(True)
        """
        if value not in (True, False):
            raise ValueError(f"set_default_validate_args() takes True or False, not {value!r}")
        Distribution._validate_args = value

    def __init__(
        self,
        batch_shape: Sequence[int] = Size(),
        event_shape: Sequence[int] = Size(),
        validate_args: bool | None = None,
    ) -> None:
        self._batch_shape = Size(batch_shape)
        self._event_shape = Size(event_shape)
        if validate_args is not None:
            self._validate_args = validate_args
        if self._validate_args:
            self._check_arguments()

    def _check_arguments(self) -> None:
        try:
            wanted = self.arg_constraints
        except (AttributeError, NotImplementedError):
            warnings.warn(
                f"{type(self)} does not define `arg_constraints`. Please set `arg_constraints = "
                "{}` or initialize the distribution with `validate_args=False` to turn off "
                "validation.",
                stacklevel=4,
            )
            return
        for name, constraint in wanted.items():
            derived = isinstance(getattr(type(self), name, None), lazy_property)
            if constraints.is_dependent(constraint) or (derived and name not in vars(self)):
                continue
            value = getattr(self, name)
            if not constraint.check(value).all():
                raise ValueError(
                    f"Expected parameter {name} ({type(value).__name__} of shape "
                    f"{tuple(value.shape)}) of distribution {self!r} to satisfy the constraint "
                    f"{constraint!r}, but found invalid values:\n{value}"
                )

    # ---- shapes ----------------------------------------------------------------------------------
    @property
    def batch_shape(self) -> Size:
        """The shape over which parameters are batched."""
        return self._batch_shape

    @property
    def event_shape(self) -> Size:
        """The shape of one draw."""
        return self._event_shape

    def _extended_shape(self, sample_shape: Sequence[int] = Size()) -> Size:
        return Size((*sample_shape, *self._batch_shape, *self._event_shape))

    def _get_checked_instance(self, cls: type, _instance: Any = None) -> Any:
        """A bare instance for expand(), or the one that a subclass has brought."""
        if _instance is None and type(self).__init__ is not cls.__init__:  # type: ignore[misc]
            raise NotImplementedError(
                f"Subclass {type(self).__name__} of {cls.__name__} that defines a custom __init__ "
                "method must also define a custom .expand() method."
            )
        return type(self).__new__(type(self)) if _instance is None else _instance

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Any:
        """The same distribution over a larger batch; parameters are expanded, not copied.

        >>> lampas.distributions.Normal(0.0, 1.0).expand((2, 3)).batch_shape
        torch.Size([2, 3])
        """
        if self._growing is None:
            raise NotImplementedError(f"{type(self).__name__} does not define expand()")
        owner = next(c for c in type(self).__mro__ if "_growing" in vars(c))
        new = self._get_checked_instance(owner, _instance)
        batch = Size(batch_shape)
        for name, own in self._growing.items():
            if name in vars(self):
                value = vars(self)[name]
                shape = value.batch_shape if isinstance(value, Distribution) else value.shape
                setattr(new, name, value.expand((*batch, *shape[len(shape) - own :])))
        for name in self._kept:
            setattr(new, name, getattr(self, name))
        self._finish_expand(new, batch)
        return new

    def _finish_expand(self, new: Any, batch_shape: Size) -> None:
        new._batch_shape = batch_shape
        new._event_shape = self._event_shape
        new._validate_args = self._validate_args

    # ---- moments ---------------------------------------------------------------------------------
    def _undefined(self, what: str) -> NotImplementedError:
        return NotImplementedError(f"{type(self)} does not implement {what}")

    @property
    def mean(self) -> Tensor:
        """The expected value, of shape batch_shape + event_shape."""
        raise self._undefined("mean")

    @property
    def mode(self) -> Tensor:
        """A most likely value, of shape batch_shape + event_shape."""
        raise self._undefined("mode")

    @property
    def variance(self) -> Tensor:
        """The variance of each element, of shape batch_shape + event_shape."""
        raise self._undefined("variance")

    @property
    def stddev(self) -> Tensor:
        """The square root of the variance."""
        return self.variance.sqrt()

    def entropy(self) -> Tensor:
        """The entropy in nats, of shape batch_shape."""
        raise self._undefined("entropy")

    def perplexity(self) -> Tensor:
        """exp of the entropy, of shape batch_shape."""
        return lampas.exp(self.entropy())

    # ---- draws and densities ---------------------------------------------------------------------
    def sample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        """Draws without gradient, of shape sample_shape + batch_shape + event_shape."""
        with lampas.no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        """Draws through which gradients flow to the parameters, where has_rsample says so."""
        raise self._undefined("rsample")

    def sample_n(self, n: int) -> Tensor:
        """`sample((n,))`; the older spelling."""
        warnings.warn(
            "`sample_n(n)` will be deprecated. Use `sample((n,))` instead.",
            FutureWarning,
            stacklevel=2,
        )
        return self.sample((n,))

    def log_prob(self, value: Tensor) -> Tensor:
        """The log of the density or of the probability at `value`, summed over the event."""
        raise self._undefined("log_prob")

    def cdf(self, value: Tensor) -> Tensor:
        """The probability of a draw at or below `value`."""
        raise self._undefined("cdf")

    def icdf(self, value: Tensor) -> Tensor:
        """The quantile of the probability `value`: the inverse of cdf."""
        raise self._undefined("icdf")

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """All values of a discrete distribution, along dimension 0."""
        raise self._undefined("enumerate_support")

    def _enumerated(self, values: Tensor, expand: bool) -> Tensor:
        values = values.view((-1, *(1,) * len(self._batch_shape)))
        return values.expand((-1, *self._batch_shape)) if expand else values

    def _check_value(self, value: Tensor) -> None:
        if self._validate_args:
            self._validate_sample(value)

    def _validate_sample(self, value: Any) -> None:
        """Raises ValueError unless `value` has a fitting shape and lies in the support."""
        if not isinstance(value, Tensor):
            raise ValueError("The value argument to log_prob must be a Tensor")
        start = value.dim() - len(self._event_shape)
        if value.shape[max(start, 0) :] != self._event_shape:
            raise ValueError(
                f"The right-most size of value must match event_shape: {value.shape} vs "
                f"{self._event_shape}."
            )
        full = self._batch_shape + self._event_shape
        for i, j in zip(reversed(value.shape), reversed(full), strict=False):
            if i != 1 and j != 1 and i != j:
                raise ValueError(
                    f"Value is not broadcastable with batch_shape+event_shape: {value.shape} vs "
                    f"{full}."
                )
        try:
            support = self.support
        except (AttributeError, NotImplementedError):
            warnings.warn(
                f"{type(self)} does not define `support` to enable sample validation. Please "
                "initialize the distribution with `validate_args=False` to turn off validation.",
                stacklevel=3,
            )
            return
        if not support.check(value).all():
            raise ValueError(
                f"Expected value argument ({type(value).__name__} of shape {tuple(value.shape)}) "
                f"to be within the support ({support!r}) of the distribution {self!r}, but found "
                f"invalid values:\n{value}"
            )

    def __repr__(self) -> str:
        parts = []
        for name in self.arg_constraints:
            if name in vars(self):
                value = vars(self)[name]
                parts.append(f"{name}: {value if value.numel() == 1 else value.size()}")
        return f"{type(self).__name__}({', '.join(parts)})"
