"""What a run prints, and how it notices Ctrl-C."""

from __future__ import annotations

import signal
import sys
import threading
import time
from typing import Any

from lampas.cli.train.config import Config


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

    def configuration(self, config: Config, folder: str, train: Any, test: Any) -> None:
        """Says what is about to be done."""
        import lampas

        self.line("Lampas trains a classifier of images.")
        rows = {
            "data": f"{config.data} ({len(train):,} training, {len(test):,} test images)",
            "model": config.model,
            "optimizer": f"{config.optimizer}, lr {config.lr:g}, momentum {config.momentum:g}, "
            f"weight decay {config.weight_decay:g}",
            "epochs": f"{config.epochs}, batches of {config.batch_size}"
            + (", images varied at random" if config.augment else ""),
            "seed": str(config.seed),
            "threads": str(lampas.get_num_threads()),
            "out": folder,
        }
        for name, value in rows.items():
            self.line(f"  {name:<10} {value}")

    def epoch(self, row: dict[str, Any], epochs: int, rate: float) -> None:
        """Prints an epoch's figures; rarely, where there are many epochs."""
        number = row["epoch"]
        every = max(1, epochs // 20)
        if self.terminal or number % every == 0 or number in (1, epochs):
            self.detail(
                f"epoch {number:>{len(str(epochs))}}/{epochs}  "
                f"loss {row['train_loss']:.4f}  accuracy {row['train_accuracy']:.2f}%  "
                f"test loss {row['test_loss']:.4f}  test accuracy {row['test_accuracy']:.2f}%  "
                f"{rate:,.0f} samples/s"
            )

    def bar(self, number: int, epochs: int, batches: int, done: int) -> Bar:
        """The progress of an epoch, drawn where there is a terminal."""
        return Bar(self.terminal, f"      epoch {number}/{epochs}", batches, done)


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
