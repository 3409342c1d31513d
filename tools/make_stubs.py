"""Writes src/lampas/_C.pyi from the extension module, so that type checkers and editors know it,
and src/lampas/_library/index.py from the families of operators there.

usage: make_stubs.py [--check]

Operators carry their signatures (`lampas.add.__signatures__`), nanobind's functions theirs; the
tables below add what neither says. --check writes nothing and fails where a file is stale.
"""

from __future__ import annotations

import importlib
import inspect
import keyword
import pkgutil
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lampas
from lampas import _C, _library

PACKAGE = Path(__file__).resolve().parent.parent / "src" / "lampas"
STUB = PACKAGE / "_C.pyi"
INDEX = PACKAGE / "_library" / "index.py"

HEADER = '''\
# Written by tools/make_stubs.py; `make stubs` renews it.
# ruff: noqa
# mypy: disable-error-code="overload-overlap, overload-cannot-match, override, misc, no-redef"
from builtins import bool as _bool, float as _float, int as _int
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any, overload

_Number = _bool | _int | _float | complex
_dtype = dtype
_device = device
_layout = layout
_memory_format = memory_format
_Device = str | _int | _device
'''

# Types in operators' signatures -> Python's.
TYPES = {
    "Tensor": "Tensor",
    "Operand": "Tensor | _Number",
    "Number": "Tensor | _Number",
    "int": "_int",
    "float": "_float",
    "bool": "_bool",
    "str": "str",
    "int[]": "Sequence[_int]",
    "float[]": "Sequence[_float]",
    "Tensor[]": "Sequence[Tensor]",
    "dtype": "_dtype",
    "device": "_Device",
    "layout": "_layout",
    "memory_format": "_memory_format",
    "Generator": "Generator",
    "object": "Any",
}

# Results that are no Tensor. Operators with a named tuple for some overloads give Any.
TENSORS = "tuple[Tensor, ...]"
RETURNS = {
    **dict.fromkeys(["item", "tolist", "size", "stride", "to_list"], "Any"),
    **dict.fromkeys(
        ["data_ptr", "dim", "ndimension", "numel", "nelement", "element_size", "storage_offset"],
        "_int",
    ),
    **dict.fromkeys(
        [
            "is_contiguous", "is_floating_point", "is_complex", "is_signed", "is_same_size",
            "is_inference", "is_nonzero", "is_tensor", "equal", "allclose", "can_cast",
            "is_conj", "is_neg", "is_set_to", "is_storage",
        ],
        "_bool",
    ),
    **dict.fromkeys(
        [
            "split", "split_with_sizes", "chunk", "unbind", "tensor_split", "hsplit", "vsplit",
            "dsplit", "broadcast_tensors", "meshgrid", "unsafe_split", "unsafe_chunk",
        ],
        TENSORS,
    ),
    # A pair with return_indices.
    **dict.fromkeys([f"{kind}max_pool{n}d" for kind in ("", "adaptive_") for n in "123"], "Any"),
    **dict.fromkeys(["nonzero", "where", "unique", "std_mean", "var_mean", "histogram"], "Any"),
    **dict.fromkeys(["result_type", "promote_types"], "_dtype"),
}  # fmt: skip
NAMED = set(_C._return_types)

PROPERTIES = {
    "shape": "Size", "dtype": "_dtype", "device": "_device", "layout": "_layout",
    "name": "str | None", "grad": "Tensor | None", "grad_fn": "Node | None",
    "_base": "Tensor | None", "_grad": "Tensor | None", "requires_grad": "_bool",
    "retains_grad": "_bool", "__dict__": "dict[str, Any]",
    **dict.fromkeys(["T", "mT", "H", "mH", "real", "imag", "data"], "Tensor"),
    **dict.fromkeys(["ndim", "itemsize", "nbytes", "_version", "output_nr"], "_int"),
}  # fmt: skip
DUNDERS = {
    "__bool__": "(self) -> _bool",
    "__int__": "(self) -> _int",
    "__float__": "(self) -> _float",
    "__index__": "(self) -> _int",
    "__len__": "(self) -> _int",
    "__hash__": "(self) -> _int",
    "__iter__": "(self) -> Iterator[Tensor]",
    "__getitem__": "(self, index: Any, /) -> Tensor",
    "__setitem__": "(self, index: Any, value: Any, /) -> None",
}
UNARY = {"__neg__", "__pos__", "__abs__", "__invert__"}
# What every class has; saying it again would only make the file longer.
COMMON = {
    "__new__", "__init__", "__doc__", "__module__", "__weakref__", "__getattribute__",
    "__setattr__", "__delattr__", "__delitem__", "__repr__", "__str__", "__array_priority__",
    "__dict__", "__init_subclass__",
}  # fmt: skip


