"""Initial values of parameters.

All functions fill the tensor in place, without recording gradients, and give it back.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import lampas
from lampas._tensor import Tensor

__all__ = [
    "calculate_gain",
    "uniform_",
    "normal_",
    "trunc_normal_",
    "constant_",
    "ones_",
    "zeros_",
    "eye_",
    "dirac_",
    "xavier_uniform_",
    "xavier_normal_",
    "kaiming_uniform_",
    "kaiming_normal_",
    "orthogonal_",
    "sparse_",
    "uniform",
    "normal",
    "constant",
    "eye",
    "dirac",
    "xavier_uniform",
    "xavier_normal",
    "kaiming_uniform",
    "kaiming_normal",
    "orthogonal",
    "sparse",
]

_GAINS = {"tanh": 5.0 / 3, "relu": math.sqrt(2.0), "selu": 3.0 / 4}
_UNIT_GAIN = (
    "linear", "conv1d", "conv2d", "conv3d",
    "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "sigmoid",
)  # fmt: skip


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor by which weights before a nonlinearity should be scaled.

    Args:
        nonlinearity: the function's name in ``nn.functional``.
        param: the negative slope of ``leaky_relu``. Default: 0.01.

    Raises:
        ValueError: for a name without a recommended gain.

    Example:
        >>> from lampas import nn
        >>> round(nn.init.calculate_gain("relu"), 4)
        1.4142
    """
    if nonlinearity in _UNIT_GAIN:
        return 1
    if nonlinearity in _GAINS:
        return _GAINS[nonlinearity]
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        if isinstance(slope, bool) or not isinstance(slope, (int, float)):
            raise ValueError(f"negative_slope {param} not a valid number")
        return math.sqrt(2.0 / (1 + slope**2))
    known = ", ".join((*_UNIT_GAIN, *_GAINS, "leaky_relu"))
    raise ValueError(f"Unsupported nonlinearity {nonlinearity}; known are {known}")


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Any = None) -> Tensor:
    """Fills with values uniform in [``a``, ``b``)."""
    if tensor.device.type == "meta":  # shapes alone: nothing to draw
        return tensor
    with lampas.no_grad():
        return tensor.uniform_(a, b, generator=generator)


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Any = None) -> Tensor:
    """Fills with values from a normal distribution."""
    if tensor.device.type == "meta":
        return tensor
    with lampas.no_grad():
        return tensor.normal_(mean, std, generator=generator)


def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Any = None,
) -> Tensor:
    """Fills with values from a normal distribution, cut off at ``a`` and ``b``.

    Values outside are drawn again. Where the interval holds less than 0.3 of the distribution,
    uniform candidates are accepted with a probability proportional to the density instead.
    """
    if mean < a - 2 * std or mean > b + 2 * std:
        warnings.warn(
            "mean is more than 2 std from [a, b] in nn.init.trunc_normal_. "
            "The distribution of values may be incorrect.",
            stacklevel=2,
        )
    if tensor.device.type == "meta":
        return tensor
    low, high = ((bound - mean) / std / math.sqrt(2.0) for bound in (a, b))
    inside = (math.erf(high) - math.erf(low)) / 2
    with lampas.no_grad():
        if inside > 0.3:
            return _redraw_outside(tensor, mean, std, a, b, generator)
        return _accept_by_density(tensor, mean, std, a, b, generator)


def _redraw_outside(
    tensor: Tensor, mean: float, std: float, a: float, b: float, generator: Any
) -> Tensor:
    # In the tensor's own precision, so that a bound that rounds outwards does not exclude itself.
    low, high = tensor.new_tensor(a).item(), tensor.new_tensor(b).item()
    result = tensor.normal_(mean, std, generator=generator)
    while True:
        outside = (result < low) | (result > high)
        if not outside.any():
            break
        again = lampas.empty_like(result).normal_(mean, std, generator=generator)
        result = lampas.where(outside, again, result)
    return tensor if result is tensor else tensor.copy_(result)


