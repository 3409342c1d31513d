"""Charts as inline SVG, images as data URIs, and the style they share."""

from __future__ import annotations

import base64
import html
import math
from typing import Any

from lampas.utils.tensorboard import png

WIDTH, HEIGHT = 460, 280
LEFT, RIGHT, TOP, BOTTOM = 52, 14, 40, 34

STYLE = """
:root{--bg:#f6f7f9;--card:#fff;--ink:#1c2330;--soft:#667085;--line:#e3e7ee;--a:#2563eb;--b:#d97706;
--hit:37,99,235;--miss:220,38,38}
@media(prefers-color-scheme:dark){:root{--bg:#10141b;--card:#181e28;--ink:#e8ecf3;--soft:#98a2b3;
--line:#2a3342;--a:#6ea8fe;--b:#f5a54a;--hit:110,168,254;--miss:248,113,113}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);
font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{max-width:1040px;margin:0 auto;padding:32px 20px 56px}
header{margin-bottom:20px}h1{margin:0;font-size:30px;line-height:1.2}
.kind{margin:0 0 4px;color:var(--soft);font-size:13px;letter-spacing:.04em}
h2{margin:0 0 14px;font-size:18px}
section{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:20px 22px;
margin-top:18px;overflow-x:auto}
p{margin:0 0 12px;color:var(--soft)}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(220px,45%),1fr));gap:12px}
.tiles div{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:14px 16px}
.tiles b{display:block;font-size:21px;white-space:nowrap;font-variant-numeric:tabular-nums}
.tiles span{color:var(--soft);font-size:13px}.tiles div:first-child b{color:var(--a)}
.pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(400px,100%),1fr));gap:16px}
svg{display:block;width:100%;height:auto;font:12px system-ui,sans-serif}
svg text{fill:var(--soft)}svg .title{fill:var(--ink);font-size:13px;font-weight:600}
svg .grid{stroke:var(--line)}svg .mark{stroke:var(--b);stroke-dasharray:4 4}
svg .train,svg .test,svg .validation{fill:none;stroke-width:2;stroke-linejoin:round}
svg .train{stroke:var(--a)}svg .test,svg .validation{stroke:var(--b)}
svg .dot.train{fill:var(--a)}svg .dot.test,svg .dot.validation{fill:var(--b)}
.single{max-width:560px;margin:0 auto}.note{margin:14px 2px 0}
.matrix{margin:0 auto}
.matrix .hit{fill:rgb(var(--hit))}.matrix .miss{fill:rgb(var(--miss))}
.matrix .cell{stroke:var(--line);fill:none}.matrix .count{fill:var(--ink);text-anchor:middle}
.matrix .strong{fill:var(--card);font-weight:600}.matrix .rule{stroke:var(--line)}
.pairs{margin-top:18px}
table{border-collapse:collapse;font-variant-numeric:tabular-nums}
th,td{padding:5px 14px 5px 0;text-align:left;border-bottom:1px solid var(--line)}
tr:last-child>*{border-bottom:0}thead th,.facts th{color:var(--soft);font-weight:500}
.classes{width:100%}.classes td{white-space:nowrap}
.meter{display:inline-block;width:90px;height:6px;margin-right:9px;border-radius:3px;
background:var(--line);vertical-align:middle;overflow:hidden}
.meter i{display:block;height:100%;background:var(--a)}
.mistakes{display:grid;grid-template-columns:repeat(auto-fill,minmax(176px,1fr));gap:16px}
@media(max-width:520px){main{padding:20px 10px 40px}section{padding:16px 12px}.meter{display:none}
.mistakes{grid-template-columns:repeat(2,1fr);gap:12px 6px}.two img{width:46%;height:auto}
.tiles b{font-size:18px;white-space:normal}}
.two{display:flex;gap:4px;justify-content:center}ul{margin:0;padding-left:18px}
img.smooth{image-rendering:auto}
figure{margin:0;text-align:center}
img{image-rendering:pixelated;border-radius:8px;border:1px solid var(--line)}
figcaption{font-size:13px;line-height:1.4;margin-top:4px}
figcaption span{display:inline-block;max-width:100%;overflow:hidden;text-overflow:ellipsis;
white-space:nowrap;vertical-align:bottom;color:var(--soft)}figure{min-width:0}
em{font-style:normal;font-weight:600;color:rgb(var(--miss))}
pre{margin:0;font:13px/1.5 ui-monospace,Menlo,Consolas,monospace}
"""


