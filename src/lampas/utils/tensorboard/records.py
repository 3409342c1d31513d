"""TFRecord framing and the protobuf wire format, as far as event files need them.

A record is its length (8 bytes, little-endian), the masked CRC32C of these 8 bytes, the data, and
the masked CRC32C of the data. Described in TensorFlow's "TFRecord and tf.train.Example";
the wire format in "Protocol Buffers: Encoding".
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

_POLYNOMIAL = 0x82F63B78  # Castagnoli's, bits reversed


def _table() -> list[int]:
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = (crc >> 1) ^ (_POLYNOMIAL if crc & 1 else 0)
        table.append(crc)
    return table


_TABLE = _table()


def crc32c(data: bytes) -> int:
    """The CRC with Castagnoli's polynomial (RFC 3720).

    >>> hex(crc32c(b"123456789"))
    '0xe3069283'
    """
    crc = 0xFFFFFFFF
    for byte in data:
        crc = (crc >> 8) ^ _TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def masked_crc32c(data: bytes) -> int:
    """A CRC rotated and offset, so that data that contains its own CRC is safe to frame."""
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def record(data: bytes) -> bytes:
    """``data`` framed as one TFRecord."""
    length = struct.pack("<Q", len(data))
    head = length + struct.pack("<I", masked_crc32c(length))
    return head + data + struct.pack("<I", masked_crc32c(data))


def varint(value: int) -> bytes:
    """A number in groups of seven bits, the lowest first; negative ones as 64-bit two's complement.

    >>> varint(300).hex()
    'ac02'
    """
    value &= 0xFFFFFFFFFFFFFFFF
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def integer(field: int, value: int) -> bytes:
    """A field of an integer or enumeration type."""
    return varint(field << 3) + varint(value)


def double(field: int, value: float) -> bytes:
    """A field of type double."""
    return varint(field << 3 | 1) + struct.pack("<d", value)


def single(field: int, value: float) -> bytes:
    """A field of type float; what does not fit becomes infinite."""
    try:
        packed = struct.pack("<f", value)
    except OverflowError:
        packed = struct.pack("<f", float("inf") if value > 0 else float("-inf"))
    return varint(field << 3 | 5) + packed


def nested(field: int, value: bytes | str) -> bytes:
    """A field that holds a message, bytes or text."""
    data = value.encode() if isinstance(value, str) else value
    return varint(field << 3 | 2) + varint(len(data)) + data


def singles(field: int, values: Iterable[float]) -> bytes:
    """A packed repeated field of type float."""
    return nested(field, b"".join(struct.pack("<f", v) for v in values))


def doubles(field: int, values: Iterable[float]) -> bytes:
    """A packed repeated field of type double."""
    return nested(field, b"".join(struct.pack("<d", v) for v in values))
