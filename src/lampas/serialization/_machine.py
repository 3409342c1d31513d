"""A reader of pickles that cannot run code: it knows containers and what it is told to allow.

Python's own unpickler looks up any name in a file and calls it. This one walks the same opcodes
(protocols 0 to 5), but names go through a table, only handlers in that table are called, and
attributes are set only on objects of known types. It keeps no Python stack: nesting is data.
"""

from __future__ import annotations

import struct
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable, Iterable
from pickle import UnpicklingError
from typing import Any, Protocol

HIGHEST_PROTOCOL = 5
_KEY_LIMIT = 1000
_DICTS = (dict, OrderedDict, defaultdict, Counter)


class Policy(Protocol):
    """What a pickle may mean. In its errors ``{place}`` is replaced by where they happened."""

    def find(self, module: str, name: str) -> Any:
        """The value of a global; raises UnpicklingError where it is not allowed."""

    def call(self, function: Any, args: Any) -> Any:
        """The result of a call that the file asks for."""

    def new(self, cls: Any, args: Any, kwargs: Any) -> Any:
        """A new object of a class, its ``__init__`` not run."""

    def build(self, obj: Any, state: Any) -> Any:
        """`obj` with the state that was saved for it."""

    def extend(self, obj: Any, items: list[Any]) -> None:
        """Adds list items to an object that is no list."""

    def update(self, obj: Any, pairs: list[tuple[Any, Any]]) -> None:
        """Sets dictionary items of an object that is no dictionary."""

    def persistent(self, pid: Any) -> Any:
        """The object that stands outside the pickle, a storage."""


class _Mark:
    """Where the stack was when a collection began."""

    __slots__ = ("stack",)

    def __init__(self, stack: list[Any]) -> None:
        self.stack = stack


class Machine:
    """Reads one pickle from a buffer.

    Args:
        data: the bytes.
        policy: what globals, calls and states mean.
        where: what messages call the buffer.
        start: where the pickle begins.
        encoding: of byte strings written by Python 2; ``"bytes"`` leaves them bytes.
    """

    def __init__(
        self,
        data: Any,
        policy: Policy,
        where: str,
        start: int = 0,
        encoding: str = "utf-8",
        errors: str = "strict",
    ) -> None:
        self.data = memoryview(data)
        self.policy, self.where, self.at = policy, where, start
        self.encoding, self.errors = encoding, errors
        self.opcode_at = start
        self.stack: list[Any] = []
        self.marks: list[list[Any]] = []
        self.memo: dict[int, Any] = {}

    # ---- reading --------------------------------------------------------------------------------
    def take(self, n: int) -> memoryview:
        """The next `n` bytes."""
        if n < 0 or self.at + n > len(self.data):
            raise EOFError(f"{n} bytes wanted at byte {self.at}, {len(self.data) - self.at} left")
        part = self.data[self.at : self.at + n]
        self.at += n
        return part

    def line(self) -> bytes:
        """Up to the end of the line."""
        # Lines are short: names and numbers. Look no further than needed.
        end, step = -1, 256
        while end < 0:
            if self.at + step // 2 > len(self.data) and step > 256:
                raise EOFError(f"a line begins at byte {self.at} and does not end")
            end = bytes(self.data[self.at : self.at + step]).find(b"\n")
            step *= 2
        part = bytes(self.data[self.at : self.at + end])
        self.at += end + 1
        return part

    def path(self) -> str:
        """Where in the saved object the machine is, as far as dictionary keys tell."""
        keys = []
        frames = [*self.marks, self.stack]
        for outer, frame in zip([[], *frames], frames, strict=False):
            # Keys and values that wait to be set alternate: an odd one out is the key whose value
            # is being made. Their dictionary stands before the mark, or in the frame itself.
            if outer and isinstance(outer[-1], _DICTS) and frame:
                last = frame[-1] if len(frame) % 2 else frame[-2]
                if isinstance(last, (str, int)):
                    keys.append(last)
            for pair in (frame[-2:], frame[-3:-1]):
                if len(pair) == 2 and isinstance(pair[0], _DICTS) and isinstance(pair[1], str):
                    keys.append(pair[1])
                    break
        return "".join(f"[{k!r}]" for k in keys)

    def place(self) -> str:
        """The byte, and the entry if known, for messages."""
        path = self.path()
        inside = f", in the value of entry {path}" if path else ""
        return f"byte {self.opcode_at} of {self.where}{inside}"

    def load(self) -> Any:
        """The object.

        Raises:
            UnpicklingError: something that is not allowed, or a damaged pickle.
            EOFError: nothing to read.
        """
        if self.at >= len(self.data):
            raise EOFError(f"{self.where} ends at byte {len(self.data)}, where an object begins")
        table, data = OPCODES, self.data
        try:
            while True:
                self.opcode_at = self.at
                code = data[self.at]
                self.at += 1
                if code == _STOP:
                    return self.stack.pop()
                table[code](self)
        except UnpicklingError as e:
            if "{place}" not in str(e):
                raise
            raise UnpicklingError(str(e).replace("{place}", self.place())) from None
        except (
            IndexError, KeyError, ValueError, TypeError, EOFError, OverflowError, struct.error,
            AttributeError, RecursionError, LookupError,
        ) as e:  # fmt: skip
            what = "unknown opcode or reference: " if isinstance(e, KeyError) else ""
            raise UnpicklingError(f"damaged pickle at {self.place()}: {what}{e}") from e

    def pop_mark(self) -> list[Any]:
        """What was pushed since the last mark."""
        items = self.stack
        self.stack = self.marks.pop()
        return items

    # ---- objects --------------------------------------------------------------------------------
    def append_items(self, items: list[Any]) -> None:
        """Adds to the list on top of the stack."""
        target = self.stack[-1]
        if type(target) is list:
            target.extend(items)
        else:
            self.policy.extend(target, items)

    def set_items(self, items: list[Any]) -> None:
        """Sets keys of the dictionary on top of the stack."""
        target = self.stack[-1]
        pairs = list(zip(items[::2], items[1::2], strict=True))
        if type(target) in _DICTS:
            check_keys(items[::2])
            target.update(pairs) if type(target) is not Counter else _fill(target, pairs)
        else:
            self.policy.update(target, pairs)

    def remember(self, index: int) -> None:
        """Keeps the top of the stack for later reference."""
        self.memo[index] = self.stack[-1]


