"""TensorBoard's messages, field by field; numbers are those of its .proto files."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from lampas.utils.tensorboard import png
from lampas.utils.tensorboard.records import double, doubles, integer, nested, single

if TYPE_CHECKING:
    import numpy as np

# Event: wall_time 1, step 2, file_version 3, summary 5. Summary: value 1.
# Summary.Value: simple_value 2, image 4, histo 5, tag 1, tensor 8, metadata 9.


def version(wall_time: float) -> bytes:
    """The first event of every file."""
    return double(1, wall_time) + nested(3, "brain.Event:2")


def event(wall_time: float, step: int, values: list[bytes]) -> bytes:
    """An event that carries a summary."""
    summary = b"".join(nested(1, value) for value in values)
    return double(1, wall_time) + integer(2, step) + nested(5, summary)


def scalar(tag: str, value: float) -> bytes:
    """A number."""
    return nested(1, tag) + single(2, value)


def image(tag: str, pixels: np.ndarray[Any, Any]) -> bytes:
    """An image; pixels are uint8 ``(H, W, C)``."""
    height, width, channels = pixels.shape
    size = integer(1, height) + integer(2, width) + integer(3, channels)
    return nested(1, tag) + nested(4, size + nested(4, png.encode(pixels)))


def histogram(tag: str, values: np.ndarray[Any, Any], bins: Any) -> bytes:
    """How values are distributed: their moments, and how many lie below each limit."""
    import numpy as np

    flat = values.astype(np.float64).ravel()
    if flat.size == 0:
        raise ValueError(f"the histogram {tag!r} has no values")
    if not np.isfinite(flat).all():
        raise ValueError(f"the histogram {tag!r} has values that are infinite or not a number")
    counts, edges = np.histogram(flat, bins=bins)
    body = double(1, float(flat.min())) + double(2, float(flat.max())) + double(3, float(flat.size))
    body += double(4, math.fsum(flat)) + double(5, float(flat @ flat))
    body += doubles(6, edges[1:]) + doubles(7, counts)
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


def hparams(settings: dict[str, Any], metrics: list[str]) -> list[bytes]:
    """Three values that make TensorBoard's HParams page: experiment, start and end of a session."""
    # HParamsPluginData: experiment 2, session_start_info 3, session_end_info 4; version 1 is 0.
    # Experiment: hparam_infos 4 {name 1, type 4}, metric_infos 5 {name 1 {group 1, tag 2}}
    infos = b"".join(
        nested(4, nested(1, k) + integer(4, _data_type(v))) for k, v in settings.items()
    )
    infos += b"".join(nested(5, nested(1, nested(2, tag))) for tag in metrics)
    # SessionStartInfo: hparams 1, a map: entries {key 1, value 2}
    start = b"".join(
        nested(1, nested(1, k) + nested(2, _protobuf_value(v))) for k, v in settings.items()
    )
    end = integer(1, 1)  # STATUS_SUCCESS
    parts = [(_EXPERIMENT, 2, infos), (_START, 3, start), (_END, 4, end)]
    return [nested(1, tag) + _metadata("hparams", nested(n, body)) for tag, n, body in parts]