def data_uri(pixels: Any) -> str:
    """An image as text that an ``<img>`` shows; pixels are uint8 ``(H, W)`` or ``(H, W, 3)``."""
    return f"data:image/png;base64,{base64.b64encode(png.encode(pixels)).decode()}"


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Round numbers that span ``low`` to ``high``, about ``count`` of them.

    >>> ticks(0, 9.3)
    [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]
    """
    if high <= low:
        high = low + (abs(low) or 1.0)
    raw = (high - low) / count
    unit = 10.0 ** math.floor(math.log10(raw))
    step = next(m * unit for m in (1, 2, 5, 10) if m * unit >= raw * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [i * step for i in range(first, last + 1)]


def lines(title: str, xs: list[int], series: dict[str, list[float]], unit: str = "") -> str:
    """A line chart: one line for each of ``series``, whose names are classes of the style.

    Values that are not finite leave a gap.
    """
    finite = [v for values in series.values() for v in values if math.isfinite(v)] or [0.0]
    marks = ticks(
        0.0 if not unit else min(finite), min(max(finite), 100.0) if unit else max(finite)
    )
    low, high = marks[0], marks[-1]
    span = max(xs[-1] - xs[0], 1) if xs else 1

    def x(value: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * ((value - xs[0]) / span if len(xs) > 1 else 0.5)

    def y(value: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (high - value) / (high - low)

    out = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{html.escape(title)}">']
    out.append(f'<text class="title" x="{LEFT}" y="18">{html.escape(title)}</text>')
    for mark in marks:
        out.append(f'<path class="grid" d="M{LEFT} {y(mark):.1f}H{WIDTH - RIGHT}"/>')
        out.append(
            f'<text x="{LEFT - 8}" y="{y(mark) + 4:.1f}" text-anchor="end">{mark:g}{unit}</text>'
        )
    for value in _whole(xs):
        out.append(
            f'<text x="{x(value):.1f}" y="{HEIGHT - 12}" text-anchor="middle">{value}</text>'
        )
    for number, (name, values) in enumerate(series.items()):
        out += _line(
            name, [(x(a), y(b) if math.isfinite(b) else b) for a, b in zip(xs, values, strict=True)]
        )
        at = WIDTH - RIGHT - 60 * (len(series) - number) - (24 if "validation" in series else 0)
        out.append(f'<path class="{name}" d="M{at} 14h16"/>')
        out.append(f'<text x="{at + 22}" y="18">{name}</text>')
    return "".join([*out, "</svg>"])


def _whole(xs: list[int]) -> list[int]:
    """A few of the epochs: the first, the last, round ones between."""
    if len(xs) <= 8:
        return xs
    step = next(s for s in (2, 5, 10, 20, 50, 100, 200, 500, 10**9) if (xs[-1] - xs[0]) / s <= 8)
    inner = [v for v in xs if v % step == 0 and v - xs[0] >= step / 2 and xs[-1] - v >= step / 2]
    return [xs[0], *inner, xs[-1]]


def _line(name: str, points: list[tuple[float, float]]) -> list[str]:
    """A line through the points, broken where a value is not finite; single points as dots."""
    runs: list[list[tuple[float, float]]] = [[]]
    for point in points:
        if math.isfinite(point[1]):
            runs[-1].append(point)
        elif runs[-1]:
            runs.append([])
    out = []
    for run in runs:
        if len(run) == 1:
            out.append(
                f'<circle class="dot {name}" cx="{run[0][0]:.1f}" cy="{run[0][1]:.1f}" r="3"/>'
            )
        elif run:
            path = "L".join(f"{a:.1f} {b:.1f}" for a, b in run)
            out.append(f'<path class="{name}" d="M{path}"/>')
    return out


def rates(xs: list[float], ys: list[float], marked: float) -> str:
    """The curve of a search for a learning rate: the rate in powers of ten, one rate marked."""
    low, high = math.floor(math.log10(xs[0])), max(math.ceil(math.log10(xs[-1])), -5)
    # The explosion at the end must not flatten what comes before.
    marks = ticks(min(ys), min(max(ys), 2 * ys[0]))
    bottom, top = marks[0], marks[-1]

    def x(value: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (math.log10(value) - low) / max(high - low, 1)

    def y(value: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (top - min(value, top)) / (top - bottom)

    title = "Loss by learning rate"
    out = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{title}">']
    out.append(f'<text class="title" x="{LEFT}" y="18">{title}</text>')
    for mark in marks:
        out.append(f'<path class="grid" d="M{LEFT} {y(mark):.1f}H{WIDTH - RIGHT}"/>')
        out.append(f'<text x="{LEFT - 8}" y="{y(mark) + 4:.1f}" text-anchor="end">{mark:g}</text>')
    for power in range(low, high + 1):
        place = x(10.0**power)
        text = f"{10.0**power:g}"
        out.append(f'<text x="{place:.1f}" y="{HEIGHT - 12}" text-anchor="middle">{text}</text>')
    place = x(max(marked, 10.0**low))
    out.append(f'<path class="mark" d="M{place:.1f} {TOP}V{HEIGHT - BOTTOM}"/>')
    out.append(f'<text x="{place + 5:.1f}" y="{TOP + 12}">{marked:g}</text>')
    out += _line("train", [(x(a), y(b)) for a, b in zip(xs, ys, strict=True)])
    return "".join([*out, "</svg>"])


def confusion(counts: Any, names: list[str]) -> str:
    """A confusion matrix: rows are classes, columns answers; colour is the share of the row.

    Up to 20 classes with counts; with more the cells are small and tell their count when pointed
    at.
    """
    many = len(names) > 20
    side, n = (10 if many else 46), len(names)
    names = [name if len(name) <= 18 else name[:17] + "…" for name in names]
    letters = max(len(name) for name in names)
    left = 34 + (5 if many else 7) * letters
    slanted = left >= 60 or many
    top = 44 + (5 if not many else 4) * letters if slanted else 52
    width, height = left + n * side + (4 * letters if slanted else 4), top + n * side + 4
    size = ' font-size="8"' if many else ""
    kind = "matrix many" if many else "matrix"
    # Few classes fill a part of the page only.
    most = "" if many else f' style="max-width:{min(round(1.3 * width), 620)}px"'
    out = [f'<svg class="{kind}" viewBox="0 0 {width} {height}" role="img"{most}>']
    middle, down = left + n * side / 2, top + n * side / 2
    out.append(f'<text class="title" x="{middle}" y="16" text-anchor="middle">recognised as</text>')
    out.append(
        f'<text class="title" transform="translate(14 {down}) rotate(-90)" text-anchor="middle">'
        "is</text>"
    )
    if many:
        frame = f'x="{left}" y="{top}" width="{n * side}" height="{n * side}"'
        out.append(f'<rect class="cell" {frame}/>')
        for k in range(0, n, 5):
            out.append(f'<path class="rule" d="M{left} {top + k * side}h{n * side}"/>')
            out.append(f'<path class="rule" d="M{left + k * side} {top}v{n * side}"/>')
    for i, name in enumerate(names):
        text, centre = html.escape(name), left + (i + 0.5) * side
        y = top + (i + 0.5) * side + (3 if many else 4)
        out.append(f'<text{size} x="{left - 6}" y="{y}" text-anchor="end">{text}</text>')
        angle = -60 if many else -40
        turn = f' transform="rotate({angle} {centre} {top - 6})"' if slanted else ""
        anchor = "start" if slanted else "middle"
        out.append(
            f'<text{size} x="{centre}" y="{top - 6}" text-anchor="{anchor}"{turn}>{text}</text>'
        )
        for j, answer in enumerate(names):
            place = (left + j * side, top + i * side, side)
            hint = f"{name} recognised as {answer}: {int(counts[i, j])}"
            out.append(_small(counts, i, j, *place, hint) if many else _count(counts, i, j, *place))
    return "".join([*out, "</svg>"])


def _small(counts: Any, i: int, j: int, x: float, y: float, side: int, hint: str) -> str:
    """A cell without a figure; empty ones, which are most of them, are left out."""
    count, row = int(counts[i, j]), max(int(counts[i].sum()), 1)
    if not count:
        return ""
    depth = count / row if i == j else math.sqrt(count / row)
    return (
        f'<rect class="{"hit" if i == j else "miss"}" x="{x}" y="{y}" width="{side}" '
        f'height="{side}" fill-opacity="{depth:.2f}"><title>{html.escape(hint)}</title></rect>'
    )


def _count(counts: Any, i: int, j: int, x: float, y: float, side: int) -> str:
    count, row = int(counts[i, j]), max(int(counts[i].sum()), 1)
    box = f'x="{x}" y="{y}" width="{side}" height="{side}"'
    if not count:
        return f'<rect class="cell" {box}/>'
    # Mistakes are few: the square root makes them visible beside the diagonal.
    depth = count / row if i == j else math.sqrt(count / row)
    strong = " strong" if depth > 0.55 else ""
    return (
        f'<rect class="{"hit" if i == j else "miss"}" {box} fill-opacity="{depth:.3f}"/>'
        f'<rect class="cell" {box}/><text class="count{strong}" x="{x + side / 2}" '
        f'y="{y + side / 2 + 4}">{count}</text>'
    )
