"""The pages of the reference, written from the package's docstrings."""

from __future__ import annotations

import inspect
from typing import Any

from docstring import cell, summary, to_markdown
from names import PAGES, Page, members, public_names, target
from signature import signatures

import lampas


class Index:
    """Where each name is described. What several pages offer is described on one of them."""

    def __init__(self) -> None:
        self.places: dict[str, str] = {}
        self.homes = {page.name: page for page in PAGES}
        for page in PAGES:
            owner = target(page)
            self.places[page.name] = page.path
            if inspect.isclass(owner):
                self._members(page, page.name, owner)
                continue
            for name in public_names(page):
                full = f"{page.name}.{name}"
                if self.elsewhere(page, name):
                    continue
                self.places.setdefault(full, f"{page.path}#{full}")
                if inspect.isclass(getattr(owner, name)):
                    self._members(page, full, getattr(owner, name))

    def _members(self, page: Page, full: str, cls: type) -> None:
        for name, _ in members(cls) if cls is not lampas.Tensor else tensor_members():
            self.places.setdefault(f"{full}.{name}", f"{page.path}#{full}.{name}")

    def elsewhere(self, page: Page, name: str) -> str | None:
        """The full name under which another page describes this name: that of the namespace in
        which it is defined."""
        member = getattr(target(page), name)
        module = getattr(member, "__module__", None)
        if not isinstance(module, str) or module in ("lampas", page.name):
            return None
        if module == "lampas._library.functional" or hasattr(member, "__signatures__"):
            return None
        while module.count("."):
            if module == page.name:
                return None
            home = self.homes.get(module)
            if home and name in public_names(home) and getattr(target(home), name) is member:
                return f"{module}.{name}"
            module = module.rpartition(".")[0]
        return None

    def link(self, page: Page, name: str, around: str = "") -> str | None:
        """The address of a name's entry, seen from a page; names may leave away the package, the
        page's namespace, or the class `around`."""
        name = name.removesuffix("()").replace("torch.", "lampas.")
        if name.startswith("torchvision."):
            name = name.replace("torchvision.", "lampas.vision.")
        tries = [name, f"lampas.{name}", f"{page.name}.{name}"]
        if around:
            tries.insert(0, f"{around}.{name}")
        for candidate in tries:
            if candidate in self.places:
                return self.places[candidate].removeprefix("reference/")
        return None


def tensor_members() -> list[tuple[str, Any]]:
    """Tensor's members: operators are no plain functions, and some are loaded when first used."""
    found = []
    for name in dir(lampas.Tensor):
        if name.startswith("_"):
            continue
        member = getattr(lampas.Tensor, name)
        if name.endswith("_") and hasattr(lampas.Tensor, name[:-1]):
            continue  # shown with the form that gives a new tensor
        if isinstance(getattr(member, "__doc__", None), str) and not isinstance(
            member, str | int | bool
        ):
            found.append((name, member))
    return found


class Writer:
    """Writes one page."""

    def __init__(self, page: Page, index: Index) -> None:
        self.page = page
        self.index = index
        self.out: list[str] = []
        self.redirected: dict[str, str] = {}

    def text(self) -> str:
        owner = target(self.page)
        self.out = [f"# {self.page.name}", ""]
        if inspect.isclass(owner):
            self.docstring(owner.__doc__ or "", around=self.page.name)
            entries = tensor_members()
            self.contents([(self.page.name, n, m) for n, m in entries])
            for name, member in entries:
                self.member(self.page.name, name, member, level="##")
            return self.done()
        self.docstring(owner.__doc__ or "")
        names = public_names(self.page)
        self.redirected = {n: full for n in names if (full := self.index.elsewhere(self.page, n))}
        rows = [(n, getattr(owner, n)) for n in names]
        entries = [(n, m) for n, m in rows if callable(m) and not isinstance(m, lampas.dtype)]
        self.constants([(n, m) for n, m in rows if (n, m) not in entries])
        for title, group in self.groups(entries):
            if title:
                self.out += [f"## {title}", ""]
            self.contents([(self.page.name, n, m) for n, m in group])
            for name, member in group:
                if name in self.redirected:
                    continue
                self.entry(name, member, "###" if title else "##")
        return self.done()

    def done(self) -> str:
        return "\n".join(self.out) + "\n"

    def groups(self, entries: list[tuple[str, Any]]) -> list[tuple[str, list[tuple[str, Any]]]]:
        if self.page.name == "lampas":
            types = [(n, m) for n, m in entries if inspect.isclass(m)]
            return [("Types", types), ("Functions", [e for e in entries if e not in types])]
        if not self.page.by_module:
            return [("", entries)]
        found: dict[str, list[tuple[str, Any]]] = {}
        for name, member in entries:
            module = str(getattr(member, "__module__", None) or self.page.name)
            title = module.rpartition(".")[2].strip("_").replace("_", " ")
            found.setdefault(title[:1].upper() + title[1:], []).append((name, member))
        return sorted(found.items())

    def contents(self, entries: list[tuple[str, str, Any]]) -> None:
        """A table of names, each with its first sentence."""
        if len(entries) < 2:
            return
        self.out += ["| name | |", "|---|---|"]
        for owner, name, member in entries:
            about = cell(summary(_doc(member), drop=name))
            address = f"#{owner}.{name}"
            if name in self.redirected:
                full = self.redirected[name]
                address = self.index.link(self.page, full) or address
            self.out.append(f"| [`{name}`]({address}) | {about} |")
        self.out.append("")

    def constants(self, entries: list[tuple[str, Any]]) -> None:
        if not entries:
            return
        self.out += ["| constant | value |", "|---|---|"]
        for name, member in entries:
            text = repr(member)
            shown = f"`{text}`" if len(text) < 70 and " at 0x" not in text else _kind(member)
            self.out.append(f"| `{name}` | {cell(shown)} |")
        self.out.append("")

    def entry(self, name: str, member: Any, level: str) -> None:
        full = f"{self.page.name}.{name}"
        self.heading(level, name, full)
        self.calls(f"{self.page.title}.{name}", member)
        self.docstring(_doc(member), drop=name, around=full if inspect.isclass(member) else "")
        if inspect.isclass(member):
            for method, what in members(member):
                self.member(full, method, what, level + "#")

    def member(self, owner: str, name: str, member: Any, level: str) -> None:
        self.heading(level, name, f"{owner}.{name}")
        shown = f"{owner.rpartition('.')[2]}.{name}"
        if not isinstance(member, property) and not inspect.isgetsetdescriptor(member):
            self.calls(shown, member)
        if owner == "lampas.Tensor" and hasattr(lampas.Tensor, name + "_"):
            self.calls(shown + "_", getattr(lampas.Tensor, name + "_"))
        self.docstring(_doc(member), drop=name, around=owner)

    def heading(self, level: str, name: str, full: str) -> None:
        self.out += [f'{level} `{name}` {{ #{full} data-toc-label="{name}" }}', ""]

    def calls(self, shown: str, member: Any) -> None:
        texts = signatures(shown, member)
        if texts:
            self.out += ["```python { .signature }", *texts, "```", ""]

    def docstring(self, text: str, drop: str = "", around: str = "") -> None:
        link = lambda name: self.index.link(self.page, name, around)
        self.out += [to_markdown(text, link, drop), ""]