def check_keys(keys: Iterable[Any]) -> None:
    """Refuses keys whose hash would take for ever, or overflow the stack: tuples in tuples."""
    for key in keys:
        pending, seen = [key], 0
        while pending:
            item = pending.pop()
            if type(item) is slice:
                item = (item.start, item.stop, item.step)
            if isinstance(item, tuple):
                seen += 1 + len(item)
                pending.extend(item)
            if seen > _KEY_LIMIT:
                raise ValueError(f"a key of more than {_KEY_LIMIT} nested items")


def _fill(target: Any, pairs: list[tuple[Any, Any]]) -> None:
    for key, value in pairs:  # Counter.update would add
        target[key] = value


# ---- opcodes -------------------------------------------------------------------------------------
OPCODES: dict[int, Callable[[Machine], None]] = {}
_STOP = ord(".")


def _opcode(*codes: str) -> Callable[[Callable[[Machine], None]], Callable[[Machine], None]]:
    def register(function: Callable[[Machine], None]) -> Callable[[Machine], None]:
        for code in codes:
            OPCODES[ord(code)] = function
        return function

    return register


def _constant(code: str, make: Callable[[], Any]) -> None:
    OPCODES[ord(code)] = lambda m: m.stack.append(make())


for _code, _make in (
    ("N", lambda: None), ("\x88", lambda: True), ("\x89", lambda: False), ("]", list),
    ("}", dict), (")", tuple), ("\x8f", set),
):  # fmt: skip
    _constant(_code, _make)


def _number(code: str, layout: str) -> None:
    s = struct.Struct(layout)
    OPCODES[ord(code)] = lambda m: m.stack.append(s.unpack(m.take(s.size))[0])


