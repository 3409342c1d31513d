"""The report of a run: one HTML file that needs nothing else."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

from lampas.cli.train import charts
from lampas.cli.train.checkpoint import Progress
from lampas.cli.train.config import Config
from lampas.cli.train.metrics import Evaluation, per_class

if TYPE_CHECKING:
    from lampas.nn import Module

WORST = 24


def page(
    config: Config,
    progress: Progress,
    evaluation: Evaluation,
    testset: Any,
    classes: list[str],
    model: Module,
) -> str:
    """The whole page."""
    confusion = evaluation.confusion(len(classes))
    parameters = sum(p.numel() for p in model.parameters())
    sections = [
        _summary(progress, evaluation, parameters),
        _section("Loss and accuracy", _curves(progress.history)),
        _section("Confusion matrix", charts.confusion(confusion, [_short(c) for c in classes])),
        _section("Classes", _classes(confusion, classes)),
        _section("Worst mistakes", _mistakes(evaluation, testset, classes)),
        '<div class="pair">',
        _section("Configuration", _table(_configuration(config))),
        _section("Environment", _table(_environment())),
        "</div>",
        _section("Model", f"<pre>{html.escape(repr(model))}</pre>"),
    ]
    title = html.escape(f"{config.model} on {config.data}")
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


def _summary(progress: Progress, evaluation: Evaluation, parameters: int) -> str:
    figures = [
        (f"{evaluation.accuracy:.2f}%", "test accuracy"),
        (f"{evaluation.total - evaluation.correct} of {evaluation.total}", "mistakes"),
        (f"{evaluation.loss:.4f}", "test loss"),
        (str(progress.epoch), "epochs"),
        (f"{progress.seconds:.1f} s", "training time"),
        (f"{parameters:,}", "parameters"),
    ]
    tiles = "".join(f"<div><b>{value}</b><span>{name}</span></div>" for value, name in figures)
    return f'<div class="tiles">{tiles}</div>'


def _curves(history: list[dict[str, Any]]) -> str:
    drawn = []
    for what, unit in (("loss", ""), ("accuracy", "%")):
        lines = {part: [row[f"{part}_{what}"] for row in history] for part in ("train", "test")}
        title = f"{what.capitalize()} by epoch"
        drawn.append(charts.lines(title, [row["epoch"] for row in history], lines, unit))
    return f'<div class="pair">{"".join(drawn)}</div>'


def _classes(confusion: Any, classes: list[str]) -> str:
    rows = "".join(
        f"<tr><th>{html.escape(name)}</th><td>{row['images']}</td><td>{_cell(row['precision'])}</td>"
        f"<td>{_cell(row['recall'])}</td><td>{_cell(row['f1'])}</td></tr>"
        for name, row in zip(classes, per_class(confusion), strict=True)
    )
    head = "<tr><th>class</th><th>images</th><th>precision</th><th>recall</th><th>F1</th></tr>"
    return f'<table class="classes"><thead>{head}</thead><tbody>{rows}</tbody></table>'


def _cell(share: float) -> str:
    per_cent = 100 * share
    return f'<span class="meter"><i style="width:{per_cent:.1f}%"></i></span>{per_cent:.1f}%'


def _mistakes(evaluation: Evaluation, testset: Any, classes: list[str]) -> str:
    worst = evaluation.worst(WORST)
    if not worst:
        return "<p>None: every test image was recognised.</p>"
    cards = []
    for i in worst:
        label, answer = int(evaluation.labels[i]), int(evaluation.predicted[i])
        sure = 100 * float(evaluation.probabilities[i, answer])
        text = f"{_short(classes[label])}, taken for {_short(classes[answer])}"
        cards.append(
            f'<figure><img src="{charts.data_uri(testset.data[i].numpy())}" width="84" height="84" '
            f'alt="{html.escape(text)}"><figcaption><b>{html.escape(_short(classes[label]))}</b> '
            f"read as <em>{html.escape(_short(classes[answer]))}</em>"
            f"<br><span>{sure:.0f}% sure · no. {i}</span></figcaption></figure>"
        )
    note = (
        f"<p>The {len(worst)} mistakes with the highest loss of "
        f"{evaluation.total - evaluation.correct}, the worst first.</p>"
    )
    return f'{note}<div class="mistakes">{"".join(cards)}</div>'


def _table(rows: dict[str, Any]) -> str:
    cells = "".join(
        f"<tr><th>{html.escape(str(k))}</th><td>{html.escape(str(v))}</td></tr>"
        for k, v in rows.items()
    )
    return f'<table class="facts">{cells}</table>'


def _configuration(config: Config) -> dict[str, Any]:
    hidden = ("out", "resume", "quiet")
    return {k: v for k, v in config.as_dict().items() if k not in hidden and v is not None}


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
