"""Rows of views, joins, splits and other movements of elements: exact for every type."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from .table import Call, Op, call, t

_ANY = "fcib"


def move(name: str, reference: Callable[..., Any], *calls: Call, **options: Any) -> Op:
    """A row of every type, whose values only move."""
    return Op(name, calls, reference, **{"kinds": _ANY, "inplace": False, **options})


def _sections(x: Any, sizes: list[int], d: int = 0) -> Any:
    return np.split(x, np.cumsum(sizes)[:-1], d)


def _chunk(x: Any, n: int, d: int = 0) -> Any:
    step = -(-x.shape[d] // n)
    return np.split(x, range(step, x.shape[d], step), d)


def _strided(x: Any, size: Any, stride: Any, offset: int = 0) -> Any:
    x = np.ascontiguousarray(x).ravel()[offset:]
    steps = [s * x.itemsize for s in stride]
    return np.lib.stride_tricks.as_strided(x, size, steps).copy()


def _windows(x: Any, d: int, size: int, step: int) -> Any:
    view = np.lib.stride_tricks.sliding_window_view(x, size, d)
    return view.take(range(0, view.shape[d], step), d)


def _written(x: Any, part: Any, *index: Any) -> Any:
    y = x.copy()
    y[index] = part
    return y


def _diagonal_written(x: Any, part: Any) -> Any:
    y = x.copy()
    np.fill_diagonal(y, part)
    return y


def _embed(x: Any) -> Any:
    return x[..., None] * np.eye(x.shape[-1], dtype=x.dtype)


_OUT_OF_RANGE = [(call(t(2, 3), 0, 7), IndexError, "range")]
_NO_VIEW = [(call(t(2, 3), (4, 2)), RuntimeError, "shape")]

ROWS: list[Op] = [
    move("reshape", np.reshape, call(t(2, 3), (3, 2)), call(t(0, 3), (3, 0)), errors=_NO_VIEW),
    move(
        "Tensor.view_as",
        lambda x, y: x.reshape(y.shape),
        call(t(2, 3), t(6)),
        strided=False,
    ),
    move("Tensor.reshape_as", lambda x, y: x.reshape(y.shape), call(t(2, 3), t(6))),
    move("ravel", np.ravel, call(t(2, 3)), call(t())),
    move(
        "flatten",
        lambda x, a=0, b=-1: x.reshape(2, -1) if a else x.ravel(),
        call(t(2, 3, 2), 1),
        call(t(2, 3)),
        errors=_OUT_OF_RANGE,
    ),
    move(
        "unflatten",
        lambda x, d, s: x.reshape(2, 3, 2),
        call(t(2, 6), 1, (3, 2)),
        errors=[(call(t(2, 6), 1, (4, 2)), RuntimeError, "unflatten")],
    ),
    move(
        "permute",
        np.transpose,
        call(t(2, 3, 4), (2, 0, 1)),
        errors=[(call(t(2, 3), (0, 0)), RuntimeError, "permute|repeated|duplicate")],
    ),
    move(
        "transpose",
        np.swapaxes,
        call(t(2, 3, 4), 0, 2),
        call(t(2, 3), -1, 0),
        errors=_OUT_OF_RANGE,
        aliases=["swapaxes", "swapdims"],
    ),
    move(
        "t", np.transpose, call(t(2, 3)), call(t(3)), errors=[(call(t(2, 2, 2)), RuntimeError, "2")]
    ),
    move("adjoint", lambda x: np.conj(np.swapaxes(x, -1, -2)), call(t(2, 3))),
    move(
        "movedim",
        np.moveaxis,
        call(t(2, 3, 4), 0, 2),
        call(t(2, 3, 4), (0, 1), (2, 0)),
        aliases=["moveaxis"],
    ),
    move("squeeze", lambda x, d=None: np.squeeze(x, d), call(t(1, 3, 1)), call(t(1, 3), 0)),
    move(
        "unsqueeze",
        np.expand_dims,
        call(t(2, 3), 1),
        call(t(), 0),
        errors=[(call(t(2), 5), IndexError, "range")],
    ),
    move(
        "broadcast_to",
        np.broadcast_to,
        call(t(3), (2, 3)),
        call(t(2, 1), (4, 2, 3)),
        errors=[(call(t(2), (2, 3)), RuntimeError, "2.*3|size")],
    ),
    move("Tensor.expand", lambda x, *s: np.broadcast_to(x, s), call(t(2, 1), 2, 3)),
    move("Tensor.expand_as", lambda x, y: np.broadcast_to(x, y.shape), call(t(3), t(2, 3))),
    move("Tensor.repeat", np.tile, call(t(3), (2, 2)), call(t(2, 3), (1, 2))),
    move("Tensor.view", np.reshape, call(t(2, 3), (3, 2)), strided=False),
    move("Tensor.contiguous", np.copy, call(t(2, 3)), call(t())),
    move(
        "Tensor.unfold",
        _windows,
        call(t(2, 7), 1, 3, 2),
        errors=[(call(t(3), 0, 5, 1), RuntimeError, "maximum size|size")],
    ),
    move(
        "Tensor.sum_to_size",
        lambda x, *s: x.sum(0, keepdims=True),
        call(t(2, 3), 1, 3),
        kinds="fc",
    ),
    move("tile", np.tile, call(t(2, 3), (2, 1, 2))),
    move(
        "repeat_interleave",
        lambda x, n, dim=None: np.repeat(x, n, dim),
        call(t(2, 3), 2),
        call(t(2, 3), 3, dim=1),
    ),
    move(
        "narrow",
        lambda x, d, a, n: x.take(range(a, a + n), d),
        call(t(2, 5), 1, 1, 3),
        errors=[(call(t(3), 0, 2, 4), RuntimeError, "exceed|range")],
    ),
    move(
        "select",
        lambda x, d, i: x.take(i, d),
        call(t(2, 3), 1, 2),
        call(t(2, 3), 0, -1),
        errors=[(call(t(2, 3), 0, 7), IndexError, "range")],
    ),
    move("unbind", lambda x, d=0: list(np.moveaxis(x, d, 0)), call(t(2, 3)), call(t(2, 3), 1)),
    move("diagonal", np.diagonal, call(t(3, 4)), call(t(3, 4, 2), 1, 0, 2)),
    move(
        "as_strided",
        _strided,
        call(t(6), (2, 2), (1, 2)),
        call(t(3, 3), (2, 2), (1, 1), 1),
        strided=False,
    ),
    move(
        "split",
        lambda x, n, d=0: np.split(x, range(n, x.shape[d], n), d),
        call(t(5, 2), 2),
        call(t(2, 5), 3, 1),
    ),
    move(
        "split_with_sizes",
        _sections,
        call(t(5, 2), [2, 3]),
        errors=[(call(t(5), [2, 2]), RuntimeError, "sum|split")],
    ),
    move("chunk", _chunk, call(t(5, 2), 2), call(t(2, 5), 3, 1)),
    move("tensor_split", np.array_split, call(t(5, 2), 2), call(t(2, 5), 3, 1)),
    move("hsplit", np.hsplit, call(t(2, 4), 2)),
    move("vsplit", np.vsplit, call(t(4, 2), 2)),
    move("dsplit", np.dsplit, call(t(2, 2, 4), 2)),
    move("unsafe_chunk", _chunk, call(t(5, 2), 2)),
    move("unsafe_split", lambda x, n: np.split(x, range(n, len(x), n)), call(t(5, 2), 2)),
    move("unsafe_split_with_sizes", _sections, call(t(5, 2), [2, 3])),
    move(
        "cat",
        np.concatenate,
        call([t(2, 3), t(1, 3)]),
        call([t(2, 1), t(2, 3)], 1),
        aliases=["concat", "concatenate"],
        errors=[(call([t(2, 3), t(2, 4)]), RuntimeError, "3|4")],
    ),
    move(
        "stack",
        np.stack,
        call([t(2, 3), t(2, 3)]),
        call([t(2), t(2)], 1),
        errors=[(call([t(2), t(3)]), RuntimeError, "equal size")],
    ),
    move("hstack", np.hstack, call([t(2, 3), t(2, 1)])),
    move("vstack", np.vstack, call([t(3), t(2, 3)]), aliases=["row_stack"]),
    move("dstack", np.dstack, call([t(2, 3), t(2, 3)])),
    move("column_stack", np.column_stack, call([t(2), t(2, 3)])),
    move(
        "block_diag",
        lambda a, b: np.block([[a, np.zeros((2, 1), a.dtype)], [np.zeros((1, 3), a.dtype), b]]),
        call(t(2, 3), t(1, 1)),
    ),
    move("atleast_1d", np.atleast_1d, call(t()), call(t(2))),
    move("atleast_2d", np.atleast_2d, call(t()), call(t(2))),
    move("atleast_3d", np.atleast_3d, call(t()), call(t(2)), call(t(2, 3))),
    move("broadcast_tensors", lambda *a: list(np.broadcast_arrays(*a)), call(t(2, 1), t(3))),
    move(
        "meshgrid",
        lambda *a, indexing: list(np.meshgrid(*a, indexing=indexing)),
        call(t(2), t(3), indexing="ij"),
    ),
    move(
        "cartesian_prod",
        lambda a, b: np.stack([np.repeat(a, len(b)), np.tile(b, len(a))], 1),
        call(t(2), t(3)),
    ),
    move("combinations", lambda x: x[[[0, 1], [0, 2], [1, 2]]], call(t(3))),
    move(
        "flip",
        np.flip,
        call(t(2, 3), (0,)),
        call(t(2, 3), (0, 1)),
        errors=[(call(t(2), (3,)), IndexError, "range")],
    ),
    move("fliplr", np.fliplr, call(t(2, 3))),
    move("flipud", np.flipud, call(t(2, 3))),
    move("rot90", np.rot90, call(t(2, 3)), call(t(2, 3), 2)),
    move("roll", np.roll, call(t(2, 3), 1, 1), call(t(2, 3), 4)),
    move("tril", np.tril, call(t(3, 4)), call(t(3, 4), -1), inplace=True),
    move("triu", np.triu, call(t(3, 4)), call(t(3, 4), 1), inplace=True),
    move("diag", np.diag, call(t(3)), call(t(3, 4), 1)),
    move("diag_embed", _embed, call(t(2, 3)), kinds="fci"),
    move("diagflat", np.diagflat, call(t(2, 2)), call(t(2), 1)),
    move("trace", np.trace, call(t(3, 3)), kinds="dc"),
    move("select_scatter", lambda x, y, d, i: _written(x, y, i), call(t(2, 3), t(3), 0, 1)),
    move(
        "slice_scatter",
        lambda x, y, d, a, b: _written(x, y, slice(a, b)),
        call(t(4, 3), t(2, 3), 0, 1, 3),
    ),
    move("diagonal_scatter", _diagonal_written, call(t(3, 3), t(3))),
    move(
        "as_strided_scatter",
        lambda x, y, *s: _written(x, y, slice(0, 2)),
        call(t(4), t(2), (2,), (1,)),
    ),
    move(
        "view_as_real",
        lambda z: np.stack([z.real, z.imag], -1),
        call(t(2, 3)),
        kinds="c",
        result="real",
    ),
    Op(
        "view_as_complex",
        [call(t(3, 2))],
        lambda x: x[..., 0] + 1j * x[..., 1],
        kinds="d",
        result="",
        strided=False,
    ),
    move(
        "nn.functional.pixel_shuffle",
        lambda x, r: x.reshape(1, r, r, 2, 3).transpose(0, 3, 1, 4, 2).reshape(1, 1, 4, 6),
        call(t(1, 4, 2, 3), 2),
        errors=[(call(t(1, 3, 2, 2), 2), RuntimeError, "3|divisible")],
    ),
    move(
        "nn.functional.pixel_unshuffle",
        lambda x, r: x.reshape(1, 2, r, 1, r).transpose(0, 2, 4, 1, 3).reshape(1, 4, 2, 1),
        call(t(1, 1, 4, 2), 2),
        errors=[(call(t(1, 1, 3, 2), 2), RuntimeError, "3|divisible")],
    ),
    move(
        "constant_pad_nd",
        lambda x, p, v: np.pad(x, ((0, 0), p), constant_values=v),
        call(t(2, 3), (1, 2), 1),
    ),
]

# The forms that copy where the plain name gives a view.
_BY_NAME = {row.name: row for row in ROWS}
ROWS += [
    dataclasses.replace(_BY_NAME[name], name=f"{name}_copy", aliases=(), errors=())
    for name in (
        "permute",
        "transpose",
        "squeeze",
        "unsqueeze",
        "diagonal",
        "select",
        "unbind",
        "t",
        "as_strided",
        "split",
        "split_with_sizes",
        "narrow",
    )
]
ROWS += [
    move("expand_copy", np.broadcast_to, call(t(2, 1), (2, 3))),
    move("view_copy", np.reshape, call(t(2, 3), (3, 2)), strided=False),
    move("slice_copy", lambda x, d, a, b: x[a:b], call(t(4, 2), 0, 1, 3)),
    move("unfold_copy", _windows, call(t(2, 7), 1, 3, 2)),
    move("alias_copy", np.copy, call(t(2, 3))),
    move("detach_copy", np.copy, call(t(2, 3)), grad=0),
    move(
        "view_as_real_copy",
        lambda z: np.stack([z.real, z.imag], -1),
        call(t(2)),
        kinds="c",
        result="real",
    ),
    Op(
        "view_as_complex_copy",
        [call(t(3, 2))],
        lambda x: x[..., 0] + 1j * x[..., 1],
        kinds="d",
        result="",
        strided=False,
    ),
]
