"""A run from its first line to its last."""

from __future__ import annotations

import os
import shlex
import time
from typing import TYPE_CHECKING, Any

import lampas
from lampas.cli import UsageError
from lampas.cli.train import checkpoint, console, data, steps
from lampas.cli.train.checkpoint import Checkpoint, Progress
from lampas.cli.train.config import FREE_ON_RESUME, Config, resolve

if TYPE_CHECKING:
    from lampas.cli.train.metrics import Evaluation

INTERRUPTED = 130


def resumed(config: Config, given: set[str]) -> tuple[Config, Checkpoint]:
    """The saved configuration with what may be changed, and the checkpoint.

    Raises:
        UsageError: an option was given that would make it another run.
    """
    assert config.resume is not None
    saved = checkpoint.read(config.resume)
    old = saved.config()
    for name in sorted(given - set(FREE_ON_RESUME)):
        if getattr(config, name) != old[name]:
            raise UsageError(
                f"--resume {config.resume} was trained with {name.replace('_', '-')} {old[name]}, "
                f"not {getattr(config, name)}; leave the option out, or begin a new run"
            )
    kept = {name: getattr(config, name) for name in given & set(FREE_ON_RESUME)}
    new = Config(**{**old, "threads": None, "quiet": False, **kept})
    new.out = config.out or os.path.dirname(os.path.abspath(saved.path))
    return new, saved


def prepare_folder(config: Config) -> str:
    """Makes the folder for what the run writes; never one that holds another run.

    Raises:
        UsageError: it is not empty, or cannot be written.
    """
    same = config.resume is not None and config.out is not None
    out = config.out or time.strftime(f"runs/%Y%m%d-%H%M%S-{_slug(config.data)}-{config.model}")
    folder, number = os.path.expanduser(out), 1
    while not config.out and os.path.exists(folder):
        number += 1
        folder = f"{out}-{number}"
    ours = same and os.path.isfile(os.path.join(folder, checkpoint.NAME))
    try:
        if os.path.isdir(folder) and os.listdir(folder) and not ours:
            raise UsageError(
                f"--out {out} is not empty; name a new folder, or go on with --resume {out}"
            )
        os.makedirs(folder, exist_ok=True)
        probe = os.path.join(folder, ".writable")
        with open(probe, "w"):
            pass
        os.unlink(probe)
    except OSError as e:
        raise UsageError(f"--out {out} cannot be written: {e.strerror}") from None
    return folder


def _slug(name: str) -> str:
    base = os.path.basename(os.path.abspath(os.path.expanduser(name)))
    return "".join(c if c.isalnum() or c in "-_." else "-" for c in base) or "data"


