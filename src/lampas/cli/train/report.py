"""The report of a run: one HTML file that needs nothing else."""

from __future__ import annotations

import html
import os
from typing import TYPE_CHECKING, Any

from lampas.cli.train import charts, saliency
from lampas.cli.train.config import Config
from lampas.cli.train.metrics import Evaluation, confused, per_class

if TYPE_CHECKING:
    from lampas.cli.train.job import Job

WORST = 25
SUREST = 12
PAIRS = 10
_FULL_NAMES = 20  # classes; with more, a matrix shows no counts and mistakes get a table
_MATRIX = 100  # classes that a matrix can show
_THUMBNAIL = 96  # pixels that a picture has in the report at most


def page(job: Job, evaluation: Evaluation) -> str:
    """The whole page."""
    classes = job.inputs.classes
    confusion = evaluation.confusion(len(classes))
    names = [_short(c) for c in classes]
    matrix = "<p>There are too many classes for a picture.</p>"
    if len(names) <= _MATRIX:
        matrix = charts.confusion(confusion, names)
    sections = [
        _summary(job, evaluation),
        _section("Loss and accuracy", _curves(job)),
        _finder(job),
        _section("Confusion matrix", matrix + _pairs(confusion, names)),
        _section("Classes", _classes(confusion, classes)),
        _section("Worst mistakes", _mistakes(job, evaluation, names)),
        _section("Where the model looks", _looks(job, evaluation, names)),
        _skipped(job.data.skipped),
        '<div class="pair">',
        _section("Configuration", _table(_configuration(job.config))),
        _section("Environment", _table(_environment())),
        "</div>",
        _section("Model", f"<pre>{html.escape(repr(job.model))}</pre>"),
    ]
    title = html.escape(f"{job.config.model} on {job.config.data}")
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<style>{charts.STYLE}</style></head><body><main>"
        f'<header><p class="kind">Lampas · training report</p><h1>{title}</h1></header>'
        f"{''.join(sections)}</main></body></html>\n"
    )


def _short(name: str) -> str:
    """MNIST's classes are called ``7 - seven``; in a chart, the digit is enough."""
    head, separator, _ = name.partition(" - ")
    return head if separator else name


def _section(title: str, body: str) -> str:
    return f"<section><h2>{html.escape(title)}</h2>{body}</section>"


def _summary(job: Job, evaluation: Evaluation) -> str:
    parameters = sum(p.numel() for p in job.model.parameters())
    rows = per_class(evaluation.confusion(len(job.inputs.classes)))
    rows = [row for row in rows if row["images"]]  # of the others nothing is known
    figures = [
        (f"{evaluation.accuracy:.2f}%", "test accuracy"),
        (f"{evaluation.total - evaluation.correct} of {evaluation.total}", "mistakes"),
        (f"{evaluation.loss:.4f}", "test loss"),
        (f"{100 * sum(r['f1'] for r in rows) / len(rows):.2f}%", "mean F1 of the classes"),
        (str(job.progress.epoch), "epochs"),
        (_duration(job.seconds), "training time"),
        (f"{parameters:,}", "parameters"),
    ]
    if len(job.inputs.classes) > 5:
        figures.insert(1, (f"{evaluation.top(5):.2f}%", "top-5 accuracy"))
    tiles = "".join(f"<div><b>{value}</b><span>{name}</span></div>" for value, name in figures)
    return f'<div class="tiles">{tiles}</div>{_which(job)}'


def _which(job: Job) -> str:
    """Which epoch's model the figures are of, and what chose it."""
    best = job.progress.best(job.part) or {}
    figure = f"{best[f'{job.part}_accuracy']:.2f}% on the {job.part} images"
    if not job.config.selects:
        text = (
            f"The figures are of the last epoch's model; the best epoch was {best['epoch']} with "
            f"{figure}."
        )
    else:
        text = (
            f"The figures are of the model after epoch {job.reported}, the best one with {figure}."
        )
        if job.part == "test":
            text += (
                " It was chosen by the test images, so that its accuracy is a little too good; "
                "--validation chooses by others."
            )
    return f'<p class="note">{html.escape(text)}</p>'


