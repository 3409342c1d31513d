"""How a function is called, as text."""

from __future__ import annotations

import inspect
import re
from typing import Any

WIDTH = 88
ANYTHING = ["*args: Any", "**kwargs: Any"]


def signatures(name: str, member: Any) -> list[str]:
    """Every way to call `member`, shown under `name`; empty where that is not known.

    Native operators carry their signatures (`__signatures__`), in the notation of PyTorch's
    documentation: type, name, default. The signatures of Python functions are those of
    :mod:`inspect`.
    """
    if hasattr(member, "__signatures__"):
        return [_wrap(name, s[s.index("(") + 1 : s.rindex(")")]) for s in member.__signatures__]
    if hasattr(member, "__nb_signature__"):
        texts = [s[0].replace("lampas._C.", "") for s in member.__nb_signature__]
        return [re.sub(r"^def \w+", name, re.sub(r"\(self(, )?", "(", t)) for t in texts]
    try:
        found = inspect.signature(member)
    except (TypeError, ValueError):
        return []
    parts = _parameters(found)
    if inspect.isclass(member) and "__init__" not in vars(member) and parts == ANYTHING:
        parts = []  # what a base class takes to pass it on
    result = _annotation(found.return_annotation)
    returned = "" if inspect.isclass(member) or result in ("", "None") else f" -> {result}"
    return [_wrap(name, ", ".join(parts), returned, parts)]


def _wrap(name: str, inside: str, after: str = "", parts: list[str] | None = None) -> str:
    line = f"{name}({inside}){after}"
    if len(line) <= WIDTH:
        return line
    parts = parts or re.split(r",\s*(?![^\[(]*[\])])", inside)
    return "\n".join([f"{name}(", *(f"    {p}," for p in parts), f"){after}"])


def _parameters(signature: inspect.Signature) -> list[str]:
    parts: list[str] = []
    previous = None
    for i, p in enumerate(signature.parameters.values()):
        if i == 0 and p.name in ("self", "cls"):
            continue
        if p.kind is p.KEYWORD_ONLY and previous not in (p.KEYWORD_ONLY, p.VAR_POSITIONAL):
            parts.append("*")
        if previous is p.POSITIONAL_ONLY and p.kind is not p.POSITIONAL_ONLY:
            parts.append("/")
        previous = p.kind
        star = "*" if p.kind is p.VAR_POSITIONAL else "**" if p.kind is p.VAR_KEYWORD else ""
        kind = _annotation(p.annotation)
        text = f"{star}{p.name}" + (f": {kind}" if kind else "")
        if p.default is not p.empty:
            text += f" = {_default(p.default)}" if kind else f"={_default(p.default)}"
        parts.append(text)
    return parts


def _annotation(annotation: Any) -> str:
    if annotation is inspect.Parameter.empty:
        return ""
    text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    return re.sub(r"\b(lampas\.)?_C\.", "", text).strip("'\"")


def _default(value: Any) -> str:
    if inspect.ismodule(value) or inspect.isclass(value) or inspect.isroutine(value):
        return str(getattr(value, "__name__", value))
    text = repr(value)
    return "..." if text.startswith("<object object") else text.partition(" at 0x")[0]
