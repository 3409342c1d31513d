"""PNG files from pixels, with nothing but zlib."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

_COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}  # channels -> PNG's number of the colour type


def encode(pixels: np.ndarray[Any, Any]) -> bytes:
    """A PNG file (W3C's "Portable Network Graphics", third edition).

    Args:
        pixels: uint8 ``(H, W)`` or ``(H, W, C)`` with 1 to 4 channels.

    Raises:
        ValueError: another shape or type.

    >>> import numpy as np
    >>> encode(np.zeros((2, 2), np.uint8))[:4]
    b'\\x89PNG'
    """
    shaped = pixels[:, :, None] if pixels.ndim == 2 else pixels
    if shaped.ndim != 3 or shaped.shape[2] not in _COLOUR_TYPES or shaped.dtype.name != "uint8":
        raise ValueError(
            f"PNG needs uint8 pixels (H, W) or (H, W, 1 to 4), got {pixels.dtype} {pixels.shape}"
        )
    height, width, channels = shaped.shape
    # Each row begins with the number of its filter; 0 is none.
    rows = b"".join(b"\0" + row.tobytes() for row in shaped)
    header = struct.pack(">IIBBBBB", width, height, 8, _COLOUR_TYPES[channels], 0, 0, 0)
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            _chunk(b"IHDR", header),
            _chunk(b"IDAT", zlib.compress(rows, 9)),
            _chunk(b"IEND", b""),
        ]
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