def python_type(text: str) -> str:
    bare = text.rstrip("?*")
    sized = re.fullmatch(r"(int|float)\[\d+\]", bare)
    found = f"_{sized[1]} | Sequence[_{sized[1]}]" if sized else TYPES[bare]
    return found + (" | None" if "?" in text else "")


def parameters(signature: str) -> tuple[list[str], list[str]]:
    """The Python parameters of an operator's signature, and those of its form in which the
    sizes come one by one; the second list is empty where there is no such form."""
    inside = signature[signature.index("(") + 1 : signature.rindex(")")]
    listed: list[str] = []
    spread: list[str] = []
    spreads = False
    for part in re.split(r",\s*(?![^\[(]*[\])])", inside) if inside else []:
        if part == "*":
            listed.append("*")
            spread += [] if spreads else ["*"]
            continue
        typed, _, rest = part.strip().partition(" ")
        name, _, default = rest.partition("=")
        if keyword.iskeyword(name):
            return ["*args: Any", "**kwargs: Any"], []
        value = f"{name}: {python_type(typed)}" + (" = ..." if default else "")
        listed.append(value)
        spread.append(f"*{name}: _int" if "*" in typed else value)
        spreads = spreads or "*" in typed
    return listed, spread if spreads else []


def result(name: str) -> str:
    if name in RETURNS:
        return RETURNS[name]
    return "Any" if name in NAMED else "Tensor"


def operator(name: str, op: Any, method: bool) -> Iterator[str]:
    forms: list[str] = []
    for signature in op.__signatures__:
        listed, spread = parameters(signature)
        for form in [listed, spread] if spread else [listed]:
            if method:  # the first parameter is the tensor itself
                form = ["self", *(form if form[0] == "*args: Any" else form[1:])]
            forms.append(f"def {name}({', '.join(form)}) -> {result(name)}: ...")
    forms = list(dict.fromkeys(forms))
    for form in forms:
        if len(forms) > 1:
            yield "@overload"
        yield form


def nanobind_function(name: str, function: Any) -> Iterator[str]:
    """The signatures that nanobind recorded, with the names that the dtypes shadow replaced."""
    for text, *_ in function.__nb_signature__:
        text = re.sub(r"= \\\d+", "= ...", text).replace("lampas._C.", "").replace("lampas.", "")
        text = re.sub(r"\b(int|float|bool|dtype)\b", r"_\1", text).replace("object", "Any")
        text = re.sub(r"(collections\.abc|types|typing|typing_extensions)\.\w+", "Any", text)
        if len(function.__nb_signature__) > 1:
            yield "@overload"
        yield text + ": ..."


SIMPLE = {"None", "str", "Tensor", "Any", "bool", "int", "float", "Tensor | None"}


def python_function(name: str, function: Any) -> str:
    """A method written in Python. Types that need imports become Any."""

    def known(annotation: Any) -> str:
        text = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", "")
        text = {"type(None)": "None"}.get(text, text)
        return re.sub(r"\b(int|float|bool)\b", r"_\1", text) if text in SIMPLE else "Any"

    signature = inspect.signature(function)
    parts: list[str] = []
    previous = None
    for p in signature.parameters.values():
        if p.kind is p.KEYWORD_ONLY and previous not in (p.KEYWORD_ONLY, p.VAR_POSITIONAL):
            parts.append("*")
        star = {p.VAR_POSITIONAL: "*", p.VAR_KEYWORD: "**"}.get(p.kind, "")
        typed = "" if p.name == "self" else f": {known(p.annotation)}"
        parts.append(star + p.name + typed + ("" if p.default is p.empty else " = ..."))
        previous = p.kind
    return f"def {name}({', '.join(parts)}) -> {known(signature.return_annotation)}: ..."


