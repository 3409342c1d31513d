"""The container of PyTorch's files: a zip archive of uncompressed, 64-byte aligned records."""

from __future__ import annotations

import struct
import zipfile
import zlib
from itertools import pairwise
from typing import Any

ALIGNMENT = 64
_LIMIT = 0xFFFFFFFF  # from here on sizes and offsets stand in 64-bit fields
_UTF8 = 0x800
# Compressed records may grow by this factor; weights hardly grow at all. Small ones, by any.
_RATIO = 100
_INFLATED = 1 << 24
_LOCAL = struct.Struct("<IHHHHHIIIHH")
_CENTRAL = struct.Struct("<IHHHHHHIIIHHHHHII")


class ZipWriter:
    """Writes records one after the other; needs neither seeking nor telling.

    Args:
        file: where to write.
        prefix: put before every record's name.
        checksums: whether to compute each record's CRC-32 (else it is 0).
    """

    def __init__(self, file: Any, prefix: str, checksums: bool = True) -> None:
        self._file, self._prefix, self._checksums = file, prefix, checksums
        self._at = 0
        self._central: list[bytes] = []
        self.last_checksum = 0

    def _write(self, data: Any) -> None:
        # A raw file may take less than it is given.
        view = memoryview(data).cast("B") if len(data) else memoryview(b"")
        done = 0
        while done < len(view):
            n = self._file.write(view[done:])
            done += len(view) if n is None else n
        self._at += len(view)

    def add(self, name: str, data: Any) -> None:
        """Adds a record; its data begin at a multiple of 64 bytes."""
        encoded = f"{self._prefix}/{name}".encode()
        size = memoryview(data).nbytes
        crc = zlib.crc32(data) if self._checksums and size else 0
        self.last_checksum = crc
        start = self._at
        large = size >= _LIMIT
        extra = struct.pack("<HHQQ", 1, 16, size, size) if large else b""
        head = start + _LOCAL.size + len(encoded) + len(extra) + 4
        padding = -head % ALIGNMENT
        extra += struct.pack("<2sH", b"FB", padding) + b"Z" * padding
        short = _LIMIT if large else size
        version = 45 if large else 20
        self._write(
            _LOCAL.pack(
                0x04034B50, version, _UTF8, 0, 0, 0x21, crc, short, short, len(encoded), len(extra)
            )
            + encoded
            + extra
        )
        self._write(data)
        self._list(encoded, crc, size, start)

    def _list(self, name: bytes, crc: int, size: int, start: int) -> None:
        wide = b""
        if size >= _LIMIT:
            wide += struct.pack("<QQ", size, size)
        if start >= _LIMIT:
            wide += struct.pack("<Q", start)
        extra = struct.pack("<HH", 1, len(wide)) + wide if wide else b""
        short = min(size, _LIMIT)
        version = 45 if wide else 20
        self._central.append(
            _CENTRAL.pack(
                0x02014B50, version, version, _UTF8, 0, 0, 0x21, crc, short, short, len(name),
                len(extra), 0, 0, 0, 0, min(start, _LIMIT),
            )
            + name
            + extra
        )  # fmt: skip

    def finish(self) -> None:
        """Writes the directory of records."""
        start, count = self._at, len(self._central)
        directory = b"".join(self._central)
        self._write(directory)
        if start >= _LIMIT or len(directory) >= _LIMIT or count >= 0xFFFF:
            end = self._at
            self._write(
                struct.pack(
                    "<IQHHIIQQQQ", 0x06064B50, 44, 45, 45, 0, 0, count, count, len(directory), start
                )
            )
            self._write(struct.pack("<IIQI", 0x07064B50, 0, end, 1))
        n = min(count, 0xFFFF)
        size = min(len(directory), _LIMIT)
        self._write(struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, n, n, size, min(start, _LIMIT), 0))


