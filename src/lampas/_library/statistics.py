"""Statistics of samples: covariance, quantiles, histograms; and norms held below a bound."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from lampas import _C
from lampas._C import Tensor
from lampas._library import operator
from lampas.linalg._common import named

_Histogram = named("histogram", "hist bin_edges")
_HistogramDD = named("histogramdd", "hist bin_edges")


# ---- covariance ----------------------------------------------------------------------------------
def _check_weights(weights: Tensor, n: int, name: str) -> None:
    if weights.dim() > 1:
        raise RuntimeError(
            f"cov(): expected {name} to have one or fewer dimensions but got {name} with "
            f"{weights.dim()} dimensions"
        )
    if weights.numel() != n:
        raise RuntimeError(
            f"cov(): expected {name} to have the same numel as there are observations in the "
            f"input but got {weights.numel()} != {n}"
        )
    if weights.numel() and bool((weights < 0).any()):
        raise RuntimeError(f"cov(): {name} cannot be negative")


@operator(
    "cov(Tensor input, *, int correction=1, Tensor? fweights=None, Tensor? aweights=None)",
    method=True,
)
def cov(
    input: Tensor,
    *,
    correction: int = 1,
    fweights: Tensor | None = None,
    aweights: Tensor | None = None,
) -> Tensor:
    """The covariance matrix of variables, one to a row, observed in columns.

    Args:
        input: [variables, observations], or [observations] of one variable.
        correction: what is taken off the number of observations.
        fweights: how often each observation was made, integers [observations].
        aweights: how much each observation counts [observations].

    >>> import lampas
    >>> lampas.cov(lampas.tensor([[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]]))
    tensor([[ 1., -1.],
            [-1.,  1.]])
    """
    if input.dim() > 2:
        raise RuntimeError(
            "cov(): expected input to have two or fewer dimensions but got an input with "
            f"{input.dim()} dimensions"
        )
    if input.dtype == _C.bool:
        raise RuntimeError("cov(): bool dtype is not supported for input")
    x = input.reshape(1, -1) if input.dim() < 2 else input
    n = x.size(1)
    weights = None
    if fweights is not None:
        if fweights.dtype.is_floating_point or fweights.dtype.is_complex:
            raise RuntimeError(
                f"cov(): expected fweights to have integral dtype but got {fweights.dtype}"
            )
        _check_weights(fweights, n, "fweights")
        weights = fweights.reshape(-1)
    if aweights is not None:
        if not aweights.dtype.is_floating_point:
            raise RuntimeError(
                f"cov(): expected aweights to have floating point dtype but got {aweights.dtype}"
            )
        _check_weights(aweights, n, "aweights")
        aweights = aweights.reshape(-1)
        weights = aweights if weights is None else weights * aweights
    total = weights.sum() if weights is not None else _C.tensor(n, dtype=_C.int64)
    if weights is not None and n and float(total) == 0:
        raise ZeroDivisionError("cov(): weights sum to zero, so they can't be normalized")
    if x.numel() == 0:
        return _C.full((x.size(0), x.size(0)), math.nan, dtype=(x * 1.0).dtype)
    mean = (x * weights).sum(1) / total if weights is not None else x.sum(1) / total
    if weights is None or correction == 0:
        norm = total - correction
    elif aweights is None:
        norm = total - correction
    else:
        norm = total - correction * (weights * aweights).sum() / total
    centred = x - mean.unsqueeze(1)
    right = (centred if weights is None else centred * weights).mT
    product = centred @ (right.conj() if right.dtype.is_complex else right).to(centred.dtype)
    return (product / norm.clamp(min=0)).squeeze()


@operator("corrcoef(Tensor input)", method=True)
def corrcoef(input: Tensor) -> Tensor:
    """Pearson's correlation coefficients of variables, one to a row, observed in columns.

    >>> import lampas
    >>> lampas.corrcoef(lampas.tensor([[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]]))
    tensor([[ 1., -1.],
            [-1.,  1.]])
    """
    if input.dim() > 2:
        raise RuntimeError(
            "corrcoef(): expected input to have two or fewer dimensions but got an input with "
            f"{input.dim()} dimensions"
        )
    c = cov(input)
    if c.dim() == 0:
        return c / c
    deviation = c.diagonal()
    deviation = (deviation.real if c.dtype.is_complex else deviation).sqrt()
    c = c / deviation.reshape(-1, 1) / deviation.reshape(1, -1)
    if not c.dtype.is_complex:
        return c.clamp(-1, 1)
    parts = [t.clamp(-1, 1) for t in (c.real, c.imag)]
    return _C.view_as_complex(_C.stack(parts, -1))


# ---- quantiles -----------------------------------------------------------------------------------
_INTERPOLATIONS = ("linear", "lower", "higher", "midpoint", "nearest")


def _quantile(
    x: Tensor, q: Any, dim: int | None, keepdim: bool, interpolation: str, skip: bool, name: str
) -> Tensor:
    if x.numel() == 0:
        raise RuntimeError(f"{name}() input tensor must be non-empty, got {tuple(x.shape)}")
    if x.dtype not in (_C.float32, _C.float64):
        raise RuntimeError(f"{name}() input tensor must be either float or double dtype")
    if interpolation not in _INTERPOLATIONS:
        raise RuntimeError(
            f"{name}() interpolation must be one of linear, lower, higher, midpoint or nearest, "
            f"but got {interpolation}"
        )
    if isinstance(q, Tensor):
        if q.dim() > 1:
            raise RuntimeError(f"{name}() q must be a scalar or 1D tensor")
        if q.dtype != x.dtype:
            raise RuntimeError(f"{name}() q tensor must be same dtype as the input tensor")
    else:
        q = _C.tensor(q, dtype=x.dtype)
    if q.numel() and not bool(((q >= 0) & (q <= 1)).all()):
        raise RuntimeError(f"{name}() q must be in the range [0, 1] but got {q.tolist()}")
    ndim = max(x.dim(), 1)
    if dim is not None and not -ndim <= dim < ndim:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-ndim}, {ndim - 1}], "
            f"but got {dim})"
        )
    shape = list(x.shape)
    if dim is None:
        row, kept = x.reshape(-1), [1] * x.dim()
    else:
        row = x.reshape(1) if x.dim() == 0 else x.movedim(dim, -1)
        kept = shape
        if shape:
            kept[dim] = 1
    values = row.sort(-1)[0]
    n = values.size(-1)
    # NaN sorts last: their number says how many values there are.
    missing = values.isnan().sum(-1, keepdim=True)
    flat_q = q.reshape(-1)
    if skip:
        ranks = flat_q * (n - missing - 1).clamp(min=0).to(x.dtype)
    else:
        ranks = (flat_q * (n - 1)).expand(*values.shape[:-1], flat_q.numel())
        ranks = _C.where(missing > 0, float(n - 1), ranks)
    below = ranks.floor()
    if interpolation == "lower":
        ranks = below
    elif interpolation == "higher":
        ranks = ranks.ceil()
    elif interpolation == "nearest":
        ranks = ranks.round()
    result = values.gather(-1, ranks.floor().to(_C.int64))
    if interpolation in ("linear", "midpoint"):
        part = _C.full_like(ranks, 0.5) if interpolation == "midpoint" else ranks - below
        if interpolation == "midpoint":
            part = _C.where(ranks == below, 0.0, part)
        above = values.gather(-1, ranks.ceil().to(_C.int64))
        result = result.lerp(above, part)
    result = result.reshape(*row.shape[:-1], flat_q.numel()).movedim(-1, 0)
    result = result.reshape([flat_q.numel(), *kept]) if keepdim else result
    return result.squeeze(0) if q.dim() == 0 else result


_QUANTILE = (
    "(Tensor input, float q, int? dim=None, bool keepdim=False, *, str interpolation='linear', "
    "Tensor? out=None)",
    "(Tensor input, Tensor q, int? dim=None, bool keepdim=False, *, str interpolation='linear', "
    "Tensor? out=None)",
)


@operator(*("quantile" + s for s in _QUANTILE), method=True)
def quantile(
    input: Tensor,
    q: float | Tensor,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    interpolation: str = "linear",
) -> Tensor:
    """The q-th quantiles of all elements or along a dimension; NaN where there is a NaN.

    Args:
        q: from 0 to 1, a number or a vector, which becomes the first dimension of the result.
        interpolation: between neighbours: "linear", "lower", "higher", "midpoint" or "nearest".

    >>> import lampas
    >>> lampas.quantile(lampas.tensor([0.0, 1.0, 2.0, 3.0]), 0.5)
    tensor(1.5000)
    """
    return _quantile(input, q, dim, keepdim, interpolation, False, "quantile")


@operator(*("nanquantile" + s for s in _QUANTILE), method=True)
def nanquantile(
    input: Tensor,
    q: float | Tensor,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    interpolation: str = "linear",
) -> Tensor:
    """The quantiles of what is not NaN; see `quantile`.

    >>> import lampas
    >>> lampas.nanquantile(lampas.tensor([0.0, float("nan"), 2.0]), 0.5)
    tensor(1.)
    """
    return _quantile(input, q, dim, keepdim, interpolation, True, "nanquantile")


# ---- histograms ----------------------------------------------------------------------------------
def _edges(x: Tensor, bins: Any, low: float | None, high: float | None) -> Tensor:
    """The edges of one dimension's bins, given or spread evenly over the range."""
    if isinstance(bins, Tensor):
        if bins.dim() != 1 or bins.numel() == 0:
            raise RuntimeError(
                "torch.histogramdd(): bins tensor should have one dimension and at least one "
                f"element, but got shape {tuple(bins.shape)}"
            )
        return bins
    if bins <= 0:
        raise RuntimeError(f"torch.histogramdd(): bins must be > 0, but got {bins}")
    if low is None or high is None:
        low, high = (float(x.amin()), float(x.amax())) if x.numel() else (0.0, 1.0)
    if not (math.isfinite(low) and math.isfinite(high)):
        raise RuntimeError(
            f"torch.histogramdd(): dimension 0's range [{low}, {high}] is not finite"
        )
    if low > high:
        raise RuntimeError("torch.histogramdd(): min should not exceed max")
    if low == high:
        low, high = low - 0.5, high + 0.5
    return _C.linspace(low, high, bins + 1, dtype=x.dtype)