def _accept_by_density(
    tensor: Tensor, mean: float, std: float, a: float, b: float, generator: Any
) -> Tensor:
    peak = -0.5 * ((max(a, min(mean, b)) - mean) / std) ** 2

    def rejected(candidates: Tensor) -> Tensor:
        density = candidates.sub(mean).div_(std).pow_(2).mul_(-0.5).sub_(peak)
        chance = lampas.empty_like(tensor).uniform_(generator=generator)
        return chance.log_() > density

    again = rejected(tensor.uniform_(a, b, generator=generator))
    while again.any():
        candidates = lampas.empty_like(tensor).uniform_(a, b, generator=generator)
        accepted = again & ~rejected(candidates)
        tensor.copy_(lampas.where(accepted, candidates, tensor))
        again = again & ~accepted
    return tensor


def constant_(tensor: Tensor, val: float) -> Tensor:
    """Fills with one value."""
    if tensor.device.type == "meta":
        return tensor
    with lampas.no_grad():
        return tensor.fill_(val)


def ones_(tensor: Tensor) -> Tensor:
    """Fills with ones."""
    return constant_(tensor, 1.0)


def zeros_(tensor: Tensor) -> Tensor:
    """Fills with zeros."""
    return constant_(tensor, 0.0)


def eye_(tensor: Tensor) -> Tensor:
    """Fills a matrix with the identity: as many inputs as possible pass unchanged.

    Raises:
        ValueError: if the tensor is no matrix.
    """
    if tensor.ndim != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    with lampas.no_grad():
        return tensor.copy_(lampas.eye(*tensor.shape, dtype=tensor.dtype, device=tensor.device))


def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """Fills the kernel of a convolution so that as many channels as possible pass unchanged.

    Args:
        tensor: a kernel of 3, 4 or 5 dimensions.
        groups: groups of the convolution.

    Raises:
        ValueError: for another number of dimensions or a first size that groups do not divide.
    """
    if tensor.ndim not in (3, 4, 5):
        raise ValueError("Only tensors with 3, 4, or 5 dimensions are supported")
    if tensor.size(0) % groups != 0:
        raise ValueError("dim 0 must be divisible by groups")
    per_group = tensor.size(0) // groups
    centre = tuple(s // 2 for s in tensor.shape[2:])
    with lampas.no_grad():
        tensor.zero_()
        for g in range(groups):
            for d in range(min(per_group, tensor.size(1))):
                place = (g * per_group + d, d, *centre)
                tensor[place] = 1
    return tensor


def _calculate_fan_in_and_fan_out(tensor: Tensor) -> tuple[int, int]:
    if tensor.dim() < 2:
        raise ValueError(
            "Fan in and fan out can not be computed for tensor with fewer than 2 dimensions"
            f"; this one has shape {tuple(tensor.shape)}"
        )
    field = math.prod(tensor.shape[2:])
    return tensor.size(1) * field, tensor.size(0) * field


def _calculate_correct_fan(tensor: Tensor, mode: str) -> int:
    mode = mode.lower()
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(
            f"Mode {mode} not supported, please use one of ['fan_in', 'fan_out']"
        )
    fan_in, fan_out = _calculate_fan_in_and_fan_out(tensor)
    return fan_in if mode == "fan_in" else fan_out


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Any = None) -> Tensor:
    """Fills with values uniform in ±gain·√(6/(fan_in + fan_out)).

    Source: Glorot and Bengio, *Understanding the difficulty of training deep feedforward neural
    networks*, 2010.
    """
    std = gain * math.sqrt(2.0 / float(sum(_calculate_fan_in_and_fan_out(tensor))))
    bound = math.sqrt(3.0) * std
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Any = None) -> Tensor:
    """Fills from a normal distribution with deviation gain·√(2/(fan_in + fan_out)).

    Source: Glorot and Bengio, *Understanding the difficulty of training deep feedforward neural
    networks*, 2010.
    """
    std = gain * math.sqrt(2.0 / float(sum(_calculate_fan_in_and_fan_out(tensor))))
    return normal_(tensor, 0.0, std, generator)


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Any = None,
) -> Tensor:
    """Fills with values uniform in ±gain·√(3/fan).

    Args:
        tensor: a weight of at least two dimensions.
        a: negative slope of the ``leaky_relu`` behind the layer.
        mode: ``"fan_in"`` keeps the variance going forward, ``"fan_out"`` going back.
        nonlinearity: name of the function behind the layer.
        generator: source of random numbers.

    Source: He et al., *Delving deep into rectifiers*, 2015.
    """
    std = _kaiming_std(tensor, a, mode, nonlinearity)
    bound = math.sqrt(3.0) * std
    return tensor if std == 0 else uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Any = None,
) -> Tensor:
    """Fills from a normal distribution with deviation gain/√fan.

    Arguments as for :func:`kaiming_uniform_`.

    Source: He et al., *Delving deep into rectifiers*, 2015.
    """
    std = _kaiming_std(tensor, a, mode, nonlinearity)
    return tensor if std == 0 else normal_(tensor, 0, std, generator)


