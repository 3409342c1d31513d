"""Options from the command line and from a TOML file, which the former overrides."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from lampas.cli import UsageError
from lampas.cli.train import augment
from lampas.cli.train.config import (
    DATA,
    OPTIMIZERS,
    PRECISIONS,
    SCHEDULES,
    Config,
    check,
    nearest,
)

EPILOG = """\
folders of images:
  DIR/CLASS/*.jpg, at any depth below the class; a fifth is kept for testing (--test-fraction).
  Or DIR/train/CLASS/… with DIR/test/CLASS/… or DIR/val/CLASS/…, or both. Or MNIST/raw, or CIFAR's
  batches. Files that cannot be read are left out and listed. Needs Pillow.

examples:
  lampas train                                  real handwritten digits, nothing to download
  lampas train --data mnist --model cnn         MNIST, downloaded on first use
  lampas train --data cifar10                   resnet9, one-cycle, shifted and mirrored images
  lampas train --data ~/photos --model resnet18 --image-size 128 --patience 5 --validation 0.1
  lampas train --data ~/photos --find-lr        look for a learning rate first, then train with it
  lampas train --config job.toml --epochs 20    options stand in the file, without the dashes
  lampas train --resume runs/adam --epochs 150  go on where runs/adam ended, up to epoch 150
  lampas predict runs/adam photo.jpg            what the trained model makes of a picture

models of lampas.vision: {published}
"""


def parse(argv: Sequence[str]) -> tuple[Config, set[str]]:
    """The configuration, not yet resolved, and the names of what was given rather than assumed.

    Raises:
        UsageError: an unknown name or a value that is not possible.
    """
    wants_help = any(word in ("-h", "--help") for word in argv)
    found = vars(_parser(wants_help).parse_args(list(argv)))
    given = {k: v for k, v in found.items() if v is not None}
    path = given.pop("config", None)
    options = {**(_from_toml(path) if path else {}), **given}
    config = Config(**options)
    check(config)
    return config, set(options)


def _parser(with_models: bool) -> argparse.ArgumentParser:
    from lampas.cli.train import zoo

    # Naming lampas.vision's models means importing them: for the help text only.
    published = ", ".join(zoo.published()) if with_models else ""
    p = Parser(
        prog="lampas train",
        description="Train a model on images in five steps: create a model, define a loss, "
        "create an optimizer, train, evaluate.",
        epilog=_wrapped(EPILOG.format(published=published)),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    _what(p.add_argument_group("what to train"), ", ".join(zoo.own()))
    _optimization(p.add_argument_group("the optimizer"))
    _course(p.add_argument_group("the course"))
    where = p.add_argument_group("files")
    where.add_argument("--out", help="new or empty folder (runs/<date-time>-<data>-<model>)")
    where.add_argument("--resume", metavar="PATH", help="a run's folder, or its checkpoint")
    where.add_argument("--config", metavar="FILE.toml", help="options in a file")
    where.add_argument("--quiet", action="store_true", default=None, help="print the result only")
    return p


def _what(p: Any, own: str) -> None:
    p.add_argument("--data", help=f"{', '.join(DATA)}, or a folder, see below (digits)")
    p.add_argument(
        "--model",
        help=f"{own}, or one of lampas.vision, see below (digits and MNIST: mlp, else resnet9)",
    )
    p.add_argument(
        "--image-size",
        type=int,
        metavar="PIXELS",
        help="width and height that the model gets (the data's; for a folder of pictures of "
        "different sizes 64, with lampas.vision's models 224)",
    )
    p.add_argument(
        "--test-fraction",
        type=float,
        metavar="SHARE",
        help="of a folder that has no test part: kept for testing, of each class (0.2)",
    )
    p.add_argument(
        "--validation",
        type=float,
        metavar="SHARE",
        help="of the training images: held out to choose the best epoch; the test images then "
        "are looked at once, at the end (0: the test images choose)",
    )


def _optimization(p: Any) -> None:
    p.add_argument("--optimizer", help=f"{', '.join(OPTIMIZERS)} (sgd)")
    p.add_argument(
        "--lr",
        type=float,
        help="learning rate; a schedule's highest (sgd: 0.01, with batch normalisation "
        "0.1 × √(batch size / 128); adam: 0.001)",
    )
    p.add_argument(
        "--find-lr",
        action="store_true",
        default=None,
        help="raise the rate over a hundred steps, then train with a tenth of the one where the "
        "loss is lowest; the curve is in the report",
    )
    p.add_argument("--schedule", help=f"{', '.join(SCHEDULES)} (one-cycle; mlp: constant)")
    p.add_argument("--momentum", type=float, help="for sgd (0.9) and rmsprop (0)")
    p.add_argument(
        "--nesterov", action=argparse.BooleanOptionalAction, help="for sgd (yes; mlp: no)"
    )
    p.add_argument("--weight-decay", type=float, help="(0.0005; mlp: 0)")
    p.add_argument(
        "--label-smoothing", type=float, metavar="SHARE", help="(CIFAR and folders: 0.1, else 0)"
    )


def _course(p: Any) -> None:
    p.add_argument(
        "--epochs",
        type=int,
        help="in all, also after --resume (digits: 100, MNIST: 10, CIFAR: 15, folders: 20)",
    )
    p.add_argument(
        "--patience",
        type=int,
        metavar="EPOCHS",
        help="stop when so many epochs have brought no better accuracy, and take the best one",
    )
    p.add_argument("--batch-size", type=int, help="(mlp: 64, else 128; below 5,000 images: 32)")
    p.add_argument(
        "--augment",
        metavar="HOW",
        help=f"vary training images at random: {augment.HELP}; affine turns and shears a little, "
        "crop shifts, zoom takes a part, auto is TrivialAugment (digits: affine, MNIST: none, "
        "else crop+flip, above 64 pixels zoom+flip)",
    )
    p.add_argument(
        "--precision",
        help=f"{', '.join(PRECISIONS)}: products of matrices and convolutions in bfloat16, "
        "with less memory, not in less time (float32)",
    )
    p.add_argument("--seed", type=int, help="of all random numbers (0)")
    p.add_argument("--threads", type=int, help="(as many as the machine grants)")


def _wrapped(text: str) -> str:
    import textwrap

    *lines, models = text.rstrip().split("\n")
    return "\n".join([*lines, textwrap.fill(models, 96, subsequent_indent="  "), ""])


class Parser(argparse.ArgumentParser):
    """Mistakes come as one line, not after the whole usage."""

    def error(self, message: str) -> Any:
        known = [o for a in self._actions for o in a.option_strings]
        unknown = [w.split("=")[0] for w in message.split() if w.startswith("--")]
        hint = nearest(unknown[0], known) if "unrecognized" in message and unknown else ""
        raise UsageError(f"{message}{hint or '.'} `{self.prog} --help` lists the options")


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
