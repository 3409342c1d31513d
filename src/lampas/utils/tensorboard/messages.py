"""TensorBoard's messages, field by field; numbers are those of its .proto files."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from lampas.utils.tensorboard import png
from lampas.utils.tensorboard.records import (
    double,
    doubles,
    integer,
    nested,
    single,
    singles,
)

if TYPE_CHECKING:
    import numpy as np

# Event: wall_time 1, step 2, file_version 3, summary 5, session_log 7. Summary: value 1.
# Summary.Value: simple_value 2, image 4, histo 5, audio 6, tag 1, tensor 8, metadata 9.
# TensorProto: dtype 1, tensor_shape 2 {dim 2 {size 1}}, tensor_content 4, float_val 5,
# double_val 6, string_val 8.


def version(wall_time: float) -> bytes:
    """The first event of every file."""
    return double(1, wall_time) + nested(3, "brain.Event:2")


def event(wall_time: float, step: int, values: list[bytes]) -> bytes:
    """An event that carries a summary."""
    summary = b"".join(nested(1, value) for value in values)
    return double(1, wall_time) + integer(2, step) + nested(5, summary)


def start(wall_time: float, step: int) -> bytes:
    """The event of a program that begins again at a step: later ones of an earlier run go."""
    return double(1, wall_time) + integer(2, step) + nested(7, integer(1, 1))


def scalar(
    tag: str, value: float, new_style: bool = False, double_precision: bool = False
) -> bytes:
    """A number; in the new style it is a tensor without dimensions."""
    if not new_style:
        return nested(1, tag) + single(2, value)
    number = integer(1, 2) + doubles(6, [value]) if double_precision else (
        integer(1, 1) + singles(5, [value])
    )  # fmt: skip
    return nested(1, tag) + nested(8, number) + _metadata("scalars")


def shape(sizes: tuple[int, ...]) -> bytes:
    """The field of a TensorProto that holds its shape."""
    return nested(2, b"".join(nested(2, integer(1, n)) for n in sizes))


def tensor(tag: str, code: int, sizes: tuple[int, ...], content: bytes) -> bytes:
    """A tensor by the number of its type, its shape and its bytes."""
    return nested(1, tag) + nested(8, integer(1, code) + shape(sizes) + nested(4, content))


def pr_curve(tag: str, rows: np.ndarray[Any, Any]) -> bytes:
    """A precision-recall curve: true and false positives and negatives, precision, recall."""
    body = integer(1, 1) + shape(rows.shape) + singles(5, rows.ravel().tolist())
    content = integer(2, rows.shape[1])
    return nested(1, tag) + nested(8, body) + _metadata("pr_curves", content)


def audio(tag: str, rate: int, samples: np.ndarray[Any, Any]) -> bytes:
    """Sound; samples are int16 ``(frames, channels)``."""
    import io
    import wave

    frames, channels = samples.shape
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(channels)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(samples.astype("<i2").tobytes())
    body = single(1, rate) + integer(2, channels) + integer(3, frames)
    body += nested(4, file.getvalue()) + nested(5, "audio/wav")
    return nested(1, tag) + nested(6, body)


def image(tag: str, pixels: np.ndarray[Any, Any]) -> bytes:
    """An image; pixels are uint8 ``(H, W, C)``."""
    height, width, channels = pixels.shape
    size = integer(1, height) + integer(2, width) + integer(3, channels)
    return nested(1, tag) + nested(4, size + nested(4, png.encode(pixels)))


def histogram(
    tag: str, values: np.ndarray[Any, Any], bins: Any, max_bins: int | None = None
) -> bytes:
    """How values are distributed: their moments, and how many lie below each limit."""
    import numpy as np

    flat = values.astype(np.float64).ravel()
    if flat.size == 0:
        raise ValueError(f"the histogram {tag!r} has no values")
    if not np.isfinite(flat).all():
        raise ValueError(f"the histogram {tag!r} has values that are infinite or not a number")
    counts, edges = np.histogram(flat, bins=growing_bins() if bins is None else bins)
    if max_bins is not None and len(counts) > max_bins:
        step = -(-len(counts) // max_bins)
        begin = np.arange(0, len(counts), step)
        counts = np.add.reduceat(counts, begin)
        edges = np.append(edges[begin], edges[-1])
    used = np.flatnonzero(counts)
    if used.size:  # one empty bin before the first, as a place for its left limit
        first, last = max(used[0] - 1, 0), used[-1] + 1
        counts, edges = counts[first:last], edges[first : last + 1]
    return histogram_raw(
        tag, float(flat.min()), float(flat.max()), flat.size, math.fsum(flat), float(flat @ flat),
        edges[1:], counts,
    )  # fmt: skip


def growing_bins() -> list[float]:
    """Limits that grow by a tenth each, from 1e-12 to 1e20 on both sides of zero."""
    sides = [1e-12]
    while sides[-1] < 1e20:
        sides.append(sides[-1] * 1.1)
    return [-v for v in reversed(sides)] + [0.0, *sides]


def histogram_raw(
    tag: str, low: float, high: float, count: float, total: float, squares: float,
    limits: Any, counts: Any,
) -> bytes:  # fmt: skip
    """A histogram whose numbers are known."""
    body = double(1, low) + double(2, high) + double(3, count) + double(4, total)
    body += double(5, squares) + doubles(6, limits) + doubles(7, counts)
    return nested(1, tag) + nested(5, body)


def _metadata(plugin: str, content: bytes = b"") -> bytes:
    # SummaryMetadata: plugin_data 1 {plugin_name 1, content 2}
    data = nested(1, plugin) + (nested(2, content) if content else b"")
    return nested(9, nested(1, data))


def text(tag: str, value: str) -> bytes:
    """Text, which TensorBoard reads as Markdown."""
    # TensorProto: dtype 1 (7 is string), tensor_shape 2 {dim 2 {size 1}}, string_val 8
    tensor = integer(1, 7) + nested(2, nested(2, integer(1, 1))) + nested(8, value)
    return nested(1, f"{tag}/text_summary") + nested(8, tensor) + _metadata("text")


_START, _END = "_hparams_/session_start_info", "_hparams_/session_end_info"
_EXPERIMENT = "_hparams_/experiment"
_STRING, _BOOL, _FLOAT = 1, 2, 3  # DataType


def _protobuf_value(value: Any) -> bytes:
    # google.protobuf.Value: number_value 2, string_value 3, bool_value 4
    if isinstance(value, bool):
        return integer(4, value)
    if isinstance(value, (int, float)):
        return double(2, float(value))
    return nested(3, value if isinstance(value, str) else json.dumps(value, default=str))


def _data_type(value: Any) -> int:
    if isinstance(value, bool):
        return _BOOL
    return _FLOAT if isinstance(value, (int, float)) else _STRING


def _choices(values: list[Any]) -> bytes:
    # domain_discrete 5, a ListValue: values 1
    return nested(5, b"".join(nested(1, _protobuf_value(v)) for v in values)) if values else b""


def hparams(
    settings: dict[str, Any], metrics: list[str], choices: dict[str, list[Any]] | None = None
) -> list[bytes]:
    """Three values that make TensorBoard's HParams page: experiment, start and end of a session."""
    # HParamsPluginData: experiment 2, session_start_info 3, session_end_info 4; version 1 is 0.
    # Experiment: hparam_infos 4 {name 1, type 4}, metric_infos 5 {name 1 {group 1, tag 2}}
    infos = b"".join(
        nested(4, nested(1, k) + integer(4, _data_type(v)) + _choices((choices or {}).get(k, [])))
        for k, v in settings.items()
    )
    infos += b"".join(nested(5, nested(1, nested(2, tag))) for tag in metrics)
    # SessionStartInfo: hparams 1, a map: entries {key 1, value 2}
    begin = b"".join(
        nested(1, nested(1, k) + nested(2, _protobuf_value(v))) for k, v in settings.items()
    )
    end = integer(1, 1)  # STATUS_SUCCESS
    parts = [(_EXPERIMENT, 2, infos), (_START, 3, begin), (_END, 4, end)]
    return [nested(1, tag) + _metadata("hparams", nested(n, body)) for tag, n, body in parts]