def member(owner: type, name: str, value: Any) -> Iterator[str]:
    kind = type(value).__name__
    if name in DUNDERS:
        yield f"def {name}{DUNDERS[name]}: ..."
    elif kind == "Method":
        yield from operator(name, value, method=True)
    elif kind == "function":
        yield python_function(name, value)
    elif kind in ("staticmethod", "classmethod"):
        yield f"@{kind}"
        first = "cls, " if kind == "classmethod" else ""
        yield f"def {name}({first}*args: Any, **kwargs: Any) -> Any: ..."
    elif kind in ("getset_descriptor", "member_descriptor", "property", "nb_property"):
        typed = PROPERTIES.get(name, "_bool" if name.startswith("is_") else "Any")
        yield f"{name}: {typed}"
    elif kind == "wrapper_descriptor" and owner is _C.Tensor:
        result = "Tensor" if name != "__contains__" else "_bool"
        yield f"def {name}(self{'' if name in UNARY else ', other: Any, /'}) -> {result}: ..."
    elif kind in ("nb_method", "nb_func"):
        yield from nanobind_function(name, value)
    elif callable(value):
        yield f"def {name}(self, *args: Any, **kwargs: Any) -> Any: ..."


def class_stub(name: str, owner: type) -> Iterator[str]:
    base = "(tuple[_int, ...])" if owner is _C.Size else ""
    if issubclass(owner, Exception):
        yield f"class {name}({', '.join(b.__name__ for b in owner.__bases__)}): ..."
        return
    yield f"class {name}{base}:"
    yield "    def __init__(self, *args: Any, **kwargs: Any) -> None: ..."
    shown = {k: v for k, v in vars(owner).items() if k not in COMMON or k in PROPERTIES}
    if owner is _C.Size:  # the tuple's own methods are typed already
        shown = {k: v for k, v in shown.items() if k == "numel"}
    for key in sorted(shown):
        if not (key.startswith("__") and shown[key] is None):
            yield from ("    " + line for line in member(owner, key, shown[key]))
    if owner is _C.ModuleBase:
        yield "    def __getattr__(self, name: str) -> Any: ..."


def lines() -> Iterator[str]:
    names = [n for n in sorted(vars(_C)) if not (n.startswith("__") and n.endswith("__"))]
    for name in names:
        if isinstance(getattr(_C, name), type):
            yield ""
            yield from class_stub(name, getattr(_C, name))
    yield ""
    for name in names:
        value = getattr(_C, name)
        kind = type(value).__name__
        if kind == "Function":
            yield from operator(name, value, method=False)
        elif kind == "nb_func":
            yield from nanobind_function(name, value)
        elif isinstance(value, type):
            continue
        elif kind in ("dtype", "layout", "memory_format", "Generator"):
            yield f"{name}: {kind}"
        elif callable(value):
            yield f"def {name}(*args: Any, **kwargs: Any) -> Any: ..."
        else:
            yield f"{name}: Any"


def index() -> str:
    """Where each operator of the families is; imports all of them."""
    for module in pkgutil.iter_modules(_library.__path__, "lampas._library."):
        importlib.import_module(module.name)
    functions: dict[str, str] = {}
    methods: dict[str, str] = {}
    for module_name, declared in _library._families.items():
        place = module_name.removeprefix("lampas.")
        for name, function, method, inplace in declared:
            if function:
                functions[name] = place
            if method:
                methods[name] = place
            if inplace:
                methods[name + "_"] = place

    def table(name: str, rows: dict[str, str]) -> str:
        body = "".join(f'    "{k}": "{v}",\n' for k, v in sorted(rows.items()))
        return f"{name}: dict[str, str] = {{\n{body}}}\n"

    return (
        '"""Which family defines which operator. Written by tools/make_stubs.py."""\n\n'
        + table("FUNCTIONS", functions)
        + "\n"
        + table("METHODS", methods)
    )


def main() -> int:
    assert lampas.Tensor is _C.Tensor  # the import has added the methods written in Python
    written = {INDEX: index(), STUB: HEADER + "\n".join(lines()) + "\n"}
    status = 0
    for target, text in written.items():
        if target.is_file() and target.read_text() == text:
            continue
        if "--check" in sys.argv[1:]:
            print(f"{target.name} is stale: run `make stubs` and commit it", file=sys.stderr)
            status = 1
        else:
            target.write_text(text)
            print(f"{target}: {text.count(chr(10))} lines")
    return status


if __name__ == "__main__":
    sys.exit(main())
