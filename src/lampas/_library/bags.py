"""Bags of embeddings, and rows kept to a norm, as operators of the top level."""

from __future__ import annotations

from typing import Any

from lampas import _C
from lampas._C import Tensor
from lampas._library import operator

_MODES = ("sum", "mean", "max")


@operator(
    "embedding_bag(Tensor weight, Tensor indices, Tensor offsets, bool scale_grad_by_freq=False, "
    "int mode=0, bool sparse=False, Tensor? per_sample_weights=None, "
    "bool include_last_offset=False, int? padding_idx=None)"
)
def embedding_bag(
    weight: Tensor,
    indices: Tensor,
    offsets: Tensor,
    scale_grad_by_freq: bool = False,
    mode: int = 0,
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """:func:`nn.functional.embedding_bag`, and how it came to its result.

    Args:
        weight: ``(rows, dim)``.
        indices: of rows, in one dimension.
        offsets: where each bag begins.
        scale_grad_by_freq: divide gradients by how often each row occurs.
        mode: 0: sum, 1: mean, 2: max.
        sparse: ask for sparse gradients.
        per_sample_weights: a factor for each index, in a sum.
        include_last_offset: the last offset is the number of indices.
        padding_idx: a row that counts nothing.

    Returns:
        The bags ``(bags, dim)``; for each index its bag; the number of indices in each bag; the
        row that each maximum came from, ``(bags, dim)``. Where `mode` has no use for the last
        three, they are empty or 0, as in PyTorch.

    >>> import lampas
    >>> w = lampas.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    >>> lampas.embedding_bag(w, lampas.tensor([0, 1, 2]), lampas.tensor([0, 2]))[0]
    tensor([[4., 6.],
            [5., 6.]])
    """
    from lampas.nn.functional import embedding_bag as bags_of

    if mode not in (0, 1, 2):
        raise RuntimeError(f"embedding_bag(): mode has to be 0, 1 or 2, got {mode}")
    out = bags_of(
        indices, weight, offsets, None, 2, scale_grad_by_freq, _MODES[mode], sparse,
        per_sample_weights, include_last_offset, padding_idx,
    )  # fmt: skip
    bags = out.size(0)
    none = _C.zeros([bags], dtype=_C.int64)
    if mode == 0:
        return out, _C.empty([0], dtype=_C.int64), none, none.clone()
    begin = (offsets[:-1] if include_last_offset else offsets).to(_C.int64)
    position = _C.arange(indices.numel())
    bag = (position.unsqueeze(1) >= begin).sum(1) - 1
    counted = _C.ones([indices.numel()], dtype=_C.int64)
    if padding_idx is not None:
        counted = (indices != padding_idx % weight.size(0)).to(_C.int64)
    sizes = none.index_add(0, bag, counted)
    if mode == 1:
        return out, bag, sizes, sizes.clone()
    return out, bag, sizes, _winners(weight.detach(), indices, bag, counted.bool(), out.detach())


def _winners(weight: Tensor, indices: Tensor, bag: Tensor, counted: Tensor, out: Tensor) -> Tensor:
    """The first row of each bag that has the maximum, for each column; 0 for empty bags."""
    places = counted.nonzero().squeeze(1)
    rows, bag = indices[places].to(_C.int64), bag[places]
    hit = weight[rows] == out[bag]
    last = indices.numel()
    order = _C.where(hit, places.unsqueeze(1), last)
    first = _C.full(list(out.shape), last, dtype=_C.int64)
    index = bag.unsqueeze(1).expand(-1, out.size(1))
    first = first.scatter_reduce(0, index, order, "amin")
    found = _C.cat([indices.to(_C.int64), _C.zeros([1], dtype=_C.int64)])
    return found[first]


@operator("embedding_renorm_(Tensor input, Tensor indices, float max_norm, float norm_type)")
def embedding_renorm_(input: Tensor, indices: Tensor, max_norm: float, norm_type: float) -> Tensor:
    """Shortens the rows that are looked up and longer than `max_norm` to that norm, in place.

    Args:
        input: ``(rows, dim)``.
        indices: of rows.
        max_norm: the norm that none may exceed.
        norm_type: which norm.

    >>> import lampas
    >>> w = lampas.tensor([[3.0, 4.0], [6.0, 8.0]])
    >>> lampas.embedding_renorm_(w, lampas.tensor([1]), 5.0, 2.0)
    tensor([[3.0000, 4.0000],
            [3.0000, 4.0000]])
    """
    before: Any = _C._set_grad_enabled(False)
    try:
        _C.embedding(indices, input, None, max_norm, norm_type)
    finally:
        _C._set_grad_enabled(before)
    return input


@operator("spmm(Tensor input, Tensor mat2)", function=True)
def spmm(input: Tensor, mat2: Tensor) -> Tensor:
    """The product of two matrices, as :func:`mm`: every tensor is dense.

    >>> import lampas
    >>> lampas.spmm(lampas.ones(1, 2), lampas.ones(2, 1))
    tensor([[2.]])
    """
    return _C.mm(input, mat2)
