"""Tensors as text, as PyTorch prints them."""

from __future__ import annotations

import math
from typing import Any

from lampas import _C
from lampas._tensor import Tensor


class _Options:
    precision = 4
    threshold: float = 1000
    edgeitems = 3
    linewidth = 80
    sci_mode: bool | None = None


OPTIONS = _Options()
_PROFILES = {"default": (4, 1000, 3, 80), "short": (2, 1000, 2, 80), "full": (4, math.inf, 3, 80)}


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Sets how tensors are printed.

    Args:
        precision: digits after the point (4).
        threshold: elements from which on a summary is shown (1000).
        edgeitems: elements at each end of a summarised dimension (3).
        linewidth: characters in a line (80).
        profile: "default", "short" or "full".
        sci_mode: scientific notation always (True), never (False), or as needed (None).
    """
    if profile is not None:
        if profile not in _PROFILES:
            raise ValueError(f"profile must be one of {', '.join(_PROFILES)}, not {profile!r}")
        OPTIONS.precision, OPTIONS.threshold, OPTIONS.edgeitems, OPTIONS.linewidth = _PROFILES[
            profile
        ]
    for name, value in (
        ("precision", precision),
        ("threshold", threshold),
        ("edgeitems", edgeitems),
        ("linewidth", linewidth),
    ):
        if value is not None:
            setattr(OPTIONS, name, value)
    OPTIONS.sci_mode = sci_mode


class _Formatter:
    """Width and notation that fit all of a tensor's shown values."""

    def __init__(self, values: list[Any], dtype: _C.dtype) -> None:
        self.float = dtype.is_floating_point
        self.int_mode, self.sci, self.width = True, False, 1
        if not self.float:
            self.width = max((len(str(v)) for v in values), default=1)
            return
        finite = [abs(v) for v in values if math.isfinite(v) and v != 0]
        if not finite:
            self.int_mode = True
        else:
            self.int_mode = all(v == math.ceil(v) for v in values if math.isfinite(v))
            low, high = min(finite), max(finite)
            big = high / low > 1000.0 or high > 1.0e8
            self.sci = big or low < 1.0e-4 if not self.int_mode else big
        if OPTIONS.sci_mode is not None:
            self.sci = OPTIONS.sci_mode
        self.width = max(
            (len(self.text(v)) for v in values if v != 0 and math.isfinite(v)), default=1
        )

    def text(self, value: Any) -> str:
        if not self.float:
            return str(value)
        if self.sci:
            return f"{value:.{OPTIONS.precision}e}"
        if self.int_mode:
            return f"{value:.0f}" + ("." if math.isfinite(value) else "")
        return f"{value:.{OPTIONS.precision}f}"

    def __call__(self, value: Any) -> str:
        return self.text(value).rjust(self.width)


class _ComplexFormatter:
    def __init__(self, values: list[complex], dtype: _C.dtype) -> None:
        real = dtype.to_real()
        self.real = _Formatter([v.real for v in values], real)
        self.imag = _Formatter([v.imag for v in values], real)
        self.width = self.real.width + self.imag.width + 1

    def __call__(self, value: complex) -> str:
        imag = self.imag(value.imag).lstrip()
        return self.real(value.real) + (imag if imag.startswith("-") else "+" + imag) + "j"


def _shown(t: Tensor) -> Tensor:
    """The elements that a summary shows, along every dimension."""
    edge = OPTIONS.edgeitems
    for d in range(t.dim()):
        n = t.size(d)
        if n > 2 * edge:
            t = _C.cat([t.narrow(d, 0, edge), t.narrow(d, n - edge, edge)], d)
    return t


def _lines(t: Tensor, indent: int, summarize: bool, fmt: Any) -> str:
    n = t.size(0)
    edge = OPTIONS.edgeitems
    cut = summarize and n > 2 * edge
    if t.dim() == 1:
        per_line = max(1, (OPTIONS.linewidth - indent) // (max(1, fmt.width) + 2))
        values = t[:edge].tolist() + t[n - edge :].tolist() if cut else t.tolist()
        words = [fmt(v) for v in values]
        if cut:
            words.insert(edge, " ...")
        rows = [words[i : i + per_line] for i in range(0, len(words), per_line)]
        return "[" + (",\n" + " " * (indent + 1)).join(", ".join(row) for row in rows) + "]"
    index = [*range(edge), None, *range(n - edge, n)] if cut else list(range(n))
    parts = ["..." if i is None else _lines(t[i], indent + 1, summarize, fmt) for i in index]
    return "[" + ("," + "\n" * (t.dim() - 1) + " " * (indent + 1)).join(parts) + "]"


def _contents(t: Tensor, indent: int) -> str:
    summarize = t.numel() > OPTIONS.threshold
    plain = t.float() if t.dtype in (_C.float16, _C.bfloat16) else t
    values = (_shown(plain) if summarize else plain).reshape(-1).tolist()
    if plain.dtype.is_complex:
        fmt: Any = _ComplexFormatter(values, plain.dtype)
    else:
        fmt = _Formatter(values, plain.dtype)
    if t.dim() == 0:
        return fmt.text(plain.item()) if isinstance(fmt, _Formatter) else fmt(plain.item())
    return _lines(plain, indent, summarize, fmt)


def tensor_str(t: Tensor) -> str:
    """What `print(t)` shows.

    >>> import lampas
    >>> lampas.tensor([[1.5, 2.0], [3.0, -4.0]])
    tensor([[ 1.5000,  2.0000],
            [ 3.0000, -4.0000]])
    """
    from lampas.nn.parameter import Parameter

    own = not isinstance(t, Parameter) and type(t) is not Tensor
    prefix = f"{type(t).__name__}(" if own else "tensor("
    before = _C._set_function_mode(None)
    recording = _C._set_grad_enabled(False)
    try:
        data = t.detach()
        notes = []
        if data.is_meta:
            body = "..."
            notes += ["device='meta'", f"size={tuple(t.shape)}"]
            implied = t.dtype is _C.get_default_dtype()
        elif data.numel() == 0:
            body = "[]"
            if data.dim() != 1:
                notes.append(f"size={tuple(t.shape)}")
            implied = t.dtype is _C.get_default_dtype()
        else:
            body = _contents(data, len(prefix))
            implied = t.dtype in (_C.get_default_dtype(), _C.int64, _C.bool) or (
                t.dtype.is_complex and t.dtype.to_real() is _C.get_default_dtype()
            )
    finally:
        _C._set_function_mode(before)
        _C._set_grad_enabled(recording)
    if not implied:
        notes.append(f"dtype={t.dtype}")
    if t.grad_fn is not None:
        notes.append(f"grad_fn=<{t.grad_fn.name()}>")
    elif t.requires_grad:
        notes.append("requires_grad=True")
    text = prefix + body
    # Notes go on the last line where they fit.
    at = len(text) - text.rfind("\n") - 1
    for note in notes:
        if at + len(note) + 2 > OPTIONS.linewidth + 1:
            text += ",\n" + " " * len(prefix) + note
            at = len(prefix) + len(note)
        else:
            text += ", " + note
            at += len(note) + 2
    return text + ")"
