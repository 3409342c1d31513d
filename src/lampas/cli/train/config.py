"""What a run is to do: defaults, then a TOML file, then the command line."""

from __future__ import annotations

import argparse
import difflib
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from lampas.cli import UsageError

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
MODELS = ("mlp", "linear", "cnn")
DATA = ("digits", "mnist", "fashion-mnist")
# Rates that suit each method; the others take Adam's.
RATES = {"sgd": 0.01, "rprop": 0.01, "adagrad": 0.01, "adadelta": 1.0}

EPILOG = """\
examples:
  lampas train                                  real handwritten digits, nothing to download
  lampas train --data mnist --epochs 10         MNIST, downloaded on first use
  lampas train --data ~/data --model cnn        the folder ~/data holds MNIST/raw
  lampas train --optimizer adam --lr 1e-3 --out runs/adam
  lampas train --config job.toml --epochs 20    options stand in the file, without the dashes
  lampas train --resume runs/adam --epochs 150   go on where runs/adam ended, up to epoch 150
"""


@dataclass
class Config:
    """The options of a run; ``None`` stands for a default that depends on others."""

    data: str = "digits"
    model: str = "mlp"
    optimizer: str = "sgd"
    lr: float | None = None
    momentum: float | None = None
    weight_decay: float = 0.0
    epochs: int | None = None
    batch_size: int = 64
    augment: bool | None = None
    seed: int = 0
    threads: int | None = None
    out: str | None = None
    resume: str | None = None
    quiet: bool = False

    def as_dict(self) -> dict[str, Any]:
        """All options by name."""
        return asdict(self)


# What may differ between a run and the one it goes on from: none of it changes a bit of a result.
FREE_ON_RESUME = ("epochs", "threads", "out", "resume", "quiet")


def parse(argv: Sequence[str]) -> tuple[Config, set[str]]:
    """The configuration, not yet resolved, and the names of what was given rather than assumed.

    Raises:
        UsageError: an unknown name or a value that is not possible.
    """
    given = {k: v for k, v in vars(_parser().parse_args(list(argv))).items() if v is not None}
    path = given.pop("config", None)
    options = {**(_from_toml(path) if path else {}), **given}
    config = Config(**options)
    _check(config)
    return config, set(options)


def resolve(config: Config) -> Config:
    """Fills in the defaults that depend on other options."""
    small = config.data == "digits"
    if config.lr is None:
        config.lr = RATES.get(config.optimizer, 0.001)
    if config.momentum is None:
        config.momentum = 0.9 if config.optimizer == "sgd" else 0.0
    if config.epochs is None:
        config.epochs = 100 if small else 10
    if config.augment is None:
        config.augment = small
    return config