def _places(x: Tensor, edges: Tensor) -> tuple[Tensor, Tensor]:
    """Each element's bin, and whether it has one; the last bin holds its right edge."""
    n = edges.numel() - 1
    at = _C.searchsorted(edges.contiguous(), x.contiguous(), right=True) - 1
    at = _C.where(x == edges[-1], n - 1, at)
    inside = (x >= edges[0]) & (x <= edges[-1])
    return at.clamp(0, max(n - 1, 0)), inside


def _histogram(
    x: Tensor, bins: Sequence[Any], ranges: Sequence[float] | None, weight: Any, density: bool
) -> tuple[Tensor, list[Tensor]]:
    """Counts of points [n, d] in the cells of d lists of bins."""
    if x.dtype not in (_C.float32, _C.float64):
        raise NotImplementedError(
            f"\"histogramdd\" not implemented for '{x.dtype}': convert with .float()"
        )
    d = x.size(-1)
    points = x.reshape(-1, d)
    if weight is not None:
        if tuple(weight.shape) != tuple(x.shape[:-1]):
            raise RuntimeError(
                "torch.histogramdd(): if weight tensor is provided it should have the same shape "
                f"as the input tensor excluding its innermost dimension, but got input with shape "
                f"{list(x.shape)} and weight with shape {list(weight.shape)}"
            )
        if weight.dtype != x.dtype:
            raise RuntimeError(
                "torch.histogramdd(): if weight tensor is provided, input tensor and weight tensor "
                f"should have the same dtype, but got input(dtype={x.dtype}), and weight(dtype="
                f"{weight.dtype})"
            )
    edges, flat, kept = [], _C.zeros(points.size(0), dtype=_C.int64), None
    for i in range(d):
        low, high = (None, None) if ranges is None else (ranges[2 * i], ranges[2 * i + 1])
        column = points[:, i]
        edge = _edges(column, bins[i], low, high).to(x.dtype)
        at, inside = _places(column, edge)
        flat = flat * (edge.numel() - 1) + at
        kept = inside if kept is None else kept & inside
        edges.append(edge)
    shape = [e.numel() - 1 for e in edges]
    counts = _C.ones(points.size(0), dtype=x.dtype) if weight is None else weight.reshape(-1)
    assert kept is not None
    counts = _C.where(kept, counts.detach(), 0)
    total = _C.zeros(math.prod(shape), dtype=_C.float64)
    if total.numel():
        total = total.index_add(0, flat, counts.to(_C.float64))
    hist = total.to(x.dtype).reshape(shape)
    if density:
        hist = hist / hist.sum()
        for i, e in enumerate(edges):
            widths = (e[1:] - e[:-1]).reshape([-1 if j == i else 1 for j in range(d)])
            hist = hist / widths
    return hist, edges


