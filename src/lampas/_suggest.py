"""Errors for names that do not exist."""

from __future__ import annotations

from collections.abc import Iterable


def nearest(name: str, *known: Iterable[str]) -> list[str]:
    """Up to three public names that look like `name`, the nearest first.

    >>> nearest("zeroes", ["zeros", "rand"])
    ['zeros']
    """
    import difflib

    names = {n for group in known for n in group if not n.startswith("_")}
    return difflib.get_close_matches(name, sorted(names), n=3, cutoff=0.6)


def missing_name(owner: str, name: str, *known: Iterable[str]) -> AttributeError:
    """The AttributeError for `owner.name`, with the nearest names there are if it is public.

    >>> missing_name("lampas", "zeroes", ["zeros", "rand"])
    AttributeError("module 'lampas' has no attribute 'zeroes'. Did you mean: 'zeros'?")
    """
    near = [] if name.startswith("_") else nearest(name, *known)
    hint = f" Did you mean: {', '.join(repr(n) for n in near)}?" if near else ""
    return AttributeError(f"module {owner!r} has no attribute {name!r}.{hint}", name=name)