def _duration(seconds: float) -> str:
    if seconds < 600:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 36000 else f"{seconds / 3600:.1f} h"


def _curves(job: Job) -> str:
    drawn, history = [], job.progress.history
    for what, unit in (("loss", ""), ("accuracy", "%")):
        lines = {part: [row[f"{part}_{what}"] for row in history] for part in ("train", job.part)}
        title = f"{what.capitalize()} by epoch"
        drawn.append(charts.lines(title, [row["epoch"] for row in history], lines, unit))
    note = ""
    if job.config.label_smoothing or job.config.augment != "none":
        note = (
            "<p>Training figures are taken while the model changes, of varied images and with the "
            "loss that is minimised: they may well be worse than the others.</p>"
        )
    return f'{note}<div class="pair">{"".join(drawn)}</div>'


def _finder(job: Job) -> str:
    found = job.progress.finder
    if not found:
        return ""
    note = (
        "<p>The loss while the learning rate grows from step to step. Taken was "
        f"{found['suggestion']:g}, a tenth of the rate with the lowest loss.</p>"
    )
    drawn = charts.rates(found["rates"], found["losses"], found["suggestion"])
    return _section("Learning-rate finder", f'{note}<div class="single">{drawn}</div>')


def _pairs(confusion: Any, names: list[str]) -> str:
    """The most frequent mistakes, where the matrix is too large for figures."""
    pairs = confused(confusion, PAIRS) if len(names) > _FULL_NAMES else []
    if not pairs:
        return ""
    rows = "".join(
        f"<tr><th>{html.escape(names[i])}</th><td>{html.escape(names[j])}</td><td>{n}</td></tr>"
        for i, j, n in pairs
    )
    head = "<tr><th>most often confused: is</th><th>recognised as</th><th>images</th></tr>"
    return f'<table class="pairs"><thead>{head}</thead><tbody>{rows}</tbody></table>'


def _classes(confusion: Any, classes: list[str]) -> str:
    rows = "".join(
        f"<tr><th>{html.escape(name)}</th><td>{row['images']}</td>"
        + "".join(
            f"<td>{_cell(row[what]) if row['images'] else '–'}</td>"
            for what in ("precision", "recall", "f1")
        )
        + "</tr>"
        for name, row in zip(classes, per_class(confusion), strict=True)
    )
    head = "<tr><th>class</th><th>images</th><th>precision</th><th>recall</th><th>F1</th></tr>"
    return f'<table class="classes"><thead>{head}</thead><tbody>{rows}</tbody></table>'


def _cell(share: float) -> str:
    per_cent = 100 * share
    return f'<span class="meter"><i style="width:{per_cent:.1f}%"></i></span>{per_cent:.1f}%'


def _mistakes(job: Job, evaluation: Evaluation, names: list[str]) -> str:
    worst = evaluation.worst(WORST)
    if not worst:
        return "<p>None: every test image was recognised.</p>"
    cards = []
    for i, pictures in zip(worst, _pictures(job, worst), strict=True):
        label, answer = names[evaluation.labels[i]], names[evaluation.predicted[i]]
        sure = 100 * float(evaluation.probabilities[i, evaluation.predicted[i]])
        cards.append(
            f"<figure>{pictures}<figcaption><b>{html.escape(label)}</b> "
            f"read as <em>{html.escape(answer)}</em>"
            f"<br>{_source(job, i, sure)}</figcaption></figure>"
        )
    count = evaluation.total - evaluation.correct
    which = f"The {len(worst)} mistakes with the highest loss, of {count:,}, the worst first"
    if len(worst) == count:
        which = "The only mistake" if count == 1 else f"All {count} mistakes, the worst first"
    note = f"<p>{which}; beside each picture, what the answer depended on.</p>"
    return f'{note}<div class="mistakes">{"".join(cards)}</div>'