class Job:
    """The state of a run, and its files."""

    def __init__(self, config: Config, saved: Checkpoint | None) -> None:
        self.config, self.saved = config, saved
        if config.threads:
            lampas.set_num_threads(config.threads)
        self.trainset, self.testset = data.load(config.data)
        self.classes = [str(c) for c in self.trainset.classes]
        if saved and int(saved.about["progress"]["epoch"]) >= (config.epochs or 0):
            done = saved.about["progress"]["epoch"]
            raise UsageError(
                f"--resume {config.resume}: all {done} epochs are done; "
                f"say how far to go on, for example --epochs {2 * done}"
            )
        self.folder = prepare_folder(config)
        self.say = console.Console(config.quiet)

    def run(self) -> int:
        """All five steps; the exit status."""
        config, say = self.config, self.say
        say.configuration(config, self.folder, self.trainset, self.testset)
        say.step(1, f"create a model: {config.model}")
        self.model = steps.create_model(config, len(self.classes))
        say.detail(f"{sum(p.numel() for p in self.model.parameters()):,} parameters")
        say.step(2, "define a loss: cross-entropy")
        self.criterion = steps.define_loss()
        say.step(3, f"create an optimizer: {config.optimizer}, learning rate {config.lr:g}")
        self.optimizer = steps.create_optimizer(config, self.model)
        self.progress = Progress()
        if self.saved:
            self.progress = self.saved.restore(self.model, self.optimizer)
            lampas.set_rng_state(self.progress.random["now"])
        say.step(4, f"train: {config.epochs} epochs of {len(self.trainset):,} images")
        if self.progress.epoch or self.progress.step:
            say.detail(f"from epoch {self.progress.epoch}, step {self.progress.step}")
        if not self.train():
            return self.interrupted()
        say.step(5, f"evaluate: {len(self.testset):,} test images")
        self.finish(self.evaluation)
        return 0

    def train(self) -> bool:
        """Step 4; false if it was interrupted."""
        from lampas.cli.train.recorder import Recorder

        with Recorder(self.folder) as recorder, console.Interrupt() as interrupt:
            for _ in range(self.progress.epoch, self.config.epochs or 0):
                if not self._epoch(recorder, interrupt):
                    return False
            recorder.settings(self.config, self.evaluation.accuracy)
        return True

    def _epoch(self, recorder: Any, interrupt: console.Interrupt) -> bool:
        progress, number = self.progress, self.progress.epoch + 1
        batches = -(-len(self.trainset) // self.config.batch_size)
        bar = self.say.bar(number, self.config.epochs or 0, batches, progress.step)
        start = time.perf_counter()
        seen = min(progress.step * self.config.batch_size, len(self.trainset))

        def after_step(now: Progress, count: int) -> bool:
            nonlocal seen
            seen += count
            bar.update(now.loss / seen, now.correct / seen, count)
            return interrupt.wanted

        with bar:
            complete = steps.train_epoch(
                self.model, self.criterion, self.optimizer, self.trainset, self.config, progress,
                after_step,
            )  # fmt: skip
        seconds = time.perf_counter() - start
        progress.seconds += seconds
        if not complete:
            self.save()
            return False
        self.evaluation = steps.evaluate(self.model, self.testset)
        row = {
            "epoch": number,
            "train_loss": progress.loss / seen,
            "train_accuracy": 100 * progress.correct / seen,
            "test_loss": self.evaluation.loss,
            "test_accuracy": self.evaluation.accuracy,
        }
        progress.epoch, progress.step, progress.loss, progress.correct = number, 0, 0.0, 0
        progress.history.append(row)
        progress.random = {"now": lampas.get_rng_state()}
        recorder.epoch(row, bar.rate)
        self.say.epoch(row, self.config.epochs or 0, bar.rate)
        self.save()
        return not (interrupt.wanted and number < (self.config.epochs or 0))

    def save(self) -> None:
        """Writes the checkpoint."""
        path = os.path.join(self.folder, checkpoint.NAME)
        # What cannot change a result stays out, so that equal runs give equal files.
        kept = {**self.config.as_dict(), "out": None, "resume": None, "quiet": False}
        checkpoint.save(path, self.model, self.optimizer, self.progress, {**kept, "threads": None})

    def interrupted(self) -> int:
        """Says how to go on."""
        where = f"epoch {self.progress.epoch}, step {self.progress.step}"
        self.say.always(f"\nInterrupted after {where}; the checkpoint is written. Go on with:")
        self.say.always(f"  lampas train --resume {shlex.quote(self.folder)}")
        return INTERRUPTED

    def finish(self, evaluation: Evaluation) -> None:
        """Writes the report; prints the mission's line."""
        from lampas.cli.train import report

        path = os.path.join(self.folder, "report.html")
        page = report.page(
            self.config, self.progress, evaluation, self.testset, self.classes, self.model
        )
        checkpoint.write_atomically(path, page.encode())
        self.say.detail(f"report      {path}")
        self.say.detail(f"checkpoint  {os.path.join(self.folder, checkpoint.NAME)}")
        self.say.always(
            f"Accuracy of the network on the {evaluation.total} test images: "
            f"{100 * evaluation.correct / evaluation.total}%"
        )


def start(config: Config, given: set[str]) -> int:
    """Runs what the configuration says; the exit status."""
    saved = None
    if config.resume:
        config, saved = resumed(config, given)
    return Job(resolve(config), saved).run()