@operator(
    "histogram(Tensor input, Tensor bins, *, Tensor? weight=None, bool density=False, "
    "Tensor[]? out=None)",
    "histogram(Tensor input, int bins=100, *, float[]? range=None, Tensor? weight=None, "
    "bool density=False, Tensor[]? out=None)",
    method=True,
)
def histogram(
    input: Tensor,
    bins: int | Tensor = 100,
    *,
    range: Sequence[float] | None = None,
    weight: Tensor | None = None,
    density: bool = False,
) -> Any:
    """(hist, bin_edges): how many elements fall into each bin, right edges belonging to the next.

    Args:
        bins: how many of the same width, or their edges.
        range: (lowest, highest) edge; the input's extremes by default.
        weight: what each element counts, shaped as the input.
        density: the result integrates to one.

    >>> import lampas
    >>> lampas.histogram(lampas.tensor([1.0, 2.0, 1.0]), bins=2).hist
    tensor([2., 1.])
    """
    if range is not None and len(range) != 2:
        raise RuntimeError(
            f"torch.histogramdd(): range should have 2 elements for one dimension, got {len(range)}"
        )
    hist, edges = _histogram(
        input.reshape(-1, 1),
        [bins],
        range,
        None if weight is None else _flat(input, weight),
        density,
    )
    return _Histogram((hist, edges[0]))