for _code, _layout in (("K", "<B"), ("M", "<H"), ("J", "<i"), ("G", ">d")):
    _number(_code, _layout)


def _sized(code: str, layout: str, make: Callable[[Machine, memoryview], Any]) -> None:
    s = struct.Struct(layout)
    OPCODES[ord(code)] = lambda m: m.stack.append(make(m, m.take(s.unpack(m.take(s.size))[0])))


def _text(m: Machine, b: memoryview) -> str:
    return str(b, "utf-8", "surrogatepass")


def _old_string(m: Machine, b: memoryview) -> Any:
    return bytes(b) if m.encoding == "bytes" else str(b, m.encoding, m.errors)


def _long(m: Machine, b: memoryview) -> int:
    return int.from_bytes(b, "little", signed=True)


for _code, _layout, _maker in (
    ("X", "<I", _text), ("\x8c", "<B", _text), ("\x8d", "<Q", _text),
    ("T", "<i", _old_string), ("U", "<B", _old_string),
    ("B", "<I", lambda m, b: bytes(b)), ("C", "<B", lambda m, b: bytes(b)),
    ("\x8e", "<Q", lambda m, b: bytes(b)), ("\x96", "<Q", lambda m, b: bytearray(b)),
    ("\x8a", "<B", _long), ("\x8b", "<i", _long),
):  # fmt: skip
    _sized(_code, _layout, _maker)


@_opcode("I")
def _int(m: Machine) -> None:
    text = m.line()
    truth = {b"00": False, b"01": True}
    m.stack.append(truth[text] if text in truth else int(text))


@_opcode("L")
def _long_text(m: Machine) -> None:
    m.stack.append(int(m.line().removesuffix(b"L")))


@_opcode("F")
def _float_text(m: Machine) -> None:
    m.stack.append(float(m.line()))


@_opcode("S")
def _string_text(m: Machine) -> None:
    text = m.line().strip()
    if len(text) < 2 or text[:1] != text[-1:] or text[:1] not in (b'"', b"'"):
        raise ValueError("the STRING opcode argument must be quoted")
    import codecs

    m.stack.append(_old_string(m, memoryview(codecs.escape_decode(text[1:-1])[0])))


@_opcode("V")
def _unicode_text(m: Machine) -> None:
    m.stack.append(str(m.line(), "raw-unicode-escape"))


@_opcode("(")
def _mark(m: Machine) -> None:
    m.marks.append(m.stack)
    m.stack = []


@_opcode("0")
def _pop(m: Machine) -> None:
    if m.stack:
        m.stack.pop()
    else:
        m.pop_mark()


@_opcode("1")
def _pop_to_mark(m: Machine) -> None:
    m.pop_mark()


@_opcode("2")
def _duplicate(m: Machine) -> None:
    m.stack.append(m.stack[-1])


@_opcode("t")
def _tuple(m: Machine) -> None:
    items = m.pop_mark()
    m.stack.append(tuple(items))


@_opcode("\x85")
def _tuple1(m: Machine) -> None:
    m.stack[-1] = (m.stack[-1],)


@_opcode("\x86")
def _tuple2(m: Machine) -> None:
    m.stack[-2:] = [(m.stack[-2], m.stack[-1])]


@_opcode("\x87")
def _tuple3(m: Machine) -> None:
    m.stack[-3:] = [(m.stack[-3], m.stack[-2], m.stack[-1])]


@_opcode("l")
def _list(m: Machine) -> None:
    items = m.pop_mark()
    m.stack.append(items)


@_opcode("d")
def _dict(m: Machine) -> None:
    items = m.pop_mark()
    check_keys(items[::2])
    m.stack.append(dict(zip(items[::2], items[1::2], strict=True)))


@_opcode("\x91")
def _frozenset(m: Machine) -> None:
    items = m.pop_mark()
    check_keys(items)
    m.stack.append(frozenset(items))


@_opcode("a")
def _append(m: Machine) -> None:
    value = m.stack.pop()
    m.append_items([value])


@_opcode("e")
def _appends(m: Machine) -> None:
    m.append_items(m.pop_mark())