def _looks(job: Job, evaluation: Evaluation, names: list[str]) -> str:
    surest = evaluation.surest()[:SUREST]
    if not surest:
        return "<p>No test image was recognised.</p>"
    cards = [
        f"<figure>{pictures}<figcaption><b>{html.escape(names[evaluation.labels[i]])}</b>"
        f"<br>{_source(job, i, 100 * evaluation.probabilities[i, evaluation.labels[i]])}"
        "</figcaption></figure>"
        for i, pictures in zip(surest, _pictures(job, surest), strict=True)
    ]
    note = (
        "<p>The surest right answer of each class, and how strongly it depends on each pixel: the "
        "gradient of the answer's logit, from red to yellow and white.</p>"
    )
    return f'{note}<div class="mistakes">{"".join(cards)}</div>'


def _source(job: Job, i: int, sure: float) -> str:
    """How sure an answer is, and which test image it is about: its file, or its number."""
    names = job.data.test.names
    path = html.escape(names[i]) if names else ""
    place = html.escape(os.path.basename(names[i])) if names else f"no. {i}"
    return f'<span title="{path}">{sure:.0f}% sure · {place}</span>'


def _pictures(job: Job, indices: list[int]) -> list[str]:
    """For each test image, itself and its saliency map, side by side."""
    import lampas

    images = job.data.test
    batch = lampas.stack([images[i][0] for i in indices])
    found = []
    for i, strengths in zip(indices, saliency.maps(job.model, batch, job.fit), strict=True):
        picture = images.data[i].numpy()
        both = (picture, saliency.coloured(strengths, picture))
        found.append("".join(_image(_reduced(pixels)) for pixels in both))
    return [f'<div class="two">{both}</div>' for both in found]


def _reduced(pixels: Any) -> Any:
    """Bytes ``(H, W[, 3])`` at a size that suits a page."""
    if pixels.shape[0] <= _THUMBNAIL:
        return pixels
    import lampas
    import lampas.nn.functional as F

    planes = lampas.from_numpy(pixels).reshape(*pixels.shape[:2], -1).permute(2, 0, 1)[None]
    small = F.interpolate(planes.float(), (_THUMBNAIL,) * 2, mode="bilinear", antialias=True)
    return small.round().clamp(0, 255).to(lampas.uint8)[0].permute(1, 2, 0).contiguous().numpy()


def _image(pixels: Any) -> str:
    kind = ' class="smooth"' if pixels.shape[0] > 64 else ""
    return f'<img{kind} src="{charts.data_uri(pixels)}" width="84" height="84" alt="">'


def _skipped(files: list[str]) -> str:
    if not files:
        return ""
    shown = "".join(f"<li>{html.escape(line)}</li>" for line in files[:50])
    more = f"<p>… and {len(files) - 50:,} more</p>" if len(files) > 50 else ""
    return _section(f"Files left out: {len(files):,}", f"<ul>{shown}</ul>{more}")


def _table(rows: dict[str, Any]) -> str:
    cells = "".join(
        f"<tr><th>{html.escape(str(k))}</th><td>{html.escape(str(v))}</td></tr>"
        for k, v in rows.items()
    )
    return f'<table class="facts">{cells}</table>'


def _configuration(config: Config) -> dict[str, Any]:
    hidden = ("out", "resume", "quiet")
    return {
        k.replace("_", " "): v
        for k, v in config.as_dict().items()
        if k not in hidden and v is not None
    }


def _environment() -> dict[str, Any]:
    import platform
    import time

    import numpy

    import lampas
    from lampas._version import __version__

    return {
        "finished": time.strftime("%Y-%m-%d %H:%M:%S"),
        "Lampas": __version__,
        "instruction set": lampas.backends.cpu.get_cpu_capability(),
        "threads": lampas.get_num_threads(),
        "Python": platform.python_version(),
        "NumPy": numpy.__version__,
        "system": f"{platform.system()} {platform.release()}, {platform.machine()}",
    }