def _kaiming_std(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    if 0 in tensor.shape:
        warnings.warn("Initializing zero-element tensors is a no-op", stacklevel=3)
        return 0
    fan = _calculate_correct_fan(tensor, mode)
    return calculate_gain(nonlinearity, a) / math.sqrt(fan)


def orthogonal_(tensor: Tensor, gain: float = 1, generator: Any = None) -> Tensor:
    """Fills with a matrix of orthonormal rows or columns, whichever are fewer.

    Dimensions after the first count as one.

    Raises:
        ValueError: for fewer than two dimensions.

    Source: Saxe et al., *Exact solutions to the nonlinear dynamics of learning in deep linear
    neural networks*, 2013.
    """
    if tensor.ndim < 2:
        raise ValueError("Only tensors with 2 or more dimensions are supported")
    if tensor.numel() == 0 or tensor.device.type == "meta":
        return tensor
    rows = tensor.size(0)
    cols = tensor.numel() // rows
    with lampas.no_grad():
        flat = tensor.new_empty((rows, cols)).normal_(0, 1, generator=generator)
        tall = flat.t() if rows < cols else flat
        q, r = lampas.linalg.qr(tall)  # type: ignore[attr-defined]
        # The signs of r make the result uniform over orthogonal matrices (Mezzadri, 2006).
        q = q * r.diagonal().sign()
        q = q.t() if rows < cols else q
        tensor.view_as(q).copy_(q)
        return tensor.mul_(gain)


def sparse_(
    tensor: Tensor, sparsity: float, std: float = 0.01, generator: Any = None
) -> Tensor:
    """Fills a matrix from a normal distribution and zeroes a part of each column.

    Args:
        tensor: a matrix.
        sparsity: which part of each column becomes zero.
        std: deviation of the other values.
        generator: source of random numbers.

    Source: Martens, *Deep learning via Hessian-free optimization*, 2010.
    """
    if tensor.ndim != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    if tensor.device.type == "meta":
        return tensor
    rows, cols = tensor.shape
    zeros = math.ceil(sparsity * rows)
    with lampas.no_grad():
        tensor.normal_(0, std, generator=generator)
        for col in range(cols):
            # The same stream as for the values, whatever generator was given for them.
            tensor[lampas.randperm(rows)[:zeros], col] = 0
    return tensor


uniform = uniform_
normal = normal_
constant = constant_
eye = eye_
dirac = dirac_
xavier_uniform = xavier_uniform_
xavier_normal = xavier_normal_
kaiming_uniform = kaiming_uniform_
kaiming_normal = kaiming_normal_
orthogonal = orthogonal_
sparse = sparse_
