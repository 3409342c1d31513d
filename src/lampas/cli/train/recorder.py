"""The records of a run: metrics.jsonl and TensorBoard's event file."""

from __future__ import annotations

import json
import math
import os
from typing import Any

from lampas.cli.train.config import Config
from lampas.utils.tensorboard import SummaryWriter

METRICS = "metrics.jsonl"


class Recorder:
    """Adds a line and an event for each epoch; what an earlier part of the run wrote stays."""

    def __init__(self, folder: str) -> None:
        self._file = open(os.path.join(folder, METRICS), "a", encoding="utf-8")
        self._writer = SummaryWriter(folder)

    def epoch(self, row: dict[str, Any], rate: float) -> None:
        """Writes an epoch's figures, at once."""
        full = {**row, "samples_per_second": round(rate, 1)}
        # JSON has no numbers that are not finite: a diverged run's losses become null.
        plain = {k: v if math.isfinite(v) else None for k, v in full.items()}
        self._file.write(json.dumps(plain) + "\n")
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
