"""Image files of any kind as square arrays of bytes."""

from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING, Any

from lampas.cli import UsageError

if TYPE_CHECKING:
    import numpy as np

GREY_MODES = ("1", "L", "LA", "La", "I", "F", "I;16", "I;16L", "I;16B", "I;16N")
_ALPHA_MODES = ("RGBA", "LA", "PA", "RGBa", "La")


class Unreadable(Exception):
    """A file that is no picture, or a damaged or too large one; the text says why."""


def pillow() -> Any:
    """The module ``PIL.Image``; UsageError without Pillow."""
    from lampas.vision._pillow import pil_image

    try:
        return pil_image()
    except ImportError:
        raise UsageError(
            "image files need Pillow, which is not installed: pip install 'lampas[vision]'"
        ) from None


class _Opened:
    """A picture that is open; Pillow's many errors come as one."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.pillow = pillow()

    def __enter__(self) -> Any:
        if os.path.isdir(self.path):
            raise Unreadable("is a folder")
        if os.path.exists(self.path) and not os.path.isfile(self.path):
            raise Unreadable("is no file but a pipe or a device")  # reading could wait for ever
        try:
            with warnings.catch_warnings():
                # Up to twice Pillow's limit is large, not suspicious.
                warnings.simplefilter("ignore")
                self.image = self.pillow.open(self.path)
        except BaseException as e:
            self._translate(e)
            raise
        return self.image

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        self.image.close()
        if error is not None:
            self._translate(error)

    def _translate(self, e: BaseException) -> None:
        if isinstance(e, self.pillow.DecompressionBombError):
            limit = 2 * (self.pillow.MAX_IMAGE_PIXELS or 0) // 10**6
            raise Unreadable(
                f"has more than {limit} million pixels; store it smaller to use it"
            ) from None
        if isinstance(e, self.pillow.UnidentifiedImageError):
            empty = os.path.getsize(self.path) == 0
            raise Unreadable("is empty" if empty else "is no image, or of no known kind") from None
        if isinstance(e, FileNotFoundError):
            raise Unreadable("does not exist") from None
        if isinstance(e, (OSError, SyntaxError, ValueError, EOFError, MemoryError)):
            reason = getattr(e, "strerror", None) or " ".join(str(e).split())
            raise Unreadable(f"is damaged or cannot be read ({reason})") from None


def header(path: str) -> tuple[str, int, int]:
    """The mode, width and height that a file's beginning states.

    Raises:
        Unreadable: it cannot be opened as a picture.
    """
    with _Opened(path) as image:
        return image.mode, image.width, image.height


def read(path: str, size: int, channels: int) -> np.ndarray[Any, Any]:
    """A picture as uint8 ``(size, size)``, or ``(size, size, 3)`` for three channels.

    The shorter side becomes ``size``, the middle of the longer one is kept. The camera's
    orientation is followed; transparent parts become white; of 16-bit grey the upper eight bits
    count; of an animation, the first picture.

    Raises:
        Unreadable: the file is no picture, damaged, or too large.
    """
    with _Opened(path) as image:
        return pixels(image, size, channels)


def pixels(image: Any, size: int, channels: int) -> np.ndarray[Any, Any]:
    """As :func:`read`, from a PIL image."""
    import numpy as np
    from PIL import ImageOps

    # JPEG can be decoded at a half, a quarter or an eighth of its size.
    image.draft(None, (2 * size, 2 * size))
    image = flat(ImageOps.exif_transpose(image), "L" if channels == 1 else "RGB")
    return np.array(ImageOps.fit(image, (size, size), pillow().Resampling.BILINEAR))


def flat(image: Any, mode: str) -> Any:
    """A picture of 8 bits and without transparency, in mode ``L`` or ``RGB``."""
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        image = _eight_bits(image)
    if image.mode in _ALPHA_MODES or "transparency" in image.info:
        image = image.convert("RGBA")
        white = pillow().new("RGBA", image.size, (255, 255, 255, 255))
        image = pillow().alpha_composite(white, image)
    return image.convert(mode)


def _eight_bits(image: Any) -> Any:
    """Grey values of 16 or 32 bits or with fractions, brought to 0 … 255."""
    import numpy as np

    values = np.array(image).astype(np.float64)
    if image.mode == "F":
        values = values * 255 if np.nanmax(values, initial=0) <= 1 else values
    elif image.mode != "I" or values.max(initial=0) > 255:
        values = values // 256
    grey = np.nan_to_num(values).clip(0, 255).round().astype(np.uint8)
    return pillow().fromarray(grey)
