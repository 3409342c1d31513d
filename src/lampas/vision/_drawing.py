"""Drawing on images: boxes, masks, points, optical flow."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

import lampas
from lampas import Tensor
from lampas.vision.transforms.functional import convert_image_dtype, pil_to_tensor, to_pil_image

_Colors = Any  # a name or triple of numbers, or a list with one for each thing drawn
# Steps between the six hues of a colour wheel: Baker et al., "A database and evaluation
# methodology for optical flow", IJCV 2011.
_WHEEL = ((15, 1), (6, -1), (4, 1), (11, -1), (13, 1), (6, -1))


def _palette(n: int) -> list[tuple[int, int, int]]:
    """n colours that differ well."""
    steps = (2**25 - 1, 2**15 - 1, 2**21 - 1)
    return [(i * steps[0] % 255, i * steps[1] % 255, i * steps[2] % 255) for i in range(n)]


def _triple(color: Any) -> tuple[int, ...]:
    from PIL import ImageColor

    return ImageColor.getrgb(color)[:3] if isinstance(color, str) else tuple(color)


def _colors_for(colors: _Colors, n: int, what: str) -> list[tuple[int, ...]]:
    if colors is None:
        return list(_palette(n))
    if isinstance(colors, list):
        if len(colors) < n:
            raise ValueError(
                f"Number of colors must be equal or larger than the number of {what}: "
                f"{len(colors)} < {n}"
            )
        return [_triple(color) for color in colors[:n]]
    if isinstance(colors, (str, tuple)):
        return [_triple(colors)] * n
    raise ValueError(f"colors must be a tuple or a string, or a list of these, got {colors!r}")


def _checked(image: Any, channels: tuple[int, ...] = (3,)) -> None:
    if not isinstance(image, Tensor):
        raise TypeError(f"The image must be a tensor, got {type(image)}")
    if not (image.dtype == lampas.uint8 or image.is_floating_point()):
        raise ValueError(f"The image dtype must be uint8 or float, got {image.dtype}")
    if image.dim() != 3:
        raise ValueError(f"Pass individual images, not batches: got shape {tuple(image.shape)}")
    if image.shape[0] not in channels:
        raise ValueError(
            f"Only grayscale and RGB images are supported, got {image.shape[0]} channels"
            if len(channels) > 1
            else f"Pass an RGB image. Other Image formats are not supported, got {image.shape[0]} "
            "channels"
        )


def _canvas(image: Tensor) -> tuple[Any, Any]:
    """The image as a PIL image, and a pen on it."""
    from PIL import ImageDraw

    if image.shape[0] == 1:
        image = image.expand(3, -1, -1)
    picture = to_pil_image(convert_image_dtype(image, lampas.uint8))
    return picture, ImageDraw.Draw(picture, "RGB")


def _back(picture: Any, image: Tensor) -> Tensor:
    return convert_image_dtype(pil_to_tensor(picture), image.dtype)


def _font(font: str | None, size: int | None) -> Any:
    from PIL import ImageFont

    if font is None:
        if size is not None:
            warnings.warn(
                "Argument 'font_size' will be ignored since 'font' is not set.", stacklevel=3
            )
        return ImageFont.load_default()
    return ImageFont.truetype(font=font, size=size or 10)


def draw_bounding_boxes(
    image: Tensor,
    boxes: Tensor,
    labels: list[str] | None = None,
    colors: _Colors = None,
    fill: bool | None = False,
    width: int = 1,
    font: str | None = None,
    font_size: int | None = None,
    label_colors: _Colors = None,
    label_background_colors: _Colors = None,
    fill_labels: bool = False,
) -> Tensor:
    """An image with boxes drawn on it.

    Args:
        image: ``(C, H, W)`` with 1 or 3 channels, uint8, or float with values in [0, 1].
        boxes: ``(N, 4)`` as x1, y1, x2, y2 in pixels; ``(N, 8)`` as four corners.
        labels: a text for each box, or None for none.
        colors: names or triples, one for all or a list; a palette by default.
        fill: tint the boxes' insides.
        width: of the lines.
        font: a TrueType file.
        font_size: its size in points.
        label_colors: colours of the texts; those of the boxes by default, black with
            ``fill_labels``.
        label_background_colors: colours behind the texts, with ``fill_labels``.
        fill_labels: draw a plain ground behind the texts.

    Returns:
        ``(3, H, W)``, of the image's dtype.

    Raises:
        TypeError: the image is no tensor.
        ValueError: another dtype or shape, an impossible box, too few labels or colours.

    >>> boxes = lampas.tensor([[0, 0, 2, 2]])
    >>> draw_bounding_boxes(lampas.zeros(3, 4, 4), boxes, colors="red")[0, 1].tolist()
    [1.0, 0.0, 1.0, 0.0]
    """
    _checked(image, (1, 3))
    count = boxes.shape[0]
    if count == 0:
        warnings.warn("boxes doesn't contain any box. No box was drawn", stacklevel=2)
        return image
    corners = boxes.tolist()
    if boxes.shape[-1] == 4 and any(x1 > x2 or y1 > y2 for x1, y1, x2, y2 in corners):
        raise ValueError(
            "Boxes need to be in (xmin, ymin, xmax, ymax) format. Use torchvision.ops.box_convert "
            "to convert them"
        )
    texts: list[str | None] = [None] * count if labels is None else list(labels)
    if len(texts) != count:
        raise ValueError(
            f"The number of boxes ({count}) and labels ({len(texts)}) mismatch. Please specify "
            "labels for each box."
        )
    lines = _colors_for(colors, count, "boxes")
    inks = lines
    if label_colors is not None or fill_labels:  # on a ground of the lines' colour, black shows
        inks = _colors_for(label_colors or "black", count, "boxes")
    grounds = lines
    if fill_labels and label_background_colors is not None:
        grounds = _colors_for(label_background_colors, count, "boxes")
    letters = _font(font, font_size) if labels is not None else None
    picture, pen = _canvas(image)
    if fill:
        from PIL import ImageDraw

        pen = ImageDraw.Draw(picture, "RGBA")
    for box, text, line, ink, ground in zip(corners, texts, lines, inks, grounds, strict=True):
        _draw_box(pen, box, line, width, bool(fill))
        if text is not None:
            place = (box[0] + width + 1, box[1] + width + 1)
            if fill_labels:
                left, top, right, bottom = pen.textbbox(place, text, font=letters)
                pen.rectangle((left - 1, top - 1, right + 1, bottom + 1), fill=ground)
            pen.text(place, text, fill=ink, font=letters)
    return _back(picture, image)


def _draw_box(pen: Any, box: list[float], color: tuple[int, ...], width: int, fill: bool) -> None:
    inside = (*color, 100) if fill else None
    if len(box) == 4:
        pen.rectangle(box, width=width, outline=color, fill=inside)
        return
    points = [(box[i], box[i + 1]) for i in range(0, 8, 2)]
    _dashes(pen, points[0], points[1], color, width)
    for i in (1, 2, 3):
        pen.line((*points[i], *points[(i + 1) % 4]), fill=color, width=width)
    if inside is not None:
        pen.polygon(points, fill=inside, width=0)


def _dashes(
    pen: Any,
    start: tuple[float, float],
    end: tuple[float, float],
    color: tuple[int, ...],
    width: int,
) -> None:
    """The first side of a rotated box: dashes and gaps of 5 pixels show which way is up."""
    length = math.dist(start, end)
    place = 0.0
    while place < length:
        ends = []
        for at in (place, min(place + 5, length)):
            part = at / length
            ends += [start[0] + part * (end[0] - start[0]), start[1] + part * (end[1] - start[1])]
        pen.line(ends, fill=color, width=width)
        place += 10


def draw_segmentation_masks(
    image: Tensor, masks: Tensor, alpha: float = 0.8, colors: _Colors = None
) -> Tensor:
    """An RGB image tinted where masks are true; where masks overlap, it is darkened.

    Args:
        image: ``(3, H, W)``, uint8, or float with values in [0, 1].
        masks: bool ``(N, H, W)`` or ``(H, W)``.
        alpha: strength, from 0 to 1.
        colors: names or triples, one for all or a list; a palette by default.

    Raises:
        TypeError: the image is no tensor.
        ValueError: another dtype or shape, or too few colours.

    >>> mask = lampas.tensor([[True, False]])
    >>> draw_segmentation_masks(lampas.zeros(3, 1, 2), mask, 1.0, "lime")[1].tolist()
    [[1.0, 0.0]]
    """
    _checked(image)
    masks = masks[None] if masks.dim() == 2 else masks
    if masks.dim() != 3:
        raise ValueError(f"masks must be of shape (H, W) or (N, H, W), got {tuple(masks.shape)}")
    if masks.dtype != lampas.bool:
        raise ValueError(f"The masks must be of dtype bool. Got {masks.dtype}")
    if masks.shape[-2:] != image.shape[-2:]:
        raise ValueError(
            "The image and the masks must have the same height and width: "
            f"{tuple(image.shape[-2:])} and {tuple(masks.shape[-2:])}"
        )
    if masks.shape[0] == 0:
        warnings.warn("masks doesn't contain any mask. No mask was drawn", stacklevel=2)
        return image
    tinted = image.detach().clone()
    for mask, color in zip(masks, _colors_for(colors, masks.shape[0], "masks"), strict=True):
        paint = lampas.tensor(color, dtype=lampas.uint8)
        tinted[:, mask] = convert_image_dtype(paint, image.dtype)[:, None]
    tinted[:, masks.sum(0) > 1] = 0
    return (image * (1 - alpha) + tinted * alpha).to(image.dtype)


def draw_keypoints(
    image: Tensor,
    keypoints: Tensor,
    connectivity: list[tuple[int, int]] | None = None,
    colors: str | tuple[int, int, int] | None = None,
    radius: int = 2,
    width: int = 3,
    visibility: Tensor | None = None,
) -> Tensor:
    """An RGB image with points, and lines between them.

    Args:
        image: ``(3, H, W)``, uint8, or float with values in [0, 1].
        keypoints: ``(N, K, 2)`` of x and y: K points of N things.
        connectivity: pairs of points to connect.
        colors: name or triple.
        radius: of the points.
        width: of the lines.
        visibility: bool ``(N, K)``; only visible points and lines between such are drawn.

    Raises:
        TypeError: the image is no tensor.
        ValueError: another dtype or shape.

    >>> points = lampas.tensor([[[2.0, 2.0]]])
    >>> draw_keypoints(lampas.zeros(3, 5, 5), points, colors="red", radius=1)[0, 2].tolist()
    [0.0, 1.0, 1.0, 1.0, 0.0]
    """
    _checked(image)
    if keypoints.dim() != 3 or keypoints.shape[-1] != 2:
        raise ValueError(f"keypoints must be of shape (N, K, 2), got {tuple(keypoints.shape)}")
    if visibility is None:
        visibility = lampas.ones(keypoints.shape[:-1], dtype=lampas.bool)
    if visibility.dim() == 3:
        visibility = visibility.squeeze(-1)
    if visibility.shape != keypoints.shape[:-1]:
        raise ValueError(
            f"keypoints and visibility must have the same first dimensions: "
            f"{tuple(keypoints.shape)} and {tuple(visibility.shape)}"
        )
    picture, pen = _canvas(image)
    color = None if colors is None else _triple(colors)
    for points, seen in zip(keypoints.long().tolist(), visibility.bool().tolist(), strict=True):
        for (x, y), shown in zip(points, seen, strict=True):
            if shown:
                pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=color, width=0)
        for a, b in connectivity or ():
            if seen[a] and seen[b]:
                pen.line((*points[a], *points[b]), width=width)
    return _back(picture, image)


def _color_wheel() -> np.ndarray[Any, Any]:
    """``(55, 3)``: from red over yellow, green, cyan, blue and magenta back."""
    rows = []
    for hue, (steps, way) in enumerate(_WHEEL):
        ramp = np.floor(255 * np.arange(steps) / steps)
        part = np.zeros((steps, 3))
        full = (hue + 1) // 2 % 3
        part[:, full] = 255
        moving = (full + 1) % 3 if way > 0 else (full + 2) % 3
        part[:, moving] = ramp if way > 0 else 255 - ramp
        rows.append(part)
    return np.concatenate(rows)


def flow_to_image(flow: Tensor) -> Tensor:
    """Optical flow as colours: the direction is the hue, the length the saturation.

    S. Baker et al., "A database and evaluation methodology for optical flow", IJCV 2011.

    Args:
        flow: float ``(N, 2, H, W)`` or ``(2, H, W)``, of x and y.

    Returns:
        uint8 ``(N, 3, H, W)`` or ``(3, H, W)``.

    Raises:
        ValueError: another dtype or shape.

    >>> flow_to_image(lampas.zeros(2, 1, 1)).flatten().tolist()
    [255, 255, 255]
    """
    if flow.dtype != lampas.float32:
        raise ValueError(f"Flow should be of dtype torch.float32, got {flow.dtype}.")
    if flow.dim() not in (3, 4) or flow.shape[-3] != 2:
        raise ValueError(
            f"Input flow should have shape (2, H, W) or (N, 2, H, W), got {tuple(flow.shape)}."
        )
    batch = flow.detach().reshape(-1, *flow.shape[-3:]).numpy()
    longest = np.sqrt((batch**2).sum(1)).max()
    batch = batch / (longest + np.finfo(np.float32).eps)
    length = np.sqrt((batch**2).sum(1))
    angle = np.arctan2(-batch[:, 1], -batch[:, 0]) / np.float32(math.pi)
    wheel = _color_wheel().astype(np.float32)
    place = (angle + 1) / 2 * (len(wheel) - 1)
    low = np.floor(place).astype(int)
    part = (place - low)[..., None]
    color = (1 - part) * wheel[low] / 255 + part * wheel[(low + 1) % len(wheel)] / 255
    pixels = np.floor(255 * (1 - length[..., None] * (1 - color))).astype(np.uint8)
    made = lampas.from_numpy(np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)))
    return made[0] if flow.dim() == 3 else made
