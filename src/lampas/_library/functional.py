"""What nn.functional holds and PyTorch lists at top level too, with its other signatures there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lampas import _C
from lampas._C import Tensor
from lampas._library import listed


def _reduction(name: str, reduction: int) -> str:
    """The reductions are numbers here: 0 none, 1 mean, 2 sum."""
    if isinstance(reduction, bool) or reduction not in (0, 1, 2):
        raise ValueError(
            f"{name}(): reduction is 0 (none), 1 (mean) or 2 (sum), got {reduction!r}; names are "
            f"taken by nn.functional.{name}"
        )
    return ("none", "mean", "sum")[reduction]


# ---- losses --------------------------------------------------------------------------------------
@listed
def kl_div(
    input: Tensor, target: Tensor, reduction: int = 1, *, log_target: bool = False
) -> Tensor:
    """:func:`lampas.nn.functional.kl_div` with a number as the reduction.

    >>> import lampas
    >>> p = lampas.tensor([0.5, 0.5])
    >>> lampas.kl_div(p.log(), p)
    tensor(0.)
    """
    from lampas.nn import functional as F

    kind = _reduction("kl_div", reduction)
    if kind == "mean":  # here without the warning that nn.functional gives
        return F.kl_div(input, target, reduction="none", log_target=log_target).mean()
    return F.kl_div(input, target, reduction=kind, log_target=log_target)


@listed
def ctc_loss(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Any,
    target_lengths: Any,
    blank: int = 0,
    reduction: int = 1,
    zero_infinity: bool = False,
) -> Tensor:
    """:func:`lampas.nn.functional.ctc_loss` with a number as the reduction."""
    from lampas.nn import functional as F

    kind = _reduction("ctc_loss", reduction)
    return F.ctc_loss(log_probs, targets, input_lengths, target_lengths, blank, kind, zero_infinity)


@listed
def cosine_embedding_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0.0, reduction: int = 1
) -> Tensor:
    """:func:`lampas.nn.functional.cosine_embedding_loss` with a number as the reduction."""
    from lampas.nn import functional as F

    kind = _reduction("cosine_embedding_loss", reduction)
    return F.cosine_embedding_loss(input1, input2, target, margin, reduction=kind)


@listed
def hinge_embedding_loss(
    input: Tensor, target: Tensor, margin: float = 1.0, reduction: int = 1
) -> Tensor:
    """:func:`lampas.nn.functional.hinge_embedding_loss` with a number as the reduction."""
    from lampas.nn import functional as F

    kind = _reduction("hinge_embedding_loss", reduction)
    return F.hinge_embedding_loss(input, target, margin, reduction=kind)


@listed
def margin_ranking_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0.0, reduction: int = 1
) -> Tensor:
    """:func:`lampas.nn.functional.margin_ranking_loss` with a number as the reduction."""
    from lampas.nn import functional as F

    kind = _reduction("margin_ranking_loss", reduction)
    return F.margin_ranking_loss(input1, input2, target, margin, reduction=kind)


@listed
def poisson_nll_loss(
    input: Tensor, target: Tensor, log_input: bool, full: bool, eps: float, reduction: int
) -> Tensor:
    """:func:`lampas.nn.functional.poisson_nll_loss` with a number as the reduction."""
    from lampas.nn import functional as F

    kind = _reduction("poisson_nll_loss", reduction)
    return F.poisson_nll_loss(input, target, log_input, full, eps=eps, reduction=kind)


@listed
def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    reduction: int = 1,
) -> Tensor:
    """:func:`lampas.nn.functional.triplet_margin_loss` with a number as the reduction."""
    from lampas.nn import functional as F

    kind = _reduction("triplet_margin_loss", reduction)
    return F.triplet_margin_loss(anchor, positive, negative, margin, p, eps, swap, reduction=kind)


# ---- dropout -------------------------------------------------------------------------------------
@listed
def alpha_dropout(input: Tensor, p: float, train: bool) -> Tensor:
    """:func:`lampas.nn.functional.alpha_dropout`."""
    from lampas.nn import functional as F

    return F.alpha_dropout(input, p, train)


@listed
def alpha_dropout_(input: Tensor, p: float, train: bool) -> Tensor:
    """:func:`alpha_dropout`, written into the input."""
    from lampas.nn import functional as F

    return F.alpha_dropout(input, p, train, inplace=True)


@listed
def feature_alpha_dropout(input: Tensor, p: float, train: bool) -> Tensor:
    """:func:`lampas.nn.functional.feature_alpha_dropout`."""
    from lampas.nn import functional as F

    return F.feature_alpha_dropout(input, p, train)


@listed
def feature_alpha_dropout_(input: Tensor, p: float, train: bool) -> Tensor:
    """:func:`feature_alpha_dropout`, written into the input."""
    from lampas.nn import functional as F

    return F.feature_alpha_dropout(input, p, train, inplace=True)


@listed
def dropout_(input: Tensor, p: float, train: bool) -> Tensor:
    """:func:`lampas.dropout`, written into the input."""
    from lampas.nn import functional as F

    return F.dropout(input, p, train, inplace=True)


@listed
def native_dropout(input: Tensor, p: float, train: bool | None) -> tuple[Tensor, Tensor]:
    """Dropout, and the mask of what was kept.

    >>> import lampas
    >>> y, kept = lampas.native_dropout(lampas.ones(3), 0.5, False)
    >>> y, kept
    (tensor([1., 1., 1.]), tensor([True, True, True]))
    """
    if not 0 <= p <= 1:
        raise RuntimeError(
            f"native_dropout(): dropout probability has to be between 0 and 1, but got {p}"
        )
    if train is False:
        return input.clone(), _C.ones_like(input, dtype=_C.bool)
    mask = _C.empty_like(input).bernoulli_(1 - p).bool()
    return input * mask * (0.0 if p == 1 else 1 / (1 - p)), mask


# ---- layers --------------------------------------------------------------------------------------
@listed
def affine_grid_generator(theta: Tensor, size: Sequence[int], align_corners: bool) -> Tensor:
    """:func:`lampas.nn.functional.affine_grid`."""
    from lampas.nn import functional as F

    return F.affine_grid(theta, size, align_corners)


@listed
def convolution(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    transposed: bool,
    output_padding: Sequence[int],
    groups: int,
) -> Tensor:
    """A convolution or transposed convolution, in as many dimensions as the weight has.

    >>> import lampas
    >>> x, w = lampas.ones(1, 1, 4), lampas.ones(1, 1, 2)
    >>> lampas.convolution(x, w, None, [1], [0], [1], False, [0], 1)
    tensor([[[2., 2., 2.]]])
    """
    n = weight.dim() - 2
    if not 1 <= n <= 3:
        raise RuntimeError(
            f"convolution(): expected a weight of 3, 4 or 5 dimensions, got {tuple(weight.shape)}"
        )
    if transposed:
        op = (_C.conv_transpose1d, _C.conv_transpose2d, _C.conv_transpose3d)[n - 1]
        return op(input, weight, bias, stride, padding, output_padding, groups, dilation)
    conv = (_C.conv1d, _C.conv2d, _C.conv3d)[n - 1]
    return conv(input, weight, bias, stride, padding, dilation, groups)


@listed
def conv_tbc(input: Tensor, weight: Tensor, bias: Tensor, pad: int = 0) -> Tensor:
    """A convolution over (time, batch, channels), with a weight (width, in, out).

    >>> import lampas
    >>> x, w = lampas.ones(4, 1, 1), lampas.ones(2, 1, 1)
    >>> lampas.conv_tbc(x, w, lampas.zeros(1)).flatten()
    tensor([2., 2., 2.])
    """
    for name, x, n in (("input", input, 3), ("weight", weight, 3), ("bias", bias, 1)):
        if x.dim() != n:
            raise RuntimeError(
                f"conv_tbc(): expected {name} with {n} dimensions, got shape {tuple(x.shape)}"
            )
    y = _C.conv1d(input.permute(1, 2, 0), weight.permute(2, 1, 0), bias, padding=pad)
    return y.permute(2, 0, 1)


# ---- recurrent -----------------------------------------------------------------------------------
@listed
def lstm(*args: Any, **kwargs: Any) -> tuple[Tensor, Tensor, Tensor]:
    """Runs an LSTM: output, hidden and cell state.

    Args: `(input, hx, params, has_biases, num_layers, dropout, train, bidirectional,
    batch_first)`, or, for packed data, `(data, batch_sizes, hx, params, …, bidirectional)`.
    """
    from lampas.nn.functional import _recurrent

    return _recurrent.lstm(*args, **kwargs)


@listed
def gru(*args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
    """Runs a GRU, with arguments as :func:`lstm`: output and hidden state."""
    from lampas.nn.functional import _recurrent

    return _recurrent.gru(*args, **kwargs)


@listed
def rnn_tanh(*args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
    """Runs an Elman network with tanh, with arguments as :func:`lstm`."""
    from lampas.nn.functional import _recurrent

    return _recurrent.rnn_tanh(*args, **kwargs)


@listed
def rnn_relu(*args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
    """Runs an Elman network with ReLU, with arguments as :func:`lstm`."""
    from lampas.nn.functional import _recurrent

    return _recurrent.rnn_relu(*args, **kwargs)


# ---- norms ---------------------------------------------------------------------------------------
@listed
def norm_except_dim(v: Tensor, pow: int = 2, dim: int = 0) -> Tensor:
    """The norm over all dimensions but one, which keep size 1; dim=-1: over all, a scalar.

    >>> import lampas
    >>> lampas.norm_except_dim(lampas.tensor([[3.0, 4.0], [6.0, 8.0]]))
    tensor([[ 5.],
            [10.]])
    """
    if dim == -1:
        return v.norm(pow)
    axes = [d for d in range(v.dim()) if d != dim % max(v.dim(), 1)]
    return v.norm(pow, axes, keepdim=True) if axes else v.abs()


@listed
def frobenius_norm(
    input: Tensor, dim: Any, keepdim: bool = False, *, out: Tensor | None = None
) -> Tensor:
    """The root of the sum of squares over dimensions.

    >>> import lampas
    >>> lampas.frobenius_norm(lampas.tensor([[3.0, 4.0]]), [0, 1])
    tensor(5.)
    """
    from lampas.linalg import vector_norm

    return vector_norm(input, 2, tuple(dim) if not isinstance(dim, int) else dim, keepdim, out=out)


@listed
def nuclear_norm(
    input: Tensor, dim: Any = None, keepdim: bool = False, *, out: Tensor | None = None
) -> Tensor:
    """The sum of the singular values of matrices.

    >>> import lampas
    >>> lampas.nuclear_norm(2 * lampas.eye(3))
    tensor(6.)
    """
    from lampas.linalg import matrix_norm

    if isinstance(dim, bool):
        dim, keepdim = None, dim
    axes = (-2, -1) if dim is None else tuple(dim)
    return matrix_norm(input, "nuc", axes, keepdim, out=out)
