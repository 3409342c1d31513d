"""Reading and writing image files as tensors ``(C, H, W)``; Pillow does the work."""

from __future__ import annotations

import io
import os
from enum import Enum
from pathlib import Path
from typing import Any

import lampas
from lampas.vision._pillow import eight_bits, pil_image
from lampas.vision.transforms import functional as F

__all__ = [
    "ImageReadMode",
    "decode_avif",
    "decode_gif",
    "decode_image",
    "decode_jpeg",
    "decode_png",
    "decode_webp",
    "encode_jpeg",
    "encode_png",
    "read_file",
    "read_image",
    "write_file",
    "write_jpeg",
    "write_png",
]


class ImageReadMode(Enum):
    """What channels a decoded image shall have."""

    UNCHANGED = 0
    GRAY = 1
    GRAY_ALPHA = 2
    RGB = 3
    RGB_ALPHA = 4


_PIL_MODES = {
    ImageReadMode.GRAY: "L",
    ImageReadMode.GRAY_ALPHA: "LA",
    ImageReadMode.RGB: "RGB",
    ImageReadMode.RGB_ALPHA: "RGBA",
}


def read_file(path: str | Path) -> lampas.Tensor:
    """A file's bytes, uint8 ``(N,)``."""
    with open(path, "rb") as file:
        return lampas.frombuffer(bytearray(file.read()), dtype=lampas.uint8)


def write_file(filename: str | Path, data: lampas.Tensor) -> None:
    """Writes bytes, uint8 ``(N,)``, to a file."""
    with open(filename, "wb") as file:
        file.write(data.contiguous().numpy().tobytes())


def decode_image(
    input: lampas.Tensor | str | Path,
    mode: ImageReadMode | str = ImageReadMode.UNCHANGED,
    apply_exif_orientation: bool = False,
) -> lampas.Tensor:
    """Decodes an image file or its bytes.

    Args:
        input: a path, or the bytes as uint8 ``(N,)``.
        mode: the channels wanted.
        apply_exif_orientation: turn the image as its camera says.

    Returns:
        ``(C, H, W)``, uint8 for all but 16-bit files, which are int32.

    Raises:
        RuntimeError: the bytes are no image, or a damaged one.
    """
    if isinstance(mode, str):
        mode = ImageReadMode[mode.upper()]
    if isinstance(input, lampas.Tensor):
        source: Any = io.BytesIO(input.contiguous().numpy().tobytes())
    else:
        source = os.fspath(input)
    what = source if isinstance(source, str) else "the given bytes"
    try:
        with pil_image().open(source) as opened:
            picture = _as_mode(opened, mode, apply_exif_orientation)
    except FileNotFoundError:
        raise
    except pil_image().DecompressionBombError as error:
        raise RuntimeError(
            f"{what} is not opened: {error}. If you trust the file, raise "
            "PIL.Image.MAX_IMAGE_PIXELS, or make it smaller"
        ) from error
    except (OSError, SyntaxError, ValueError) as error:
        raise RuntimeError(f"{what} cannot be decoded as an image: {error}") from error
    return F.pil_to_tensor(picture)


def _as_mode(picture: Any, mode: ImageReadMode, turn: bool) -> Any:
    if turn:
        from PIL import ImageOps

        picture = ImageOps.exif_transpose(picture)
    if mode is not ImageReadMode.UNCHANGED:
        return (eight_bits(picture) or picture).convert(_PIL_MODES[mode])
    if picture.mode in ("P", "1"):
        return picture.convert("RGBA" if "transparency" in picture.info else "RGB")
    picture.load()
    return picture.copy()


def read_image(
    path: str | Path,
    mode: ImageReadMode | str = ImageReadMode.UNCHANGED,
    apply_exif_orientation: bool = False,
) -> lampas.Tensor:
    """Reads an image file; see :func:`decode_image`."""
    return decode_image(path, mode, apply_exif_orientation)


decode_jpeg = decode_image
decode_png = decode_image
decode_webp = decode_image
decode_avif = decode_image


def decode_gif(input: lampas.Tensor) -> lampas.Tensor:
    """Decodes the bytes of a GIF, uint8 ``(N,)``: ``(3, H, W)``, or ``(F, 3, H, W)`` of F frames.

    Raises:
        RuntimeError: the bytes are no image, or a damaged one.
    """
    from PIL import ImageSequence

    try:
        with pil_image().open(io.BytesIO(input.contiguous().numpy().tobytes())) as opened:
            frames = [F.pil_to_tensor(f.convert("RGB")) for f in ImageSequence.Iterator(opened)]
    except (OSError, SyntaxError, ValueError) as error:
        raise RuntimeError(f"the given bytes cannot be decoded as an image: {error}") from error
    return frames[0] if len(frames) == 1 else lampas.stack(frames)


def _encoded(image: lampas.Tensor, format: str, **options: Any) -> lampas.Tensor:
    if image.dtype != lampas.uint8 or image.dim() != 3 or image.shape[0] not in (1, 3):
        raise RuntimeError(
            f"encode_{format.lower()}: Input tensor dtype should be uint8 and its shape "
            f"(1 or 3, H, W), got {image.dtype} {tuple(image.shape)}"
        )
    buffer = io.BytesIO()
    F.to_pil_image(image).save(buffer, format=format, **options)
    return lampas.frombuffer(bytearray(buffer.getvalue()), dtype=lampas.uint8)


def encode_png(input: lampas.Tensor, compression_level: int = 6) -> lampas.Tensor:
    """A uint8 image ``(C, H, W)`` as the bytes of a PNG file."""
    return _encoded(input, "PNG", compress_level=compression_level)


def encode_jpeg(input: lampas.Tensor, quality: int = 75) -> lampas.Tensor:
    """A uint8 image ``(C, H, W)`` as the bytes of a JPEG file."""
    return _encoded(input, "JPEG", quality=quality)


def write_png(input: lampas.Tensor, filename: str | Path, compression_level: int = 6) -> None:
    """Writes a uint8 image ``(C, H, W)`` to a PNG file."""
    write_file(filename, encode_png(input, compression_level))


def write_jpeg(input: lampas.Tensor, filename: str | Path, quality: int = 75) -> None:
    """Writes a uint8 image ``(C, H, W)`` to a JPEG file."""
    write_file(filename, encode_jpeg(input, quality))
