"""Dropout of whole channels, and dropout that keeps mean and variance."""

from __future__ import annotations

import warnings

import lampas
from lampas._tensor import Tensor

from ._checked import checked

__all__ = [
    "alpha_dropout", "dropout1d", "dropout2d", "dropout3d", "feature_alpha_dropout",
]  # fmt: skip


def _check_probability(p: float) -> None:
    if p < 0.0 or p > 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")


def _channel_noise(input: Tensor) -> Tensor:
    """One undefined value per sample and channel, to broadcast over the rest."""
    if input.dim() < 2:
        raise RuntimeError(
            "Feature dropout requires at least 2 dimensions in the input, "
            f"but got shape {tuple(input.shape)}"
        )
    return input.new_empty((*input.shape[:2], *(1,) * (input.dim() - 2)))


def _feature_dropout(input: Tensor, p: float, training: bool, inplace: bool) -> Tensor:
    if not training or p == 0 or input.numel() == 0:
        return input
    if p == 1:
        return input.mul_(0) if inplace else input * 0
    noise = _channel_noise(input).bernoulli_(1 - p).div_(1 - p)
    return input.mul_(noise) if inplace else input * noise


def _alpha(
    input: Tensor, p: float, training: bool, inplace: bool, channels: bool
) -> Tensor:
    _check_probability(p)
    if not training or p == 0 or input.numel() == 0:
        return input
    if p == 1:
        return input.mul_(0) if inplace else input * 0
    if not input.dtype.is_floating_point:
        raise RuntimeError(
            f"{'feature_' if channels else ''}alpha_dropout: result type Float can't be cast to "
            f"the input's type {input.dtype}. Remedy: input.float()"
        )
    # Dropped values become SELU's negative limit; a and b restore mean and variance.
    limit = 1.7580993408473766
    a = 1.0 / ((limit * limit * p + 1) * (1 - p)) ** 0.5
    noise = _channel_noise(input) if channels else lampas.empty_like(input)
    noise = noise.bernoulli_(1 - p)
    shift = ((noise - 1) * (limit * a)).add_(limit * a * p)
    noise = noise * a
    return input.mul_(noise).add_(shift) if inplace else input * noise + shift


@checked("dropout1d(Tensor input, float p=0.5, bool training=True, bool inplace=False)")
def dropout1d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """Zeroes whole channels of ``(N, C, L)`` or ``(C, L)`` with probability ``p``."""
    _check_probability(p)
    if input.dim() not in (2, 3):
        raise RuntimeError(
            f"dropout1d: Expected 2D or 3D input, but received a {input.dim()}D input. "
            "Note that dropout1d exists to provide channel-wise dropout on inputs with 1 spatial "
            "dimension, a channel dimension, and an optional batch dimension (i.e. 2D or 3D "
            "inputs)."
        )
    if input.dim() == 3:
        return _feature_dropout(input, p, training, inplace)
    batched = input.unsqueeze_(0) if inplace else input.unsqueeze(0)
    result = _feature_dropout(batched, p, training, inplace)
    return result.squeeze_(0) if inplace else result.squeeze(0)


@checked("dropout2d(Tensor input, float p=0.5, bool training=True, bool inplace=False)")
def dropout2d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """Zeroes whole channels of ``(N, C, H, W)`` with probability ``p``.

    Example:
        >>> import lampas
        >>> from lampas.nn import functional as F
        >>> y = F.dropout2d(lampas.ones(1, 8, 2, 2), 0.5)
        >>> sorted(set(y.sum((0, 2, 3)).tolist())) in ([0.0, 8.0], [0.0], [8.0])
        True
    """
    _check_probability(p)
    if input.dim() not in (3, 4):
        warnings.warn(
            f"dropout2d: Received a {input.dim()}-D input to dropout2d, which is deprecated and "
            "will result in an error in a future release. To retain the behavior and silence this "
            "warning, please use dropout instead. Note that dropout2d exists to provide "
            "channel-wise dropout on inputs with 2 spatial dimensions, a channel dimension, and "
            "an optional batch dimension (i.e. 3D or 4D inputs).",
            stacklevel=3,
        )
    if input.dim() == 3:
        warnings.warn(
            "dropout2d: Received a 3D input to dropout2d and assuming that channel-wise 1D "
            "dropout behavior is desired - input is interpreted as shape (N, C, L), where C is "
            "the channel dim. This behavior will change in a future release to interpret the "
            "input as one without a batch dimension, i.e. shape (C, H, W). To maintain the 1D "
            "channel-wise dropout behavior, please switch to using dropout1d instead.",
            stacklevel=3,
        )
    return _feature_dropout(input, p, training, inplace)


@checked("dropout3d(Tensor input, float p=0.5, bool training=True, bool inplace=False)")
def dropout3d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """Zeroes whole channels of ``(N, C, D, H, W)`` or ``(C, D, H, W)`` with probability ``p``."""
    _check_probability(p)
    if input.dim() not in (4, 5):
        warnings.warn(
            f"dropout3d: Received a {input.dim()}-D input to dropout3d, which is deprecated and "
            "will result in an error in a future release. To retain the behavior and silence this "
            "warning, please use dropout instead. Note that dropout3d exists to provide "
            "channel-wise dropout on inputs with 3 spatial dimensions, a channel dimension, and "
            "an optional batch dimension (i.e. 4D or 5D inputs).",
            stacklevel=3,
        )
    if input.dim() != 4:
        return _feature_dropout(input, p, training, inplace)
    batched = input.unsqueeze_(0) if inplace else input.unsqueeze(0)
    result = _feature_dropout(batched, p, training, inplace)
    return result.squeeze_(0) if inplace else result.squeeze(0)


@checked("alpha_dropout(Tensor input, float p=0.5, bool training=False, bool inplace=False)")
def alpha_dropout(
    input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Tensor:
    """Dropout that keeps mean and variance of inputs with zero mean and unit variance.

    Source: Klambauer et al., *Self-normalizing neural networks*, 2017.
    """
    return _alpha(input, p, training, inplace, channels=False)


@checked(
    "feature_alpha_dropout(Tensor input, float p=0.5, bool training=False, bool "
    "inplace=False)"
)
def feature_alpha_dropout(
    input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Tensor:
    """:func:`alpha_dropout` of whole channels."""
    return _alpha(input, p, training, inplace, channels=True)
