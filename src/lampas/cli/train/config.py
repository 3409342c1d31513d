"""What a run is to do, and the defaults that depend on data and model."""

from __future__ import annotations

import difflib
import math
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from lampas.cli import UsageError

if TYPE_CHECKING:
    from lampas.cli.train.data import Data

OPTIMIZERS = {
    "sgd": "SGD",
    "adam": "Adam",
    "adamw": "AdamW",
    "adamax": "Adamax",
    "nadam": "NAdam",
    "radam": "RAdam",
    "rmsprop": "RMSprop",
    "rprop": "Rprop",
    "adagrad": "Adagrad",
    "adadelta": "Adadelta",
}
WITH_MOMENTUM = ("sgd", "rmsprop")
DATA = ("digits", "mnist", "fashion-mnist", "cifar10", "cifar100")
SCHEDULES = ("constant", "cosine", "one-cycle")
PRECISIONS = ("float32", "bfloat16")
# Rates that suit each method; the others take Adam's.
RATES = {"sgd": 0.01, "rprop": 0.01, "adagrad": 0.01, "adadelta": 1.0}
_MANY = 5000  # images; with fewer, batches are small, so that an epoch has steps enough


@dataclass
class Config:
    """The options of a run; ``None`` stands for a default that depends on others."""

    data: str = "digits"
    model: str | None = None
    image_size: int | None = None
    test_fraction: float | None = None
    validation: float = 0.0
    optimizer: str = "sgd"
    lr: float | None = None
    find_lr: bool = False
    schedule: str | None = None
    momentum: float | None = None
    nesterov: bool | None = None
    weight_decay: float | None = None
    label_smoothing: float | None = None
    epochs: int | None = None
    patience: int | None = None
    batch_size: int | None = None
    augment: str | None = None
    precision: str = "float32"
    seed: int = 0
    threads: int | None = None
    out: str | None = None
    resume: str | None = None
    quiet: bool = False

    def as_dict(self) -> dict[str, Any]:
        """All options by name."""
        return asdict(self)

    @property
    def selects(self) -> bool:
        """Whether the run ends with the model of its best epoch, rather than of the last one."""
        return bool(self.validation or self.patience)


# What may differ between a run and the one it goes on from: none of it changes a bit of a result.
FREE_ON_RESUME = ("epochs", "patience", "threads", "out", "resume", "quiet")


def settle_model(config: Config) -> Config:
    """Fills in the model, which the size of pictures can depend on."""
    from lampas.cli.train.data import kind

    if config.model is None:
        config.model = "mlp" if kind(config.data) in ("digits", "mnist") else "resnet9"
    return config


def resolve(config: Config, data: Data) -> Config:
    """Fills in the defaults that depend on other options and on the data."""
    from lampas.cli.train import zoo
    from lampas.cli.train.data import kind

    assert config.model is not None
    what, plain, sgd = kind(config.data), zoo.is_plain(config.model), config.optimizer == "sgd"
    if config.epochs is None:
        config.epochs = {"digits": 100, "mnist": 10, "cifar": 15, "folder": 20}[what]
    if config.batch_size is None:
        config.batch_size = 64 if plain else 128 if len(data.train) >= _MANY else 32
    if config.schedule is None:
        config.schedule = "constant" if plain else "one-cycle"
    if config.lr is None and not config.find_lr:
        config.lr = RATES.get(config.optimizer, 0.001)
        if sgd and not plain and not zoo.is_gentle(config.model):
            config.lr = round(0.1 * math.sqrt(config.batch_size / 128), 3)
    if config.momentum is None:
        config.momentum = 0.9 if sgd else 0.0
    if config.nesterov is None:
        config.nesterov = sgd and not plain and config.momentum > 0
    if config.weight_decay is None:
        config.weight_decay = 0.0 if plain or config.optimizer == "rprop" else 5e-4
    if config.label_smoothing is None:
        config.label_smoothing = 0.1 if not plain and what in ("cifar", "folder") else 0.0
    if config.augment is None:
        large = "zoom+flip" if data.inputs.size > 64 else "crop+flip"
        config.augment = {"digits": "affine", "mnist": "none", "cifar": "crop+flip"}.get(
            what, large
        )
    return config


def nearest(name: str, known: Sequence[str]) -> str:
    """``; did you mean …?``, or nothing where no name is near."""
    near = difflib.get_close_matches(name, known, n=2, cutoff=0.6)
    return f"; did you mean {' or '.join(near)}?" if near else ""


def check(c: Config) -> None:
    """Rejects what cannot be, before anything is begun.

    Raises:
        UsageError: an unknown name, or a value that is not possible.
    """
    _check_names(c)
    for name in ("epochs", "batch_size", "threads", "image_size", "patience"):
        value = getattr(c, name)
        if value is not None and value < 1:
            raise UsageError(f"--{name.replace('_', '-')} {value}: must be at least 1")
    for name in ("lr", "momentum", "weight_decay"):
        value = getattr(c, name)
        if value is not None and not (math.isfinite(value) and value >= 0):
            option = name.replace("_", "-")
            raise UsageError(f"--{option} {value}: must be a number that is not negative")
    for name in ("validation", "label_smoothing", "test_fraction"):
        value = getattr(c, name)
        low = value is not None and (value > 0 if name == "test_fraction" else value >= 0)
        if value is not None and not (low and value < 1):
            raise UsageError(f"--{name.replace('_', '-')} {value}: must be a share below 1")
    if not 0 <= c.seed < 2**63:
        raise UsageError(f"--seed {c.seed}: must be from 0 to 2^63 - 1")
    if c.momentum and c.optimizer not in WITH_MOMENTUM:
        raise UsageError(
            f"--momentum {c.momentum}: {c.optimizer} takes none; "
            f"use --optimizer {' or '.join(WITH_MOMENTUM)}, or leave it out"
        )
    if c.nesterov and (c.optimizer != "sgd" or c.momentum == 0):
        raise UsageError("--nesterov: only sgd with momentum has it; leave it out")
    if c.weight_decay and c.optimizer == "rprop":
        raise UsageError(f"--weight-decay {c.weight_decay}: rprop takes none; leave it out")
    if c.find_lr and c.lr is not None:
        raise UsageError(f"--find-lr looks for the rate that --lr {c.lr:g} gives; leave one out")


def _check_names(c: Config) -> None:
    from lampas.cli.train import augment, zoo

    if c.model is not None and not zoo.known(c.model):
        if zoo.segments(c.model):
            raise UsageError(
                f"--model {c.model}: it gives each pixel a class, lampas train gives each picture "
                "one; a program of your own can train it, with lampas.vision.models.segmentation"
            )
        own = ", ".join(zoo.own())
        hint = nearest(c.model, [*zoo.own(), *zoo.published()])
        rest = f"; there are {own}, and lampas.vision's ({len(zoo.published())}, see --help)"
        raise UsageError(f"--model {c.model}: no such model{hint or rest}")
    for option, value, known in (
        ("optimizer", c.optimizer, list(OPTIMIZERS)),
        ("schedule", c.schedule, list(SCHEDULES)),
        ("precision", c.precision, list(PRECISIONS)),
    ):
        if value is not None and value not in known:
            hint = nearest(value, known) or f"; there are {', '.join(known)}"
            raise UsageError(f"--{option} {value}: no such {option}{hint}")
    if c.augment is not None:
        augment.parts(c.augment)
    if c.data not in DATA and not os.path.isdir(os.path.expanduser(c.data)):
        hint = nearest(c.data, DATA) or f"; give {', '.join(DATA)} or a folder of images"
        raise UsageError(f"--data {c.data}: neither a known data set nor a folder{hint}")
