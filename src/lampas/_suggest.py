"""Errors for names that do not exist."""

from __future__ import annotations

from collections.abc import Iterable


def missing_name(owner: str, name: str, *known: Iterable[str]) -> AttributeError:
    """The AttributeError for `owner.name`, with the nearest names there are.

    >>> missing_name("lampas", "zeroes", ["zeros", "rand"])
    AttributeError("module 'lampas' has no attribute 'zeroes'. Did you mean: 'zeros'?")
    """
    import difflib

    names = {n for group in known for n in group if not n.startswith("_")}
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.6)
    hint = f" Did you mean: {', '.join(repr(n) for n in near)}?" if near else ""
    return AttributeError(f"module {owner!r} has no attribute {name!r}.{hint}", name=name)
