"""Docstrings as Markdown: sections, roles and examples of the project's style."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Callable

SECTIONS = {
    "Args": "Arguments", "Arguments": "Arguments", "Returns": "Returns", "Raises": "Raises",
    "Shape": "Shape", "Attributes": "Attributes", "Example": "", "Examples": "", "Note": "Note",
    "Yields": "Yields", "Shapes": "Shape",
}  # fmt: skip
ITEMS = {"Arguments", "Raises", "Attributes"}
ITEM = re.compile(r"^(\*{0,2}[\w.]+(?:, \*{0,2}[\w.]+)*): +(.*)$")
ROLE = re.compile(r":(?:[a-z]+:)?[a-z]+:`([^`]+)`")
# What Markdown would take for markup, except for *emphasis*.
MARKUP = re.compile(r"[_<\[\]]|(?<=\w)\*(?=\w)|(?<![\w.?!)])\*(?!\w)|\*(?=\*)")
CODE = re.compile(r"(``.+?``|`[^`]+`)")

Link = Callable[[str], "str | None"]


def _no_link(name: str) -> str | None:
    return None


def to_markdown(text: str, link: Link = _no_link, drop: str = "") -> str:
    """A docstring as Markdown.

    Args:
        text: the docstring.
        link: gives the address of a name's entry, or None; roles that it knows become links.
        drop: the name that is described: a first line that only shows its call is left out.
    """
    lines = inspect.cleandoc(text).splitlines()
    if drop and lines and re.fullmatch(r"\w+\(.*\)( ->.*)?", lines[0]):
        lines = lines[1:]
    return "\n".join(_blocks(lines, link)).strip() + "\n"


def summary(text: str, drop: str = "") -> str:
    """The first sentence, as Markdown without links."""
    paragraph = to_markdown(text, drop=drop).split("\n\n")[0].replace("\n", " ")
    if paragraph.startswith(("```", "**")):
        return ""
    return re.split(r"(?<=\.)(?<!al\.)\s", paragraph)[0]


def cell(text: str) -> str:
    """Markdown as it may stand in a table; within code a bar is no border."""
    parts = CODE.split(text)
    return "".join(p if p.startswith("`") else p.replace("|", "\\|") for p in parts)


def _blocks(lines: list[str], link: Link) -> list[str]:
    out: list[str] = []
    i = 0
    while i < len(lines):
        line = lines[i]
        heading = re.fullmatch(r"(\w+)(, .+)?:", line)
        if heading and heading[1] in SECTIONS:
            body, i = _indented(lines, i + 1)
            when = _inline(heading[2] or "", link)
            out += _section(SECTIONS[heading[1]], body, link, when)
        elif line.startswith(">>>"):
            body, i = _until_blank(lines, i)
            out += ["", "```pycon", *body, "```", ""]
        elif line.startswith(".. "):
            body, i = _indented(lines, i + 1)
            language = "text" if "code-block" not in line else line.split("::")[1].strip()
            out += ["", f"```{language or 'python'}", *body, "```", ""]
        elif line.rstrip().endswith("::"):
            body, i = _indented(lines, i + 1)
            out += [_inline(line.rstrip()[:-1], link)]
            out += ["", "```text", *body, "```", ""] if body else []
        elif line.startswith("    ") and (not out or not out[-1].strip()):
            body, i = _indented(lines, i)
            out += ["```text", *body, "```", ""]
        else:
            out += _prose(line, out, link)
            i += 1
    return out


def _prose(line: str, out: list[str], link: Link) -> list[str]:
    """A line of text; a list that follows text directly is set off from it."""
    if re.match(r"[-*] ", line):
        gap = [""] if out and out[-1].strip() and not re.match(r"[-* ] ", out[-1]) else []
        return [*gap, f"- {_inline(line[2:], link)}"]
    return [_inline(line, link)]


def _indented(lines: list[str], i: int) -> tuple[list[str], int]:
    """The indented lines from i on, without their indentation, and where they end."""
    start = i
    while i < len(lines) and (not lines[i].strip() or lines[i].startswith(" ")):
        i += 1
    return textwrap.dedent("\n".join(lines[start:i])).strip("\n").splitlines(), i


def _until_blank(lines: list[str], i: int) -> tuple[list[str], int]:
    start = i
    while i < len(lines) and lines[i].strip():
        i += 1
    return lines[start:i], i


def _section(title: str, body: list[str], link: Link, when: str = "") -> list[str]:
    out = ["", f"**{title}**{when}", ""] if title else [""]
    if title not in ITEMS:
        return [*out, *_blocks(body, link), ""]
    for line in body:
        item = ITEM.match(line)
        if item:
            names = ", ".join(f"`{n}`" for n in item[1].split(", "))
            out.append(f"- {names}: {_inline(item[2], link)}")
        elif line.strip():
            out.append(f"  {_inline(line.strip(), link)}")
    return [*out, ""]


def _inline(line: str, link: Link) -> str:
    """Roles become code or links; what Markdown would read as markup is escaped."""

    def role(match: re.Match[str]) -> str:
        name = re.sub(r"\s*<.*>$", "", match[1]).lstrip("~")
        address = link(name)
        return f"[`{name}`]({address})" if address else f"`{name}`"

    parts = CODE.split(ROLE.sub(lambda m: "\0" + role(m) + "\1", line))
    out: list[str] = []
    inside = False  # a link that was made above
    for part in parts:
        if part.startswith("`"):
            out.append(part)
            continue
        for piece in re.split("([\0\1])", part):
            if piece in ("\0", "\1"):
                inside = piece == "\0"
            else:
                out.append(piece if inside else MARKUP.sub(r"\\\g<0>", piece))
    return "".join(out)
