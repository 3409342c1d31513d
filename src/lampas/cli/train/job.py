"""A run from its first line to its last."""

from __future__ import annotations

import copy
import json
import os
import shlex
import time
from typing import TYPE_CHECKING, Any

import lampas
from lampas.cli import UsageError
from lampas.cli.train import checkpoint, console, data, schedule, steps
from lampas.cli.train.checkpoint import Checkpoint, Progress
from lampas.cli.train.config import FREE_ON_RESUME, Config, resolve, settle_model

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
    if old["schedule"] != "constant" and config.epochs not in (None, old["epochs"]):
        raise UsageError(
            f"--epochs {config.epochs}: the {old['schedule']} schedule of {config.resume} was laid "
            f"out for {old['epochs']} epochs; leave the option out, or begin a new run"
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
        self.saved = saved
        if config.threads:
            lampas.set_num_threads(config.threads)
        self.data = data.load(settle_model(config))
        self.config = resolve(config, self.data)
        self.inputs = self.data.inputs
        # What chooses the best epoch, and is looked at after each.
        self.part = "test" if self.data.validation is None else "validation"
        if saved:
            self._check_unfinished(saved)
        self.model = steps.create_model(config, self.inputs)
        self.folder = prepare_folder(config)
        self.say = console.Console(config.quiet)
        self.progress = Progress()

    def _check_unfinished(self, saved: Checkpoint) -> None:
        where, progress = self.config.resume, saved.about["progress"]
        done = int(progress["epoch"])
        if saved.about["inputs"] != json.loads(json.dumps(self.inputs.as_dict())):
            raise UsageError(
                f"--resume {where}: {self.config.data} has changed since: the classes, or the "
                "images' size or colour, are others; begin a new run"
            )
        if self._stalled(Progress(history=progress["history"])):
            raise UsageError(
                f"--resume {where}: it stopped after {done} epochs, {self.config.patience} without "
                f"improvement; say how long to wait, for example "
                f"--patience {2 * (self.config.patience or 1)}"
            )
        if done >= (self.config.epochs or 0):
            remedy = f"say how far to go on, for example --epochs {2 * done}"
            if self.config.schedule != "constant":
                remedy = (
                    f"a {self.config.schedule} schedule ends with the last one; begin a new run"
                )
            raise UsageError(f"--resume {where}: all {done} epochs are done; {remedy}")

    def run(self) -> int:
        """All five steps; the exit status."""
        config, say = self.config, self.say
        say.configuration(config, self.folder, self.data)
        if self.data.skipped:
            path = os.path.join(self.folder, console.SKIPPED)
            checkpoint.write_atomically(path, "\n".join([*self.data.skipped, ""]).encode())
        say.step(1, f"create a model: {config.model}")
        say.detail(f"{sum(p.numel() for p in self.model.parameters()):,} parameters")
        smoothing = (
            f", label smoothing {config.label_smoothing:g}" if config.label_smoothing else ""
        )
        say.step(2, f"define a loss: cross-entropy{smoothing}")
        self.criterion = steps.define_loss(config)
        self.fit = steps.fitting(config, self.inputs)
        self.prepare = steps.preparation(config, self.inputs)
        if config.lr is None:
            say.step(3, f"create an optimizer: {config.optimizer}; look for a learning rate")
            self._find_rate()
            say.detail(f"learning rate {config.lr:g}")
        else:
            say.step(3, f"create an optimizer: {config.optimizer}, learning rate {config.lr:g}")
        self.optimizer = steps.create_optimizer(config, self.model)
        if self.saved:
            self._restore(self.saved)
        say.step(4, f"train: {_epochs(config.epochs)} of {len(self.data.train):,} images")
        if self.progress.epoch or self.progress.step:
            say.detail(f"from epoch {self.progress.epoch}, step {self.progress.step}")
        if not self.train():
            return self.interrupted()
        say.step(5, f"evaluate: {len(self.data.test):,} test images")
        self.finish(self._final())
        return 0

    def _find_rate(self) -> None:
        """Sets the learning rate after a search on a copy of the model."""
        config, model = self.config, copy.deepcopy(self.model)
        optimizer = steps.create_optimizer(config, model)

        def loss_of(model: Any, inputs: Any, labels: Any) -> Any:
            prepared = self.prepare(inputs)
            with steps.short_products(config):
                return self.criterion(model(prepared), labels)

        with lampas.random.fork_rng(devices=[]):
            loader = steps.training_batches(self.data.train, config)
            found = schedule.search(model, optimizer, loader, loss_of)
        self.progress.finder = found
        config.lr = found["suggestion"]

    def _restore(self, saved: Checkpoint) -> None:
        """Puts model, optimizer, random numbers and best checkpoint where they were."""
        import shutil

        self.progress = saved.restore(self.model, self.optimizer)
        lampas.set_rng_state(self.progress.random["now"])
        before = os.path.join(os.path.dirname(os.path.abspath(saved.path)), checkpoint.BEST)
        here = os.path.join(self.folder, checkpoint.BEST)
        if os.path.isfile(before) and not os.path.exists(here):
            shutil.copyfile(before, here)

    def train(self) -> bool:
        """Step 4; false if it was interrupted."""
        from lampas.cli.train.recorder import Recorder

        done = self.progress.epoch
        with Recorder(self.folder, done) as recorder, console.Interrupt() as interrupt:
            for _ in range(done, self.config.epochs or 0):
                if not self._epoch(recorder, interrupt):
                    return False
                if self._stalled(self.progress):
                    best = self.progress.best(self.part) or {}
                    self.say.detail(
                        f"no improvement in {self.config.patience} epochs: stopped, "
                        f"epoch {best['epoch']} was the best"
                    )
                    break
            recorder.settings(self.config, self.evaluation.accuracy)
            self.seconds = recorder.seconds
        return True

    def _stalled(self, progress: Progress) -> bool:
        """Whether the patience is used up."""
        best = progress.best(self.part)
        if best is None or self.config.patience is None:
            return False
        return int(progress.history[-1]["epoch"] - best["epoch"]) >= self.config.patience

    def _epoch(self, recorder: Any, interrupt: console.Interrupt) -> bool:
        progress, number, epochs = self.progress, self.progress.epoch + 1, self.config.epochs or 0
        loader = steps.training_batches(self.data.train, self.config)
        bar = self.say.bar(number, epochs, len(loader), progress.step)
        start = time.perf_counter()
        seen = min(progress.step * (self.config.batch_size or 1), len(self.data.train))

        def after_step(now: Progress, images: int) -> bool:
            nonlocal seen
            seen += images
            bar.update(now.loss / seen, now.correct / seen, images)
            return interrupt.wanted

        with bar:
            complete = steps.train_epoch(
                self.model, self.criterion, self.optimizer, loader, self.config, self.prepare,
                progress, after_step,
            )  # fmt: skip
        progress.seconds += time.perf_counter() - start
        if not complete:
            self.save()
            return False
        row = self._row(number, progress.loss / seen, 100 * progress.correct / seen)
        recorder.epoch(row, progress.seconds, bar.rate)
        progress.epoch, progress.step, progress.loss, progress.correct = number, 0, 0.0, 0
        progress.seconds = 0.0
        progress.history.append(row)
        progress.random = {"now": lampas.get_rng_state()}
        self.say.epoch(row, epochs, self.part, bar.rate)
        if progress.best(self.part) is row:
            self.save(best=True)
        self.save()
        return not (interrupt.wanted and number < epochs)

    def _row(self, number: int, loss: float, accuracy: float) -> dict[str, Any]:
        """An epoch's figures, after a look at the images that it did not see."""
        images = self.data.validation or self.data.test
        self.evaluation = found = steps.evaluate(self.model, images, self.config, self.fit)
        row = {
            "epoch": number,
            "train_loss": loss,
            "train_accuracy": accuracy,
            f"{self.part}_loss": found.loss,
            f"{self.part}_accuracy": found.accuracy,
        }
        if len(self.inputs.classes) > 5:
            row[f"{self.part}_top5"] = found.top(5)
        return row

    def save(self, best: bool = False) -> None:
        """Writes the checkpoint, or the model alone as the best so far."""
        path = os.path.join(self.folder, checkpoint.BEST if best else checkpoint.NAME)
        # What cannot change a result stays out, so that equal runs give equal files.
        kept = {
            **self.config.as_dict(), "out": None, "resume": None, "quiet": False, "threads": None,
        }  # fmt: skip
        optimizer = None if best else self.optimizer
        inputs = self.inputs.as_dict()
        checkpoint.save(path, self.model, optimizer, self.progress, kept, inputs)

    def interrupted(self) -> int:
        """Says how to go on."""
        where = f"epoch {self.progress.epoch}, step {self.progress.step}"
        self.say.always(f"\nInterrupted after {where}; the checkpoint is written. Go on with:")
        self.say.always(f"  lampas train --resume {shlex.quote(self.folder)}")
        return INTERRUPTED

    def _final(self) -> Evaluation:
        """What is reported: of the last epoch's model, or of the best one where one is chosen."""
        best = self.progress.best(self.part)
        assert best is not None
        path = os.path.join(self.folder, checkpoint.BEST)
        self.reported = self.progress.epoch
        if self.config.selects and best["epoch"] != self.progress.epoch and os.path.isfile(path):
            checkpoint.read(path).restore_model(self.model)
            self.reported = best["epoch"]
        elif self.part == "test":
            return self.evaluation
        return steps.evaluate(self.model, self.data.test, self.config, self.fit)

    def finish(self, evaluation: Evaluation) -> None:
        """Writes the report; prints the mission's line."""
        from lampas.cli.train import report

        path = os.path.join(self.folder, "report.html")
        checkpoint.write_atomically(path, report.page(self, evaluation).encode())
        best = self.progress.best(self.part) or {}
        self.say.detail(f"report      {path}")
        self.say.detail(f"checkpoint  {os.path.join(self.folder, checkpoint.NAME)}")
        figure = f"{self.part} accuracy {best[f'{self.part}_accuracy']:.2f}%"
        self.say.detail(
            f"best epoch  {best['epoch']}, {figure}: {os.path.join(self.folder, checkpoint.BEST)}"
        )
        if len(self.inputs.classes) > 5:
            self.say.detail(f"top 5       {evaluation.top(5):.2f}%")
        self.say.always(
            f"Accuracy of the network on the {evaluation.total} test images: "
            f"{100 * evaluation.correct / evaluation.total}%"
        )


def _epochs(count: int | None) -> str:
    return f"{count} epoch" if count == 1 else f"{count} epochs"


def start(config: Config, given: set[str]) -> int:
    """Runs what the configuration says; the exit status."""
    saved = None
    if config.resume:
        config, saved = resumed(config, given)
    return Job(config, saved).run()
