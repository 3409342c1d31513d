"""What a run prints, and how it notices Ctrl-C."""

from __future__ import annotations

import signal
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from lampas.cli.train.config import Config

if TYPE_CHECKING:
    from lampas.cli.train.data import Data

SKIPPED = "skipped.txt"
_NAMED = 5  # files left out that are named; the others are in the list


class Console:
    """Prints the run's course; with ``quiet``, the result alone."""

    def __init__(self, quiet: bool) -> None:
        self.quiet = quiet
        self.terminal = sys.stderr.isatty() and not quiet

    def always(self, text: str) -> None:
        """Prints a line, quiet or not."""
        print(text, flush=True)

    def line(self, text: str = "") -> None:
        """Prints a line."""
        if not self.quiet:
            print(text, flush=True)

    def step(self, number: int, text: str) -> None:
        """Announces one of the five steps."""
        self.line(f"[{number}/5] {text}")

    def detail(self, text: str) -> None:
        """Prints a line that belongs to a step."""
        self.line(f"      {text}")

    def configuration(self, config: Config, folder: str, data: Data) -> None:
        """Says what is about to be done."""
        import lampas

        self.line("Lampas trains a classifier of images.")
        for name, value in _rows(config, data).items():
            self.line(f"  {name:<10} {value}")
        self.line(f"  {'threads':<10} {lampas.get_num_threads()}")
        self.line(f"  {'out':<10} {folder}")
        self.skipped(data.skipped)

    def skipped(self, files: list[str]) -> None:
        """Warns of files that were left out, quiet or not."""
        if not files:
            return
        noun = "1 file was" if len(files) == 1 else f"{len(files):,} files were"
        print(f"warning: {noun} left out; {SKIPPED} in the run's folder lists all", file=sys.stderr)
        for line in files[:_NAMED]:
            print(f"  {line}", file=sys.stderr)
        if len(files) > _NAMED:
            print("  …", file=sys.stderr, flush=True)

    def epoch(self, row: dict[str, Any], epochs: int, part: str, rate: float) -> None:
        """Prints an epoch's figures; rarely, where there are many epochs."""
        number = row["epoch"]
        every = max(1, epochs // 20)
        if self.terminal or number % every == 0 or number in (1, epochs):
            self.detail(
                f"epoch {number:>{len(str(epochs))}}/{epochs}  "
                f"loss {row['train_loss']:.4f}  accuracy {row['train_accuracy']:.2f}%  "
                f"{part} loss {row[f'{part}_loss']:.4f}  "
                f"{part} accuracy {row[f'{part}_accuracy']:.2f}%  "
                f"{rate:,.0f} samples/s"
            )

    def bar(self, number: int, epochs: int, batches: int, done: int) -> Bar:
        """The progress of an epoch, drawn where there is a terminal."""
        return Bar(self.terminal, f"      epoch {number}/{epochs}", batches, done)


def _rows(config: Config, data: Data) -> dict[str, str]:
    """The configuration in words."""
    inputs = data.inputs
    kept = f"{len(data.validation):,} for validation, " if data.validation else ""
    size = config.image_size or inputs.size
    rate = "to be found" if config.lr is None else f"{config.lr:g}"
    if config.schedule != "constant":
        rate += f" ({config.schedule})"
    nesterov = " (Nesterov)" if config.nesterov else ""
    return {
        "data": f"{config.data} ({len(data.train):,} training, {kept}{len(data.test):,} test "
        f"images, {len(inputs.classes)} classes)",
        "model": f"{config.model}, images of {size} × {size} pixels",
        "optimizer": f"{config.optimizer}, lr {rate}, momentum {config.momentum:g}{nesterov}, "
        f"weight decay {config.weight_decay:g}",
        "loss": f"cross-entropy, label smoothing {config.label_smoothing:g}",
        "epochs": f"{config.epochs}, batches of {config.batch_size}, "
        f"augmentation {config.augment}, {config.precision}",
        "seed": str(config.seed),
    }


class Bar:
    """A progress bar, or only the rate where nothing is drawn."""

    def __init__(self, shown: bool, title: str, batches: int, done: int) -> None:
        self._bar: Any = None
        if shown:
            from tqdm import tqdm

            self._bar = tqdm(
                desc=title, total=batches, initial=done, leave=False, unit="batch",
                bar_format="{desc} {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt}{postfix}",
                dynamic_ncols=True,
            )  # fmt: skip
        self._start = time.perf_counter()
        self._images = 0
        self._shown = 0.0

    @property
    def rate(self) -> float:
        """Images per second."""
        return self._images / max(self._elapsed, 1e-9)

    @property
    def _elapsed(self) -> float:
        return getattr(self, "_stopped", time.perf_counter()) - self._start

    def update(self, loss: float, accuracy: float, images: int) -> None:
        """Counts a batch."""
        self._images += images
        if self._bar is None:
            return
        now = time.perf_counter()
        # Making the text costs more than a small step: a few times a second is enough.
        if now - self._shown > 0.1:
            self._shown = now
            text = f"loss {loss:.4f}, accuracy {100 * accuracy:.1f}%, {self.rate:,.0f} samples/s"
            self._bar.set_postfix_str(text, refresh=False)
        self._bar.update()

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped = time.perf_counter()
        if self._bar is not None:
            self._bar.close()


class Interrupt:
    """Makes the first Ctrl-C a wish, so that no step is cut in two; a second one raises."""

    def __init__(self) -> None:
        self.wanted = False
        self._old: Any = None

    def _note(self, number: int, frame: Any) -> None:
        self.wanted = True
        signal.signal(signal.SIGINT, self._old)

    def __enter__(self) -> Interrupt:
        if threading.current_thread() is threading.main_thread():
            self._old = signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        if self._old is not None:
            signal.signal(signal.SIGINT, self._old)
