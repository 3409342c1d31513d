"""Sums of products by index letters, chains of matrix products, powers of a vector."""

from __future__ import annotations

import string
from collections.abc import Sequence
from typing import Any

from lampas import _C
from lampas._C import Tensor
from lampas._library import listed, operator

# Letters in the order of einsum's sublist form: 0 is A, 26 is a.
_LETTERS = string.ascii_uppercase + string.ascii_lowercase


def _from_sublists(args: Sequence[Any]) -> tuple[str, list[Tensor]]:
    def text(sublist: Sequence[Any]) -> str:
        return "".join("..." if i is Ellipsis else _LETTERS[i] for i in sublist)

    pairs, rest = args[: len(args) // 2 * 2], args[len(args) // 2 * 2 :]
    equation = ",".join(text(s) for s in pairs[1::2])
    return equation + ("->" + text(rest[0]) if rest else ""), list(pairs[::2])


def _subscripts(equation: str, operands: list[Tensor]) -> tuple[list[list[Any]], list[Any]]:
    """The index of every dimension, for each operand and the result.

    An ellipsis becomes negative numbers, aligned at its last dimension.
    """
    equation = equation.replace(" ", "")
    left, arrow, right = equation.partition("->")
    terms = left.split(",")
    if len(terms) != len(operands):
        raise RuntimeError(
            f"einsum(): the equation '{equation}' has {len(terms)} subscripts for "
            f"{len(operands)} operands"
        )

    def expand(term: str, covered: int | None) -> list[Any]:
        before, dots, after = term.partition("...")
        for c in before + after:
            if c not in _LETTERS:
                raise RuntimeError(
                    f"einsum(): invalid subscript given, '{c}' in '{equation}'; subscripts are "
                    "letters"
                )
        middle = list(range(-(covered or 0), 0)) if dots else []
        return [*before, *middle, *after]

    indices, widest = [], 0
    for i, (term, x) in enumerate(zip(terms, operands, strict=True)):
        named = len(term.replace("...", ""))
        covered = x.dim() - named
        if covered < 0 or (covered and "..." not in term):
            raise RuntimeError(
                f"einsum(): the number of subscripts in the equation ({named}) does not match the "
                f"number of dimensions ({x.dim()}) for operand {i} and no ellipsis was given"
            )
        widest = max(widest, covered if "..." in term else 0)
        indices.append(expand(term, covered))
    if arrow:
        result = expand(right, widest)
        known = {k for index in indices for k in index}
        for k in result:
            if k not in known or result.count(k) > 1:
                raise RuntimeError(
                    f"einsum(): output subscript {k} in '{equation}' must appear once in the "
                    "output and in some operand"
                )
    else:
        letters = left.replace(",", "").replace("...", "")
        result = [*range(-widest, 0), *sorted(c for c in set(letters) if letters.count(c) == 1)]
    return indices, result


def _distinct(x: Tensor, index: list[Any]) -> tuple[Tensor, list[Any]]:
    """Takes diagonals until every index stands once."""
    index = list(index)
    for k in list(dict.fromkeys(index)):
        while index.count(k) > 1:
            i = index.index(k)
            j = index.index(k, i + 1)
            if x.size(i) != x.size(j):
                raise RuntimeError(
                    f"einsum(): subscript {k} is repeated for an operand but the sizes don't "
                    f"match, {x.size(j)} != {x.size(i)}"
                )
            x = x.diagonal(dim1=i, dim2=j)
            index = [c for n, c in enumerate(index) if n not in (i, j)] + [k]
    return x, index


def _arranged(x: Tensor, index: list[Any], order: list[Any]) -> Tensor:
    """The dimensions in the given order, those it lacks with size 1."""
    present = [k for k in order if k in index]
    x = x.permute([index.index(k) for k in present])
    for i, k in enumerate(order):
        if k not in index:
            x = x.unsqueeze(i)
    return x


def _contract(
    a: Tensor, ia: list[Any], b: Tensor, ib: list[Any], keep: set[Any]
) -> tuple[Tensor, list[Any]]:
    """The product of two operands, summed over the indices nobody else needs: one bmm."""
    every = list(dict.fromkeys([*ia, *ib]))
    # A dimension of size 1 broadcasts: it counts as absent from its operand.
    a_has = {k for k in ia if a.size(ia.index(k)) != 1 or k not in ib}
    b_has = {k for k in ib if b.size(ib.index(k)) != 1 or k not in ia}
    size = {k: max(x.size(i.index(k)) for x, i in ((a, ia), (b, ib)) if k in i) for k in every}
    for k in a_has & b_has:
        if a.size(ia.index(k)) != b.size(ib.index(k)):
            raise RuntimeError(
                f"einsum(): subscript {k} has size {b.size(ib.index(k))} for an operand which "
                f"does not broadcast with previously seen size {a.size(ia.index(k))}"
            )
    summed_a = [ia.index(k) for k in ia if k not in keep and k not in b_has]
    summed_b = [ib.index(k) for k in ib if k not in keep and k not in a_has]
    for k in every:
        if k not in a_has | b_has:  # size 1 on both sides
            a_has.add(k)
    a = a.sum(summed_a, keepdim=True) if summed_a else a
    b = b.sum(summed_b, keepdim=True) if summed_b else b
    batch = [k for k in every if k in a_has and k in b_has and k in keep]
    inner = [k for k in every if k in a_has and k in b_has and k not in keep]
    rows = [k for k in every if k in a_has and k not in b_has and k in keep]
    columns = [k for k in every if k in b_has and k not in a_has and k in keep]

    def flat(x: Tensor, index: list[Any], *groups: list[Any]) -> Tensor:
        order = [k for group in groups for k in group]
        drop = [i for i, k in enumerate(index) if k not in order]
        x = x.squeeze(drop) if drop else x
        index = [k for k in index if k in order]
        lengths = [_C.Size([size[k] for k in group]).numel() for group in groups]
        return _arranged(x, index, order).reshape(lengths)

    product = flat(a, ia, batch, rows, inner) @ flat(b, ib, batch, inner, columns)
    result = [*batch, *rows, *columns]
    return product.reshape([size[k] for k in result]), result


@listed
def einsum(*args: Any) -> Tensor:
    """The sum of the products of operands, by Einstein's notation.

    Args:
        args: an equation such as "bij,bjk->bik" and the operands, or each operand followed by the
            list of its indices, and the result's at the end.

    Operands are contracted from left to right, each time by one batched matrix product.

    >>> import lampas
    >>> a, b = lampas.ones(2, 3), lampas.ones(3, 4)
    >>> lampas.einsum("ij,jk->ik", a, b).shape
    torch.Size([2, 4])
    >>> lampas.einsum("ii", lampas.eye(3))
    tensor(3.)
    """
    if len(args) < 2:
        raise ValueError(
            "einsum(): must specify the equation string and at least one operand, or at least one "
            "operand and its subscripts list"
        )
    if isinstance(args[0], str):
        equation, operands = args[0], list(args[1:])
        if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
            operands = list(operands[0])
    else:
        equation, operands = _from_sublists(args)
    for n, x in enumerate(operands):
        if not isinstance(x, Tensor):
            raise TypeError(
                f"expected Tensor as element {n} in argument 1, but got {type(x).__name__}"
            )
    indices, result = _subscripts(equation, operands)
    terms = [_distinct(x, i) for x, i in zip(operands, indices, strict=True)]
    x, index = terms[0]
    for n, (other, other_index) in enumerate(terms[1:], 1):
        keep = {*result, *(k for _, i in terms[n + 1 :] for k in i)}
        x, index = _contract(x, index, other, other_index, keep)
    gone = [i for i, k in enumerate(index) if k not in result]
    x = x.sum(gone) if gone else x
    index = [k for k in index if k in result]
    return x.permute([index.index(k) for k in result])


@listed
def chain_matmul(*matrices: Tensor, out: Tensor | None = None) -> Tensor:
    """The product of matrices, in the order that needs the fewest multiplications.

    >>> import lampas
    >>> lampas.chain_matmul(lampas.ones(2, 3), lampas.ones(3, 4), lampas.ones(4, 1))
    tensor([[12.],
            [12.]])
    """
    from lampas.linalg import multi_dot

    if not matrices:
        raise RuntimeError("chain_matmul(): Expected one or more matrices")
    for m in matrices:
        if m.dim() != 2:
            raise RuntimeError(f"chain_matmul(): expected matrices, got shape {tuple(m.shape)}")
    if len(matrices) == 1:
        return matrices[0] if out is None else out.resize_(matrices[0].shape).copy_(matrices[0])
    product = multi_dot(matrices)
    return product if out is None else out.resize_(product.shape).copy_(product)


@operator("vander(Tensor x, int? N=None, bool increasing=False)")
def vander(x: Tensor, N: int | None = None, increasing: bool = False) -> Tensor:
    """The powers of each element of a vector, a row to an element, N of them.

    >>> import lampas
    >>> lampas.vander(lampas.tensor([1, 2, 3]))
    tensor([[1, 1, 1],
            [4, 2, 1],
            [9, 3, 1]])
    """
    if x.dim() != 1:
        raise RuntimeError(f"vander(): x must be a one-dimensional tensor, got {tuple(x.shape)}")
    if N is not None and N < 0:
        raise RuntimeError(f"vander(): N must be non-negative, got {N}")
    from lampas.linalg import vander as powers

    n = x.numel() if N is None else N
    if n == 0:
        return x.new_empty(x.numel(), 0)
    if n == 1:
        return _C.ones_like(x).unsqueeze(-1)
    rows = powers(x, N=n)
    return rows if increasing else rows.flip(-1)