def _flat(x: Tensor, weight: Tensor) -> Tensor:
    if weight.shape != x.shape:
        raise RuntimeError(
            "torch.histogram(): if weight tensor is provided it should have the same shape as the "
            f"input tensor, but got {list(weight.shape)} and {list(x.shape)}"
        )
    return weight.reshape(-1)


@operator(
    "histogramdd(Tensor input, object bins, float[]? range=None, Tensor? weight=None, "
    "bool density=False)"
)
def histogramdd(
    input: Tensor,
    bins: Any,
    range: Sequence[float] | None = None,
    weight: Tensor | None = None,
    density: bool = False,
) -> Any:
    """(hist, bin_edges): how many points [..., d] fall into each cell of a grid.

    Args:
        bins: how many in each dimension, one number for all or d of them, or d tensors of edges.
        range: the lowest and highest edge of each dimension, 2 d numbers.
        weight: what each point counts; density: the result integrates to one.

    >>> import lampas
    >>> lampas.histogramdd(lampas.tensor([[0.0, 1.0], [1.0, 0.0]]), bins=[2, 2]).hist
    tensor([[0., 1.],
            [1., 0.]])
    """
    if input.dim() < 2:
        raise RuntimeError(
            "torch.histogramdd(): input tensor should have at least 2 dimensions, but got "
            f"{input.dim()}"
        )
    d = input.size(-1)
    several = [bins] * d if isinstance(bins, int) else list(bins)
    if len(several) != d:
        raise RuntimeError(
            f"torch.histogramdd(): expected {d} bins, one for each dimension, got {len(several)}"
        )
    if range is not None and len(range) != 2 * d:
        raise RuntimeError(
            f"torch.histogramdd(): for a {d}-dimensional histogram range should have {2 * d} "
            f"elements, but got {len(range)}"
        )
    hist, edges = _histogram(input, several, range, weight, density)
    return _HistogramDD((hist, tuple(edges)))


# ---- norms ---------------------------------------------------------------------------------------
@operator(
    "renorm(Tensor input, Number p, int dim, Number maxnorm, *, Tensor? out=None)",
    method=True,
    inplace=True,
)
def renorm(input: Tensor, p: float, dim: int, maxnorm: float) -> Tensor:
    """Every slice along a dimension whose p-norm exceeds maxnorm scaled down to it.

    >>> import lampas
    >>> lampas.renorm(lampas.tensor([[3.0, 4.0], [0.0, 1.0]]), 2, 0, 1.0)
    tensor([[0.6000, 0.8000],
            [0.0000, 1.0000]])
    """
    if p <= 0:
        raise RuntimeError(f"non-positive-norm not supported, got p = {p}")
    if maxnorm < 0:
        raise RuntimeError(f"renorm: expected maxnorm to be >= 0 but got {maxnorm}")
    if input.dim() < 2:
        raise RuntimeError(
            f"renorm: input needs at least 2 dimensions, got {input.dim()} dimensions"
        )
    if not -input.dim() <= dim < input.dim():
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-input.dim()}, "
            f"{input.dim() - 1}], but got {dim})"
        )
    others = [d for d in range(input.dim()) if d != dim % input.dim()]
    wide = input.float() if input.dtype in (_C.float16, _C.bfloat16) else input
    norm = _C._vector_norm(wide, p, others, True)
    # As published: the small constant keeps the quotient finite.
    factor = _C.where(norm > maxnorm, maxnorm / (norm + 1e-7), 1.0)
    return (input * factor).to(input.dtype) if wide is not input else input * factor
