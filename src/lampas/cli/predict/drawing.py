"""Pictures with their answers, on one sheet."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from lampas.cli import UsageError
from lampas.cli.train import pictures

if TYPE_CHECKING:
    from lampas.cli.predict import Answer

MOST = 500  # pictures on a sheet
_SIDE, _WIDTH, _GAP, _LINE = 132, 470, 16, 26
_INK, _SOFT, _BAR, _PAPER = "#1c2330", "#667085", "#2563eb", "#ffffff"
_RAIL, _MISS = "#e3e7ee", "#dc2626"


def check(path: str, count: int) -> None:
    """Raises UsageError if ``path`` cannot become a sheet of ``count`` pictures."""
    image = pictures.pillow()
    suffix = os.path.splitext(path)[1].lower()
    if image.registered_extensions().get(suffix) not in image.SAVE:
        raise UsageError(f"--draw {path}: the name must end in .png, .jpg, or another image suffix")
    if count > MOST:
        raise UsageError(f"--draw {path}: {count} pictures, a sheet has room for {MOST}")
    folder = os.path.dirname(os.path.abspath(path))
    if not os.path.isdir(folder):
        raise UsageError(f"--draw {path}: there is no folder {folder}")


def draw(path: str, answers: list[Answer]) -> None:
    """Writes the sheet: each picture, its name, and a bar for each class."""
    from PIL import Image, ImageDraw

    lines = max([len(answer.classes) for answer in answers] + [1])
    height = max(_SIDE, 30 + _LINE * lines)
    columns = min(2, len(answers))
    rows = -(-len(answers) // columns)
    size = (columns * (_WIDTH + _GAP) + _GAP, rows * (height + _GAP) + _GAP)
    sheet = Image.new("RGB", size, _PAPER)
    pen, fonts = ImageDraw.Draw(sheet), (_font(14), _font(13))
    for number, answer in enumerate(answers):
        x = _GAP + (number % columns) * (_WIDTH + _GAP)
        y = _GAP + (number // columns) * (height + _GAP)
        _card(sheet, pen, fonts, x, y, answer)
    try:
        sheet.save(path)
    except OSError as e:
        raise UsageError(f"--draw {path} cannot be written: {e.strerror or e}") from None


def _font(size: int) -> Any:
    from PIL import ImageFont

    try:
        return ImageFont.load_default(size)
    except TypeError:  # Pillow before 10.1 has one size
        return ImageFont.load_default()


def _card(sheet: Any, pen: Any, fonts: Any, x: int, y: int, answer: Answer) -> None:
    from PIL import Image

    right, width = x + _SIDE + 14, _WIDTH - _SIDE - 14
    pen.text((right, y), _cut(pen, os.path.basename(answer.image), fonts[0], width), _INK, fonts[0])
    if answer.error is not None:
        pen.rectangle((x, y, x + _SIDE - 1, y + _SIDE - 1), _RAIL)
        pen.text((right, y + 30), _cut(pen, answer.error, fonts[1], width), _MISS, fonts[1])
        return
    sheet.paste(Image.fromarray(pictures.read(answer.image, _SIDE, 3)), (x, y))
    for i, (name, share) in enumerate(answer.classes):
        top = y + 30 + _LINE * i
        figure = f"{100 * share:.1f}%"
        text = _cut(pen, name, fonts[1], width - 60)
        pen.text((right, top), text, _INK if i == 0 else _SOFT, fonts[1])
        pen.text((right + width, top), figure, _SOFT, fonts[1], anchor="ra")
        rail = (right, top + 18, right + width, top + 21)
        pen.rectangle(rail, _RAIL)
        pen.rectangle((*rail[:2], right + round(width * share), rail[3]), _BAR)


def _cut(pen: Any, text: str, font: Any, width: int) -> str:
    """The text, shortened to a width in pixels."""
    whole = text
    while text and pen.textlength(text, font) > width:
        text = text[:-1]
    return text if text == whole else text[:-1] + "…"
