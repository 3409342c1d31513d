"""rearrange: reshapes and permutations written as a picture."""

from __future__ import annotations

import re
from collections.abc import Sequence

from lampas import _C
from lampas._tensor import Tensor

__all__ = ["rearrange"]

_Side = list[list[str]]


def _side(text: str, pattern: str) -> _Side:
    """One side of a pattern: for each dimension the names that make it up."""
    groups: _Side = []
    for part in re.findall(r"\([^()]*\)|\S+", text.replace("(", " (").replace(")", ") ")):
        names = part.strip("()").split()
        for name in names:
            if name not in ("...", "1") and not name.isidentifier():
                raise ValueError(f"rearrange({pattern!r}): {name!r} is no name of a dimension")
        groups.append([n for n in names if n != "1"])
    seen = [n for g in groups for n in g]
    twice = sorted({n for n in seen if seen.count(n) > 1})
    if twice:
        raise ValueError(f"rearrange({pattern!r}): {twice[0]!r} stands twice on one side")
    return groups


def _spread(groups: _Side, extra: int) -> _Side:
    """The ellipsis as names of its own."""
    names = [f"...{i}" for i in range(extra)]
    result: _Side = []
    for group in groups:
        if group == ["..."]:
            result += [[n] for n in names]
        else:
            result.append([m for n in group for m in (names if n == "..." else [n])])
    return result


def _lengths(
    shape: Sequence[int], groups: _Side, given: dict[str, int], pattern: str
) -> dict[str, int]:
    lengths = dict(given)
    for size, group in zip(shape, groups, strict=True):
        known = 1
        unknown = [n for n in group if n not in lengths]
        for name in group:
            known *= lengths.get(name, 1)
        if len(unknown) > 1:
            raise ValueError(
                f"rearrange({pattern!r}): give the length of all but one of {group} by keyword"
            )
        if unknown and known and size % known == 0:
            lengths[unknown[0]] = size // known
        elif unknown or known != size:
            raise ValueError(
                f"rearrange({pattern!r}): a dimension of size {size} does not fit {group}, which "
                f"has length {known}{' times something' if unknown else ''}; the shape is "
                f"{tuple(shape)}"
            )
    return lengths


def rearrange(
    tensor: Tensor | list[Tensor] | tuple[Tensor, ...], pattern: str, **axes_lengths: int
) -> Tensor:
    """A tensor with its dimensions split, merged and put in another order, as in einops.

    Args:
        tensor: the tensor, or a sequence of tensors, which are stacked first.
        pattern: names of the dimensions before and after ``->``. Parentheses hold several that are
            one dimension; ``...`` stands for any number of them, ``1`` for one of length 1.
        axes_lengths: the lengths of names that the shape does not tell.

    Raises:
        ValueError: a pattern that cannot be read, or does not fit the shape.

    Example:
        >>> import lampas
        >>> images = lampas.ones(32, 30, 40, 3)
        >>> lampas.func.rearrange(images, "b h w c -> b (c h w)").shape
        torch.Size([32, 3600])
        >>> lampas.func.rearrange(images, "b (h1 h) w c -> (b h1) c h w", h1=2).shape
        torch.Size([64, 3, 15, 40])
    """
    x = _C.stack(list(tensor)) if isinstance(tensor, (list, tuple)) else tensor
    before, arrow, after = pattern.partition("->")
    if not arrow:
        raise ValueError(f"rearrange({pattern!r}): the pattern needs an arrow, ->")
    left, right = _side(before, pattern), _side(after, pattern)
    if {n for g in left for n in g} != {n for g in right for n in g}:
        raise ValueError(f"rearrange({pattern!r}): the sides must have the same names")
    dots = any("..." in g for g in left)
    extra = x.dim() - len(left) + 1 if dots else 0
    if extra < 0 or (not dots and len(left) != x.dim()):
        raise ValueError(
            f"rearrange({pattern!r}): the pattern has {len(left)} dimensions, the tensor "
            f"{x.dim()}: {tuple(x.shape)}"
        )
    left, right = _spread(left, extra), _spread(right, extra)
    lengths = _lengths(x.shape, left, axes_lengths, pattern)
    order = [n for g in left for n in g]
    wanted = [n for g in right for n in g]
    split = x.reshape([lengths[n] for n in order])
    moved = split.permute([order.index(n) for n in wanted])
    sizes = []
    for group in right:
        size = 1
        for name in group:
            size *= lengths[name]
        sizes.append(size)
    return moved.reshape(sizes)