def _kind(value: Any) -> str:
    """What a constant is: the docstring of an object that has one, else its type."""
    about = type(value).__doc__ or ""
    if type(value).__module__.startswith("lampas") and about:
        return summary(about, drop=type(value).__name__)
    return f"`{type(value).__name__}`"


def _doc(member: Any) -> str:
    """The docstring; what comes from elsewhere is told by its full name."""
    if inspect.isclass(member):
        for base in member.__mro__:
            if base is not object and (text := vars(base).get("__doc__")):
                return text if "lampas" in str(base.__module__) else _foreign(member)
        return _foreign(member)
    if hasattr(member, "__nb_signature__"):
        return member.__nb_signature__[0][1] or ""
    described = (inspect.isroutine, inspect.isdatadescriptor)
    if any(test(member) for test in described):
        return inspect.getdoc(member) or _foreign(member)
    if hasattr(member, "__signatures__"):
        return inspect.getdoc(member) or ""
    return (type(member).__doc__ or "") if "lampas" in type(member).__module__ else _foreign(member)


def _foreign(member: Any) -> str:
    """What to say of a name that is Python's or NumPy's own and has no docstring."""
    module = getattr(member, "__module__", None) or ""
    name = getattr(member, "__qualname__", None) or getattr(member, "_name", "")
    return "" if not module or "lampas" in module else f"``{module}.{name}``."


def undocumented() -> list[str]:
    """The public names that have no docstring."""
    found = []
    for page in PAGES:
        owner = target(page)
        found += [] if owner.__doc__ else [page.name]
        if inspect.isclass(owner):
            named = tensor_members()
        else:
            named = [(n, getattr(owner, n)) for n in public_names(page)]
        found += [f"{page.name}.{n}" for n, m in named if callable(m) and not _doc(m).strip()]
    return found


def pages() -> dict[str, str]:
    """The text of every page of the reference, by its path in the documentation."""
    index = Index()
    texts = {page.path: Writer(page, index).text() for page in PAGES}
    return {"reference/index.md": _overview(), **texts}


def navigation() -> list[str | dict[str, Any]]:
    """The reference's part of the table of contents."""
    chapters: dict[str, list[dict[str, str]]] = {}
    for page in PAGES:
        chapters.setdefault(page.chapter, []).append({page.title: page.path})
    return ["reference/index.md", *({title: found} for title, found in chapters.items())]


def _overview() -> str:
    out = [
        "# Reference", "",
        "Every public name with its docstring, a namespace a page. Names, defaults and meaning are "
        "PyTorch's; [what differs](../guide/differences.md) is listed.", "",
        "Native operators are shown in the notation of PyTorch's documentation: type, name, "
        "default. `Operand` is a tensor or a number, `Number` a number or a tensor of one element, "
        "`int[2]` two integers or one for both, `?` marks what may be `None`, and `*` after a "
        "type that its values may also come one by one.", "",
        "| namespace | |", "|---|---|",
    ]  # fmt: skip
    for page in PAGES:
        about = summary(target(page).__doc__ or "")
        out.append(f"| [`{page.name}`]({page.name}.md) | {about} |")
    return "\n".join(out) + "\n"
