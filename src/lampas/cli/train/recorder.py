"""The records of a run: metrics.jsonl and TensorBoard's event file."""

from __future__ import annotations

import json
import math
import os
from typing import Any

from lampas.cli import UsageError
from lampas.cli.train.checkpoint import write_atomically
from lampas.cli.train.config import Config
from lampas.utils.tensorboard import SummaryWriter

METRICS = "metrics.jsonl"


def _line(row: dict[str, Any]) -> str:
    return json.dumps(row) + "\n"


def _rows(path: str, done: int) -> list[dict[str, Any]]:
    """The lines of the first ``done`` epochs.

    Raises:
        UsageError: the file has something else in it.
    """
    if not done or not os.path.exists(path):
        return []
    try:
        with open(path, encoding="utf-8") as file:
            rows = [json.loads(line) for line in file]
        return [row for row in rows if row["epoch"] <= done]
    except (ValueError, KeyError, TypeError) as e:
        raise UsageError(f"{path} is damaged: {e}; delete it, or the line") from None


class Recorder:
    """Adds a line and an event for each epoch; what an earlier part of the run wrote stays.

    Args:
        folder: the run's.
        done: epochs that the run's checkpoint has. A line of a later one is left out: the run ended
            between it and the checkpoint, and the epoch comes again.
    """

    def __init__(self, folder: str, done: int) -> None:
        path = os.path.join(folder, METRICS)
        rows = _rows(path, done)
        self.seconds = sum(row["seconds"] for row in rows)  # of training, of all epochs
        write_atomically(path, "".join(map(_line, rows)).encode())
        self._file = open(path, "a", encoding="utf-8")
        self._writer = SummaryWriter(folder)

    def epoch(self, row: dict[str, Any], seconds: float, rate: float) -> None:
        """Writes an epoch's figures, at once."""
        self.seconds += seconds
        full = {**row, "seconds": round(seconds, 3), "samples_per_second": round(rate, 1)}
        # JSON has no numbers that are not finite: a diverged run's losses become null.
        plain = {k: v if math.isfinite(v) else None for k, v in full.items()}
        self._file.write(_line(plain))
        self._file.flush()
        for name, value in full.items():
            if name != "epoch":
                # train_loss becomes loss/train, so that TensorBoard groups the charts.
                part, _, what = name.partition("_")
                tag = f"{what}/{part}" if part in ("train", "test", "validation") else name
                self._writer.add_scalar(tag, value, row["epoch"])
        self._writer.flush()

    def settings(self, config: Config, accuracy: float) -> None:
        """Writes the configuration, as text and for the HParams page."""
        shown = {k: v for k, v in config.as_dict().items() if v is not None}
        table = "\n".join(f"| {k} | {v} |" for k, v in shown.items())
        self._writer.add_text("configuration", f"| option | value |\n|---|---|\n{table}")
        self._writer.add_hparams(shown, {"accuracy/final": accuracy}, run_name="hparams")

    def __enter__(self) -> Recorder:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._writer.close()