@_opcode("s")
def _setitem(m: Machine) -> None:
    value, key = m.stack.pop(), m.stack.pop()
    m.set_items([key, value])


@_opcode("u")
def _setitems(m: Machine) -> None:
    m.set_items(m.pop_mark())


@_opcode("\x90")
def _additems(m: Machine) -> None:
    items = m.pop_mark()
    target = m.stack[-1]
    if type(target) is set:
        check_keys(items)
        target.update(items)
    else:
        m.policy.extend(target, items)


@_opcode("p")
def _put(m: Machine) -> None:
    m.remember(int(m.line()))


@_opcode("q")
def _binput(m: Machine) -> None:
    m.remember(m.take(1)[0])


@_opcode("r")
def _long_binput(m: Machine) -> None:
    m.remember(struct.unpack("<I", m.take(4))[0])


@_opcode("\x94")
def _memoize(m: Machine) -> None:
    m.remember(len(m.memo))


@_opcode("g")
def _get(m: Machine) -> None:
    m.stack.append(m.memo[int(m.line())])


@_opcode("h")
def _binget(m: Machine) -> None:
    m.stack.append(m.memo[m.take(1)[0]])


@_opcode("j")
def _long_binget(m: Machine) -> None:
    m.stack.append(m.memo[struct.unpack("<I", m.take(4))[0]])


@_opcode("c")
def _global(m: Machine) -> None:
    module = m.line().decode()
    m.stack.append(m.policy.find(module, m.line().decode()))


@_opcode("\x93")
def _stack_global(m: Machine) -> None:
    name, module = m.stack.pop(), m.stack.pop()
    if type(name) is not str or type(module) is not str:
        raise TypeError("a global's name must be a string")
    m.stack.append(m.policy.find(module, name))


@_opcode("R")
def _reduce(m: Machine) -> None:
    args = m.stack.pop()
    m.stack[-1] = m.policy.call(m.stack[-1], args)


@_opcode("i")
def _inst(m: Machine) -> None:
    module = m.line().decode()
    name = m.line().decode()
    args = tuple(m.pop_mark())
    m.stack.append(m.policy.new(m.policy.find(module, name), args, {}))


@_opcode("o")
def _obj(m: Machine) -> None:
    cls, *args = m.pop_mark()
    m.stack.append(m.policy.new(cls, tuple(args), {}))


@_opcode("\x81")
def _newobj(m: Machine) -> None:
    args = m.stack.pop()
    m.stack[-1] = m.policy.new(m.stack[-1], args, {})


@_opcode("\x92")
def _newobj_ex(m: Machine) -> None:
    kwargs, args = m.stack.pop(), m.stack.pop()
    m.stack[-1] = m.policy.new(m.stack[-1], args, kwargs)


@_opcode("b")
def _build(m: Machine) -> None:
    state = m.stack.pop()
    m.stack[-1] = m.policy.build(m.stack[-1], state)


@_opcode("Q")
def _binpersid(m: Machine) -> None:
    m.stack[-1] = m.policy.persistent(m.stack[-1])


@_opcode("P")
def _persid(m: Machine) -> None:
    m.stack.append(m.policy.persistent(m.line().decode()))


@_opcode("\x80")
def _proto(m: Machine) -> None:
    protocol = m.take(1)[0]
    if protocol > HIGHEST_PROTOCOL:
        raise ValueError(f"pickle protocol {protocol}; up to {HIGHEST_PROTOCOL} can be read")


@_opcode("\x95")
def _frame(m: Machine) -> None:
    m.take(8)  # frames only help readers of streams


def _refused(what: str) -> Callable[[Machine], None]:
    def refuse(m: Machine) -> None:
        raise UnpicklingError(f"{what} at {m.place()}: not allowed in files of tensors")

    return refuse


for _code, _what in (
    ("\x82", "an extension registry code"), ("\x83", "an extension registry code"),
    ("\x84", "an extension registry code"), ("\x97", "an out-of-band buffer"),
    ("\x98", "an out-of-band buffer"),
):  # fmt: skip
    OPCODES[ord(_code)] = _refused(_what)

__all__ = ["Machine", "Policy", "check_keys"]