def _parser() -> argparse.ArgumentParser:
    p = _Parser(
        prog="lampas train",
        description="Train a model on images in five steps: create a model, define a loss, "
        "create an optimizer, train, evaluate.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    what = p.add_argument_group("what to train")
    what.add_argument("--data", help=f"{', '.join(DATA)}, or a folder with MNIST/raw (digits)")
    what.add_argument("--model", help=f"{', '.join(MODELS)} (mlp: 784-128-64-10)")
    how = p.add_argument_group("how")
    how.add_argument("--optimizer", help=f"{', '.join(OPTIMIZERS)} (sgd)")
    how.add_argument("--lr", type=float, help="learning rate (sgd: 0.01, adam: 0.001)")
    how.add_argument("--momentum", type=float, help="for sgd (0.9) and rmsprop (0)")
    how.add_argument("--weight-decay", type=float, help="(0)")
    how.add_argument(
        "--epochs", type=int, help="in all, also after --resume (digits: 100, else 10)"
    )
    how.add_argument("--batch-size", type=int, help="(64)")
    how.add_argument(
        "--augment",
        action=argparse.BooleanOptionalAction,
        help="turn, shift and shear training images a little (digits: yes, else no)",
    )
    how.add_argument("--seed", type=int, help="of all random numbers (0)")
    how.add_argument("--threads", type=int, help="(as many as the machine grants)")
    where = p.add_argument_group("files")
    where.add_argument("--out", help="new or empty folder (runs/<date-time>-<data>-<model>)")
    where.add_argument("--resume", metavar="PATH", help="a run's folder, or its checkpoint")
    where.add_argument("--config", metavar="FILE.toml", help="options in a file")
    where.add_argument("--quiet", action="store_true", default=None, help="print the result only")
    return p


class _Parser(argparse.ArgumentParser):
    """Mistakes come as one line, not after the whole usage."""

    def error(self, message: str) -> Any:
        known = [o for a in self._actions for o in a.option_strings]
        unknown = [w.split("=")[0] for w in message.split() if w.startswith("--")]
        hint = nearest(unknown[0], known) if "unrecognized" in message and unknown else ""
        raise UsageError(f"{message}{hint or '.'} `lampas train --help` lists the options")


def nearest(name: str, known: Sequence[str]) -> str:
    """``: did you mean …?``, or nothing where no name is near."""
    near = difflib.get_close_matches(name, known, n=2, cutoff=0.6)
    return f"; did you mean {' or '.join(near)}?" if near else ""


def _from_toml(path: str) -> dict[str, Any]:
    try:
        import tomllib
    except ModuleNotFoundError:
        import tomli as tomllib  # type: ignore[no-redef, import-not-found, unused-ignore]
    try:
        with open(path, "rb") as file:
            table = tomllib.load(file)
    except OSError as e:
        raise UsageError(f"--config {path} cannot be read: {e.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as e:
        raise UsageError(f"{path} is not a valid TOML file: {e}") from None
    return {key.replace("-", "_"): _typed(path, key, value) for key, value in table.items()}


_KINDS = {
    "str": "text in quotes",
    "int": "a whole number",
    "float": "a number",
    "bool": "a boolean",
}


def _typed(path: str, key: str, value: Any) -> Any:
    """A value of a TOML file, if the option exists and takes such a value."""
    types = {f.name: str(f.type).split(" ")[0] for f in fields(Config)}
    name = key.replace("-", "_")
    if name not in types:
        hint = nearest(name, list(types)) or f"; known are {', '.join(types)}"
        raise UsageError(f"{path}: unknown key {key!r}{hint}")
    kind = types[name]
    if kind == "float" and type(value) is int:
        return float(value)
    if type(value).__name__ != kind:
        raise UsageError(f"{path}: {key} must be {_KINDS[kind]}, not {value!r}")
    return value


def _check(c: Config) -> None:
    """Rejects what cannot be, before anything is begun."""
    import math

    if c.model not in MODELS:
        hint = nearest(c.model, MODELS) or f"; there are {', '.join(MODELS)}"
        raise UsageError(f"--model {c.model}: no such model{hint}")
    if c.optimizer not in OPTIMIZERS:
        hint = nearest(c.optimizer, list(OPTIMIZERS)) or f"; there are {', '.join(OPTIMIZERS)}"
        raise UsageError(f"--optimizer {c.optimizer}: no such optimizer{hint}")
    if c.data not in DATA and not os.path.isdir(os.path.expanduser(c.data)):
        hint = nearest(c.data, DATA) or f"; give {', '.join(DATA)} or a folder with MNIST/raw"
        raise UsageError(f"--data {c.data}: neither a known data set nor a folder{hint}")
    for name in ("epochs", "batch_size", "threads"):
        value = getattr(c, name)
        if value is not None and value < 1:
            raise UsageError(f"--{name.replace('_', '-')} {value}: must be at least 1")
    for name in ("lr", "momentum", "weight_decay"):
        value = getattr(c, name)
        if value is not None and not (math.isfinite(value) and value >= 0):
            option = name.replace("_", "-")
            raise UsageError(f"--{option} {value}: must be a number that is not negative")
    if not 0 <= c.seed < 2**63:
        raise UsageError(f"--seed {c.seed}: must be from 0 to 2^63 - 1")
    if c.momentum and c.optimizer not in WITH_MOMENTUM:
        raise UsageError(
            f"--momentum {c.momentum}: {c.optimizer} takes none; "
            f"use --optimizer {' or '.join(WITH_MOMENTUM)}, or leave it out"
        )