class ZipReader:
    """Finds records and reads them straight into memory.

    Raises:
        RuntimeError: the archive is cut or damaged; the message says where.
    """

    def __init__(self, file: Any, name: str, size: int) -> None:
        self._file, self._name, self._size = file, name, size
        try:
            self._zip = zipfile.ZipFile(file)
        except (
            zipfile.BadZipFile, NotImplementedError, ValueError, OSError, OverflowError,
            struct.error,
        ) as e:  # fmt: skip
            raise RuntimeError(self._cut(e)) from None
        self._records = {i.filename: i for i in self._zip.infolist()}
        self._refuse_overlap()
        self.prefix = self._common_prefix()

    def _refuse_overlap(self) -> None:
        # Else a small file could name the same bytes thousands of times, and fill the memory.
        infos = sorted(self._zip.infolist(), key=lambda i: i.header_offset)
        if infos and infos[0].header_offset < 0:
            raise RuntimeError(self._cut(ValueError("a record before the file's beginning")))
        for one, next_ in pairwise(infos):
            if one.header_offset + _LOCAL.size + one.compress_size > next_.header_offset:
                raise RuntimeError(
                    f"{self._name} is damaged: record {one.filename!r}, which begins at byte "
                    f"{one.header_offset}, reaches into {next_.filename!r} at byte "
                    f"{next_.header_offset}"
                )

    def _common_prefix(self) -> str:
        for name in self._records:
            if name.endswith("/data.pkl") or name == "data.pkl":
                return name[: -len("data.pkl")]
        raise RuntimeError(
            f"{self._name} is a zip archive, but no PyTorch file: it has no record data.pkl. "
            f"It holds: {', '.join(list(self._records)[:5]) or 'nothing'}"
        )

    def _cut(self, reason: Exception) -> str:
        return (
            f"{self._name} is cut or damaged: its directory of records, which stands at the end, "
            f"is missing or unreadable ({reason}). {self._last_record()}The file has {self._size} "
            "bytes. It was probably not copied or saved completely; get it again"
        )

    def _last_record(self) -> str:
        """The last record that begins in a file that is cut."""
        self._file.seek(0)
        at, last, tail = 0, None, b""
        while chunk := self._file.read(1 << 20):
            data = tail + chunk
            base = at - len(tail)
            found = data.rfind(b"PK\x03\x04")
            if found >= 0 and found + 30 <= len(data):
                length = struct.unpack_from("<H", data, found + 26)[0]
                name = data[found + 30 : found + 30 + length]
                last = (name.decode(errors="replace"), base + found)
            at += len(chunk)
            tail = data[-512:]
        if last is None:
            return "No record could be found. "
        return f"The last record that begins is {last[0]!r}, at byte {last[1]}. "

    def __contains__(self, record: str) -> bool:
        return self.prefix + record in self._records

    def records(self) -> list[str]:
        """The names of all records."""
        return list(self._records)

    def _info(self, record: str) -> zipfile.ZipInfo:
        info = self._records.get(self.prefix + record)
        if info is None:
            raise RuntimeError(
                f"{self._name} is damaged: it refers to a record {self.prefix + record!r} that it "
                "does not have"
            )
        return info

    def size(self, record: str) -> int:
        """Bytes of a record."""
        return self._info(record).file_size

    def offset(self, record: str) -> int | None:
        """Where a record's bytes begin in the file; None if they are compressed."""
        info = self._info(record)
        if info.compress_type != zipfile.ZIP_STORED:
            return None
        self._file.seek(info.header_offset)
        head = self._file.read(_LOCAL.size)
        if len(head) < _LOCAL.size or head[:4] != b"PK\x03\x04":
            raise RuntimeError(
                f"{self._name} is damaged: no record begins at byte {info.header_offset}, where "
                f"its directory says that {info.filename!r} does"
            )
        names, extra = struct.unpack_from("<HH", head, 26)
        start = info.header_offset + _LOCAL.size + names + extra
        if start + info.file_size > self._size:
            raise RuntimeError(
                f"{self._name} is cut: record {info.filename!r} needs bytes {start} to "
                f"{start + info.file_size}, the file has {self._size}"
            )
        return start

    def read_into(self, record: str, out: memoryview) -> None:
        """Fills `out` with the first bytes of a record, and checks them."""
        info = self._info(record)
        start = self.offset(record)
        if start is None:
            out[:] = memoryview(self._inflate(info))[: len(out)]
            return
        self._file.seek(start)
        if read_full(self._file, out) != len(out):
            raise RuntimeError(
                f"{self._name} is cut inside record {info.filename!r}, which begins at byte {start}"
            )
        # PyTorch can be told to leave checksums out; they are 0 then.
        if info.CRC and self._checksum(out, info.file_size - len(out)) != info.CRC:
            raise RuntimeError(
                f"{self._name} is damaged: the bytes of record {info.filename!r} (from byte "
                f"{start} on, {info.file_size} bytes) have changed since they were written"
            )

    def _checksum(self, first: memoryview, rest: int) -> int:
        """Of what was read and of `rest` more bytes of the file."""
        crc = zlib.crc32(first)
        while rest > 0 and (chunk := self._file.read(min(rest, 1 << 20))):
            crc, rest = zlib.crc32(chunk, crc), rest - len(chunk)
        return crc

    def _inflate(self, info: zipfile.ZipInfo) -> bytes:
        if info.file_size > _INFLATED and info.file_size > _RATIO * info.compress_size:
            raise RuntimeError(
                f"{self._name}: record {info.filename!r} at byte {info.header_offset} has "
                f"{info.compress_size} bytes, which would inflate to {info.file_size}. Files made "
                "to fill the memory look like that, so it was not inflated. Remedy, if you trust "
                "it: unpack the archive, and pack it again without compression (zip -0)"
            )
        try:
            return self._zip.read(info)
        except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError) as e:
            raise RuntimeError(
                f"{self._name} is damaged: record {info.filename!r} at byte "
                f"{info.header_offset}: {e}"
            ) from None

    def read(self, record: str) -> bytes:
        """A record's bytes."""
        out = bytearray(self.size(record)) if self.offset(record) is not None else None
        if out is None:
            return self._inflate(self._info(record))
        self.read_into(record, memoryview(out))
        return bytes(out)


def read_full(file: Any, out: memoryview) -> int:
    """Reads until `out` is full or the file ends; the number of bytes read."""
    done = 0
    readinto = getattr(file, "readinto", None)
    while done < len(out):
        if readinto is not None:
            n = readinto(out[done:]) or 0
        else:
            chunk = file.read(len(out) - done)
            n = len(chunk)
            out[done : done + n] = chunk
        if n == 0:
            break
        done += n
    return done
